"""Which way a measurement gets worse, and how much of it matters: data, the first pattern that fits decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from rig.errors import UsageError

HIGHER, LOWER, UNKNOWN = "higher", "lower", "unknown"


@dataclass(frozen=True, slots=True)
class Direction:
    """What a change of the measurements that fit `pattern` means."""

    pattern: str
    worse: str
    """`higher`, `lower`, or `unknown`: a change is told, and is not red."""
    why: str
    absolute: float = 0.0
    """In the measurement's own unit."""
    relative: float = 0.0
    """Share of the baseline's mean; the larger of the two is the tolerance."""
    exact: bool = False
    """A register, not a reading: it has no noise, and every change is one."""


IGNORED = (
    "*.completed", "*.samples", "*.window_s", "*.energy_j", "*.steady", "*_partner_cpu_pct", "*.size_bytes",
    "*.starved*", "soak.*.trials", "host.kernel", "bench.*",
)  # fmt: skip
"""How it was measured, not what: these follow the plan's durations, or stand for a step."""

TABLE = (
    Direction("power.*.peak_w", HIGHER, "one sample decides it, so it scatters more than a mean", 0.5, 0.10),
    Direction("power.*_w", HIGHER, "more heat and a higher bill; below 0.1 W or 2 % nobody acts", 0.1, 0.02),
    Direction("power.*.temperature_c", HIGHER, "heat shortens life; the room alone moves it by some degrees", 5.0),
    Direction("power.*.rate_bps", LOWER, "traffic that no longer arrives", 0.0, 0.02),
    Direction("power.*.link_width", LOWER, "lanes lost", exact=True),
    Direction("power.*.link_speed_gtps", LOWER, "a generation lost", exact=True),
    Direction("power.*.ports_linked", LOWER, "a port lost", exact=True),
    Direction("traffic.*_bps", LOWER, "traffic that no longer arrives; below 2 % it is TCP's own scatter", 0.0, 0.02),
    Direction("*.uncorrectable", HIGHER, "no good link has one", exact=True),
    Direction("*_per_s", UNKNOWN, "a rate of rare events is no normal number; its limit judges it"),
    Direction("*retransmits", UNKNOWN, "a count that follows the load of both ends"),
    Direction("pcie.link.*missing*", HIGHER, "lanes or speed lost", exact=True),
    Direction("pcie.link.lanes_untested", HIGHER, "lanes that nobody looked at", exact=True),
    Direction("pcie.link.*", LOWER, "lanes or speed lost", exact=True),
    Direction("pcie.bars.unassigned", HIGHER, "memory the host could not give", exact=True),
    Direction("pcie.present", LOWER, "a card that is not seen", exact=True),
    Direction("pcie.functions", UNKNOWN, "a firmware may offer more or fewer on purpose", exact=True),
    Direction("firmware.interfaces_missing", HIGHER, "a network interface lost", exact=True),
    Direction("firmware.interfaces", LOWER, "a network interface lost", exact=True),
    Direction("firmware.burn_s", HIGHER, "a longer time in which nobody may cut the power", 5.0, 0.20),
    Direction("link.*", LOWER, "a port or its speed lost", exact=True),
    Direction("host.boot_s", HIGHER, "option ROMs and training that take longer; hosts scatter by seconds", 2.0, 0.10),
    Direction("rail.*.current_a", HIGHER, "the card at rest draws more", 0.02, 0.05),
    Direction("rail.*.inrush_peak_a", HIGHER, "closer to the slot's limit; one sample decides it", 0.1, 0.20),
    Direction("rail.*.inrush_charge_c", HIGHER, "more capacitance, or a short that gives way", 0.0, 0.20),
    Direction("soak.*.failures", HIGHER, "a link that fails now and then", exact=True),
    Direction("soak.*", LOWER, "lanes or speed lost now and then", exact=True),
    Direction("*", UNKNOWN, "nobody has said which way is worse"),
)  # fmt: skip


def direction(name: str) -> Direction | None:
    """What a change of `name` means; None: it is not compared at all."""
    if any(fnmatchcase(name, pattern) for pattern in IGNORED):
        return None
    return next(d for d in TABLE if fnmatchcase(name, d.pattern))


def tolerance(name: str, mean: float, asked: Mapping[str, str]) -> float:
    """The change from `mean` that still does not matter: the first of `asked` that fits `name`, else the table's."""
    for pattern, text in asked.items():
        if fnmatchcase(name, pattern):
            absolute, relative = parsed(pattern, text)
            return absolute + relative * abs(mean)
    found = direction(name)
    return max(found.absolute, found.relative * abs(mean)) if found else 0.0


def parsed(pattern: str, text: str) -> tuple[float, float]:
    """`0.4` (in the unit) or `3%` as absolute and relative; UsageError when it is neither."""
    percent = text.endswith("%")
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise UsageError(
            f"tolerance {pattern}={text}: give a number in the measurement's unit, as 0.4, or a share, as 3%"
        )
    return (0.0, value / 100) if percent else (value, 0.0)
