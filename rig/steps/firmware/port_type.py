"""CLASSIFY and the first route: which type the ports of an mlx4 card have, and making them Ethernet for this boot.

Ref: Linux 6.1 drivers/net/ethernet/mellanox/mlx4/main.c (`set_port_type`: `mlx4_port1` takes ib, eth, auto).
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from rig.parse.kernel_log import events
from rig.ports import HostPort
from rig.steps.netdev import netdevs
from rig.steps.pci import DEVICES, Located, read_files, text_of

_POLL_S = 0.1
_PORTS = (1, 2)
_REFUSED = "is not supported on this HCA"


def port_types(host: HostPort, found: Located) -> dict[int, str]:
    """`ib` or `eth` of `mlx4_port1`, `mlx4_port2`; empty: no mlx4 driver has the card."""
    paths = {n: f"{DEVICES}/{found.endpoint}/mlx4_port{n}" for n in _PORTS}
    files = read_files(host, list(paths.values()))
    read = {n: text_of(files, path) for n, path in paths.items()}
    return {n: _kind(text) for n, text in read.items() if text is not None}


def shown(types: Mapping[int, str]) -> str:
    """`port 1 ib, port 2 eth`."""
    return ", ".join(f"port {n} {t}" for n, t in types.items())


def make_ethernet(host: HostPort, found: Located, types: Mapping[int, str], deadline_s: float) -> str:
    """Write `eth` to every other port and wait for the interfaces; empty, or why the ports stay what they are."""
    before = _refusals(host)
    replies = [host.run(f"echo eth > {DEVICES}/{found.endpoint}/mlx4_port{n}") for n, t in types.items() if t != "eth"]
    said = "; ".join(r.text.strip() for r in replies if r.code)
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline and not said:
        now = port_types(host, found)
        ethernet = [d for d in netdevs(host, found.functions) if d.is_ethernet]
        if len(ethernet) >= len(types) and all(t == "eth" for t in now.values()):
            return ""
        if any(t != "eth" for t in now.values()):
            said = "; ".join(_refusals(host)[len(before) :])
        time.sleep(_POLL_S)
    return f"ports stay {shown(port_types(host, found))}: {said or 'no interface appeared'}"


def _refusals(host: HostPort) -> list[str]:
    """What the kernel said of port types so far; only those lines: a whole log is seconds on a serial console."""
    return [e.text for e in events(host.run(f"dmesg | grep '{_REFUSED}'").text) if _REFUSED in e.text]


def _kind(text: str) -> str:
    """`auto (eth)` is eth."""
    return text.strip().removeprefix("auto (").rstrip(")")
