"""The families whose flash the rig only reads: Intel and Broadcom, and whatever is no ConnectX-3.

Ref: domain notes on firmware, sections 8 and 9; kernel strings, section 5; Linux 6.1 bnx2x_ethtool.c
(`bnx2x_get_eeprom`: only while the interface is up), Documentation/ABI/testing/sysfs-class-net (`addr_assign_type`).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256

from rig.config.plan import Firmware
from rig.errors import DeadlineError
from rig.model import Card, Measurement
from rig.parse import devlink, ethtool
from rig.parse.firmware_version import Agreement, compare
from rig.parse.kernel_log import events
from rig.parse.packed import unpack
from rig.ports import HostPort
from rig.steps.damage import complaints
from rig.steps.netdev import NetDev
from rig.steps.pci import Located, read_files, text_of

UNDAMAGED = "none"
BLANK_IDS = frozenset({"8086:10d8"})
"""What an Intel controller answers with when its EEPROM is blank, whatever card it is on."""
_DUMP_S = 600.0
"""A BCM57810S has 2 MiB of NVRAM; packed they are minutes at 115200 baud."""
_MADE_UP = "1"


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a card told of itself: rows, raw texts, and what belongs into `firmware/identity.json`."""

    measurements: tuple[Measurement, ...]
    evidence: dict[str, str]
    facts: dict[str, object]
    version: str | None = None
    """firmware-version of the first interface; None: nobody told one."""


def inventory(host: HostPort, card: Card, found: Located, devices: Sequence[NetDev], plan: Firmware) -> Inventory:
    """Versions, NVM, modules and damage of a card, by reading alone; what a driver or tool refuses says so."""
    evidence: dict[str, str] = {}
    drivers = _drivers(host, devices, evidence)
    functions = found.functions if plan.nvm_dump or plan.task == "backup" else ()
    dumps = [_nvm(host, function, devices, evidence) for function in functions]
    rows = [_damaged(host, card, found, devices, evidence), *_as_planned(card, drivers, plan)]
    facts: dict[str, object] = {
        "drivers": {name: asdict(driver) for name, driver in drivers.items()},
        "modules": _modules(host, card, devices, evidence),
        "devlink": _devlink(host, found, evidence),
        "nvm": {row.name: row.value if row.value is not None else row.note for dump in dumps for row in dump},
    }
    version = next((d.firmware_version for d in drivers.values() if d.firmware_version), None)
    return Inventory((*rows, *(row for dump in dumps for row in dump)), evidence, facts, version)


def _drivers(host: HostPort, devices: Sequence[NetDev], evidence: dict[str, str]) -> dict[str, ethtool.Driver]:
    found: dict[str, ethtool.Driver] = {}
    for device in devices:
        file = f"ethtool-i-{device.name}.txt"
        evidence[file] = host.run(f"ethtool -i {shlex.quote(device.name)}").text
        if driver := ethtool.driver(evidence[file]):
            found[device.name] = driver
    return found


# --- version --------------------------------------------------------------------------------------------------


def _as_planned(card: Card, drivers: Mapping[str, ethtool.Driver], plan: Firmware) -> list[Measurement]:
    """Whether the card has the version the plan names for its model; no row when it names none."""
    wanted = plan.versions.get(card.model)
    if wanted is None:
        return []
    versions = list(dict.fromkeys(d.firmware_version for d in drivers.values()))
    if not any(versions):
        return [Measurement("firmware.version_as_planned", None, "", f"no version was read; the plan wants {wanted}")]
    agreements = {compare(version, wanted) for version in versions}
    agreement = agreements.pop() if len(agreements) == 1 else Agreement.OTHER
    note = "" if agreement is Agreement.YES else f"is {' and '.join(versions)}, the plan wants {wanted}"
    return [
        Measurement("firmware.version_as_planned", str(agreement), "", note, f"ethtool-i-{next(iter(drivers))}.txt")
    ]


# --- NVM ------------------------------------------------------------------------------------------------------


def _nvm(host: HostPort, function: str, devices: Sequence[NetDev], evidence: dict[str, str]) -> list[Measurement]:
    """Size and hash of what one function's NVM holds, its dump kept below `firmware/`."""
    number = function.rpartition(".")[2]
    name, file = f"firmware.nvm.function{number}", f"firmware/nvm-function{number}.txt"
    device = next((d for d in devices if d.function == function), None)
    text = "no interface to ask" if device is None else _dump(host, device.name)
    content = ethtool.eeprom(text)
    if content is None:
        note = "not read: " + " ".join(text.split())[:200]
        return [Measurement(f"{name}.sha256", None, "", note), Measurement(f"{name}.size_bytes", None, "1", note)]
    evidence[file] = text
    return [
        Measurement(f"{name}.sha256", sha256(content).hexdigest(), "", "", file),
        Measurement(f"{name}.size_bytes", len(content), "1", "", file),
    ]


