import pytest
from bench_fakes import LOGIN, Dp832, ShellServer

from rig.bench import doctor_here, doctor_host
from rig.bench.doctor import BAD, NOT_CHECKED, OK, WARNING, check
from rig.bench.doctor_host import TOOLS
from rig.bench.doctor_line import Said, Unasked
from rig.errors import BenchError
from rig.model import Reply

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
    options: {{name: test, virtual: {virtual}, calibration: {calibration}, partner_bps: 1.0}}
"""


@pytest.fixture
def no_traffic(monkeypatch):
    """A second a test less."""
    monkeypatch.setattr(doctor_here, "loopback", lambda bench: Said("not measured here"))


@pytest.fixture(scope="module")
def supply():
    with Dp832() as s:
        yield s


def bench(tmp_path, **parts):
    told = {"console": 1, "model": "DP832", "terminal": "/dev/null", "on": "true", "off": "true", "login": LOGIN}
    told |= {"virtual": "true", "calibration": "{}"}
    path = tmp_path / "bench.yaml"
    path.write_text(FILE.format(**{**told, **parts}))
    return path


def test_a_good_bench_is_one_good_line_a_plug(tmp_path, supply):
    with ShellServer() as host:
        checks = check(bench(tmp_path, console=host.port, supply=supply.address))
    states = {c.plug: c.state for c in checks}
    for plug in ("mains switch", "console", "supply", "guardian", "operator", "link partner", "partner throughput"):
        assert states[plug] == OK, plug
    for plug in ("other instruments", "relays", "calibration", "results disk", "test host", "console echo"):
        assert states[plug] == NOT_CHECKED, plug
    assert len(states) == len(checks)
    said = {c.plug: c.said for c in checks}
    assert "RIGOL TECHNOLOGIES DP832, serial DP8A0001" in said["supply"]
    assert said["mains switch"] == "ExternalPowerDriver: cannot be asked"
    assert said["link partner"].startswith("iperf 3")


def test_bad_plugs_are_lines_too_each_with_what_to_do(no_traffic, tmp_path):
    path = bench(tmp_path, supply="TCPIP0::127.0.0.1::1::SOCKET", terminal=str(tmp_path / "none"))
    checks = {c.plug: c for c in check(path)}
    for plug, said in (("console", "refused"), ("supply", "127.0.0.1::1"), ("operator", "no terminal to ask at")):
        assert not checks[plug].ok
        assert said in checks[plug].said
        assert checks[plug].remedy
    assert checks["link partner"].ok


def test_another_supply_than_the_files_is_a_line(no_traffic, tmp_path, supply):
    checks = {c.plug: c for c in check(bench(tmp_path, supply=supply.address, model="DP832A"))}
    assert not checks["supply"].ok
    assert "is a DP832, the bench file says DP832A" in checks["supply"].said


def test_a_bad_file_is_one_line(tmp_path):
    path = bench(tmp_path, supply="x")
    path.write_text(path.read_text().replace("SlotStrategy", "SlotStrategie"))
    [found] = check(path)
    assert (found.plug, found.state) == ("bench file", BAD)
    assert "did you mean 'SlotStrategy'?" in found.said


def mains(tmp_path):
    """Commands of a mains switch that writes into a file, which ShellServer.power_by_file follows."""
    return {state: f"sh -c 'echo {state} >{tmp_path}/mains'" for state in ("on", "off")}


def test_booting_asks_the_host_for_its_tools_and_leaves_everything_off(no_traffic, tmp_path, supply):
    with ShellServer() as host:
        host.power_by_file(tmp_path / "mains")
        path = bench(tmp_path, console=host.port, supply=supply.address, **mains(tmp_path))
        checks = {c.plug: c for c in check(path, boot=True)}
    assert checks["test host"].said.startswith("login after ")
    assert all(tool in checks["host tools"].said for tool in TOOLS)
    assert checks["console echo"].state == OK
    assert checks["host clock"].state == OK
    assert checks["off"].ok
    assert (tmp_path / "mains").read_text() == "off\n"
    assert not any(supply.on.values())


def test_a_host_that_does_not_boot_is_a_line(no_traffic, tmp_path, supply):
    with ShellServer(boots=False) as host:
        host.power_by_file(tmp_path / "mains")
        path = bench(tmp_path, console=host.port, supply=supply.address, **mains(tmp_path))
        checks = {c.plug: c for c in check(path, boot=True)}
    assert not checks["test host"].ok
    assert "a login on console" in checks["test host"].said
    assert "last saw '[ 0.000000] Linux version 6.1.0'" in checks["test host"].said
    assert checks["host tools"].state == NOT_CHECKED
    assert checks["off"].ok


def test_a_real_host_is_not_powered_while_nobody_says_that_its_slot_is_empty(no_traffic, tmp_path, supply):
    with ShellServer() as host:
        host.power_by_file(tmp_path / "mains")
        path = bench(tmp_path, console=host.port, supply=supply.address, virtual="false", **mains(tmp_path))
        checks = {c.plug: c for c in check(path, boot=True)}
    assert checks["test host"].state == NOT_CHECKED
    assert "slot is empty" in checks["test host"].said
    assert "on" not in (tmp_path / "mains").read_text()


@pytest.mark.parametrize(
    ("until", "state", "said"),
    [("2020-01-31", BAD, "overdue since 2020-01-31"), ("2199-01-31", OK, "supply: until 2199-01-31")],
)
def test_calibration_is_held_against_todays_date(no_traffic, tmp_path, supply, until, state, said):
    path = bench(tmp_path, supply=supply.address, calibration=f"{{supply: {until}}}")
    checks = {c.plug: c for c in check(path)}
    assert checks["calibration"].state == state
    assert said in checks["calibration"].said


def test_a_line_that_this_machine_cannot_fill_is_a_warning(tmp_path, supply):
    path = bench(tmp_path, supply=supply.address)
    path.write_text(path.read_text().replace("partner_bps: 1.0", "partner_bps: 1.0e+15"))
    checks = {c.plug: c for c in check(path)}
    assert checks["partner throughput"].state == WARNING
    assert "may be this machine's" in checks["partner throughput"].said


class _Bench:
    """A bench whose host answers `text` to everything."""

    def __init__(self, text, code=0):
        self.host, self._text, self._code = self, text, code

    def run(self, command, timeout_s=30.0):
        return Reply(command, self._text, self._code)


def test_a_console_that_loses_a_character_is_bad():
    with pytest.raises(BenchError, match="came back"):
        doctor_host.echo(_Bench(doctor_host.PATTERN[:-1]))


def test_a_host_clock_far_off_is_a_warning_and_one_that_cannot_be_read_is_unknown():
    assert doctor_host.clock(_Bench("1000000000.5")).warning
    with pytest.raises(Unasked, match="not found"):
        doctor_host.clock(_Bench("date: not found", 127))


def test_a_full_disk_is_bad_and_no_folder_is_unknown(tmp_path, monkeypatch):
    assert "GB free" in doctor_here.disk(tmp_path / "not" / "there").text
    monkeypatch.setattr(doctor_here, "BAD_BYTES", 1 << 70)
    with pytest.raises(BenchError, match="results disk"):
        doctor_here.disk(tmp_path)
    with pytest.raises(Unasked):
        doctor_here.disk(None)
    assert doctor_host.disk(_Bench("Filesystem\n/dev/x 9 1 8 1% /tmp")).warning
