"""What firmware is on the card, and the least risky way to Ethernet ports.

Ref: domain notes on firmware, section 1 (decision order), section 8 and 9 (Intel and Broadcom: read only);
Linux 6.1 drivers/net/ethernet/mellanox/mlx4/main.c (`set_port_type`: `mlx4_port1` takes ib, eth, auto).
This version reads, backs up what it read and changes the port type; it never writes flash.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict

from rig.config.plan import Firmware
from rig.errors import DeadlineError
from rig.model import Card, Findings, Measurement
from rig.parse import ethtool, flint, lspci
from rig.parse.kernel_log import events
from rig.ports import HostPort
from rig.steps.netdev import NetDev, netdevs
from rig.steps.pci import DEVICES, Located, locate, read_files, text_of

ALREADY, PORT_TYPE, NEEDS_FLASH, NONE = "already ethernet", "port type", "needs flash", "no ethernet mode"
_POLL_S = 0.1


def measure(host: HostPort, card: Card, root_port: str | None, plan: Firmware) -> Findings:
    """Identity and versions, backed up below `firmware/`; then the route, taken where nothing is flashed."""
    found = locate(host, card, root_port)
    if found is None:
        raise DeadlineError(
            "test host",
            f"the {card.model} that was there before",
            0.0,
            "nothing in its slot",
            "it went away between two steps: see the console log",
        )
    devices = netdevs(host, found.functions)
    evidence: dict[str, str] = {}
    identity = _identity(host, found, devices, evidence)
    route, note = _route(host, card, found, devices, plan)
    if route == PORT_TYPE:
        # an interface that can be asked is there only now
        devices = netdevs(host, found.functions)
        identity |= _driver(host, devices, evidence) | {"interfaces": [asdict(d) for d in devices]}
    identity |= {"route": route, "card": card.model, "pci_id": found.ids[found.endpoint]}
    evidence["firmware/identity.json"] = json.dumps(identity, indent=1)
    return Findings(
        (
            _version(identity, devices),
            Measurement("firmware.psid", _text(identity, "psid"), "", str(identity.get("psid_note", ""))),
            Measurement("firmware.route", route, "", note),
        ),
        evidence,
    )


def _version(identity: dict[str, object], devices: list[NetDev]) -> Measurement:
    note = "" if devices else "no interface to ask"
    return Measurement(
        "firmware.version", _text(identity, "firmware_version"), "", note, "ethtool-i.txt" if devices else ""
    )


def _text(identity: dict[str, object], key: str) -> str | None:
    value = identity.get(key)
    return str(value) if value else None


def _identity(host: HostPort, found: Located, devices: list[NetDev], evidence: dict[str, str]) -> dict[str, object]:
    """What tells this very card from all others, and what runs on it."""
    evidence["lspci.txt"] = host.run(f"lspci -D -nn -vvv -s {found.endpoint}").text
    seen = lspci.device(evidence["lspci.txt"], found.endpoint)
    identity: dict[str, object] = {
        "vpd": dict(seen.vpd or {}) if seen else {},
        "interfaces": [asdict(d) for d in devices],
    }
    identity |= _driver(host, devices, evidence)
    if _is_connectx3(found):
        identity |= _psid(host, found, evidence)
    return identity


def _driver(host: HostPort, devices: list[NetDev], evidence: dict[str, str]) -> dict[str, object]:
    """Driver and firmware version by `ethtool -i`; empty without an interface to ask."""
    if not devices:
        return {}
    evidence["ethtool-i.txt"] = host.run(f"ethtool -i {devices[0].name}").text
    driver = ethtool.driver(evidence["ethtool-i.txt"])
    return {"firmware_version": driver.firmware_version, "driver": driver.driver} if driver else {}


def _psid(host: HostPort, found: Located, evidence: dict[str, str]) -> dict[str, object]:
    """PSID by mstflint; a host without it, or a card that does not answer it, is said, not guessed around."""
    evidence["mstflint-query.txt"] = host.run(f"mstflint -d {found.endpoint} query", timeout_s=30.0).text
    query = flint.query(evidence["mstflint-query.txt"])
    if query is None or not query.psid:
        return {
            "psid": None,
            "psid_note": "mstflint did not read it: " + evidence["mstflint-query.txt"].strip()[:200],
        }
    return {
        "psid": query.psid,
        "guids": list(query.guids),
        "macs": list(query.macs),
        "flash_version": query.fw_version,
    }


def _is_connectx3(found: Located) -> bool:
    return found.ids[found.endpoint] in ("15b3:1003", "15b3:1007")


def _route(host: HostPort, card: Card, found: Located, devices: list[NetDev], plan: Firmware) -> tuple[str, str]:
    types = _port_types(host, found)
    if not types:
        return (ALREADY, "") if devices and all(d.is_ethernet for d in devices) else _no_interfaces(card)
    if all(t == "eth" for t in types.values()) and devices:
        return ALREADY, ""
    if not plan.change_port_type:
        return NEEDS_FLASH, f"ports are {_shown(types)}; the plan forbids to change the port type"
    return _change_port_types(host, found, types, plan.port_type_deadline_s)


def _no_interfaces(card: Card) -> tuple[str, str]:
    if not card.speeds_bps:
        return NONE, "this card has no Ethernet mode that anybody sourced"
    return NEEDS_FLASH, "its driver shows no network interface: see the kernel log"


def _port_types(host: HostPort, found: Located) -> dict[int, str]:
    """`mlx4_port1`, `mlx4_port2` as they read; empty: not an mlx4 card."""
    paths = {n: f"{DEVICES}/{found.endpoint}/mlx4_port{n}" for n in (1, 2)}
    files = read_files(host, list(paths.values()))
    read = {n: text_of(files, path) for n, path in paths.items()}
    return {n: _kind(text) for n, text in read.items() if text is not None}


def _kind(text: str) -> str:
    """`auto (eth)` is eth."""
    return text.strip().removeprefix("auto (").rstrip(")")


def _change_port_types(host: HostPort, found: Located, types: dict[int, str], deadline_s: float) -> tuple[str, str]:
    """Write `eth` to every other port, then wait for interfaces, or for the refusal that shows in log or readback."""
    before = len(events(host.run("dmesg").text))
    replies = [host.run(f"echo eth > {DEVICES}/{found.endpoint}/mlx4_port{n}") for n, t in types.items() if t != "eth"]
    said = "; ".join(r.text.strip() for r in replies if r.code)
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline and not said:
        now = _port_types(host, found)
        ethernet = [d for d in netdevs(host, found.functions) if d.is_ethernet]
        if len(ethernet) >= len(types) and all(t == "eth" for t in now.values()):
            return (
                PORT_TYPE,
                f"was {_shown(types)}, now eth; lasts until the next boot unless LINK_TYPE is set with mstconfig",
            )
        refused = [e.text for e in events(host.run("dmesg").text)[before:] if "is not supported on this HCA" in e.text]
        said = refused[0] if refused else ""
        time.sleep(_POLL_S)
    return NEEDS_FLASH, f"ports stay {_shown(_port_types(host, found))}: {said or 'no interface appeared'}"


def _shown(types: dict[int, str]) -> str:
    return ", ".join(f"port {n} {t}" for n, t in types.items())
