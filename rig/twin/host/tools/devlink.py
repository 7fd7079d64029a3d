"""`devlink dev [show]` and `devlink dev info [HANDLE]` of iproute2 6.1, as a Linux 6.1 kernel answers them.

Of the drivers here bnxt_en and mlx5_core tell versions, mlx4_core is a devlink device without any; the others, i40e
among them (it came with 6.7), are none. Ref: net/core/devlink.c (`devlink_nl_cmd_info_get_doit`), bnxt_devlink.c
(`bnxt_dl_info_get`), mellanox/mlx5/core/devlink.c (`mlx5_devlink_info_get`), iproute2 devlink/devlink.c.
The ASIC numbers, PSID and management firmware of bnxt_en are the twin's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rig.twin.host import pci
from rig.twin.host.device import Device
from rig.twin.host.tools.base import Answer, Context

_VERSIONS = ("bnxt_en", "mlx5_core")
_KNOWN = (*_VERSIONS, "mlx4_core")
Sections = Mapping[str, Mapping[str, str]]


def run(context: Context, argv: Sequence[str]) -> Answer:
    """Ask drivers about their devices."""
    words = list(argv)
    if words in (["-V"], ["-Version"]):
        return Answer(out="devlink utility, iproute2-6.1.0\n")
    if not words or words == ["help"]:
        return Answer(err="Usage: devlink [ OPTIONS ] OBJECT { COMMAND | help }\n")
    if words[0] != "dev":
        return Answer(err=f'Object "{words[0]}" not found\n', code=1)
    if words[1:2] == ["info"]:
        return _info(context, words[2:])
    if words[1:] in ([], ["show"]):
        return Answer(out="".join(f"pci/{d.bdf}\n" for d in _devices(context)))
    return Answer(err=f'Command "{words[1]}" not found\n', code=1)


def _devices(context: Context) -> list[Device]:
    return [d for d in context.kernel.devices.values() if d.bound and d.driver in _KNOWN]


def _info(context: Context, handles: Sequence[str]) -> Answer:
    there = {f"pci/{d.bdf}": d for d in _devices(context)}
    if not handles:
        return Answer(out="".join(_text(context, d) for d in there.values() if d.driver in _VERSIONS))
    device = there.get(handles[0])
    if device is None:
        return _answers("No such device")
    return Answer(out=_text(context, device)) if device.driver in _VERSIONS else _answers("Operation not supported")


def _answers(reason: str) -> Answer:
    return Answer(err=f"kernel answers: {reason}\n", code=1)


def _text(context: Context, device: Device) -> str:
    firmware = context.kernel.view.firmware_version
    lines = [f"pci/{device.bdf}:", f"  driver {device.driver}"]
    lines += [f"  serial_number {_serial(context, device)}"] if device.driver == "bnxt_en" else []
    sections = _bnxt(firmware, device) if device.driver == "bnxt_en" else _mlx5(firmware)
    lines += ["  versions:"]
    for name, versions in sections.items():
        lines += [f"      {name}:", *(f"        {key} {value}" for key, value in versions.items())]
    return "\n".join(lines) + "\n"


def _bnxt(firmware: str, device: Device) -> Sections:
    """`218.0.166.0/pkg 218.0.169.1`: the firmware, and the package it came in."""
    running, _, package = firmware.partition("/pkg ")
    chip = pci.device(device.identity)
    return {
        "fixed": {"asic.id": f"{chip:04X}", "asic.rev": "1"},
        "running": {"fw.psid": "0.0.0", "fw": package or running, "fw.mgmt": running, "fw.mgmt.api": "1.10.2"},
        "stored": {"fw.psid": "0.0.0", "fw": package or running, "fw.mgmt": running},
    }


def _mlx5(firmware: str) -> Sections:
    """`14.27.1016 (HP_2420110034)`: the firmware, and its PSID."""
    version, _, psid = firmware.partition(" (")
    versions = {"fw.version": version, "fw": version}
    return {"fixed": {"fw.psid": psid.rstrip(")")} if psid else {}, "running": versions, "stored": versions}


def _serial(context: Context, device: Device) -> str:
    """The PCIe serial number: the MAC of its first port with FF-FE in the middle."""
    macs = [p.mac for p in context.kernel.view.ports if p.function == device.number]
    mac = (macs[0] if macs else "00:00:00:00:00:00").upper().split(":")
    return "-".join([*mac[:3], "FF", "FE", *mac[3:]])
