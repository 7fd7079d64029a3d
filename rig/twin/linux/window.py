"""The prefetchable window that the machine's firmware leaves in the slot's root port.

qboot, the firmware of this machine, sets up no bridge: what a BIOS would have written there is written before the first
instruction. The kernel keeps such a window as it finds it, and places the card's BARs in it or finds no room.
Ref: PCI-to-PCI Bridge Architecture 1.2 sections 3.2.5.9, 3.2.5.10; PCI Local Bus 3.0 section 3.2.2.3.2 (0xCF8);
Linux 6.1 drivers/pci/setup-bus.c, arch/x86/pci/i386.c.
"""

from __future__ import annotations

from collections.abc import Sequence

from rig.errors import BenchError
from rig.twin.linux.qemu import Qemu

_LOW_BASE, _LOW_MIB = 0xC000_0000, 512
"""Below 4 GiB, after 256 MiB of configuration space; what is left up to 0xFEC0_0000 is for everything else."""
_HIGH_BASE = 1 << 32
HOLE = ("-global", "q35-pcihost.pci-hole64-size=64G")
"""QEMU's argument for as much address space above 4 GiB as the largest window takes."""
_ROOT_PORT = 1 << 11
"""Bus 0, device 1, function 0 in the address port."""
_BUSES, _BASE_AND_LIMIT, _BASE_UPPER, _LIMIT_UPPER = 0x18, 0x24, 0x28, 0x2C
_BEHIND_IT = 0x0001_0100
"""Primary bus 0, secondary and subordinate bus 1."""
_IS_64_BIT = 0x0001_0001
_ADDRESS, _DATA, _ENABLE = 0xCF8, 0xCFC, 1 << 31


def require_own_firmware(qemu: Qemu) -> None:
    """BenchError where SeaBIOS starts the kernel: it sets every bridge up by itself, and the window would be gone."""
    if not qemu.qboot:
        raise BenchError(
            f"twin host: window_mib: QEMU {'.'.join(map(str, qemu.version))} starts its kernel from SeaBIOS, which "
            "sets up the slot's window by itself; install QEMU 10.1 or later with qboot.rom, or leave window_mib out"
        )


def monitor_commands(window_mib: int) -> Sequence[str]:
    """What QEMU's monitor is told to give the root port a window of so many MiB (1 to 65536); needs qboot.

    A window that fits lies below 4 GiB, where 32-bit BARs reach it too.
    """
    base = _LOW_BASE if window_mib <= _LOW_MIB else _HIGH_BASE
    last = base + (window_mib << 20) - 1
    registers = {
        _BUSES: _BEHIND_IT,
        _BASE_AND_LIMIT: (last >> 20 & 0xFFF) << 20 | (base >> 20 & 0xFFF) << 4 | _IS_64_BIT,
        _BASE_UPPER: base >> 32,
        _LIMIT_UPPER: last >> 32,
    }
    words = [
        pair for at, value in registers.items() for pair in ((_ADDRESS, _ENABLE | _ROOT_PORT | at), (_DATA, value))
    ]
    return [f"o/w {port:#x} {value:#x}" for port, value in words]
