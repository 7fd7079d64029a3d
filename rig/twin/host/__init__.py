"""The twin's test host in processes: a real shell behind a serial console, a model's card in its /sys."""

from rig.twin.host.host import ProcessHost

__all__ = ["ProcessHost"]
