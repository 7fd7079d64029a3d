"""From what was judged, how far the unit came and its netlist to causes a person can act on. Pure."""

from rig.diagnose.case import Case
from rig.diagnose.rules import diagnose

__all__ = ["Case", "diagnose"]
