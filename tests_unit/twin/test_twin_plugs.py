"""Mains switch and operator over HTTP, and the twin as a whole with a test host that only notes what it is told."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from labgrid.driver.power import shelly_gen2
from twin_bench import LIBRARY, X8_GEN3, Clock

from rig.config.twin import TwinFile
from rig.errors import BenchError, UsageError
from rig.twin.__main__ import main
from rig.twin.server import Ports, Twin, loopback

HTTP_S = 5.0
ANY = Ports(0, 0, 0, 0, 0, 0, 0)
EVERY_INTERFACE = str(ipaddress.IPv4Address(0))


class NotedHost:
    """Listens on nothing; remembers."""

    def __init__(self, slot, config, state, console, addresses, faults) -> None:
        self.slot, self.console_address = slot, console
        self.addresses = {address: address for address in addresses}
        self.versions: dict[str, str] = {}
        self.driven = None
        self.told: list[object] = []

    def start(self) -> None:
        self.told.append("start")

    def power(self, on: bool) -> None:
        self.told.append(on)
        self.slot.host_state("booting" if on else "off")

    def close(self) -> None:
        self.told.append("close")


class Plugged:
    """A twin on a loop of its own."""

    def __init__(self, tmp_path: Path, **file: object) -> None:
        self.clock = Clock()
        self.hosts: list[NotedHost] = []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.twin = Twin(TwinFile.model_validate(file), LIBRARY, tmp_path, self.clock, self._host)
        self.plugs: Mapping[str, object] = self.run(self.twin.start("127.0.0.1", ANY))

    def _host(self, *args: object) -> NotedHost:
        self.hosts.append(NotedHost(*args))
        return self.hosts[-1]

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def close(self) -> None:
        self.run(self.twin.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    def post(self, action: str, told: object) -> tuple[int, dict[str, object]]:
        reply = requests.post(f"{self.plugs['operator']}/{action}", json=told, timeout=HTTP_S)
        return reply.status_code, reply.json()

    def rpc(self, method: str, **params: object) -> dict[str, object]:
        body = {"id": 7, "method": method, "params": params}
        return requests.post(f"{self.plugs['mains']}/rpc", json=body, timeout=HTTP_S).json()


@contextlib.contextmanager
def plugged(tmp_path: Path, **file: object) -> Iterator[Plugged]:
    it = Plugged(tmp_path, **file)
    try:
        yield it
    finally:
        it.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plugged]:
    with plugged(tmp_path_factory.mktemp("twin")) as it:
        yield it


@pytest.fixture(autouse=True)
def all_off(request: pytest.FixtureRequest) -> None:
    if "bench" in request.fixturenames:
        it: Plugged = request.getfixturevalue("bench")
        it.run(it.twin._switch(False))
        for channel in (1, 2, 3):
            it.twin.world.drive(channel, on=False)
        it.twin.world.remove()


UNIT = {"adapter": {"design": "TobleMiner-revA", "serial": "A-1"}, "card": {"model": X8_GEN3, "serial": "C-1"}}

# --- mains --------------------------------------------------------------------------------------------------------


def test_labgrid_switches_it_as_a_shelly(bench):
    shelly_gen2.power_set(bench.plugs["mains"], None, "0", True)
    assert shelly_gen2.power_get(bench.plugs["mains"], None, "0") is True
    assert bench.twin.world.mains()
    shelly_gen2.power_set(bench.plugs["mains"], None, 0, False)
    assert shelly_gen2.power_get(bench.plugs["mains"], None, 0) is False
    assert bench.hosts[0].told[-2:] == [True, False]


def test_the_answer_has_the_id_of_the_question_and_says_what_was(bench):
    reply = bench.rpc("Switch.Set", id=0, on=True)
    assert (reply["id"], reply["result"]) == (7, {"was_on": False})
    assert bench.rpc("Switch.Set", id="0", on=True)["result"] == {"was_on": True}


def test_the_status_can_be_read_with_a_plain_get(bench):
    reply = requests.get(f"{bench.plugs['mains']}/rpc/Switch.GetStatus?id=0", timeout=HTTP_S).json()
    assert (reply["id"], reply["output"], reply["apower"]) == (0, False, 0.0)
    assert requests.get(f"{bench.plugs['mains']}/shelly", timeout=HTTP_S).json()["gen"] == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"id": 1, "method": "Switch.Set", "params": {"id": 3, "on": True}}, -105),
        ({"id": 1, "method": "Switch.Set", "params": {"id": 0, "on": "perhaps"}}, -103),
        ({"id": 1, "method": "Switch.Set", "params": ["0"]}, -105),
        ({"id": 1, "method": "Reboot"}, 404),
    ],
)
def test_what_it_does_not_know_it_refuses_as_the_device_does(bench, body, code):
    reply = requests.post(f"{bench.plugs['mains']}/rpc", json=body, timeout=HTTP_S).json()
    assert reply["error"]["code"] == code
    assert not bench.twin.world.mains()


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 5000, b'{"method": 5}'])
@pytest.mark.parametrize(("plug", "path", "code"), [("mains", "rpc", 500), ("operator", "insert", 400)])
def test_junk_gets_an_error_and_changes_nothing(bench, junk, plug, path, code):
    reply = requests.post(f"{bench.plugs[plug]}/{path}", data=junk, timeout=HTTP_S)
    assert reply.status_code == code
    assert bench.rpc("Switch.GetStatus", id=0)["result"]["output"] is False


def test_a_stuck_switch_says_yes_and_does_nothing(tmp_path):
    with plugged(tmp_path, faults=[{"plug": "mains", "kind": "stuck"}]) as it:
        assert "result" in it.rpc("Switch.Set", id=0, on=True)
        assert it.rpc("Switch.GetStatus", id=0)["result"]["output"] is False
        assert it.hosts[0].told == ["start"]


def test_a_dead_switch_hangs_up_from_its_second_on(tmp_path):
    with plugged(tmp_path, faults=[{"plug": "mains", "kind": "dead", "after_s": 10}]) as it:
        assert "result" in it.rpc("Switch.GetStatus", id=0)
        it.clock.now_s += 11
        with pytest.raises(requests.ConnectionError):
            it.rpc("Switch.GetStatus", id=0)


@pytest.mark.parametrize("plug", ["mains", "operator"])
def test_a_silent_plug_never_answers(tmp_path, plug):
    with plugged(tmp_path, faults=[{"plug": plug, "kind": "silent"}]) as it, pytest.raises(requests.ReadTimeout):
        requests.get(f"{it.plugs[plug]}/shelly" if plug == "mains" else f"{it.plugs[plug]}/", timeout=0.3)


def test_a_garbled_switch_is_not_json(tmp_path):
    with (
        plugged(tmp_path, faults=[{"plug": "mains", "kind": "garbage"}]) as it,
        pytest.raises(requests.JSONDecodeError),
    ):
        it.rpc("Switch.GetStatus", id=0)


def test_a_host_that_does_not_boot_gets_its_mains_and_stays_quiet(tmp_path):
    with plugged(tmp_path, faults=[{"plug": "host", "kind": "no_boot"}]) as it:
        it.rpc("Switch.Set", id=0, on=True)
        assert it.twin.world.mains()
        assert it.hosts[0].told == ["start"]


# --- operator -----------------------------------------------------------------------------------------------------


def test_the_operator_puts_a_unit_in_and_says_so(bench):
    code, state = bench.post("insert", UNIT)
    assert (code, state["card"], state["bare"]) == (200, UNIT["card"], False)
    assert requests.get(f"{bench.plugs['operator']}/", timeout=HTTP_S).json() == state
    code, state = bench.post("remove", {})
    assert (code, state["adapter"]) == (200, None)


def test_the_operator_puts_a_bare_adapter_on_the_fixture_and_the_leads_on_it(bench):
    code, state = bench.post("insert", {"adapter": UNIT["adapter"], "card": None, "bare": True})
    assert (code, state["bare"]) == (200, True)
    code, state = bench.post("probe", {"plus": "12V", "minus": "A4"})
    assert (code, state["leads"]) == (200, ["12V", "A4"])
    code, state = bench.post("release", {})
    assert (code, state["leads"]) == (200, None)


@pytest.mark.parametrize("action", [("insert", UNIT), ("remove", {})])
def test_the_operator_keeps_hands_off_a_live_bench(bench, action):
    bench.post("insert", UNIT)
    bench.rpc("Switch.Set", id=0, on=True)
    code, told = bench.post(*action)
    assert code == 409
    assert "mains" in told["error"]
    bench.rpc("Switch.Set", id=0, on=False)
    bench.twin.world.drive(1, voltage_v=1.0, on=True)
    code, told = bench.post(*action)
    assert code == 409
    assert "channel 1" in told["error"]


@pytest.mark.parametrize(
    ("action", "told", "code", "says"),
    [
        ("insert", {**UNIT, "adapter": {"design": "revX", "serial": "A"}}, 400, "no adapter design 'revX'"),
        ("insert", {**UNIT, "card": {"model": "999FLR", "serial": "C"}}, 400, "no card '999FLR'"),
        (
            "insert",
            {"adapter": {"design": "TobleMiner-revA", "serial": "A", "jumpers": {"JP9": "1-2"}}, "bare": True},
            400,
            "JP9",
        ),
        (
            "insert",
            {"adapter": {"design": "TobleMiner-revA", "serial": "A", "mods": ["magic"]}, "bare": True},
            400,
            "magic",
        ),
        ("insert", {"adapter": {"design": "TobleMiner-revA", "serial": ""}, "bare": True}, 400, "adapter.serial"),
        ("insert", {"adapter": UNIT["adapter"]}, 400, "needs a card"),
        ("cable", {"port": 1, "plugged": False}, 409, "no card in the slot"),
        ("insert", {**UNIT, "extra": 1}, 400, "extra"),
        ("insert", {}, 400, "adapter"),
        ("probe", {"plus": "12V", "minus": "GND"}, 409, "no bare adapter"),
        ("probe", {"plus": "12V"}, 400, "minus"),
    ],
)
def test_the_operator_says_what_is_wrong(bench, action, told, code, says):
    got, reply = bench.post(action, told)
    assert got == code
    assert says in reply["error"]


def test_the_operator_refuses_points_that_the_board_has_not(bench):
    bench.post("insert", {"adapter": UNIT["adapter"], "bare": True})
    code, reply = bench.post("probe", {"plus": "A99", "minus": "../../etc"})
    assert code == 400
    assert "A99" in reply["error"]


@pytest.mark.parametrize("serial", ["<script>", "é漢字", "'; rm -rf /", "../../x", "\u202e\x1b[31m"])
def test_any_text_is_a_serial(bench, serial):
    code, state = bench.post(
        "insert", {"adapter": {**UNIT["adapter"], "serial": serial}, "card": {"model": X8_GEN3, "serial": serial}}
    )
    assert (code, state["card"]["serial"]) == (200, serial)


# --- the whole ----------------------------------------------------------------------------------------------------


def test_the_plugs_say_where_they_are(bench):
    assert set(bench.plugs) == {"mains", "console", "supply", "supply_model", "operator", "ports", "iperf3_port"}
    assert str(bench.plugs["supply"]).startswith("TCPIP0::127.0.0.1::")
    assert len(bench.plugs["ports"]) == 4
    assert json.loads(json.dumps(bench.plugs)) == bench.plugs


@pytest.mark.parametrize(
    ("model", "maker"), [("DP832", b"RIGOL"), ("SPD3303X-E", b"Siglent"), ("HMP4040", b"ROHDE&SCHWARZ")]
)
def test_the_supply_plug_is_of_the_model_the_file_names(tmp_path, model, maker):
    with plugged(tmp_path, psu={"model": model}) as it:
        assert it.plugs["supply_model"] == model
        it.clock.now_s += 1
        with socket.create_connection(("127.0.0.1", int(str(it.plugs["supply"]).split("::")[2])), 5) as raw:
            raw.settimeout(5)
            raw.sendall(b"*IDN?\n")
            assert raw.recv(200).startswith(maker)


def test_two_twins_have_cables_of_their_own(bench, tmp_path):
    with plugged(tmp_path) as other:
        assert set(other.plugs["ports"]).isdisjoint(bench.plugs["ports"])


def test_closing_a_twin_closes_its_host_and_its_ports(tmp_path):
    with plugged(tmp_path) as it:
        supply = int(str(it.plugs["supply"]).split("::")[2])
    assert it.hosts[0].told[-1] == "close"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", supply), 5)


@pytest.mark.parametrize("plug", ["mains", "supply", "operator"])
def test_a_port_in_use_is_one_sentence_and_leaves_nothing_open(tmp_path, plug):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = replace(ANY, **{plug: taken.getsockname()[1]})

        async def attempt() -> list[NotedHost]:
            hosts: list[NotedHost] = []

            def make(*args: object) -> NotedHost:
                hosts.append(NotedHost(*args))
                return hosts[-1]

            twin = Twin(TwinFile(), LIBRARY, tmp_path, Clock(), make)
            with pytest.raises(BenchError, match=f"{plug} plug"):
                await twin.start("127.0.0.1", ports)
            return hosts

        assert asyncio.run(attempt())[0].told == ["start", "close"]


@pytest.mark.parametrize("host", [EVERY_INTERFACE, "192.168.1.1", "localhost", "::"])
def test_the_plugs_stay_on_loopback(host):
    with pytest.raises(UsageError, match="loopback"):
        loopback(host)
    assert loopback("127.0.0.1") == "127.0.0.1"


def twin_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "twin.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("seed: 1\nhots: {}\n", 2, "did you mean 'host'"),
        ("psu: {model: HMP9999}\n", 1, "SPD3303X-E"),
        ("seed: 1\nfaults:\n  - {plug: supply, kind: dead}\n  - {plug: console, kind: stuck}\n", 4, "console"),
        ("seed: -1\n", 1, "seed"),
    ],
)
def test_a_bad_twin_file_is_exit_2_with_its_line(tmp_path, capsys, text, line, says):
    assert main([twin_file(tmp_path, text)]) == 2
    told = capsys.readouterr().err
    assert f"twin.yaml:{line}:" in told
    assert says in told


def test_a_host_that_is_not_loopback_is_exit_2(tmp_path, capsys):
    assert main([twin_file(tmp_path, "seed: 1\n"), "--host", EVERY_INTERFACE]) == 2
    assert "loopback" in capsys.readouterr().err


PORTS_0 = ["--mains-port", "0", "--console-port", "0", "--supply-port", "0", "--operator-port", "0"]


def test_the_command_prints_its_plugs_and_ends_with_its_parent(tmp_path):
    command = [
        sys.executable,
        "-m",
        "rig.twin",
        twin_file(tmp_path, "host: {boot_s: 0}\n"),
        "--with-parent",
        "0",
        *PORTS_0,
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        plugs = json.loads(process.stdout.readline())
        assert requests.get(f"{plugs['operator']}/", timeout=HTTP_S).json()["mains"] is False
        with socket.create_connection(plugs["console"], 5):
            pass
        process.stdin.close()
        assert process.wait(15) == 0
        assert process.stdout.read() == ""


def test_the_command_ends_with_3_when_a_port_is_taken_and_with_0_at_sigterm(tmp_path):
    path = twin_file(tmp_path, "host: {boot_s: 0}\n")
    with subprocess.Popen(
        [sys.executable, "-m", "rig.twin", path, *PORTS_0], stdout=subprocess.PIPE, text=True
    ) as first:
        supply = json.loads(first.stdout.readline())["supply"].split("::")[2]
        second = subprocess.run(
            [sys.executable, "-m", "rig.twin", path, *PORTS_0, "--supply-port", supply],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert second.returncode == 3
        assert second.stderr.count("\n") == 1
        assert "supply plug" in second.stderr
        first.terminate()
        assert first.wait(15) == 0
