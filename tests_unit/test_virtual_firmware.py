"""Firmware on the virtual bench with the real mstflint: converted, refused, interrupted, broken, recovered."""

import contextlib
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest
from firmware_bench import ETH, IB, MODEL, RIG, ROOT, SMALL, FirmwareBench, lines, run, small

import rig.report
from rig.bench.plugs import plug_in
from rig.model import AdapterUnit, CardUnit, Unit
from rig.plugin.twin_process import TwinProcess
from rig.twin.connectx3 import image, reader
from rig.vault import Burning, Identity, Vault

pytestmark = pytest.mark.timeout(300)
NEWER = (2, 42, 5010)


@pytest.fixture
def bench(tmp_path):
    return FirmwareBench(tmp_path)


def card(**more):
    return json.dumps({"firmware": "ib", "image": {"size": SMALL}, **more})


def change(bench, content, **more):
    return "images: [" + bench.authorised("eth.bin", content, from_psid=IB, to_psid=ETH, **more) + "]"


def units(result):
    return {u["card"]: u for u in json.loads(result.stdout)["units"]}


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


MAC = 0x0202C9ABCDE0
TINY = 0x4000
"""Of a card in recovery every word goes through configuration space."""


def kept(bench, serial):
    """A backup of a card, as an earlier run left it."""
    guids = tuple(f"{(m >> 24) << 40 | 0x0300 << 24 | m & 0xFFFFFF:016x}" for m in range(MAC, MAC + 4))
    own = Identity(IB, 4099, "2.42.5000", guids, (f"{MAC:012x}", f"{MAC + 1:012x}"))
    unit = Unit(AdapterUnit("TobleMiner-revA", f"A-{serial}"), CardUnit(MODEL, serial))
    files = {"flash.bin": image.build("ib", mac=MAC, size=TINY)}
    return Vault(bench.vault).keep(unit, own, files, bench="b", virtual=True, failsafe=True)


def test_cards_in_flash_recovery_come_back_with_their_own_identity(bench):
    """Blank; a short left on FLASH PRSNT; not on the bus at all after a burn that was interrupted."""
    dark = {"firmware": "blank", "flash": {"absent_without_image": True}}
    short = {"firmware": "recovery", "image": {"size": TINY}}
    bench.twin("cards: " + json.dumps({"BLANK": {"firmware": "blank"}, "SHORT": short, "DARK": dark}))
    backups = {serial: kept(bench, serial) for serial in ("BLANK", "DARK")}
    gone = backups["DARK"]
    Vault(bench.vault).begin(
        Burning(str(bench.bench), gone.unit, str(gone.folder), "0" * 64, ETH, "", str(bench.out), None, None)
    )
    result = run(bench.batch(["BLANK", "SHORT", "DARK"], "recover: true", steps="enumeration, firmware"))
    for serial, came_of_it in (
        ("BLANK", "reflashed from backup"), ("SHORT", "short taken off FLASH PRSNT"), ("DARK", "reflashed from backup"),
    ):  # fmt: skip
        rows = bench.rows(serial)
        assert rows["firmware.recovery"]["value"] == came_of_it, (serial, result.stderr)
        assert rows["pcie.id"]["value"] == "15b3:1003"
    for serial, backup in backups.items():
        assert bench.rows(serial)["firmware.psid"]["value"] == IB
        flashed = reader.firmware(bench.flash_of(serial))
        assert tuple(f"{g:016x}" for g in flashed.guids) == backup.identity.guids
        assert tuple(m.hex() for m in flashed.macs) == backup.identity.macs
    assert bench.rows("SHORT")["firmware.route"]["value"] == "already ethernet"
    assert "FLASH PRSNT" in result.stderr
    assert bench.records() == []


def documented_calls():
    """The `./run ...` lines of docs/firmware.md."""
    text = (ROOT / "docs" / "firmware.md").read_text()
    found = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in found if line.startswith("./run ")]


def test_what_the_documentation_shows_works_and_a_restore_brings_the_card_back(tmp_path):
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    bench = tmp_path / "configs" / "benches" / "virtual.yaml"
    bench.write_text(bench.read_text().replace("name: virtual", "name: virtual\n      firmware: {vault: ../../vault}"))
    twin = tmp_path / "configs" / "twins" / "infiniband.yaml"
    twin.write_text(
        twin.read_text().replace("CX3-05: {firmware: ib}", f"CX3-05: {{firmware: ib, image: {{size: {SMALL}}}}}")
    )

    def call(*words):
        return subprocess.run([*RIG, *words], capture_output=True, text=True, cwd=tmp_path, timeout=280, check=False,
                              stdin=subprocess.DEVNULL)  # fmt: skip

    said = []
    for words in documented_calls():
        result = call(*words)
        assert result.returncode == 0, (words, result.stdout, result.stderr)
        said.append(result.stdout)
    assert len(said) == 4
    show, backup, _, flash = said
    assert IB in show and "flash_verifies" in show and "VIRTUAL" in show
    (kept,) = (tmp_path / "vault" / "CX3-05").glob("*/backup.json")
    assert str(kept.parent.name) in backup
    assert f"flashed ({IB} to {ETH}" in flash
    where = ("--bench", str(bench), "--twin", "configs/twins/infiniband.yaml", "--twin-state", "cards")
    result = call("firmware", "restore", str(kept.parent), *where)
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(list((tmp_path / "vault" / "CX3-05").glob("*/backup.json"))) == 2, "what was on it is kept as well"
    (chip,) = (tmp_path / "cards" / "cards").glob("CX3_05-*")
    assert reader.firmware((chip / "flash.bin").read_bytes()).psid == IB


