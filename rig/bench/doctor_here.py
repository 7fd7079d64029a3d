"""What the doctor looks at on the controller: its clock, its disk, its own throughput, dates of calibration."""

import ctypes
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from labgrid.binding import BindingState

from rig.bench.doctor_line import Said, Unasked
from rig.bench.load import Bench
from rig.errors import BenchError, LinkDownError
from rig.guard.config import MAIN
from rig.model import Identity
from rig.ports import PartnerPort

SOON = timedelta(days=30)
BAD_BYTES, FEW_BYTES = 500_000_000, 5_000_000_000
"""A run leaves about 2 MB, a batch of fifty 100 MB, and backups of firmware stay for ever."""
LOOPBACK_S, SERVER_S = 1.0, 5.0
_UNSYNCHRONISED = 5
"""What adjtimex returns while nothing disciplines the clock. Ref: adjtimex(2), TIME_ERROR."""
_TIMEX_BYTES = 512
"""More than `struct timex` has on any machine; all zero it only asks."""


def plugs(results: Path | None) -> Iterator[tuple[str, Callable[[Bench], Said], str]]:
    """Name, how to look, what to do when it is bad."""
    yield (
        "partner throughput",
        loopback,
        "what slows it: power saving, a virtual machine, other load; or a faster machine",
    )
    yield "calibration", calibration, "have it calibrated, then correct `calibration:` in the bench file"
    yield "results disk", lambda bench: disk(results), "free the disk, or name another folder with --out"
    yield "clock", lambda bench: clock(), "let NTP or chrony keep this machine's clock"


def clock() -> Said:
    """Whether the kernel says that something keeps its clock."""
    libc = ctypes.CDLL(None, use_errno=True)
    state = libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if state < 0:
        raise Unasked(f"{now}; the kernel does not say whether it is kept: {os.strerror(ctypes.get_errno())}")
    if state == _UNSYNCHRONISED:
        return Said(f"{now}, not synchronised: times in the journal are this machine's guess", warning=True)
    return Said(f"{now}, synchronised")


def disk(results: Path | None) -> Said:
    """Room where runs are kept."""
    if results is None:
        raise Unasked("no folder of results was named")
    there = next(p for p in (results.absolute(), *results.absolute().parents) if p.is_dir())
    if not os.access(there, os.W_OK):
        raise BenchError(f"results disk: {there} cannot be written to")
    free = shutil.disk_usage(there).free
    said = f"{free / 1e9:.1f} GB free at {there}"
    if free < BAD_BYTES:
        raise BenchError(f"results disk: {said}")
    return Said(said, warning=free < FEW_BYTES)


def instruments(bench: Bench) -> Mapping[str, Identity]:
    """Who the instruments said they are; Unasked where the look at the supply did not get it open."""
    if bench.supply_driver.state is not BindingState.active:
        raise Unasked("the supply is not open")
    return bench.supply.identities()


def calibration(bench: Bench) -> Said:
    """Every instrument's date in the bench file against today."""
    known = instruments(bench)
    names = ["supply" if name == MAIN else name for name in known]
    dates = bench.options.calibration
    today = datetime.now(UTC).date()
    unstated = [name for name in names if name not in dates]
    said = "; ".join(_due(name, dates.get(name), today) for name in names)
    if any(name in dates and dates[name] < today for name in names):
        raise BenchError(f"calibration: {said}")
    if len(unstated) == len(names):
        raise Unasked("the bench file states no date: `calibration: {supply: 2027-03-01}`")
    return Said(said, warning=bool(unstated) or any(dates[n] - today < SOON for n in names if n in dates))


def _due(name: str, until: date | None, today: date) -> str:
    if until is None:
        return f"{name}: no date is stated"
    if until < today:
        return f"{name}: overdue since {until}"
    return f"{name}: until {until}" + (" (soon)" if until - today < SOON else "")


def loopback(bench: Bench) -> Said:
    """What this machine moves from itself to itself, against the line: it does the work of both ends."""
    if shutil.which("iperf3") is None:
        raise Unasked("the command iperf3 is not installed on this machine")
    partner = bench.opened(PartnerPort)
    line_bps = bench.options.partner_bps
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        ["iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", str(port)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        rate_bps = _received(_once_up(partner, port))
    finally:
        server.kill()
        server.wait()
    said = f"{rate_bps / 1e9:.1f} Gbit/s to itself, the line carries {line_bps / 1e9:g}"
    slow = rate_bps < line_bps
    return Said(f"{said}: a rate below the line may be this machine's" if slow else said, warning=slow)


def _once_up(partner: PartnerPort, port: int) -> str:
    """The run, as soon as the server listens."""
    end_s = time.monotonic() + SERVER_S
    while True:
        try:
            return json.dumps(partner.transfer("127.0.0.1", port, "to_host", LOOPBACK_S))
        except LinkDownError:
            if time.monotonic() > end_s:
                raise
            time.sleep(0.1)


def _received(text: str) -> float:
    """Bit/s that arrived, of iperf3's own JSON."""
    try:
        return float(json.loads(text)["end"]["sum_received"]["bits_per_second"])
    except (KeyError, TypeError, ValueError) as e:
        raise BenchError(f"partner throughput: iperf3's reply has no rate: {text[:200]!r}") from e
