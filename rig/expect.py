"""What this card on this adapter in this slot must show: limits of card, adapter, plan and what was learned merged.

The narrower wins.

Every fact nobody has sourced becomes a sentence instead of a limit ("not judged"), never a guess.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from rig.config.plan import PlanFile
from rig.model import GENERATION_GTPS, Adapter, Card, Expected, Limit, Slot, Step

STEP_OF = {
    "short": Step.SHORT_CHECK,
    "rail": Step.FIRST_POWER,
    "host": Step.ENUMERATION,
    "pcie": Step.ENUMERATION,
    "firmware": Step.FIRMWARE,
    "link": Step.LINK,
    "traffic": Step.THROUGHPUT,
    "power": Step.POWER_PROFILE,
    "soak": Step.SOAK,
}
"""First word of a measurement's name to the step that takes it."""

_ASKS_AFTERWARDS = (Step.ENUMERATION, Step.LINK, Step.THROUGHPUT, Step.POWER_PROFILE)
"""Steps that ask at their end whether the card still answers."""
_ANSWERS = {"pcie.answers": Limit(why="a card that falls off the bus cannot be used", one_of=("yes",))}

_BY_ITS_INTERFACES = ("firmware.route", "firmware.interfaces_missing")
"""Of a card that is to be Ethernet: without a driver on the host they say nothing of the card."""

TCP_SHARE = 0.9415
"""TCP payload of an Ethernet line at 1500-byte frames: 1448 of 1538 bytes on the wire (timestamps on)."""


_INDIRECT = "the difference of two whole hosts holds their converters' losses and the processor's share as well"
"""Why a card's own figures are no limits there."""


@dataclass(frozen=True, slots=True)
class Parts:
    """All that is known of one unit on one bench before it is touched."""

    adapter: Adapter
    card: Card
    slot: Slot
    partner_bps: float
    cabled_ports: int
    pairs: tuple[tuple[str, str], ...]
    """Pairs of the bare-board check on this board."""
    envelope: Mapping[str, Limit] = field(default_factory=dict)
    """What first power of this card model looked like so far."""
    direct_power: bool = True
    """The bench measures the card's own rails; False: a difference of whole hosts."""
    path_bps: float | None = None
    """TCP payload that this bench's path to the card carries; None: what the cable carries."""
    driven: tuple[str, ...] | None = None
    """Card models that the test host has a driver for; None: all."""

    @property
    def no_driver(self) -> str:
        """Why no driver can take this card on this bench; empty: one can."""
        if self.driven is None or self.card.model in self.driven:
            return ""
        if not self.driven:
            return "the test host of this bench lets no driver work, so none says anything of this card"
        return f"the test host of this bench has no driver for a {self.card.model} (options: driven in the bench file)"


def expectation(parts: Parts, plan: PlanFile) -> dict[Step, dict[str, Expected]]:
    """Per planned step, measurement name (or pattern) to its limit or to why it is not judged."""
    merged: dict[str, Expected] = dict(_derived(parts, plan))
    for limits in (parts.adapter.limits, _of_card(parts), plan.model_limits(), parts.envelope):
        for name, limit in limits.items():
            before = merged.get(name)
            merged[name] = narrower(before, limit) if isinstance(before, Limit) else limit
    if not parts.direct_power:
        merged |= {name: _INDIRECT for name in parts.card.limits if name not in _of_card(parts) and name not in merged}
    due = {name: e for name, e in merged.items() if _is_due(name, parts, plan)}
    if parts.no_driver and plan.firmware.task == "ethernet":
        due |= dict.fromkeys(_BY_ITS_INTERFACES, parts.no_driver)
    return {step: _of_step(step, due) for s in plan.steps if (step := Step(s))}


def _of_card(parts: Parts) -> Mapping[str, Limit]:
    """The card's limits that this bench can hold it to."""
    limits = parts.card.limits
    return limits if parts.direct_power else {n: limit for n, limit in limits.items() if not n.startswith("power.")}


