"""What the test host finds inside: its stand-ins, its shell, and what it is told of itself."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from rig.twin.host import trap
from rig.twin.host.klog import RELEASE, VERSION
from rig.twin.host.tools.uname import HOSTNAME

SOCKET = "kernel"
OUTSIDE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
"""Environment of the programs that set the namespaces up."""
_AT = "/run/host"
_STANDIN = Path(__file__).parent / "inside" / "standin.py"
_PYTHON = Path(sys.executable).resolve()
_ISSUE = f"Debian GNU/Linux 12 {HOSTNAME}"
_MOTD = f"""Linux {HOSTNAME} {RELEASE} {VERSION} {os.uname().machine}

The programs included with the Debian GNU/Linux system are free software;
the exact distribution terms for each program are described in the
individual files in /usr/share/doc/*/copyright.

Debian GNU/Linux comes with ABSOLUTELY NO WARRANTY, to the extent
permitted by applicable law.
"""
_BASHRC = r"""
bind 'set enable-bracketed-paste off' 2>/dev/null
PS1='\u@\h:\w\$ '
alias logout=exit
"""
_PATH = f"{_AT}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = {
    "PATH": _PATH,
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/bash",
    "TERM": "vt100",
    "LANG": "C.UTF-8",
}


def install(folder: Path, names: Iterable[str]) -> Path:
    """Put the stand-ins and the shell's start file into `folder`, which the guest sees; returns it."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "bin").mkdir(parents=True)
    (folder / "bashrc").write_text(_BASHRC, encoding="utf-8")
    shutil.copyfile(_STANDIN, folder / "standin.py")
    python = shlex.quote(str(_PYTHON))
    for name in names:
        program = folder / "bin" / name
        command = f'exec {python} -I -S {_AT}/standin.py {_AT}/{SOCKET} {name} "$@"'
        program.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
        program.chmod(0o755)
    return folder


def config(state: Path, real_ip: str, password: str) -> dict[str, object]:
    """What process 1 is told."""
    root = state / "root"
    root.mkdir(exist_ok=True)
    state = state.resolve()
    return {
        "root": str(state / "root"),
        "sys": str(state / "sys"),
        "tools": str(state / "tools"),
        "tools_at": _AT,
        "python": str(Path(sys.base_prefix).resolve()),
        "ip": real_ip,
        "hostname": HOSTNAME,
        "issue": _ISSUE,
        "motd": _MOTD,
        "password": password,
        "trap": trap.filter_for_init(),
        "shell": ["/bin/bash", "bash", "--noprofile", "--rcfile", f"{_AT}/bashrc", "-i"],
        "env": _ENVIRONMENT,
        "proc": {
            "version": f"Linux version {RELEASE} (debian-kernel@lists.debian.org) {VERSION}\n",
            "cmdline": f"BOOT_IMAGE=/boot/vmlinuz-{RELEASE} root=/dev/sda1 ro console=ttyS0,115200n8\n",
        },
    }
