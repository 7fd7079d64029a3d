"""RECOVERY and RECOVERY-CHECK: a card whose flash may hold nothing that boots, back to what it was.

Ref: domain notes on firmware, section 5: 15b3:01f6 and 01f8, FLASH PRSNT, GUIDs and MACs from the backup.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rig.errors import UsageError
from rig.model import Limit
from rig.parse import flint
from rig.ports import HostPort
from rig.steps.firmware import burn as burns
from rig.steps.firmware import tools as families
from rig.steps.firmware.backup import kept
from rig.steps.firmware.identity import identify, in_recovery, verified
from rig.steps.firmware.job import Ended
from rig.steps.firmware.job import Job as HostJob
from rig.steps.firmware.ports import Job, Ports
from rig.steps.firmware.refused import Refused
from rig.steps.firmware.report import Log
from rig.steps.firmware.tools import Tools
from rig.steps.pci import Located, locate
from rig.vault import Backup, Burning, Identity, load

NOT_NEEDED, FINISHED, OLD, REFLASHED = "not needed", "burn had finished", "old firmware intact", "reflashed from backup"
SHORT_OFF, FAILED = "short taken off FLASH PRSNT", "failed"
LIMIT = Limit("a flash in nobody knows what state is no pass", one_of=(NOT_NEEDED, FINISHED, OLD, REFLASHED, SHORT_OFF))
ORDER = (
    "1 everything off, standby LED out; 2 short the two holes marked FLASH PRSNT on the card; 3 power on and boot with "
    "it shorted; 4 rig firmware restore; 5 everything off, short off; 6 power on"
)
"""Ref: the thread's recovery of a 544FLR: short before power-on, boot, flash, short off, power cycle."""


def is_due(ports: Ports, job: Job) -> bool:
    """Whether the card answers with its recovery id."""
    found = locate(ports.host, job.card, job.root_port)
    return found is not None and in_recovery(found)


def check(ports: Ports, job: Job, record: Burning | None, log: Log) -> Located | None:
    """Bring a card that may have a torn flash to where its firmware runs; where it is then, None: it did not come back.

    Needs a booted host. `record`: the burn that never ended; None: the card answers with its recovery id.
    """
    ports.tell("recovery check")
    found = locate(ports.host, job.card, job.root_port)
    try:
        result, note = _brought_back(ports, job, found, record, log)
    except Refused as e:
        result, note = FAILED, str(e)
    log.row("firmware.recovery", result, note=note)
    ports.event("recovery", result=result, note=note)
    return locate(ports.host, job.card, job.root_port)


def await_job(
    host: HostPort, record: Burning, tell: Callable[[str], None], deadline_s: float, log: Log
) -> Ended | None:
    """Follow a burn that outlived the rig to its end, every question answered with no; None: there is none."""
    if not record.job:
        return None
    job = HostJob(host, record.job)
    if (ended := job.poll()) is None:
        tell("a burn is still in progress on the test host: waiting for its end")
        ended = job.follow(lambda text: "n", burns.progress(tell), deadline_s)
    log.evidence["firmware/burn-before.txt"] = ended.text
    return ended


def restored(ports: Ports, job: Job, found: Located, tools: Tools, backup: Backup, log: Log) -> tuple[str, str]:
    """Put this backup of the card back, a backup of what is on it now first where that can be read.

    Refused when another card is in the slot.
    """
    if in_recovery(found):
        return _reflashed(ports, job, tools, backup, log, even_if_whole=True)
    if not (why := _unsound(ports.host, tools, log)):
        now, _, text = identify(ports.host, tools)
        _refuse_other_card(now, backup)
        kept(ports, job, found, tools, now, text, log)
    result, note = _burned_back(ports, job, tools, backup, why or "asked for")
    if result != REFLASHED:
        return result, note
    ports.cold_restart(None)
    return _after_restart(ports, job, result, note)


def _brought_back(ports: Ports, job: Job, found: Located | None, record: Burning | None, log: Log) -> tuple[str, str]:
    backup = load(Path(record.backup)) if record else own_backup(ports, job)
    if found is None:
        return _from_nothing(ports, job, backup if record else None, log)
    tools = families.find(ports.host, found.endpoint, job.tools.tools)
    if in_recovery(found):
        return _reflashed(ports, job, tools, backup, log, even_if_whole=False)
    if record is None or backup is None:
        return NOT_NEEDED, ""
    if why := _unsound(ports.host, tools, log):
        ports.tell("the flash is not whole: putting the card's own backup back")
        return _burned_back(ports, job, tools, backup, why)
    now, _, _ = identify(ports.host, tools)
    _refuse_other_card(now, backup)
    ports.vault.end(job.unit.card.serial)
    ports.guard.burn(False)
    return (FINISHED if now.psid == record.psid and now.psid != backup.identity.psid else OLD), f"PSID {now.psid}"


