"""BACKUP: the whole image twice, byte for byte the same, with all that belongs to it; before anything is burned.

Ref: domain notes on firmware, section 2; mstflint(1) ri, dc, verify.
"""

from __future__ import annotations

import hashlib

from rig.errors import BenchError, ReplyError
from rig.parse import flint
from rig.ports import HostPort
from rig.steps.firmware import transfer
from rig.steps.firmware.identity import QUERY_S, remedy, vital_product_data
from rig.steps.firmware.job import MAKE_ROOT, ROOT
from rig.steps.firmware.ports import Job, Ports
from rig.steps.firmware.refused import Refused
from rig.steps.firmware.report import Log
from rig.steps.firmware.tools import Tools
from rig.steps.pci import Located
from rig.vault import FLASH, INI, QUERY, VPD, Backup, Identity

VERIFY = "verify.txt"
_READ_S = 10 * QUERY_S


def read_back(host: HostPort, tools: Tools, name: str = "read") -> tuple[str, str]:
    """Read the image off the flash into a file of the test host: its path and SHA-256; ReplyError when it fails."""
    path = f"{ROOT}/{name}.bin"
    reply = host.run(f"{MAKE_ROOT} && rm -f {path}; {tools.flint('ri', path)}", _READ_S)
    digest = transfer.sha256(host, path)
    if reply.code != 0 or digest is None:
        raise ReplyError(
            "test host", tools.flint("ri", path), reply.text.strip()[-300:], remedy(flint.problem(reply.text))
        )
    return path, digest


def take(host: HostPort, tools: Tools, query_text: str, vpd: bytes) -> tuple[dict[str, bytes], bool | None]:
    """Files of a backup, and whether its image is failsafe; Refused when two reads differ or it does not verify."""
    path, first = read_back(host, tools, "first")
    _, second = read_back(host, tools, "second")
    if first != second:
        raise Refused(
            f"two reads of the flash differ (SHA-256 {first[:12]} and {second[:12]}): the link or the "
            "flash is not sound; nothing is burned on it"
        )
    check = host.run(tools.image(path, "verify"), _READ_S).text
    found = flint.verify(check)
    if found is None or not found.ok:
        reason = found.reason if found else check.strip()[-200:]
        raise Refused(f"what was read off the flash does not verify ({reason}); nothing is burned on it")
    # under the name that an image of this sum has there: to go back it need not pass the console again
    host.run(f"cp {path} {ROOT}/{first[:16]}.bin")
    flash = transfer.get(host, path)
    if hashlib.sha256(flash).hexdigest() != first:
        raise BenchError("test host: the backup changed on its way here; nothing is burned without a good one")
    files = {
        FLASH: flash,
        INI: ini(host, tools),
        QUERY: query_text.encode(errors="backslashreplace"),
        VERIFY: check.encode(errors="backslashreplace"),
        VPD: vpd,
    }
    return files, found.failsafe


def kept(ports: Ports, job: Job, found: Located, tools: Tools, identity: Identity, query_text: str, log: Log) -> Backup:
    """BACKUP into the vault, and where it lies as a row; Refused where this serial was another card before."""
    for earlier in ports.vault.of_card(job.unit.card.serial):
        if earlier.virtual == job.virtual and not earlier.identity.same_card(identity):
            raise Refused(
                f"card {job.unit.card.serial} had MACs {' '.join(earlier.identity.macs)} in {earlier.folder.name}, "
                f"this one has {' '.join(identity.macs)}: is its serial right? two cards must not share a backup"
            )
    ports.tell("backup")
    files, failsafe = take(ports.host, tools, query_text, vital_product_data(ports.host, found))
    backup = ports.vault.keep(job.unit, identity, files, bench=job.bench, virtual=job.virtual, failsafe=failsafe)
    log.row("firmware.backup", str(backup.folder), note=f"SHA-256 {backup.sha256}, {backup.size} bytes, read twice")
    log.row("firmware.backup.sha256", backup.sha256)
    ports.event("backup", folder=str(backup.folder), sha256=backup.sha256)
    return backup


def ini(host: HostPort, tools: Tools) -> bytes:
    """The image's own configuration; empty: it carries none."""
    path = f"{ROOT}/config.ini"
    reply = host.run(f"{MAKE_ROOT} && rm -f {path}; {tools.flint('dc', path)}", QUERY_S)
    return transfer.get(host, path) if reply.code == 0 else b""
