"""What a batch is doing, one line a step, on standard error; no text in it drives the terminal."""

from __future__ import annotations

import time

from rich.console import Console
from rich.text import Text

_COLOURS = {"PASS": "green", "MARGINAL": "yellow", "FAIL": "red", "ERROR": "magenta", "NOT_RUN": "cyan"}


class Progress:
    """One line a step on standard error."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._step, self._since = "", time.monotonic()

    def tell(self, about: str, text: str) -> None:
        clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
        if about == "step":
            self._step, self._since = clean, time.monotonic()
        elif about == "verdict":
            line = f"    {self._step:<14} {clean:<9} {time.monotonic() - self._since:5.1f} s"
            self._console.print(Text(line, style=_COLOURS.get(clean, "")))
        elif about == "outcome":
            self._console.print(Text(f"  = {clean}", style=f"bold {_COLOURS.get(clean.split(' ')[0], '')}"))
        else:
            self._console.print(Text(f"{'' if about == 'bench' else '  ! ' if about == 'error' else ''}{clean}"))
