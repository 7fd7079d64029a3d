"""From stored runs to the report of a comparison."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from compare_journals import FIVE_APART, A, B, by_turns, power_lines
from report_journals import T0_S, row, unit, write_run

from rig.cli import rig
from rig.errors import UsageError
from rig.report import journal
from rig.report.compare import Options, write
from rig.report.compare.comparison import Comparison, compare
from rig.report.compare.cost import Costs
from rig.report.compare.verdict import Decision

HOSTILE = "\"'><script>alert(1)</script></svg><img src=x onerror=alert(1)>\x1b[31m\x00 $\\frac{$ \u202e | {{ 7*7 }}"
VOID = {"meta", "br", "path", "use", "rect", "img"}


class Tags(HTMLParser):
    """Tags and attributes of a page, and whether all were closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def compared(root: Path, models: tuple[str, str] | None = None, **options: object) -> Comparison:
    return compare(journal.read(root), models, Options(**options))  # type: ignore[arg-type]


def only(comparison: Comparison) -> Decision:
    return comparison.states[0].decision


def test_a_certain_difference_is_called_lower(tmp_path: Path) -> None:
    found = compared(by_turns(tmp_path, FIVE_APART))
    state = found.states[0]
    assert state.decision is Decision.A_LOWER and state.with_instrument is Decision.A_LOWER
    assert state.estimate.difference_w == pytest.approx(-4.9667, abs=1e-3)
    # 1 % of the reading at most is gain: 0.06 W of 6 W
    assert state.instrument_w == pytest.approx(0.0497, abs=1e-3)
    assert found.claim.startswith("This is about these two cards, 533FLR-T-1 (533FLR-T) and 561FLR-T-1 (561FLR-T)")


def test_the_instrument_is_never_in_the_interval_but_may_undo_the_verdict(tmp_path: Path) -> None:
    found = compared(by_turns(tmp_path, FIVE_APART, error=12.0))
    state = found.states[0]
    assert state.decision is Decision.A_LOWER and state.with_instrument is Decision.NOT_DECIDED


def test_an_undecided_state_says_how_many_inserts_would_decide(tmp_path: Path) -> None:
    found = compared(by_turns(tmp_path, {A: [6.0, 6.8, 6.4], B: [6.7, 7.9, 7.1]}))
    needed = found.states[0].needed
    assert only(found) is Decision.NOT_DECIDED and needed and needed.beyond and needed.beyond > 10


def test_one_insert_of_each_is_a_report_that_says_not_decided(tmp_path: Path) -> None:
    found = compared(by_turns(tmp_path, {A: [6.0], B: [11.0]}))
    assert only(found) is Decision.NOT_DECIDED and found.states[0].needed is None


def test_the_last_attempt_in_a_run_counts(tmp_path: Path) -> None:
    name = "power.idle.total_w"
    for n, (model, watts) in enumerate(((A, 6.0), (B, 11.0))):
        rows = [row("p", name, watts, "W", attempt=2), row("p", name, 99.0, "W"), row("p", name, None, "W", "ERROR")]
        write_run(tmp_path / f"r{n}", rows, started_s=T0_S + n, **unit("A", f"C{n}", model))
    assert compared(tmp_path).states[0].estimate.difference_w == -5


def test_a_difference_of_width_is_not_like_with_like(tmp_path: Path) -> None:
    root = by_turns(tmp_path, FIVE_APART, facts={B: {"link_width": 4}})
    found = compared(root)
    assert only(found) is Decision.NOT_COMPARABLE
    assert found.states[0].unlike == ("PCIe width differs: 533FLR-T at x8, 561FLR-T at x4",)
    assert "not like with like in idle" in found.warnings[0]
    assert only(compared(root, any_link=True)) is Decision.A_LOWER


