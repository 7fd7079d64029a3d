"""Power over time: reduced without losing peaks, drawn small."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

import pandas as pd
import pytest

from rig.report.chart import svg
from rig.report.schema import Event
from rig.report.trace import Trace, bands, reduced, trace


def power(seconds: float, per_s: float = 10.0, peak_at: int | None = None, rail: str = "12v") -> pd.DataFrame:
    count = int(seconds * per_s)
    current = [1.0 + 0.01 * (n % 7) for n in range(count)]
    if peak_at is not None:
        current[peak_at] = 5.0
    table = {"time_s": [100 + n / per_s for n in range(count)], "rail": rail, "voltage_v": 12.0, "current_a": current}
    return pd.DataFrame(table).assign(power_w=[12.0 * a for a in current])


def traced(frame: pd.DataFrame, events: Iterable[Event] = ()) -> Trace:
    found = trace(frame, events)
    assert found is not None
    return found


@pytest.mark.parametrize("peak_at", [0, 1, 4711, 9999])
def test_a_single_high_sample_survives_the_reduction(peak_at: int) -> None:
    points = reduced(traced(power(1000, peak_at=peak_at)).watts)
    assert points["watts"].max() == 60.0
    assert len(points) <= 640 and points["time_s"].is_monotonic_increasing


def test_few_samples_are_kept_as_they_are() -> None:
    watts = traced(power(3)).watts
    assert reduced(watts)["watts"].tolist() == watts["watts"].tolist()


def test_a_pause_in_the_samples_is_not_drawn_over() -> None:
    frame = pd.concat([power(10), power(10).assign(time_s=lambda t: t["time_s"] + 60)], ignore_index=True)
    points = reduced(traced(frame).watts)
    assert points["segment"].nunique() == 2
    assert svg(traced(frame), "a").count("var(--rail-1)") >= 2


def test_without_samples_there_is_no_trace() -> None:
    assert trace(power(0), []) is None
    assert trace(power(3).assign(power_w=float("inf")), []) is None


def test_one_sample_is_a_trace_too() -> None:
    assert "<svg" in svg(traced(power(0.1)), "a")


def test_bands_are_cut_to_the_trace_and_an_open_one_ends_with_it() -> None:
    events = [
        Event(event="step_start", step="link", time_s=90), Event(event="step_end", step="link", time_s=110),
        Event(event="state", name="idle", time_s=112), Event(event="step_start", step="throughput", time_s=120),
    ]  # fmt: skip
    found = bands(events, "step_start", "step_end", 100.0, 150.0)
    assert [(b.name, b.start_s, b.end_s) for b in found] == [("link", 0.0, 10.0), ("throughput", 20.0, 50.0)]


def test_states_follow_each_other_even_without_an_end() -> None:
    events = [Event(event="state", name=n, time_s=t) for n, t in (("driver", 100), ("idle", 110), ("tx", 120))]
    found = bands(events, "state", "state_end", 100.0, 130.0)
    assert all(a.end_s == b.start_s for a, b in pairwise(found)) and found[-1].end_s == 30.0


def test_a_long_trace_is_a_small_picture() -> None:
    assert len(svg(traced(power(3000)), "a")) < 40_000


def test_the_picture_takes_its_colours_from_the_page() -> None:
    events = [Event(event="step_start", step="link", time_s=100), Event(event="step_end", step="link", time_s=103)]
    drawn = svg(traced(power(5), events), "a")
    assert {"var(--rail-1)", "var(--ink-2)", "var(--line)", "var(--band)"} <= set(re.findall(r"var\([^)]*\)", drawn))
    assert not re.search(r"#\d{6}", drawn)
    assert "1 link" in drawn


def test_the_same_trace_makes_the_same_picture() -> None:
    assert svg(traced(power(5)), "a") == svg(traced(power(5)), "a")


@pytest.mark.parametrize("name", ["$x^{$", "</svg><script>", "\x1b[31m", "漢字", "a" * 5000, "\\frac"])
def test_hostile_names_are_text_and_draw_no_warning(name: str) -> None:
    events = [Event(event="step_start", step=name, time_s=100), Event(event="state", name=name, time_s=101)]
    drawn = svg(traced(power(30, rail=name), events), "a")
    assert drawn.count("<svg") == drawn.count("</svg>") == 1
    assert "<script>" not in drawn and len(drawn) < 60_000


def test_the_picture_has_a_sentence_for_those_who_do_not_see_it() -> None:
    assert "12 V mean 12" in traced(power(10)).sentence
    assert 'role="img" aria-label="Power over 9.9 s: 12 V mean' in svg(traced(power(10)), "a")
