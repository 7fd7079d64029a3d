"""What each network driver of Linux 6.1 says when it binds, and when a link comes and goes.

Templates are filled with: bdf, eth (`eth0`), netdev, mac, port (from 1), gbps (`10 Gbps`), mbps, mem (hex), irq,
ids (`[8086:1572] [103c:22fc]`), link_speed (`5.0`), width, firmware.
Ref: drivers/net/ethernet of Linux 6.1, files named beside each entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from rig.twin.host.klog import ERR, INFO

BANDWIDTH = "<bandwidth>"
"""Place of the line that pcie_print_link_status() writes."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Lines of one driver: once when its module loads, per function, per port, and per change of carrier."""

    load: tuple[str, ...] = ()
    probe: tuple[str, ...] = ()
    """Said of a function before anything of it is looked at."""
    no_bar: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    """BAR without which it gives a function up, to what it says then; empty: it says nothing and misses its first."""
    function: tuple[str, ...] = ()
    port: tuple[str, ...] = ()
    up: tuple[str, ...] = ("{driver} {bdf} {netdev}: Link is Up",)
    down: str = "{driver} {bdf} {netdev}: Link is Down"
    down_level: int = INFO
    companions: tuple[str, ...] = ()
    """Modules that come with it and without which there is no Ethernet port."""
    version: str = ""
    """What `ethtool -i` prints as version; empty: the kernel's release."""
    no_cage: str = "Operation not supported"
    """What it answers when asked for the module of a port that has no cage."""


_MLX4 = Dialect(  # mellanox/mlx4/main.c, en_main.c, en_netdev.c
    load=("mlx4_core: Mellanox ConnectX core driver v4.0-0",),
    probe=("mlx4_core: Initializing {bdf}",),
    no_bar=MappingProxyType(
        {
            0: "mlx4_core {bdf}: Missing DCS, aborting (driver_data: 0x0, pci_resource_flags(pdev, 0):0x0)",
            2: "mlx4_core {bdf}: Missing UAR, aborting",
        }
    ),
    function=(
        "mlx4_core {bdf}: DMFS high rate steer mode is: disabled performance optimized steering",
        BANDWIDTH,
    ),
    port=(
        "mlx4_en {bdf}: Activating port:{port}",
        "mlx4_en: {bdf}: Port {port}: Using 8 TX rings",
        "mlx4_en: {bdf}: Port {port}: Using 8 RX rings",
        "mlx4_en: {bdf}: Port {port}: Initializing port",
        "mlx4_core {bdf} {netdev}: renamed from {eth}",
    ),
    up=("mlx4_en: {netdev}: Link Up",),
    down="mlx4_en: {netdev}: Link Down",
    companions=("mlx4_en",),
    version="4.0-0",
)

_IXGBE = Dialect(  # intel/ixgbe/ixgbe_main.c
    load=(
        "ixgbe: Intel(R) 10 Gigabit PCI Express Network Driver",
        "ixgbe: Copyright (c) 1999-2016 Intel Corporation.",
    ),
    function=(
        "ixgbe {bdf}: Multiqueue Enabled: Rx Queue count = 8, Tx Queue count = 8 XDP Queue count = 0",
        BANDWIDTH,
    ),
    port=(
        "ixgbe {bdf}: MAC: 3, PHY: 0, PBA No: G36748-005",
        "ixgbe {bdf}: {mac}",
        "ixgbe {bdf}: Intel(R) 10 Gigabit Network Connection",
        "ixgbe {bdf} {netdev}: renamed from {eth}",
    ),
    up=("ixgbe {bdf} {netdev}: NIC Link is Up {gbps}, Flow Control: RX/TX",),
    down="ixgbe {bdf} {netdev}: NIC Link is Down",
    no_cage="Input/output error",  # ixgbe_ethtool.c: it asks a module on I2C, whatever the port is
)

_BNX2X = Dialect(  # broadcom/bnx2x/bnx2x_main.c, bnx2x_cmn.c
    load=("bnx2x: QLogic 5771x/578xx 10/20-Gigabit Ethernet Driver bnx2x",),
    no_bar=MappingProxyType(
        {
            0: "bnx2x {bdf}: Cannot find PCI device base address, aborting",
            2: "bnx2x {bdf}: Cannot find second PCI device base address, aborting",
        }
    ),
    function=("bnx2x {bdf}: msix capability found",),
    port=(
        "bnx2x {bdf}: part number 394D4342-31373735-31314131-473331",
        "bnx2x {bdf} {eth}: QLogic BCM57810 10 Gigabit Ethernet (B0) PCI-E found at mem {mem}, IRQ {irq}, "
        "node addr {mac}",
        BANDWIDTH,
        "bnx2x {bdf} {netdev}: renamed from {eth}",
    ),
    up=("bnx2x {bdf} {netdev}: NIC Link is Up, {mbps} Mbps full duplex, Flow control: ON - receive & transmit",),
    down="bnx2x {bdf} {netdev}: NIC Link is Down",
    down_level=ERR,
)

