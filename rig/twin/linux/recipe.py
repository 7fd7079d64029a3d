"""What goes into the guest: which Debian packages, which of their files, which kernel modules.

Debian 12, because its mstflint 4.21 is the last that configures a ConnectX-3, and it is what the process host
plays. Programs that the rig's commands and parsers meet are Debian's own; busybox is for what only has to be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

RELEASE, SUITES = "bookworm", ("bookworm-updates",)
KERNEL = "linux-image-amd64"
"""Depends on the newest `linux-image-<release>-amd64`: a mirror drops the older ones."""
KERNEL_PREFIX = "linux-image-6."

_COREUTILS = (
    "[", "arch", "base64", "basename", "cat", "chgrp", "chmod", "chown", "cksum", "comm", "cp", "cut", "date", "dd",
    "df", "dirname", "du", "echo", "env", "expr", "false", "head", "id", "join", "link", "ln", "ls", "md5sum", "mkdir",
    "mkfifo", "mknod", "mktemp", "mv", "nice", "nohup", "nproc", "od", "paste", "printenv", "printf", "pwd",
    "readlink", "realpath", "rm", "rmdir", "seq", "sha1sum", "sha256sum", "sha512sum", "shuf", "sleep", "sort",
    "split", "stat", "stdbuf", "stty", "sync", "tac", "tail", "tee", "test", "timeout", "touch", "tr", "true",
    "truncate", "tty", "uname", "uniq", "unlink", "wc", "who", "whoami", "yes",
)  # fmt: skip
_COREUTILS_IN_BIN = frozenset(
    {
        "cat", "chgrp", "chmod", "chown", "cp", "date", "dd", "df", "echo", "false", "ln", "ls", "mkdir", "mknod",
        "mktemp", "mv", "pwd", "readlink", "rm", "rmdir", "sleep", "stty", "sync", "touch", "true", "uname",
    }
)  # fmt: skip


def _coreutils(name: str) -> str:
    return f"bin/{name}" if name in _COREUTILS_IN_BIN else f"usr/bin/{name}"


FILES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "bash": ("bin/bash",),
        "dash": ("bin/dash",),  # as sh: busybox's sh runs its own ip, tc and lspci before it looks into PATH
        "busybox-static": ("bin/busybox",),
        # busybox lacks QUOTING_STYLE of ls, has another `stat -c`, `od`, `timeout` and other error texts
        "coreutils": tuple(map(_coreutils, _COREUTILS)),
        "grep": ("bin/grep",),
        "sed": ("bin/sed",),
        "gzip": ("bin/gzip",),
        "util-linux": ("bin/dmesg", "usr/bin/setsid", "usr/bin/flock"),
        "kmod": ("bin/kmod",),
        "pciutils": ("usr/bin/lspci", "usr/bin/setpci"),
        "pci.ids": ("usr/share/misc/pci.ids",),
        "ethtool": ("sbin/ethtool",),
        "iproute2": ("bin/ip", "bin/ss", "sbin/tc", "sbin/devlink", "etc/iproute2/"),
        "iperf3": ("usr/bin/iperf3",),
        "mstflint": (
            "usr/bin/mstflint", "usr/bin/mstconfig", "usr/bin/mstmcra", "usr/bin/mstvpd",
            "usr/share/mstflint/mlxconfig_dbs/", "usr/share/mstflint/ConnectX3.csv",
        ),
        "libc-bin": ("usr/lib/locale/C.utf8/",),
    }
)  # fmt: skip
"""Package to its files that are taken; a folder (with a slash at its end) as a whole."""

LIBRARIES = (
    "libacl1", "libattr1", "libbpf1", "libbsd0", "libc6", "libcap2", "libcom-err2", "libdb5.3", "libelf1", "libgcc-s1",
    "libgmp10", "libgomp1", "libgssapi-krb5-2", "libiperf0", "libk5crypto3", "libkeyutils1", "libkmod2", "libkrb5-3",
    "libkrb5support0", "liblzma5", "libmd0", "libmnl0", "libmuparser2v5", "libpci3", "libpcre2-8-0", "libsctp1",
    "libselinux1", "libsqlite3-0", "libssl3", "libstdc++6", "libtinfo6", "libtirpc3", "libudev1", "libxtables12",
    "libzstd1", "zlib1g",
)  # fmt: skip
"""Packages in which the programs' shared libraries are looked for; only those that are needed are taken."""

MODULES = ("ixgbe", "igb", "virtio_pci", "aer_inject")
"""Kernel modules by name; what they depend on comes too. A driver whose card has no model here is not in the guest."""
MODULE_FOLDERS = (
    "crypto/", "drivers/dca/", "drivers/i2c/", "drivers/net/ethernet/intel/", "drivers/net/mdio.ko",
    "drivers/net/mdio/", "drivers/net/phy/", "drivers/pci/pcie/", "drivers/ptp/", "drivers/pps/", "drivers/virtio/",
    "lib/", "net/xfrm/", "net/core/",
)  # fmt: skip
"""Where modules and what these depend on are looked for (a folder ends in a slash), below `kernel/`."""

LINKS: Mapping[str, str] = MappingProxyType(
    {
        "bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64", "var/run": "/run",
        "usr/bin/sh": "dash", "usr/sbin/init": "../bin/busybox", "etc/mtab": "/proc/self/mounts",
        **{f"usr/sbin/{name}": "../bin/kmod" for name in ("depmod", "insmod", "modinfo", "modprobe", "rmmod")},
        "usr/bin/lsmod": "kmod", "usr/sbin/lsmod": "../bin/kmod", "usr/sbin/ip": "../bin/ip",
    }
)  # fmt: skip
FOLDERS = ("dev", "home", "mnt", "proc", "root", "run", "sys", "tmp", "usr/local/bin", "usr/local/sbin", "var/log")
APPLETS = (
    "awk", "bunzip2", "bzip2", "clear", "cmp", "cpio", "devmem", "diff", "egrep", "fgrep", "find", "free", "getty",
    "gunzip", "halt", "hexdump", "hostname", "ionice", "kill", "killall", "less", "logger", "login", "losetup",
    "microcom", "more", "mount", "nc", "netstat", "nsenter", "patch", "pidof", "ping", "ping6", "poweroff", "ps",
    "reboot", "renice", "reset", "rev", "su", "sysctl", "syslogd", "tar", "taskset", "telnet", "tftp", "time", "top",
    "umount", "unshare", "uptime", "usleep", "uudecode", "uuencode", "vi", "watch", "wget", "which", "xargs", "xxd",
    "xz", "xzcat", "zcat",
)  # fmt: skip
"""Programs that busybox plays; each a link to it."""
