import json
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from rig.bench.doctor import BAD, NOT_CHECKED, OK, WARNING
from rig.cli import rig
from rig.config.bench import BenchOptions
from rig.errors import BenchError, ConfigError, UsageError
from rig.model import Judged, Measurement, Verdict
from rig.plugin import golden, golden_check
from rig.plugin.golden_run import order

ROOT = Path(__file__).parents[2]
FILE = """\
bench: virtual
virtual: true
plan: demo
plan_name: demo
made: 2026-11-28
false_alarm: 0.01
unit:
  adapter: {design: KCORES-v1.1, serial: K-03}
  card: {model: 544FLR-QSFP-649283, serial: MT1}
numbers:
  power.idle.total_w: {mean: 8.0, sd: 0.1, n: 5, unit: W, low: 7.5, high: 8.5}
  pcie.link.width: {mean: 8, sd: 0.0, n: 5, unit: "1", low: 8, high: 8}
"""


@pytest.fixture
def bench(tmp_path):
    """A virtual bench file that names a golden file beside it."""
    text = (ROOT / "configs/benches/virtual.yaml").read_text()
    twin = ROOT / "configs/twins/good.yaml"
    text = text.replace("twin: ../twins/good.yaml", f"twin: {twin}\n      golden: {{file: v.golden.yaml}}")
    path = tmp_path / "v.yaml"
    path.write_text(text)
    (tmp_path / "v.golden.yaml").write_text(FILE)
    return path


def options(virtual=True, **more):
    return BenchOptions.model_validate(
        {"name": "virtual", "virtual": virtual, "golden": {"file": "v.golden.yaml"}} | more
    )


@pytest.fixture
def found(bench):
    return golden.golden(bench, options())


def judged(watts=8.0, width=8, verdict=Verdict.PASS):
    found = [Measurement("power.idle.total_w", watts, "W"), Measurement("pcie.link.width", width, "1")]
    return [Judged(m, verdict, "") for m in found]


def test_numbers_within_their_bounds_prove_the_bench(found):
    assert golden.compared(found, judged(), None) == (Verdict.PASS, "all 2 numbers within their bounds")


@pytest.mark.parametrize(
    ("rows", "error", "verdict", "said"),
    [
        (judged(watts=9.0), None, Verdict.FAIL, "power.idle.total_w is 9 W, wanted 7.5 to 8.5"),
        (judged(width=4), None, Verdict.FAIL, "pcie.link.width is 4"),
        (judged(verdict=Verdict.FAIL), None, Verdict.FAIL, "the golden unit itself is FAIL"),
        (judged()[:1], None, Verdict.NOT_RUN, "not measured: pcie.link.width"),
        (judged(watts=None), None, Verdict.NOT_RUN, "not measured: power.idle.total_w"),
        (judged(), "supply: gone", Verdict.ERROR, "supply: gone"),
    ],
)
def test_what_is_off_unknown_or_broken_proves_nothing(found, rows, error, verdict, said):
    assert golden.compared(found, rows, error)[0] is verdict
    assert said in golden.compared(found, rows, error)[1]


def test_the_last_check_decides(found):
    golden.refuse_out_of_order(found)  # never checked: a warning, no refusal
    golden.keep(found, Verdict.FAIL, "it draws 9 W", "run-1")
    with pytest.raises(BenchError, match=r"out of order: its golden unit .*it draws 9 W.*rig golden run"):
        golden.refuse_out_of_order(found)
    golden.keep(found, Verdict.PASS, "fine", "run-2")
    golden.refuse_out_of_order(found)


def test_a_torn_line_hides_no_check_and_is_none(found):
    golden.keep(found, Verdict.PASS, "fine", "run-1")
    with found.checks.open("a") as file:
        file.write('{"time_s": 1, "verd')
    assert golden.last_check(found).verdict is Verdict.PASS
    golden.keep(found, Verdict.FAIL, "off", "run-2")
    assert golden.last_check(found).verdict is Verdict.FAIL


def test_a_check_of_other_numbers_says_nothing(found, bench):
    golden.keep(found, Verdict.FAIL, "off", "run-1")
    found.path.write_text(FILE.replace("high: 8.5", "high: 9.5"))
    assert golden.last_check(golden.golden(bench, options())) is None


