"""What a batch was ordered to do: every file read and checked before anything is touched."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rig.bench.load import check_bench
from rig.bench.place.lease import Terms
from rig.config.batch import BatchFile, load_batch, tray_path
from rig.config.bench import TARGET, BenchOptions
from rig.config.envelope import EnvelopeFile, load_envelope
from rig.config.library import Library, default_library, project_root
from rig.config.plan import PlanFile, load_plan
from rig.config.twin import load_twin
from rig.config.yamlfile import load
from rig.errors import UsageError
from rig.model import Unit
from rig.plugin import firmware
from rig.plugin.choice import Choice, chosen_steps, chosen_units, refuse_unchecked
from rig.plugin.standing import Standing, holds_batch, refuse_another, standing
from rig.record import batch_folder
from rig.vault import Backup

Enough = Callable[[Sequence[tuple[Unit, Mapping[str, float]]]], str | None]
"""Inserts so far, each with its unit and the numbers measured, to a reason to stop, or None."""


TRAY = "tray.csv"
"""Units as they were scanned, in the batch's folder."""


@dataclass(frozen=True, slots=True)
class Insert:
    """One time that a unit is put in."""

    unit: int
    """Its place in the order, from 0."""
    again: int = 0
    """The n-th retry of it, taken only where the plan's policy wants it; 0: the first try."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One bench of several that work a batch."""

    name: str
    """Of the bench in records: no two are alike."""
    path: Path
    options: BenchOptions
    twin_path: Path | None


