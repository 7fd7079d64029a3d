"""`rig demo`: a batch on the virtual bench, and whether every unit came out as its model demands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rig.config.library import project_root
from rig.config.yamlfile import Section, load
from rig.model import Verdict
from rig.plugin.order import Order, make
from rig.plugin.unitrun import Outcome


class Expected(Section, strict=False):
    verdict: Verdict
    cause: str | None = None
    """How the first cause begins; None: there must be none."""


class DemoFile(Section):
    batch: str
    bench: str
    twin: str
    expect: dict[str, Expected]
    """By adapter serial."""


def order(out: Path | None) -> Order:
    """The demo's batch, bench and twin, checked."""
    configs = project_root() / "configs"
    demo = _file()
    return make(configs / demo.batch, configs / demo.bench, twin_path=configs / demo.twin, out=out)


def compare(outcomes: Sequence[Outcome]) -> list[str]:
    """One sentence for every unit that came out otherwise than expected, or not at all."""
    expect = _file().expect
    by_serial = {o.unit.adapter.serial: o for o in outcomes}
    missing = [f"unit {serial} was not run" for serial in expect if serial not in by_serial]
    return missing + [s for serial, o in by_serial.items() if (s := _difference(expect.get(serial), o))]


def _difference(expected: Expected | None, o: Outcome) -> str | None:
    if expected is None:
        return f"{o.unit}: nothing is expected of it in configs/demo.yaml"
    cause = o.causes[0].title if o.causes else None
    same = cause is None if expected.cause is None else cause is not None and cause.startswith(expected.cause)
    if o.verdict is expected.verdict and same:
        return None
    return f"{o.unit}: expected {expected.verdict} ({expected.cause}), came out {o.verdict} ({cause}); see {o.folder}"


def _file() -> DemoFile:
    return load(project_root() / "configs" / "demo.yaml", DemoFile)
