"""Which instruments answer, and which row of the tables each of them is.

Ref: pyvisa-py 0.8 `sessions.Session`: listing resources through VISA asks every kind of session, and those of the
network send broadcasts; here only the kinds asked for are listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pyvisa.constants import InterfaceType
from pyvisa_py.sessions import Session

from rig.errors import BenchError
from rig.guard.dialects import SUPPLIES, Wire
from rig.guard.link import ScpiLink
from rig.guard.meters import METERS
from rig.model import Identity
from rig.parse import scpi

_TIMEOUT_S = 1.0
_QUIET = (InterfaceType.asrl, InterfaceType.usb)
_LAN = (InterfaceType.tcpip,)


@dataclass(frozen=True, slots=True)
class Found:
    """One address: who answered there, or why nobody did."""

    address: str
    identity: Identity | None
    row: str | None
    """The row of the table that fits; None: name one that speaks alike as `dialect`."""
    said: str


def addresses(*, lan: bool) -> list[str]:
    """Serial and USB resources there are; with `lan` those that answer a broadcast too."""
    kinds = (*_QUIET, *(_LAN if lan else ()))
    listed: set[str] = set()
    for (kind, _), cls in Session.iter_valid_session_classes():
        if kind in kinds:
            listed |= set(cls.list_resources())
    return sorted(listed)


def ask(asked: Sequence[str], backend: str = "@py") -> Iterator[Found]:
    """`*IDN?` to every address, in every framing that some row needs, until one is answered."""
    for address in asked:
        yield _asked(address, backend)


def row_of(model: str) -> str | None:
    """The row of the tables that a model is; the longest name that occurs in it."""
    names = [name for name in (*SUPPLIES, *METERS) if name in model]
    return max(names, key=len, default=None)


def _asked(address: str, backend: str) -> Found:
    said = ""
    for wire in _wires(address):
        link = ScpiLink(address, backend=backend, timeout_s=_TIMEOUT_S, wire=wire)
        try:
            reply = link.query("*IDN?")
        except BenchError as e:
            said = said or str(e)
            continue
        finally:
            link.drop()
        if (identity := scpi.identity(reply)) is not None:
            return Found(address, identity, row_of(identity.model), reply)
        said = f"{address}: asked '*IDN?', got {reply!r}"
    return Found(address, None, None, said)


def _wires(address: str) -> list[Wire]:
    """The usual framing first; where framing is not the transport's own business, those of the other rows too."""
    kind = address.upper()
    is_serial = kind.startswith("ASRL")
    if not is_serial and not kind.endswith("::SOCKET"):
        return [Wire()]
    wires = [Wire(), *(model.dialect.wire for model in SUPPLIES.values())]
    # a port whose other end does not do the handshake would block
    plain = [wire for wire in wires if wire.line.handshake == "none" or not is_serial]
    framings = {(wire.termination, wire.replies_end, wire.line if is_serial else None): wire for wire in plain}
    return list(framings.values())