def _from_nothing(ports: Ports, job: Job, backup: Backup | None, log: Log) -> tuple[str, str]:
    """Not on the bus after a burn: try FLASH PRSNT before the adapter is blamed; whatever is on the flash goes."""
    if backup is None:
        return NOT_NEEDED, "the card is not there"
    ports.tell("the card is not there after an interrupted burn: FLASH PRSNT")
    ports.cold_restart(lambda: ports.operator.flash_prsnt(shorted=True))
    found = locate(ports.host, job.card, job.root_port)
    if found is None or not in_recovery(found):
        ports.cold_restart(lambda: ports.operator.flash_prsnt(shorted=False))
        return FAILED, f"not even with FLASH PRSNT shorted does it answer; by hand, in this order: {ORDER}"
    tools = families.find(ports.host, found.endpoint, job.tools.tools)
    result, note = _reflashed(ports, job, tools, backup, log, even_if_whole=True)
    return result, note if result != FAILED else f"{note}; FLASH PRSNT may still be shorted: take the short off"


def _reflashed(
    ports: Ports, job: Job, tools: Tools, backup: Backup | None, log: Log, *, even_if_whole: bool
) -> tuple[str, str]:
    """In flash recovery: the own backup goes on; a flash that is whole already means that FLASH PRSNT is shorted."""
    seen, text = verified(ports.host, tools)
    log.evidence["firmware/recovery-verify.txt"] = text
    whole = seen is not None and seen.ok
    if whole and not (even_if_whole and backup is not None and not burns.as_before(ports, tools, backup)):
        ports.tell("the flash is whole: FLASH PRSNT is shorted")
        return _after_restart(ports, job, SHORT_OFF, "the flash was whole")
    if backup is None:
        return FAILED, (
            f"no backup of card {job.unit.card.serial} in {ports.vault.root}: burn an image of its PSID by hand with "
            "its own GUIDs and MACs (they are on its label)"
        )
    result, note = _burned_back(ports, job, tools, backup, flint.problem(text) or "asked for")
    return _after_restart(ports, job, result, note) if result == REFLASHED else (result, note)


def _after_restart(ports: Ports, job: Job, result: str, note: str) -> tuple[str, str]:
    """A cold restart brings the firmware up; one more without the short where it does not."""
    ports.cold_restart(None)
    found = locate(ports.host, job.card, job.root_port)
    if found is None or in_recovery(found):
        ports.cold_restart(lambda: ports.operator.flash_prsnt(shorted=False))
        found = locate(ports.host, job.card, job.root_port)
    if found is None or in_recovery(found):
        where = "not there" if found is None else f"still {found.ids[found.endpoint]}"
        return FAILED, f"{result}, and after a cold restart it is {where}; by hand, in this order: {ORDER}"
    ports.vault.end(job.unit.card.serial)
    return result, note


def _burned_back(ports: Ports, job: Job, tools: Tools, backup: Backup, why: str) -> tuple[str, str]:
    try:
        burned = burns.put_back(ports, job, tools, backup, "own backup")
    except Refused as e:
        return FAILED, str(e)
    return (REFLASHED, f"{why}; {backup.folder}") if burned.ok else (FAILED, burned.why)


def _refuse_other_card(now: Identity, backup: Backup) -> None:
    """A whole flash with GUIDs and MACs of its own that are not the backup's is another card's."""
    if now.macs and not now.same_card(backup.identity):
        raise Refused(
            f"another card is in the slot: its MACs are {' '.join(now.macs)}, those of card "
            f"{backup.unit.card.serial} are {' '.join(backup.identity.macs)}"
        )


def after_failure(ports: Ports, job: Job, record: Burning, log: Log) -> str:
    """A flash that a failed burn left in nobody knows what state: a cold restart shows it; what came of it."""
    ports.tell("the state of the flash is not known: cold restart")
    ports.cold_restart(None)
    check(ports, job, record, log)
    row = next(m for m in log.measurements if m.name == "firmware.recovery")
    return f"{row.value} {row.note}".strip()


def condition(host: HostPort, job: Job, record: Burning, log: Log) -> tuple[str, Tools | None, Backup]:
    """What is wrong with the flash of the card an interrupted burn was for (empty: nothing), the tools, its backup."""
    backup = load(Path(record.backup))
    found = locate(host, job.card, job.root_port)
    if found is None:
        return "the card is not there", None, backup
    tools = families.find(host, found.endpoint, job.tools.tools)
    return _unsound(host, tools, log), tools, backup


def own_backup(ports: Ports, job: Job) -> Backup | None:
    """The newest backup of this card, of the same kind of bench: a virtual card's image never goes on a real one."""
    mine = [b for b in ports.vault.of_card(job.unit.card.serial) if b.virtual == job.virtual]
    return mine[-1] if mine else None


def refuse_foreign(backup: Backup, job: Job) -> None:
    """UsageError for a backup of another card, or from a virtual bench on a real one (or the other way)."""
    if backup.unit.card.serial != job.unit.card.serial:
        raise UsageError(f"{backup.folder}: is of card {backup.unit.card.serial}, not {job.unit.card.serial}")
    if backup.virtual != job.virtual:
        kind = "virtual" if backup.virtual else "real"
        raise UsageError(
            f"{backup.folder}: is of a {kind} card, and this bench is {'virtual' if job.virtual else 'real'}"
        )


def _unsound(host: HostPort, tools: Tools, log: Log) -> str:
    """What is wrong with the flash of a card that answers; empty: it verifies."""
    found, text = verified(host, tools)
    log.evidence["firmware/recovery-verify.txt"] = text
    if found is None or not found.ok:
        return found.reason if found else "; ".join(flint.messages(text).errors) or "it cannot be verified"
    return ""
