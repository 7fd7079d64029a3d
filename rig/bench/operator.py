"""Whoever puts units in and holds the test leads: the twin's plug over HTTP, or a person at a terminal."""

import math
import os
import re
import select
import termios
import time
from collections.abc import Mapping
from typing import Any

import attr
import requests
from labgrid import target_factory
from labgrid.driver import Driver

from rig.bench.edge import edge, reason
from rig.bench.resources import OperatorPlug, OperatorTerminal
from rig.errors import BenchError, DeadlineError, ReplyError, UsageError
from rig.model import Unit
from rig.ports import CablePort, OperatorPort, ProbePort

HTTP_S = (2.0, 10.0)
SAID_MAX = 500
ALL_OFF = (
    "safe to touch once the standby LED of the mainboard is out: the outputs are off and were read back, the host's "
    "mains are off, its discharge time is over"
)
"""Said only after the strategy's way to off, which raises where it cannot prove it."""


@target_factory.reg_driver
@attr.s(eq=False)
class OperatorPlugDriver(Driver, OperatorPort, ProbePort, CablePort):
    """The twin's operator; what it refuses comes back in its own words, as a BenchError."""

    bindings = {"server": OperatorPlug}

    def insert(self, unit: Unit, *, bare: bool) -> None:
        """Put the unit into the slot, or (bare) its adapter alone on the fixture; all power must be off."""
        card = None if bare else {"model": unit.card.model, "serial": unit.card.serial}
        self._post("insert", {"adapter": _adapter(unit), "card": card, "bare": bare})

    def insert_adapter(self, unit: Unit) -> None:
        """Put the adapter into the slot without its card; all power must be off."""
        self._post("insert", {"adapter": _adapter(unit), "card": None, "bare": False})

    def remove(self) -> None:
        """Take out whatever is in; all power must be off."""
        self._post("remove", {})

    def flash_prsnt(self, *, shorted: bool) -> None:
        """Short the card's FLASH PRSNT holes, or take the short off; all power must be off."""
        self._post("flash_prsnt", {"shorted": shorted})

    def confirm(self, question: str) -> bool:
        """Whether the twin file says that the person at the bench allows things."""
        return self._post("confirm", {"question": question}).get("yes") is True

    def multimeter(self, plus: str, minus: str, hint: str = "") -> float | None:
        """What the twin's multimeter shows between two points of the bare adapter."""
        del hint
        ohm = self._post("multimeter", {"plus": plus, "minus": minus}).get("ohm")
        if ohm == "OL":
            return math.inf
        if isinstance(ohm, bool) or not isinstance(ohm, int | float) or ohm < 0:
            raise ReplyError(self._device, "multimeter", ohm, "expected ohms, or OL")
        return float(ohm)

    def plug(self, port: int, *, plugged: bool) -> None:
        """Put the cable of a port in, or take it out."""
        self._post("cable", {"port": port, "plugged": plugged})

    def connect(self, plus: str, minus: str, hint: str = "") -> None:
        """Put the test leads on two nets or pins of the bare adapter; a plug needs no hint."""
        del hint
        self._post("probe", {"plus": plus, "minus": minus})

    def release(self) -> None:
        """Take the test leads off."""
        self._post("release", {})

    def look(self) -> str:
        """Where the operator is; BenchError when nobody is there."""
        with edge(self._device, "look", "is the twin running?"):
            reply = requests.get(f"{self.server.url}/", timeout=HTTP_S)
        self._said(reply, "look")
        return self._device

    @property
    def _device(self) -> str:
        return f"operator plug {self.server.url}"

    def _post(self, action: str, told: Mapping[str, Any]) -> Mapping[str, Any]:
        with edge(self._device, action, "is the twin running?"):
            reply = requests.post(f"{self.server.url}/{action}", json=told, timeout=HTTP_S)
        return self._said(reply, action)

    def _said(self, reply: requests.Response, asked: str) -> Mapping[str, Any]:
        try:
            said = reply.json()
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise ReplyError(self._device, asked, reply.text[:SAID_MAX], "that is no operator plug")
        if not reply.ok:
            raise BenchError(f"{self._device}: {asked}: {said.get('error', f'refused with {reply.status_code}')}")
        return said


def _adapter(unit: Unit) -> dict[str, Any]:
    adapter: dict[str, Any] = {"design": unit.adapter.design, "serial": unit.adapter.serial}
    if unit.adapter.jumpers:
        adapter["jumpers"] = dict(unit.adapter.jumpers)
    if unit.adapter.mods:
        adapter["mods"] = list(unit.adapter.mods)
    return adapter


