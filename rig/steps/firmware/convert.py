"""From InfiniBand to Ethernet by the least risky route: port type, stored LINK_TYPE, finished image, own image.

Ref: domain notes on firmware, section 1 (decision order) and section 2 (states and commands).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from rig.config.plan import Image as Authorised
from rig.steps.firmware import backup as backups
from rig.steps.firmware import burn as burns
from rig.steps.firmware import image as images
from rig.steps.firmware import link_type, port_type, recovery, soundness
from rig.steps.firmware import tools as families
from rig.steps.firmware.authority import Authority
from rig.steps.firmware.backup import kept
from rig.steps.firmware.cancel import cancel_waits
from rig.steps.firmware.identity import device_id, identify
from rig.steps.firmware.image import Image
from rig.steps.firmware.ports import Job, Ports
from rig.steps.firmware.refused import Refused
from rig.steps.firmware.report import Log
from rig.steps.firmware.tools import Tools
from rig.steps.netdev import netdevs
from rig.steps.pci import Located, locate
from rig.vault import Backup, Identity

ALREADY, PORT_TYPE, LINK_TYPE = "already ethernet", "port type", "link type"
FLASHED, CUSTOM = "flashed", "flashed own image"
NEEDS_FLASH, BURN_FAILED = "needs flash", "burn failed"
_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Route:
    """How the card came to Ethernet, or why it did not."""

    name: str
    note: str = ""
    restarted: bool = False


def by_port_type(ports: Ports, job: Job, found: Located, log: Log) -> Route | None:
    """What the driver alone can do: nothing, or the port type of this boot. None: it takes more than that."""
    types = port_type.port_types(ports.host, found)
    log.facts["port_types"] = types
    devices = netdevs(ports.host, found.functions)
    if types and all(t == "eth" for t in types.values()) and devices:
        return Route(ALREADY)
    if not types:
        return None
    if not job.plan.change_port_type:
        return Route(NEEDS_FLASH, f"ports are {port_type.shown(types)}; the plan forbids to change the port type")
    ports.tell("port type")
    refused = port_type.make_ethernet(ports.host, found, types, job.plan.port_type_deadline_s)
    if refused:
        log.facts["port_type_refused"] = refused
        return None
    note = f"was {port_type.shown(types)}, now eth; lasts until the next boot unless LINK_TYPE is set with mstconfig"
    return Route(PORT_TYPE, note)


def by_link_type(ports: Ports, job: Job, found: Located, tools: Tools, log: Log) -> Route | None:
    """Store the port type on the card; None: its firmware stores none. Refused when storing it failed."""
    stored, text = link_type.stored(ports.host, tools)
    log.evidence["firmware/parameters.txt"] = text
    if not stored:
        return None
    identity, _, query_text = identify(ports.host, tools)
    kept(ports, job, found, tools, identity, query_text, log)
    ports.tell("LINK_TYPE")
    with cancel_waits(ports.tell):
        ports.guard.burn(True)
        try:
            refused, text = link_type.set_ethernet(ports.host, tools, stored)
        finally:
            ports.guard.burn(False)
    log.evidence["firmware/parameters-set.txt"] = text
    if refused:
        raise Refused(refused)
    ports.event("link_type", before=stored)
    after = _restarted(ports, job)
    why = _not_ethernet(ports, job, after)
    if why:
        raise Refused(f"LINK_TYPE is stored, and after a cold restart {why}")
    return Route(LINK_TYPE, "stored with mstconfig; holds from boot to boot", restarted=True)


def by_image(ports: Ports, job: Job, found: Located, tools: Tools, log: Log) -> Route:
    """Burn what the plan authorises, backup first; a Route that says needs flash or burn failed when it cannot."""
    if not job.plan.images and job.plan.build is None:
        raise Refused("the plan authorises no image (firmware.images) and no build (firmware.build)")
    identity, _, query_text = identify(ports.host, tools)
    image, authority, name = _chosen(ports, job, found, tools, identity, log)
    if unknown := soundness.refuse_unsound(ports, found):
        log.row("firmware.not_looked_at", unknown, note="before the burn; nothing spoke against it")
    backup = kept(ports, job, found, tools, identity, query_text, log)
    return burned(ports, job, tools, image, authority, backup, name, log)


def burned(
    ports: Ports, job: Job, tools: Tools, image: Image, authority: Authority, backup: Backup, name: str, log: Log
) -> Route:
    """BURN, VERIFY-FLASH, RESTART and CONFIRM of an image that passed every gate."""
    ports.tell(f"burning {image.version} {image.psid}")
    done = burns.flash(ports, job, tools, image, authority, backup)
    log.evidence["firmware/burn.txt"] = done.text
    log.row("firmware.burn_s", done.seconds, "s", evidence="firmware/burn.txt")
    log.row("firmware.failsafe", done.failsafe, note="; ".join(done.asked))
    log.row("firmware.image.sha256", image.sha256, note=f"authorised by {authority.by}")
    if not done.ok:
        untouched = "" if done.started else "nothing was written; "
        # a second time under power is all that can be done for a flash that does not answer any more
        record = ports.vault.unfinished(job.unit.card.serial)
        state = recovery.after_failure(ports, job, record, log) if record is not None else done.flash
        log.row("firmware.after_failure", state)
        return Route(
            BURN_FAILED if done.started else NEEDS_FLASH,
            f"{done.why}; {untouched}{state}",
            restarted=record is not None,
        )
    after = _restarted(ports, job)
    if after is None:
        return Route(BURN_FAILED, "the flash verified, but after a cold restart the card is not there: see FLASH PRSNT")
    tools = families.find(ports.host, after.endpoint, job.tools.tools)
    if strange := _not_the_same(ports, tools, image, backup, log):
        return Route(BURN_FAILED, f"the flash verified, but after a cold restart {strange}", restarted=True)
    why = _not_ethernet(ports, job, after) if job.plan.task == "ethernet" else ""
    if why and by_port_type(ports, job, after, log) is None:
        return Route(NEEDS_FLASH, f"{image.psid} {image.version} runs, and {why}", restarted=True)
    change = f"{backup.identity.psid} to {image.psid}, " if image.psid != backup.identity.psid else ""
    return Route(name, f"{change}{backup.identity.version} to {image.version}", restarted=True)


# --- what may be burned -------------------------------------------------------------------------------------------


def _chosen(
    ports: Ports, job: Job, found: Located, tools: Tools, identity: Identity, log: Log
) -> tuple[Image, Authority, str]:
    """The first of the plan's images that fits this card, else one of its own INI; Refused says why there is none."""
    complaints: list[str] = []
    for authorised, data in zip(job.plan.images, job.images, strict=True):
        try:
            image = images.check(ports.host, tools, data, device_id(found))
            return image, authorise(ports, job, identity, image, authorised), FLASHED
        except Refused as e:
            complaints.append(f"{authorised.file}: {e}")
            log.row("firmware.images_refused", len(complaints), "1", "; ".join(complaints))
    if job.plan.build is None:
        raise Refused("; ".join(complaints))
    try:
        return _own_image(ports, job, found, tools, identity, log)
    except Refused as e:
        raise Refused("; ".join([*complaints, str(e)])) from e


