import hashlib
import json
import shutil
from dataclasses import replace

import pytest

from rig import vault as vaults
from rig.errors import BenchError, UsageError
from rig.model import AdapterUnit, CardUnit, Unit
from rig.vault import FLASH, INI, MANIFEST, QUERY, Identity, Vault, load

FIRMWARE = bytes(range(256)) * 16
FILES = {FLASH: FIRMWARE, INI: b"[HCA]\r\n", QUERY: "caf\u00e9".encode()}
GUIDS = tuple(f"0200000300c0ffe{n}" for n in range(4))
OWN = Identity("LAB0000000IB1", 4099, "2.42.5000", GUIDS, ("020000c0ffe0", "020000c0ffe1"), "a vsd")


def unit(serial="C-1"):
    return Unit(AdapterUnit("TobleMiner-revA", "A-1", {"JP1": "1-2"}, ("pwrok",)), CardUnit("649282-B21", serial))


@pytest.fixture
def vault(tmp_path):
    return Vault(tmp_path / "vault")


def keep(vault, files=FILES, serial="C-1", identity=OWN, virtual=False):
    return vault.keep(unit(serial), identity, files, bench="b.yaml", virtual=virtual, failsafe=True)


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# --- backups --------------------------------------------------------------------------------------------------


def test_a_backup_comes_back_with_all_that_was_known(vault):
    kept = keep(vault)
    assert load(kept.folder) == kept
    assert (kept.unit, kept.identity, kept.bench, kept.virtual, kept.failsafe) == (unit(), OWN, "b.yaml", False, True)
    assert (kept.flash, kept.size, kept.sha256) == (FIRMWARE, len(FIRMWARE), hashlib.sha256(FIRMWARE).hexdigest())
    assert {name: (kept.folder / name).read_bytes() for name in FILES} == FILES
    assert kept.folder.parent == vault.root / "C-1"
    assert kept.folder.name.startswith(GUIDS[0] + "-")
    assert kept.folder.name.endswith("-" + kept.sha256[:16])


def test_the_same_contents_are_not_kept_twice(vault):
    first = keep(vault)
    before = tree(vault.root)
    assert keep(vault) == first
    assert tree(vault.root) == before


def test_other_contents_and_another_kind_of_bench_are_kept_beside_it(vault):
    first, second, virtual = keep(vault), keep(vault, {FLASH: b"2"}), keep(vault, {FLASH: b"3"}, virtual=True)
    assert {b.folder for b in vault.of_card("C-1")} == {first.folder, second.folder, virtual.folder}
    taken = [b.taken for b in vault.of_card("C-1")]
    assert taken == sorted(taken)


def test_a_virtual_backup_of_the_same_contents_is_no_real_one(vault):
    real = keep(vault)
    shutil.move(real.folder, real.folder.with_name("an-earlier-one"))
    assert keep(vault, virtual=True).folder != real.folder.with_name("an-earlier-one")


def test_a_folder_that_is_there_is_never_overwritten(vault, monkeypatch):
    first = keep(vault)
    (first.folder / MANIFEST).unlink()
    before = tree(vault.root)
    monkeypatch.setattr(vaults, "datetime", _Then)
    _Then.text = first.folder.name.split("-")[1]
    with pytest.raises(BenchError, match="a backup is never overwritten"):
        keep(vault)
    assert tree(vault.root) == before


class _Then:
    """A clock that stands at the second of an earlier backup."""

    text = ""

    @classmethod
    def now(cls, zone):
        return cls()

    def __format__(self, spec):
        return self.text

    def timestamp(self):
        return 0.0


def test_a_disk_that_fails_half_way_leaves_nothing(vault, monkeypatch):
    write = vaults._write_synced

    def full(path, data):
        if path.name == MANIFEST:
            raise OSError(28, "No space left on device")
        write(path, data)

    monkeypatch.setattr(vaults, "_write_synced", full)
    with pytest.raises(BenchError, match="the backup cannot be written: No space left on device; free the disk"):
        keep(vault)
    assert tree(vault.root) == {}
    assert vault.of_card("C-1") == ()


def test_a_root_that_cannot_be_made_is_the_benchs_fault(tmp_path):
    (tmp_path / "vault").write_text("a file")
    with pytest.raises(BenchError, match="the backup cannot be written: Not a directory"):
        keep(Vault(tmp_path / "vault"))


def test_a_disk_that_returns_something_else_is_found_out(vault, monkeypatch):
    write = vaults._write_synced
    monkeypatch.setattr(vaults, "_write_synced", lambda p, d: write(p, d if p.name != FLASH else d[:-1] + b"x"))
    with pytest.raises((BenchError, UsageError), match=r"damaged|does not return what was written"):
        keep(vault)


HOSTILE = ["../../etc", "..", ".", "", "/etc/passwd", "a/b", "a\0b", "\x1b[2J", "burning", "-rf", "é" * 500, "a" * 5000]


