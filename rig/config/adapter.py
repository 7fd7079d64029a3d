"""An adapter file: one layout as a netlist, every sentence of it checked before anything is powered."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from rig.config.limits import LimitSection
from rig.config.yamlfile import Section, line_of, read, validate
from rig.errors import ConfigError, UsageError
from rig.model import Adapter, AdapterUnit, Finger, Jumper, Mod, Pin
from rig.netlist import RAILS, Board, joined_pads

Text = Annotated[str, StringConstraints(min_length=1)]
Place = Annotated[str, StringConstraints(pattern=r"^[AB][1-9][0-9]?$")]

ROW = 49
"""Contacts in a row, of the FlexibleLOM connector and of a PCIe x8 edge alike."""
PLACES = tuple(f"{row}{n}" for row in "AB" for n in range(1, ROW + 1))
LANES = 8
LANE = re.compile(r"PE(?P<way>[TR])(?P<leg>[pn])(?P<lane>[0-7])")
"""Ref: PCI Express CEM, edge pinout: PET is what the system board transmits, PER what it receives."""
WAYS = {"T": "host_to_card", "R": "card_to_host"}


class PinSection(Section):
    net: Text | None
    """null: no copper beyond the pad."""
    function: str = ""
    """What the card expects at this pin; absent: unknown."""
    confidence: Literal["low", "medium", "high"]


class FingerSection(Section):
    net: Text | None
    function: Text


class JumperSection(Section):
    pads: Annotated[list[Text], Field(min_length=2)]
    """Net of pad 1, of pad 2 ..."""
    default: Text
    """As delivered: `open`, `closed`, `1-2` ..."""
    effect: str = ""
    ohm: Annotated[float, Field(ge=0)] = 0.0
    """An optional resistor: `closed` means fitted."""


class ModSection(Section):
    text: Text
    jumpers: dict[str, str] = Field(default_factory=dict)
    joins: list[Annotated[list[Text], Field(min_length=2, max_length=2)]] = Field(default_factory=list)
    """Wires, each from a net or pin to a net or pin."""
    source: Text


class AdapterFile(Section):
    design: Text
    source: Text
    lanes: Annotated[int, Field(ge=1, le=LANES)]
    pins: dict[Place, PinSection]
    edge: dict[Place, FingerSection]
    jumpers: dict[str, JumperSection] = Field(default_factory=dict)
    mods: dict[str, ModSection] = Field(default_factory=dict)
    limits: dict[str, LimitSection] = Field(default_factory=dict)


def load_adapter(path: Path) -> Adapter:
    """The layout in `path`; ConfigError at the first line that cannot be."""
    tree = read(path)
    file = validate(path, tree, AdapterFile)
    where = _Where(path, tree)
    if file.design != path.stem:
        raise where.error(f"design is {file.design!r}, but the file is named {path.name}", "design")
    _check_complete(where, "pins", file.pins)
    _check_complete(where, "edge", file.edge)
    _check_lanes(where, file)
    _check_clock(where, file)
    adapter = _adapter(file, _jumpers(where, file))
    _check_board(where, adapter)
    return adapter


class _Where:
    """A file's tree, to say at which line something is wrong."""

    def __init__(self, path: Path, tree: Any) -> None:
        self._path, self._tree = path, tree

    def error(self, message: str, *keys: str | int) -> ConfigError:
        return ConfigError(self._path, line_of(self._tree, keys), message)


def _check_complete(where: _Where, key: str, found: Collection[str]) -> None:
    if missing := [name for name in PLACES if name not in found]:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise where.error(f"{key}: {missing[0]}{more} missing, expected all of A1 to A{ROW} and B1 to B{ROW}", key)
    if unknown := [name for name in found if name not in PLACES]:
        raise where.error(f"{key}: there is no {unknown[0]}, expected A1 to A{ROW} and B1 to B{ROW}", key, unknown[0])


def _check_lanes(where: _Where, file: AdapterFile) -> None:
    """Every leg of every lane is on one pin and one finger, and those of a routed lane are one wire."""
    pins = _by_lane_function(where, "pins", file.pins)
    fingers = _by_lane_function(where, "edge", file.edge)
    for function, pin in pins.items():
        if int(function[-1]) < file.lanes:
            _check_wire(where, file, pin, fingers[function])


def _check_wire(where: _Where, file: AdapterFile, pin: str, finger: str) -> None:
    function, net, at_edge = file.pins[pin].function, file.pins[pin].net, file.edge[finger].net
    if net is None or net != at_edge:
        there = f"is on net {net or 'null'}, but its finger {finger} is on {at_edge or 'null'}"
        raise where.error(f"pins.{pin}: {function} {there}; lanes and clock are plain wires", "pins", pin)
    if others := [name for name, place in file.pins.items() if place.net == net and name != pin]:
        raise where.error(f"pins.{others[0]}: net {net} is {function} of {pin} alone", "pins", others[0])


def _check_clock(where: _Where, file: AdapterFile) -> None:
    """Each leg of the reference clock is on one pin and one finger, and one wire; the card has one PERST#."""
    for function in ("REFCLK+", "REFCLK-"):
        pin = _only(where, "pins", file.pins, function)
        _check_wire(where, file, pin, _only(where, "edge", file.edge, function))
    _only(where, "pins", file.pins, "PERST#")


