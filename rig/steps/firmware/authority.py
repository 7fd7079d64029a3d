"""AUTHORISE: what may be answered with yes, and to what; everything else is answered with no.

Nothing here is decided by a default: an authority is made from the plan, or from what the operator was shown and
confirmed, and holds the very PSIDs and identifiers that were shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rig.config.plan import Allowed
from rig.parse import flint
from rig.parse.flint import Prompt
from rig.vault import Identity

_ALLOWS: dict[Prompt, Allowed] = {
    Prompt.SAME_VERSION: "same version",
    Prompt.OLDER_VERSION: "older version",
    Prompt.NOT_FAILSAFE: "not failsafe",
    Prompt.BLANK_VSD: "blank VSD",
}
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Authority:
    """Who allowed what."""

    by: str
    """`plan`, `operator` or `own backup`."""
    allow: frozenset[str] = frozenset()
    psids: tuple[str, str] | None = None
    """From, to: the PSID change that is allowed."""
    identity: Identity | None = None
    """GUIDs and MACs that may be written: the card's own, in recovery."""


@dataclass(slots=True)
class Answers:
    """Answers a burn's questions; remembers what was asked and what was refused."""

    authority: Authority
    asked: list[str] = field(default_factory=list)
    refused: str = ""

    def __call__(self, text: str) -> str:
        """The word for one question, with the tool's text before it."""
        prompts = flint.questions(text)
        if prompts is None:
            return self._no(f"it asked what this version of the rig does not know: {_tail(text)!r}")
        for prompt in prompts:
            self.asked.append(str(prompt))
            if why := self._objection(prompt, text):
                return self._no(why)
        return "y"

    def _no(self, why: str) -> str:
        self.refused = self.refused or why
        return "n"

    def _objection(self, prompt: Prompt, text: str) -> str:
        """Why this may not be answered with yes; empty: it may."""
        allowed = self.authority
        if prompt is Prompt.OTHER_PSID:
            change = flint.new_psids(text)
            return "" if change and change == allowed.psids else f"a PSID change {_arrow(change)} is not authorised"
        if prompt is Prompt.IDENTIFIERS:
            return "" if self._own_identifiers(text) else "it would set other GUIDs and MACs than the card's own"
        word = _ALLOWS.get(prompt)
        return "" if word in allowed.allow else f"{prompt}, and {word!r} is not authorised"

    def _own_identifiers(self, text: str) -> bool:
        own = self.authority.identity
        guids, macs = flint.new_identifiers(text)
        return own is not None and bool(macs) and guids in (own.guids, ()) and macs == own.macs


def _arrow(change: tuple[str, str] | None) -> str:
    return f"from {change[0]} to {change[1]}" if change else "to an unreadable PSID"


def _tail(text: str) -> str:
    return " ".join(text.split())[-_SHOWN:]
