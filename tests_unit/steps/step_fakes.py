"""Ports that answer from tables."""

from __future__ import annotations

import re
import subprocess

from rig.model import Identity, RailAccuracy, Reading, Reply, Sample
from rig.ports import HostPort, ProbePort, SupplyPort


class FakeSupply(SupplyPort):
    """`load(rail, voltage, limit, leads)` gives (voltage, current); remembers what was on."""

    def __init__(self, load, leads=None, trace=()):
        self._load, self._leads, self._trace = load, leads, list(trace)
        self.on: dict[str, tuple[float, float]] = {}
        self.applied: list[tuple[str, float, float]] = []
        self.known_accuracy: dict[str, RailAccuracy] = {}

    def identity(self):
        return Identity("M", "S", "1", "1", "M,S,1,1")

    def apply(self, rail, voltage_v, limit_a):
        self.on[rail] = (voltage_v, limit_a)
        self.applied.append((rail, voltage_v, limit_a))

    def off(self, rail=None):
        for name in [rail] if rail else list(self.on):
            self.on.pop(name, None)

    def read(self):
        return {
            r: Reading(0.0, *self._load(r, *point, self._leads.at if self._leads else None))
            for r, point in self.on.items()
        }

    def accuracy(self):
        return self.known_accuracy

    def samples(self, since_s):
        return [Sample(t, rails) for t, rails in self._trace if t > since_s]

    def mark(self, label):
        return 0.0


class FakeProbe(ProbePort):
    def __init__(self):
        self.at = None
        self.visited = []
        self.hints = []

    def connect(self, plus, minus, hint=""):
        self.at = (plus, minus)
        self.visited.append(self.at)
        self.hints.append(hint)

    def release(self):
        self.at = None


class ShellHost(HostPort):
    """A real shell on a tree of files: `/sys` in a command means the folder `root`; other tools answer from a table."""

    def __init__(self, root, replies=()):
        self._root, self._replies = root, list(replies)
        self.asked = []

    def run(self, command, timeout_s=30.0):
        self.asked.append(command)
        for pattern, text in self._replies:
            if re.search(pattern, command):
                return Reply(command, text, 0)
        script = command.replace("/sys/", f"{self._root}/sys/")
        done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False, timeout=timeout_s)
        return Reply(command, (done.stdout + done.stderr).replace(str(self._root), ""), done.returncode)

    def boot_s(self):
        return 12.5

    def console_text(self):
        return ""
