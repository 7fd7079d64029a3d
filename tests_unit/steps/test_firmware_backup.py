import base64
import hashlib
import json

import pytest
from firmware_fakes import UNIT, FakeFlint, FolderHost, captured, job, ports, queried

from rig.config.plan import Firmware
from rig.errors import BenchError, ReplyError
from rig.steps.firmware import backup
from rig.steps.firmware.identity import identity, query
from rig.steps.firmware.refused import Refused
from rig.steps.firmware.report import Log
from rig.steps.pci import Located

FLASH = bytes(range(256)) * 300
INI = b"[HCA]\r\neth_xfi_en = false\r\n; caf\xe9\r\n"
QUERY = "Image type: FS2 \udcff\n"
GOOD = captured("verify")


@pytest.fixture
def host(tmp_path):
    return FolderHost(tmp_path)


@pytest.fixture
def flint(host, tmp_path):
    flint = FakeFlint(host, tmp_path, tmp_path / "vault")
    flint.flash = FLASH
    flint.has_ini(INI)
    return flint


def test_a_backup_is_two_equal_reads_that_verify_and_all_that_belongs_to_them(host, flint):
    flint.knows(FLASH, verify=GOOD, query=queried())
    files, failsafe = backup.take(host, flint.tools, QUERY, b"\x82\x01vpd")
    assert files["flash.bin"] == FLASH
    assert files["config.ini"] == INI
    assert files["query.txt"] == b"Image type: FS2 \\udcff\n"
    assert files["vpd.bin"] == b"\x82\x01vpd"
    assert files["verify.txt"].decode() == GOOD
    assert failsafe is True
    assert sum(" ri " in call for call in flint.calls) == 2


def test_two_reads_that_differ_are_no_backup(host, flint):
    flint.knows(FLASH, verify=GOOD)
    flint.reads(FLASH, FLASH[:-1] + b"\0")
    with pytest.raises(Refused, match=r"two reads of the flash differ .*nothing is burned on it"):
        backup.take(host, flint.tools, QUERY, b"")


@pytest.mark.parametrize(
    ("verify", "reason"),
    [
        (captured("verify-bad"), "Bad CRC"),
        (captured("verify-blank-guids"), "BLANK GUIDS"),
        ("Segmentation fault\n", "Segmentation fault"),
    ],
)
def test_a_read_that_does_not_verify_is_no_backup(host, flint, verify, reason):
    flint.knows(FLASH, verify=verify, code=1)
    with pytest.raises(Refused, match=rf"does not verify \(.*{reason}.*\); nothing is burned on it"):
        backup.take(host, flint.tools, QUERY, b"")


def test_a_flash_whose_whole_sum_was_never_set_is_backed_up(host, flint):
    flint.knows(FLASH, verify=captured("verify-blank-sum"))
    assert backup.take(host, flint.tools, QUERY, b"")[0]["flash.bin"] == FLASH


def test_an_image_that_is_not_failsafe_is_backed_up_and_said(host, flint):
    flint.knows(FLASH, verify=GOOD.replace("FS2 failsafe image", "FS2 non failsafe image"))
    assert backup.take(host, flint.tools, QUERY, b"")[1] is False


def test_a_read_that_fails_says_what_the_tool_said(host, flint):
    with pytest.raises(ReplyError, match=r"ri /run/rig-firmware/first\.bin.*No valid image found.*restore a backup"):
        backup.take(host, flint.tools, QUERY, b"")


def test_a_read_that_failed_does_not_pass_with_the_file_of_an_earlier_one(host, flint):
    flint.knows(FLASH, verify=GOOD)
    backup.read_back(host, flint.tools)
    flint.flash = b"nothing that boots"
    with pytest.raises(ReplyError, match="No valid image found"):
        backup.read_back(host, flint.tools)


def test_a_backup_that_changed_on_its_way_is_not_kept(host, flint):
    flint.knows(FLASH, verify=GOOD)
    # the file is written over between the reads and its transfer
    host.typed = lambda text: f"echo >>/run/rig-firmware/first.bin; {text}" if " verify" in text else text
    flint.knows(FLASH + b"\n", verify=GOOD)
    with pytest.raises(BenchError, match="the backup changed on its way here"):
        backup.take(host, flint.tools, QUERY, b"")


def test_an_image_without_a_configuration_is_backed_up_without_one(host, flint, tmp_path):
    flint.knows(FLASH, verify=GOOD)
    (tmp_path / "flint" / "ini").unlink()
    assert backup.take(host, flint.tools, QUERY, b"")[0]["config.ini"] == b""


@pytest.fixture
def keep(host, flint, tmp_path):
    """BACKUP of the card in the slot, as its flash says who it is; what was told goes into the lists."""
    found = Located(("0000:05:00.0",), None, {"0000:05:00.0": "15b3:1003"})
    log, told, events = Log(), [], []

    def run(plan_job):
        given = ports(host, tmp_path, told=told, event=lambda kind, **about: events.append((kind, about)))
        seen, text = query(host, flint.tools)
        return backup.kept(given, plan_job, found, flint.tools, identity(seen), text, log)

    run.log, run.told, run.events = log, told, events
    return run


def test_what_is_kept_is_in_the_vault_and_in_the_rows(host, flint, keep):
    flint.knows(FLASH, verify=GOOD, query=queried())
    vpd = b"\x82\x0b\x00ConnectX-3 "
    host.typed = lambda text: f"echo {base64.b64encode(vpd).decode()}" if "/vpd" in text else text
    kept = keep(job(Firmware(), bench="b.yaml"))
    digest = hashlib.sha256(FLASH).hexdigest()
    assert (kept.flash, kept.sha256, kept.unit, kept.bench, kept.virtual) == (FLASH, digest, UNIT, "b.yaml", True)
    assert (kept.folder / "vpd.bin").read_bytes() == vpd
    assert json.loads((kept.folder / "backup.json").read_text())["identity"]["psid"] == "LAB0000000IB1"
    assert {m.name: m.value for m in keep.log.measurements} == {
        "firmware.backup": str(kept.folder),
        "firmware.backup.sha256": digest,
    }
    assert keep.events == [("backup", {"folder": str(kept.folder), "sha256": digest})]
    assert keep.told == ["backup"]


def test_the_same_flash_again_is_the_same_backup(flint, keep):
    flint.knows(FLASH, verify=GOOD, query=queried())
    assert keep(job(Firmware())).folder == keep(job(Firmware())).folder


def test_another_card_under_the_same_serial_gets_no_backup_and_so_no_burn(flint, keep):
    flint.knows(FLASH, verify=GOOD, query=queried())
    keep(job(Firmware()))
    flint.flash = FLASH + b"2"
    flint.knows(FLASH + b"2", verify=GOOD, query=queried().replace("020000c0ffe1", "020000c0ffe9"))
    with pytest.raises(Refused, match=r"had MACs 020000c0ffe0 020000c0ffe1 .*is its serial right"):
        keep(job(Firmware()))
    # a virtual card is no proof of a real one
    assert keep(job(Firmware(), virtual=False)).virtual is False


def test_a_backup_lies_on_the_host_where_putting_it_back_looks_for_it(host, flint):
    flint.knows(FLASH, verify=GOOD)
    backup.take(host, flint.tools, QUERY, b"")
    assert (host.root / f"{hashlib.sha256(FLASH).hexdigest()[:16]}.bin").read_bytes() == FLASH
