"""The twin file against the layouts and cards of a batch, before anything starts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rig.config.library import Library
from rig.config.twin import TwinFile
from rig.config.yamlfile import line_of, read
from rig.errors import ConfigError, UsageError
from rig.model import Unit
from rig.twin.build import card_state, soldered
from rig.twin.silicon import CardState
from rig.twin.wiring import wiring

SUPPLY = (
    "dead", "silent", "garbage", "slow", "wrong_model", "stuck", "late", "truncated", "unterminated", "zero", "off",
    "frozen",
)  # fmt: skip
FAULTS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "supply": SUPPLY,
    "second": SUPPLY,
    "meter": ("dead", "silent", "garbage", "slow", "wrong_model", "late", "truncated", "unterminated"),
    "relays": ("dead", "silent", "garbage", "slow", "stuck", "welded"),
    "mains": ("dead", "silent", "garbage", "slow", "stuck"),
    "operator": ("dead", "silent", "garbage", "slow"),
    "partner": ("dead",),
    "console": ("garbage", "silent"),
    "host": ("no_boot",),
})  # fmt: skip
"""Plug to the faults this version of the twin can show."""
LINUX = ("hang", "panic", "login_lost", "slow_boot", "hang_at_boot", "panic_at_boot")
"""What besides only a host that is a real Linux can do."""


def check(path: Path, twin: TwinFile, library: Library, units: Iterable[Unit]) -> None:
    """ConfigError, at the twin file's line, for the first thing that inserting these units would refuse."""
    tree = read(path)
    for n, fault in enumerate(twin.faults):
        with _told_at(path, tree, ("faults", n)):
            _check_fault(fault.plug, fault.kind, linux=twin.host.kind == "linux")
    with _told_at(path, tree, ("host", "window_mib")):
        if twin.host.kind == "linux" and twin.host.window_mib == 0:
            raise UsageError("a bridge's window has 1 MiB or more; only a test host of the kind process can have 0")
    with _told_at(path, tree, ("host", "kernel_format")):
        if twin.host.kind == "linux" and "kernel_format" in twin.host.model_fields_set:
            raise UsageError("a test host of the kind linux words its log as its own kernel does")
    with _told_at(path, tree, ("psu2" if twin.psu2 else "psu", "wiring")):
        wiring(twin)
    drawer: dict[str, CardState] = {}
    for unit in units:
        with _told_at(path, tree, ("adapters", unit.adapter.serial)):
            soldered(twin, library, unit.adapter)
        with _told_at(path, tree, ("cards", unit.card.serial)):
            card_state(drawer, twin, library, unit.card)


def _check_fault(plug: str, kind: str, *, linux: bool) -> None:
    more = LINUX if plug == "host" else ()
    if kind in more and not linux:
        raise UsageError(f"only a test host of the kind linux can show {kind!r}: host: {{kind: linux}}")
    kinds = (*FAULTS.get(plug, ()), *(more if linux else ()))
    if kind not in kinds:
        possible = f"it can do {', '.join(kinds)}" if kinds else f"no fault of the {plug} plug is built"
        raise UsageError(f"the twin cannot show a {kind!r} {plug}: {possible}")


@contextlib.contextmanager
def _told_at(path: Path, tree: Any, loc: tuple[int | str, ...]) -> Iterator[None]:
    try:
        yield
    except ConfigError:
        raise
    except UsageError as e:
        where = " ".join(str(key) for key in loc)
        raise ConfigError(path, line_of(tree, loc), f"{where}: {e}") from e
