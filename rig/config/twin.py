"""A twin file: what is plugged into the virtual bench, and what is broken on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from rig.config.yamlfile import Name, Section, load

PinName = Annotated[str, StringConstraints(pattern=r"^[AB][1-9][0-9]?$")]
Serial = Annotated[Name, StringConstraints(min_length=1, max_length=64)]


def _listed(value: object) -> object:
    """One name stands for a list of one."""
    return [value] if isinstance(value, str) else value


class Joint(Section):
    """One fault in the soldering; what is not named is good."""

    pins: Annotated[list[PinName], Field(min_length=1, max_length=2)]
    state: Literal["open", "resistive", "bridge", "intermittent"]
    """`intermittent`: good on the bare board, and open in some trainings of the link, drawn anew for each."""
    ohm: Annotated[float, Field(ge=0)] | None = None
    probability: Annotated[float, Field(gt=0, le=1)] | None = None
    """Of an intermittent joint: how often it is open."""

    @model_validator(mode="after")
    def _what_goes_together(self) -> Joint:
        if (self.probability is None) is (self.state == "intermittent"):
            raise ValueError("an intermittent joint, and no other, needs a probability (of being open in one training)")
        if self.state == "intermittent" and self.ohm is not None:
            raise ValueError("an intermittent joint is good or open: it takes no ohm")
        return self


class TwinAdapter(Section):
    joints: list[Joint] = []
    jumpers: dict[str, str] = {}
    """Jumper to the pads joined: `JP3: "2-3"`, `JP1: open`, `JP3: "1-2-3"`."""
    mods: list[str] = []
    """Names of the adapter file's published mods that were done on this board."""


class FlashFault(Section):
    """What is wrong with a ConnectX-3's flash or with the way to it."""

    kind: Literal[
        "wip-stuck", "erase-fails", "program-fails", "stuck-byte", "gateway-stuck", "off-bus", "no-flash", "secure-host"
    ]
    at: Annotated[int, Field(ge=0, lt=1 << 24)] = 0x90000
    """stuck-byte: where on the flash."""
    after: Annotated[int, Field(ge=0)] = 0
    """Page programs that still work before it starts."""
    times: Annotated[int, Field(ge=1)] | None = None
    """How often it strikes; None: always."""


class TwinFlash(Section):
    """The flash of a ConnectX-3."""

    part: Literal["w25q32", "w25q16", "n25q032", "m25px16", "m25p16", "mx25l16"] = "w25q32"
    page_s: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Time of one page program; 0: at once. A real part: 0.7 ms."""
    erase_s: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Time of one sector erase; 0: at once. A real part: 0.5 s."""
    faults: list[FlashFault] = []
    absent_without_image: bool = False
    """With nothing that boots the card is not on the bus at all, until FLASH PRSNT is shorted."""


class TwinImage(Section):
    """The image a ConnectX-3 leaves the factory with; later the flash itself says what is on it."""

    version: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}$")] | None = None
    psid: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,16}$")] | None = None
    size: Annotated[int, Field(ge=0x4000, le=0x1F0000)] | None = None
    failsafe: bool = True


class TwinCard(Section):
    firmware: Literal["eth", "ib", "vpi", "blank", "recovery"] | None = None
    """None: what the model comes with (ConnectX-3 family: vpi; others: eth)."""
    power_w: Annotated[float, Field(gt=0)] | None = None
    """Idle power with every link up; None: the twin's own figure for the model."""
    ports_down: list[int] = []
    """Ports (from 1) that get no carrier whatever the operator does: their cable is broken, or not there."""
    dies_after_s: Annotated[float, Field(ge=0)] | None = None
    """Seconds after the host was up at which it falls off the bus, until its power was off; None: never."""
    sensor: bool | None = None
    """Has a temperature sensor that its driver shows; None: as `rig.twin.thermal` has it of its driver."""
    mac: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$")] | None = None
    nvram: Literal["good", "blank", "checksum", "zero_mac", "no_bootcode"] | None = None
    """What an Intel or Broadcom card keeps beside its firmware; None: good."""
    flash: TwinFlash = TwinFlash()
    image: TwinImage = TwinImage()


class TwinSlot(Section):
    gen: Literal[1, 2, 3, 4] = 3
    lanes: Literal[1, 4, 8, 16] = 8


