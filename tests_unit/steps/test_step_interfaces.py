import dataclasses

import pytest
from step_fakes import ShellHost

from rig.config.library import default_library
from rig.steps.firmware.interfaces import missing_interfaces
from rig.steps.netdev import NetDev
from rig.steps.pci import Located

LIBRARY = default_library()
CX3, X540 = LIBRARY.card("544FLR-QSFP-649283"), LIBRARY.card("561FLR-T")
FIRST, SECOND = "0000:01:00.0", "0000:01:00.1"
FOUND = f"[    0.68] pci {FIRST}: [15b3:1003] type 00 class 0x028000\n"
SPACE = (
    f"[    0.68] pci {FIRST}: VF(n) BAR2 space: [mem 0x30010000000-0x3001fffffff 64bit pref] "
    "(contains BAR2 for 32 VFs)\n"  # xcp-ng/xcp issue 544
)
NEWER_SPACE = (
    f"[    0.68] pci {FIRST}: VF BAR 2 [mem 0x30010000000-0x3001fffffff 64bit pref]: contains BAR 2 for 32 VFs\n"
)
LOST = {
    "6.1": "BAR 2 [mem size 0x00800000 64bit pref]: can't assign; no space\n",
    "5.10": "BAR 2: no space for [mem size 0x00800000 64bit pref]\n",
    "2.6": "BAR 2: can't assign mem pref (size 0x800000)\n",  # ntop/PF_RING issue 277
}
PLACED = f"[    0.73] pci {FIRST}: BAR 2 [mem 0xd8000000-0xd87fffff 64bit pref]: assigned\n"
NO_UAR = f"[    1.2] mlx4_core {FIRST}: Missing UAR, aborting.\n"
REFUSED = f"[    9.1] mlx4_core {FIRST}: Requested port type for port 1 is not supported on this HCA\n"


def dev(n, kind=1, function=FIRST):
    return NetDev(f"eth{n}", function, n, "02:00:00:00:00:01", kind)


@pytest.fixture
def slot(tmp_path):
    folder = tmp_path / "sys" / "bus" / "pci" / "devices" / FIRST
    folder.mkdir(parents=True)
    return folder


def measure(slot, log=FOUND, devices=(), card=CX3, functions=(FIRST,)):
    host = ShellHost(slot.parents[4])
    found = missing_interfaces(
        host, card, Located(functions, None, dict.fromkeys(functions, "15b3:1003")), devices, log
    )
    return {m.name.removeprefix("firmware."): m for m in found.measurements}, found, host


def values(slot, log):
    rows, _, _ = measure(slot, log)
    return [rows[n].value for n in ("kernel_symptoms", "bar_failed", "vf_bar_failed")]


# --- how many


def test_a_card_with_all_its_interfaces_is_not_asked_anything_more(slot):
    rows, found, host = measure(slot, log="", devices=(dev(0), dev(1)))
    assert {name: m.value for name, m in rows.items()} == {"interfaces": 2, "interfaces_missing": 0}
    assert host.asked == []
    assert found.evidence == {}


@pytest.mark.parametrize(
    "devices, there, missing",
    [((), 0, 2), ((dev(0),), 1, 1), ((dev(0, 32), dev(1, 32)), 0, 2), ((dev(0), dev(1, None)), 1, 1)],
)
def test_only_ethernet_interfaces_count(slot, devices, there, missing):
    rows, _, _ = measure(slot, devices=devices)
    assert (rows["interfaces"].value, rows["interfaces_missing"].value) == (there, missing)
    assert rows["interfaces"].note == "of 2"


def test_more_interfaces_than_ports_are_not_less_than_none_missing(slot):
    assert measure(slot, devices=(dev(0), dev(1), dev(2)))[0]["interfaces_missing"].value == 0


@pytest.mark.parametrize("unknown", [{"ports": None}, {"speeds_bps": ()}])
def test_what_is_due_of_a_card_that_nobody_sourced_is_unknown_and_its_log_is_still_read(slot, unknown):
    rows, _, _ = measure(slot, FOUND + NO_UAR, card=dataclasses.replace(CX3, **unknown))
    assert rows["interfaces_missing"].value is None
    assert "not known" in rows["interfaces_missing"].note
    assert rows["kernel_symptoms"].value == "mlx4.missing_uar"


# --- port types


def test_port_types_are_told_as_the_kernel_prints_them(slot):
    (slot / "mlx4_port1").write_text("ib\n")
    (slot / "mlx4_port2").write_text("auto (ib)\n")
    rows, found, _ = measure(slot)
    assert rows["port_types"].value == "port 1 ib, port 2 auto (ib)"
    assert "mlx4_port2: auto (ib)" in found.evidence[rows["port_types"].evidence]


@pytest.mark.parametrize("text", [None, "", "eth\x07\n", "eth ib\n", "x" * 60000])
def test_a_port_type_that_is_none_is_not_read(slot, text):
    if text is not None:
        (slot / "mlx4_port1").write_text(text)
    row = measure(slot)[0]["port_types"]
    assert row.value is None
    assert row.note.startswith("not read")


def test_a_card_of_another_family_has_no_port_types(slot):
    assert "port_types" not in measure(slot, card=X540)[0]


