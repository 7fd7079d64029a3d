"""A ConnectX-3's flash, firmware image and registers, as the real mstflint and mstconfig drive them."""
