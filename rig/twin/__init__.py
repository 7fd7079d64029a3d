"""The virtual bench: the plugs of a real one, and a model behind them.

It speaks the wire; the rig reads the wire. Nothing of the rig's parsers, judgement or drivers is used here.
"""
