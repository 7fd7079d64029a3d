"""The rules, in the order in which they explain: what is nearest to the iron first.

Ref: domain notes on symptoms (symptom, causes, action), sections 0 to 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from rig.diagnose.case import Case, shown
from rig.diagnose.firmware import damaged, other_version
from rig.diagnose.interfaces import explained, not_showing
from rig.diagnose.pcie import narrow_or_slow, not_seen, poor_pairs
from rig.model import Cause, Verdict

_ROUTE_ACTION = {
    "needs flash": "this firmware has no Ethernet: flash an image that has (backup first); the adapter is good",
    "not done": "nothing was written; do what the reason says, then again",
    "burn failed": "leave it on until you know what is on the flash: read the evidence, then 'rig firmware show'",
    "no ethernet mode": "nobody has sourced an Ethernet mode of this card: use it for InfiniBand; the adapter is good",
}
_TRIED = ("burn failed", "not done")
Rule = Callable[[Case], Iterable[Cause]]


def diagnose(case: Case) -> tuple[Cause, ...]:
    """Causes, the most likely first; a failure that no rule explains says so; nothing wrong: none."""
    if not any(j.verdict in (Verdict.FAIL, Verdict.MARGINAL) for j in case.judged):
        return ()
    found = [cause for rule in RULES for cause in rule(case)]
    return tuple(found) or (_unexplained(case),)


def _bridges(case: Case) -> Iterator[Cause]:
    """A pair of the bare board conducts: which neighbours on the connector join those two nets."""
    for j in case.bad("short.*.ohm"):
        plus, _, minus = j.measurement.name.split(".")[1].partition("_")
        pins = sorted(_pins_between(case, plus, minus), key=lambda pair: pair[0])
        sides = sorted({case.board.pin(p).side for pair in pins for p in pair})
        where = (
            " or ".join(f"{a}-{b}" for a, b in pins)
            or "no neighbours on the connector: look for debris at the edge fingers"
        )
        yield Cause(
            title=f"bridge {plus} to {minus}",
            pins=tuple(p for pair in pins for p in pair),
            evidence=(shown(j), j.measurement.note),
            action=f"do not put it into a host; wick {where}"
            + (f" ({', '.join(sides)} side)" if sides else "")
            + ", clean, and run the check again",
        )


def _pins_between(case: Case, plus: str, minus: str) -> list[tuple[str, str]]:
    board = case.board
    a, b = board.net_of(plus), board.net_of(minus)
    return [(x, y) for x, y in board.neighbours() if {board.net_of(x), board.net_of(y)} == {a, b}]


def _rail(case: Case) -> Iterator[Cause]:
    if found := case.failed("rail.*.limiting_s"):
        yield Cause(
            "overload at power-up",
            evidence=tuple(map(shown, found)),
            action="card out, check the bare adapter; the same card on a proven adapter tells card from board",
        )
    current = case.number("rail.12v.current_a")
    if current is not None and case.failed("rail.12v.current_a") and current < 0.02:
        yield Cause(
            "no 12 V at the card",
            ("A2", "A3", "B2", "B3"),
            tuple(map(shown, case.failed("rail.12v.current_a"))),
            "seat the card; reflow A2 A3 (bottom side) and B2 B3 (top side)",
        )
    if found := case.failed("rail.*.voltage_v"):
        yield Cause(
            "rail out of tolerance",
            evidence=tuple(map(shown, found)),
            action="measure at the riser: leads, remote sense, set point of the supply",
        )


def _recovery(case: Case) -> Iterator[Cause]:
    seen = case.value("pcie.id")
    if seen is None or not case.failed("pcie.id") or any(True for _ in damaged(case)):
        return
    evidence = tuple(map(shown, case.failed("pcie.id")))
    if seen == case.card.recovery_id:
        yield Cause(
            "card in flash recovery",
            evidence=evidence,
            action="power off, take a short off FLASH PRSNT if there is one, power on; if it stays: 'rig firmware "
            "restore BACKUP' (in the plan: firmware.recover: true); the adapter is good",
        )
    elif meaning := case.card.other_ids.get(str(seen)):
        yield Cause(
            f"card shows another mode: {meaning}",
            evidence=evidence,
            action="not an adapter fault: firmware of the card",
        )
    else:
        yield Cause(
            "another card than the batch says",
            evidence=evidence,
            action=f"is it really a {case.card.model}? check its label",
        )


def _burn(case: Case) -> Iterator[Cause]:
    """A burn that was tried explains what the ports are now, not the other way round."""
    if case.value("firmware.route") in _TRIED:
        yield from _route(case)


def _firmware(case: Case) -> Iterator[Cause]:
    if case.value("firmware.route") not in _TRIED and not explained(case):
        yield from _route(case)


def _route(case: Case) -> Iterator[Cause]:
    if found := case.failed("firmware.route"):
        title = str(found[0].measurement.value)
        yield Cause(
            title,
            evidence=(shown(found[0]), found[0].measurement.note),
            action=_ROUTE_ACTION.get(title, "read the evidence"),
        )


def _network(case: Case) -> Iterator[Cause]:
    found = [*case.failed("link.*"), *case.failed("traffic.port*")]
    carrier = [j for j in found if j.measurement.name.endswith("carrier")]
    if carrier:
        yield Cause(
            "no carrier",
            evidence=tuple(map(shown, carrier)),
            action="cable, module or partner: not an adapter fault",
        )
    elif speed := [j for j in found if j.measurement.name.endswith("speed_bps")]:
        yield Cause(
            "linked too slow",
            evidence=tuple(map(shown, speed)),
            action="partner, cable or module: not an adapter fault",
        )
    elif found and not case.bad("pcie.link.*"):
        yield Cause(
            "throughput low",
            evidence=tuple(map(shown, found)),
            action="host CPU, IRQ placement, MTU, retransmits; see the AER counts beside it",
        )


def _power(case: Case) -> Iterator[Cause]:
    if found := case.bad("power.*"):
        yield Cause(
            "draws more than its figure",
            evidence=tuple(map(shown, found)),
            action="compare with a known good card of the model; airflow; module power",
        )


def _slow_boot(case: Case) -> Iterator[Cause]:
    if found := case.bad("host.boot_s"):
        yield Cause(
            "slow boot",
            evidence=tuple(map(shown, found)),
            action="option ROM off, SR-IOV off; try the card in another host",
        )


def _unexplained(case: Case) -> Cause:
    wrong = [j for j in case.judged if j.verdict in (Verdict.FAIL, Verdict.MARGINAL)]
    return Cause("unexplained", evidence=tuple(map(shown, wrong)), action="no rule fits: read the evidence")


RULES: Sequence[Rule] = (
    _bridges,
    _rail,
    damaged,
    _recovery,
    not_seen,
    narrow_or_slow,
    poor_pairs,
    _burn,
    not_showing,
    _firmware,
    other_version,
    _network,
    _slow_boot,
    _power,
)
