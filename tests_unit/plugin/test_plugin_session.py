from pathlib import Path
from types import SimpleNamespace

from rig.cli import exit_code
from rig.model import AdapterUnit, CardUnit, Unit, Verdict
from rig.plugin import pytest_timeout_set_timer
from rig.plugin.progress import Progress
from rig.plugin.session import Result
from rig.plugin.stash import ORDER
from rig.plugin.unitrun import Outcome

UNIT = Unit(AdapterUnit("d", "A"), CardUnit("m", "C"))
PASSED = Outcome(UNIT, Verdict.PASS, (), (), None, Path("x"))


def test_a_bench_not_proven_off_at_the_end_is_exit_3_though_every_unit_passed():
    result = Result([PASSED], Path("x"), cancelled=False, error="the bench may not be off")
    assert exit_code(result.verdicts()) == 3


def test_units_that_passed_on_a_good_bench_are_exit_0():
    assert exit_code(Result([PASSED], Path("x"), cancelled=False, error=None).verdicts()) == 0


def test_progress_does_not_let_a_serial_drive_the_terminal(capsys):
    progress = Progress()
    for about in ("unit", "step", "verdict", "outcome", "error", "bench"):
        progress.tell(about, "\x1b[2J[red]A-1[/red]")
    told = capsys.readouterr().err
    assert "\x1b[2J" not in told
    assert "[red]A-1[/red]" in told


def test_no_time_limit_of_unit_tests_ends_a_step_on_a_bench():
    on_a_bench, elsewhere = SimpleNamespace(stash={ORDER: object()}), SimpleNamespace(stash={})
    assert pytest_timeout_set_timer(SimpleNamespace(config=on_a_bench)) is True
    assert pytest_timeout_set_timer(SimpleNamespace(config=elsewhere)) is None
