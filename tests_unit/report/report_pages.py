"""What tests of pages share: a text that would act if it could, and the tags of a page."""

from __future__ import annotations

from html.parser import HTMLParser

HOSTILE = (
    "\"'><script>alert(1)</script></svg></pre></style><img src=x onerror=alert(1)>"
    "\x1b[31m\x00 $\\frac{$ \u202e | {{ 7*7 }}"
)
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Tags(HTMLParser):
    """Every tag with its attributes, and whether all were closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag
