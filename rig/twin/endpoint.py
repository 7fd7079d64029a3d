"""The PCI functions a card shows, and the slot's root port: registers as firmware and kernel find them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from rig.config.twin import TwinSlot
from rig.model import Card, Pin
from rig.twin import eeprom
from rig.twin.link import HOST_TO_CARD, Link
from rig.twin.pci import COMMAND, CORRECTABLE_BITS, MEMORY_SPACE, ConfigSpace, vpd
from rig.twin.silicon import ABSENT, CardState, of
from rig.twin.view import Bar, Function, RootPort

ETHERNET, NETWORK, INFINIBAND, MEMORY = 0x020000, 0x028000, 0x020700, 0x050000
ROOT_PORT_ID = (0x8086, 0x1901)
HEWLETT_PACKARD = 0x103C
LOW_BASE, HIGH_BASE = 0xF700_0000, 0x3F_F000_0000
LOW_TOP, HIGH_TOP = 0xF7FF_FFFF, 0x3F_FFFF_FFFF
MIX_IDLE, MIX_BUSY = (0.70, 0.10, 0.20), (0.50, 0.35, 0.15)
"""Share of RxErr, BadTLP, BadDLLP among what a receiver reports; packets suffer when there are packets."""
TIMEOUT_PART = 0.1
VF_BARS = MappingProxyType({2: Bar(8 << 20, "pref64")})
"""Of each virtual function of a ConnectX-3. Ref: a log with 256 MiB for 32 of them, domain notes on kernel strings."""
BURST = 100_000
"""No kernel handles more messages than this between two looks."""


def link_of(card: Card) -> tuple[int, int]:
    """(generation, lanes) of a card: its file's, else the twin's own assumption."""
    return card.gen or of(card).generation, card.lanes or of(card).lanes


def answers(state: CardState) -> str | None:
    """PCI id the card's present firmware answers with; None: it stays silent."""
    card = state.card
    if not card.pcie_card or card.pci_id is None:
        return None
    if state.firmware == ABSENT:
        return None
    if state.firmware not in ("blank", "recovery"):
        return card.pci_id
    if of(card).blank != "recovery":
        return None
    blank = [pci_id for pci_id, meaning in card.other_ids.items() if "blank" in meaning.lower()]
    return card.recovery_id or (blank[0] if blank else None)


def function_count(state: CardState) -> int:
    """Functions the card shows: with working firmware one a port, where the controller is made that way."""
    working = answers(state) == state.card.pci_id and of(state.card).function_per_port
    return (state.card.ports or 1) if working else 1


class Host:
    """The slot's root port and whatever answers behind it; lives from one mains-on to the next."""

    def __init__(self, slot: TwinSlot, aer: bool) -> None:
        self._aer = aer
        self._slot = slot
        self.port = _root_port(slot)
        self._port_counts = dict.fromkeys(CORRECTABLE_BITS, 0)
        self._card_counts = dict.fromkeys(CORRECTABLE_BITS, 0)
        self._state: CardState | None = None
        self._spaces: list[ConfigSpace] = []
        self.target: int = slot.gen
        """Generation the port may train at; a host lowers it in Link Control 2 and retrains."""
        self.trainings = 0
        """How often a host has set Retrain Link."""

    def answers(self, state: CardState) -> bool:
        """Whether the card's firmware talks PCIe at all."""
        return answers(state) is not None

    @property
    def decodes(self) -> bool:
        """Whether the card's BARs answer: somebody placed them since its power came, and switched decoding on."""
        return any(space.read("<H", COMMAND) & MEMORY_SPACE for space in self._spaces)

    def train(self, state: CardState | None, link: Link, *, placed: bool = True) -> None:
        """Take the link as it is now; a card that comes or goes starts from fresh registers.

        `placed`: the host's firmware gives BARs their places now; it does not for a card that comes later.
        """
        if link.width == 0 or state is None or answers(state) is None:
            self._state, self._spaces = None, []
        elif state is not self._state:
            self._state, self._spaces = state, _spaces(state)
            if placed:
                _place(state, self._spaces)
            self._card_counts = dict.fromkeys(CORRECTABLE_BITS, 0)
        width = link.width if self._spaces else 0
        for space in (self.port, *self._spaces):
            space.link(link.generation, width)

    def lose_bits(self, link: Link, seconds: float, busy: bool, rng: np.random.Generator) -> None:
        """Count what `seconds` of the link's poor pairs cost, at the end that received the damage."""
        for pair in link.poor if self._spaces else ():
            hits = min(int(rng.poisson(pair.errors_per_s * seconds)), BURST)
            if not hits:
                continue
            rx, tlp, dllp = (int(n) for n in rng.multinomial(hits, MIX_BUSY if busy else MIX_IDLE))
            late = int(rng.binomial(tlp + dllp, TIMEOUT_PART))
            ends = ("card", "port") if pair.direction == HOST_TO_CARD else ("port", "card")
            self._count(ends[0], {"RxErr": rx, "BadTLP": tlp, "BadDLLP": dllp})
            self._count(ends[1], {"Timeout": late})
            if link.generation >= 3:
                self._space(ends[0]).lane_error(pair.lane)

    def lose_lanes(self, pins: Iterable[Pin]) -> None:
        """Lanes of a link that was up drop out: the end that received them names them in LaneErrStat (8 GT/s)."""
        if self._spaces and self.port.read("<H", self.port.express_at + 0x12) & 0xF >= 3:
            for pin in pins:
                self._space("card" if pin.direction == HOST_TO_CARD else "port").lane_error(pin.lane or 0)

    def write(self, function: int | None, config: bytes) -> None:
        """A host's new contents of a config file: the bytes that differ are its writes.

        A file does not tell a write of the value that is there from no write at all.
        """
        if function is not None and function >= len(self._spaces):
            return
        space = self.port if function is None else self._spaces[function]
        old = bytes(space)
        for at in range(min(len(config), len(old))):
            if config[at] != old[at]:
                space.write(at, config[at : at + 1])
        self._retrain()

    def write_registers(self, function: int, at: int, data: bytes) -> None:
        """One write of a host to a function that is there."""
        if function < len(self._spaces):
            self._spaces[function].write(at, data)

    def functions(self, driver: str | None) -> tuple[Function, ...]:
        """What enumeration finds behind the port."""
        state = self._state
        if state is None:
            return ()
        data = _product_data(state)
        nvm, fault = _nvm(state, driver)
        return tuple(
            Function(
                n,
                bytes(space),
                _bars(state),
                data,
                driver,
                self._counts(n),
                _mapped(state),
                nvm=nvm,
                fault=fault,
                vfs=_vfs(state),
                vf_bars=VF_BARS,
            )
            for n, space in enumerate(self._spaces)
        )

    def root_port(self) -> RootPort:
        return RootPort(bytes(self.port), dict(self._port_counts) if self._aer else None)

    def _counts(self, function: int) -> Mapping[str, int] | None:
        if not self._aer:
            return None
        # the link's own errors are reported by function 0, for all
        return dict(self._card_counts) if function == 0 else dict.fromkeys(CORRECTABLE_BITS, 0)

    def _count(self, end: str, errors: Mapping[str, int]) -> None:
        counts = self._card_counts if end == "card" else self._port_counts
        for name, n in errors.items():
            counts[name] += n
            # a kernel that owns AER clears the status as it counts; where firmware does, it stays latched
            if n and not self._aer:
                self._space(end).correctable_error(name)

    def _space(self, end: str) -> ConfigSpace:
        return self._spaces[0] if end == "card" else self.port

    def _retrain(self) -> None:
        """Obey Retrain Link, at the Target Link Speed of Link Control 2."""
        control = self.port.express_at + 0x10
        asked = self.port.read("<H", control)
        if asked & 0x0020:
            self.port.put("<H", control, asked & ~0x0020)
            self.trainings += 1
            self.target = min(max(self.port.read("<H", self.port.express_at + 0x30) & 0xF, 1), self._slot.gen)


def _root_port(slot: TwinSlot) -> ConfigSpace:
    space = ConfigSpace(*ROOT_PORT_ID, 0x060400, revision=7)
    space.bridge(1, (LOW_BASE, LOW_TOP), (HIGH_BASE, HIGH_TOP))
    space.power_management(0x80)
    space.msi(0x90)
    space.express(0xB0, slot.gen, slot.lanes, port=True, payload=1)
    space.error_reporting(0x100, port=True)
    if slot.gen >= 3:
        space.secondary_express(0x160, slot.lanes)
    space.link(1, 0)
    return space


