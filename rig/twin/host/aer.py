"""How the kernel tells of correctable PCI Express errors.

Ref: Linux 6.1 drivers/pci/pcie/aer.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rig.twin.host.klog import WARNING

Line = tuple[int, str]

CORRECTABLE: Mapping[str, int] = MappingProxyType(
    {
        "RxErr": 0,
        "BadTLP": 6,
        "BadDLLP": 7,
        "Rollover": 8,
        "Timeout": 12,
        "NonFatalErr": 13,
        "CorrIntErr": 14,
        "HeaderOF": 15,
    }
)
"""Name to bit, in the order of `aer_dev_correctable`."""
_UNCORRECTABLE = [
    "Undefined",
    "DLP",
    "SDES",
    "TLP",
    "FCP",
    "CmpltTO",
    "CmpltAbrt",
    "UnxCmplt",
    "RxOF",
    "MalfTLP",
    "ECRC",
    "UnsupReq",
    "ACSViol",
    "UncorrIntErr",
    "BlockedTLP",
    "AtomicOpBlocked",
    "TLPBlockedErr",
    "PoisonTLPBlocked",
]
_PHYSICAL = 1 << 0
_DATA_LINK = 1 << 6 | 1 << 7 | 1 << 8 | 1 << 12
_TRANSMITTER = 1 << 8 | 1 << 12
_MASK = 0x2000
"""Advisory Non-Fatal errors are masked unless somebody opens them."""


def correctable_file(counts: Mapping[str, int]) -> str:
    """`aer_dev_correctable`: the eight names, then the total."""
    rows = [f"{name} {counts.get(name, 0)}" for name in CORRECTABLE]
    return "\n".join([*rows, f"TOTAL_ERR_COR {sum(counts.values())}"]) + "\n"


def uncorrectable_file(total: str) -> str:
    """`aer_dev_nonfatal` or `aer_dev_fatal` of a device that never had one."""
    return "\n".join([*(f"{name} 0" for name in _UNCORRECTABLE), f"{total} 0"]) + "\n"


def corrected(
    port: str, bdf: str, driver: str, ids: str, before: Mapping[str, int], now: Mapping[str, int]
) -> list[Line]:
    """The lines for what was counted between two looks; none when nothing was."""
    fresh = {n: now.get(n, 0) - before.get(n, 0) for n in CORRECTABLE}
    status = sum(1 << CORRECTABLE[n] for n, count in fresh.items() if count > 0)
    if not status:
        return []
    multiple = "Multiple " if sum(c for c in fresh.values() if c > 0) > 1 else ""
    head = f"{driver} {bdf}:"
    texts = [
        f"pcieport {port}: AER: {multiple}Corrected error message received from {bdf}",
        f"{head} PCIe Bus Error: severity=Corrected, type={_layer(status)}, ({_agent(status)} ID)",
        f"{head}   device [{ids}] error status/mask={status:08x}/{_MASK:08x}",
    ]
    bits = [(bit, name) for name, bit in CORRECTABLE.items() if status >> bit & 1]
    texts += [
        f"{head}    [{bit:2d}] {name:<22}{' (First)' if number == 0 else ''}" for number, (bit, name) in enumerate(bits)
    ]
    return [(WARNING, text) for text in texts]


def _layer(status: int) -> str:
    if status & _PHYSICAL:
        return "Physical Layer"
    return "Data Link Layer" if status & _DATA_LINK else "Transaction Layer"


def _agent(status: int) -> str:
    return "Transmitter" if status & _TRANSMITTER else "Receiver"
