"""The 1000BASE-T PHY inside the I350 behind MDIC, clause 22.

Ref: IEEE 802.3 clauses 22.2.4, 28.2.4, 40.5.1 (registers 0 to 15); Intel I350 datasheet section 8.27 (PHY registers);
Linux e1000_phy.c (`igb_read_phy_reg_mdic`, `igb_phy_has_link`, `igb_get_phy_info_82580`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

ADDRESS = 1
"""The one on which igb looks for an internal PHY."""
_WRITE, _READ, _READY, _ERROR = 1 << 26, 1 << 27, 1 << 28, 1 << 30
_CONTROL, _STATUS, _ADVERTISED, _PARTNER, _ADVERTISED_1G, _STATUS_1G, _STATUS_2 = 0, 1, 4, 5, 9, 10, 26
_RESET, _LOOPBACK, _POWER_DOWN, _RESTART, _NEGOTIATE = 1 << 15, 1 << 14, 1 << 11, 1 << 9, 1 << 12
_FORCED_FAST, _FORCED_GIGABIT = 1 << 13, 1 << 6
_TEN, _HUNDRED, _THOUSAND = 10_000_000, 100_000_000, 1_000_000_000
_AT_POWER_ON: Mapping[int, int] = {
    _CONTROL: 0x1140, 2: 0x0154, 3: 0x03B1, _ADVERTISED: 0x0DE1, _ADVERTISED_1G: 0x0200, 15: 0x3000,
}  # fmt: skip
_ABLE, _LINK, _NEGOTIATED = 0x7949, 0x0004, 0x0020
"""Of the status register: all speeds of this PHY with extended status; link; negotiation is over."""
_OFFERS = ((_THOUSAND, _ADVERTISED_1G, 0x0200), (_HUNDRED, _ADVERTISED, 0x0180), (_TEN, _ADVERTISED, 0x0060))
_PARTNERS: Mapping[int, int] = {_THOUSAND: 0xCDE1, _HUNDRED: 0x4DE1, _TEN: 0x4C61}
"""What a partner of that rate offers: with both kinds of pause, from 1 Gb/s on with a next page."""
_GOOD_1G = 0x3C00
"""Both receivers are well, and the partner can do 1000BASE-T in either duplex."""
_SPEEDS_2: Mapping[int, int] = {_THOUSAND: 0x0200, _HUNDRED: 0x0100, _TEN: 0}


class Phy:
    """Keeps what the driver writes until power-on or a reset of the PHY."""

    def __init__(self, carrier: Callable[[], int | None], retrained: Callable[[], None]) -> None:
        """`carrier` is the rate that cable and partner allow; `retrained` hears that the driver changed the link."""
        self._carrier, self._retrained = carrier, retrained
        self._written: dict[int, int] = {}
        self._known: tuple[int | None, int | None] | None = None
        """A carrier and the rate that it makes; None: it is to be worked out anew."""

    def power_on(self) -> None:
        self._forget()

    def hard_reset(self) -> None:
        """The controller's own reset line."""
        self._changing(self._forget)

    @property
    def loops(self) -> bool:
        """What is sent comes back."""
        return bool(self._get(_CONTROL) & _LOOPBACK)

    def rate_bps(self) -> int | None:
        """The fastest rate that cable and partner allow and the driver lets it offer; None: no link."""
        allowed, known = self._carrier(), self._known
        # igb reads the link's state after nearly every write, to push the write out
        if known is None or known[0] != allowed:
            known = self._known = (allowed, self._negotiated(allowed))
        return known[1]

    def _negotiated(self, allowed: int | None) -> int | None:
        control = self._get(_CONTROL)
        if control & _LOOPBACK:
            return _forced(control)
        if control & _POWER_DOWN or allowed is None:
            return None
        if not control & _NEGOTIATE:
            return _forced(control) if _forced(control) <= allowed else None
        return next((rate for rate, at, bits in _OFFERS if rate <= allowed and self._get(at) & bits), None)

    def command(self, value: int) -> int:
        """MDIC: what the register holds after a command was written to it."""
        address, register = value >> 21 & 0x1F, value >> 16 & 0x1F
        if address != ADDRESS:
            return value & 0x0FFF0000 | _READY | _ERROR
        if value & _READ:
            return value & 0x0FFF0000 | self._word(register) | _READY
        if value & _WRITE:
            self._changing(lambda: self._write(register, value & 0xFFFF))
        return value & 0x0FFFFFFF | _READY

    def _changing(self, work: Callable[[], None]) -> None:
        before = self.rate_bps()
        work()
        if self.rate_bps() != before:
            self._retrained()

    def _forget(self) -> None:
        self._written.clear()
        self._known = None

    def _write(self, register: int, value: int) -> None:
        if register == _CONTROL and value & _RESET:
            self._forget()
            return
        self._written[register] = value & ~_RESTART if register == _CONTROL else value
        self._known = None

    def _get(self, register: int) -> int:
        return self._written.get(register, _AT_POWER_ON.get(register, 0))

    def _word(self, register: int) -> int:
        if register not in (_STATUS, _PARTNER, _STATUS_1G, _STATUS_2):
            return self._get(register)
        rate = self.rate_bps()
        if register == _STATUS:
            return _ABLE | (_LINK | _NEGOTIATED if rate is not None else 0)
        if rate is None:
            return 0
        if register == _STATUS_2:
            return _SPEEDS_2[rate]
        if register == _STATUS_1G:
            return _GOOD_1G if rate == _THOUSAND else 0
        return _PARTNERS[rate]


def _forced(control: int) -> int:
    if control & _FORCED_GIGABIT:
        return _THOUSAND
    return _HUNDRED if control & _FORCED_FAST else _TEN
