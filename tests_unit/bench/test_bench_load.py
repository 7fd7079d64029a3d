import operator
from pathlib import Path

import pytest
from bench_fakes import Dp832

from rig.bench import Bench, check_bench, open_bench, plug_in
from rig.bench.relays import RelayProbeDriver
from rig.bench.strategy import Status
from rig.errors import BenchError, ConfigError, UsageError

BENCHES = Path(__file__).parents[2] / "configs" / "benches"
GOOD = """\
imports: [rig.bench]
targets:
  main:
    resources:
      NetworkPowerPort: {model: shelly_gen2, host: "http://127.0.0.1:1", index: 0}
      NetworkSerialPort: {host: 127.0.0.1, port: 1, protocol: raw}
      VisaInstrument: {address: "TCPIP0::127.0.0.1::1::SOCKET", model: DP832}
      OperatorPlug: {url: "http://127.0.0.1:1"}
    drivers:
      NetworkPowerDriver: {}
      GuardedSupplyDriver:
        rails:
          12v: {channel: 1, max_voltage_v: 12.6, max_current_a: 2.5}
          3v3: {channel: 3, max_voltage_v: 3.5, max_current_a: 3.0}
      DrainedSerialDriver: {}
      ShellDriver: {prompt: '# ', login_prompt: 'login: ', username: root}
      ConsoleHostDriver: {}
      IperfPartnerDriver: {}
      OperatorPlugDriver: {}
      SlotStrategy: {}
    options:
      name: test bench
      rails: {12v: {voltage_v: 11.9, limit_a: 1.5}}
"""


@pytest.fixture
def bench_file(tmp_path):
    path = tmp_path / "bench.yaml"
    path.write_text(GOOD)
    return path


MISTAKES = [
    ("imports: [rig.bench]", "imports: [os]", None, "has to name rig.bench"),
    ("imports: [rig.bench]", "import: [rig.bench]", 1, "unknown key 'import', did you mean 'imports'?"),
    ("imports: [rig.bench]", "imports: [rig.bench, rig.bensh]", 1, "No module named 'rig.bensh'"),
    ("  main:", "  mian:", 3, "unknown key 'mian', did you mean 'main'?"),
    (
        "NetworkPowerPort:",
        "NetworkPowerPrt:",
        5,
        "unknown resource class 'NetworkPowerPrt', did you mean 'NetworkPowerPort'?",
    ),
    (
        "NetworkPowerDriver:",
        "NetworkPwrDriver:",
        10,
        "unknown driver class 'NetworkPwrDriver', did you mean 'NetworkPowerDriver'?",
    ),
    (
        "model: shelly_gen2",
        "model: shelly_gen3",
        5,
        "labgrid knows no mains switch 'shelly_gen3', did you mean 'shelly_gen2'?",
    ),
    ("index: 0", "idx: 0", 5, "NetworkPowerPort has no argument 'idx', did you mean 'index'?"),
    ("index: 0", "index: two", 5, "NetworkPowerPort.index: expected str (quote it), got 'two'"),
    ("port: 1, protocol", 'port: "1", protocol', 6, "NetworkSerialPort.port: expected int, got '1' (str)"),
    (", model: DP832", "", 7, "VisaInstrument needs its argument 'model'"),
    ("OperatorPlug: {url: ", "OperatorPlug: {address: ", 8, "OperatorPlug has no argument 'address'"),
    ("channel: 3", "chanel: 3", 14, "unknown key 'chanel', did you mean 'channel'?"),
    ("3v3: {channel", "3V3: {channel", 14, "unknown key '3V3', did you mean '3v3'?"),
    ("max_voltage_v: 12.6", "max_voltage_v: 126.0", 13, "less than or equal to 60"),
    (
        "IperfPartnerDriver: {}",
        "IperfPartnerDriver: {grace_s: 8}",
        18,
        "IperfPartnerDriver.grace_s: expected float (write 2.0, not 2), got 8",
    ),
    ("IperfPartnerDriver: {}", "IperfPartnerDriver: {omit_s: -1}", 18, "IperfPartnerDriver.omit_s"),
    (
        "IperfPartnerDriver: {}",
        "IperfPartnerDriver: {reached_at: {a: 10.1.1.1}}",
        18,
        "IperfPartnerDriver.reached_at: not allowed",
    ),
    ("      IperfPartnerDriver: {}\n", "", 9, "no driver for the link partner; add one, such as IperfPartnerDriver"),
    ("      SlotStrategy: {}\n", "", 9, "no driver for the strategy; add one, such as SlotStrategy"),
    ("SlotStrategy: {}", "SlotStrategy:", 20, "SlotStrategy: expected its arguments; without any, write {}"),
    ("SlotStrategy: {}", "SlotStrategy: {status: off}", 20, "SlotStrategy has no argument 'status'"),
    ("      name: test bench\n", "", 21, "key 'name' is missing"),
    ("name: test bench", "nam: test bench", 22, "unknown key 'nam', did you mean 'name'?"),
    ("name: test bench", "name: test bench\n      twin: nowhere.yaml", 23, "twin file 'nowhere.yaml' is not there"),
    ("name: test bench", "name: test bench\n      ports: [{address: 10.0.0.1}]", 23, "with its prefix length"),
    ("name: test bench", "name: test bench\n      ports: [{address: 10.0.0.300/24}]", 23, "10.0.0.300"),
    ("limit_a: 1.5", "limit_a: 0", 23, "greater than 0"),
    ("name: test bench", "name: test bench\n      probe: probes", 23, "probe"),
]


