"""Configuration space against the real lspci and setpci, and writes against their masks."""

from __future__ import annotations

import os
import re
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from twin_bench import X8_GEN3, joint, running

from rig.twin.pci import ConfigSpace, vpd
from rig.twin.view import Bar, HostView

PORT, CARD = "0000:00:01.0", "0000:01:00"


def dump(address: str, config: bytes) -> str:
    rows = (f"{at:02x}: " + config[at : at + 16].hex(" ") for at in range(0, len(config), 16))
    return f"{address} device\n" + "\n".join(rows) + "\n\n"


def complaints(stderr: str) -> list[str]:
    """A machine without kernel modules is not our fault."""
    return [line for line in stderr.splitlines() if "libkmod" not in line]


def lspci(tmp_path: Path, view: HostView, *options: str) -> str:
    """The view as a dump, read by lspci -F."""
    file = tmp_path / "dump"
    text = dump(PORT, view.root_port.config)
    text += "".join(dump(f"{CARD}.{f.number}", f.config) for f in view.functions)
    file.write_text(text)
    run = subprocess.run(["lspci", "-F", file, *options], capture_output=True, text=True, timeout=20, check=True)
    assert complaints(run.stderr) == []
    return run.stdout


def sysfs(tmp_path: Path, view: HostView) -> Path:
    """The view as the few sysfs files lspci needs."""
    for address, config, data in [
        (PORT, view.root_port.config, b""),
        *((f"{CARD}.{f.number}", f.config, f.vpd) for f in view.functions),
    ]:
        folder = tmp_path / "devices" / address
        folder.mkdir(parents=True)
        ids = {"vendor": 0, "device": 2, "subsystem_vendor": 0x2C, "subsystem_device": 0x2E}
        for name, at in ids.items():
            (folder / name).write_text(f"0x{int.from_bytes(config[at : at + 2], 'little'):04x}\n")
        (folder / "class").write_text(f"0x{int.from_bytes(config[9:12], 'little'):06x}\n")
        (folder / "revision").write_text(f"0x{config[8]:02x}\n")
        (folder / "irq").write_text("0\n")
        (folder / "resource").write_text("0x0 0x0 0x0\n" * 13)
        (folder / "config").write_bytes(config)
        (folder / "vpd").write_bytes(data)
    (tmp_path / "slots").mkdir()
    return tmp_path


def lspci_sysfs(root: Path, *options: str) -> str:
    command = ["lspci", "-O", f"sysfs.path={root}", "-A", "linux-sysfs", *options]
    run = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True, errors="replace")
    assert complaints(run.stderr) == []
    return run.stdout


def section(text: str, address: str) -> str:
    heads = (address, address.removeprefix("0000:"))
    return next(part for part in text.split("\n\n") if part.startswith(heads))


def test_lspci_reads_ids_and_class(tmp_path):
    text = lspci(tmp_path, running().world.view(), "-n")
    assert "00:01.0 0604: 8086:1901" in text
    assert "01:00.0 0280: 15b3:1003" in text


def test_lspci_reads_the_whole_of_a_gen3_card(tmp_path):
    text = section(lspci(tmp_path, running(card={"firmware": "eth"}).world.view(), "-vvv"), f"{CARD}.0")
    for said in (
        "Express (v2) Endpoint",
        "LnkCap:\tPort #0, Speed 8GT/s, Width x8",
        "LnkSta:\tSpeed 8GT/s, Width x8",
        "Supported Link Speeds: 2.5-8GT/s",
        "Target Link Speed: 8GT/s",
        "Advanced Error Reporting",
        "CEMsk:\tRxErr- BadTLP- BadDLLP- Rollover- Timeout- AdvNonFatalErr+",
        "LaneErrStat: 0",
        "EqualizationComplete+",
        "Vital Product Data",
        "MSI-X: Enable- Count=128",
        "Device Serial Number",
        "Memory at f7000000 (64-bit, non-prefetchable)",
        "Subsystem: Hewlett-Packard Company",
    ):
        assert said in text, said
    assert "downgraded" not in text


def test_lspci_says_that_a_narrow_slow_link_is_downgraded(tmp_path):
    bench = running(joints=[joint("A35"), joint("A27", state="resistive", ohm=150)])
    text = section(lspci(tmp_path, bench.world.view(), "-vvv"), f"{CARD}.0")
    assert re.search(r"LnkSta:\tSpeed 5GT/s \(downgraded\), Width x4 \(downgraded\)", text)


def test_lspci_names_the_lane_that_lost_bits(tmp_path):
    bench = running(joints=[joint("A39", state="resistive", ohm=30)])
    bench.wait(60)
    text = lspci(tmp_path, bench.world.view(), "-vvv")
    assert "LaneErrStat: LaneErr at lane: 5" in section(text, f"{CARD}.0")
    assert "LaneErrStat: 0" in section(text, PORT)


def test_lspci_reads_a_root_port_with_its_bus_and_windows(tmp_path):
    text = section(lspci(tmp_path, running().world.view(), "-vvv"), PORT)
    for said in (
        "Bus: primary=00, secondary=01, subordinate=01",
        "Memory behind bridge: f7000000-f7ffffff",
        "Express (v2) Root Port (Slot+)",
        "DLActive+",
        "PresDet+",
        "LnkSta:\tSpeed 8GT/s, Width x8",
        "RootCmd: CERptEn+ NFERptEn+ FERptEn+",
    ):
        assert said in text, said


