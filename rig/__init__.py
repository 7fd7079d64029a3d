"""Hardware-in-the-loop rig for FlexibleLOM adapters and the cards in them."""

__version__ = "0.1.0"
