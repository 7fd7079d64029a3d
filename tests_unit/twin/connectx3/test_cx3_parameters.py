from __future__ import annotations

from pathlib import Path

import pytest

from rig.twin.connectx3.parameters import BAR, LINK, SRIOV, Parameters


def test_what_is_stored_outlives_the_chip(tmp_path: Path) -> None:
    path = tmp_path / "parameters.json"
    Parameters(path).set(LINK, 1, bytes((0, 0, 0, 2)))
    Parameters(path).set(SRIOV, 0, bytes((0x80, 0, 0, 16)))
    it = Parameters(path)
    assert (it.link_type(1), it.link_type(2)) == ("eth", None)
    assert it.sriov() == (True, 16)
    assert it.log2_bar_mib() is None


def test_one_is_forgotten_and_then_all(tmp_path: Path) -> None:
    it = Parameters(tmp_path / "parameters.json")
    it.set(LINK, 1, bytes((0, 0, 0, 1)))
    it.set(LINK, 2, bytes((0, 0, 0, 3)))
    it.set(BAR, 0, bytes((0, 0, 0, 5)))
    it.forget(LINK, 1)
    it.forget(LINK, 1)
    assert (it.link_type(1), it.link_type(2), it.log2_bar_mib()) == (None, "vpi", 5)
    it.forget_all()
    assert (it.link_type(2), it.log2_bar_mib()) == (None, None)
    assert Parameters(tmp_path / "parameters.json").link_type(2) is None


@pytest.mark.parametrize("content", [
    b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"0x12.1": 5}', b'{"0x12.1": "zz"}', b"[" * 100_000,
])  # fmt: skip
def test_a_file_that_cannot_be_read_is_a_card_with_defaults(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "parameters.json"
    path.write_bytes(content)
    it = Parameters(path)
    assert it.link_type(1) is None
    it.set(LINK, 1, bytes((0, 0, 0, 2)))
    assert Parameters(path).link_type(1) == "eth"


@pytest.mark.parametrize("value", [b"", b"\x02", bytes(4), bytes(400)])
def test_values_of_any_length_are_taken(tmp_path: Path, value: bytes) -> None:
    it = Parameters(tmp_path / "parameters.json")
    it.set(LINK, 1, value)
    assert it.get(LINK, 1) == value
    assert it.link_type(1) is None
