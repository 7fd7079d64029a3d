"""BURN and VERIFY-FLASH: one image onto one card, with the power held on and a record that says so.

The unsafe window is from the first erase to `Restoring signature - OK`. Through all of it the guardian cuts for
over-current only, a cancel waits, and a rig that dies leaves the burn running on the test host.
Ref: domain notes on firmware, sections 2, 4 and 6; mstflint(1) burn.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from rig.errors import BenchError
from rig.parse import flint
from rig.parse.flint import Problem
from rig.steps.firmware import backup as backups
from rig.steps.firmware import image as images
from rig.steps.firmware.authority import Answers, Authority
from rig.steps.firmware.cancel import cancel_waits
from rig.steps.firmware.identity import identity, query, remedy, verified
from rig.steps.firmware.image import Image
from rig.steps.firmware.job import ROOT, Ended, NotStartedError
from rig.steps.firmware.job import Job as HostJob
from rig.steps.firmware.ports import Job, Ports
from rig.steps.firmware.refused import Refused
from rig.steps.firmware.tools import Tools
from rig.vault import UNKNOWN, Backup, Burning, Identity

OWN_BACKUP = frozenset({"same version", "older version", "not failsafe", "blank VSD"})
"""What putting a card's own image back may be asked: all of it leads to where the card was."""
_RESTORES = 2
_KILLED = 128
"""A shell's exit code beyond this is a signal's."""
_STEP_PERCENT = 10


@dataclass(frozen=True, slots=True)
class Burned:
    """What came of a burn."""

    ok: bool
    """The flash verifies and holds the image."""
    started: bool = False
    """The flash was written to."""
    failsafe: bool = True
    why: str = ""
    """For a person; empty when it went well."""
    problem: Problem | None = None
    seconds: float = 0.0
    text: str = ""
    asked: tuple[str, ...] = ()
    flash: str = ""
    """After a failure: what is on the flash now."""


def flash(ports: Ports, job: Job, tools: Tools, image: Image, authority: Authority, backup: Backup) -> Burned:
    """Burn and prove it; after a failure the card's own backup is put back while its old firmware still runs.

    When this returns the flash is known to be good and the record of the burn is gone, or the record says
    "unknown flash state". A cancel is raised at the end, not before.
    """
    with cancel_waits(ports.tell):
        _hold(ports, job, image, backup)
        try:
            burned = _burned(ports, job, tools, image, authority)
        except NotStartedError:
            _settle(ports, job)
            raise
        if burned.ok or not burned.started:
            _settle(ports, job)
        else:
            burned = replace(burned, flash=_gone_back(ports, job, tools, backup, burned))
    return burned


def put_back(ports: Ports, job: Job, tools: Tools, backup: Backup, by: str) -> Burned:
    """Burn a card's own backup, whatever is on its flash; settled or not as `flash` says."""
    with cancel_waits(ports.tell):
        image = images.check(ports.host, tools, backup.flash, backup.identity.device_id)
        _hold(ports, job, image, backup)
        try:
            burned = _back_on(ports, job, tools, image, backup, by)
        except NotStartedError as e:
            _give_up(ports, job, str(e))
            raise
        if burned.ok:
            _settle(ports, job)
        else:
            _give_up(ports, job, burned.why)
    return burned


# --- the power and the record -----------------------------------------------------------------------------------


def _hold(ports: Ports, job: Job, image: Image, backup: Backup) -> None:
    """Nothing cuts the power from here on, and the disk says why."""
    ports.guard.burn(True)
    try:
        ports.vault.begin(_record(ports, job, image, backup))
    except BaseException:
        ports.guard.burn(False)
        raise
    ports.event("burn", state="begun", image=image.sha256, psid=image.psid, backup=str(backup.folder))


def _record(ports: Ports, job: Job, image: Image, backup: Backup) -> Burning:
    socket = ports.guard.burn_socket
    return Burning(
        bench=job.bench, unit=job.unit, backup=str(backup.folder), image_sha256=image.sha256, psid=image.psid,
        job="", run=job.run, guardian=str(socket) if socket else None, twin_state=job.twin_state,
    )  # fmt: skip


def _settle(ports: Ports, job: Job) -> None:
    """The flash is known to be good: the record goes, and the power may."""
    ports.vault.end(job.unit.card.serial)
    ports.guard.burn(False)
    ports.event("burn", state="settled")


def _give_up(ports: Ports, job: Job, why: str) -> None:
    """Nothing is being written any more, and nobody knows what is on the flash."""
    record = ports.vault.unfinished(job.unit.card.serial)
    if record is not None:
        ports.vault.update(record, UNKNOWN)
    ports.guard.burn(False)
    ports.event("burn", state=UNKNOWN, why=why)


# --- one burn ---------------------------------------------------------------------------------------------------


def _burned(ports: Ports, job: Job, tools: Tools, image: Image, authority: Authority) -> Burned:
    """Failsafe first; not failsafe only after the tool's own message and with that authorised; then verified."""
    burned = _tried(ports, job, tools, image, authority, nofs=False)
    lost = burned.problem is Problem.NO_GUIDS and authority.identity is not None
    if (burned.problem is Problem.NOT_FAILSAFE or lost) and not burned.started:
        if "not failsafe" not in authority.allow:
            return replace(burned, why=f"{burned.why}; a burn that is not failsafe is not authorised")
        burned = _tried(ports, job, tools, image, authority, nofs=True)
    return _proven(ports, tools, image, burned) if burned.ok else burned


