"""Cards that nothing boots, and what a backup brings back, on the virtual bench with the real mstflint."""

import json
import re
import shlex
import shutil
import subprocess

import pytest
from firmware_bench import ETH, IB, MODEL, RIG, ROOT, SMALL, FirmwareBench, LinuxFirmwareBench, run

from rig.model import AdapterUnit, CardUnit, Unit
from rig.twin.connectx3 import image, reader
from rig.vault import Burning, Identity, Vault

pytestmark = pytest.mark.timeout(300)
ON_LINUX = [pytest.mark.long, pytest.mark.timeout(LinuxFirmwareBench.deadline_s + 60)]


@pytest.fixture
def bench(tmp_path):
    return FirmwareBench(tmp_path)


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


@pytest.mark.parametrize(
    "kind, route, verdict",
    [
        (FirmwareBench, "already ethernet", "PASS"),
        # no driver runs a ConnectX-3 in the guest: whether its ports are Ethernet is not known, and not judged
        pytest.param(LinuxFirmwareBench, "needs flash", None, marks=ON_LINUX),
    ],
)
def test_cards_in_flash_recovery_come_back_with_their_own_identity(tmp_path, kind, route, verdict):
    """Blank; a short left on FLASH PRSNT; not on the bus at all after a burn that was interrupted."""
    bench = kind(tmp_path)
    dark = {"firmware": "blank", "flash": {"absent_without_image": True}}
    short = {"firmware": "recovery", "image": {"size": TINY}}
    bench.twin("cards: " + json.dumps({"BLANK": {"firmware": "blank"}, "SHORT": short, "DARK": dark}))
    backups = {serial: kept(bench, serial) for serial in ("BLANK", "DARK")}
    gone = backups["DARK"]
    Vault(bench.vault).begin(
        Burning(str(bench.bench), gone.unit, str(gone.folder), "0" * 64, ETH, "", str(bench.out), None, None)
    )
    arguments = bench.batch(["BLANK", "SHORT", "DARK"], "recover: true", steps="enumeration, firmware")
    result = run(arguments, bench.deadline_s)
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
    row = bench.rows("SHORT")["firmware.route"]
    assert (row["value"], row["verdict"]) == (route, verdict)
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
