import pytest
from bench_fakes import LOGIN, Dp832, ShellServer

from rig.bench.doctor import TOOLS, check

FILE = """\
imports: [rig.bench]
targets:
  main:
    resources:
      NetworkSerialPort: {{host: 127.0.0.1, port: {console}, protocol: raw}}
      VisaInstrument: {{address: "{supply}", model: {model}}}
      OperatorTerminal: {{device: {terminal}}}
    drivers:
      ExternalPowerDriver: {{cmd_on: "{on}", cmd_off: "{off}"}}
      GuardedSupplyDriver:
        rails:
          12v: {{channel: 1, max_voltage_v: 12.6, max_current_a: 2.5}}
          3v3: {{channel: 3, max_voltage_v: 3.5, max_current_a: 3.0}}
      DrainedSerialDriver: {{}}
      ShellDriver:
        prompt: 'root@duthost:[^ ]*# '
        login_prompt: '{login}'
        username: root
        await_login_timeout: 1
        login_timeout: 3
      ConsoleHostDriver: {{}}
      IperfPartnerDriver: {{}}
      OperatorTerminalDriver: {{}}
      SlotStrategy: {{}}
    options: {{name: test}}
"""


@pytest.fixture(scope="module")
def supply():
    with Dp832() as s:
        yield s


def bench(tmp_path, **parts):
    told = {"console": 1, "model": "DP832", "terminal": "/dev/null", "on": "true", "off": "true", "login": LOGIN}
    path = tmp_path / "bench.yaml"
    path.write_text(FILE.format(**{**told, **parts}))
    return path


def test_a_good_bench_is_one_good_line_a_plug(tmp_path, supply):
    with ShellServer() as host:
        checks = check(bench(tmp_path, console=host.port, supply=supply.address))
    assert [(c.plug, c.ok) for c in checks] == [
        ("mains switch", True),
        ("console", True),
        ("supply", True),
        ("operator", True),
        ("link partner", True),
    ]
    said = {c.plug: c.said for c in checks}
    assert "RIGOL TECHNOLOGIES DP832, serial DP8A0001" in said["supply"]
    assert said["mains switch"] == "ExternalPowerDriver: cannot be asked"
    assert said["link partner"].startswith("iperf 3")


def test_bad_plugs_are_lines_too_each_with_what_to_do(tmp_path):
    path = bench(tmp_path, supply="TCPIP0::127.0.0.1::1::SOCKET", terminal=str(tmp_path / "none"))
    checks = {c.plug: c for c in check(path)}
    for plug, said in (("console", "refused"), ("supply", "127.0.0.1::1"), ("operator", "no terminal to ask at")):
        assert not checks[plug].ok
        assert said in checks[plug].said
        assert checks[plug].remedy
    assert checks["link partner"].ok


def test_another_supply_than_the_files_is_a_line(tmp_path, supply):
    checks = {c.plug: c for c in check(bench(tmp_path, supply=supply.address, model="DP832A"))}
    assert not checks["supply"].ok
    assert "is a DP832, the bench file says DP832A" in checks["supply"].said


def test_a_bad_file_is_one_line(tmp_path):
    path = bench(tmp_path, supply="x")
    path.write_text(path.read_text().replace("SlotStrategy", "SlotStrategie"))
    [found] = check(path)
    assert (found.plug, found.ok) == ("bench file", False)
    assert "did you mean 'SlotStrategy'?" in found.said


def mains(tmp_path):
    """Commands of a mains switch that writes into a file, which ShellServer.power_by_file follows."""
    return {state: f"sh -c 'echo {state} >{tmp_path}/mains'" for state in ("on", "off")}


def test_booting_asks_the_host_for_its_tools_and_leaves_everything_off(tmp_path, supply):
    with ShellServer() as host:
        host.power_by_file(tmp_path / "mains")
        path = bench(tmp_path, console=host.port, supply=supply.address, **mains(tmp_path))
        checks = {c.plug: c for c in check(path, boot=True)}
    assert checks["test host"].said.startswith("login after ")
    assert all(tool in checks["host tools"].said for tool in TOOLS)
    assert checks["off"].ok
    assert (tmp_path / "mains").read_text() == "off\n"
    assert not any(supply.on.values())


def test_a_host_that_does_not_boot_is_a_line(tmp_path, supply):
    with ShellServer(boots=False) as host:
        host.power_by_file(tmp_path / "mains")
        path = bench(tmp_path, console=host.port, supply=supply.address, **mains(tmp_path))
        checks = {c.plug: c for c in check(path, boot=True)}
    assert not checks["test host"].ok
    assert "a login on console" in checks["test host"].said
    assert "last saw '[ 0.000000] Linux version 6.1.0'" in checks["test host"].said
    assert not checks["host tools"].ok
    assert checks["off"].ok
