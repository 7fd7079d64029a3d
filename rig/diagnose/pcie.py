"""Rules about the PCIe link that no single joint explains; what joints explain is in `electrics`.

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


_OF_ITS_LINK = ("pcie.link.width", "pcie.link.speed_gtps", "pcie.link.max_width")


def is_gone(case: Case) -> bool:
    """Whether the card was enumerated, and then nothing of its link could be read: its registers read as all ones."""
    told = {j.measurement.name: j.measurement.value for j in case.judged}
    return told.get("pcie.present") == 1 and all(name in told and told[name] is None for name in _OF_ITS_LINK)


def gone(case: Case) -> Iterator[Cause]:
    """A card that fell off the bus: what its ports do then is no matter of cables."""
    if not is_gone(case):
        return
    rows = [j for j in case.judged if j.measurement.name in _OF_ITS_LINK]
    pins = tuple(p.name for p in case.board.adapter.pins.values() if p.function in ("+12V", "PERST#"))
    yield Cause(
        "card fell off the bus",
        pins,
        tuple(f"{shown(j)}: {j.measurement.note}".rstrip(": ") for j in rows),
        "look at the trace of 12 V when it went, reflow its pins and PERST#; then the card in another adapter: "
        "if it goes there too, it is the card",
    )
