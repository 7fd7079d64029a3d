import contextlib
import json
import socket
from http.server import BaseHTTPRequestHandler

import pytest
import requests
from bench_fakes import target_with
from bench_http import served
from labgrid.driver import NetworkPowerDriver
from labgrid.resource import NetworkPowerPort
from requests.adapters import HTTPAdapter

from rig.bench import mains
from rig.errors import LinkDownError


class Shelly(BaseHTTPRequestHandler):
    """A Gen2 plug: POST /rpc, Switch.Set and Switch.GetStatus."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.fault:
            self.send_error(500)
            return
        if asked["method"] == "Switch.Set":
            self.server.output = asked["params"]["on"]
        body = json.dumps({"id": 1, "result": {"output": self.server.output}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def shelly():
    with served(Shelly) as server:
        server.output, server.fault = True, False
        yield server


def switch_at(port):
    resource = (NetworkPowerPort, {"model": "shelly_gen2", "host": f"http://127.0.0.1:{port}", "index": 0})
    return target_with(resource, (NetworkPowerDriver, {})).get_driver(NetworkPowerDriver)


@pytest.fixture
def no_patch_left():
    send = HTTPAdapter.send
    yield
    HTTPAdapter.send = send


def test_labgrids_own_driver_switches_and_is_verified():
    with shelly() as server:
        driver = switch_at(server.server_port)
        assert mains.state(driver) is True
        mains.switch(driver, on=False)
        assert server.output is False
        assert mains.state(driver) is False


def test_an_http_error_is_a_sentence_with_what_to_do():
    with shelly() as server:
        server.fault = True
        with pytest.raises(
            LinkDownError, match=r"mains switch http://127.0.0.1:\d+: switch on: 500 .*; look at the mains"
        ):
            mains.switch(switch_at(server.server_port), on=True)


def test_nobody_there_is_a_sentence():
    with pytest.raises(LinkDownError, match="refused"):
        mains.switch(switch_at(1), on=False)


def test_a_switch_that_never_answers_does_not_hang_the_rig(no_patch_left, monkeypatch):
    monkeypatch.setattr(mains, "READ_S", 0.2)
    mains.limit_http_waits()
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(LinkDownError, match="timed out"):
        mains.switch(switch_at(silent.getsockname()[1]), on=False)


def test_the_limit_is_put_in_once_and_a_callers_own_timeout_wins(no_patch_left):
    mains.limit_http_waits()
    once = HTTPAdapter.send
    mains.limit_http_waits()
    assert HTTPAdapter.send is once
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(requests.ReadTimeout):
        requests.get(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.1)
