import pytest
from step_fakes import ShellHost

from rig.config.library import default_library
from rig.config.plan import Enumeration
from rig.expect import Parts
from rig.model import Slot
from rig.steps import enumeration

LIBRARY = default_library()
ROOT, CARD = "0000:00:01.0", "0000:01:00.0"
BAR = "0x00000000f6000000 0x00000000f60fffff 0x0000000000040200\n"
UNPLACED = "0x0000000000000000 0x00000000000fffff 0x0000000020040200\n"
SPEED = {1: "2.5 GT/s PCIe", 2: "5.0 GT/s PCIe", 3: "8.0 GT/s PCIe"}


@pytest.fixture
def slot(tmp_path):
    """Builds a card below a root port; returns the folder of the tree."""

    def inner(width=8, speed=3, max_width=8, max_speed=3, resource=BAR, ids=("15b3", "1003")):
        links = tmp_path / "sys" / "bus" / "pci" / "devices"
        links.mkdir(parents=True)
        ends = ((ROOT, f"pci0000:00/{ROOT}", ("8086", "1901"), 16), (CARD, f"pci0000:00/{ROOT}/{CARD}", ids, max_width))
        for address, place, (vendor, device), most in ends:
            folder = tmp_path / "sys" / "devices" / place
            folder.mkdir(parents=True)
            files = {
                "vendor": f"0x{vendor}",
                "device": f"0x{device}",
                "subsystem_vendor": "0x103c",
                "subsystem_device": "0x18cd",
                "current_link_width": width,
                "current_link_speed": SPEED.get(speed, "Unknown"),
                "max_link_width": most,
                "max_link_speed": SPEED[max_speed],
                "resource": resource.rstrip(),
            }
            for name, text in files.items():
                (folder / name).write_text(f"{text}\n")
            (links / address).symlink_to(folder)
        return tmp_path

    return inner


def measure(root, dmesg="", lanes=8):
    adapter = LIBRARY.adapter("TobleMiner-revA")
    parts = Parts(adapter, LIBRARY.card("544FLR-QSFP-649283"), Slot(3, lanes), 10e9, 2, ())
    host = ShellHost(root, [("^dmesg", dmesg), ("^lspci", "")])
    found = enumeration.measure(host, parts, None, Enumeration(aer_window_s=0.01))
    return {m.name: m for m in found.measurements}, found


def test_a_good_card_is_there_with_nothing_missing(slot):
    found, _ = measure(slot())
    wanted = {
        "pcie.present": 1,
        "pcie.id": "15b3:1003",
        "pcie.subsystem_id": "103c:18cd",
        "pcie.link.width": 8,
        "pcie.link.speed_gtps": 8.0,
        "pcie.link.lanes_missing": 0,
        "pcie.bars.unassigned": 0,
        "host.boot_s": 12.5,
        "pcie.answers": "yes",
    }
    assert {name: found[name].value for name in wanted} == wanted
    assert "pcie.link.lanes_untested" not in found
    assert found["pcie.address"].value == CARD


@pytest.mark.parametrize("width, missing", [(4, 4), (2, 6), (1, 7)])
def test_a_narrow_link_misses_lanes_that_both_ends_have(slot, width, missing):
    assert measure(slot(width=width))[0]["pcie.link.lanes_missing"].value == missing


def test_a_card_of_four_lanes_misses_none_and_leaves_half_of_the_board_untested(slot):
    found, _ = measure(slot(width=4, max_width=4))
    assert found["pcie.link.lanes_missing"].value == 0
    assert found["pcie.link.lanes_untested"].value == 4
    assert "4-7" in found["pcie.link.lanes_untested"].note


def test_a_slot_of_four_lanes_is_not_held_against_the_card(slot):
    found, _ = measure(slot(width=4), lanes=4)
    assert found["pcie.link.lanes_missing"].value == 0
    assert found["pcie.link.lanes_untested"].value == 4


def test_a_slower_link_misses_speed(slot):
    assert measure(slot(speed=1))[0]["pcie.link.speed_missing_gtps"].value == 5.5


@pytest.mark.parametrize("width, speed", [(63, 0), (255, 0), (0, 0)])
def test_a_device_that_no_longer_answers_has_no_link_rather_than_a_strange_one(slot, width, speed):
    found, _ = measure(slot(width=width, speed=speed))
    assert found["pcie.link.width"].value is None
    assert found["pcie.link.lanes_missing"].value is None
    assert found["pcie.answers"].value == ("yes" if width == 0 else "no")


def test_a_bar_without_an_address_is_counted(slot):
    found, _ = measure(slot(resource=UNPLACED))
    assert found["pcie.bars.unassigned"].value == 1
    assert "resource file: 0" in found["pcie.bars.unassigned"].note


def test_a_failed_bar_in_the_kernel_log_counts_unless_it_was_placed_later(slot):
    root = slot()
    failed = f"[    0.5] pci {CARD}: BAR 2 [mem size 0x00800000 64bit pref]: failed to assign\n"
    placed = f"[    0.6] pci {CARD}: BAR 2 [mem 0xf6000000-0xf67fffff 64bit pref]: assigned\n"
    assert measure(root, failed)[0]["pcie.bars.unassigned"].value == 1
    assert measure(root, failed + placed)[0]["pcie.bars.unassigned"].value == 0


def test_bars_of_every_function_count(slot):
    root = slot()
    devices = root / "sys" / "bus" / "pci" / "devices"
    second = (devices / CARD).resolve().with_name(CARD.replace(".0", ".1"))
    second.mkdir()
    for name, text in (("vendor", "0x15b3"), ("device", "0x1003"), ("resource", UNPLACED)):
        (second / name).write_text(f"{text}\n")
    (devices / second.name).symlink_to(second)
    found, _ = measure(root)
    assert found["pcie.functions"].value == 2
    assert (found["pcie.bars.unassigned"].value, found["pcie.bars.unassigned"].note) == (
        1, "function 1: resource file: 0",
    )  # fmt: skip


def test_what_a_driver_says_of_the_nvm_is_told_in_its_own_words(slot):
    line = f"[    4.1] ixgbe {CARD}: The EEPROM Checksum Is Not Valid\n"
    root = slot()
    row = measure(root, line)[0]["pcie.nvm_damage"]
    assert (row.value, row.note) == ("NVM checksum invalid", line.strip())
    for quiet in ("", line.replace(CARD, "0000:02:00.0")):
        assert "pcie.nvm_damage" not in measure(root, quiet)[0]


def test_an_empty_slot_is_absent_and_nothing_else_is_claimed(slot):
    found, _ = measure(slot(ids=("1234", "5678")))
    assert found["pcie.present"].value == 0
    assert set(found) == {"host.boot_s", "host.kernel", "pcie.present"}
