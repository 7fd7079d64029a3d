"""IDENTIFY: what a ConnectX-3 card and its flash say they are.

Ref: mstflint(1) query and hw query; domain notes on firmware, section 2.
"""

from __future__ import annotations

import base64
import binascii

from rig.errors import ReplyError
from rig.parse import flint
from rig.ports import HostPort
from rig.steps.firmware.refused import Refused
from rig.steps.firmware.tools import Tools
from rig.steps.pci import DEVICES, Located
from rig.vault import Identity

WORKING = {"15b3:1003": 4099, "15b3:1007": 4103}
"""PCI id of a ConnectX-3 with firmware to the device id its images carry."""
RECOVERY = {"15b3:01f6": 4099, "15b3:01f8": 4103}
"""PCI id in flash recovery. Ref: pci.ids; mstflint's table of devices without firmware."""
QUERY_S = 60.0
"""Through the configuration gateway of a card in recovery a query takes seconds."""
_VPD_MOST = 32768


def in_recovery(found: Located) -> bool:
    """The chip waits for a tool: no firmware was loaded."""
    return found.ids[found.endpoint] in RECOVERY


def is_connectx3(found: Located) -> bool:
    """A card this package can flash."""
    return found.ids[found.endpoint] in WORKING | RECOVERY


def device_id(found: Located) -> int:
    """What an image for this card must carry."""
    return (WORKING | RECOVERY)[found.ids[found.endpoint]]


def query(host: HostPort, tools: Tools) -> tuple[flint.Query | None, str]:
    """What `query full` says of the flash, and its text; None: there is no image that can be read."""
    text = host.run(tools.flint("query", "full"), timeout_s=QUERY_S).text
    return flint.query(text), text


def identity(seen: flint.Query) -> Identity | None:
    """As the vault keeps it; None: something that every image has was not said."""
    if seen.psid is None or seen.device_id is None or seen.fw_version is None:
        return None
    return Identity(seen.psid, seen.device_id, seen.fw_version, seen.guids, seen.macs, seen.vsd)


def identify(host: HostPort, tools: Tools) -> tuple[Identity, flint.Query, str]:
    """Identity, query and its text of a card with readable firmware; Refused names what the tool said instead.

    ReplyError where that is the test host's doing: a shell that may not.
    """
    seen, text = query(host, tools)
    found = identity(seen) if seen else None
    if seen is not None and found is not None:
        return found, seen, text
    problem, asked, said = flint.problem(text), tools.flint("query", "full"), text.strip()[-300:]
    if problem is flint.Problem.NO_PERMISSION:
        raise ReplyError("test host", asked, said, remedy(problem))
    raise Refused(f"the flash cannot be read: {said}; {remedy(problem)}")


def verified(host: HostPort, tools: Tools) -> tuple[flint.Verified | None, str]:
    """What `verify` finds on the flash, and its text."""
    text = host.run(tools.flint("verify"), timeout_s=10 * QUERY_S).text
    return flint.verify(text), text


def vital_product_data(host: HostPort, found: Located) -> bytes:
    """The VPD as sysfs shows it; empty: the card has none, or the kernel cannot read it."""
    reply = host.run(f"head -c {_VPD_MOST} {DEVICES}/{found.endpoint}/vpd 2>/dev/null | base64")
    try:
        return base64.b64decode("".join(reply.text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


_REMEDIES = {
    flint.Problem.NO_DEVICE: "is the card there, is the shell root's, does kernel lockdown (secure boot) forbid it?",
    flint.Problem.NO_PERMISSION: "the shell must be root's, and the kernel not locked down (secure boot)",
    flint.Problem.SEMAPHORE: "another tool uses the flash, or one was killed: a cold restart frees it",
    flint.Problem.FLASH_STUCK: "the flash part is dead or its supply is: look at its solder joints",
    flint.Problem.FLASH_BAD: "the flash part is worn or damaged: replace it, or do without this card",
    flint.Problem.NO_FLASH: "a cold restart frees a part that hangs; if it stays, the part is dead",
    flint.Problem.TIMEOUT: "the chip does not answer: cold restart; if it stays, FLASH PRSNT (docs/firmware.md)",
    flint.Problem.BAD_IMAGE: "the flash holds no whole image: restore a backup with 'rig firmware restore'",
    flint.Problem.UNSUPPORTED: "this version of the tool does not know the card: mstflint 4.21 does",
}


def remedy(problem: flint.Problem | None) -> str:
    """What to do about an error of the tool."""
    return _REMEDIES.get(problem, "read the tool's words") if problem else "read the tool's words"
