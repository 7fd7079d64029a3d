"""Every plug of a bench, tried without a unit in it."""

import contextlib
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from labgrid.binding import BindingState
from labgrid.protocol import PowerProtocol

from rig.bench import mains
from rig.bench.edge import edge
from rig.bench.load import Bench, open_bench
from rig.errors import BenchError, RigError
from rig.ports import HostPort, OperatorPort, PartnerPort

TOOLS = {
    "lspci": "--version",
    "setpci": "--version",
    "ethtool": "--version",
    "iperf3": "--version",
    "ip": "-V",
}
"""What the steps call on the test host, and how it tells its version."""


@dataclass(frozen=True, slots=True)
class Check:
    """One plug: whether it is as the bench file says, what it said, and what to do if not."""

    plug: str
    ok: bool
    said: str
    remedy: str = ""


def check(bench_path: Path, boot: bool = False) -> list[Check]:
    """One Check a plug; a bad plug is a Check, not an exception. Outputs and mains are off afterwards.

    `boot` also boots the host, with an empty slot, and asks for its tools.
    """
    try:
        bench = open_bench(bench_path)
    except RigError as e:
        return [Check("bench file", False, str(e), "correct it, then try again")]
    try:
        return [_tried(bench, plug, look, remedy) for plug, look, remedy in _plugs(boot)]
    finally:
        # every plug that would not close has said so above
        with contextlib.suppress(BenchError):
            bench.close()


def _plugs(boot: bool) -> Iterator[tuple[str, Callable[[Bench], str], str]]:
    yield "mains switch", _mains, "its power and network, and `host` and `index` in the bench file"
    yield "console", _console, "the cable, the console server, and that nobody else has it open"
    yield "supply", _supply, "its power and network, `address`, `model` and `rails` in the bench file"
    yield "operator", _operator, "start the rig from a terminal, or start the twin"
    yield "link partner", _partner, "install iperf3 with its library on this machine"
    if boot:
        yield (
            "test host",
            _boots,
            "console.log of a run, BIOS set to power on after a power loss, login in the bench file",
        )
        yield "host tools", _tools, "install them on the test host: pciutils, ethtool, iperf3, iproute2"
        yield "off", _off, "switch the bench off by hand"


def _tried(bench: Bench, plug: str, look: Callable[[Bench], str], remedy: str) -> Check:
    try:
        with edge(plug, "look"):
            return Check(plug, True, look(bench))
    except RigError as e:
        return Check(plug, False, str(e), remedy)


def _mains(bench: Bench) -> str:
    driver = bench.opened(PowerProtocol)
    state = mains.state(driver)
    said = "cannot be asked" if state is None else "on" if state else "off"
    return f"{type(driver).__name__}: {said}"


def _console(bench: Bench) -> str:
    bench.opened(type(bench.console))
    return f"{bench.console.address}: open"


def _supply(bench: Bench) -> str:
    """Opening it compares the identity and the channels with the bench file, and verifies that all are off."""
    who = bench.supply.identity()
    rails = ", ".join(f"{name} on channel {rail['channel']}" for name, rail in bench.supply.rails.items())
    return f"{who.maker} {who.model}, serial {who.serial}, firmware {who.firmware}; {rails}: off"


def _operator(bench: Bench) -> str:
    return str(bench.opened(OperatorPort).look())


def _partner(bench: Bench) -> str:
    return str(bench.opened(PartnerPort).version())


def _boots(bench: Bench) -> str:
    bench.strategy.boot_empty()
    return f"login after {bench.host.boot_s():.1f} s"


def _tools(bench: Bench) -> str:
    if bench.strategy.host.state is not BindingState.active:
        raise BenchError("test host: not asked, it did not come up")
    found = {tool: _version(bench.host, tool, flag) for tool, flag in TOOLS.items()}
    missing = [tool for tool, version in found.items() if version is None]
    if missing:
        raise BenchError(f"test host: {', '.join(missing)} not found")
    return ", ".join(f"{tool} ({version})" for tool, version in found.items())


def _version(host: HostPort, tool: str, flag: str) -> str | None:
    """First line of what it says of itself; None: it is not there."""
    reply = host.run(f"command -v {shlex.quote(tool)} >/dev/null && {shlex.quote(tool)} {flag}")
    return reply.text.splitlines()[0] if reply.code == 0 and reply.text else None


def _off(bench: Bench) -> str:
    bench.strategy.safe_off()
    return "mains and outputs"
