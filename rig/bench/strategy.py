"""The one place that knows the order in which the slot comes up and goes down.

Up: rails, then the host. Down: the host, then the rails. Rails that stay up under a host that is off feed it
through PERST#, WAKE#, REFCLK and the lanes' protection diodes; a host without its rails drives a dead card.
Where the host feeds the slot itself (topologies `host` and `meter`) there are no rails between off and powered.
"""

import contextlib
import enum
import time
from collections.abc import Callable

import attr
from labgrid import step, target_factory
from labgrid.binding import BindingState
from labgrid.driver import ShellDriver
from labgrid.protocol import PowerProtocol
from labgrid.strategy import Strategy, StrategyError, never_retry

from rig.bench import mains
from rig.bench.console import DrainedSerialDriver
from rig.bench.edge import edge
from rig.bench.rail_power import RailPowerDriver
from rig.bench.topology import COUNTED, topology_of
from rig.config.bench import SetPoint, SetPoints
from rig.errors import BenchError, RigError, UsageError
from rig.ports import HostPort, SupplyPort


class Status(enum.Enum):
    """A ladder; `unknown` is below it, `aux` beside it: from there every way leads through off."""

    unknown = 0
    aux = -1
    off = 1
    rails = 2
    powered = 3
    shell = 4


NO_LOGIN = "look at console.log for how far it booted, and at 'login_prompt' and 'prompt' in the bench file"
LADDER = (Status.off, Status.rails, Status.powered, Status.shell)
AUX_RAIL = "3v3"


