"""The process host's stand-ins held to the real kernel and tools: both hosts in the same state, read by the rig.

A good 561FLR-T, its driver bound, both ports up with carrier; then without its 12 V. Every field that the rig's
parsers make of the answers is compared; a difference that is not in `DIFFER` fails, and so does one there that is gone.
"""

import base64
import contextlib
import dataclasses
import fnmatch
import gzip
import os
import shlex
import time

import pytest
from running_host import CARRIER_S, Running

from rig.config.library import default_library
from rig.parse import ethtool, ip, kernel_log, lspci, sysfs
from rig.steps import pci
from rig.steps.enumeration import LINK_ATTRIBUTES, link_state
from rig.steps.netdev import netdevs

pytestmark = pytest.mark.timeout(300)
CARD = default_library().card("561FLR-T")
NET = os.getpid() % 120 * 2  # another suite may run beside this one; 250 and above no twin takes by itself
CABLES = {kind: (f"127.{n}.{NET}.2", f"127.{n}.{NET + 1}.2") for n, kind in ((251, "process"), (252, "linux"))}

OTHER_MACHINE = "another machine: an Intel root port with what its silicon has, QEMU's with what QEMU's has"
NAMED = "the guest has no udev that renames interfaces"
BIOS = "the process host's BIOS gives BARs their places before Linux looks, qboot gives none: Linux says that it did"
DIFFER = {
    **dict.fromkeys(("port.vendor", "port.device", "port.revision", "port.subsystem_vendor"), OTHER_MACHINE),
    **{f"port.lspci.{f}": OTHER_MACHINE for f in ("id", "name", "revision", "subsystem_id", "lane_errors", "regions")},
    **dict.fromkeys(("port.bars", "gone.port.*"), OTHER_MACHINE),
    "log.port.found": OTHER_MACHINE,
    **dict.fromkeys(("log.port.bar", "log.card.bar", "log.second.bar"), BIOS),
    **dict.fromkeys(("port?.netdev.name", "port?.ip*.name", "port?.ethtool.interface"), NAMED),
    **dict.fromkeys(("log.card.renamed", "log.second.renamed"), NAMED),
}
"""What is not the same, and why it may stay so; names may hold `*` and `?`."""


def fields(name, value):
    """A parser's answer as field to value."""
    if not dataclasses.is_dataclass(value):
        return {name: value}
    return {f"{name}.{f.name}": getattr(value, f.name) for f in dataclasses.fields(value)}


def await_silence(host, found):
    """The card answers nothing any more."""
    width = f"{pci.DEVICES}/{found.endpoint}/current_link_width"
    deadline = time.monotonic() + CARRIER_S
    while not sysfs.is_gone(host.run(f"cat {width}").text):
        assert time.monotonic() < deadline


def on_the_bus(host, found):
    """lspci, sysfs, the errors counted and the product data."""
    seen = fields("located", found)
    for end, address in (("card", found.endpoint), ("second", found.functions[-1]), ("port", found.port)):
        seen |= fields(f"{end}.lspci", lspci.device(host.run(f"lspci -D -nn -vvv -s {address}").text, address))
        names = ("vendor", "device", "subsystem_vendor", "subsystem_device", "class", "revision")
        files = pci.read_files(
            host, [f"{pci.DEVICES}/{address}/{n}" for n in (*names, *LINK_ATTRIBUTES, "resource", "driver")]
        )
        seen |= {f"{end}.{n}": pci.text_of(files, f"{pci.DEVICES}/{address}/{n}") for n in (*names, *LINK_ATTRIBUTES)}
        seen |= fields(f"{end}.link", link_state(files, address))
        bars = sysfs.bars(pci.text_of(files, f"{pci.DEVICES}/{address}/resource") or "")
        seen[f"{end}.bars"] = [(b.index, b.kind, b.size, b.assigned, b.flags) for b in bars]
        driver = pci.text_of(files, f"{pci.DEVICES}/{address}/driver") or ""
        seen[f"{end}.driver"] = driver.rpartition("/")[2]
        seen |= fields(f"{end}.errors", pci.read_errors(host, [address])[address])
        counted = pci.read_files(host, [f"{pci.DEVICES}/{address}/aer_dev_correctable"])
        seen[f"{end}.aer_dev_correctable"] = pci.text_of(counted, f"{pci.DEVICES}/{address}/aer_dev_correctable")
    vpd = host.run(f"head -c 1024 {pci.DEVICES}/{found.endpoint}/vpd | base64")
    return seen | {"card.vpd": base64.b64decode(vpd.text), "card.vpd.code": vpd.code}


