"""The plugs that only some benches have: a second supply, a meter, relays, cables; and a host that hangs on a rail."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable

import pytest
import requests
from labgrid.driver import HttpDigitalOutputDriver
from labgrid.resource import HttpDigitalOutput
from labgrid.target import Target
from test_twin_plugs import HTTP_S, UNIT, Plugged, plugged

DEADLINE_S = 20.0
EVERYTHING = {"psu2": {"model": "DP832", "wiring": {3: "3v3"}}, "meter": {"model": "HMC8015"}, "relays": True}


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    with plugged(tmp_path_factory.mktemp("rich"), **EVERYTHING) as it:
        yield it


def ask(address: object, line: str) -> str:
    _, host, port, _ = str(address).split("::")
    with socket.create_connection((host, int(port)), HTTP_S) as raw:
        raw.sendall(f"{line}\n".encode())
        return raw.makefile().readline().strip()


def put(it: Plugged, output: str, body: str) -> requests.Response:
    return requests.put(f"{it.plugs['relays']}/relay/{output}", data=body, timeout=HTTP_S)


def until(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + DEADLINE_S
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


def test_the_plugs_say_where_the_additional_ones_are(rich):
    assert {"second", "second_model", "meter", "meter_model", "relays"} <= set(rich.plugs)
    assert json.loads(json.dumps(rich.plugs)) == rich.plugs
    assert (rich.plugs["second_model"], rich.plugs["meter_model"]) == ("DP832", "HMC8015")


def test_two_supplies_of_one_model_are_two(rich):
    main, second = (ask(rich.plugs[plug], "*IDN?") for plug in ("supply", "second"))
    assert main.startswith("RIGOL")
    assert second.startswith("RIGOL")
    assert main != second


def test_the_second_supply_switches_its_own_channels(rich):
    assert ask(rich.plugs["second"], ":APPL CH3,3.3,0.5;:OUTP CH3,ON;:OUTP? CH3") == "ON"
    assert rich.twin.world.state()["second_outputs_on"] == [3]
    assert rich.twin.world.state()["outputs_on"] == []
    assert ask(rich.plugs["second"], ":OUTP CH3,OFF;:OUTP? CH3") == "OFF"


def test_the_meter_reads_the_hosts_watts(rich):
    rich.rpc("Switch.Set", id=0, on=True)
    rich.clock.now_s += 5
    read = float(ask(rich.plugs["meter"], "CHAN1:MEAS:FUNC P;:CHAN1:MEAS:DATA?"))
    assert read == pytest.approx(rich.twin.world.wall_w(), abs=3)
    assert rich.rpc("Switch.GetStatus", id=0)["result"]["apower"] == pytest.approx(read, abs=3)
    rich.rpc("Switch.Set", id=0, on=False)


# --- relays -------------------------------------------------------------------------------------------------------


def test_labgrids_own_driver_switches_a_relay(rich):
    target = Target("twin")
    url = f"{rich.plugs['relays']}/relay/plus/PERST%23"
    HttpDigitalOutput(target, name="out", url=url, body_asserted="1", body_deasserted="0")
    out = HttpDigitalOutputDriver(target, name="drv")
    target.activate(out)
    for on in (True, False):
        out.set(on)
        assert out.get() is on
        assert rich.twin.world.state()["relays_closed"] == (["plus/PERST#"] if on else [])


@pytest.mark.parametrize(("output", "body", "code", "says"), [
    ("plus/12V", "yes", 400, "1 or 0"),
    ("plus/12V", "", 400, "1 or 0"),
    ("plus/5V", "1", 404, "12V"),
    ("left/12V", "1", 404, "plus or minus"),
])  # fmt: skip
def test_a_relay_says_what_is_wrong(rich, output, body, code, says):
    reply = put(rich, output, body)
    assert (reply.status_code, says in reply.text) == (code, True)
    assert rich.twin.world.state()["relays_closed"] == []


def test_a_board_may_reach_contacts_of_the_connector(tmp_path):
    with plugged(tmp_path, relays={"points": ["A4", "GND"]}) as it:
        rich_post = it.post("insert", {"adapter": UNIT["adapter"], "bare": True})
        assert rich_post[0] == 200
        assert put(it, "plus/A4", "1").text == "1"
        assert set(requests.get(f"{it.plugs['relays']}/", timeout=HTTP_S).json()) == {
            "plus/A4", "plus/GND", "minus/A4", "minus/GND",
        }  # fmt: skip
        assert it.twin.world.state()["relays_closed"] == ["plus/A4"]


def test_a_stuck_relay_says_yes_and_reads_as_it_was(tmp_path):
    with plugged(tmp_path, relays=True, faults=[{"plug": "relays", "kind": "stuck"}]) as it:
        assert put(it, "plus/12V", "1").ok
        assert requests.get(f"{it.plugs['relays']}/relay/plus/12V", timeout=HTTP_S).text == "0"
        assert it.twin.world.state()["relays_closed"] == []


def test_a_welded_relay_reads_open_and_still_conducts(tmp_path):
    with plugged(tmp_path, relays=True, faults=[{"plug": "relays", "kind": "welded"}]) as it:
        assert put(it, "minus/GND", "1").ok
        assert put(it, "minus/GND", "0").text == "0"
        assert requests.get(f"{it.plugs['relays']}/relay/minus/GND", timeout=HTTP_S).text == "0"
        assert it.twin.world.state()["relays_closed"] == ["minus/GND"]


def test_a_dead_board_hangs_up(tmp_path):
    with (
        plugged(tmp_path, relays=True, faults=[{"plug": "relays", "kind": "dead"}]) as it,
        pytest.raises(requests.ConnectionError),
    ):
        put(it, "plus/12V", "1")


# --- operator -----------------------------------------------------------------------------------------------------


def test_the_operator_pulls_a_cable_while_power_is_on(rich):
    rich.post("insert", UNIT)
    rich.rpc("Switch.Set", id=0, on=True)
    assert rich.post("cable", {"port": 1, "plugged": False})[1]["cables_out"] == [1]
    assert rich.post("cable", {"port": 1, "plugged": True})[1]["cables_out"] == []
    code, told = rich.post("cable", {"port": 7, "plugged": True})
    assert (code, "ports 1 to 2" in told["error"]) == (400, True)
    rich.rpc("Switch.Set", id=0, on=False)


@pytest.mark.parametrize("body", [{"port": 1}, {"port": "1", "plugged": True}, {"port": 1, "plugged": "no"}, [], 1])
def test_the_operator_does_not_guess_at_a_cable(rich, body):
    assert rich.post("cable", body)[0] == 400


def test_the_operator_puts_an_adapter_alone_into_the_slot(rich):
    code, state = rich.post("insert", {"adapter": UNIT["adapter"], "card": None})
    assert (code, state["card"], state["bare"], state["adapter"]) == (200, None, False, UNIT["adapter"])


# --- the host on a rail -------------------------------------------------------------------------------------------


def test_a_rail_boots_the_host_a_dip_reboots_it_and_off_ends_it(tmp_path):
    with plugged(tmp_path, psu={"model": "HMP4040", "wiring": {1: "host"}}) as it:
        told, world = it.hosts[0].told, it.twin.world

        def settles(volt: float, on: bool, *said: object) -> bool:
            world.drive(1, voltage_v=volt, limit_a=6.0, on=on)

            def goes_on() -> bool:
                it.clock.now_s += 0.1
                return told == ["start", *said]

            return until(goes_on)

        assert settles(12.0, True, True)
        assert settles(7.0, True, True, False)
        assert settles(12.0, True, True, False, True)
        assert settles(0.0, False, True, False, True, False)
        it.rpc("Switch.Set", id=0, on=True)
        assert told[-1] is False


def test_two_channels_on_one_rail_are_refused_with_the_line(tmp_path, capsys):
    from rig.twin.__main__ import main

    path = tmp_path / "twin.yaml"
    path.write_text("seed: 1\npsu:\n  wiring: {1: 12v, 2: [12v, probe]}\n")
    assert main([str(path)]) == 2
    assert re.search(r"twin.yaml:3: .*a rail has one channel", capsys.readouterr().err)


@pytest.mark.parametrize("text", [
    "faults: [{plug: relays, kind: no_boot}]\n",
    "faults: [{plug: meter, kind: stuck}]\n",
    "psu: {wiring: {9: host}}\n",
    "psu: {wiring: {1: 5v}}\n",
    "meter: {model: WT5000}\n",
    "relays: {points: [12V]}\n",
    "power: {warm_up_s: 0}\n",
    "host: {idle_w: -1}\n",
])  # fmt: skip
def test_a_bad_option_is_exit_2(tmp_path, capsys, text):
    from rig.twin.__main__ import main

    path = tmp_path / "twin.yaml"
    path.write_text(text)
    assert main([str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
