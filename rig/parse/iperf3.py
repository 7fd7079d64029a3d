"""libiperf's JSON: what arrived, what was sent, and whether it may be believed; versions 3.1 to 3.21.

Ref: iperf3 src/iperf_api.c (`iperf_print_results`). TCP: `sum_received` is what arrived, in every direction;
with `--bidir` the way back has keys of its own (`sum_received_bidir_reverse`). UDP: since 3.11 the same keys;
before, only `sum`, which is the sender's rate and the receiver's losses.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from rig.parse import ParseError
from rig.parse.text import tool_output

_BACK = "_bidir_reverse"


@dataclass(frozen=True, slots=True)
class Transfer:
    """One direction of one run; rates are of payload, None: not reported, or the run ended in an error."""

    received_bps: float | None
    sent_bps: float | None
    retransmits: int | None
    """TCP only, and only where the sender's kernel counts them."""
    lost_ratio: float | None
    """UDP only: lost datagrams of those sent."""
    duration_s: float | None
    cpu_local_pct: float | None
    """Of the machine that printed the document; 100 is one core."""
    cpu_remote_pct: float | None
    direction: str | None
    """`to_server` or `from_server`."""
    protocol: str | None
    streams: int | None
    version: str
    error: str
    """iperf3's own words; empty: none."""


def transfer(document: str | Mapping[str, object]) -> Transfer:
    """The run, of `--bidir` the way to the server; ParseError: the text is not iperf3's JSON."""
    return transfers(document)[0]


def transfers(document: str | Mapping[str, object]) -> tuple[Transfer, ...]:
    """Every direction of the run: one, with `--bidir` two; ParseError: the text is not iperf3's JSON."""
    tree = _tree(document) if isinstance(document, str) else document
    end = _section(tree, "end")
    forward = _transfer(tree, end, "")
    if f"sum_received{_BACK}" not in end and f"sum{_BACK}" not in end:
        return (forward,)
    return forward, _transfer(tree, end, _BACK)


def _tree(text: str) -> Mapping[str, object]:
    """The JSON document in the text, which a console or iperf3 itself may have surrounded with other lines."""
    clean = tool_output(text)
    try:
        tree, _ = json.JSONDecoder().raw_decode(clean, max(clean.find("{"), 0))
    except (ValueError, RecursionError) as e:
        raise ParseError(f"iperf3: not JSON, or cut off: {e}") from e
    if not isinstance(tree, dict) or not tree.keys() & {"start", "end", "error"}:
        raise ParseError("iperf3: JSON, but not a result of iperf3")
    return tree


def _transfer(tree: Mapping[str, object], end: Mapping[str, object], way: str) -> Transfer:
    start = _section(tree, "start")
    test = _section(start, "test_start")
    cpu = _section(end, "cpu_utilization_percent")
    error = str(tree.get("error") or "")
    sent, received, total = (_section(end, f"{name}{way}") for name in ("sum_sent", "sum_received", "sum"))
    lost = _lost(received, total)
    arrived = _number(received, "bits_per_second")
    if arrived is None:
        arrived = _delivered(total, lost)
    gone = _number(sent, "bits_per_second")
    return Transfer(
        received_bps=None if error else arrived,
        sent_bps=None if error else (gone if gone is not None else _number(total, "bits_per_second")),
        retransmits=_whole(sent, "retransmits"),
        lost_ratio=lost,
        duration_s=_first(_number(received, "seconds"), _number(total, "seconds"), _number(sent, "seconds")),
        cpu_local_pct=_number(cpu, "host_total"),
        cpu_remote_pct=_number(cpu, "remote_total"),
        direction=_direction(test, bool(way)),
        protocol=str(test["protocol"]) if "protocol" in test else None,
        streams=_whole(test, "num_streams"),
        version=str(start.get("version", "")).removeprefix("iperf "),
        error=error,
    )


def _direction(test: Mapping[str, object], is_way_back: bool) -> str | None:
    if "reverse" not in test:
        return None
    return "from_server" if bool(test["reverse"]) != is_way_back else "to_server"


def _lost(received: Mapping[str, object], total: Mapping[str, object]) -> float | None:
    source = received if "packets" in received else total
    lost, packets = _number(source, "lost_packets"), _number(source, "packets")
    return lost / packets if lost is not None and packets else None


def _delivered(total: Mapping[str, object], lost: float | None) -> float | None:
    """Old UDP documents: the sender's rate less what was lost; without a count of losses nobody knows."""
    rate = _number(total, "bits_per_second")
    return rate * (1 - lost) if rate is not None and lost is not None else None


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _section(tree: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = tree.get(key)
    return value if isinstance(value, Mapping) else {}


def _number(tree: Mapping[str, object], key: str) -> float | None:
    value = tree.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number beyond any float
        return None


def _whole(tree: Mapping[str, object], key: str) -> int | None:
    value = _number(tree, key)
    return int(value) if value is not None else None
