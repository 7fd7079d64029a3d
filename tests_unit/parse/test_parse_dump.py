from __future__ import annotations

import os
import pty
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from rig.parse.dump import LINE_LIMIT, Entry, Kind, dump_commands, parse_dump, texts

MARKER = "k3J9sdfAA1"


def shell(command: str) -> str:
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=10, check=False).stdout


def dumped(paths: list[str]) -> Mapping[str, Entry]:
    return parse_dump("".join(shell(command) for command in dump_commands(paths, MARKER)), MARKER, paths)


def test_files_links_and_folders_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "vendor").write_text("0x15b3\n")
    (tmp_path / "empty").write_text("")
    (tmp_path / "bare").write_text("no line end")
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "ens1").write_text("")
    (tmp_path / "net" / "ens1d1").write_text("")
    (tmp_path / "driver").symlink_to(tmp_path / "net")
    paths = [str(tmp_path / name) for name in ("vendor", "empty", "bare", "net", "driver", "absent")]
    assert list(dumped(paths).values()) == [
        Entry(Kind.FILE, "0x15b3\n"),
        Entry(Kind.FILE, ""),
        Entry(Kind.FILE, "no line end"),
        Entry(Kind.FOLDER, "ens1\nens1d1"),
        Entry(Kind.LINK, str(tmp_path / "net")),
        Entry(Kind.MISSING, None),
    ]


def test_a_file_that_fails_to_read_is_neither_missing_nor_empty() -> None:
    # reading one's own memory at address 0 is an IO error on every Linux
    assert dumped(["/proc/self/mem"])["/proc/self/mem"] == Entry(Kind.UNREADABLE, None)


@pytest.mark.parametrize("name", ["it's", 'a "b" $HOME `id`', "a;b&c|d", "*", "-rf", "ünï", "a b"])
def test_odd_names_reach_the_shell_as_they_are(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("here\n")
    assert texts(dumped([str(path)])) == {str(path): "here\n"}


@pytest.mark.parametrize("content", [f"{MARKER[:4]}\n", "x<0\n", ">0f0\n\n", "\n\n\n", 'm=k3J9""sdfAA1;i=0\n'])
def test_content_that_looks_like_a_frame_is_content(tmp_path: Path, content: str) -> None:
    path = tmp_path / "serial"
    path.write_text(content)
    assert dumped([str(path)])[str(path)] == Entry(Kind.FILE, content)


def test_a_real_terminal_with_its_echo_and_line_ends_gives_the_same(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("a", "b", "c")]
    Path(paths[0]).write_text("8.0 GT/s PCIe\n")
    Path(paths[1]).write_text("")
    (command,) = dump_commands(paths, MARKER)
    seen = on_a_terminal(command)
    assert command[:40] in seen  # the echo is there
    assert texts(parse_dump(seen, MARKER, paths)) == {paths[0]: "8.0 GT/s PCIe\n", paths[1]: "", paths[2]: None}


def on_a_terminal(command: str) -> str:
    ours, theirs = pty.openpty()
    with subprocess.Popen(["sh", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        os.write(ours, command.encode() + b"\nexit\n")
        seen, deadline = b"", time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # Linux: the other end is closed
                break
            seen += chunk
        process.kill()
    os.close(ours)
    return seen.decode()


def test_kernel_messages_anywhere_do_not_hurt() -> None:
    said = shell(dump_commands(["/proc/sys/kernel/ostype"], MARKER)[0])
    noise = "[   12.345678] pcieport 0000:00:01.0: AER: Corrected error message received from 0000:01:00.0\r\n"
    for at in range(len(said) + 1):
        torn = said[:at].replace("\n", "\r\n") + noise + said[at:].replace("\n", "\r\n")
        found = parse_dump(torn, MARKER, ["/proc/sys/kernel/ostype"])
        assert found["/proc/sys/kernel/ostype"].text == "Linux\n", at


def test_a_torn_frame_is_lost_and_takes_no_other_with_it() -> None:
    whole = f"{MARKER}<0\na\n\n{MARKER}>0f0\n{MARKER}<1\nb\n\n{MARKER}>1f0\n{MARKER}<2\nc\n\n{MARKER}>2f0\n"
    torn = whole.replace(f"{MARKER}>1f0", "")
    found = parse_dump(torn, MARKER, ["/a", "/b", "/c"])
    assert [entry.kind for entry in found.values()] == [Kind.FILE, Kind.LOST, Kind.FILE]


def test_the_echo_alone_answers_nothing() -> None:
    paths = ["/a", "/b"]
    found = parse_dump("".join(dump_commands(paths, MARKER)), MARKER, paths)
    assert {entry.kind for entry in found.values()} == {Kind.LOST}


def test_long_lists_are_split_into_commands_a_terminal_can_take() -> None:
    paths = [f"/sys/bus/pci/devices/0000:{i:02x}:00.0/current_link_width" for i in range(200)]
    commands = dump_commands(paths, MARKER)
    assert len(commands) > 1
    assert max(map(len, commands)) <= LINE_LIMIT
    found = parse_dump("".join(map(shell, commands)), MARKER, paths)
    assert list(found) == paths
    assert {entry.kind for entry in found.values()} <= {Kind.MISSING, Kind.FILE}


def test_nothing_asked_is_no_command() -> None:
    assert dump_commands([], MARKER) == ()
    assert parse_dump("", MARKER, []) == {}


@pytest.mark.parametrize("path", ["/a\nb", "/a\x03", "relative", f"/{MARKER}", "/" + "a" * LINE_LIMIT])
def test_a_path_a_terminal_would_act_on_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        dump_commands([path], MARKER)


@pytest.mark.parametrize("marker", ["", "short", "has space!", "a'b'c'd'e'f"])
def test_a_marker_that_could_be_guessed_or_quoted_is_refused(marker: str) -> None:
    with pytest.raises(ValueError, match="marker"):
        dump_commands(["/a"], marker)
