"""The rig command against the virtual bench, in processes of their own, as a user runs it."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest

import rig.report
from rig.config.library import project_root

ROOT = project_root()
BENCH = ROOT / "configs" / "benches" / "virtual.yaml"
RIG = [sys.executable, "-m", "rig"]
DEADLINE_S = 240


def units(*numbers):
    rows = [
        f"- {{adapter: {{design: TobleMiner-revA, serial: A-{n}}}, card: {{model: 561FLR-T, serial: C-{n}}}}}"
        for n in numbers
    ]
    return "name: t\nplan: demo\nunits:\n" + "\n".join(rows) + "\n"


@pytest.fixture
def command(tmp_path):
    """Arguments of `rig batch` for some units, a twin and some steps."""

    def inner(text, twin="seed: 2\n", steps=None):
        (tmp_path / "batch.yaml").write_text(text)
        (tmp_path / "twin.yaml").write_text(twin)
        plan = (ROOT / "configs" / "plans" / "demo.yaml").read_text()
        if steps:
            plan = re.sub(r"^steps: .*$", f"steps: [{', '.join(steps)}]", plan, flags=re.MULTILINE)
        (tmp_path / "plan.yaml").write_text(plan)
        files = ["--bench", BENCH, "--twin", tmp_path / "twin.yaml", "--plan", tmp_path / "plan.yaml"]
        return [*RIG, "batch", tmp_path / "batch.yaml", *files, "--out", tmp_path / "out", "--json"]

    return inner


def run(arguments):
    return subprocess.run(
        arguments, capture_output=True, text=True, timeout=DEADLINE_S, stdin=subprocess.DEVNULL, check=False
    )


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def await_text(path, text):
    deadline = time.monotonic() + DEADLINE_S
    while not (path.exists() and text in path.read_text()):
        assert time.monotonic() < deadline, f"{path}: waited for {text!r}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """`rig demo`, once: its result and its folder."""
    out = tmp_path_factory.mktemp("demo")
    return run([*RIG, "demo", "--out", out]), out


def test_the_demo_takes_every_unit_to_where_its_model_demands(demo):
    result, out = demo
    assert result.returncode == 0, result.stdout + result.stderr
    assert "every unit came out as its model demands" in result.stdout
    assert str(out / "report.html") in result.stdout


def test_every_row_of_the_demo_is_virtual_and_has_a_reason(demo):
    df = rig.report.frame(demo[1])
    assert list(df.columns[:19]) == [
        "run", "batch", "bench", "virtual", "adapter_design", "adapter_serial", "card_model", "card_serial", "step",
        "attempt", "name", "value", "unit", "low", "high", "verdict", "why", "time", "evidence",
    ]  # fmt: skip
    assert df.virtual.all()
    assert (df.why.str.len() > 0).all()
    assert df.attrs["problems"] == []
    assert df.run.nunique() == 9


def test_what_the_demo_shows_follows_from_the_model(demo):
    df = rig.report.frame(demo[1]).set_index(["adapter_serial", "step", "name"])

    def value(serial, step, name, column="value"):
        (found,) = df.loc[[(serial, step, name)], column]
        return found

    assert value("A-03", "enumeration", "pcie.link.width") == 4
    assert value("A-01", "enumeration", "pcie.link.width") == 8
    assert value("C-01", "short_check", "short.12V_3V3.ohm") < 10
    assert value("A-04", "enumeration", "pcie.present") == 0
    assert value("A-02", "firmware", "firmware.route", "text") == "port type"
    assert value("B-01", "throughput", "traffic.aer.root.correctable_per_s") > 0
    idle = "power.idle.total_w"
    assert value("K-01", "power_profile", idle) < value("A-01", "power_profile", idle)


def test_a_bridged_board_never_gets_near_a_host(demo):
    df = rig.report.frame(demo[1])
    steps = df[(df.adapter_serial == "C-01") & df.verdict.isin(["PASS", "FAIL", "MARGINAL"])].step.unique()
    assert list(steps) == ["short_check"]


def test_the_outputs_are_proven_off_at_the_end_of_the_demo(demo):
    last = lines(demo[1] / "guard.jsonl")[-1]
    assert last["event"] == "off_verified"


def test_the_power_of_every_run_is_kept_as_parquet(demo):
    runs = sorted(p.parent for p in demo[1].glob("*/run.json"))
    kept = [rig.report.power(run) for run in runs if (run / "power.parquet").exists()]
    assert len(kept) == len(runs) == 9
    assert {"12v", "3v3"} <= set(kept[0].rail)


def test_json_is_one_object_on_stdout_and_nothing_else(command):
    result = run(command(units(1), "adapters: {A-1: {joints: [{pins: [B17], state: open}]}}\n",
                         ["short_check", "first_power", "enumeration"]))  # fmt: skip
    told = json.loads(result.stdout)
    assert result.returncode == 1
    (unit,) = told["units"]
    assert (unit["adapter"], unit["card"], unit["verdict"], unit["failed"]) == ("A-1", "C-1", "FAIL", ["pcie.present"])
    assert "B17" in unit["cause"]


@pytest.mark.parametrize(
    "twin, words",
    [
        ("psu: {model: SPD3303X-E}", ["SPD3303X-E", "DP832"]),
        ("faults: [{plug: supply, kind: wrong_model}]", ["DP832"]),
        ("faults: [{plug: mains, kind: dead}]", ["mains switch"]),
    ],
)
def test_a_bench_that_is_not_what_its_file_says_is_exit_3_and_nothing_was_powered(command, tmp_path, twin, words):
    result = run(command(units(1), twin + "\n"))
    assert result.returncode == 3
    assert "Traceback" not in result.stderr
    last = result.stderr.strip().splitlines()[-1]
    assert all(word in last for word in words), last
    guarded = tmp_path / "out" / "guard.jsonl"
    assert not guarded.exists() or not any(e["event"] == "on" for e in lines(guarded))


def test_a_bench_fault_in_the_middle_is_an_error_and_never_a_fail(command):
    result = run(command(units(1), "faults: [{plug: mains, kind: stuck}]\n"))
    (unit,) = json.loads(result.stdout)["units"]
    assert (result.returncode, unit["verdict"], unit["failed"]) == (3, "ERROR", [])
    assert "mains switch" in unit["cause"]


def test_counters_the_kernel_does_not_have_are_not_run_and_never_zero(command, tmp_path):
    result = run(command(units(1), "host: {aer: false}\n", ["short_check", "first_power", "enumeration"]))
    assert result.returncode == 4
    df = rig.report.frame(tmp_path / "out").set_index("name")
    assert df.loc["pcie.aer.endpoint.correctable_per_s", "verdict"] == "NOT_RUN"
    assert df.value.isna()["pcie.aer.endpoint.correctable_per_s"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_cancelled_batch_is_off_written_down_and_exit_130(command, tmp_path, number):
    process = subprocess.Popen(command(units(1, 2)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    await_text(tmp_path / "out" / "guard.jsonl", '"on"')
    process.send_signal(number)
    out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert [u["verdict"] for u in json.loads(out)["units"]] == ["NOT_RUN", "NOT_RUN"]
    assert lines(tmp_path / "out" / "guard.jsonl")[-1]["event"] == "off_verified"
    (stop,) = (tmp_path / "out").glob("*/stop.json")
    assert json.loads(stop.read_text())["status"] == "cancelled"


def test_a_killed_rig_leaves_the_outputs_proven_off_and_a_run_that_reads_as_crashed(command, tmp_path):
    process = subprocess.Popen(command(units(1)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal = tmp_path / "out" / "guard.jsonl"
    await_text(journal, '"on"')
    process.kill()
    process.wait()
    await_text(journal, "the client ended without closing")
    await_text(journal, '"off_verified", "time_s"')
    assert lines(journal)[-1]["event"] in ("off_verified", "ending")
    (crashed,) = rig.report.runs(tmp_path / "out").to_dict("records")
    assert crashed["crashed"]
    assert crashed["verdict"] == "NOT_RUN"


def test_another_supply_needs_another_bench_file_and_nothing_else(command, tmp_path):
    arguments = command(units(1), "psu: {model: SPD3303X-E}\n", ["first_power", "enumeration"])
    bench = BENCH.with_name("virtual-siglent.yaml")
    result = run([bench if a == BENCH else a for a in arguments])
    assert result.returncode == 0, result.stdout + result.stderr
    told = json.loads(next((tmp_path / "out").glob("*/run.json")).read_text())
    assert told["instruments"]["supply"]["model"] == "SPD3303X-E"
    assert told["virtual"] is True


def test_pytest_itself_does_the_same(command, tmp_path):
    command(units(1), steps=["short_check"])
    options = ["--lg-env", BENCH, "--rig-batch", tmp_path / "batch.yaml", "--rig-plan", tmp_path / "plan.yaml",
               "--rig-twin", tmp_path / "twin.yaml", "--rig-out", tmp_path / "out"]  # fmt: skip
    result = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", ROOT / "tests_hil", *options])
    assert "1 passed" in result.stdout, result.stdout + result.stderr
    assert set(rig.report.frame(tmp_path / "out").verdict) == {"PASS"}


def test_hil_tests_without_a_batch_are_a_wrong_call_and_not_a_green_one():
    result = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", ROOT / "tests_hil"])
    assert result.returncode == 4
    assert "need a batch and a bench" in result.stdout + result.stderr


def test_a_dip_of_12_v_under_load_is_the_units_fault_whatever_it_broke(command):
    """All four 12 V joints poor: enough for a card without links, and too little for one with."""
    joints = [{"pins": [pin], "state": "resistive", "ohm": 7.8} for pin in ("A2", "A3", "B2", "B3")]
    twin = json.dumps({"seed": 2, "adapters": {"A-1": {"joints": joints}}})
    result = run(command(units(1), twin, ["first_power", "enumeration", "link", "throughput"]))
    assert result.returncode == 1, result.stderr
    (unit,) = json.loads(result.stdout)["units"]
    assert unit["verdict"] == "FAIL"
    assert "pcie.answers" in unit["failed"]
    assert unit["cause"].startswith("card was reset while its driver ran") and "A2" in unit["cause"]
