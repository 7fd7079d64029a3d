"""EDIT, BUILD and VERIFY-IMAGE: an image is brought to the test host and proven there before a flash is touched.

Ref: domain notes on firmware, section 2; mstflint(1) -i verify, query.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from rig.errors import UsageError
from rig.parse import flint, ini
from rig.ports import HostPort, ImageBuilderPort
from rig.steps.firmware import transfer
from rig.steps.firmware.identity import QUERY_S
from rig.steps.firmware.job import MAKE_ROOT, ROOT
from rig.steps.firmware.refused import Refused
from rig.steps.firmware.tools import Tools

_TYPE = "FS2"
_SAID = 300


@dataclass(frozen=True, slots=True)
class Image:
    """An image on the test host that verifies and is made for the card's chip."""

    path: str
    sha256: str
    psid: str
    version: str
    query: flint.Query


def check(host: HostPort, tools: Tools, data: bytes, device_id: int) -> Image:
    """Bring the image to the test host and prove it there; Refused names what is wrong with it."""
    digest = hashlib.sha256(data).hexdigest()
    path = f"{ROOT}/{digest[:16]}.bin"
    host.run(MAKE_ROOT)
    transfer.put(host, data, path)
    text = host.run(tools.image(path, "verify"), QUERY_S).text
    found = flint.verify(text)
    if found is None or not (found.ok or found.only_guids_blank):
        said = found.reason if found else "; ".join(flint.messages(text).errors) or text.strip()[-_SAID:]
        raise Refused(f"the image {digest[:12]} does not verify: {said}")
    seen = flint.query(host.run(tools.image(path, "query"), QUERY_S).text)
    if seen is None or seen.psid is None or seen.fw_version is None:
        raise Refused(f"the image {digest[:12]} does not say what it is: no PSID or version in it")
    if (seen.image_type, seen.device_id) != (_TYPE, device_id):
        raise Refused(
            f"the image {digest[:12]} is a {seen.image_type} for device {seen.device_id}, the card is a {_TYPE} with "
            f"device {device_id}"
        )
    return Image(path, digest, seen.psid, seen.fw_version, seen)


def built(builder: ImageBuilderPort | None, text: str) -> tuple[bytes, str]:
    """An Ethernet image made from the card's own INI, and the INI; Refused where that cannot be."""
    if builder is None:
        raise Refused("cannot build here: the bench file names no mlxburn (firmware.mlxburn, firmware.mlx)")
    try:
        edited = ini.with_ethernet(text)
    except ValueError as e:
        raise Refused(f"the card's own INI cannot be edited: {e}") from e
    wanted = {f"hca.{key}" for key in ini.ETHERNET}
    if strange := set(ini.changes(text, edited)) - wanted:
        raise Refused(f"editing the INI would change {', '.join(sorted(strange))} too")
    try:
        return builder.build(edited), edited
    except UsageError as e:
        raise Refused(str(e)) from e
