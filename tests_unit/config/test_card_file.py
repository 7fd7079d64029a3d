"""Card files: what is known stays as sourced, what is blank stays None."""

from __future__ import annotations

from pathlib import Path

import pytest
from config_files import CONFIGS, edited, line_with

from rig.config.card import load_card
from rig.errors import ConfigError
from rig.model import Card, Limit


def card(model: str) -> Card:
    return load_card(CONFIGS / "cards" / f"{model}.yaml")


def test_a_card_reads_as_its_file_says() -> None:
    c = card("544FLR-QSFP-649282")
    assert (c.pci_id, c.recovery_id, c.subsystem_id) == ("15b3:1003", "15b3:01f6", "103c:1777")
    assert (c.gen, c.lanes, c.ports, c.port_type) == (3, 8, 2, "QSFP+")
    assert c.speeds_bps == (10_000_000_000, 40_000_000_000)
    assert c.drivers == ("mlx4_core", "mlx4_en", "mlx4_ib")
    assert c.family == "connectx3"
    assert c.other_ids == {"15b3:1004": "virtual function"}
    assert c.aliases == ("649282-B21", "656090-001", "661686-001")


@pytest.mark.parametrize("model", ["561FLR-T", "533FLR-T", "682148", "331FLR", "562FLR-SFP+"])
def test_gen_and_lanes_somebody_only_remembers_stay_none(model: str) -> None:
    assert "recall:" in (CONFIGS / "cards" / f"{model}.yaml").read_text(encoding="utf-8")
    assert (card(model).gen, card(model).lanes) == (None, None)


def test_blank_facts_are_none_or_empty() -> None:
    c = card("526FLR-SFP+")
    assert (c.typ_w, c.max_w, c.drivers, c.reports, c.limits) == (None, None, (), (), {})
    assert card("545FLR-QSFP").speeds_bps == ()
    assert card("682148").subsystem_id is None


def test_rates_are_in_bit_per_second_and_ascend() -> None:
    assert card("562FLR-T").speeds_bps == (1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000)
    assert card("331FLR").speeds_bps == (10_000_000, 100_000_000, 1_000_000_000)


def test_a_sourced_maximum_is_a_limit_that_names_its_source() -> None:
    c = card("561FLR-T")
    assert set(c.limits) == {"power.idle.total_w", "power.both.total_w"}
    assert all(limit.high == c.max_w == 17.4 for limit in c.limits.values())
    assert all("Intel document for X540-T2" in limit.why for limit in c.limits.values())


def test_a_maximum_its_own_source_doubts_is_no_limit() -> None:
    assert card("536FLR-T").max_w == 9
    assert card("536FLR-T").limits == {}


def test_the_533_is_published_below_the_561() -> None:
    high = {m: card(m).limits["power.both.total_w"].high for m in ("533FLR-T", "561FLR-T")}
    assert high == {"533FLR-T": 9, "561FLR-T": 17.4}


def test_conflicting_reports_are_both_kept() -> None:
    results = {r.result for r in card("533FLR-T").reports if r.design == "KCORES-v1.0"}
    assert results == {"ok", "needs_mod"}


@pytest.mark.parametrize("model", ["331FLR", "530FLR-SFP+", "533FLR-T", "534FLR-SFP+"])
def test_broadcom_cards_need_their_straps(model: str) -> None:
    assert card(model).needs == {"A1": "high", "A10": "high", "A11": "high", "A14": "PERST#"}


def test_the_560_needs_perst_at_a14() -> None:
    assert card("560FLR-SFP+").needs == {"A14": "PERST#"}


def test_an_unprogrammed_82599_is_known_by_its_id() -> None:
    assert card("560FLR-SFP+").other_ids["8086:10d8"] == "EEPROM blank or unprogrammed"


def test_a_media_module_is_no_pcie_card() -> None:
    c = card("568FLR-MMT")
    assert not c.pcie_card
    assert c.aliases == ("568FLR-MMSFP+", "368FLR-MMT")
    assert c.pci_id is None


BAD = [
    ("pci_id: 8086:1528", "pci_id: 8086:152", None, "pci_id"),
    ("pci_id: 8086:1528", "pci_id: 8086:152A", None, "pci_id"),
    ("pci_id: 8086:1528\n", "", "model:", "key 'pci_id' is missing"),
    ("gen: null", "gen: 7", None, "gen"),
    ("lanes: null", "lanes: 3", None, "lanes"),
    ("lanes: null", 'lanes: "8"', None, "lanes"),
    ("speeds: [100M, 1G, 10G]", "speeds: [100M, 1000]", None, "speeds.1"),
    ("family: intel-x540", "family: intel-540", None, "family"),
    ("max_w: 17.4", "max_w: -1", None, "max_w"),
    ("max_w: 17.4", "max_watt: 17.4", None, "unknown key 'max_watt', did you mean 'max_w'?"),
    ("reports:\n", "needs: {A50x: high}\nreports:\n", None, "needs"),
    ("reports:\n", "needs: {A10: hot}\nreports:\n", None, "needs.A10"),
    ("{design: KCORES-v1.0, result: ok,", "{design: KCORES-v1.0, result: good,", None, "reports.1.result"),
    ("model: 561FLR-T", "model: 561FLR-X", None, "model is '561FLR-X', but the file is named 561FLR-T.yaml"),
    ("idle.total_w:\n    {high:", "idle.total_w:\n    {hi:", None, "unknown key 'hi'"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "at", "why"), BAD)
def test_a_card_file_that_cannot_be_is_refused_at_its_line(
    tmp_path: Path, old: str, new: str, at: str | None, why: str
) -> None:
    path, line = edited(tmp_path, "cards/561FLR-T.yaml", old, new)
    with pytest.raises(ConfigError) as e:
        load_card(path)
    assert why in e.value.message
    assert "\n" not in e.value.message
    assert e.value.line in ((line, (line or 0) + 1) if at is None else (line_with(path, at),))


def test_a_limit_of_a_card_is_the_models_limit() -> None:
    limit = card("533FLR-T").limits["power.both.total_w"]
    assert limit == Limit(limit.why, high=9)
