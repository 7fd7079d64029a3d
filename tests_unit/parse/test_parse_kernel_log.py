from __future__ import annotations

import pytest

from rig.parse.kernel_log import Harm, Kind, aer_counts, bandwidth, events, failed_bars, symptoms

CARD = "0000:01:00.0"
PORT = "0000:00:01.0"


def one(line: str) -> tuple[Kind, str | None, dict[str, object]]:
    (event,) = events(line)
    return event.kind, event.device, dict(event.detail)


# --- prefixes


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "[    1.234567] ",
        "<3>[    1.234567] ",
        "<3>",
        "[    1.234567][    T1] ",
        "[Fri Aug 29 20:09:52 2025] ",
        "Nov 17 13:44:29 host kernel: [12966.683279] ",
        "Nov 17 13:44:29 host kernel: ",
        "root@host:~# [    1.234567] ",
    ],
)
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r\r\n"])
def test_a_line_is_found_behind_any_prefix(prefix: str, end: str) -> None:
    kind, device, detail = one(f"{prefix}mlx4_core {CARD}: Missing UAR, aborting{end}")
    assert (kind, device, detail) == (Kind.FAULT, CARD, {"code": "mlx4.missing_uar"})


def test_the_stamp_is_seconds_since_boot() -> None:
    stamped, bare = events(f"<6>[12966.683279] mlx4_core {CARD}: Missing DCS, aborting.\nmlx4_en: ens1: Link Up")
    assert (stamped.time_s, bare.time_s) == (12966.683279, None)
    assert stamped.text == f"mlx4_core {CARD}: Missing DCS, aborting."


def test_the_echo_of_a_command_is_no_event() -> None:
    assert events("root@host:~# dmesg | grep 'Missing UAR, aborting'\r\n") == ()


# --- discovery


@pytest.mark.parametrize("tail", ["", " PCIe Endpoint", " conventional PCI endpoint"])
def test_a_discovered_device_has_ids_and_class(tail: str) -> None:
    line = f"pci {CARD}: [15b3:1003] type 00 class 0x028000{tail}"
    assert one(line) == (Kind.FOUND, CARD, {"id": "15b3:1003", "header": "00", "class": "028000"})


# --- BARs

OLD_RETRY = f"""\
[    0.681114] pci {CARD}: [15b3:1003] type 00 class 0x028000
[    0.710024] pci {CARD}: BAR 2: no space for [mem size 0x00800000 64bit pref]
[    0.710033] pci {CARD}: BAR 2: failed to assign [mem size 0x00800000 64bit pref]
[    0.710040] pci {CARD}: BAR 0: assigned [mem 0xf7e00000-0xf7efffff 64bit]
[    0.720000] pci_bus 0000:00: No. 2 try to assign unassigned res
[    0.730000] pci {CARD}: BAR 2: assigned [mem 0xd8000000-0xd87fffff 64bit pref]
"""
NEW_RETRY = f"""\
[    0.710024] pci {CARD}: BAR 2 [mem size 0x00800000 64bit pref]: can't assign; no space
[    0.710033] pci {CARD}: BAR 2 [mem size 0x00800000 64bit pref]: failed to assign
[    0.730000] pci {CARD}: BAR 2 [mem 0xd8000000-0xd87fffff 64bit pref]: assigned
"""


@pytest.mark.parametrize("log", [OLD_RETRY, NEW_RETRY])
def test_a_bar_that_gets_its_place_later_has_not_failed(log: str) -> None:
    assert failed_bars(events(log)) == ()


@pytest.mark.parametrize("log", [OLD_RETRY, NEW_RETRY])
def test_the_last_line_counts_also_when_it_is_the_failure(log: str) -> None:
    lines = log.splitlines()
    (bar,) = failed_bars(events("\n".join([lines[-1], *lines[:-1]])))
    assert (bar.device, bar.resource, bar.size, bar.harm, bar.harmless) == (CARD, "BAR 2", 8 << 20, Harm.FATAL, False)


