"""`rig init`: a bench file of what is there; what is not is never made up, and nothing is overwritten."""

import contextlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler

import pytest
from bench_http import served
from click.testing import CliRunner
from ruamel.yaml import YAML

from rig.bench import check_bench
from rig.bench.discover import benchfile, probe
from rig.bench.discover.benchfile import Parts
from rig.bench.discover.channels import rails
from rig.bench.discover.probe import Console, Switch
from rig.bench.doctor import check
from rig.cli import rig
from rig.config.library import project_root
from rig.errors import BenchError, ConfigError, UsageError
from rig.guard import scan
from rig.guard.scan import Found
from rig.model import Identity
from rig.plugin.twin_process import TwinProcess

SHELLY = Switch("http://192.0.2.7", "shelly_gen2", "Shelly X, generation 2")
CONSOLE = Console("192.0.2.8", 2001, "rfc2217")


def found(row="DP832", said="RIGOL,DP832,1,2", address="TCPIP0::192.0.2.9::5555::SOCKET"):
    return Found(address, Identity("RIGOL", row, "1", "2", said), row, said)


def options_of(path):
    return YAML(typ="safe").load(path.read_text())["targets"]["main"]


def init(*args, **more):
    return CliRunner().invoke(rig, ["init", *map(str, args)], **more)


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    with contextlib.closing(
        TwinProcess(project_root() / "configs" / "twins" / "good.yaml", tmp_path_factory.mktemp("twin"))
    ) as process:
        yield process.plugs


def given(plugs):
    host, port = plugs["console"]
    return ["--supply", plugs["supply"], "--mains", plugs["mains"], "--console", f"{host}:{port}",
            "--operator", plugs["operator"]]  # fmt: skip


def test_the_file_made_of_a_twins_plugs_is_complete_virtual_and_boots_the_host(twin, tmp_path):
    out = tmp_path / "bench.yaml"
    done = init("--out", out, *given(twin), "--no-ask")
    assert done.exit_code == 0, done.output
    assert check_bench(out).targets.main.options.virtual
    checks = {c.plug: c for c in check(out, boot=True)}
    assert [c for c in checks.values() if c.state == "BAD"] == []
    assert checks["test host"].ok and "login after" in checks["test host"].said


def test_what_was_not_found_is_a_todo_and_the_rig_refuses_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(scan, "addresses", lambda *, lan: [])
    monkeypatch.setattr(probe, "serial_ports", lambda: ["/dev/ttyUSB0", "/dev/ttyUSB1"])
    out = tmp_path / "bench.yaml"
    done = init("--out", out, "--no-ask")
    assert done.exit_code == 4
    assert "missing: the mains switch" in done.output and "NOT complete" in done.output
    assert "# TODO" in out.read_text() and "/dev/ttyUSB1" in out.read_text()
    with pytest.raises(ConfigError, match="no driver for the mains switch"):
        check_bench(out)


@pytest.mark.parametrize(
    ("parts", "refused"),
    [
        ({"mains": SHELLY, "console": CONSOLE}, "no driver for the supply"),
        ({"mains": SHELLY, "supplies": [found()]}, "no driver for the console"),
        ({"console": CONSOLE, "supplies": [found()]}, "no driver for the mains switch"),
        ({"mains": SHELLY, "console": CONSOLE, "supplies": [found("DP811")]}, "needs '12v'"),
    ],
    ids=["supply", "console", "mains", "rail"],
)
def test_every_missing_part_alone_makes_the_file_refused(parts, refused, tmp_path):
    out = tmp_path / "bench.yaml"
    assert benchfile.write(Parts("b", **parts), out)
    with pytest.raises(ConfigError, match=refused):
        check_bench(out)


def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    out = tmp_path / "bench.yaml"
    out.write_text("mine")
    done = init("--out", out, "--supply", "TCPIP0::192.0.2.1::1::SOCKET")
    assert done.exit_code == 2 and "not overwritten" in done.output
    with pytest.raises(UsageError, match="not overwritten"):
        benchfile.write(Parts("b"), out)
    assert out.read_text() == "mine"


@pytest.mark.parametrize("row", ["DP832", "SPD3303X-E", "E36312A", "E36313A", "KA3305P", "GPP-4323"])
def test_the_file_for_a_supply_of_the_table_is_right_or_refused(row, tmp_path):
    out = tmp_path / "bench.yaml"
    missing = benchfile.write(Parts("b", supplies=[found(row)], mains=SHELLY, console=CONSOLE), out)
    if missing:
        with pytest.raises(ConfigError):
            check_bench(out)
    assert bool(missing) != ({"12v", "3v3"} <= set(rails({"main": row})))


def test_two_one_channel_supplies_feed_a_rail_each(tmp_path):
    out = tmp_path / "bench.yaml"
    two = [found("KA3005P"), found("KA3005P", address="ASRL/dev/ttyACM1::INSTR")]
    assert benchfile.write(Parts("b", supplies=two, mains=SHELLY, console=CONSOLE), out) == []
    wired = options_of(out)["drivers"]["GuardedSupplyDriver"]["rails"]
    assert {wired["12v"].get("instrument", "main"), wired["3v3"].get("instrument", "main")} == {"main", "second"}
    assert not check_bench(out).targets.main.options.is_virtual


