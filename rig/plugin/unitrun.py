"""One unit taken through the plan once: steps in order, each recorded before it is allowed to fail."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rig.bench.load import Bench
from rig.config.plan import PlanFile
from rig.diagnose import Case, diagnose
from rig.diagnose.priors import History
from rig.errors import BenchError, RigError, TripError
from rig.expect import Parts, expectation
from rig.judge import blocked, failed_names, judge, overall, worst
from rig.model import Cause, Findings, Judged, Measurement, Step, Unit, Verdict
from rig.netlist import Board
from rig.plugin.told import is_no_short, sentence
from rig.plugin.workshop import Workshop
from rig.record import RunRecord
from rig.steps.firmware import recovery
from rig.steps.firmware.ports import Job, Ports
from rig.steps.firmware.report import Log

Measure = Callable[[], Findings]
_BY_ITS_DRIVER = (Step.LINK, Step.THROUGHPUT, Step.POWER_PROFILE, Step.SOAK)
"""Steps that say nothing of a card whose driver the host has not got."""
NOT_OFF = "it is not proven that the power is off"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    unit: Unit
    verdict: Verdict
    failed: tuple[str, ...]
    causes: tuple[Cause, ...]
    error: str | None
    folder: Path
    hands_off: str | None = None
    """Why nothing may take this unit again by itself; None: the plan's policy decides."""
    bench: str = ""
    """Where it was read back."""


class NotTaken(Exception):
    """The step was not taken, or a limit in it was not measured; the text says why."""


class Failed(Exception):
    """The unit failed limits of this step; the text names them."""