@pytest.mark.parametrize(
    ("line", "resource", "size", "harm"),
    [
        # Mellanox/mstflint issue 448: virtual functions of an older kernel
        ("BAR 7: no space for [mem size 0x01000000 64bit pref]", "VF BAR 0", 16 << 20, Harm.VIRTUAL_FUNCTIONS),
        ("BAR 9: failed to assign [mem size 0x00800000 64bit pref]", "VF BAR 2", 8 << 20, Harm.VIRTUAL_FUNCTIONS),
        (
            "VF BAR 0 [mem size 0x00400000 64bit pref]: can't assign; no space",
            "VF BAR 0",
            4 << 20,
            Harm.VIRTUAL_FUNCTIONS,
        ),
        ("BAR 6: failed to assign [mem size 0x00100000 pref]", "ROM", 1 << 20, Harm.ROM),
        ("ROM [mem size 0x00100000 pref]: failed to assign", "ROM", 1 << 20, Harm.ROM),
        # coolsnowwolf/lede issue 3752: VF BARs are memory, so this is a window of a bridge
        ("BAR 7: failed to assign [io  size 0x1000]", "bridge window", 4096, Harm.BRIDGE),
        ("BAR 13: no space for [io  size 0x1000]", "bridge window", 4096, Harm.BRIDGE),
        ("bridge window [mem size 0x00100000]: can't assign; no space", "bridge window", 1 << 20, Harm.BRIDGE),
        ("BAR 2: failed to assign [io  size 0x0020]", "BAR 2", 32, Harm.IO),
        ("BAR 2: can't assign mem pref (size 0x800000)", "BAR 2", 8 << 20, Harm.FATAL),
        ("BAR 0: can't assign [mem 0xf7e00000-0xf7efffff] (bogus alignment)", "BAR 0", 1 << 20, Harm.FATAL),
        ("BAR 0 [mem 0xf7e00000-0xf7efffff]: can't assign; bogus alignment", "BAR 0", 1 << 20, Harm.FATAL),
        ("can't claim BAR 0 [mem 0xf7e00000-0xf7efffff]: no compatible bridge window", "BAR 0", 1 << 20, Harm.FATAL),
        ("BAR 0 [mem 0xf7e00000-0xf7efffff]: can't claim; no compatible bridge window", "BAR 0", 1 << 20, Harm.FATAL),
        ("BAR 2 [mem size 0x00800000 64bit pref]: not assigned; can't enable device", "BAR 2", 8 << 20, Harm.FATAL),
    ],
)
def test_every_wording_of_a_failed_bar_is_read(line: str, resource: str, size: int, harm: Harm) -> None:
    (bar,) = failed_bars(events(f"[    0.1] x\n[    0.710024] pci {CARD}: {line}\r\n"))
    assert (bar.resource, bar.size, bar.harm) == (resource, size, harm)


def test_numbers_above_the_rom_are_windows_on_a_bridge() -> None:
    log = f"pci {PORT}: [8086:1901] type 01 class 0x060400\npci {PORT}: BAR 8: failed to assign [mem size 0x00100000]\n"
    (bar,) = failed_bars(events(log))
    assert (bar.resource, bar.harmless) == ("bridge window", False)


def test_windows_of_one_bridge_are_kept_apart() -> None:
    log = f"""\
pci {PORT}: BAR 13: failed to assign [io  size 0x1000]
pci {PORT}: BAR 14: assigned [mem 0xf0000000-0xf00fffff]
pci {PORT}: BAR 15: failed to assign [mem size 0x00200000 64bit pref]
"""
    assert [bar.size for bar in failed_bars(events(log))] == [0x1000, 0x200000]


def test_the_space_reserved_for_virtual_functions_is_no_failure() -> None:
    log = f"pci {CARD}: VF(n) BAR0 space: [mem 0x00000000-0x00ffffff 64bit pref] (contains BAR0 for 16 VFs)\n"
    assert events(log) == ()


# --- bandwidth


