"""A plan file: which steps, how long, with which limits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints, WithJsonSchema, field_validator, model_validator

from rig.config.limits import LimitSection
from rig.config.yamlfile import Section, load
from rig.model import Limit, Step

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
State = Literal["aux", "driver", "ports_up", "one_link", "idle", "tx", "rx", "both"]
"""Power states, in the order in which they cost least."""
StepName = Annotated[str, WithJsonSchema({"enum": [str(s) for s in Step]})]


class Level(Section):
    """One rung of the bare-board check."""

    voltage_v: Positive
    limit_a: Positive


class ShortCheck(Section):
    """The bare-board check. Ref: power.md of the project's domain notes, order and levels; docs/steps.md."""

    levels: Annotated[list[Level], Field(min_length=1)] = [
        Level(voltage_v=0.3, limit_a=0.02),
        Level(voltage_v=1.0, limit_a=0.05),
    ]
    rated_limit_a: Positive | None = 0.02
    """Last rung: the pair's own rail voltage at this limit; null: not done."""
    floor_a: Positive = 0.005
    """Current taken for none at least; the offset of the supply's own readback counts where it is larger."""
    settle_s: NotNegative = 0.05
    multimeter: bool = False
    """Where the supply can tell too little, a person is asked what a multimeter shows."""


class FirstPower(Section):
    """The first time a card gets current."""

    low: dict[Literal["12v", "3v3"], Level] = {
        "3v3": Level(voltage_v=0.25, limit_a=0.05),
        "12v": Level(voltage_v=0.8, limit_a=0.05),
    }
    """First rung of the ramp, below what a converter or a diode needs: only capacitors may draw; {}: none.

    Ref: domain notes on power, section 3.4.
    """
    inrush_limit_a: Positive = 0.5
    abort_s: Positive = 0.5
    """Still in current limit after this: off."""
    steady_a: Positive = 0.02
    """Steady: the readings of `window_s` stay within this band, or within 2 % of their mean."""
    window_s: Positive = 0.3
    deadline_s: Positive = 10.0


class Enumeration(Section):
    aer_window_s: Positive = 5.0
    """Error counters are read this far apart."""


Allowed = Literal["same version", "older version", "not failsafe", "blank VSD"]
Psid = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,16}$")]


class Image(Section):
    """A finished firmware image that the plan authorises to be burned."""

    file: Annotated[str, StringConstraints(min_length=1)]
    """Path, relative to the plan file."""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    from_psid: Psid | None = None
    to_psid: Psid | None = None
    """Both, and different: changing the PSID from the one to the other is authorised. Neither: it must be the same."""
    allow: list[Allowed] = ["same version"]
    """What mstflint asks about and may be answered with yes."""

    @model_validator(mode="after")
    def _both_psids_or_neither(self) -> Image:
        if (self.from_psid is None) != (self.to_psid is None):
            raise ValueError("a PSID change names both from_psid and to_psid")
        return self


class Build(Section):
    """Allows an image built by mlxburn from the card's own INI with Ethernet on and SR-IOV off."""

    allow: list[Allowed] = ["same version"]


class Firmware(Section):
    change_port_type: bool = True
    """Make InfiniBand ports Ethernet where that needs no flashing (mlx4_port1)."""
    port_type_deadline_s: Positive = 20.0
    versions: dict[str, Annotated[str, StringConstraints(min_length=1, max_length=64)]] = {}
    """Card model to the firmware version it should have, or the parts of it that matter: `bc 7.10.10`."""
    task: Literal["ethernet", "show", "backup", "flash", "restore"] = "ethernet"
    """What the step is for: the least risky way to Ethernet, or one thing whatever the card is now."""
    restore: str | None = None
    """Folder of the backup for the task `restore`."""
    nvm_dump: bool = False
    """Keep what `ethtool -e` reads of read-only cards, with its hash; 2 MiB are minutes on a serial console."""
    make_persistent: bool = False
    """Set LINK_TYPE with mstconfig too, so that a VPI card stays Ethernet after the next boot."""
    images: list[Image] = []
    """Finished images that may be burned, the first that fits the card."""
    build: Build | None = None
    """Allows an image built from the card's own INI, where the bench file says how; None: not allowed."""
    ask: bool = False
    """Ask the operator about a PSID change that the plan does not authorise."""
    recover: bool = False
    """Allows a card without a bootable image to be reflashed from its own backup, not failsafe, with its own GUIDs."""
    off_s: NotNegative = 10.0
    """How long all power stays off where a cold restart is due."""
    burn_deadline_s: Positive = 600.0


class LinkStep(Section):
    carrier_deadline_s: Positive = 15.0


class Throughput(Section):
    duration_s: Annotated[int, Field(ge=1, le=3600)] = 10
    streams: Annotated[int, Field(ge=1, le=64)] = 1
    min_fraction: Annotated[float, Field(gt=0, le=1)] = 0.85
    """Of the expected line rate, each way: below is FAIL."""
    tries: Annotated[int, Field(ge=1, le=10)] = 4
    """A run below the line rate while the partner had no idle CPU says nothing of the card: it is done again."""
    marginal_fraction: Annotated[float, Field(gt=0, le=1)] = 0.90


