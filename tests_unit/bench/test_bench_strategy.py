import pytest
from bench_fakes import (
    LOGIN,
    BlindPowerDriver,
    ConsoleServer,
    FakeHostDriver,
    FakePowerDriver,
    FakeSupplyDriver,
    target_with,
)
from labgrid.binding import BindingState
from labgrid.driver import ShellDriver
from labgrid.resource import NetworkSerialPort
from pexpect import TIMEOUT

from rig.bench import mains
from rig.bench.console import DrainedSerialDriver
from rig.bench.rail_power import RailPowerDriver
from rig.bench.strategy import SlotStrategy, Status
from rig.errors import BenchError, DeadlineError, LinkDownError, UsageError

SHELL = {"prompt": "# ", "login_prompt": LOGIN, "username": "root"}


class Slot:
    """A strategy over fakes that write one diary."""

    def __init__(self, server, power=FakePowerDriver, **strategy):
        self.diary: list[str] = []
        self.target = target_with(
            (NetworkSerialPort, {"host": "127.0.0.1", "port": server.port, "protocol": "raw"}),
            (power, {"diary": self.diary}),
            (FakeSupplyDriver, {"diary": self.diary}),
            (DrainedSerialDriver, {}),
            (ShellDriver, SHELL),
            (FakeHostDriver, {"diary": self.diary}),
            (SlotStrategy, strategy),
        )
        self.strategy = self.target.get_driver(SlotStrategy)
        self.mains, self.supply, self.host = self.strategy.mains, self.strategy.supply, self.strategy.host


@pytest.fixture(scope="module")
def server():
    with ConsoleServer() as s:
        yield s


@pytest.fixture
def slot(server):
    s = Slot(server)
    yield s
    s.target.cleanup()


RAILS = ["12v 12.0 V 2.1 A", "3v3 3.3 V 1.0 A"]
OFF = ["mains off", "rails off"]


def test_up_is_off_first_then_rails_then_the_host_then_its_login(slot):
    slot.strategy.transition("shell")
    assert slot.diary == [*OFF, *RAILS, "mains on", "login"]
    assert slot.strategy.status is Status.shell


def test_up_from_a_rung_goes_on_from_there(slot):
    slot.strategy.transition("rails")
    slot.diary.clear()
    slot.strategy.transition(Status.powered)
    assert slot.diary == ["mains on"]


def test_the_same_rung_again_is_nothing_to_do(slot):
    slot.strategy.transition("rails")
    slot.diary.clear()
    slot.strategy.transition("rails")
    assert slot.diary == []


@pytest.mark.parametrize("rung", ["off", "rails", "powered"])
def test_down_goes_through_off_host_before_rails(slot, rung):
    slot.strategy.transition("shell")
    slot.diary.clear()
    slot.strategy.transition(rung)
    assert slot.diary[:3] == ["logout", *OFF]
    assert slot.strategy.status.name == rung


def test_off_is_switched_even_when_it_is_off_because_a_step_may_have_put_a_rail_on(slot):
    slot.strategy.transition("off")
    slot.supply.apply("12v", 1.0, 0.1)
    slot.diary.clear()
    slot.strategy.transition("off")
    assert slot.diary == OFF


def test_rails_come_on_with_the_set_points_given(server):
    s = Slot(server, rails={"12v": {"voltage_v": 11.5, "limit_a": 0.5}})
    s.strategy.transition("rails")
    assert s.diary[2:] == ["12v 11.5 V 0.5 A", "3v3 3.3 V 1.0 A"]
    s.target.cleanup()


def test_a_failure_leaves_how_far_it_came_and_is_not_retried(slot):
    slot.host.fault = TIMEOUT("no login")
    with pytest.raises(DeadlineError, match=r"test host: waited .* s for a login on console .*'login_prompt'") as e:
        slot.strategy.transition("shell")
    assert slot.strategy.status is Status.powered
    slot.diary.clear()
    slot.host.fault = None
    for rung in ("shell", "off"):
        with pytest.raises(DeadlineError) as again:
            slot.strategy.transition(rung)
        assert again.value is e.value
    assert slot.diary == []


def test_safe_off_works_on_a_broken_bench_and_a_fresh_start_lets_it_go_on(slot):
    slot.host.fault = TIMEOUT("no login")
    with pytest.raises(DeadlineError):
        slot.strategy.transition("shell")
    with pytest.raises(UsageError, match="a fresh start needs the bench off, it is powered"):
        slot.strategy.fresh_start()
    slot.diary.clear()
    slot.strategy.safe_off()
    assert slot.diary == OFF
    slot.host.fault = None
    slot.strategy.fresh_start()
    slot.strategy.transition("shell")
    assert slot.strategy.status is Status.shell


