"""What a place carries of its bench file, so that a runner needs no copy of it: drivers, options, what stays local.

A coordinator asks nobody who he is, so what it carries may make the rig talk on the network, and nothing more: no
commands, no files, no Python modules of the runner.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from rig.bench.entries import entries
from rig.bench.place.resolved import CARRIED, REMOTE
from rig.config.bench import TARGET, BenchOptions, Wiring, load_bench_file
from rig.errors import UsageError
from rig.record import safe_name, write_whole

CLS = CARRIED
SAFE_DRIVERS = frozenset(
    {
        "NetworkPowerDriver", "GuardedSupplyDriver", "RailPowerDriver", "DrainedSerialDriver", "ShellDriver",
        "ConsoleHostDriver", "IperfPartnerDriver", "OperatorPlugDriver", "OperatorTerminalDriver", "RelayProbeDriver",
        "HttpDigitalOutputDriver", "DigitalOutputPowerDriver", "SlotStrategy",
    }
)  # fmt: skip
LOCAL = ("OperatorTerminal",)
"""Resources of the machine the job runs on, which nobody exports."""
KEPT = frozenset(
    {
        "name", "topology", "slot", "rails", "probe", "ports", "iperf3_port", "partner_bps", "calibration", "virtual",
        "path_bps", "driven", "golden",
    }
)  # fmt: skip
"""Options that travel; an option is here or in STAYS, and here only if it can neither run nor name anything there."""
STAYS = {
    "twin": "a twin runs where the place is exported",
    "firmware": "it names commands and folders of the runner",
}
"""Options that do not travel, and why."""
_GOLDEN_KEPT = frozenset({"max_age_days"})
"""Of the golden unit; the numbers are a file of each runner, beside its bench file of the place."""


@dataclass(frozen=True, slots=True)
class BenchParts:
    """A bench file taken apart."""

    options: BenchOptions
    wiring: Wiring
    exported: list[dict[str, Any]]
    """Resources (cls, name, args) for an exporter."""
    carried: str | None
    """JSON of the rest; None: `why` it cannot travel."""
    why: str | None


def read(path: Path) -> BenchParts:
    """The parts; ConfigError for a wrong file, UsageError for one whose resources an exporter cannot have."""
    file, tree = load_bench_file(path)
    target = tree["targets"][TARGET]
    found = [(e.cls, str(e.args.get("name", e.cls)), _arguments(e.args)) for e in entries(target, "resources")]
    if any(cls == REMOTE for cls, _, _ in found):
        raise UsageError(f"{path}: this bench is a place already: it has a RemotePlace")
    exported = [{"cls": cls, "name": name, "args": args} for cls, name, args in found if cls not in LOCAL]
    drivers = [{**_plain(e.args), "cls": e.cls} for e in entries(target, "drivers")]
    supply = next((d for d in drivers if "rails" in d), {})
    options = file.targets.main.options
    why = _why_not(path, tree, drivers)
    local = [{"cls": cls, **_named(cls, name), **args} for cls, name, args in found if cls in LOCAL]
    kept = {k: _plain(v) for k, v in target["options"].items() if k in KEPT} | {"virtual": options.is_virtual}
    kept.pop("golden", None)
    if options.golden is not None:
        kept["golden"] = options.golden.model_dump(include=set(_GOLDEN_KEPT))
    text = None if why else json.dumps({"resources": local, "drivers": drivers, "options": kept})
    return BenchParts(options, Wiring.model_validate(supply.get("rails", {})), exported, text, why)


def _why_not(path: Path, tree: Any, drivers: list[dict[str, Any]]) -> str | None:
    more = [name for name in tree["imports"] if name != "rig.bench"]
    odd = sorted({d["cls"] for d in drivers} - SAFE_DRIVERS)
    if more or odd:
        return (
            f"{path}: {', '.join([*more, *odd])} does not travel with a place; runners need a bench file of their own"
        )
    return None


def write(text: str, place: str, coordinator: str, folder: Path) -> Path:
    """The bench file of a place from what it carries; UsageError where that is more than may travel."""
    try:
        row = json.loads(text)
        resources, drivers, options = row["resources"], row["drivers"], row["options"]
        odd = [d["cls"] for d in drivers if d["cls"] not in SAFE_DRIVERS]
        odd += [r["cls"] for r in resources if r["cls"] not in LOCAL or r.get("device", "/dev/tty") != "/dev/tty"]
        odd += [key for key in options if key not in KEPT]
        odd += [f"golden.{key}" for key in options.get("golden", {}) if key not in _GOLDEN_KEPT]
        until = {k: datetime.date.fromisoformat(v) for k, v in options.get("calibration", {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise UsageError(f"place {place}: what it carries of its bench cannot be read: {e}") from e
    if odd:
        raise UsageError(
            f"place {place}: it carries {', '.join(map(str, odd))}, which a coordinator may not decide here"
        )
    out = folder / f"{safe_name(place)}.yaml"
    if "golden" in options:
        options["golden"]["file"] = f"{out.stem}.golden.yaml"
    tree = {
        "imports": ["rig.bench"],
        "options": {"coordinator_address": coordinator},
        "targets": {
            TARGET: {
                "resources": [{"cls": REMOTE, "name": place}, *resources],
                "drivers": drivers,
                "options": {**options, "name": place, "calibration": until},
            }
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(out, dumped(tree).encode())
    return out


def dumped(tree: Mapping[str, Any]) -> str:
    """As YAML whose texts are quoted: labgrid reads YAML 1.1, to which `on` and `1:30` are none."""
    text, yaml = StringIO(), YAML()
    yaml.width = 1 << 20  # a line that goes on could begin with what labgrid's exporter takes for a template's
    yaml.dump(_quoted(tree), text)
    return text.getvalue()


def _quoted(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _quoted(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_quoted(v) for v in value]
    return DoubleQuotedScalarString(value) if isinstance(value, str) else value


def _named(cls: str, name: str) -> dict[str, str]:
    return {} if name == cls else {"name": name}


def _arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the class itself."""
    return {k: v for k, v in _plain(args).items() if k not in ("cls", "name")}


def _plain(value: Any) -> Any:
    """Without line marks, dates as text."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, datetime.date):
        return value.isoformat()
    # texts and numbers of a file know how they were written; a bool is an int, and none of a file's own
    kinds = (int, float, str)
    return next((kind(value) for kind in kinds if isinstance(value, kind) and not isinstance(value, bool)), value)
