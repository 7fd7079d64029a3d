"""A bench file against the table of supplies: what cannot be is told with its line, before anything is connected."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.bench import check_bench
from rig.errors import ConfigError

EXAMPLE = (Path(__file__).parents[2] / "configs" / "benches" / "example-rigol-shelly.yaml").read_text(encoding="utf-8")
RAIL_12V = "12v: {channel: 1, max_voltage_v: 12.6, max_current_a: 2.5}"


def _checked(tmp_path: Path, *changes: tuple[str, str]) -> ConfigError:
    text = EXAMPLE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "bench.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        check_bench(path)
    line = text.splitlines()[(caught.value.line or 0) - 1]
    caught.value.add_note(line)
    return caught.value


@pytest.mark.parametrize(
    ("changes", "said", "at"),
    [
        ([("model: DP832", "model: E36312A"), (RAIL_12V, RAIL_12V.replace("1,", "2,", 1))],
         "12v: ceilings: E36312A channel 2 gives 0 to 25.75 V and up to 1.03 A, asked for 12.6 V and 2.5 A", "12v:"),
        ([("model: DP832", "model: E36312A"), (RAIL_12V, "12v: {channel: 2, max_voltage_v: 12.6, max_current_a: 1.0}"),
          ("probe: {channel: 2, max_voltage_v: 12.6, max_current_a: 0.1}", "probe: {channel: 3, max_voltage_v: 12.6, "
           "max_current_a: 0.1}"), ("3v3: {channel: 3", "3v3: {channel: 1")],
         "options.rails.12v: E36312A channel 2 gives", "12v: {voltage_v"),
        ([("model: DP832", "model: DP833")], "no supply called 'DP833' is known, did you", "VisaInstrument"),
        ([("model: DP832", "model: X, dialect: DP999")], "VisaInstrument.dialect: no supply called", "VisaInst"),
        ([("model: DP832", "model: SPD3303X-E")], "channel 3 cannot be used: it has neither", "3v3:"),
        ([("model: DP832", "model: DP811A")], "has no channel", "channel"),
        ([("model: DP832", "model: KA3305P"), ("3v3: {channel: 3", "3v3: {channel: 2")], "one switch", "rails:"),
    ],
    ids=["ceiling", "set point", "model", "dialect", "unusable", "no channel", "one switch"],
)  # fmt: skip
def test_what_a_supply_cannot_do_is_told_at_its_line(tmp_path, changes, said, at):
    error = _checked(tmp_path, *changes)
    assert said in error.message
    assert at in error.__notes__[0]


def test_an_instrument_that_pymeasure_speaks_to_is_not_looked_up(tmp_path):
    path = tmp_path / "bench.yaml"
    path.write_text(EXAMPLE.replace("model: DP832", "model: Whatever, dialect: pymeasure"), encoding="utf-8")
    check_bench(path)
