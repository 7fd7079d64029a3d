"""What firmware is on the card, and the least risky way to Ethernet ports.

DETECT, IDENTIFY, CLASSIFY, BACKUP, CONFIG, EDIT, BUILD, VERIFY-IMAGE, AUTHORISE, BURN, VERIFY-FLASH, RESTART, CONFIRM
and RECOVERY of a ConnectX-3; every other family is read only.
Ref: domain notes on firmware, sections 1, 2, 5, 8 and 9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict

from rig.errors import BenchError, DeadlineError
from rig.model import Findings
from rig.parse.kernel_log import events, symptoms
from rig.steps.firmware import recovery
from rig.steps.firmware import tools as families
from rig.steps.firmware.backup import kept
from rig.steps.firmware.convert import (
    ALREADY,
    NEEDS_FLASH,
    PORT_TYPE,
    Route,
    by_image,
    by_link_type,
    by_port_type,
)
from rig.steps.firmware.identity import identify, in_recovery, is_connectx3, query, verified
from rig.steps.firmware.interfaces import missing_interfaces
from rig.steps.firmware.ports import Job, Ports
from rig.steps.firmware.read_only import inventory
from rig.steps.firmware.refused import Refused
from rig.steps.firmware.report import Log
from rig.steps.firmware.tools import Tools
from rig.steps.netdev import netdevs
from rig.steps.pci import Located, locate

NONE = "no ethernet mode"
SHOWN, BACKED_UP, RESTORED, NOT_DONE = "shown", "backed up", "restored", "not done"


def measure(ports: Ports, job: Job) -> Findings:
    """Identity, versions and health of the card's firmware, and what the plan's task asks; needs a booted host.

    DeadlineError when the card that was there is gone.
    """
    log = Log()
    found = locate(ports.host, job.card, job.root_port)
    if found is None:
        raise DeadlineError(
            "test host",
            f"the {job.card.model} that was there before",
            0.0,
            "nothing in its slot",
            "it went away between two steps: see the console log",
        )
    log.facts |= {"card": job.card.model, "pci_id": found.ids[found.endpoint]}
    tools = _identified(ports, job, found, log) if is_connectx3(found) else None
    route = _TASKS[job.plan.task](ports, job, found, tools, log)
    after = locate(ports.host, job.card, job.root_port) if route.restarted else found
    if after is not None:
        _inventory(ports, job, after, log)
    log.facts["route"] = route.name
    log.row("firmware.route", route.name, note=route.note)
    return log.findings()


def _identified(ports: Ports, job: Job, found: Located, log: Log) -> Tools | None:
    """IDENTIFY: PSID, GUIDs, MACs and versions as the flash has them; None where no tool is there to ask."""
    try:
        tools = families.find(ports.host, found.endpoint, job.tools.tools)
    except BenchError as e:
        log.row("firmware.psid", None, note=str(e))
        return None
    seen, text = query(ports.host, tools)
    log.evidence["mstflint-query.txt"] = text
    if seen is None:
        log.row("firmware.psid", None, note=f"{tools.burner} did not read it: {text.strip()[:200]}")
        return tools
    log.row("firmware.psid", seen.psid, evidence="mstflint-query.txt")
    log.row("firmware.flash_version", seen.fw_version, evidence="mstflint-query.txt")
    log.facts |= {
        "psid": seen.psid, "guids": list(seen.guids), "macs": list(seen.macs), "flash_version": seen.fw_version,
        "identity_set": seen.identity_set, "tools": tools.family,
    }  # fmt: skip
    return tools


def _inventory(ports: Ports, job: Job, found: Located, log: Log) -> None:
    """What interfaces and drivers say, after everything that may change them."""
    devices = netdevs(ports.host, found.functions)
    read = inventory(ports.host, job.card, found, devices, job.plan)
    log.measurements += read.measurements
    log.evidence |= read.evidence
    if job.plan.task == "ethernet":
        missing = missing_interfaces(ports.host, job.card, found, devices, ports.host.run("dmesg").text)
        log.measurements += missing.measurements
        log.evidence |= missing.evidence
    log.facts |= {**read.facts, "interfaces": [asdict(d) for d in devices]}
    version = read.version
    log.row("firmware.version", version, note="" if devices else "no interface to ask")


# --- tasks --------------------------------------------------------------------------------------------------------


def _ethernet(ports: Ports, job: Job, found: Located, tools: Tools | None, log: Log) -> Route:
    """The least risky route to Ethernet."""
    if in_recovery(found) or not is_connectx3(found):
        return _as_it_is(ports, job, found)
    route = by_port_type(ports, job, found, log)
    if route is not None and not (route.name == PORT_TYPE and job.plan.make_persistent):
        return route
    if tools is None:
        return route or Route(NEEDS_FLASH, "there is no flashing tool on the test host")
    if route is None and not log.facts["port_types"] and (why := _driver_missing(ports)):
        return Route(NEEDS_FLASH, why)
    complaints = [str(log.facts.get("port_type_refused", ""))]
    if route or _may_store(log):
        try:
            if stored := by_link_type(ports, job, found, tools, log):
                return stored
        except Refused as e:
            complaints.append(str(e))
    try:
        return route or by_image(ports, job, found, tools, log)
    except Refused as e:
        return Route(NEEDS_FLASH, "; ".join(filter(None, [*complaints, str(e)])))


def _driver_missing(ports: Ports) -> str:
    """Why a card without a driver is no case for a burn; empty: its BARs have no room, which an image can mend."""
    told = symptoms(events(ports.host.run("dmesg").text))
    if {"pci.bar_failed", "mlx4.missing_uar", "mlx4.uar_too_small"} & set(told):
        return ""
    return (
        "no driver has the card, and not for want of room for its BARs: modprobe mlx4_core mlx4_en; see the kernel log"
    )


def _may_store(log: Log) -> bool:
    """A stored LINK_TYPE can help where the driver failed; not where it said that this firmware has no Ethernet."""
    refused = str(log.facts.get("port_type_refused", ""))
    return bool(refused) and "not supported on this HCA" not in refused


def _as_it_is(ports: Ports, job: Job, found: Located) -> Route:
    """Of a card whose firmware the rig only reads."""
    if in_recovery(found):
        return Route(NEEDS_FLASH, f"in flash recovery ({found.ids[found.endpoint]}); {recovery.ORDER}")
    devices = netdevs(ports.host, found.functions)
    if devices and all(d.is_ethernet for d in devices):
        return Route(ALREADY)
    if not job.card.speeds_bps:
        return Route(NONE, "this card has no Ethernet mode that anybody sourced")
    return Route(NEEDS_FLASH, "its driver shows no network interface: see the kernel log")


def _show(ports: Ports, job: Job, found: Located, tools: Tools | None, log: Log) -> Route:
    """Nothing is changed; the flash of a ConnectX-3 is verified on top of what every run reads."""
    if tools is not None:
        seen, log.evidence["firmware/verify.txt"] = verified(ports.host, tools)
        log.row("firmware.flash_verifies", seen.ok if seen else None, note=seen.reason if seen else "not verified")
        log.evidence["firmware/parameters.txt"] = ports.host.run(tools.config("query"), 120.0).text
    return Route(SHOWN)


def _backup(ports: Ports, job: Job, found: Located, tools: Tools | None, log: Log) -> Route:
    """Two equal reads into the vault; of another family what its driver hands out, into the run's folder."""
    if not is_connectx3(found):
        return Route(BACKED_UP, "read only: what ethtool reads is below firmware/ of the run")
    if tools is None:
        return Route(NOT_DONE, "there is no flashing tool on the test host")
    try:
        identity, _, text = identify(ports.host, tools)
        backup = kept(ports, job, found, tools, identity, text, log)
    except Refused as e:
        return Route(NOT_DONE, str(e))
    return Route(BACKED_UP, str(backup.folder))


