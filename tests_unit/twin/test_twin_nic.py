"""What a host finds behind the slot: ids, ports, names, port types, addresses, ceilings."""

from __future__ import annotations

import pytest
from twin_bench import ADDRESSES, LIBRARY, X8_GEN3, bench_with, joint, running

from rig.errors import UsageError
from rig.model import AdapterUnit, CardUnit
from rig.twin.link import Link
from rig.twin.nic import pcie_payload_bps


def ids(bench) -> list[str]:
    return [
        f"{int.from_bytes(f.config[0:2], 'little'):04x}:{int.from_bytes(f.config[2:4], 'little'):04x}"
        for f in bench.world.view().functions
    ]


def class_code(config: bytes) -> int:
    return int.from_bytes(config[9:12], "little")


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("561FLR-T", ["ens1f0", "ens1f1"]),
        ("533FLR-T", ["ens1f0", "ens1f1"]),
        ("366FLR", ["ens1f0", "ens1f1", "ens1f2", "ens1f3"]),
        ("535FLR-T", ["ens1f0np0", "ens1f1np1"]),
        ("640FLR-SFP28", ["ens1f0np0", "ens1f1np1"]),
    ],
)
def test_a_function_per_port_is_named_by_its_function(model, names):
    view = running("TobleMiner-revC", model).world.view()
    assert [p.name for p in view.ports] == names
    assert [p.function for p in view.ports] == list(range(len(names)))
    assert len(view.functions) == len(names)


def test_mlx4_is_one_function_with_two_ports():
    view = running(card={"firmware": "eth"}).world.view()
    assert [(p.name, p.function, p.index) for p in view.ports] == [("ens1", 0, 0), ("ens1d1", 0, 1)]
    assert len(view.functions) == 1
    assert view.firmware_version.startswith("2.42")


def test_ports_have_consecutive_macs_and_the_cables_addresses():
    ports = running("TobleMiner-revC", "561FLR-T").world.view().ports
    macs = [int(p.mac.replace(":", ""), 16) for p in ports]
    assert macs[1] == macs[0] + 1
    assert tuple(p.address for p in ports) == ADDRESSES[:2]


def test_a_mac_follows_from_the_serial_or_the_twin_file():
    first = running(card={"firmware": "eth"}).world.view().ports[0].mac
    again = running(card={"firmware": "eth"}).world.view().ports[0].mac
    given = running(card={"firmware": "eth", "mac": "02:00:00:00:00:ff"}).world.view().ports
    assert first == again
    assert [p.mac for p in given] == ["02:00:00:00:00:ff", "02:00:00:00:01:00"]


def test_a_port_has_no_carrier_until_it_is_up_and_cabled():
    bench = running("TobleMiner-revC", "561FLR-T", card={"ports_down": [2]})
    assert [p.speed_bps for p in bench.world.view().ports] == [None, None]
    bench.ports_up()
    assert [p.speed_bps for p in bench.world.view().ports] == [10_000_000_000, None]
    bench.world.set_admin("ens1f0", False)
    assert bench.world.view().ports[0].speed_bps is None


def test_the_slower_partner_sets_the_speed():
    bench = running("TobleMiner-revC", "561FLR-T", host={"partner_bps": 1e9})
    bench.ports_up()
    assert bench.world.view().ports[0].speed_bps == 1_000_000_000


def test_a_dead_partner_is_no_carrier():
    bench = running("TobleMiner-revC", "561FLR-T", faults=[{"plug": "partner", "kind": "dead"}])
    bench.ports_up()
    assert bench.world.view().ports[0].speed_bps is None


def test_vpi_ports_start_as_infiniband_and_become_ethernet_when_told():
    bench = running(card={"firmware": "vpi"})
    assert bench.world.view().port_types == {1: "ib", 2: "ib"}
    assert bench.world.view().ports == ()
    assert class_code(bench.world.view().functions[0].config) == 0x028000
    assert bench.world.set_port_type(1, "eth")
    assert [p.name for p in bench.world.view().ports] == ["ens1"]
    assert bench.world.set_port_type(2, "eth")
    assert [p.name for p in bench.world.view().ports] == ["ens1", "ens1d1"]


def test_a_port_type_is_lost_with_the_boot():
    bench = running(card={"firmware": "vpi"})
    bench.world.set_port_type(1, "eth")
    bench.world.set_mains(False)
    bench.boot()
    assert bench.world.view().port_types == {1: "ib", 2: "ib"}


@pytest.mark.parametrize(("firmware", "has", "other"), [("ib", "ib", "eth"), ("eth", "eth", "ib")])
def test_firmware_of_one_kind_refuses_the_other(firmware, has, other):
    bench = running(card={"firmware": firmware})
    assert bench.world.view().port_types == {1: has, 2: has}
    assert not bench.world.set_port_type(1, other)
    assert bench.world.set_port_type(1, has)
    assert not bench.world.set_port_type(3, has)
    assert not bench.world.set_port_type(1, "auto\n")


