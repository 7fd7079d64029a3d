import pytest

from rig.config.library import default_library
from rig.diagnose import Case
from rig.diagnose.interfaces import explained, not_showing
from rig.judge import judge
from rig.model import AdapterUnit, Limit, Measurement, Slot
from rig.netlist import Board

LIBRARY = default_library()
LIMITS = {
    "firmware.interfaces_missing": Limit("every port shows an interface", high=0),
    "pcie.bars.unassigned": Limit("the driver needs them", high=0),
    "firmware.route": Limit("ethernet", one_of=("port type", "already ethernet")),
}
QUIET = {"kernel_symptoms": "none", "bar_failed": "none", "vf_bar_failed": "none", "sriov.offered_vfs": None}
VPI = QUIET | {"port_types": "port 1 ib, port 2 auto (ib)"}
FATAL = QUIET | {"kernel_symptoms": "mlx4.missing_uar; pci.bar_failed", "bar_failed": "BAR 2 (8 MiB)"}
IB = VPI | {"port_types": "port 1 ib, port 2 ib", "kernel_symptoms": "mlx4.port_type_refused"}


def case(found, missing=2, model="544FLR-QSFP-649283", **more):
    board = Board(LIBRARY.adapter("TobleMiner-revA"), AdapterUnit("TobleMiner-revA", "A"))
    values = {f"firmware.{n}": v for n, v in ({"interfaces_missing": missing} | found).items()}
    values |= {"pcie.address": "0000:01:00.0"} | {n.replace("__", "."): v for n, v in more.items()}
    rows = judge([Measurement(n, v, "") for n, v in values.items()], LIMITS)
    return Case(board, LIBRARY.card(model), Slot(3, 8), rows)


def titles(found, **more):
    return [c.title for c in not_showing(case(found, **more))]


def only(found, **more):
    (cause,) = not_showing(case(found, **more))
    return cause


# --- nothing to say


@pytest.mark.parametrize("found", [QUIET, dict.fromkeys(VPI), {}])
def test_without_evidence_there_is_no_cause(found):
    assert titles(found) == []
    assert not explained(case(found))


def test_a_card_that_shows_all_its_interfaces_has_nothing_to_explain():
    assert titles(VPI | FATAL, missing=0) == []


def test_the_last_count_decides():
    rows = [*case(VPI, missing=2).judged, *case(QUIET, missing=0).judged]
    here = case(VPI)
    assert not list(not_showing(Case(here.board, here.card, here.slot, rows)))


@pytest.mark.parametrize("there, wanted", [(0, ["port configuration: not Ethernet"]), (1, []), (None, [])])
def test_a_card_of_unknown_ports_is_short_of_interfaces_when_it_has_none(there, wanted):
    assert titles(VPI | {"interfaces": there}, missing=None) == wanted


# --- the order


def test_causes_come_in_the_order_in_which_a_person_looks():
    assert titles(VPI | {"kernel_symptoms": "mlx4.missing_uar; mlx4.bad_mac"}) == [
        "port configuration: not Ethernet",
        "BAR too large",
        "blank MACs in the card",
    ]
    assert titles(IB | {"bar_failed": "BAR 0 (1 MiB)"}) == ["BAR too large", "needs flash: InfiniBand firmware"]


# --- port configuration


def test_ports_that_are_not_ethernet_are_told_how_to_become_it():
    cause = only(VPI)
    assert "echo eth > /sys/bus/pci/devices/0000:01:00.0/mlx4_port1; echo eth" in cause.action
    assert "mstconfig -d 0000:01:00.0 set LINK_TYPE_P1=2 LINK_TYPE_P2=2, then a cold restart" in cause.action
    assert "firmware.port_types = port 1 ib, port 2 auto (ib)" in cause.evidence


