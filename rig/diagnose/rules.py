"""All causes of a run: of its electrics by probability, then what rules say of everything else.

Ref: domain notes on symptoms (symptom, causes, action), sections 0 to 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from rig.diagnose.case import Case, shown
from rig.diagnose.electrics import electrical
from rig.diagnose.firmware import damaged, other_version
from rig.diagnose.hypotheses import Hypotheses
from rig.diagnose.interfaces import explained, not_showing
from rig.diagnose.pcie import gone, is_gone, lost_answers
from rig.diagnose.soak import intermittent
from rig.model import Cause, Verdict

_ROUTE_ACTION = {
    "needs flash": "this firmware has no Ethernet: flash an image that has (backup first); the adapter is good",
    "not done": "nothing was written; do what the reason says, then again",
    "burn failed": "leave it on until you know what is on the flash: read the evidence, then 'rig firmware show'",
    "no ethernet mode": "nobody has sourced an Ethernet mode of this card: use it for InfiniBand; the adapter is good",
}
_TRIED = ("burn failed", "not done")
_HIGH, _MEDIUM, _LOW = 0.95, 0.8, 0.5
_SURE = (
    ("no carrier", _HIGH),
    ("linked too slow", _HIGH),
    ("throughput low", _HIGH),
    ("card in flash recovery", _HIGH),
    ("BAR too large", _HIGH),
    ("port configuration", _HIGH),
    ("needs flash", _HIGH),
    ("burn failed", _HIGH),
    ("not done", _HIGH),
    ("another card than", _HIGH),
    ("packets or acknowledgements lost", _LOW),
    ("draws more", _LOW),
)
"""Beginning of a title to how sure its rule is; the others are of medium confidence."""
Rule = Callable[[Case], Iterable[Cause]]


def diagnose(case: Case, known: Hypotheses | None = None) -> tuple[Cause, ...]:
    """Causes with their probability; a failure that nothing explains says so; nothing wrong: none.

    The electrics come first, ranked against each other (their probabilities sum to 1, to more only where two faults
    at once are needed); then what each rule says of other rows, with how sure the rule is.
    `known` are the hypotheses of this unit on this bench, where the caller keeps them.
    """
    if not any(j.verdict in (Verdict.FAIL, Verdict.MARGINAL) for j in case.judged):
        return ()
    electrics = electrical(case, known)
    others = tuple(_sure(cause) for rule in RULES for cause in rule(case))
    return (*electrics, *others) or (_unexplained(case),)


def _sure(cause: Cause) -> Cause:
    """How sure a rule is: the confidence of its row. Ref: domain notes on symptoms, section 2, column conf."""
    if cause.probability is not None:
        return cause
    return replace(cause, probability=next((p for start, p in _SURE if cause.title.startswith(start)), _MEDIUM))


def _rail(case: Case) -> Iterator[Cause]:
    if found := case.failed("rail.*.voltage_v"):
        yield Cause(
            "rail out of tolerance",
            evidence=tuple(map(shown, found)),
            action="measure at the riser: leads, remote sense, set point of the supply",
        )


def _aux(case: Case) -> Iterator[Cause]:
    """Only a learned envelope says what aux current is due: no card's maker does."""
    for j in case.bad("rail.3v3.current_a"):
        least = [b for b in (j.limit.low, j.limit.marginal_low) if b is not None] if j.limit else []
        if isinstance(j.measurement.value, float) and least and j.measurement.value < max(least):
            pins = tuple(p.name for p in case.board.adapter.pins.values() if p.function == "3V3AUX")
            yield Cause(
                "no 3.3 V aux at the card",
                pins,
                (shown(j),),
                f"reflow {' '.join(pins)} (top side); look at the jumper in its line, where the layout has one (revA: "
                "JP1); most cards run without it, wake on LAN does not",
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
    if is_gone(case):
        return
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
    return Cause(
        "unexplained", evidence=tuple(map(shown, wrong)), action="no rule fits: read the evidence", probability=1.0
    )


RULES: Sequence[Rule] = (
    _rail,
    _aux,
    damaged,
    _recovery,
    gone,
    lost_answers,
    intermittent,
    _burn,
    not_showing,
    _firmware,
    other_version,
    _network,
    _slow_boot,
    _power,
)
