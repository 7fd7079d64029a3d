"""Rules about the firmware of the families that the rig only reads: damaged, or not the version the plan names.

Ref: domain notes on firmware, sections 8 and 9.
"""

from __future__ import annotations

from collections.abc import Iterator

from rig.diagnose.case import Case, shown
from rig.model import Cause

_BLANK_ID = "8086:10d8"
_RESTORE = (
    "not an adapter fault; keep the dump, then put the card into an HP server and run the HPE firmware package for it; "
    "never write it blindly with ethtool -E"
)
_VERSION_ACTION = {
    "older": "update it with the HPE firmware package in an HP server, or name this version in the plan",
    "newer": "is the plan's version still the one that is wanted?",
    "other": "look which of the two is right for this card's part number before anything is flashed",
}


def damaged(case: Case) -> Iterator[Cause]:
    """What is in the card's NVM is not what belongs there.

    Seen in the firmware step, by the id of a blank one, or by what a driver complained of that did not take the card.
    """
    found = case.failed("firmware.damaged")
    refused, said = case.failed("pcie.driver"), [j for j in case.judged if j.measurement.name == "pcie.nvm_damage"]
    if refused and said:
        found = [*found, *said, *refused]
    if _shows_blank(case):
        found = [*found, *case.failed("pcie.id")]
    if found:
        yield Cause("card firmware damaged", evidence=tuple(map(shown, found)), action=_RESTORE)


def other_version(case: Case) -> Iterator[Cause]:
    """The firmware works, but is not the version that the plan names for this model."""
    for j in case.bad("firmware.version_as_planned"):
        how = str(j.measurement.value)
        title = f"firmware {how} than the plan's" if how in ("older", "newer") else "firmware is not the plan's"
        action = f"not an adapter fault; {_VERSION_ACTION.get(how, _VERSION_ACTION['other'])}"
        yield Cause(title, evidence=(shown(j), j.measurement.note), action=action)


def _shows_blank(case: Case) -> bool:
    seen = str(case.value("pcie.id"))
    return seen == _BLANK_ID or "blank" in case.card.other_ids.get(seen, "").lower()
