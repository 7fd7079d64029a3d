"""The twin file against layouts and cards, before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from twin_bench import LIBRARY, X8_GEN3

from rig.config.twin import load_twin
from rig.errors import ConfigError
from rig.model import AdapterUnit, CardUnit, Unit
from rig.twin.check import check


def unit(design: str = "TobleMiner-revA", model: str = X8_GEN3, **adapter: object) -> Unit:
    return Unit(AdapterUnit(design, "A-1", **adapter), CardUnit(model, "C-1"))


def checked(tmp_path: Path, text: str, *units: Unit) -> None:
    path = tmp_path / "twin.yaml"
    path.write_text(text)
    check(path, load_twin(path), LIBRARY, units)


def test_a_good_file_passes_in_silence(tmp_path):
    text = (
        "adapters:\n  A-1: {joints: [{pins: [A35], state: open}], jumpers: {JP3: 2-3}}\ncards:\n  C-1: {firmware: ib}\n"
    )
    assert checked(tmp_path, text, unit()) is None


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("adapters:\n  B: {}\n  A-1: {joints: [{pins: [A60], state: open}]}\n", 3, "A60"),
        ("adapters:\n  A-1: {joints: [{pins: [A4, A9], state: bridge}]}\n", 2, "neighbours"),
        ("adapters:\n  A-1: {jumpers: {JP7: open}}\n", 2, "JP7"),
        ("adapters:\n  A-1: {jumpers: {JP3: 4-5}}\n", 2, "JP3"),
        ("adapters:\n  A-1: {mods: [gold]}\n", 2, "gold"),
        ("cards:\n  C-1: {ports_down: [3]}\n", 2, "ports 1 to 2"),
        ("seed: 1\nfaults:\n  - {plug: mains, kind: wrong_model}\n", 3, "wrong_model"),
        ("seed: 1\nfaults:\n  - {plug: host, kind: panic}\n", 3, "kind linux"),
        ("seed: 1\nhost: {kind: linux, window_mib: 0}\n", 2, "1 MiB or more"),
        ("seed: 1\nhost: {kind: linux, kernel_format: '5.10'}\n", 2, "as its own kernel does"),
    ],
)
def test_what_would_be_refused_later_is_told_now_with_its_line(tmp_path, text, line, says):
    with pytest.raises(ConfigError, match=says) as told:
        checked(tmp_path, text, unit())
    assert told.value.line == line


def test_firmware_a_card_cannot_have_is_told(tmp_path):
    with pytest.raises(ConfigError, match="'vpi'") as told:
        checked(tmp_path, "cards:\n  C-1: {firmware: vpi}\n", unit(model="561FLR-T"))
    assert told.value.line == 2


def test_a_pin_is_checked_against_the_design_of_the_batch(tmp_path):
    text = "adapters:\n  A-1: {jumpers: {JP3: 2-3}}\n"
    assert checked(tmp_path, text, unit("TobleMiner-revA")) is None
    with pytest.raises(ConfigError, match="JP3"):
        checked(tmp_path, text, unit("KCORES-v1.1"))


def test_a_linux_host_can_panic(tmp_path):
    assert checked(tmp_path, "host: {kind: linux}\nfaults:\n  - {plug: host, kind: panic}\n", unit()) is None
