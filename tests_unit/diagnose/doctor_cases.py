"""Runs with a few judged rows, for the tests of the doctor."""

from __future__ import annotations

from collections.abc import Mapping

from rig.config.library import default_library
from rig.diagnose import Case, History
from rig.judge import judge
from rig.model import AdapterUnit, Cause, Limit, Measurement, Slot
from rig.netlist import Board

LIBRARY = default_library()
DESIGNS = LIBRARY.designs()
REV_A, REV_B, REV_C, KCORES_11 = "TobleMiner-revA", "TobleMiner-revB", "TobleMiner-revC", "KCORES-v1.1"
X8 = "544FLR-QSFP-649283"
SHORT = Limit("a passive board", low=10.0, marginal_low=200.0)
LIMITS: Mapping[str, Limit] = {
    **{f"short.{p}.ohm": SHORT for p in ("12V_PERST#", "12V_3V3", "12V_3V3AUX", "12V_GND", "3V3AUX_GND", "PERST#_GND")},
    "short.12V_A4.ohm": SHORT,
    "rail.12v.current_a": Limit("a card draws", low=0.02),
    "rail.12v.limiting_s": Limit("charged by then", high=0.5),
    "pcie.present": Limit("must be there", low=1),
    "pcie.link.width": Limit("all lanes", low=8),
    "pcie.link.lanes_missing": Limit("both ends can", high=0),
    "pcie.link.speed_gtps": Limit("Gen3", low=8.0),
    "pcie.link.speed_missing_gtps": Limit("both ends can", high=0),
    "pcie.aer.endpoint.correctable_per_s": Limit("errors", high=10.0, marginal_high=0.07),
    "pcie.aer.root.correctable_per_s": Limit("errors", high=10.0, marginal_high=0.07),
}
GOOD_LINK = {
    "pcie.present": 1, "pcie.link.width": 8, "pcie.link.lanes_missing": 0, "pcie.link.speed_gtps": 8.0,
    "pcie.link.speed_missing_gtps": 0, "pcie.aer.endpoint.correctable_per_s": 0.0,
    "pcie.aer.root.correctable_per_s": 0.0, "pcie.link.max_width": 8,
}  # fmt: skip


def board(design: str = REV_A, **unit: object) -> Board:
    return Board(LIBRARY.adapter(design), AdapterUnit(design, "A", **unit))  # type: ignore[arg-type]


def case(
    found: Mapping[str, object], design: str = REV_A, model: str = X8, history: History | None = None, **unit: object
) -> Case:
    """A run that measured just this."""
    names = {n.replace("__", "."): v for n, v in found.items()}
    limits = {n: limit for n, limit in LIMITS.items() if n in names}
    rows = judge([Measurement(n, v, "") for n, v in names.items()], limits)  # type: ignore[arg-type]
    return Case(board(design, **unit), LIBRARY.card(model), Slot(3, 8), rows, history)


def link(**changed: object) -> dict[str, object]:
    """A good link but for this: `width=4` means that both ends could do more."""
    found: dict[str, object] = {**GOOD_LINK, **{n.replace("__", "."): v for n, v in changed.items() if n != "width"}}
    if "width" in changed:
        found |= {"pcie.link.width": changed["width"], "pcie.link.lanes_missing": 8 - int(str(changed["width"]))}
    return found


def named(causes: tuple[Cause, ...], start: str) -> Cause:
    """The first cause whose title begins so."""
    return next(c for c in causes if c.title.startswith(start))
