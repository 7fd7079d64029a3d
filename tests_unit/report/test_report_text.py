"""Hostile text made fit to read, and files read in bounds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.report.text import brief, excerpt, inside, one_line, plain, tail, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("A\x00B\x1b", "A␀B␛"), ("a\tb\nc", "a\tb\nc"), ("\x7f", "␡"), ("x\u202ey", "x⟨U+202E⟩y"),
        ("\u2028", "⟨U+2028⟩"), ("\x85", "⟨U+0085⟩"), ("\udc80", "\ufffd"), ("עברית", "עברית"), ("漢字", "漢字"),
    ],
)  # fmt: skip
def test_what_would_act_is_seen_instead(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_visible_text_can_be_encoded_and_has_no_controls(text: str) -> None:
    shown = visible(text)
    assert shown.encode("utf-8").decode() == shown
    assert not any(c < " " and c not in "\n\t" for c in shown)


@pytest.mark.parametrize(
    "text",
    ["\x1b[0;32mok\x1b[0m", "\x1b]0;title\x07ok", "\x1b]8;;http://x\x1b\\ok", "\x1b(Bok", "\x1b[?25lok", "\x1bMok"],
)
def test_terminal_sequences_disappear(text: str) -> None:
    assert plain(text) == "ok"


def test_line_ends_are_unified() -> None:
    assert plain("a\r\nb\rc\n") == "a\nb\nc\n"


def test_long_text_says_how_much_is_missing() -> None:
    assert brief("x" * 10, 4) == "xxxx… (6 more characters)"
    assert one_line(" a\n\tb ") == "a b"


def test_a_huge_file_is_read_at_both_ends_only(tmp_path: Path) -> None:
    file = tmp_path / "huge.txt"
    with file.open("wb") as f:
        f.write(b"begin\n")
        f.write(b"x" * 4000)
        f.seek(100_000_000)
        f.write(b"y" * 4000 + b"\nend\n")
    shown = excerpt(file, 4000)
    assert shown.text.startswith("begin") and shown.text.rstrip().endswith("end")
    assert len(shown.text) < 5000 and "100.0 MB left out" in shown.note


def test_the_tail_begins_with_a_whole_line(tmp_path: Path) -> None:
    file = tmp_path / "console.log"
    file.write_text("".join(f"line {n}\n" for n in range(10_000)))
    shown = tail(file, 100)
    assert shown.text.startswith("line ") and shown.text.endswith("line 9999\n") and "the end of" in shown.note


def test_binary_files_are_named_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "fw.bin").write_bytes(b"MTFW\0\0\0")
    assert excerpt(tmp_path / "fw.bin", 1000).text == ""


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/hostname", "sub/../../secret", "", "a\0b", "missing", "link", "fifo", "sub"]
)
def test_only_regular_files_of_the_folder_are_inside(tmp_path: Path, name: str) -> None:
    run = tmp_path / "run"
    (run / "sub").mkdir(parents=True)
    (tmp_path / "secret").write_text("s")
    (run / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(run / "fifo")
    assert inside(run, name) is None


def test_a_file_of_the_folder_is_inside(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    assert inside(tmp_path, "x") == (tmp_path / "x").resolve()
