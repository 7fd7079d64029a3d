import json

import pytest
from firmware_fakes import job
from firmware_fakes import ports as ports_of
from step_fakes import ShellHost

from rig.config.plan import Firmware
from rig.errors import DeadlineError
from rig.steps import firmware

CARD, PORT = "0000:01:00.0", "0000:00:01.0"
QUICK = Firmware(port_type_deadline_s=0.5)
TOLD = "driver: mlx4_en\nversion: 4.0-0\nfirmware-version: 2.42.5700\nbus-info: 0000:01:00.0\n"
REFUSED = "[   9.1] mlx4_core 0000:01:00.0: Requested port type for port 1 is not supported on this HCA\n"


@pytest.fixture
def slot(tmp_path):
    """A ConnectX-3 with two ports; returns its device folder."""
    folder = tmp_path / "sys" / "devices" / "pci0000:00" / PORT / CARD
    folder.mkdir(parents=True)
    links = tmp_path / "sys" / "bus" / "pci" / "devices"
    links.mkdir(parents=True)
    (links / CARD).symlink_to(folder)
    (folder / "vendor").write_text("0x15b3\n")
    (folder / "device").write_text("0x1003\n")
    return folder


def ports(slot, kind):
    for n in (1, 2):
        (slot / f"mlx4_port{n}").write_text(f"{kind}\n")


def interface(slot, name, kind):
    folder = slot / "net" / name
    folder.mkdir(parents=True)
    for attribute, text in (("dev_port", 0), ("type", kind), ("address", "24:be:05:aa:bb:cc")):
        (folder / attribute).write_text(f"{text}\n")


def measure(slot, dmesg="", plan=QUICK):
    root = slot.parents[4]
    host = ShellHost(
        root, [("^lspci", ""), ("^ethtool", TOLD), ("^mstflint", "-E- Cannot open Device"), ("^dmesg", dmesg)]
    )
    found = firmware.measure(ports_of(host, root), job(plan))
    return {m.name: m for m in found.measurements}, found


def test_ethernet_ports_need_nothing(slot):
    ports(slot, "eth")
    interface(slot, "ens1", 1)
    assert measure(slot)[0]["firmware.route"].value == firmware.ALREADY


def test_a_vpi_card_becomes_ethernet_without_flashing(slot):
    ports(slot, "ib")
    interface(slot, "ens1", 1)
    interface(slot, "ens1d1", 1)
    found, _ = measure(slot)
    assert found["firmware.route"].value == firmware.PORT_TYPE
    assert "was port 1 ib, port 2 ib" in found["firmware.route"].note
    assert found["firmware.version"].value == "2.42.5700"
    assert (slot / "mlx4_port2").read_text() == "eth\n"


def test_a_firmware_that_takes_the_word_but_shows_no_interface_needs_flash(slot):
    ports(slot, "auto (ib)")
    found, _ = measure(slot)
    assert found["firmware.route"].value == firmware.NEEDS_FLASH
    assert "no interface appeared" in found["firmware.route"].note


def test_a_plan_that_forbids_the_change_leaves_the_card_alone(slot):
    ports(slot, "ib")
    found, _ = measure(slot, plan=Firmware(change_port_type=False))
    assert found["firmware.route"].value == firmware.NEEDS_FLASH
    assert (slot / "mlx4_port1").read_text() == "ib\n"


def test_a_refusal_from_an_earlier_boot_of_the_log_is_not_taken_for_this_one(slot):
    ports(slot, "ib")
    interface(slot, "ens1", 1)
    interface(slot, "ens1d1", 1)
    assert measure(slot, dmesg=REFUSED)[0]["firmware.route"].value == firmware.PORT_TYPE


def test_identity_is_kept_below_firmware_and_an_unread_psid_says_why(slot):
    ports(slot, "eth")
    interface(slot, "ens1", 1)
    found, step = measure(slot)
    identity = json.loads(step.evidence["firmware/identity.json"])
    assert identity["pci_id"] == "15b3:1003"
    assert found["firmware.psid"].value is None
    assert "mstflint did not read it" in found["firmware.psid"].note


def test_a_card_that_went_away_between_two_steps_is_the_benchs_matter(slot):
    (slot / "device").write_text("0xffff\n")
    with pytest.raises(DeadlineError, match="544FLR"):
        measure(slot)
