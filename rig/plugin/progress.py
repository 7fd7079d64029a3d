"""What a batch is doing, one line a step, on standard error; no text in it drives the terminal."""

from __future__ import annotations

import time

from rich.console import Console
from rich.text import Text

_COLOURS = {"PASS": "green", "MARGINAL": "yellow", "FAIL": "red", "ERROR": "magenta", "NOT_RUN": "cyan"}


class Progress:
    """One line a step on standard error; each begins with `bench` where several benches tell."""

    def __init__(self, bench: str = "") -> None:
        self._begin = f"{_clean(bench)} | " if bench else ""
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._step, self._since = "", time.monotonic()

    def tell(self, about: str, text: str) -> None:
        clean = _clean(text)
        if about == "step":
            self._step, self._since = clean, time.monotonic()
        elif about == "verdict":
            line = f"    {self._step:<14} {clean:<9} {time.monotonic() - self._since:5.1f} s"
            self._print(line, _COLOURS.get(clean, ""))
        elif about == "outcome":
            self._print(f"  = {clean}", f"bold {_COLOURS.get(clean.split(' ')[0], '')}")
        else:
            self._print(f"{'' if about == 'bench' else '  ! ' if about == 'error' else ''}{clean}")

    def _print(self, line: str, style: str = "") -> None:
        self._console.print(Text(self._begin + line, style=style))


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
