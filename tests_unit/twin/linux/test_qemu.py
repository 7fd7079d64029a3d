"""Which QEMU is used, what is said of it, and what happens when none can be had."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from rig.errors import BenchError
from rig.twin.linux import accel, qemu
from rig.twin.linux.qemu import Qemu, missing, newest, newest_qemu, unpacked_command

_FAKE = """#!/bin/sh
case "$*" in
*--version*) echo 'QEMU emulator version {version} (Debian 1:{version}+dfsg)' ;;
*'-device help'*) printf '{devices}' ;;
*'-L help'*) echo '{firmware}' ;;
*) exit 33 ;;
esac
"""


def _fake(path: Path, version: str, *devices: str, firmware: str = "/nowhere") -> Path:
    """A program that answers as a QEMU does, and that ends at once as one whose machine switched itself off."""
    lines = "".join(f'name "{name}", bus PCI\\n' for name in devices)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_FAKE.format(version=version, devices=lines, firmware=firmware), encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def _made(version: tuple[int, int, int], *, vfio_user: bool = False, proxy: bool = False) -> Qemu:
    return Qemu(("q",), version, vfio_user, proxy, True, "tcg", ())


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No QEMU of this machine, no KVM, nothing to fetch with."""
    monkeypatch.delenv("RIG_QEMU", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(accel, "_DEVICE", tmp_path / "no-kvm")


def test_what_can_show_most_is_taken_and_among_equals_the_newest() -> None:
    old, new = _made((7, 2, 22), proxy=True), _made((10, 1, 0), vfio_user=True)
    newer, bare = _made((11, 1, 3), vfio_user=True), _made((12, 0, 0))
    assert newest([old, new]) is new
    assert newest([new, newer, bare]) is newer
    assert newest([bare, old]) is old
    assert newest([]) is None


def test_the_one_of_the_environment_is_used_whatever_else_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake(tmp_path / "path/qemu-system-x86_64", "11.1.3", "vfio-user-pci")
    own = _fake(tmp_path / "my own/qemu", "7.2.22", "x-pci-proxy-dev")
    monkeypatch.setenv("RIG_QEMU", f"'{own}' -fixed")
    said: list[str] = []
    found = newest_qemu(tmp_path / "cache", said.append)
    assert (found.command, found.version, found.proxy) == ((str(own), "-fixed"), (7, 2, 22), True)
    assert said and said == list(found.what_is_missing)


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("#!/bin/sh\necho cannot open libx >&2; exit 127\n", r"ended with 127: 'cannot open libx'"),
        ("#!/bin/sh\necho hello\n", "does not tell its version"),
        (None, "cannot be started: No such file"),
    ],
)
def test_one_of_the_environment_that_does_not_work_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, complaint: str
) -> None:
    own = tmp_path / "own"
    if script is not None:
        own.write_text(script, encoding="utf-8")
        own.chmod(0o755)
    monkeypatch.setenv("RIG_QEMU", str(own))
    with pytest.raises(BenchError, match=complaint):
        newest_qemu(tmp_path / "cache", print)


def test_one_that_has_vfio_user_is_used_without_fetching_anything(tmp_path: Path) -> None:
    firmware = tmp_path / "firmware"
    firmware.mkdir()
    (firmware / "qboot.rom").touch()
    program = _fake(tmp_path / "path/qemu-system-x86_64", "10.1.0", "vfio-user-pci", firmware=str(firmware))
    said: list[str] = []
    found = newest_qemu(tmp_path / "cache", said.append)
    assert found == Qemu((str(program),), (10, 1, 0), True, False, True, "tcg", ())
    assert found.version_text == "10.1.0" and said == []


def test_an_older_one_is_used_where_nothing_can_be_fetched_and_says_what_it_cannot_show(tmp_path: Path) -> None:
    _fake(tmp_path / "path/qemu-system-x86_64", "7.2.22", "x-pci-proxy-dev")
    said: list[str] = []
    found = newest_qemu(tmp_path / "cache", said.append)
    assert found.version == (7, 2, 22) and not found.vfio_user and not found.qboot
    text = "\n".join(said)
    assert "a newer one cannot be had: packages: no apt-get on this machine" in text
    assert "256 bytes" in text and "no interrupts" in text


@pytest.mark.parametrize(
    ("version", "devices", "kind"),
    [("10.0.13", ["x-pci-proxy-dev"], "tcg"), ("6.0.0", [], "tcg"), ("6.0.0", [], "kvm")],
)
def test_one_that_takes_no_modelled_card_is_refused_before_anything_is_powered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, devices: list[str], kind: str
) -> None:
    """10.0 has the older device and dies of it without KVM."""
    monkeypatch.setenv("RIG_QEMU", str(_fake(tmp_path / "own", version, *devices)))
    monkeypatch.setattr(qemu, "accelerator", lambda *_: kind)
    with pytest.raises(BenchError, match=rf"QEMU {version} .* no modelled card; install QEMU 10\.1 or newer"):
        newest_qemu(tmp_path / "cache", print)


