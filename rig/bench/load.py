"""From a bench file to a bench."""

import contextlib
import fcntl
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from labgrid import Environment, Target
from labgrid.binding import BindingError, BindingState, StateError
from labgrid.driver import Driver
from labgrid.exceptions import InvalidConfigError, NoConfigFoundError, NoSupplierFoundError, RegistrationError

from rig.bench import envfile, filecheck
from rig.bench.console import DrainedSerialDriver
from rig.bench.edge import edge, reason
from rig.bench.hold import BurnHold
from rig.bench.mains import limit_http_waits
from rig.bench.mlxburn import Mlxburn
from rig.bench.relays import RelayProbeDriver
from rig.bench.strategy import SlotStrategy
from rig.bench.supply import GuardedSupplyDriver
from rig.config.bench import TARGET, BenchFile, BenchOptions, load_bench_file
from rig.config.yamlfile import line_of
from rig.errors import BenchError, ConfigError, UsageError
from rig.ports import BurnPort, CablePort, HostPort, ImageBuilderPort, OperatorPort, PartnerPort, ProbePort

WRONG_FILE = (
    InvalidConfigError,
    NoConfigFoundError,
    NoSupplierFoundError,
    RegistrationError,
    BindingError,
    StateError,
    ImportError,
    TypeError,
    ValueError,
    KeyError,
)


@dataclass(frozen=True)
class Bench:
    """A bench file's devices, behind the rig's ports; each is opened when it is first asked for.

    `close()` brings everything down; nothing else does.
    """

    path: Path
    options: BenchOptions
    target: Target
    lock: IO[bytes]

    @property
    def name(self) -> str:
        return self.options.name

    @property
    def virtual(self) -> bool:
        """A twin, not hardware; results say so."""
        return self.options.is_virtual

    @property
    def strategy(self) -> SlotStrategy:
        """The order of things; opens what a rung needs by itself."""
        return self._driver(SlotStrategy)

    @property
    def console(self) -> DrainedSerialDriver:
        """The test host's console, as it is: the strategy opens it."""
        return self._driver(DrainedSerialDriver)

    @property
    def host(self) -> HostPort:
        """The test host, as it is: the strategy's `shell` rung logs in."""
        return self._driver(HostPort)

    @property
    def supply(self) -> GuardedSupplyDriver:
        return self.opened(GuardedSupplyDriver)

    @property
    def supply_driver(self) -> GuardedSupplyDriver:
        """The supply as it is, to be told something before it is opened."""
        return self._driver(GuardedSupplyDriver)

    @property
    def hold(self) -> BurnPort:
        """Whoever keeps the power on while firmware is burned."""
        return BurnHold(self.strategy, self.supply)

    @property
    def builder(self) -> ImageBuilderPort | None:
        """What makes firmware images; None: this bench cannot."""
        how = self.options.firmware
        if how.mlxburn is None or how.mlx is None:
            return None
        return Mlxburn(how.mlxburn, self.path.parent / how.mlx)

    @property
    def partner(self) -> PartnerPort:
        return self.opened(PartnerPort)

    @property
    def operator(self) -> OperatorPort:
        return self.opened(OperatorPort)

    @property
    def probe(self) -> ProbePort:
        """The test leads, on relays where there are any; UsageError when this bench has none."""
        if self.options.probe is None:
            raise UsageError(f"bench {self.name!r} has no test leads: options.probe is not set in {self.path}")
        relays = [d for d in self.target.drivers if isinstance(d, RelayProbeDriver)]
        return self.opened(RelayProbeDriver if relays else ProbePort)

    @property
    def cables(self) -> CablePort | None:
        """Who can take a link away: the partner where the bench file names its interfaces, else the operator."""
        partner = self.partner
        if isinstance(partner, CablePort) and getattr(partner, "interfaces", True):
            return partner
        operator = self.operator
        return operator if isinstance(operator, CablePort) else None

    @property
    def cable_ends(self) -> dict[int, str]:
        """Port to the partner's interface at the other end of its cable, where the bench file names it."""
        return dict(enumerate(getattr(self.partner, "interfaces", ()), 1))

    def close(self) -> None:
        """Everything off, then every driver closed (and the guardian ended), whatever fails on the way."""
        with contextlib.ExitStack() as each:
            each.callback(self.lock.close)
            for driver in self.target.drivers:
                each.callback(self._release, driver)
            if self.strategy.touched():
                each.callback(self.strategy.safe_off)

    def _driver(self, port: type) -> Any:
        return self.target.get_driver(port, activate=False)

    def opened(self, port: type) -> Any:
        """The driver of a port or protocol, opened; BenchError when that fails."""
        driver = self._driver(port)
        with edge(type(driver).__name__, "open"):
            self.target.activate(driver)
        return driver

    def _release(self, driver: Driver) -> None:
        if driver.state is BindingState.active:
            with edge(type(driver).__name__, "close"):
                self.target.deactivate(driver)


def check_bench(path: Path) -> BenchFile:
    """The bench file, fully checked, nothing built and nothing connected; ConfigError with file and line."""
    return _checked(path)[0]


def open_bench(path: Path, log_dir: Path | None = None) -> Bench:
    """The bench of a file, nothing connected yet but a remote place; for this process alone until `close()`.

    ConfigError for a fault in the file, BenchError when another process has the bench or somebody the place.
    `log_dir` gets the guardian's own record.
    """
    limit_http_waits()
    file, tree, environment = _checked(path)
    with contextlib.ExitStack() as undo:
        lock = undo.enter_context(locked(path))
        target = _built(path, tree, environment)
        bench = Bench(path, file.targets.main.options, target, lock)
        bench._driver(GuardedSupplyDriver).log_dir = log_dir
        undo.pop_all()
    return bench


def _checked(path: Path) -> tuple[BenchFile, object, Environment]:
    file, tree = load_bench_file(path)
    try:
        environment = Environment(str(path))
    except WRONG_FILE as e:
        raise ConfigError(path, line_of(tree, ("imports",)), reason(e)) from e
    envfile.check(path, tree, environment)
    filecheck.check(path, tree, environment)
    return file, tree, environment


def _built(path: Path, tree: object, environment: Environment) -> Target:
    try:
        with edge(f"bench {path}", "its remote place", "is the coordinator running, and the place acquired by you?"):
            target: Target = environment.get_target(TARGET)
            return target
    except BenchError as e:
        if isinstance(e.__cause__, WRONG_FILE):
            raise ConfigError(path, line_of(tree, ("targets", TARGET, "drivers")), reason(e.__cause__)) from e
        raise


def locked(path: Path) -> IO[bytes]:
    """The file, locked until it is closed; the kernel frees it when this process dies."""
    file = path.open("rb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise BenchError(f"bench {path}: another process is using it; wait for it to end, or stop it") from None
    return file
