import contextlib
import json
import math
import os
import threading
from http.server import BaseHTTPRequestHandler

import pytest
from bench_fakes import target_with
from bench_http import served

from rig.bench.operator import OperatorPlugDriver, OperatorTerminalDriver, ohms, printable
from rig.bench.resources import OperatorPlug, OperatorTerminal
from rig.errors import BenchError, DeadlineError, LinkDownError, ReplyError, UsageError
from rig.model import AdapterUnit, CardUnit, Unit

UNIT = Unit(AdapterUnit("TobleMiner-revA", "A-07", {"JP1": "1-2"}, ("pwrok",)), CardUnit("561FLR-T", "X540-01"))


class Plug(BaseHTTPRequestHandler):
    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.told.append((self.path, told))
        self._reply()

    def do_GET(self):
        self._reply()

    def _reply(self):
        code, body = self.server.reply
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def plug():
    with served(Plug) as server:
        server.told, server.reply = [], (200, b"{}")
        target = target_with(
            (OperatorPlug, {"url": f"http://127.0.0.1:{server.server_port}"}), (OperatorPlugDriver, {})
        )
        yield server, target.get_driver(OperatorPlugDriver)


def test_a_unit_is_put_in_with_what_its_owner_changed_on_it():
    with plug() as (server, operator):
        operator.insert(UNIT, bare=False)
        adapter = {"design": "TobleMiner-revA", "serial": "A-07", "jumpers": {"JP1": "1-2"}, "mods": ["pwrok"]}
        card = {"model": "561FLR-T", "serial": "X540-01"}
        assert server.told == [("/insert", {"adapter": adapter, "card": card, "bare": False})]


def test_an_adapter_alone_goes_into_the_slot_not_onto_the_fixture():
    with plug() as (server, operator):
        operator.insert_adapter(UNIT)
        path, told = server.told[0]
        assert path == "/insert"
        assert (told["card"], told["bare"], told["adapter"]["serial"]) == (None, False, "A-07")


def test_a_cable_goes_out_and_in_by_the_number_of_its_port():
    with plug() as (server, operator):
        operator.plug(2, plugged=False)
        operator.plug(2, plugged=True)
        assert server.told == [
            ("/cable", {"port": 2, "plugged": False}),
            ("/cable", {"port": 2, "plugged": True}),
        ]


def test_a_bare_adapter_is_put_in_without_its_card():
    with plug() as (server, operator):
        operator.insert(UNIT, bare=True)
        path, told = server.told[0]
        assert (path, told["card"], told["bare"]) == ("/insert", None, True)


def test_the_other_requests_are_the_plugs_own():
    with plug() as (server, operator):
        operator.connect("12V", "PERST#")
        operator.release()
        operator.remove()
        assert server.told == [("/probe", {"plus": "12V", "minus": "PERST#"}), ("/release", {}), ("/remove", {})]
        assert "http://127.0.0.1:" in operator.look()


def test_flash_prsnt_is_shorted_and_opened_by_the_plug():
    with plug() as (server, operator):
        operator.flash_prsnt(shorted=True)
        operator.flash_prsnt(shorted=False)
        assert server.told == [("/flash_prsnt", {"shorted": True}), ("/flash_prsnt", {"shorted": False})]


@pytest.mark.parametrize(
    ("body", "yes"),
    [
        (b'{"yes": true}', True),
        (b'{"yes": false}', False),
        (b"{}", False),
        (b'{"yes": 1}', False),
        (b'{"yes": "true"}', False),
        (b'{"yes": "yes"}', False),
        (b'{"no": true}', False),
        (b'{"yes": [true]}', False),
    ],
)
def test_the_plug_allows_only_with_a_plain_yes(body, yes):
    with plug() as (server, operator):
        server.reply = (200, body)
        assert operator.confirm("burn it?") is yes
        assert server.told == [("/confirm", {"question": "burn it?"})]


def test_a_refusal_comes_through_in_the_plugs_words():
    with plug() as (server, operator):
        server.reply = (409, json.dumps({"error": "the mains is on: nothing was changed"}).encode())
        with pytest.raises(BenchError, match=r"operator plug http://.*: remove: the mains is on: nothing was changed"):
            operator.remove()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff"])
