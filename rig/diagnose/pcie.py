"""Rules about the PCIe link that no single joint explains; what joints explain is in `electrics`.

Ref: domain notes on symptoms, section 2 (Timeout, Rollover).
"""

from __future__ import annotations

from collections.abc import Iterator

from rig.diagnose.case import Case, shown
from rig.diagnose.seen import received_badly
from rig.model import Cause, Judged

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


def is_gone(case: Case) -> bool:
    """Whether the card was enumerated, and no longer answered after that or a later step."""
    return bool(_unanswered(case))


def _unanswered(case: Case) -> list[Judged]:
    """A card that was never seen did not fall off."""
    there = not case.failed("pcie.present")
    return case.failed("pcie.answers") if there else []


def gone(case: Case) -> Iterator[Cause]:
    """A card that fell off the bus, or that was reset: what its ports do then is no matter of cables."""
    rows = _unanswered(case)
    if not rows:
        return
    pins = tuple(p.name for p in case.board.adapter.pins.values() if p.function in ("+12V", "PERST#"))
    yield Cause(
        "card was reset while its driver ran" if rows[-1].measurement.value == "reset" else "card fell off the bus",
        pins,
        tuple(f"{shown(j)}: {j.measurement.note}" for j in rows),
        "look at the trace of 12 V when it went, reflow its pins and PERST#; then the card in another adapter: "
        "if it goes there too, it is the card",
    )
