"""One module a step: ports and parts in, measurements and evidence out. Nothing is judged here."""