class TwinHost(Section):
    kind: Literal["process", "linux"] = "process"
    """What plays it: processes of this machine with stand-ins for the kernel, or a real Linux in QEMU."""
    boot_s: Annotated[float, Field(ge=0, le=600)] = 1.0
    slot: TwinSlot = TwinSlot()
    partner_bps: Annotated[float, Field(gt=0)] = 10e9
    """Rate of the link partner's ports."""
    aer: bool = True
    """False: firmware-first, the kernel has no aer_* files."""
    window_mib: Annotated[int, Field(ge=0, le=65536)] | None = None
    """Room for prefetchable BARs behind the slot that the BIOS gives (no above-4G decoding: little); None: plenty. A
    host of the kind linux has 1 or more: the root port's window, which the kernel keeps as it finds it."""
    kernel_format: Literal["6.1", "5.10"] = "6.1"
    """How the kernel words a BAR without a place; one stable series can have either."""
    idle_w: Annotated[float, Field(gt=0, le=500)] = 14.0
    """What it draws at 12 V without the card's share, idle."""
    traffic_w: Annotated[float, Field(ge=0, le=500)] = 4.0
    """What its processor and memory draw more while every port is busy both ways."""
    noise_w: Annotated[float, Field(ge=0, le=50)] = 0.3
    """Standard deviation of its fans and processor, half of it slow (half a minute)."""
    slot_efficiency: Annotated[float, Field(gt=0, le=1)] = 0.88
    """Of its converters for what the slot feeds."""
    psu_efficiency: Annotated[float, Field(gt=0, le=1)] = 0.88
    """Of its mains supply."""


class TwinOperator(Section):
    """The person at the bench."""

    confirms: bool = False
    """What they say when they are asked to allow something."""


Rail = Literal["12v", "3v3", "probe", "host"]
Terminals = Annotated[list[Rail], BeforeValidator(_listed, json_schema_input_type=list[Rail] | Rail)]


PsuModel = Literal[
    "DP832", "DP831", "DP821", "DP811", "DP712", "SPD3303X-E", "SPD3303X", "SPD1305X", "E36312A", "E36313A", "E3631A",
    "N5744A", "N5767A", "HMP4040", "HMP2030", "NGE103B", "KA3005P", "KA3305P", "SPE3103", "P4305", "GPP-4323",
    "MX100TP", "PL303QMD-P",
]  # fmt: skip
"""Supplies of `rig.twin.supply.models`."""


class TwinPsu(Section):
    model: PsuModel = "DP832"
    old: bool = False
    """An HMP from before HAMEG was renamed; the others have one identity only."""
    realistic: bool = False
    """Answers take the time they take on the bench; else they come at once."""
    wiring: dict[Annotated[int, Field(ge=1, le=9)], Terminals] | None = None
    """Channel to the rail or rails at its terminals; `host`: the test host's 12 V input. None: as usually done."""


class TwinMeter(Section):
    """A power meter between the mains and the test host."""

    model: Literal["WT310E", "HMC8015"] = "WT310E"


class TwinRelays(Section):
    """Relays between the leads of the probe channel and points of the bare adapter."""

    points: Annotated[list[Name], Field(min_length=2, max_length=64)] = ["12V", "3V3", "3V3AUX", "PERST#", "GND"]


class TwinPower(Section):
    """How far the cards' draw is from their figures, and how it moves: the truth that a comparison has to find."""

    warm_up_s: Annotated[float, Field(gt=0, le=1e5)] = 20.0
    """Time constant of a card's warm-up, in draw and temperature; a real heat sink takes minutes."""
    insert_sd_w: Annotated[float, Field(ge=0, le=10)] | None = None
    """Standard deviation from insert to insert of the same card; None: 0.4 per cent of its draw."""
    unit_sd_w: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Standard deviation between cards of a model; the same serial draws the same in every run of this file."""
    drift_w_per_h: Annotated[float, Field(ge=-10, le=10)] = 0.0
    """What every card draws more by the hour since the twin started."""
    ambient_c: Annotated[float, Field(ge=-20, le=80)] = 25.0


class Fault(Section):
    """A fault of the bench itself (not of a unit)."""

    plug: Literal["supply", "second", "meter", "relays", "mains", "console", "operator", "partner", "host"]
    kind: Literal[
        "dead", "silent", "garbage", "slow", "wrong_model", "stuck", "welded", "no_boot", "late", "truncated",
        "unterminated", "zero", "off", "frozen", "hang", "panic", "login_lost", "slow_boot", "hang_at_boot",
        "panic_at_boot",
    ]  # fmt: skip
    after_s: Annotated[float, Field(ge=0)] = 0.0
    """Seconds after the twin started; of `hang`, `panic`, `login_lost`: after the host was up; of `slow_boot`: how
    much longer it takes."""


class TwinFile(Section):
    seed: Annotated[int, Field(ge=0)] = 1
    psu: TwinPsu = TwinPsu()
    psu2: TwinPsu | None = None
    """A second supply, plug `second`; without a wiring its channel 1 feeds 3v3."""
    meter: TwinMeter | None = None
    relays: TwinRelays | bool = False
    """True: relays to the five nets of the edge."""
    power: TwinPower = TwinPower()
    host: TwinHost = TwinHost()
    operator: TwinOperator = TwinOperator()
    adapters: dict[Serial, TwinAdapter] = {}
    cards: dict[Serial, TwinCard] = {}
    faults: list[Fault] = []


def load_twin(path: Path) -> TwinFile:
    """The twin file, checked on its own; `rig.twin.check` holds it against layouts and cards."""
    return load(path, TwinFile)