def test_what_was_not_steady_or_elsewhere_is_said(tmp_path: Path) -> None:
    root = by_turns(tmp_path, {A: FIVE_APART[A]}, facts={A: {"steady": False}})
    by_turns(root, {B: FIVE_APART[B]}, bench="other")
    found = compared(root)
    assert "3 insert(s) of 533FLR-T never became steady" in found.states[0].notes[0]
    assert any("2 different benches" in w for w in found.warnings)
    # two supplies: nothing cancels
    assert found.states[0].instrument_w == pytest.approx(0.12)


def test_cards_that_were_not_interleaved_are_warned_of(tmp_path: Path) -> None:
    rows = {A: [6.0, 6.1, 5.9], B: [11.0, 11.1, 10.8]}
    for n, (model, watts) in enumerate((m, w) for m in rows for w in rows[m]):
        total = [row("p", "power.idle.total_w", watts, "W")]
        write_run(tmp_path / f"r{n}", total, started_s=T0_S + n, **unit("A", model, model))
    assert any("came before all of the other" in note for note in compared(tmp_path).states[0].notes)


def test_the_margin_is_the_one_stated_before_the_first_insert(tmp_path: Path) -> None:
    stated = {"a": B, "b": A, "margin_w": 6.0, "inserts": 3, "stops_early": False}
    root = by_turns(tmp_path, FIVE_APART, stated=stated)
    found = compared(root)
    assert found.margin_w == 6.0 and found.names == (B, A) and only(found) is Decision.EQUIVALENT
    assert any("is not the one stated" in w for w in compared(root, margin_w=1.0).warnings)


def test_where_inserts_could_stop_early_the_interval_is_wider(tmp_path: Path) -> None:
    stated = {"a": A, "b": B, "margin_w": 0.5, "inserts": 8, "stops_early": True}
    found = compared(by_turns(tmp_path, FIVE_APART, stated=stated))
    assert found.level == 0.96 and any("could stop early" in w for w in found.warnings)


def test_virtual_and_real_runs_are_never_mixed(tmp_path: Path) -> None:
    by_turns(tmp_path, FIVE_APART, virtual=False)
    by_turns(tmp_path, {A: [1.0, 1.1], B: [1.0, 1.2]})
    found = compared(tmp_path)
    assert not found.found.virtual and found.states[0].estimate.a.inserts == 3
    assert any("4 virtual runs of these models are left out" in w for w in found.warnings)


