"""Every plug of a bench, tried without a unit in it; each line is ok, a warning, bad, or not checked and why."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from labgrid.protocol import PowerProtocol

from rig.bench import doctor_here, doctor_host, mains
from rig.bench.doctor_line import BAD, NOT_CHECKED, OK, WARNING, Check, Said, Unasked
from rig.bench.edge import edge
from rig.bench.load import Bench, open_bench
from rig.bench.relays import RelayProbeDriver
from rig.errors import BenchError, RigError
from rig.guard.config import MAIN
from rig.ports import OperatorPort, PartnerPort

__all__ = ["BAD", "NOT_CHECKED", "OK", "WARNING", "Check", "check"]

Look = Callable[[Bench], Said]
"""What is as it should be, or nearly; raises a RigError for what is bad, Unasked for what cannot be known."""
Plug = tuple[str, Look, str]
"""Name, how to look, what to do when it is bad."""
_BOOT = "only with --boot, which powers the test host with its slot empty"
_QUESTION = (
    "The test host is powered for a look from inside, with the rails of the slot off.\n"
    "A card in the slot would be fed through its signals. Is the slot EMPTY?"
)


def check(bench_path: Path, boot: bool = False, results: Path | None = None) -> list[Check]:
    """One Check a plug; a bad plug is a Check, not an exception. Outputs and mains are off afterwards.

    Nothing is powered without `boot`; with it the host is, once somebody said that the slot is empty, and is looked at
    from inside. `results`: where runs are kept, for its free disk.
    """
    try:
        bench = open_bench(bench_path)
    except RigError as e:
        return [Check("bench file", BAD, str(e), "correct it, then try again")]
    try:
        found = [tried(bench, plug) for plug in (*_PLUGS, *doctor_here.plugs(results))]
        return [*found, *_inside(bench, boot=boot)]
    finally:
        # every plug that would not close has said so above
        with contextlib.suppress(BenchError):
            bench.close()


def tried(bench: Bench, plug: Plug) -> Check:
    """One look, as a line."""
    name, look, remedy = plug
    try:
        # inside the edge Unasked would become a fault of the bench
        with contextlib.ExitStack() as stack:
            stack.enter_context(edge(name, "look"))
            try:
                said = look(bench)
            except Unasked as e:
                return Check(name, NOT_CHECKED, str(e))
    except RigError as e:
        return Check(name, BAD, str(e), remedy)
    return Check(name, WARNING, said.text, remedy) if said.warning else Check(name, OK, said.text)


def _inside(bench: Bench, *, boot: bool) -> list[Check]:
    why = _BOOT if not boot else _may_not_power(bench)
    if why is not None:
        return [Check(name, NOT_CHECKED, why) for name, _, _ in (_HOST, *doctor_host.PLUGS)]
    try:
        up = tried(bench, _HOST)
        if not up.ok:
            dark = [Check(name, NOT_CHECKED, "the test host did not come up") for name, _, _ in doctor_host.PLUGS]
            return [up, *dark, tried(bench, _OFF)]
        return [up, *(tried(bench, plug) for plug in doctor_host.PLUGS), tried(bench, _OFF)]
    finally:
        if bench.strategy.status.name != "off":
            # Ctrl-C, or it would not go off: once more
            with contextlib.suppress(BenchError):
                bench.strategy.safe_off()


def _may_not_power(bench: Bench) -> str | None:
    """Why the host is not switched on; None: nothing is in its slot."""
    if bench.virtual:
        return None  # its twin began with an empty slot
    try:
        with edge("operator", "confirm"):
            said = bench.operator.confirm(_QUESTION)
    except RigError as e:
        return f"nobody could be asked whether the slot is empty: {e}"
    return None if said else "nobody said that the slot is empty"


def _mains(bench: Bench) -> Said:
    driver = bench.opened(PowerProtocol)
    state = mains.state(driver)
    said = "cannot be asked" if state is None else "on" if state else "off"
    return Said(f"{type(driver).__name__}: {said}")


def _console(bench: Bench) -> Said:
    bench.opened(type(bench.console))
    return Said(f"{bench.console.address}: open")


def _supply(bench: Bench) -> Said:
    """Opening it compares the identity and the channels with the bench file, and verifies that all are off."""
    who = bench.supply.identity()
    rails = ", ".join(
        f"{name} on channel {rail['channel']}" for name, rail in bench.supply.rails.items() if name != "wall"
    )
    return Said(f"{who.maker} {who.model}, serial {who.serial}, firmware {who.firmware}; {rails}: off")


def _others(bench: Bench) -> Said:
    """The second supply and the meter: the guardian opened them with the main one and compared their models."""
    found = {name: who for name, who in doctor_here.instruments(bench).items() if name != MAIN}
    if not found:
        raise Unasked("the bench file has neither a second supply nor a meter")
    return Said("; ".join(f"{name}: {who.maker} {who.model}, serial {who.serial}" for name, who in found.items()))


def _guardian(bench: Bench) -> Said:
    """Alive and answering; that it cuts the power of a rig that died is the business of a test, not of a look."""
    doctor_here.instruments(bench)
    pid, begun_s = bench.supply.guardian_pid, time.monotonic()
    bench.supply.mark("doctor")
    took_s = time.monotonic() - begun_s
    if (why := bench.supply.tripped()) is not None:
        raise BenchError(f"guardian: it has tripped: {why}")
    if not psutil.pid_exists(pid):
        raise BenchError(f"guardian: its process {pid} is gone")
    return Said(f"a process of its own answers in {took_s * 1000:.0f} ms, nothing is on, no trip")


def _relays(bench: Bench) -> Said:
    if not any(isinstance(d, RelayProbeDriver) for d in bench.target.drivers):
        raise Unasked("the bench file has no relays for the test leads")
    bench.probe.release()
    return Said("every relay open, and seen so")


def _operator(bench: Bench) -> Said:
    return Said(str(bench.opened(OperatorPort).look()))


def _partner(bench: Bench) -> Said:
    return Said(str(bench.opened(PartnerPort).version()))


def _boots(bench: Bench) -> Said:
    bench.strategy.boot_empty()
    return Said(f"login after {bench.host.boot_s():.1f} s")


def _off(bench: Bench) -> Said:
    bench.strategy.safe_off()
    return Said("mains and outputs")


_PLUGS: tuple[Plug, ...] = (
    ("mains switch", _mains, "its power and network, and `host` and `index` in the bench file"),
    ("console", _console, "the cable, the console server, and that nobody else has it open"),
    ("supply", _supply, "its power and network, `address`, `model` and `rails` in the bench file"),
    ("other instruments", _others, "their power and network, and their resources in the bench file"),
    ("guardian", _guardian, "nothing may be powered without it: try again, and look at guard.log of a run"),
    ("relays", _relays, "the relay board's power and network, and RelayProbeDriver in the bench file"),
    ("operator", _operator, "start the rig from a terminal, or start the twin"),
    ("link partner", _partner, "install iperf3 with its library on this machine"),
)
_HOST: Plug = (
    "test host",
    _boots,
    "console.log of a run, BIOS set to power on after a power loss, login in the bench file",
)
_OFF: Plug = ("off", _off, "switch the bench off by hand")
