from __future__ import annotations

from pathlib import Path

import pytest

from rig.parse import lspci
from rig.parse.lspci import Link, Region

DATA = Path(__file__).parent / "data"
VERBOSE = (DATA / "lspci-3.9-vvv.txt").read_text()


def the(address: str, text: str = VERBOSE) -> lspci.Device:
    found = lspci.device(text, address)
    assert found is not None
    return found


def test_every_device_is_found_in_order() -> None:
    found = [d.address for d in lspci.devices(VERBOSE)]
    assert found == ["0000:00:01.0", "0000:01:00.0", "0000:02:00.0", "0000:03:00.0", "0000:04:00.0"]


def test_ids_class_and_names_are_read() -> None:
    card = the("0000:01:00.0")
    assert (card.id, card.class_code, card.subsystem_id) == ("15b3:1003", "0200", "103c:1777")
    assert card.class_name == "Ethernet controller"
    assert card.name == "Mellanox Technologies MT27500 Family [ConnectX-3]"
    assert the("0000:03:00.0").revision == "01"
    assert the("0000:00:01.0").id == "8086:1901"


def test_a_slow_and_narrow_link_is_seen_on_the_card() -> None:
    card = the("0000:01:00.0")
    assert card.capable == Link(8.0, 8)
    assert card.link == Link(5.0, 4, "downgraded", "downgraded")
    assert lspci.downgraded(card) == ("speed", "width")
    assert lspci.downgraded(the("0000:03:00.0")) == ("speed",)
    assert lspci.downgraded(the("0000:02:00.0")) == ()


def test_a_narrow_link_is_seen_on_the_port_although_lspci_says_nothing_there() -> None:
    port = the("0000:00:01.0")
    assert port.link == Link(8.0, 4)
    assert lspci.downgraded(port) == ("width",)


def test_lanes_with_errors_are_listed_and_no_capability_is_not_no_errors() -> None:
    assert the("0000:01:00.0").lane_errors == (3, 5)
    assert the("0000:02:00.0").lane_errors is None
    clean = VERBOSE.replace("LaneErr at lane: 3 5", "0")
    assert the("0000:01:00.0", clean).lane_errors == ()


def test_error_bits_have_the_kernels_names() -> None:
    errors = the("0000:01:00.0").correctable
    assert errors is not None
    assert [name for name, bit in errors.items() if bit] == ["RxErr", "BadTLP"]
    assert "NonFatalErr" in errors
    assert the("0000:04:00.0").correctable is None


def test_error_bits_on_a_second_line_belong_to_the_same_register() -> None:
    # pciutils 3.11 and later break the line
    text = """01:00.0 Ethernet controller [0200]: X [15b3:1003]
\tCapabilities: [154 v2] Advanced Error Reporting
\t\tUESta:\tDLP- SDES- TLP- FCP- CmpltTO+ CmpltAbrt- UnxCmplt- RxOF- MalfTLP-
\t\t\tECRC- UnsupReq+ ACSViol- UncorrIntErr- BlockedTLP-
\t\tUEMsk:\tDLP+ SDES+
\t\tCESta:\tRxErr- BadTLP- BadDLLP- Rollover- Timeout- AdvNonFatalErr- CorrIntErr- HeaderOF+
"""
    device = the("0000:01:00.0", text)
    assert device.uncorrectable is not None
    assert [name for name, bit in device.uncorrectable.items() if bit] == ["CmpltTO", "UnsupReq"]
    assert device.correctable is not None
    assert device.correctable["HeaderOF"]


def test_product_data_is_read() -> None:
    assert the("0000:01:00.0").vpd == {
        "name": "HP InfiniBand FDR/EN 10/40Gb 2P 544QSFP Adptr",
        "PN": "649281-B21",
        "EC": "A4",
        "SN": "MT1318X00123",
        "V0": "PCIe Gen3 x8",
        "V2": "N/A",
        "VA": "<b>&",
    }


def test_product_data_that_cannot_be_read_is_not_empty_data() -> None:
    assert the("0000:02:00.0").vpd is None


def test_bars_come_with_size_and_place() -> None:
    assert the("0000:01:00.0").regions == (
        Region(0, "mem64", 1 << 20, assigned=True, disabled=False),
        Region(2, "pref64", 8 << 20, assigned=True, disabled=False),
    )
    assert the("0000:02:00.0").regions == (Region(0, "mem64", 1 << 20, assigned=True, disabled=True),)


