import pytest
from click.testing import CliRunner

from rig.cli import rig
from rig.config.library import project_root
from rig.errors import UsageError
from rig.plugin import comparison
from rig.plugin.comparison import Wanted

CONFIGS = project_root() / "configs"
VIRTUAL = CONFIGS / "benches" / "virtual.yaml"
DEMO = CONFIGS / "plans" / "demo.yaml"


def wanted(**more) -> Wanted:
    given = {"a": "533FLR-T", "b": "561FLR-T", "bench": VIRTUAL, "inserts": 3, "margin_w": 0.5, "plan": DEMO, **more}
    return Wanted(**given)


def never(a, b, margin_w, most):
    return None


def test_the_cards_are_put_in_by_turns_on_one_adapter():
    units = comparison.order(wanted(), never).units
    assert [u.card.model for u in units] == ["533FLR-T", "561FLR-T"] * 3
    assert len({(u.adapter.design, u.adapter.serial) for u in units}) == 1
    assert len({u.card.serial for u in units}) == 2


def test_several_cards_of_a_model_take_turns_within_it():
    units = comparison.order(wanted(cards_a=("S1", "S2"), inserts=4), never).units
    assert [u.card.serial for u in units if u.card.model == "533FLR-T"] == ["S1", "S2", "S1", "S2"]


def test_the_layout_carries_both_cards_as_delivered():
    """A BCM57810S needs A10 and A11 high, which most layouts do not give."""
    assert comparison.order(wanted(), never).units[0].adapter.design not in ("TobleMiner-revA", "TobleMiner-revB")
    assert comparison.order(wanted(design="TobleMiner-revA"), never).units[0].adapter.design == "TobleMiner-revA"


def test_what_was_stated_beforehand_goes_into_the_record():
    it = comparison.order(wanted(margin_w=0.25), None)
    assert it.compare == {
        "a": "533FLR-T", "b": "561FLR-T", "margin_w": 0.25, "inserts": 3, "stops_early": False,
    }  # fmt: skip
    assert it.enough is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"b": "700759-B21"}, "same model"),
        ({"inserts": 0}, "--inserts 0"),
        ({"inserts": 100000}, "--inserts 100000"),
        ({"margin_w": 0.0}, "--margin 0.0"),
        ({"margin_w": float("nan")}, "--margin nan"),
        ({"a": "no such card"}, "no such card"),
        ({"a": "568FLR-MMT"}, "not a PCIe card"),
        ({"design": "revZ"}, "revZ"),
        ({"cards_a": ("X",), "cards_b": ("X",)}, "both models"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_sentence(given, said):
    with pytest.raises(UsageError, match=said):
        comparison.order(wanted(**given), never)


def test_a_plan_without_the_power_profile_is_refused(tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text("name: short\nsteps: [link]\n")
    with pytest.raises(UsageError, match="power_profile"):
        comparison.order(wanted(plan=plan), never)


def test_whether_it_is_enough_is_asked_after_whole_pairs_with_the_watts_of_both():
    asked = []

    def decided(a, b, margin_w, most):
        asked.append((a, b, margin_w, most))
        return "that is enough" if len(a["idle"]) == 2 else None

    it = comparison.order(wanted(inserts=5), decided)
    numbers = [{"power.idle.total_w": float(n), "power.idle.12v_w": 1.0, "pcie.link.width": 8.0} for n in range(4)]
    inserts = list(zip(it.units, numbers, strict=False))
    assert [it.enough(inserts[:n]) for n in range(1, 5)] == [None, None, None, "that is enough"]
    assert asked == [
        ({"idle": [0.0]}, {"idle": [1.0]}, 0.5, 5),
        ({"idle": [0.0, 2.0]}, {"idle": [1.0, 3.0]}, 0.5, 5),
    ]


@pytest.mark.parametrize(
    ("benches", "code", "said"),
    [
        ([VIRTUAL, VIRTUAL], 2, "rig compare: 2 benches: a comparison on several is not built; name one bench"),
        (["none.yaml"], 2, "rig: none.yaml: cannot read it"),
        (["tag:bench-a"], 3, "rig: coordinator 127.0.0.1:1: connect: "),
    ],
)
def test_several_benches_or_none_that_is_there_measure_nothing(tmp_path, benches, code, said):
    named = [word for bench in benches for word in ("--bench", str(bench))]
    found = CliRunner().invoke(rig, ["compare", "533FLR-T", "561FLR-T", *named, "--out", str(tmp_path / "out")],
                               env={"LG_COORDINATOR": "127.0.0.1:1"})  # fmt: skip
    assert found.exit_code == code and "Traceback" not in found.output, found.output
    assert said in found.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", [["golden", "run"], ["golden", "show"], ["doctor"]])
def test_a_command_for_one_bench_does_not_take_the_last_of_two(command):
    found = CliRunner().invoke(rig, [*command, "--bench", str(VIRTUAL), "--bench", str(VIRTUAL)])
    assert found.exit_code == 2 and "2 benches: this command takes one" in found.stderr