@target_factory.reg_driver
@attr.s(eq=False)
class OperatorTerminalDriver(Driver, OperatorPort, ProbePort, CablePort):
    """A person, told what to do at a terminal; DeadlineError when nobody presses Enter in `patience_s`.

    `scanner`: what was put in is answered by a scan of its label instead of Enter, so that nobody needs the keyboard
    between units, and a unit that was mistaken for another is not tested.
    """

    bindings = {"terminal": OperatorTerminal}
    patience_s = attr.ib(default=3600.0, validator=[attr.validators.instance_of(float), attr.validators.gt(0)])
    scanner = attr.ib(default=False, validator=attr.validators.instance_of(bool))

    def __attrs_post_init__(self):
        super().__attrs_post_init__()
        self._leads_on = False

    def insert(self, unit: Unit, *, bare: bool) -> None:
        """Ask for the unit in the slot, or (bare) its adapter alone on the probe fixture."""
        adapter = f"adapter {unit.adapter.serial} ({unit.adapter.design})"
        if bare:
            self._put_in(
                unit.adapter.serial,
                ALL_OFF,
                "take out whatever is in the slot",
                f"put {adapter}, without a card, on the probe fixture",
            )
        else:
            self._put_in(
                unit.adapter.serial,
                ALL_OFF,
                f"put {adapter} with card {unit.card.serial} ({unit.card.model}) into the slot",
                "put a cable into every port",
            )

    def insert_adapter(self, unit: Unit) -> None:
        """Ask for the adapter in the slot without its card."""
        self._put_in(
            unit.adapter.serial,
            ALL_OFF,
            f"put adapter {unit.adapter.serial} ({unit.adapter.design}) into the slot WITHOUT a card: "
            "what the host draws alone is measured",
        )

    def _put_in(self, serial: str, *todo: str) -> None:
        """Ask for a unit, until it is there: Enter, or with a scanner the adapter's own label."""
        if not self.scanner:
            self._ask(*todo)
            return
        end = f"then scan the label of adapter {printable(serial)}: "
        asked = todo
        while (scanned := self._ask(*asked, end=end)) != serial:
            asked = (f"{scanned!r} is not adapter {serial}", *todo)

    def plug(self, port: int, *, plugged: bool) -> None:
        """Ask for the cable of a port in or out; the host stays on."""
        todo = "put the cable back into" if plugged else "take the cable out of"
        self._ask(f"{todo} port {port} of the card; leave everything else, and the power, as it is")

    def remove(self) -> None:
        """Ask for an empty slot and fixture."""
        self._ask("wait until the standby LED of the mainboard is out", "take the adapter and its card out")

    def flash_prsnt(self, *, shorted: bool) -> None:
        """Ask for a short on the card's FLASH PRSNT holes, or for taking it off."""
        todo = (
            "short the two holes (or pins) marked FLASH PRSNT on the card, with a wire, and keep them shorted"
            if shorted
            else "take the short off the card's FLASH PRSNT holes"
        )
        self._ask(ALL_OFF, todo)

    def confirm(self, question: str) -> bool:
        """Ask for a typed `yes`; anything else, and no terminal, is a no."""
        try:
            return (
                self._ask(*question.splitlines(), end="type 'yes' and Enter to allow it, Enter alone to refuse: ")
                == "yes"
            )
        except UsageError:
            return False

    def multimeter(self, plus: str, minus: str, hint: str = "") -> float | None:
        """Ask what a multimeter shows; None when they press Enter alone, or nobody is there."""
        todo = [hint] if hint else []
        todo.append(f"multimeter in its ohms range between {plus} and {minus}, nothing else on the board")
        end = "type the ohms (47, 1.2k, 3M; OL for open) and Enter, or Enter alone if nobody can measure: "
        try:
            while (typed := self._ask(*todo, end=end)) and (ohm := ohms(typed)) is None:
                todo = [f"{typed!r} is no resistance"]
        except UsageError:
            return None
        return ohm if typed else None

    def connect(self, plus: str, minus: str, hint: str = "") -> None:
        """Ask for the test leads on two nets or pins; the hint says where they are on this board."""
        self._ask(*([hint] if hint else []), f"red lead to {plus}, black to {minus}; hold them there")
        self._leads_on = True

    def release(self) -> None:
        """Ask for both leads off the board, where they are on it."""
        if self._leads_on:
            self._ask("both leads off the board")
            self._leads_on = False

    def look(self) -> str:
        """Where the operator is; UsageError when there is no terminal."""
        os.close(self._open())
        return f"a person at {self.terminal.device}"

    def _ask(self, *todo: str, end: str = "then press Enter: ") -> str:
        """What was typed before Enter."""
        # a serial number from a file may hold escape sequences, which a terminal would obey
        lines = [printable(line) for line in todo]
        tty = self._open()
        try:
            # an Enter from before the question is no answer to it
            termios.tcflush(tty, termios.TCIFLUSH)
            os.write(tty, ("\n" + "\n".join(f"  - {line}" for line in lines) + f"\n  {end}").encode())
            return self._await_enter(tty, lines[-1])
        finally:
            os.close(tty)

    def _open(self) -> int:
        try:
            return os.open(self.terminal.device, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as e:
            raise UsageError(
                f"operator: there is no terminal to ask at ({self.terminal.device}: {reason(e)}); "
                "run the rig from a terminal, or give the bench another operator"
            ) from e

    def _await_enter(self, tty: int, awaited: str) -> str:
        line = b""
        end_s = time.monotonic() + self.patience_s
        while (left_s := end_s - time.monotonic()) > 0:
            if not select.select([tty], [], [], left_s)[0]:
                break
            typed = os.read(tty, 1024)
            if not typed:
                raise UsageError("operator: the terminal was closed; start again from an open one")
            line += typed
            if b"\n" in typed or b"\r" in typed:
                return line.decode(errors="replace").strip()
        raise DeadlineError("operator", f"Enter after {awaited!r}", self.patience_s, "nothing typed")


def ohms(text: str) -> float | None:
    """What somebody read off a multimeter, in ohm; infinite for an open circuit; None: that is no resistance."""
    word = text.strip().lower().removesuffix("ohms").removesuffix("ohm").removesuffix("ω").strip()
    if word in ("ol", "0l", "open", "inf"):
        return math.inf
    scale = {"k": 1e3, "m": 1e6}.get(word[-1:], 1.0)
    number = re.fullmatch(r"\d{1,9}(?:[.,]\d{0,9})?", word.rstrip("km").strip())
    return float(number[0].replace(",", ".")) * scale if number else None


def printable(text: str) -> str:
    """`text` with everything that a terminal would obey, or that cannot be seen, written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
