import pytest

from rig.bench.load import check_bench, open_bench
from rig.config.library import project_root
from rig.errors import ConfigError

VIRTUAL = (project_root() / "configs" / "benches" / "virtual.yaml").read_text().replace("../twins/good.yaml", "t.yaml")
SLOT_RAILS = """          12v: {channel: 1, max_voltage_v: 12.6, max_current_a: 2.5}
          3v3: {channel: 3, max_voltage_v: 3.5, max_current_a: 3.0}
"""
HOST_RAIL = "          host: {channel: 1, max_voltage_v: 12.6, max_current_a: 2.5}\n"
SET_POINTS = """        12v: {voltage_v: 12.0, limit_a: 2.1}
        3v3: {voltage_v: 3.3, limit_a: 1.0}
"""
HOST_POINT = "        host: {voltage_v: 12.0, limit_a: 2.0}\n"
MAINS = "      NetworkPowerDriver: {}\n"
RELAYS = """      HttpDigitalOutput: {url: "http://127.0.0.1:1/relay/1", body_asserted: "1", body_deasserted: "0"}
      OperatorPlug:"""
PROBE = """      HttpDigitalOutputDriver: {name: relay-1}
      RelayProbeDriver: {plus: {12V: relay-1}, minus: {%s}}
      OperatorPlugDriver"""


def changed(*changes):
    text = VIRTUAL
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return text


AS_HOST = (
    ("      twin:", "      topology: host\n      twin:"),
    (SLOT_RAILS, HOST_RAIL),
    (SET_POINTS, HOST_POINT),
    (MAINS, ""),
    ("      DrainedSerialDriver", "      RailPowerDriver: {}\n      DrainedSerialDriver"),
    ('      NetworkPowerPort: {model: shelly_gen2, host: "http://127.0.0.1:18401", index: 0}\n', ""),
)


@pytest.fixture
def check(tmp_path):
    (tmp_path / "t.yaml").write_text("seed: 1\n")

    def inner(text):
        path = tmp_path / "b.yaml"
        path.write_text(text)
        return path

    return inner


def refused(path, mark, match):
    """ConfigError at the line that holds `mark`."""
    line = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if mark in text)
    with pytest.raises(ConfigError, match=match) as e:
        check_bench(path)
    assert f":{line}:" in str(e.value)


def test_a_host_on_dc_is_a_bench(check):
    with open_bench(check(changed(*AS_HOST))).lock:
        assert check_bench(check(changed(*AS_HOST))).targets.main.options.topology == "host"


def test_a_riser_without_its_rails_is_refused(check):
    refused(check(changed((SLOT_RAILS, HOST_RAIL))), "rails:", "topology riser .*'rails' needs '12v'")


def test_a_host_bench_with_a_mains_switch_of_its_own_is_refused(check):
    text = changed(*AS_HOST[:3])
    refused(check(text), "drivers:", "topology host: expected its mains switch is the supply: RailPowerDriver")


def test_a_riser_whose_mains_are_the_supply_is_refused(check):
    text = changed(*AS_HOST[3:])
    refused(check(text), "drivers:", "topology riser: expected no RailPowerDriver")


def test_a_switch_above_its_supply_is_told_to_go_below(check):
    text = changed(*AS_HOST[:3], (MAINS, "      RailPowerDriver: {}\n"))
    refused(check(text), "drivers:", "write it below that")


def test_a_host_rail_without_a_set_point_is_refused(check):
    refused(check(changed(*AS_HOST[:2], *AS_HOST[3:])), "options:", "options.rails needs 'host:")


def test_a_rail_that_the_topology_has_not_is_refused(check):
    text = changed(*AS_HOST[:1], *AS_HOST[2:], (SLOT_RAILS, HOST_RAIL + SLOT_RAILS))
    refused(check(text), "rails:", r"no rail '12v' there \(allowed: host, probe, wall\)")


def test_a_meter_bench_needs_the_meters_rail(check):
    text = changed(("      twin:", "      topology: meter\n      twin:"), (SLOT_RAILS, ""))
    refused(check(text), "rails:", "topology meter .*'rails' needs 'wall'")


def test_an_unknown_topology_is_refused_with_those_that_are_known(check):
    text = changed(("      twin:", "      topology: shunt\n      twin:"))
    refused(check(text), "topology:", "'riser', 'host' or 'meter'")


@pytest.mark.parametrize(
    ("minus", "match"),
    [("GND: relay-2", r"minus lead on GND: no digital output is named 'relay-2' \(there are: relay-1\)"),
     ("GND: relay-1", "output 'relay-1' is already the plus lead on 12V; one relay, one point")],
)  # fmt: skip
def test_a_lead_on_an_output_that_is_not_there_or_taken_is_refused(check, minus, match):
    path = check(changed(("      OperatorPlug:", RELAYS), ("      OperatorPlugDriver", PROBE % minus)))
    refused(path, "RelayProbeDriver", match)
