"""CONFIG: the port type as a stored parameter of the card, LINK_TYPE_Px; nothing is flashed.

Ref: mstconfig(1); domain notes on firmware, section 2: needs firmware 2.31.5000, applies after a restart.
"""

from __future__ import annotations

from collections.abc import Mapping

from rig.parse import flint, mstconfig
from rig.ports import HostPort
from rig.steps.firmware.tools import Tools

ETHERNET = 2
QUERY_S = 120.0
"""The tool goes through configuration space, word by word."""


def stored(host: HostPort, tools: Tools) -> tuple[Mapping[int, int], str]:
    """Port to LINK_TYPE after the next restart (1 ib, 2 eth, 3 vpi), and the tool's text; empty: the card has none."""
    text = host.run(tools.config("query"), QUERY_S).text
    table = mstconfig.table(text)
    rows = table.settings if table else {}
    read = {n: mstconfig.number(rows[key].next_boot or "") for n in (1, 2) if (key := f"LINK_TYPE_P{n}") in rows}
    return {n: value for n, value in read.items() if value is not None}, text


def set_ethernet(host: HostPort, tools: Tools, ports: Mapping[int, int]) -> tuple[str, str]:
    """Store Ethernet for every one of these ports: empty or why not, and the tool's text; in force after a restart."""
    due = [n for n, value in ports.items() if value != ETHERNET]
    if not due:
        return "", ""
    wanted = [f"LINK_TYPE_P{n}={ETHERNET}" for n in due]
    # -y answers one question only: whether to apply what is on this very command line
    reply = host.run(tools.config("-y", "set", *wanted), QUERY_S)
    table = mstconfig.table(reply.text)
    if reply.code == 0 and table is not None and table.applied:
        return "", reply.text
    said = "; ".join(flint.messages(reply.text).errors) or reply.text.strip()[-200:]
    return f"LINK_TYPE could not be stored (exit {reply.code}): {said}", reply.text
