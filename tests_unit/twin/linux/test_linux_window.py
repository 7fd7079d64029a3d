"""A BAR that finds no room, on both kinds of host: the real kernel's lines, and what the rig makes of each."""

import contextlib
import os
import re

import pytest
from running_host import Running

from rig.config.library import default_library
from rig.config.plan import Enumeration
from rig.diagnose import Case, diagnose
from rig.expect import Parts
from rig.judge import judge
from rig.model import AdapterUnit, Limit, Slot, Verdict
from rig.netlist import Board
from rig.parse import kernel_log, lspci, sysfs
from rig.steps import enumeration, pci
from rig.steps.firmware.interfaces import missing_interfaces
from rig.steps.netdev import netdevs

pytestmark = pytest.mark.timeout(300)
LIBRARY = default_library()
KINDS = ("process", "linux")
NET = os.getpid() % 120 * 2  # another suite may run beside this one
CABLES = {kind: (f"127.{n}.{NET}.2", f"127.{n}.{NET + 1}.2") for n, kind in zip((247, 248), KINDS, strict=True)}
LIMITS = {
    "firmware.interfaces_missing": Limit("every port shows an interface", high=0),
    "pcie.bars.unassigned": Limit("the driver needs them", high=0),
}
TOLD = re.compile(r"no space|failed to assign|unassigned|realloc|can't (?:claim|assign|enable)|[Pp]robe of|Missing UAR")
"""Of a line with a PCI address."""
FIRST, SECOND = "0000:01:00.0", "0000:01:00.1"
MIB = 1 << 20
BOOT = "cat /proc/sys/kernel/random/boot_id"
NO_ROOM = "Some PCI device resources are unassigned, try booting with pci=realloc"


class Read:
    """What the rig reads of a booted host, judges and concludes."""

    def __init__(self, running):
        host, card = running.host(), running.card
        found = pci.locate(host, card, None)
        adapter, slot = LIBRARY.adapter("TobleMiner-revA"), Slot(3, 8)
        parts = Parts(adapter, card, slot, 10e9, 2, ())
        seen = enumeration.measure(host, parts, None, Enumeration(aer_window_s=0.01))
        log, devices = seen.evidence["dmesg.txt"], netdevs(host, found.functions)
        more = missing_interfaces(host, card, found, devices, log)
        self.functions = {address: of_a_function(host, address) for address in found.functions}
        self.interfaces = [d.function for d in devices]
        self.log = [re.sub(r"^\[[^\]]*\] ", "", line) for line in log.splitlines()]
        self.failed = [(b.device, b.resource, b.size, b.harm) for b in kernel_log.failed_bars(kernel_log.events(log))]
        rows = judge([*seen.measurements, *more.measurements], LIMITS)
        self.judged = {
            j.measurement.name: (j.measurement.value, j.measurement.note, j.verdict)
            for j in rows
            if j.measurement.name.startswith(("pcie.present", "pcie.id", "pcie.bars", "pcie.link", "firmware."))
        }
        board = Board(adapter, AdapterUnit("TobleMiner-revA", "A-1"))
        self.causes = diagnose(Case(board, card, slot, rows))

    @property
    def told(self):
        """The kernel's lines on places that were not to be had and on drivers that gave up."""
        return [line for line in self.log if "0000:" in line and TOLD.search(line)]

    def same(self):
        """Everything that has to be alike on both kinds of host."""
        return self.functions, self.interfaces, self.failed, self.told, self.judged, self.causes


def of_a_function(host, address):
    """Its BARs by lspci and by sysfs without their addresses, and its driver."""
    shown = lspci.device(host.run(f"lspci -D -nn -vvv -s {address}").text, address)
    text = pci.text_of(pci.read_files(host, [f"{pci.DEVICES}/{address}/resource"]), f"{pci.DEVICES}/{address}/resource")
    rows = [(b.index, b.kind, b.size, b.assigned, b.flags) for b in sysfs.bars(text)]
    return shown.regions, rows, shown.driver


def read_both(factory, model, window_mib):
    """Kind of host to what the rig reads of it."""
    with contextlib.ExitStack() as closing:
        card = LIBRARY.card(model)
        hosts = {k: Running(k, factory.mktemp(k), closing, card, CABLES[k], window_mib) for k in KINDS}
        return {kind: Read(running) for kind, running in hosts.items()}


@pytest.fixture(scope="module")
def without_room(tmp_path_factory, linux_parts):
    """561FLR-T: two functions of 2 MiB and 16 KiB each, in a window of 1 MiB."""
    return read_both(tmp_path_factory, "561FLR-T", 1)


def test_the_real_kernel_says_that_neither_function_has_its_registers(without_room):
    linux = without_room["linux"]
    bar = "BAR 0 [mem size 0x00200000 64bit pref]"
    assert linux.told == [
        *(f"pci {a}: {bar}: {end}" for a in (FIRST, SECOND) for end in ("can't assign; no space", "failed to assign")),
        f"pci_bus 0000:00: {NO_ROOM}",
        *(f"ixgbe: probe of {a} failed with error -5" for a in (FIRST, SECOND)),
    ]
    assert f"pci {FIRST}: BAR 4 [mem 0xc0000000-0xc0003fff 64bit pref]: assigned" in linux.log


def test_the_rig_reads_both_hosts_alike_and_names_the_same_cause(without_room):
    process, linux = (without_room[kind] for kind in KINDS)
    for mine, theirs in zip(process.same(), linux.same(), strict=True):
        assert mine == theirs
    assert linux.failed == [(a, "BAR 0", 2 * MIB, kernel_log.Harm.FATAL) for a in (FIRST, SECOND)]
    both = "kernel: BAR 0; function 1: kernel: BAR 0"
    assert linux.judged["pcie.bars.unassigned"] == (2, both, Verdict.FAIL)
    assert [c.title for c in linux.causes] == ["BAR too large"]
    assert linux.interfaces == []


@pytest.mark.long
def test_after_a_reboot_there_is_no_more_room_than_before(tmp_path, linux_parts):
    with contextlib.ExitStack() as closing:
        running = Running("linux", tmp_path, closing, LIBRARY.card("561FLR-T"), CABLES["linux"], 1)
        before = Read(running)
        boots = [running.host().run(BOOT).text]
        boots.append(running.reboot().run(BOOT).text)
        after = Read(running)
    assert len(set(boots)) == 2
    assert after.same() == before.same() and after.failed


@pytest.mark.long
@pytest.mark.parametrize(
    "model, window_mib, failed, shown",
    [
        ("561FLR-T", 3, [(SECOND, "BAR 0", 2 * MIB)], [FIRST]),
        ("561FLR-T", 5, [], [FIRST, SECOND]),
        ("544FLR-QSFP-649283", 7, [(FIRST, "BAR 2", 8 * MIB)], []),
        ("544FLR-QSFP-649283", 8, [], []),
        ("640FLR-SFP28", 32, [(SECOND, "BAR 0", 32 * MIB)], []),
        ("640FLR-SFP28", 1024, [], []),
    ],
)  # fmt: skip
def test_a_window_has_room_for_as_much_on_both_hosts(tmp_path_factory, linux_parts, model, window_mib, failed, shown):
    both = read_both(tmp_path_factory, model, window_mib)
    for read in both.values():
        assert [bar[:3] for bar in read.failed] == failed
    assert both["linux"].interfaces == shown
    process, linux = both["process"], both["linux"]
    assert [r for r, _, _ in process.functions.values()] == [r for r, _, _ in linux.functions.values()]
    assert (NO_ROOM in " ".join(linux.log)) is bool(failed)
