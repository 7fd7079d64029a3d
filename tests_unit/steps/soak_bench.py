"""A test host with a card whose link does what the test says, on a clock that only sleeping moves."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from step_fakes import ShellHost

from rig.config.library import default_library
from rig.config.plan import Soak
from rig.errors import BenchError
from rig.expect import Parts
from rig.model import Reply, Slot
from rig.ports import PartnerPort
from rig.steps import soak

LIBRARY = default_library()
ROOT, CARD = "0000:00:01.0", "0000:01:00.0"
ENDS = {"root": ROOT, "endpoint": CARD}
PARTS = Parts(LIBRARY.adapter("TobleMiner-revA"), LIBRARY.card("544FLR-QSFP-649283"), Slot(3, 8), 10e9, 1, ())
SPEED = {1: "2.5 GT/s PCIe", 2: "5.0 GT/s PCIe", 3: "8.0 GT/s PCIe"}
ASSIGNED = re.compile(r"setpci -s (\S+) (\S+?)(?:=(\S+))?$")


class Slotted(ShellHost):
    """`retrained(n)` is called after the n-th retrain, before anybody looks."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, [("^mktemp", "/tmp/pid\n"), ("iperf3|^ip |/proc/net/tcp|^kill", "")])
        self.root, self.lanes = root, {ROOT: 0, CARD: 0}
        self.retrained = lambda n: None
        self.boots, self.retrains, self.status = 0, 0, "3083"
        self.has_setpci = True
        self.card()

    def card(self, width: int = 8, speed: int = 3, ids: tuple[str, str] = ("15b3", "1003")) -> None:
        """Put the card in anew, with fresh counters."""
        links = self.root / "sys" / "bus" / "pci" / "devices"
        shutil.rmtree(self.root / "sys", ignore_errors=True)
        links.mkdir(parents=True)
        for address, place, (vendor, device) in (
            (ROOT, f"pci0000:00/{ROOT}", ("8086", "1901")),
            (CARD, f"pci0000:00/{ROOT}/{CARD}", ids),
        ):
            folder = self.root / "sys" / "devices" / place
            folder.mkdir(parents=True)
            (links / address).symlink_to(folder)
            self.write(folder, vendor=f"0x{vendor}", device=f"0x{device}")
            self.write(folder, max_link_width=8, max_link_speed=SPEED[3])
        net = links / CARD / "net" / "eth0"
        net.mkdir(parents=True)
        self.write(net, dev_port=0, address="02:00:00:00:00:01", type=1)
        self.carrier(1)
        self.link(width, speed)
        for end in ENDS:
            self.count(end, 0)

    def carrier(self, on: int) -> None:
        folder = self.root / "sys" / "class" / "net" / "eth0"
        folder.mkdir(parents=True, exist_ok=True)
        self.write(folder, carrier=on)

    def link(self, width: int, speed: int = 3) -> None:
        for address in ENDS.values():
            folder = self.root / "sys" / "bus" / "pci" / "devices" / address
            self.write(folder, current_link_width=width, current_link_speed=SPEED.get(speed, "Unknown"))

    def count(self, end: str, correctable: int, fatal: int = 0) -> None:
        folder = self.root / "sys" / "bus" / "pci" / "devices" / ENDS[end]
        self.write(folder, aer_dev_correctable=f"RxErr {correctable}\nTOTAL_ERR_COR {correctable}")
        self.write(folder, aer_dev_nonfatal="TOTAL_ERR_NONFATAL 0", aer_dev_fatal=f"TOTAL_ERR_FATAL {fatal}")

    def no_aer(self) -> None:
        for file in (self.root / "sys" / "devices").rglob("aer_dev_*"):
            file.unlink()

    def empty(self) -> None:
        (self.root / "sys" / "bus" / "pci" / "devices" / CARD).unlink()

    @staticmethod
    def write(folder: Path, **files: object) -> None:
        for name, text in files.items():
            (folder / name).write_text(f"{text}\n")

    def run(self, command: str, timeout_s: float = 30.0) -> Reply:
        found = ASSIGNED.match(command)
        if found is None:
            return super().run(command, timeout_s)
        self.asked.append(command)
        if not self.has_setpci:
            return Reply(command, "sh: setpci: not found\n", 127)
        return self._setpci(command, *found.groups())

    def _setpci(self, command: str, address: str, register: str, value: str | None) -> Reply:
        if register == "ECAP19+8.l":
            if value is not None:
                self.lanes[address] &= ~int(value, 16)
            return Reply(command, "" if value else f"{self.lanes[address]:08x}\n", 0)
        if register == "CAP_EXP+10.w":
            self.retrains += 1
            self.retrained(self.retrains)
            return Reply(command, "", 0)
        return Reply(command, f"{self.status}\n" if register == "CAP_EXP+12.w" else "00117883\n", 0)

    def boot_s(self) -> float:
        return 25.0


class Partner(PartnerPort):
    def __init__(self) -> None:
        self.runs = []
        self.meanwhile = lambda n: None

    def transfer(self, address, port, direction, duration_s, streams=1):
        self.runs.append((address, direction, duration_s))
        self.meanwhile(len(self.runs))
        half = {"bits_per_second": 9e9, "seconds": duration_s}
        return {"start": {"test_start": {"reverse": 0}},
                "end": {"sum_received": half, "sum_received_bidir_reverse": half}}  # fmt: skip


class Bench:
    """`booted(n)` is called after the n-th cold boot."""

    def __init__(self, root: Path) -> None:
        self.host, self.partner, self.kept = Slotted(root), Partner(), []
        self.cycles, self.now_s = 0, 0.0
        self.booted = lambda n: self.host.card()

    def restart(self) -> None:
        self.cycles += 1
        self.now_s += 60.0
        self.booted(self.cycles)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def soak(self, **plan: object):
        """Rows by the rest of their names, and the findings."""
        ports = soak.Ports(
            self.host, self.partner, None, ["10.0.0.2/24"], 5201, 0.05, self.restart, self.kept.append,
            self.sleep, lambda: self.now_s,
        )  # fmt: skip
        found = soak.measure(ports, PARTS, Soak.model_validate(plan))
        return {m.name.removeprefix("soak."): m for m in found.measurements}, found


def fails(text: str):
    def inner(n: int) -> None:
        raise BenchError(text)

    return inner
