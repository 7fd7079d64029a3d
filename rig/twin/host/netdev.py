"""A network interface as the test host's kernel keeps it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from rig.twin.view import NetPort

Address = ipaddress.IPv4Interface | ipaddress.IPv6Interface

_SEGMENT = 1448
"""TCP payload of a full Ethernet frame, to turn bytes into packets."""


@dataclass(slots=True)
class Counter:
    """Payload that crossed an interface one way."""

    bytes: int = 0

    @property
    def packets(self) -> int:
        return -(-self.bytes // _SEGMENT)


@dataclass(slots=True)
class NetDev:
    """One interface: what the model says of the port, and what only the kernel knows."""

    port: NetPort
    ifindex: int
    mtu: int = 1500
    addresses: list[Address] = field(default_factory=list)
    opened: bool = False
    """It was up at least once, so it has a queueing discipline."""
    rx: Counter = field(default_factory=Counter)
    tx: Counter = field(default_factory=Counter)

    @property
    def name(self) -> str:
        return self.port.name

    @property
    def carrier(self) -> bool:
        return self.port.admin_up and self.port.speed_bps is not None

    @property
    def operstate(self) -> str:
        return "up" if self.carrier else "down"

    @property
    def flags(self) -> tuple[str, ...]:
        """In the order iproute2 prints them."""
        if not self.port.admin_up:
            return ("BROADCAST", "MULTICAST")
        if not self.carrier:
            return ("NO-CARRIER", "BROADCAST", "MULTICAST", "UP")
        return ("BROADCAST", "MULTICAST", "UP", "LOWER_UP")

    @property
    def flag_bits(self) -> int:
        """IFF_BROADCAST | IFF_MULTICAST, and IFF_UP. Ref: Linux include/uapi/linux/if.h, as sysfs shows them."""
        return 0x1003 if self.port.admin_up else 0x1002

    @property
    def qdisc(self) -> str:
        return "mq" if self.opened else "noop"

    @property
    def link_local(self) -> ipaddress.IPv6Interface | None:
        """The address IPv6 makes of the MAC once there is a carrier."""
        if not self.carrier:
            return None
        mac = bytearray.fromhex(self.port.mac.replace(":", ""))
        mac[0] ^= 2
        eui = bytes(mac[:3]) + b"\xff\xfe" + bytes(mac[3:])
        return ipaddress.IPv6Interface((b"\xfe\x80" + bytes(6) + eui, 64))
