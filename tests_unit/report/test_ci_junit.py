"""JUnit for any importer: valid by both common schemas, numbers in it, whatever the texts are."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from report_journals import T0_S, cause, row, unit, write_batch, write_run

from rig.model import Verdict
from rig.report.ci import junit
from rig.report.ci.cases import Case, Suite, suites, verdicts
from rig.report.ci.junit import render
from rig.report.ci.remarks import Remark, github, plain, remarks
from rig.report.journal import read

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).with_name("junit_common.xsd")))
HOSTILE = (
    "\x1b[31m]]>\x00<&\"'\ud800\ufffe\uffff\u202e [[ATTACHMENT|/etc/passwd]] ::error::x ##[add-mask] %0A\r\n\n::set-env"
)
WIDTH = {"step": "enumeration", "name": "pcie.link.width", "unit": "1", "low": 8, "marginal_low": 8}


def tree(data: bytes) -> etree._Element:
    """Parsed strictly, and valid by the schema."""
    root = etree.fromstring(data)
    SCHEMA.assertValid(root)
    return root


def report(folder: Path) -> etree._Element:
    return tree(render(suites(read(folder))))


def suite_of(root: etree._Element, serial: str = "A-001") -> etree._Element:
    return next(s for s in root if s.get("name").startswith(serial))


def properties(suite: etree._Element) -> dict[str, str]:
    return {p.get("name"): p.get("value") for p in suite.find("properties")}


def case(suite: etree._Element, name: str) -> etree._Element:
    return next(c for c in suite.iter("testcase") if c.get("name") == name)


def events(*steps: tuple[str, str | None]) -> list[dict[str, object]]:
    """Each step begun, and ended after 2 s with its verdict, or (None) not."""
    found: list[dict[str, object]] = []
    for n, (step, verdict) in enumerate(steps):
        found.append({"event": "step_start", "time_s": T0_S + 10 * n, "step": step})
        if verdict:
            found.append({"event": "step_end", "time_s": T0_S + 10 * n + 2, "step": step, "verdict": verdict})
    return found


def test_a_unit_is_a_suite_and_a_step_a_case_with_its_time(tmp_path: Path) -> None:
    rows = [row("short_check", "short.a_b.ohm", 900.0, "Ohm", low=10.0), row("link", "link.ports", 2, "1", low=2)]
    write_run(tmp_path / "a", rows, events=events(("short_check", "PASS"), ("link", "PASS")))
    suite = suite_of(report(tmp_path))
    assert [(c.get("name"), c.get("time")) for c in suite.iter("testcase")] == [
        ("short_check", "2.000"),
        ("link", "2.000"),
    ]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "2",
        "0",
        "0",
        "0",
    )
    assert suite.get("timestamp") == "2026-11-23T10:15:02" and suite.get("time") == "200.000"


def test_every_measurement_has_value_unit_limits_and_verdict(tmp_path: Path) -> None:
    volt = row(
        "first_power", "rail.12v.voltage_v", 12.0061, "V", low=11.04, high=12.96, marginal_low=11.4, error=0.01,
    )  # fmt: skip
    texts = row("firmware", "firmware.route", "none", one_of=["none", "x4"])
    missing = row("link", "link.port1.carrier", None, "1", "NOT_RUN", low=1)
    write_run(tmp_path / "a", [volt, texts, missing, row("link", "link.mac", "9c:b6", verdict=None)])
    found = properties(suite_of(report(tmp_path)))
    wanted = {
        "rail.12v.voltage_v": "12.0061", "rail.12v.voltage_v@unit": "V", "rail.12v.voltage_v@low": "11.04",
        "rail.12v.voltage_v@high": "12.96",
        "rail.12v.voltage_v@marginal_low": "11.4", "rail.12v.voltage_v@error": "0.01",
        "rail.12v.voltage_v@verdict": "PASS",
        "rail.12v.voltage_v@why": "because", "rail.12v.voltage_v@step": "first_power",
        "firmware.route": "none", "firmware.route@one_of": "none, x4",
        "link.port1.carrier": "", "link.port1.carrier@verdict": "NOT_RUN", "link.mac": "9c:b6",
        "rig:virtual": "true", "rig:card.serial": "C-001",
    }  # fmt: skip
    assert {k: found.get(k) for k in wanted} == wanted
    assert "link.mac@verdict" not in found and "rail.12v.voltage_v@marginal_high" not in found
    out = suite_of(report(tmp_path)).findtext("system-out")
    assert "rail.12v.voltage_v 12.01 ± 0.01 V, limit 11.04 … 12.96, marginal below 11.4" in out
    assert out.startswith("VIRTUAL")


def test_the_same_name_twice_is_two_properties(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [row("link", "x", 1), row("link", "x", 2, verdict="FAIL")], stop={"verdict": "FAIL"})
    found = properties(suite_of(report(tmp_path)))
    assert (found["x"], found["x#2"], found["x#2@verdict"]) == ("1", "2", "FAIL")


@pytest.mark.parametrize(
    ("verdict", "element"), [("FAIL", "failure"), ("ERROR", "error"), ("NOT_RUN", "skipped"), ("MARGINAL", None)]
)
def test_a_verdict_is_its_element_with_reason_and_numbers(tmp_path: Path, verdict: str, element: str | None) -> None:
    judged = row(value=4, verdict=verdict, why="all lanes", **WIDTH)
    write_run(tmp_path / "a", [judged], stop={"verdict": verdict}, events=events(("enumeration", verdict)))
    suite = suite_of(report(tmp_path))
    child = next(iter(case(suite, "enumeration")), None)
    assert (child is None) if element is None else (child is not None and child.tag == element)
    assert properties(suite)["rig:verdict"] == verdict
    if child is not None:
        assert child.get("message") == "pcie.link.width 4, limit ≥ 8, marginal below 8: all lanes"
        assert f"{verdict:<9} pcie.link.width 4" in child.text


def test_a_marginal_step_is_seen_though_junit_has_no_word_for_it(tmp_path: Path) -> None:
    judged = row(value=4, verdict="MARGINAL", **WIDTH)
    write_run(tmp_path / "a", [judged], stop={"verdict": "MARGINAL"}, events=events(("enumeration", "MARGINAL")))
    found = suites(read(tmp_path))
    assert [r.level for r in remarks(found)] == ["warning"]
    assert "MARGINAL: A-001" in suite_of(tree(render(found))).findtext("system-out")


def test_a_step_that_was_begun_and_never_ended_is_not_green(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [row("link", "x", 1)], crashed=True, events=events(("link", None)))
    suite = suite_of(report(tmp_path))
    assert case(suite, "link").find("skipped").get("message") == "the run crashed in this step"
    assert case(suite, "run").find("skipped").get("message").startswith("crashed")
    assert verdicts(read(tmp_path)) == [Verdict.NOT_RUN]


def test_a_run_that_is_worse_than_its_steps_says_so_in_a_case_of_its_own(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [row("link", "x", 1)], stop={"verdict": "ERROR", "status": "error", "error": "no supply"})
    assert case(suite_of(report(tmp_path)), "run").find("error").get("message") == "error: no supply"


def test_the_latest_attempt_is_the_suite_and_earlier_ones_are_told(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [row("link", "x", 1, verdict="FAIL")], stop={"verdict": "FAIL"})
    write_run(tmp_path / "b", [row("link", "x", 1)], attempt=2, started_s=T0_S + 1)
    root = report(tmp_path)
    suite = suite_of(root)
    assert len(root) == 1 and suite.get("failures") == "0"
    assert properties(suite)["rig:attempts"] == "FAIL, PASS"
    assert "attempt 1 came to FAIL" in suite.findtext("system-out")


@pytest.mark.parametrize(
    ("stopped", "error", "verdict"),
    [("finished", None, None), ("error", "no supply", Verdict.ERROR), (None, None, Verdict.NOT_RUN)],
)
def test_the_bench_is_a_case_and_its_fault_no_units(
    tmp_path: Path, stopped: str | None, error: str | None, verdict: Verdict | None
) -> None:
    write_batch(tmp_path, [("A-001", "C-001")], stopped=stopped)
    if error:
        (tmp_path / "batch_stop.json").write_text('{"status": "error", "error": "no supply"}')
    write_run(tmp_path / "a", [row("link", "x", 1)])
    bench = report(tmp_path)[0]
    assert bench.get("name") == "bench virtual"
    assert [c.tag for c in bench.find("testcase")] == ({None: [], Verdict.ERROR: ["error"]}.get(verdict, ["skipped"]))
    assert verdicts(read(tmp_path)) == [Verdict.PASS, *([verdict] if verdict else [])]


def test_a_unit_nobody_started_is_skipped_with_the_reason(tmp_path: Path) -> None:
    write_batch(tmp_path, [("A-9", "C-9")], stopped="cancelled")
    skipped = case(suite_of(report(tmp_path), "A-9"), "run").find("skipped")
    assert skipped.get("message") == "not started: the batch was cancelled"


def test_two_cases_of_one_name_both_count_where_the_importer_keeps_the_first() -> None:
    twice = Suite("s", "p", "h", (Case("g", "n", Verdict.PASS), Case("g", "n", Verdict.FAIL, 0.0, "x")))
    names = [c.get("name") for c in tree(render([twice, twice])).iter("testcase")]
    assert len(set(names)) == 4


def test_hostile_texts_leave_the_file_valid_and_act_nowhere(tmp_path: Path) -> None:
    rows = [row("link", HOSTILE, HOSTILE, HOSTILE, "FAIL", why=HOSTILE, note=HOSTILE, one_of=[HOSTILE])]
    stop = {"verdict": "FAIL", "error": HOSTILE, "causes": [cause(HOSTILE)], "failed": [HOSTILE]}
    write_batch(tmp_path, [(HOSTILE, HOSTILE)], batch=HOSTILE, bench=HOSTILE)
    write_run(tmp_path / "a", rows, stop=stop, bench=HOSTILE, **unit(HOSTILE, HOSTILE, HOSTILE))
    data = render(suites(read(tmp_path)))
    tree(data)
    text = data.decode()
    assert not any(c in text for c in "\x00\x1b\ufffe\uffff\u202e")
    told = remarks(suites(read(tmp_path)))
    assert all(len(line.splitlines()) == 1 and "##[" not in line for line in github(told, "a,b:c%.yaml"))
    assert all(line.startswith("error: ") and "\n" not in line for line in plain(told))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(), max_size=40), min_size=6, max_size=6), st.sampled_from([*Verdict, None]))
def test_any_text_makes_a_valid_file(texts: list[str], verdict: Verdict | None) -> None:
    a, b, c, d, e, f = texts
    suite = Suite(a, b, c, (Case(d, e, verdict, 1.5, f, a), Case(d, e, verdict)), ((b, c), (e, f)), out=d, err=e)
    root = tree(render([suite]))
    assert len(root[0].findall("testcase")) == 2 and len(root[0].find("properties")) == 2


def test_a_text_without_end_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(junit, "_MOST_TEXT", 10)
    root = tree(render([Suite("s", "p", "h", (), out="x" * 25)]))
    assert root[0].findtext("system-out") == "xxxxxxxxxx\n… 15 more characters are in the journal"


def test_github_is_told_in_its_own_words_and_the_rest_is_counted() -> None:
    (line,) = github([Remark("error", "a: b, 50%", "x: y\n::stop")], "b,c:d.yaml")
    assert line == "::error file=b%2Cc%3Ad.yaml,title=a%3A b%2C 50%25::x: y ::stop"
    many = github([Remark("error", str(n), "x") for n in range(13)])
    assert len(many) == 10 and many[-1].startswith("::error title=and 4 more::")


def test_steps_that_a_failure_stopped_are_no_remarks_of_their_own(tmp_path: Path) -> None:
    rows = [row("link", "x", 1, verdict="FAIL"), row("throughput", "throughput.completed", None, verdict="NOT_RUN")]
    write_run(tmp_path / "a", rows, stop={"verdict": "FAIL"})
    assert [r.title for r in remarks(suites(read(tmp_path)))] == ["FAIL A-001 (toblerevA) + C-001 (533FLR-T): link"]
