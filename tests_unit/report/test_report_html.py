"""The page: what it says, and that nothing in it acts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from report_journals import T0_S, cause, row, sampled, unit, write_batch, write_run
from report_pages import Tags

from rig.errors import UsageError
from rig.report.html import write

HOSTILE = (
    "\"'><script>alert(1)</script></svg></pre><img src=x onerror=alert(1)>\x1b[31m\x00 $\\frac{$ \u202e עברית {{ 7*7 }}"
)


def page(path: Path) -> str:
    return write(path).read_text(encoding="utf-8")


def section(text: str, anchor: str) -> str:
    return text.split(f'id="{anchor}"')[1].split("</section>")[0]


def test_the_page_is_written_beside_the_results_and_is_well_formed(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [row("link", "x", 1)], power=sampled(20), console="boot\n", evidence={"e.txt": "raw"})
    out = write(tmp_path)
    assert out == tmp_path / "report.html"
    assert Tags(out.read_text(encoding="utf-8")).open == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "report.html"]


def test_nothing_in_the_page_acts_or_comes_from_elsewhere(tmp_path: Path) -> None:
    events = [
        {"event": "step_start", "step": HOSTILE, "time_s": T0_S},
        {"event": "state", "name": HOSTILE, "time_s": T0_S + 1},
        {"event": "step_end", "step": HOSTILE, "time_s": T0_S + 19},
    ]  # fmt: skip
    power = [*sampled(20), {"time_s": T0_S + 20, "rails": {HOSTILE: {"voltage_v": 1, "current_a": 1}}}]
    hostile = cause(HOSTILE, pins=[HOSTILE], evidence=[HOSTILE], action=HOSTILE)
    write_run(
        tmp_path / "a",
        [row(HOSTILE, HOSTILE, HOSTILE, HOSTILE, why=HOSTILE, note=HOSTILE, evidence="evidence/e")],
        events=events, power=power, console=HOSTILE, evidence={"e": HOSTILE}, versions={HOSTILE: HOSTILE},
        bench=HOSTILE, plan=HOSTILE, batch=HOSTILE, instruments={HOSTILE: {"maker": HOSTILE, "serial": HOSTILE}},
        stop={"verdict": "ERROR", "status": "error", "error": HOSTILE, "failed": [HOSTILE], "causes": [hostile]},
        **unit(HOSTILE, HOSTILE, HOSTILE, power_source=HOSTILE, title=HOSTILE),
    )  # fmt: skip
    write_batch(tmp_path, [(HOSTILE, HOSTILE + "2")], batch=HOSTILE)
    text = page(tmp_path)
    found = Tags(text)
    assert found.open == []
    assert {tag for tag, _ in found.tags}.isdisjoint({"script", "img", "iframe", "object", "embed", "base", "form"})
    assert not [name for _, attrs in found.tags for name in attrs if name.startswith("on")]
    links = [v or "" for _, attrs in found.tags for k, v in attrs.items() if k in ("href", "src", "xlink:href")]
    assert links and all(link.startswith("#") or "://" not in link for link in links)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", text)
    assert "{{ 7*7 }}" in text and "default-src 'none'" in text


def test_a_very_long_serial_does_not_fill_the_page(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [row("link", "n" * 9000, "v" * 90_000)], **unit("S" * 90_000))
    assert len(page(tmp_path)) < 40_000


def test_every_section_of_a_virtual_run_says_so(tmp_path: Path) -> None:
    for n in range(3):
        write_run(tmp_path / f"r{n}", [row("power_profile", "power.idle.total_w", 6.0, "W")], started_s=T0_S + n)
    text = page(tmp_path)
    assert "<title>VIRTUAL" in text and '@top-right { content: "VIRTUAL"' in text
    for anchor in ("run-1", "run-2", "run-3", "watts"):
        assert 'class="virtual"' in section(text, anchor)


def test_a_real_run_is_not_called_virtual(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [row("link", "x", 1)], virtual=False)
    assert "VIRTUAL" not in page(tmp_path)


def test_a_mixture_says_partly_and_marks_the_virtual_ones_only(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [row("link", "x", 1)], virtual=False)
    write_run(tmp_path / "b", [row("link", "x", 1)], started_s=T0_S + 1, **unit("A-2"))
    text = page(tmp_path)
    assert "PARTLY VIRTUAL" in text
    assert 'class="virtual"' not in section(text, "run-1") and 'class="virtual"' in section(text, "run-2")


@pytest.mark.parametrize("verdict", ["NOT_RUN", "FAIL", "ERROR", None])
def test_what_is_not_good_never_looks_green(tmp_path: Path, verdict: str | None) -> None:
    write_run(tmp_path / "a", [row("link", "x", 1, verdict=verdict)], stop={"verdict": verdict or "NOT_RUN"})
    text = page(tmp_path)
    assert "chip PASS" not in text
    assert (verdict or "not judged").replace("_", " ") in section(text, "run-1")


def test_a_crashed_run_says_so_and_its_open_step_is_not_run(tmp_path: Path) -> None:
    events = [{"event": "step_start", "step": "link", "time_s": T0_S}]
    write_run(tmp_path / "a", [row("link", "x", 1)], crashed=True, events=events)
    text = section(page(tmp_path), "run-1")
    assert "crashed: no stop record" in text and "its end is not recorded" in text


def test_a_unit_nobody_started_is_listed_as_not_run(tmp_path: Path) -> None:
    write_batch(tmp_path, [("A-001", "C-001"), ("A-002", "C-002")], stopped="cancelled")
    write_run(tmp_path / "a", [row("link", "x", 1)])
    text = page(tmp_path)
    assert text.count("not started: the batch was cancelled") == 1
    assert "A-002" in text and 'id="run-2"' not in text


def test_causes_come_with_pins_by_side_and_an_action(tmp_path: Path) -> None:
    found = cause(pins=["A35", "A36", "B33", "edge A11"], action="reflow them")
    write_run(tmp_path / "a", [row("link", "x", 1, verdict="FAIL")], stop={"verdict": "FAIL", "causes": [found]})
    text = section(page(tmp_path), "run-1")
    assert "row A, bottom copper" in text and "row B, top copper" in text
    assert "reflow them" in text and "likelihood 80" in text


def test_a_soak_says_how_often_it_may_fail_all_the_same(tmp_path: Path) -> None:
    counts = {"trials": 200, "failures": 0}
    rows = [row("soak", f"soak.power_cycle.{name}", n, "1") for name, n in counts.items()]
    write_run(tmp_path / "a", [*rows, row("soak", "soak.traffic.failures", None, "1", "NOT_RUN")])
    write_run(tmp_path / "b", [row("link", "x", 1)])
    text = page(tmp_path)
    assert text.count("0 of 200, below 1.5 % at 95 %") == 1
    assert "<b>power cycle</b>" in text and "<b>traffic</b>" not in text
    assert "Soak</h3>" in section(text, "run-1") and "Soak</h3>" not in section(text, "run-2")


def test_a_huge_console_and_evidence_make_a_small_page(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", [row("link", "x", 1, evidence="evidence/big.txt")], evidence={"big.txt": "start\n"})
    for file in (run / "console.log", run / "evidence" / "big.txt"):
        with file.open("wb") as f:
            f.write(b"x" * 20_000)
            f.seek(100_000_000)
            f.write(b"the end\n")
    text = page(tmp_path)
    assert len(text) < 100_000 and "left out in the middle" in text


@pytest.mark.parametrize("name", ["../../secret.txt", "/etc/passwd", "evidence/link.txt"])
def test_evidence_outside_of_the_run_is_not_shown(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.txt").write_text("the secret")
    run = write_run(tmp_path / "results" / "a", [row("link", "x", 1, evidence=name)])
    (run / "evidence" / "link.txt").symlink_to(tmp_path / "secret.txt")
    text = page(tmp_path / "results")
    assert "the secret" not in text and "root:" not in text and "not in the run" in text


def test_evidence_of_failures_comes_first_when_room_is_short(tmp_path: Path) -> None:
    texts = {f"e{n:02}.txt": f"{n}-" * 12_000 for n in range(20)}
    rows = [row("link", f"m{n}", 1, evidence=f"evidence/e{n:02}.txt") for n in range(20)]
    rows[19]["verdict"] = "FAIL"
    write_run(tmp_path / "a", rows, evidence=texts, stop={"verdict": "FAIL"})
    text = page(tmp_path)
    assert text.index("evidence/e19.txt") < text.index("evidence/e00.txt")
    assert "left out to keep the page usable" in text and len(text) < 500_000


def test_the_page_names_no_folder_of_this_machine(tmp_path: Path) -> None:
    write_run(
        tmp_path / "results" / "a",
        [row("link", "x", 1, evidence="evidence/e.txt")],
        evidence={"e.txt": "raw"},
        crashed=True,
    )
    (tmp_path / "elsewhere").mkdir()
    for out in (None, tmp_path / "elsewhere" / "x.html"):
        assert str(tmp_path) not in write(tmp_path / "results", out).read_text(encoding="utf-8")


def test_links_to_evidence_are_relative_and_quoted(tmp_path: Path) -> None:
    write_run(tmp_path / "a b", [row("link", "x", 1, evidence="evidence/e #1.txt")], evidence={"e #1.txt": "raw"})
    assert 'href="a%20b/evidence/e%20%231.txt"' in page(tmp_path)


def test_mean_watts_stand_beside_the_datasheet(tmp_path: Path) -> None:
    for n, watts in enumerate((6.0, 8.0)):
        rows = [row("power_profile", "power.idle.total_w", watts, "W")]
        write_run(tmp_path / f"r{n}", rows, started_s=T0_S + n, **unit(f"A-{n}", f"C-{n}"))
    text = section(page(tmp_path), "watts")
    assert ">7.00<" in text and ">1.41<" in text and "max 9 W (HPE QuickSpecs)" in text


def test_an_empty_folder_makes_a_page_that_says_so(tmp_path: Path) -> None:
    assert "There are no runs" in page(tmp_path)


def test_a_page_that_cannot_be_written_is_a_usage_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "dir.html").mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        write(tmp_path, tmp_path / "dir.html")
    assert [p.name for p in tmp_path.iterdir()] == ["dir.html"]


def test_ids_are_unique_with_many_traces(tmp_path: Path) -> None:
    for n in range(3):
        write_run(tmp_path / f"r{n}", [row("link", "x", 1)], power=sampled(5), started_s=T0_S + n, **unit(f"A-{n}"))
    ids = [attrs["id"] for _, attrs in Tags(page(tmp_path)).tags if "id" in attrs]
    assert len(ids) > 50 and len(ids) == len(set(ids))
