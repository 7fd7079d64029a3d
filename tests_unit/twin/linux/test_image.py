"""How a guest image is made: its archive, what its files need, its packages, its place in the cache."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from rig.errors import BenchError, DeadlineError
from rig.twin.linux import elf, image, packages
from rig.twin.linux.archive import Entry, cpio, file, folder, link, program
from rig.twin.linux.cache import building, cache_folder, locked
from rig.twin.linux.commandline import FAST, command_line
from rig.twin.linux.image import guest_image, opened
from rig.twin.linux.packages import Mirror, candidates, depends_on, file_name, mirror_of, sentence, sources
from rig.twin.linux.unpack import members, vmlinux

_URIS = """'http://mirror.example/debian/dists/bookworm/InRelease' mirror.example_debian_dists_bookworm_InRelease 0
'http://mirror.example/debian/dists/bookworm-updates/InRelease' mirror.example_x 0
'http://mirror.example/security/dists/bookworm-security/InRelease' mirror.example_y 0
'http://mirror.example/debian/dists/bookworm/main/binary-amd64/Packages.xz' mirror.example_z 0
"""


def _fields(archive: bytes) -> list[tuple[str, int, int, int, bytes]]:
    """Name, mode, uid, mtime and data of each record."""
    found, at = [], 0
    while True:
        header = archive[at : at + 110]
        assert header[:6] == b"070701" and at % 4 == 0
        numbers = [int(header[n : n + 8], 16) for n in range(6, 110, 8)]
        size, named = numbers[6], numbers[11]
        name = archive[at + 110 : at + 110 + named].rstrip(b"\0").decode()
        start = (at + 110 + named + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        found.append((name, numbers[1], numbers[2], numbers[5], archive[start : start + size]))
        at = (start + size + 3) // 4 * 4


# --- the archive ----------------------------------------------------------------------------------------------


def test_an_archive_holds_files_links_and_the_folders_they_lie_in() -> None:
    records = _fields(cpio({"usr/bin/tool": program("x"), "bin": link("usr/bin"), "tmp": folder(0o1777)}))
    assert [(name, mode, data) for name, mode, _, _, data in records] == [
        ("bin", stat.S_IFLNK | 0o777, b"usr/bin"),
        ("tmp", stat.S_IFDIR | 0o1777, b""),
        ("usr", stat.S_IFDIR | 0o755, b""),
        ("usr/bin", stat.S_IFDIR | 0o755, b""),
        ("usr/bin/tool", stat.S_IFREG | 0o755, b"x"),
    ]
    assert {(uid, mtime) for _, _, uid, mtime, _ in records} == {(0, 0)}


def test_the_order_in_which_files_come_does_not_show() -> None:
    one: Mapping[str, Entry] = {"a": file("1"), "b/c": file("22"), "b/a": file("333")}
    assert cpio(one) == cpio(dict(reversed(one.items())))


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../b", "", "a//b", "./a"])
def test_a_path_that_leaves_the_root_or_has_two_spellings_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="no plain path"):
        cpio({path: file("x")})


# --- what needs what ------------------------------------------------------------------------------------------


def test_a_closure_takes_what_is_needed_and_nothing_else() -> None:
    there = {"ixgbe": b"mdio dca", "mdio": b"", "dca": b"mdio", "other": b"dca"}
    assert elf.closure(["ixgbe"], there, lambda data, _: tuple(data.decode().split())) == {"ixgbe", "mdio", "dca"}


def test_a_closure_names_what_is_missing() -> None:
    with pytest.raises(KeyError, match="phantom"):
        elf.closure(["a"], {"a": b"phantom"}, lambda data, _: (data.decode(),))


def test_libraries_of_a_program_are_read_from_the_file() -> None:
    own = Path(sys.executable).resolve().read_bytes()
    assert "libc.so.6" in elf.needed_libraries(own, "python")
    assert elf.needed_libraries(b"#!/bin/sh\n", "script") == ()


def test_damaged_files_are_told_in_a_sentence() -> None:
    with pytest.raises(BenchError, match="libx is a damaged ELF file"):
        elf.needed_libraries(b"\x7fELF" + bytes(60), "libx")
    with pytest.raises(BenchError, match=r"mod\.ko is no kernel module"):
        elf.module_needs(b"nothing", "mod.ko")


# --- packages -------------------------------------------------------------------------------------------------


def test_the_machines_own_mirror_is_found_even_before_its_first_update() -> None:
    assert mirror_of(_URIS) == Mirror("http://mirror.example/debian", "http://mirror.example/security")


def test_a_machine_of_another_distribution_has_no_debian_mirror() -> None:
    assert mirror_of("'http://mirror.example/ubuntu/dists/noble/InRelease' x 0\n") is None
    assert mirror_of("") is None


def test_sources_are_signed_with_debians_keys_where_they_are() -> None:
    mirror = Mirror("http://m/debian", "http://m/security")
    own = sources(mirror, "bookworm", ["bookworm-updates"], Path(__file__))
    assert own.splitlines() == [
        f"deb [arch=amd64 signed-by={__file__}] http://m/debian bookworm main",
        f"deb [arch=amd64 signed-by={__file__}] http://m/debian bookworm-updates main",
        f"deb [arch=amd64 signed-by={__file__}] http://m/security bookworm-security main",
    ]
    assert "signed-by" not in sources(mirror, "trixie", [], Path("/nowhere"))


def test_versions_are_those_that_can_be_had() -> None:
    policy = (
        "bash:\n  Installed: (none)\n  Candidate: 5.2.15-2+b13\n  Version table:\n     5.2.15-2+b13 500\n"
        "gone:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n"
        "pciutils:\n  Installed: (none)\n  Candidate: 1:3.9.0-4\n  Version table:\n"
    )
    assert candidates(policy) == {"bash": "5.2.15-2+b13", "pciutils": "1:3.9.0-4"}


def test_the_kernel_is_the_one_its_name_without_a_number_leads_to() -> None:
    shown = "linux-image-amd64\n  Depends: linux-image-6.1.0-56-amd64\n"
    assert depends_on(shown, "linux-image-6.") == "linux-image-6.1.0-56-amd64"
    assert depends_on(shown, "linux-image-7.") is None


def test_a_colon_of_a_version_is_escaped_in_a_file_name() -> None:
    assert file_name("pciutils", "1:3.9.0-4") == "pciutils_1%3a3.9.0-4"


def test_what_apt_says_becomes_one_sentence_with_what_to_do() -> None:
    said = sentence(
        "apt-get", "the index of Debian bookworm",
        "W: noise of\n   apt\nE: Failed to fetch http://m/x  Could not resolve 'm'\nE: Some index files failed\n",
    )  # fmt: skip
    assert said.startswith("packages: apt-get could not get the index of Debian bookworm: ")
    assert "\n" not in said and "is the network there?" in said and "RIG_GUEST" in said


def _programs(folder: Path, **scripts: str) -> None:
    for name, text in scripts.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(0o755)


def test_a_machine_without_apt_is_told_what_else_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchError, match=r"no apt-get on this machine.*RIG_QEMU.*RIG_GUEST"):
        packages.machines_mirror()


def test_a_machine_without_debian_sources_is_told_of_the_mirror_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _programs(tmp_path, apt_get=f"echo \"'http://m/ubuntu/dists/noble/InRelease' x 0\" # {tmp_path}", dpkg_deb="")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchError, match="RIG_DEBIAN_MIRROR"):
        packages.machines_mirror()
    monkeypatch.setenv("RIG_DEBIAN_MIRROR", "http://m/debian/")
    assert packages.machines_mirror() == Mirror("http://m/debian", None)


def test_an_update_that_only_warns_of_a_missing_index_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _programs(tmp_path, apt_get="echo 'W: Failed to fetch http://m/x  Temporary failure resolving' >&2")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    with pytest.raises(BenchError, match="Temporary failure resolving"):
        packages.Packages(tmp_path / "apt", Mirror("http://m", None), "bookworm", []).update()


def test_a_damaged_package_is_told_by_its_name(tmp_path: Path) -> None:
    deb = tmp_path / "broken_1_all.deb"
    deb.write_bytes(b"!<arch>\nnonsense")
    with pytest.raises(BenchError, match=r"broken_1_all\.deb cannot be unpacked: .*delete it"):
        members(deb, lambda _: True)


@pytest.mark.parametrize("data", [bytes(1024), bytes(0x202) + b"HdrS" + bytes(1024)])
def test_what_is_no_kernel_is_told_in_a_sentence(data: bytes) -> None:
    with pytest.raises(BenchError, match="guest kernel: "):
        vmlinux(data)


# --- the cache ------------------------------------------------------------------------------------------------


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RIG_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert cache_folder() == tmp_path / ".cache/rig"
    monkeypatch.setenv("XDG_CACHE_HOME", "/some/cache")
    assert cache_folder() == Path("/some/cache/rig")
    monkeypatch.setenv("RIG_CACHE", "/own")
    assert cache_folder() == Path("/own")


def test_a_build_that_fails_leaves_nothing_and_what_a_killed_one_left_goes(tmp_path: Path) -> None:
    final = tmp_path / "guest"
    (tmp_path / ".guest.part-killed").mkdir()
    with pytest.raises(RuntimeError), building(final) as part:
        (part / "half").touch()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with building(final) as part:
        (part / "whole").touch()
    assert [p.name for p in final.iterdir()] == ["whole"]


def test_two_builders_wait_for_each_other_and_say_so(tmp_path: Path) -> None:
    said: list[str] = []
    entered, release = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(tmp_path, "x", said.append):
            entered.set()
            release.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(10)
    try:
        with pytest.raises(DeadlineError, match="another process builds"), locked(tmp_path, "x", said.append, 0.05):
            pytest.fail("the lock was given twice")
    finally:
        release.set()
        thread.join()
    assert said == ["another process is fetching or building it: waiting"]


def test_a_cache_that_cannot_be_written_is_told_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match="point RIG_CACHE"), locked(tmp_path / "file" / "below", "x", print):
        pytest.fail("there is no such folder")


def _ready(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "vmlinux").write_bytes(b"k")
    (folder / "initrd.cpio").write_bytes(b"i")
    (folder / "versions.json").write_text(json.dumps({"kernel": "6.1.0-56-amd64"}), encoding="utf-8")
    return folder


def test_a_ready_guest_is_taken_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIG_GUEST", str(_ready(tmp_path / "own")))
    assert guest_image(tmp_path / "cache", print).versions == {"kernel": "6.1.0-56-amd64"}
    monkeypatch.setenv("RIG_GUEST", str(tmp_path / "nowhere"))
    with pytest.raises(BenchError, match="correct RIG_GUEST"):
        guest_image(tmp_path / "cache", print)


def test_an_image_of_this_recipe_is_taken_from_the_cache_without_asking_anybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RIG_GUEST", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    said: list[str] = []
    folder = _ready(tmp_path / "guest" / f"{image.recipe_key()}-0123456789ab")
    assert guest_image(tmp_path, said.append).kernel == folder / "vmlinux"
    assert said == []


def test_an_image_that_is_not_whole_is_told_with_its_remedy(tmp_path: Path) -> None:
    folder = _ready(tmp_path / "x")
    (folder / "initrd.cpio").unlink()
    with pytest.raises(BenchError, match=r"has no initrd\.cpio; delete"):
        opened(folder)
    (folder / "versions.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(BenchError, match="delete"):
        opened(folder)


def test_the_command_says_in_a_sentence_why_it_cannot(tmp_path: Path) -> None:
    environment = {"RIG_CACHE": str(tmp_path), "PATH": "/nowhere", "RIG_GUEST": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "rig.twin.linux.image"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "correct RIG_GUEST" in done.stderr and "Traceback" not in done.stderr


# --- the command line -----------------------------------------------------------------------------------------


def test_the_boot_log_goes_to_the_first_serial_line_and_there_are_two() -> None:
    words = command_line("rig.stall=3").split()
    assert words[0] == "console=ttyS0,115200n8" and words[-1] == "rig.stall=3"
    assert "8250.nr_uarts=2" in FAST and "quiet" not in words


@pytest.mark.parametrize("option", ["", "a b", "a\nb"])
def test_an_option_that_would_become_two_is_refused(option: str) -> None:
    with pytest.raises(ValueError, match="no kernel option"):
        command_line(option)