def of_the_ports(host, found, addresses):
    """ip and ethtool; `addresses` are those that the ports were given."""
    first, second = netdevs(host, found.functions)
    dump = host.run(f"ethtool -e {shlex.quote(first.name)} | gzip -c | base64", timeout_s=60.0).text
    seen = {"port1.ethtool -e": ethtool.eeprom(gzip.decompress(base64.b64decode(dump)).decode())}
    return seen | _of_a_port(host, "port1", first, addresses) | _of_a_port(host, "port2", second, addresses)


def _of_a_port(host, port, device, addresses):
    name = shlex.quote(device.name)
    seen = fields(f"{port}.netdev", device)
    for command in ("ip -d link show", "ip addr show", "ip -j addr show"):
        reply = host.run(f"{command} dev {name}")
        shown = ip.interface(reply.text, device.name)
        known = tuple("given" if a.address in addresses else a for a in shown.addresses)
        seen |= fields(f"{port}.{command}", dataclasses.replace(shown, addresses=known))
        seen[f"{port}.{command}.code"] = reply.code
    settings, driver, module = (host.run(f"ethtool {option}{name}") for option in ("", "-i ", "-m "))
    seen |= fields(f"{port}.ethtool", ethtool.settings(settings.text))
    seen |= fields(f"{port}.ethtool -i", ethtool.driver(driver.text))
    return seen | {
        f"{port}.ethtool -m": ethtool.module(module.text),
        f"{port}.ethtool -m.refusal": ethtool.refusal(module.text),
        f"{port}.ethtool -m.text": module.text,
        f"{port}.ethtool codes": (settings.code, driver.code, module.code),
    }


def in_the_log(host, found):
    """The kernel's lines of the card and of the port above it, as the rig reads them."""
    text = host.run("dmesg").text
    for number, device in enumerate(netdevs(host, found.functions), 1):
        text = text.replace(f" {device.name}: ", f" port{number}: ")
    told = kernel_log.events(text)
    seen = {"log.symptoms": kernel_log.symptoms(told), "log.aer": kernel_log.aer_counts(told)}
    seen["log.failed_bars"] = kernel_log.failed_bars(told)
    seen["log.bandwidth"] = kernel_log.bandwidth(told)
    for end, address in (("card", found.endpoint), ("second", found.functions[-1]), ("port", found.port)):
        mine = [e for e in told if e.device == address]
        for kind in sorted({e.kind for e in mine}):
            seen[f"log.{end}.{kind}"] = [e.detail for e in mine if e.kind is kind]
    return seen


@pytest.fixture(scope="module")
def both(tmp_path_factory, linux_parts):
    """Kind of host to everything that the rig reads of it: field to value."""
    seen = {}
    with contextlib.ExitStack() as closing:
        running = {
            kind: Running(kind, tmp_path_factory.mktemp(kind), closing, CARD, CABLES[kind])
            for kind in ("linux", "process")
        }
        for kind in ("process", "linux"):
            host = running[kind].log_in()
            found = pci.locate(host, CARD, None)
            seen[kind] = (
                on_the_bus(host, found) | of_the_ports(host, found, running[kind].addresses) | in_the_log(host, found)
            )
            running[kind].cut_12v()
            await_silence(host, found)
            seen[kind] |= {f"gone.{name}": value for name, value in on_the_bus(host, found).items()}
    return seen


def test_both_hosts_are_read_alike_but_for_what_is_listed(both):
    process, linux = both["process"], both["linux"]
    apart = {n for n in process.keys() | linux.keys() if process.get(n) != linux.get(n)}
    told = [
        f"{n}: process {process.get(n)!r}, linux {linux.get(n)!r}"[:700]
        for n in sorted(apart)
        if not any(fnmatch.fnmatch(n, known) for known in DIFFER)
    ]
    assert not told, "\n".join(told)
    assert [known for known in DIFFER if not fnmatch.filter(apart, known)] == [], "no longer different"


def test_what_is_compared_was_really_there(both):
    """Two hosts that answer nothing are alike as well."""
    linux = both["linux"]
    assert len(linux) > 150
    empty = {n for n, value in linux.items() if value is None and n.startswith(("card.", "second.", "port1."))}
    # a Gen2 card has no Lane Error Status, an RJ45 port no module
    assert empty == {"card.lspci.lane_errors", "second.lspci.lane_errors", "port1.ethtool -m"}
    assert len(linux["port1.ethtool -e"]) > 1024 and linux["card.vpd"].startswith(b"\x82")
