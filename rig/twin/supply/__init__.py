"""The twin's bench supply: an instrument with its errors, the dialects it speaks, and a TCP socket."""
