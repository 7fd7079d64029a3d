from __future__ import annotations

import pytest

from rig.parse.text import plain, tool_lines, tool_output


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("a\r\nb\r\r\n", "a\nb\n"),
        ("\x1b[01;34mfolder\x1b[0m", "folder"),
        ("\x1b]0;root@host: ~\x07# ", "# "),
        ("\x1b[?2004hls\x1b[?2004l", "ls"),
        ("a\0b", "ab"),
        ("42%\r43%", "42%\r43%"),
    ],
)
def test_what_a_terminal_adds_is_taken_away(raw: str, clean: str) -> None:
    assert plain(raw) == clean


@pytest.mark.parametrize(
    "message",
    [
        "[   12.345678] mlx4_en: ens1: Link Up\r\n",
        "[12345.678901] x\n",
        "[    1.000000][    T1] pci 0000:01:00.0: x\r\n",
        "[    1.000000][   C12] pci 0000:01:00.0: x\r\n",
        "<6>[    1.000000] x\n",
    ],
)
def test_a_kernel_message_in_the_middle_of_a_line_is_cut_and_the_halves_are_joined(message: str) -> None:
    assert tool_output(f"current_link_wi{message}dth\r\n8\r\n") == "current_link_width\n8\n"


def test_brackets_that_are_no_time_stamp_stay() -> None:
    line = "Region 0: Memory at f7e00000 [disabled] [size=1M] [ 0] RxErr [1.5] [2026-01-01]"
    assert tool_output(line) == line


def test_progress_that_is_redrawn_becomes_lines() -> None:
    assert tool_lines("Burning - 1%\rBurning - 2%\r\nend") == ["Burning - 1%", "Burning - 2%", "end"]
