"""Yield from stored runs: how many boards passed, what they failed of, what rework did, where the time went.

`write(folder)` is the way in; `bounds` has the exact intervals, for a soak plan too. scipy is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rig.report.yields.writing import Written, write

__all__ = ["Written", "write"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from rig.report.yields import writing

    return getattr(writing, name)
