from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cx3_lab import SMALL, Lab, MakeLab, lab, missing, write_images

from rig.twin.connectx3.image import build


@pytest.fixture(scope="session")
def _possible() -> str:
    return missing()


@pytest.fixture
def make_lab(tmp_path: Path, _possible: str) -> Iterator[MakeLab]:
    """Labs with a card that was programmed with `variant` (None: blank) and started."""
    if _possible:
        pytest.skip(_possible)
    with ExitStack() as labs:

        def make(variant: str | None = "ib", *, size: int = SMALL, **how: object) -> Lab:
            it = labs.enter_context(lab(tmp_path / "lab", **how))
            if variant:
                it.chip.program(build(variant, size=size, pro=bool(how.get("pro"))))
            it.power_cycle()
            return it

        yield make


@pytest.fixture
def ib(make_lab: MakeLab) -> Lab:
    """An InfiniBand card, with images of every kind beside it."""
    it = make_lab("ib")
    write_images(it)
    return it
