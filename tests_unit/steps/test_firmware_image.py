import hashlib

import pytest
from firmware_fakes import FakeFlint, FolderHost, captured, queried

from rig.errors import BenchError, UsageError
from rig.parse import ini
from rig.ports import ImageBuilderPort
from rig.steps.firmware import image
from rig.steps.firmware.job import ROOT
from rig.steps.firmware.refused import Refused

DATA = b"an image of firmware"
CX3 = 4099
GOOD, BLANK = captured("verify"), captured("verify-blank-guids")
CARD = "[ADAPTER]\nPSID = LAB0000000IB1\n[HCA]\neth_xfi_en = false\nsriov_en = true\n"


@pytest.fixture
def host(tmp_path):
    return FolderHost(tmp_path)


@pytest.fixture
def flint(host, tmp_path):
    return FakeFlint(host, tmp_path, tmp_path / "vault")


def test_an_image_is_brought_to_the_host_and_told_by_what_is_in_it(host, flint):
    flint.knows(DATA, verify=GOOD, query=queried("LAB000000ETH1", "2.42.5010"))
    it = image.check(host, flint.tools, DATA, CX3)
    digest = hashlib.sha256(DATA).hexdigest()
    assert (it.psid, it.version, it.sha256) == ("LAB000000ETH1", "2.42.5010", digest)
    assert it.path == f"{ROOT}/{digest[:16]}.bin"
    assert (host.root / f"{digest[:16]}.bin").read_bytes() == DATA
    assert [call.split()[0] for call in flint.calls] == ["-i", "-i"]


def test_blank_guids_are_accepted_because_a_burn_takes_the_cards_own(host, flint):
    flint.knows(DATA, verify=BLANK, query=queried())
    assert image.check(host, flint.tools, DATA, CX3).psid == "LAB0000000IB1"


@pytest.mark.parametrize(
    ("verify", "query", "why"),
    [
        (None, queried(), "does not verify: No valid image found"),
        (captured("verify-bad"), queried(), "does not verify: Bad CRC"),
        (
            BLANK.replace("(ROM) - OK", "(ROM) - wrong CRC (exp:0x1, act:0x2)"),
            queried(),
            "does not verify: BLANK GUIDS",
        ),
        ("-E- Cannot open Image: x. Invalid Firmware Format (found FS Gen 1)\n", queried(), "Invalid Firmware Format"),
        ("", queried(), "does not verify: "),
        ("mstflint: command not found\n", queried(), "does not verify: mstflint: command not found"),
        (GOOD, queried(device=4103), "is a FS2 for device 4103, the card is a FS2 with device 4099"),
        (GOOD, queried(kind="FS3"), "is a FS3 for device 4099"),
        (GOOD, "Image type:            FS3\nFW Version:            1.2.3\nPSID:                  A\n", "device None"),
        (GOOD, None, "does not say what it is"),
        (GOOD, queried().replace("PSID:                  LAB0000000IB1", "PSID:"), "no PSID or version in it"),
        (GOOD, queried().replace("FW Version:            2.42.5000\n", ""), "no PSID or version in it"),
    ],
)
def test_what_is_no_image_for_this_card_is_refused_with_its_reason(host, flint, verify, query, why):
    flint.knows(DATA, verify=verify, query=query)
    with pytest.raises(Refused) as e:
        image.check(host, flint.tools, DATA, CX3)
    assert why in str(e.value)
    assert hashlib.sha256(DATA).hexdigest()[:12] in str(e.value)
    assert not any(call.startswith("-d") for call in flint.calls)


def test_the_sister_chip_takes_its_own_images(host, flint):
    flint.knows(DATA, verify=GOOD, query=queried(device=4103))
    assert image.check(host, flint.tools, DATA, 4103).query.device_id == 4103


# --- an own image ---------------------------------------------------------------------------------------------


class Builder(ImageBuilderPort):
    def __init__(self, fault=None):
        self.fault, self.given = fault, []

    def build(self, text):
        self.given.append(text)
        if self.fault:
            raise self.fault
        return b"built of " + text.encode()


def test_an_own_image_is_built_from_the_cards_ini_with_ethernet_on():
    builder = Builder()
    data, edited = image.built(builder, CARD)
    assert edited == CARD.replace("eth_xfi_en = false", "eth_xfi_en = true").replace(
        "sriov_en = true", "sriov_en = false"
    )
    assert (builder.given, data) == ([edited], b"built of " + edited.encode())


def test_a_bench_without_a_builder_cannot_and_says_what_is_missing():
    with pytest.raises(Refused, match=r"cannot build here: the bench file names no mlxburn"):
        image.built(None, CARD)


def test_a_builder_that_is_not_installed_is_no_fault_of_the_unit():
    with pytest.raises(Refused, match="cannot build here: mlxburn is not on this machine"):
        image.built(Builder(UsageError("cannot build here: mlxburn is not on this machine")), CARD)


def test_a_builder_that_fails_is_the_benchs_fault():
    with pytest.raises(BenchError, match="exit code 1"):
        image.built(Builder(BenchError("mlxburn: exit code 1")), CARD)


@pytest.mark.parametrize("text", ["", "[ADAPTER]\nPSID = x\n", CARD + "[HCA]\n"])
def test_an_ini_that_cannot_be_edited_is_refused_and_nothing_is_built(text):
    builder = Builder()
    with pytest.raises(Refused, match=r"the card's own INI cannot be edited: expected one section \[HCA\]"):
        image.built(builder, text)
    assert builder.given == []


def test_an_edit_that_would_change_more_is_refused(monkeypatch):
    monkeypatch.setattr(ini, "with_ethernet", lambda text: text.replace("LAB0000000IB1", "OTHER"))
    builder = Builder()
    with pytest.raises(Refused, match=r"editing the INI would change adapter\.psid too"):
        image.built(builder, CARD)
    assert builder.given == []
