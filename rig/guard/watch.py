"""What stays beside a job and acts once that is gone: `python -m rig.guard.watch MODULE ARGUMENT...`.

Standard input is a pipe from the job; it ends with the job, however that ends. A job that ends in good order kills this
process first. Of the bench nothing is imported: beside a job that lives it is to cost next to nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from rig.guard.outlive import deaf


def main(program: Sequence[str]) -> None:
    """Wait for the job's end, then become the module in `program`, with its arguments."""
    deaf()
    sys.stdin.buffer.read()
    os.execv(sys.executable, [sys.executable, "-m", *program])


if __name__ == "__main__":
    main(sys.argv[1:])
