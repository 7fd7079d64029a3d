"""A bench for the power profile: a sysfs tree with a two-port card, and a supply whose time is the test's."""

from __future__ import annotations

import re

from step_fakes import ShellHost

from rig.config.library import default_library
from rig.errors import BenchError
from rig.expect import Parts
from rig.model import RailAccuracy, Reading, Reply, Sample, Slot
from rig.ports import CablePort, PartnerPort, SupplyPort
from rig.steps import power_profile
from rig.steps.power_profile.bench import Clock

LIBRARY = default_library()
CARD = LIBRARY.card("561FLR-T")
PARTS = Parts(LIBRARY.adapter("TobleMiner-revA"), CARD, Slot(3, 8), 10e9, 2, ())
ROOT, FIRST, SECOND = "0000:00:01.0", "0000:01:00.0", "0000:01:00.1"
PORTS = {FIRST: "ens1f0", SECOND: "ens1f1"}
T0_S = 1_795_000_000.0
PACE_S = 0.1


class World:
    """What is where, and what it draws: `watts(world)`, in a time that only the test moves."""

    def __init__(self, folder, watts=lambda w: 4.0 + 1.0 * w.links):
        self.now_s, self.watts = T0_S, watts
        self.up = dict.fromkeys(PORTS.values(), False)
        self.plugged = dict.fromkeys(PORTS.values(), True)
        self.diary: list[str] = []
        self.inserted = "unit"
        self.folder = folder
        for address, place in ((ROOT, ROOT), (FIRST, f"{ROOT}/{FIRST}"), (SECOND, f"{ROOT}/{SECOND}")):
            self._device(address, place)
        self.show()

    @property
    def links(self):
        return sum(self.up[n] and self.plugged[n] for n in self.up)

    def sleep(self, seconds):
        self.now_s += seconds

    def show(self):
        """Write the links into the tree."""
        for name in PORTS.values():
            net = self.folder / "sys" / "class" / "net" / name
            linked = self.up[name] and self.plugged[name]
            (net / "carrier").write_text(f"{int(linked)}\n" if self.up[name] else "")
            (net / "speed").write_text("10000\n" if linked else "-1\n")

    def heat(self, millidegrees):
        """A temperature sensor below the card's first function."""
        folder = self.folder / "sys" / "bus" / "pci" / "devices" / FIRST / "hwmon" / "hwmon3"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "temp1_input").write_text(f"{millidegrees}\n")
        (folder / "name").write_text("x\n")

    def _device(self, address, place):
        folder = self.folder / "sys" / "devices" / "pci0000:00" / place
        folder.mkdir(parents=True, exist_ok=True)
        ids = ("8086", "1901") if address == ROOT else CARD.pci_id.split(":")
        for name, text in zip(("vendor", "device"), ids, strict=True):
            (folder / name).write_text(f"0x{text}\n")
        (folder / "current_link_speed").write_text("5.0 GT/s PCIe\n")
        (folder / "current_link_width").write_text("8\n")
        links = self.folder / "sys" / "bus" / "pci" / "devices"
        links.mkdir(parents=True, exist_ok=True)
        (links / address).symlink_to(folder)
        if address in PORTS:
            net = folder / "net" / PORTS[address]
            net.mkdir(parents=True)
            for name, text in (("dev_port", "0"), ("address", "02:00:00:00:00:01"), ("type", "1")):
                (net / name).write_text(f"{text}\n")
            (self.folder / "sys" / "class" / "net").mkdir(parents=True, exist_ok=True)
            (self.folder / "sys" / "class" / "net" / PORTS[address]).symlink_to(net)


class Host(ShellHost):
    """The tree in a real shell; `ip` and `iperf3` act on the world."""

    def __init__(self, world):
        super().__init__(world.folder, [("mktemp", "/tmp/pid\n"), ("iperf3|kill|grep -qi|ip addr", "")])
        self._world = world

    def run(self, command, timeout_s=30.0):
        if "ip link set" not in command:
            return super().run(command, timeout_s)
        for name, way in re.findall(r"ip link set dev (\S+) (up|down)", command):
            self._world.up[name] = way == "up"
        self._world.show()
        return Reply(command, "", 0)


