"""Where a person finds the nets and pins of the bare-board check on a board."""

from __future__ import annotations

from rig.netlist import Board

_MOST = 3
"""Fingers named: any of a net will do."""
_SIDE = {"A": "solder side", "B": "component side"}
"""Ref: PCI Express CEM, card edge: side B is the component side; finger 1 is the one nearest to the bracket."""


def where(board: Board, point: str) -> str:
    """A net by its edge fingers and their side, a pin of the connector by its row and copper side."""
    if point in board.adapter.pins:
        pin = board.pin(point)
        return f"pin {point} of the FlexibleLOM connector (row {point[0]}, soldered on the {pin.side} copper)"
    fingers = [f for f in board.adapter.edge if board.net_of(f"edge:{f}") == point]
    if not fingers:
        return point
    side = "B" if any(f[0] == "B" for f in fingers) else "A"
    named = sorted((f for f in fingers if f[0] == side), key=lambda f: int(f[1:]))[:_MOST]
    return f"{point}, edge finger {' or '.join(named)} ({_SIDE[side]})"
