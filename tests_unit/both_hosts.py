"""One batch for both kinds of virtual test host, and what each made of it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rig.config.library import project_root
from rig.config.yamlfile import read
from rig.twin.connectx3 import image

ROOT = project_root()
BENCHES = {"process": "virtual.yaml", "linux": "virtual-linux.yaml"}
IB, ETH = "LAB0000000IB1", "LAB000000ETH1"
SMALL = {"size": 0x8000}
"""A small image burns sooner."""
X540, I82599, I350 = "561FLR-T", "560FLR-SFP+", "366FLR"
CX3, CX3_PRO = "544FLR-QSFP-649282", "544+FLR-QSFP-764285"
REV_A, KCORES = "TobleMiner-revA", "KCORES-v1.1"


def _open(*pins: str) -> dict[str, Any]:
    return {"joints": [{"pins": [pin], "state": "open"} for pin in pins]}


def _poor(pin: str, ohm: float) -> dict[str, Any]:
    return {"joints": [{"pins": [pin], "state": "resistive", "ohm": ohm}]}


def _poor_12v(ohm: float) -> dict[str, Any]:
    return {"joints": [{"pins": [pin], "state": "resistive", "ohm": ohm} for pin in ("A2", "A3", "B2", "B3")]}


def _bridge(*pins: str) -> dict[str, Any]:
    return {"joints": [{"pins": list(pins), "state": "bridge", "ohm": 0.1}]}


Units = Mapping[str, tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]
"""Serial to adapter, card, and what is wrong with either."""

UNITS: Units = {
    "good-x540": (REV_A, X540, {}, {}),
    "good-82599": (KCORES, I82599, {}, {}),
    "good-i350": (KCORES, I350, {}, {}),
    "i350-lane2": (KCORES, I350, _open("A27"), {}),
    "i350-nvm": (KCORES, I350, {}, {"nvram": "checksum"}),
    "lane7-to-host": (REV_A, X540, _open("B45"), {}),
    "lane4-to-card": (KCORES, I82599, _open("A35"), {}),
    "lane2-to-host": (REV_A, X540, _open("B25"), {}),
    "lane1-to-card": (REV_A, X540, _open("A23"), {}),
    "lane1-bridged": (REV_A, X540, _bridge("A23", "A24"), {}),
    "lane0": (REV_A, X540, _open("A19"), {}),
    "clock": (REV_A, X540, _open("A16"), {}),
    "reset": (REV_A, X540, _open("A1"), {}),
    "one-12v": (REV_A, X540, _open("A2"), {}),
    "no-12v": (REV_A, X540, _open("A2", "A3", "B2", "B3"), {}),
    "no-aux": (REV_A, X540, _open("B10"), {}),
    "poor-at-card": (REV_A, X540, _poor("A27", 90.0), {}),
    "poor-at-host": (REV_A, X540, _poor("B25", 90.0), {}),
    "bad-at-host": (REV_A, X540, _poor("B21", 290.0), {}),
    "slow": (REV_A, X540, _poor("B21", 400.0), {}),
    "short-to-reset": (REV_A, X540, _bridge("A1", "A2"), {}),
    "short-to-ground": (KCORES, X540, _bridge("A3", "A4"), {}),
    "dips": (REV_A, X540, _poor_12v(7.8), {}),
    "dies": (REV_A, X540, {}, {"dies_after_s": 0.0}),
    "dies-82599": (KCORES, I82599, {}, {"dies_after_s": 0.0}),
    "cable": (REV_A, X540, {}, {"ports_down": [2]}),
    "nvm-checksum": (REV_A, X540, {}, {"nvram": "checksum"}),
    "nvm-checksum-82599": (KCORES, I82599, {}, {"nvram": "checksum"}),
    "nvm-no-mac": (REV_A, X540, {}, {"nvram": "zero_mac"}),
    "blank-82599": (KCORES, I82599, {}, {"firmware": "blank"}),
    "needs-mod": (REV_A, I82599, {}, {}),
    "x-533": (KCORES, "533FLR-T", {}, {}),
    "x-331": (KCORES, "331FLR", {}, {}),
    "x-530": (KCORES, "530FLR-SFP+", {}, {}),
    "x-530-lane4": (KCORES, "530FLR-SFP+", _open("A35"), {}),
    "cx3-pro": (KCORES, CX3_PRO, {}, {"firmware": "eth", "image": SMALL}),
    "cx3-eth": (REV_A, CX3, {}, {"firmware": "eth", "image": SMALL}),
    "cx3-vpi": (REV_A, CX3, {}, {"firmware": "vpi", "image": SMALL}),
    "cx3-ib": (REV_A, CX3, {}, {"firmware": "ib", "image": SMALL}),
    "cx3-poor": (REV_A, CX3, _poor("B21", 30.0), {"firmware": "ib", "image": SMALL}),
    "cx3-slow": (REV_A, CX3, _poor("A23", 105.0), {"firmware": "eth", "image": SMALL}),
    "cx3-blank": (REV_A, CX3, {}, {"firmware": "blank", "image": SMALL}),
    "cx3-dies": (REV_A, CX3, {}, {"dies_after_s": 0.0, "firmware": "eth", "image": SMALL}),
}

TO_FLASH: Units = {
    "flash-ib": (REV_A, CX3, {}, {"firmware": "ib", "image": SMALL}),
    "flash-poor": (REV_A, CX3, _poor("B21", 30.0), {"firmware": "ib", "image": SMALL}),
    "flash-narrow": (REV_A, CX3, _open("A35"), {"firmware": "ib", "image": SMALL}),
    "flash-x540": (REV_A, X540, {}, {}),
}
"""For the plan `linux-flash`."""


class Batch:
    """What the rig made of units by a plan of configs/plans on one kind of host."""

    def __init__(self, kind: str, folder: Path, units: Units, plan: str, deadline_s: float) -> None:
        self.out = folder / "out"
        (folder / "eth.bin").write_bytes(_image())
        bench = (ROOT / "configs" / "benches" / BENCHES[kind]).read_text()
        (folder / "bench.yaml").write_text(
            bench.replace("      twin: ../twins/", "      firmware: {vault: vault}\n      twin: ../twins/").replace(
                "../twins/good.yaml" if kind == "process" else "../twins/linux.yaml", "twin.yaml"
            )
        )
        for name, content in {"twin": _twin(kind, units), "plan": _plan(plan), "batch": _batch(units)}.items():
            (folder / f"{name}.yaml").write_text(json.dumps(content))
        call = [folder / "batch.yaml", "--bench", folder / "bench.yaml", "--out", self.out, "--json"]
        result = subprocess.run(
            [sys.executable, "-m", "rig", "batch", *map(str, call)],
            capture_output=True, text=True, timeout=deadline_s, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        assert result.stdout, result.stderr

    def run(self, name: str) -> Path:
        """Folder of a unit's run."""
        (found,) = self.out.glob(f"*-{name}-C-{name}-1/run.json")
        return found.parent


def _image() -> bytes:
    return image.build("eth", size=SMALL["size"], version=(2, 42, 5010))


def _twin(kind: str, units: Units) -> dict[str, Any]:
    return {
        "seed": 1,
        "host": {"kind": kind, "boot_s": 0.5, "slot": {"gen": 3, "lanes": 8}},
        "adapters": {name: board for name, (_, _, board, _) in units.items()},
        "cards": {f"C-{name}": card for name, (_, _, _, card) in units.items()},
    }


def _plan(name: str) -> dict[str, Any]:
    """The plan as it is; one that flashes gets an image."""
    plan: dict[str, Any] = read(ROOT / "configs" / "plans" / f"{name}.yaml")
    if plan["firmware"].get("task") == "flash":
        sha256 = hashlib.sha256(_image()).hexdigest()
        plan["firmware"]["images"] = [{"file": "eth.bin", "sha256": sha256, "from_psid": IB, "to_psid": ETH}]
    return plan


def _batch(units: Units) -> dict[str, Any]:
    listed = [
        {"adapter": {"design": design, "serial": name}, "card": {"model": model, "serial": f"C-{name}"}}
        for name, (design, model, _, _) in units.items()
    ]
    return {"name": "both", "plan": "plan.yaml", "units": listed}
