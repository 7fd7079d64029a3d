import pytest

from rig.config.library import default_library
from rig.diagnose.case import Case
from rig.diagnose.firmware import damaged, other_version
from rig.judge import judge
from rig.model import AdapterUnit, Limit, Measurement, Slot
from rig.netlist import Board

LIBRARY = default_library()
UNDAMAGED, AS_PLANNED = Limit("it must work", one_of=("none",)), Limit("the plan's", one_of=("yes",))
DESIGN = "TobleMiner-revC"


def case(name, value, limit, model="530FLR-SFP+", note=""):
    board = Board(LIBRARY.adapter(DESIGN), AdapterUnit(DESIGN, "A"))
    rows = judge([Measurement(name, value, "", note)], {name: limit})
    return Case(board, LIBRARY.card(model), Slot(3, 8), rows)


@pytest.mark.parametrize(
    "what", ["NVM checksum invalid", "ens1f0 has the MAC 00:00:00:00:00:00; management firmware does not start"]
)
def test_damaged_firmware_is_the_cards_matter_and_is_not_written_blindly(what):
    (cause,) = damaged(case("firmware.damaged", what, UNDAMAGED))
    assert cause.title == "card firmware damaged"
    assert what in cause.evidence[0]
    assert cause.pins == ()
    for words in ("not an adapter fault", "keep the dump", "HP server", "never write it blindly with ethtool -E"):
        assert words in cause.action


@pytest.mark.parametrize("model", ["560FLR-SFP+", "561FLR-T"])
def test_the_id_of_a_blank_eeprom_is_damage_although_the_firmware_step_never_ran(model):
    ids = Limit("this model", one_of=(LIBRARY.card(model).pci_id,))
    (cause,) = damaged(case("pcie.id", "8086:10d8", ids, model))
    assert cause.title == "card firmware damaged"
    assert "8086:10d8" in cause.evidence[0]


DRIVEN = Limit("its driver", one_of=("ixgbe",))


@pytest.mark.parametrize(
    ("driver", "said", "is_damage"), [("none", True, True), ("none", False, False), ("ixgbe", True, False)]
)
def test_a_driver_that_refuses_a_card_for_its_nvm_tells_damage_although_the_firmware_step_never_ran(
    driver, said, is_damage
):
    told = [Measurement("pcie.nvm_damage", "NVM checksum invalid", "", "The EEPROM Checksum Is Not Valid")]
    rows = judge([Measurement("pcie.driver", driver, ""), *(told if said else ())], {"pcie.driver": DRIVEN})
    board = Board(LIBRARY.adapter(DESIGN), AdapterUnit(DESIGN, "A"))
    found = list(damaged(Case(board, LIBRARY.card("561FLR-T"), Slot(3, 8), rows)))
    assert [c.title for c in found] == ["card firmware damaged"] * is_damage
    assert all("NVM checksum invalid" in c.evidence[0] for c in found)


@pytest.mark.parametrize(
    ("name", "value", "limit"),
    [
        ("firmware.damaged", "none", UNDAMAGED),
        ("firmware.damaged", None, UNDAMAGED),
        ("pcie.id", "15b3:01f6", Limit("this model", one_of=("8086:1528",))),
        ("pcie.id", "8086:1528", Limit("this model", one_of=("8086:1528",))),
    ],
)
def test_what_is_undamaged_or_unknown_or_another_card_is_not_called_damaged(name, value, limit):
    assert list(damaged(case(name, value, limit))) == []


@pytest.mark.parametrize(
    ("value", "title", "action"),
    [
        ("older", "firmware older than the plan's", "HPE firmware package"),
        ("newer", "firmware newer than the plan's", "still the one that is wanted"),
        ("other", "firmware is not the plan's", "part number"),
    ],
)
def test_another_version_is_told_with_both_versions(value, title, action):
    note = "is bc 7.10.10, the plan wants bc 7.13.54"
    (cause,) = other_version(case("firmware.version_as_planned", value, AS_PLANNED, note=note))
    assert cause.title == title
    assert action in cause.action
    assert "not an adapter fault" in cause.action
    assert note in cause.evidence


@pytest.mark.parametrize("value", ["yes", None])
def test_the_planned_version_or_none_read_has_no_cause(value):
    assert list(other_version(case("firmware.version_as_planned", value, AS_PLANNED))) == []
