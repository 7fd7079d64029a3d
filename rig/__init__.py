"""Hardware-in-the-loop rig for FlexibleLOM adapters and the cards in them."""
