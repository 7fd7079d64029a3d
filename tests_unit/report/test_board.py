"""The picture of the board: where pins are, what is coloured, what is said, and that nothing in it acts."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from report_journals import cause, row, unit, write_run
from report_pages import HOSTILE, Tags

from rig.cli import rig
from rig.config.library import default_library
from rig.errors import UsageError
from rig.report import board
from rig.report.html import write
from rig.report.schema import AdapterPart, CausePart
from rig.report.suspects import suspects

REV_A = AdapterPart(design="TobleMiner-revA", serial="A-03")


def causes(*of: tuple[tuple[str, ...], float | None, tuple[float, ...]]) -> list[CausePart]:
    return [
        CausePart(title=f"cause {n}", pins=pins, probability=p, shares=shares) for n, (pins, p, shares) in enumerate(of)
    ]


def drawn(*of: tuple[tuple[str, ...], float | None, tuple[float, ...]], adapter: AdapterPart = REV_A) -> board.Picture:
    found = board.picture(adapter, causes(*of), virtual=False)
    assert found is not None
    return found


def side(picture: board.Picture, row: str) -> board.Side:
    return next(s for s in picture.sides if s.row == row)


def test_every_design_has_every_pin_on_its_own_side() -> None:
    for design in default_library().designs():
        found = drawn((("A1", "B1"), None, ()), adapter=AdapterPart(design=design, serial="x"))
        for letter in "AB":
            every = [f"{letter}{n}" for n in range(1, 50)]
            assert [p.name for p in side(found, letter).pads] == every
            assert [p.name for p in side(found, letter).fingers] == every


def test_the_bottom_side_is_mirrored_and_says_so() -> None:
    found = drawn((("A1", "B1"), None, ()))
    top, bottom = ([p.x for p in side(found, row).pads] for row in "BA")
    assert top == sorted(top) and bottom == sorted(bottom, reverse=True)
    assert [board.WIDTH - x for x in bottom] == pytest.approx(top)
    assert side(found, "A").hint == "board turned over: pin 1 at the right" and "left" in side(found, "B").hint
    # 1 mm between contacts, 3 mm across the key
    gaps = [b - a for a, b in pairwise(top)]
    assert gaps[10] == pytest.approx(3 * gaps[0]) and gaps[9] == pytest.approx(gaps[11])


def test_pins_are_coloured_by_their_share_of_the_probability() -> None:
    found = suspects(causes((("A35", "A36"), 0.7, (0.5, 0.2)), (("B33", "A35"), 0.2, ()), (("B1",), 0.01, ())))
    assert {p: s.heat for p, s in found.items()} == {"A35": 1, "A36": 2, "B33": 2, "B1": 4}
    assert found["A35"].share == 0.5 and found["B33"].share is None


def test_without_probabilities_the_rank_of_the_cause_colours() -> None:
    found = suspects(
        causes((("A1", "A2"), None, ()), (("A2", "A3"), None, ()), *[((f"B{n}",), None, ()) for n in range(1, 6)])
    )
    assert [found[p].heat for p in ("A1", "A2", "A3", "B1", "B2", "B5")] == [1, 1, 2, 3, 4, 4]


def test_neighbours_share_a_label_that_says_lane_and_likelihood() -> None:
    found = side(drawn((("A35", "A36"), 0.7, (0.4, 0.3))), "A")
    assert [(label.text, label.more) for label in found.above] == [("A36 A35", "lane 4, 70 %")]


def test_a_bridge_counts_once_though_it_is_shared_out_at_both_ends() -> None:
    found = side(drawn((("A1", "A2"), 0.6, (0.6, 0.6)), (("A1",), 0.1, (0.1,))), "A")
    assert [label.more.split(", ")[1] for label in found.above] == ["70 %"]


def test_the_finger_at_the_other_end_is_coloured_for_the_multimeter() -> None:
    top = side(drawn((("A35", "A5"), 0.7, ())), "B")
    assert [p.name for p in top.fingers if p.heat] == ["B33"]  # A5 is ground: many fingers, none is told


def test_a_jumper_moves_the_finger_with_it() -> None:
    moved = AdapterPart(design="TobleMiner-revA", serial="A", jumpers={"JP3": "2-3"})
    for adapter, pin in ((REV_A, "A1"), (moved, "A14")):
        assert [p.name for p in side(drawn(((pin,), 0.9, ()), adapter=adapter), "A").fingers if p.heat] == ["A11"]


def test_labels_never_overlap_and_stay_in_the_picture() -> None:
    pins = tuple(f"{row}{n}" for row in "AB" for n in range(1, 50))
    for few in (pins[:5], pins[40:49], pins):
        for found in drawn((few, 0.5, ())).sides:
            for labels in (found.above, found.below):
                xs = [label.x for label in labels]
                assert all(b - a >= 92 for a, b in pairwise(xs))
                assert all(46 <= x <= board.WIDTH - 46 for x in xs)
    assert side(drawn((pins, 0.5, ())), "A").unlabelled


def test_what_is_no_connector_pin_is_told_as_text() -> None:
    assert drawn((("A1", "edge:A11", "JP3"), 0.5, ())).elsewhere == ("edge:A11", "JP3")


def test_an_unknown_design_or_a_cause_without_pins_has_no_picture() -> None:
    assert board.picture(AdapterPart(design="x", serial="y"), causes((("A1",), None, ())), virtual=False) is None
    assert board.picture(REV_A, causes(((), 0.9, ())), virtual=False) is None
    with pytest.raises(UsageError, match="no cause of this run names a pin"):
        board.alone(REV_A, [], virtual=False)


def test_jumpers_that_cannot_be_still_have_a_picture() -> None:
    odd = AdapterPart(design="TobleMiner-revA", serial="A", jumpers={"JP99": "7-8"})
    assert drawn((("A1",), 0.5, ()), adapter=odd).sides


def test_nothing_in_the_picture_acts() -> None:
    hostile = AdapterPart(design="TobleMiner-revA", serial=HOSTILE, jumpers={HOSTILE: HOSTILE}, mods=(HOSTILE,))
    text = board.alone(hostile, causes(((HOSTILE, "A1"), 0.5, ())), virtual=True)
    found = Tags(text)
    assert found.open == [] and {t for t, _ in found.tags} <= {"svg", "style", "rect", "text", "g", "path", "title"}
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", text) and "VIRTUAL" in text
    assert text.startswith("<svg xmlns=") and "not to scale" in text


def test_the_report_shows_the_board_of_a_failed_run(tmp_path: Path) -> None:
    parts = unit("A-1")
    parts["adapter"]["design"] = "TobleMiner-revA"
    stop = {"verdict": "FAIL", "causes": [cause(pins=["A35", "A36"])]}
    write_run(tmp_path / "a", [row("link", "x", 1, verdict="FAIL")], stop=stop, **parts)
    write_run(tmp_path / "b", [row("link", "x", 1)], **{**parts, **unit("A-2")})
    text = write(tmp_path).read_text(encoding="utf-8")
    assert text.count('<svg class="board"') == 1 and "suspected: bottom side A35 A36." in text
    assert Tags(text).open == []


def test_the_command_writes_the_picture_and_tells_the_causes(tmp_path: Path) -> None:
    parts = unit("A-1")
    parts["adapter"]["design"] = "TobleMiner-revA"
    run = write_run(tmp_path / "a", stop={"verdict": "FAIL", "causes": [cause(pins=["A35"])]}, **parts)
    done = CliRunner().invoke(rig, ["diagnose", str(run), "--svg", str(tmp_path / "b.svg")])
    assert done.exit_code == 0 and "1. joint open, lane 4, 80 % (A35): reflow A35 and B33" in done.stdout
    assert done.stdout.startswith("VIRTUAL") and (tmp_path / "b.svg").read_text().startswith("<svg")
    write_run(tmp_path / "b", **unit("A-2"))
    several = CliRunner().invoke(rig, ["diagnose", str(tmp_path)])
    assert several.exit_code == 2 and "2 runs and units are in it" in several.stderr