def test_safe_off_tries_the_rails_though_the_mains_switch_is_dead(slot):
    slot.strategy.transition("shell")
    slot.diary.clear()
    slot.mains.fault = ConnectionRefusedError("nobody there")
    with pytest.raises(BenchError, match=r"the bench may not be off: mains switch .*nobody there"):
        slot.strategy.safe_off()
    assert slot.diary == ["logout", "rails off"]
    assert slot.strategy.status is Status.unknown


def test_safe_off_names_everything_that_failed(slot):
    slot.strategy.transition("powered")
    slot.mains.fault = OSError("no mains")
    slot.supply.fault = "no supply"
    with pytest.raises(BenchError, match=r"no mains.*; no supply"):
        slot.strategy.safe_off()


def test_safe_off_goes_on_to_the_rails_after_a_ctrl_c(slot):
    slot.strategy.transition("powered")
    slot.diary.clear()
    slot.mains.fault = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        slot.strategy.safe_off()
    assert slot.diary == ["rails off"]


def test_a_switch_that_says_ok_and_does_nothing_is_found_out(slot, monkeypatch):
    monkeypatch.setattr(mains, "VERIFY_S", 0.2)
    slot.strategy.transition("rails")
    slot.mains.stuck = True
    with pytest.raises(DeadlineError, match=r"mains switch FakePowerDriver: waited 0\.2 s for its output to be on"):
        slot.strategy.transition("powered")
    assert slot.strategy.status is Status.rails


def test_a_switch_that_cannot_be_asked_is_believed(server):
    s = Slot(server, power=BlindPowerDriver)
    s.strategy.transition("powered")
    assert s.strategy.status is Status.powered
    assert mains.state(s.mains) is None
    s.target.cleanup()


def test_whatever_a_power_driver_raises_is_a_bench_error(slot):
    slot.strategy.transition("rails")
    slot.mains.fault = KeyError("output")
    with pytest.raises(LinkDownError, match=r"mains switch FakePowerDriver: switch on: 'output'; look at"):
        slot.strategy.transition("powered")


def test_an_empty_slot_is_booted_without_its_rails(slot):
    slot.strategy.boot_empty()
    assert slot.diary == [*OFF, "mains on", "login"]


@pytest.mark.parametrize("rung", ["unknown", "enumerated", Status.unknown])
def test_there_is_no_way_to_what_is_no_rung(slot, rung):
    with pytest.raises(UsageError, match=r"the rungs are off, rails, powered, shell, aux"):
        slot.strategy.transition(rung)
    assert slot.strategy.broken is None


def test_nobody_can_declare_a_state(slot):
    with pytest.raises(UsageError, match="drop --lg-initial-state"):
        slot.strategy.force("shell")


def test_a_console_that_went_away_while_the_host_was_off_is_opened_again(server):
    s = Slot(server)
    s.strategy.transition("powered")
    s.strategy.transition("off")
    server.hang_up()
    s.strategy.transition("powered")
    assert s.strategy.console.alive
    s.target.cleanup()


# --- firmware is being burned ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rung", ["off", "shell", Status.powered])
def test_nothing_is_switched_while_firmware_is_burned(slot, rung):
    slot.strategy.transition("shell")
    slot.diary.clear()
    slot.strategy.holding = True
    with pytest.raises(BenchError, match=r"while firmware is being burned: everything stays on"):
        slot.strategy.transition(rung)
    assert slot.diary == []
    assert slot.strategy.status is Status.shell


def test_not_even_safe_off_cuts_a_burn(slot):
    slot.strategy.transition("shell")
    slot.diary.clear()
    slot.strategy.holding = True
    with pytest.raises(
        BenchError, match=r"asked for 'off' while firmware is being burned.*the record of the burn is kept"
    ):
        slot.strategy.safe_off()
    assert slot.diary == []
    assert slot.strategy.status is Status.shell


def test_after_a_burn_everything_can_be_switched_again(slot):
    slot.strategy.transition("shell")
    slot.strategy.holding = True
    with pytest.raises(BenchError):
        slot.strategy.transition("off")
    slot.strategy.holding = False
    slot.diary.clear()
    slot.strategy.transition("off")
    assert slot.diary == ["logout", *OFF]
    slot.strategy.transition("shell")
    slot.strategy.safe_off()
    assert slot.strategy.status is Status.off


def test_a_bench_is_not_holding_before_anybody_burns(slot):
    assert slot.strategy.holding is False


def test_a_host_that_a_dead_run_left_on_is_logged_in_on_without_switching(slot):
    slot.mains.output = True
    slot.strategy.attach()
    assert slot.diary == ["login"]
    assert slot.strategy.status is Status.unknown
    slot.strategy.detach()
    assert slot.diary == ["login", "logout"]
    slot.strategy.transition("rails")
    assert slot.diary[2:] == [*OFF, *RAILS]


