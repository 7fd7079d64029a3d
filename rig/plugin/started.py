"""What a batch and a run put on record as they begin."""

from __future__ import annotations

import contextlib
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

from rig import record
from rig.bench.supply import GuardedSupplyDriver
from rig.guard.config import MAIN
from rig.model import Unit
from rig.plugin.order import Order

_PACKAGES = ("rig", "labgrid", "pyvisa", "pyvisa-py", "iperf3", "pytest", "pandas")


def batch_row(order: Order, batch_id: str) -> dict[str, object]:
    """A batch that begins."""
    return {
        "batch": order.batch.name,
        "batch_id": batch_id,
        "plan": order.plan.name,
        "bench": order.bench.name,
        "virtual": order.bench.is_virtual,
        "units": [record.unit_row(u) for u in order.units],
        "hashes": order.hashes(),
        **({"benches": [s.name for s in order.benches]} if order.benches else {}),
        **({"compare": dict(order.compare)} if order.compare else {}),
    }


def resumed_row(order: Order) -> dict[str, object]:
    """A batch that is gone on with."""
    left = [order.units[n] for n in order.todo or ()]
    return {"units": [record.unit_row(u) for u in left], "steps": list(order.asked), "versions": versions()}


def run_start(
    order: Order,
    batch_id: str,
    unit: Unit,
    attempt: int,
    supply: GuardedSupplyDriver,
    more_versions: Mapping[str, str],
) -> record.Start:
    """A unit's run on an open bench."""
    card = order.library.card(unit.card.model)
    return record.Start(
        order.batch.name,
        batch_id,
        order.bench.name,
        order.bench.is_virtual,
        order.plan.name,
        unit,
        {"title": card.title, "typ_w": card.typ_w, "max_w": card.max_w, "power_source": card.power_source},
        attempt,
        {**versions(), **more_versions},
        _instruments(order, supply),
        order.hashes(),
        order.asked,
    )


def _instruments(order: Order, supply: GuardedSupplyDriver) -> dict[str, dict[str, str]]:
    """Every instrument of the bench; the main one under the name it has in `calibration:`, `supply`."""
    accuracy = "; ".join(f"{rail}: {words}" for rail, words in supply.accuracy().items())
    found = {}
    for instrument, identity in supply.identities().items():
        name = "supply" if instrument == MAIN else instrument
        until = order.bench.calibration.get(name)
        found[name] = {**asdict(identity), "calibrated_until": str(until) if until else "not stated"}
    found["supply"]["accuracy"] = accuracy
    return found


def versions() -> dict[str, str]:
    """Versions of the rig and of what it stands on, on the controller."""
    found = {"python": sys.version.split()[0], "controller": platform.platform()}
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