def _own_image(
    ports: Ports, job: Job, found: Located, tools: Tools, identity: Identity, log: Log
) -> tuple[Image, Authority, str]:
    """EDIT and BUILD: the card's own INI with Ethernet on and SR-IOV off; its PSID must stay."""
    text = backups.ini(ports.host, tools).decode("utf-8", "surrogateescape")
    if not text:
        raise Refused("the image on the flash carries no INI: there is nothing to build from")
    data, edited = images.built(ports.builder, text)
    log.evidence["firmware/own.ini"] = edited
    image = images.check(ports.host, tools, data, device_id(found))
    if image.psid != identity.psid:
        raise Refused(
            f"the built image has PSID {image.psid}, the card {identity.psid}: mlxburn changed what it must not"
        )
    allow = job.plan.build.allow if job.plan.build else []
    return image, Authority("plan", frozenset(allow)), CUSTOM


def authorise(ports: Ports, job: Job, card: Identity, image: Image, authorised: Authorised) -> Authority:
    """AUTHORISE: from the plan's entry, or from the operator where the plan lets them be asked; Refused otherwise."""
    change = (card.psid, image.psid) if card.psid != image.psid else None
    allowed = (authorised.from_psid, authorised.to_psid) if authorised.from_psid is not None else None
    if change is None and allowed is not None and allowed != (card.psid, card.psid):
        raise Refused(f"the plan says PSID {allowed[0]} to {allowed[1]}, the card and the image both have {card.psid}")
    if change == allowed or change is None:
        return Authority("plan", frozenset(authorised.allow), change)
    shown = f"PSID {change[0]} on the card, {change[1]} in the image"
    if job.plan.ask and ports.operator.confirm(_question(job, card, image)):
        return Authority("operator", frozenset([*authorised.allow, "same version", "older version"]), change)
    raise Refused(
        f"{shown}: changing it is not authorised; if it is meant, give the plan's image "
        f"from_psid: {change[0]} and to_psid: {change[1]}"
    )


def _question(job: Job, card: Identity, image: Image) -> str:
    return (
        f"card {job.unit.card.serial} ({job.card.model}): PSID {card.psid}, firmware {card.version}\n"
        f"image {image.sha256}: PSID {image.psid}, firmware {image.version}\n"
        "burn it, and change the PSID of the card?"
    )


# --- RESTART and CONFIRM ------------------------------------------------------------------------------------------


def _restarted(ports: Ports, job: Job) -> Located | None:
    """A cold restart, and the card as the host finds it then; None: it does not."""
    ports.tell("cold restart")
    ports.cold_restart(None)
    return locate(ports.host, job.card, job.root_port)


def _not_the_same(ports: Ports, tools: Tools, image: Image, backup: Backup, log: Log) -> str:
    """What is wrong where the new firmware should run on a card with its own GUIDs and MACs; empty: nothing."""
    try:
        now, seen, text = identify(ports.host, tools)
    except Refused as e:
        return str(e)
    log.evidence["firmware/query-after.txt"] = text
    kept = now.same_card(backup.identity)
    log.row("firmware.identity_kept", kept, note="GUIDs and MACs equal to the backup's")
    running = seen.running_version or now.version
    log.row("firmware.running_version", running)
    if not kept:
        return "its GUIDs and MACs are not its own any more: restore the backup"
    return "" if running == image.version else f"{running} still runs: switch it off for longer"


def _not_ethernet(ports: Ports, job: Job, found: Located | None) -> str:
    """What is missing of an Ethernet card after a restart; empty: nothing."""
    if found is None:
        return "the card is not there"
    deadline = time.monotonic() + job.plan.port_type_deadline_s
    while True:
        types = port_type.port_types(ports.host, found)
        due = job.card.ports or len(types) or 1
        there = [d for d in netdevs(ports.host, found.functions) if d.is_ethernet]
        if len(there) >= due and all(t == "eth" for t in types.values()):
            return ""
        if time.monotonic() > deadline:
            return f"{len(there)} of {due} Ethernet interfaces are there; {port_type.shown(types) or 'no port types'}"
        time.sleep(_POLL_S)
