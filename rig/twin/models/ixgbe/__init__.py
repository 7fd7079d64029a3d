"""Intel's 10 Gb/s controllers 82599 and X540, as the Linux driver ixgbe drives them."""
