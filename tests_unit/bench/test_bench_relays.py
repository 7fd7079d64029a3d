import attr
import pytest
from bench_fakes import target_with
from labgrid import target_factory
from labgrid.driver import Driver
from labgrid.protocol import DigitalOutputProtocol

from rig.bench.relays import RelayProbeDriver
from rig.errors import BenchError, LinkDownError, UsageError
from rig.ports import OperatorPort, ProbePort

WIRING = {"plus": {"12V": "r1", "3V3": "r2"}, "minus": {"GND": "r3", "PERST#": "r4"}}


@target_factory.reg_driver
@attr.s(eq=False)
class FakeOutputDriver(Driver, DigitalOutputProtocol):
    """A relay; `stuck` says ok and stays as it is, `dead` raises what a library would."""

    board = attr.ib(factory=dict)
    diary = attr.ib(factory=list)
    stuck = attr.ib(default=False)
    dead = attr.ib(default=False)

    def set(self, status):
        if self.dead:
            raise ConnectionRefusedError("nobody there")
        self.diary.append(f"{self.name} {'on' if status else 'off'}")
        if not self.stuck:
            self.board[self.name] = status

    def get(self):
        return self.board.get(self.name, False)


class Hands(OperatorPort):
    def insert(self, unit, *, bare):
        raise AssertionError

    insert_adapter = remove = flash_prsnt = confirm = multimeter = insert


@target_factory.reg_driver
@attr.s(eq=False)
class HandlessDriver(Driver, Hands):
    """An operator who holds no leads."""


@target_factory.reg_driver
@attr.s(eq=False)
class HoldingDriver(Driver, Hands, ProbePort):
    """An operator who holds leads; `fault` is raised instead."""

    told = attr.ib(factory=list)
    fault = attr.ib(default=None)

    def connect(self, plus, minus, hint=""):
        if self.fault:
            raise self.fault
        self.told.append((plus, minus, hint))

    def release(self):
        self.told.append("released")


class Board:
    def __init__(self, operator=HandlessDriver, **wiring):
        self.target = target_with((operator, {}))
        self.closed, self.diary = {}, []
        self.relays = {
            n: FakeOutputDriver(self.target, n, board=self.closed, diary=self.diary) for n in ("r1", "r2", "r3", "r4")
        }
        self.operator = self.target.get_driver(operator)
        self.probe = RelayProbeDriver(self.target, None, **(wiring or WIRING))

    def opened(self):
        self.target.activate(self.probe)
        self.diary.clear()
        return self.probe

    @property
    def on(self):
        return {name for name, closed in self.closed.items() if closed}


def test_one_relay_a_lead_closes_after_all_have_opened():
    board = Board()
    probe = board.opened()
    probe.connect("12V", "GND")
    assert board.on == {"r1", "r3"}
    board.diary.clear()
    probe.connect("3V3", "GND")
    assert board.on == {"r2", "r3"}
    assert board.diary.index("r1 off") < board.diary.index("r2 on")
    assert board.diary[:4] == ["r1 off", "r2 off", "r3 off", "r4 off"]


def test_a_board_that_was_left_closed_is_opened_before_anything_else():
    board = Board()
    board.closed["r2"] = True
    board.opened()
    assert board.on == set()


def test_release_opens_everything():
    board = Board()
    probe = board.opened()
    probe.connect("12V", "PERST#")
    probe.release()
    assert board.on == set()


def test_a_relay_that_stays_open_leaves_no_other_closed():
    board = Board()
    probe = board.opened()
    board.relays["r3"].stuck = True
    with pytest.raises(BenchError, match="probe relay r3: asked to close, it says it is not"):
        probe.connect("12V", "GND")
    assert board.on == set()


def test_a_relay_that_sticks_closed_is_found_and_the_others_are_opened_all_the_same():
    board = Board()
    probe = board.opened()
    probe.connect("12V", "GND")
    board.relays["r1"].stuck = True
    with pytest.raises(BenchError, match="probe relay r1: asked to open"):
        probe.release()
    assert board.on == {"r1"}


def test_what_a_relays_library_raises_is_a_bench_error_that_names_it():
    board = Board()
    probe = board.opened()
    board.relays["r3"].dead = True
    with pytest.raises((LinkDownError, BenchError), match=r"probe relay r3: .*nobody there.*relay board"):
        probe.connect("12V", "GND")
    assert board.on == set()


def test_a_point_without_a_relay_is_the_operators_with_every_relay_open():
    board = Board(HoldingDriver)
    probe = board.opened()
    probe.connect("12V", "GND")
    probe.connect("12V", "A4", "pair 8 of 8")
    assert board.operator.told == [("12V", "A4", "pair 8 of 8")]
    assert board.on == set()
    probe.connect("3V3", "GND")
    assert board.operator.told[-1] == "released"
    assert board.on == {"r2", "r3"}


def test_a_point_that_nobody_reaches_is_named():
    probe = Board().opened()
    with pytest.raises(UsageError, match="no relay for the minus lead on A4, and the operator of this bench holds no"):
        probe.connect("12V", "A4")


def test_an_operator_who_is_not_there_is_no_reason_to_stop_the_bench():
    board = Board(HoldingDriver)
    board.operator.fault = UsageError("operator: there is no terminal to ask at")
    with pytest.raises(UsageError, match="no relay for the plus lead on PERST#, and operator: there is no terminal"):
        board.opened().connect("PERST#", "GND")


@pytest.mark.parametrize("wrong", [["r1"], {"12V": 1}, {12: "r1"}])
def test_a_wiring_that_is_no_map_of_names_is_refused(wrong):
    with pytest.raises(TypeError, match="expected point to name of a digital output"):
        Board(plus=wrong, minus={})
