"""How much a card draws in each state of a test host: sourced figures where there are any, else the twin's own.

The shares of a state are the twin's assumption, in the order every real card shows: no clock < reset < driver
loaded < ports up without link < each linked port < traffic. They move between the two figures a data sheet gives
(typical, maximum). A typical figure is taken to be with every link up at the card's own top rate, on its full PCIe
link.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rig.config.twin import TwinPower
from rig.model import GENERATION_GTPS, Card
from rig.twin.link import Link
from rig.twin.thermal import Die

IDLE_OF_MAX = 0.7
"""Idle with every link up, as a share of a maximum figure that stands alone."""
FULL_OF_TYPICAL = 1.15
TRAFFIC_SHARE = 0.6
"""Both directions on all ports go this far from typical to maximum; the rest is worst-case silicon."""
NO_CLOCK, IN_RESET = 0.30, 0.50
"""Shares of the idle power: rails on without a host clock, held in reset."""
TX_PART = 0.55
WARM_UP_PART = 0.03
"""A cold card draws a few per cent less."""
SPREAD_PART = 0.004
"""From insert to insert of the same card."""
NOISE_PART = 0.003
LEAST_PART = 0.1
"""A spread never takes more than the rest away."""
AUX_A = {"dark": 0.012, "awake": 0.030, "linked": 0.045}
"""3.3 V aux: host off (management, wake logic, straps), out of reset, linked. Arming for wake changes nothing."""
OWN_W = {"RJ45": 11.0, "SFP+": 6.0, "QSFP+": 7.0, "SFP28": 9.0}
"""Idle figures for media nobody has sourced a card of; gigabit copper draws less."""
OWN_GIGABIT_W = 3.6
RATE_EXPONENT = 0.4
"""A port at a tenth of its top rate draws 0.4 of what its link costs."""
LANE_FIXED = 0.6
"""Part of a PCIe lane's draw that its rate does not change."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Parts of the idle power: every port's PHY looking for a link, every port's link, and the PCIe link."""

    up: float
    link: float
    pcie: float = 0.15


COPPER_10G, FIBRE, COPPER_1G = Shares(0.10, 0.30), Shares(0.06, 0.14), Shares(0.05, 0.25)
CONNECTX3_PCIE = 0.45
"""Wide and narrow links differ by more than 1 W. Ref: domain notes on power, section 5."""


def shares_of(card: Card) -> Shares:
    """By media, and for a ConnectX-3 by its PCIe interface."""
    slow = bool(card.speeds_bps) and max(card.speeds_bps) <= 1e9
    by_media = (COPPER_1G if slow else COPPER_10G) if card.port_type == "RJ45" else FIBRE
    is_connectx3 = card.family.startswith("connectx3")
    return Shares(by_media.up, by_media.link, CONNECTX3_PCIE) if is_connectx3 else by_media


@dataclass(frozen=True, slots=True)
class Activity:
    """What a card is doing."""

    clock: bool = False
    """The host is on and sends the reference clock."""
    running: bool = False
    """Out of reset, with a link to the host."""
    driver: bool = False
    ports: int = 1
    up: int = 0
    """Ports that are switched on, linked or not."""
    linked: int = 0
    rate_part: float = 1.0
    """What the linked ports' rates cost, 1: their top rate."""
    pcie_part: float = 1.0
    """What the PCIe link costs, 1: all the lanes and the generation the card can do."""
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


def state_w(idle: float, busy: float, activity: Activity, shares: Shares = FIBRE) -> float:
    """Watts of one state of a warm card."""
    if not activity.clock:
        return NO_CLOCK * idle
    if not activity.running:
        return IN_RESET * idle
    ports = max(activity.ports, 1)
    loaded = 1 - shares.up - shares.link
    if not activity.driver:
        base = (IN_RESET + loaded) / 2
    else:
        up, linked = max(activity.up, activity.linked), activity.linked * activity.rate_part
        base = loaded + (shares.up * up + shares.link * linked) / ports
    moving = TX_PART * activity.transmitting + (1 - TX_PART) * activity.receiving
    return idle * (base - shares.pcie * (1 - activity.pcie_part)) + (busy - idle) * moving / ports


def rate_part(share: float) -> float:
    """What a port linked at `share` of its top rate draws against one at that rate."""
    return float(share**RATE_EXPONENT)


def pcie_part(link: Link, generation: int, lanes: int) -> float:
    """What a link draws against one of `lanes` at `generation`; 0: no link."""
    if not link.width:
        return 0.0
    rate = GENERATION_GTPS[link.generation] / GENERATION_GTPS[generation]
    return float(link.width / lanes * (LANE_FIXED + (1 - LANE_FIXED) * rate))


def aux_a(activity: Activity) -> float:
    """Ampere from 3.3 V aux: management and wake logic, and straps."""
    if activity.linked:
        return AUX_A["linked"]
    return AUX_A["awake" if activity.running else "dark"]


class CardPower:
    """One inserted card's draw; warm-up counts from the moment its rails came up."""

    def __init__(
        self,
        card: Card,
        override_w: float | None,
        rng: np.random.Generator,
        truth: TwinPower | None = None,
        unit_w: float = 0.0,
        start_s: float = 0.0,
    ) -> None:
        """`rng` gives this insert's deviation, `unit_w` is this unit's; `start_s` is when the drift was zero."""
        self._truth, self._start_s = truth or TwinPower(), start_s
        insert = float(np.clip(rng.standard_normal(), -4, 4))
        part = SPREAD_PART * insert if self._truth.insert_sd_w is None else 0.0
        self._idle_w = idle_w(card, override_w) * (1 + part)
        self._busy_w = busy_w(card, override_w) * (1 + part)
        self._extra_w = unit_w + insert * (self._truth.insert_sd_w or 0.0)
        self._shares = shares_of(card)
        self._powered_at_s: float | None = None
        self.die = Die(self._truth.ambient_c, self._truth.warm_up_s)

    def total_w(self, now_s: float, activity: Activity, powered: bool) -> float:
        """Watts over both rails at this instant, without the instrument's noise."""
        if not powered:
            self._powered_at_s = None
        elif self._powered_at_s is None:
            self._powered_at_s = now_s
        on_s = 0.0 if self._powered_at_s is None else now_s - self._powered_at_s
        cold = WARM_UP_PART * math.exp(-on_s / self._truth.warm_up_s)
        usual = state_w(self._idle_w, self._busy_w, activity, self._shares)
        drifted = self._truth.drift_w_per_h * (now_s - self._start_s) / 3600
        watt = max(usual + self._extra_w + drifted, LEAST_PART * usual) * (1.0 - cold)
        self.die.follow(now_s, watt if powered else 0.0)
        return watt
