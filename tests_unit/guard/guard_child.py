"""Clients of a guardian, in this process and in processes that a test can kill."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

from guard_fake import FakeSupply

from rig.guard.client import GuardConfig, RailConfig

RAILS = {"12v": RailConfig(1, 12.6, 2.5), "3v3": RailConfig(3, 3.6, 3.0)}


def config(fake: FakeSupply, **more: object) -> GuardConfig:
    # a busy machine must not stop hearts: only the tests of the heartbeat make it short
    return GuardConfig(**{"address": fake.address, "model": "DP832", "rails": RAILS, "heartbeat_s": 10.0, **more})


def events(folder: Path) -> list[str]:
    return [json.loads(line)["event"] for line in (folder / "guard.jsonl").read_text().splitlines()]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


CLIENT = """
    import sys, time
    from pathlib import Path
    from rig.guard.client import GuardClient, GuardConfig
    config, folder, mood, sock = GuardConfig.from_json(sys.argv[1]), *map(Path, sys.argv[2:5])
    if mood.name == "adopt":
        client = GuardClient.adopt(sock, config, folder)
    else:
        client = GuardClient.start(config, folder)
        client.apply("12v", 12.0, 2.1)
        client.apply("3v3", 3.3, 2.0)
    if mood.name == "burn":
        client.burn(True, None if sock.name == "none" else sock)
    print(client.pid, flush=True)
    if mood.name == "raise":
        raise RuntimeError("a step fell over")
    time.sleep(60)
"""


class Child:
    """A client in a process of its own, with both rails on; `guardian` is the pid of its guardian."""

    def __init__(self, told: GuardConfig, folder: Path, mood: str = "idle", sock: Path | str = "none") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CLIENT), told.to_json(), str(folder), mood, str(sock)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.sock = sock
        assert self.process.stdout is not None
        self.guardian = int(self.process.stdout.readline())

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
