"""What the model shows a test host, and what a test host tells the model: the seam between the two.

The model (`world.py`) knows joints, cards and currents; a host (`host/`) knows files, kernels and shells.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Bar:
    """A base address register: `kind` is `mem32`, `mem64`, `pref64` or `io`."""

    size: int
    kind: str


@dataclass(frozen=True, slots=True)
class Function:
    """One PCI function as the root port sees it."""

    number: int
    config: bytes
    """4096 bytes of configuration space, link status and AER registers as they are now."""
    bars: Mapping[int, Bar]
    vpd: bytes
    driver: str | None
    """Module that binds to these ids; None: no driver knows them."""
    correctable: Mapping[str, int] | None
    """`aer_dev_correctable` counts since boot by kernel name (RxErr, BadTLP ...); None: the kernel has no AER."""
    bar_files: Mapping[int, Path] = field(default_factory=lambda: MappingProxyType({}))
    """BARs whose contents a tool may map: the file that holds them."""
    vfs: int = 0
    """Virtual functions that its SR-IOV capability offers; 0: SR-IOV is off."""
    vf_bars: Mapping[int, Bar] = field(default_factory=lambda: MappingProxyType({}))
    """The BARs of one virtual function; each needs room for all of them."""
    nvm: bytes = b""
    """What its driver reads of the card's NVM; empty: it cannot."""
    fault: str = ""
    """What its driver finds wrong with the NVM: `checksum`, `zero_mac`, `no_bootcode`; empty: nothing."""
    sensor: str = ""
    """`name` of the hwmon device that its driver registers; empty: it registers none."""
    celsius: int = 0
    """What that device's temperature sensor shows."""


@dataclass(frozen=True, slots=True)
class NetPort:
    """An Ethernet port the driver would register."""

    name: str
    """Name after renaming, `ens1f0np0`."""
    function: int
    index: int
    """Port of the function, from 0 (`dev_port`)."""
    mac: str
    speed_bps: int | None
    """Rate the link came up at; None: no carrier."""
    admin_up: bool
    speeds_bps: tuple[int, ...]
    media: str
    """`RJ45`, `SFP+`, `QSFP+`, `SFP28`."""
    address: str
    """IPv4 the cable of this port is reached under on the bench's loopback."""


@dataclass(frozen=True, slots=True)
class RootPort:
    """The slot's root port."""

    config: bytes
    correctable: Mapping[str, int] | None


@dataclass(frozen=True, slots=True)
class HostView:
    """Everything a test host can see of the slot at one instant."""

    generation: int
    """Counts up whenever anything below changed."""
    root_port: RootPort
    functions: tuple[Function, ...]
    """Empty: nothing in the slot, or it does not train."""
    ports: tuple[NetPort, ...]
    port_types: Mapping[int, str] = field(default_factory=dict)
    """mlx4 ports (from 1) to `ib` or `eth`; empty: not an mlx4 card."""
    firmware_version: str = ""
    """What `ethtool -i` prints as firmware-version."""


class Gateway(Protocol):
    """A card whose registers the host's tools reach; called between a tool's write and its next read, on any thread."""

    def service(self) -> None:
        """Do what a tool asked for in BAR 0."""

    def config_write_address(self, value: int) -> None: ...

    def config_read_address(self) -> int: ...

    def config_write_data(self, value: int) -> None: ...

    def config_read_data(self) -> int: ...

    def read(self, address: int) -> int:
        """One register, big-endian word at `address` of BAR 0; a semaphore is taken by it, as on silicon."""

    def write(self, address: int, value: int) -> None:
        """Set one register and do what that asks for."""


class Slot(abc.ABC):
    """What a host may ask of the model and tell it; every method may be called from any thread."""

    @abc.abstractmethod
    def view(self) -> HostView: ...

    @abc.abstractmethod
    def host_state(self, state: str) -> None:
        """`off`, `booting` (the slot's PERST# is released, the card is configured) or `up`."""

    @abc.abstractmethod
    def set_driver(self, loaded: bool) -> None:
        """The NIC's module was loaded or removed (it loads by itself at boot)."""

    @abc.abstractmethod
    def set_port_type(self, port: int, kind: str) -> bool:
        """mlx4: make a port `eth` or `ib`; False: this firmware cannot."""

    @abc.abstractmethod
    def set_admin(self, netdev: str, up: bool) -> None:
        """`ip link set NETDEV up|down`."""

    @abc.abstractmethod
    def write_config(self, function: int | None, config: bytes) -> None:
        """A host program wrote configuration space (None: of the root port): apply masks and write-1-to-clear."""

    @abc.abstractmethod
    def gateway(self) -> Gateway | None:
        """The registers of the card in the slot; None: it has none that are modelled, or it does not answer."""

    @abc.abstractmethod
    def ceiling_bps(self, netdev: str) -> float:
        """TCP payload the cable and the PCIe link of this port let through, each way; 0: no carrier."""

    @abc.abstractmethod
    def traffic(self, netdev: str, to_host: bool, busy: bool) -> None:
        """The cable carries (or stopped carrying) traffic in one direction."""


class LiveSlot(Slot):
    """What a host asks whose processor reaches the card's registers by itself, one access at a time."""

    @abc.abstractmethod
    def write_registers(self, function: int, at: int, data: bytes) -> None:
        """One write to the configuration space of a function: masks and write-1-to-clear apply."""

    @abc.abstractmethod
    def model(self) -> str | None:
        """PCI id of the card in the slot in working order; None: there is none, or it is silent."""

    @abc.abstractmethod
    def has_cages(self) -> bool:
        """Whether the ports of the card in the slot take modules; here each holds the end of a copper cable."""

    @abc.abstractmethod
    def cable_bps(self, port: int) -> int | None:
        """Rate that the cable in `port` (from 1) and the partner at its end allow; None: no signal there."""

    @abc.abstractmethod
    def load_nvm(self) -> bytes:
        """What the running card's NVM holds; empty: its NVM is not modelled."""

    @abc.abstractmethod
    def store_nvm(self, content: bytes) -> None:
        """The card in the slot keeps this in its NVM from now on, with power or without."""