@pytest.mark.parametrize(
    ("line", "speed", "width", "rate"),
    [
        (f"mlx4_core {CARD}: 63.008 Gb/s available PCIe bandwidth (8 GT/s x8 link)", 8.0, 8, 63.008e9),  # 4.17
        (f"mlx5_core {CARD}: 63.008 Gb/s available PCIe bandwidth (8.0 GT/s PCIe x8 link)", 8.0, 8, 63.008e9),  # 5.6
        (f"igb {CARD}: eth0: (PCIe:5.0Gb/s:Width x4) 02:00:00:00:00:01", 5.0, 4, None),  # ntop/PF_RING issue 283
        (f"bnx2x {CARD} eth0: QLogic BCM57810 PCI-E x8 5.0GHz found at mem f0, IRQ 1", 5.0, 8, None),
        (f"bnx2x {CARD}: eth0: Broadcom NetXtreme II PCI-E x4 5GHz (Gen2) found at mem f0", 5.0, 4, None),
    ],
)
def test_a_link_that_nothing_limits_is_read(line: str, speed: float, width: int, rate: float | None) -> None:
    it = bandwidth(events(line))[CARD]
    assert (it.speed_gtps, it.width, it.rate_bps, it.limited_by) == (speed, width, rate, None)


@pytest.mark.parametrize("speed", ["5 GT/s", "5.0 GT/s PCIe"])
@pytest.mark.parametrize("driver", ["pci", "mlx4_core", "ixgbe"])
def test_a_limited_link_names_the_port_and_what_the_card_could_do(speed: str, driver: str) -> None:
    line = (
        f"{driver} {CARD}: 16.000 Gb/s available PCIe bandwidth, limited by {speed} x4 link at {PORT} "
        f"(capable of 63.008 Gb/s with {speed.replace('5', '8')} x8 link)"
    )
    it = bandwidth(events(line))[CARD]
    assert (it.speed_gtps, it.width, it.rate_bps, it.limited_by) == (5.0, 4, 16e9, PORT)
    assert (it.capable_speed_gtps, it.capable_width) == (8.0, 8)
    assert symptoms(events(line)) == ("pcie.limited",)


def test_an_unknown_speed_is_not_a_speed() -> None:
    line = (
        f"pci {CARD}: 0.000 Gb/s available PCIe bandwidth, limited by Unknown x0 link at {PORT} "
        "(capable of 63.008 Gb/s with 8.0 GT/s PCIe x8 link)"
    )
    it = bandwidth(events(line))[CARD]
    assert (it.speed_gtps, it.width, it.capable_speed_gtps) == (None, 0, 8.0)


# ntop/PF_RING issue 293
OLD_IXGBE = f"""\
[12966.685575] ixgbe {CARD}: PCI Express bandwidth of 16GT/s available
[12966.685578] ixgbe {CARD}: (Speed:5.0GT/s, Width: x4, Encoding Loss:20%)
[12966.685580] ixgbe {CARD}: This is not sufficient for optimal performance of this card.
[12966.685664] ixgbe {CARD} eth4: MAC: 2, PHY: 1, PBA No: FFFFFF-0FF
[12966.685688] ixgbe {CARD} eth4: Intel(R) 10 Gigabit Network Connection
"""


def test_the_two_lines_of_older_drivers_are_one_statement() -> None:
    found = events(OLD_IXGBE)
    it = bandwidth(found)[CARD]
    assert (it.rate_bps, it.speed_gtps, it.width) == (16e9, 5.0, 4)
    assert symptoms(found) == ("pcie.slow_for_card",)
    assert found[-1].kind is Kind.PROBED


def test_the_last_statement_counts() -> None:
    narrow = OLD_IXGBE.replace("16GT", "4GT").replace("x4", "x1")
    it = bandwidth(events(narrow + OLD_IXGBE))[CARD]
    assert (it.rate_bps, it.width) == (16e9, 4)


# --- AER

