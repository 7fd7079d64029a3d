"""What a bench file asks of its supplies against the table of supplies, before anything is connected."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rig.bench.entries import Entry, entries
from rig.config.bench import TARGET
from rig.config.yamlfile import line_of
from rig.errors import ConfigError, UsageError
from rig.guard import dialects
from rig.guard.dialects import SupplyModel

_RESOURCES = {"main": "VisaInstrument", "second": "SecondInstrument"}
_DRIVER = "GuardedSupplyDriver"


def check(path: Path, tree: Any, target: Mapping[str, Any]) -> None:
    """ConfigError at the first line that asks more of a supply than its row of the table gives."""
    models = {name: _model(path, tree, target, cls) for name, cls in _RESOURCES.items()}
    for driver in (e for e in entries(target, "drivers") if e.cls == _DRIVER):
        rails = driver.args.get("rails")
        if isinstance(rails, Mapping):
            _check_switch(path, tree, driver, rails, models)
            for name, wiring in ((n, w) for n, w in rails.items() if n != "wall"):
                if (model := models.get(wiring.get("instrument", "main"))) is not None:
                    _check_rail(path, tree, (*driver.loc, "rails", name), model, wiring)
                    _check_point(path, tree, target, name, model, wiring)


def _model(path: Path, tree: Any, target: Mapping[str, Any], cls: str) -> SupplyModel | None:
    """The row of an instrument; None: it is at another machine, or another library speaks to it."""
    for entry in entries(target, "resources"):
        if entry.cls != cls or entry.args.get("dialect") == "pymeasure":
            continue
        key = "dialect" if entry.args.get("dialect") else "model"
        try:
            return dialects.find(str(entry.args.get(key)))
        except UsageError as e:
            raise ConfigError(path, line_of(tree, (*entry.loc, key)), f"{cls}.{key}: {e}") from None
    return None


def _check_rail(path: Path, tree: Any, loc: tuple[int | str, ...], model: SupplyModel, wiring: Any) -> None:
    number = wiring["channel"]
    if (why := model.unusable.get(number)) is not None:
        raise ConfigError(path, line_of(tree, loc), f"{model.name} channel {number} cannot be used: {why}")
    if number not in model.channels:
        have = ", ".join(str(n) for n in model.channels)
        raise ConfigError(path, line_of(tree, loc), f"{model.name} has no channel {number} (it has: {have})")
    if (why := dialects.shortfall(model, number, wiring["max_voltage_v"], wiring["max_current_a"])) is not None:
        raise ConfigError(path, line_of(tree, loc), f"{loc[-1]}: ceilings: {why}")


def _check_point(path: Path, tree: Any, target: Mapping[str, Any], name: str, model: SupplyModel, wiring: Any) -> None:
    point = (target["options"].get("rails") or {}).get(name)
    if not isinstance(point, Mapping):
        return
    why = dialects.shortfall(model, wiring["channel"], point["voltage_v"], point["limit_a"])
    if why is not None:
        loc = ("targets", TARGET, "options", "rails", name)
        raise ConfigError(path, line_of(tree, loc), f"options.rails.{name}: {why}")


def _check_switch(
    path: Path, tree: Any, driver: Entry, rails: Mapping[str, Any], models: Mapping[str, SupplyModel | None]
) -> None:
    for instrument, model in models.items():
        used = {w["channel"] for n, w in rails.items() if n != "wall" and w.get("instrument", "main") == instrument}
        if model is not None and (why := dialects.one_switch(model, sorted(used))) is not None:
            raise ConfigError(path, line_of(tree, (*driver.loc, "rails")), why)
