"""The record of a burn that has not ended."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rig.errors import BenchError, UsageError
from rig.model import AdapterUnit, CardUnit, Unit
from rig.vault import FLASH, IN_PROGRESS, UNKNOWN, Burning, Identity, Vault

HOSTILE = ["../../etc", "..", ".", "", "/etc/passwd", "a/b", "a\0b", "\x1b[2J", "burning", "-rf", "é" * 500, "\ud800"]


def unit(serial):
    return Unit(AdapterUnit("TobleMiner-revA", "A-1", {"JP1": "1-2"}, ("pwrok",)), CardUnit("649282-B21", serial))


@pytest.fixture
def vault(tmp_path):
    return Vault(tmp_path / "vault")


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def burning(serial="C-1", bench="/b/bench.yaml", **more):
    given = {
        "backup": "/v/C-1/x", "image_sha256": "5" * 64, "psid": "LAB000000ETH1", "job": "/run/rig-firmware/burn-1",
        "run": "/r/1", "guardian": "/g.sock", "twin_state": None,
    }  # fmt: skip
    return Burning(bench, unit(serial), **{**given, **more})


def test_a_burn_is_on_record_until_it_ends(vault):
    record = burning()
    vault.begin(record)
    assert vault.unfinished("C-1") == record
    assert vault.on_bench("/b/bench.yaml") == (record,)
    assert record.state == IN_PROGRESS
    vault.end("C-1")
    assert vault.unfinished("C-1") is None
    assert vault.on_bench("/b/bench.yaml") == ()


def test_what_is_known_of_the_flash_is_written_over_the_same_record(vault):
    vault.begin(burning())
    changed = vault.update(vault.unfinished("C-1"), UNKNOWN)
    assert vault.unfinished("C-1") == changed == replace(burning(started=changed.started), state=UNKNOWN)
    assert len(tree(vault.root)) == 1


def test_a_burn_that_is_known_to_be_over_is_its_cards_matter_and_not_its_benchs(vault):
    vault.update(burning(), UNKNOWN)
    assert vault.on_bench("/b/bench.yaml") == ()
    assert vault.unfinished("C-1").state == UNKNOWN


def test_a_record_is_its_cards_wherever_the_card_goes(vault):
    vault.begin(burning("C-1", "/b/1.yaml"))
    vault.begin(burning("C-2", "/b/1.yaml"))
    vault.begin(burning("C-3", "/b/2.yaml"))
    assert {b.unit.card.serial for b in vault.on_bench("/b/1.yaml")} == {"C-1", "C-2"}
    vault.end("C-1")
    assert [b.unit.card.serial for b in vault.on_bench("/b/1.yaml")] == ["C-2"]
    assert vault.unfinished("C-3").bench == "/b/2.yaml"


def test_ending_what_never_began_is_nothing(vault):
    vault.end("C-1")
    assert not vault.root.exists()


def test_serials_that_look_alike_have_records_of_their_own(vault):
    vault.begin(burning("A/1"))
    assert vault.unfinished("A:1") is None
    vault.begin(burning("A:1"))
    vault.end("A/1")
    assert vault.unfinished("A:1").unit.card.serial == "A:1"


@pytest.mark.parametrize("serial", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_a_serial_is_its_record_stays_inside(vault, tmp_path, serial):
    vault.begin(burning(serial))
    assert vault.unfinished(serial).unit.card.serial == serial
    assert [p.parent for p in tmp_path.rglob("*.json")] == [vault.root / "burning"]
    vault.end(serial)
    assert tree(vault.root) == {}


@pytest.mark.parametrize(
    "text", [b"", b'{"bench": "/b', b"[]", b"null", b"{}", b'{"unit": 5}', b"\xff", b"[" * 200_000], ids=range(8)
)
def test_a_torn_record_is_no_go_and_says_what_to_do(vault, text):
    vault.begin(burning())
    (path,) = (vault.root / "burning").iterdir()
    path.write_bytes(text)
    for ask in (lambda: vault.unfinished("C-1"), lambda: vault.on_bench("/b/bench.yaml")):
        with pytest.raises(UsageError) as e:
            ask()
        assert str(path) in str(e.value)
        assert "rig firmware show" in str(e.value)


def test_a_record_of_a_later_version_of_the_rig_is_not_guessed_at(vault):
    vault.begin(burning())
    (path,) = (vault.root / "burning").iterdir()
    path.write_text(json.dumps({**json.loads(path.read_text()), "more": 1}))
    with pytest.raises(UsageError, match="cannot be read"):
        vault.unfinished("C-1")


def test_a_record_that_cannot_be_written_stops_the_burn(tmp_path):
    (tmp_path / "burning").write_text("a file")
    with pytest.raises(BenchError, match=r"the record of the burn cannot be written: .*free the disk"):
        Vault(tmp_path).begin(burning())


def test_a_power_cut_while_a_record_is_written_leaves_the_one_before(vault, monkeypatch):
    vault.begin(burning())
    before = vault.unfinished("C-1")

    def cut(self, target):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "replace", cut)
    with pytest.raises(BenchError, match="Input/output error"):
        vault.update(before, UNKNOWN)
    assert vault.unfinished("C-1") == before
    assert vault.on_bench("/b/bench.yaml") == (before,)


def test_backups_of_a_card_called_burning_are_no_records(vault):
    own = Identity("LAB0000000IB1", 4099, "2.42.5000", (), ("020000c0ffe0",))
    vault.keep(unit("burning"), own, {FLASH: b"1"}, bench="b", virtual=True, failsafe=True)
    vault.begin(burning())
    assert len(vault.on_bench("/b/bench.yaml")) == 1
    assert len(vault.of_card("burning")) == 1
