"""A rule about PCIe errors that no joint explains; what joints explain is in `electrics`.

Ref: domain notes on symptoms, section 2 (Timeout, Rollover).
"""

from __future__ import annotations

from collections.abc import Iterator

from rig.diagnose.case import Case, shown
from rig.diagnose.seen import received_badly
from rig.model import Cause

_ENDS = ("endpoint", "root")


def lost_answers(case: Case) -> Iterator[Cause]:
    """Timeout and Rollover are counted by the sender; without an end that receives badly they name no joint."""
    found = [j for end in _ENDS for what in ("pcie", "traffic") for j in case.bad(f"{what}.aer.{end}.*")]
    if found and not any(received_badly(case, end) for end in _ENDS):
        yield Cause(
            "packets or acknowledgements lost without receiver errors",
            evidence=tuple(map(shown, found)),
            action="suspect firmware or ASPM before a joint: pcie_aspm=off and repeat",
        )
