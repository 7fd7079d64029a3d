"""A limit as adapter, card and plan files write it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from rig.config.yamlfile import Section
from rig.model import Limit


class LimitSection(Section):
    """`{low: 10, marginal_low: 200, why: "..."}` or `{one_of: [bnx2x], why: "..."}`; a bound is inclusive."""

    why: Annotated[str, StringConstraints(min_length=1)]
    low: float | None = None
    high: float | None = None
    marginal_low: float | None = None
    marginal_high: float | None = None
    one_of: Annotated[list[str], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _holds_together(self) -> LimitSection:
        if self.one_of and not (self.marginal_low is None and self.marginal_high is None):
            raise ValueError("a limit is an interval or 'one_of', not both")
        self.to_limit()
        return self

    def to_limit(self) -> Limit:
        """The model's limit; a section that was validated always has one."""
        return Limit(self.why, self.low, self.high, self.marginal_low, self.marginal_high, tuple(self.one_of or ()))
