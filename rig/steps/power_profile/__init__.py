"""What the card draws in each of its states: mean, peak and energy, per rail.

Ref: domain notes on power, section 6: never the first reading after a change of state; the unit of analysis is the
mean of a steady window of one insert.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rig.config.plan import PowerProfile
from rig.errors import BenchError
from rig.expect import Parts
from rig.model import Findings, Measurement
from rig.steps.answers import still_answers
from rig.steps.iperf_server import serving
from rig.steps.link import cabled, ethernet_devices
from rig.steps.pci import Located, locate
from rig.steps.power_profile.baseline import Baseline, drift_rows
from rig.steps.power_profile.bench import Note, NotMeasured, Ports
from rig.steps.power_profile.context import Context
from rig.steps.power_profile.rows import missing, rows_of
from rig.steps.power_profile.states import TRAFFIC, State, States
from rig.steps.power_profile.window import Gap, Recorder, Taken

__all__ = ["Ports", "measure"]

AUX = "aux"


def measure(bench: Ports, parts: Parts, plan: PowerProfile, note: Note) -> Findings:
    """One steady window a state; `note` records when each state began and ended.

    `aux` is taken where it costs no power cycle: first when the host is off, else last.
    """
    recorder = Recorder(bench, plan, note)
    aux_first = AUX in plan.states and bench.host_is_off
    rows = _aux(bench, recorder) if aux_first else []
    before = _baseline(bench, plan, recorder, "before")
    bench.to_card()
    found: list[Finished] = []
    answered: list[Measurement] = []
    card = locate(bench.host, parts.card, bench.root_port)
    with still_answers(bench.host, card, answered):
        for state in _states(bench, card, plan, recorder):
            found.append(state)
    if AUX in plan.states and not aux_first:
        rows += _aux(bench, recorder)
    after = _baseline(bench, plan, recorder, "after")
    baseline = Baseline(before, after) if before and after else None
    for state in found:
        rows += state(baseline)
    return Findings((*rows, *drift_rows(baseline), *answered))


Finished = Callable[[Baseline | None], list[Measurement]]
"""A state's rows, once the baseline after it is known."""


def _states(bench: Ports, card: Located | None, plan: PowerProfile, recorder: Recorder) -> Iterator[Finished]:
    """Every state in which the host is on."""
    devices = ethernet_devices(bench.host, card)
    ports = cabled(devices, bench.addresses)
    context = Context(bench, card, devices, ports)
    states = States(bench, devices, ports, plan, recorder)
    asked = [s for s in plan.states if s != AUX]
    with _server(bench, needed=bool(ports) and bool(set(asked) & set(TRAFFIC))):
        for name in asked:
            yield _one(bench, states, context, name)


def _one(bench: Ports, states: States, context: Context, name: State) -> Finished:
    try:
        taken, seen = _whole(lambda: states.take(name, context.read))
    except NotMeasured as e:
        rows = missing(name, str(e))
        return lambda baseline: rows
    return lambda baseline: [*rows_of(bench, name, taken, baseline), *seen]


def _whole(take: Callable[[], tuple[Taken, list[Measurement]]]) -> tuple[Taken, list[Measurement]]:
    """Taken once more when some of it was not measured."""
    try:
        return take()
    except Gap:
        try:
            return take()
        except Gap as e:
            raise BenchError(f"supply: {e}, twice: look at its cable and its network") from e


def _aux(bench: Ports, recorder: Recorder) -> list[Measurement]:
    """3.3 V alone, the host off."""
    if bench.to_aux is None:
        return missing(AUX, bench.no_aux)
    to_aux = bench.to_aux

    def take() -> tuple[Taken, list[Measurement]]:
        to_aux()
        return recorder.take(AUX), []

    taken, _ = _whole(take)
    return rows_of(bench, AUX, taken, None)


def _baseline(bench: Ports, plan: PowerProfile, recorder: Recorder, when: str) -> Taken | None:
    """The host with the adapter and no card, idle."""
    if bench.is_direct or not plan.baseline:
        return None
    bench.to_adapter()
    return _whole(lambda: (recorder.take(f"baseline {when}"), []))[0]


@contextmanager
def _server(bench: Ports, *, needed: bool) -> Iterator[None]:
    if not needed:
        yield
        return
    with serving(bench.host, bench.iperf3_port):
        yield
