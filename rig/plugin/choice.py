"""What of a batch is to be done now: all of it, what is left of it, or some units or steps again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.config.batch import BatchFile
from rig.errors import UsageError
from rig.model import Step, Unit
from rig.plugin.standing import Standing

Scan = Callable[[BatchFile, Path], Path]
"""Asks somebody for a batch's units and writes them as a tray into the folder; the file."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was asked for beyond the batch file."""

    resume: Path | None = None
    """Folder of a batch to go on with."""
    tray: Path | None = None
    """CSV file of units in place of the batch file's."""
    scan: Scan | None = None
    units: tuple[str, ...] = ()
    """Serials of adapters or cards; empty: every unit that is not done."""
    steps: tuple[str, ...] = ()
    """Empty: the plan's."""


def chosen_units(units: Sequence[Unit], serials: Sequence[str], then: Standing | None) -> tuple[int, ...]:
    """Places of the units to take: the named ones, else those that are not done; UsageError for an unknown serial."""
    known = {serial: n for n, u in enumerate(units) for serial in (u.adapter.serial, u.card.serial)}
    if strange := [serial for serial in serials if serial not in known]:
        there = ", ".join(u.adapter.serial for u in units[:12]) + (", ..." if len(units) > 12 else "")
        raise UsageError(
            f"--unit {strange[0]}: no adapter and no card of the batch has this serial (adapters: {there})"
        )
    if serials:
        return tuple(sorted({known[serial] for serial in serials}))
    return tuple(n for n, unit in enumerate(units) if then is None or not then.done(unit))


def chosen_steps(steps: Sequence[str], plan: Sequence[str]) -> tuple[str, ...]:
    """The named steps in the plan's order; UsageError for one that is not in it."""
    if strange := [step for step in steps if step not in plan]:
        raise UsageError(f"--step {strange[0]}: the plan has no such step (it has {', '.join(plan)})")
    # all of them is a whole run, and may pass
    return tuple(s for s in plan if s in steps) if set(steps) < set(plan) else ()


def refuse_unchecked(units: Sequence[Unit], steps: Sequence[str], plan: Sequence[str], then: Standing | None) -> None:
    """UsageError where a board would get power that is not known to be free of shorts."""
    if not steps or steps[0] == Step.SHORT_CHECK:
        return
    for unit in units:
        if Step.SHORT_CHECK not in plan and (then is None or not then.was_checked(unit)):
            continue  # whoever wrote this plan accepted the boards elsewhere
        why = "it has none" if then is None else then.not_shorted(unit)
        if why is not None:
            raise UsageError(
                f"--step {steps[0]} would power adapter {unit.adapter.serial}, whose last short check is not a PASS "
                f"({why}): add --step {Step.SHORT_CHECK}"
            )