@pytest.mark.parametrize("types, wanted", [("port 1 eth, port 2 ib", ["2"]), ("port 1 auto (eth), port 2 eth", [])])
def test_only_the_ports_that_are_not_ethernet_are_written(types, wanted):
    causes = list(not_showing(case(VPI | {"port_types": types}, missing=1)))
    written = [n for c in causes for n in "12" if f"mlx4_port{n}" in c.action]
    assert written == wanted


def test_a_hca_that_wants_both_ports_alike_is_configured_alike():
    cause = only(QUIET | {"kernel_symptoms": "mlx4.same_port_types_only"})
    assert cause.title == "port configuration: not Ethernet"
    assert cause.action.startswith("mstconfig")


# --- BARs


def test_a_fatal_bar_without_sr_iov_wants_room_first():
    cause = only(FATAL)
    assert cause.title == "BAR too large"
    assert cause.action.startswith("above 4G decoding on in the BIOS; or boot with pci=realloc")
    assert cause.action.endswith("not an adapter fault")
    assert "firmware.bar_failed = BAR 2 (8 MiB)" in cause.evidence


@pytest.mark.parametrize("virtual", [{"vf_bar_failed": "VF BAR 2 (256 MiB)"}, {"sriov.offered_vfs": 32}])
def test_a_fatal_bar_with_sr_iov_wants_it_off_first(virtual):
    cause = only(FATAL | virtual)
    assert cause.title == "BAR too large: SR-IOV is on"
    assert cause.action.startswith("SR-IOV off: mstconfig -d 0000:01:00.0 set SRIOV_EN=0")
    assert "sriov_en = false" in cause.action
    assert "above 4G" in cause.action


def test_virtual_functions_without_a_place_alone_are_never_the_cause():
    alone = QUIET | {"vf_bar_failed": "VF BAR 2 (256 MiB)", "sriov.offered_vfs": 32}
    assert titles(alone) == []
    assert titles(VPI | alone | {"port_types": VPI["port_types"]}) == ["port configuration: not Ethernet"]


@pytest.mark.parametrize("code", ["mlx4.missing_uar", "mlx4.missing_dcs", "mlx4.cannot_enable", "mlx4.resources_taken"])
def test_a_driver_that_misses_a_bar_is_enough(code):
    assert titles(QUIET | {"kernel_symptoms": code}) == ["BAR too large"]


def test_a_run_that_stopped_at_enumeration_has_the_count_alone():
    (cause,) = not_showing(case({}, missing=None, pcie__bars__unassigned=1))
    assert cause.title == "BAR too large"
    assert cause.evidence[0].startswith("pcie.bars.unassigned = 1")


def test_a_card_of_another_family_is_not_told_to_use_mstconfig():
    cause = only({"bar_failed": "BAR 0 (2 MiB)", "sriov.offered_vfs": 63}, model="561FLR-T")
    assert "mstconfig" not in cause.action


# --- firmware


def test_ports_that_refuse_need_another_firmware_and_no_configuration():
    cause = only(IB, firmware__route="needs flash")
    assert cause.title.startswith("needs flash")
    assert "the adapter is good" in cause.action
    assert explained(case(IB))


@pytest.mark.parametrize(
    "code, title",
    [
        ("mlx4.firmware_dead", "firmware of the card does not run"),
        ("mlx4.internal_error", "firmware of the card does not run"),
        ("mlx4.bad_mac", "blank MACs in the card"),
        ("mlx4.uar_too_small", "UAR and BAR 2 do not fit each other"),
        ("mlx4.no_interrupt", "no interrupt from the card"),
        ("ixgbe.module_refused", "driver refuses the module"),
    ],
)
def test_what_a_driver_said_when_it_gave_up_is_a_cause_of_its_own(code, title):
    cause = only(QUIET | {"kernel_symptoms": f"pci.realloc_advised; {code}"})
    assert cause.title == title
    assert "{" not in cause.action
    assert any(code in line for line in cause.evidence)


def test_two_codes_of_one_trouble_are_one_cause():
    assert len(titles(QUIET | {"kernel_symptoms": "mlx4.internal_error; mlx4.firmware_dead"})) == 1