def _flash(ports: Ports, job: Job, found: Located, tools: Tools | None, log: Log) -> Route:
    """The plan's image, whatever the card is now; backup first."""
    if tools is None or in_recovery(found):
        why = "is in flash recovery: 'rig firmware restore' its own backup" if tools else "cannot be flashed by the rig"
        return Route(NOT_DONE, f"this card {why}")
    try:
        return by_image(ports, job, found, tools, log)
    except Refused as e:
        return Route(NOT_DONE, str(e))


def _restore(ports: Ports, job: Job, found: Located, tools: Tools | None, log: Log) -> Route:
    """A card's own backup, from flash recovery too."""
    if tools is None or job.restore is None:
        return Route(NOT_DONE, "this card cannot be flashed by the rig")
    recovery.refuse_foreign(job.restore, job)
    try:
        result, note = recovery.restored(ports, job, found, tools, job.restore, log)
    except Refused as e:
        return Route(NOT_DONE, str(e))
    return Route(RESTORED if result == recovery.REFLASHED else NOT_DONE, note, restarted=True)


Task = Callable[[Ports, Job, Located, Tools | None, Log], Route]
_TASKS: Mapping[str, Task] = {
    "ethernet": _ethernet, "show": _show, "backup": _backup, "flash": _flash, "restore": _restore,
}  # fmt: skip
