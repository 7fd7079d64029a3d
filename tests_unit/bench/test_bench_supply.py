import json

import pytest
from bench_fakes import Dp832, target_with

from rig.bench.resources import VisaInstrument
from rig.bench.supply import GuardedSupplyDriver
from rig.errors import ReplyError, UsageError

RAILS = {
    "12v": {"channel": 1, "max_voltage_v": 12.6, "max_current_a": 2.5},
    "3v3": {"channel": 3, "max_voltage_v": 3.5, "max_current_a": 3.0},
}


@pytest.fixture(scope="module")
def instrument():
    with Dp832() as i:
        yield i


def supply(address, model="DP832", rails=RAILS):
    target = target_with(
        (VisaInstrument, {"address": address, "model": model}), (GuardedSupplyDriver, {"rails": rails})
    )
    return target.get_driver(GuardedSupplyDriver, activate=False)


@pytest.fixture(scope="module")
def driver(instrument, tmp_path_factory):
    d = supply(instrument.address)
    d.log_dir = tmp_path_factory.mktemp("guard") / "not" / "there" / "yet"
    d.target.activate(d)
    yield d
    d.target.cleanup()


def test_it_is_the_port_in_front_of_the_guardian(driver, instrument, tmp_path):
    driver.record(tmp_path / "power.jsonl")
    since_s = driver.mark("here")
    driver.apply("12v", 12.0, 2.1)
    assert instrument.on["CH1"] is True
    assert driver.read()["12v"].current_a == 0.5
    while not driver.samples(since_s):
        pass
    driver.off("12v")
    assert instrument.on["CH1"] is False
    driver.record(None)
    rows = [json.loads(line) for line in (tmp_path / "power.jsonl").read_text().splitlines()]
    assert any("12v" in row.get("rails", {}) for row in rows)


def test_it_knows_who_the_supply_is(driver):
    assert driver.identity().model == "DP832"


def test_above_a_ceiling_nothing_is_set(driver, instrument):
    with pytest.raises(UsageError, match=r"12v"):
        driver.apply("12v", 13.0, 1.0)
    assert not instrument.on.get("CH1")


def test_the_guardians_own_record_is_where_it_was_told(driver):
    assert (driver.log_dir / "guard.jsonl").is_file()


def test_deactivating_switches_off_and_lets_the_guardian_go(instrument):
    d = supply(instrument.address)
    d.target.activate(d)
    d.apply("3v3", 3.3, 1.0)
    assert instrument.on["CH3"] is True
    d.target.deactivate(d)
    assert instrument.on["CH3"] is False
    with pytest.raises(UsageError, match="asked before it was opened"):
        d.read()


def test_another_supply_than_the_files_is_refused():
    with Dp832(model="DP711") as other:
        d = supply(other.address)
        with pytest.raises(ReplyError, match="is a DP711, the bench file says DP832"):
            d.target.activate(d)