@pytest.mark.parametrize(
    ("right", "wrong", "line", "said"), MISTAKES, ids=[m[1].strip()[:40] or m[0] for m in MISTAKES]
)
def test_a_mistake_is_told_with_its_line(bench_file, right, wrong, line, said):
    assert right in GOOD
    bench_file.write_text(GOOD.replace(right, wrong, 1))
    with pytest.raises(ConfigError) as e:
        check_bench(bench_file)
    assert said in str(e.value)
    if line is not None:
        assert e.value.line == line


def test_a_driver_without_its_resource_is_told_when_the_bench_is_built(bench_file):
    bench_file.write_text(GOOD.replace('      OperatorPlug: {url: "http://127.0.0.1:1"}\n', ""))
    with pytest.raises(ConfigError, match="no OperatorPlug resource found"):
        open_bench(bench_file)


def test_labgrids_list_notation_is_checked_alike(bench_file):
    text = GOOD.replace("      NetworkPowerDriver: {}", "      - NetworkPowerDriver: {dely: 1.0}")
    for name in ("GuardedSupply", "DrainedSerial", "Shell", "ConsoleHost", "IperfPartner", "OperatorPlug"):
        text = text.replace(f"      {name}Driver:", f"      - {name}Driver:")
    text = text.replace("      SlotStrategy", "      - cls: SlotStrategy\n        name: slot\n#")
    text = text.replace("        rails:\n          12v", "          rails:\n            12v").replace(
        "          3v3:", "            3v3:"
    )
    bench_file.write_text(text)
    with pytest.raises(ConfigError, match="NetworkPowerDriver has no argument 'dely', did you mean 'delay'") as e:
        check_bench(bench_file)
    assert e.value.line == 10
    bench_file.write_text(text.replace("dely", "delay"))
    bench = open_bench(bench_file)
    assert bench.strategy.name == "slot"
    bench.close()


