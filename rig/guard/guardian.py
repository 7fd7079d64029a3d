"""What is guarded: rails under ceilings, a trip that stays, off that is verified.

No socket and no clock of its own: `process` drives it, tests drive it faster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence, Set
from pathlib import Path

from rig.errors import BenchError, TripError, UsageError
from rig.guard.armed import Armed, armed
from rig.guard.bank import Bank
from rig.guard.config import MAIN, METER, GuardConfig, Key, RailConfig
from rig.guard.journal import Journal
from rig.guard.sampler import Sampler, Taken
from rig.guard.supply import SetPoint
from rig.model import Identity, RailAccuracy, Reading, Sample

_RETRY_S = 0.1
_AFTER_TRIP_S = 1.0
"""Pace of the tries when a trip could not be verified."""


class Guardian:
    """The rails of one bench; every method raises BenchError when an instrument misbehaves."""

    def __init__(
        self,
        config: GuardConfig,
        bank: Bank,
        journal: Journal,
        elapsed: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._config, self._bank, self._journal = config, bank, journal
        self._elapsed, self._sleep = elapsed, sleep
        self._sampler = Sampler(config, bank, journal, elapsed)
        self._armed: dict[str, Armed] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._blind: set[str] = set()
        self._alarmed = False
        self.identities: dict[str, Identity] = {}
        self.tripped: str | None = None
        self.burning = False

    def start(self) -> Identity:
        """Identify the instruments, check the rails against them, switch all off, forget trips from before."""
        self.identities = self._bank.identify()
        for name, rail in self._config.rails.items():
            self._check_rail(name, rail)
        raw = {name: identity.raw for name, identity in self.identities.items()}
        self._journal.event("started", supply=raw.pop(MAIN), address=self._config.address, **raw)
        self.all_off("start")
        for key in sorted({rail.key for rail in self._config.rails.values()}):
            self._bank.clear_trip(key)
        return self.identities[MAIN]

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
            self._bank.set(allowed.key, want)
            self._arm(rail, allowed)
            self._bank.on(allowed.key)
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
        """One fresh reading of every rail that is on, and of the meter's; TripError after a trip."""
        self.check_trip()
        taken = self._taken(patient=True)
        self.check_trip()
        for e in taken.failed.values():
            raise e
        return taken.sample

    def samples(self, since_s: float) -> Sequence[Sample]:
        """The first page of the samples kept that are newer than `since_s`, oldest first."""
        return self._sampler.samples(since_s)

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

    def accuracy(self) -> dict[str, RailAccuracy]:
        """How well each rail is read back."""
        rails = {name: rail.key for name, rail in self._config.rails.items()}
        metered = {} if self._config.meter is None else self._config.meter.rails
        return {name: self._bank.accuracy(key) for name, key in rails.items()} | {
            name: self._bank.accuracy(Key(METER, number)) for name, number in metered.items()
        }

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
        """Seconds until `tick` has work; None: there is nothing to sample."""
        return self._sampler.wait_s() if self._sampler.is_wanted(self._on()) else None

    def tick(self) -> None:
        """Take a sample if one is due, and act on it; never raises BenchError."""
        if self.wait_s() != 0.0:
            return
        if self.tripped is not None and self._armed:
            self._sampler.later(self._config.sample_s + _AFTER_TRIP_S)
            self._off_within(0.0, list(self._armed), "still on after the trip")
            return
        for instrument, e in self._taken().failed.items():
            self._unread(instrument, e)

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

    def _on(self) -> dict[str, Key]:
        return {name: a.key for name, a in self._armed.items()}

    def _taken(self, *, patient: bool = False) -> Taken:
        taken = self._sampler.take(self._on(), patient=patient, wary=any(self._counts.values()))
        if self._blind:
            self._readings_back(taken)
        self._judge(taken.sample)
        return taken

    def _judge(self, sample: Sample) -> None:
        for name, rail in list(self._armed.items()):
            if (reading := sample.rails.get(name)) is None:
                continue
            over = rail.over_current(reading) if self.burning else rail.over(reading)
            if self._often(name, "over", over is not None):
                return self.trip(f"{name} drew {over}: outputs switched off")
            dead = self._why_dead(name, rail, reading) if rail.looks_dead(reading) else None
            if dead is not None:
                return self._lost(dead)
        return None

    def _often(self, name: str, what: str, holds: bool) -> bool:
        """Whether it has held for some samples in a row by now."""
        count = self._counts[name, what] = self._counts.get((name, what), 0) + 1 if holds else 0
        return count >= self._config.over_samples

    def _why_dead(self, name: str, rail: Armed, reading: Reading) -> str | None:
        """What a voltage that is gone means, once it is sure."""
        device = self._bank.device(rail.key.instrument)
        try:
            if not self._bank.is_on(rail.key):
                return f"{device}: the supply switched {name} off by itself (OVP, OCP or its front panel)"
            said = "says that it is on"
        except BenchError as e:
            said = f"does not say whether it is on ({e})"
        # a lost reply looks like 0.000; so does an output that is still rising
        wrong = self._often(name, "dead", not rail.may_be_limiting(reading))
        want_v = rail.want.voltage_v
        return f"{device}: {name} reads {reading.voltage_v:.3f} V, is set to {want_v:g} V and {said}" if wrong else None

    def _lost(self, what: str) -> None:
        """A rail is gone: the others go too, but in a burn, which may do without it."""
        if not self.burning:
            self.trip(what)
        elif not self._alarmed:
            self._alarmed = True
            self._journal.alarm(f"{what}; firmware is being burned, the other outputs stay on")

    def _readings_back(self, taken: Taken) -> None:
        read = {self._config.instrument_of(name) for name in taken.sample.rails}
        for instrument in sorted(self._blind & read):
            self._blind.discard(instrument)
            self._alarmed = False
            self._journal.event("readings_back", instrument=instrument)

    def _unread(self, instrument: str, e: BenchError) -> None:
        """No reading: tell once, and cut when it lasts; a burn is not cut for it, but that is an alarm."""
        if instrument not in self._blind:
            self._blind.add(instrument)
            self._journal.event("no_reading", instrument=instrument, text=str(e))
        blind_s = self._sampler.unseen_s(instrument)
        if instrument != METER and blind_s > self._config.blind_s:
            self._lost(f"no reading for {blind_s:.1f} s: {e}")

    # --- off ----------------------------------------------------------------------------------------------

    def _off_within(self, retry_s: float, names: Sequence[str], reason: str) -> dict[str, str]:
        """Try every channel, again and again until the deadline; returns rail to what went wrong last."""
        channels = {self._config.rails[name].key: name for name in names}
        deadline = self._elapsed() + retry_s
        while True:
            failed = self._bank.off(channels)
            self._disarm(channels.keys() - failed.keys())
            channels = {key: channels[key] for key in failed}
            if not channels or self._elapsed() >= deadline:
                break
            self._sleep(_RETRY_S)
        left = {channels[key]: text for key, text in failed.items()}
        if left:
            self._journal.event("off_not_verified", rails=left, reason=reason)
        else:
            self._journal.event("off_verified", rails=list(names), reason=reason)
        return left

    def _disarm(self, off: Set[Key]) -> None:
        self._armed = {name: a for name, a in self._armed.items() if a.key not in off}

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
        other = next((n for n, a in self._armed.items() if n != name and a.key == rail.key), None)
        if other is not None:
            raise UsageError(f"{name}: channel {rail.channel} is on as {other}; switch that off first")
        hardware_trip = self._bank.has_protection(rail.instrument)
        return armed(rail, self._bank.channel(rail.key), want, hardware_trip=hardware_trip)

    def _arm(self, name: str, rail: Armed) -> None:
        if not any(a.key.instrument == rail.key.instrument for a in self._armed.values()):
            self._sampler.begin(rail.key.instrument)
        self._armed[name] = rail
        self._counts = {key: n for key, n in self._counts.items() if key[0] != name}

    def _check_rail(self, name: str, rail: RailConfig) -> None:
        channel = self._bank.channel(rail.key)
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
