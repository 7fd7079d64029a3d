"""A job on virtual benches that is cancelled, killed, or whose runner is "rebooted", at random points.

    .venv/bin/python benchmarks/chaos.py [--rounds 100] [--benches 2] [--units 4]

The benches stand by themselves, as real ones do: their twins are this program's, not the job's, and their supplies are
asked over SCPI what is on. In turn a job is

- `cancel`: its controller gets SIGTERM, as a runner cancels;
- `kill`: controller and workers get SIGKILL at once; the guardians are left, as a runner leaves them;
- `reboot`: the guardians are killed too. Nobody is left then to switch anything off but the next job, whose first act
  it is: what stayed on until then is counted and told, and is not held against the rig;
- `orphan`: the controller alone gets SIGKILL; its workers have to find out by themselves.

After each: no output on, no lock held, every file of the journal whole, nothing that was told missing in it; and the
same call with --resume ends the batch, every unit judged and good. Exit code 1 when something is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import http.client
import json
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from ruamel.yaml import YAML

from rig.bench.plugs import plug_in
from rig.config.library import project_root
from rig.plugin.twin_process import TwinProcess

KINDS = ("cancel", "kill", "reboot", "orphan")
CHANNELS = (1, 2, 3)
OFF_S = {"cancel": 60.0, "kill": 30.0, "reboot": 60.0, "orphan": 30.0}
"""Seconds within which everything has to be off; after a reboot from the start of the next job."""
JOB_S = 300.0
TOLD = re.compile(r"^(?P<bench>\S+) \| (?:(?P<at>\d+)/\d+ .*|    (?P<step>\w+) +(?P<verdict>[A-Z_]+) .*)$")
PLAN = {
    "name": "chaos",
    "steps": ["short_check", "first_power", "enumeration"],
    "short_check": {"settle_s": 0.0},
    "first_power": {"window_s": 0.2},
    "enumeration": {"aer_window_s": 0.2},
}


@dataclass
class Bench:
    """A bench that stands by itself: its file, and the plugs of its twin."""

    file: Path
    plugs: dict[str, Any]

    def on(self) -> list[str]:
        """Channels of the supply that are on."""
        _, host, port, _ = self.plugs["supply"].split("::")
        with socket.create_connection((host, int(port)), timeout=5) as link, link.makefile("rw", newline="\n") as lines:
            found = []
            for channel in CHANNELS:
                lines.write(f":OUTP? CH{channel}\n")
                lines.flush()
                if (said := lines.readline().strip()) != "OFF":
                    found.append(f"CH{channel}:{said}")
            return found

    def mains(self) -> bool:
        """Whether the test host has mains."""
        where = urlsplit(self.plugs["mains"])
        with contextlib.closing(http.client.HTTPConnection(where.hostname or "", where.port, timeout=5)) as link:
            link.request("GET", "/rpc/Switch.GetStatus?id=0")
            return bool(json.loads(link.getresponse().read())["output"])


@dataclass
class Round:
    """What came of one."""

    kind: str
    after_s: float
    off_s: float | None = None
    left_on: list[str] = field(default_factory=list)
    """What was on when the job was gone, before anybody switched it off."""
    mains_on: int = 0
    """Test hosts that had mains when the outputs were off."""
    wrong: list[str] = field(default_factory=list)


class Chaos:
    """The batch, its benches, and one round after the other."""

    def __init__(self, folder: Path, benches: list[Bench], units: int) -> None:
        self.folder, self.benches = folder, benches
        self.batch = folder / "batch.yaml"
        (folder / "plan.yaml").write_text(json.dumps(PLAN))
        tray = [
            {
                "adapter": {"design": "TobleMiner-revA", "serial": f"A-{n}"},
                "card": {"model": "561FLR-T", "serial": f"C-{n}"},
            }
            for n in range(1, units + 1)
        ]
        self.batch.write_text(json.dumps({"name": "chaos", "plan": "plan.yaml", "units": tray}))
        self.units = units

    def round(self, kind: str, after_s: float, out: Path) -> Round:
        """One job that is ended, and the next."""
        found = Round(kind, after_s)
        log = out.with_suffix(".log")
        job = self._start(out, log)
        self._wait_first(job, out)
        time.sleep(after_s)
        self._end(job, kind, found)
        if kind != "reboot":
            self._await_off(found, OFF_S[kind])
            # what is off for the rails is not yet off for the host
            found.mains_on = sum(bench.mains() for bench in self.benches)
        else:
            found.left_on = [on for bench in self.benches for on in bench.on()]
        self._check_locks(found, out)
        self._check_journal(found, out, log)
        again = self._start(out, log.with_suffix(".again"), "--resume", str(out))
        if kind == "reboot":
            self._await_off(found, OFF_S[kind])
        with contextlib.suppress(subprocess.TimeoutExpired):
            again.wait(JOB_S)
        self._check_end(found, again, out, log.with_suffix(".again"))
        return found

    def _start(self, out: Path, log: Path, *more: str) -> subprocess.Popen[bytes]:
        benches = [a for bench in self.benches for a in ("--bench", str(bench.file))]
        call = [
            sys.executable,
            "-m",
            "rig",
            "batch",
            str(self.batch),
            *benches,
            *(more or ("--out", str(out))),
            "--json",
        ]
        with log.open("wb") as err:
            return subprocess.Popen(
                call, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, start_new_session=True
            )

    @staticmethod
    def _wait_first(job: subprocess.Popen[bytes], out: Path) -> None:
        """Until the batch is begun: before that there is nothing to lose."""
        end = time.monotonic() + JOB_S
        while not (out / "batch.json").exists() and job.poll() is None and time.monotonic() < end:
            time.sleep(0.02)

    def _end(self, job: subprocess.Popen[bytes], kind: str, found: Round) -> None:
        if kind == "cancel":
            begun = time.monotonic()
            job.send_signal(signal.SIGTERM)
            try:
                code = job.wait(OFF_S[kind])
            except subprocess.TimeoutExpired:
                found.wrong.append(f"not ended {OFF_S[kind]:.0f} s after SIGTERM")
                job.kill()
                return
            found.off_s = time.monotonic() - begun
            found.left_on = [on for bench in self.benches for on in bench.on()]
            # a job that had ended by itself is none that was cancelled
            if code not in (0, 130):
                found.wrong.append(f"exit code {code} after SIGTERM")
            if found.left_on:
                found.wrong.append(f"on when the cancelled job had ended: {found.left_on}")
            return
        everyone: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            everyone = [*psutil.Process(job.pid).children(recursive=True), psutil.Process(job.pid)]
        if kind == "orphan":
            job.kill()
            job.wait(30)
            found.left_on = [on for bench in self.benches for on in bench.on()]
            begun = time.monotonic()
            _, alive = psutil.wait_procs(everyone, timeout=OFF_S[kind])
            found.off_s = time.monotonic() - begun
            found.wrong += [f"still there: {p}" for p in alive]
            return
        doomed = [p for p in everyone if kind == "reboot" or not _is_guardian(p)]
        for process in doomed:
            # stopped first: none of them must see another's end and act on it
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        for process in doomed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        job.wait(30)
        found.left_on = [on for bench in self.benches for on in bench.on()]

    def _await_off(self, found: Round, within_s: float) -> None:
        start = time.monotonic()
        while on := [on for bench in self.benches for on in bench.on()]:
            if time.monotonic() - start > within_s:
                found.wrong.append(f"still on after {within_s:.0f} s: {on}")
                return
            time.sleep(0.05)
        found.off_s = found.off_s or time.monotonic() - start

    def _check_locks(self, found: Round, out: Path) -> None:
        for file in [*(bench.file for bench in self.benches), out / ".lock"]:
            with contextlib.suppress(FileNotFoundError), file.open("rb") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    found.wrong.append(f"{file.name} is still locked")

    def _check_journal(self, found: Round, out: Path, log: Path) -> None:
        """Every file whole; every verdict that was told is in it."""
        rows: set[tuple[str, str]] = set()
        for file in out.rglob("*.json"):
            if not _is_json(file.read_text()):
                found.wrong.append(f"{file.relative_to(out)} is torn")
        for file in out.rglob("*.jsonl"):
            text = file.read_text()
            torn = [n for n, line in enumerate(text.splitlines(), 1) if not _is_json(line)]
            # the samples of a supply come by the hundred and are not waited for: a reader drops a torn last one
            if torn and not (file.name == "power.jsonl" and torn == [text.count("\n") + 1]):
                found.wrong.append(f"{file.relative_to(out)}: line {torn[0]} is torn")
            if file.name == "judged.jsonl" and file.with_name("run.json").exists():
                serial = json.loads(file.with_name("run.json").read_text())["adapter"]["serial"]
                rows |= {(serial, json.loads(line)["step"]) for line in text.splitlines() if _is_json(line)}
        found.wrong += [f"told but not on record: {told}" for told in sorted(_told(log) - rows)]

    def _check_end(self, found: Round, again: subprocess.Popen[bytes], out: Path, log: Path) -> None:
        code = again.poll()
        if code is None:
            again.kill()
        if code != 0:
            found.wrong.append(f"the next job ended with {code}: {log.read_text()[-600:]}")
            return
        ended: dict[str, list[str]] = {}
        for file in out.glob("*/stop.json"):
            stop, start = json.loads(file.read_text()), json.loads(file.with_name("run.json").read_text())
            if stop["status"] == "finished":
                ended.setdefault(start["adapter"]["serial"], []).append(stop["verdict"])
        if len(ended) != self.units or any(len(verdicts) != 1 for verdicts in ended.values()):
            found.wrong.append(f"units judged: {ended}")
        if on := [on for bench in self.benches for on in bench.on()]:
            found.wrong.append(f"on after the next job: {on}")


def _told(log: Path) -> set[tuple[str, str]]:
    """Adapter and step of every verdict on standard error."""
    at: dict[str, str] = {}
    found = set()
    for line in log.read_text(errors="replace").splitlines():
        if (match := TOLD.match(line)) is None:
            continue
        if match["at"]:
            at[match["bench"]] = f"A-{match['at']}"
        elif match["bench"] in at:
            found.add((at[match["bench"]], match["step"]))
    return found


def _is_guardian(process: psutil.Process) -> bool:
    try:
        return "rig.guard" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def stand(stack: contextlib.ExitStack, folder: Path, count: int) -> list[Bench]:
    """Benches whose twins live until the stack ends."""
    found = []
    for n in range(1, count + 1):
        state = folder / f"bench-{n}"
        twin = stack.enter_context(contextlib.closing(TwinProcess(project_root() / "configs/twins/good.yaml", state)))
        file = plug_in(project_root() / "configs/benches/virtual.yaml", twin.plugs, state / "bench.yaml")
        yaml = YAML(typ="rt")
        tree = yaml.load(file)
        tree["targets"]["main"]["options"]["name"] = f"bench-{n}"
        yaml.dump(tree, file)
        found.append(Bench(file, twin.plugs))
    return found


def summary(rounds: list[Round]) -> None:
    for kind in KINDS:
        those = [r for r in rounds if r.kind == kind]
        if not those:
            continue
        off = [r.off_s for r in those if r.off_s is not None]
        by = "the next job" if kind == "reboot" else "the guardians" if kind == "kill" else "the workers"
        print(
            f"{kind:7} {len(those):4} times: {sum(not r.wrong for r in those)} good; outputs on at that point in "
            f"{sum(bool(r.left_on) for r in those)}; off by {by} after median {statistics.median(off or [0]):.1f} s, "
            f"at most {max(off or [0]):.1f} s; mains on then in {sum(bool(r.mains_on) for r in those)}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--benches", type=int, default=2)
    parser.add_argument("--units", type=int, default=4)
    parser.add_argument("--most-s", type=float, default=25.0, help="latest point, in seconds after the batch began")
    asked = parser.parse_args()
    chance = random.SystemRandom()
    rounds = []
    with tempfile.TemporaryDirectory(prefix="rig-chaos-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        chaos = Chaos(folder, stand(stack, folder, asked.benches), asked.units)
        for n in range(asked.rounds):
            one = chaos.round(KINDS[n % len(KINDS)], chance.uniform(0.0, asked.most_s), folder / f"out-{n}")
            rounds.append(one)
            off = "never" if one.off_s is None else f"{one.off_s:.1f} s"
            said = "; ".join(one.wrong) or "good"
            print(f"{n + 1:4} {one.kind:7} after {one.after_s:5.1f} s, on {one.left_on}, off {off}: {said}", flush=True)
    summary(rounds)
    wrong = sum(bool(r.wrong) for r in rounds)
    print(f"{len(rounds)} rounds: {'all good' if not wrong else f'{wrong} WRONG'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
