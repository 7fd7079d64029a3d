"""Outcomes, counts and mean watts; the Markdown that says them; the tables of the terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from report_journals import T0_S, cause, row, unit, write_batch, write_run
from rich.console import Console

from rig.errors import UsageError
from rig.model import Adapter, Card, Verdict
from rig.report.journal import read
from rig.report.markdown import escaped, summary
from rig.report.summary import outcomes, tally
from rig.report.table import print_cards, print_units
from rig.report.watts import card_draws


def watts(state: str, value: object) -> dict[str, object]:
    return row("power_profile", f"power.{state}.total_w", value, "W", verdict=None)


def test_a_retry_that_passes_counts_but_is_no_first_pass(tmp_path: Path) -> None:
    failed = row("link", "x", 1, verdict="FAIL")
    write_run(tmp_path / "a", [failed], stop={"verdict": "FAIL"})
    write_run(tmp_path / "b", [row("link", "x", 1)], attempt=2, started_s=T0_S + 1)
    write_run(tmp_path / "c", [row("link", "x", 1)], started_s=T0_S + 2, **unit("A-2"))
    counted = tally(outcomes(read(tmp_path)))
    assert (counted.units, counted.runs, counted.first_pass) == (2, 3, 1)
    assert counted.verdicts == {Verdict.PASS: 2}


def test_the_same_serials_in_two_batches_are_two_units(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [row("link", "x", 1)], batch_id="1")
    write_run(tmp_path / "b", [row("link", "x", 1)], batch_id="2")
    assert tally(outcomes(read(tmp_path))).units == 2


def test_watts_are_means_of_inserts_in_the_order_of_the_profile(tmp_path: Path) -> None:
    for n, (idle, both) in enumerate([(6.0, 8.0), (7.0, 9.0)]):
        write_run(tmp_path / f"{n}", [watts("both", both), watts("idle", idle), watts("tx", None)], **unit(f"A-{n}"))
    (model,) = card_draws(read(tmp_path))
    assert [(d.state, d.mean_w, d.inserts, d.cards) for d in model.draws] == [("idle", 6.5, 2, 1), ("both", 8.5, 2, 1)]
    assert model.draws[0].spread_w == pytest.approx(0.7071, abs=1e-4)
    assert model.datasheet == "max 9 W (HPE QuickSpecs)"


def test_virtual_and_real_watts_are_never_averaged(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [watts("idle", 6.0)], virtual=True)
    write_run(tmp_path / "b", [watts("idle", 60.0)], virtual=False)
    assert [(m.virtual, m.draws[0].mean_w) for m in card_draws(read(tmp_path))] == [(False, 60.0), (True, 6.0)]


def test_a_card_without_a_published_figure_says_so(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [watts("idle", 6.0)], **unit(max_w=None, power_source=""))
    assert card_draws(read(tmp_path))[0].datasheet == "no published figure"


def test_the_summary_has_units_counts_causes_and_watts(tmp_path: Path) -> None:
    stop = {"verdict": "FAIL", "failed": ["pcie.link.width"], "causes": [cause()]}
    write_batch(tmp_path, [("A-001", "C-001"), ("A-009", "C-009")], stopped="cancelled")
    write_run(tmp_path / "a", [row("enumeration", "pcie.link.width", 4, verdict="FAIL"), watts("idle", 6.0)], stop=stop)
    text = summary(tmp_path)
    assert text.startswith("## VIRTUAL: batch demo\n")
    assert "2 units: 1 FAIL, 1 NOT\\_RUN. 0 of 2 good at the first attempt." in text
    assert "| ❌ FAIL | pcie.link.width | joint open, lane 4: reflow A35 and B33 |" in text
    assert "not started: the batch was cancelled" in text
    assert "| 533FLR-T (VIRTUAL) | idle | 6.00 |  | 1 | 1 | max 9 W (HPE QuickSpecs) |" in text


def test_hostile_text_stays_in_its_cell(tmp_path: Path) -> None:
    hostile = "a|b\n\n# <script>`x`</script> $x$ [l](http://x) \x1b[31m &lt; \u202e"
    write_run(tmp_path / "a", [row("link", "x", 1)], stop={"verdict": "ERROR", "error": hostile}, **unit(hostile))
    lines = [line for line in summary(tmp_path).splitlines() if line.startswith("| a")]
    assert len(lines) == 1
    assert lines[0].replace("\\|", "").count("|") == 5
    assert "<script>" not in lines[0] and "\x1b" not in lines[0] and "\\$x\\$" in lines[0]


def test_markdown_that_acts_is_escaped() -> None:
    assert (
        escaped("*a* _b_ [c](d) <e> `f` ~g~ & \\") == "\\*a\\* \\_b\\_ \\[c\\](d) &lt;e\\> \\`f\\` \\~g\\~ &amp; \\\\"
    )


def test_a_summary_of_nothing_says_so(tmp_path: Path) -> None:
    assert "no runs" in summary(tmp_path)
    with pytest.raises(UsageError):
        summary(tmp_path / "nowhere")


def test_many_units_make_a_bounded_summary(tmp_path: Path) -> None:
    write_batch(tmp_path, [(f"A-{n}", f"C-{n}") for n in range(400)])
    text = summary(tmp_path)
    assert "and 200 more units" in text and len(text) < 60_000


def printed(width: int = 200) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=width, force_terminal=False), out


def test_the_terminal_table_takes_nothing_for_markup_or_control() -> None:
    console, out = printed()
    line = {
        "adapter": "[red]A-1[/red]\x1b[2J", "design": "revA", "card": "C-1\r", "model": "533FLR-T", "verdict": "FAIL",
        "failed": ["pcie.link.width"], "cause": "joint open",
    }  # fmt: skip
    print_units([line, {**line, "verdict": "PASS", "failed": [], "cause": None}], virtual=True, console=console)
    text = out.getvalue()
    assert "[red]A-1[/red]␛[2J" in text and "\x1b" not in text
    assert "joint open" in text and "None" not in text
    assert "VIRTUAL" in text


def test_the_table_of_cards_has_a_question_mark_where_nobody_knows() -> None:
    card = Card(
        model="533FLR-T", title="HPE 533FLR-T", aliases=(), controller="BCM57810S", family="broadcom-57810s",
        pci_id="14e4:168e", recovery_id=None, other_ids={}, subsystem_id=None, gen=2, lanes=None, ports=2,
        port_type="RJ45", speeds_bps=(), drivers=(), typ_w=None, max_w=9.0, power_source="", needs={}, reports=(),
        quirks="", sources="", confidence="", pcie_card=True, limits={},
    )  # fmt: skip
    adapter = Adapter("toblerevA", "", 8, {}, {}, {}, {}, {})
    console, out = printed()
    print_cards([card], [adapter], console)
    assert "? / 9" in out.getvalue() and "toblerevA" in out.getvalue()
