"""The stand-ins against the real programs of this machine, where both can be asked the same."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess

import pytest
from host_fakes import FakeSlot, card, port, view_of

from rig.twin.host.kernel import Kernel
from rig.twin.host.klog import WARNING, KernelLog
from rig.twin.host.tools import TOOLS, Answer, Context


class Desk:
    """A booted kernel and its stand-ins, without namespaces."""

    def __init__(self, slot: FakeSlot) -> None:
        self.slot = slot
        self.printed = bytearray()
        self.log = KernelLog(self.printed.extend)
        self.log.restart()
        self.kernel = Kernel(slot, self.log)
        self.kernel.enumerate()
        for driver in self.kernel.drivers():
            for level, text in self.kernel.load(driver):
                self.log.write(text, level)
        self.kernel.refresh()
        self.stopped: list[tuple[str, float]] = []

    def run(self, *words: str) -> Answer:
        context = Context(
            self.kernel, self.log, self.slot, "/real/ip", lambda how, after: self.stopped.append((how, after))
        )
        answer = TOOLS[words[0]](context, words[1:])
        self.kernel.refresh()
        return answer


@pytest.fixture
def desk() -> Desk:
    return Desk(FakeSlot(view_of(card(0), ports=(port("ens1f0np0", 0, "127.86.41.2"),))))


def real(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which(words[0], path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        pytest.skip(f"{words[0]} is not on this machine")
    return subprocess.run([program, *words[1:]], capture_output=True, text=True, timeout=10, check=False)


def test_json_of_ip_link_has_the_keys_of_the_real_one(desk: Desk) -> None:
    theirs = json.loads(real("ip", "-j", "link", "show", "dev", "lo").stdout)[0]
    ours = json.loads(desk.run("ip", "-j", "link", "show", "dev", "lo").out)[0]
    assert list(ours) == list(theirs)
    assert ours["flags"] == theirs["flags"]


def test_text_of_ip_addr_is_that_of_the_real_one(desk: Desk) -> None:
    theirs = real("ip", "-4", "addr", "show", "dev", "lo").stdout
    assert desk.run("ip", "-4", "addr", "show", "dev", "lo").out.splitlines()[:3] == theirs.splitlines()[:3]


def test_columns_of_ip_statistics_are_those_of_the_real_one(desk: Desk) -> None:
    theirs = real("ip", "-s", "link", "show", "dev", "lo").stdout.splitlines()
    ours = desk.run("ip", "-s", "link", "show", "dev", "lo").out.splitlines()
    assert [row.split() for row in (ours[2], ours[4])] == [row.split() for row in (theirs[2], theirs[4])]


@pytest.mark.parametrize(
    "words",
    [
        ("ip", "link", "show", "dev", "nope"),
        ("ip", "link", "set", "dev", "nope", "up"),
        ("ip", "link", "set", "up"),
        ("ip", "link", "show", "dev"),
        ("ip", "addr", "add", "10.0.0.1/24", "dev", "nope"),
        ("ip", "addr", "add", "10.0.0.1/24"),
        ("ip", "addr", "show", "dev", "nope"),
        ("ethtool",),
        ("ethtool", "nope"),
        ("ethtool", "-i", "nope"),
        ("ethtool", "-S", "nope"),
        ("ethtool", "-e", "nope"),
        ("ethtool", "-m", "nope"),
        ("dmesg", "--foo"),
        ("dmesg", "-n"),
        ("dmesg", "-n", "99"),
        ("uname", "-Q"),
    ],
)
def test_a_wrong_call_fails_with_the_words_and_code_of_the_real_program(desk: Desk, words: tuple[str, ...]) -> None:
    theirs, ours = real(*words), desk.run(*words)
    assert (ours.out, ours.err, ours.code) == (
        theirs.stdout,
        theirs.stderr.replace(shutil.which(words[0]) or words[0], words[0]),
        theirs.returncode,
    )


def test_what_is_no_link_or_address_is_left_to_the_real_ip(desk: Desk) -> None:
    for words in (("ip", "route"), ("ip", "foo"), ("ip",), ("ip", "-z"), ("ip", "link", "add", "x", "type", "dummy")):
        assert desk.run(*words).exec == "/real/ip"


def test_a_port_that_is_set_up_gets_its_carrier_and_says_so(desk: Desk) -> None:
    before = json.loads(desk.run("ip", "-j", "link", "show", "dev", "ens1f0np0").out)[0]
    assert (before["operstate"], before["qdisc"]) == ("DOWN", "noop")
    assert "Link detected: no" in desk.run("ethtool", "ens1f0np0").out
    assert desk.run("ip", "link", "set", "dev", "ens1f0np0", "up").code == 0
    after = json.loads(desk.run("ip", "-j", "link", "show", "dev", "ens1f0np0").out)[0]
    assert (after["operstate"], after["flags"]) == ("UP", ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"])
    assert "\tSpeed: 10000Mb/s\n" in desk.run("ethtool", "ens1f0np0").out
    log = desk.run("dmesg", "-t").out
    assert "ixgbe 0000:01:00.0 ens1f0np0: NIC Link is Up 10 Gbps, Flow Control: RX/TX\n" in log


def test_addresses_are_added_once_and_deleted_once(desk: Desk) -> None:
    add = ("ip", "addr", "add", "127.86.41.2/24", "dev", "ens1f0np0")
    assert desk.run(*add) == Answer()
    assert desk.run(*add) == Answer(err="RTNETLINK answers: File exists\n", code=2)
    assert desk.run("ip", "a", "replace", *add[3:]).code == 0
    rows = json.loads(desk.run("ip", "-j", "addr", "show", "ens1f0np0").out)[0]["addr_info"]
    assert [(r["local"], r["prefixlen"], r["scope"]) for r in rows] == [("127.86.41.2", 24, "host")]
    delete = ("ip", "addr", "del", "127.86.41.2/24", "dev", "ens1f0np0")
    assert desk.run(*delete).code == 0
    assert desk.run(*delete) == Answer(err="RTNETLINK answers: Cannot assign requested address\n", code=2)


def test_dmesg_sets_the_console_level_filters_and_clears(desk: Desk) -> None:
    desk.run("dmesg", "-n", "1")
    desk.printed.clear()
    desk.log.write("something is wrong", WARNING)
    assert not desk.printed
    assert desk.run("dmesg", "-t", "--level=warn").out == "something is wrong\n"
    assert desk.run("dmesg", "-x").out.splitlines()[-1].startswith("kern  :warn  : [")
    assert desk.run("dmesg", "-c").out.endswith("something is wrong\n")
    assert desk.run("dmesg").out == ""


def test_modprobe_takes_the_interfaces_away_and_brings_them_back(desk: Desk) -> None:
    assert desk.run("modprobe", "-r", "ixgbe").code == 0
    assert ("driver", False) in desk.slot.calls
    assert "ens1f0np0" not in desk.run("ip", "link").out
    assert desk.run("lsmod").out.splitlines()[1:] == []
    assert desk.run("modprobe", "ixgbe").code == 0
    assert "ens1f0np0" in desk.run("ip", "link").out
    nope = desk.run("modprobe", "nope")
    assert (nope.code, nope.err) == (
        1,
        "modprobe: FATAL: Module nope not found in directory /lib/modules/6.1.0-56-amd64\n",
    )


def test_a_module_that_another_hangs_on_is_not_removed() -> None:
    slot = FakeSlot(view_of(card(0, (0x15B3, 0x1003), "mlx4_core"), ports=(port("ens1", 0, "127.86.41.2"),)))
    slot.change(port_types={1: "eth"})
    desk = Desk(slot)
    assert desk.run("modprobe", "-r", "mlx4_core").err == "modprobe: FATAL: Module mlx4_core is in use.\n"
    assert desk.run("modprobe", "-r", "mlx4_en").code == 0
    assert "ens1" not in desk.run("ip", "link").out
    assert desk.run("modprobe", "mlx4_en").code == 0
    assert "mlx4_core             413696  1 mlx4_en" in desk.run("lsmod").out
    assert "ens1:" in desk.run("ip", "link").out
    assert "driver: mlx4_en\n" in desk.run("ethtool", "-i", "ens1").out


def test_reboot_and_poweroff_tell_the_machine(desk: Desk) -> None:
    assert not desk.run("reboot").hold
    assert desk.run("reboot", "-f").hold
    assert desk.run("poweroff", "--force").hold
    assert [how for how, _ in desk.stopped] == ["restart", "restart", "power_off"]
    assert desk.stopped[1][1] == 0.0


def test_of_a_card_that_fell_silent_the_driver_tells_what_it_read_before_and_its_module_is_not_read() -> None:
    """As a real ixgbe does: tests_unit/test_virtual_both_hosts.py."""
    caged = dataclasses.replace(port("eno1", 0, "127.86.41.2"), media="SFP+")
    slot = FakeSlot(view_of(card(0), ports=(caged,)))
    desk = Desk(slot)
    told = desk.run("ethtool", "-i", "eno1").out
    assert "firmware-version: 0x80000835" in told
    assert "Vendor name" in desk.run("ethtool", "-m", "eno1").out
    slot.change(functions=(), firmware_version="")
    desk.kernel.refresh()
    assert desk.run("ethtool", "-i", "eno1").out == told
    assert desk.run("ethtool", "-m", "eno1") == Answer(err="netlink error: Input/output error\n", code=1)