# --- the kernel log


@pytest.mark.parametrize("words", LOST)
def test_a_bar_without_a_place_is_named_with_its_size_in_every_wording(slot, words):
    log = f"{FOUND}[    0.71] pci {FIRST}: {LOST[words]}"
    assert values(slot, log) == ["pci.bar_failed", "BAR 2 (8 MiB)", "none"]


@pytest.mark.parametrize("words", LOST)
def test_the_last_line_of_a_bar_counts(slot, words):
    failed = f"[    0.71] pci {FIRST}: {LOST[words]}"
    assert values(slot, FOUND + failed + PLACED) == ["none", "none", "none"]
    assert values(slot, FOUND + PLACED + failed)[1] == "BAR 2 (8 MiB)"


def test_bars_of_virtual_functions_are_told_apart_and_are_no_symptom(slot):
    log = f"{FOUND}[    0.7] pci {FIRST}: VF BAR 2 [mem size 0x10000000 64bit pref]: failed to assign\n"
    assert values(slot, log) == ["none", "none", "VF BAR 2 (256 MiB)"]
    assert values(slot, log.replace("VF BAR 2 [", "BAR 9: failed to assign ["))[2] == "VF BAR 2 (256 MiB)"


def test_a_rom_without_a_place_is_nobodys_concern(slot):
    log = f"{FOUND}[    0.7] pci {FIRST}: ROM [mem size 0x00100000 pref]: failed to assign\n"
    assert values(slot, log) == ["none", "none", "none"]


def test_symptoms_are_those_of_this_card_in_order_with_the_kernels_advice(slot):
    other = NO_UAR.replace(FIRST, "0000:05:00.0").replace("UAR", "DCS")
    advice = "[    0.8] pci_bus 0000:00: Some PCI device resources are unassigned, try booting with pci=realloc\n"
    log = FOUND + other + advice + NO_UAR + REFUSED + NO_UAR
    assert values(slot, log)[0] == "pci.realloc_advised; mlx4.missing_uar; mlx4.port_type_refused"


@pytest.mark.parametrize(
    "log", ["", "\n\r\n", "\x00\x1b[31m", "[    5.0] eth0: up\n", FOUND.replace(FIRST, "0000:05:00.0"), "x" * 500_000]
)
def test_a_log_that_does_not_go_back_to_the_card_cannot_say_that_nothing_happened(slot, log):
    rows, _, _ = measure(slot, log)
    for name in ("kernel_symptoms", "bar_failed", "vf_bar_failed"):
        assert rows[name].value is None
        assert rows[name].note.startswith("not read")


def test_what_a_log_without_its_beginning_does_say_is_taken(slot):
    rows, _, _ = measure(slot, NO_UAR)
    assert (rows["kernel_symptoms"].value, rows["kernel_symptoms"].note) == ("mlx4.missing_uar", "")
    assert rows["bar_failed"].value is None


def test_a_card_of_two_functions_names_the_one_that_has_no_bar(slot):
    log = (FOUND + FOUND.replace(FIRST, SECOND)).replace("15b3:1003", "8086:1528")
    log += f"[    0.7] pci {SECOND}: BAR 0 [mem size 0x00004000 64bit pref]: failed to assign\n"
    rows, _, _ = measure(slot, log, (dev(0),), X540, (FIRST, SECOND))
    assert rows["bar_failed"].value == f"{SECOND} BAR 0 (16 KiB)"
    rows, _, _ = measure(slot, FOUND, (dev(0),), X540, (FIRST, SECOND))
    assert rows["bar_failed"].value is None


def test_the_evidence_keeps_the_cards_lines_and_is_bounded(slot):
    noise = f"[    3.0] mlx4_core {FIRST}: {'y' * 5000}\n" * 1000
    text = measure(slot, FOUND + "[    2.0] usb 1-1: new device\n" + noise)[1].evidence["interfaces.txt"]
    assert "usb" not in text
    assert len(text) < 100_000
    assert FOUND.strip() in measure(slot, FOUND)[1].evidence["interfaces.txt"]


# --- SR-IOV


def test_virtual_functions_are_counted_by_sysfs(slot):
    (slot / "sriov_totalvfs").write_text("16\n")
    (slot / "sriov_numvfs").write_text("4\n")
    rows, _, _ = measure(slot, FOUND + SPACE)
    assert (rows["sriov.offered_vfs"].value, rows["sriov.used_vfs"].value) == (16, 4)


@pytest.mark.parametrize("space", [SPACE, NEWER_SPACE])
def test_a_host_without_those_files_has_the_kernels_line(slot, space):
    rows, _, _ = measure(slot, FOUND + space)
    assert (rows["sriov.offered_vfs"].value, rows["sriov.used_vfs"].value) == (32, None)


@pytest.mark.parametrize("text", [None, "", "many\n", "-1\n", "9" * 400])
def test_virtual_functions_nobody_counted_are_not_none(slot, text):
    if text is not None:
        (slot / "sriov_totalvfs").write_text(text)
    row = measure(slot)[0]["sriov.offered_vfs"]
    assert row.value is None
    assert row.note.startswith("not read")
