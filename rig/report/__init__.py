"""The journal on disk to pandas, HTML, Markdown, CSV, Parquet and JSON; the only room that imports pandas.

`rig.report.frame("results/")` is the way in. The frames are loaded on first use: pandas costs a second, and
`rig --help` must not pay it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rig.report.frames import export, frame, power, runs

__all__ = ["export", "frame", "power", "runs"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from rig.report import frames

    return getattr(frames, name)
