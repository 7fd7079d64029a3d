"""Rate of the guardian's background sampler against a bare pyvisa loop that sends the same messages, side by side.

    .venv/bin/python benchmarks/sampler.py [SECONDS]

A DP832 of a few lines in a process of its own takes 0, 5, 20 or 80 ms for each message, as real supplies do for a
conversion. Two rails are read; rounds alternate; prints rates and the ratio of the medians.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import socket
import socketserver
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pyvisa

from rig.guard.client import GuardClient, GuardConfig, RailConfig

ROUNDS = 5
PAUSES_S = (0.0, 0.005, 0.02, 0.08)
RAILS = {"12v": RailConfig(1, 12.6, 2.5), "3v3": RailConfig(3, 3.6, 3.0)}


class Handler(socketserver.StreamRequestHandler):
    """A DP832 that is always what it was told to be; `JOURNAL?` tells which messages it got last."""

    disable_nagle_algorithm = True
    pause_s = 0.0
    heard: list[str]
    values: dict[str, str]

    def handle(self) -> None:
        for line in self.rfile:
            message = line.decode().strip()
            if message == "JOURNAL?":
                self.wfile.write(json.dumps(self.heard[-400:]).encode() + b"\n")
                continue
            self.heard.append(message)
            if "?" in message:
                time.sleep(self.pause_s)
                self.wfile.write(";".join(map(self.reply, message.split(";"))).encode() + b"\n")
            else:
                head, _, value = message.replace(",", " ", 1).rpartition(" ")
                self.values[head.replace(" ", "")] = value

    def reply(self, question: str) -> str:
        question = ":" + question.lstrip(":")
        if question == ":*IDN?":
            return "RIGOL TECHNOLOGIES,DP832,DP8BENCHMARK,00.01.16"
        if m := re.match(r":MEAS:ALL\? CH(\d)", question):
            volts = float(self.values.get(f":SOUR{m[1]}:VOLT", "0"))
            return f"{volts:.4f},{0.25:.4f},{volts / 4:.3f}"
        if question.startswith(":OUTP:MODE?"):
            return "CV"
        if question == ":SYST:ERR?":
            return '0,"No error"'
        return self.values.get(question.replace("?", "").replace(" ", ""), "0")


def serve(pause_s: float, ports: multiprocessing.Queue[int]) -> None:
    kind = type("Paused", (Handler,), {"pause_s": pause_s, "heard": [], "values": {}})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), kind) as server:
        server.daemon_threads = True
        ports.put(server.server_address[1])
        server.serve_forever()


def guarded(address: str, seconds: float) -> float:
    """Samples a second of the guardian."""
    config = GuardConfig(address, "DP832", RAILS, sample_s=1e-6)
    with tempfile.TemporaryDirectory() as folder, GuardClient.start(config, Path(folder)) as client:
        client.apply("12v", 12.0, 2.1)
        client.apply("3v3", 3.3, 2.0)
        client.record(Path(folder) / "power.jsonl")
        since_s = client.mark("begin")
        time.sleep(seconds)
        times = [s.time_s for s in client.samples(since_s)]
    return (len(times) - 1) / (times[-1] - times[0])


def cycle(port: int) -> list[str]:
    """The messages of one sample, as the guardian sent them."""
    with socket.create_connection(("127.0.0.1", port)) as sock, sock.makefile("rw") as lines:
        lines.write("JOURNAL?\n")
        lines.flush()
        heard = json.loads(lines.readline())
    measured = [n for n, message in enumerate(heard) if message.startswith(":MEAS:ALL? CH1")]
    return list(heard[measured[-2] : measured[-1]])


def bare(address: str, messages: list[str], seconds: float) -> float:
    """Rounds of `messages` a second of pyvisa alone."""
    manager = pyvisa.ResourceManager("@py")
    session = manager.open_resource(address, read_termination="\n", write_termination="\n", timeout=20_000)
    began = time.monotonic()
    count = 0
    while (taken := time.monotonic() - began) < seconds:
        for message in messages:
            session.query(message)
        count += 1
    session.close()
    return count / taken


def compared(pause_s: float, seconds: float) -> None:
    ports: multiprocessing.Queue[int] = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(pause_s, ports), daemon=True)
    server.start()
    port = ports.get()
    address = f"TCPIP0::127.0.0.1::{port}::SOCKET"
    rates = []
    for _ in range(ROUNDS):
        ours = guarded(address, seconds)
        messages = cycle(port)
        rates.append((ours, bare(address, messages, seconds)))
    server.terminate()
    ours, theirs = (statistics.median(column) for column in zip(*rates, strict=True))
    print(f"{pause_s * 1e3:3.0f} ms a message, {len(messages)} messages a sample: guardian {ours:8.2f} /s, "
          f"bare pyvisa {theirs:8.2f} /s, ratio {ours / theirs:.3f}")  # fmt: skip


if __name__ == "__main__":
    for pause in PAUSES_S:
        compared(pause, float(sys.argv[1]) if len(sys.argv) > 1 else 3.0)
