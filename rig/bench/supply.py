"""The bench supply, through its guardian."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import attr
from labgrid import target_factory
from labgrid.driver import Driver

from rig.bench.resources import SecondInstrument, VisaInstrument, VisaMeter
from rig.config.bench import Wiring
from rig.errors import BenchError, UsageError
from rig.guard import door
from rig.guard.client import GuardClient, GuardConfig, RailConfig
from rig.guard.config import InstrumentConfig, MeterConfig
from rig.model import Accuracy, Identity, RailAccuracy, Reading, Sample
from rig.ports import SupplyPort


class _NobodyThere(Exception):
    """No guardian was left to take over."""


@target_factory.reg_driver
@attr.s(eq=False)
class GuardedSupplyDriver(Driver, SupplyPort):
    """A SupplyPort whose session belongs to a guardian process; every output is off before and after.

    `rails` wires rails to channels with ceilings, and the meter's rail, which has none. `log_dir` gets the guardian's
    own record; None: a folder that goes when the driver is deactivated. `adopt_from`, set before activation: where
    the guardian of a run that was killed in a burn is found; if nobody is there a new one is started, and every
    output goes off.
    """

    bindings = {"instrument": VisaInstrument, "second": {SecondInstrument, None}, "meter": {VisaMeter, None}}
    rails = attr.ib(validator=attr.validators.instance_of(dict), metadata={"schema": Wiring})
    heartbeat_s = attr.ib(default=1.0, validator=[attr.validators.instance_of(float), attr.validators.gt(0)])
    timeout_s = attr.ib(default=2.0, validator=[attr.validators.instance_of(float), attr.validators.gt(0)])
    burn_max_s = attr.ib(default=600.0, validator=[attr.validators.instance_of(float), attr.validators.gt(0)])

    def __attrs_post_init__(self):
        super().__attrs_post_init__()
        self.log_dir: Path | None = None
        self.adopt_from: Path | None = None
        self._only_adopt = False
        self._adopted = False
        self._burn_socket: Path | None = None
        self._client: GuardClient | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def on_activate(self):
        log_dir = self.log_dir
        if log_dir is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="rig-guard-")
            log_dir = Path(self._scratch.name)
        try:
            log_dir.mkdir(parents=True, exist_ok=True)
            self._client = self._adopt(log_dir)
            if self._client is None:
                if self._only_adopt:
                    raise _NobodyThere
                self.refuse_in_a_burn()
                self._client = GuardClient.start(self.config(), log_dir)
        except BaseException:
            self._close()
            raise

    def on_deactivate(self):
        self._close()

    def config(self) -> GuardConfig:
        """What the guardian is told."""
        where, wiring = self.instrument, Wiring.model_validate(self.rails)
        rails = {
            name: RailConfig(r.channel, r.max_voltage_v, r.max_current_a, r.instrument)
            for name, r in wiring.by_name().items()
        }
        return GuardConfig(
            address=where.address,
            model=where.model,
            dialect=where.dialect,
            backend=where.backend,
            mapping=where.mapping,
            rails=rails,
            heartbeat_s=self.heartbeat_s,
            timeout_s=self.timeout_s,
            burn_max_s=self.burn_max_s,
            second=None if self.second is None else _second(self.second),
            meter=self._meter(wiring.metered()),
        )

    def _meter(self, rails: Mapping[str, int]) -> MeterConfig | None:
        where = self.meter
        if rails and where is None:
            raise UsageError(f"supply {self.instrument.address}: rail {min(rails)!r} needs a VisaMeter on the bench")
        if where is None or not rails:
            return None
        return MeterConfig(
            where.address,
            where.model,
            rails,
            where.dialect,
            where.backend,
            where.power_query,
            where.voltage_query,
            where.current_query,
            None if where.accuracy is None else Accuracy(**where.accuracy),
        )

    def adopt(self) -> bool:
        """Take over the guardian at `adopt_from`; False: nobody is there, and nothing was started or switched."""
        self._only_adopt = True
        try:
            self.target.activate(self)
        except _NobodyThere:
            return False
        finally:
            self._only_adopt = False
        return True

    @property
    def adopted(self) -> bool:
        """Whether the guardian is one that was left in a burn: outputs may be on from before."""
        return self._adopted

    @property
    def burn_socket(self) -> Path | None:
        """Where the next run finds this guardian if this one is killed (its `adopt_from`); None: no burn runs."""
        return self._burn_socket

    def identity(self) -> Identity:
        """Who the instrument said it is when the session was opened."""
        return self._guardian.identity()

    def identities(self) -> Mapping[str, Identity]:
        """Instrument (`main`, `second`, `meter`) to who it said it was when its session was opened."""
        return self._guardian.identities()

    def apply(self, rail: str, voltage_v: float, limit_a: float) -> None:
        """Set and read back, then put the rail on; BenchError above its ceilings, TripError after a trip."""
        self._guardian.apply(rail, voltage_v, limit_a)

    def off(self, rail: str | None = None) -> None:
        """Put one rail, or all, off and read back that it is."""
        self._guardian.off(rail)

    def read(self) -> Mapping[str, Reading]:
        """One fresh reading of every rail that is on."""
        return self._guardian.read()

    def samples(self, since_s: float) -> Sequence[Sample]:
        """What the background sampler took after `since_s` (wall clock), oldest first."""
        return self._guardian.samples(since_s)

    def mark(self, label: str) -> float:
        """Note a step or state in the sample record; returns the wall clock it was noted at."""
        return self._guardian.mark(label)

    def record(self, path: Path | None) -> None:
        """Append every sample from now on to `path` (JSON lines); None: to no file."""
        self._guardian.record(path)

    def accuracy(self) -> Mapping[str, RailAccuracy]:
        """How well each rail is read back."""
        return self._guardian.accuracy()

    @property
    def guardian_pid(self) -> int:
        """Process id of the guardian."""
        return self._guardian.pid

    def tripped(self) -> str | None:
        """Why the guardian switched everything off for good; None: it did not."""
        return self._guardian.tripped()

    def burn(self, on: bool) -> None:
        """While a firmware burn runs, a lost rig is an alarm and no reason to cut the power."""
        at = (self._burn_socket or door.path_for(self.instrument.address)) if on else None
        self._guardian.burn(on, at)
        self._burn_socket = at

    @property
    def _guardian(self) -> GuardClient:
        if self._client is None:
            raise UsageError("supply: asked before it was opened; activate the driver first")
        return self._client

    def _adopt(self, log_dir: Path) -> GuardClient | None:
        if self.adopt_from is None:
            return None
        client = GuardClient.adopt(self.adopt_from, self.config(), log_dir)
        if client is not None:
            self._adopted, self._burn_socket = True, self.adopt_from
        return client

    def refuse_in_a_burn(self) -> None:
        """BenchError where a run that died left firmware being burned: its guardian is not to be disturbed."""
        if (left := door.answering(self.instrument.address)) is not None:
            raise BenchError(
                f"supply {self.instrument.address}: firmware is being burned under a run that died, and the guardian "
                f"at {left} keeps the power on: run the same bench file again, which looks after it, or wait "
                f"{self.burn_max_s:.0f} s"
            )

    def _close(self) -> None:
        self._adopted, self._burn_socket = False, None
        client, self._client = self._client, None
        scratch, self._scratch = self._scratch, None
        try:
            if client is not None:
                client.close()  # off and verified, before the guardian ends
        finally:
            if scratch is not None:
                scratch.cleanup()


def _second(where: SecondInstrument) -> InstrumentConfig:
    return InstrumentConfig(where.address, where.model, where.dialect, where.backend, where.mapping)
