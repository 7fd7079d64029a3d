"""One round of `chaos.py`: a job that is ended, what is seen after it, and the next job."""

from __future__ import annotations

import contextlib
import fcntl
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import chaos_journal
import psutil
from chaos_lab import Lab

OFF_S = {"cancel": 60.0, "kill": 30.0, "reboot": 60.0, "orphan": 30.0}
"""Seconds within which all outputs have to be off; after a reboot from when somebody is there again."""
MAINS_S = {"cancel": 60.0, "kill": 45.0, "reboot": 60.0, "orphan": 30.0}
"""The same for the test hosts' mains."""
HELD_S = 60.0
"""The same for places that are held, and traces on disk."""
JOB_S = 300.0
SIGNS = ("batch.json", "*/run.json")
"""Files by which the batch is begun (before that there is nothing to lose), and its first unit."""
_STOP = "batch_stop.json"
"""By which all benches are closed; the job only writes its report after it."""
_LOOK_S = 0.05
_OUTLIVING = {"rig.guard", "rig.guard.watch", "rig.bench.place.keeper"}
"""Programs beside a job whose work comes after it."""
PLAN = {
    "name": "chaos",
    "steps": ["short_check", "first_power", "enumeration"],
    "short_check": {"settle_s": 0.0},
    "first_power": {"window_s": 0.2},
    "enumeration": {"aer_window_s": 0.2},
}


