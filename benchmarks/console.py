"""Console throughput: the rig's drained driver against labgrid's stock one, side by side on the same twin.

Run: .venv/bin/python benchmarks/console.py [bytes]
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import requests
from labgrid import Target
from labgrid.driver import SerialDriver, ShellDriver
from labgrid.resource import NetworkSerialPort

from rig.bench.console import DrainedSerialDriver
from rig.config.library import project_root
from rig.plugin.twin_process import TwinProcess

LOGIN = {
    "prompt": r"root@duthost:[^ ]*# ",
    "login_prompt": "duthost login: ",
    "username": "root",
    "await_login_timeout": 1,
}


def seconds(driver: type[SerialDriver], console: tuple[str, int], size: int) -> float:
    """Time of one command that prints `size` bytes, login not counted."""
    target = Target(driver.__name__)
    NetworkSerialPort(target, None, host=console[0], port=console[1], protocol="raw")
    driver(target, None)
    shell = ShellDriver(target, None, **LOGIN)
    target.activate(shell)
    start_s = time.monotonic()
    lines, _, code = shell.run(f"head -c {size} /dev/zero | tr '\\0' x", timeout=300)
    taken_s = time.monotonic() - start_s
    target.cleanup()
    assert code == 0 and sum(map(len, lines)) == size
    return taken_s


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as folder:
        twin_file = project_root() / "configs" / "twins" / "demo.yaml"
        with closing(TwinProcess(twin_file, Path(folder))) as twin:
            call = {"id": 1, "method": "Switch.Set", "params": {"id": 0, "on": True}}
            requests.post(f"{twin.plugs['mains']}/rpc", json=call, timeout=5)
            host, port = twin.plugs["console"]
            ours = seconds(DrainedSerialDriver, (host, port), size)
            stock = seconds(SerialDriver, (host, port), size)
    print(f"{size} bytes: stock {stock:.3f} s, drained {ours:.3f} s, ratio {stock / ours:.0f}")


if __name__ == "__main__":
    main()