AER_6_1 = f"""\
[   20.1] pad
[   20.100000] pcieport {PORT}: AER: Multiple Corrected error message received from {CARD}
[   20.100001] mlx4_core {CARD}: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)
[   20.100002] mlx4_core {CARD}:   device [15b3:1003] error status/mask=00000041/00002000
[   20.100003] mlx4_core {CARD}:    [ 0] RxErr                  (First)
[   20.100004] mlx4_core {CARD}:    [ 6] BadTLP                \r
"""
# geerlingguy/raspberry-pi-pcie-devices issue 64: 4.x before 4.19
AER_OLD = f"""\
[    3.499148] pcieport {PORT}: AER: Multiple Corrected error received: id=0100
[    3.499183] pcieport {PORT}: PCIe Bus Error: severity=Corrected, type=Physical Layer, id=0008(Receiver ID)
[    3.499183] pcieport {PORT}:   device [8086:a29a] error status/mask=00000001/00002000
[    3.499184] pcieport {PORT}:    [ 0] Receiver Error         (First)
[    3.499185] pcieport {PORT}:    [12] Replay Timer Timeout
"""
# balena-os/balena-intel issue 304: 5.x, every line with its own AER
AER_5 = f"""\
Jun 3 3:30:13 h kernel: pcieport {PORT}: AER: PCIe Bus Error: severity=Corrected, type=Data Link Layer, (Transmitter ID)
Jun 03 13:30:13 h kernel: pcieport {PORT}: AER: device [8086:a33c] error status/mask=00001000/00002000
Jun 03 13:30:13 h kernel: pcieport {PORT}: AER: [12] Timeout
"""
# pop-os/pop issue 3363: 6.x says Correctable
AER_LATE = f"""\
[68183.615790] pcieport {PORT}: AER: Correctable error message received from {CARD}
[68183.615810] pcieport {PORT}: PCIe Bus Error: severity=Correctable, type=Data Link Layer, (Transmitter ID)
[68183.615818] pcieport {PORT}:   device [1022:1453] error status/mask=00001000/00006000
[68183.615826] pcieport {PORT}:    [12] Timeout
"""


@pytest.mark.parametrize(
    ("log", "counts"),
    [
        (AER_6_1, {CARD: {"RxErr": 1, "BadTLP": 1}}),
        (AER_OLD, {PORT: {"RxErr": 1, "Timeout": 1}}),
        (AER_5, {PORT: {"Timeout": 1}}),
        (AER_LATE * 3, {PORT: {"Timeout": 3}}),
        ("", {}),
    ],
)
def test_errors_are_counted_by_device_under_their_new_names(log: str, counts: dict[str, dict[str, int]]) -> None:
    assert aer_counts(events(log)) == counts


@pytest.mark.parametrize(("log", "source"), [(AER_6_1, CARD), (AER_OLD, CARD), (AER_LATE, CARD)])
def test_the_message_names_who_complained_in_every_wording(log: str, source: str) -> None:
    (message,) = [e for e in events(log) if e.kind is Kind.AER_MESSAGE]
    assert (message.device, message.detail["source"], message.detail["severity"]) == (PORT, source, "correctable")


@pytest.mark.parametrize(
    ("words", "severity"),
    [
        ("Corrected", "correctable"),
        ("Correctable", "correctable"),
        ("Uncorrected (Non-Fatal)", "nonfatal"),
        ("Uncorrectable (Fatal)", "fatal"),
        ("Uncorrected", "uncorrectable"),
    ],
)
def test_severities_have_one_name_each(words: str, severity: str) -> None:
    kind, _, detail = one(
        f"mlx4_core {CARD}: PCIe Bus Error: severity={words}, type=Inaccessible, (Unregistered Agent ID)"
    )
    assert kind is Kind.AER_ERROR
    assert detail == {"severity": severity, "layer": "Inaccessible", "agent": "Unregistered Agent ID"}


def test_the_status_word_is_kept() -> None:
    status = next(e for e in events(AER_6_1) if e.kind is Kind.AER_STATUS)
    assert (status.detail["id"], status.detail["status"], status.detail["mask"]) == (
        "15b3:1003",
        "00000041",
        "00002000",
    )


def test_a_bit_with_a_name_no_error_has_is_no_error() -> None:
    assert events(f"mlx4_core {CARD}:    [ 3] Something Else") == ()


