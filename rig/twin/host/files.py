"""Files of the tree on disk: only what changed is written, and a reader never sees half a file."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from rig.twin.host.sysfs import Folder, Link, Node, Shared, Sparse

_TRIGGER_MODE = 0o600


class Mirror:
    """A folder kept equal to a mapping of paths; the folder is made, and emptied first."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root, self._scratch = root, scratch
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        scratch.mkdir(parents=True, exist_ok=True)
        self._shown: dict[str, Node] = {}

    def show(self, nodes: Mapping[str, Node]) -> None:
        """Make the folder hold `nodes` and nothing it held for an earlier mapping."""
        for path in [p for p in self._shown if p not in nodes]:
            self._remove(path)
        for path, node in nodes.items():
            if self._shown.get(path) != node:
                self._put(path, node)
                self._shown[path] = node

    def _put(self, path: str, node: Node) -> None:
        at = self.root / path
        if isinstance(node, Folder):
            at.mkdir(parents=True, exist_ok=True)
            return
        at.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._scratch / "new"
        fresh.unlink(missing_ok=True)
        if isinstance(node, Link):
            fresh.symlink_to(node.target)
        elif isinstance(node, Shared):
            fresh.hardlink_to(node.path)
        elif isinstance(node, Sparse):
            with fresh.open("wb") as file:
                file.truncate(node.size)
        else:
            fresh.write_bytes(node)
        fresh.replace(at)

    def _remove(self, path: str) -> None:
        del self._shown[path]
        at = self.root / path
        if at.is_symlink() or at.is_file():
            at.unlink()
        # empty parents go with their last file; rmdir refuses where something is left
        with contextlib.suppress(OSError):
            for folder in (at, *at.parents) if at.is_dir() else at.parents:
                if folder == self.root:
                    break
                folder.rmdir()


class Writable:
    """Files that programs of the guest write to; tells what they wrote.

    A write of exactly what is there already cannot be seen.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._shadow: dict[str, bytes] = {}
        self._emptied = set[str]()

    def show(self, files: Mapping[str, bytes]) -> None:
        """Make the files hold these bytes; bytes a guest wrote elsewhere in a file meanwhile stay for `taken`."""
        for path in [p for p in self._shadow if p not in files]:
            del self._shadow[path]
            (self._root / path).unlink(missing_ok=True)
        for path, content in files.items():
            if self._shadow.get(path) != content:
                _update(self._root / path, self._shadow.get(path, b""), content)
                self._shadow[path] = content

    def taken(self) -> dict[str, bytes]:
        """What a guest wrote since it was asked last, by path; `show` then puts right what was not accepted.

        A file found empty is taken when it is empty the second time: a shell empties a file before it writes it.
        """
        found = {}
        emptied, self._emptied = self._emptied, set()
        for path, shown in self._shadow.items():
            try:
                now = (self._root / path).read_bytes()
            except FileNotFoundError:
                now = b""
            if now == shown:
                continue
            if now == b"" and path not in emptied:
                self._emptied.add(path)
                continue
            found[path] = self._shadow[path] = now
        return found

    def folders(self) -> set[Path]:
        """Where the files are."""
        return {(self._root / path).parent for path in self._shadow}


def _update(path: Path, before: bytes, after: bytes) -> None:
    """Change only the bytes that differ, so that a guest's write elsewhere in the file is not lost."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, _TRIGGER_MODE)
    try:
        for start, end in _differences(before, after):
            os.pwrite(fd, after[start:end], start)
        if len(before) > len(after):
            os.ftruncate(fd, len(after))
    finally:
        os.close(fd)


def _differences(before: bytes, after: bytes) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for at, byte in enumerate(after):
        if at < len(before) and before[at] == byte:
            continue
        if ranges and ranges[-1][1] == at:
            ranges[-1] = (ranges[-1][0], at + 1)
        else:
            ranges.append((at, at + 1))
    return ranges
