"""The one way in which the firmware step says no."""


class Refused(Exception):
    """Nothing was written to the flash; the text says why not."""
