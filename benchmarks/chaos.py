"""A job on virtual benches that is cancelled, killed, or whose runner is "rebooted", at random points.

    .venv/bin/python benchmarks/chaos.py [--rounds 100] [--benches 2] [--units 3] [--places]

The benches stand by themselves, as real ones do: their twins are this program's, not the job's; their supplies are
asked over SCPI, and their mains switches over HTTP, what is on. With `--places` they are places of a coordinator, which
is asked who holds them. In turn a job is

- `cancel`: its controller gets SIGTERM, as a runner cancels;
- `kill`: controller and workers get SIGKILL at once; guardians and keepers are left, as a runner leaves them;
- `reboot`: those are killed too. Nobody is left then to switch anything off but the next job, whose first act it is,
  or `rig places free` at the runner's start: every second time it is this, every other the next job. What stayed on
  until then is counted and told, and is not held against the rig;
- `orphan`: the controller alone gets SIGKILL; its workers have to find out by themselves.

A job that nobody disturbs is measured first. One point in five lies anywhere between the batch's begin and that of its
first unit, the others anywhere from there to the batch's end (`over`: it had ended before; this machine is less busy
than it was, and the points are chosen closer). `start`, `unit`, `between` and `end` say what the records were like.
After each: no output on, no test host with mains, no place held and no trace of a job on disk, no lock held, every file
of the journal whole, nothing that was told missing in it; and the same call with --resume ends the batch, every unit
judged once and good. Exit code 1 when something is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import signal
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from chaos_lab import stand
from chaos_round import OFF_S, SIGNS, Chaos, Round

KINDS = tuple(OFF_S)
OVER = "over"
START_SHARE = 0.2
"""Of the points lie before the first unit is begun."""


def line(number: int, one: Round) -> str:
    """One round, for people."""
    times = ", ".join(
        f"{what} {_s(t)}" for what, t in (("off", one.off_s), ("mains", one.mains_s), ("free", one.free_s))
    )
    left = f"{len(one.left_on)} outputs and {one.left_mains} mains on"
    said = "; ".join(one.wrong) or "good"
    return (
        f"{number:4} {one.kind:7} {one.after_s:5.1f} s after {one.sign} ({one.phase}), {left}; {times} by {one.by}; "
        f"{one.took_s:.0f} s: {said}"
    )


def summary(rounds: list[Round]) -> None:
    """A line a kind of end and who had to switch off: how many were good, and after how long all was off and free."""
    for kind, by in dict.fromkeys((r.kind, r.by) for kind in KINDS for r in rounds if r.kind == kind):
        those = [r for r in rounds if (r.kind, r.by) == (kind, by)]
        found = Counter(r.phase for r in those)
        at = ", ".join(f"{found[phase]} {phase}" for phase in ("start", "unit", "between", "end", OVER) if found[phase])
        was_on = f"outputs in {sum(bool(r.left_on) for r in those)}, mains in {sum(bool(r.left_mains) for r in those)}"
        times = (("outputs off", "off_s"), ("mains off", "mains_s"), ("nothing held", "free_s"))
        after = ", ".join(f"{what} after {_spread(getattr(r, name) for r in those)}" for what, name in times)
        good = sum(not r.wrong for r in those)
        print(f"{kind:7} {len(those):4} times ({at}): {good} good; on at that point: {was_on}; by {by} {after}")


def _spread(times: Iterable[float | None]) -> str:
    found = [t for t in times if t is not None]
    return f"median {statistics.median(found):.1f} s, at most {max(found):.1f} s" if found else "never"


def _s(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--benches", type=int, default=2)
    parser.add_argument("--units", type=int, default=3)
    parser.add_argument("--places", action="store_true", help="the benches are places of a coordinator")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="these alone, in turn")
    parser.add_argument("--keep", type=Path, help="folder for everything, which stays [default: a temporary one]")
    asked = parser.parse_args()
    # whatever ends this, its twins and its coordinator end with it
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chance = random.SystemRandom()
    rounds: list[Round] = []
    with contextlib.ExitStack() as stack:
        folder = asked.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rig-chaos-")))
        folder.mkdir(parents=True, exist_ok=True)
        lab = stand(stack, folder, asked.benches, places=asked.places)
        chaos = Chaos(folder, lab, asked.units)
        spans = dict(zip(SIGNS, chaos.undisturbed(folder / "out-0"), strict=True))
        print(f"undisturbed: {', '.join(f'{s:.1f} s from {sign} on' for sign, s in spans.items())}", flush=True)
        for n in range(1, asked.rounds + 1):
            kind = asked.kinds[(n - 1) % len(asked.kinds)]
            sign = SIGNS[0] if chance.random() < START_SHARE else SIGNS[1]
            by_hand = kind == "reboot" and sum(r.kind == kind for r in rounds) % 2 == 1
            after_s = chance.uniform(0.0, spans[sign])
            one = chaos.round(kind, sign, after_s, folder / f"out-{n}", by_hand=by_hand)
            rounds.append(one)
            print(line(n, one), flush=True)
            if one.phase == OVER:
                spans[sign] *= 0.8
    summary(rounds)
    wrong = sum(bool(r.wrong) for r in rounds)
    took = statistics.mean(r.took_s for r in rounds)
    print(f"{len(rounds)} rounds of {took:.0f} s: {'all good' if not wrong else f'{wrong} WRONG'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
