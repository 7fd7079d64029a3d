"""What somebody did to an adapter between two runs: `rework.jsonl`, one line an entry, as `rig rework` writes it.

The file lies in a batch's folder or above it, up to `results`; an entry counts for the serial's runs anywhere below.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field

from rig.errors import UsageError
from rig.record import append_rework
from rig.report import journal
from rig.report.schema import Part, Seconds

Action = Literal["reflow", "wick", "jumper", "mod", "clean", "replace", "write off", "other"]
ACTIONS: tuple[Action, ...] = get_args(Action)
"""`wick`: solder taken away; `replace`: a part; `write off`: the adapter is given up."""
FILE = "rework.jsonl"
_PIN = re.compile(r"[AB](?:[1-9]|[1-4][0-9])")
_MAX_TEXT = 2000


class Entry(Part):
    """A line of `rework.jsonl`."""

    time_s: Seconds
    serial: str
    """Of the adapter."""
    text: str = ""
    pins: tuple[str, ...] = ()
    """Connector pins that were worked on."""
    action: Action = Field("other")


def write(folder: Path, serial: str, text: str, pins: Iterable[str], action: str, time_s: float) -> Entry:
    """Append an entry to `folder`; UsageError for a pin or action there is not, or a folder that cannot be written."""
    if not serial.strip() or len(serial) > _MAX_TEXT or len(text) > _MAX_TEXT:
        raise UsageError(f"rework: a serial and a text of at most {_MAX_TEXT} characters are needed")
    if action not in ACTIONS:
        raise UsageError(f"rework: there is no action {action!r}; one of {', '.join(ACTIONS)}")
    entry = Entry(time_s=time_s, serial=serial, text=text, pins=named_pins(pins), action=action)
    append_rework(folder / FILE, entry.model_dump())
    return entry


def named_pins(words: Iterable[str]) -> tuple[str, ...]:
    """`A35 a36,B33` as pins; UsageError names what is none."""
    found = [pin.upper() for word in words for pin in re.split(r"[\s,;/]+", word) if pin]
    if wrong := [pin for pin in found if not _PIN.fullmatch(pin)]:
        raise UsageError(f"rework: {wrong[0]!r} is no pin of the connector: A1 to A49 and B1 to B49")
    return tuple(dict.fromkeys(found))


def read(root: Path) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Every entry below `root` and in the folders above it up to `results`, oldest first; and what is unreadable."""
    problems: list[str] = []
    found = [entry for file in _files(root) for entry in journal.lines(file, Entry, problems)]
    unique = dict.fromkeys(sorted(found, key=lambda e: e.time_s))  # a copied folder says it twice
    return tuple(unique), tuple(p.removeprefix(f"{root}{os.sep}") for p in problems)


def _files(root: Path) -> Iterator[Path]:
    for folder, below, files in os.walk(root):
        below.sort()
        if "run.json" in files:
            below.clear()
        elif FILE in files:
            yield Path(folder) / FILE
    above = root.resolve().parents
    last = next((n for n, folder in enumerate(above) if folder.name == "results"), -1)
    yield from (folder / FILE for folder in above[: last + 1] if (folder / FILE).is_file())
