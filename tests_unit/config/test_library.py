"""The library: everything under configs/adapters and configs/cards."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from config_files import CONFIGS, line_with

from rig.config.library import Library, default_library
from rig.errors import ConfigError, UsageError

CARDS = {
    "331FLR", "366FLR", "526FLR-SFP+", "530FLR-SFP+", "533FLR-T", "534FLR-SFP+", "535FLR-T", "536FLR-T",
    "537FLR-SFP+", "544+FLR-QSFP-764285", "544+FLR-QSFP-764286", "544+FLR-SFP+", "544FLR-QSFP-649282",
    "544FLR-QSFP-649283", "545FLR-QSFP", "546FLR-SFP+", "547FLR-QSFP", "554FLR-SFP+", "556FLR-SFP+",
    "556FLR-T", "560FLR-SFP+", "561FLR-T", "562FLR-SFP+", "562FLR-T", "568FLR-MMT", "570FLR-SFP+",
    "631FLR-SFP28", "640FLR-SFP28", "682148",
}  # fmt: skip


@pytest.fixture(scope="module")
def library() -> Library:
    return default_library()


def folder_with(tmp_path: Path, *files: str) -> Path:
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(CONFIGS / file, tmp_path / file)
    return tmp_path


def test_five_layouts_and_29_cards_are_there(library: Library) -> None:
    assert set(library.designs()) == {
        "TobleMiner-revA", "TobleMiner-revB", "TobleMiner-revC", "KCORES-v1.0", "KCORES-v1.1",
    }  # fmt: skip
    models = [card.model for card in library.cards()]
    assert set(models) == CARDS
    assert len(models) == len(CARDS) == 29


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("561FLR-T", "561FLR-T"),
        ("700699-B21", "561FLR-T"),
        ("701525-001", "561FLR-T"),
        ("700697-001", "561FLR-T"),
        ("649283-B21", "544FLR-QSFP-649283"),
        ("682148-B21", "682148"),
        ("546+FLR-SFP+", "546FLR-SFP+"),
        ("568FLR-MMSFP+", "568FLR-MMT"),
    ],
)
def test_a_card_is_found_by_model_part_number_and_alias(library: Library, name: str, model: str) -> None:
    assert library.card(name).model == model


@pytest.mark.parametrize("name", ["544FLR-QSFP", "544+FLR-QSFP"])
def test_an_ambiguous_name_is_refused_with_the_candidates(library: Library, name: str) -> None:
    with pytest.raises(UsageError) as e:
        library.card(name)
    first, second = {"544FLR-QSFP": ("649282", "649283"), "544+FLR-QSFP": ("764285", "764286")}[name]
    assert str(e.value).endswith(f"nearest: {name}-{first}, {name}-{second}")


def test_unknown_names_are_refused_with_the_nearest(library: Library) -> None:
    with pytest.raises(UsageError, match=r"no card '561flrt'.*nearest: 561FLR-T"):
        library.card("561flrt")
    with pytest.raises(UsageError, match=r"no adapter design 'TobleMiner-revD'.*nearest: TobleMiner-rev"):
        library.adapter("TobleMiner-revD")
    with pytest.raises(UsageError, match=r"no card '561'.*nearest: 561FLR-T$"):
        library.card("561")
    with pytest.raises(UsageError, match=r"there are: KCORES-v1\.0, KCORES-v1\.1"):
        library.adapter("zzz")


def test_a_name_never_becomes_a_path(library: Library) -> None:
    for name in ("../cards/561FLR-T", "/etc/passwd", "", "\0", "561FLR-T.yaml"):
        with pytest.raises(UsageError):
            library.card(name)
        with pytest.raises(UsageError):
            library.adapter(name)


def test_what_was_read_is_kept(tmp_path: Path) -> None:
    root = folder_with(tmp_path, "cards/561FLR-T.yaml", "adapters/KCORES-v1.0.yaml")
    library = Library(root)
    card, adapter = library.card("561FLR-T"), library.adapter("KCORES-v1.0")
    shutil.rmtree(root / "cards")
    shutil.rmtree(root / "adapters")
    assert library.card("561FLR-T") is library.card("700699-B21") is card
    assert library.adapter("KCORES-v1.0") is adapter


def test_one_bad_file_does_not_hide_the_others_until_it_is_asked_for(tmp_path: Path) -> None:
    root = folder_with(tmp_path, "cards/561FLR-T.yaml")
    (root / "cards" / "999FLR.yaml").write_text("model: 999FLR\n", encoding="utf-8")
    library = Library(root)
    assert library.card("561FLR-T").ports == 2
    with pytest.raises(ConfigError, match=r"999FLR\.yaml:1: key 'title' is missing"):
        library.card("999FLR")


def test_two_files_that_claim_one_part_number_are_refused_at_its_line(tmp_path: Path) -> None:
    root = folder_with(tmp_path, "cards/561FLR-T.yaml", "cards/533FLR-T.yaml")
    copy = root / "cards" / "561FLR-T.yaml"
    text = copy.read_text(encoding="utf-8").replace("700699-B21", "700759-B21")
    copy.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"'700759-B21' already names the card in 533FLR-T\.yaml") as e:
        Library(root).cards()
    assert (e.value.path, e.value.line) == (str(copy), line_with(copy, "part_numbers:"))


def test_an_alias_that_is_another_cards_model_is_refused_at_its_line(tmp_path: Path) -> None:
    root = folder_with(tmp_path, "cards/561FLR-T.yaml", "cards/533FLR-T.yaml")
    copy = root / "cards" / "561FLR-T.yaml"
    text = copy.read_text(encoding="utf-8").replace("family:", "aliases: [X540, 533FLR-T]\nfamily:")
    copy.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"'533FLR-T' already names the card in 533FLR-T\.yaml") as e:
        Library(root).card("X540")
    assert e.value.line == line_with(copy, "aliases:")


def test_an_empty_folder_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no card '561FLR-T': no \*\.yaml in .*cards"):
        Library(tmp_path).card("561FLR-T")
    assert Library(tmp_path).designs() == ()


def test_no_file_names_a_place_of_the_machine_it_was_made_on() -> None:
    for path in CONFIGS.glob("[ac]*s/*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert "/work" not in text and "/tmp" not in text and "/home" not in text