def narrower(a: Limit, b: Limit) -> Limit:
    """Both limits at once; where they leave nothing, the first one's bounds stand and the reason says so."""
    if a.one_of or b.one_of:
        both = tuple(x for x in a.one_of if x in b.one_of) if a.one_of and b.one_of else a.one_of or b.one_of
        return replace(
            a, low=None, high=None, marginal_low=None, marginal_high=None, one_of=both or a.one_of, why=_why(a, b)
        )
    low, high = _most(a.low, b.low), _least(a.high, b.high)
    if low is not None and high is not None and low > high:
        return replace(a, why=f"{a.why} (contradicts: {b.why})")
    inner_low, inner_high = _most(a.marginal_low, b.marginal_low), _least(a.marginal_high, b.marginal_high)
    if _out_of_order(low, inner_low, inner_high, high):
        inner_low = inner_high = None
    return Limit(_why(a, b), low, high, inner_low, inner_high)


def expected_lanes(parts: Parts) -> int | None:
    """Lanes that card, adapter and slot all have; None when the card's are not known."""
    return None if parts.card.lanes is None else min(parts.card.lanes, parts.adapter.lanes, parts.slot.lanes)


def expected_speed_bps(parts: Parts) -> float | None:
    """Rate both ends of the cable can do; None when the card's rates are not known."""
    return min(parts.card.speeds_bps[-1], parts.partner_bps) if parts.card.speeds_bps else None


def expected_payload_bps(parts: Parts) -> float | None:
    """TCP payload that cable and bench let through; None when the card's rates are not known."""
    line = expected_speed_bps(parts)
    return None if line is None else min(line * TCP_SHARE, parts.path_bps or math.inf)


def _derived(parts: Parts, plan: PlanFile) -> Iterable[tuple[str, Expected]]:
    card = parts.card
    yield "pcie.present", Limit(why="a card that is not seen cannot be used", low=1)
    yield "pcie.id", _same(card.pci_id, f"{card.model} in working order has this id")
    yield (
        "pcie.subsystem_id",
        _same(card.subsystem_id, f"the subsystem id tells this model from its siblings ({card.model})"),
    )
    yield from _pcie_link(parts)
    yield "pcie.functions", "how many functions a card shows depends on its firmware (NPAR, SR-IOV)"
    yield "pcie.driver", parts.no_driver or _one_of(card.drivers, f"Linux driver of the {card.model}")
    yield from _ethernet(parts, plan)
    yield from _soak(plan)


def _soak(plan: PlanFile) -> Iterable[tuple[str, Expected]]:
    """Limits of what the plan repeats; those of a step that it does not name are dropped."""
    for what, due in plan.soak.due().items():
        if due:
            yield f"soak.{what}.failures", Limit(why="a good joint holds every time", high=0)
    for end in ("endpoint", "root"):
        why = "no uncorrectable error is normal on a healthy link"
        yield f"soak.aer.{end}.uncorrectable", Limit(why=why, high=0)


def _pcie_link(parts: Parts) -> Iterable[tuple[str, Expected]]:
    slot, lanes = parts.slot, expected_lanes(parts)
    limits = f"card x{parts.card.lanes}, adapter x{parts.adapter.lanes}, slot x{slot.lanes}"
    yield (
        "pcie.link.width",
        (
            Limit(why=f"the narrowest of {limits}", low=lanes)
            if lanes
            else "card file has no lanes (nobody sourced them)"
        ),
    )
    gen = None if parts.card.gen is None else min(parts.card.gen, slot.gen)
    yield (
        "pcie.link.speed_gtps",
        (
            Limit(why=f"the slower of card Gen{parts.card.gen} and slot Gen{slot.gen}", low=GENERATION_GTPS[gen])
            if gen
            else "card file has no PCIe generation (nobody sourced it)"
        ),
    )
    both = "compared with what both ends say they can do (Link Capabilities) and the adapter's lanes"
    yield "pcie.link.lanes_missing", Limit(why=both, high=0)
    yield "pcie.link.speed_missing_gtps", Limit(why=both, high=0)


