"""The supply's guardian: a small process of its own that owns the session to the bench supply.

`client` is what the rest of the rig uses and imports no instrument library; the rest runs in the process.
"""
