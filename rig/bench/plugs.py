"""The plugs of a running twin put into a bench file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rig.bench.entries import Entry, entries
from rig.config.bench import TARGET, load_bench_file
from rig.config.yamlfile import written

PREFIX = 24


def plug_in(bench_path: Path, plugs: Mapping[str, Any], out: Path) -> Path:
    """A copy of the bench file at `out`, its resources pointing at `plugs` (as the twin prints them).

    What the bench file has no resource for is left out; the copy is `virtual` and starts no twin of its own.
    """
    _, tree = load_bench_file(bench_path)
    target = tree["targets"][TARGET]
    found = _arguments(plugs)
    for entry in entries(target, "resources"):
        for name, value in {**found.get(entry.cls, {}), **_relay(entry, plugs)}.items():
            _node(tree, entry.loc)[name] = value
    if reached_at := plugs.get("reached_at"):
        for entry in entries(target, "drivers"):
            if entry.cls == "IperfPartnerDriver":
                _node(tree, entry.loc)["reached_at"] = dict(reached_at)
    options = target["options"]
    options.pop("twin", None)
    if (mlx := options.get("firmware", {}).get("mlx")) is not None:
        options["firmware"]["mlx"] = str((bench_path.parent / mlx).resolve())
    options["virtual"] = True
    options["ports"] = [{"address": f"{ip}/{PREFIX}"} for ip in plugs["ports"]]
    options["iperf3_port"] = plugs["iperf3_port"]
    if "driven" in plugs:
        options["driven"] = list(plugs["driven"])
    tree["imports"] = absolute_imports(bench_path, tree["imports"])
    out.write_text(written(tree), encoding="utf-8")
    return out


def _arguments(plugs: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    host, port = plugs["console"]
    more = {cls: plugs[name] for cls, name in (("SecondInstrument", "second"), ("VisaMeter", "meter")) if name in plugs}
    return {
        **{cls: {"address": address} for cls, address in more.items()},
        "NetworkPowerPort": {"model": "shelly_gen2", "host": plugs["mains"], "index": 0},
        "NetworkSerialPort": {"host": host, "port": port, "protocol": "raw"},
        "VisaInstrument": {"address": plugs["supply"]},
        "OperatorPlug": {"url": plugs["operator"]},
    }


def _relay(entry: Entry, plugs: Mapping[str, Any]) -> dict[str, str]:
    """The addresses of a relay on the twin's board: of those in the bench file only the path stays."""
    if entry.cls != "HttpDigitalOutput" or "relays" not in plugs:
        return {}
    there = urlsplit(plugs["relays"])
    given = {name: urlsplit(entry.args[name]) for name in ("url", "url_get") if entry.args.get(name)}
    return {name: url._replace(scheme=there.scheme, netloc=there.netloc).geturl() for name, url in given.items()}


def _node(tree: Any, loc: tuple[int | str, ...]) -> Any:
    for key in loc:
        tree = tree[key]
    return tree


def absolute_imports(bench_path: Path, imports: Sequence[str]) -> list[str]:
    """The `imports:` of a bench file as they must be in a copy of it that lies elsewhere."""
    return [str((bench_path.parent / name).resolve()) if name.endswith(".py") else name for name in imports]
