import base64
import gzip
import hashlib
import re

import pytest
from step_fakes import ShellHost

from rig.config.library import default_library
from rig.config.plan import Firmware
from rig.errors import DeadlineError
from rig.model import Reply
from rig.steps.firmware.read_only import inventory
from rig.steps.netdev import NetDev
from rig.steps.pci import Located

LIBRARY = default_library()
CARD, SECOND = "0000:01:00.0", "0000:01:00.1"
MAC = "9c:b6:54:00:00:01"
DUMP = "Offset\t\tValues\n------\t\t------\n0x0000:\t\t66 99 55 aa 08 00 00 40 \n"
BYTES = bytes.fromhex("669955aa08000040")
DEVLINK = "pci/0000:01:00.0:\n  driver bnxt_en\n  versions:\n      running:\n        fw 218.0.169.1\n"
MODULE = "\tIdentifier : 0x03 (SFP)\n\tVendor name : HP\n\tVendor PN : 487655-B21\n\tVendor SN : CN1\n"


def told(version, driver="ixgbe"):
    return f"driver: {driver}\nversion: 6.1.0\nfirmware-version: {version}\nbus-info: {CARD}\n"


def packed(text):
    return base64.encodebytes(gzip.compress(text.encode(), mtime=0)).decode()


class Host(ShellHost):
    """Answers in order: a tool's later reply replaces the one before it, the last stays; an exception is raised."""

    def __init__(self, root, answers):
        super().__init__(root)
        self._answers = {pattern: list(texts) for pattern, texts in answers.items()}

    def run(self, command, timeout_s=30.0):
        for pattern, texts in self._answers.items():
            if re.search(pattern, command):
                self.asked.append(command)
                text = texts.pop(0) if len(texts) > 1 else texts[0]
                if isinstance(text, Exception):
                    raise text
                return Reply(command, text, 2 if "RTNETLINK" in text else 0)
        return super().run(command, timeout_s)


def device(name="ens1f0", function=CARD, mac=MAC, kind=1):
    return NetDev(name, function, 0, mac, kind)


ONE = [device()]


def read(tmp_path, model="561FLR-T", devices=ONE, ids=None, plan=None, **answers):
    given = {"ethtool_i": [told("0x800005b6")], "ethtool_e": [packed(DUMP)], "ethtool_m": [MODULE]}
    given |= {"devlink": ["kernel answers: Operation not supported\n"], "dmesg": [""], "ip_link": [""]}
    given |= {name: [a] if isinstance(a, str | Exception) else a for name, a in answers.items()}
    patterns = {n.replace("ethtool_", "ethtool -").replace("ip_", "ip "): texts for n, texts in given.items()}
    host = Host(tmp_path, {f"^{pattern}": texts for pattern, texts in patterns.items()})
    functions = {CARD: "8086:1528"} if ids is None else ids
    found = Located(tuple(functions), None, functions)
    result = inventory(host, LIBRARY.card(model), found, devices, plan or Firmware(nvm_dump=True))
    return {m.name: m for m in result.measurements}, result, host


def test_a_good_card_is_told_undamaged_with_its_nvm_hashed_and_kept(tmp_path):
    rows, result, _ = read(tmp_path)
    assert rows["firmware.damaged"].value == "none"
    assert rows["firmware.nvm.function0.sha256"].value == hashlib.sha256(BYTES).hexdigest()
    assert rows["firmware.nvm.function0.size_bytes"].value == len(BYTES)
    assert result.evidence["firmware/nvm-function0.txt"] == DUMP
    assert result.facts["drivers"]["ens1f0"]["firmware_version"] == "0x800005b6"
    assert result.version == "0x800005b6"
    assert "firmware.version_as_planned" not in rows


def test_every_function_is_read_through_an_interface_of_its_own(tmp_path):
    devices = [device(), device("ens1f1", SECOND), device("ens1f1x", SECOND)]
    rows, _, host = read(tmp_path, devices=devices, ids={CARD: "8086:1528", SECOND: "8086:1528"})
    assert rows["firmware.nvm.function1.sha256"].value == hashlib.sha256(BYTES).hexdigest()
    assert [c.split()[2] for c in host.asked if c.startswith("ethtool -e")] == ["ens1f0", "ens1f1"]


def test_nothing_is_ever_written(tmp_path):
    _, _, host = read(tmp_path)
    assert not [c for c in host.asked if "ethtool -E" in c or "flash" in c]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (packed("Cannot get EEPROM data: Operation not supported\n"), "Operation not supported"),
        (packed(DUMP)[:-20], "did not bring it whole"),
        ("bash: gzip: command not found\n", "command not found"),
        (packed(DUMP.replace("0x0000", "0x0010")), "not read"),
        (DeadlineError("test host", "the end of it", 600.0, "0x0000"), "600.0 s"),
        ("", "did not bring it whole"),
    ],
)
def test_an_nvm_that_cannot_be_read_says_why_and_is_no_error(tmp_path, answer, why):
    rows, result, _ = read(tmp_path, ethtool_e=answer)
    assert rows["firmware.nvm.function0.sha256"].value is None
    assert rows["firmware.nvm.function0.size_bytes"].value is None
    assert why in rows["firmware.nvm.function0.sha256"].note
    assert "firmware/nvm-function0.txt" not in result.evidence
    assert rows["firmware.damaged"].value == "none"


