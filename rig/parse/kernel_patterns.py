"""The kernel lines the rig understands, as data: what kind of event a line is and what it carries.

A pattern is searched for in a line from the first PCI address on (in the whole line for the few without one),
so any prefix may stand before it. Named groups become the event's detail.

Ref: Linux 6.1 and older trees: drivers/pci/{setup-res,setup-bus,pci,probe}.c, drivers/pci/pcie/{aer,dpc}.c,
drivers/pci/hotplug/pciehp_*.c, drivers/net/ethernet/mellanox/mlx4/{main,catas,pd,en_netdev}.c,
drivers/net/ethernet/intel/{ixgbe,igb}, drivers/net/ethernet/broadcom/{bnx2x,tg3.c}, drivers/base/dd.c.
"""

from __future__ import annotations

import enum
import re


class Kind(enum.StrEnum):
    """What a kernel line reports."""

    FOUND = "found"
    """The core found a device: `id`, `header` (`00` device, `01` bridge), `class`."""
    BAR = "bar"
    """A BAR got a place or did not: `resource`, `outcome`, `space`, `size`."""
    BANDWIDTH = "bandwidth"
    """What the link could carry: `gbps`, `speed_gtps`, `width`; if limited `limited_by`, `capable_*`."""
    AER_MESSAGE = "aer_message"
    """A root port was told of an error: `severity`, `source`."""
    AER_ERROR = "aer_error"
    """The head of an error report: `severity`, `layer`, `agent`."""
    AER_STATUS = "aer_status"
    """`id`, `status`, `mask` of the error report."""
    AER_BIT = "aer_bit"
    """One error of the report: `name` (short), `bit`."""
    AER_RECOVERY = "aer_recovery"
    """`outcome` of the recovery, or why there was none."""
    HOTPLUG = "hotplug"
    """`slot` and `what` of pciehp."""
    CONTAINED = "contained"
    """Downstream port containment cut the link: `status`, `source`."""
    PROBED = "probed"
    """A driver took the device: `what` it said."""
    FAULT = "fault"
    """A driver or the core gave up: `code` is short and stable (`mlx4.missing_uar`)."""
    LINK_UP = "link_up"
    """A port has carrier: `interface`, `rate_bps`."""
    LINK_DOWN = "link_down"
    RENAMED = "renamed"
    """`interface` was called `old`."""
    HINT = "hint"
    """The kernel's own advice: `code`."""


_ADDRESS = r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]"
ADDRESS = re.compile(rf"(?<![0-9a-f:]){_ADDRESS}(?![0-9a-f])")

_IF = r"(?P<interface>[A-Za-z][^\s:]{0,14})"
_OLD_DRIVER = rf"\b(?:ixgbe|igb|bnx2x|tg3): {_IF}:? "  # 3.x, without the device
_RANGE = r"(?P<range>\[(?:mem|io|bus)[^\]]{0,120}\])"
_OLD_RANGE = r"(?P<old_range>(?:mem|io)[a-z ]{0,12}\(size 0x[0-9a-f]{1,16}\))"
_ID = r"\[(?P<id>[0-9a-f]{4}:[0-9a-f]{4})\]"
_LABEL = r"\[ ?(?P<bit>\d{1,2})\] (?P<label>\w[\w -]{1,40}?)"
_SEVERITY = r"(?P<severity>(?:Unc|C)orrect(?:ed|able)(?: \((?:Non-)?Fatal\))?)"


def _link(group: str) -> str:
    """A link as `pcie_print_link_status` names it: `8.0 GT/s PCIe x8 link`, `Unknown x4 link`."""
    speed = rf"(?:(?P<{group}speed_gtps>[\d.]{{1,5}}) GT/s(?: PCIe)?|Unknown(?: speed)?)"
    return rf"{speed} x(?P<{group}width>\d{{1,3}}) link"


def _compiled(*rows: tuple[Kind, str]) -> tuple[tuple[Kind, re.Pattern[str]], ...]:
    return tuple((kind, re.compile(pattern)) for kind, pattern in rows)


