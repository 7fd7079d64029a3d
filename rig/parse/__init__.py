"""Text or bytes of one tool to values: pure, one module per tool, never a judgement.

What is not there is None or empty; nothing here raises on garbage, except ParseError where a whole document
is unusable (JSON that is not JSON).
"""

from __future__ import annotations


class ParseError(ValueError):
    """A document as a whole cannot be read; its text says which and what is wrong with it."""
