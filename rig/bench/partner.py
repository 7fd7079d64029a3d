"""The machine at the other end of the cable, which is the one the rig runs on: an iperf3 client."""

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attr
import psutil
from labgrid import target_factory
from labgrid.driver import Driver

from rig.errors import BenchError, DeadlineError, LinkDownError, UsageError
from rig.ports import PartnerPort

WORKER = Path(__file__).with_name("iperf3_worker.py")
DEVICE = "link partner (iperf3)"
DIRECTIONS = ("to_host", "from_host", "both")
VERSION_S = 10.0
MOST_STREAMS = 128
"""Ref: iperf 3.12, iperf.h MAX_STREAMS."""
REFUSED = "Connection refused"


@target_factory.reg_driver
@attr.s(eq=False)
class IperfPartnerDriver(Driver, PartnerPort):
    """An iperf3 client on this machine, one process a run; the first `omit_s` of each run do not count."""

    omit_s = attr.ib(default=0, validator=[attr.validators.instance_of(int), attr.validators.ge(0)])
    grace_s = attr.ib(default=8.0, validator=[attr.validators.instance_of(float), attr.validators.gt(0)])

    def transfer(
        self, address: str, port: int, direction: str, duration_s: float, streams: int = 1
    ) -> Mapping[str, object]:
        """One run against `address`; libiperf's own JSON, and how idle this machine was meanwhile.

        LinkDownError when nobody listens, DeadlineError when it hangs, else BenchError with libiperf's words.
        libiperf counts whole seconds: `duration_s` is rounded up.
        """
        if direction not in DIRECTIONS:
            raise UsageError(f"{DEVICE}: direction {direction!r}, expected one of {', '.join(DIRECTIONS)}")
        if not 1 <= streams <= MOST_STREAMS:
            raise UsageError(f"{DEVICE}: {streams} streams, libiperf takes 1 to {MOST_STREAMS}")
        run_s = max(1, math.ceil(duration_s))
        request = {
            "address": address,
            "port": port,
            "duration_s": run_s,
            "omit_s": self.omit_s,
            "streams": streams,
            "from_host": direction == "from_host",
            "both_ways": direction == "both",
        }
        where = f"{direction} {address}:{port}"
        before = psutil.cpu_times()
        reply = ask_worker(request, run_s + self.omit_s + self.grace_s, where)
        return {**_result(reply, where), "controller": {"cpu_idle": idle_between(before, psutil.cpu_times())}}

    def version(self) -> str:
        """Version of libiperf on this machine; BenchError when it cannot be loaded."""
        reply = ask_worker({}, VERSION_S, "version")
        if "version" not in reply:
            raise BenchError(f"{DEVICE}: {reply.get('error')}; install iperf3 with its library (libiperf0)")
        return str(reply["version"])


def idle_between(before: Any, after: Any) -> float:
    """Share of this machine's processor time that nobody used between two `psutil.cpu_times()`, 0 to 1."""
    total = sum(after) - sum(before)
    return max(after.idle - before.idle, 0.0) / total if total > 0 else 1.0


def ask_worker(request: Mapping[str, Any], deadline_s: float, asked: str) -> dict[str, Any]:
    """The worker's reply; DeadlineError after `deadline_s`, BenchError when it dies (libiperf can crash)."""
    # the worker's own alarm ends it when this process is killed before it could
    told = json.dumps({**request, "deadline_s": math.ceil(deadline_s) + 5} if request else {})
    worker = subprocess.Popen(
        # -P: the worker's folder is this one, whose module names must not stand in for Python's own
        [sys.executable, "-P", str(WORKER), told],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = worker.communicate(timeout=deadline_s)
    except subprocess.TimeoutExpired:
        raise DeadlineError(
            DEVICE, f"the end of the run {asked}", deadline_s, "silence", "is the path to the host's port up?"
        ) from None
    finally:
        _end(worker)
    return _parsed(worker.returncode, out, err, asked)


def _end(worker: "subprocess.Popen[bytes]") -> None:
    """No worker outlives its call, whatever ended the call."""
    if worker.poll() is None:
        worker.kill()
    worker.communicate()


def _parsed(code: int, out: bytes, err: bytes, asked: str) -> dict[str, Any]:
    try:
        reply = json.loads(out)
    except ValueError:
        said = err.decode(errors="backslashreplace").strip().splitlines() or ["it said nothing"]
        raise BenchError(f"{DEVICE}: the worker for {asked} ended with {code}: {said[-1][-200:]}") from None
    return dict(reply)


def _result(reply: Mapping[str, Any], where: str) -> Mapping[str, object]:
    result = reply.get("result") or {}
    error = reply.get("error") or result.get("error")
    if error and REFUSED in error:
        raise LinkDownError(
            DEVICE, where, str(error), "no iperf3 server there: is the host's port up, with its address?"
        )
    if error or not result:
        raise BenchError(f"{DEVICE}: {where}: {error or 'libiperf gave no result'}")
    return dict(result)
