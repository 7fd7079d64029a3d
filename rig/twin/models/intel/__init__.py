"""What Intel's controllers from the 82575 to the X550 have in common."""
