"""What the firmware step needs beyond a bench: images, backups, and where both lie."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rig.config.bench import BenchOptions
from rig.config.library import project_root
from rig.config.plan import PlanFile
from rig.errors import UsageError
from rig.vault import Backup, Vault, load

_MOST_BYTES = 16 << 20


def load_images(plan: PlanFile, plan_path: Path) -> tuple[bytes, ...]:
    """The plan's images; UsageError when one is not there or is not the one that was authorised."""
    return tuple(_image(plan_path, image.file, image.sha256) for image in plan.firmware.images)


def read_image(path: Path) -> bytes:
    """An image file; UsageError when it cannot be read, is empty or is larger than any card's flash."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as e:
        raise UsageError(f"firmware image {path}: cannot be read: {e.strerror}") from e
    if not 0 < len(data) <= _MOST_BYTES:
        raise UsageError(f"firmware image {path}: {len(data)} bytes; expected 1 to {_MOST_BYTES}")
    return data


def _image(plan_path: Path, name: str, sha256: str) -> bytes:
    path = plan_path.parent / name
    try:
        data = read_image(path)
    except UsageError as e:
        raise UsageError(f"{plan_path}: {e}") from e
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise UsageError(
            f"{plan_path}: firmware image {path}: its SHA-256 is {found}, the plan authorises {sha256}; nothing is "
            "burned that was not authorised"
        )
    return data


def load_backup(plan: PlanFile, plan_path: Path) -> Backup | None:
    """The backup that the plan restores; UsageError when it is none or is damaged."""
    return load(plan_path.parent / plan.firmware.restore) if plan.firmware.restore is not None else None


def vault(bench_path: Path, options: BenchOptions) -> Vault:
    """The backups of a bench: where its file says, else below the project's results."""
    where = options.firmware.vault
    return Vault(
        (bench_path.parent / where).resolve() if where is not None else project_root() / "results" / "firmware"
    )


def bench_key(bench_path: Path) -> str:
    """The name under which a burn on a bench of this machine is on record."""
    return str(bench_path.resolve())


def place_key(place: str) -> str:
    """The name under which a burn on a place is on record: its file may be another on each runner, or name only tags.

    Without the coordinator, whose address is another from each machine.
    """
    return f"place {place}"
