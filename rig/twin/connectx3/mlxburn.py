"""MFT's mlxburn as far as making an image from a firmware file and an INI goes.

Ref: MFT user manual 4.x, "mlxburn - FW Image Generation and Burning".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rig.errors import UsageError
from rig.twin.connectx3 import ini
from rig.twin.connectx3.image import DEFAULT_VERSION, PSID_BYTES, Version, build
from rig.twin.connectx3.variants import device_id

_VERSION_LINE = re.compile(r"^\s*version\s*=\s*(\d{1,5})\.(\d{1,5})\.(\d{1,5})\s*$", re.MULTILINE)
_MOST_BYTES = 1 << 20


def generate(firmware: Path, configuration: Path, out: Path) -> Iterator[str]:
    """Write the image of the INI with the firmware's version and blank GUIDs; yields the lines mlxburn says meanwhile.

    UsageError, before anything is written, for a file that cannot be read or an INI of no card.
    """
    version = _version(_text(firmware))
    text = _text(configuration)
    settings = ini.parse(text)
    psid = ini.text(settings, "adapter", "psid")
    if not psid:
        raise UsageError(f"{configuration}: no PSID in section [ADAPTER]")
    if not (psid.isascii() and psid.isprintable() and len(psid) <= PSID_BYTES):
        raise UsageError(f"{configuration}: PSID {psid[:40]!r} is not 1 to {PSID_BYTES} plain characters")
    pro = ini.number(settings, "adapter", "adapter_dev_id", 0) == device_id(pro=True)
    yield "-I- Generating image ..."
    image = build(ini.personality(settings), version=version, pro=pro, ini=text, blank_guids=True)
    write(out, image)
    yield "-I- Image generation completed successfully."


def write(out: Path, image: bytes) -> None:
    """UsageError when the file cannot be written."""
    try:
        out.write_bytes(image)
    except OSError as e:
        raise UsageError(f"cannot write {out}: {e.strerror}") from e


def _version(text: str) -> Version:
    found = _VERSION_LINE.search(text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else DEFAULT_VERSION


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as e:
        raise UsageError(f"cannot read {path}: {e.strerror}") from e
    if len(raw) > _MOST_BYTES:
        raise UsageError(f"cannot read {path}: larger than {_MOST_BYTES} bytes")
    return raw.decode("utf-8", "replace")
