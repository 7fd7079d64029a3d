"""The machine at the other end of the cable, which is the one the rig runs on: an iperf3 client."""

import ipaddress
import json
import math
import re
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
from rig.ports import CablePort, PartnerPort

WORKER = Path(__file__).with_name("iperf3_worker.py")
DEVICE = "link partner (iperf3)"
DIRECTIONS = ("to_host", "from_host", "both")
VERSION_S = 10.0
IP_S = 10.0
INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,14}")
MOST_STREAMS = 128
"""Ref: iperf 3.12, iperf.h MAX_STREAMS."""
REFUSED = "Connection refused"


def _interface_names(instance: Any, attribute: Any, value: Any) -> None:
    del instance
    if not isinstance(value, list) or not all(isinstance(v, str) and INTERFACE.fullmatch(v) for v in value):
        raise ValueError(f"{attribute.name}: expected names of this machine's interfaces, such as [enp3s0f0]")


def _addresses(instance: Any, attribute: Any, value: Any) -> None:
    del instance
    words = [word for pair in value.items() for word in pair] if isinstance(value, dict) else [None]
    try:
        for word in words:
            ipaddress.ip_address(word if isinstance(word, str) else "")
    except ValueError as e:
        raise ValueError(f"{attribute.name}: expected addresses, such as {{10.86.1.2: 127.86.1.2}}; {e}") from e


@target_factory.reg_driver
@attr.s(eq=False)
class IperfPartnerDriver(Driver, PartnerPort, CablePort):
    """An iperf3 client on this machine, one process a run; the first `omit_s` of each run do not count.

    `interfaces`: this machine's ends of the cables, first port first; named, they can be put down and up.
    `reached_at`: a port's address to the one it is reached at from here, where it is behind a forwarded port.
    """

    omit_s = attr.ib(default=0, validator=[attr.validators.instance_of(int), attr.validators.ge(0)])
    grace_s = attr.ib(default=8.0, validator=[attr.validators.instance_of(float), attr.validators.gt(0)])
    interfaces = attr.ib(factory=list, validator=_interface_names)
    reached_at = attr.ib(factory=dict, validator=_addresses)

    def __attrs_post_init__(self):
        super().__attrs_post_init__()
        self._down: set[str] = set()

    def on_deactivate(self):
        for name in sorted(self._down):
            self._set(name, up=True)

    def plug(self, port: int, *, plugged: bool) -> None:
        """Put this machine's end of a port's cable up or down; UsageError when the bench file does not name it.

        Ref: ip-link(8). Needs the right to (root, or CAP_NET_ADMIN), and an interface that stops its light or
        carrier when it is down.
        """
        if not 1 <= port <= len(self.interfaces):
            raise UsageError(
                f"link partner: port {port}: the bench file names {len(self.interfaces)} interface(s) of this machine"
            )
        self._set(self.interfaces[port - 1], up=plugged)

    def _set(self, name: str, *, up: bool) -> None:
        way = "up" if up else "down"
        try:
            done = subprocess.run(
                ["ip", "link", "set", "dev", name, way], capture_output=True, text=True, timeout=IP_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as e:
            raise LinkDownError(f"link partner {name}", f"ip link set {way}", str(e), "install iproute2") from e
        if done.returncode != 0:
            said = done.stderr.strip() or f"exit code {done.returncode}"
            raise BenchError(f"link partner {name}: ip link set {way}: {said}; it needs CAP_NET_ADMIN on this machine")
        (self._down.discard if up else self._down.add)(name)

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
            "address": self.reached_at.get(address, address),
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
