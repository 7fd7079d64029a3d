"""`ip link` and `ip addr` of iproute2 6.1; every other object is the real program's, which sees the real lo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rig.twin.host.tools import ip_change, ip_show
from rig.twin.host.tools.base import Answer, Context
from rig.twin.host.tools.ip_show import Form

_VERSION = "ip utility, iproute2-6.1.0, libbpf 1.1.2\n"
_OPTIONS = [
    "family",
    "human-readable",
    "iec",
    "stats",
    "statistics",
    "details",
    "resolve",
    "oneline",
    "timestamp",
    "tshort",
    "Version",
    "brief",
    "json",
    "pretty",
    "color",
    "netns",
    "Numeric",
    "all",
    "force",
    "batch",
    "rcvbuf",
    "loops",
]
_WITH_VALUE = frozenset({"family", "netns", "batch", "rcvbuf", "loops"})
_OURS = ("address", "link")
_REAL = [
    "addrlabel",
    "maddress",
    "route",
    "rule",
    "neighbor",
    "neighbour",
    "ntable",
    "ntbl",
    "l2tp",
    "fou",
    "ila",
    "macsec",
    "tunnel",
    "tunl",
    "tuntap",
    "tap",
    "token",
    "tcpmetrics",
    "monitor",
    "xfrm",
    "mroute",
    "mrule",
    "netns",
    "netconf",
    "vrf",
    "sr",
    "nexthop",
    "mptcp",
    "ioam",
    "amt",
    "help",
    "stats",
]


@dataclass(frozen=True, slots=True)
class _Parsed:
    form: Form
    rest: tuple[str, ...]
    version: bool = False
    real: bool = False


def run(context: Context, argv: Sequence[str]) -> Answer:
    """Answer for links and addresses, hand everything else to the real `ip`."""
    parsed = _options(list(argv))
    if parsed.version:
        return Answer(out=_VERSION)
    if parsed.real or not parsed.rest:
        return Answer(exec=context.real_ip)
    name, *rest = parsed.rest
    kind = next((o for o in (*_OURS, *_REAL) if o.startswith(name)), None)
    if kind not in _OURS:
        return Answer(exec=context.real_ip)
    return _object(context, parsed.form, kind, rest)


def _object(context: Context, form: Form, kind: str, rest: list[str]) -> Answer:
    command, *arguments = rest or ["show"]
    if kind == "link":
        if _means(command, "set", "change"):
            return ip_change.link_set(context, arguments)
        if _means(command, "show", "list", "lst"):
            return ip_show.show(context, replace(form, addresses=False), arguments)
    elif _means(command, "show", "list", "lst"):
        return ip_show.show(context, form, arguments)
    elif _means(command, "add", "change", "chg", "replace", "delete", "flush"):
        return ip_change.address(context, command, arguments)
    return Answer(exec=context.real_ip)


def _means(given: str, *words: str) -> bool:
    return bool(given) and any(word.startswith(given) for word in words)


def _options(words: list[str]) -> _Parsed:
    """The options before the object; iproute2 takes any prefix of their names."""
    form = Form()
    while words and words[0].startswith("-"):
        word = words.pop(0)
        name = word.lstrip("-").split("=")[0]
        if name in ("4", "6"):
            form = replace(form, family=4 if name == "4" else 6)
            continue
        option = {"br": "brief", "c": "color"}.get(name) or next((o for o in _OPTIONS if o.startswith(name)), None)
        value = words.pop(0) if option in _WITH_VALUE and words else ""
        if option is None or name == "" or option in ("netns", "batch"):
            return _Parsed(form, (), real=True)
        if option == "Version":
            return _Parsed(form, (), version=True)
        form = _with(form, option, value)
    return _Parsed(form, tuple(words))


def _with(form: Form, option: str, value: str) -> Form:
    if option == "family":
        return replace(form, family={"inet": 4, "inet6": 6}.get(value))
    if option in ("stats", "statistics"):
        return replace(form, statistics=True)
    if option in ("json", "pretty", "details", "brief", "oneline"):
        return replace(form, **{option: True})
    return form
