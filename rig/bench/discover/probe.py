"""Who is at an address somebody named: a mains switch over HTTP, a console. Nothing is switched, no network is scanned.

Ref: Shelly Gen1 and Gen2 API, `/shelly`; Tasmota commands over HTTP, `cm?cmnd=Power`; RFC 854 (IAC); RFC 2217.
"""

import json
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import serial
from serial.tools import list_ports

from rig.bench.edge import edge
from rig.errors import BenchError, UsageError

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_HTTP_S = (2.0, 3.0)
_MOST_BYTES = 1 << 16
_CONNECT_S, _GREETING_S, _ANSWER_S, _POLL_S = 3.0, 0.5, 1.5, 0.1
_REMEDY = "check the cable and the console server, and that nobody else has it open"
T = TypeVar("T")
_NEGOTIATION = re.compile(rb"\xff[\xfb-\xfe]")
_LOGIN = re.compile(r"(?:^|[\r\n])(?!Last )([A-Za-z0-9][A-Za-z0-9.-]{0,62}) login: *$")
_SHELL = re.compile(r"[a-z_][a-z0-9_-]{0,31}@([A-Za-z0-9][A-Za-z0-9.-]{0,62}):[^\r\n]*[#$] *$")
_BY_ID = Path("/dev/serial/by-id")


@dataclass(frozen=True, slots=True)
class Switch:
    """A mains switch; `model` is labgrid's name of it, or `tasmota`, which labgrid reaches by MQTT only."""

    url: str
    model: str
    said: str

    @property
    def host(self) -> str:
        return str(urlsplit(self.url).hostname)


@dataclass(frozen=True, slots=True)
class Console:
    """A serial console; `port` is None where `where` is a device of this machine."""

    where: str
    port: int | None
    protocol: str = "raw"
    host_name: str | None = None
    """As its login prompt or shell has it; None: it was silent."""


def switch(address: str) -> Switch:
    """The mains switch at `http://HOST[:PORT]`; BenchError when no known one answers, UsageError for no address."""
    url = _url(address)
    with edge(f"mains switch {url}", "who it is", "its power and network, and the address"):
        told = _get(f"{url}/shelly")
        if isinstance(told, dict) and isinstance(told.get("gen"), int) and told["gen"] >= 2:
            return Switch(url, "shelly_gen2", f"Shelly {told.get('model')}, generation {told['gen']}")
        if isinstance(told, dict) and "type" in told:
            return Switch(url, "shelly_gen1", f"Shelly {told['type']}, generation 1")
        told = _get(f"{url}/cm?cmnd=Power")
        if isinstance(told, dict) and "POWER" in told:
            return Switch(url, "tasmota", "Tasmota")
        raise BenchError(f"mains switch {url}: it answers, but neither as a Shelly nor as a Tasmota plug")


def console(given: str) -> Console:
    """The console at `HOST:PORT` or at a device; it is sent one Return, to see who asks for a login."""
    if given.startswith("/"):
        return _device(given)
    host, _, port = given.rpartition(":")
    if not _HOST.fullmatch(host) or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"console {given!r}: expected HOST:PORT or a device such as /dev/ttyUSB0")
    return _server(host, int(port))


def serial_ports() -> list[str]:
    """Serial ports of this machine, by the names that stay theirs where there are such."""
    named = {str(link.resolve()): str(link) for link in sorted(_BY_ID.glob("*"))}
    return sorted(named.get(port.device, port.device) for port in list_ports.comports() if port.hwid != "n/a")


def _device(given: str) -> Console:
    with edge(f"console {given}", "open", _REMEDY), serial.Serial(given, 115200, timeout=_POLL_S) as port:
        port.write(b"\r")
        return Console(given, None, host_name=_until(lambda: port.read(max(1, port.in_waiting)), _ANSWER_S, _named))


def _server(host: str, port: int) -> Console:
    # not pyserial's socket://, which throws away what came before it was open: the greeting
    with edge(f"console {host}:{port}", "open", _REMEDY), socket.create_connection((host, port), _CONNECT_S) as there:
        there.settimeout(_POLL_S)
        if _until(lambda: _received(there), _GREETING_S, _NEGOTIATION.search):
            return Console(host, port, "rfc2217")
        there.sendall(b"\r")
        return Console(host, port, host_name=_until(lambda: _received(there), _ANSWER_S, _named))


def _received(there: socket.socket) -> bytes:
    try:
        data = there.recv(4096)
    except TimeoutError:
        return b""
    if not data:
        raise ConnectionResetError("the other end closed it")
    return data


def _until(read: Callable[[], bytes], wait_s: float, look: Callable[[bytes], T | None]) -> T | None:
    """What `look` sees in all that comes within the time, as soon as it sees something."""
    data, deadline_s = b"", time.monotonic() + wait_s
    while len(data) < _MOST_BYTES:
        data += read()
        if (seen := look(data)) is not None or time.monotonic() > deadline_s:
            return seen
    return None


def _named(data: bytes) -> str | None:
    text = data.decode(errors="replace")
    found = _LOGIN.search(text) or _SHELL.search(text)
    return found[1] if found else None


def _url(address: str) -> str:
    parts = urlsplit(address if "://" in address else f"http://{address}")
    try:
        port = parts.port
    except ValueError:
        port = 0
    plain = (
        parts.scheme in ("http", "https") and parts.path in ("", "/") and not parts.query and "@" not in parts.netloc
    )
    if not plain or port == 0 or not _HOST.fullmatch(parts.hostname or ""):
        raise UsageError(f"mains switch {address!r}: expected http://HOST or http://HOST:PORT")
    return f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port else "")


def _get(url: str) -> Any:
    """What it says as JSON; None: it says something else."""
    with requests.get(url, timeout=_HTTP_S, allow_redirects=False, stream=True) as reply:
        if reply.status_code != requests.codes.ok:
            return None
        try:
            return json.loads(reply.raw.read(_MOST_BYTES, decode_content=True))
        except ValueError:
            return None