def _tried(ports: Ports, job: Job, tools: Tools, image: Image, authority: Authority, *, nofs: bool) -> Burned:
    arguments = ["-i", image.path]
    if authority.psids is not None:
        arguments.append("-allow_psid_change")
    if nofs:
        arguments.append("-nofs")
        if authority.identity is not None:
            arguments += _identifiers(authority.identity)
    name = f"burn-{secrets.token_hex(4)}"
    record = ports.vault.unfinished(job.unit.card.serial)
    if record is not None:
        # before it starts: a rig that dies between the two must not leave a burn that nobody knows of
        ports.vault.begin(replace(record, job=f"{ROOT}/{name}"))
    host_job = HostJob.start(ports.host, name, tools.flint(*arguments, "burn"))
    answers, start = Answers(authority), time.monotonic()
    ended = host_job.follow(answers, progress(ports.tell), job.plan.burn_deadline_s)
    return _read(ended, answers, time.monotonic() - start)


def _identifiers(own: Identity) -> list[str]:
    """Options that give a flash without an image the card's own GUIDs, MACs and VSD."""
    if (len(own.guids), len(own.macs)) == (4, 2):
        return ["-use_image_ps", "-guids", *own.guids, "-macs", *own.macs]
    base = [(option, value) for option, value in (("-guid", own.base_guid), ("-mac", own.base_mac)) if value]
    return ["-use_image_ps", *(word for pair in base for word in pair)]


def _read(ended: Ended, answers: Answers, seconds: float) -> Burned:
    seen, problem = flint.burn(ended.text), flint.problem(ended.text)
    why = ""
    if not seen.done or ended.code != 0:
        said = "; ".join(flint.messages(ended.text).errors) or ended.text.strip()[-200:]
        why = answers.refused or f"{problem or 'it ended early'} (exit {ended.code}): {said}; {remedy(problem)}"
    failsafe = flint.Prompt.NOT_FAILSAFE not in answers.asked
    started = seen.started or not _gave_a_reason(ended, answers)
    return Burned(not why, started, failsafe, why, problem, seconds, ended.text, tuple(answers.asked))


def _gave_a_reason(ended: Ended, answers: Answers) -> bool:
    """The tool itself said why it stopped; one that was killed may have erased before it printed a word of it."""
    told = bool(flint.messages(ended.text).errors or answers.refused)
    return told and ended.code is not None and ended.code <= _KILLED


def _proven(ports: Ports, tools: Tools, image: Image, burned: Burned) -> Burned:
    """VERIFY-FLASH: the sums, and that it is this image."""
    found, text = verified(ports.host, tools)
    if found is None or not found.ok:
        reason = found.reason if found else text.strip()[-200:]
        return replace(burned, ok=False, why=f"the tool reported success, but the flash does not verify: {reason}")
    seen, text = query(ports.host, tools)
    if seen is None or (seen.psid, seen.fw_version) != (image.psid, image.version):
        return replace(burned, ok=False, why=f"the flash does not hold the image: {text.strip()[:200]}")
    return burned


def progress(tell: Callable[[str], None]) -> Callable[[str], None]:
    """What a burn printed so far goes in, a line for every tenth comes out."""
    told = [-1]

    def look(text: str) -> None:
        now = flint.progress(text)
        if now is not None and now.percent // _STEP_PERCENT != told[0]:
            told[0] = now.percent // _STEP_PERCENT
            tell(f"{now.phase} {now.percent} %")

    return look


# --- back to the backup -----------------------------------------------------------------------------------------


def _gone_back(ports: Ports, job: Job, tools: Tools, backup: Backup, failed: Burned) -> str:
    """After a burn that wrote and failed: the flash as it was before, proven; or what keeps it from that.

    BenchError, with everything left on, when a burn that was not failsafe could not be undone: the old firmware
    still runs, and no other way back is as good.
    """
    why = ""
    for _ in range(_RESTORES):
        if as_before(ports, tools, backup):
            _settle(ports, job)
            return "restored: the flash holds its own backup again" if why else "unchanged: the flash equals its backup"
        ports.tell("the burn failed: putting the card's own backup back")
        try:
            image = images.check(ports.host, tools, backup.flash, backup.identity.device_id)
        except Refused as e:
            why = str(e)
            continue
        burned = _back_on(ports, job, tools, image, backup, "own backup")
        if burned.ok:
            _settle(ports, job)
            return "restored: the flash holds its own backup again"
        why = burned.why
        ports.event("burn", state="not restored", why=why)
    if not failed.failsafe:
        raise BenchError(
            f"{failed.why}; its backup could not be put back ({why}): everything stays on while the old firmware runs; "
            f"'rig firmware restore {backup.folder}' on this bench goes on from here"
        )
    _give_up(ports, job, why)
    return f"unknown: the backup could not be put back ({why})"


def _back_on(ports: Ports, job: Job, tools: Tools, image: Image, backup: Backup, by: str) -> Burned:
    """The backup burned and verified, and the card its own self again."""
    burned = _burned(ports, job, tools, image, _own(ports, tools, backup, by))
    if not burned.ok:
        return burned
    seen, _ = query(ports.host, tools)
    now = identity(seen) if seen else None
    if now is None or not now.same_card(backup.identity):
        return replace(burned, ok=False, why="the backup is on the flash, but not with its GUIDs and MACs")
    return burned


def as_before(ports: Ports, tools: Tools, backup: Backup) -> bool:
    """Whether the flash reads as the backup does; a flash without an image does not read at all."""
    try:
        return backups.read_back(ports.host, tools, "after")[1] == backup.sha256
    except BenchError:
        return False


def _own(ports: Ports, tools: Tools, backup: Backup, by: str) -> Authority:
    """To put back what the card had, and its GUIDs and MACs with it."""
    seen, _ = query(ports.host, tools)
    there, own = seen.psid if seen else None, backup.identity
    psids = (there, own.psid) if there is not None and there != own.psid else None
    return Authority(by, OWN_BACKUP, psids, own)
