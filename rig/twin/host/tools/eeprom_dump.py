"""`ethtool -e`: the NVM behind an interface, in the layouts of ethtool 6.1.

Ref: ethtool 6.1 ethtool.c (`do_geeprom`, `dump_hex`), tg3.c (`tg3_dump_eeprom`); Linux 6.1 bnx2x_ethtool.c
(`bnx2x_get_eeprom`: EAGAIN while the interface is down), bnxt_ethtool.c (`bnxt_get_eeprom`: a directory and its items,
never the whole). Raw output is not modelled: what a stand-in prints is text.
"""

from __future__ import annotations

from collections.abc import Sequence

from rig.twin.host.device import bdf_of
from rig.twin.host.tools.base import Answer, Context

_BAD = Answer(err="ethtool: bad command line argument(s)\nFor more information run ethtool -h\n", code=1)
_ROW = 16
_BY_THE_BYTE = "tg3"
_ONLY_UP = "bnx2x"
_IN_ITEMS = "bnxt_en"


def run(context: Context, words: Sequence[str]) -> Answer:
    """`ethtool -e IF [raw off] [offset N] [length N]`."""
    name, *options = words
    span = _span(options)
    if span is None:
        return _BAD
    netdev = context.kernel.netdevs.get(name)
    if netdev is None:
        reason = "Operation not supported" if name == "lo" else "No such device"
        return Answer(err=f"Cannot get driver information: {reason}\n", code=74)
    device = context.kernel.devices[bdf_of(netdev.port.function)]
    start, length = span
    content = device.nvm[start : None if length is None else start + length]
    if device.driver == _IN_ITEMS or (device.nvm and not content):
        return _refused("Invalid argument")
    if not content:
        return _refused("Operation not supported")
    if device.driver == _ONLY_UP and not netdev.port.admin_up:
        return _refused("Resource temporarily unavailable")
    return Answer(out=(_bytes if device.driver == _BY_THE_BYTE else _rows)(content, start))


def _span(options: Sequence[str]) -> tuple[int, int | None] | None:
    """Offset and length asked for; None: a wrong call."""
    given = dict(zip(options[::2], options[1::2], strict=False))
    if len(options) % 2 or given.keys() - {"raw", "offset", "length"} or given.get("raw", "off") != "off":
        return None
    try:
        numbers = {name: int(given[name], 0) for name in ("offset", "length") if name in given}
    except ValueError:
        return None
    return (numbers.get("offset", 0), numbers.get("length")) if min(numbers.values(), default=0) >= 0 else None


def _refused(reason: str) -> Answer:
    return Answer(err=f"Cannot get EEPROM data: {reason}\n", code=74)


def _rows(content: bytes, start: int) -> str:
    rows = [
        f"0x{start + at:04x}:\t\t" + content[at : at + _ROW].hex(" ") + " \n" for at in range(0, len(content), _ROW)
    ]
    return "Offset\t\tValues\n------\t\t------\n" + "".join(rows)


def _bytes(content: bytes, start: int) -> str:
    rows = [f"0x{start + at:08x}\t0x{byte:02x}\n" for at, byte in enumerate(content)]
    return "Address   \tData\n----------\t----\n" + "".join(rows)
