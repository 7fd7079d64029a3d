"""What a serial console does to text, undone: line ends, escape sequences, kernel messages in between.

Ref: Linux Documentation/core-api/printk-formats and `print_prefix()` of kernel/printk/printk.c: the stamp is
`[%5lu.%06lu]`, with CONFIG_PRINTK_CALLER followed by `[%*s]` holding T<thread> or C<cpu>.
Ref: ECMA-48, control sequences (CSI) and operating system commands (OSC).
"""

from __future__ import annotations

import re

STAMP = r"(?:<\d{1,3}>)?\[ {0,12}(?P<time_s>\d{1,12}\.\d{6})\](?:\[ {0,8}[TC]\d{1,10}\])? ?"
"""A kernel message's time stamp."""

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|[@-Z\\^_=>])")
_LINE_END = re.compile(r"(?<!\r)\r+\n")
_KERNEL = re.compile(STAMP + r"[^\n]*(?:\n|\Z)")


def plain(text: str) -> str:
    """`text` without escape sequences and NULs, with `\\n` as its only line end (a lone `\\r` stays)."""
    return _LINE_END.sub("\n", _ESCAPE.sub("", text)).replace("\0", "")


def tool_output(text: str) -> str:
    """`plain` text without the kernel messages that the console mixed in, also in the middle of a line.

    The kernel ends its message with a line end but starts it wherever the cursor is, so cutting the message
    with its line end joins the two halves of the interrupted line. Needs printk time stamps.
    """
    return _KERNEL.sub("", plain(text))


def tool_lines(text: str) -> list[str]:
    """`tool_output` in lines; a lone `\\r`, as progress displays use it, ends a line too."""
    return tool_output(text).replace("\r", "\n").split("\n")


def blocks(head: re.Pattern[str], text: str) -> list[tuple[re.Match[str], str]]:
    """Each match of `head` with the text from its line's end up to the next match."""
    found = list(head.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    return [(match, text[match.end() + 1 : end]) for match, end in zip(found, ends[: len(found)], strict=True)]
