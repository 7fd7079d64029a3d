"""A guest's files in memory, and as a cpio archive that a kernel takes for its initramfs.

Ref: Linux Documentation/driver-api/early-userspace/buffer-format.rst ("newc").
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

_MAGIC = "070701"
_TRAILER = "TRAILER!!!"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, folder or symbolic link (its data is the target); `mode` as in stat(2), type included."""

    mode: int
    data: bytes = b""


def file(data: bytes | str, mode: int = 0o644) -> Entry:
    """A regular file."""
    return Entry(stat.S_IFREG | mode, data.encode() if isinstance(data, str) else data)


def program(data: bytes | str) -> Entry:
    """A regular file that may be run."""
    return file(data, 0o755)


def folder(mode: int = 0o755) -> Entry:
    """A folder."""
    return Entry(stat.S_IFDIR | mode)


def link(target: str) -> Entry:
    """A symbolic link."""
    return Entry(stat.S_IFLNK | 0o777, target.encode())


def cpio(entries: Mapping[str, Entry]) -> bytes:
    """The archive of `entries` (path without a leading slash to entry) and the folders they lie in.

    The same entries always give the same bytes: sorted, of root, from 1970. ValueError: a path that is not plain.
    """
    tree = {**dict.fromkeys(_parents(entries), folder()), **entries}
    records = [_record(path, tree[path], number) for number, path in enumerate(sorted(tree), 1)]
    return b"".join([*records, _record(_TRAILER, Entry(0), 0)])


def _parents(paths: Iterable[str]) -> set[str]:
    found = set[str]()
    for path in paths:
        plain = PurePosixPath(path)
        if plain.is_absolute() or not path or ".." in plain.parts or str(plain) != path:
            raise ValueError(f"{path!r} is no plain path below the root")
        found.update(str(parent) for parent in plain.parents)
    return found - {"."}


def _record(path: str, entry: Entry, inode: int) -> bytes:
    name = path.encode() + b"\0"
    # inode, mode, uid, gid, links, mtime, size, device x 2, special device x 2, size of the name, no checksum
    fields = (inode, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, 0, 0, len(name), 0)
    return _padded(_MAGIC.encode() + b"".join(b"%08x" % f for f in fields) + name) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
