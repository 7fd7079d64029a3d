import pytest
from step_fakes import ShellHost

from rig.config.library import default_library
from rig.steps.aer import ErrorWindow
from rig.steps.netdev import netdevs
from rig.steps.pci import locate, read_errors

CARD = default_library().card("561FLR-T")
ROOT, FIRST, SECOND = "0000:00:01.0", "0000:01:00.0", "0000:01:00.1"
COUNTERS = "RxErr {rx}\nBadTLP {tlp}\nNonFatalErr 9\nTOTAL_ERR_COR {rx}\n"


@pytest.fixture
def tree(tmp_path):
    """A sysfs with a root port, a card of two functions below it, and a NIC of the same model elsewhere."""
    places = {
        ROOT: ("pci0000:00/" + ROOT, "8086", "1901"),
        FIRST: (f"pci0000:00/{ROOT}/{FIRST}", "8086", "1528"),
        SECOND: (f"pci0000:00/{ROOT}/{SECOND}", "8086", "1528"),
        "0000:00:1f.0": ("pci0000:00/0000:00:1f.0", "8086", "a308"),
    }
    links = tmp_path / "sys" / "bus" / "pci" / "devices"
    links.mkdir(parents=True)
    for address, (place, vendor, device) in places.items():
        folder = tmp_path / "sys" / "devices" / place
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "vendor").write_text(f"0x{vendor}\n")
        (folder / "device").write_text(f"0x{device}\n")
        (links / address).symlink_to(folder)
    return tmp_path


def errors(tree, address, rx=0, tlp=0):
    folder = tree / "sys" / "bus" / "pci" / "devices" / address
    (folder / "aer_dev_correctable").write_text(COUNTERS.format(rx=rx, tlp=tlp))
    (folder / "aer_dev_nonfatal").write_text("TOTAL_ERR_NONFATAL 0\n")
    (folder / "aer_dev_fatal").write_text("TOTAL_ERR_FATAL 0\n")


def test_the_card_is_found_by_its_ids_with_all_functions_and_the_port_above(tree):
    found = locate(ShellHost(tree), CARD, None)
    assert (found.functions, found.port) == ((FIRST, SECOND), ROOT)
    assert found.ids[FIRST] == "8086:1528"


def test_the_card_is_found_below_the_benchs_root_port_whatever_its_id(tree):
    (tree / "sys" / "bus" / "pci" / "devices" / FIRST / "device").write_text("0x1234\n")
    found = locate(ShellHost(tree), CARD, ROOT)
    assert found.endpoint == FIRST
    assert found.ids[FIRST] == "8086:1234"


def test_an_empty_slot_is_none(tree):
    links = tree / "sys" / "bus" / "pci" / "devices"
    for address in (FIRST, SECOND):
        (links / address).unlink()
    assert locate(ShellHost(tree), CARD, None) is None
    assert locate(ShellHost(tree), CARD, ROOT) is None


def test_hostile_names_in_the_device_folder_are_not_devices(tree):
    (tree / "sys" / "bus" / "pci" / "devices" / "$(touch pwned)").mkdir()
    assert locate(ShellHost(tree), CARD, None).endpoint == FIRST
    assert not (tree / "pwned").exists()


def rows(measurements):
    return {m.name: m for m in measurements}


def test_errors_are_a_rate_over_the_window_at_both_ends_without_harmless_ones(tree):
    for address in (FIRST, ROOT):
        errors(tree, address, rx=100)
    host = ShellHost(tree)
    window = ErrorWindow(host, locate(host, CARD, None), "pcie")
    errors(tree, FIRST, rx=103, tlp=2)
    found = rows(window.close())
    assert found["pcie.aer.endpoint.correctable_per_s"].note == "RxErr 3, BadTLP 2"
    assert found["pcie.aer.endpoint.correctable_per_s"].value > 0
    assert found["pcie.aer.root.correctable_per_s"].value == 0


def test_a_kernel_without_counters_measures_nothing_rather_than_zero(tree):
    host = ShellHost(tree)
    found = rows(ErrorWindow(host, locate(host, CARD, None), "traffic").close())
    for end in ("endpoint", "root"):
        assert found[f"traffic.aer.{end}.correctable_per_s"].value is None
        assert "not zero" in found[f"traffic.aer.{end}.uncorrectable"].note


def test_uncorrectable_errors_are_the_sum_of_fatal_and_nonfatal(tree):
    errors(tree, FIRST)
    folder = tree / "sys" / "bus" / "pci" / "devices" / FIRST
    (folder / "aer_dev_fatal").write_text("DLP 2\nTOTAL_ERR_FATAL 2\n")
    (folder / "aer_dev_nonfatal").write_text("CmpltTO 1\nTOTAL_ERR_NONFATAL 1\n")
    assert read_errors(ShellHost(tree), [FIRST])[FIRST].uncorrectable == 3


def test_interfaces_are_ordered_by_function_and_port_and_tell_ethernet_from_infiniband(tree):
    for address, name, port, kind in ((SECOND, "eth9", 0, 1), (FIRST, "ib0", 1, 32), (FIRST, "ens1", 0, 1)):
        folder = tree / "sys" / "bus" / "pci" / "devices" / address / "net" / name
        folder.mkdir(parents=True)
        for attribute, text in (("dev_port", port), ("type", kind), ("address", "02:00:00:00:00:01")):
            (folder / attribute).write_text(f"{text}\n")
    found = netdevs(ShellHost(tree), [FIRST, SECOND])
    assert [(d.name, d.is_ethernet) for d in found] == [("ens1", True), ("ib0", False), ("eth9", True)]