class UnitRun:
    """What the tests of one unit share."""

    def __init__(
        self,
        bench: Bench,
        parts: Parts,
        board: Board,
        plan: PlanFile,
        unit: Unit,
        journal: RunRecord,
        tell: Callable[[str, str], None],
        workshop: Workshop,
        asked: Sequence[str] = (),
        history: Callable[[str], History | None] = lambda design: None,
    ) -> None:
        self.bench, self.parts, self.board, self.plan, self.unit = bench, parts, board, plan, unit
        self.journal, self._tell = journal, tell
        self.expected = expectation(parts, plan)
        self._judged: list[Judged] = []
        self._taken: set[Step] = set()
        self._stopped_by: str | None = None
        self._error: str | None = None
        self._inserted: str | None = None
        self._looked_for_recovery = False
        self._workshop = workshop
        self._asked, self._history = asked, history
        self._hands_off: str | None = None
        bench.supply.record(journal.folder / "power.jsonl")

    def refuse(self, reason: str | None) -> None:
        """Take no step of this unit (the bench is out of order); None: go on."""
        self._stopped_by = reason

    def fail(self, reason: str) -> None:
        """The bench is this batch's no more: what of the unit was not judged stays so, and its run is an error."""
        self._error = self._stopped_by = reason

    @property
    def judged(self) -> tuple[Judged, ...]:
        """Every judgement so far."""
        return tuple(self._judged)

    @property
    def error(self) -> str | None:
        """What was wrong with the bench; None: nothing was."""
        return self._error

    def bench_is_off(self, why: str) -> None:
        """The bench does not measure what it did: this run judged nothing, whatever its rows say."""
        self._error = self._error or why
        self.journal.event("error", text=why)
        self._keep(Step(self.plan.steps[-1]), [Judged(Measurement("bench.golden", None, ""), Verdict.ERROR, why)])

    # --- where the unit is ------------------------------------------------------------------------------------

    def bare(self) -> None:
        """The bare adapter is on the probe fixture and everything is off."""
        self._insert("bare")

    def inserted(self) -> None:
        """The adapter with its card is in the slot; power is as it was when it already was there, else off."""
        self._insert("unit")

    def booted(self) -> None:
        """The unit is in the slot, its rails are on and the host answers in a shell."""
        self.inserted()
        self._up()
        self._recover_first()

    def adapter_booted(self) -> None:
        """The adapter without its card is in the slot and the host answers in a shell."""
        self._insert("adapter")
        self._up()

    def on_aux(self) -> None:
        """The unit is in the slot, everything is off but 3.3 V."""
        self.inserted()
        self.bench.strategy.transition("aux")

    def _up(self) -> None:
        strategy, console = self.bench.strategy, self.bench.console
        if strategy.status.name != "shell":
            strategy.transition("rails")
            # the log is open before the mains come on, so that no boot text is lost
            self.bench.target.activate(console)
            console.log_to(self.journal.folder / "console.log")
        strategy.transition("shell")

    def cold_restart(self, while_off: Callable[[], None] | None = None, off_s: float | None = None) -> None:
        """Everything off for `off_s` (None: what the plan gives firmware), then up to the shell.

        `while_off` is done while all is off.
        """
        self.bench.strategy.transition("off")
        if while_off is not None:
            while_off()
        time.sleep(self.plan.firmware.off_s if off_s is None else off_s)
        self.booted()

    def numbers(self) -> dict[str, float]:
        """What was measured so far, the last value of each name."""
        found = [j.measurement for j in self._judged]
        return {m.name: m.value for m in found if isinstance(m.value, float) and math.isfinite(m.value)}

    # --- firmware ---------------------------------------------------------------------------------------------

    def firmware_ports(self) -> Ports:
        """What the firmware step may touch."""
        return self._workshop.ports(self.bench, self.cold_restart, self._tell, self.journal.event)

    def firmware_job(self) -> Job:
        """What the firmware step is to do to this unit."""
        return self._workshop.job(self.bench, self.unit, str(self.journal.folder))

    def _recover_first(self) -> None:
        """A card whose last burn never ended, or that shows its recovery id, is brought back before it is judged."""
        if self._looked_for_recovery or self.parts.card.recovery_id is None:
            return
        self._looked_for_recovery = True
        ports, job = self.firmware_ports(), self.firmware_job()
        record = ports.vault.unfinished(self.unit.card.serial)
        if record is None and not (self.plan.firmware.recover and recovery.is_due(ports, job)):
            return
        log = Log()
        recovery.check(ports, job, record, log)
        kept = self.journal.evidence(Step.FIRMWARE, log.evidence)
        found = [replace(m, evidence=kept.get(m.evidence, "")) for m in log.measurements]
        rows = judge(found, {"firmware.recovery": recovery.LIMIT})
        self.journal.judged(Step.FIRMWARE, rows)
        self._judged.extend(rows)

    def _insert(self, wanted: str) -> None:
        if self._inserted == wanted:
            return
        self.bench.strategy.transition("off")
        if wanted == "adapter":
            self.bench.operator.insert_adapter(self.unit)
        else:
            self.bench.operator.insert(self.unit, bare=wanted == "bare")
        self._inserted = wanted

    # --- steps ------------------------------------------------------------------------------------------------

    def cannot(self, step: Step, why: str) -> None:
        """This bench cannot take the step: recorded, NotTaken raised."""
        self._not_taken(step, why)
        raise NotTaken(why)

    def take(self, step: Step, measure: Measure) -> None:
        """Measure, judge, write, then raise what came of it: NotTaken, Failed or BenchError; PASS returns."""
        if self._stopped_by:
            self._not_taken(step, self._stopped_by)
            raise NotTaken(self._stopped_by)
        if step in _BY_ITS_DRIVER and self.parts.no_driver:
            self.cannot(step, self.parts.no_driver)
        self.journal.event("step_start", step=step)
        self._tell("step", step)
        try:
            self.bench.supply.mark(step)
            findings = self._measured(measure)
            verdict = self._decide(step, findings)
        except RigError as e:
            if isinstance(e, TripError):
                self._hands_off = "the guardian switched everything off"
            self._bench_failed(step, str(e))
            raise
        except Exception as e:
            # a fault of the rig itself: the unit was not judged, and nobody may take silence for a pass
            self._bench_failed(step, f"fault in the rig: {type(e).__name__}: {e}")
            raise
        self._tell("verdict", verdict or "recorded")
        self.journal.event("step_end", step=step, verdict=verdict)
        if verdict is not None:
            self._raise(step, verdict)

    def _measured(self, measure: Measure) -> Findings:
        """What the step found; where the guardian cut the power meanwhile, that is what came of it."""
        try:
            return measure()
        finally:
            if trip := self.bench.supply.tripped():
                raise TripError(f"supply: the guardian switched everything off: {trip}")

    def _decide(self, step: Step, findings: Findings) -> Verdict | None:
        """None: everything was recorded and nothing has a limit."""
        paths = self.journal.evidence(step, findings.evidence)
        found = [replace(m, evidence=paths.get(m.evidence, m.evidence)) for m in findings.measurements]
        judged = judge(found, self.expected.get(step, {}))
        self._keep(step, judged)
        return overall(judged) if any(j.verdict for j in judged) or not judged else None

    def _raise(self, step: Step, verdict: Verdict) -> None:
        rows = [j for j in self._judged if j.verdict is verdict]
        if verdict is Verdict.FAIL:
            self._stopped_by = f"stopped after {step} failed"
            if step is Step.SHORT_CHECK:
                self._hands_off = "its short check failed"
            raise Failed("; ".join(sentence(j) for j in rows))
        if verdict is Verdict.NOT_RUN:
            if step is Step.SHORT_CHECK and (unknown := [j for j in rows if not is_no_short(j)]):
                names = ", ".join(j.measurement.name for j in unknown)
                self._stopped_by = f"stopped after {step}: it is not known whether {names} is a short"
                self._hands_off = self._stopped_by
            raise NotTaken("; ".join(sentence(j) for j in rows) or "nothing in this step was judged")

    def _bench_failed(self, step: Step, text: str) -> None:
        self._error = text
        self._stopped_by = f"stopped after the bench failed in {step}: {text}"
        self._keep(step, [self._whole(step, text, Verdict.ERROR)])
        self.journal.event("error", step=step, text=text)
        self.journal.event("step_end", step=step, verdict=Verdict.ERROR)
        self._tell("error", text)
        self._inserted = None

    def _not_taken(self, step: Step, why: str) -> None:
        rows = blocked(self.expected.get(step, {}), why, Verdict.NOT_RUN)
        self._keep(step, [self._whole(step, why, Verdict.NOT_RUN), *rows])

    def _keep(self, step: Step, judged: list[Judged]) -> None:
        self._taken.add(step)
        self.journal.judged(step, judged)
        self._judged.extend(judged)

    @staticmethod
    def _whole(step: Step, why: str, verdict: Verdict) -> Judged:
        """A row that stands for the step itself."""
        return Judged(Measurement(f"{step}.completed", None, ""), verdict, why)

    # --- the end ----------------------------------------------------------------------------------------------

    def close(self, *, cancelled: bool) -> Outcome:
        """Power off, steps that were never reached recorded, causes found, stop record written."""
        self._power_off()
        why = "cancelled" if cancelled else self._stopped_by or "no test took it"
        for step in map(Step, self.plan.steps):
            if step not in self._taken:
                self._not_taken(step, "not asked for this time" if self._is_left_out(step) else why)
        verdict = worst(j.verdict for j in self._judged if j.verdict is not None)
        causes = self._causes(verdict)
        failed = tuple(failed_names(self._judged))
        self._end_records()
        status = "cancelled" if cancelled else "error" if self._error else "finished"
        self.journal.stop(status, verdict, failed, causes, self._error)
        self._tell("outcome", f"{verdict}" + (f" - {causes[0]}" if causes else ""))
        return Outcome(self.unit, verdict, failed, causes, self._error, self.journal.folder, self._hands_off)

    def _is_left_out(self, step: Step) -> bool:
        return bool(self._asked) and step not in self._asked

    def _power_off(self) -> None:
        try:
            self.bench.strategy.safe_off()
        except BenchError as e:
            self._error = self._error or str(e)
            self._hands_off = NOT_OFF
            self.journal.event("error", text=f"off could not be proven: {e}")
            self._keep(Step(self.plan.steps[-1]), [Judged(Measurement("bench.off", None, ""), Verdict.ERROR, str(e))])

    def _end_records(self) -> None:
        try:
            self.bench.supply.record(None)
            self.bench.console.log_to(None)
        except BenchError as e:
            self._error = self._error or str(e)
            self.journal.event("error", text=str(e))

    def _causes(self, verdict: Verdict) -> tuple[Cause, ...]:
        if verdict is Verdict.ERROR:
            return (
                Cause(
                    "bench error: the unit was not judged",
                    evidence=(self._error or "",),
                    action=self._error or "",
                ),
            )
        # a good unit's causes need no rates
        history = None if verdict is Verdict.PASS else self._history(self.unit.adapter.design)
        found = diagnose(Case(self.board, self.parts.card, self.parts.slot, tuple(self._judged), history))
        if verdict is Verdict.NOT_RUN and not found:
            rows = [j for j in self._judged if j.verdict is Verdict.NOT_RUN]
            return (Cause("not run", evidence=(rows[0].measurement.name,), action=rows[0].why),) if rows else ()
        return found