BUSY = packed("Cannot get EEPROM data: Resource temporarily unavailable\n")


def test_an_interface_that_must_be_up_for_it_is_up_only_for_that(tmp_path):
    rows, _, host = read(tmp_path, "530FLR-SFP+", ethtool_e=[BUSY, packed(DUMP)])
    assert rows["firmware.nvm.function0.size_bytes"].value == len(BYTES)
    assert [c for c in host.asked if c.startswith("ip ")] == [
        "ip link set dev ens1f0 up",
        "ip link set dev ens1f0 down",
    ]


def test_an_interface_that_cannot_be_set_up_says_so(tmp_path):
    rows, _, host = read(
        tmp_path, "530FLR-SFP+", ethtool_e=BUSY, ip_link="RTNETLINK answers: Cannot assign requested address\n"
    )
    assert "Cannot assign requested address" in rows["firmware.nvm.function0.sha256"].note
    assert "ip link set dev ens1f0 down" not in host.asked


def test_an_interface_is_set_down_again_although_the_dump_failed(tmp_path):
    _, _, host = read(tmp_path, "530FLR-SFP+", ethtool_e=[BUSY, "torn"])
    assert host.asked.index("ip link set dev ens1f0 down") > host.asked.index("ip link set dev ens1f0 up")


P = f"[    2.100000] ixgbe {CARD}: "


@pytest.mark.parametrize(
    ("model", "dmesg", "wrong"),
    [
        ("561FLR-T", P + "The EEPROM Checksum Is Not Valid\n", "NVM checksum invalid"),
        ("366FLR", f"[    2.100000] igb {CARD}: The NVM Checksum Is Not Valid\n", "NVM checksum invalid"),
        ("561FLR-T", P + "invalid MAC address\n", "no valid MAC burned"),
        ("561FLR-T", P + "Firmware recovery mode detected. Limiting functionality.\n", "firmware in recovery mode"),
        (
            "530FLR-SFP+",
            f"[    2.100000] bnx2x {CARD}: NVRAM config error. BAD phy config. PHY1 config 0x0\n",
            "NVRAM config error",
        ),
        (
            "530FLR-SFP+",
            "[    2.100000] bnx2x: [bnx2x_init_hw_common:7224(eth0)]Bootcode is missing - can not initialize link\n",
            "bootcode missing",
        ),
        (
            "534FLR-SFP+",
            "[    2.100000] bnx2x: [bnx2x_init_shmem:11593(eth%d)]BAD MCP validity signature\n",
            "management firmware does not start",
        ),
    ],
)
def test_what_a_driver_says_of_the_nvm_is_damage_also_without_an_interface(tmp_path, model, dmesg, wrong):
    rows, result, _ = read(tmp_path, model, devices=[], dmesg=dmesg)
    assert rows["firmware.damaged"].value == wrong
    assert result.evidence["kernel-firmware.txt"] == dmesg.partition("] ")[2]
    assert rows["firmware.nvm.function0.sha256"].note == "not read: no interface to ask"


@pytest.mark.parametrize(
    "dmesg",
    [
        "[    2.100000] ixgbe 0000:05:00.0: The EEPROM Checksum Is Not Valid\n",  # another card
        "[    2.100000] bnx2x: [bnx2x_init_shmem:1(eth%d)]BAD MCP validity signature\n",  # another driver's
        P + "Adapter removed\n",
        P + "failed to load because an unsupported SFP+ or QSFP module type was detected.\n",
        "\0" * 1000,
    ],
)
def test_a_line_about_something_else_is_no_damage(tmp_path, dmesg):
    assert read(tmp_path, dmesg=dmesg)[0]["firmware.damaged"].value == "none"


@pytest.mark.parametrize(
    ("mac", "damaged"),
    [
        ("00:00:00:00:00:00", True),
        ("ff:ff:ff:ff:ff:ff", True),
        ("01:00:5e:00:00:01", True),
        ("00:00:00:00:00:01", False),
        ("02:00:00:00:00:01", False),
        (MAC, False),
        ("", False),
    ],
)
def test_a_mac_that_no_station_can_have_is_damage(tmp_path, mac, damaged):
    value = read(tmp_path, devices=[device(mac=mac)])[0]["firmware.damaged"].value
    assert value == (f"ens1f0 has the MAC {mac}" if damaged else "none")


