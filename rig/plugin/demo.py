"""`rig demo`: a batch on the virtual bench, and whether every unit came out as its model demands."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from rig.config.batch import UnitEntry
from rig.config.library import project_root
from rig.config.yamlfile import Section, load, read, written
from rig.model import Verdict
from rig.plugin.order import Order, make
from rig.plugin.unitrun import Outcome
from rig.record import batch_folder
from rig.twin.connectx3 import image

IB, ETH = "LAB0000000IB1", "LAB000000ETH1"
IMAGE_BYTES, IMAGE_VERSION = 0x8000, (2, 42, 5010)


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
    flash: UnitEntry | None = None
    """A ConnectX-3 that a batch of its own takes from InfiniBand to Ethernet; None: no such batch."""


def orders(out: Path | None, *, linux: bool) -> list[Order]:
    """The demo's batches, checked: one, and with a Linux as test host a second that flashes, each in its own folder."""
    configs, demo = project_root() / "configs", _file(linux=linux)
    bench, twin = configs / demo.bench, configs / demo.twin
    if demo.flash is None:
        return [make(configs / demo.batch, bench, twin_path=twin, out=out)]
    folder, _ = batch_folder(out, project_root() / "results", "demo-linux")
    units = make(configs / demo.batch, bench, twin_path=twin, out=folder / "units")
    batch = _flash_batch(configs / "plans" / "linux-flash.yaml", demo.flash, folder / "flash-files")
    return [units, make(batch, bench, twin_path=twin, out=folder / "flash")]


def _flash_batch(plan: Path, unit: UnitEntry, folder: Path) -> Path:
    """Image, plan and batch file of the unit that is flashed, written to `folder`; the batch file."""
    # the twin's own image: nobody may pass on a vendor's
    content = image.build("eth", size=IMAGE_BYTES, version=IMAGE_VERSION)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ethernet.bin").write_bytes(content)
    tree = read(plan)
    tree["firmware"]["images"] = [
        {"file": "ethernet.bin", "sha256": hashlib.sha256(content).hexdigest(), "from_psid": IB, "to_psid": ETH}
    ]
    batch = {"name": "linux-flash", "plan": "plan.yaml", "units": [unit.model_dump(exclude_defaults=True)]}
    for name, content_of in (("plan.yaml", tree), ("batch.yaml", batch)):
        (folder / name).write_text(written(content_of), encoding="utf-8")
    return folder / "batch.yaml"


def compare(outcomes: Sequence[Outcome], *, linux: bool = False) -> list[str]:
    """One sentence for every unit that came out otherwise than expected, or not at all."""
    expect = _file(linux=linux).expect
    by_serial = {o.unit.adapter.serial: o for o in outcomes}
    missing = [f"unit {serial} was not run" for serial in expect if serial not in by_serial]
    return missing + [s for serial, o in by_serial.items() if (s := _difference(expect.get(serial), o))]


def _difference(expected: Expected | None, o: Outcome) -> str | None:
    if expected is None:
        return f"{o.unit}: nothing is expected of it in the demo's file"
    cause = o.causes[0].title if o.causes else None
    same = cause is None if expected.cause is None else cause is not None and cause.startswith(expected.cause)
    if o.verdict is expected.verdict and same:
        return None
    return f"{o.unit}: expected {expected.verdict} ({expected.cause}), came out {o.verdict} ({cause}); see {o.folder}"


def _file(*, linux: bool) -> DemoFile:
    return load(project_root() / "configs" / ("demo-linux.yaml" if linux else "demo.yaml"), DemoFile)
