"""A long text that the test host sent through `gzip -c | base64`, for a console that is slow and drops characters.

Ref: RFC 1952, a member ends with CRC-32 and length of its content: what unpacks is what was sent. RFC 4648, base64.
"""

from __future__ import annotations

import base64
import binascii
import zlib

from rig.parse.text import tool_lines

LIMIT = 64 << 20
"""Longest text that is unpacked: `ethtool -e` of an 8 MiB flash, one byte a line of 16 characters, is no longer."""
_GZIP = 16 + zlib.MAX_WBITS


def unpack(text: str, limit: int = LIMIT) -> str | None:
    """What was packed; None: not base64 of exactly one gzip member, damaged, or longer than `limit` bytes."""
    try:
        packed = base64.b64decode("".join("".join(tool_lines(text)).split()), validate=True)
        stream = zlib.decompressobj(_GZIP)
        content = stream.decompress(packed, limit)
    except (binascii.Error, ValueError, zlib.error):
        return None
    whole = stream.eof and not stream.unused_data
    return content.decode("utf-8", "backslashreplace") if whole else None