def test_a_mac_that_the_kernel_made_up_is_damage(tmp_path):
    folder = tmp_path / "sys" / "class" / "net" / "ens1f0"
    folder.mkdir(parents=True)
    (folder / "addr_assign_type").write_text("1\n")
    assert "made one up" in read(tmp_path)[0]["firmware.damaged"].value
    (folder / "addr_assign_type").write_text("0\n")
    assert read(tmp_path)[0]["firmware.damaged"].value == "none"


def test_an_infiniband_address_is_not_looked_at(tmp_path):
    assert read(tmp_path, devices=[device(mac="80:00:00:00", kind=32)])[0]["firmware.damaged"].value == "none"


@pytest.mark.parametrize("model", ["560FLR-SFP+", "561FLR-T"])
def test_a_blank_eeprom_is_known_by_its_id_before_there_is_an_interface(tmp_path, model):
    rows, _, _ = read(tmp_path, model, devices=[], ids={CARD: "8086:10d8"})
    assert rows["firmware.damaged"].value == "blank EEPROM id 8086:10d8"


def test_all_that_is_wrong_is_told_once_each(tmp_path):
    both = {CARD: "8086:1528", SECOND: "8086:1528"}
    log = P + "invalid MAC address\n" + P.replace(CARD, SECOND) + "The EEPROM Checksum Is Not Valid\n" + P + "x\n"
    rows, _, _ = read(tmp_path, devices=[], ids=both, dmesg=log + log)
    assert rows["firmware.damaged"].value == "no valid MAC burned; NVM checksum invalid"


def test_a_silent_card_is_neither_damaged_nor_undamaged(tmp_path):
    row = read(tmp_path, devices=[])[0]["firmware.damaged"]
    assert row.value is None
    assert "no interface" in row.note
    assert read(tmp_path, devices=[])[1].version is None


@pytest.mark.parametrize(
    ("model", "versions", "wanted", "value"),
    [
        ("561FLR-T", ["0x800005b6"], "0x800005b6", "yes"),
        ("561FLR-T", ["0x800005b6"], "0x80000838", "other"),
        ("530FLR-SFP+", ["bc 7.10.10 phy 1.34"], "bc 7.13.54", "older"),
        ("530FLR-SFP+", ["bc 7.10.10 phy 1.34"], "bc 7.9.1", "newer"),
        ("561FLR-T", ["0x800005b6", "0x80000838"], "0x800005b6", "other"),
    ],
)
def test_the_version_is_held_against_the_plans(tmp_path, model, versions, wanted, value):
    devices = [device(f"ens1f{n}") for n in range(len(versions))]
    plan = Firmware(versions={model: wanted})
    rows, _, _ = read(tmp_path, model, devices, plan=plan, ethtool_i=[told(v) for v in versions])
    row = rows["firmware.version_as_planned"]
    assert row.value == value
    assert (wanted in row.note) is (value != "yes")


def test_a_plan_that_names_another_card_asks_nothing_of_this_one(tmp_path):
    rows, _, _ = read(tmp_path, plan=Firmware(versions={"560FLR-SFP+": "0x80000838"}))
    assert "firmware.version_as_planned" not in rows


def test_a_version_that_was_not_read_is_not_as_planned(tmp_path):
    plan = Firmware(versions={"561FLR-T": "0x800005b6"})
    row = read(tmp_path, devices=[], plan=plan)[0]["firmware.version_as_planned"]
    assert row.value is None
    assert "0x800005b6" in row.note


def test_a_module_is_kept_with_its_serial_and_a_copper_card_has_none(tmp_path):
    _, result, _ = read(tmp_path, "560FLR-SFP+")
    assert result.facts["modules"]["ens1f0"] == {"vendor": "HP", "part_number": "487655-B21", "serial": "CN1"}
    assert "module-ens1f0.txt" in result.evidence
    _, result, host = read(tmp_path, "561FLR-T")
    assert result.facts["modules"] == {}
    assert not [c for c in host.asked if c.startswith("ethtool -m")]


def test_an_empty_cage_is_not_read(tmp_path):
    _, result, _ = read(tmp_path, "560FLR-SFP+", ethtool_m="netlink error: Input/output error\n")
    assert result.facts["modules"]["ens1f0"] == "not read: no module answered"


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        ("kernel answers: Operation not supported\n", "not read: Operation not supported"),
        ("kernel answers: No such device\n", "not read: No such device"),
        ("bash: devlink: command not found\n", "not read: command not found"),
        ("what?\n", "not read: what?"),
    ],
)
def test_a_host_or_driver_without_devlink_is_not_read(tmp_path, answer, fact):
    _, result, _ = read(tmp_path, devlink=answer)
    assert result.facts["devlink"] == fact
    assert "devlink.txt" not in result.evidence


def test_what_devlink_tells_is_kept(tmp_path):
    _, result, host = read(tmp_path, "535FLR-T", devlink=DEVLINK)
    assert result.facts["devlink"]["running"] == {"fw": "218.0.169.1"}
    assert result.evidence["devlink.txt"] == DEVLINK
    assert f"devlink dev info pci/{CARD}" in host.asked