def test_what_a_device_says_of_itself_stays_a_comment_or_a_quoted_text(tmp_path):
    evil = 'X"\n    drivers: {}\n# \x1b[31m'
    out = tmp_path / "bench.yaml"
    parts = Parts(evil, supplies=[found(said=evil)], mains=Switch("http://192.0.2.7", "shelly_gen2", evil),
                  console=Console('/dev/tty"x\n', None))  # fmt: skip
    assert benchfile.write(parts, out) == []
    assert options_of(out)["options"]["name"] == evil
    assert options_of(out)["resources"]["RawSerialPort"]["port"] == '/dev/tty"x\n'
    assert "\x1b" not in out.read_text()


def test_a_tasmota_plug_is_switched_over_http(tmp_path):
    out = tmp_path / "bench.yaml"
    tasmota = Switch("http://192.0.2.7", "tasmota", "Tasmota")
    assert benchfile.write(Parts("b", supplies=[found()], mains=tasmota, console=CONSOLE), out) == []
    assert "http://192.0.2.7/cm?cmnd=Power%20On" in options_of(out)["drivers"]["ExternalPowerDriver"]["cmd_on"]


@contextlib.contextmanager
def http(answers):
    class Plug(BaseHTTPRequestHandler):
        def do_GET(self):
            body = answers.get(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *args):
            pass

    with served(Plug) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize(
    ("answers", "model"),
    [
        ({"/shelly": json.dumps({"type": "SHPLG-S"}).encode()}, "shelly_gen1"),
        ({"/shelly": json.dumps({"gen": 3, "model": "S3"}).encode()}, "shelly_gen2"),
        ({"/cm?cmnd=Power": b'{"POWER":"OFF"}'}, "tasmota"),
    ],
)
def test_a_plug_is_known_by_what_it_says(answers, model):
    with http(answers) as url:
        assert probe.switch(url).model == model


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"gen": "2"}', b"\xff" * 100_000])
def test_another_web_server_is_no_mains_switch(body):
    with http({"/shelly": body, "/cm?cmnd=Power": body}) as url, pytest.raises(BenchError, match="neither"):
        probe.switch(url)


@pytest.mark.parametrize(
    "address", ["http://a'; rm x", "http://u:p@h", "http://h/path", "ftp://h", "http://h?x=1", "http://h:0", 'h"$(x)']
)
def test_what_is_no_address_of_a_switch_is_refused_unasked(address):
    with pytest.raises(UsageError, match="expected http://HOST"):
        probe.switch(address)


@contextlib.contextmanager
def console_server(greeting, answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with contextlib.suppress(OSError):
                client, _ = server.accept()
                with client:
                    client.sendall(greeting)
                    if client.recv(16):
                        client.sendall(answer)
                        client.recv(16)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join(5)


@pytest.mark.parametrize(
    ("greeting", "answer", "protocol", "name"),
    [
        (b"\xff\xfb\x03\xff\xfb\x01\xff\xfd,", b"", "rfc2217", None),
        (b"", b"\r\nduthost login: ", "raw", "duthost"),
        (b"", b"\r\nroot@dut-2:~# ", "raw", "dut-2"),
        (b"", b"Last login: Mon", "raw", None),
    ],
)
def test_a_console_server_is_known_by_its_greeting_and_the_host_by_its_prompt(
    greeting, answer, protocol, name, monkeypatch
):
    # what is seen ends the wait: only a wait in vain takes its whole time
    monkeypatch.setattr(probe, "_GREETING_S", 20.0 if greeting else 0.1)
    monkeypatch.setattr(probe, "_ANSWER_S", 20.0 if name else 0.1)
    with console_server(greeting, answer) as where:
        heard = probe.console(where)
    assert (heard.protocol, heard.host_name) == (protocol, name)


def test_a_port_nobody_listens_at_is_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = f"127.0.0.1:{server.getsockname()[1]}"
    done = init("--out", "/nowhere/x.yaml", "--console", where, "--supply", "nonsense", "--no-ask")
    assert done.exit_code in (2, 3) and done.output.startswith("rig: ")
    with pytest.raises(BenchError, match="refused"):
        probe.console(where)


def test_at_a_terminal_what_was_not_found_is_asked_for(twin, tmp_path, monkeypatch):
    monkeypatch.setattr(scan, "addresses", lambda *, lan: [])
    monkeypatch.setattr(probe, "serial_ports", list)
    out = tmp_path / "asked.yaml"
    host, port = twin["console"]
    done = init("--out", out, "--ask", input=f"{twin['supply']}\n{host}:{port}\nnone\n")
    assert done.exit_code == 4, done.output
    assert "missing: the mains switch" in done.output and "missing: the bench supply" not in done.output
