"""What the bench whose test host is a Linux in QEMU costs: boot, firmware step and burn; and what its path carries.

    .venv/bin/python benchmarks/linux.py [ROUNDS, default 5]

In one run, in turn: boots with an empty slot, a 561FLR-T and a ConnectX-3; `mstflint` burning in the guest and the
firmware step around such a burn; iperf3 through the 561FLR-T's first port, each way. What is carried is the golden
figure of `path_bps` in configs/benches/virtual-linux.yaml: measure it on a machine that does nothing else.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import psutil

from rig.bench.load import Bench, open_bench
from rig.bench.plugs import plug_in
from rig.config.library import Library, default_library, project_root
from rig.model import AdapterUnit, CardUnit, Unit
from rig.parse import iperf3
from rig.plugin.twin_process import TwinProcess
from rig.steps import link, pci, throughput
from rig.steps.firmware import transfer
from rig.steps.firmware.job import MAKE_ROOT, ROOT
from rig.steps.firmware.tools import Tools
from rig.steps.iperf_server import serving
from rig.twin.connectx3 import image

BENCH = project_root() / "configs" / "benches" / "virtual-linux.yaml"
X540, CX3 = "561FLR-T", "544FLR-QSFP-649282"
UNITS = {name: Unit(AdapterUnit("TobleMiner-revA", f"A-{name}"), CardUnit(name, f"C-{name}")) for name in (X540, CX3)}
SIZE, DEADLINE_S = 0x8000, 300.0
IB, ETH = "LAB0000000IB1", "LAB000000ETH1"
TWIN = {"host": {"kind": "linux"}, "cards": {f"C-{CX3}": {"firmware": "ib", "image": {"size": SIZE}}}}
EMPTY = "empty slot"
RUN_S = 5.0


class Table:
    """Figures by name, and how they are told."""

    def __init__(self) -> None:
        self._found: dict[str, list[float]] = defaultdict(list)

    def add(self, name: str, value: float) -> None:
        self._found[name].append(value)

    def median(self, name: str) -> float:
        return statistics.median(self._found[name])

    def tell(self, names: Sequence[str], unit: str) -> None:
        """A line each: median, least, most, and how many times the first one's median."""
        for name in names:
            values = self._found[name]
            ratio = self.median(name) / self.median(names[0])
            print(
                f"  {name:<28}{self.median(name):8.2f} {unit}   {min(values):.2f} to {max(values):.2f}   "
                f"ratio {ratio:.2f}   ({len(values)})"
            )


class Load:
    """Processor time of the twin and of its QEMU, in processors."""

    def __init__(self, twin: psutil.Process) -> None:
        self._twin, self._before, self._at_s = twin, self._seconds(twin), time.monotonic()

    def so_far(self) -> dict[str, float]:
        span_s = time.monotonic() - self._at_s
        return {name: (s - self._before.get(name, 0.0)) / span_s for name, s in self._seconds(self._twin).items()}

    @staticmethod
    def _seconds(twin: psutil.Process) -> dict[str, float]:
        def seconds(processes: Sequence[psutil.Process]) -> float:
            return sum(t.user + t.system for t in (p.cpu_times() for p in processes))

        return {"twin": seconds([twin]), "QEMU": seconds(twin.children(recursive=True))}


@contextmanager
def bench_with(folder: Path) -> Iterator[tuple[Bench, psutil.Process]]:
    """The bench, and the process of its twin."""
    (folder / "twin.json").write_text(json.dumps(TWIN))
    with closing(TwinProcess(folder / "twin.json", folder)) as twin:
        (process,) = (p for p in psutil.Process().children() if "rig.twin" in p.cmdline())
        plugged = plug_in(BENCH, twin.plugs, folder / "bench.yaml")
        with closing(open_bench(plugged, folder)) as bench:
            yield bench, process


def boot(bench: Bench, card: str) -> float:
    """From mains on to the login prompt."""
    bench.strategy.transition("off")
    if card == EMPTY:
        bench.operator.remove()
        bench.strategy.boot_empty()
    else:
        bench.operator.insert(UNITS[card], bare=False)
        bench.strategy.transition("shell")
    return bench.host.boot_s()


def burn(bench: Bench, number: int) -> float:
    """`mstflint` in the guest, as typed at its prompt, on a card that is in the slot and booted."""
    file = f"{ROOT}/{number}.bin"
    bench.host.run(MAKE_ROOT)
    transfer.put(bench.host, image.build("ib", version=(2, 42, 5010 + number), size=SIZE), file)
    start_s = time.monotonic()
    command = Tools("mstflint", "mstflint", "mstconfig", "0000:01:00.0").flint("-y", "-i", file, "burn")
    reply = bench.host.run(command, timeout_s=DEADLINE_S)
    if reply.code != 0 or "Restoring signature" not in reply.text:
        sys.exit(f"the burn failed: {reply.text}")
    return time.monotonic() - start_s


