"""`setpci` read-outs: one hexadecimal number a line.

Ref: pciutils setpci.c (`%02x`, `%04x`, `%08x` by the width asked; complaints begin with `setpci: `).
"""

from __future__ import annotations

import re

from rig.parse.text import tool_output

_NUMBER = re.compile(r"[0-9a-f]{2}(?:[0-9a-f]{2}(?:[0-9a-f]{4})?)?\Z")


def values(text: str, count: int) -> tuple[int, ...] | None:
    """The numbers, in the order they were asked for; None: not exactly `count` of them."""
    words = [line.strip() for line in tool_output(text).splitlines() if line.strip()]
    if len(words) != count or not all(_NUMBER.match(word) for word in words):
        return None
    return tuple(int(word, 16) for word in words)
