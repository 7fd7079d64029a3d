"""A small supply on a loopback port that speaks DP800 or SPD3000X, with faults to switch on."""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import struct
import threading
import time
from dataclasses import dataclass, field

RIGOL_IDN = "RIGOL TECHNOLOGIES,DP832,DP8C000000001,00.01.16"
SIGLENT_IDN = "Siglent Technologies,SPD3303X-E,SPD3XGGX000001,1.01.01.02.07R2,V3.0"


@dataclass
class FakeChannel:
    voltage_v: float = 0.0
    limit_a: float = 1.0
    on: bool = False
    load_a: float = 0.25
    ovp: float = 33.0
    ovp_on: bool = False
    ocp: float = 3.3
    ocp_on: bool = False
    tripped: bool = False

    def reading(self) -> tuple[float, float]:
        return (self.voltage_v, self.load_a) if self.on else (0.0, 0.0)


@dataclass
class FakeSupply:
    """State of the supply; a test looks here, and not at the rig, whether an output is on."""

    idn: str = RIGOL_IDN
    channels: dict[int, FakeChannel] = field(default_factory=lambda: {n: FakeChannel() for n in (1, 2, 3)})
    lock: threading.RLock = field(default_factory=threading.RLock)
    heard: list[str] = field(default_factory=list)
    sessions: int = 0
    errors: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    """Pattern of a command to what happens instead: silent, late, garbage, half, two,
    close, reset, flood, or =text."""
    port: int = 0

    @property
    def address(self) -> str:
        return f"TCPIP0::127.0.0.1::{self.port}::SOCKET"

    def is_on(self, *numbers: int) -> bool:
        with self.lock:
            return all(self.channels[n].on for n in numbers)

    def all_off(self) -> bool:
        with self.lock:
            return not any(c.on for c in self.channels.values())

    def fault(self, pattern: str, what: str | None) -> None:
        with self.lock:
            self.faults.pop(pattern, None) if what is None else self.faults.__setitem__(pattern, what)

    def answer(self, command: str) -> str | None:
        with self.lock:
            self.heard.append(command)
            if command == "*IDN?":
                return self.idn
            known = self._siglent(command) if "Siglent" in self.idn else self._rigol(command)
            if known is None:
                self.errors.append('-113,"Undefined header"')
                return None
            return known or None

    def _error(self) -> str:
        return self.errors.pop(0) if self.errors else '0,"No error"'

    def _rigol(self, command: str) -> str | None:
        if command == ":SYST:ERR?":
            return self._error()
        if m := re.fullmatch(r":SOUR(\d):(VOLT|CURR)(\?| ([\d.]+))", command):
            return self._number(self.channels[int(m[1])], "voltage_v" if m[2] == "VOLT" else "limit_a", m[4])
        if m := re.fullmatch(r":OUTP(?:\?|) CH(\d)(?:,(ON|OFF))?", command):
            return self._flag(self.channels[int(m[1])], "on", m[2])
        if m := re.fullmatch(r":OUTP:(OVP|OCP)(:VAL)?\?? CH(\d)(?:,(.+))?", command):
            channel, name = self.channels[int(m[3])], m[1].lower()
            return self._number(channel, name, m[4]) if m[2] else self._flag(channel, f"{name}_on", m[4])
        if m := re.fullmatch(r":OUTP:(OVP|OCP):CLEAR CH(\d)", command):
            self.channels[int(m[2])].tripped = False
            return ""
        if m := re.fullmatch(r":MEAS:ALL\? CH(\d)", command):
            v, i = self.channels[int(m[1])].reading()
            return f"{v:.4f},{i:.4f},{v * i:.3f}"
        if m := re.fullmatch(r":OUTP:MODE\? CH(\d)", command):
            channel = self.channels[int(m[1])]
            return "CC" if channel.on and channel.load_a >= channel.limit_a else "CV"
        return None

    def _siglent(self, command: str) -> str | None:
        if command == "SYST:ERR?":
            return self._error().replace('0,"No error"', "0  No Error")
        if m := re.fullmatch(r"CH(\d):(VOLT|CURR)(\?| ([\d.]+))", command):
            return self._number(self.channels[int(m[1])], "voltage_v" if m[2] == "VOLT" else "limit_a", m[4])
        if m := re.fullmatch(r"OUTP CH(\d),(ON|OFF)", command):
            return self._flag(self.channels[int(m[1])], "on", m[2])
        if m := re.fullmatch(r"MEAS:(VOLT|CURR)\? CH(\d)", command):
            return f"{self.channels[int(m[2])].reading()[m[1] == 'CURR']:.3f}"
        if command == "SYST:STAT?":
            word = 4
            for n in (1, 2):
                channel = self.channels[n]
                word |= channel.on << (n + 3) | (channel.on and channel.load_a >= channel.limit_a) << (n - 1)
            return f"0x{word:x}"
        return None

    def _number(self, channel: FakeChannel, name: str, value: str | None) -> str:
        if value is None:
            return f"{getattr(channel, name):.3f}"
        setattr(channel, name, float(value))
        return ""

    def _flag(self, channel: FakeChannel, name: str, value: str | None) -> str:
        if value is None:
            return "ON" if getattr(channel, name) else "OFF"
        setattr(channel, name, value == "ON" and not (name == "on" and channel.tripped))
        return ""


class _Handler(socketserver.BaseRequestHandler):
    supply: FakeSupply

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.supply.sessions += 1
        with contextlib.suppress(OSError):
            rest = b""
            while data := self.request.recv(4096):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    if not self._line(line.decode("latin-1")):
                        return

    def _line(self, command: str) -> bool:
        what = next((w for p, w in list(self.supply.faults.items()) if re.search(p, command)), None)
        if what is not None:
            return self._fault(command, what)
        if (reply := self.supply.answer(command)) is not None:
            self.request.sendall(reply.encode() + b"\n")
        return True

    def _fault(self, command: str, what: str) -> bool:
        send = self.request.sendall
        if what.startswith("="):
            send(what[1:].encode("latin-1") + b"\n")
        elif what == "late":
            time.sleep(0.8)
            send(b"11.111\n")
        elif what == "garbage":
            send(b"\xff\xfe\x80 nonsense\n")
        elif what == "half":
            send(b"3.3")
        elif what == "two":
            send(b"1.000\n99.999\n")
        elif what == "close":
            return False
        elif what == "reset":
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        elif what == "flood":
            while True:
                send(b"9" * 4096)
        return True


class FakeServer(socketserver.ThreadingTCPServer):
    """Serves one FakeSupply on a free port of loopback until closed."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, supply: FakeSupply, port: int = 0) -> None:
        handler = type("Handler", (_Handler,), {"supply": supply})
        super().__init__(("127.0.0.1", port), handler)
        supply.port = self.server_address[1]
        self._live: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def process_request(self, request, client_address):
        self._live.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self._live.discard(request)
        super().shutdown_request(request)

    def close(self) -> None:
        """Stop listening and cut every session, like a supply that lost its mains."""
        self.shutdown()
        self.server_close()
        for sock in list(self._live):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
