"""The rig command on a virtual bench with cards to flash, in processes of their own, as a user runs it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from rig.config.library import project_root
from rig.twin.connectx3 import image

ROOT = project_root()
RIG = [sys.executable, "-m", "rig"]
MODEL = "544FLR-QSFP-649282"
IB, ETH = "LAB0000000IB1", "LAB000000ETH1"
SMALL = 0x8000
DEADLINE_S, LINUX_DEADLINE_S = 280, 1500
"""Of a whole run; in QEMU everything takes longer, most of all on a busy machine."""

PLAN = """name: t
steps: [{steps}]
firmware:
  off_s: 0.3
  port_type_deadline_s: 5.0
{firmware}
limits:
  firmware.route:
    one_of: [already ethernet, port type, link type, flashed, flashed own image]
    why: an Ethernet card is wanted
"""


class FirmwareBench:
    """Bench, twin, plan and batch files in one folder, and `rig` called on them."""

    deadline_s = DEADLINE_S

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vault = folder / "vault"
        self.out = folder / "out"
        self.state = folder / "state"
        (folder / "twin.yaml").write_text("seed: 3\n")
        self.bench = folder / "bench.yaml"
        text = (ROOT / "configs" / "benches" / "virtual.yaml").read_text()
        text = text.replace("twin: ../twins/good.yaml", "twin: twin.yaml\n      firmware: {vault: vault}")
        self.bench.write_text(text)

    def twin(self, text: str) -> None:
        (self.folder / "twin.yaml").write_text(f"host: {{boot_s: 0.2}}\n{text}")

    def write(self, name: str, content: bytes) -> str:
        """An image file beside the plan; its SHA-256."""
        (self.folder / name).write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    def authorised(self, name: str, content: bytes, **more: object) -> str:
        """A plan's entry for an image."""
        return json.dumps({"file": name, "sha256": self.write(name, content), **more})

    def batch(self, serials: list[str], firmware: str, steps: str = "firmware") -> list[str]:
        """Arguments of `rig batch`."""
        units = "".join(
            f"- {{adapter: {{design: TobleMiner-revA, serial: A-{s}}}, card: {{model: {MODEL}, serial: {s}}}}}\n"
            for s in serials
        )
        (self.folder / "batch.yaml").write_text(f"name: t\nplan: plan.yaml\nunits:\n{units}")
        lines = "".join(f"  {line}\n" for line in firmware.splitlines())
        (self.folder / "plan.yaml").write_text(PLAN.format(steps=steps, firmware=lines))
        return [
            *RIG, "batch", str(self.folder / "batch.yaml"), "--bench", str(self.bench), "--twin-state", str(self.state),
            "--out", str(self.out), "--json",
        ]  # fmt: skip

    def call(self, *words: object) -> subprocess.CompletedProcess[str]:
        """`rig firmware ...` on this bench."""
        fixed = ["--bench", self.bench, "--twin-state", self.state, "--out", self.folder / f"out-{words[0]}"]
        return run([*RIG, "firmware", *map(str, [*words, *fixed])], self.deadline_s)

    def rows(self, serial: str, out: Path | None = None) -> dict[str, dict[str, object]]:
        """The last row of every name that was judged of a card."""
        found = {}
        for file in sorted((out or self.out).glob("*/run.json"), key=lambda f: f.stat().st_mtime):
            if json.loads(file.read_text())["card"]["serial"] == serial:
                judged = file.with_name("judged.jsonl")
                found |= {row["name"]: row for row in (lines(judged) if judged.exists() else [])}
        return found

    def flash_of(self, serial: str) -> bytes:
        """What is on the card's flash."""
        (folder,) = (self.state / "cards").glob(f"{serial}-*")
        return (folder / "flash.bin").read_bytes()

    def backups(self, serial: str) -> list[Path]:
        return sorted((self.vault / serial).glob("*/backup.json"))

    def records(self) -> list[dict[str, object]]:
        """Burns that never ended, as the vault has them."""
        return [json.loads(f.read_text()) for f in (self.vault / "burning").glob("*.json")]


class LinuxFirmwareBench(FirmwareBench):
    """The same where the test host is a Linux in QEMU: the guest's own mstflint flashes."""

    deadline_s = LINUX_DEADLINE_S

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        text = (ROOT / "configs" / "benches" / "virtual-linux.yaml").read_text()
        vault = "twin: twin.yaml\n      firmware: {vault: vault}"
        self.bench.write_text(text.replace("twin: ../twins/linux.yaml", vault))

    def twin(self, text: str) -> None:
        (self.folder / "twin.yaml").write_text(f"host: {{kind: linux}}\n{text}")


def small(variant: str, **more: object) -> bytes:
    return image.build(variant, size=SMALL, **more)  # type: ignore[arg-type]


def change(bench: FirmwareBench, content: bytes, **more: object) -> str:
    """A plan's firmware section that authorises the change from InfiniBand to Ethernet."""
    return "images: [" + bench.authorised("eth.bin", content, from_psid=IB, to_psid=ETH, **more) + "]"


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def run(arguments: list[str], deadline_s: float = DEADLINE_S) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, capture_output=True, text=True, timeout=deadline_s, stdin=subprocess.DEVNULL, check=False
    )
