import datetime
import math

import pytest
from report_journals import row, write_run

from rig.config.envelope import load_envelope
from rig.errors import ConfigError, UsageError
from rig.report import envelope

NOW = datetime.datetime(2026, 12, 1, tzinfo=datetime.UTC)
CHARGE = "rail.12v.inrush_charge_c"
UNIT = {"adapter": {"design": "TobleMiner-revA", "serial": "A"}, "card": {"model": "533FLR-T", "serial": "C"}}


def insert(folder, n, charge_c, verdict="PASS", **start):
    rows = [
        row("first_power", "rail.12v.voltage_v", 12.0, "V", verdict),
        row("first_power", CHARGE, charge_c, "C", None, error=0.0005),
        row("first_power", "rail.12v.limiting_s", 0.0, "s"),
        row("power_profile", "power.idle.total_w", 6.0, "W", None),
    ]
    write_run(folder / f"r{n}", rows, **{"unit": UNIT, "virtual": False, **start})


def learned(folder, charges, **start):
    for n, charge in enumerate(charges):
        insert(folder, n, charge, **start)
    path = folder / "envelope.yaml"
    envelope.write(envelope.learn(folder, NOW), path)
    return load_envelope(path)


CHARGES = [0.012, 0.013, 0.014, 0.012, 0.013, 0.014]


def test_a_band_is_the_mean_and_k_times_the_spread_and_says_where_it_comes_from(tmp_path):
    limit = learned(tmp_path, CHARGES).limits("533FLR-T", virtual=False)[CHARGE]
    half = envelope.tolerance_factor(6) * math.sqrt(6 * 2 / 3 / 5 * 1e-6)
    assert (limit.marginal_low, limit.marginal_high) == pytest.approx((0.013 - half, 0.013 + half), rel=1e-3)
    assert (limit.low, limit.high) == pytest.approx((0.013 - 2 * half, 0.013 + 2 * half), rel=1e-2)
    assert "learned on 2026-12-01 from 6 real inserts" in limit.why


@pytest.mark.parametrize(("count", "k"), [(5, 5.079), (6, 4.414), (10, 3.379), (20, 2.752), (50, 2.379)])
def test_the_tolerance_factor_is_that_of_the_tables(count, k):
    # two-sided, 95 % of the population with 95 % confidence: NIST/SEMATECH e-Handbook 7.2.6.3, Hahn and Meeker
    assert envelope.tolerance_factor(count) == pytest.approx(k, rel=0.02)


def test_a_band_that_never_varied_is_as_wide_as_the_bench_can_tell(tmp_path):
    found = learned(tmp_path, [0.013] * 5).limits("533FLR-T", virtual=False)
    assert found["rail.12v.limiting_s"].marginal_high == pytest.approx(0.1)
    assert found["rail.12v.limiting_s"].marginal_low is None
    assert found[CHARGE].marginal_high == pytest.approx(0.015)


def test_only_inserts_that_passed_first_power_teach(tmp_path):
    insert(tmp_path, "bad", 9.0, verdict="FAIL")
    found = learned(tmp_path, CHARGES).limits("533FLR-T", virtual=False)
    assert found[CHARGE].high < 0.1


def test_virtual_and_real_inserts_never_mix(tmp_path):
    for n in range(6):
        insert(tmp_path, f"v{n}", 0.5, virtual=True)
    found = learned(tmp_path, CHARGES)
    assert found.limits("533FLR-T", virtual=False)[CHARGE].high < 0.1
    assert found.limits("533FLR-T", virtual=True)[CHARGE].marginal_low > 0.4
    assert found.limits("561FLR-T", virtual=True) == {}


def test_too_few_inserts_are_no_envelope_and_are_counted(tmp_path):
    with pytest.raises(UsageError, match=r"needs 5 inserts of a card that passed first power \(533FLR-T: 4 real\)"):
        learned(tmp_path, CHARGES[:4])


def test_other_steps_teach_nothing(tmp_path):
    assert all(name.startswith("rail.") for name in learned(tmp_path, CHARGES).limits("533FLR-T", virtual=False))


def test_a_file_that_says_what_it_must_not_is_refused_with_its_line(tmp_path):
    path = tmp_path / "e.yaml"
    path.write_text("coverage: 0.95\nconfidence: 0.95\nreel: {}\n")
    with pytest.raises(ConfigError, match=r"e\.yaml:3"):
        load_envelope(path)
