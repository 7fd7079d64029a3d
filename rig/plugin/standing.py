"""What a batch's folder already holds: which units are done, which boards are known not to be shorted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rig.errors import UsageError
from rig.judge import worst
from rig.model import Step, Unit, Verdict
from rig.report import journal, rework
from rig.report.journal import RunLog
from rig.report.schema import BatchStart
from rig.report.summary import latest, outcomes

Key = tuple[str, str]


def key(unit: Unit) -> Key:
    """A unit of a batch: serials of its adapter and its card."""
    return unit.adapter.serial, unit.card.serial


@dataclass(frozen=True, slots=True)
class Standing:
    """A batch as it was left."""

    folder: Path
    start: BatchStart
    runs: tuple[RunLog, ...]
    """Of this batch, oldest first; one without a stop record crashed."""
    every_run: tuple[RunLog, ...]
    """In the folder: earlier batches with the same `--out` too."""
    reworked_s: Mapping[str, float]
    """Adapter serial to the time of its last rework entry."""

    def was_scanned(self, tray: str) -> bool:
        """Whether its units are in a file of that name in its own folder."""
        own = [Path(file) for file in self.start.hashes if Path(file).name == tray]
        return any(file.parent.name == self.folder.resolve().name for file in own)

    def done(self, unit: Unit) -> bool:
        """Whether its last run through the whole plan came to its end; a bench fault or a cancel is no end."""
        whole = [r for r in self._of(unit) if not r.start.steps]
        return bool(whole) and whole[-1].status == "finished"

    def latest(self) -> dict[Key, RunLog]:
        """The run that decides what each unit is, as the report has it."""
        found = outcomes(journal.Journal(self.folder, (), self.runs, ()))
        return {(o.adapter.serial, o.card.serial): o.run for o in latest(found) if o.run}

    def not_shorted(self, unit: Unit) -> str | None:
        """None when the board's last short check here is a PASS and nobody soldered since; else the reason."""
        checked = self._checks_of(unit)
        if not checked:
            return "it has none in this folder"
        rows = [j for j in checked[-1].rows if j.step == Step.SHORT_CHECK]
        verdict = worst(j.verdict for j in rows if j.verdict) if rows else None
        if verdict is not Verdict.PASS:
            return f"it is {verdict or 'not on record: that run crashed'}"
        if self.reworked_s.get(unit.adapter.serial, 0.0) > checked[-1].start.started_s:
            return "the board was reworked since"
        return None

    def was_checked(self, unit: Unit) -> bool:
        """Whether the folder says anything of a short check of this board."""
        return bool(self._checks_of(unit))

    def _checks_of(self, unit: Unit) -> list[RunLog]:
        return [r for r in self.every_run if self._short_checks(r, unit)]

    def _short_checks(self, run: RunLog, unit: Unit) -> bool:
        mine = (run.start.adapter.design, run.start.adapter.serial) == (unit.adapter.design, unit.adapter.serial)
        asked = run.start.steps
        if not mine or (asked and Step.SHORT_CHECK not in asked):
            return False
        # a plan without a short check leaves no row of it; a run that crashed may have been at it
        return run.crashed or any(j.step == Step.SHORT_CHECK for j in run.rows)

    def _of(self, unit: Unit) -> list[RunLog]:
        return [r for r in self.runs if (r.start.adapter.serial, r.start.card.serial) == key(unit)]


def standing(folder: Path) -> Standing:
    """The batch in `folder`; UsageError when there is none, or it cannot be read."""
    found = journal.read(folder)
    batch = next((b for b in found.batches if b.folder == folder), None)
    if batch is None:
        why = next((p for p in found.problems if "batch.json" in p), "there is no batch.json in it")
        raise UsageError(f"{folder}: no batch to go on with: {why}; leave --resume out to begin one")
    mine = tuple(r for r in found.runs if r.folder.parent == folder)
    own = tuple(r for r in mine if r.start.batch_id == batch.start.batch_id)
    entries, _ = rework.read(folder)
    return Standing(folder, batch.start, own, mine, {e.serial: e.time_s for e in entries})


def holds_batch(folder: Path | None) -> bool:
    """Whether somebody began a batch there."""
    return folder is not None and (folder / "batch.json").is_file()


def refuse_another(then: Standing, name: str, bench: str, hashes: Mapping[str, str]) -> None:
    """UsageError that says in what an order differs from the batch in the folder."""
    differences = list(_differences(then.start, name, bench, hashes))
    if differences:
        raise UsageError(
            f"{then.folder}: this is not the batch that was begun there: {'; '.join(differences)}; "
            "begin another with --out, or put the files back"
        )


def _differences(start: BatchStart, name: str, bench: str, hashes: Mapping[str, str]) -> Iterator[str]:
    for what, was, is_now in (("batch", start.batch, name), ("bench", start.bench, bench)):
        if was != is_now:
            yield f"the {what} was {was!r} and is {is_now!r}"
    # by name: the same files may be given from another folder
    then, now = _named(start.hashes), _named(hashes)
    for file in sorted({name for name, _ in (then - now) + (now - then)}):
        before, after = (any(name == file for name, _ in files) for files in (then, now))
        yield f"{file} " + ("has changed" if before and after else "was part of it" if before else "is new")


def _named(hashes: Mapping[str, str]) -> Counter[tuple[str, str]]:
    return Counter((Path(path).name, digest) for path, digest in hashes.items())
