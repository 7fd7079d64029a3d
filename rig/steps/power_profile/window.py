"""Waiting for a steady power, then the samples of one window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rig.config.plan import PowerProfile
from rig.errors import BenchError
from rig.model import Reading, Sample
from rig.steps.power_profile.bench import Note, Ports
from rig.steps.steady import Criteria, Point, Trend, trend

_POLL_S = 0.05
_POLLS = 20
"""Looks per trailing window; more would tell nothing new."""
_UNSEEN = 0.5
"""Share of the window that may lie beyond its first and last sample, on a slow supply."""


class Gap(Exception):
    """Some time of a window was not measured; the text says how much."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How the wait before a window ended."""

    steady: bool
    after_s: float
    trend: Trend | None


@dataclass(frozen=True, slots=True)
class Taken:
    """One window, all of it measured: the samples, of which each has every rail."""

    samples: Sequence[Sample]
    rails: Sequence[str]
    counted: Sequence[str]
    settled: Settled

    @property
    def totals_w(self) -> list[float]:
        return [sum(s.rails[rail].watts for rail in self.counted) for s in self.samples]

    def readings(self, rail: str) -> list[Reading]:
        return [s.rails[rail] for s in self.samples]

    @property
    def length_s(self) -> float:
        return self.samples[-1].time_s - self.samples[0].time_s


class Recorder:
    """Takes steady windows from the background samples."""

    def __init__(self, bench: Ports, plan: PowerProfile, note: Note) -> None:
        self._supply, self._counted, self._clock = bench.supply, bench.counted, bench.clock
        self._plan, self._note = plan, note
        self._criteria = Criteria(plan.steady_window_s, plan.slope_w_per_min, plan.band_w)

    def take(self, name: str) -> Taken:
        """The state `name` holds now: wait until it is steady, then measure its window."""
        return self.window(name, self.settle(self._plan.min_settle_s, self._plan.max_settle_s))

    def settle(self, min_s: float, max_s: float, already_s: float = 0.0) -> Settled:
        """Return when the power is steady, or after `max_s`; `already_s` were waited before."""
        since_s, start_s = self._supply.mark("settle"), self._clock.now_s()
        points: list[Point] = []
        while True:
            after_s = self._clock.now_s() - start_s
            points += _points(self._supply.samples(points[-1].time_s if points else since_s), self._counted)
            found = trend(points, self._criteria, since_s) if after_s >= min_s else None
            if found is not None and found.is_steady(self._criteria):
                return Settled(True, already_s + after_s, found)
            if after_s >= max_s:
                return Settled(False, already_s + after_s, found)
            self._clock.sleep(min(max(_POLL_S, self._criteria.window_s / _POLLS), max(max_s - after_s, 0.001)))

    def window(self, name: str, settled: Settled) -> Taken:
        """The samples of `window_s` from now; Gap when some were lost, BenchError when there are too few."""
        start_s = self._supply.mark(name)
        self._note("state", name=name)
        self._clock.sleep(self._plan.window_s)
        end_s = self._supply.mark(f"{name} end")
        self._note("state_end", name=name)
        found = [s for s in self._supply.samples(start_s) if s.time_s <= end_s and s.rails]
        if lost_s := sum(s.gap_s for s in found):
            raise Gap(f"nobody measured for {lost_s:.2f} s of state {name!r}")
        samples, rails = _complete(found)
        counted = [rail for rail in self._counted if rail in rails]
        # the session may be lost still: its gap is in the next sample, which has not come
        unseen_s = (end_s - start_s) - (samples[-1].time_s - samples[0].time_s) if samples else end_s - start_s
        if len(samples) < 2 or not counted or unseen_s > _UNSEEN * self._plan.window_s:
            self._supply.read()  # a supply that does not answer says so here, in its own words
            if len(samples) >= 2 and counted:
                raise Gap(f"nobody measured for {unseen_s:.2f} s of state {name!r}")
            what = " and ".join(self._counted) if samples and not counted else "all rails"
            raise BenchError(
                f"supply: {len(samples)} sample(s) of {what} in state {name!r}; "
                "a longer window_s, or look at the supply"
            )
        return Taken(samples, rails, counted, settled)


def _points(samples: Sequence[Sample], counted: Sequence[str]) -> list[Point]:
    def watts(rails: Mapping[str, Reading]) -> float:
        return sum(rails[rail].watts for rail in counted if rail in rails)

    return [Point(s.time_s, watts(s.rails), s.gap_s > 0) for s in samples if any(r in s.rails for r in counted)]


def _complete(samples: Sequence[Sample]) -> tuple[list[Sample], list[str]]:
    """The samples that have every rail that was on, and those rails; the test leads are none."""
    rails = max((frozenset(s.rails) for s in samples), key=len, default=frozenset())
    return [s for s in samples if rails <= s.rails.keys()], sorted(rails - {"probe"})
