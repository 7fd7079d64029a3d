"""Time from the end of a run to outputs off, and from over-current at the sample to outputs off.

    .venv/bin/python benchmarks/guardian.py [TRIALS]

A client in a process of its own has two rails on and the default heartbeat; it is ended at a random moment, by
`kill -9` or by `kill -STOP`. The supply notes itself when its last output went off. Every trial is one line of the
percentiles that are printed; nothing is asserted about time. A fast supply, and one that takes 80 ms a message.
"""

from __future__ import annotations

import random
import signal
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from sampler import RAILS, Handler

from rig.guard.client import GuardConfig

CLIENT = """
import sys, time
from pathlib import Path
from rig.guard.client import GuardClient, GuardConfig
client = GuardClient.start(GuardConfig.from_json(sys.argv[1]), Path(sys.argv[2]))
client.apply("12v", 12.0, 2.1)
client.apply("3v3", 3.3, 2.0)
print(client.pid, flush=True)
time.sleep(600)
"""
PHASES = random.SystemRandom()
SLOW_S = 0.08
BOUND_S = 2.0
"""What the p99 of a lost run should stay below."""


class Switched(Handler):
    """The supply of the other benchmark, slow for every message, that notes when its last output went off."""

    on: set[str]
    off_s: list[float]
    load_a: list[float]

    def handle(self) -> None:
        for line in self.rfile:
            message = line.decode().strip()
            time.sleep(self.pause_s)
            if message.startswith(":OUTP CH"):
                self.switch(message[6:9], message.endswith("ON"))
            if "?" in message:
                self.wfile.write(";".join(map(self.reply, message.split(";"))).encode() + b"\n")
            else:
                head, _, value = message.replace(",", " ", 1).rpartition(" ")
                self.values[head.replace(" ", "")] = value

    def switch(self, channel: str, on: bool) -> None:
        was = bool(self.on)
        self.on.add(channel) if on else self.on.discard(channel)
        if was and not self.on:
            self.off_s.append(time.monotonic())

    def reply(self, question: str) -> str:
        said = super().reply(question)
        if said.count(",") == 2 and "DP832" not in said and said[0] != "0":
            volts = said.partition(",")[0]
            return f"{volts},{self.load_a[0]:.4f},{float(volts) * self.load_a[0]:.3f}"
        return said


class Supply(socketserver.ThreadingTCPServer):
    """One supply on a free port."""

    daemon_threads = True

    def __init__(self, pause_s: float) -> None:
        self.kind = type("Kind", (Switched,), {
            "pause_s": pause_s, "heard": [], "values": {}, "on": set(), "off_s": [], "load_a": [0.25],
        })  # fmt: skip
        super().__init__(("127.0.0.1", 0), self.kind)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"TCPIP0::127.0.0.1::{self.server_address[1]}::SOCKET"


def trial(supply: Supply, how: str) -> float:
    """Seconds from the event to all outputs off."""
    supply.kind.off_s.clear()
    supply.kind.load_a[0] = 0.25
    config = GuardConfig(supply.address, "DP832", RAILS)
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, "-c", CLIENT, config.to_json(), folder]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as client:
            guardian = Path("/proc") / (client.stdout.readline().decode().strip() if client.stdout else "")
            supply.kind.off_s.clear()
            time.sleep(PHASES.uniform(0.0, 0.5))
            began = time.monotonic()
            if how == "over-current":
                supply.kind.load_a[0] = 2.9
            else:
                client.send_signal(signal.SIGKILL if how == "kill -9" else signal.SIGSTOP)
            while not supply.kind.off_s:
                time.sleep(0.001)
            client.kill()
        while guardian.exists():
            time.sleep(0.01)
    return supply.kind.off_s[0] - began


def told(name: str, times: list[float], bound_s: float | None) -> None:
    p99 = statistics.quantiles(times, n=100, method="inclusive")[98]
    goal = "" if bound_s is None else f", {'within' if p99 <= bound_s else 'NOT within'} {bound_s:g} s"
    print(f"{name}: {len(times)} trials, p50 {statistics.median(times):.3f} s, p99 {p99:.3f} s, "
          f"max {max(times):.3f} s{goal}")  # fmt: skip


def main(trials: int) -> None:
    for speed, pause_s in (("fast supply", 0.0), (f"{SLOW_S * 1e3:.0f} ms a message", SLOW_S)):
        with Supply(pause_s) as supply:
            for how, bound_s in (("kill -9", BOUND_S), ("kill -STOP", BOUND_S), ("over-current", None)):
                told(f"{speed}, {how}", [trial(supply, how) for _ in range(trials)], bound_s)
            supply.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
