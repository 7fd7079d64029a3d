"""Building a firmware image with MFT's mlxburn on the controller, for those who have it.

Ref: MFT User Manual 4.24, "mlxburn": `mlxburn -fw BASE.mlx -conf CARD.ini -wrimage OUT`; only the OEM edition has it.
"""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from pathlib import Path

from rig.errors import BenchError, DeadlineError, UsageError
from rig.ports import ImageBuilderPort

_DEADLINE_S = 300.0
_SAID = 400


class Mlxburn(ImageBuilderPort):
    """`command` is a command line, `mlx` the base firmware package."""

    def __init__(self, command: str, mlx: Path) -> None:
        self._command, self._mlx = shlex.split(command), mlx

    def build(self, ini: str) -> bytes:
        """The image; UsageError where the program or the base package is not there, BenchError when it fails."""
        if not self._mlx.is_file():
            raise UsageError(f"cannot build here: the base firmware {self._mlx} (firmware.mlx) is not there")
        with tempfile.TemporaryDirectory(prefix="rig-mlxburn-") as folder:
            conf, out = Path(folder, "card.ini"), Path(folder, "image.bin")
            conf.write_text(ini, encoding="utf-8", errors="surrogateescape")
            self._run(["-fw", str(self._mlx), "-conf", str(conf), "-wrimage", str(out)])
            if not out.is_file():
                raise BenchError(f"{self._command[0]}: ended well and wrote no image; run it by hand to see why")
            return out.read_bytes()

    def _run(self, arguments: list[str]) -> None:
        name = self._command[0]
        try:
            done = subprocess.run(
                [*self._command, *arguments],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=_DEADLINE_S,
                check=False,
            )
        except FileNotFoundError as e:
            raise UsageError(f"cannot build here: {name} (firmware.mlxburn) is not on this machine") from e
        except subprocess.TimeoutExpired as e:
            raise DeadlineError(name, "the image", _DEADLINE_S, "nothing") from e
        except OSError as e:
            raise UsageError(f"cannot build here: {name} (firmware.mlxburn) cannot be started: {e.strerror}") from e
        said = (done.stdout + done.stderr).decode(errors="backslashreplace")
        if done.returncode != 0 or "-E-" in said:
            raise BenchError(f"{name}: asked for an image, exit code {done.returncode}: {said.strip()[-_SAID:]}")
