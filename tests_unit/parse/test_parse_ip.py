from __future__ import annotations

from pathlib import Path

import pytest

from rig.parse import ParseError, ip
from rig.parse.ip import Address

DATA = Path(__file__).parent / "data"


@pytest.mark.parametrize("name", ["ip-6.1-j-d-link.json", "ip-6.1-link.txt", "ip-6.1-j-addr.json", "ip-6.1-addr.txt"])
def test_json_and_text_say_the_same(name: str) -> None:
    lo, one, zero = ip.interfaces((DATA / name).read_text().replace("\n", "\r\n"))
    assert (lo.name, lo.link_type, lo.up, lo.carrier, lo.operstate, lo.mtu) == (
        "lo",
        "loopback",
        False,
        None,
        "DOWN",
        65536,
    )
    assert (one.name, one.mac, one.mtu) == ("ve1", "02:00:00:00:00:01", 1500)
    assert (zero.name, zero.link_type, zero.up, zero.carrier, zero.operstate) == ("ve0", "ether", True, True, "UP")
    assert (zero.mac, zero.mtu) == ("02:00:00:00:00:02", 9000)


@pytest.mark.parametrize("name", ["ip-6.1-j-addr.json", "ip-6.1-addr.txt"])
def test_addresses_are_read_from_both(name: str) -> None:
    it = ip.interface((DATA / name).read_text(), "ve0")
    assert it is not None
    assert it.addresses == (Address("inet", "10.0.0.2", 24), Address("inet6", "fe80::ff:fe00:2", 64))


def test_details_and_statistics_do_not_disturb() -> None:
    (it,) = ip.interfaces((DATA / "ip-6.1-d-s-link.txt").read_text())
    assert (it.name, it.mtu, it.carrier) == ("ve0", 9000, True)


# iproute2 4.x of a 4.9 kernel
NO_CARRIER = """4: ens1: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc mq state DOWN mode DEFAULT qlen 1000
    link/ether 24:BE:05:00:00:01 brd ff:ff:ff:ff:ff:ff
5: ens1d1: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN mode DEFAULT group default qlen 1000
    link/ether 24:be:05:00:00:02 brd ff:ff:ff:ff:ff:ff
    inet 10.0.0.1 peer 10.0.0.2/32 scope global ens1d1
6: ib0: <BROADCAST,MULTICAST> mtu 4092 qdisc noop state DOWN mode DEFAULT group default qlen 256
    link/infiniband a0:00:02:20:fe:80:00:00:00:00:00:00:24:be:05:ff:ff:00:00:01 brd 00:ff:ff:ff:ff:12:40:1b
"""


def test_no_carrier_is_told_from_nobody_knows() -> None:
    up, down, ib = ip.interfaces(NO_CARRIER)
    assert (up.carrier, down.carrier) == (False, None)
    assert up.mac == "24:be:05:00:00:01"
    assert down.addresses == (Address("inet", "10.0.0.1", 32),)
    assert (ib.link_type, ib.mac) == ("infiniband", None)


def test_empty_objects_of_old_versions_are_passed_over() -> None:
    text = '[{},{},{"ifindex":4,"ifname":"ens1","flags":["UP"],"mtu":1500,"operstate":"DOWN","addr_info":[{}]}]'
    (it,) = ip.interfaces(text)
    assert (it.name, it.carrier, it.mac, it.addresses) == ("ens1", False, None, ())


@pytest.mark.parametrize("text", ['Device "nope" does not exist.', "", "-bash: ip: command not found", "[]"])
def test_no_interface_is_no_interface(text: str) -> None:
    assert ip.interfaces(text) == ()
    assert ip.interface(text, "ens1") is None


@pytest.mark.parametrize("text", ["[{", '[{"ifname":"ens1"', "[" * 100_000])
def test_json_that_is_cut_off_is_said(text: str) -> None:
    with pytest.raises(ParseError, match="ip -j"):
        ip.interfaces(text)


def test_json_of_another_shape_gives_nothing() -> None:
    assert ip.interfaces('[1, "x", null, {"ifname": 7}]') == ()
    assert ip.interfaces('[{"ifname":"e","flags":"UP","mtu":"x","addr_info":{"a":1},"address":null}]')[0].mtu is None


def test_the_console_does_not_hurt() -> None:
    noise = "[   12.345678] mlx4_en: ens1: Link Up\r\n"
    text = (DATA / "ip-6.1-j-addr.json").read_text()
    torn = "root@host:~# ip -j addr\r\n" + text[:200] + noise + text[200:] + "\r\nroot@host:~# "
    assert ip.interfaces(torn) == ip.interfaces(text)