def _only(
    where: _Where, key: str, places: Mapping[str, PinSection] | Mapping[str, FingerSection], function: str
) -> str:
    found = [name for name, place in places.items() if place.function == function]
    if not found:
        raise where.error(f"{key}: no {function}", key)
    if len(found) > 1:
        raise where.error(f"{key}.{found[1]}: {function} is already {found[0]}", key, found[1])
    return found[0]


def _by_lane_function(
    where: _Where, key: str, places: Mapping[str, PinSection] | Mapping[str, FingerSection]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, place in places.items():
        if LANE.fullmatch(place.function) and (first := found.setdefault(place.function, name)) != name:
            raise where.error(f"{key}.{name}: {place.function} is already {first}", key, name)
    wanted = (f"PE{way}{leg}{lane}" for lane in range(LANES) for way in WAYS for leg in "pn")
    if missing := [function for function in wanted if function not in found]:
        raise where.error(f"{key}: no {missing[0]} (8 lanes, 2 directions, 2 legs: 32 are needed)", key)
    return found


def _jumpers(where: _Where, file: AdapterFile) -> dict[str, Jumper]:
    nets = {pin.net for pin in file.pins.values()} | {finger.net for finger in file.edge.values()}
    for ref, jumper in file.jumpers.items():
        for n, net in enumerate(jumper.pads):
            if net not in nets:
                raise where.error(f"jumpers.{ref}: no pin or finger is on net {net!r}", "jumpers", ref, "pads", n)
    return {ref: _jumper(where, ref, jumper) for ref, jumper in file.jumpers.items()}


def _jumper(where: _Where, ref: str, file: JumperSection) -> Jumper:
    pads = {str(n): net for n, net in enumerate(file.pads, start=1)}
    try:
        return Jumper(ref, pads, joined_pads(ref, pads, file.default), file.effect, file.ohm)
    except UsageError as e:
        raise where.error(str(e), "jumpers", ref, "default") from None


def _adapter(file: AdapterFile, jumpers: Mapping[str, Jumper]) -> Adapter:
    return Adapter(
        design=file.design,
        source=file.source,
        lanes=file.lanes,
        pins={name: _pin(name, file.pins[name]) for name in PLACES},
        edge={name: _finger(name, file.edge[name]) for name in PLACES},
        jumpers=jumpers,
        mods={name: Mod(name, m.text, _pairs(m.joins), m.jumpers, m.source) for name, m in file.mods.items()},
        limits={name: section.to_limit() for name, section in file.limits.items()},
    )


def _pin(name: str, file: PinSection) -> Pin:
    net = file.net or f"local:{name}"
    lane = LANE.fullmatch(file.function)
    if lane is None:
        return Pin(name, net, file.function, confidence=file.confidence)
    return Pin(name, net, file.function, int(lane["lane"]), lane["leg"], WAYS[lane["way"]], file.confidence)


def _finger(name: str, file: FingerSection) -> Finger:
    return Finger(name, file.net or f"edge:{name}", file.function)


def _pairs(joins: Iterable[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((a, b) for a, b in joins)


def _check_board(where: _Where, adapter: Adapter) -> None:
    """Every rail has a finger; no setting makes two rails one net; every jumper and mod can be set and changes nets."""
    board = Board(adapter, AdapterUnit(adapter.design, ""))
    if missing := [rail for rail in RAILS if rail not in board.edge_nets()]:
        raise where.error(f"edge: no finger has the function of {missing[0]}", "edge")
    if joined := _joined_rails(board):
        raise where.error(f"edge: {' and '.join(joined)} are one net on the board as delivered", "edge")
    for ref in adapter.jumpers:
        _check_jumper(where, board, ref)
    for name in adapter.mods:
        _check_mod(where, board, name)


def _check_jumper(where: _Where, board: Board, ref: str) -> None:
    """Joining any two of its pads changes what is one net (or, a resistor, what it joins), and never two rails."""
    pads = board.adapter.jumpers[ref].pads
    apart = _set(board, ref, "open")
    for a, b in combinations(pads, 2):
        closed = _set(board, ref, f"{a}-{b}")
        if apart.joined(pads[a], pads[b]):
            told = f"pads {a} and {b} are both on {apart.net_of(pads[a])}: it changes nothing"
            raise where.error(f"jumpers.{ref}: {told}", "jumpers", ref)
        if joined := _joined_rails(closed):
            raise where.error(f"jumpers.{ref}: {a}-{b} joins {' and '.join(joined)}", "jumpers", ref)


def _check_mod(where: _Where, board: Board, name: str) -> None:
    try:
        done = board.modified(name)
    except UsageError as e:
        raise where.error(f"mods.{name}: {e}", "mods", name) from None
    if joined := _joined_rails(done):
        raise where.error(f"mods.{name}: joins {' and '.join(joined)}", "mods", name)
    if _islands(done) == _islands(board):
        raise where.error(f"mods.{name}: changes no net", "mods", name)


def _set(board: Board, ref: str, setting: str) -> Board:
    return Board(board.adapter, AdapterUnit(board.adapter.design, "", {ref: setting}))


def _islands(board: Board) -> set[frozenset[str]]:
    """What is one net with what, among pins and rails, whatever the nets are called."""
    found: dict[str, set[str]] = {}
    for name in (*board.adapter.pins, *RAILS):
        found.setdefault(board.net_of(name), set()).add(name)
    return {frozenset(names) for names in found.values()}


def _joined_rails(board: Board) -> tuple[str, str] | None:
    return next((pair for pair in combinations(RAILS, 2) if board.joined(*pair)), None)
