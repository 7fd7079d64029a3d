"""A burn that outlived the run that began it: before anything is switched, the next run looks what came of it.

Ref: domain notes on firmware, section 6: a rig that died in a burn leaves an unknown flash, and a burn that still
goes on is not cut.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rig.bench.load import Bench
from rig.errors import BenchError
from rig.record import safe_name
from rig.steps.firmware import burn as burns
from rig.steps.firmware import recovery
from rig.steps.firmware.cancel import cancel_waits
from rig.steps.firmware.ports import Job, Ports
from rig.steps.firmware.report import Log
from rig.vault import UNKNOWN, Burning, Vault

Tell = Callable[[str], None]


def attend(bench: Bench, vault: Vault, ports: Callable[[], Ports], job: Job, record: Burning, tell: Tell) -> None:
    """Follow the burn to its end if it still goes on, and prove the flash; what stays unknown stays on record.

    Nothing is switched: whoever keeps the power on is taken over, and no other guardian is started, because that
    would put every output off. `ports` may only be made of an open supply. BenchError, and everything stays as it is,
    while nobody can tell whether the burn still goes on.
    """
    tell(f"a burn of card {record.unit.card.serial} was in progress when a run ended ({record.started}): looking")
    if bench.strategy.mains_are_off():
        vault.update(record, UNKNOWN)
        return tell("its test host is off: the card is looked at after its next boot")
    bench.supply_driver.adopt_from = Path(record.guardian) if record.guardian else None
    bench.strategy.holding = True
    with cancel_waits(tell):
        adopted = record.guardian is not None and bench.supply_driver.adopt()
        log = Log()
        try:
            _followed(bench, job, record, log, tell)
            tell(_came_of_it(bench, vault, ports if adopted else None, job, record, log))
        finally:
            _keep(record, log)
            bench.strategy.detach()
        if adopted:
            bench.supply_driver.burn(False)
        bench.strategy.holding = False
    return None


def _followed(bench: Bench, job: Job, record: Burning, log: Log, tell: Tell) -> None:
    """Until the burn has certainly ended: it did, or so much time has passed that it must have."""
    deadline_s = job.plan.burn_deadline_s
    try:
        bench.strategy.attach()
        recovery.await_job(bench.host, record, tell, deadline_s, log)
    except BenchError as e:
        age_s = (datetime.now(UTC) - datetime.fromisoformat(record.started)).total_seconds()
        if 0 <= age_s < deadline_s:
            raise BenchError(
                f"firmware may still be burned, and the test host does not tell ({e}): nothing is switched; look at "
                f"its console, or run again in {deadline_s - age_s:.0f} s"
            ) from e
        tell(f"the test host does not tell what came of it ({e})")


def _came_of_it(
    bench: Bench, vault: Vault, ports: Callable[[], Ports] | None, job: Job, record: Burning, log: Log
) -> str:
    """The flash proven, or its backup put back while the old firmware still runs; for a person."""
    try:
        why, tools, backup = recovery.condition(bench.host, job, record, log)
    except BenchError as e:
        vault.update(record, UNKNOWN)
        return f"the test host does not answer ({e}): the card is looked at after its next boot"
    if not why:
        vault.end(record.unit.card.serial)
        return "it had ended, and the flash is whole"
    if tools is None or ports is None:
        vault.update(record, UNKNOWN)
        return f"{why}: the card is looked at after its next boot"
    burned = burns.put_back(ports(), job, tools, backup, "own backup")
    return "the card's own backup is on it again" if burned.ok else f"putting its backup back failed: {burned.why}"


def _keep(record: Burning, log: Log) -> None:
    """What the tools said, with the run that began it, if its folder is still there."""
    folder = Path(record.run) / "firmware"
    for name, text in log.evidence.items():
        try:
            if folder.is_dir():
                file = folder / f"after-{safe_name(name.rpartition('/')[2])}"
                file.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as e:
            raise BenchError(f"{folder}: cannot be written: {e.strerror}; free the disk") from e