class Supply(SupplyPort):
    """Samples of the world every PACE_S, on `rails` with each its share of the watts; `gaps`: time to gap_s."""

    def __init__(self, world, rails=None, error_a=0.005):
        self._world, self.rails, self._error_a = world, rails or {"12v": (12.0, 0.95), "3v3": (3.3, 0.05)}, error_a
        self._taken: list[Sample] = []
        self._next_s = T0_S
        self.gaps: list[float] = []
        self.known_accuracy: dict[str, RailAccuracy] = {}
        world.sleep = self._sleep

    def _sleep(self, seconds):
        """Time passes in small steps, so that each sample sees the world of its own instant."""
        end_s = self._world.now_s + seconds
        while self._next_s <= end_s:
            self._world.now_s = max(self._next_s, self._world.now_s)
            gap = self.gaps.pop(0) if self.gaps and self.gaps[0] <= self._next_s else None
            watts = self._world.watts(self._world)
            rails = {n: self._reading(v, watts * part) for n, (v, part) in self.rails.items()}
            self._taken.append(Sample(self._next_s, rails, 0.0 if gap is None else 0.5))
            self._next_s += PACE_S
        self._world.now_s = end_s

    def _reading(self, volts, watts):
        return Reading(self._next_s, volts, watts / volts, None, 0.010, self._error_a)

    def identity(self):
        raise AssertionError("not asked in a profile")

    def apply(self, rail, voltage_v, limit_a):
        raise AssertionError("the strategy switches, not the profile")

    def off(self, rail=None):
        raise AssertionError("the strategy switches, not the profile")

    def read(self):
        raise BenchError("supply: it does not answer")

    def accuracy(self):
        return self.known_accuracy

    def samples(self, since_s):
        return [s for s in self._taken if s.time_s > since_s]

    def mark(self, label):
        self._world.diary.append(label)
        return self._world.now_s


class Partner(PartnerPort):
    def __init__(self):
        self.runs: list[tuple[str, float]] = []

    def transfer(self, address, port, direction, duration_s, streams=1):
        self.runs.append((direction, duration_s))
        end = {"sum_received": {"bits_per_second": 9.4e9, "seconds": duration_s}}
        if direction == "both":
            end["sum_received_bidir_reverse"] = {"bits_per_second": 9.0e9, "seconds": duration_s}
        return {"start": {"test_start": {"reverse": int(direction == "from_host"), "protocol": "TCP"}}, "end": end}


class Cables(CablePort):
    def __init__(self, world, fault=None):
        self._world, self._fault = world, fault
        self.moved: list[tuple[int, bool]] = []

    def plug(self, port, *, plugged):
        if self._fault:
            raise self._fault
        self.moved.append((port, plugged))
        self._world.plugged[list(PORTS.values())[port - 1]] = plugged
        self._world.show()


class Bench:
    """The ports of a profile over one world, and what they were asked."""

    def __init__(self, folder, watts=None, rails=None, **given):
        self.world = World(folder, watts) if watts else World(folder)
        self.supply = Supply(self.world, rails)
        self.host, self.partner, self.cables = Host(self.world), Partner(), Cables(self.world)
        self.given = given

    def ports(self):
        at = self.world
        return power_profile.Ports(**{
            "supply": self.supply, "host": self.host, "partner": self.partner, "cables": self.cables,
            "root_port": None, "addresses": ["192.168.87.2/24", "192.168.88.2/24"], "iperf3_port": 5201,
            "counted": ("12v", "3v3"), "is_direct": True,
            "to_card": lambda: self._put("unit"), "to_adapter": lambda: self._put("adapter"),
            "to_aux": lambda: self._put("aux"), "clock": Clock(lambda s: at.sleep(s), lambda: at.now_s),
            **self.given,
        })  # fmt: skip

    def _put(self, what):
        self.world.inserted = what
        self.world.diary.append(f"to {what}")

    def measure(self, plan):
        notes = []
        found = power_profile.measure(self.ports(), PARTS, plan, lambda *a, **k: notes.append((*a, *k.values())))
        self.notes = notes
        return {m.name.removeprefix("power."): m for m in found.measurements}