def test_something_else_at_that_address_is_a_reply_error(body):
    with plug() as (server, operator):
        server.reply = (200, body)
        with pytest.raises(ReplyError, match="that is no operator plug"):
            operator.look()


def test_no_plug_is_a_link_down():
    target = target_with((OperatorPlug, {"url": "http://127.0.0.1:1"}), (OperatorPlugDriver, {}))
    with pytest.raises(LinkDownError, match="is the twin running"):
        target.get_driver(OperatorPlugDriver).remove()


@contextlib.contextmanager
def person(leader, types=b"\n", after="press Enter: "):
    """Reads up to the question, then types (Enter); what was read is the one item yielded."""
    heard = [""]

    def answer():
        while after not in heard[0]:
            heard[0] += os.read(leader, 4096).decode()
        os.write(leader, types)

    thread = threading.Thread(target=answer)
    thread.start()
    yield heard
    thread.join()


@pytest.fixture
def terminal():
    """The leader end of a terminal and a driver at the other."""
    leader, follower = os.openpty()

    def opened(**options):
        target = target_with((OperatorTerminal, {"device": os.ttyname(follower)}), (OperatorTerminalDriver, options))
        return leader, target.get_driver(OperatorTerminalDriver)

    yield opened
    os.close(leader)
    os.close(follower)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda o: o.insert(UNIT, bare=False), ["standby LED", "adapter A-07", "card X540-01 (561FLR-T)", "slot"]),
        (
            lambda o: o.insert(UNIT, bare=True),
            ["safe to touch", "read back", "take out whatever", "adapter A-07", "without a card", "probe fixture"],
        ),
        (lambda o: o.remove(), ["standby LED", "take the adapter and its card out"]),
        (
            lambda o: o.flash_prsnt(shorted=True),
            ["standby LED", "short the two holes (or pins) marked FLASH PRSNT", "keep them shorted"],
        ),
        (lambda o: o.flash_prsnt(shorted=False), ["standby LED", "take the short off the card's FLASH PRSNT holes"]),
        (lambda o: o.connect("12V", "PERST#"), ["red lead to 12V, black to PERST#"]),
        (
            lambda o: o.connect("12V", "PERST#", "pair 1 of 7: red on 12V, edge finger B1 (component side)"),
            ["pair 1 of 7: red on 12V, edge finger B1 (component side)", "hold them there"],
        ),
        (lambda o: o.insert_adapter(UNIT), ["standby LED", "adapter A-07 (TobleMiner-revA)", "WITHOUT a card"]),
        (lambda o: o.plug(2, plugged=False), ["take the cable out of port 2", "leave everything else"]),
        (lambda o: o.plug(2, plugged=True), ["put the cable back into port 2"]),
    ],
)
def test_a_person_is_told_what_to_do_and_presses_enter(terminal, ask, said):
    leader, operator = terminal()
    with person(leader) as heard:
        ask(operator)
    assert all(part in heard[0] for part in [*said, "press Enter"])


def test_with_a_scanner_the_units_own_label_is_the_answer_and_another_is_refused(terminal):
    leader, operator = terminal(scanner=True)
    heard = ""

    def answer():
        nonlocal heard
        for label in (b"A-08\n", b"\n", b"A-07\n"):
            asked = heard.count("scan the label of adapter A-07: ")
            while heard.count("scan the label of adapter A-07: ") == asked:
                heard += os.read(leader, 4096).decode()
            os.write(leader, label)

    thread = threading.Thread(target=answer)
    thread.start()
    operator.insert(UNIT, bare=True)
    thread.join()
    assert "'A-08' is not adapter A-07" in heard and "'' is not adapter A-07" in heard


def test_the_leads_are_asked_off_where_they_are_on_and_once(terminal):
    leader, operator = terminal(patience_s=5.0)
    operator.release()
    with person(leader):
        operator.connect("12V", "GND")
    with person(leader) as heard:
        operator.release()
    assert "both leads off the board" in heard[0]
    operator.release()


def test_an_enter_from_before_the_question_is_no_answer(terminal):
    leader, operator = terminal(patience_s=0.1)
    os.write(leader, b"\n\n")
    with pytest.raises(DeadlineError):
        operator.remove()


def test_nobody_at_the_terminal_is_a_deadline(terminal):
    _, operator = terminal(patience_s=0.1)
    with pytest.raises(
        DeadlineError, match=r"operator: waited 0\.1 s for Enter after 'take the adapter and its card out'"
    ):
        operator.remove()