@dataclass(frozen=True, slots=True)
class Order:
    """One call of `rig batch`, checked."""

    bench_path: Path
    bench: BenchOptions
    twin_path: Path | None
    batch: BatchFile
    units: tuple[Unit, ...]
    plan: PlanFile
    library: Library
    out: Path | None
    images: tuple[bytes, ...]
    """Contents of the plan's firmware images, in its order."""
    restore: Backup | None
    """The backup that the plan restores."""
    twin_state: Path | None
    """Folder in which the twin's cards keep their flash from run to run; None: they are new each time."""
    files: tuple[Path, ...]
    """Every file it was made from."""
    compare: Mapping[str, object] | None = None
    """What a comparison stated before its first insert, for its record."""
    enough: Enough | None = None
    """Asked after every insert but the last; a reason: the rest is not needed."""
    envelope: EnvelopeFile | None = None
    """What first power of each card model looked like so far, where the plan names it."""
    todo: tuple[int, ...] | None = None
    """Places of the units to take; None: all."""
    asked: tuple[str, ...] = ()
    """Steps of the plan to take; empty: all."""
    then: Standing | None = None
    """The batch in the folder that this goes on with; None: it begins."""
    proves_bench: bool = False
    """It takes the golden unit to see whether the bench is in order."""
    judges: bool = True
    """It judges units, which a bench out of order cannot; a card's firmware is brought back on any bench."""

    terms: Terms = field(default_factory=Terms)
    """How a place is waited for, where the bench is one."""
    benches: tuple[Seat, ...] = ()
    """Benches that work it in parallel; empty: the one bench."""
    seat: str = ""
    """Which of several benches this part of the order is for."""

    @property
    def steps(self) -> tuple[str, ...]:
        """Steps that are taken."""
        return self.asked or tuple(self.plan.steps)

    @property
    def inserts(self) -> tuple[Insert, ...]:
        """Every time a unit may be put in, in this order."""
        # a comparison's inserts go by turns: one taken twice would shift them
        more = 0 if self.compare else self.plan.retry.attempts
        units = range(len(self.units)) if self.todo is None else self.todo
        return tuple(Insert(n, again) for n in units for again in range(more + 1))

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every file, by its path."""
        return {str(f): hashlib.sha256(f.read_bytes()).hexdigest() for f in self.files}


def make(
    batch_path: Path,
    bench_path: Path,
    given_plan: Path | None = None,
    twin_path: Path | None = None,
    out: Path | None = None,
    twin_state: Path | None = None,
    choice: Choice | None = None,
    seats: Sequence[Seat] = (),
) -> Order:
    """Read and cross-check every file; UsageError with file and line, and nothing started, when one is wrong.

    `seats`: several benches for it, of which `bench_path` is the first's.
    """
    library, choice = default_library(), choice or Choice()
    then = None if choice.resume is None else standing(choice.resume)
    if then is None and (choice.units or choice.steps) and out is not None and holds_batch(out):
        then = standing(out)  # its other units are not to be forgotten
    out = then.folder if then else out
    tray, out = _tray(batch_path, choice, out, then)
    batch, units = load_batch(batch_path, library, tray)
    path = given_plan or plan_path(batch_path, batch.plan)
    listed = tray_path(batch_path, batch, tray)
    files, plan = [batch_path, path, *([listed] if listed else [])], load_plan(path)
    whole = order_of(library, batch, units, plan, path, bench_path, twin_path, out, twin_state, files)
    if not seats and then is not None and then.start.benches:
        seats = (Seat(whole.bench.name, bench_path, whole.bench, whole.twin_path),)  # what is left of several
    return _chosen(shared(whole, seats) if seats else whole, choice, then)


def shared(order: Order, seats: Sequence[Seat]) -> Order:
    """The order for several benches; UsageError where their twins do not fit its units, or some are virtual alone."""
    kinds = {seat.options.is_virtual for seat in seats}
    if len(kinds) > 1:
        raise UsageError("virtual and real benches do not share a batch: its results would be neither")
    for twin in sorted({seat.twin_path for seat in seats if seat.twin_path is not None}):
        _check_twin(twin, order.library, order.units)
    names = ", ".join(seat.name for seat in seats)
    # files of a bench are on record with the runs made on it: a batch may go on with fewer benches, or others
    own = {order.bench_path, order.twin_path}
    files = tuple(f for f in order.files if f not in own)
    bench = order.bench.model_copy(update={"name": names})
    return replace(order, bench=bench, files=files, benches=tuple(seats))


def for_seat(order: Order, seat: Seat) -> Order:
    """The part of a shared order that one bench has."""
    files = (*order.files, *(f for f in (seat.path, seat.twin_path) if f is not None))
    options = seat.options.model_copy(update={"name": seat.name})
    return replace(
        order, bench_path=seat.path, bench=options, twin_path=seat.twin_path, files=files, benches=(),
        seat=seat.name, then=None,
    )  # fmt: skip


def insert_id(order: Order, insert: Insert) -> str:
    """How pytest names an insert of the order."""
    unit = order.units[insert.unit]
    again = f"-retry{insert.again}" if insert.again else ""
    return f"{insert.unit + 1}-{unit.adapter.serial}-{unit.card.serial}{again}"


def _tray(batch_path: Path, choice: Choice, out: Path | None, then: Standing | None) -> tuple[Path | None, Path | None]:
    """The CSV file of the units, where there is one beside the batch file, and the folder of the batch."""
    if choice.tray is not None and choice.scan is not None:
        raise UsageError("--tray and --scan: the units of a batch come from one place")
    if choice.tray is not None:
        return choice.tray, out
    if then is not None and then.was_scanned(TRAY):
        return then.folder / TRAY, out
    if choice.scan is None:
        return None, out
    batch = load(batch_path, BatchFile)
    folder, _ = batch_folder(out, project_root() / "results", batch.name)
    return choice.scan(batch, folder), folder


def _chosen(whole: Order, choice: Choice, then: Standing | None) -> Order:
    """What of the order is left, or asked for."""
    if then is not None:
        several = bool(whole.benches and then.start.benches)
        refuse_another(then, whole.batch.name, then.start.bench if several else whole.bench.name, whole.hashes())
    asked = chosen_steps(choice.steps, whole.plan.steps)
    # a step that is asked for is taken of every unit, however far the unit came
    todo = chosen_units(whole.units, choice.units, None if choice.steps else then)
    refuse_unchecked([whole.units[n] for n in todo], asked, whole.plan.steps, then)
    return replace(whole, todo=todo, asked=asked, then=then)


def order_of(
    library: Library,
    batch: BatchFile,
    units: tuple[Unit, ...],
    plan: PlanFile,
    plan_path: Path,
    bench_path: Path,
    twin_path: Path | None,
    out: Path | None,
    twin_state: Path | None,
    files: list[Path],
    compare: Mapping[str, object] | None = None,
    enough: Enough | None = None,
) -> Order:
    """The order of a batch and a plan that are read already; paths in the plan are relative to `plan_path`."""
    bench = bench_options(bench_path)
    twin_path = _twin_path(bench_path, bench, twin_path)
    if twin_path is not None:
        _check_twin(twin_path, library, units)
    parts = {library.root / "adapters" / f"{u.adapter.design}.yaml" for u in units}
    parts |= {library.root / "cards" / f"{u.card.model}.yaml" for u in units}
    images = firmware.load_images(plan, plan_path)
    learned = None if plan.envelope is None else plan_path.parent / plan.envelope
    envelope = None if learned is None else load_envelope(learned)
    files = [*files, *(f for f in (bench_path, twin_path, learned) if f is not None), *sorted(parts)]
    return Order(
        bench_path, bench, twin_path, batch, units, plan, library, out, images, firmware.load_backup(plan, plan_path),
        _checked_state(bench_path, bench, twin_state), tuple(files), compare, enough, envelope,
    )  # fmt: skip


def bench_options(bench_path: Path) -> BenchOptions:
    """What the bench file says beyond labgrid, the whole file checked."""
    options: BenchOptions = getattr(check_bench(bench_path).targets, TARGET).options
    return options


def plan_path(batch_path: Path, name: str) -> Path:
    """`standard` is configs/plans/standard.yaml; a name with a suffix is a path from the batch file, or from here."""
    if name.endswith((".yaml", ".yml")):
        beside = batch_path.parent / name
        return beside if beside.is_file() or not Path(name).is_file() else Path(name)
    folder = project_root() / "configs" / "plans"
    path = folder / f"{name}.yaml"
    if path.parent != folder or not path.is_file():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.yaml")))
        raise UsageError(f"{batch_path}: there is no plan {name!r} (known: {known}; or give a path ending in .yaml)")
    return path


def _twin_path(bench_path: Path, bench: BenchOptions, asked: Path | None) -> Path | None:
    if asked is not None and bench.twin is None:
        raise UsageError(f"{bench_path}: this bench is real (no 'twin' in its options); --twin goes with a virtual one")
    if asked is not None or bench.twin is None:
        return asked
    return (bench_path.parent / bench.twin).resolve()


def _checked_state(bench_path: Path, bench: BenchOptions, folder: Path | None) -> Path | None:
    if folder is not None and bench.twin is None:
        raise UsageError(f"{bench_path}: this bench is real (no 'twin' in its options); --twin-state goes with a twin")
    return folder


def _check_twin(twin_path: Path, library: Library, units: Sequence[Unit]) -> None:
    from rig.twin.check import check

    check(twin_path, load_twin(twin_path), library, units)
