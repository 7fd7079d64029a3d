"""Text nobody here wrote (serials, console output, file names) made fit to read; bounded file reads."""

from __future__ import annotations

import re
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

_ANSI = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, DCS and friends: titles, links
    r"|[ -/]*[0-~])"  # two-byte escapes
)
"""Ref: ECMA-48 5th edition, 5.3 to 5.6."""
_KEPT = "\n\t"
_HIDDEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
"""Controls, what turns the direction of text, what has no width, and halves of surrogate pairs."""


def visible(text: str) -> str:
    """`text` with every character that would act instead of being seen replaced by one that is seen."""
    return _HIDDEN.sub(lambda m: _picture(m.group()), text)


def plain(text: str) -> str:
    """Terminal output as lines of text: escape sequences gone, line ends unified, the rest made visible."""
    return visible(_ANSI.sub("", text).replace("\r\n", "\n").replace("\r", "\n"))


def brief(text: str, limit: int = 240) -> str:
    """`text`, or its beginning and how much was left out."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more characters)"


def one_line(text: str) -> str:
    """`text` visible, its white space folded to single blanks."""
    return visible(" ".join(text.split()))


def _picture(char: str) -> str:
    if char in _KEPT:
        return char
    if char < "\x20":
        return chr(0x2400 + ord(char))
    if char == "\x7f":
        return "\u2421"
    if unicodedata.category(char) == "Cs":
        return "\ufffd"
    return f"⟨U+{ord(char):04X}⟩"


def below(name: str) -> PurePosixPath | None:
    """`name` as a path that stays below its folder, or None; looks at the name only."""
    path = PurePosixPath(name)
    inside = name and "\0" not in name and not path.is_absolute() and ".." not in path.parts
    return path if inside else None


def inside(folder: Path, name: str) -> Path | None:
    """The regular file `name` in `folder`, links followed; None when it is not there or is elsewhere."""
    relative = below(name)
    if relative is None:
        return None
    try:
        file = (folder / relative).resolve(strict=True)
        regular = stat.S_ISREG(file.stat().st_mode)
    except (OSError, RuntimeError):
        return None
    return file if regular and file.is_relative_to(folder.resolve()) else None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What is shown of a file; `note` says what was left out."""

    text: str
    note: str = ""
    size_bytes: int = 0
    """What was read of the file."""


def excerpt(file: Path, limit_bytes: int) -> Excerpt:
    """Beginning and end of `file`, never more than `limit_bytes` of it in memory."""
    try:
        with file.open("rb") as f:
            size = f.seek(0, 2)
            head = _read_at(f, 0, limit_bytes if size <= limit_bytes else limit_bytes // 2)
            tail = b"" if size <= limit_bytes else _read_at(f, size - limit_bytes // 2, limit_bytes // 2)
    except OSError as e:
        return Excerpt("", f"cannot be read: {e.strerror}")
    if b"\0" in head:
        return Excerpt("", f"binary, {size_text(size)}")
    if not tail:
        return Excerpt(plain(_decoded(head)), "", size)
    left_out = f"{size_text(size - 2 * (limit_bytes // 2))} of {size_text(size)} left out in the middle"
    text = f"{plain(_decoded(head))}\n\n[… {left_out} …]\n\n{plain(_decoded(tail))}"
    return Excerpt(text, left_out, limit_bytes)


def tail(file: Path, limit_bytes: int) -> Excerpt:
    """The last whole lines of `file`, at most `limit_bytes` of it."""
    try:
        with file.open("rb") as f:
            size = f.seek(0, 2)
            data = _read_at(f, max(0, size - limit_bytes), limit_bytes)
    except OSError as e:
        return Excerpt("", f"cannot be read: {e.strerror}")
    if size <= limit_bytes:
        return Excerpt(plain(_decoded(data)), "", size)
    return Excerpt(plain(_decoded(data.partition(b"\n")[2] or data)), f"the end of {size_text(size)}", limit_bytes)


def _read_at(f: BinaryIO, offset: int, count: int) -> bytes:
    f.seek(offset)
    return f.read(count)


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def size_text(size_bytes: int) -> str:
    """A file size for people, in decimal units."""
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e6 else f"{size_bytes / 1e3:.0f} kB"
