"""What a card that fell off the bus, or was reset under its driver, makes of the step in which it did."""

import pytest
from step_fakes import ShellHost

from rig.config.library import default_library, project_root
from rig.config.plan import LinkStep, Throughput, load_plan
from rig.errors import BenchError, DeadlineError
from rig.expect import Parts, expectation
from rig.judge import judge, overall
from rig.model import Slot, Step, Verdict
from rig.steps import link, throughput
from rig.steps.answers import answers, still_answers
from rig.steps.pci import Located

LIBRARY = default_library()
PARTS = Parts(LIBRARY.adapter("TobleMiner-revA"), LIBRARY.card("561FLR-T"), Slot(3, 8), 10e9, 1, ())
DEMO = load_plan(project_root() / "configs" / "plans" / "demo.yaml")
ROOT, CARD = "0000:00:01.0", "0000:01:00.0"
HERE = Located((CARD,), ROOT, {CARD: "8086:1528"})
WIDTH = "current_link_width"
LOST = "partner: nobody there"


@pytest.fixture
def tree(tmp_path):
    """A card with one port, its driver bound, below a root port; the card's folder."""
    links = tmp_path / "sys" / "bus" / "pci" / "devices"
    links.mkdir(parents=True)
    for address, place, ids in ((ROOT, ROOT, "8086:1901"), (CARD, f"{ROOT}/{CARD}", "8086:1528")):
        folder = tmp_path / "sys" / "devices" / "pci0000:00" / place
        folder.mkdir(parents=True)
        for name, text in zip(("vendor", "device"), ids.split(":"), strict=True):
            (folder / name).write_text(f"0x{text}\n")
        (folder / WIDTH).write_text("8\n")
        (links / address).symlink_to(folder)
    driver = tmp_path / "sys" / "bus" / "pci" / "drivers" / "ixgbe"
    driver.mkdir(parents=True)
    (folder / "driver").symlink_to(driver)
    net = folder / "net" / "ens1f0"
    net.mkdir(parents=True)
    for name, text in (("dev_port", "0"), ("address", "02:00:00:00:00:01"), ("type", "1")):
        (net / name).write_text(f"{text}\n")
    return folder


def host(tree, command="0406", **failing):
    """`command` is what setpci tells of the Command register; None: there is no setpci."""
    table = [] if command is None else [("^setpci -s 0000:01:00.0 COMMAND$", f"{command}\n")]
    tools = [("^lspci", ""), ("^ethtool", ""), ("^mktemp", "/tmp/x\n"), ("iperf3 -s", ""), ("^grep", ""), ("^kill", "")]
    return Failing(tree.parents[4], [*table, *tools], **failing)


class Failing(ShellHost):
    """Raises `error` at the first command with `at` in it, and does `then`."""

    def __init__(self, root, replies, at="\0", error=None, then=lambda: None):
        super().__init__(root, replies)
        self._at, self._error, self._then = at, error, then

    def run(self, command, timeout_s=30.0):
        if self._at in command:
            self._then()
            raise self._error
        return super().run(command, timeout_s)


def test_a_card_that_answers(tree):
    found = answers(host(tree), HERE)
    assert (found.name, found.value) == ("pcie.answers", "yes")


@pytest.mark.parametrize("text", ["63", "255"])
def test_all_ones_are_no_answer(tree, text):
    (tree / WIDTH).write_text(f"{text}\n")
    found = answers(host(tree), HERE)
    assert found.value == "no" and f"all ones ({text})" in found.note


def test_a_link_that_is_there_and_cannot_be_read_is_no_answer(tree):
    class Refusing(ShellHost):
        def run(self, command, timeout_s=30.0):
            return super().run(command.replace("head -c", "false"), timeout_s)

    found = answers(Refusing(tree.parents[4]), HERE)
    assert found.value == "no" and "cannot be read" in found.note


def test_a_kernel_that_shows_no_link_leaves_it_unknown(tree):
    (tree / WIDTH).unlink()
    assert answers(host(tree), HERE).value is None


def test_a_card_that_is_no_longer_on_the_bus_does_not_answer(tree):
    assert answers(host(tree), None).value == "no"


@pytest.mark.parametrize(
    ("command", "value"),
    [("0000", "reset"), ("0004", "reset"), ("0002", "yes"), ("0546", "yes"), ("ffff", "no"), (None, "yes")],
)
def test_a_command_register_that_a_reset_cleared_under_a_driver_is_no_answer(tree, command, value):
    assert answers(host(tree, command), HERE).value == value


def test_without_a_driver_nobody_switched_decoding_on(tree):
    (tree / "driver").unlink()
    assert answers(host(tree, "0000"), HERE).value == "yes"


def test_what_a_card_broke_as_it_went_is_told_in_its_row(tree):
    rows = []
    (tree / WIDTH).write_text("63\n")
    with still_answers(host(tree), HERE, rows):
        raise BenchError(LOST)
    assert [r.value for r in rows] == ["no"] and LOST in rows[0].note


def test_what_fails_beside_a_card_that_answers_is_the_benchs(tree):
    rows = []
    with pytest.raises(BenchError, match=LOST), still_answers(host(tree), HERE, rows):
        raise BenchError(LOST)
    assert rows == []


def test_what_fails_with_a_host_that_says_nothing_is_the_benchs(tree):
    deaf = host(tree, at=WIDTH, error=DeadlineError("test host", "x", 1.0, ""))
    with pytest.raises(BenchError, match=LOST), still_answers(deaf, HERE, []):
        raise BenchError(LOST)


def test_an_error_of_the_rig_itself_passes(tree):
    (tree / WIDTH).write_text("63\n")
    with pytest.raises(KeyError), still_answers(host(tree), HERE, []):
        raise KeyError("x")


def test_a_link_step_in_which_the_card_goes_fails_the_unit(tree):
    gone = host(
        tree, at="ip link set", error=BenchError("test host: ip link set ended with 2"),
        then=lambda: (tree / WIDTH).write_text("63\n"),
    )  # fmt: skip
    found = link.measure(gone, PARTS, ROOT, ["10.0.0.2/24"], LinkStep())
    judged = judged_as(Step.LINK, found)
    assert overall(judged.values()) is Verdict.FAIL
    assert judged["pcie.answers"].verdict is Verdict.FAIL
    assert judged["link.port1.carrier"].verdict is Verdict.NOT_RUN


def test_traffic_that_ends_because_the_card_went_fails_the_unit(tree):
    class Partner:
        def transfer(self, *asked):
            (tree / WIDTH).write_text("63\n")
            raise BenchError(LOST)

    class Up(Failing):
        def run(self, command, timeout_s=30.0):
            return super().run("true" if command.startswith("ip ") else command, timeout_s)

    up = Up(tree.parents[4], host(tree)._replies)
    found = throughput.measure(up, Partner(), PARTS, ROOT, ["10.0.0.2/24"], 5201, Throughput())
    judged = judged_as(Step.THROUGHPUT, found)
    assert overall(judged.values()) is Verdict.FAIL
    assert LOST in judged["pcie.answers"].measurement.note


def judged_as(step, found):
    return {j.measurement.name: j for j in judge(found.measurements, expectation(PARTS, DEMO)[step])}
