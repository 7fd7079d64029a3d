"""Benches as places of a labgrid coordinator: found by tags, leased for one job, freed whatever becomes of it.

labgrid places have no expiry (Ref: labgrid 26.0.1, `remote/coordinator.py`): one stays acquired when its user dies. The
rig therefore keeps a small process beside every job, the keeper, that holds the place for it and outlives it.
"""
