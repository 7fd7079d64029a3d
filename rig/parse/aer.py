"""Names of PCIe errors: what dmesg, sysfs and lspci call them, as the short name the kernel uses since 4.19.

Ref: Linux 6.1 drivers/pci/pcie/aer.c `aer_correctable_error_string`, `aer_uncorrectable_error_string`; the
same tables before 4.19; Documentation/ABI/testing/sysfs-bus-pci-devices-aer_stats; pciutils ls-ecaps.c.
"""

from __future__ import annotations

CORRECTABLE = ("RxErr", "BadTLP", "BadDLLP", "Rollover", "Timeout", "NonFatalErr", "CorrIntErr", "HeaderOF")
UNCORRECTABLE = (
    *(
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
    ),
    *("UnsupReq", "ACSViol", "UncorrIntErr", "BlockedTLP", "AtomicOpBlocked", "TLPBlockedErr"),
    "PoisonTLPBlocked",
)

_LABELS = {
    "receiver error": "RxErr",
    "bad tlp": "BadTLP",
    "bad dllp": "BadDLLP",
    "relay_num rollover": "Rollover",  # the kernel's own spelling
    "replay_num rollover": "Rollover",
    "replay timer timeout": "Timeout",
    "advisory non-fatal": "NonFatalErr",
    "advnonfatalerr": "NonFatalErr",  # lspci
    "corrected internal error": "CorrIntErr",
    "header log overflow": "HeaderOF",
    "data link protocol": "DLP",
    "data link protocol error": "DLP",
    "surprise down error": "SDES",
    "poisoned tlp": "TLP",
    "flow control protocol": "FCP",
    "flow control protocol error": "FCP",
    "completion timeout": "CmpltTO",
    "completer abort": "CmpltAbrt",
    "unexpected completion": "UnxCmplt",
    "receiver overflow": "RxOF",
    "malformed tlp": "MalfTLP",
    "unsupported request": "UnsupReq",
    "unsupported request error": "UnsupReq",
    "acs violation": "ACSViol",
    "uncorrectable internal error": "UncorrIntErr",
    "mc blocked tlp": "BlockedTLP",
    "atomicop egress blocked": "AtomicOpBlocked",
    "tlp prefix blocked error": "TLPBlockedErr",
}
_LABELS |= {name.lower(): name for name in (*CORRECTABLE, *UNCORRECTABLE)}


def short_name(label: str) -> str | None:
    """The kernel's short name for a label of any age; None: no error is called that."""
    return _LABELS.get(" ".join(label.lower().split()))