NEEDS_ADDRESS = _compiled(
    (Kind.FOUND, rf"{_ID} type (?P<header>[0-9a-f]{{2}}) class 0x(?P<class>[0-9a-f]{{6}})"),
    # 6.8 and later, and stable trees that took it back
    (
        Kind.BAR,
        rf"(?P<name>(?:VF )?BAR \d|ROM|bridge window) {_RANGE}: "
        r"(?P<outcome>assigned|failed to assign|can't assign|can't claim|not assigned)(?:; (?P<why>.*))?",
    ),
    # before; "set to" and "can't assign mem" are from 2.6 and early 3.x
    (Kind.BAR, rf"(?P<outcome>can't claim) BAR (?P<number>\d{{1,2}}) {_RANGE}(?:: (?P<why>.*))?"),
    (
        Kind.BAR,
        r"BAR (?P<number>\d{1,2}): (?P<outcome>assigned|set to|no space for|failed to assign|can't assign)"
        rf"(?: (?:{_RANGE}|{_OLD_RANGE})(?: \((?P<why>.*)\))?)?",
    ),
    (
        Kind.BANDWIDTH,
        rf"(?P<gbps>\d{{1,4}}\.\d{{3}}) Gb/s available PCIe bandwidth, limited by {_link('')} at "
        rf"(?P<limited_by>{_ADDRESS}) "
        rf"\(capable of (?P<capable_gbps>\d{{1,4}}\.\d{{3}}) Gb/s with {_link('capable_')}\)",
    ),
    (Kind.BANDWIDTH, rf"(?P<gbps>\d{{1,4}}\.\d{{3}}) Gb/s available PCIe bandwidth \({_link('')}\)"),
    # before 4.17: ixgbe on two lines, igb, bnx2x
    (Kind.BANDWIDTH, r"PCI Express bandwidth of (?P<gbps>\d{1,4})GT/s available"),
    (Kind.BANDWIDTH, r"\(Speed:(?P<speed_gtps>[\d.]{1,5})GT/s, Width: x(?P<width>\d{1,3}), Encoding Loss"),
    (Kind.BANDWIDTH, r"\(PCIe:(?P<speed_gtps>[\d.]{1,5})G[bT]/s:Width x(?P<width>\d{1,3})\)"),
    (Kind.BANDWIDTH, r"PCI-E x(?P<width>\d{1,3}) (?P<speed_gtps>[\d.]{1,5})GHz(?: \(Gen2\))? found at mem"),
    (
        Kind.AER_MESSAGE,
        rf"{_SEVERITY} error (?:message )?received(?: from|:) "
        rf"(?:id=(?P<requester>[0-9a-f]{{4}})|(?P<source>{_ADDRESS}))",
    ),
    (
        Kind.AER_ERROR,
        rf"PCIe Bus Error: severity={_SEVERITY}, type=(?P<layer>[\w -]{{1,32}}), "
        r"(?:id=[0-9a-f]{4})?\((?P<agent>[\w -]{1,32})\)",
    ),
    (
        Kind.AER_STATUS,
        rf"device {_ID} error status/mask=(?P<status>[0-9a-f]{{8}})/(?P<mask>[0-9a-f]{{8}})",
    ),
    (Kind.AER_BIT, rf"^{_ADDRESS}:(?: AER:)?\s+{_LABEL}\s*(?:\(First\))?\s*$"),
    (
        Kind.AER_RECOVERY,
        r"(?P<outcome>device recovery (?:successful|failed)|can't recover \([\w ]{1,40}\)"
        r"|found no error details for)",
    ),
    (Kind.HOTPLUG, r"Slot\((?P<slot>[^)]{1,32})\): (?P<what>\S.{0,120})"),
    (
        Kind.CONTAINED,
        r"containment event, status:(?P<status>0x[0-9a-f]{4})"
        rf"(?:,? source:(?P<source>0x[0-9a-f]{{4}}|{_ADDRESS}))?",
    ),
    (Kind.RENAMED, rf"^{_ADDRESS}:? {_IF}: renamed from (?P<old>[^\s:]{{1,15}})"),
    (Kind.LINK_UP, rf"(?:\s{_IF}:? )?NIC Link is Up,? (?P<rate>[\d.]{{1,6}}) (?P<unit>[GM])bps"),
    (Kind.LINK_UP, rf"(?:\s{_IF}:? )?Link is up at (?P<rate>\d{{1,6}}) (?P<unit>M)bps"),
    (Kind.LINK_UP, rf"(?:\s{_IF}:? )?NIC Link is Up"),
    (Kind.LINK_DOWN, rf"(?:\s{_IF}:? )?(?:NIC )?Link is [Dd]own"),
    (Kind.PROBED, r"(?P<what>Intel\(R\) (?:10 )?Gigabit Network Connection|Tigon3 |BCM57\w+ .*found at mem)"),
)

