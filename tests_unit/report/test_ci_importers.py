"""The file that `rig ci` writes, read as those who import it do; none of them checks it by a schema but Jenkins.

Ref: jenkinsci/xunit-plugin, junit-10.xsd (MIT, Gregory Boissinot; the copy here is that of pytest's source package);
EnricoMi/publish-unit-test-result-action, junit.py, which reads with junitparser; gitlab-org/gitlab,
lib/gitlab/ci/parsers/test/junit.rb; mikepenz/action-junit-report, testParser.ts; dorny/test-reporter, java-junit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import junitparser
import pytest
from click.testing import CliRunner
from lxml import etree
from report_journals import T0_S, row, unit, write_batch, write_run

from rig.cli import rig

SCHEMAS = [Path(__file__).with_name(name) for name in ("junit-10.xsd", "junit_common.xsd")]
HOSTILE = "H]]>\x00\x1b[2J<&\"'\ufffe\u202e\r\n::set-env"
SERIALS = {"PASS": "A-1", "MARGINAL": "A-2", "FAIL": "A-3", "ERROR": "A-4", "NOT_RUN": HOSTILE}
"""A unit a verdict; the last is also called what nobody should call it."""
STATUS = {"PASS": "success", "MARGINAL": "success", "FAIL": "failure", "ERROR": "error", "NOT_RUN": "skipped"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_batch(folder, [(serial, f"C-{serial}") for serial in SERIALS.values()])
    for n, (verdict, serial) in enumerate(SERIALS.items()):
        limits = {"low": 8, "marginal_low": 8, "why": f"lanes ]]> {serial}"}
        events = [
            {"event": "step_start", "time_s": T0_S, "step": "enumeration"},
            {"event": "step_end", "time_s": T0_S + 1.5, "step": "enumeration", "verdict": verdict},
        ]
        rows = [row("enumeration", "pcie.link.width", 8, "1", verdict, **limits)]
        write_run(folder / f"run-{n}", rows, stop={"verdict": verdict}, events=events, **unit(serial, f"C-{serial}"))
    done = CliRunner().invoke(rig, ["ci", "--from", str(folder)])
    assert done.exit_code == 3, done.output
    return folder / "junit.xml"


@pytest.fixture
def root(file: Path) -> etree._Element:
    return etree.parse(file).getroot()


def by_verdict(found: dict[str, str]) -> dict[str, str]:
    """Statuses by suite or class name as statuses by the verdict of the unit that is in it."""
    return {
        verdict: status
        for verdict, serial in SERIALS.items()
        for name, status in found.items()
        if name.startswith(serial[:3])
    }


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda path: path.stem)
def test_the_file_is_valid(root: etree._Element, schema: Path) -> None:
    etree.XMLSchema(etree.parse(schema)).assertValid(root)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda path: path.stem)
def test_a_schema_refuses_what_is_none(root: etree._Element, schema: Path) -> None:
    etree.SubElement(root[0].find("testcase"), "verdict")
    assert not etree.XMLSchema(etree.parse(schema)).validate(root)


def test_junitparser_reads_back_counts_names_times_and_properties(file: Path) -> None:
    read = junitparser.JUnitXml.fromroot(junitparser.junitparser.etree.parse(str(file)).getroot())
    suites = list(read)
    assert len(suites) == 6 and (suites[0].name, suites[0].tests) == ("bench virtual", 1)
    told = Counter(kind for s in suites for kind in ("failures", "errors", "skipped") for _ in range(getattr(s, kind)))
    assert told == {"failures": 1, "errors": 1, "skipped": 1}
    counted = Counter(type(result).__name__ for suite in suites for case in suite for result in case.result)
    assert counted == {"Failure": 1, "Error": 1, "Skipped": 1}
    assert all(suite.tests == len(list(suite)) for suite in suites)
    failed = next(s for s in suites if s.name.startswith("A-3"))
    (case,) = failed
    assert (case.name, case.classname, case.time, failed.time) == ("enumeration", "A-3 + C-A-3", 1.5, 200.0)
    assert case.result[0].message == "pcie.link.width 8, limit ≥ 8, marginal below 8: lanes ]]> A-3"
    assert case.result[0].type == "FAIL" and "FAIL      pcie.link.width" in case.result[0].text
    properties = {p.name: p.value for p in failed.properties()}
    wanted = {
        "pcie.link.width": "8", "pcie.link.width@unit": "1", "pcie.link.width@low": "8.0",
        "pcie.link.width@verdict": "FAIL", "rig:verdict": "FAIL", "rig:adapter.serial": "A-3", "rig:virtual": "true",
    }  # fmt: skip
    assert {name: properties.get(name) for name in wanted} == wanted


def gitlab(root: etree._Element) -> Iterator[tuple[dict[str, str | None], str, str | None]]:
    """Its cases as GitLab keeps them: attributes, status, and what it shows.

    The first of failure, error and skipped that is there decides. Its text is shown; the attributes of an element with
    a text are dropped, `message` with them. `file` would be a path of the repository, which no card is.
    """
    for suite in root.iter("testsuite"):
        for case in suite.iter("testcase"):
            element = next((e for tag in ("failure", "error", "skipped") for e in case.iter(tag)), None)
            kept = {"suite_name": suite.get("name")} | {k: case.get(k) for k in ("classname", "name", "time", "file")}
            yield kept, "success" if element is None else element.tag, None if element is None else element.text


def test_gitlab_finds_what_it_reads(root: etree._Element) -> None:
    cases = list(gitlab(root))
    assert by_verdict({str(kept["suite_name"]): status for kept, status, _ in cases}) == STATUS
    for kept, status, shown in cases:
        assert kept["name"] and kept["classname"] and float(kept["time"] or "x") >= 0 and kept["file"] is None
        assert status == "success" or "pcie.link.width 8, limit ≥ 8" in str(shown)
    # of two with one name GitLab takes the first, and drops the other without a word
    keys = [(kept["classname"], kept["name"]) for kept, _, _ in cases]
    assert len(set(keys)) == len(keys)
    # an attachment is a path in a case's system-out, which a label could write
    assert not list(root.iterfind(".//testcase/system-out"))


def test_actions_that_read_the_attribute_and_actions_that_read_the_text_both_say_why(root: etree._Element) -> None:
    """mikepenz shows `message` and counts a skipped case as no failure; dorny shows the text, by class name."""
    statuses: dict[str, str] = {}
    for case in root.iter("testcase"):
        bad = [*case.iter("failure"), *case.iter("error")]
        assert not (bad and list(case.iter("skipped"))), "a case that is both would be no failure for one of them"
        statuses[case.get("classname")] = bad[0].tag if bad else "skipped" if list(case.iter("skipped")) else "success"
        for element in bad:
            assert element.get("message").startswith("pcie.link.width 8") and element.text.startswith("pcie.link.width")
    assert by_verdict(statuses) == STATUS
    # read without asking whether they are there
    assert all(s.get("name") and float(s.get("time")) >= 0 for s in root.iter("testsuite"))


def test_a_hostile_serial_is_text_that_acts_nowhere(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert not {"\x00", "\x1b", "\ufffe", "\u202e", "\r"} & set(text)
    assert "]]>" not in text and "]]&gt;" in text and "&lt;&amp;" in text
