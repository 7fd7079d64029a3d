"""All 970 single faults on the twin, the tables in docs/, and faults that must never pass."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from rig import cli
from rig.cli.shared import EXIT_USAGE
from rig.config.library import default_library, project_root
from rig.errors import UsageError
from rig.model import Step, Verdict
from rig.netlist import dangerous_bridges
from rig.plugin.matrix import Matrix, Row, joint, markdown

LIBRARY = default_library()
DESIGNS = LIBRARY.designs()


@pytest.fixture(scope="module", params=DESIGNS)
def made(request: pytest.FixtureRequest) -> tuple[Matrix, list[Row]]:
    matrix = Matrix(LIBRARY, request.param)
    return matrix, matrix.rows()


def test_there_are_194_single_faults_on_each_of_five_layouts(made: tuple[Matrix, list[Row]]) -> None:
    assert (len(DESIGNS), len(made[1])) == (5, 194)
    assert [sum(row.kind == kind for row in made[1]) for kind in ("open", "bridge")] == [98, 96]


def test_every_fault_is_in_the_top_three_or_rightly_called_unseen(made: tuple[Matrix, list[Row]]) -> None:
    assert [row.fault for row in made[1] if not row.right] == []


def test_the_table_in_the_docs_is_what_the_command_makes(made: tuple[Matrix, list[Row]]) -> None:
    matrix, rows = made
    kept = project_root() / "docs" / f"matrix-{matrix.board.adapter.design}.md"
    assert kept.read_text(encoding="utf-8") == markdown(matrix, rows), "make it anew: rig diagnose --matrix, --out"


def test_every_dangerous_bridge_stops_before_a_host_and_is_the_first_cause(made: tuple[Matrix, list[Row]]) -> None:
    matrix, _ = made
    for pair in dangerous_bridges(matrix.board):
        shown = matrix.show([joint("bridge", pair)])
        assert shown.failed_in is Step.SHORT_CHECK
        first = matrix.diagnosed(shown.judged)[0]
        assert set(pair) <= set(first.pins)
        assert "do not put it into a host" in first.action


@pytest.mark.parametrize("design", ["TobleMiner-revA", "KCORES-v1.1"])
def test_a_fault_is_not_hidden_by_another(design: str) -> None:
    matrix = Matrix(LIBRARY, design)
    for one in ("A14", "A16", "A35", "B22"):
        alone = matrix.show([joint("open", (one,))]).verdict
        for pair in (("A13", "A14"), ("A16", "A17"), ("A35", "A36"), ("B22", "B23")):
            both = matrix.show([joint("open", (one,)), joint("bridge", pair)]).verdict
            assert both is not Verdict.PASS or alone is Verdict.PASS


def test_a_good_board_passes() -> None:
    assert Matrix(LIBRARY, "TobleMiner-revC").show([]).verdict is Verdict.PASS


def test_an_x4_card_says_that_half_of_the_lanes_are_not_seen() -> None:
    matrix = Matrix(LIBRARY, "KCORES-v1.1", "331FLR")
    row = matrix.row("open", ("A35",))
    assert row.right
    assert "lane 4 carries nothing" in str(row.unseen)


def test_a_card_that_the_layout_does_not_carry_is_refused() -> None:
    with pytest.raises(UsageError, match="does not carry a 530FLR"):
        Matrix(LIBRARY, "TobleMiner-revA", "530FLR-SFP+")
    with pytest.raises(UsageError, match="no adapter design"):
        Matrix(LIBRARY, "nope")


def test_a_run_and_a_matrix_are_not_asked_for_together() -> None:
    result = CliRunner().invoke(cli.rig, ["diagnose", "--card", "x"])
    assert result.exit_code == EXIT_USAGE
    assert "--matrix DESIGN" in result.output
