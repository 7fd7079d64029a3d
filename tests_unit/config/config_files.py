"""The project's own files with one thing changed."""

from __future__ import annotations

from pathlib import Path

from rig.config.library import project_root

CONFIGS = project_root() / "configs"


def edited(folder: Path, source: str, old: str, new: str) -> tuple[Path, int | None]:
    """A copy of a file of configs/ with `old` replaced by `new`, and the line it was found at."""
    text = (CONFIGS / source).read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{source} holds {old!r} {text.count(old)} times"
    path = folder / Path(source).name
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path, text[: text.index(old)].count("\n") + 1


def line_with(path: Path, start: str) -> int:
    """The line (from 1) that starts with `start`."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(n for n, line in enumerate(lines, start=1) if line.startswith(start))
