"""Network interfaces that do not show up: how many, and what sysfs and the kernel log tell of it.

Ref: domain notes on kernel strings, sections 1 (BARs, both wordings, the last line of a BAR counts) and 2 (mlx4);
Linux 6.1 drivers/net/ethernet/mellanox/mlx4/main.c (`show_port_type`), drivers/pci/iov.c (`sriov_*vfs`,
`VF(n) BAR` lines).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rig.model import Card, Findings, Measurement
from rig.parse.dump import Entry
from rig.parse.kernel_log import Event, FailedBar, Harm, Kind, events, failed_bars, symptoms
from rig.parse.text import plain
from rig.ports import HostPort
from rig.steps.netdev import NetDev
from rig.steps.pci import DEVICES, Located, read_files, text_of

_MLX4 = "mlx4_core"
_PORTS = (1, 2)
_FILE = "interfaces.txt"
_PORT_TYPE = re.compile(r"(?:auto \((?:ib|eth)\)|auto|ib|eth)\s{0,4}\Z")
_COUNT = re.compile(r"(\d{1,5})\s{0,4}\Z")
_OFFERED = re.compile(r"VF(?:\(n\))? BAR ?\d(?: space)?:? \[[^\]]{1,80}\]:? \(?contains BAR ?\d for (\d{1,5}) VFs")
"""As 5.10 and as 6.8 have it."""
_LINES_KEPT, _LINE_KEPT = 200, 300


def missing_interfaces(host: HostPort, card: Card, found: Located, devices: Sequence[NetDev], log: str) -> Findings:
    """How many Ethernet interfaces are there of how many are due; where one is missing, what is known of why.

    `log` is dmesg as it is after the last try to change a port type. Without a missing interface nothing is asked
    of the host and the first two are all there is:

    `firmware.interfaces`: Ethernet interfaces of the card; `firmware.interfaces_missing`: how many more its ports
    call for, None when the card's ports (or that it has an Ethernet mode) are not known.
    `firmware.port_types` (cards of mlx4): `port 1 ib, port 2 auto (ib)`.
    `firmware.kernel_symptoms`: codes of `rig.parse.kernel_log.symptoms`, `mlx4.missing_uar; pci.bar_failed`.
    `firmware.bar_failed`, `firmware.vf_bar_failed`: BARs without a place, `BAR 2 (8 MiB)`; those of the virtual
    functions apart, because the card works without them. The three are `none`, or None when the log does not tell.
    `firmware.sriov.offered_vfs`, `firmware.sriov.used_vfs`: virtual functions that the card's firmware offers
    (more than 0: SR-IOV is on), and that the kernel switched on.
    """
    there = sum(d.is_ethernet for d in devices)
    due = card.ports if card.speeds_bps else None
    rows = _counts(there, due)
    if due is not None and there >= due:
        return Findings(rows)
    files = _read(host, found)
    mine = _about(log, found)
    return Findings(
        (*rows, *_port_types(card, found, files), *_kernel(events(log), found), *_sriov(found, files, mine)),
        {_FILE: _shown(files, mine)},
    )


def _counts(there: int, due: int | None) -> tuple[Measurement, Measurement]:
    if due is None:
        unknown = "how many Ethernet ports this card has is not known"
        return (
            Measurement("firmware.interfaces", there, "1", unknown),
            Measurement("firmware.interfaces_missing", None, "1", unknown),
        )
    return (
        Measurement("firmware.interfaces", there, "1", f"of {due}"),
        Measurement("firmware.interfaces_missing", max(due - there, 0), "1", f"{there} of {due} are there"),
    )


# --- sysfs ----------------------------------------------------------------------------------------------------


def _read(host: HostPort, found: Located) -> Mapping[str, Entry]:
    names = [*(f"mlx4_port{n}" for n in _PORTS), "sriov_totalvfs", "sriov_numvfs"]
    return read_files(host, [_path(found, name) for name in names])


def _path(found: Located, name: str) -> str:
    return f"{DEVICES}/{found.endpoint}/{name}"


def _port_types(card: Card, found: Located, files: Mapping[str, Entry]) -> list[Measurement]:
    if _MLX4 not in card.drivers:
        return []
    read = {n: text_of(files, _path(found, f"mlx4_port{n}")) for n in _PORTS}
    types = {n: text.strip() for n, text in read.items() if text is not None and _PORT_TYPE.match(text)}
    name = "firmware.port_types"
    if not types:
        return [Measurement(name, None, "", "not read: no mlx4_port1, so mlx4_core does not run this card", _FILE)]
    return [Measurement(name, ", ".join(f"port {n} {kind}" for n, kind in types.items()), "", evidence=_FILE)]


def _sriov(found: Located, files: Mapping[str, Entry], mine: Sequence[str]) -> list[Measurement]:
    """From sysfs; where that has nothing, what is offered from the line the kernel printed when it found the card."""
    offered, used = (_count(text_of(files, _path(found, f"sriov_{name}"))) for name in ("totalvfs", "numvfs"))
    if offered is None:
        said = [int(m[1]) for line in mine if (m := _OFFERED.search(line))]
        offered = max(said, default=None)
    nothing = "not read: neither sriov_totalvfs nor a line of the kernel"
    return [
        Measurement("firmware.sriov.offered_vfs", offered, "1", nothing if offered is None else "", _FILE),
        Measurement("firmware.sriov.used_vfs", used, "1", "not read: no sriov_numvfs" if used is None else "", _FILE),
    ]


def _count(text: str | None) -> int | None:
    number = _COUNT.match(text or "")
    return int(number[1]) if number else None


# --- the kernel log -------------------------------------------------------------------------------------------


def _kernel(said: Sequence[Event], found: Located) -> list[Measurement]:
    mine = [e for e in said if e.device in found.functions or (e.device is None and e.kind is Kind.HINT)]
    unread = "" if _is_whole(said, found) else "not read: the log does not go back to where the kernel found the card"
    bars = [bar for bar in failed_bars(mine) if bar.device in found.functions]

    def row(name: str, texts: Sequence[str]) -> Measurement:
        value = "; ".join(texts) or (None if unread else "none")
        return Measurement(f"firmware.{name}", value, "", "" if texts else unread, _FILE)

    return [
        row("kernel_symptoms", symptoms(mine)),
        row("bar_failed", [_bar(b, found) for b in bars if not b.harmless]),
        row("vf_bar_failed", [_bar(b, found) for b in bars if b.harm is Harm.VIRTUAL_FUNCTIONS]),
    ]


def _is_whole(said: Sequence[Event], found: Located) -> bool:
    """A log that was cleared, or whose beginning fell out of the ring, cannot say that nothing happened."""
    return set(found.functions) <= {e.device for e in said if e.kind is Kind.FOUND}


def _bar(bar: FailedBar, found: Located) -> str:
    whose = f"{bar.device} " if len(found.functions) > 1 else ""
    return f"{whose}{bar.resource} ({_size(bar.size)})"


def _size(size: int | None) -> str:
    if size is None:
        return "size not printed"
    scale, unit = (1 << 20, "MiB") if size >= 1 << 20 else (1 << 10, "KiB")
    return f"{size / scale:g} {unit}"


def _about(log: str, found: Located) -> list[str]:
    """The lines that name the card, the last ones when there are very many."""
    lines = plain(log).replace("\r", "\n").split("\n")
    named = [line[:_LINE_KEPT] for line in lines if any(f in line for f in found.functions)]
    return named[-_LINES_KEPT:]


def _shown(files: Mapping[str, Entry], mine: Sequence[str]) -> str:
    texts = {path: entry.text for path, entry in files.items()}
    read = [f"{path}: {'not there' if text is None else text.strip()[:_LINE_KEPT]}" for path, text in texts.items()]
    return "\n".join([*read, *mine, ""])