def _spaces(state: CardState) -> list[ConfigSpace]:
    count = function_count(state)
    return [_space(state, n, count > 1) for n in range(count)]


def _place(state: CardState, spaces: Sequence[ConfigSpace]) -> None:
    low, high = LOW_BASE, HIGH_BASE
    for number, space in ((n, s) for s in spaces for n in _bars(state)):
        bar = _bars(state)[number]
        base = high if bar.kind == "pref64" else low
        base = -(-base // bar.size) * bar.size
        space.place(number, bar, base)
        low, high = (low, base + bar.size) if bar.kind == "pref64" else (base + bar.size, high)


def _space(state: CardState, number: int, multifunction: bool) -> ConfigSpace:
    vendor, device = _ids(answers(state) or "")
    silicon, (generation, lanes) = of(state.card), link_of(state.card)
    space = ConfigSpace(vendor, device, _class_code(state), revision=1)
    space.endpoint(_subsystem(state.card), _bars(state), multifunction)
    at = silicon.layout
    space.power_management(at.power)
    if at.msi is not None:
        space.msi(at.msi)
    space.msix(at.msix, silicon.vectors, min(_bars(state), key=lambda n: n != silicon.msix_bar), 0x0, 0x2000)
    space.express(at.express, generation, lanes)
    space.vital_product_data(at.vpd)
    space.error_reporting(0x100)
    space.serial_number(0x150, port_mac(state, number))
    if generation >= 3:
        space.secondary_express(0x160, lanes)
    return space


def _ids(pci_id: str) -> tuple[int, int]:
    vendor, device = pci_id.split(":")
    return int(vendor, 16), int(device, 16)


def _subsystem(card: Card) -> tuple[int, int]:
    return _ids(card.subsystem_id) if card.subsystem_id else (HEWLETT_PACKARD, _ids(card.pci_id or "")[1])


def _class_code(state: CardState) -> int:
    if state.firmware in ("blank", "recovery"):
        return MEMORY if state.card.recovery_id else ETHERNET
    if not state.card.speeds_bps:
        return INFINIBAND
    return NETWORK if state.firmware in ("ib", "vpi") else ETHERNET


def _bars(state: CardState) -> Mapping[int, Bar]:
    bars = of(state.card).bars
    return bars if answers(state) == state.card.pci_id else {n: bars[n] for n in list(bars)[:1]}


def _mapped(state: CardState) -> Mapping[int, Path]:
    """A ConnectX-3's BAR 0 is its register space."""
    return {0: state.chip.cr_path} if state.chip else {}


def _vfs(state: CardState) -> int:
    """Virtual functions that a ConnectX-3's firmware asks room for."""
    running = state.chip.running if state.chip else None
    return running.vfs if running and running.sriov else 0


def _nvm(state: CardState, driver: str | None) -> tuple[bytes, str]:
    """What the driver reads of the NVM, and finds wrong with it."""
    if driver is None:
        return b"", ""
    return nvm_of(state), eeprom.fault(state)


def nvm_of(state: CardState) -> bytes:
    """What the card's NVM holds; empty: it is not modelled."""
    macs = [port_mac(state, n) for n in range(state.card.ports or 1)]
    return state.nvm or eeprom.contents(state, macs)


def port_mac(state: CardState, port: int) -> bytes:
    """MAC of a port, counted up from the card's own."""
    if state.nvram == eeprom.ZERO_MAC:
        return bytes(6)
    return state.mac[:3] + ((int.from_bytes(state.mac[3:], "big") + port) & 0xFFFFFF).to_bytes(3, "big")


def _product_data(state: CardState) -> bytes:
    if answers(state) != state.card.pci_id:
        return b""
    numbers = [a for a in state.card.aliases if re.fullmatch(r"\d{6}-(001|B21)", a)]
    # the spare number is what HPE prints on the label
    part = next((a for a in numbers if a.endswith("-001")), numbers[0] if numbers else state.card.model)
    return vpd(state.card.title, [("PN", part), ("EC", "A-0001"), ("SN", state.serial), ("V0", "HPE FlexibleLOM")])
