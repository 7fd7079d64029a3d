"""Under which name a burn is on record: the bench's file, or its place, which may have another file on each runner."""

import contextlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from rig.config.library import project_root
from rig.plugin import order
from rig.plugin.campaign import Campaign
from rig.plugin.firmware import bench_key
from rig.plugin.workshop import Workshop
from rig.vault import UNKNOWN, Burning, Vault

REMOTE = project_root() / "configs" / "benches" / "example-remote.yaml"
EXAMPLE = project_root() / "configs" / "batches" / "example.yaml"
CAMPAIGN = sys.modules[Campaign.__module__]
"""The module; by its name in the package there is a fixture."""


@pytest.fixture
def made(tmp_path):
    return order.make(EXAMPLE, REMOTE, out=tmp_path / "out")


def burning(serial, bench, state="burn in progress"):
    return Burning(bench, SimpleNamespace(card=SimpleNamespace(serial=serial)), "/v", "5" * 64, "X", "/j", "/r",
                   None, None, state=state)  # fmt: skip


@pytest.mark.parametrize("bench", ["place bench-a", bench_key(REMOTE)])
def test_a_burn_is_attended_on_its_place_by_its_old_record_too(made, bench, monkeypatch, tmp_path):
    """Opened as a place: what is looked after before any unit."""
    there = [burning("C-1", bench), burning("C-2", "place bench-b"), burning("C-3", bench, UNKNOWN)]
    attended = []
    fake = SimpleNamespace(strategy=SimpleNamespace(transition=lambda state: None), close=lambda: None)
    lease = SimpleNamespace(place="bench-a", bench_path=tmp_path / "bench.yaml", lost=None)
    monkeypatch.setattr(CAMPAIGN, "leased", lambda *_, watch: contextlib.nullcontext(lease))
    monkeypatch.setattr(CAMPAIGN, "open_bench", lambda path, folder: fake)
    monkeypatch.setattr(CAMPAIGN, "attend", lambda *given: attended.append(given[4].unit.card.serial))
    monkeypatch.setattr(Vault, "_records", lambda self: iter(there))
    monkeypatch.setattr(Workshop, "job", lambda *_: None)
    batch = Campaign(made, lambda *_: None)
    batch.open()
    batch.close()
    assert attended == ["C-1"]
    assert batch.workshop.key == "place bench-a"


def test_two_runners_with_files_of_their_own_name_one_place_alike_and_two_places_of_one_file_apart(made):
    vault = Vault(Path("v"))
    at = [Workshop(made, vault, None, place).key for place in ("bench-a", "bench-b")]
    assert at == ["place bench-a", "place bench-b"]
    assert Workshop(made, vault, None).key == bench_key(REMOTE)