def test_a_gen2_card_has_no_lane_status(tmp_path):
    text = section(lspci(tmp_path, running("TobleMiner-revC", "561FLR-T").world.view(), "-vvv"), f"{CARD}.0")
    assert "LaneErrStat" not in text
    assert "LnkCap:\tPort #0, Speed 5GT/s, Width x8" in text


def test_two_functions_are_two_devices(tmp_path):
    text = lspci_sysfs(sysfs(tmp_path, running("TobleMiner-revC", "561FLR-T").world.view()), "-Dnn")
    assert text.count("[8086:1528]") == 2
    assert f"{CARD}.1" in text


def test_lspci_reads_product_data_with_the_spare_number_and_the_serial(tmp_path):
    root = sysfs(tmp_path, running("TobleMiner-revC", "533FLR-T").world.view())
    text = lspci_sysfs(root, "-s", f"{CARD}.0", "-vvv")
    assert "Product Name: FlexFabric 10Gb 2-port 533FLR-T Adapter" in text
    assert "[PN] Part number: 701534-001" in text
    assert "[SN] Serial number: C-1" in text
    assert "[RV] Reserved: checksum good" in text


@pytest.mark.parametrize(
    "serial", ["<script>alert(1)</script>", "é漢字", "x" * 300, "\x1b[2J\n", "a'b\"c;reboot", "\x00"]
)
def test_product_data_holds_any_serial_within_its_limits(serial):
    data = vpd("card", [("SN", serial)])
    at = data.index(b"SN")
    assert data[at + 2] <= 64
    length = 4 + len("card") + 2 + int.from_bytes(data[8:10], "little")
    checked = data.index(b"RV\x01") + 4
    assert sum(data[:checked]) % 256 == 0
    assert data[length] == 0x78 == data[-1]


def test_an_unplaced_bar_answers_its_size():
    space = ConfigSpace(0x8086, 0x1528, 0x020000)
    space.endpoint((0x103C, 0x192D), {0: Bar(1 << 21, "pref64"), 4: Bar(1 << 14, "mem32"), 5: Bar(32, "io")}, False)
    for at in range(0x10, 0x28):
        space.write(at, b"\xff")
    assert space.read("<Q", 0x10) == 0xFFFF_FFFF_FFE0_000C
    assert space.read("<I", 0x20) == 0xFFFF_C000
    assert space.read("<I", 0x24) == 0xFFFF_FFE1


def test_bars_of_all_functions_are_aligned_and_apart():
    view = running("TobleMiner-revC", "533FLR-T").world.view()
    spans = []
    for function in view.functions:
        for number, bar in function.bars.items():
            low = int.from_bytes(function.config[0x10 + 4 * number : 0x18 + 4 * number], "little") & ~0xF
            assert low % bar.size == 0
            assert low > 0
            spans.append((low, low + bar.size))
    spans.sort()
    assert all(a[1] <= b[0] for a, b in pairwise(spans))


# --- writes of a host ---------------------------------------------------------------------------------------------


def setpci(root: Path, address: str, *registers: str) -> str:
    command = ["setpci", "-O", f"sysfs.path={root}", "-A", "linux-sysfs", "-s", address, *registers]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()


def written(bench, root: Path, function: int | None, address: str) -> HostView:
    bench.world.write_config(function, (root / "devices" / address / "config").read_bytes())
    return bench.world.view()


def test_setpci_clears_the_lane_status(tmp_path):
    bench = running(joints=[joint("A39", state="resistive", ohm=30)])
    bench.wait(60)
    root = sysfs(tmp_path, bench.world.view())
    assert setpci(root, f"{CARD}.0", "ECAP_SECPCI+8.l") == "00000020"
    setpci(root, f"{CARD}.0", "ECAP_SECPCI+8.l=ffffffff")
    view = written(bench, root, 0, f"{CARD}.0")
    assert view.functions[0].config[0x168:0x16C] == bytes(4)


def test_setpci_changes_what_may_be_changed_and_nothing_else(tmp_path):
    bench = running()
    before = bench.world.view().functions[0].config
    root = sysfs(tmp_path, bench.world.view())
    setpci(root, f"{CARD}.0", "VENDOR_ID=dead", "COMMAND=0406", "CAP_EXP+12.w=0")
    view = written(bench, root, 0, f"{CARD}.0")
    assert view.functions[0].config[0:2] == before[0:2]
    assert view.functions[0].config[4:6] == bytes.fromhex("0604")
    assert view.functions[0].config[0xB2:0xB4] == before[0xB2:0xB4]


def test_setpci_retrains_the_link_at_a_lower_speed(tmp_path):
    bench = running()
    root = sysfs(tmp_path, bench.world.view())
    setpci(root, PORT, "CAP_EXP+30.w=0002:000f")
    setpci(root, PORT, "CAP_EXP+10.w=0020:0020")
    written(bench, root, None, PORT)
    assert bench.link["gen"] == 2


def test_a_write_to_a_function_that_is_gone_is_lost():
    bench = running()
    bench.world.host_state("off")
    bench.world.write_config(0, bytes(4096))
    bench.world.write_config(7, os.urandom(4096))
    assert bench.world.view().functions == ()


@pytest.mark.parametrize("junk", [b"", b"\x00" * 4096, b"\xff" * 4096, b"\xff" * 9000])
def test_no_write_can_break_identity_link_or_capabilities(junk):
    bench = running(model=X8_GEN3)
    before = bench.world.view().functions[0].config
    bench.world.write_config(0, junk)
    bench.world.write_config(None, junk)
    after = bench.world.view().functions[0].config
    for at, size in ((0, 4), (8, 4), (0x34, 1), (0xA0, 4), (0xAC, 4), (0x100, 4)):
        assert after[at : at + size] == before[at : at + size]