def _ethernet(parts: Parts, plan: PlanFile) -> Iterable[tuple[str, Expected]]:
    card = parts.card
    yield (
        "link.ports",
        (
            Limit(why=f"the {card.model} has {card.ports} ports", low=card.ports)
            if card.ports
            else "card file has no port count"
        ),
    )
    cabled = min(parts.cabled_ports, card.ports or parts.cabled_ports)
    line = expected_speed_bps(parts)
    for n in range(1, cabled + 1):
        yield f"link.port{n}.carrier", Limit(why="a cable is plugged into this port on this bench", low=1)
        yield f"link.port{n}.speed_bps", _speed(card, parts, line)
        for way in ("to_host_bps", "from_host_bps"):
            yield f"traffic.port{n}.{way}", _throughput(plan, parts)


def _speed(card: Card, parts: Parts, line: float | None) -> Expected:
    if line is None:
        return "card file has no port speeds"
    return Limit(
        why=f"the faster rate both ends have: card {card.speeds_bps[-1] / 1e9:g} Gbit/s, "
        f"partner {parts.partner_bps / 1e9:g} Gbit/s",
        low=line,
    )


def _throughput(plan: PlanFile, parts: Parts) -> Expected:
    payload, line = expected_payload_bps(parts), expected_speed_bps(parts)
    if payload is None or line is None:
        return "card file has no port speeds"
    t = plan.throughput
    carried = f"{line / 1e9:g} Gbit/s Ethernet carries"
    if payload < line * TCP_SHARE:
        carried = (
            f"this bench's own path carries, its golden figure; the card's {line / 1e9:g} Gbit/s are not tried here"
        )
    return Limit(
        why=f"plan {plan.name}: {t.min_fraction:.0%} of the {payload / 1e9:.2f} Gbit/s of TCP payload that {carried}, "
        f"MARGINAL below {t.marginal_fraction:.0%}",
        low=t.min_fraction * payload,
        marginal_low=max(t.min_fraction, t.marginal_fraction) * payload,
    )


def _same(value: str | None, why: str) -> Expected:
    return Limit(why=why, one_of=(value,)) if value else "card file has no such id"


def _one_of(values: tuple[str, ...], why: str) -> Expected:
    return Limit(why=why, one_of=values) if values else "card file names no driver"


def _is_due(name: str, parts: Parts, plan: PlanFile) -> bool:
    words = name.split(".")
    if words[0] == "short":
        return "*" in name or words[1] in {pair_name(p) for p in parts.pairs}
    if words[0] == "power" and len(words) > 1 and "*" not in words[1]:
        baseline = ["baseline"] if plan.power_profile.baseline and not parts.direct_power else []
        return words[1] in (*plan.power_profile.states, *baseline)
    return True


def pair_name(pair: tuple[str, str]) -> str:
    """`12V` and `PERST#` as one word of a measurement's name."""
    return f"{pair[0]}_{pair[1]}"


def _of_step(step: Step, due: Mapping[str, Expected]) -> dict[str, Expected]:
    named = {name: e for name, e in due.items() if STEP_OF.get(name.split(".")[0]) is step}
    return {**named, **_ANSWERS} if step in _ASKS_AFTERWARDS else named


def _why(a: Limit, b: Limit) -> str:
    return a.why if a.why == b.why else f"{a.why}; {b.why}"


def _most(a: float | None, b: float | None) -> float | None:
    return max((x for x in (a, b) if x is not None), default=None)


def _least(a: float | None, b: float | None) -> float | None:
    return min((x for x in (a, b) if x is not None), default=None)


def _out_of_order(*bounds: float | None) -> bool:
    there = [b for b in bounds if b is not None]
    return there != sorted(there)
