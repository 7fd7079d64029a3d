"""`rig supply`: the supplies of a bench by hand, under the same ceilings and the same guardian as in a run."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from labgrid import Target

from rig.bench.edge import edge
from rig.bench.load import Bench, open_bench
from rig.bench.resources import SecondInstrument, VisaInstrument, VisaMeter
from rig.bench.supply import GuardedSupplyDriver
from rig.errors import BenchError, UsageError
from rig.guard import bank, scan
from rig.guard.bank import Bank
from rig.guard.config import METER, GuardConfig, Key
from rig.model import Identity, RailAccuracy, Reading
from rig.plugin.twin_process import plugged

Tell = Callable[[str], None]
_SHOWN_S = 1.0
"""Time between two readings that are printed."""


def show(bench_path: Path, tell: Tell) -> None:
    """Every instrument and every rail as it is; nothing is switched."""
    with _bench(bench_path) as bench:
        driver = bench.supply_driver
        driver.refuse_in_a_burn()
        config = driver.config()
        with closing(bank.opened(config)) as instruments:
            for name, identity in instruments.identify().items():
                tell(f"{name}: {_who(identity)}, at {_address(config, name)}")
            for rail in config.rails:
                tell(_rail(config, instruments, rail))
            for rail, number in {} if config.meter is None else config.meter.rails.items():
                tell(f"{rail}: meter, channel {number}: {_reading(_read(instruments, Key(METER, number)))}")


def hold(bench_path: Path, rail: str, voltage_v: float, limit_a: float, for_s: float | None, tell: Tell) -> None:
    """Put one rail on and print what it delivers until the time is up or Ctrl-C; off and verified in the end."""
    with _bench(bench_path) as bench:
        supply = bench.supply
        try:
            supply.apply(rail, voltage_v, limit_a)
            until_s = None if for_s is None else time.monotonic() + for_s
            while until_s is None or time.monotonic() < until_s:
                tell("; ".join(f"{name}: {_reading(r)}" for name, r in supply.read().items()))
                left_s = _SHOWN_S if until_s is None else min(_SHOWN_S, until_s - time.monotonic())
                time.sleep(max(0.0, left_s))
        finally:
            _off(supply, tell)


def off(bench_path: Path, tell: Tell) -> None:
    """Every output of every supply off and read back that it is."""
    with _bench(bench_path) as bench:
        _off(bench.supply, tell)


def search(bench_path: Path | None, asked: Sequence[str], *, lan: bool, tell: Tell) -> bool:
    """Ask who is at the addresses given, else those of the bench file, else those there are; whether anybody is."""
    with contextlib.ExitStack() as stack:
        if not asked and bench_path is not None:
            asked = _addresses(stack.enter_context(_bench(bench_path)).target)
        elif not asked:
            asked = scan.addresses(lan=lan)
        if not asked:
            tell("no serial or USB instrument was found; name an address, or --lan to ask the network")
            return False
        found = [_told(one, tell) for one in scan.ask(asked)]
    return any(found)


def _told(found: scan.Found, tell: Tell) -> bool:
    if found.identity is None:
        tell(f"{found.address}: {found.said.removeprefix(f'{found.address}: ')}")
        return False
    fits = f"row {found.row}" if found.row else "no row fits: name one that speaks alike as `dialect`"
    tell(f"{found.address}: {_who(found.identity)}; {fits}")
    return True


def _off(supply: GuardedSupplyDriver, tell: Tell) -> None:
    if (why := supply.tripped()) is not None:
        tell(f"the guardian switched off: {why}")
    supply.off()
    tell("all outputs off, verified")


# --- the bench ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _bench(bench_path: Path) -> Iterator[Bench]:
    """The bench of a file, its twin running where it is virtual; of its devices only the supplies are opened."""
    with plugged(bench_path) as path:
        bench = open_bench(path)
        try:
            yield bench
        finally:
            try:
                driver = bench.supply_driver
                with edge("supply", "close"):
                    bench.target.deactivate(driver)
            finally:
                bench.lock.close()


def _addresses(target: Target) -> list[str]:
    kinds = (VisaInstrument, SecondInstrument, VisaMeter)
    return [resource.address for resource in target.resources if isinstance(resource, kinds)]


def _address(config: GuardConfig, instrument: str) -> str:
    if instrument == METER and config.meter is not None:
        return config.meter.address
    return config.instruments()[instrument].address


# --- words ----------------------------------------------------------------------------------------------------


def _who(identity: Identity) -> str:
    return f"{identity.maker} {identity.model}, serial {identity.serial or 'unknown'}, firmware {identity.firmware}"


def _rail(config: GuardConfig, instruments: Bank, rail: str) -> str:
    wired = config.rails[rail]
    can = instruments.channel(wired.key)
    accuracy = instruments.accuracy(wired.key)
    state = _reading(_read(instruments, wired.key)) if instruments.is_on(wired.key) else "off"
    return (
        f"{rail}: {wired.instrument}, channel {wired.channel}, 0 to {can.max_voltage_v:g} V, up to "
        f"{can.max_current_a:g} A (ceilings {wired.max_voltage_v:g} V, {wired.max_current_a:g} A), "
        f"readback {_known(accuracy)}: {state}"
    )


def _known(accuracy: RailAccuracy) -> str:
    return str(accuracy) if accuracy != RailAccuracy(None, None) else "not sourced"


def _read(instruments: Bank, key: Key) -> Reading:
    read = instruments.read([key], patient=True)
    for e in read.failed.values():
        raise e
    try:
        return read.readings[key]
    except KeyError:
        raise BenchError(f"{instruments.device(key.instrument)}: no reading of channel {key.channel}") from None


def _reading(reading: Reading) -> str:
    mode = {True: ", in current limit", False: "", None: ""}[reading.limiting]
    error_w = reading.watts_error
    watts = f"{reading.watts:.3f} W" + ("" if error_w is None else f" (error up to {error_w:.3f} W)")
    return f"{reading.voltage_v:.3f} V, {reading.current_a:.4f} A, {watts}{mode}"


def checked_time(for_s: float | None) -> float | None:
    """`for_s` as given; UsageError when it is no time."""
    if for_s is not None and not 0 < for_s < float("inf"):
        raise UsageError(f"--for {for_s:g}: expected seconds above 0")
    return for_s