# --- drivers


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"mlx4_core {CARD}: Cannot enable PCI device, aborting", "mlx4.cannot_enable"),
        (
            f"mlx4_core {CARD}: Missing DCS, aborting. (driver_data: 0x0, pci_resource_flags(pdev, 0):0x0)",
            "mlx4.missing_dcs",
        ),
        (f"mlx4_core {CARD}: Missing UAR, aborting.", "mlx4.missing_uar"),
        (
            f"mlx4_core {CARD}: HCA reported UAR size of 0x1000000 bigger than PCI resource 2 size of 0x800000",
            "mlx4.uar_too_small",
        ),
        (f"mlx4_core {CARD}: Only 64 UAR pages (need more than 128)", "mlx4.uar_too_small"),  # BeTeP-STH issue 2
        (f"mlx4_core {CARD}: command 0x4 timed out (go bit not cleared)", "mlx4.firmware_dead"),
        (f"mlx4_core {CARD}: Failed to start FW, aborting", "mlx4.firmware_dead"),
        (f"mlx4_core {CARD}: NOP command failed to generate interrupt (IRQ 30), aborting", "mlx4.no_interrupt"),
        (f"mlx4_core {CARD}: Only same port types supported on this HCA, aborting", "mlx4.same_port_types_only"),
        (f"mlx4_core {CARD}: Internal error detected:", "mlx4.internal_error"),
        ("mlx4_en: ens1: TX timeout on queue: 3, QP: 0x4c, CQ: 0x84", "mlx4.tx_timeout"),
        (f"mlx4_en: {CARD}: Port: 1, invalid mac burned: 00:00:00:00:00:00, quitting", "mlx4.bad_mac"),
        (
            f"ixgbe {CARD}: failed to load because an unsupported SFP+ or QSFP module type was detected.",
            "ixgbe.module_refused",
        ),
        (f"ixgbe {CARD}: The EEPROM Checksum Is Not Valid", "nic.bad_checksum"),
        (f"igb {CARD}: The NVM Checksum Is Not Valid", "nic.bad_checksum"),
        (f"ixgbe {CARD}: HW Init failed: -19", "nic.init_failed"),
        (f"ixgbe {CARD}: Adapter removed", "nic.removed"),
        (f"ixgbe {CARD}: Network adapter has been stopped because it has over heated. Restart", "nic.too_hot"),
        (f"ixgbe {CARD}: Firmware recovery mode detected. Limiting functionality.", "nic.recovery_mode"),
        (f"bnx2x {CARD}: NVRAM config error. BAD icfg", "bnx2x.nvram"),
        (f"bnx2x {CARD}: Bootcode is missing - can not initialize link", "bnx2x.no_bootcode"),
        (f"bnx2x {CARD}: MFW seems hanged: no pulse", "bnx2x.firmware_dead"),
        (f"mlx4_core: probe of {CARD} failed with error -5", "pci.probe_failed"),
        (f"mlx4_core {CARD}: probe with driver mlx4_core failed with error -12", "pci.probe_failed"),
        (f"pci {CARD}: not ready 65535ms after bus reset; giving up", "pci.not_ready"),
        (
            f"mlx4_core {CARD}: can't change power state from D3cold to D0 (config space inaccessible)",
            "pci.inaccessible",
        ),
    ],
)
def test_faults_of_drivers_have_stable_codes(line: str, code: str) -> None:
    assert symptoms(events(line)) == (code,)


def test_a_refused_port_type_says_which_port() -> None:
    _, _, detail = one(f"mlx4_core {CARD}: Requested port type for port 2 is not supported on this HCA")
    assert detail == {"code": "mlx4.port_type_refused", "port": 2}


@pytest.mark.parametrize(
    ("line", "interface", "rate"),
    [
        ("mlx4_en: ens1d1: Link Up", "ens1d1", None),
        (f"ixgbe {CARD} eth4: NIC Link is Up 10 Gbps, Flow Control: RX/TX", "eth4", 10e9),
        (f"ixgbe {CARD}: eth4: NIC Link is Up 2.5 Gbps, Flow Control: None", "eth4", 2.5e9),
        (f"ixgbe {CARD}: NIC Link is Up 100 Mbps, Flow Control: None", None, 100e6),
        (f"ixgbe {CARD} eth4: NIC Link is Up 1.2.3 Gbps", "eth4", None),
        (f"ixgbe {CARD} eth4: NIC Link is Up unknown speed, Flow Control: None", "eth4", None),
        (f"bnx2x {CARD} eno49: NIC Link is Up, 10000 Mbps full duplex, Flow control: none", "eno49", 10e9),
        (f"igb {CARD} eth0: igb: eth0 NIC Link is Up 1000 Mbps Full Duplex, Flow Control: RX/TX", "eth0", 1e9),
        ("igb: eth0 NIC Link is Up 1000 Mbps Full Duplex, Flow Control: RX/TX", "eth0", 1e9),
        (f"tg3 {CARD} eno1: Link is up at 1000 Mbps, full duplex", "eno1", 1e9),
    ],
)
def test_carrier_comes_with_interface_and_rate(line: str, interface: str | None, rate: float | None) -> None:
    kind, _, detail = one(line)
    assert kind is Kind.LINK_UP
    assert (detail.get("interface"), detail.get("rate_bps")) == (interface, rate)


