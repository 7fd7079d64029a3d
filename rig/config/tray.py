"""A tray as a CSV file: one unit a line, below a header; what a scanner typed is kept in the same form.

Columns: adapter_design, adapter_serial, card_model, card_serial, and where wanted jumpers (`JP3=2-3; JP1=open`) and
mods (names, `;` between them). Ref: RFC 4180; the file may begin with a byte order mark, as spreadsheets write it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rig.errors import ConfigError

NEEDED = ("adapter_design", "adapter_serial", "card_model", "card_serial")
OPTIONAL = ("jumpers", "mods")
MAX_BYTES, MAX_UNITS, MAX_CELL = 1_000_000, 2000, 500


@dataclass(frozen=True, slots=True)
class TrayLine:
    """One unit as the file has it."""

    line: int
    unit: Mapping[str, Mapping[str, object]]
    """`adapter` and `card`, as in a batch file."""


def read_tray(path: Path, design: str | None = None, model: str | None = None) -> list[TrayLine]:
    """Every unit of the file; ConfigError with file and line for what is no tray.

    `design` and `model` stand for a column that is not there.
    """
    given = {"adapter_design": design, "card_model": model}
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True, skipinitialspace=True)
    rows = _rows(path, reader)
    line, header = next(rows, (1, []))
    columns = _columns(path, line, header, {k for k, v in given.items() if v is not None})
    found = [TrayLine(n, _unit(path, n, _cells(path, n, columns, row), given)) for n, row in rows]
    if not found:
        raise ConfigError(path, line, "there is no unit below the header")
    if len(found) > MAX_UNITS:
        raise ConfigError(path, found[MAX_UNITS].line, f"more than {MAX_UNITS} units are no tray")
    return found


def tray_text(units: Iterable[tuple[str, str, str, str]]) -> str:
    """Design, adapter serial, model, card serial of each unit as such a file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(NEEDED)
    writer.writerows(units)
    return out.getvalue()


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "not UTF-8 text; save it as 'CSV UTF-8'"
        raise ConfigError(path, None, f"cannot read it: {reason}") from e
    if len(data) > MAX_BYTES:
        raise ConfigError(path, None, f"more than {MAX_BYTES} bytes are no tray")
    return text


def _rows(path: Path, reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Line and cells of every row that is not empty."""
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as e:
            raise ConfigError(path, _line(reader), f"not CSV: {e}") from e
        cells = [cell.strip() for cell in row]
        if any(cells):
            yield _line(reader), cells


def _line(reader: Iterator[list[str]]) -> int:
    return int(getattr(reader, "line_num", 1))


def _columns(path: Path, line: int, header: list[str], given: set[str]) -> list[str]:
    known = (*NEEDED, *OPTIONAL)
    if strange := [name for name in header if name not in known]:
        raise ConfigError(path, line, f"unknown column {strange[0][:MAX_CELL]!r}: the first line is a header of "
                          f"{', '.join(known)}, with commas between them")  # fmt: skip
    if missing := [name for name in NEEDED if name not in header and name not in given]:
        raise ConfigError(path, line, f"column {missing[0]!r} is missing; the header needs {', '.join(NEEDED)}")
    if twice := [name for name in known if header.count(name) > 1]:
        raise ConfigError(path, line, f"column {twice[0]!r} is there twice")
    return header


def _cells(path: Path, line: int, columns: list[str], row: list[str]) -> dict[str, str]:
    if len(row) != len(columns):
        raise ConfigError(path, line, f"{len(row)} cells, but the header has {len(columns)} columns")
    for name, cell in zip(columns, row, strict=True):
        if not cell.isprintable() or len(cell) > MAX_CELL:
            raise ConfigError(path, line, f"{name}: {cell[:40]!r} has characters that cannot be seen, or is too long")
        if not cell and name in NEEDED:
            raise ConfigError(path, line, f"{name} is empty")
    return dict(zip(columns, row, strict=True))


def _unit(
    path: Path, line: int, cells: Mapping[str, str], given: Mapping[str, str | None]
) -> dict[str, dict[str, object]]:
    jumpers = [_setting(path, line, word) for word in _words(cells.get("jumpers", ""))]
    if len(dict(jumpers)) < len(jumpers):
        raise ConfigError(path, line, "jumpers: every jumper may be set once")
    adapter: dict[str, object] = {
        "design": cells.get("adapter_design", given["adapter_design"]),
        "serial": cells["adapter_serial"],
        "jumpers": dict(jumpers),
        "mods": _words(cells.get("mods", "")),
    }
    return {
        "adapter": adapter,
        "card": {"model": cells.get("card_model", given["card_model"]), "serial": cells["card_serial"]},
    }


def _words(cell: str) -> list[str]:
    return [word.strip() for word in cell.split(";") if word.strip()]


def _setting(path: Path, line: int, word: str) -> tuple[str, str]:
    jumper, sign, pads = (part.strip() for part in word.partition("="))
    if not (jumper and sign and pads):
        raise ConfigError(path, line, f"jumpers: {word!r} is no setting; write JP3=2-3; JP1=open")
    return jumper, pads
