"""The test host from power to a shell, with the real tools in its namespaces."""

from __future__ import annotations

import re
import time

from host_fakes import FakeSlot, card
from host_shell import PROMPT, Shell

from rig.twin.host import ProcessHost
from rig.twin.host.kernel import Kernel
from rig.twin.host.klog import KernelLog


def test_the_boot_log_tells_of_the_card_before_the_login(host: ProcessHost) -> None:
    with Shell(host.console_address) as line:
        host.power(True)
        log = line.until(b"duthost login: ").decode()
        host.power(False)
    stamped = re.findall(r"^\[ +(\d+\.\d{6})\] (.*?)\r$", log, re.MULTILINE)
    assert [float(t) for t, _ in stamped] == sorted(float(t) for t, _ in stamped)
    texts = [text for _, text in stamped]
    assert texts[0].startswith("Linux version 6.1.0-")
    assert "pci 0000:01:00.0: [8086:1528] type 00 class 0x020000" in texts
    assert any(re.match(r"pci 0000:01:00\.0: BAR 0 \[mem 0x[0-9a-f]+-0x[0-9a-f]+ 64bit pref\]", t) for t in texts)
    assert (
        "pci 0000:01:00.0: 16.000 Gb/s available PCIe bandwidth, limited by 5.0 GT/s PCIe x4 link at 0000:00:01.0 "
        "(capable of 32.000 Gb/s with 5.0 GT/s PCIe x8 link)"
    ) in texts
    assert "pcieport 0000:00:01.0: AER: enabled with IRQ 24" in texts
    assert "ixgbe 0000:01:00.1 ens1f1: renamed from eth0" in texts
    assert "Debian GNU/Linux 12 duthost ttyS0" in log


def test_who_is_not_root_is_asked_again_and_logout_returns_to_the_login(host: ProcessHost) -> None:
    with Shell(host.console_address) as line:
        host.power(True)
        line.until(b"duthost login: ")
        line.send(b"guest\n")
        line.until(b"Login incorrect")
        line.until(b"duthost login: ")
        line.send(b"root\n")
        greeting = line.until(PROMPT)
        line.send(b"exit\n")
        line.until(b"duthost login: ")
        host.power(False)
    assert b"\x1b[" not in greeting


def test_lspci_and_sysfs_show_the_card_behind_its_root_port(shell: Shell) -> None:
    text, code = shell.run("lspci -D -nn")
    assert code == 0
    assert [row.split()[0] for row in text.splitlines()] == ["0000:00:01.0", "0000:01:00.0", "0000:01:00.1"]
    assert "[8086:1528]" in text
    text, _ = shell.run("lspci -s 01:00.0 -vvv")
    assert "LnkSta:\tSpeed 5GT/s, Width x4 (downgraded)" in text.replace(" " * 8, "\t")
    assert "Region 0: Memory at 380000000000 (64-bit, prefetchable) [size=2M]" in text
    assert "Kernel driver in use: ixgbe" in text
    assert "LaneErrStat: 0" in text
    assert "libkmod" not in text
    text, _ = shell.run("readlink -f /sys/bus/pci/devices/0000:01:00.1")
    assert text == "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.1"
    text, _ = shell.run("cat /sys/class/net/ens1f0/device/vendor /sys/class/net/ens1f0/address")
    assert text.split() == ["0x8086", "9c:b6:54:00:00:01"]


def test_a_change_in_the_model_is_soon_in_sysfs(shell: Shell, slot: FakeSlot) -> None:
    at = "/sys/bus/pci/devices/0000:01:00.0/current_link_width"
    assert shell.run(f"cat {at}") == ("4", 0)
    before = slot.view()
    slot.change(functions=(card(0, now=2), before.functions[1]))
    text, code = shell.run(f"for i in $(seq 100); do grep -qx 2 {at} && break; sleep 0.05; done; cat {at}")
    slot.change(functions=before.functions)
    assert (text, code) == ("2", 0)