_TG3 = Dialect(  # broadcom/tg3.c
    port=(
        "tg3 {bdf} {eth}: Tigon3 [partno(none) rev 5719001] (PCI Express) MAC address {mac}",
        "tg3 {bdf} {eth}: attached PHY is 5719C (10/100/1000Base-T Ethernet) (WireSpeed[1], EEE[1])",
        "tg3 {bdf} {eth}: RXcsums[1] LinkChgREG[0] MIirq[0] ASF[1] TSOcap[1]",
        "tg3 {bdf} {eth}: dma_rwctrl[00000000] dma_mask[64-bit]",
        "tg3 {bdf} {netdev}: renamed from {eth}",
    ),
    up=(
        "tg3 {bdf} {netdev}: Link is up at {mbps} Mbps, full duplex",
        "tg3 {bdf} {netdev}: Flow control is off for TX and off for RX",
    ),
    down="tg3 {bdf} {netdev}: Link is down",
)

_IGB = Dialect(  # intel/igb/igb_main.c
    load=(
        "igb: Intel(R) Gigabit Ethernet Network Driver",
        "igb: Copyright (c) 2007-2014 Intel Corporation.",
    ),
    port=(
        "igb {bdf}: added PHC on {eth}",
        "igb {bdf}: Intel(R) Gigabit Ethernet Network Connection",
        "igb {bdf}: {eth}: (PCIe:{link_speed}Gb/s:Width x{width}) {mac}",
        "igb {bdf}: {eth}: PBA No: G15136-005",
        "igb {bdf}: Using MSI-X interrupts. 8 rx queue(s), 8 tx queue(s)",
        "igb {bdf} {netdev}: renamed from {eth}",
    ),
    up=("igb {bdf} {netdev}: igb: {netdev} NIC Link is Up {mbps} Mbps Full Duplex, Flow Control: RX/TX",),
    down="igb {bdf} {netdev}: igb: {netdev} NIC Link is Down",
)

_I40E = Dialect(  # intel/i40e/i40e_main.c
    load=(
        "i40e: Intel(R) Ethernet Connection XL710 Network Driver",
        "i40e: Copyright (c) 2013 - 2019 Intel Corporation.",
    ),
    function=("i40e {bdf}: fw {firmware} {ids}",),
    port=(
        "i40e {bdf}: MAC address: {mac}",
        "i40e {bdf}: PCI-Express: Speed {link_speed}GT/s Width x{width}",
        "i40e {bdf} {netdev}: renamed from {eth}",
    ),
    up=("i40e {bdf} {netdev}: NIC Link is Up, {gbps} Full Duplex, Flow Control: None",),
    down="i40e {bdf} {netdev}: NIC Link is Down",
)

_BNXT = Dialect(  # broadcom/bnxt/bnxt.c
    port=(
        "bnxt_en {bdf} {eth}: Broadcom NetXtreme-E Ethernet found at mem {mem}, node addr {mac}",
        BANDWIDTH,
        "bnxt_en {bdf} {netdev}: renamed from {eth}",
    ),
    up=(
        "bnxt_en {bdf} {netdev}: NIC Link is Up, {mbps} Mbps full duplex, Flow control: none",
        "bnxt_en {bdf} {netdev}: FEC autoneg off encoding: None",
    ),
    down="bnxt_en {bdf} {netdev}: NIC Link is Down",
    down_level=ERR,
)

_MLX5 = Dialect(  # mellanox/mlx5/core/main.c, en_main.c
    function=("mlx5_core {bdf}: firmware version: {firmware}", BANDWIDTH),
    port=("mlx5_core {bdf} {netdev}: renamed from {eth}",),
    up=("mlx5_core {bdf} {netdev}: Link up",),
    down="mlx5_core {bdf} {netdev}: Link down",
)

_BE2NET = Dialect(  # emulex/benet/be_main.c
    function=("be2net {bdf}: FW config: function_mode=0x3, function_caps=0xe4001",),
    port=("be2net {bdf} {netdev}: renamed from {eth}",),
    up=("be2net {bdf} {netdev}: Link is Up",),
    down="be2net {bdf} {netdev}: Link is Down",
)

_DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "mlx4_core": _MLX4,
        "ixgbe": _IXGBE,
        "bnx2x": _BNX2X,
        "tg3": _TG3,
        "igb": _IGB,
        "i40e": _I40E,
        "bnxt_en": _BNXT,
        "mlx5_core": _MLX5,
        "be2net": _BE2NET,
    }
)
_PLAIN = Dialect(port=("{driver} {bdf} {netdev}: renamed from {eth}",))


def dialect(driver: str) -> Dialect:
    """The lines of `driver`; a driver nobody transcribed speaks the form most drivers share."""
    return _DIALECTS.get(driver, _PLAIN)


def known_modules() -> frozenset[str]:
    """Every module `modprobe` finds on this test host."""
    return frozenset(_DIALECTS) | {c for d in _DIALECTS.values() for c in d.companions}