def test_a_connectx3_nobody_names_comes_as_vpi():
    assert running().world.view().port_types == {1: "ib", 2: "ib"}


@pytest.mark.parametrize("firmware", ["blank", "recovery"])
def test_a_connectx3_without_firmware_shows_its_recovery_id_and_nothing_else(firmware):
    bench = running(card={"firmware": firmware})
    view = bench.world.view()
    assert ids(bench) == ["15b3:01f6"]
    assert (view.functions[0].driver, view.ports, view.port_types, view.firmware_version) == (None, (), {}, "")


def test_a_blank_82599_shows_its_default_id():
    bench = running("TobleMiner-revC", "560FLR-SFP+", card={"firmware": "blank"})
    assert ids(bench) == ["8086:10d8"]
    assert bench.world.view().ports == ()


def test_another_blank_card_stays_silent():
    bench = running("TobleMiner-revC", "561FLR-T", card={"firmware": "blank"})
    assert bench.world.view().functions == ()
    assert "firmware" in str(bench.link["why"])


@pytest.mark.parametrize("card", [c for c in LIBRARY.cards() if c.pcie_card], ids=lambda c: c.model)
def test_every_card_of_the_library_comes_up_on_rev_c(card):
    bench = running("TobleMiner-revC", card.model)
    view = bench.world.view()
    assert set(ids(bench)) == {card.pci_id}
    assert view.functions[0].driver == card.drivers[0] if card.drivers else view.functions[0].driver is None


def test_a_media_module_cannot_go_in():
    with pytest.raises(UsageError, match="media module"):
        bench_with(model="568FLR-MMT")


def test_unloading_the_driver_takes_the_ports_away():
    bench = running("TobleMiner-revC", "561FLR-T")
    bench.world.set_driver(False)
    assert bench.world.view().ports == ()
    assert len(bench.world.view().functions) == 2
    bench.world.set_driver(True)
    assert len(bench.world.view().ports) == 2


def test_a_host_that_is_off_sees_nothing():
    bench = bench_with()
    bench.rails()
    assert bench.world.view().functions == ()
    bench.boot()
    assert len(bench.world.view().functions) == 1
    bench.world.host_state("off")
    assert bench.world.view().functions == ()


def test_a_host_without_mains_is_off_whatever_it_says():
    bench = running()
    bench.world.set_mains(False)
    bench.world.host_state("up")
    assert bench.world.state()["host"] == "off"
    assert bench.world.view().functions == ()


def test_a_card_that_loses_its_rail_is_gone():
    bench = running()
    bench.world.drive(1, on=False)
    bench.wait(0.5)
    assert bench.world.view().functions == ()


def test_the_generation_counts_changes_and_nothing_else():
    bench = running("TobleMiner-revC", "561FLR-T")
    first = bench.world.view()
    bench.wait(5)
    assert bench.world.view() is first
    bench.world.set_admin("ens1f0", True)
    assert bench.world.view().generation == first.generation + 1


@pytest.mark.parametrize(
    ("generation", "width", "gigabit"),
    [(3, 8, 57), (3, 4, 29), (3, 2, 14), (3, 1, 7.1), (2, 8, 29), (2, 4, 14.5), (2, 2, 7.3), (2, 1, 3.6), (1, 8, 14.5)],
)
def test_pcie_payload_is_the_table_of_the_domain_notes(generation, width, gigabit):
    assert pcie_payload_bps(Link(generation, width)) == pytest.approx(gigabit * 1e9, rel=0.025)


def test_a_wide_link_lets_the_cable_decide_and_a_narrow_one_does_not():
    bench = running(joints=[joint("A35")], card={"firmware": "eth"})
    bench.ports_up()
    assert bench.world.ceiling_bps("ens1") == pytest.approx(9.41e9, rel=0.01)
    narrow = running(joints=[joint("A23")], card={"firmware": "eth"})
    narrow.ports_up()
    assert narrow.world.ceiling_bps("ens1") == pytest.approx(7.15e9, rel=0.02)


def test_ports_that_are_busy_the_same_way_share_the_link():
    bench = running(joints=[joint("A23")], card={"firmware": "eth"})
    bench.ports_up()
    alone = bench.world.ceiling_bps("ens1")
    for name in ("ens1", "ens1d1"):
        bench.world.traffic(name, True, True)
    assert bench.world.ceiling_bps("ens1") == pytest.approx(alone / 2)


@pytest.mark.parametrize("netdev", ["ens1", "eth7", "; reboot"])
def test_without_carrier_nothing_goes_through(netdev):
    assert running(card={"firmware": "eth"}).world.ceiling_bps(netdev) == 0


def test_a_serial_that_changes_its_model_is_a_mistake_in_the_batch():
    bench = bench_with()
    with pytest.raises(UsageError, match=X8_GEN3):
        bench.world.insert(AdapterUnit("TobleMiner-revA", "A-1"), CardUnit("561FLR-T", "C-1"), bare=False)
