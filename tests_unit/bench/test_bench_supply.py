import json
import os
import subprocess
import sys
import tempfile

import pytest
from bench_fakes import Dp832, target_with

from rig.bench.plugs import plug_in
from rig.bench.resources import SecondInstrument, VisaInstrument, VisaMeter
from rig.bench.supply import GuardedSupplyDriver
from rig.config.library import project_root
from rig.errors import BenchError, ReplyError, UsageError
from rig.guard.config import InstrumentConfig, MeterConfig, RailConfig
from rig.model import Accuracy

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


def test_in_a_burn_it_says_where_the_next_run_finds_its_guardian(driver, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert (driver.adopted, driver.burn_socket) == (False, None)
    driver.burn(True)
    at = driver.burn_socket
    assert at.is_socket() and at.parent.parent == tmp_path
    driver.burn(True)
    assert driver.burn_socket == at and at.is_socket()
    driver.burn(False)
    assert driver.burn_socket is None and not at.exists()


def test_a_burn_that_could_not_be_found_again_does_not_begin(driver, tmp_path, monkeypatch):
    (tmp_path / f"rig-{os.getuid()}").write_text("")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(UsageError, match="socket cannot be there"):
        driver.burn(True)
    assert driver.burn_socket is None
    driver.off()


def test_how_long_a_lost_burn_keeps_its_power_is_the_drivers_to_say(instrument):
    d = supply(instrument.address)
    assert d.config().burn_max_s == 600.0
    d.burn_max_s = 5.0
    assert d.config().burn_max_s == 5.0


def test_where_nobody_is_to_be_adopted_a_guardian_is_started(instrument, tmp_path):
    d = supply(instrument.address)
    d.adopt_from = tmp_path / "s"
    instrument.on["CH1"] = True
    d.target.activate(d)
    assert (d.adopted, d.burn_socket) == (False, None)
    assert not instrument.on["CH1"]
    d.target.deactivate(d)


KILLED = """
import os, sys
from pathlib import Path
from rig.guard.client import GuardClient, GuardConfig
client = GuardClient.start(GuardConfig.from_json(sys.argv[1]), Path(sys.argv[2]))
client.apply("12v", 12.0, 2.1)
client.burn(True, Path(sys.argv[3]))
os.kill(os.getpid(), 9)
"""


def test_the_guardian_of_a_run_that_was_killed_in_a_burn_is_taken_over(instrument, tmp_path):
    at = tmp_path / "s"
    d = supply(instrument.address)
    d.log_dir, d.adopt_from, d.burn_max_s = tmp_path / "second", at, 60.0
    subprocess.run([sys.executable, "-c", KILLED, d.config().to_json(), str(tmp_path), str(at)], check=False)
    d.target.activate(d)
    assert (d.adopted, d.burn_socket) == (True, at)
    assert instrument.on["CH1"] is True
    assert d.read()["12v"].current_a == 0.5
    with pytest.raises(BenchError, match="firmware is being burned"):
        d.off()
    d.burn(True)
    assert d.burn_socket == at and at.is_socket()
    d.burn(False)
    d.off()
    assert instrument.on["CH1"] is False
    d.target.deactivate(d)
    assert (d.adopted, d.burn_socket) == (False, None)
    assert not at.exists()


def test_a_guardian_left_by_another_bench_is_not_taken_and_none_is_started(instrument, tmp_path):
    at = tmp_path / "s"
    mine = supply(instrument.address)
    mine.burn_max_s = 60.0
    subprocess.run([sys.executable, "-c", KILLED, mine.config().to_json(), str(tmp_path), str(at)], check=False)
    other = supply(instrument.address, rails={**RAILS, "3v3": {**RAILS["3v3"], "max_current_a": 2.0}})
    other.adopt_from = mine.adopt_from = at
    with pytest.raises(UsageError, match="another bench: rail 3v3"):
        other.target.activate(other)
    assert instrument.on["CH1"] is True
    mine.target.activate(mine)
    mine.burn(False)
    mine.target.deactivate(mine)
    assert instrument.on["CH1"] is False


PAIR = {
    "12v": {"channel": 1, "max_voltage_v": 12.6, "max_current_a": 2.5},
    "3v3": {"instrument": "second", "channel": 1, "max_voltage_v": 3.5, "max_current_a": 3.0},
    "wall": {"channel": 1},
}


def test_a_second_supply_and_a_meter_are_the_guardians_too():
    target = target_with(
        (VisaInstrument, {"address": "A", "model": "KA3005P"}),
        (SecondInstrument, {"address": "B", "model": "KA3005P"}),
        (VisaMeter, {"address": "C", "model": "WT310E", "accuracy": {"percent": 0.1, "offset": 0.2}}),
        (GuardedSupplyDriver, {"rails": PAIR}),
    )
    config = target.get_driver(GuardedSupplyDriver, activate=False).config()
    assert config.rails["3v3"] == RailConfig(1, 3.5, 3.0, "second")
    assert config.second == InstrumentConfig("B", "KA3005P")
    assert config.meter == MeterConfig("C", "WT310E", {"wall": 1}, accuracy=Accuracy(0.1, 0.2))


def test_a_rail_at_the_wall_needs_a_meter():
    with pytest.raises(UsageError, match="rail 'wall' needs a VisaMeter"):
        supply("A", rails={**RAILS, "wall": {"channel": 1}}).config()


def test_the_plugs_of_a_twin_with_more_instruments_and_relays_are_put_in(tmp_path):
    there = "url: 'http://here:1/relay/3', url_get: 'http://here:1/relay/3/state'"
    relay = f"      HttpDigitalOutput: {{{there}, body_asserted: '1', body_deasserted: '0'}}"
    more = ["      SecondInstrument: {address: x, model: DP832}", "      VisaMeter: {address: y, model: WT310E}", relay]
    text = (project_root() / "configs" / "benches" / "virtual.yaml").read_text().replace("twin: ../twins/good.yaml", "")
    bench = tmp_path / "bench.yaml"
    bench.write_text(text.replace("    drivers:", "\n".join([*more, "    drivers:"])))
    plugs = {"mains": "http://m", "console": ["c", 1], "supply": "S", "operator": "http://o", "second": "S2"}
    more_plugs = {"meter": "M", "relays": "http://127.0.0.1:99", "ports": ["127.86.1.2"], "iperf3_port": 5201}
    assert "driven" not in plug_in(bench, {**plugs, **more_plugs}, tmp_path / "all.yaml").read_text()
    more_plugs |= {"driven": []}
    said = plug_in(bench, {**plugs, **more_plugs}, tmp_path / "out.yaml").read_text()
    for part in (
        "address: S2",
        "address: M",
        "http://127.0.0.1:99/relay/3,",
        "http://127.0.0.1:99/relay/3/state",
        "driven: []",
    ):
        assert part in said