def test_setpci_writes_into_the_model_and_reads_what_came_of_it(shell: Shell, slot: FakeSlot) -> None:
    slot.calls.clear()
    text, code = shell.run("setpci -s 01:00.0 COMMAND=0546; sleep 0.1; setpci -s 01:00.0 COMMAND")
    assert (text, code) == ("0546", 0)
    assert ("config", 0) in slot.calls
    function = slot.view().functions[0]
    noisy = bytearray(function.config)
    noisy[0x110] = 0x41
    slot.change(functions=(card(0, now=4), slot.view().functions[1]))
    slot.write_config(0, bytes(noisy))
    shell.run("sleep 0.1; setpci -s 01:00.0 ECAP_AER+10.l=ffffffff; sleep 0.1")
    assert shell.run("setpci -s 01:00.0 ECAP_AER+10.l")[0] == "00000000"


def test_a_removed_device_is_back_after_a_rescan(shell: Shell) -> None:
    shell.run("echo 1 > /sys/bus/pci/devices/0000:01:00.1/remove; sleep 0.2")
    text, _ = shell.run("ls /sys/bus/pci/devices /sys/class/net; ls /sys/bus/pci/drivers/ixgbe")
    assert "0000:01:00.1" not in text
    assert "ens1f1" not in text
    shell.run("echo 1 > /sys/bus/pci/rescan; sleep 0.2")
    text, _ = shell.run("ls /sys/bus/pci/devices /sys/class/net")
    assert "0000:01:00.1" in text
    assert "ens1f1" in text


def test_the_machine_behind_the_host_cannot_be_seen_or_changed(shell: Shell, host: ProcessHost) -> None:
    assert shell.run("hostname") == ("duthost", 0)
    assert shell.run("touch /usr/made-by-guest /etc/made-by-guest")[1] != 0
    assert shell.run("ls -A /home /var/tmp")[0].split() == ["/home:", "/var/tmp:"]
    port = host.console_address[1]
    assert shell.run(f"exec 3<>/dev/tcp/127.0.0.1/{port}")[1] != 0
    assert shell.run("uname -r; cut -d' ' -f3 /proc/version")[0].split() == ["6.1.0-56-amd64"] * 2


def test_binary_junk_and_a_line_of_a_megabyte_do_not_end_the_host(shell: Shell, host: ProcessHost) -> None:
    with Shell(host.console_address) as other:
        other.send(b"cat > /dev/null\n")
        other.send(b"x" * (1 << 20) + b"\n")
        other.send(bytes(b for b in range(256) if b not in (0x03, 0x04, 0x11, 0x13, 0x1A, 0x1C)) * 4)
        other.send(b"\x11\x03\x03\n")
        other.until(PROMPT)
        time.sleep(0.2)
        other.send(b"echo al''ive\n")
        other.until(b"alive")
    shell.until(b"alive")
    shell.until(PROMPT)
    assert shell.run("echo fine") == ("fine", 0)


def test_hostile_arguments_are_data_to_the_stand_ins(shell: Shell) -> None:
    text, code = shell.run("ip link show dev '$(reboot)\";<b>\\n'")
    assert code == 1
    assert "does not exist" in text
    assert shell.run("ethtool $'\\xff\\xfe'")[1] == 75
    assert shell.run("modprobe ../../etc/passwd")[1] == 1
    assert "Traceback" not in shell.run("ip addr add $(head -c 60000 /dev/zero | tr '\\0' 9) dev ens1f0")[0]


def test_a_card_that_vanishes_reads_all_ones_and_stays_in_the_tree(slot: FakeSlot) -> None:
    log = KernelLog(lambda _: None)
    log.restart()
    kernel = Kernel(slot, log)
    kernel.enumerate()
    before = slot.view()
    slot.change(functions=())
    kernel.refresh()
    slot.change(functions=before.functions)
    link = kernel.devices["0000:01:00.0"].link()
    assert link is not None
    assert (link.width, link.speed_name) == (63, "Unknown")
