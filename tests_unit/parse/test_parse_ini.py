from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.parse import ini

# the shape of what `mstflint dc` prints for a ConnectX-3; names and values invented
CARD = """;; Generated automatically by iniprep tool on Mon Jan 02 09:12:11 IST 2026 from ./lab-cx3-ib.prs
;; PRS FILE FOR LAB

[PS_INFO]
Name = 649282-X1_Ax
Description = two ports; QSFP

[ADAPTER]
PSID = LAB0000000IB1
pcie_gen2_speed_supported = true

[HCA]
hca_header_device_id = 0x1003
hca_header_subsystem_id = 0x17c9
eth_xfi_en = false
sriov_en = true ; virtual functions
total_vfs = 16
dpdp_en = true

[IB]
eth_xfi_en = untouched
phy_type_port1 = XFI
"""


def test_an_infiniband_card_changes_in_two_keys() -> None:
    edited = ini.with_ethernet(CARD)
    assert ini.changes(CARD, edited) == {"hca.eth_xfi_en": ("false", "true"), "hca.sriov_en": ("true", "false")}
    assert edited == CARD.replace("eth_xfi_en = false", "eth_xfi_en = true").replace(
        "sriov_en = true", "sriov_en = false"
    )


def test_an_ethernet_card_stays_as_it_is() -> None:
    once = ini.with_ethernet(CARD)
    assert ini.with_ethernet(once) == once
    assert ini.changes(once, once) == {}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("eth_xfi_en = false\nsriov_en = true\n", "eth_xfi_en = true\nsriov_en = false\n"),
        ("eth_xfi_en=false\nsriov_en=true\n", "eth_xfi_en=true\nsriov_en=false\n"),
        ("eth_xfi_en = false\r\nsriov_en = true\r\n", "eth_xfi_en = true\r\nsriov_en = false\r\n"),
        ("\tETH_XFI_EN\t=\tfalse\t; why\nSriov_En = 1\n", "\tETH_XFI_EN\t=\ttrue\t; why\nSriov_En = false\n"),
        ("eth_xfi_en = false;no space\nsriov_en = ;\n", "eth_xfi_en = true;no space\nsriov_en = false;\n"),
        ("eth_xfi_en =\nsriov_en =   \n", "eth_xfi_en =true\nsriov_en =   false\n"),
        ("eth_xfi_en = false\nsriov_en = true", "eth_xfi_en = true\nsriov_en = false"),
        ("eth_xfi_en = false\nsriov_en = true\n\n\n", "eth_xfi_en = true\nsriov_en = false\n\n\n"),
        (
            "eth_xfi_en = true\nsriov_en = true\neth_xfi_en = 0\n",
            "eth_xfi_en = true\nsriov_en = false\neth_xfi_en = true\n",
        ),
        (
            "; eth_xfi_en = false\neth_xfi_enable = false\nsriov_en = true\n",
            "eth_xfi_en = true\n; eth_xfi_en = false\neth_xfi_enable = false\nsriov_en = false\n",
        ),
    ],
)
def test_only_the_value_changes_whatever_stands_around_it(before: str, after: str) -> None:
    assert ini.with_ethernet("[HCA]" + "\n" + before) == "[HCA]\n" + after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[HCA]\nx = 1\n", "[HCA]\neth_xfi_en = true\nsriov_en = false\nx = 1\n"),
        ("[hca] ; here\nsriov_en = 1\n", "[hca] ; here\neth_xfi_en = true\nsriov_en = false\n"),
        ("[HCA]\r\nx = 1\r\n", "[HCA]\r\neth_xfi_en = true\r\nsriov_en = false\r\nx = 1\r\n"),
        ("[HCA]", "[HCA]\neth_xfi_en = true\nsriov_en = false\n"),
        ("[HCA]\n[IB]\nsriov_en = true\n", "[HCA]\neth_xfi_en = true\nsriov_en = false\n[IB]\nsriov_en = true\n"),
    ],
)
def test_a_missing_key_is_put_at_the_head_of_the_section(before: str, after: str) -> None:
    assert ini.with_ethernet(before) == after


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", 0),
        ("[ADAPTER]\neth_xfi_en = false\n", 0),
        ("; [HCA]\n", 0),
        ("x = [HCA]\n", 0),
        ("[HCA\n", 0),
        ("[" + "H" * 100_000 + "]\n", 0),
        ("[HCA]\n[hca]\n", 2),
        (CARD + "[ HCA ]\n", 2),
    ],
)
def test_no_section_or_two_of_them_cannot_be_edited(text: str, found: int) -> None:
    with pytest.raises(ValueError, match=rf"expected one section \[HCA\], found {found}"):
        ini.with_ethernet(text)


def test_values_are_told_by_section_and_key_without_their_comments() -> None:
    assert ini.values("a = 1\n[X]\nA = 2 ; two\nb=\n[y]\r\na.b-c =  3 4 \r\nno key\n") == {
        ".a": "1",
        "x.a": "2",
        "x.b": "",
        "y.a.b-c": "3 4",
    }


def test_a_change_names_what_came_and_what_went() -> None:
    assert ini.changes("[HCA]\na = 1\nb = 2\n", "[HCA]\nb = 2\nc = 3\n") == {
        "hca.a": ("1", None),
        "hca.c": (None, "3"),
    }


def test_a_form_feed_in_a_comment_does_not_begin_a_section() -> None:
    text = "[HCA]\n; page\x0c[HCA]\neth_xfi_en = false\nsriov_en = true\n"
    assert ini.with_ethernet(text) == "[HCA]\n; page\x0c[HCA]\neth_xfi_en = true\nsriov_en = false\n"


def test_a_very_long_line_costs_no_more_than_its_length() -> None:
    blanks = "a = " + " " * 300_000 + "x\n"
    assert ini.values("[HCA]\n" + blanks) == {"hca.a": "x"}
    assert ini.with_ethernet("[HCA]\n" + blanks).endswith(blanks)


LINE = st.one_of(
    st.sampled_from(["eth_xfi_en = false", "sriov_en=true ; c", "[IB]", "[ADAPTER]", "", "; c", "SRIOV_EN = 1"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=30),
)


@given(st.lists(st.tuples(LINE, st.sampled_from(["\n", "\r\n"])), max_size=12))
def test_everything_but_the_two_keys_comes_back_to_the_letter(lines: list[tuple[str, str]]) -> None:
    body = "".join(line + end for line, end in lines if ini.values(f"[x]\n{line}") or not line.lstrip().startswith("["))
    text = f"[PS_INFO]\nName = n\n[HCA]\n{body}[IB]\nsriov_en = true\n"
    edited = ini.with_ethernet(text)
    kept = [
        line
        for line in edited.splitlines(keepends=True)
        if "eth_xfi_en" not in line.lower() and "sriov_en" not in line.lower()
    ]
    assert kept == [
        line
        for line in text.splitlines(keepends=True)
        if "eth_xfi_en" not in line.lower() and "sriov_en" not in line.lower()
    ]
    assert set(ini.changes(text, edited)) <= {"hca.eth_xfi_en", "hca.sriov_en"}
    now = ini.values(edited)
    assert (now["hca.eth_xfi_en"], now["hca.sriov_en"], now["ib.sriov_en"]) == ("true", "false", "true")


@given(st.text(max_size=200))
def test_whatever_the_card_holds_is_edited_or_refused(text: str) -> None:
    try:
        edited = ini.with_ethernet(text)
    except ValueError:
        return
    assert ini.changes(text, edited).keys() <= {"hca.eth_xfi_en", "hca.sriov_en"}
