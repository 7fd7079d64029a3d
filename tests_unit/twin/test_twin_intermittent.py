import pytest
from pydantic import ValidationError
from twin_bench import bench_with, running

from rig.config.twin import Joint
from rig.errors import UsageError


def flaky(*pins, probability=0.5):
    return {"pins": list(pins), "state": "intermittent", "probability": probability}


def retrain(bench):
    """What `setpci CAP_EXP+10.w=0020:0020` does to the port's file; returns the width."""
    config = bytearray(bench.world.view().root_port.config)
    config[0xB0 + 0x10] |= 0x20
    bench.world.write_config(None, bytes(config))
    return bench.link["width"]


def lane_errors(config):
    return int.from_bytes(config[0x168:0x16C], "little")


def test_an_intermittent_joint_is_drawn_anew_at_every_retrain_and_only_then():
    bench = running(joints=[flaky("A39")])
    widths = []
    for _ in range(40):
        widths.append(retrain(bench))
        bench.wait(5)
        assert bench.link["width"] == widths[-1]
    assert set(widths) == {4, 8}
    assert 10 <= widths.count(4) <= 30


def test_it_is_drawn_anew_at_every_boot():
    bench = bench_with(joints=[flaky("A27")])
    bench.rails()
    seen = set()
    for _ in range(8):
        bench.boot()
        seen.add(bench.link["width"])
        bench.world.set_mains(False)
        bench.world.host_state("off")
    assert seen == {2, 8}


@pytest.mark.parametrize(("pin", "end"), [("A39", "endpoint"), ("B38", "root")])
def test_a_lane_that_drops_out_is_named_by_the_end_that_received_it(pin, end):
    bench = running(joints=[flaky(pin)])
    while retrain(bench) == 4:
        pass
    while retrain(bench) == 8:
        pass
    view = bench.world.view()
    told = {"endpoint": lane_errors(view.functions[0].config), "root": lane_errors(view.root_port.config)}
    assert told[end] == 1 << 5
    assert not any(bits for other, bits in told.items() if other != end)


def test_clock_and_reset_can_be_intermittent_too():
    bench = running(joints=[flaky("A16")])
    assert {retrain(bench) for _ in range(20)} == {0, 8}


def test_the_bare_board_is_good():
    bench = bench_with(joints=[flaky("A39", probability=1.0)], bare=True)
    assert bench.world.multimeter_ohm("A39", "edge:B37") < 1


def test_a_board_without_one_is_the_same_after_every_retrain():
    bench = running()
    assert {retrain(bench) for _ in range(5)} == {8}


def test_a_supply_joint_cannot_be_intermittent():
    with pytest.raises(UsageError, match="A2 carries"):
        bench_with(joints=[flaky("A2")])


@pytest.mark.parametrize(
    "keys",
    [
        {"state": "intermittent"},
        {"state": "intermittent", "probability": 0.0},
        {"state": "intermittent", "probability": 1.5},
        {"state": "intermittent", "probability": 0.5, "ohm": 30},
        {"state": "open", "probability": 0.5},
    ],
)
def test_a_twin_file_says_what_it_means(keys):
    with pytest.raises(ValidationError):
        Joint.model_validate({"pins": ["A39"], **keys})
