"""Firmware on the virtual bench with the real mstflint: converted, refused, interrupted, broken, recovered."""

import json
import sys

import pytest
from firmware_bench import ETH, IB, SMALL, FirmwareBench, change, lines, run, small

from rig.twin.connectx3 import image, reader

pytestmark = pytest.mark.timeout(300)
NEWER = (2, 42, 5010)


@pytest.fixture
def bench(tmp_path):
    return FirmwareBench(tmp_path)


def card(**more):
    return json.dumps({"firmware": "ib", "image": {"size": SMALL}, **more})


def units(result):
    return {u["card"]: u for u in json.loads(result.stdout)["units"]}


@pytest.mark.long
def test_an_infiniband_card_of_full_size_becomes_ethernet_with_a_new_psid(bench):
    bench.twin("cards: {C: {firmware: ib}}")
    eth = image.build("eth", version=(2, 42, 5010))
    result = run(bench.batch(["C"], change(bench, eth), steps="enumeration, firmware, link"))
    assert result.returncode == 0, result.stderr
    rows = bench.rows("C")
    assert (rows["firmware.route"]["value"], rows["firmware.psid"]["value"]) == ("flashed", IB)
    assert rows["firmware.route"]["note"] == f"{IB} to {ETH}, 2.42.5000 to 2.42.5010"
    assert rows["firmware.identity_kept"]["value"] is True
    assert rows["firmware.running_version"]["value"] == "2.42.5010"
    assert rows["link.port1.carrier"]["value"] == 1
    (backup,) = bench.backups("C")
    kept = json.loads(backup.read_text())
    assert kept["identity"]["psid"] == IB and kept["virtual"] is True
    assert len((backup.parent / "flash.bin").read_bytes()) == 0x80000
    assert "eth_xfi_en = false" in (backup.parent / "config.ini").read_text()
    assert bench.records() == []
    assert "Burning FS2 FW image" in result.stderr, "progress is shown"
    last = lines(bench.out / "guard.jsonl")[-1]
    assert last["event"] == "off_verified"


def test_a_vpi_card_needs_no_burn_and_can_be_made_to_stay_ethernet(bench):
    bench.twin(f"cards: {{W: {card(firmware='vpi')}}}")
    result = run(bench.batch(["W"], "make_persistent: true"))
    assert result.returncode == 0, result.stderr
    assert bench.rows("W")["firmware.route"]["value"] == "link type"
    result = run(bench.batch(["W"], "make_persistent: true"))
    assert bench.rows("W")["firmware.route"]["value"] == "already ethernet"
    assert "firmware.burn_s" not in bench.rows("W")
    assert len(bench.backups("W")) == 1, "the card's parameters are written only after a backup"


def damaged(content):
    return content[:0x2000] + bytes([content[0x2000] ^ 1]) + content[0x2001:]