ANYWHERE = _compiled(
    (Kind.PROBED, rf"mlx4_core: (?P<what>Initializing) {_ADDRESS}"),
    (Kind.LINK_UP, rf"mlx4_en: (?:\S{{1,32}} )?{_IF}: Link Up"),
    (Kind.LINK_DOWN, rf"mlx4_en: (?:\S{{1,32}} )?{_IF}: Link Down"),
    (Kind.LINK_UP, _OLD_DRIVER + r"(?:NIC )?Link is [Uu]p(?:,| at)? (?P<rate>[\d.]{1,6}) (?P<unit>[GM])bps"),
    (Kind.LINK_DOWN, _OLD_DRIVER + r"(?:NIC )?Link is [Dd]own"),
)

FAULTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (code, re.compile(pattern))
    for code, pattern in (
        ("mlx4.cannot_enable", r"Cannot enable PCI device, aborting"),
        ("mlx4.missing_dcs", r"Missing DCS, aborting"),
        ("mlx4.missing_uar", r"Missing UAR, aborting"),
        ("mlx4.uar_too_small", r"UAR size of 0x[0-9a-f]+ bigger than PCI resource 2|Only \d+ UAR pages"),
        ("mlx4.resources_taken", r"Couldn't get PCI resources, aborting"),
        (
            "mlx4.firmware_dead",
            r"Failed to reset HCA, aborting|(?:QUERY_FW|RUN_FW|MAP_FA) command failed, aborting"
            r"|Failed to start FW, aborting|Failed to init fw, aborting|command 0x[0-9a-f]+ timed out",
        ),
        ("mlx4.no_interrupt", r"NOP command failed to generate interrupt"),
        ("mlx4.same_port_types_only", r"Only same port types supported on this HCA"),
        ("mlx4.port_type_refused", r"Requested port type for port (?P<port>\d) is not supported on this HCA"),
        ("mlx4.internal_error", r"Internal error detected|device is going to be reset"),
        ("mlx4.tx_timeout", r"TX timeout on queue"),
        ("mlx4.bad_mac", r"invalid mac burned"),
        (
            "ixgbe.module_refused",
            r"unsupported SFP\+",
        ),
        ("nic.bad_checksum", r"The (?:EEPROM|NVM) Checksum Is Not Valid"),
        ("nic.init_failed", r"HW Init failed: -?\d+"),
        ("nic.bad_mac", r"[Ii]nvalid MAC [Aa]ddress|bad Ethernet MAC address configuration"),
        ("nic.removed", r"Adapter removed|PCIe link lost"),
        ("nic.too_hot", r"has been stopped because it has over ?heated"),
        ("nic.recovery_mode", r"Firmware recovery mode detected"),
        ("bnx2x.nvram", r"NVRAM config error"),
        ("bnx2x.no_bootcode", r"Bootcode is missing"),
        (
            "bnx2x.firmware_dead",
            r"BAD MCP validity signature|MCP response failure, aborting|MFW seems hanged",
        ),
        ("bnx2x.firmware_file", r"Corrupt firmware file"),
        ("pci.not_ready", r"not ready \d+ms after [\w -]{1,40}; giving up"),
        (
            "pci.inaccessible",
            r"config space inaccessible|D3cold to D0, device inaccessible|Refused to change power state",
        ),
        ("pci.probe_failed", rf"probe (?:of {_ADDRESS} |with driver \S+ )?failed with error -?\d+"),
    )
)

HINTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "pci.realloc_advised",
        re.compile(r"Some PCI device resources are unassigned, try booting with pci=realloc"),
    ),
    ("pci.realloc_on", re.compile(r"Automatically enabled pci realloc")),
    ("pcie.slow_for_card", re.compile(r"This is not sufficient for optimal performance of this card")),
)
