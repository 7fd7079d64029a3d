"""The rig's table of supplies against the twin's, each written from the manuals without the other."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest
from supply_client import OHM, Loop, ResistorBench

from rig.config.twin import Fault
from rig.errors import BenchError, ReplyError
from rig.guard.config import GuardConfig, RailConfig
from rig.guard.dialects import SUPPLIES
from rig.guard.supply import SetPoint, Supply, opened
from rig.twin.faults import Faults
from rig.twin.supply.front import front_end
from rig.twin.supply.instrument import Instrument
from rig.twin.supply.models import MODELS, usual
from rig.twin.supply.server import SupplyServer

VOLTS = 2.0
BOTH = sorted(set(MODELS) & set(SUPPLIES))
A_FEW = ["DP832", "E36312A", "HMP4040", "KA3005P", "SPD3303X-E"]


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def channel_of(model: str) -> int:
    return next(channel for channel, rails in usual(MODELS[model]).items() if "12v" in rails)


class FaultClock:
    """Stands still until the fault is to begin."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@contextlib.contextmanager
def spoken(
    loop: Loop, model: str, kind: str = "", clock: FaultClock | None = None
) -> Iterator[tuple[Supply, GuardConfig]]:
    """The rig's supply over a socket to the twin's of that model; a fault begins at the clock's 1 s, or at once."""
    after_s = 1.0 if clock else 0.0
    faults = [Fault.model_validate({"plug": "supply", "kind": kind, "after_s": after_s})] if kind else []
    kept = Faults(faults, clock or FaultClock())
    instrument = Instrument(MODELS[model], ResistorBench(), kept)
    # twice as fast as ours: a twin that this machine lets wait must not take the rig's pauses for too short
    server = SupplyServer(front_end(instrument, 7, lambda: 2 * time.monotonic()), kept)
    listener = socket.create_server(("127.0.0.1", 0))
    loop.run(server.start(listener))
    address = f"TCPIP0::127.0.0.1::{listener.getsockname()[1]}::SOCKET"
    config = GuardConfig(address, model, {"12v": RailConfig(channel_of(model), 12.6, 2.5)}, timeout_s=0.6)
    told = opened(config)
    try:
        yield told, config
    finally:
        told.close()
        loop.run(server.close())


def test_the_twin_speaks_every_dialect_of_the_rigs_table():
    """One model of each dialect is enough: the rows of a dialect differ in their ranges."""
    assert {id(row.dialect) for row in SUPPLIES.values()} == {id(SUPPLIES[model].dialect) for model in BOTH}


@pytest.mark.parametrize("model", BOTH)
def test_what_is_set_is_what_the_terminals_carry_and_off_is_off(loop, model):
    with spoken(loop, model) as (supply, config):
        who = supply.identify(config)
        assert model in who.raw.replace(" ", "")
        n = channel_of(model)
        assert not supply.is_on(n)
        supply.set(n, SetPoint(VOLTS, 0.5, ovp_v=3.0))
        supply.on(n)
        assert supply.is_on(n)
        (reading,) = supply.read([n]).values()
        assert reading.voltage_v == pytest.approx(VOLTS, abs=0.1)
        assert reading.current_a == pytest.approx(VOLTS / OHM, abs=0.1)
        assert reading.limiting is not True
        supply.set(n, SetPoint(VOLTS, 0.1, ovp_v=3.0))
        (reading,) = supply.read([n]).values()
        assert reading.current_a == pytest.approx(0.1, abs=0.09)
        assert reading.limiting is not False
        supply.off(n)
        assert not supply.is_on(n)


@pytest.mark.parametrize("model", BOTH)
def test_an_output_that_its_own_protection_cut_can_be_used_again(loop, model):
    with spoken(loop, model) as (supply, config):
        supply.identify(config)
        if not supply.has_protection:
            assert model in MODELS
            return
        n = channel_of(model)
        supply.set(n, SetPoint(VOLTS, 0.5, ovp_v=3.0))
        supply.on(n)
        supply.off(n)
        supply.clear_trip(n)
        assert not supply.is_on(n)
        supply.on(n)
        assert supply.is_on(n)
        supply.off(n)


@pytest.mark.parametrize("model", A_FEW)
@pytest.mark.parametrize("kind", ["garbage", "zero", "silent", "truncated", "unterminated", "late"])
def test_bad_replies_are_an_error_that_names_the_instrument_and_what_was_asked(loop, model, kind):
    clock = FaultClock()
    with spoken(loop, model, kind, clock) as (supply, config):
        supply.identify(config)
        n = channel_of(model)
        supply.set(n, SetPoint(VOLTS, 0.5, ovp_v=3.0))
        supply.on(n)
        clock.now_s = 1.0
        with pytest.raises(BenchError) as told:
            for _ in range(5):
                supply.read([n])
        assert config.address in str(told.value)


def test_another_instrument_is_refused_by_name(loop):
    with spoken(loop, "DP832", "wrong_model") as (supply, config), pytest.raises(ReplyError, match="DP832"):
        supply.identify(config)
