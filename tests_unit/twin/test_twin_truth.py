"""What a comparison has to find: the ladder of states, the PCIe link's share, spreads, drift, warmth."""

from __future__ import annotations

import numpy as np
import pytest
from twin_bench import LIBRARY, X8_GEN3, Bench, bench_with, running

from rig.config.twin import TwinPower
from rig.model import AdapterUnit, CardUnit
from rig.twin.link import Link
from rig.twin.power import Activity, CardPower, idle_w, pcie_part, rate_part, shares_of, state_w
from rig.twin.thermal import K_PER_W, Die, sensor_of

PCIE_CARDS = [c for c in LIBRARY.cards() if c.pcie_card]
RUNNING = {"clock": True, "running": True, "driver": True}


def watts_of(model: str, *states: Activity) -> list[float]:
    card = LIBRARY.card(model)
    return [state_w(10.0, 12.0, state, shares_of(card)) for state in states]


@pytest.mark.parametrize("card", PCIE_CARDS, ids=lambda c: c.model)
def test_every_card_draws_more_from_state_to_state_and_from_port_to_port(card):
    ports = card.ports or 1
    ladder = [
        Activity(),
        Activity(clock=True),
        Activity(clock=True, running=True, ports=ports),
        Activity(**RUNNING, ports=ports),
        *(Activity(**RUNNING, ports=ports, up=n) for n in range(1, ports + 1)),
        *(Activity(**RUNNING, ports=ports, up=ports, linked=n) for n in range(1, ports + 1)),
        Activity(**RUNNING, ports=ports, up=ports, linked=ports, receiving=ports),
        Activity(**RUNNING, ports=ports, up=ports, linked=ports, transmitting=ports),
        Activity(**RUNNING, ports=ports, up=ports, linked=ports, transmitting=ports, receiving=ports),
    ]
    watts = watts_of(card.model, *ladder)
    assert np.all(np.diff(watts) > 0.01)
    assert (min(watts), max(watts)) == (pytest.approx(3.0), pytest.approx(12.0))


def test_a_slower_link_and_a_port_that_is_down_cost_less():
    fast, slow = (
        Activity(**RUNNING, ports=2, linked=2),
        Activity(**RUNNING, ports=2, linked=2, rate_part=rate_part(0.1)),
    )
    down = Activity(**RUNNING, ports=2, up=2)
    ladder = watts_of("561FLR-T", down, slow, fast)
    assert ladder == sorted(ladder)
    assert ladder[2] - ladder[1] > 0.5


def test_a_port_that_is_taken_down_gives_its_links_power_back():
    bench = running("TobleMiner-revC", "561FLR-T")
    bench.ports_up()
    bench.wait(200)
    linked = bench.world.output(1).current_a
    bench.world.set_admin("ens1f1", False)
    bench.wait(0.1)
    assert linked - bench.world.output(1).current_a > 0.1


@pytest.mark.parametrize("model", ["544+FLR-QSFP-764285", X8_GEN3])
def test_the_width_of_the_link_moves_a_connectx3_by_more_than_a_watt(model):
    card = LIBRARY.card(model)
    parts = [pcie_part(Link(3, width), 3, 8) for width in (8, 4)]
    idle = idle_w(card, None)
    wide, narrow = (
        state_w(idle, idle, Activity(**RUNNING, linked=1, pcie_part=part), shares_of(card)) for part in parts
    )
    assert wide == pytest.approx(idle)
    assert wide - narrow > 1.0


def test_a_link_draws_by_its_lanes_and_its_rate():
    parts = [pcie_part(Link(*link), 3, 8) for link in ((1, 1), (1, 4), (3, 4), (2, 8), (3, 8))]
    assert parts == sorted(parts)
    assert (pcie_part(Link(0, 0), 3, 8), parts[-1]) == (0, 1)


# --- spreads ------------------------------------------------------------------------------------------------------


def drawn_w(serial: str = "C-1", *, seed: int = 1, wait_s: float = 0.0, **power: float) -> float:
    """Idle draw of a 10 W card, warm, without the instrument."""
    bench = Bench(seed=seed, power={"insert_sd_w": 0.0, **power}, cards={serial: {"power_w": 10.0}})
    bench.world.insert(AdapterUnit("TobleMiner-revC", "A-1"), CardUnit("561FLR-T", serial), bare=False)
    bench.wait(wait_s)
    bench.rails()
    bench.boot()
    bench.ports_up()
    bench.wait(500)
    seen = []
    for _ in range(60):
        bench.wait(0.05)
        seen.append(sum(bench.world.output(c).voltage_v * bench.world.output(c).current_a for c in (1, 3)))
    return float(np.mean(seen))


