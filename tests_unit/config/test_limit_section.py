"""Limits as files write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from rig.config.limits import LimitSection
from rig.config.yamlfile import Section, load
from rig.errors import ConfigError
from rig.model import Limit


class Some(Section):
    limits: dict[str, LimitSection] = Field(default_factory=dict)


def written(folder: Path, limit: str) -> Path:
    path = folder / "some.yaml"
    path.write_text(f"limits:\n  a.ohm: {{low: 1, why: first}}\n  b.ohm:\n    {limit}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("{low: 10, marginal_low: 200, why: short}", Limit("short", low=10, marginal_low=200)),
        ("{high: 3.5, marginal_high: 3, why: hot}", Limit("hot", high=3.5, marginal_high=3)),
        ("{low: 0, high: 0, why: none may}", Limit("none may", low=0, high=0)),
        ("{one_of: [bnx2x, tg3], why: driver}", Limit("driver", one_of=("bnx2x", "tg3"))),
    ],
)
def test_a_limit_reads_as_it_is_written(tmp_path: Path, text: str, limit: Limit) -> None:
    assert load(written(tmp_path, text), Some).limits["b.ohm"].to_limit() == limit


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("{low: 10}", 3, "key 'why' is missing in 'limits.b.ohm'"),
        ('{low: 10, why: ""}', 4, "limits.b.ohm.why"),
        ('{low: 10, why: " "}', 3, "a limit needs a 'why'"),
        ("{why: because}", 3, "a limit needs low, high or one_of"),
        ("{low: 10, high: 5, why: x}", 3, "bounds are out of order"),
        ("{low: 10, marginal_low: 5, why: x}", 3, "bounds are out of order"),
        ("{low: 10, one_of: [a], why: x}", 3, "an interval or 'one_of', not both"),
        ("{marginal_low: 10, one_of: [a], why: x}", 3, "an interval or 'one_of', not both"),
        ("{one_of: [], why: x}", 4, "limits.b.ohm.one_of"),
        ("{lo: 10, why: x}", 4, "unknown key 'lo', did you mean 'low'?"),
        ("{low: ten, why: x}", 4, "limits.b.ohm.low"),
        ("{low: .nan, why: x}", 4, "limits.b.ohm.low"),
        ("{high: .inf, why: x}", 4, "limits.b.ohm.high"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_at_its_line(tmp_path: Path, text: str, line: int, why: str) -> None:
    with pytest.raises(ConfigError) as e:
        load(written(tmp_path, text), Some)
    assert why in str(e.value)
    assert e.value.line == line