def test_with_kvm_the_older_device_is_used_in_every_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIG_QEMU", str(_fake(tmp_path / "own", "10.0.13", "x-pci-proxy-dev")))
    monkeypatch.setattr(qemu, "accelerator", lambda *_: "kvm")
    found = newest_qemu(tmp_path / "cache", lambda _: None)
    assert (found.proxy, found.accelerator) == (True, "kvm")


def test_the_small_firmware_is_not_used_with_the_older_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that qboot starts beside x-pci-proxy-dev never says a word."""
    (tmp_path / "qboot.rom").touch()
    program = _fake(tmp_path / "own", "7.2.22", "x-pci-proxy-dev", firmware=str(tmp_path))
    monkeypatch.setenv("RIG_QEMU", str(program))
    assert not newest_qemu(tmp_path / "cache", lambda _: None).qboot


def test_a_failure_to_fetch_is_remembered_so_that_no_later_start_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake(tmp_path / "path/qemu-system-x86_64", "7.2.22", "x-pci-proxy-dev")
    newest_qemu(tmp_path / "cache", lambda _: None)
    monkeypatch.setattr(qemu, "_fetched", lambda *_: pytest.fail("fetched again"))
    said: list[str] = []
    newest_qemu(tmp_path / "cache", said.append)
    assert "no apt-get" in said[0]


def test_without_any_the_error_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no apt-get.*RIG_QEMU.*apt-get install qemu-system-x86") as caught:
        newest_qemu(tmp_path / "cache", print)
    assert "\n" not in str(caught.value)


def test_one_that_does_not_start_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "path/qemu-system-x86_64"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    said: list[str] = []
    with pytest.raises(BenchError):
        newest_qemu(tmp_path / "cache", said.append)
    assert said[0].startswith("not used: QEMU: ")


@pytest.mark.parametrize("merged", [True, False])
def test_unpacked_packages_run_with_their_own_loader_and_libraries(tmp_path: Path, merged: bool) -> None:
    """Debian 13 has all of them in usr, Debian 12 has some beside it."""
    loader = tmp_path / ("usr" if merged else "") / "lib64/ld-linux-x86-64.so.2"
    loader.parent.mkdir(parents=True)
    loader.touch()
    command = unpacked_command(tmp_path)
    assert command[0] == "/usr/bin/env" and str(loader) in command
    libraries = command[command.index("--library-path") + 1].split(":")
    assert libraries == [str(tmp_path / folder / "x86_64-linux-gnu") for folder in ("usr/lib", "lib")]


def test_what_is_missing_follows_from_the_devices() -> None:
    assert missing((11, 1, 3), vfio_user=True, proxy=True) == ()
    assert len(missing((7, 2, 22), vfio_user=False, proxy=True)) == 4
    assert "no modelled card" in missing((6, 0, 0), vfio_user=False, proxy=False)[0]


# --- the accelerator ------------------------------------------------------------------------------------------


def test_a_machine_without_kvm_emulates(tmp_path: Path) -> None:
    assert accel.accelerator(tmp_path, ("/nowhere",), lambda: tmp_path) == "tcg"


_BOOTS = """#!/bin/sh
case "$*" in
*debug-exit*) exit 33 ;;
*) for word; do case $word in file:*) echo 'Kernel panic - not syncing: VFS' >"${word#file:}" ;; esac; done ;;
esac
"""


def test_kvm_is_used_where_a_kernel_ran_and_tried_once_for_each_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, program = tmp_path / "kvm", tmp_path / "q"
    device.touch()
    monkeypatch.setattr(accel, "_DEVICE", device)
    program.write_text(_BOOTS, encoding="utf-8")
    program.chmod(0o755)

    def found() -> str:
        return accel.accelerator(tmp_path / "cache", (str(program),), lambda: tmp_path / "vmlinux")

    assert found() == "kvm"
    program.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    assert found() == "kvm"
    monkeypatch.setattr(accel, "_BOOT_ID", device)
    assert found() == "tcg"


def test_a_kvm_that_runs_a_few_instructions_but_no_kernel_is_not_used(tmp_path: Path) -> None:
    program = _fake(tmp_path / "q", "11.1.3")
    assert accel.runs((str(program),), "kvm")
    assert not accel.boots((str(program),), "kvm", tmp_path)


def test_one_that_hangs_is_killed_at_the_deadline(tmp_path: Path) -> None:
    program = tmp_path / "hangs"
    program.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\nexec /bin/sleep 60\n", encoding="utf-8")
    program.chmod(0o755)
    assert not accel.runs((str(program),), "kvm", deadline_s=0.5)
    pid = (tmp_path / "pid").read_text().strip()
    assert not Path("/proc", pid).exists()
