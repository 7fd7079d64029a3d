"""The guest as it is built and booted: real programs, the prompt the bench waits for, the hidden hand."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from linux_guest import Guest

from rig.twin.linux import recipe
from rig.twin.linux.assemble import assemble
from rig.twin.linux.cache import cache_folder
from rig.twin.linux.image import GUEST, Image
from rig.twin.linux.packages import file_name
from rig.twin.linux.qemu import Qemu

_DEVICES = ("-device", "virtio-rng-pci,addr=2.0", "-device", "pcie-root-port,chassis=1,slot=1,addr=3.0")


@pytest.fixture(scope="module")
def guest(linux_parts: tuple[Qemu, Image]) -> Iterator[Guest]:
    qemu, image = linux_parts
    with Guest(qemu, image, arguments=("-no-reboot", *_DEVICES)) as guest:
        guest.log_in()
        yield guest


def test_the_boot_log_is_on_the_console_before_the_login(guest: Guest, linux_parts: tuple[Qemu, Image]) -> None:
    before = guest.console.text.partition("duthost login: ")[0]
    assert f"Linux version {linux_parts[1].versions['kernel']}" in before
    assert "AER" in before and "Kernel panic" not in before
    assert before.endswith("\nDebian GNU/Linux 12 duthost ttyS0\n\n")


def test_after_the_login_there_is_nothing_but_the_message_of_the_day_and_the_prompt(guest: Guest) -> None:
    after = guest.console.text.partition("duthost login: root\n")[2]
    assert after.startswith("\nThe programs included with the Debian GNU/Linux system are free software;")
    assert "permitted by applicable law.\nroot@duthost:~# " in after


def test_the_hand_says_that_the_console_is_ready(guest: Guest) -> None:
    guest.hand.expect("ready\n")


def test_programs_are_the_real_ones(guest: Guest, linux_parts: tuple[Qemu, Image]) -> None:
    assert guest.run("uname -r").strip() == linux_parts[1].versions["kernel"]
    assert "[8086:29c0]" in guest.run("lspci -D -nn")
    assert "mstflint 4.21.0" in guest.run("mstflint -v; mstconfig -v")
    assert "GNU coreutils" in guest.run("stat --version | head -1; od --version | head -1")
    assert "util-linux" in guest.run("dmesg --version")
    said = guest.run("ethtool --version; ip -V; devlink -V; iperf3 -v | head -1; setpci --version; kmod --version")
    assert [
        w for w in ("ethtool version", "ip utility", "devlink utility", "iperf", "setpci", "kmod") if w not in said
    ] == []


def test_every_program_the_rig_calls_is_there(guest: Guest) -> None:
    names = (
        "base64 bash cat dd dmesg devlink ethtool grep gzip head ip iperf3 kill ls mkdir mkfifo mktemp modprobe "
        "mstconfig mstflint od poweroff printf readlink reboot rm setpci setsid sha256sum sleep stat tail timeout "
        "touch tr truncate wc"
    )
    missing = guest.run(f"for p in {names}; do command -v $p >/dev/null || echo no-$p; done")
    assert "no-" not in missing


def test_busybox_has_every_applet_that_a_link_promises(guest: Guest) -> None:
    assert set(recipe.APPLETS) <= set(guest.run("busybox --list | tr '\\n' ' '").split())


def test_drivers_are_loaded_by_modalias(guest: Guest) -> None:
    assert "virtio_pci" in guest.run("lsmod")
    assert "virtio-pci" in guest.run("readlink /sys/bus/pci/devices/0000:00:02.0/driver")


def test_the_nics_drivers_can_be_loaded(guest: Guest) -> None:
    loaded = guest.run("modprobe -a ixgbe igb && lsmod")
    assert "ixgbe" in loaded and "mdio" in loaded and "igb" in loaded


def test_the_hand_tells_what_goes_wrong(guest: Guest) -> None:
    assert guest.tell_hand("aer 0 1f 7 0 1") == "error the kernel takes no error of 0:1f.7"
    assert guest.tell_hand("aer 0 0 0 zz 40") == "error five hex numbers or more expected"
    assert guest.tell_hand("aer 0 0 0 40") == "error five hex numbers or more expected"
    assert guest.tell_hand("sing") == "error unknown command"
    assert guest.tell_hand("coldplug") == "ok"


def test_the_hand_raises_an_error_that_the_kernel_counts(guest: Guest) -> None:
    assert guest.tell_hand("aer 0 3 0 0 40") == "ok"
    assert "[ 6] BadTLP" in guest.run("sleep 0.2; dmesg | tail")
    assert "BadTLP 1\n" in guest.run("cat /sys/bus/pci/devices/0000:00:03.0/aer_dev_correctable")


def test_the_hand_raises_one_error_after_the_other_and_the_kernel_counts_each(guest: Guest) -> None:
    before = guest.run("cat /sys/bus/pci/devices/0000:00:03.0/aer_dev_correctable")
    assert guest.tell_hand("aer 0 3 0 0 " + " ".join(["1"] * 39 + ["81"])) == "ok"
    counted = guest.run("sleep 0.5; cat /sys/bus/pci/devices/0000:00:03.0/aer_dev_correctable")
    assert "RxErr 0\n" in before and "RxErr 40\n" in counted and "BadDLLP 1\n" in counted


def test_the_login_goes_and_comes_back(guest: Guest) -> None:
    assert guest.tell_hand("getty stop") == "ok"
    assert guest.tell_hand("getty start") == "ok"
    guest.console.expect("duthost login: ")
    guest.hand.expect("ready\n")
    guest.console.send("root\n")
    guest.console.expect("root@duthost:~# ")


def test_poweroff_ends_the_machine(linux_parts: tuple[Qemu, Image]) -> None:
    """A machine of its own, which also shows that a password is asked for and that a wrong one does not do."""
    with Guest(*linux_parts, "rig.password=opensesame") as guest:
        for word, answer in (("sesame", "Login incorrect"), ("opensesame", "root@duthost:~# ")):
            guest.console.expect("duthost login: ")
            guest.console.send("root\n")
            guest.console.expect("Password: ")
            guest.console.send(f"{word}\n")
            guest.console.expect(answer)
        guest.console.send("poweroff\n")
        assert "reboot: Power down" in guest.console.until_end()
        assert guest.process.wait(20) == 0


@pytest.mark.skipif(GUEST in os.environ, reason="a ready guest is used: its packages are not here")
def test_the_same_packages_give_the_same_bytes(linux_parts: tuple[Qemu, Image]) -> None:
    image = linux_parts[1]
    versions = {name: version for name, version in image.versions.items() if name != "kernel"}
    debs = cache_folder() / "debs"
    files = {name: next(debs.glob(f"{file_name(name, version)}_*.deb")) for name, version in versions.items()}
    kernel, initrd = assemble(files, f"linux-image-{image.versions['kernel']}")
    assert initrd == image.initrd.read_bytes()
    assert kernel == image.kernel.read_bytes()