@pytest.mark.parametrize("path", sorted(BENCHES.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_bench_that_comes_with_the_rig_is_right(path):
    assert check_bench(path).targets.main.options.ports


@pytest.mark.parametrize(
    "name",
    ["virtual", "example-rigol-shelly", "example-siglent-tasmota", "example-korad-relays", "example-host-hmp4040"],
)
def test_a_bench_is_built_and_closed_without_connecting_to_anything(name):
    bench = open_bench(BENCHES / f"{name}.yaml")
    assert isinstance(bench, Bench)
    assert bench.virtual is (name == "virtual")
    assert bench.strategy.status is Status.unknown
    bench.close()


def test_the_strategy_takes_its_set_points_from_the_options(bench_file):
    bench = open_bench(bench_file)
    points = bench.strategy.set_points()
    assert [(n, p.voltage_v, p.limit_a) for n, p in points.items()] == [("12v", 11.9, 1.5), ("3v3", 3.3, 1.0)]
    bench.close()


def test_a_bench_in_use_is_not_opened_twice_and_is_free_after_close(bench_file):
    first = open_bench(bench_file)
    with pytest.raises(BenchError, match="another process is using it"):
        open_bench(bench_file)
    first.close()
    open_bench(bench_file).close()


def test_test_leads_that_are_not_there_are_a_usage_error(bench_file):
    bench = open_bench(bench_file)
    with pytest.raises(UsageError, match=r"'test bench' has no test leads: options.probe is not set"):
        operator.attrgetter("probe")(bench)
    bench.close()


def test_a_dead_plug_is_a_bench_error_and_closing_still_tries_everything(bench_file):
    bench = open_bench(bench_file)
    with pytest.raises(BenchError, match=r"127\.0\.0\.1"):
        bench.strategy.transition("off")
    with pytest.raises(BenchError, match=r"the bench may not be off: mains switch"):
        bench.close()
    open_bench(bench_file).close()


def test_closing_a_bench_with_its_supply_open_leaves_it_off(bench_file, tmp_path):
    with Dp832() as instrument:
        text = GOOD.replace("TCPIP0::127.0.0.1::1::SOCKET", instrument.address)
        bench_file.write_text(
            text.replace("NetworkPowerDriver: {}", "ExternalPowerDriver: {cmd_on: 'true', cmd_off: 'true'}")
        )
        bench = open_bench(bench_file, log_dir=tmp_path / "log")
        bench.supply.apply("12v", 5.0, 0.1)
        assert instrument.on["CH1"] is True
        bench.close()
        assert instrument.on["CH1"] is False
    assert (tmp_path / "log" / "guard.jsonl").is_file()


PLUGS = {
    "mains": "http://127.0.0.1:4711",
    "console": ["127.0.0.1", 4712],
    "supply": "TCPIP0::127.0.0.1::4713::SOCKET",
    "supply_model": "DP832",
    "operator": "http://127.0.0.1:4714",
    "ports": ["127.9.1.2", "127.9.2.2"],
    "iperf3_port": 5999,
}


@pytest.mark.parametrize("source", ["virtual", "good"])
def test_a_twins_plugs_go_into_a_copy_of_the_bench(bench_file, tmp_path, source):
    path = bench_file if source == "good" else BENCHES / "virtual.yaml"
    before = path.read_text()
    out = plug_in(path, PLUGS, tmp_path / "plugged.yaml")
    assert path.read_text() == before
    bench = open_bench(out)
    resources = {type(r).__name__: r for r in bench.target.resources}
    assert resources["NetworkPowerPort"].host == "http://127.0.0.1:4711"
    assert (resources["NetworkSerialPort"].host, resources["NetworkSerialPort"].port) == ("127.0.0.1", 4712)
    assert resources["VisaInstrument"].address == "TCPIP0::127.0.0.1::4713::SOCKET"
    assert resources["OperatorPlug"].url == "http://127.0.0.1:4714"
    assert [p.ip for p in bench.options.ports] == ["127.9.1.2", "127.9.2.2"]
    assert (bench.options.iperf3_port, bench.virtual, bench.options.twin) == (5999, True, None)
    bench.close()


# --- who can take a link away ---------------------------------------------------------------------------------


def test_the_partner_takes_the_links_away_where_its_interfaces_are_named(bench_file):
    bench_file.write_text(GOOD.replace("IperfPartnerDriver: {}", "IperfPartnerDriver: {interfaces: [enp3s0f0]}"))
    bench = open_bench(bench_file)
    with bench.lock:
        assert bench.cables is bench.partner
        assert bench.cable_ends == {1: "enp3s0f0"}


def test_else_the_operator_pulls_the_cables(bench_file):
    bench = open_bench(bench_file)
    with bench.lock:
        assert bench.cables is bench.operator
        assert bench.cable_ends == {}


def test_the_leads_are_on_relays_where_there_are_any(bench_file):
    text = GOOD.replace("SlotStrategy: {}", "SlotStrategy: {}\n      RelayProbeDriver: {plus: {}, minus: {}}")
    text = text.replace("    options:", "    options:\n      probe: 12v")
    bench_file.write_text(text)
    bench = open_bench(bench_file)
    with bench.lock:
        assert isinstance(bench.probe, RelayProbeDriver)
