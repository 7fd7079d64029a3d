"""One line of the doctor."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "bad", "not checked"]
OK: State = "ok"
WARNING: State = "warning"
BAD: State = "bad"
NOT_CHECKED: State = "not checked"


class Unasked(Exception):
    """Nobody could look, or there is nothing to look at; the text says why."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was found, and whether it is a warning; a RigError is what is bad."""

    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """One plug: whether it is as it should be, what it said, and what to do if not."""

    plug: str
    state: State
    said: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Seen, and as it should be: what nobody looked at is not."""
        return self.state == OK
