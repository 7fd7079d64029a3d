"""A picture that lives inside a page: small, and in the colours of the page.

matplotlib draws; its colours leave as CSS variables, so that dark mode and print need no second picture.
"""

from __future__ import annotations

import io
import re
from contextlib import ExitStack
from types import TracebackType

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from rig.report.text import visible

FONT_PT = 8
CHAR_PT = FONT_PT * 0.54
INK, FAINT, BAND = "#010001", "#020002", "#030003"
RAILS = ("#110011", "#120012", "#130013", "#140014")
_THEME = {
    INK: "var(--ink-2)", FAINT: "var(--line)", BAND: "var(--band)",
    **{color: f"var(--rail-{n})" for n, color in enumerate(RAILS, start=1)},
}  # fmt: skip
"""Stand-in colours, which matplotlib spells as they are, to the names in the page's style sheet."""
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))


class Drawing:
    """One picture; `name` makes its ids unique in the page (letters, digits, `-`). Draw inside its `with` block."""

    def __init__(self, name: str, width_pt: float, height_pt: float) -> None:
        self.name, self.width_pt, self.height_pt = name, width_pt, height_pt
        self.figure: Figure
        self._style = ExitStack()

    def __enter__(self) -> Drawing:
        style = mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": self.name, "font.size": FONT_PT})
        self._style.enter_context(style)
        self.figure = Figure(figsize=(self.width_pt / 72, self.height_pt / 72))
        FigureCanvasSVG(self.figure)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._style.close()

    def inline(self, sentence: str) -> Markup:
        """What was drawn as an element of a page; `sentence` says it to those who do not see it."""
        out = io.StringIO()
        self.figure.savefig(out, format="svg", transparent=True, metadata=_NO_METADATA)
        size = f"0 0 {self.width_pt:g} {self.height_pt:g}"
        tag = f'<svg class="trace" role="img" aria-label="{escape(visible(sentence))}" viewBox="{size}">'
        # matplotlib escaped its texts, the sentence is escaped here
        return Markup(re.sub(r"<svg[^>]*>", lambda _: tag, _bare(out.getvalue(), self.name), count=1))


def label(text: str, limit: int = 24) -> str:
    """`text` as matplotlib can measure it: what its font does not have is a warning per glyph."""
    return "".join(c if " " <= c <= "~" else "?" for c in text[:limit])


def _bare(drawn: str, name: str) -> str:
    """matplotlib's file without prolog and global style, with unique ids and short numbers."""
    body = drawn[drawn.index("<svg") :]
    body = re.sub(r"<style.*?</style>", "", body, count=1, flags=re.S)
    body = re.sub(r' d="[^"]*"', lambda m: " ".join(re.sub(r"(\.\d)\d+", r"\1", m[0]).split("\n")), body)
    body = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", body)
    body = re.sub(r"font-family: [^;\"]*", "font-family: inherit", body)
    return re.sub(r"(?<=: )#\d{6}", lambda m: _THEME.get(m[0], m[0]), body)
