"""Many small files, links and folders of the test host with one console command, and reading what it prints.

Each entry is framed by a marker that the caller makes up at random, so no content can pose as a frame. The
command holds the marker in two halves, so its echo on the console is no frame either. What comes back is
cleaned of kernel messages first (see `rig.parse.text`): this is for sysfs attributes, not for kernel logs.

Ref: POSIX.1-2017 shell command language; `readlink -f` and `head -c` of coreutils and busybox.
Ref: Linux n_tty.c: a terminal in canonical mode cuts lines at 4096 characters.
"""

from __future__ import annotations

import enum
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rig.parse.text import tool_output

LINE_LIMIT = 3000
"""Longest command, in characters; leaves a quarter of a terminal's line for what is wrapped around it."""

_SIZE_LIMIT = 65536  # sysfs itself stops at one page; this bounds a path that is no sysfs file
_MARKER = re.compile(r"[A-Za-z0-9]{8,64}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

# double quotes only: a caller that wraps the command in single quotes makes five characters of each of ours
_HEAD = "(m={marker};i={first};for f in"
_TAIL = (
    ';do s=0;printf "%s<%d\\n" $m $i;'
    'if [ -L "$f" ];then k=l;readlink -f "$f"||s=1;'
    'elif [ -d "$f" ];then k=d;QUOTING_STYLE=literal ls -1A "$f"||s=1;'
    f'elif [ -e "$f" ];then k=f;head -c {_SIZE_LIMIT} "$f"||s=1;'
    "else k=n;fi 2>/dev/null;"
    'printf "\\n%s>%d%s%d\\n" $m $i $k $s;i=$((i+1));done)'
)


class Kind(enum.StrEnum):
    """What was found at a path."""

    FILE = "file"
    LINK = "link"
    """A symbolic link; its text is the absolute path it leads to."""
    FOLDER = "folder"
    """Its text is one name a line."""
    MISSING = "missing"
    UNREADABLE = "unreadable"
    """It is there, but reading it failed (sysfs does that when a device no longer answers)."""
    LOST = "lost"
    """The console did not bring its frame back whole: nothing is known."""


@dataclass(frozen=True, slots=True)
class Entry:
    kind: Kind
    text: str | None
    """None unless the kind is FILE, LINK or FOLDER; an empty file is ``."""


def dump_commands(paths: Sequence[str], marker: str) -> tuple[str, ...]:
    """POSIX shell commands, each below LINE_LIMIT, that print all paths: run them, join the outputs, parse.

    `marker`: 8 to 64 letters and digits that nobody could guess. ValueError: another marker, or a path that
    is relative, holds the marker or control characters (a terminal would act on them), or is too long.
    """
    _check(paths, marker)
    split = f'{marker[:4]}""{marker[4:]}'
    room = LINE_LIMIT - len(_TAIL) - len(_HEAD) - len(split) - 8
    return tuple(
        _HEAD.format(marker=split, first=first) + "".join(f" {word}" for word in words) + _TAIL
        for first, words in _chunks([shlex.quote(path) for path in paths], room)
    )


def parse_dump(text: str, marker: str, paths: Sequence[str]) -> Mapping[str, Entry]:
    """What was found at each of the `paths` given to `dump_commands`, from the joined console output."""
    m = re.escape(marker)
    frame = re.compile(rf"{m}<(\d{{1,6}})\n((?:(?!{m}).)*)\n{m}>\1([ldfn])([01])\n", re.DOTALL)
    found = {int(x[1]): _entry(x[2], x[3], x[4]) for x in frame.finditer(tool_output(text) + "\n")}
    lost = Entry(Kind.LOST, None)
    return {path: found.get(i, lost) for i, path in enumerate(paths)}


def texts(dump: Mapping[str, Entry]) -> Mapping[str, str | None]:
    """Only the texts; None: missing, unreadable or lost alike."""
    return {path: entry.text for path, entry in dump.items()}


def _check(paths: Sequence[str], marker: str) -> None:
    if not _MARKER.match(marker):
        raise ValueError(f"marker {marker!r}: expected 8 to 64 letters and digits")
    for path in paths:
        if _CONTROL.search(path) or marker in path or not path.startswith("/"):
            raise ValueError(f"path {path!r}: expected an absolute path without control characters or the marker")


def _chunks(words: Sequence[str], room: int) -> Iterator[tuple[int, list[str]]]:
    """(index of the first word, words) in groups that fit into `room` characters."""
    first, group, used = 0, list[str](), 0
    for i, word in enumerate(words):
        if len(word) + 1 > room:
            raise ValueError(f"path of {len(word)} characters: too long for one command")
        if used + len(word) + 1 > room:
            yield first, group
            first, group, used = i, [], 0
        group.append(word)
        used += len(word) + 1
    if group:
        yield first, group


def _entry(body: str, kind: str, failed: str) -> Entry:
    if kind == "n":
        return Entry(Kind.MISSING, None)
    if failed == "1":
        return Entry(Kind.UNREADABLE, None)
    if kind == "f":
        return Entry(Kind.FILE, body)
    return Entry(Kind.LINK if kind == "l" else Kind.FOLDER, body.rstrip("\n"))
