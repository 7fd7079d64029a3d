"""The drivers against the virtual bench itself: the rig must not be able to tell it from a real one."""

from pathlib import Path

import pytest

from rig.bench import open_bench, plug_in
from rig.bench.doctor import check
from rig.errors import BenchError
from rig.model import AdapterUnit, CardUnit, Unit
from rig.plugin.twin_process import TwinProcess
from rig.steps.iperf_server import serving

CONFIGS = Path(__file__).parents[2] / "configs"
UNIT = Unit(AdapterUnit("TobleMiner-revA", "A-01"), CardUnit("561FLR-T", "X540-01"))


def plugged(tmp_path, twin_text):
    """A running twin and the bench file that points at it."""
    twin_file = tmp_path / "twin.yaml"
    twin_file.write_text(twin_text)
    twin = TwinProcess(twin_file, tmp_path / "state")
    return twin, plug_in(CONFIGS / "benches" / "virtual.yaml", twin.plugs, tmp_path / "bench.yaml")


@pytest.fixture(scope="module")
def bench_file(tmp_path_factory):
    twin, path = plugged(tmp_path_factory.mktemp("twin"), "host: {boot_s: 0.2}\n")
    yield path
    twin.close()


def test_every_plug_of_the_virtual_bench_is_good(bench_file):
    checks = check(bench_file, boot=True)
    assert [c for c in checks if c.state == "bad"] == []
    seen = {c.plug for c in checks if c.ok}
    assert {"mains switch", "console", "supply", "operator", "link partner"} <= seen


def test_a_unit_goes_in_comes_up_carries_traffic_and_goes_off(bench_file, tmp_path):
    bench = open_bench(bench_file, tmp_path)
    try:
        bench.strategy.transition("off")
        bench.operator.insert(UNIT, bare=False)
        bench.strategy.transition("shell")
        assert "[8086:1528]" in bench.host.run("lspci -nn").text
        assert bench.supply.read()["12v"].current_a > 0.1
        port = bench.options.ports[0]
        bench.host.run(f"ip link set ens1f0 up; ip addr add {port.address} dev ens1f0")
        with serving(bench.host, bench.options.iperf3_port):
            result = bench.partner.transfer(port.ip, bench.options.iperf3_port, "to_host", 1)
        assert result["end"]["sum_received"]["bits_per_second"] > 1e6
        with pytest.raises(BenchError, match="switch everything off first"):
            bench.operator.remove()
        bench.strategy.safe_off()
        bench.operator.remove()
    finally:
        bench.close()


@pytest.mark.parametrize(
    ("fault", "plug", "said"),
    [
        ("{plug: mains, kind: dead}", "mains switch", ""),
        ("{plug: supply, kind: dead}", "supply", ""),
        ("{plug: supply, kind: wrong_model}", "supply", "the bench file says DP832"),
        ("{plug: operator, kind: dead}", "operator", "operator plug"),
    ],
)
def test_a_broken_plug_is_named(tmp_path, fault, plug, said):
    twin, path = plugged(tmp_path, f"faults: [{fault}]\n")
    try:
        bad = [c for c in check(path) if c.state == "bad"]
        assert [c.plug for c in bad] == [plug]
        assert said in bad[0].said
        assert bad[0].remedy
    finally:
        twin.close()
