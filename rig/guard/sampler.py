"""The background samples: all rails that are on, and what a meter shows, in one row; a hole in them is marked."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rig.errors import BenchError
from rig.guard import wire
from rig.guard.bank import Bank
from rig.guard.config import METER, GuardConfig, Key
from rig.guard.hand import Late
from rig.guard.journal import Journal
from rig.model import Sample

RING = 60_000
"""Samples kept in memory: twenty minutes at the fastest pace, more than an hour of a real supply's."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A sample, and the instruments that gave nothing to it."""

    sample: Sample
    failed: Mapping[str, BenchError]


class Sampler:
    """Takes samples when told to and keeps them; decides nothing about them."""

    def __init__(
        self, config: GuardConfig, bank: Bank, journal: Journal, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self._config, self._bank, self._journal, self._elapsed = config, bank, journal, elapsed
        meter = config.meter
        self._metered = {} if meter is None else {name: Key(METER, n) for name, n in meter.rails.items()}
        self._ring: deque[Sample] = deque(maxlen=RING)
        self._due_s = elapsed()
        self._is_slow = False
        self._last_s: dict[str, float] = {}
        """Wall clock of the last reading of every instrument that is being read."""
        self._seen_s: dict[str, float] = {}
        self._lost: set[str] = set()

    def samples(self, since_s: float) -> Sequence[Sample]:
        """The first PAGE of the samples kept that are newer than `since_s`, oldest first."""
        newer = list(itertools.takewhile(lambda s: s.time_s > since_s, reversed(self._ring)))
        return newer[::-1][: wire.PAGE]

    def is_wanted(self, on: Mapping[str, Key]) -> bool:
        """Whether there is something to sample: an output that is on, or a meter while samples are recorded."""
        return bool(on) or (bool(self._metered) and self._journal.is_recording)

    def wait_s(self) -> float:
        """Seconds until the next sample is due."""
        return max(0.0, self._due_s - self._elapsed())

    def later(self, seconds: float) -> None:
        """Put the next sample off."""
        self._due_s = self._elapsed() + seconds

    def begin(self, instrument: str) -> None:
        """The first output of an instrument goes on: its readings are awaited from now on."""
        self._seen_s[instrument] = self._elapsed()
        self._due_s = self._elapsed()
        self._last_s.pop(instrument, None)
        self._lost.discard(instrument)

    def unseen_s(self, instrument: str) -> float:
        """Seconds since the last reading of an instrument."""
        return self._elapsed() - self._seen_s.get(instrument, self._elapsed())

    def take(self, on: Mapping[str, Key], *, patient: bool = False, wary: bool = False) -> Taken:
        """One reading of the rails in `on` and of the meter's; `patient` as for `Bank.read`.

        `wary`: something may have to be switched off right after it, so no other reading is begun by itself.
        """
        self._due_s = self._elapsed() + self._config.sample_s
        rails = {**on, **self._metered}
        # slower than the pace anyway: the instruments need not wait until a sample is written down
        read = self._bank.read(rails.values(), patient=patient, go_on=self._is_slow and not wary)
        self._is_slow = self.wait_s() == 0.0
        self._lost |= {name for name, e in read.failed.items() if not isinstance(e, Late)}
        readings = {name: read.readings[key] for name, key in rails.items() if key in read.readings}
        if not readings:
            return Taken(Sample(time.time(), {}), read.failed)
        times = [r.time_s for r in readings.values()]
        at = self._after((min(times) + max(times)) / 2)
        sample = Sample(at, readings, self._gap_s(sorted({key.instrument for key in read.readings}), at))
        self._ring.append(sample)
        self._journal.sample(sample)
        return Taken(sample, read.failed)

    def _after(self, at: float) -> float:
        """Samples rise in time, also when one instrument is much later than the other."""
        last = self._ring[-1].time_s if self._ring else 0.0
        return max(round(at, 6), round(last + 1e-6, 6))

    def _gap_s(self, instruments: Sequence[str], at: float) -> float:
        """The longest time that one of these had given nothing, if its readings had failed."""
        gaps = {name: round(at - self._last_s.get(name, at), 6) for name in instruments if name in self._lost}
        for name, gap_s in gaps.items():
            self._lost.discard(name)
            self._journal.event("gap", instrument=name, gap_s=gap_s)
        now_s = self._elapsed()
        for name in instruments:
            self._last_s[name], self._seen_s[name] = at, now_s
        return max(gaps.values(), default=0.0)
