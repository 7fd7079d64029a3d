import math

import numpy as np
import pytest
from report_journals import row, unit, write_run

from rig.config.golden import GoldenFile
from rig.errors import UsageError
from rig.report import golden


def runs(folder, count, watts=lambda n: 8.0 + 0.001 * n, **start):
    for n in range(count):
        rows = [
            row("power_profile", "power.idle.total_w", watts(n), "W"),
            row("enumeration", "pcie.link.width", 8, "1"),
            row("throughput", "traffic.port1.to_host_bps", 9.4e9 + 1e6 * n, "bit/s"),
            row("short_check", "short.12V_GND.ohm", 2400.0, "Ohm", at_least=True),
        ]
        write_run(folder / f"run-{n}", rows, **start)
    return folder


def test_a_quiet_number_is_no_narrower_than_the_bench_can_tell(tmp_path):
    learned = golden.learn(runs(tmp_path, 4), "virtual", virtual=True).content
    watts = learned["numbers"]["power.idle.total_w"]
    assert watts["high"] - watts["mean"] >= golden.WATTS_FLOOR
    assert watts["n"] == 4
    assert GoldenFile.model_validate(learned).the_unit().adapter.serial == "A-001"


def test_what_is_negotiated_is_exact_and_a_rate_has_no_upper_bound(tmp_path):
    numbers = golden.learn(runs(tmp_path, 4), "virtual", virtual=True).content["numbers"]
    assert (numbers["pcie.link.width"]["low"], numbers["pcie.link.width"]["high"]) == (8, 8)
    assert "high" not in numbers["traffic.port1.to_host_bps"]
    assert "short.12V_GND.ohm" not in numbers


def rates(folder, *values):
    for n, value in enumerate(values):
        rows = [
            row("throughput", "traffic.port1.to_host_bps", value, "bit/s"),
            row("enumeration", "pcie.link.width", 8),
        ]
        write_run(folder / f"run-{n}", rows)
    return golden.learn(folder, "virtual", virtual=True)


def test_a_rate_has_all_its_false_alarms_below_and_never_a_bound_closer_than_tcp_scatters(tmp_path):
    quiet = rates(tmp_path / "quiet", 9.4e9, 9.4e9, 9.4e9).content["numbers"]["traffic.port1.to_host_bps"]
    assert quiet["low"] == pytest.approx(0.98 * 9.4e9)
    loud = rates(tmp_path / "loud", *(9.0e9 + 0.1e9 * n for n in range(8))).content["numbers"]
    sd = loud["traffic.port1.to_host_bps"]["sd"]
    half = golden.half_width(sd, 8, 2, sides=1)
    assert half < golden.half_width(sd, 8, 2)
    assert loud["traffic.port1.to_host_bps"]["low"] == pytest.approx(9.35e9 - half, rel=1e-5)


def test_a_rate_that_scatters_too_much_for_a_bound_is_left_out_and_said(tmp_path):
    learned = rates(tmp_path, 6e9, 9e9, 7e9)
    assert list(learned.content["numbers"]) == ["pcie.link.width"]
    assert [line.split(": ")[0] for line in learned.left_out] == ["traffic.port1.to_host_bps"]
    assert "scatters so much" in learned.left_out[0]


def test_too_few_runs_another_bench_and_the_other_kind_are_refused(tmp_path):
    runs(tmp_path / "few", 2)
    with pytest.raises(UsageError, match=r"2 good whole virtual runs .* 3 are the least"):
        golden.learn(tmp_path / "few", "virtual", virtual=True)
    runs(tmp_path / "many", 4)
    with pytest.raises(UsageError, match="0 good whole virtual runs"):
        golden.learn(tmp_path / "many", "bench-b", virtual=True)
    with pytest.raises(UsageError, match="0 good whole real runs"):
        golden.learn(tmp_path / "many", "virtual", virtual=False)


def test_runs_of_two_units_need_a_serial(tmp_path):
    runs(tmp_path / "a", 3)
    runs(tmp_path / "b", 3, **unit("A-002", "C-002"))
    with pytest.raises(UsageError, match=r"several units .*A-001/C-001, A-002/C-002.*--unit"):
        golden.learn(tmp_path, "virtual", virtual=True)
    learned = golden.learn(tmp_path, "virtual", virtual=True, serial="C-002")
    assert learned.content["unit"]["adapter"]["serial"] == "A-002"


def test_an_unchanged_bench_is_called_out_of_order_as_seldom_as_is_said():
    """4000 benches, 5 runs each to learn 10 numbers from, one check each."""
    dice, n, of, alarms = np.random.default_rng(7), 5, 10, 0
    k = golden.half_width(1.0, n, of)
    for _ in range(4000):
        off = False
        for _ in range(of):
            values = [dice.normal() for _ in range(n)]
            mean = sum(values) / n
            sd = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1))
            off |= abs(dice.normal() - mean) > k * sd
        alarms += off
    assert 0.004 < alarms / 4000 < 0.017