BAD = {
    "damaged": (damaged(small("eth")), "does not verify: Bad CRC"),
    "truncated": (small("eth")[: SMALL // 2], "does not verify"),
    "empty": (b"\0" * 64, "does not verify"),
    "text": (b"<html>404</html>" * 40, "does not verify"),
    "wrong chip": (small("eth", pro=True), "device 4103, the card is a FS2 with device 4099"),
    "too large": (image.build("eth", size=0x1F8000, version=NEWER), "image is too big for a failsafe burn"),
}


def test_images_that_are_not_right_are_refused_before_anything_is_written(bench):
    bench.twin(f"cards: {{C: {card()}}}")
    entries = [bench.authorised("other.bin", small("eth", version=NEWER))]
    entries += [
        bench.authorised(f"{name}.bin", content, from_psid=IB, to_psid=ETH) for name, (content, _) in BAD.items()
    ]
    result = run(bench.batch(["C"], f"images: [{', '.join(entries)}]"))
    assert result.returncode == 1, result.stderr
    row = bench.rows("C")["firmware.route"]
    assert row["value"] == "needs flash"
    refused = bench.rows("C")["firmware.images_refused"]
    for name, (_, words) in BAD.items():
        assert words in refused["note"] + row["note"], (name, refused["note"])
    assert "nothing was written" in row["note"]
    assert f"other.bin: PSID {IB} on the card, {ETH} in the image: changing it is not authorised" in refused["note"]
    assert f"from_psid: {IB} and to_psid: {ETH}" in refused["note"]
    (backup,) = bench.backups("C")
    assert bench.flash_of("C")[:SMALL] == (backup.parent / "flash.bin").read_bytes()
    assert bench.records() == []


def test_an_image_that_is_not_the_one_the_plan_authorised_stops_before_any_power(bench):
    arguments = bench.batch(["C"], change(bench, small("eth")))
    (bench.folder / "eth.bin").write_bytes(small("eth", version=(2, 42, 5011)))
    result = run(arguments)
    assert result.returncode == 2
    assert "the plan authorises" in result.stderr and "eth.bin" in result.stderr
    assert not bench.out.exists()


FAULTS = {
    "STUCK": ({"kind": "wip-stuck"}, "the flash stays busy"),
    "PROGRAM": ({"kind": "program-fails", "after": 40}, "does not keep what is written"),
    "BYTE": ({"kind": "stuck-byte", "at": 0x80000 + 0x3000}, "does not keep what is written"),
}


def test_a_flash_that_fails_is_named_and_holds_its_own_firmware_again(bench):
    cards = {s: json.loads(card(flash={"faults": [fault]})) for s, (fault, _) in FAULTS.items()}
    bench.twin("cards: " + json.dumps(cards))
    result = run(bench.batch(list(FAULTS), change(bench, small("eth", version=NEWER))))
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    for serial, (_, words) in FAULTS.items():
        row = bench.rows(serial)["firmware.route"]
        assert row["value"] == "burn failed"
        assert words in row["note"], row["note"]
        assert reader.firmware(bench.flash_of(serial)).psid == IB
        assert len(bench.backups(serial)) == 1
    assert "unchanged: the flash equals its backup" in bench.rows("BYTE")["firmware.after_failure"]["value"]
    assert "old firmware intact" in bench.rows("STUCK")["firmware.after_failure"]["value"]
    assert bench.records() == []


def test_a_burn_that_is_not_failsafe_is_put_back_when_it_fails(bench):
    fault = {"kind": "program-fails", "after": 200, "times": 1}
    unsafe = {"size": SMALL, "failsafe": False}
    bench.twin("cards: " + json.dumps({"N": {"firmware": "ib", "image": unsafe, "flash": {"faults": [fault]}}}))
    content = image.build("eth", size=0x18000, failsafe=False, version=NEWER)
    arguments = bench.batch(["N"], change(bench, content, allow=["not failsafe"]))
    result = run(arguments)
    rows = bench.rows("N")
    assert rows["firmware.route"]["value"] == "burn failed", result.stderr
    assert "restored: the flash holds its own backup again" in rows["firmware.after_failure"]["value"]
    assert rows["firmware.failsafe"]["value"] is False
    assert reader.firmware(bench.flash_of("N")).psid == IB
    assert json.loads(result.stdout)["units"][0]["cause"].startswith("burn failed")
    bench.twin("cards: {N: {firmware: ib}}")  # the fault struck once
    result = run(arguments)
    assert bench.rows("N")["firmware.route"]["value"] == "flashed", result.stderr


@pytest.mark.long
def test_a_card_becomes_ethernet_by_an_image_of_its_own_ini(bench):
    bench.twin(f"cards: {{C: {card()}}}")
    (bench.folder / "base.mlx").write_text("version = 2.42.5000\n")
    tools = f'mlxburn: "{sys.executable} -m rig.twin.connectx3 mlxburn", mlx: base.mlx'
    bench.bench.write_text(bench.bench.read_text().replace("{vault: vault}", f"{{vault: vault, {tools}}}"))
    result = run(bench.batch(["C"], "build: {}"))
    rows = bench.rows("C")
    assert result.returncode == 0, (result.stderr, rows["firmware.route"]["note"])
    assert rows["firmware.route"]["value"] == "flashed own image"
    assert rows["firmware.identity_kept"]["value"] is True
    assert rows["firmware.psid"]["value"] == IB
    (ini,) = bench.out.glob("*/firmware/*own.ini")
    assert "eth_xfi_en = true" in ini.read_text() and "sriov_en = false" in ini.read_text()
