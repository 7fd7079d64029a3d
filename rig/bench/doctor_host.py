"""What the doctor looks at inside the test host, once it is up with its slot empty."""

import re
import shlex
import time
from collections.abc import Callable

from rig.bench.doctor_line import Said, Unasked
from rig.bench.load import Bench
from rig.errors import BenchError
from rig.ports import HostPort

TOOLS = {
    "lspci": "--version",
    "setpci": "--version",
    "ethtool": "--version",
    "iperf3": "--version",
    "ip": "-V",
}
"""What the steps call on the test host, and how it tells its version."""
WANTED = {"mstflint": "--version"}
"""What only some cards and steps need."""
PATTERN = "".join(chr(c) for c in range(0x20, 0x7F))
"""Every character that is printed and no key: a byte lost, doubled or with a wrong bit shows."""
ECHOES = 8
FEW_KIB = 200_000
OFF_S = 5.0
"""Apart by more, the host's own log cannot be put beside the journal."""


def echo(bench: Bench) -> Said:
    """A pattern through the login shell and back, whole."""
    for n in range(ECHOES):
        reply = bench.host.run(f"printf '%s\\n' {shlex.quote(PATTERN[n:] + PATTERN[:n])}")
        if reply.text.strip("\r\n") != PATTERN[n:] + PATTERN[:n]:
            raise BenchError(f"console: sent {PATTERN[n:] + PATTERN[:n]!r}, {reply.text[:200]!r} came back")
    return Said(f"{ECHOES * len(PATTERN)} characters came back whole")


def tools(bench: Bench) -> Said:
    """Kernel and tool versions; a warning where only firmware's are missing."""
    kernel = bench.host.run("uname -r").text.strip()
    found = {tool: version(bench.host, tool, flag) for tool, flag in TOOLS.items()}
    missing = [tool for tool, text in found.items() if text is None]
    if missing:
        raise BenchError(f"test host: {', '.join(missing)} not found")
    more = {tool: version(bench.host, tool, flag) for tool, flag in WANTED.items()}
    lacking = [tool for tool, text in more.items() if text is None]
    known = ", ".join(f"{tool} ({text})" for tool, text in {**found, **more}.items() if text is not None)
    tail = f"; no {', '.join(lacking)}: firmware of ConnectX cards cannot be looked at" if lacking else ""
    return Said(f"kernel {kernel}, {known}{tail}", warning=bool(lacking))


def version(host: HostPort, tool: str, flag: str) -> str | None:
    """First line of what it says of itself; None: it is not there."""
    reply = host.run(f"command -v {shlex.quote(tool)} >/dev/null && {shlex.quote(tool)} {flag}")
    return reply.text.splitlines()[0] if reply.code == 0 and reply.text else None


def clock(bench: Bench) -> Said:
    """The host's clock against the middle of the question."""
    before_s = time.time()
    reply = bench.host.run("date +%s.%N")
    after_s = time.time()
    found = re.search(r"^\d+(?:\.\d+)?$", reply.text, re.MULTILINE)
    if found is None:
        raise Unasked(f"'date' says {reply.text[:80]!r}")
    ahead_s = float(found.group()) - (before_s + after_s) / 2
    said = f"{ahead_s:+.1f} s of this machine's, asked in {after_s - before_s:.1f} s"
    return Said(said, warning=abs(ahead_s) > OFF_S + (after_s - before_s) / 2)


def disk(bench: Bench) -> Said:
    """Room for what steps put into /tmp."""
    reply = bench.host.run("df -Pk /tmp")
    words = reply.text.splitlines()[-1].split() if reply.code == 0 and reply.text else []
    if len(words) < 6 or not words[3].isdigit():
        raise Unasked(f"'df -Pk /tmp' says {reply.text[:80]!r}")
    free_kib = int(words[3])
    return Said(f"{free_kib / 1e6:.1f} GB free in /tmp", warning=free_kib < FEW_KIB)


PLUGS: tuple[tuple[str, Callable[[Bench], Said], str], ...] = (
    ("console echo", echo, "speed and parity of the console, its cable, its flow control"),
    ("host tools", tools, "install them on the test host: pciutils, ethtool, iperf3, iproute2, mstflint"),
    ("host clock", clock, "NTP on the test host, or the battery of its clock"),
    ("host disk", disk, "free its disk: backups of firmware pass through it"),
)