@target_factory.reg_driver
@attr.s(eq=False)
class SlotStrategy(Strategy):
    """Brings the slot up rung by rung; down always goes through off.

    `rails` are the set points and `topology` says whether the slot has rails of its own; what is not given is taken
    from the bench file's `options:`.
    `discharge_s` is how long the host keeps its standby voltage after its mains went off.
    """

    bindings = {
        "mains": PowerProtocol,
        "supply": SupplyPort,
        "console": DrainedSerialDriver,
        "shell": ShellDriver,
        "host": HostPort,
    }
    rails = attr.ib(default=None, metadata={"schema": SetPoints})
    topology = attr.ib(default=None, validator=attr.validators.optional(attr.validators.in_(tuple(COUNTED))))
    discharge_s = attr.ib(default=0.0, validator=[attr.validators.instance_of(float), attr.validators.ge(0)])
    status = attr.ib(default=Status.unknown, init=False)
    holding = attr.ib(default=False, init=False)
    """Firmware is being burned: nothing is switched off."""

    @step(args=["status"])
    def transition(self, status: Status | str) -> None:
        """Go to a rung; `off` is switched and verified even if it is off already, `aux` is 3.3 V alone after it.

        BenchError when the bench fails; `status` then says how far it came. Never retries: every later call
        raises that failure again, until `fresh_start()`.
        """
        self._refuse_while_burning(str(getattr(status, "name", status)))
        try:
            self._climb(_rung(status))
        except StrategyError as e:
            if isinstance(e.__cause__, RigError):
                raise e.__cause__ from e.__cause__.__cause__
            raise

    def safe_off(self) -> None:
        """Off from any state, a broken one included; every source is tried, then what failed is raised."""
        self._refuse_while_burning("off")
        faults: list[RigError] = []
        was, self.status = self.status, Status.unknown
        # an ExitStack goes on after a Ctrl-C too; last in, first out
        with contextlib.ExitStack() as each:
            each.callback(self._tried, self._rails_off, faults)
            each.callback(self._tried, self._mains_off, faults)
            each.callback(self._tried, self._leave_host, faults)
        if faults:
            raise BenchError("the bench may not be off: " + "; ".join(str(f) for f in faults)) from faults[0]
        self._discharge(was)
        self.status = Status.off

    def boot_empty(self) -> None:
        """Off, then the host up to its login with the rails off; only for a slot without a unit."""
        self.status = Status.unknown
        self._to_off()
        self._to_powered()
        self._to_shell()

    def fresh_start(self) -> None:
        """Let the next unit be tried after a failure; UsageError unless `safe_off()` found everything off.

        The supply is opened anew at its next use: a trip of its guardian holds for as long as that lives.
        """
        if self.status is not Status.off:
            raise UsageError(f"a fresh start needs the bench off, it is {self.status.name}; safe_off() first")
        self.target.deactivate(self.supply)
        self.broken = None

    def force(self, status: Status | str) -> None:
        """Refused: nobody can vouch for a state that the rig did not bring about."""
        raise UsageError(f"the bench cannot be declared {status}; drop --lg-initial-state")

    def touched(self) -> bool:
        """Whether anything that can energise the slot was ever opened."""
        return any(source.state is BindingState.active for source in (self.mains, self.supply))

    def set_points(self) -> dict[str, SetPoint]:
        """Rail of the slot to set point, in the order in which they come on; none where the host feeds the slot."""
        if self.has_no_rails:
            return {}
        given = self.rails
        if given is None and self.target.env is not None:
            given = self.target.env.config.get_target_option(self.target.name, "rails", {})
        return SetPoints.model_validate(given or {}).by_name()

    @property
    def has_no_rails(self) -> bool:
        """Whether the slot is fed by the host and not by the supply."""
        return topology_of(self.target, self.topology) != "riser"

    def attach(self) -> None:
        """Log in on a host that is on already, as a run that died left it; nothing is switched.

        BenchError when it does not answer; the status stays `unknown`, so the next transition goes through off.
        """
        self.target.activate(self.console)
        self.console.revive()
        self.console.mark()
        self._to_shell()

    def mains_are_off(self) -> bool:
        """What the mains switch says; False where it cannot tell, or could only be asked by switching it off."""
        if isinstance(self.mains, RailPowerDriver) and self.supply.state is not BindingState.active:
            return False
        with edge("mains switch", "open"):
            self.target.activate(self.mains)
        return mains.state(self.mains) is False

    def detach(self) -> None:
        """Leave the host as it is, so that it can be logged in to anew."""
        self._leave_host()

    def _refuse_while_burning(self, asked: str) -> None:
        if self.holding:
            raise BenchError(
                f"bench: asked for {asked!r} while firmware is being burned: everything stays on; the record of the "
                "burn is kept, and the next run on this bench looks what came of it first"
            )

    @never_retry
    def _climb(self, to: Status) -> None:
        for rung in self._rungs(to):
            _CLIMB[rung](self)
            self.status = rung

    def _rungs(self, to: Status) -> tuple[Status, ...]:
        if to is Status.aux:
            return Status.off, Status.aux
        top = LADDER.index(to)
        here = LADDER.index(self.status) if self.status in LADDER else -1
        # a step may have put a rail on by itself, under a status of off: off is always switched
        if here > top or to is Status.off:
            here = -1
        return LADDER[here + 1 : top + 1]

    def _to_off(self) -> None:
        self._leave_host()
        self._mains_off()
        self._rails_off()
        self._discharge(self.status)

    def _discharge(self, was: Status) -> None:
        # the host was on neither in off nor in aux
        if was not in (Status.off, Status.aux):
            time.sleep(self.discharge_s)

    def _to_aux(self) -> None:
        """3.3 V alone, as a card sees it in a host that is off."""
        points = self.set_points()
        if AUX_RAIL not in points:
            raise UsageError(f"this bench has no {AUX_RAIL} rail of the slot: 3.3 V aux cannot be had alone")
        self.target.activate(self.supply)
        self.supply.apply(AUX_RAIL, points[AUX_RAIL].voltage_v, points[AUX_RAIL].limit_a)

    def _to_rails(self) -> None:
        self.target.activate(self.supply)
        for rail, point in self.set_points().items():
            self.supply.apply(rail, point.voltage_v, point.limit_a)

    def _to_powered(self) -> None:
        self.target.activate(self.console)
        self.console.revive()
        self.console.mark()
        mains.switch(self.mains, on=True)

    def _to_shell(self) -> None:
        with edge("test host", f"a login on {self.console.address}", NO_LOGIN, self.console.tail):
            self.target.activate(self.host)

    def _leave_host(self) -> None:
        for driver in (self.host, self.shell):
            self.target.deactivate(driver)

    def _mains_off(self) -> None:
        with edge("mains switch", "open"):
            self.target.activate(self.mains)
        mains.switch(self.mains, on=False)

    def _rails_off(self) -> None:
        self.target.activate(self.supply)
        self.supply.off()

    def _tried(self, turn_off: Callable[[], None], faults: list[RigError]) -> None:
        try:
            with edge("bench", turn_off.__name__.strip("_").replace("_", " ")):
                turn_off()
        except RigError as e:
            faults.append(e)


_CLIMB = {
    Status.off: SlotStrategy._to_off,
    Status.aux: SlotStrategy._to_aux,
    Status.rails: SlotStrategy._to_rails,
    Status.powered: SlotStrategy._to_powered,
    Status.shell: SlotStrategy._to_shell,
}


def _rung(status: Status | str) -> Status:
    known = {s.name: s for s in (*LADDER, Status.aux)}
    name = status.name if isinstance(status, Status) else status
    if name not in known:
        raise UsageError(f"no way to {name!r}; the rungs are {', '.join(known)}")
    return known[name]
