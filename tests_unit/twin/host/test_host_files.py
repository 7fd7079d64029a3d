"""The tree on disk."""

from __future__ import annotations

from pathlib import Path

from rig.twin.host.files import Mirror, Writable
from rig.twin.host.sysfs import Folder, Link, Sparse


def test_only_what_changed_is_written_and_what_went_is_removed(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "sys", tmp_path / "scratch")
    mirror.show({"a/b": b"1\n", "a/c": b"2\n", "link": Link("a/b"), "bar": Sparse(1 << 20), "empty": Folder()})
    inode = (tmp_path / "sys/a/c").stat().st_ino
    assert (tmp_path / "sys/link").read_bytes() == b"1\n"
    assert (tmp_path / "sys/bar").stat().st_size == 1 << 20
    mirror.show({"a/b": b"3\n", "a/c": b"2\n"})
    assert (tmp_path / "sys/a/c").stat().st_ino == inode
    assert sorted(p.name for p in (tmp_path / "sys").iterdir()) == ["a"]
    mirror.show({})
    assert list((tmp_path / "sys").iterdir()) == []


def test_a_guests_write_is_taken_once_and_what_was_refused_is_put_back(tmp_path: Path) -> None:
    files = Writable(tmp_path)
    files.show({"port": b"ib\n"})
    (tmp_path / "port").write_bytes(b"eth\n")
    assert files.taken() == {"port": b"eth\n"}
    assert files.taken() == {}
    files.show({"port": b"ib\n"})
    assert (tmp_path / "port").read_bytes() == b"ib\n"


def test_a_file_the_shell_has_only_emptied_yet_is_not_taken(tmp_path: Path) -> None:
    files = Writable(tmp_path)
    files.show({"port": b"ib\n"})
    (tmp_path / "port").write_bytes(b"")
    assert files.taken() == {}
    assert files.taken() == {"port": b""}


def test_a_change_of_the_model_leaves_a_guests_bytes_elsewhere(tmp_path: Path) -> None:
    files = Writable(tmp_path)
    files.show({"config": b"\0" * 64})
    with (tmp_path / "config").open("r+b") as file:
        file.seek(4)
        file.write(b"\7")
    files.show({"config": b"\0" * 32 + b"\1" + b"\0" * 31})
    content = files.taken()["config"]
    assert (content[4], content[32]) == (7, 1)