def _dump(host: HostPort, name: str) -> str:
    """What `ethtool -e` prints; an interface that must be up for it is up only as long as that takes."""
    text = _packed_dump(host, name)
    if ethtool.refusal(text) is not ethtool.Refusal.NOT_NOW:
        return text
    up = host.run(f"ip link set dev {shlex.quote(name)} up")
    if up.code:
        return f"{text} and it cannot be set up: {up.text}"
    try:
        return _packed_dump(host, name)
    finally:
        host.run(f"ip link set dev {shlex.quote(name)} down")


def _packed_dump(host: HostPort, name: str) -> str:
    """The dump through gzip, whose checksum tells a torn one; or the words that came instead."""
    try:
        reply = host.run(f"ethtool -e {shlex.quote(name)} 2>&1 | gzip -c | base64", timeout_s=_DUMP_S)
    except DeadlineError as e:
        return str(e)
    text = unpack(reply.text)
    return f"the console did not bring it whole: {reply.text[:100]}" if text is None else text


# --- modules, devlink -----------------------------------------------------------------------------------------


def _modules(host: HostPort, card: Card, devices: Sequence[NetDev], evidence: dict[str, str]) -> dict[str, object]:
    """Vendor, part and serial number of what is in each cage."""
    found: dict[str, object] = {}
    for device in devices if card.port_type != "RJ45" else ():
        file = f"module-{device.name}.txt"
        evidence[file] = host.run(f"ethtool -m {shlex.quote(device.name)}").text
        module = ethtool.module(evidence[file])
        found[device.name] = (
            {"vendor": module.vendor, "part_number": module.part_number, "serial": module.serial}
            if module
            else f"not read: {ethtool.refusal(evidence[file]) or 'no module answered'}"
        )
    return found


def _devlink(host: HostPort, found: Located, evidence: dict[str, str]) -> object:
    """What the driver tells devlink of its firmware; older hosts have no devlink, most drivers nothing to tell."""
    text = host.run(f"devlink dev info pci/{found.endpoint}").text
    infos = devlink.infos(text)
    if not infos:
        return f"not read: {devlink.refusal(text) or ' '.join(text.split())[:100]}"
    evidence["devlink.txt"] = text
    return asdict(infos[0])


# --- damage ---------------------------------------------------------------------------------------------------


def _damaged(
    host: HostPort, card: Card, found: Located, devices: Sequence[NetDev], evidence: dict[str, str]
) -> Measurement:
    """`none`, or everything that says that what is in the NVM is not what belongs there."""
    wrong = [
        *(f"blank EEPROM id {i}" for i in dict.fromkeys(found.ids.values()) if _is_blank(card, i)),
        *_in_kernel_log(host, card, found, evidence),
        *_bad_macs(host, devices),
    ]
    if wrong:
        return Measurement("firmware.damaged", "; ".join(dict.fromkeys(wrong)), "")
    if not devices:
        # a driver that took the card has found its NVM good; nothing has here
        return Measurement("firmware.damaged", None, "", "no interface, and the kernel log does not say why")
    return Measurement("firmware.damaged", UNDAMAGED, "")


def _is_blank(card: Card, pci_id: str) -> bool:
    return pci_id in BLANK_IDS or "blank" in card.other_ids.get(pci_id, "").lower()


def _in_kernel_log(host: HostPort, card: Card, found: Located, evidence: dict[str, str]) -> list[str]:
    """Damage the drivers of these functions complained of."""
    damages, lines = complaints(card, found.functions, events(host.run("dmesg").text))
    if lines:
        evidence["kernel-firmware.txt"] = "\n".join(lines) + "\n"
    return damages


def _bad_macs(host: HostPort, devices: Sequence[NetDev]) -> list[str]:
    ethernet = [d for d in devices if d.is_ethernet]
    paths = {d.name: f"/sys/class/net/{d.name}/addr_assign_type" for d in ethernet}
    files = read_files(host, list(paths.values()))
    made_up = [d.name for d in ethernet if (text_of(files, paths[d.name]) or "").strip() == _MADE_UP]
    bad = [f"{d.name} has the MAC {d.mac}" for d in ethernet if _is_no_station(d.mac)]
    return bad + [f"{name} has no MAC of its own, the kernel made one up" for name in made_up]


def _is_no_station(mac: str) -> bool:
    """All zero, or a group address (broadcast is one)."""
    octets = mac.split(":")
    try:
        numbers = [int(octet, 16) for octet in octets]
    except ValueError:
        return False
    return not any(numbers) or bool(numbers[0] & 1)
