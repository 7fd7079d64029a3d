"""All cables of the host, kept in step with its interfaces."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from rig.twin.host.cable import Cable
from rig.twin.host.netdev import NetDev
from rig.twin.view import Slot


class Cables:
    """One cable per address; each carries while its interface has a carrier and that address."""

    def __init__(self, slot: Slot, addresses: Sequence[str]) -> None:
        self._slot = slot
        self._cables: list[Cable] = []
        self._told: dict[tuple[str, bool], bool] = {}
        self._counted: dict[tuple[str, bool], int] = {}
        try:
            for address in addresses:
                self._cables.append(Cable(address))
        except BaseException:
            self.close()
            raise

    def update(self, netdevs: Mapping[str, NetDev], inside: Callable[[], socket.socket] | None) -> None:
        """Open, pace and close the cables as the interfaces are now; count and report what went through."""
        now = time.monotonic()
        for cable in self._cables:
            netdev = _plugged(cable.address, netdevs.values())
            usable = netdev is not None and inside is not None and _configured(cable.address, netdev)
            cable.carry(self._slot.ceiling_bps(netdev.name) if usable and netdev else 0.0, inside)
            if netdev is not None:
                netdev.rx.bytes += self._fresh(cable, to_host=True)
                netdev.tx.bytes += self._fresh(cable, to_host=False)
                self._tell(netdev.name, True, cable.to_host.busy(now))
                self._tell(netdev.name, False, cable.from_host.busy(now))
        for name, to_host in [key for key in self._told if key[0] not in netdevs]:
            self._tell(name, to_host, False)

    def close(self) -> None:
        for cable in self._cables:
            cable.close()

    def _fresh(self, cable: Cable, *, to_host: bool) -> int:
        way = cable.to_host if to_host else cable.from_host
        key, total = (cable.address, to_host), way.moved_bytes
        fresh = total - self._counted.get(key, 0)
        self._counted[key] = total
        return fresh

    def _tell(self, name: str, to_host: bool, busy: bool) -> None:
        if self._told.get((name, to_host), False) != busy:
            self._told[name, to_host] = busy
            self._slot.traffic(name, to_host, busy)


def _plugged(address: str, netdevs: Iterable[NetDev]) -> NetDev | None:
    return next((n for n in netdevs if n.port.address == address), None)


def _configured(address: str, netdev: NetDev) -> bool:
    return netdev.carrier and any(str(a.ip) == address for a in netdev.addresses)