def carry(bench: Bench, library: Library, twin: psutil.Process, rounds: int, table: Table) -> None:
    """Both ways in turn, through the first port of a card that is in the slot and booted."""
    address, port = bench.options.ports[0].address, bench.options.iperf3_port
    devices = link.ethernet_devices(bench.host, pci.locate(bench.host, library.card(X540), None))
    ports = link.cabled(devices, [address])
    link.bring_up(bench.host, ports)
    link.await_carrier(bench.host, ports, 60.0)
    with serving(bench.host, port):
        for _ in range(rounds):
            for way in throughput.WAYS:
                load = Load(twin)
                result = bench.partner.transfer(ports[0].ip, port, way, RUN_S)
                for name, processors in load.so_far().items():
                    table.add(f"{way}: {name}", processors)
                table.add(f"{way}: idle", throughput.cpu_idle(result))
                found = iperf3.transfer(result)
                table.add(way, (found.received_bps or 0.0) / 1e9)
                table.add(f"{way}: guest", (found.cpu_remote_pct or 0.0) / 100)


def step(folder: Path) -> tuple[float, float]:
    """The firmware step that makes a ConnectX-3 Ethernet, all cold restarts in it, and the burn in it: seconds."""
    content = image.build("eth", size=SIZE, version=(2, 42, 5010))
    (folder / "eth.bin").write_bytes(content)
    entry = {"file": "eth.bin", "sha256": hashlib.sha256(content).hexdigest(), "from_psid": IB, "to_psid": ETH}
    plan = {
        "name": "p",
        "steps": ["enumeration", "firmware"],
        "firmware": {"task": "flash", "images": [entry], "off_s": 0.5},
    }
    unit = {"adapter": {"design": "TobleMiner-revA", "serial": "A"}, "card": {"model": CX3, "serial": f"C-{CX3}"}}
    files = {"twin": TWIN, "plan": plan, "batch": {"name": "b", "plan": "plan.yaml", "units": [unit]}}
    for name, tree in files.items():
        (folder / f"{name}.yaml").write_text(json.dumps(tree))
    bench = BENCH.read_text().replace("twin: ../twins/linux.yaml", "twin: twin.yaml\n      firmware: {vault: vault}")
    (folder / "bench.yaml").write_text(bench)
    call = ["batch", folder / "batch.yaml", "--bench", folder / "bench.yaml", "--out", folder / "out"]
    result = subprocess.run([sys.executable, "-m", "rig", *map(str, call)], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"the firmware step failed: {result.stdout}{result.stderr}")
    (journal,) = (folder / "out").glob("*/events.jsonl")
    events = [json.loads(line) for line in journal.read_text().splitlines()]

    def at_s(event: str, **more: str) -> float:
        return next(float(e["time_s"]) for e in events if e["event"] == event and more.items() <= e.items())

    took_s = at_s("step_end", step="firmware") - at_s("step_start", step="firmware")
    return took_s, at_s("burn", state="settled") - at_s("burn", state="begun")


def main(rounds: int) -> None:
    table, library = Table(), default_library()
    with tempfile.TemporaryDirectory() as name, bench_with(Path(name)) as (bench, twin):
        for number in range(rounds):
            for card in (EMPTY, X540, CX3):
                table.add(card, boot(bench, card))
            table.add("mstflint burn", burn(bench, number))
        boot(bench, X540)
        carry(bench, library, twin, rounds, table)
    print(f"boot, mains on to login prompt, of {rounds}:")
    table.tell((EMPTY, X540, CX3), "s")
    print(f"TCP payload through one port of a {X540}, {RUN_S:g} s each:")
    table.tell(tuple(throughput.WAYS), "Gbit/s")
    for way in throughput.WAYS:
        busy = ", ".join(f"{name} {table.median(f'{way}: {name}'):.2f}" for name in ("QEMU", "twin"))
        guest, idle = (table.median(f"{way}: {name}") for name in ("guest", "idle"))
        print(
            f"  {way}: processors busy: {busy}; the guest's one {guest:.0%}; this machine idle {idle:.0%}", flush=True
        )
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            whole_s, burn_s = step(Path(name))
        table.add("firmware step", whole_s)
        table.add("burn in the step", burn_s)
    print(f"ConnectX-3, an image of {SIZE // 1024} KiB:")
    table.tell(("mstflint burn", "burn in the step", "firmware step"), "s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
