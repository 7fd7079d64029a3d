"""The twin's own way to say no."""

from __future__ import annotations

from rig.errors import RigError


class Refused(RigError):
    """What was asked would hurt somebody, or there is nothing to do it to; nothing changed."""
