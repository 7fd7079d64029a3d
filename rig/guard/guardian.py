"""What is guarded: rails under ceilings, a trip that stays, off that is verified.

No socket and no clock of its own: `process` drives it, tests drive it faster.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from rig.errors import BenchError, TripError, UsageError
from rig.guard import wire
from rig.guard.armed import Armed, armed
from rig.guard.config import GuardConfig, RailConfig
from rig.guard.journal import Journal
from rig.guard.supply import SetPoint, Supply
from rig.model import Identity, Sample

RING = 36_000
"""Samples kept in memory: half an hour at the default pace."""
_RETRY_S = 0.1
_AFTER_TRIP_S = 1.0
"""Pace of the tries when a trip could not be verified."""


class Guardian:
    """The rails of one supply; every method raises BenchError when the supply misbehaves."""

    def __init__(
        self,
        config: GuardConfig,
        supply: Supply,
        journal: Journal,
        elapsed: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._config, self._supply, self._journal = config, supply, journal
        self._elapsed, self._sleep = elapsed, sleep
        self._armed: dict[str, Armed] = {}
        self._over: dict[str, int] = {}
        self._ring: deque[Sample] = deque(maxlen=RING)
        self._due_s = self._seen_s = elapsed()
        self._blind = self._alarmed = False
        self.tripped: str | None = None
        self.burning = False

    def start(self) -> Identity:
        """Identify the supply, check the rails against it, switch all off, forget trips from before."""
        identity = self._supply.identify(self._config)
        for name, rail in self._config.rails.items():
            self._check_rail(name, rail)
        self._journal.event("started", supply=identity.raw, address=self._config.address)
        self.all_off("start")
        for channel in sorted({rail.channel for rail in self._config.rails.values()}):
            self._supply.clear_trip(channel)
        return identity

    # --- requests -----------------------------------------------------------------------------------------

    def apply(
        self,
        rail: str,
        voltage_v: float,
        limit_a: float,
        ovp_v: float | None = None,
        ocp_a: float | None = None,
    ) -> None:
        """Set and read back, then put the rail on; a rail that could not be set right goes off.

        UsageError beyond a ceiling, TripError after a trip, BenchError while firmware is burned.
        """
        self.check_trip()
        if self.burning:
            raise BenchError(f"firmware is being burned: {rail} is not touched until burn(False)")
        want = SetPoint(voltage_v, limit_a, ovp_v, ocp_a)
        allowed = self._allowed(rail, want)
        try:
            self._supply.set(allowed.channel, want)
            self._arm(rail, allowed)
            self._supply.on(allowed.channel)
        except BenchError as e:
            self._journal.event("apply_failed", rail=rail, text=str(e))
            self._off_within(self._config.off_retry_s, [rail], f"{rail} could not be set right")
            raise
        self._journal.event("on", rail=rail, voltage_v=voltage_v, limit_a=limit_a, ovp_v=ovp_v, ocp_a=ocp_a)

    def off(self, rail: str | None) -> None:
        """One rail, or all, off and verified; refused while firmware is burned."""
        if self.burning:
            raise BenchError("firmware is being burned: outputs stay on until burn(False)")
        if rail is None:
            self.all_off("asked")
        else:
            self._rail(rail)
            self._verify(self._off_within(self._config.off_retry_s, [rail], "asked"))

    def read(self) -> Sample:
        """One fresh reading of every rail that is on; TripError after a trip."""
        self.check_trip()
        sample = self._sampled()
        self.check_trip()
        return sample

    def samples(self, since_s: float) -> Sequence[Sample]:
        """The first PAGE of the samples kept that are newer than `since_s`, oldest first."""
        newer = list(itertools.takewhile(lambda s: s.time_s > since_s, reversed(self._ring)))
        return newer[::-1][: wire.PAGE]

    def mark(self, label: str) -> float:
        """Put a label into the recorded samples; returns its wall clock."""
        return self._journal.mark(label)

    def record(self, path: Path | None) -> None:
        """Append samples to a file from now on, or stop."""
        self._journal.record(path)

    def burn(self, on: bool) -> None:
        """While firmware is burned a lost client does not cut the power; over-current does."""
        if on:
            self.check_trip()
        self.burning = on
        self._journal.event("burn", on=on)

    def accuracy(self) -> dict[str, str]:
        """How well each rail is read back, in words."""
        return {name: self._accuracy(rail.channel) for name, rail in self._config.rails.items()}

    # --- guarding -----------------------------------------------------------------------------------------

    def check_trip(self) -> None:
        """TripError after a trip."""
        if self.tripped is not None:
            raise TripError(f"{self.tripped}; nothing goes on again until the bench is opened anew")

    @property
    def is_cut(self) -> bool:
        """Whether all that was on when it tripped is verified off."""
        return self.tripped is not None and not self._armed

    def wait_s(self) -> float | None:
        """Seconds until `tick` has work; None: nothing is on."""
        return max(0.0, self._due_s - self._elapsed()) if self._armed else None

    def tick(self) -> None:
        """Take a sample if one is due, and act on it; never raises BenchError."""
        if not self._armed or self._elapsed() < self._due_s:
            return
        self._due_s = self._elapsed() + self._config.sample_s
        if self.tripped is not None:
            self._due_s += _AFTER_TRIP_S
            self._off_within(0.0, list(self._armed), "still on after the trip")
            return
        try:
            self._sampled()
        except BenchError as e:
            self._unread(e)

    def trip(self, reason: str) -> None:
        """All off, now, and nothing on again in this process."""
        if self.tripped is None:
            self.tripped = reason
            self.burning = False
            self._journal.event("trip", text=reason)
        self._off_within(self._config.off_retry_s, list(self._config.rails), reason)

    def all_off(self, reason: str) -> None:
        """All rails off and verified, retried for `off_retry_s`; BenchError names those that were not."""
        self._verify(self._off_within(self._config.off_retry_s, list(self._config.rails), reason))

    def _sampled(self) -> Sample:
        on = dict(self._armed)
        read = self._supply.read(sorted({a.channel for a in on.values()}))
        times = [r.time_s for r in read.values()]
        at = round((min(times) + max(times)) / 2, 6) if times else time.time()
        sample = Sample(at, {name: read[a.channel] for name, a in on.items()})
        self._seen()
        if on:
            self._ring.append(sample)
            self._journal.sample(sample)
            self._judge(sample)
        return sample

    def _judge(self, sample: Sample) -> None:
        for name, reading in sample.rails.items():
            rail = self._armed[name]
            over = rail.over_current(reading) if self.burning else rail.over(reading)
            self._over[name] = self._over[name] + 1 if over else 0
            if self._over[name] >= self._config.over_samples:
                return self.trip(f"{name} drew {over}: outputs switched off")
            if rail.looks_dead(reading) and not self._supply.is_on(rail.channel):
                return self._lost(f"the supply switched {name} off by itself (OVP, OCP or its front panel)")
        return None

    def _lost(self, what: str) -> None:
        """A rail is gone: the others go too, but in a burn, which may do without it."""
        if not self.burning:
            self.trip(what)
        elif not self._alarmed:
            self._alarmed = True
            self._journal.alarm(f"{what}; firmware is being burned, the other outputs stay on")

    def _seen(self) -> None:
        self._seen_s = self._elapsed()
        if self._blind:
            self._blind = self._alarmed = False
            self._journal.event("readings_back")

    def _unread(self, e: BenchError) -> None:
        """No reading: tell once, and cut when it lasts; a burn is not cut for it, but that is an alarm."""
        if not self._blind:
            self._blind = True
            self._journal.event("no_reading", text=str(e))
        blind_s = self._elapsed() - self._seen_s
        if blind_s <= self._config.blind_s:
            return
        if not self.burning:
            self.trip(f"no reading for {blind_s:.1f} s while outputs were on: {e}")
        elif not self._alarmed:
            self._alarmed = True
            self._journal.alarm(f"no reading for {blind_s:.1f} s; firmware is being burned, outputs stay on: {e}")

    # --- off ----------------------------------------------------------------------------------------------

    def _off_within(self, retry_s: float, names: Sequence[str], reason: str) -> dict[str, str]:
        """Try every channel, again and again until the deadline; returns rail to what went wrong last."""
        channels = {self._config.rails[name].channel: name for name in names}
        deadline = self._elapsed() + retry_s
        while True:
            failed = {ch: text for ch in channels if (text := self._off_once(ch)) is not None}
            channels = {ch: channels[ch] for ch in failed}
            if not channels or self._elapsed() >= deadline:
                break
            self._sleep(_RETRY_S)
        left = {channels[ch]: text for ch, text in failed.items()}
        if left:
            self._journal.event("off_not_verified", rails=left, reason=reason)
        else:
            self._journal.event("off_verified", rails=list(names), reason=reason)
        return left

    def _off_once(self, channel: int) -> str | None:
        try:
            self._supply.off(channel)
        except BenchError as e:
            return str(e)
        for name in [n for n, a in self._armed.items() if a.channel == channel]:
            del self._armed[name]
        return None

    def _verify(self, left: dict[str, str]) -> None:
        if left:
            why = "; ".join(f"{name}: {text}" for name, text in left.items())
            raise BenchError(f"outputs may still be ON, switch the supply off by hand: {why}")

    # --- what is allowed ----------------------------------------------------------------------------------

    def _allowed(self, name: str, want: SetPoint) -> Armed:
        """The rail armed for `want`; UsageError beyond a ceiling or on a channel another rail uses."""
        rail = self._rail(name)
        if not (want.voltage_v <= rail.max_voltage_v and want.limit_a <= rail.max_current_a):
            raise UsageError(
                f"{name}: asked for {want.voltage_v:g} V, {want.limit_a:g} A; its ceilings are "
                f"{rail.max_voltage_v:g} V, {rail.max_current_a:g} A"
            )
        other = next((n for n, a in self._armed.items() if n != name and a.channel == rail.channel), None)
        if other is not None:
            raise UsageError(f"{name}: channel {rail.channel} is on as {other}; switch that off first")
        channel = self._supply.channel(rail.channel)
        return armed(rail, channel, want, hardware_trip=self._supply.has_protection)

    def _arm(self, name: str, rail: Armed) -> None:
        if not self._armed:
            self._seen_s = self._due_s = self._elapsed()
        self._armed[name] = rail
        self._over[name] = 0

    def _check_rail(self, name: str, rail: RailConfig) -> None:
        channel = self._supply.channel(rail.channel)
        if rail.max_voltage_v > channel.max_voltage_v or rail.max_current_a > channel.max_current_a:
            raise UsageError(
                f"{name}: ceilings of {rail.max_voltage_v:g} V, {rail.max_current_a:g} A are more than "
                f"channel {rail.channel} gives ({channel.max_voltage_v:g} V, {channel.max_current_a:g} A)"
            )

    def _rail(self, name: str) -> RailConfig:
        try:
            return self._config.rails[name]
        except KeyError:
            known = ", ".join(self._config.rails)
            raise UsageError(f"the supply has no rail {name!r} (it has: {known})") from None

    def _accuracy(self, number: int) -> str:
        channel = self._supply.channel(number)
        parts = [(channel.accuracy_v, "V"), (channel.accuracy_a, "A")]
        return ", ".join(f"{a.percent:g} % + {a.offset:g} {u}" if a else f"{u}: not sourced" for a, u in parts)
