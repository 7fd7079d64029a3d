"""How much a card draws in each state of a test host: sourced figures where there are any, else the twin's own.

The shares of a state are the twin's assumption, in the order every real card shows: no clock < reset < driver
loaded < each linked port < traffic. They move between the two figures a data sheet gives (typical, maximum).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rig.model import Card

IDLE_OF_MAX = 0.7
"""Idle with every link up, as a share of a maximum figure that stands alone."""
FULL_OF_TYPICAL = 1.15
TRAFFIC_SHARE = 0.6
"""Both directions on all ports go this far from typical to maximum; the rest is worst-case silicon."""
NO_CLOCK, IN_RESET, NO_LINK = 0.30, 0.50, 0.75
"""Shares of the idle power: rails on without a host clock, held in reset, out of reset with every port down."""
TX_PART = 0.55
WARM_UP_PART, WARM_UP_S = 0.03, 20.0
"""A cold card draws a few per cent less and is warm after a minute."""
SPREAD_PART = 0.004
"""From insert to insert of the same card."""
NOISE_PART = 0.003
AUX_A = {"dark": 0.012, "awake": 0.030, "linked": 0.045}
OWN_W = {"RJ45": 11.0, "SFP+": 6.0, "QSFP+": 7.0, "SFP28": 9.0}
"""Idle figures for media nobody has sourced a card of; gigabit copper draws less."""
OWN_GIGABIT_W = 3.6


@dataclass(frozen=True, slots=True)
class Activity:
    """What a card is doing."""

    clock: bool = False
    """The host is on and sends the reference clock."""
    running: bool = False
    """Out of reset, with a link to the host."""
    driver: bool = False
    ports: int = 1
    linked: int = 0
    transmitting: int = 0
    receiving: int = 0


def idle_w(card: Card, override_w: float | None) -> float:
    """Watts with the driver loaded and every port linked, without traffic."""
    if override_w is not None:
        return override_w
    if card.typ_w is not None:
        return card.typ_w
    if card.max_w is not None:
        return IDLE_OF_MAX * card.max_w
    slow = bool(card.speeds_bps) and max(card.speeds_bps) <= 1e9
    return OWN_GIGABIT_W if slow else OWN_W.get(card.port_type or "", 6.0)


def busy_w(card: Card, override_w: float | None) -> float:
    """Watts with traffic both ways on every port; below the card's maximum where that is known."""
    idle = idle_w(card, override_w)
    if card.max_w is not None and card.max_w > idle:
        return idle + TRAFFIC_SHARE * (card.max_w - idle)
    return FULL_OF_TYPICAL * idle if override_w is not None or card.max_w is None else idle


def state_w(idle: float, busy: float, activity: Activity) -> float:
    """Watts of one state of a warm card."""
    if not activity.clock:
        return NO_CLOCK * idle
    if not activity.running:
        return IN_RESET * idle
    ports = max(activity.ports, 1)
    base = idle * (NO_LINK + (1 - NO_LINK) * activity.linked / ports)
    moving = TX_PART * activity.transmitting + (1 - TX_PART) * activity.receiving
    return base + (busy - idle) * moving / ports


def aux_a(activity: Activity) -> float:
    """Ampere from 3.3 V aux: management and wake logic, and straps."""
    if activity.linked:
        return AUX_A["linked"]
    return AUX_A["awake" if activity.running else "dark"]


class CardPower:
    """One inserted card's draw; warm-up counts from the moment its rails came up."""

    def __init__(self, card: Card, override_w: float | None, rng: np.random.Generator) -> None:
        spread = 1.0 + SPREAD_PART * float(np.clip(rng.standard_normal(), -2.5, 2.5))
        self._idle_w = idle_w(card, override_w) * spread
        self._busy_w = busy_w(card, override_w) * spread
        self._powered_at_s: float | None = None

    def total_w(self, now_s: float, activity: Activity, powered: bool) -> float:
        """Watts over both rails at this instant, without the instrument's noise."""
        if not powered:
            self._powered_at_s = None
        elif self._powered_at_s is None:
            self._powered_at_s = now_s
        on_s = 0.0 if self._powered_at_s is None else now_s - self._powered_at_s
        cold = WARM_UP_PART * math.exp(-on_s / WARM_UP_S)
        return state_w(self._idle_w, self._busy_w, activity) * (1.0 - cold)
