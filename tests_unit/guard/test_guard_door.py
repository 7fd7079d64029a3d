"""The door of an orphan: where it is, who is let in, and that nobody can hold it up."""

import os
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from rig.errors import BenchError, LinkDownError, UsageError
from rig.guard import door
from rig.guard.door import Door

ADDRESS = "TCPIP0::10.0.0.5::5555::SOCKET"


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def opened(tmp_path):
    it = Door()
    it.open(tmp_path / "s")
    yield it
    it.close()


@pytest.fixture
def caller(tmp_path):
    """Connect strangers; they are gone at the end."""
    strangers: list[socket.socket] = []

    def come(data: bytes = b"") -> socket.socket:
        one = socket.socket(socket.AF_UNIX)
        strangers.append(one)
        one.settimeout(5)
        one.connect(str(tmp_path / "s"))
        one.sendall(data)
        return one

    yield come
    for one in strangers:
        one.close()


def test_the_path_is_short_private_and_of_this_supply_and_process(runtime):
    path = door.path_for(ADDRESS)
    assert path == door.path_for(ADDRESS) != door.path_for(ADDRESS + "x")
    assert path.parent == runtime / f"rig-{os.getuid()}"
    assert path.name.endswith(f"-{os.getpid()}.sock")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.exists()


def test_it_is_not_in_a_folder_that_goes_with_the_users_session(tmp_path, monkeypatch):
    (tmp_path / "session").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "session"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert door.path_for(ADDRESS).parent == tmp_path / f"rig-{os.getuid()}"


def test_a_folder_that_is_a_link_a_file_or_open_to_others_is_refused(runtime):
    folder = runtime / f"rig-{os.getuid()}"
    (runtime / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(runtime / "elsewhere")
    with pytest.raises(UsageError, match="no folder"):
        door.path_for(ADDRESS)
    folder.unlink()
    folder.write_text("")
    with pytest.raises(UsageError, match="cannot be there"):
        door.path_for(ADDRESS)
    folder.unlink()
    for mode in (0o770, 0o701, 0o704):
        folder.mkdir()
        folder.chmod(mode)
        with pytest.raises(UsageError, match="others may"):
            door.path_for(ADDRESS)
        folder.rmdir()


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives a folder away")
def test_a_folder_of_somebody_else_is_refused(runtime):
    folder = runtime / f"rig-{os.getuid()}"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    with pytest.raises(UsageError, match="others may"):
        door.path_for(ADDRESS)


def test_a_path_too_long_for_a_socket_is_refused_with_what_to_set(runtime, tmp_path, monkeypatch):
    edge = 107 - len(door.path_for(ADDRESS).name) - len(f"/rig-{os.getuid()}/")
    for length, fits in ((edge, True), (edge + 1, False)):
        base = Path(str(tmp_path / "x").ljust(length, "y"))
        base.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(base))
        if fits:
            it = Door()
            it.open(door.path_for(ADDRESS))
            it.close()
        else:
            with pytest.raises(UsageError, match="too long for a socket; set TMPDIR"):
                door.path_for(ADDRESS)


def test_a_door_is_there_while_it_is_open_and_moves_when_told(opened, tmp_path):
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600
    with pytest.raises(BenchError, match="could not be found"):
        opened.open(tmp_path / "none" / "t")
    assert opened.is_open and (tmp_path / "s").exists()
    opened.open(tmp_path / "t")
    assert not (tmp_path / "s").exists() and (tmp_path / "t").exists()
    opened.close()
    opened.close()
    assert not opened.is_open and not list(tmp_path.iterdir()) and opened.socks() == []


def test_the_mode_of_new_files_is_as_it_was(tmp_path):
    (tmp_path / "before").touch()
    it = Door()
    it.open(tmp_path / "s")
    it.close()
    (tmp_path / "after").touch()
    assert (tmp_path / "after").stat().st_mode == (tmp_path / "before").stat().st_mode


def test_the_socket_of_a_guardian_that_was_killed_is_replaced_and_one_that_lives_is_not(opened, tmp_path):
    other = Door()
    with pytest.raises(BenchError, match="in use"):
        other.open(tmp_path / "s")
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "dead"))
    dead.close()
    other.open(tmp_path / "dead")
    found = door.knock(tmp_path / "dead", 5)
    assert found is not None and found[1] == os.getpid()
    found[0].close()
    other.close()


def test_a_file_that_is_no_socket_is_not_removed(tmp_path):
    (tmp_path / "s").write_text("mine")
    with pytest.raises(BenchError):
        Door().open(tmp_path / "s")
    assert (tmp_path / "s").read_text() == "mine"


def test_another_user_is_not_heard(tmp_path, caller):
    it = Door(uid=os.getuid() + 1)
    it.open(tmp_path / "s")
    one = caller(b'{"do": "adopt"}\n')
    assert list(it.requests()) == []
    with pytest.raises(ConnectionResetError):
        one.recv(1)
    it.close()


def test_a_caller_is_asked_for_once_with_its_first_row(opened, caller):
    caller(b'{"a": 1}\n{"b": 2}\n{"c"')
    [(found, row)] = opened.requests()
    assert (row, found.pid) == ({"a": 1}, os.getpid())
    assert list(opened.requests()) == []
    found.sock.close()


def test_a_row_may_come_in_pieces(opened, caller):
    one = caller(b'{"a"')
    assert list(opened.requests()) == []
    one.sendall(b": 1}\n")
    [(found, row)] = opened.requests()
    assert row == {"a": 1}
    found.sock.close()


def test_callers_who_say_nothing_make_way_for_those_who_wait(tmp_path, caller):
    clock = Clock()
    it = Door(elapsed=clock)
    it.open(tmp_path / "s")
    for _ in range(8):
        caller()
    assert list(it.requests()) == []
    assert len(it.socks()) == 8
    caller(b'{"a": 1}\n')
    assert list(it.requests()) == []
    clock.now_s = 2.1
    assert list(it.requests()) == []
    [(found, row)] = it.requests()
    assert row == {"a": 1}
    found.sock.close()
    it.close()


def test_a_closed_door_sends_its_callers_away(opened, caller):
    one = caller()
    list(opened.requests())
    opened.close()
    assert one.recv(1) == b""


def test_who_listens_is_looked_at_before_it_is_spoken_to(opened, tmp_path, monkeypatch):
    uid = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    with pytest.raises(LinkDownError, match=f"belongs to user {uid}"):
        door.knock(tmp_path / "s", 5)


def test_a_path_that_cannot_be_tried_is_not_nobody():
    with pytest.raises(LinkDownError, match="see whether it still runs"):
        door.knock(Path("/" + "x" * 200), 5)
