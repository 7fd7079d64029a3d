"""From what was judged, how far the unit came and its netlist to causes a person can act on. Pure."""

from rig.diagnose.case import Case
from rig.diagnose.hypotheses import Hypotheses
from rig.diagnose.priors import History
from rig.diagnose.rules import diagnose

__all__ = ["Case", "History", "Hypotheses", "diagnose"]
