"""`rig firmware ...`: one card, one task, as a batch of one unit through the firmware step alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from rig.config.batch import BatchFile, UnitEntry
from rig.config.library import default_library
from rig.config.limits import LimitSection
from rig.config.plan import Firmware, Image, PlanFile
from rig.config.yamlfile import Section
from rig.errors import UsageError
from rig.model import AdapterUnit, CardUnit, Unit
from rig.plugin.firmware import read_image
from rig.plugin.order import Order, bench_options, order_of
from rig.record import unit_row
from rig.vault import load

S = TypeVar("S", bound=Section)
WANTED = {"show": "shown", "backup": "backed up", "flash": "flashed", "restore": "restored"}
NO_ADAPTER = "unnamed"
VIRTUAL_OFF_S = 0.5
"""A twin has no capacitors that keep a card alive."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where and with what a task is done; None: not said."""

    bench: Path
    model: str | None = None
    serial: str | None = None
    design: str | None = None
    adapter: str | None = None
    twin: Path | None = None
    twin_state: Path | None = None
    out: Path | None = None


def show(place: Place) -> Order:
    """Read everything, change nothing."""
    return _order(place, "show", _unit(place))


def backup(place: Place) -> Order:
    """The image into the vault, read twice."""
    return _order(place, "backup", _unit(place))


def flash(place: Place, image: Path, psids: tuple[str, str] | None, allow: tuple[str, ...], *, ask: bool) -> Order:
    """One image onto the card, a backup first; UsageError when the file cannot be read."""
    data = read_image(image)
    from_psid, to_psid = psids or (None, None)
    entry = _valid(Image, {
        "file": str(image.resolve()), "sha256": hashlib.sha256(data).hexdigest(), "from_psid": from_psid,
        "to_psid": to_psid, "allow": ["same version", *allow],
    })  # fmt: skip
    return _order(place, "flash", _unit(place), images=[entry], ask=ask)


def restore(place: Place, folder: Path) -> Order:
    """A backup back onto the card it is of; the unit is the backup's."""
    kept = load(folder)
    wanted = place.serial
    if wanted is not None and wanted != kept.unit.card.serial:
        raise UsageError(f"{folder}: is a backup of card {kept.unit.card.serial}, not of {wanted}")
    return _order(place, "restore", kept.unit, restore=str(folder), recover=True)


def _unit(place: Place) -> Unit:
    if place.model is None or place.serial is None:
        raise UsageError("which card? --model and --card (its serial) are needed")
    library = default_library()
    card = library.card(place.model)
    adapter = library.adapter(place.design or library.designs()[0])
    return Unit(AdapterUnit(adapter.design, place.adapter or NO_ADAPTER), CardUnit(card.model, place.serial))


def _order(place: Place, task: str, unit: Unit, **firmware: object) -> Order:
    name = f"firmware-{task}"
    off_s = {"off_s": VIRTUAL_OFF_S} if bench_options(place.bench).twin is not None else {}
    plan = PlanFile(
        name=name,
        steps=["firmware"],
        firmware=Firmware.model_validate({"task": task, **off_s, **firmware}),
        limits={"firmware.route": LimitSection.model_validate({"one_of": [WANTED[task]], "why": f"asked to {task}"})},
    )
    entry = _valid(UnitEntry, dict(unit_row(unit)))
    batch = BatchFile(name=name, plan=name, units=[entry])
    made = order_of(
        default_library(), batch, (unit,), plan, Path(name), place.bench, place.twin, place.out, place.twin_state, []
    )
    return replace(made, judges=False)


def _valid(schema: type[S], given: dict[str, object]) -> S:
    """What was typed as the file sections it stands for; UsageError with the first thing that is wrong."""
    try:
        return schema.model_validate(given)
    except ValidationError as e:
        first = e.errors(include_url=False)[0]
        where = ".".join(str(key) for key in first["loc"])
        raise UsageError(f"{where}: {first['msg']}, got {first.get('input')!r}") from None
