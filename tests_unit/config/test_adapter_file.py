"""Adapter files: the five published layouts, and files that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from config_files import CONFIGS, edited, line_with

from rig.config.adapter import load_adapter
from rig.errors import ConfigError
from rig.model import Adapter

REV_A = "adapters/TobleMiner-revA.yaml"
DESIGNS = ("TobleMiner-revA", "TobleMiner-revB", "TobleMiner-revC", "KCORES-v1.0", "KCORES-v1.1")

LANE_MAP = {
    0: (("A19", "A20", "B14", "B15"), ("B17", "B18", "A16", "A17")),
    1: (("A23", "A24", "B19", "B20"), ("B21", "B22", "A21", "A22")),
    2: (("A27", "A28", "B23", "B24"), ("B25", "B26", "A25", "A26")),
    3: (("A31", "A32", "B27", "B28"), ("B29", "B30", "A29", "A30")),
    4: (("A35", "A36", "B33", "B34"), ("B33", "B34", "A35", "A36")),
    5: (("A39", "A40", "B37", "B38"), ("B37", "B38", "A39", "A40")),
    6: (("A43", "A44", "B41", "B42"), ("B41", "B42", "A43", "A44")),
    7: (("A47", "A48", "B45", "B46"), ("B45", "B46", "A47", "A48")),
}
"""Per lane, host to card and card to host: pin +, pin -, finger +, finger -. Ref: symptoms, section 1."""


@pytest.fixture(scope="module", params=DESIGNS)
def adapter(request: pytest.FixtureRequest) -> Adapter:
    return load_adapter(CONFIGS / "adapters" / f"{request.param}.yaml")


def test_a_layout_has_98_pins_and_98_fingers(adapter: Adapter) -> None:
    places = {f"{row}{n}" for row in "AB" for n in range(1, 50)}
    assert set(adapter.pins) == set(adapter.edge) == places


def test_the_lane_map_is_the_same_in_every_layout(adapter: Adapter) -> None:
    found = {
        (p.lane, p.direction, p.leg): (p.name, f.name)
        for p in adapter.pins.values()
        for f in adapter.edge.values()
        if p.lane is not None and f.net == p.net
    }
    wanted = {
        (lane, way, leg): (row[leg == "n"], row[2 + (leg == "n")])
        for lane, rows in LANE_MAP.items()
        for way, row in zip(("host_to_card", "card_to_host"), rows, strict=True)
        for leg in "pn"
    }
    assert found == wanted
    assert len(found) == 32


def test_pins_have_the_functions_the_card_sees(adapter: Adapter) -> None:
    pins = ("A1", "A2", "A9", "A10", "A11", "A12", "A14", "A16", "A17", "B1", "B9", "B10", "B12", "B49")
    assert [adapter.pins[pin].function for pin in pins] == [
        "PWROK", "+12V", "WAKE#", "SDP1", "SDP0", "ID_SDA", "PERST#", "REFCLK+", "REFCLK-", "VDET",
        "NCSI_TX_EN", "3V3AUX", "ID_SCL", "",
    ]  # fmt: skip


def test_row_a_is_on_the_bottom_and_row_b_on_top(adapter: Adapter) -> None:
    assert (adapter.pins["A1"].side, adapter.pins["B1"].side) == ("bottom", "top")


def test_every_limit_says_why(adapter: Adapter) -> None:
    shorts = [limit for name, limit in adapter.limits.items() if name.startswith("short.")]
    assert len(shorts) >= 8
    assert all((limit.low, limit.marginal_low) == (10, 200) and len(limit.why) > 20 for limit in shorts)


def test_every_mod_has_a_source(adapter: Adapter) -> None:
    assert all(mod.source and mod.text for mod in adapter.mods.values())


def test_a_pad_without_copper_has_a_net_of_its_own() -> None:
    adapter = load_adapter(CONFIGS / REV_A)
    assert adapter.pins["A4"].net == "local:A4"
    assert adapter.edge["A5"].net == "edge:A5"
    assert adapter.pins["A1"].net == adapter.jumpers["JP3"].pads["1"] == "Net-(J2-PadA1)"


def test_only_rev_a_b_and_c_have_jumpers() -> None:
    jumpers = {d: tuple(load_adapter(CONFIGS / "adapters" / f"{d}.yaml").jumpers) for d in DESIGNS}
    assert jumpers == {
        "TobleMiner-revA": ("JP1", "JP2", "JP3", "JP4", "R1", "R2"),
        "TobleMiner-revB": ("JP4", "R2"),
        "TobleMiner-revC": ("JP4", "R2"),
        "KCORES-v1.0": (),
        "KCORES-v1.1": (),
    }


def test_jumpers_are_as_delivered() -> None:
    jumpers = load_adapter(CONFIGS / REV_A).jumpers
    closed = dict.fromkeys(("JP1", "JP2", "JP3", "JP4"), (("1", "2"),))
    assert {ref: j.default for ref, j in jumpers.items()} == {**closed, "R1": (), "R2": ()}
    assert {ref for ref, j in jumpers.items() if j.ohm == 100_000} == {"R1", "R2"}


PIN_A7 = "{net: null, function: NCSI_TX1, confidence: low}"
PIN_A20 = "{net: /TX0-, function: PETn0, confidence: high}"
PIN_A14 = "{net: Net-(J2-PadA14), function: PERST#, confidence: high}"
PIN_A17 = "{net: /REFCLK-, function: REFCLK-, confidence: high}"
FINGER_A9 = "A9:  {net: null, function: +3V3}"
FINGER_A11 = "{net: /~PERST, function: PERST#}"
FINGER_B10 = "{net: +3V3, function: 3V3AUX}"
PADS_JP4 = "    pads: [/PRSNT_x8, Net-(J1-PadA1), /PRSNT_x4]"
PADS_JP1 = "    pads: [+3V3, Net-(J2-PadB10)]"
JOINS = "joins: [[A1, +3V3], [A10, +3V3]"
WHY_B4 = 'why: "bridge B3-B4'
HERE = None
"""The line is the changed one itself."""

BAD = [
    # what is replaced, by what, start of the line that is named, what is said of it
    (f"  A7:  {PIN_A7}  # label RMII?\n", "", "pins:", "pins: A7 missing, expected all of A1 to A49"),
    (f"A7:  {PIN_A7}", f"A50: {PIN_A7}", "pins:", "pins: A7 missing"),
    (f"A7:  {PIN_A7}", f"A7:  {PIN_A7}\n  A50: {PIN_A7}", "  A50:", "pins: there is no A50"),
    (f"A7:  {PIN_A7}", f"A6:  {PIN_A7}", HERE, "found duplicate key"),
    (f"A7:  {PIN_A7}", f"a7:  {PIN_A7}", HERE, "pins.a7"),
    (PIN_A7, "{function: NCSI_TX1, confidence: low}", HERE, "key 'net' is missing in 'pins.A7'"),
    (PIN_A7, "{nett: null, confidence: low}", HERE, "unknown key 'nett', did you mean 'net'?"),
    (PIN_A7, "{net: null, confidence: sure}", HERE, "pins.A7.confidence"),
    (PIN_A7, "{net: /TX0+, confidence: low}", HERE, "pins.A7: net /TX0+ is PETp0 of A19 alone"),
    (PIN_A20, PIN_A20.replace("PETn0", "PETp0"), HERE, "pins.A20: PETp0 is already A19"),
    (PIN_A20, "{net: /TX0-, confidence: high}", "pins:", "pins: no PETn0"),
    (PIN_A20, PIN_A20.replace("/TX0-", "/TX1-"), HERE, "its finger B15 is on /TX0-; lanes and clock are plain wires"),
    (PIN_A20, PIN_A20.replace("/TX0-", "null"), HERE, "pins.A20: PETn0 is on net null"),
    ("  B49: {net: GND, function: GND}\n", "", "edge:", "edge: B49 missing"),
    (FINGER_B10, "{net: +12V, function: 3V3AUX}", PADS_JP1, "jumpers.JP1: no pin or finger is on net '+3V3'"),
    (FINGER_A11, FINGER_A11.replace("#", ""), "edge:", "edge: no finger has the function of PERST#"),
    (
        FINGER_A9,
        FINGER_A9.replace("null", "+12V"),
        "edge:",
        "12V and 3V3 are one net on the board as delivered",
    ),
    (PADS_JP1, PADS_JP1.replace("B10", "B11"), HERE, "JP1: no pin or finger is on net 'Net-(J2-PadB11)'"),
    (PADS_JP1, "    pads: [+3V3]", HERE, "jumpers.JP1.pads"),
    (
        "default: closed  # bridged by a copper neck",
        "default: 1-3",
        HERE,
        "jumper JP2 has pads 1, 2: expected",
    ),
    (
        '{JP2: open, JP3: "2-3"}',
        "{JP5: open}",
        "  broadcom:",
        "broadcom: TobleMiner-revA has no jumper 'JP5'",
    ),
    (
        JOINS,
        JOINS.replace("A10", "A99"),
        "  broadcom:",
        "mods.broadcom: TobleMiner-revA has no pin or net 'A99'",
    ),
    (JOINS, JOINS.replace("[A10, +3V3]", "[A10]"), HERE, "mods.broadcom.joins"),
    (PADS_JP1, "    pads: [Net-(J2-PadB10), Net-(J2-PadB10)]", "  JP1:", "it changes nothing"),
    (PADS_JP4, "    pads: [/PRSNT_x8, +12V, GND]", "  JP4:", "JP4: 2-3 joins 12V and GND"),
    ('    jumpers: {JP3: "2-3"}\n', "", "  perst-a14:", "mods.perst-a14: changes no net"),
    (JOINS, JOINS.replace("A10", "+12V"), "  broadcom:", "mods.broadcom: joins 12V and 3V3AUX"),
    (PIN_A17, PIN_A17.replace("REFCLK-", "REFCLK+"), "  A17:", "pins.A17: REFCLK+ is already A16"),
    (PIN_A17, PIN_A17.replace(", function: REFCLK-", ""), "pins:", "pins: no REFCLK-"),
    (PIN_A17, PIN_A17.replace("net: /REFCLK-", "net: null"), "  A17:", "its finger A14 is on /REFCLK-"),
    (PIN_A14, PIN_A14.replace("PERST#", "TRST#"), "pins:", "pins: no PERST#"),
    (WHY_B4, WHY_B4.replace("why", "y"), HERE, "unknown key 'y'"),
    ("lanes: 8", "lanes: 16", HERE, "lanes: input should be less than or equal to 8, got 16"),
    (
        "design: TobleMiner-revA",
        "design: revX",
        HERE,
        "design is 'revX', but the file is named TobleMiner-revA.yaml",
    ),
]


@pytest.mark.parametrize(("old", "new", "at", "why"), BAD)
def test_a_layout_that_cannot_be_is_refused_in_one_sentence_at_its_line(
    tmp_path: Path, old: str, new: str, at: str | None, why: str
) -> None:
    path, line = edited(tmp_path, REV_A, old, new)
    with pytest.raises(ConfigError) as e:
        load_adapter(path)
    assert why in e.value.message
    assert "\n" not in e.value.message
    assert e.value.line == (line if at is None else line_with(path, at))
