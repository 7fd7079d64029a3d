"""The cables: each port's frames go to a network of their own inside QEMU, where the link partner answers.

The partner is this machine: QEMU's user-mode network forwards the port's address on the loopback to the guest, so
nothing needs root and nothing leaves the machine. Ref: qemu(1), -netdev dgram, user, hubport.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass

BUFFER_BYTES = 1 << 20
"""A burst of frames must not be lost for want of room: the machine runs in bursts."""
IPERF3_PORT = 5201


@dataclass(frozen=True, slots=True)
class Subnet:
    """One port's network: the guest's address, and where on the loopback this machine reaches it."""

    guest: str
    reached_at: str

    @property
    def partner(self) -> str:
        """The address at the other end of the cable."""
        return self.guest.rpartition(".")[0] + ".1"

    @property
    def network(self) -> str:
        return self.guest.rpartition(".")[0] + ".0/24"


@dataclass(frozen=True, slots=True)
class Wire:
    """Both ends of a cable: frames as datagrams, one of the ends for the card, the other for QEMU."""

    card: socket.socket
    machine: socket.socket

    def close(self) -> None:
        self.card.close()
        self.machine.close()


def subnet(reached_at: str) -> Subnet:
    """The network of the port that is reached at a loopback address: 127.86.1.2 is 10.86.1.2 in the guest."""
    _, bench, port, host = reached_at.split(".")
    return Subnet(f"10.{bench}.{port}.{host}", reached_at)


def wire() -> Wire:
    """A new cable."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    return Wire(*ends)


def arguments(cables: Sequence[tuple[Subnet, Wire]]) -> list[str]:
    """QEMU's arguments for the cables; the wires' machine ends must be inherited by it."""
    words: list[str] = []
    for n, (net, cable) in enumerate(cables):
        forward = f"hostfwd=tcp:{net.reached_at}:{IPERF3_PORT}-{net.guest}:{IPERF3_PORT}"
        words += [
            *("-netdev", f"dgram,id=wire{n},local.type=fd,local.str={cable.machine.fileno()}"),
            *("-netdev", f"hubport,id=near{n},hubid={n},netdev=wire{n}"),
            *("-netdev", f"user,id=far{n},net={net.network},host={net.partner},ipv6=off,restrict=on,{forward}"),
            *("-netdev", f"hubport,id=end{n},hubid={n},netdev=far{n}"),
        ]
    return words
