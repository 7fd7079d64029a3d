"""`mstflint` and MFT's `flint`: query, verify, burn progress, what errors mean; 4.x, FS2 to FS4 images.

Ref: mstflint 4.21.0 flint/subcommands.cpp (`QuerySubCommand`, `VerifySubCommand`, `BurnSubCommand`),
flint/err_msgs.h, mlxfwops/lib/fs2_ops.cpp (section lines). Sections and progress are redrawn with `\\r`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

from rig.parse.text import tool_lines

_FIELD = re.compile(r"([A-Z][\w .()/-]{1,40}?):(?: +(.*))?\Z")
_MORE = re.compile(r" {10,}(\S.*)\Z")
_MESSAGE = re.compile(r"-([EWI])- (.*?)(?=-[EWI]- |\Z)")
_IDENTIFIERS = re.compile(r"\b(?:0x)?([0-9a-f]{16}|[0-9a-f]{12})\b", re.IGNORECASE)
_SECTION = re.compile(r"\s*/0x[0-9a-f]+-0x[0-9a-f]+ \(0x[0-9a-f]+\)/ \((?P<name>[^)]+)\)(?P<rest>.*)")
_VERIFY_FAILED = re.compile(r"FW image verification failed: (.{0,300}?)\.? ?AN HCA DEVICE CAN NOT BOOT")
_NEW_PSID = re.compile(r'replace current PSID on flash - "([^"]*)" with a different PSID - "([^"]*)"')


class Problem(enum.StrEnum):
    """What an error means for the next step."""

    NO_DEVICE = "no such device"
    NO_PERMISSION = "not permitted"
    SEMAPHORE = "flash semaphore is taken"
    TIMEOUT = "the device does not answer"
    FLASH_STUCK = "the flash stays busy"
    FLASH_BAD = "the flash does not keep what is written to it"
    NO_FLASH = "no flash answers on the card"
    PSID = "image is for another PSID"
    NOT_FAILSAFE = "image is not failsafe, the flash is"
    WRONG_DEVICE = "image is for another device"
    TOO_BIG = "image is too big for a failsafe burn"
    NO_GUIDS = "flash has no GUIDs or MACs to keep"
    NO_VSD = "flash has no VSD or PSID to keep"
    LAYOUT = "configuration section is elsewhere on the flash"
    FLASH_WRITE = "flash could not be written"
    BAD_IMAGE = "image or flash content is damaged"
    NO_CONFIGURATION = "image carries no configuration"
    ABORTED = "stopped by whoever answered the prompt"
    UNSUPPORTED = "not supported for this device"
    NO_FILE = "file cannot be opened"
    OTHER = "unknown error"


# the first that matches counts: "Cannot open Device: X. Permission denied. MFE_CR_ERROR" is about rights
_PROBLEMS = tuple(
    (problem, re.compile(pattern, re.IGNORECASE))
    for problem, pattern in (
        (Problem.BAD_IMAGE, r"Invalid Firmware Format"),
        (Problem.NO_PERMISSION, r"Permission denied|Operation not permitted"),
        (Problem.SEMAPHORE, r"semaphore"),
        (Problem.FLASH_STUCK, r"MFE_WRITE_TIMEOUT"),
        (Problem.FLASH_BAD, r"MFE_VERIFY_ERROR|MFE_ERASE_ERROR"),
        (Problem.NO_FLASH, r"MFE_NO_FLASH_DETECTED"),
        (Problem.TIMEOUT, r"MFE_TIMEOUT|timed? ?out"),
        (Problem.NO_FILE, r"Cannot open Image|Can not open (?!device)"),
        (
            Problem.NO_DEVICE,
            r"Cannot open Device|Failed to open (?:the )?device|MFE_CR_ERROR|MFE_PCI|No such device",
        ),
        (Problem.PSID, r"PSID mismatch"),
        (Problem.NOT_FAILSAFE, r"Failsafe burn failed|non failsafe"),
        (Problem.WRONG_DEVICE, r"Device/Image mismatch|requires an? \w+ image type|doesn.t match the device"),
        (Problem.TOO_BIG, r"Size of failsafe image"),
        (Problem.NO_GUIDS, r"Can not extract GUIDs"),
        (Problem.NO_VSD, r"Can not extract VSD"),
        (Problem.LAYOUT, r"Configuration section offset"),
        (Problem.NO_CONFIGURATION, r"Failed dumping Fw Configuration"),
        (Problem.FLASH_WRITE, r"Flash write failed|Flash erase|erase failed|burning .* failed"),
        (Problem.BAD_IMAGE, r"No valid image|Bad CRC|wrong CRC|read error|verification failed|BLANK GUIDS"),
        (Problem.ABORTED, r"Aborted by user"),
        (Problem.UNSUPPORTED, r"doesn.t support|Unsupported|not supported"),
    )
)


class Prompt(enum.StrEnum):
    """What a burn asks a person about; never to be answered by a program on its own."""

    SAME_VERSION = "the same version is on the flash"
    OLDER_VERSION = "an older version than on the flash"
    OTHER_PSID = "the PSID changes"
    NOT_FAILSAFE = "the burn is not failsafe"
    IDENTIFIERS = "GUIDs and MACs are set"
    BLANK_VSD = "the flash has no VSD to keep"


_PROMPTS = (
    (Prompt.SAME_VERSION, "The new FW version is the same as the current"),
    (Prompt.OLDER_VERSION, "The new FW version is older than the current"),
    (Prompt.OTHER_PSID, "You are about to replace current PSID"),
    (Prompt.NOT_FAILSAFE, "Burn process will not be failsafe"),
    (Prompt.IDENTIFIERS, "You are about to change the Guids/Macs/Uids"),
    (Prompt.BLANK_VSD, "Can not extract VSD/PSID info from flash"),
)
_QUESTION = "Do you want to continue ?"
_IDENTIFIER_ROW = re.compile(r"\s*(?:Node|Port\d|Sys\.Image) +(?P<kind>GUID|MAC|\w+):\s+(?P<new>[0-9a-f]{12,16})\b")
_KNOWN_TEXT = re.compile(
    r"Current FW version on flash:|New FW version:|Note: The new FW version is |Do you want to continue|y\Z|"
    r"Note: It is highly recommended not to change the PSID|-W- Skipping ROM section handling|"
    r"New Values +Current Values|To use a specific VSD|needed info|You can also continue|ALL flash|"
    r"If this process fails"
)


@dataclass(frozen=True, slots=True)
class Messages:
    """Lines marked `-E-`, `-W-` and `-I-`, without the mark."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """What `query` (or `query full`) says of a flash or an image file; what it did not say is None or empty."""

    image_type: str
    """`FS2` (ConnectX-3), `FS3`, `FS4` ..."""
    fw_version: str | None
    running_version: str | None
    """Only there when it differs from what is on the flash: a cold restart is due."""
    release_date: str | None
    product_version: str | None
    roms: tuple[str, ...]
    device_id: int | None
    """Decimal, as PCI knows it: 4099 is 0x1003."""
    guids: tuple[str, ...]
    """16 hexadecimal digits each: node, ports, system image (FS2), or the base (FS3 and later)."""
    macs: tuple[str, ...]
    """12 hexadecimal digits each."""
    vsd: str
    psid: str | None
    identity_set: bool
    """False: no MAC, or flint warned that GUIDs and MACs are blank. GUIDs of all F alone are normal."""
    fields: Mapping[str, str]
    """Everything, by flint's own names."""


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    ok: bool
    text: str
    """`OK`, or what is wrong with it."""

    @property
    def blank(self) -> bool:
        """Its sum was never set: the GUIDs of an image that mlxburn made, and the whole of a card that got one."""
        unset = self.text.startswith("BLANK CRC") or self.text.endswith("act:0xffff)")
        return unset and self.name in ("GUID", "Full Image")


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` found."""

    ok: bool
    failsafe: bool | None
    reason: str
    sections: tuple[Section, ...]

    @property
    def only_guids_blank(self) -> bool:
        """An image file as mlxburn makes it: whole, and without GUIDs and MACs, which a burn takes from the card."""
        return self.reason == "BLANK GUIDS" and all(section.ok or section.blank for section in self.sections)


@dataclass(frozen=True, slots=True)
class Progress:
    """The last line of progress: what was being done, how far it was."""

    phase: str
    percent: int
    """100 once flint printed OK."""


_SIGNED = Progress("Restoring signature", 100)
_PERCENTS = frozenset(str(n) for n in range(101))


@dataclass(frozen=True, slots=True)
class Burn:
    """What a `burn` printed."""

    old_version: str | None
    new_version: str | None
    prompts: tuple[Prompt, ...]
    psids: tuple[str, str] | None
    """On the flash, in the image, where flint warned that they differ."""
    started: bool
    """True: flash was written to; stopping now may leave it without a bootable image."""
    done: bool
    """True: written and signed; in force after a cold restart."""


def messages(text: str) -> Messages:
    """The marked messages of any mstflint tool, also where it printed two on one line."""
    found = [m for line in tool_lines(text) for m in _MESSAGE.findall(line)]
    by_mark = {mark: tuple(body.strip() for m, body in found if m == mark) for mark in "EWI"}
    return Messages(by_mark["E"], by_mark["W"], by_mark["I"])


def problem(text: str) -> Problem | None:
    """What the error in the output means; None: no error in it."""
    errors = " ".join(messages(text).errors)
    if not errors:
        return None
    return next((kind for kind, pattern in _PROBLEMS if pattern.search(errors)), Problem.OTHER)


def query(text: str) -> Query | None:
    """What is on the flash or in the file; None: flint could not read it (ask `problem` why)."""
    fields = _fields(tool_lines(text))
    if "Image type" not in fields:
        return None
    guids = _identifiers(fields, ("GUIDs", "Base GUID"), 16)
    macs = _identifiers(fields, ("MACs", "Base MAC"), 12)
    blank = any("not set" in warning for warning in messages(text).warnings)
    device = fields.get("Device ID", "")
    return Query(
        image_type=fields["Image type"],
        fw_version=fields.get("FW Version"),
        running_version=fields.get("FW Version(Running)"),
        release_date=fields.get("FW Release Date"),
        product_version=fields.get("Product Version"),
        roms=tuple(filter(None, fields.get("Rom Info", "").split("\n"))),
        device_id=int(device) if device.isdecimal() and len(device) < 6 else None,
        guids=guids,
        macs=macs,
        vsd=fields.get("VSD", fields.get("Image VSD", "")),
        psid=fields.get("PSID") or None,
        identity_set=not blank and any(mac.strip("f") and mac.strip("0") for mac in macs),
        fields=fields,
    )


def verify(text: str) -> Verified | None:
    """What `verify` found; None: it came to no result (ask `problem` why)."""
    lines = tool_lines(text)
    whole = "\n".join(lines)
    good = "FW image verification succeeded" in whole
    bad = _VERIFY_FAILED.search(whole)
    if not good and not bad:
        return None
    sections = tuple(_section(m) for line in lines if (m := _SECTION.match(line)))
    known = "failsafe image" in whole
    return Verified(
        ok=good and not bad and all(section.ok or section.blank for section in sections),
        failsafe="non failsafe image" not in whole if known else None,
        reason=bad[1].strip(" .") if bad else "",
        sections=sections,
    )


def progress(text: str) -> Progress | None:
    """How far a burn got by its last progress line; None: it printed none."""
    steps = _steps(tool_lines(text))
    return steps[-1] if steps else None


def burn(text: str) -> Burn:
    """What a burn printed, finished or not."""
    lines = tool_lines(text)
    whole = "\n".join(lines)
    fields = _fields([line.strip() for line in lines])
    steps = _steps(lines)
    psids = _NEW_PSID.search(whole)
    return Burn(
        old_version=fields.get("Current FW version on flash"),
        new_version=fields.get("New FW version"),
        prompts=tuple(prompt for prompt, sentence in _PROMPTS if sentence in whole),
        psids=(psids[1], psids[2]) if psids else None,
        started=any(step.phase.startswith("Burning") for step in steps) or "Flash write failed" in whole,
        done=_SIGNED in steps and not messages(text).errors,
    )


def questions(text: str) -> tuple[Prompt, ...] | None:
    """What one question of a burn, with the text before it, asks; None: something this version does not know.

    Nothing that is not understood to the last line may be answered with yes.
    """
    lines = [line.strip() for line in tool_lines(text)]
    if _QUESTION not in text:
        return None
    asked = tuple(prompt for prompt, sentence in _PROMPTS if sentence in text)
    strange = [
        line
        for line in lines
        if line
        and not _KNOWN_TEXT.match(line)
        and not _IDENTIFIER_ROW.match(line)
        and not any(sentence in line for _, sentence in _PROMPTS)
    ]
    return asked if asked and not strange else None


def new_psids(text: str) -> tuple[str, str] | None:
    """(on the flash, in the image) where flint asks about a change of the PSID."""
    found = _NEW_PSID.search("\n".join(tool_lines(text)))
    return (found[1], found[2]) if found else None


def new_identifiers(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """GUIDs and MACs (hexadecimal, in flint's order) that a question says are about to be set."""
    rows = [m for line in tool_lines(text) if (m := _IDENTIFIER_ROW.match(line))]
    return (
        tuple(m["new"] for m in rows if m["kind"] == "GUID"),
        tuple(m["new"] for m in rows if m["kind"] == "MAC"),
    )


def _fields(lines: list[str]) -> dict[str, str]:
    """Fields by name; a value that goes on in the next lines (several ROMs) keeps its line ends."""
    fields: dict[str, str] = {}
    last = ""
    for line in lines:
        if found := _FIELD.match(line):
            last = found[1]
            fields[last] = (found[2] or "").strip()
        elif last and (more := _MORE.match(line)):
            fields[last] = f"{fields[last]}\n{more[1].strip()}"
    return fields


def _identifiers(fields: Mapping[str, str], names: tuple[str, ...], digits: int) -> tuple[str, ...]:
    text = next((fields[name] for name in names if name in fields), "")
    return tuple(word.lower() for word in _IDENTIFIERS.findall(text) if len(word) == digits)


def _section(found: re.Match[str]) -> Section:
    result = found["rest"].partition(" - ")[2].strip()
    return Section(found["name"], result == "OK", result)


def _steps(lines: list[str]) -> list[Progress]:
    """Lines such as `Burning FS2 FW image without signatures -  42%` and `... - OK`."""
    parts = [line.rpartition(" - ") for line in lines if not _SECTION.match(line)]
    percents = ((phase.strip(), _percent(tail.strip())) for phase, _, tail in parts)
    return [Progress(phase, percent) for phase, percent in percents if phase and percent is not None]


def _percent(tail: str) -> int | None:
    if tail == "OK":
        return 100
    digits = tail.removesuffix("%")
    return int(digits) if digits != tail and digits in _PERCENTS else None
