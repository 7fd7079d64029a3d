"""The example in docs/card-models.md does what the page says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from card_driver import FakeBus

PAGE = Path(__file__).parents[3] / "docs" / "card-models.md"


def test_the_smallest_model_of_the_page_works_as_its_test_says(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    program = tmp_path / "example.py"
    program.write_text("\n".join(blocks), encoding="utf-8")
    ran = runpy.run_path(str(program), init_globals={"FakeBus": FakeBus})
    assert ran["bus"].interrupts == [0]
    ran["card"].write(0, ran["TARGET"], b"\xff\xff\xff\x7f")
    ran["card"].write(0, ran["DOORBELL"], b"\1\0\0\0")
    assert ran["bus"].interrupts == [0]