def test_what_is_no_backup_of_this_card_is_not_restored(bench):
    unit = Unit(AdapterUnit("TobleMiner-revA", "A-C"), CardUnit(MODEL, "C"))
    own = Identity(IB, 4099, "2.42.5000", (), ())
    kept = Vault(bench.vault).keep(unit, own, {"flash.bin": b"f" * 99}, bench="b", virtual=True, failsafe=True)
    broken = bench.folder / "broken"
    shutil.copytree(kept.folder, broken)
    (broken / "flash.bin").write_bytes(b"x" * 99)
    for words, arguments in (
        ("backup.json", [bench.folder]),
        ("damaged", [broken]),
        ("of card C, not of D", [kept.folder, "--card", "D"]),
    ):
        result = bench.call("restore", *arguments)
        assert result.returncode == 2
        assert words in result.stderr and "Traceback" not in result.stderr


def until(text, process, log, deadline_s=120):
    end = time.monotonic() + deadline_s
    while text not in (seen := log.read_text()):
        assert process.poll() is None, seen
        assert time.monotonic() < end, seen
        time.sleep(0.02)


def started(bench, arguments):
    log = bench.folder / "stderr.log"
    with log.open("w") as err:
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=err, text=True, stdin=subprocess.DEVNULL)
    return process, log


SLOW = {"firmware": "ib", "image": {"size": 0x20000}, "flash": {"page_s": 0.003, "erase_s": 0.3}}


def twin_of(bench):
    """The process that plays the bench, by the folder it was given."""
    return [p for p in psutil.process_iter(["cmdline"]) if str(bench.state) in (p.info["cmdline"] or [])
            and "rig.twin" in p.info["cmdline"]]  # fmt: skip


@pytest.mark.parametrize(
    "percent, power_fails, came_of_it, route",
    [(40, False, "burn had finished", "already ethernet"), (90, True, "old firmware intact", "flashed")],
)
def test_a_run_killed_in_a_burn_is_made_good_by_the_next(bench, percent, power_fails, came_of_it, route):
    bench.twin("cards: " + json.dumps({"C": SLOW}))
    arguments = bench.batch(["C"], change(bench, image.build("eth", size=0x20000, version=NEWER)))
    process, log = started(bench, arguments)
    until(f"signatures {percent // 10}", process, log)
    process.kill()
    if power_fails:
        for twin in twin_of(bench):
            twin.kill()
    process.communicate()
    (record,) = bench.records()
    assert record["state"] == "burn in progress"
    (crashed,) = bench.out.glob("*/run.json")
    assert not crashed.with_name("stop.json").exists()
    (told,) = rig.report.runs(bench.out).to_dict("records")
    assert told["crashed"] and "a burn was in progress" in told["note"]
    result = run(arguments)
    assert result.returncode == 0, result.stderr
    rows = bench.rows("C")
    assert (rows["firmware.recovery"]["value"], rows["firmware.route"]["value"]) == (came_of_it, route)
    kept = json.loads(bench.backups("C")[0].read_text())["identity"]
    (found,) = bench.out.glob("*/firmware/*identity.json")
    identity = json.loads(found.read_text())
    assert (identity["guids"], identity["macs"]) == (kept["guids"], kept["macs"])
    assert reader.firmware(bench.flash_of("C")).psid == ETH
    assert bench.records() == []


def test_a_burn_that_outlives_its_rig_is_followed_to_its_end_and_never_cut(bench):
    """The bench goes on, as a real one does: guardian, supply, test host and mstflint are all still there."""
    bench.twin("cards: " + json.dumps({"C": {**SLOW, "flash": {"page_s": 0.01, "erase_s": 0.5}}}))
    arguments = bench.batch(["C"], change(bench, image.build("eth", size=0x20000, version=NEWER)))
    with contextlib.closing(TwinProcess(bench.folder / "twin.yaml", bench.state)) as twin:
        plug_in(bench.bench, twin.plugs, bench.folder / "plugged.yaml")
        at = arguments.index("--twin-state")
        arguments = [a.replace("bench.yaml", "plugged.yaml") for a in arguments[:at] + arguments[at + 2 :]]
        process, log = started(bench, arguments)
        until("signatures 1", process, log)
        process.kill()
        process.communicate()
        first, bench.out = bench.out, bench.folder / "second"
        result = run([a.replace(str(first), str(bench.out)) for a in arguments])
    assert result.returncode == 0, result.stderr
    assert "a burn is still in progress on the test host: waiting for its end" in result.stderr
    assert "it had ended, and the flash is whole" in result.stderr
    assert bench.rows("C")["firmware.route"]["value"] == "already ethernet"
    assert reader.firmware(bench.flash_of("C")).psid == ETH
    events = [e["event"] for e in lines(first / "guard.jsonl")]
    begun = events.index("burn")
    ended = len(events) - events[::-1].index("burn") - 1
    assert begun < ended and {"alarm", "client_adopted"} <= set(events[begun:ended])
    assert not {"off_verified", "trip"} & set(events[begun:ended])
    assert bench.records() == []


def test_a_cancel_waits_until_the_burn_has_ended(bench):
    bench.twin("cards: " + json.dumps({"C": SLOW}))
    process, log = started(bench, bench.batch(["C"], change(bench, image.build("eth", size=0x20000, version=NEWER))))
    until("signatures 2", process, log)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    text = log.read_text()
    assert "do not switch anything off" in text
    assert "Restoring signature 100 %" in text
    assert json.loads(out)["units"][0]["verdict"] == "NOT_RUN"
    assert bench.records() == []
    burns = [e["state"] for f in bench.out.glob("*/events.jsonl") for e in lines(f) if e["event"] == "burn"]
    assert burns == ["begun", "settled"]
