"""Power, reboot and every way to end: nothing is left."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from host_fakes import FakeSlot, card, view_of
from host_shell import Shell

from rig.config.twin import TwinHost
from rig.errors import BenchError
from rig.twin.host import ProcessHost, namespace

TWIN = """
import sys, time
from pathlib import Path
from host_fakes import FakeSlot, view_of
from rig.config.twin import TwinHost
from rig.twin.host import ProcessHost
host = ProcessHost(FakeSlot(view_of()), TwinHost(boot_s=0.0), Path(sys.argv[1]), ("127.0.0.1", 0), ())
host.start()
host.power(True)
print(host.init_pid, flush=True)
time.sleep(60)
"""


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        return state not in ("Z", "X")
    return False


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def test_power_off_in_the_middle_ends_everything_and_the_line_is_silent(shell: Shell, host: ProcessHost) -> None:
    shell.send(b"(while :; do echo noise; sleep 0.01; done) & sleep 1000\n")
    shell.until(b"noise\r\nnoise")
    init = host.init_pid
    assert init is not None
    namespaces = str(Path(f"/proc/{init}/ns/pid").readlink())
    host.power(False)
    assert not alive(init)
    assert namespaces not in {_pid_namespace(p) for p in Path("/proc").iterdir() if p.name.isdigit()}
    shell.drain()
    shell.send(b"echo typed in vain\n")
    assert shell.silent()
    host.power(True)
    assert b"typed in vain" not in shell.until(b"duthost login: ")


def _pid_namespace(process: Path) -> str:
    with contextlib.suppress(OSError):
        return str((process / "ns/pid").readlink())
    return ""


def test_reboot_restarts_the_kernel_and_poweroff_waits_for_mains(host: ProcessHost, slot: FakeSlot) -> None:
    with Shell(host.console_address) as line:
        host.power(False)
        host.power(True)
        line.log_in()
        line.send(b"ip link set dev ens1f0 up; reboot -f\n")
        line.until(b"reboot: Restarting system\r\n")
        line.until(re.compile(rb"\[    0\.000000\] Linux version"))
        line.log_in()
        slot.calls.clear()
        line.send(b"poweroff\n")
        line.until(b"reboot: Power down\r\n")
        assert slot.wait_for("state", "off")
        assert host.init_pid is None
        assert line.silent()
        host.power(False)
        host.power(True)
        line.until(b"duthost login: ")


def test_nobody_on_the_line_holds_nobody_up(host: ProcessHost) -> None:
    with Shell(host.console_address) as line:
        host.power(False)
        host.power(True)
        line.log_in()
        line.send(b"(head -c 3000000 /dev/zero | tr '\\0' y; touch /tmp/done) &\n")
    with Shell(host.console_address) as line:
        line.send(b"wait; clear; ls /tmp/do*\n")
        line.until(b"/tmp/done")


def test_a_killed_twin_takes_its_host_along(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{Path(__file__).parent}:{Path(__file__).parents[3]}"}
    command = [sys.executable, "-c", TWIN, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as twin:
        assert twin.stdout is not None
        init = int(twin.stdout.readline())
        assert alive(init)
        twin.send_signal(signal.SIGKILL)
        twin.wait(10)
        assert gone(init)


def test_a_password_is_asked_for_when_there_is_one(tmp_path: Path) -> None:
    secret = "hush"
    slot = FakeSlot(view_of(card(0)))
    host = ProcessHost(slot, TwinHost(boot_s=0.0), tmp_path, ("127.0.0.1", 0), (), password=secret)
    host.start()
    try:
        with Shell(host.console_address) as line:
            host.power(True)
            for word, answer in ((b"wrong", b"Login incorrect"), (b"hush", b"root@duthost:~# ")):
                line.until(b"duthost login: ")
                line.send(b"root\n")
                line.until(b"Password: ")
                line.send(word + b"\n")
                assert word not in line.until(answer)
    finally:
        host.close()
        host.close()


def test_a_machine_without_namespaces_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "unshare").write_text(
        "#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2\nexit 1\n"
    )
    (tmp_path / "unshare").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchError, match=r"Operation not permitted.*unprivileged_userns_clone=1.*or run with sudo"):
        namespace.probe()


def test_a_console_port_that_is_taken_leaves_nothing_behind(host: ProcessHost, tmp_path: Path) -> None:
    second = ProcessHost(FakeSlot(view_of()), TwinHost(), tmp_path, host.console_address, ())
    with pytest.raises(BenchError, match=r"cannot listen on 127\.0\.0\.1"):
        second.start()
    assert second.init_pid is None
