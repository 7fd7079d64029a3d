"""What the README shows, called as a newcomer would."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from rig.config.library import project_root

pytestmark = pytest.mark.timeout(300)
ROOT = project_root()
RIG = [sys.executable, "-m", "rig"]
DEADLINE_S = 240


def readme_calls():
    """The `./run ...` lines of the README's sh blocks, comments dropped."""
    text = (ROOT / "README.md").read_text()
    found = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in found if line.startswith("./run ")]


def test_every_command_the_readme_shows_works(tmp_path):
    """In a copy of nothing but the working folder: results go below it, files come from the checkout."""
    calls = [c for c in readme_calls() if c[0] not in ("demo", "test")]
    assert len(calls) >= 5
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    for call in calls:
        if call[0] == "batch":
            call = [*call, "--out", str(tmp_path / "results")]
        result = subprocess.run(
            [*RIG, *call], capture_output=True, text=True, timeout=DEADLINE_S, cwd=tmp_path, check=False
        )
        assert result.returncode == 0, (call, result.stdout, result.stderr)
    assert (tmp_path / "all.csv").exists()
    (snippet,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    shown = subprocess.run(
        [sys.executable, "-c", snippet], capture_output=True, text=True, timeout=DEADLINE_S, cwd=tmp_path, check=False
    )
    assert shown.returncode == 0, shown.stderr
    assert "560FLR-SFP+" in shown.stdout
    assert Path(tmp_path / "results" / "report.html").exists()
