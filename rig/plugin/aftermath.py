"""A burn that outlived the run that began it: before anything is switched, the next run looks what came of it.

Ref: domain notes on firmware, section 6: a rig that died in a burn leaves an unknown flash, and a burn that still
goes on is not cut.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rig.bench.load import Bench
from rig.errors import BenchError
from rig.record import safe_name
from rig.steps.firmware import burn as burns
from rig.steps.firmware import recovery
from rig.steps.firmware.ports import Job, Ports
from rig.steps.firmware.report import Log
from rig.vault import UNKNOWN, Burning, Vault

Tell = Callable[[str], None]


def attend(bench: Bench, vault: Vault, ports: Callable[[], Ports], job: Job, record: Burning, tell: Tell) -> None:
    """Follow the burn to its end if it still goes on, and prove the flash; what stays unknown stays on record.

    Nothing is switched: whoever keeps the power on is taken over, and no other guardian is started, because that
    would put every output off. `ports` may only be made of an open supply. BenchError when that is in use.
    """
    tell(f"a burn of card {record.unit.card.serial} was in progress when a run ended ({record.started}): looking")
    bench.supply_driver.adopt_from = Path(record.guardian) if record.guardian else None
    adopted = record.guardian is not None and bench.supply_driver.adopt()
    log = Log()
    try:
        bench.strategy.attach()
        tell(_seen(bench, vault, ports if adopted else None, job, record, log, tell))
    except BenchError as e:
        tell(f"the test host does not tell what came of it ({e}); the card is looked at after its next boot")
        vault.update(record, UNKNOWN)
    finally:
        _keep(record, log)
        bench.strategy.detach()
    if adopted:
        bench.supply_driver.burn(False)


def _seen(
    bench: Bench, vault: Vault, ports: Callable[[], Ports] | None, job: Job, record: Burning, log: Log, tell: Tell
) -> str:
    """What came of it, for a person."""
    recovery.await_job(bench.host, record, tell, job.plan.burn_deadline_s, log)
    why, tools, backup = recovery.condition(bench.host, job, record, log)
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