@dataclass
class Round:
    """What came of one; times are None where it never came to that."""

    kind: str
    sign: str
    after_s: float
    by: str = ""
    """Who had to switch off."""
    phase: str = ""
    left_on: list[str] = field(default_factory=list)
    """What was on when the job was gone, before anybody switched it off."""
    left_mains: int = 0
    off_s: float | None = None
    mains_s: float | None = None
    free_s: float | None = None
    took_s: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Chaos:
    """The batch, its benches, and one round after the other."""

    def __init__(self, folder: Path, lab: Lab, units: int) -> None:
        self.folder, self.lab, self.units = folder, lab, units
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

    def undisturbed(self, out: Path) -> tuple[float, float]:
        """Seconds from the batch's begin to that of its first unit, and from there to the batch's end."""
        log = out.with_suffix(".log")
        job = self._start(out, log)
        times = [time.monotonic() for sign in (*SIGNS, _STOP) if self._seen(job, out, sign)]
        if (code := job.wait(JOB_S)) != 0 or len(times) <= len(SIGNS):
            raise SystemExit(f"the undisturbed job ended with {code}: {log.read_text()[-600:]}")
        return times[1] - times[0], times[2] - times[1]

    def round(self, kind: str, sign: str, after_s: float, out: Path, *, by_hand: bool = False) -> Round:
        """One job that is ended `after_s` after the sign, and the next; `by_hand`: `rig places free` between them."""
        begun, log = time.monotonic(), out.with_suffix(".log")
        by = {"cancel": "the job", "kill": "guardian, keeper", "orphan": "the workers"}
        by["reboot"] = "rig places free" if by_hand else "the next job"
        found = Round(kind, sign, after_s, by[kind])
        job = self._start(out, log)
        self._seen(job, out, sign)
        time.sleep(after_s)
        is_over = (out / _STOP).exists()
        gone = self._end(job, kind, found)
        found.phase = "over" if is_over else chaos_journal.phase(out, self.units)
        found.left_on, found.left_mains = self.lab.on(), self.lab.mains()
        if kind == "cancel" and (found.left_on or found.left_mains):
            found.wrong.append(f"when the cancelled job had ended: {found.left_on}, {found.left_mains} mains on")
        if by_hand:
            self._free(found, log)
        if kind != "reboot" or by_hand:
            self._await(found, gone)
        found.wrong += [*self._locked(out), *chaos_journal.faults(out, log)]
        self._next(found, out, log.with_suffix(".again"), is_first=kind == "reboot" and not by_hand)
        found.took_s = time.monotonic() - begun
        return found

    # --- a job --------------------------------------------------------------------------------------------------------

    def _start(self, out: Path, log: Path, *more: str) -> subprocess.Popen[bytes]:
        benches = [a for bench in self.lab.benches for a in ("--bench", str(bench.file))]
        call = [sys.executable, "-m", "rig", "batch", str(self.batch), *benches, *(more or ("--out", str(out)))]
        with log.open("wb") as err:
            return subprocess.Popen(
                [*call, "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err,
                start_new_session=True,
            )  # fmt: skip

    @staticmethod
    def _seen(job: subprocess.Popen[bytes], out: Path, sign: str) -> bool:
        """Wait for a file of the batch; False: the job ended before."""
        end = time.monotonic() + JOB_S
        while not any(out.glob(sign)):
            if job.poll() is not None or time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def _end(self, job: subprocess.Popen[bytes], kind: str, found: Round) -> float:
        """End it in its way; since when nobody is left of it who could have been told."""
        everyone: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            everyone = [*psutil.Process(job.pid).children(recursive=True), psutil.Process(job.pid)]
        begun = time.monotonic()
        if kind == "cancel":
            job.send_signal(signal.SIGTERM)
            try:
                # a job that had ended by itself is none that was cancelled
                if (code := job.wait(OFF_S[kind])) not in (0, 130):
                    found.wrong.append(f"exit code {code} after SIGTERM")
            except subprocess.TimeoutExpired:
                found.wrong.append(f"not ended {OFF_S[kind]:.0f} s after SIGTERM")
                job.kill()
            return begun
        if kind == "orphan":
            job.kill()
            _, alive = psutil.wait_procs(everyone, timeout=OFF_S[kind])
            found.wrong += [f"still there: {p}" for p in alive]
            return begun
        doomed = [p for p in everyone if kind == "reboot" or not _outlives(p)]
        for process in doomed:
            # stopped first: none of them must see another's end and act on it
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        for process in doomed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        job.wait(30)
        return time.monotonic()

    def _free(self, found: Round, log: Path) -> None:
        """What the unit at the runner's boot does."""
        done = subprocess.run(
            [sys.executable, "-m", "rig", "places", "free"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=JOB_S, check=False,
        )  # fmt: skip
        log.with_suffix(".free").write_text(done.stdout + done.stderr)
        if done.returncode != 0:
            found.wrong.append(f"rig places free: exit code {done.returncode}: {(done.stdout + done.stderr)[-400:]}")

    def _next(self, found: Round, out: Path, log: Path, *, is_first: bool) -> None:
        """The batch gone on with to its end; `is_first`: nobody switched off before it."""
        begun = time.monotonic()
        job = self._start(out, log, "--resume", str(out))
        if is_first:
            self._await_each_off(found, begun)
        with contextlib.suppress(subprocess.TimeoutExpired):
            job.wait(JOB_S)
        if (code := job.poll()) is None:
            job.kill()
        if code != 0:
            found.wrong.append(f"the next job ended with {code}: {log.read_text()[-600:]}")
            return
        ended = chaos_journal.judged(out)
        if len(ended) != self.units or any(verdicts != ["PASS"] for verdicts in ended.values()):
            found.wrong.append(f"units judged: {ended}")
        if (on := self.lab.on()) or self.lab.mains():
            found.wrong.append(f"after the next job: {on}, {self.lab.mains()} mains on")
        ended_s = time.monotonic()
        held_s = self._until(lambda: not self.lab.held(), HELD_S)
        if held_s is None:
            found.wrong.append(f"{HELD_S:.0f} s after the next job: {self.lab.held()}")
        elif is_first:
            found.free_s = ended_s + held_s - begun

    # --- what is seen -------------------------------------------------------------------------------------------------

    def _await(self, found: Round, since_s: float) -> None:
        """Outputs off, mains off, nothing held: when, counted from the job's end."""
        lab = self.lab
        for what, limit_s, seen in (
            ("off", OFF_S[found.kind], lab.on),
            ("mains", MAINS_S[found.kind], lab.mains),
            ("free", HELD_S, lab.held),
        ):
            if self._until(lambda seen=seen: not seen(), limit_s) is None:
                found.wrong.append(f"{what}: not within {limit_s:.0f} s: {seen()}")
            else:
                setattr(found, f"{what}_s", time.monotonic() - since_s)

    def _await_each_off(self, found: Round, since_s: float) -> None:
        """Each bench off once; the next job does not wait for the others before it powers its first unit."""
        left = list(self.lab.benches)

        def are_off() -> bool:
            left[:] = [bench for bench in left if bench.on() or bench.mains()]
            return not left

        if self._until(are_off, OFF_S[found.kind]) is None:
            found.wrong.append(f"never off: {[bench.file.parent.name for bench in left]}")
        else:
            found.off_s = found.mains_s = time.monotonic() - since_s

    @staticmethod
    def _until(holds: Callable[[], bool], within_s: float) -> float | None:
        """Seconds until it holds; None: it did not."""
        begun = time.monotonic()
        while not holds():
            if time.monotonic() - begun > within_s:
                return None
            time.sleep(_LOOK_S)
        return time.monotonic() - begun

    def _locked(self, out: Path) -> list[str]:
        found = []
        for file in [*(bench.file for bench in self.lab.benches), out / ".lock"]:
            with contextlib.suppress(FileNotFoundError), file.open("rb") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    found.append(f"{file.name} is still locked")
        return found


def _outlives(process: psutil.Process) -> bool:
    try:
        return not _OUTLIVING.isdisjoint(process.cmdline())
    except psutil.NoSuchProcess:
        return False
