"""A batch on a bench: opened once, one run a unit, everything off and written down at the end."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rig import record
from rig.bench.load import Bench, open_bench
from rig.bench.place.folder import forget_dead
from rig.bench.place.lease import Reached, leased
from rig.bench.plugs import plug_in
from rig.config.library import project_root
from rig.errors import BenchError, RigError, UsageError
from rig.expect import Parts
from rig.model import Limit, Unit
from rig.netlist import Board, probe_pairs
from rig.plugin import firmware, golden, golden_check, started
from rig.plugin.aftermath import attend
from rig.plugin.order import Order
from rig.plugin.past import Past
from rig.plugin.standing import key
from rig.plugin.twin_process import TwinProcess
from rig.plugin.unitrun import Outcome, UnitRun
from rig.plugin.workshop import Workshop
from rig.report.pack import pack_power
from rig.steps.firmware.ports import Ports
from rig.vault import Burning

_ERRORS_IN_A_ROW = 2
"""After that many units without a judgement the bench is out of order and the rest is not tried."""

Tell = Callable[[str, str], None]
"""Progress: what about (`unit`, `step`, `bench`), and a sentence."""


@dataclass(frozen=True, slots=True)
class Part:
    """A batch that another process begins and ends, and several benches work."""

    folder: Path
    batch_id: str


class Campaign:
    """State of one batch; use as a context manager. With `part` it is one bench of several, and ends no batch."""

    def __init__(self, order: Order, tell: Tell, part: Part | None = None) -> None:
        self.order, self.tell = order, tell
        # before anything is written: its file may be wrong
        self._golden = golden.golden(order.bench_path, order.bench)
        self.is_part = part is not None
        self.outcomes: list[Outcome] = []
        self.cancelled = False
        self.error: str | None = None
        self.stopped: str | None = None
        """Why what was left of the order was not needed any more."""
        self.not_opened: RigError | None = None
        """Why the bench could not be opened at all."""
        self.taken_out: dict[str, str] = {}
        """Benches that broke while others went on, and why."""
        self._stack, self._lock = contextlib.ExitStack(), contextlib.ExitStack()
        self._journal: record.BatchRecord | None = None
        if part is None:
            self.folder, self.batch_id = record.batch_folder(order.out, project_root() / "results", order.batch.name)
            self._lock.enter_context(record.held(self.folder))
            self._journal = self._begun()
        else:
            self.folder, self.batch_id = part.folder, part.batch_id
        self._runs = self._journal or record.BatchRuns(self.folder)
        self._past = Past(self.folder, virtual=order.bench.is_virtual)
        self._errors_in_a_row: list[Unit] = []
        self._running: UnitRun | None = None
        self._measured: list[tuple[Unit, Mapping[str, float]]] = []
        self._bench: Bench | None = None
        self._twin_versions: dict[str, str] = {}
        self._reach: Reached | None = None
        self.workshop = Workshop(order, firmware.vault(order.bench_path, order.bench), None)

    def open(self) -> Bench:
        """Start the twin if there is one, then open the bench; BenchError when a plug does not answer."""
        try:
            self._bench = self._open()
            if self.order.judges and not self.order.proves_bench:
                # only now: a burn that a run left is looked after on a bench in any order
                golden.refuse_out_of_order(self._golden)
        except RigError as e:
            self.not_opened, self.error = e, str(e)
            raise
        return self._bench

    @property
    def bench(self) -> Bench:
        """The open bench; UsageError before `open()`."""
        if self._bench is None:
            raise UsageError("the bench is not open")
        return self._bench

    def _open(self) -> Bench:
        path = self._reached()
        unfinished = self.workshop.vault.on_bench(*self.workshop.keys)
        if self.order.twin_path is not None:
            state = self._twin_state(unfinished)
            self.workshop = replace(self.workshop, twin_state=state)
            twin = TwinProcess(self.order.twin_path, state)
            self._stack.callback(twin.close)
            self._twin_versions = dict(twin.plugs.get("versions", {}))
            path = plug_in(path, twin.plugs, state / "bench.yaml")
        self.tell(
            "bench",
            f"opening {self.order.bench.name}" + (" (virtual)" if self.order.bench.is_virtual else ""),
        )
        bench = self._stack.enter_context(contextlib.closing(open_bench(path, self.folder)))
        for burning in unfinished:
            self._attend(bench, burning)
        # every plug that powers anything answers now, with all outputs off, or no unit is touched
        bench.strategy.transition("off")
        if self.order.twin_path is None:
            forget_dead(self.order.bench_path)
        return bench

    def _reached(self) -> Path:
        """The bench file to open: the order's, or that of its place, once it is this batch's."""
        order = self.order
        # a twin of its own goes with the job
        self._reach = here = self._stack.enter_context(
            leased(order.bench_path, order.terms, self.folder, self._tell_bench, watch=order.twin_path is None)
        )
        if here.place:
            self.tell("bench", f"place {here.place} is acquired")
            self.workshop = replace(self.workshop, place=here.place)
        return here.bench_path

    def _tell_bench(self, text: str) -> None:
        self.tell("bench", text)

    @property
    def lost(self) -> str | None:
        """Why the bench's place is not this batch's any more."""
        return self._reach.lost if self._reach else None

    def _twin_state(self, unfinished: tuple[Burning, ...]) -> Path:
        """Where the twin keeps its cards: as ordered, or where a burn that never ended left them, or anew."""
        if self.order.twin_state is not None:
            return self.order.twin_state.resolve()
        left = [Path(b.twin_state) for b in unfinished if b.twin_state]
        if there := [folder for folder in left if folder.is_dir()]:
            return there[0]
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="rig-twin-")))

    def _attend(self, bench: Bench, unfinished: Burning) -> None:
        def ports() -> Ports:
            return self.workshop.ports(bench, _no_restart, self.tell, lambda *_, **__: None)

        job = self.workshop.job(bench, unfinished.unit, unfinished.run)
        # a twin's supply is a new one each time: whoever guards the old one has nothing left to guard
        record = replace(unfinished, guardian=None) if self.order.twin_path else unfinished
        attend(bench, self.workshop.vault, ports, job, record, self._tell_bench)

    def close(self) -> None:
        """Everything off, the twin gone, the stop record written; raises BenchError when off could not be proven."""
        try:
            self._stack.close()
        except BenchError as e:
            self.error = self.error or str(e)
            raise
        finally:
            self.error = self.error or self.lost
            status = "cancelled" if self.cancelled else "error" if self.error else "finished"
            if self._journal is not None:
                self._journal.stop(status, self.error, self.taken_out)
                for outcome in self.outcomes:
                    pack_power(outcome.folder)
            self._lock.close()

    @contextlib.contextmanager
    def unit(self, number: int) -> Iterator[UnitRun]:
        """The order's insert `number` (from 0) taken through the plan once; its journal is closed whatever happens."""
        insert = self.order.inserts[number]
        unit = self.order.units[insert.unit]
        again = f", retry {insert.again}" if insert.again else ""
        self.tell("unit", f"{insert.unit + 1}/{len(self.order.units)} {unit}{again}")
        run = UnitRun(
            self.bench,
            self.parts(unit),
            self.board(unit),
            self.order.plan,
            unit,
            self._runs.run(self._start_of(unit)),
            self.tell,
            self.workshop,
            self.order.asked,
            self._past.of,
        )
        run.refuse(self.error)
        self._running = run
        try:
            yield run
        finally:
            if self._running is run:
                self.end()

    @property
    def is_at_unit(self) -> bool:
        """Whether a run goes on."""
        return self._running is not None

    def end(self) -> Outcome | None:
        """Close the run that goes on, power off and all; its outcome, None where there is none."""
        run, self._running = self._running, None
        if run is None:
            return None
        if self.lost:
            run.fail(self.lost)
        off = None if self.cancelled else golden_check.proven(self._golden, self.order, run, self.tell)
        outcome = run.close(cancelled=self.cancelled)
        self.outcomes.append(outcome)
        self._count_errors(outcome)
        self.error = self.error or off
        return outcome

    def not_due(self, number: int) -> str | None:
        """Why the order's insert `number` is not taken: a retry that nothing calls for; None: it is."""
        insert, policy = self.order.inserts[number], self.order.plan.retry
        if insert.again == 0 or self.is_part:
            return None
        last = next((o for o in self.outcomes[-1:] if o.unit == self.order.units[insert.unit]), None)
        if last is None:
            return "no retry: the first try has no record"
        if self.error or last.hands_off:
            return f"no retry: {self.error or last.hands_off}"
        return None if last.verdict in policy.on else f"no retry: the last attempt is {last.verdict}"

    def enough(self) -> str | None:
        """Ask the order whether what was measured so far decides it; the reason, kept in `stopped`."""
        if self.order.enough is None or self._running is None:
            return None
        self._measured.append((self._running.unit, self._running.numbers()))
        self.stopped = self.order.enough(self._measured)
        return self.stopped

    def parts(self, unit: Unit) -> Parts:
        options = self.order.bench
        driven = self.bench.options.driven  # a twin's host may drive less than the bench file says
        return Parts(
            self.order.library.adapter(unit.adapter.design),
            self.order.library.card(unit.card.model),
            options.slot.slot(),
            options.partner_bps,
            len(options.ports),
            probe_pairs(self.board(unit)),
            self._envelope(unit),
            options.topology == "riser",
            options.path_bps,
            None if driven is None else tuple(driven),
        )

    def _envelope(self, unit: Unit) -> Mapping[str, Limit]:
        learned = self.order.envelope
        return learned.limits(unit.card.model, virtual=self.order.bench.is_virtual) if learned else {}

    def board(self, unit: Unit) -> Board:
        return Board(self.order.library.adapter(unit.adapter.design), unit.adapter)

    def _count_errors(self, outcome: Outcome) -> None:
        if outcome.error:
            with contextlib.suppress(UsageError):  # not off: the next unit meets the same failure and says it
                self.bench.strategy.fresh_start()
        if not outcome.error:
            self._errors_in_a_row = []
        elif not any(key(u) == key(outcome.unit) for u in self._errors_in_a_row):
            self._errors_in_a_row.append(outcome.unit)
        if len(self._errors_in_a_row) >= _ERRORS_IN_A_ROW and self.error is None:
            self.error = f"the bench is out of order ({_ERRORS_IN_A_ROW} units in a row): {outcome.error}"

    def _start_of(self, unit: Unit) -> record.Start:
        attempt = record.attempts_before(self.folder, unit) + 1
        return started.run_start(self.order, self.batch_id, unit, attempt, self.bench.supply, self._twin_versions)

    def _begun(self) -> record.BatchRecord:
        """The batch's start on record, or that it is gone on with, under the id that it has."""
        then = self.order.then
        if then is None:
            return record.BatchRecord(self.folder, started.batch_row(self.order, self.batch_id))
        self.batch_id = then.start.batch_id
        return record.BatchRecord(self.folder, started.resumed_row(self.order), resumed=True)


def _no_restart(while_off: Callable[[], None] | None) -> None:
    del while_off
    raise UsageError("nothing is switched before it is known what came of a burn")
