"""What a batch was ordered to do: every file read and checked before anything is touched."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.bench.load import check_bench
from rig.config.batch import BatchFile, load_batch
from rig.config.bench import TARGET, BenchOptions
from rig.config.envelope import EnvelopeFile, load_envelope
from rig.config.library import Library, default_library, project_root
from rig.config.plan import PlanFile, load_plan
from rig.config.twin import load_twin
from rig.errors import UsageError
from rig.model import Unit
from rig.plugin import firmware
from rig.vault import Backup

Enough = Callable[[Sequence[tuple[Unit, Mapping[str, float]]]], str | None]
"""Inserts so far, each with its unit and the numbers measured, to a reason to stop, or None."""


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
) -> Order:
    """Read and cross-check every file; UsageError with file and line, and nothing started, when one is wrong."""
    library = default_library()
    batch, units = load_batch(batch_path, library)
    path = given_plan or plan_path(batch_path, batch.plan)
    files, plan = [batch_path, path], load_plan(path)
    return order_of(library, batch, units, plan, path, bench_path, twin_path, out, twin_state, files)


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