@pytest.mark.parametrize(
    ("line", "region"),
    [
        ("Region 2: Memory at <unassigned> (64-bit, prefetchable) [disabled]", Region(2, "pref64", None, False, True)),
        ("Region 2: Memory at <ignored> (64-bit, prefetchable) [size=8M]", Region(2, "pref64", 8 << 20, False, False)),
        (
            "Region 1: Memory at 52000000000 (64-bit, prefetchable) [size=64G]",
            Region(1, "pref64", 64 << 30, True, False),
        ),
        ("Region 2: I/O ports at e000 [size=32]", Region(2, "io", 32, True, False)),
        ("Expansion ROM at f7d00000 [disabled] [size=1M]", Region(6, "rom", 1 << 20, True, True)),
        ("Expansion ROM at <unassigned> [disabled]", Region(6, "rom", None, False, True)),
        (
            "Region 0: Memory at f7e00000 (32-bit, non-prefetchable) [virtual] [size=16K]",
            Region(0, "mem32", 16384, True, False),
        ),
    ],
)
def test_every_form_of_a_region_is_read(line: str, region: Region) -> None:
    text = f"01:00.0 Ethernet controller [0200]: X [15b3:1003]\n\t{line}\n"
    assert the("0000:01:00.0", text).regions == (region,)


@pytest.mark.parametrize(
    ("status", "link"),
    [
        # 3.5: jrgp/linfo issue 114
        ("LnkSta: Speed 5GT/s, Width x1, TrErr- Train- SlotClk+ DLActive+ BWMgmt+ ABWMgmt-", Link(5.0, 1)),
        # 3.6 to 3.8
        ("LnkSta:\tSpeed 8GT/s (ok), Width x8 (downgraded)", Link(8.0, 8, "ok", "downgraded")),
        ("LnkSta:\tSpeed 5GT/s (downgraded), Width x8 (ok)", Link(5.0, 8, "downgraded", "ok")),
        ("LnkSta:\tSpeed 16GT/s (strange), Width x16 (overdriven)", Link(16.0, 16, "strange", "overdriven")),
        ("LnkSta:\tSpeed unknown, Width x0", Link(None, None)),
        ("LnkSta:\tSpeed unknown (downgraded), Width x63 (strange)", Link(None, None, "downgraded", "strange")),
        ("LnkSta:\tgarbage", None),
    ],
)
def test_the_link_status_is_read_in_every_wording(status: str, link: Link | None) -> None:
    assert the("0000:01:00.0", f"01:00.0 Ethernet controller [0200]: X [15b3:1003]\n\t\t{status}\n").link == link


# raspberrypi, openwrt and armbian threads show both: since 3.9 sysfs fills in what the device no longer says
GONE_3_9 = """\
01:00.0 Ethernet controller: Mellanox Technologies MT27500 Family [ConnectX-3]
\tSubsystem: Hewlett-Packard Company Device 1777
\t!!! Unknown header type 7f
\tInterrupt: pin ? routed to IRQ 17
\tRegion 0: Memory at 81500000 (64-bit, non-prefetchable) [size=1M]
\tKernel driver in use: mlx4_core
"""
GONE_3_7 = """\
01:00.0 Ethernet controller [0200]: Mellanox Technologies MT27500 Family [ConnectX-3] [15b3:1003] (rev ff) (prog-if ff)
\t!!! Unknown header type 7f
\tKernel driver in use: mlx4_core
"""


@pytest.mark.parametrize("text", [GONE_3_9, GONE_3_7, GONE_3_7.splitlines()[0]])
def test_a_device_that_reads_as_all_ones_is_gone(text: str) -> None:
    assert the("0000:01:00.0", text).gone


def test_a_gone_device_of_the_recording_keeps_what_the_kernel_remembers() -> None:
    device = the("0000:04:00.0")
    assert device.gone
    assert (device.id, device.driver, device.link) == ("15b3:1003", "mlx4_core", None)


def test_short_forms_are_read_too() -> None:
    short = lspci.devices((DATA / "lspci-3.9-n.txt").read_text())
    assert [(d.class_code, d.id, d.revision) for d in short][3] == ("0200", "8086:1528", "01")
    with_driver = lspci.devices((DATA / "lspci-3.9-nnk.txt").read_text())
    assert [d.driver for d in with_driver] == ["pcieport", "mlx4_core", None, "ixgbe", "mlx4_core"]


def test_a_recovery_id_without_a_name_is_read() -> None:
    line = "0000:01:00.0 Memory controller [0580]: Mellanox Technologies Device [15b3:01f6] (rev b0)\n"
    assert the("0000:01:00.0", line).id == "15b3:01f6"


def test_the_console_does_not_hurt() -> None:
    noise = "[   12.345678] mlx4_en: ens1: Link Up\r\n"
    torn = "root@host:~# lspci -D -nn -vvv\r\n" + VERBOSE.replace("\n", "\r\n").replace("LnkSta:", f"Lnk{noise}Sta:")
    torn += "lspci: Unable to load libkmod resources: error -2\r\nroot@host:~# "
    assert lspci.devices(torn) == lspci.devices(VERBOSE)