def test_no_terminal_is_a_usage_error_that_says_what_to_do(tmp_path):
    target = target_with((OperatorTerminal, {"device": str(tmp_path / "none")}), (OperatorTerminalDriver, {}))
    with pytest.raises(UsageError, match=r"no terminal to ask at .*run the rig from a terminal"):
        target.get_driver(OperatorTerminalDriver).remove()


def test_a_serial_number_cannot_steer_the_terminal(terminal):
    leader, operator = terminal()
    with person(leader) as heard:
        operator.insert(Unit(AdapterUnit("revA", "\x1b[2J\u202eA\n"), CardUnit("x", "y")), bare=True)
    assert "\\x1b[2J\\u202eA\\n" in heard[0]
    assert "\x1b" not in heard[0]


QUESTION = "card C-1: PSID A\nimage 5: PSID B\nburn it, and change the PSID of the card?"
ALLOW = "to refuse: "
OHMS = "nobody can measure: "


@pytest.mark.parametrize(
    ("types", "yes"),
    [
        (b"yes\n", True),
        (b"  yes \n", True),
        (b"\n", False),
        (b"y\n", False),
        (b"Yes\n", False),
        (b"YES\n", False),
        (b"yes please\n", False),
        (b"no\n", False),
        (b"no yes\n", False),
        (b"ja\n", False),
        (b"\xff\xfe\n", False),
        (b"n\x7fyes\n", True),
    ],
)
def test_a_person_allows_only_with_a_typed_yes(terminal, types, yes):
    leader, operator = terminal()
    with person(leader, types, ALLOW) as heard:
        assert operator.confirm(QUESTION) is yes
    assert all(line in heard[0] for line in [*QUESTION.splitlines(), "type 'yes' and Enter to allow it"])


@pytest.mark.parametrize(
    ("types", "ohm"),
    [
        (b"47\n", 47.0), (b"1.2k\n", 1200.0), (b"3 M\n", 3e6), (b"0,4 ohm\n", 0.4), (b"OL\n", math.inf),
        (b"\n", None), (b"  \n", None),
    ],
)  # fmt: skip
def test_a_person_reads_a_multimeter(terminal, types, ohm):
    leader, operator = terminal()
    with person(leader, types, OHMS) as heard:
        assert operator.multimeter("3V3", "GND", "pair 5 of 9") == ohm
    assert "pair 5 of 9" in heard[0] and "between 3V3 and GND" in heard[0]


@pytest.mark.parametrize("text", ["-3", "1e3", "12 V", "k", "nan", "1.2.3", "9" * 30])
def test_what_is_no_resistance_is_not_taken_for_one(text):
    assert ohms(text) is None


def test_without_a_terminal_nobody_measures(tmp_path):
    target = target_with((OperatorTerminal, {"device": str(tmp_path / "none")}), (OperatorTerminalDriver, {}))
    assert target.get_driver(OperatorTerminalDriver).multimeter("3V3", "GND") is None


def test_a_yes_from_before_the_question_allows_nothing(terminal):
    leader, operator = terminal()
    os.write(leader, b"yes\n")
    with person(leader, b"\n", ALLOW):
        assert operator.confirm(QUESTION) is False


def test_a_question_nobody_answers_is_a_deadline_and_no_yes(terminal):
    _, operator = terminal(patience_s=0.1)
    with pytest.raises(DeadlineError, match="Enter after 'burn it, and change the PSID of the card"):
        operator.confirm(QUESTION)


def test_without_a_terminal_nothing_is_allowed(tmp_path):
    target = target_with((OperatorTerminal, {"device": str(tmp_path / "none")}), (OperatorTerminalDriver, {}))
    assert target.get_driver(OperatorTerminalDriver).confirm(QUESTION) is False


def test_an_image_cannot_steer_the_terminal_by_its_psid(terminal):
    leader, operator = terminal()
    with person(leader, b"\n", ALLOW) as heard:
        operator.confirm("PSID \x1b[2JA\u202e\nburn it?")
    assert "PSID \\x1b[2JA\\u202e" in heard[0]
    assert "\x1b" not in heard[0]


def test_what_can_be_read_stays_as_it_is():
    assert printable("12V to PERST# (Ω)") == "12V to PERST# (Ω)"