def test_virtual_numbers_say_nothing_of_hardware_nor_those_of_another_bench(bench):
    with pytest.raises(ConfigError, match="numbers of a virtual bench, this is a real bench"):
        golden.golden(bench, options(virtual=False))
    with pytest.raises(ConfigError, match="numbers of bench 'virtual', this bench is 'other'"):
        golden.golden(bench, options(name="other"))


def test_numbers_that_are_not_made_yet_stop_no_batch_but_are_a_warning(bench, found):
    """The runs they are made from are taken on the bench that names them."""
    found.path.unlink()
    assert golden.golden(bench, options()) is None
    assert golden_check.standing(bench).state == WARNING
    with pytest.raises(UsageError, match=r"v\.golden\.yaml is not made yet.*rig golden set"):
        order(bench)


def a_run(found, rows, error=None, unit=None):
    """What `proven` asks of a run."""
    off = []
    journal = SimpleNamespace(folder=found.path.parent / "run-7")
    return SimpleNamespace(
        unit=unit or found.unit, judged=rows, error=error, journal=journal, bench_is_off=off.append, off=off
    )


def test_the_golden_unit_in_a_batch_stops_a_bench_that_is_off(found, bench):
    whole, run = order(bench), a_run(found, judged(watts=9.0))
    in_a_batch = replace(whole, proves_bench=False)
    why = golden_check.proven(found, in_a_batch, run, lambda *_: None)
    assert "out of order" in why
    assert run.off == [why]
    assert golden.last_check(found).verdict is Verdict.FAIL


def test_a_batch_that_did_not_measure_all_is_no_check_but_golden_run_is(found, bench):
    whole, run = order(bench), a_run(found, judged()[:1])
    assert golden_check.proven(found, replace(whole, proves_bench=False), run, lambda *_: None) is None
    assert golden.last_check(found) is None
    assert "not measured" in golden_check.proven(found, whole, run, lambda *_: None)
    assert golden.last_check(found).verdict is Verdict.NOT_RUN


def test_any_other_unit_is_nobodys_proof(found, bench):
    other = replace(found.unit, card=replace(found.unit.card, serial="MT2"))
    run = a_run(found, judged(watts=9.0), unit=other)
    assert golden_check.proven(found, order(bench), run, lambda *_: None) is None
    assert not found.checks.exists()


def test_the_doctor_says_never_fresh_old_and_off(bench, found):
    assert golden_check.standing(bench).state == WARNING
    golden.keep(found, Verdict.PASS, "fine", "run-1")
    assert golden_check.standing(bench).state == OK
    row = json.loads(found.checks.read_text())
    found.checks.write_text(json.dumps(row | {"time_s": time.time() - 31 * 86400}) + "\n")
    old = golden_check.standing(bench)
    assert (old.state, "more than 30 days" in old.said) == (WARNING, True)
    golden.keep(found, Verdict.ERROR, "supply: gone", "run-2")
    assert golden_check.standing(bench).state == BAD
    assert golden_check.standing(ROOT / "configs/benches/virtual.yaml").state == NOT_CHECKED


def test_show_ends_in_3_where_the_bench_is_out_of_order(bench, found):
    assert CliRunner().invoke(rig, ["golden", "show", "--bench", str(bench)]).exit_code == 0
    golden.keep(found, Verdict.FAIL, "off", "run-1")
    done = CliRunner().invoke(rig, ["golden", "show", "--bench", str(bench)])
    assert (done.exit_code, "out of order" in done.output) == (3, True)


def test_set_refuses_to_replace_and_names_the_option(bench, tmp_path):
    done = CliRunner().invoke(rig, ["golden", "set", str(tmp_path), "--bench", str(bench)])
    assert (done.exit_code, "--replace" in done.output) == (2, True)
    plain = ROOT / "configs/benches/virtual.yaml"
    done = CliRunner().invoke(rig, ["golden", "set", str(tmp_path), "--bench", str(plain)])
    assert (done.exit_code, "add 'golden:" in done.output) == (2, True)
