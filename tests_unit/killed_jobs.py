"""Jobs that take a bench, power the slot and stay, for tests that kill them; and the bench as seen from outside."""

import json
import socket
import subprocess
import sys
import time

import psutil
import requests

from rig.bench.place import carried
from rig.bench.place.folder import LEASE

JOB = """\
import contextlib, sys
from pathlib import Path
from rig.bench.load import open_bench
from rig.bench.place.lease import Terms, leased

bench, journal = map(Path, sys.argv[1:])
with leased(bench, Terms(60.0), journal, lambda text: print(text, flush=True)) as reached:
    with contextlib.closing(open_bench(reached.bench_path)) as bench:
        bench.strategy.transition("rails")
        bench.strategy._to_powered()
        print("powered", flush=True)
        sys.stdin.read()
"""
_BESIDE = {"rig.bench.place.keeper", "rig.guard.watch"}


def until(found, deadline_s=60.0):
    end = time.monotonic() + deadline_s
    while not (value := found()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
    return value


def events(folder):
    file = folder / "places.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


class Job:
    """A process that takes the place, puts power on the slot, and stays."""

    def __init__(self, bench, folder):
        self.folder, self.said = folder, []
        folder.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-c", JOB, str(bench), str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def hears(self, word):
        while word not in (line := self.process.stdout.readline()):
            assert line, f"the job ended before it said {word!r}: {self.said}"
            self.said.append(line)
        self.said.append(line)
        return line

    def end(self):
        """However it stands."""
        if self.process.poll() is None:
            self.kill()

    def kill(self, *more):
        for process in [psutil.Process(self.process.pid), *more]:
            process.kill()
        self.process.communicate()


def of_lease(token):
    """Guardian, and keeper or watch, of a job."""
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        is_beside = not _BESIDE.isdisjoint(command) and token in " ".join(command)
        if is_beside or ("rig.guard" in command and process.environ().get(LEASE) == token):
            yield process


def named(rows, event):
    return [row for row in rows if row["event"] == event]


class Plugs:
    """The bench as somebody sees it who stands before it."""

    def __init__(self, bench):
        args = {r["cls"]: r["args"] for r in carried.read(bench).exported}
        self._mains = args["NetworkPowerPort"]["host"]
        _, host, port, _ = args["VisaInstrument"]["address"].split("::")
        self._supply = host, int(port)

    def on(self):
        with socket.create_connection(self._supply, 5.0) as sock, sock.makefile("rw") as lines:
            rails = []
            for channel in (1, 2, 3):
                lines.write(f":OUTP? CH{channel}\n")
                lines.flush()
                rails.append(lines.readline().strip() not in ("OFF", "0"))
        output = requests.get(f"{self._mains}/rpc/Switch.GetStatus?id=0", timeout=5.0).json()["output"]
        return any(rails), output