def test_without_spread_a_card_draws_what_the_twin_file_says():
    assert drawn_w() == pytest.approx(10.0, abs=0.03)


def test_units_differ_and_stay_as_they_are():
    watts = [drawn_w(serial, unit_sd_w=1.0) for serial in ("C-1", "C-2", "C-3", "C-4")]
    assert drawn_w("C-1", unit_sd_w=1.0) == pytest.approx(watts[0], abs=0.03)
    assert 0.3 < np.std(watts) < 2


def inserts(count: int, **truth: float) -> np.ndarray:
    card, rng = LIBRARY.card("561FLR-T"), np.random.default_rng(5)
    busy = Activity(**RUNNING, ports=2, up=2, linked=2)
    power = TwinPower(**truth)
    made = (CardPower(card, 10.0, rng, power) for _ in range(count))
    return np.array([p.total_w(1e5, busy, True) for p in made if p.total_w(0.0, busy, True)])


def test_inserts_scatter_as_the_twin_file_says():
    watts = inserts(2000, insert_sd_w=0.2)
    assert watts.mean() == pytest.approx(10.0, abs=0.02)
    assert watts.std() == pytest.approx(0.2, rel=0.1)


def test_without_a_figure_inserts_scatter_by_a_fraction_of_a_per_cent():
    assert inserts(500).std() == pytest.approx(0.04, rel=0.15)


def test_a_drift_goes_on_through_the_hours():
    assert drawn_w(wait_s=7200, drift_w_per_h=0.5) - drawn_w(drift_w_per_h=0.5) == pytest.approx(1.0, abs=0.06)


def test_a_spread_never_takes_a_card_below_nothing():
    assert inserts(50, drift_w_per_h=-10.0).min() > 0.5


def test_the_warm_up_takes_the_time_the_twin_file_gives_it():
    card, busy = LIBRARY.card("561FLR-T"), Activity(**RUNNING, linked=1)
    slow, fast = (CardPower(card, None, np.random.default_rng(1), TwinPower(warm_up_s=s)) for s in (300.0, 3.0))
    for power in (slow, fast):
        power.total_w(0.0, busy, True)
    ratio = fast.total_w(10.0, busy, True) / slow.total_w(10.0, busy, True)
    assert 1.02 < ratio < 1.04


# --- temperature --------------------------------------------------------------------------------------------------


def test_a_die_follows_power_and_cools_to_ambient():
    die = Die(30.0, 100.0)
    die.follow(0.0, 10.0)
    die.follow(100.0, 10.0)
    assert die.celsius == pytest.approx(30 + 10 * K_PER_W * (1 - np.exp(-1)))
    die.follow(1e5, 10.0)
    assert die.celsius == pytest.approx(30 + 10 * K_PER_W)
    die.follow(1e6, 0.0)
    assert die.celsius == pytest.approx(30)


@pytest.mark.parametrize(("model", "fitted", "shows"), [
    ("366FLR", None, ["i350bb", "", "", ""]),
    ("331FLR", None, ["tg3"] * 4),
    ("640FLR-SFP28", None, ["", ""]),
    ("561FLR-T", True, ["", ""]),
    ("562FLR-T", True, ["", ""]),
    ("560FLR-SFP+", None, ["", ""]),
    ("560FLR-SFP+", True, ["ixgbe", ""]),
    ("331FLR", False, [""] * 4),
    ("533FLR-T", True, ["", ""]),
    (X8_GEN3, None, [""]),
])  # fmt: skip
def test_a_driver_shows_a_sensor_where_the_kernel_has_one(model, fitted, shows):
    bench = running("TobleMiner-revC", model, card={} if fitted is None else {"sensor": fitted})
    assert [f.sensor for f in bench.world.view().functions] == shows


def test_the_sensor_reads_warmer_as_the_card_warms_up():
    bench = running("TobleMiner-revC", "331FLR", power={"ambient_c": 22.0, "warm_up_s": 5.0})
    cool = bench.world.view().functions[0].celsius
    bench.wait(60)
    bench.wait(1)
    assert 22 <= cool < bench.world.view().functions[0].celsius < 60


def test_no_driver_no_sensor():
    assert sensor_of(None, "14e4:1657", True) is None
    assert sensor_of("mlx4_core", "15b3:1003", True) is None
    bench = bench_with("TobleMiner-revC", "331FLR")
    assert bench.world.view().functions == ()
