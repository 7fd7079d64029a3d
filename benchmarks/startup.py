"""Start of the command: `./run --help` against the interpreter doing nothing, side by side.

Run: .venv/bin/python benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from rig.config.library import project_root

ROUNDS = 15


def seconds(command: list[str]) -> float:
    start_s = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start_s


def main() -> None:
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "./run --help": [str(project_root() / "run"), "--help"],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            taken[name].append(seconds(command))
    bare, rig = (statistics.median(taken[name]) for name in commands)
    print(f"python {bare * 1e3:.0f} ms, ./run --help {rig * 1e3:.0f} ms, ratio {rig / bare:.1f}")


if __name__ == "__main__":
    main()
