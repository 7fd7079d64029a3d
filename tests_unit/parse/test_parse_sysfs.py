from __future__ import annotations

import pytest

from rig.parse import sysfs


@pytest.mark.parametrize(
    ("text", "speed"),
    [
        ("8.0 GT/s PCIe\n", 8.0),  # 5.6 and later
        ("2.5 GT/s PCIe\r\n", 2.5),
        ("8 GT/s\n", 8.0),  # before
        ("2.5 GT/s\n", 2.5),
        ("16.0 GT/s PCIe", 16.0),
        ("Unknown speed\n", None),
        ("Unknown\n", None),
        ("", None),
        ("9 GT/s", None),
        ("-8 GT/s", None),
        ("cat: current_link_speed: Invalid argument", None),
    ],
)
def test_a_link_speed_is_read_in_every_wording(text: str, speed: float | None) -> None:
    assert sysfs.link_speed_gtps(text) == speed


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("8\n", 8),
        ("16\r\n", 16),
        ("1", 1),
        ("12", 12),
        ("0", None),
        ("3", None),
        ("63", None),
        ("255", None),
        ("", None),
    ],
)
def test_only_widths_that_exist_are_widths(text: str, width: int | None) -> None:
    assert sysfs.link_width(text) == width


@pytest.mark.parametrize(
    ("text", "gone"), [("63\n", True), ("255\n", True), ("8\n", False), ("0\n", False), ("", False)]
)
def test_all_ones_in_the_width_mean_that_the_device_is_gone(text: str, gone: bool) -> None:
    assert sysfs.is_gone(text) is gone


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x15b3\n", "15b3"),
        ("0x028000\r\n", "028000"),
        ("0xFFFF", "ffff"),
        ("0x", None),
        ("x", None),
        ("", None),
        ("0x1 2", None),
    ],
)
def test_ids_come_lower_case_without_prefix(text: str, value: str | None) -> None:
    assert sysfs.hex_id(text) == value


AER_6_1 = """RxErr 3
BadTLP 0
BadDLLP 1
Rollover 0
Timeout 0
NonFatalErr 0
CorrIntErr 0
HeaderOF 0
dev_cor_errs_bit[20] 2
TOTAL_ERR_COR 4
"""

# Linux Documentation/ABI/testing/sysfs-bus-pci-devices-aer_stats
AER_AS_DOCUMENTED = """Receiver Error 2
Bad TLP 0
Bad DLLP 0
RELAY_NUM Rollover 0
Replay Timer Timeout 5
Advisory Non-Fatal 0
Corrected Internal Error 0
Header Log Overflow 0
TOTAL_ERR_COR 2
"""


def test_error_counts_keep_every_line_and_the_total() -> None:
    counts = sysfs.aer_counts(AER_6_1.replace("\n", "\r\n"))
    assert counts is not None
    assert counts["RxErr"] == 3
    assert counts["dev_cor_errs_bit[20]"] == 2
    assert counts["TOTAL_ERR_COR"] == 4
    assert len(counts) == 10


def test_long_labels_become_the_kernels_short_names() -> None:
    counts = sysfs.aer_counts(AER_AS_DOCUMENTED)
    assert counts is not None
    assert (counts["RxErr"], counts["Timeout"], counts["Rollover"]) == (2, 5, 0)


@pytest.mark.parametrize("text", [None, "", "\n", "cat: aer_dev_correctable: No such file or directory", "sh: line 1"])
def test_a_missing_counter_file_is_not_measured_and_never_zero(text: str | None) -> None:
    assert sysfs.aer_counts(text) is None


RESOURCE = """0x00000000f7e00000 0x00000000f7efffff 0x0000000000140204
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000000000000000 0x00000000007fffff 0x000000002014220c
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x000000000000e000 0x000000000000e01f 0x0000000000040101
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x00000000f7d00000 0x00000000f7dfffff 0x0000000000046200
"""


def test_bars_come_with_size_kind_and_whether_they_got_a_place() -> None:
    found = {bar.index: (bar.size, bar.kind, bar.assigned) for bar in sysfs.bars(RESOURCE)}
    assert found == {
        0: (1 << 20, "mem64", True),
        2: (1 << 23, "pref64", False),
        4: (32, "io", True),
        6: (1 << 20, "pref32", True),
    }


def test_a_bar_the_kernel_gave_up_is_absent() -> None:
    assert sysfs.bars("0x0000000000000000 0x0000000000000000 0x0000000000000000\n" * 13) == ()