@pytest.mark.parametrize(
    ("watts", "models", "said"),
    [
        (FIVE_APART, (A, "X"), "no run measured the power of 'X'; the power of 533FLR-T, 561FLR-T was measured there"),
        (FIVE_APART, (A, A), "named twice"),
        ({A: [6.0]}, None, "a comparison is of two card models; the power of 533FLR-T was measured there"),
        ({A: [6.0], B: [1.0], "Z": [2.0]}, None, "name two with --models"),
        ({}, None, "no run there measured power"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(
    tmp_path: Path, watts: dict[str, list[float]], models: tuple[str, str] | None, said: str
) -> None:
    root = by_turns(tmp_path, watts or {A: []})
    with pytest.raises(UsageError, match=re.escape(said)):
        compared(root, models)


def test_a_virtual_card_is_not_compared_with_a_real_one(tmp_path: Path) -> None:
    by_turns(tmp_path, {A: [6.0]}, virtual=False)
    by_turns(tmp_path, {B: [11.0]})
    with pytest.raises(UsageError, match="533FLR-T only real and 561FLR-T only virtual"):
        compared(tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"margin_w": -1.0}, "--margin -1.0"), ({"price": float("nan")}, "--price"), ({"duty": {"idle": 0.5}}, "--duty")],
)
def test_a_wrong_option_is_refused(tmp_path: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        compared(by_turns(tmp_path, FIVE_APART), **options)


def test_a_year_costs_its_kwh(tmp_path: Path) -> None:
    costs = compared(by_turns(tmp_path, FIVE_APART), price=0.5).costs
    assert isinstance(costs, Costs)
    assert costs.kwh(costs.estimate.a.mean_w) == pytest.approx(52.56)
    assert costs.money(costs.estimate.difference_w) == pytest.approx(-21.754, abs=0.001)


def test_a_duty_of_a_state_nobody_measured_has_no_price(tmp_path: Path) -> None:
    found = compared(by_turns(tmp_path, FIVE_APART), duty={"idle": 0.5, "tx": 0.5})
    assert found.costs == "no insert of both cards measured every state of the duty (idle, tx)"


def test_watts_per_gbit_are_of_the_rate_in_the_same_window(tmp_path: Path) -> None:
    rate = {"rate_bps": 9.0e9}
    found = compared(by_turns(tmp_path, {A: [9.0, 9.0], B: [18.0, 18.0]}, state="tx", facts={A: rate, B: rate}))
    assert [(r.model, r.w_per_gbps, r.same_time) for r in found.per_gbit] == [(A, 1.0, True), (B, 2.0, True)]


def test_the_files_say_the_same_and_are_marked_virtual(tmp_path: Path) -> None:
    root = by_turns(tmp_path / "in", FIVE_APART, power=power_lines(6.0), events=_state_events())
    written = write(root, options=Options(out=tmp_path / "out"))
    page, text = (p.read_text(encoding="utf-8") for p in (written.html, written.markdown))
    said = "533FLR-T draws 4.97 W less than 561FLR-T"
    assert said in page and said in text
    assert "<title>VIRTUAL" in page and text.startswith("## VIRTUAL: ") and "default-src 'none'" in page
    assert Tags(page).open == [] and page.count("<svg") == 3 and str(tmp_path) not in page
    table = pd.read_csv(written.states_csv)
    assert table["verdict"].tolist() == ["533FLR-T lower"] and table["virtual"].tolist() == [True]
    assert pd.read_csv(written.inserts_csv)["total_w"].tolist() == [6.0, 11.0, 6.1, 11.1, 5.9, 10.8]


def _state_events() -> list[dict[str, object]]:
    return [
        {"event": "state", "name": "idle", "time_s": T0_S + 1},
        {"event": "state_end", "name": "idle", "time_s": T0_S + 6},
    ]


def test_nothing_in_the_report_acts(tmp_path: Path) -> None:
    other = HOSTILE + "2"
    events = [{"event": "state", "name": HOSTILE.replace(".", ""), "time_s": T0_S}]
    root = by_turns(
        tmp_path, {HOSTILE: [6.0, 6.1], other: [7.0, 7.2]}, state=HOSTILE.replace(".", ""), power=power_lines(6.0),
        events=events, bench=HOSTILE, run=HOSTILE, instruments={"supply": {"maker": HOSTILE}}, plan=HOSTILE,
    )  # fmt: skip
    written = write(root, options=Options(currency=HOSTILE))
    page, text = (p.read_text(encoding="utf-8") for p in (written.html, written.markdown))
    tags = Tags(page)
    assert tags.open == []
    assert tags.found.isdisjoint({"script", "img", "iframe", "object", "embed", "base", "form", "link"})
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    assert all((v or "").startswith("#") for k, v in tags.attributes if k in ("href", "src", "xlink:href"))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", page + text)
    assert "<script" not in text and "<img" not in text


def test_the_command_recomputes_a_folder(tmp_path: Path) -> None:
    root = by_turns(tmp_path / "in", FIVE_APART)
    done = CliRunner().invoke(rig, ["compare", str(root), "--json", "--out", str(tmp_path / "out")])
    tree = json.loads(done.stdout)
    assert done.exit_code == 0 and tree["states"][0]["verdict"] == "533FLR-T lower" and tree["virtual"] is True
    assert (tmp_path / "out" / "compare.html").is_file()


def test_the_command_says_what_is_wrong_in_one_sentence(tmp_path: Path) -> None:
    root = by_turns(tmp_path, FIVE_APART)
    done = CliRunner().invoke(rig, ["compare", str(root), "--duty", "idle"])
    assert done.exit_code == 2 and done.stderr == "rig: --duty idle: write STATE=SHARE, like idle=0.9\n"
