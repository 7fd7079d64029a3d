"""Firmware backups, kept for ever, and the record of a burn that has not ended.

`ROOT/<card serial>/<GUID or MAC>-<date>-<SHA-256>/` holds one backup: `flash.bin` and what was known with it, and
`backup.json`. `ROOT/burning/<card serial>.json` says that a burn is in progress: it is there before the first write to
a flash and goes when the flash is known to be good. No backup is ever overwritten.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rig.errors import BenchError, UsageError
from rig.model import AdapterUnit, CardUnit, Unit
from rig.record import iso, safe_name, sync_folder, unit_row, write_whole

SCHEMA = 1
FLASH, INI, QUERY, VPD, MANIFEST = "flash.bin", "config.ini", "query.txt", "vpd.bin", "backup.json"
IN_PROGRESS, UNKNOWN = "burn in progress", "unknown flash state"
_MOST_BYTES = 64 << 20
_NOT_OURS = (ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""What JSON that another program wrote, or a disk tore, raises on its way to a record."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a card is, and must be again after a restore."""

    psid: str
    device_id: int
    """As flint prints it: 4099."""
    version: str
    guids: tuple[str, ...]
    """16 hexadecimal digits each: node, port 1, port 2, system image."""
    macs: tuple[str, ...]
    """12 hexadecimal digits each."""
    vsd: str = ""

    @property
    def base_guid(self) -> str | None:
        """What `-guid` takes; None: the card has none (all F: an Ethernet-only card)."""
        return next((g for g in self.guids[:1] if g.strip("f") and g.strip("0")), None)

    @property
    def base_mac(self) -> str | None:
        return next((m for m in self.macs[:1] if m.strip("f") and m.strip("0")), None)

    def same_card(self, other: Identity) -> bool:
        """Whether GUIDs and MACs are the same ones; PSID and version may differ."""
        return (self.guids, self.macs) == (other.guids, other.macs)


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup on disk, its SHA-256 checked when it was loaded."""

    folder: Path
    unit: Unit
    bench: str
    virtual: bool
    identity: Identity
    sha256: str
    size: int
    taken: str
    failsafe: bool | None

    @property
    def flash(self) -> bytes:
        """The image, read from disk and checked again; UsageError when it is not what was kept."""
        data = _read_bounded(self.folder / FLASH)
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise UsageError(f"{self.folder / FLASH}: damaged: its SHA-256 is not the one of {MANIFEST}; use another")
        return data


@dataclass(frozen=True, slots=True)
class Burning:
    """A burn that has begun: all that the next run needs to find out what came of it."""

    bench: str
    """Its place, or the bench file, resolved."""
    unit: Unit
    backup: str
    """Folder of the backup to go back to."""
    image_sha256: str
    psid: str
    """What the card has when the burn succeeds."""
    job: str
    """Folder of the burn on the test host."""
    run: str
    """Folder of the run that began it."""
    guardian: str | None
    """Socket of the guardian that keeps the power on."""
    twin_state: str | None
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    state: str = IN_PROGRESS


class Vault:
    """The folder of all backups; made at the first use."""

    def __init__(self, root: Path) -> None:
        self.root = root

    # --- backups ----------------------------------------------------------------------------------------------

    def keep(
        self,
        unit: Unit,
        identity: Identity,
        files: Mapping[str, bytes],
        *,
        bench: str,
        virtual: bool,
        failsafe: bool | None,
    ) -> Backup:
        """Write a backup, whole or not at all, and read it back; one that is there already is not written again.

        `files` must hold FLASH. BenchError when the disk does not keep what was written.
        """
        sha256 = hashlib.sha256(files[FLASH]).hexdigest()
        for known in self.of_card(unit.card.serial):
            if known.sha256 == sha256 and known.virtual == virtual:
                return known
        now = datetime.now(UTC)
        name = f"{identity.base_guid or identity.base_mac or 'blank'}-{now:%Y%m%dT%H%M%S}-{sha256[:16]}"
        folder = self.root / safe_name(unit.card.serial) / name
        row = {
            "schema": SCHEMA, "taken": iso(now.timestamp()), "bench": bench, "virtual": virtual, "sha256": sha256,
            "size": len(files[FLASH]), "failsafe": failsafe, "identity": asdict(identity), "unit": unit_row(unit),
        }  # fmt: skip
        _write_folder(folder, {**files, MANIFEST: json.dumps(row, indent=1).encode()})
        kept = load(folder)
        if kept.flash != files[FLASH]:
            raise BenchError(f"{folder}: the disk does not return what was written; nothing is burned without a backup")
        return kept

    def of_card(self, serial: str) -> tuple[Backup, ...]:
        """Every backup of a card that can be read, the oldest first."""
        return tuple(sorted(self._readable(serial), key=lambda b: b.taken))

    def _readable(self, serial: str) -> Iterator[Backup]:
        for manifest in (self.root / safe_name(serial)).glob(f"*/{MANIFEST}"):
            with contextlib.suppress(UsageError):
                backup = load(manifest.parent)
                # two serials may have the same safe name
                if backup.unit.card.serial == serial:
                    yield backup

    # --- a burn in progress -----------------------------------------------------------------------------------

    def begin(self, burning: Burning) -> None:
        """Say on disk that a burn is in progress; BenchError when that cannot be written: then nothing is burned."""
        path = self._record(burning.unit.card.serial)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_synced(path, json.dumps(_burning_row(burning), indent=1).encode())
        except OSError as e:
            raise BenchError(f"{path}: the record of the burn cannot be written: {e.strerror}; free the disk") from e

    def update(self, burning: Burning, state: str) -> Burning:
        """Change what the record says of the flash."""
        changed = replace(burning, state=state)
        self.begin(changed)
        return changed

    def end(self, serial: str) -> None:
        """The flash of this card is known to be good: the record goes."""
        self._record(serial).unlink(missing_ok=True)

    def unfinished(self, serial: str) -> Burning | None:
        """The burn of this card that never ended, on whatever bench; UsageError when its record cannot be read."""
        path = self._record(serial)
        return _burning(path) if path.exists() else None

    def on_bench(self, *names: str) -> tuple[Burning, ...]:
        """Burns that may still be in progress on the bench of these names; UsageError when a record cannot be read."""
        return tuple(b for b in self._records() if b.bench in names and b.state == IN_PROGRESS)

    def _records(self) -> Iterator[Burning]:
        yield from (_burning(path) for path in sorted((self.root / "burning").glob("*.json")))

    def _record(self, serial: str) -> Path:
        digest = hashlib.sha256(serial.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        return self.root / "burning" / f"{safe_name(serial)}-{digest}.json"


def load(folder: Path) -> Backup:
    """The backup in a folder; UsageError when it is none, or its flash image is damaged."""
    path = folder / MANIFEST
    try:
        row = json.loads(_read_bounded(path))
        backup = Backup(
            folder, _unit(row["unit"]), str(row["bench"]), bool(row["virtual"]), _identity(row["identity"]),
            str(row["sha256"]), int(row["size"]), str(row["taken"]), row["failsafe"],
        )  # fmt: skip
    except _NOT_OURS as e:
        raise UsageError(f"{path}: this is no backup of the rig: {type(e).__name__}: {e}") from e
    if len(backup.flash) != backup.size:
        raise UsageError(f"{folder / FLASH}: {len(backup.flash)} bytes, the backup had {backup.size}; use another")
    return backup


def _burning(path: Path) -> Burning:
    try:
        row = json.loads(_read_bounded(path))
        return Burning(**{**row, "unit": _unit(row["unit"])})
    except _NOT_OURS as e:
        raise UsageError(
            f"{path}: the record of a burn that did not end cannot be read ({type(e).__name__}: {e}); "
            "look at the card with 'rig firmware show', then remove this file"
        ) from e


def _burning_row(burning: Burning) -> dict[str, object]:
    plain = {f.name: getattr(burning, f.name) for f in fields(burning)}
    return {**plain, "unit": unit_row(burning.unit)}


def _identity(row: Mapping[str, Any]) -> Identity:
    return Identity(**{**row, "guids": tuple(row["guids"]), "macs": tuple(row["macs"])})


def _unit(row: Mapping[str, Any]) -> Unit:
    adapter = row["adapter"]
    return Unit(
        AdapterUnit(
            adapter["design"], adapter["serial"], MappingProxyType(dict(adapter["jumpers"])), tuple(adapter["mods"])
        ),
        CardUnit(**row["card"]),
    )


def _read_bounded(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as e:
        raise UsageError(f"{path}: cannot be read: {e.strerror}") from e
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{path}: more than {_MOST_BYTES >> 20} MiB; that is no firmware of a network card")
    return data


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Every file on disk, then the folder under its name: a power cut leaves all or nothing."""
    fresh = folder.with_name(f".new-{os.getpid()}-{folder.name}")
    try:
        fresh.mkdir(parents=True)
        for name, data in files.items():
            _write_synced(fresh / safe_name(name), data)
        if folder.exists():
            raise BenchError(f"{folder}: is there already, and a backup is never overwritten; try again in a second")
        fresh.rename(folder)
        sync_folder(folder.parent)
    except OSError as e:
        raise BenchError(f"{folder}: the backup cannot be written: {e.strerror}; free the disk, then run again") from e
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _write_synced(path: Path, data: bytes) -> None:
    write_whole(path, data)
    sync_folder(path.parent)