@pytest.mark.parametrize("serial", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_a_serial_is_its_backup_stays_inside(vault, tmp_path, serial):
    kept = keep(vault, serial=serial)
    assert kept.folder.resolve().is_relative_to(vault.root.resolve())
    assert kept.folder.parent.parent == vault.root
    assert vault.of_card(serial) == (kept,)
    assert {p.name for p in tmp_path.iterdir()} == {"vault"}


def test_two_serials_that_look_alike_as_a_file_name_are_told_apart(vault):
    one, other = keep(vault, serial="A/1"), keep(vault, {FLASH: b"other"}, serial="A:1")
    assert one.folder.parent == other.folder.parent
    assert vault.of_card("A/1") == (one,)
    assert vault.of_card("A:1") == (other,)
    assert vault.of_card("A_1") == ()


def test_a_file_name_from_a_caller_stays_inside_too(vault):
    kept = keep(vault, {FLASH: FIRMWARE, "../../x": b"1"})
    assert sorted(p.name for p in kept.folder.iterdir()) == sorted([FLASH, MANIFEST, "_.._x"])


@pytest.mark.parametrize(
    ("identity", "start"),
    [
        (replace(OWN, guids=("f" * 16, *GUIDS[1:])), "020000c0ffe0-"),
        (replace(OWN, guids=()), "020000c0ffe0-"),
        (replace(OWN, guids=("0" * 16,), macs=("0" * 12,)), "blank-"),
        (replace(OWN, guids=(), macs=("f" * 12,)), "blank-"),
    ],
)
def test_a_card_without_a_guid_is_named_by_its_mac(vault, identity, start):
    assert keep(vault, identity=identity).folder.name.startswith(start)


def test_two_cards_are_the_same_by_guids_and_macs_alone():
    assert OWN.same_card(replace(OWN, psid="other", version="9", device_id=4103, vsd=""))
    assert not OWN.same_card(replace(OWN, macs=OWN.macs[:1]))
    assert not OWN.same_card(replace(OWN, guids=OWN.guids[::-1]))


# --- damaged ones ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [lambda b: b[:-1] + b"\0", lambda b: b[:-1], lambda b: b + b"\0", lambda b: b""])
def test_a_damaged_flash_is_refused_with_its_file(vault, damage):
    kept = keep(vault)
    (kept.folder / FLASH).write_bytes(damage(FIRMWARE))
    with pytest.raises(UsageError, match=rf"{kept.folder}/flash\.bin: damaged: its SHA-256 is not the one of backup"):
        load(kept.folder)
    with pytest.raises(UsageError, match="damaged"):
        _ = kept.flash
    assert vault.of_card("C-1") == ()
    assert keep(vault, {FLASH: b"2"}).flash == b"2"


@pytest.mark.parametrize("size", [0, len(FIRMWARE) + 1, -1])
def test_a_size_that_is_not_the_files_is_refused(vault, size):
    kept = keep(vault)
    edit(kept, size=size)
    with pytest.raises(UsageError, match=rf"flash\.bin: {len(FIRMWARE)} bytes, the backup had {size}; use another"):
        load(kept.folder)


def edit(kept, **changes):
    path = kept.folder / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"null", b"5", b'"backup"', b"{}", b"\xff\xfe", b'{"unit": {}}', b'{"unit": []}', b"\0" * 1000],
)
def test_a_manifest_that_is_none_is_refused_with_its_file(vault, text):
    kept = keep(vault)
    (kept.folder / MANIFEST).write_bytes(text)
    with pytest.raises(UsageError, match=rf"{kept.folder}/backup\.json: this is no backup of the rig"):
        load(kept.folder)
    assert vault.of_card("C-1") == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"unit": None},
        {"unit": {"adapter": "x", "card": {}}},
        {"identity": None},
        {"identity": {"psid": "x"}},
        {"identity": {"guids": [], "macs": [], "more": 1}},
        {"size": "many"},
        {"size": None},
        {"size": 1e999},
    ],
)
def test_a_manifest_with_another_shape_is_refused_with_its_file(vault, changes):
    kept = keep(vault)
    edit(kept, **changes)
    with pytest.raises(UsageError, match="this is no backup of the rig"):
        load(kept.folder)


def test_a_manifest_nested_without_end_is_refused(vault):
    kept = keep(vault)
    (kept.folder / MANIFEST).write_text("[" * 200_000)
    with pytest.raises(UsageError, match="this is no backup of the rig"):
        load(kept.folder)


@pytest.mark.parametrize("gone", [FLASH, MANIFEST])
def test_a_backup_with_a_file_missing_is_refused(vault, gone):
    kept = keep(vault)
    (kept.folder / gone).unlink()
    with pytest.raises(UsageError, match=rf"{gone}: cannot be read: No such file or directory"):
        load(kept.folder)


def test_a_folder_without_a_backup_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"backup\.json: cannot be read"):
        load(tmp_path)
    with pytest.raises(UsageError, match=r"backup\.json: cannot be read"):
        load(tmp_path / "none")


def test_a_file_that_is_too_large_for_firmware_is_not_read_whole(vault):
    kept = keep(vault)
    with (kept.folder / FLASH).open("r+b") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(UsageError, match="more than 64 MiB; that is no firmware of a network card"):
        load(kept.folder)


def test_a_vault_that_is_not_there_yet_holds_nothing(vault):
    assert vault.of_card("C-1") == ()
    assert vault.unfinished("C-1") is None
    assert vault.on_bench("b.yaml") == ()
    assert not vault.root.exists()
