"""A file that is whole at every instant, for what a card keeps when the twin dies."""

from __future__ import annotations

from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Put the content there: a reader, and a twin that starts after a kill, sees the old or the new one."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(content)
    fresh.replace(path)