def test_whether_the_mains_are_off_is_asked_of_the_switch(slot):
    assert slot.strategy.mains_are_off()
    slot.mains.output = True
    assert not slot.strategy.mains_are_off()
    assert slot.diary == []


def test_mains_that_cannot_be_asked_are_not_said_to_be_off(server):
    s = Slot(server, power=BlindPowerDriver)
    assert not s.strategy.mains_are_off()
    s.target.cleanup()


def test_a_host_that_does_not_answer_cannot_be_attached_to(slot):
    slot.mains.output = True
    slot.host.fault = TIMEOUT("no login")
    with pytest.raises(DeadlineError, match="a login on console"):
        slot.strategy.attach()
    assert slot.diary == []
    slot.host.fault = None
    slot.strategy.transition("rails")
    assert slot.diary == [*OFF, *RAILS]


# --- 3.3 V alone ----------------------------------------------------------------------------------------------


def test_aux_is_everything_off_and_then_3v3_alone(slot):
    slot.strategy.transition("shell")
    slot.diary.clear()
    slot.strategy.transition("aux")
    assert slot.diary == ["logout", *OFF, "3v3 3.3 V 1.0 A"]
    assert slot.strategy.status is Status.aux


def test_from_aux_every_way_leads_through_off(slot):
    slot.strategy.transition("aux")
    slot.diary.clear()
    slot.strategy.transition("rails")
    assert slot.diary == [*OFF, *RAILS]


def test_aux_again_is_switched_again(slot):
    slot.strategy.transition("aux")
    slot.diary.clear()
    slot.strategy.transition("aux")
    assert slot.diary == [*OFF, "3v3 3.3 V 1.0 A"]


# --- benches whose slot is fed by the host --------------------------------------------------------------------


@pytest.mark.parametrize("topology", ["host", "meter"])
def test_a_slot_that_the_host_feeds_has_no_rails_to_put_on(server, topology):
    s = Slot(server, topology=topology)
    s.strategy.transition("shell")
    assert s.diary == [*OFF, "mains on", "login"]
    assert s.strategy.set_points() == {}
    s.strategy.safe_off()
    assert s.diary[-3:] == ["logout", *OFF]
    s.target.cleanup()


def test_3v3_alone_cannot_be_had_where_the_host_feeds_the_slot(server):
    s = Slot(server, topology="host")
    with pytest.raises(UsageError, match=r"3\.3 V aux cannot be had alone"):
        s.strategy.transition("aux")
    s.target.cleanup()


class DcHost:
    """A host on 12 V DC: its mains switch is the supply."""

    def __init__(self, server):
        self.diary = []
        self.target = target_with(
            (NetworkSerialPort, {"host": "127.0.0.1", "port": server.port, "protocol": "raw"}),
            (FakeSupplyDriver, {"diary": self.diary}),
            (RailPowerDriver, {"rails": {"host": {"voltage_v": 12.0, "limit_a": 8.0}}}),
            (DrainedSerialDriver, {}),
            (ShellDriver, SHELL),
            (FakeHostDriver, {"diary": self.diary}),
            (SlotStrategy, {"topology": "host"}),
        )
        self.strategy = self.target.get_driver(SlotStrategy)


@pytest.fixture
def dc_host(server):
    s = DcHost(server)
    yield s
    s.target.cleanup()


def test_a_host_on_dc_comes_on_and_goes_off_by_its_rail(dc_host):
    dc_host.strategy.transition("shell")
    assert dc_host.diary == ["host off", "rails off", "host 12.0 V 8.0 A", "login"]
    dc_host.diary.clear()
    dc_host.strategy.safe_off()
    assert dc_host.diary == ["logout", "host off", "rails off"]
    assert mains.state(dc_host.strategy.mains) is False


def test_whether_a_dc_host_is_off_is_not_asked_by_switching_it_off(dc_host):
    assert dc_host.strategy.mains_are_off() is False
    assert dc_host.strategy.supply.state is not BindingState.active
    assert dc_host.diary == []


def test_a_rail_that_feeds_the_host_is_never_cycled(dc_host):
    dc_host.strategy.transition("powered")
    with pytest.raises(UsageError, match="not cycled"):
        dc_host.strategy.mains.cycle()


def test_a_host_rail_without_a_set_point_is_a_usage_error():
    target = target_with((FakeSupplyDriver, {}), (RailPowerDriver, {}))
    with pytest.raises(UsageError, match=r"no set point: options\.rails\.host"):
        target.get_driver(RailPowerDriver).on()
