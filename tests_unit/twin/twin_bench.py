"""A world on a clock that the test turns, with the project's own layouts and cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rig.config.library import default_library
from rig.config.twin import TwinFile
from rig.model import AdapterUnit, CardUnit
from rig.twin.world import World

ADDRESSES = tuple(f"127.86.{n}.2" for n in range(1, 5))
LIBRARY = default_library()
DESIGNS = ("TobleMiner-revA", "TobleMiner-revB", "TobleMiner-revC", "KCORES-v1.0", "KCORES-v1.1")
X8_GEN3 = "544FLR-QSFP-649282"
"""A card that works on every layout as delivered."""


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Bench:
    """One world and the handles a test turns."""

    def __init__(self, **twin: object) -> None:
        self.clock = Clock()
        self.world = World(TwinFile.model_validate(twin), LIBRARY, ADDRESSES, self.clock)

    def wait(self, seconds: float) -> None:
        self.clock.now_s += seconds
        self.world.state()

    def rails(self, limit_a: float = 2.5) -> None:
        """12 V on channel 1, 3.3 V on channel 3, and time to charge."""
        self.world.drive(1, voltage_v=12.0, limit_a=limit_a, on=True)
        self.world.drive(3, voltage_v=3.3, limit_a=0.375, on=True)
        self.wait(0.5)

    def boot(self) -> None:
        self.world.set_mains(True)
        self.world.host_state("booting")
        self.wait(1.0)
        self.world.host_state("up")

    def ports_up(self) -> None:
        for port in self.world.view().ports:
            self.world.set_admin(port.name, True)
        self.wait(0.1)

    @property
    def link(self) -> Mapping[str, object]:
        return self.world.state()["link"]


def joint(*pins: str, state: str = "open", ohm: float | None = None) -> dict[str, object]:
    return {"pins": list(pins), "state": state, **({} if ohm is None else {"ohm": ohm})}


def bench_with(
    design: str = "TobleMiner-revA",
    model: str = X8_GEN3,
    joints: Sequence[Mapping[str, object]] = (),
    *,
    bare: bool = False,
    mods: Sequence[str] = (),
    jumpers: Mapping[str, str] | None = None,
    card: Mapping[str, object] | None = None,
    **twin: object,
) -> Bench:
    """A bench with one unit in: adapter `A-1`, card `C-1`."""
    bench = Bench(adapters={"A-1": {"joints": list(joints)}}, cards={"C-1": card or {}}, **twin)
    bench.world.insert(AdapterUnit(design, "A-1", jumpers or {}, tuple(mods)), CardUnit(model, "C-1"), bare=bare)
    return bench


def running(*args: object, **kwargs: object) -> Bench:
    """The same, with rails on and the host booted."""
    bench = bench_with(*args, **kwargs)
    bench.rails()
    bench.boot()
    return bench
