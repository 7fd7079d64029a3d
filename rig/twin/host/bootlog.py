"""What the kernel prints before it looks into the slot, and after.

Ref: a boot of Debian 12 (Linux 6.1) on a single-socket server.
"""

from __future__ import annotations

from rig.twin.host.klog import RELEASE, VERSION

FIRST = (
    f"Linux version {RELEASE} (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0, "
    f"GNU ld (GNU Binutils for Debian) 2.40) {VERSION}",
    f"Command line: BOOT_IMAGE=/boot/vmlinuz-{RELEASE} root=/dev/sda1 ro console=ttyS0,115200n8",
    "BIOS-provided physical RAM map:",
    "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable",
    "BIOS-e820: [mem 0x0000000000100000-0x00000000bffdffff] usable",
    "BIOS-e820: [mem 0x0000000100000000-0x000000023fffffff] usable",
    "NX (Execute Disable) protection: active",
    "DMI: HPE ProLiant MicroServer Gen10 Plus/ProLiant MicroServer Gen10 Plus, BIOS U48 07/20/2023",
    "tsc: Detected 3400.000 MHz processor",
    "Memory: 8040520K/8388088K available (14342K kernel code, 2333K rwdata, 9060K rodata, 2796K init, "
    "17412K bss, 347308K reserved, 0K cma-reserved)",
    "smpboot: CPU0: Intel(R) Xeon(R) E-2224 CPU @ 3.40GHz (family: 0x6, model: 0x9e, stepping: 0xa)",
    "smp: Brought up 1 node, 4 CPUs",
    "PCI: MMCONFIG for domain 0000 [bus 00-ff] at [mem 0xe0000000-0xefffffff] (base 0xe0000000)",
    "ACPI: PCI Root Bridge [PCI0] (domain 0000 [bus 00-fe])",
)

BUS = (
    "PCI host bridge to bus 0000:00",
    "pci_bus 0000:00: root bus resource [bus 00-fe]",
)

AFTER_BUS = (
    "pci_bus 0000:01: resource 1 [mem 0xf6000000-0xf7ffffff]",
    "clocksource: Switched to clocksource tsc-early",
    "Run /init as init process",
    "EXT4-fs (sda1): mounted filesystem with ordered data mode. Quota mode: none.",
    "systemd[1]: Set hostname to <duthost>.",
)


def os_control(*, aer: bool) -> str:
    """The line that tells whether firmware gave the kernel AER."""
    owned = "PCIeHotplug SHPCHotplug PME AER PCIeCapability LTR" if aer else "PCIeHotplug SHPCHotplug PME LTR"
    return f"acpi PNP0A08:00: _OSC: OS now controls [{owned}]"


def port_services(port: str, irq: int, *, aer: bool) -> list[str]:
    """The root port's services."""
    lines = [f"pcieport {port}: PME: Signaling with IRQ {irq}"]
    return [*lines, f"pcieport {port}: AER: enabled with IRQ {irq}"] if aer else lines
