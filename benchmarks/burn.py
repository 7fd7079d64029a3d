"""How long a burn takes as the rig does it (detached, followed, answered) against mstflint typed at the shell.

    .venv/bin/python benchmarks/burn.py [ROUNDS]

Both on the same virtual card, in turn, in one run; prints seconds and the ratio of the medians.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from rig.bench.load import Bench, open_bench
from rig.bench.plugs import plug_in
from rig.config.library import project_root
from rig.model import AdapterUnit, CardUnit, Unit
from rig.plugin.twin_process import TwinProcess
from rig.steps.firmware import burn, transfer
from rig.steps.firmware.authority import Answers, Authority
from rig.steps.firmware.job import MAKE_ROOT, ROOT, Job
from rig.steps.firmware.tools import Tools
from rig.twin.connectx3 import image

UNIT = Unit(AdapterUnit("TobleMiner-revA", "A-1"), CardUnit("544FLR-QSFP-649282", "C-1"))
TOOLS = Tools("mstflint", "mstflint", "mstconfig", "0000:01:00.0")
DEADLINE_S = 300.0
FILES = [f"{ROOT}/{n}.bin" for n in (0, 1)]


def bare(bench: Bench, file: str) -> float:
    """mstflint as a person types it."""
    start = time.monotonic()
    reply = bench.host.run(TOOLS.flint("-y", "-i", file, "burn"), timeout_s=DEADLINE_S)
    assert reply.code == 0 and "Restoring signature" in reply.text, reply.text
    return time.monotonic() - start


def as_the_rig_does(bench: Bench, file: str) -> float:
    """The same burn through the rig's job."""
    start = time.monotonic()
    job = Job.start(bench.host, "benchmark", TOOLS.flint("-i", file, "burn"))
    allowed = Answers(Authority("benchmark", frozenset({"older version", "same version"})))
    ended = job.follow(allowed, burn.progress(lambda text: None), DEADLINE_S)
    assert ended.code == 0, ended.text
    return time.monotonic() - start


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        # as slow as a real part: 0.7 ms a page, 0.5 s a sector
        (state / "twin.yaml").write_text("cards: {C-1: {firmware: ib, flash: {page_s: 0.0007, erase_s: 0.5}}}")
        with closing(TwinProcess(state / "twin.yaml", state)) as twin:
            plugged = plug_in(project_root() / "configs/benches/virtual.yaml", twin.plugs, state / "bench.yaml")
            with closing(open_bench(plugged, state)) as bench:
                bench.strategy.transition("off")
                bench.operator.insert(UNIT, bare=False)
                bench.strategy.transition("shell")
                bench.host.run(MAKE_ROOT)
                for n, file in enumerate(FILES):
                    transfer.put(bench.host, image.build("ib", version=(2, 42, 5010 + n)), file)
                times = [(bare(bench, FILES[n % 2]), as_the_rig_does(bench, FILES[(n + 1) % 2])) for n in range(rounds)]
    for one, other in times:
        print(f"bare {one:6.2f} s   rig {other:6.2f} s   ratio {other / one:.3f}")
    ratio = statistics.median(r for _, r in times) / statistics.median(b for b, _ in times)
    print(f"ratio of the medians of {rounds}: {ratio:.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
