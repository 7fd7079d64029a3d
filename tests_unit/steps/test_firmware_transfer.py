"""Files over a console that may tear text, against a real shell."""

import hashlib
import re

import pytest
from firmware_fakes import FolderHost

from rig.errors import ReplyError
from rig.steps.firmware import transfer

NOISE = b"".join(hashlib.sha256(bytes([n % 256, n // 256])).digest() for n in range(3200))
KERNEL = "[   12.345678] mlx4_core 0000:05:00.0: command 0x23 timed out\n"
CONTENTS = [b"", b"\0", b"a\r\nb\x04\x1b", b"\xff" * 300_000, *(NOISE[: transfer._UP + n] for n in (-1, 0, 1)), NOISE]


@pytest.fixture
def host(tmp_path):
    return FolderHost(tmp_path)


def once(change, when):
    """A console that tears the first text that `when` is found in."""
    left = [1]

    def tear(text):
        if left[0] and re.search(when, text):
            left[0] -= 1
            return change(text)
        return text

    return tear


def lost(text):
    """Four characters in the middle, which base64 does not notice."""
    half = len(text) // 2 // 4 * 4
    return text[:half] + text[half + 4 :]


def interrupted(text):
    return text[:50] + KERNEL + text[50:]


@pytest.mark.parametrize("data", CONTENTS, ids=len)
@pytest.mark.parametrize("name", ["image.bin", 'it\'s; a $(name) \\ of "spaces"'])
def test_a_file_goes_there_and_back_to_the_byte(host, tmp_path, data, name):
    path = str(tmp_path / name)
    transfer.put(host, data, path)
    assert (tmp_path / name).read_bytes() == data
    assert transfer.get(host, path) == data
    assert {p.name for p in tmp_path.iterdir()} == {name, "bin"}


def test_every_command_fits_a_terminals_line_and_holds_no_key(host, tmp_path):
    transfer.put(host, NOISE, str(tmp_path / "a.bin"))
    transfer.get(host, str(tmp_path / "a.bin"))
    assert max(len(command) for command in host.asked) < 3000
    assert all(command.isprintable() for command in host.asked)


def test_a_file_that_is_there_already_is_not_sent_again(host, tmp_path):
    path = str(tmp_path / "a.bin")
    transfer.put(host, NOISE, path)
    host.asked.clear()
    transfer.put(host, NOISE, path)
    assert len(host.asked) == 1
    transfer.put(host, NOISE[1:], path)
    assert (tmp_path / "a.bin").read_bytes() == NOISE[1:]


@pytest.mark.parametrize(
    ("where", "tear"),
    [
        (r"^echo [^|]*$", lost),
        (r"^echo [^|]*$", lambda text: "true"),
        (r"^base64 -d", lambda text: "true"),
        (r"^gzip -dc", lambda text: "true"),
    ],
)
def test_a_part_that_the_console_tore_on_the_way_up_is_made_good(host, tmp_path, where, tear):
    host.typed = once(tear, where)
    transfer.put(host, NOISE[:20_000], str(tmp_path / "a.bin"))
    assert (tmp_path / "a.bin").read_bytes() == NOISE[:20_000]


def test_parts_that_are_torn_while_each_is_looked_at_are_sent_again_alone(host, tmp_path):
    tears = iter([lost, lost])
    host.typed = lambda text: next(tears, str)(text) if re.match(r"echo [^|]*$|touch ", text) else text
    transfer.put(host, NOISE[:4_000], str(tmp_path / "a.bin"))
    assert (tmp_path / "a.bin").read_bytes() == NOISE[:4_000]


@pytest.mark.parametrize("tear", [lost, interrupted, lambda text: "", lambda text: text[:-9]])
def test_a_part_that_the_console_tore_on_the_way_down_is_asked_for_again(host, tmp_path, tear):
    (tmp_path / "a.bin").write_bytes(NOISE)
    host.shown = once(tear, r"\A[A-Za-z0-9+/=\n]{1000}")
    assert transfer.get(host, str(tmp_path / "a.bin")) == NOISE


def test_a_console_that_tears_what_is_sent_every_time_is_the_benchs_fault(host, tmp_path):
    host.typed = lambda text: lost(text) if text.startswith(("echo ", "touch ")) else text
    with pytest.raises(ReplyError, match=r"the console loses text: check its cable"):
        transfer.put(host, NOISE[:20_000], str(tmp_path / "a.bin"))
    assert not (tmp_path / "a.bin").exists() or (tmp_path / "a.bin").read_bytes() != NOISE[:20_000]


@pytest.mark.parametrize("tear", [lost, interrupted, lambda text: ""])
def test_a_console_that_tears_what_comes_every_time_is_the_benchs_fault(host, tmp_path, tear):
    (tmp_path / "a.bin").write_bytes(NOISE)
    host.shown = lambda text: tear(text) if len(text) > 1000 else text
    with pytest.raises(ReplyError, match=r"asked '48000 bytes at 0 of .*the console loses text"):
        transfer.get(host, str(tmp_path / "a.bin"))


def test_a_file_that_changes_while_it_is_read_is_not_taken(host, tmp_path):
    (tmp_path / "a.bin").write_bytes(NOISE)
    host.typed = once(lambda text: f"echo >>{tmp_path}/a.bin; {text}", r"^gzip -c")
    with pytest.raises(ReplyError, match="SHA-256"):
        transfer.get(host, str(tmp_path / "a.bin"))


@pytest.mark.parametrize("size", ["67108865", "-1", "", "many", "9" * 40])
def test_a_size_that_cannot_be_is_refused_before_anything_is_fetched(host, tmp_path, size):
    (tmp_path / "a.bin").write_bytes(b"x")
    host.shown = lambda text: text if re.match("[0-9a-f]{64}", text) else f"{size}\n"
    with pytest.raises(ReplyError, match="the size of"):
        transfer.get(host, str(tmp_path / "a.bin"))


def test_a_file_that_is_not_there_cannot_be_fetched(host, tmp_path):
    with pytest.raises(ReplyError, match=r"the file .*a\.bin.*see the output of the tool that should make it"):
        transfer.get(host, str(tmp_path / "a.bin"))


def test_a_place_that_cannot_be_written_is_said(host, tmp_path):
    with pytest.raises(ReplyError, match=r"(?i)nonexistent|no such file"):
        transfer.put(host, b"x", str(tmp_path / "none" / "a.bin"))


def test_the_sum_of_a_file_is_none_where_there_is_no_file_or_the_answer_is_torn(host, tmp_path):
    assert transfer.sha256(host, str(tmp_path / "a.bin")) is None
    (tmp_path / "a.bin").write_bytes(b"")
    assert transfer.sha256(host, str(tmp_path / "a.bin")).startswith("e3b0c44298fc1c14")
    host.shown = lambda text: text[1:]
    assert transfer.sha256(host, str(tmp_path / "a.bin")) is None