class PowerProfile(Section):
    """The states of a card, each measured once it is steady. Ref: docs/steps.md; domain notes on power, section 6."""

    states: Annotated[list[State], Field(min_length=1)] = list(get_args(State))
    min_settle_s: NotNegative = 15.0
    max_settle_s: Positive = 180.0
    """Not steady by then: measured all the same, and said so."""
    steady_window_s: Positive = 10.0
    """The trend is taken over so much of the latest past."""
    slope_w_per_min: Positive = 0.5
    """Steady: the slope, and three times its own error, stay below this."""
    band_w: Positive = 1.0
    """Steady: eight tenths of the readings lie within this."""
    window_s: Positive = 60.0
    baseline: bool = False
    """Whole-host benches: the host with the adapter and no card, before and after the card."""

    @field_validator("states")
    @classmethod
    def _each_once(cls, states: list[State]) -> list[State]:
        if len(set(states)) < len(states):
            raise ValueError("every state may be named once")
        return states

    @model_validator(mode="after")
    def _waits_in_order(self) -> PowerProfile:
        if self.max_settle_s < self.min_settle_s:
            raise ValueError(f"max_settle_s {self.max_settle_s:g} is below min_settle_s {self.min_settle_s:g}")
        return self


class Soak(Section):
    """What is done again and again to find a joint that fails now and then; nothing, unless the plan says how often."""

    retrains: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Link retrains by the port above the slot; the host stays up."""
    power_cycles: Annotated[int, Field(ge=0, le=1000)] = 0
    """Cold boots, all power off between them; never more than this."""
    traffic_s: NotNegative = 0.0
    """iperf3 both ways at once, on each cabled port one after another."""
    traffic_run_s: Annotated[int, Field(ge=1, le=3600)] = 10
    """One trial of the traffic."""
    stop_at: Annotated[int, Field(ge=1)] | None = None
    """So many failures end the soak; null: it goes on to its end."""
    correctable_per_trial: Annotated[int, Field(ge=0)] = 10
    """A trial with more correctable errors than this, at either end, failed."""
    settle_s: NotNegative = 0.2
    """After a retrain the link carries for so long before its errors are read."""
    retrain_deadline_s: Positive = 5.0
    """A link that is not up again by then is lost."""
    boot_deadline_s: Positive = 300.0
    """A boot that took longer failed."""
    off_s: NotNegative = 10.0
    """How long everything stays off in a power cycle."""

    def due(self) -> dict[str, float]:
        """What is repeated (first word of its rows) to how often or how long."""
        return {"traffic": self.traffic_s, "retrain": self.retrains, "power_cycle": self.power_cycles}


class Retry(Section):
    """Whether a unit is taken through the plan again by itself; never after a trip or a failed short check."""

    attempts: Annotated[int, Field(ge=0, le=10)] = 0
    """How often at most, beyond the first time."""
    on: Annotated[list[Literal["ERROR", "FAIL", "NOT_RUN"]], Field(min_length=1)] = ["ERROR"]
    """After which verdicts; every attempt is kept, and the first judged one decides the first-pass yield."""


class PlanFile(Section):
    name: str
    steps: Annotated[list[StepName], Field(min_length=1)] = [str(s) for s in Step if s is not Step.SOAK]
    short_check: ShortCheck = ShortCheck()
    first_power: FirstPower = FirstPower()
    enumeration: Enumeration = Enumeration()
    firmware: Firmware = Firmware()
    link: LinkStep = LinkStep()
    throughput: Throughput = Throughput()
    power_profile: PowerProfile = PowerProfile()
    soak: Soak = Soak()
    envelope: Annotated[str, StringConstraints(min_length=1)] | None = None
    """File of learned envelopes (`rig envelope`), relative to the plan file; its limits join the others."""
    retry: Retry = Retry()
    limits: dict[str, LimitSection] = {}

    @field_validator("steps")
    @classmethod
    def _known_steps_in_order(cls, steps: list[str]) -> list[str]:
        known = [str(s) for s in Step]
        if unknown := [s for s in steps if s not in known]:
            raise ValueError(f"unknown step {unknown[0]!r} (allowed: {', '.join(known)})")
        if steps != [s for s in known if s in steps]:
            raise ValueError(f"steps must be in the order {', '.join(known)}, each once")
        return steps

    @model_validator(mode="after")
    def _soak_has_something_to_do(self) -> PlanFile:
        if Step.SOAK in self.steps and not any(self.soak.due().values()):
            raise ValueError("the step soak needs a number: soak: {retrains: N, power_cycles: N, traffic_s: S}")
        return self

    def model_limits(self) -> dict[str, Limit]:
        return {name: section.to_limit() for name, section in self.limits.items()}


def load_plan(path: Path) -> PlanFile:
    """The plan; ConfigError with file and line when something in it cannot be."""
    return load(path, PlanFile)
