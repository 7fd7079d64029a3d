"""Whether the card still answers: what goes wrong because it fell off the bus is the unit's fault, not the bench's.

Ref: Linux 6.1 drivers/pci/pci-sysfs.c (`current_link_width_show` reads the card's own Link Status). PCI Local Bus 3.0,
section 6.2.2: after a reset the Command register is 0; a driver that has the device switched memory decoding on in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from rig.errors import BenchError
from rig.model import Measurement
from rig.parse import sysfs
from rig.parse.dump import Kind
from rig.ports import HostPort
from rig.steps.pci import DEVICES, Located, read_files, register

NAME = "pcie.answers"
YES, NO, RESET = "yes", "no", "reset"
_MEMORY_SPACE, _ALL_ONES = 0x2, 0xFFFF


def answers(host: HostPort, card: Located | None) -> Measurement:
    """`yes`, `no`, or `reset` (it answers, but not as its driver left it); None: this kernel shows no link of it."""
    if card is None:
        return Measurement(NAME, NO, "", "nothing of this card is on the PCI bus")
    width, driver = (f"{DEVICES}/{card.endpoint}/{name}" for name in ("current_link_width", "driver"))
    found = read_files(host, [width, driver])
    text = found[width].text
    if found[width].kind is Kind.MISSING:
        return Measurement(NAME, None, "", f"the kernel shows no link of {card.endpoint}")
    if text is None or sysfs.is_gone(text):
        read = "cannot be read" if text is None else f"reads as all ones ({text.strip()})"
        return Measurement(NAME, NO, "", f"link width of {card.endpoint} {read}")
    command = register(host, card.endpoint, "COMMAND")
    if command == _ALL_ONES:
        return Measurement(NAME, NO, "", f"the Command register of {card.endpoint} reads as all ones")
    if found[driver].text and command is not None and not command & _MEMORY_SPACE:
        return Measurement(NAME, RESET, "", f"the Command register of {card.endpoint} is {command:#x} under its driver")
    return Measurement(NAME, YES, "")


@contextmanager
def still_answers(host: HostPort, card: Located | None, rows: list[Measurement]) -> Iterator[None]:
    """Adds whether the card answers after the block to `rows`, which then end there.

    A BenchError of the block passes, unless the card is gone: then the row tells it.
    """
    try:
        yield
    except BenchError as e:
        found = _after(host, card)
        if found is None or found.value not in (NO, RESET):
            raise
        rows.append(replace(found, note=f"{found.note}; what it broke: {e}"))
    else:
        rows.append(answers(host, card))


def _after(host: HostPort, card: Located | None) -> Measurement | None:
    """None: the test host does not say."""
    try:
        return answers(host, card)
    except BenchError:
        return None
