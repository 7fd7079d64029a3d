"""Suites as JUnit XML, in the form that both common schemas allow.

Jenkins' `junit-10.xsd` knows no properties of a test case, Ant's `JUnit.xsd` no output of one; GitLab shows the text
of a failed, broken or skipped case and nothing of a good one. So numbers are properties of the suite, and in its
output, and the text of what is not green has them too.
Ref: jenkinsci/xunit-plugin, windyroad/JUnit-Schema; GitLab: Unit test reports.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from rig.model import Verdict
from rig.report.ci.cases import Case, Suite
from rig.report.text import one_line, visible

_ELEMENTS = {Verdict.FAIL: "failure", Verdict.ERROR: "error", Verdict.NOT_RUN: "skipped"}
_ILLEGAL = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even as a reference. Ref: XML 1.0, production 2."""
_MOST_TEXT = 200_000


def render(suites: Sequence[Suite]) -> bytes:
    """The file; UTF-8, and well-formed whatever the texts in it are."""
    root = ET.Element("testsuites")
    names: dict[tuple[str, str], int] = {}
    for number, suite in enumerate(suites):
        root.append(_suite(suite, number, names))
    ET.indent(root, " ")
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _suite(suite: Suite, number: int, names: dict[tuple[str, str], int]) -> ET.Element:
    count = {
        name: sum(_ELEMENTS.get(c.verdict) == name for c in suite.cases if c.verdict) for name in _ELEMENTS.values()
    }
    node = ET.Element("testsuite", {
        "name": _token(suite.name), "package": _token(suite.package), "id": str(number),
        "hostname": _token(suite.host), "timestamp": _time(suite.started_s),
        "tests": str(len(suite.cases)), "failures": str(count["failure"]), "errors": str(count["error"]),
        "skipped": str(count["skipped"]), "time": _seconds(suite.time_s or sum(c.time_s for c in suite.cases)),
    })  # fmt: skip
    properties = ET.SubElement(node, "properties")
    for name, value in suite.properties:
        ET.SubElement(properties, "property", {"name": _token(name), "value": _line(value)})
    node.extend(_case(case, names) for case in suite.cases)
    ET.SubElement(node, "system-out").text = _text(suite.out)
    ET.SubElement(node, "system-err").text = _text(suite.err)
    return node


def _case(case: Case, names: dict[tuple[str, str], int]) -> ET.Element:
    name, group = _token(case.name), _token(case.group)
    names[group, name] = names.get((group, name), 0) + 1
    if names[group, name] > 1:  # GitLab takes the first of two cases with one name and drops the other
        name = f"{name} #{names[group, name]}"
    node = ET.Element("testcase", {"name": name, "classname": group, "time": _seconds(case.time_s)})
    element = _ELEMENTS.get(case.verdict) if case.verdict else None
    if element:
        told = {"message": _line(case.message)}
        if element != "skipped":  # Ant's schema knows no type of what was skipped
            told["type"] = str(case.verdict)
        ET.SubElement(node, element, told).text = _text(case.text or case.message)
    return node


def legal(text: str) -> str:
    """`text` with nothing that acts or that XML cannot hold; lines and tabs stay."""
    return _ILLEGAL.sub("\ufffd", visible(text))


def _text(text: str) -> str:
    if len(text) > _MOST_TEXT:
        text = f"{text[:_MOST_TEXT]}\n… {len(text) - _MOST_TEXT} more characters are in the journal"
    return legal(text)


def _line(text: str) -> str:
    return legal(one_line(text))


def _token(text: str) -> str:
    """One line that is never empty: an `xs:token` of length 1 or more."""
    return _line(text) or "unknown"


def _time(wall_s: float) -> str:
    """Without a zone, as the schemas want it: UTC."""
    return f"{datetime.fromtimestamp(wall_s, UTC):%Y-%m-%dT%H:%M:%S}"


def _seconds(time_s: float) -> str:
    return f"{time_s:.3f}"