@pytest.mark.parametrize(
    "line",
    [
        "mlx4_en: ens1: Link Down",
        f"ixgbe {CARD} ens1: NIC Link is Down",
        f"tg3 {CARD} ens1: Link is down",
        "igb: ens1 NIC Link is Down",
    ],
)
def test_lost_carrier_is_seen(line: str) -> None:
    kind, _, detail = one(line)
    assert (kind, detail["interface"]) == (Kind.LINK_DOWN, "ens1")


def test_a_renamed_interface_is_followed() -> None:
    line = f"[    3.130365] ixgbe {CARD} ens2f0: renamed from eth2"
    assert one(line) == (Kind.RENAMED, CARD, {"interface": "ens2f0", "old": "eth2"})


# --- hotplug


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"pcieport {PORT}: pciehp: Slot(4): Cannot train link: status 0x0001", "pcie.cannot_train"),
        (f"pciehp {PORT}:pcie004: Slot(4-1): Card not present", "pcie.not_present"),
        (f"pcieport {PORT}: pciehp: Slot(4): Link Down", "pcie.link_lost"),
        (f"pcieport {PORT}: pciehp: Slot(4): Power fault", "pcie.power_fault"),
        (f"pcieport {PORT}: DPC: containment event, status:0x1f01 source:0x0000", "pcie.contained"),
        (f"pcieport {PORT}: DPC: containment event, status:0x1f05, source:{CARD}", "pcie.contained"),
    ],
)
def test_what_the_slot_reports_is_a_symptom(line: str, code: str) -> None:
    assert symptoms(events(line)) == (code,)


@pytest.mark.parametrize("what", ["Card present", "Link Up", "Link Down/Up ignored (recovered by DPC)"])
def test_good_news_of_the_slot_is_no_symptom(what: str) -> None:
    (event,) = events(f"pcieport {PORT}: pciehp: Slot(4): {what}")
    assert (event.kind, event.detail) == (Kind.HOTPLUG, {"slot": "4", "what": what})
    assert symptoms([event]) == ()


# --- all together


def test_a_card_without_its_second_bar_tells_one_story() -> None:
    log = f"""\
[    0.681114] pci {CARD}: [15b3:1003] type 00 class 0x028000
[    0.710024] pci {CARD}: BAR 2 [mem size 0x00800000 64bit pref]: can't assign; no space
[    0.710033] pci {CARD}: BAR 2 [mem size 0x00800000 64bit pref]: failed to assign
[    0.711000] pci {CARD}: ROM [mem size 0x00100000 pref]: failed to assign
[    0.712000] Some PCI device resources are unassigned, try booting with pci=realloc
[    2.100000] mlx4_core: Initializing {CARD}
[    2.200000] mlx4_core {CARD}: Missing UAR, aborting
[    2.200001] mlx4_core {CARD}: probe with driver mlx4_core failed with error -19
[    2.300000] ixgbe 0000:02:00.0: HW Init failed: -19
"""
    found = events(log)
    mine = ("mlx4.missing_uar", "pci.probe_failed", "pci.bar_failed")
    assert symptoms(found, CARD) == mine
    assert symptoms(found) == (
        "pci.realloc_advised",
        "mlx4.missing_uar",
        "pci.probe_failed",
        "nic.init_failed",
        "pci.bar_failed",
    )
    assert [bar.harm for bar in failed_bars(found)] == [Harm.FATAL, Harm.ROM]


def test_order_is_kept() -> None:
    stamps = [e.time_s for e in events(AER_OLD + OLD_IXGBE)]
    assert stamps == sorted(stamps, key=lambda s: s or 0.0)
    assert len(stamps) == 9
