"""Intel's 1 Gb/s controllers 82575 to I350, as the Linux driver igb drives them."""
