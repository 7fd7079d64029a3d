"""Two card models compared from stored runs: the difference per state, how sure it is, and what it costs.

`write(folder, models, options)` is the way in, `sequential.decided` says whether more inserts are needed.
scipy and pandas are loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rig.report.compare.comparison import Options
    from rig.report.compare.writing import Written, write

__all__ = ["Options", "Written", "write"]


def __getattr__(name: str) -> object:
    if name == "Options":
        from rig.report.compare.comparison import Options

        return Options
    if name in ("Written", "write"):
        from rig.report.compare import writing

        return getattr(writing, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
