"""From what was asked on the command line to the benches of a batch: files, one virtual, places by tag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rig.bench.entries import entries
from rig.config.bench import TARGET, load_bench_file
from rig.config.library import project_root
from rig.errors import UsageError
from rig.plugin.order import Seat, bench_options

TAG = "tag:"
_MOST = 64
_TERMINAL = "OperatorTerminalDriver"


def seats(asked: Sequence[str], most: int | None, twin: Path | None = None) -> tuple[Seat, ...]:
    """Benches for `--bench` (files, or `tag:QUERY`), at most `most` of them, by distinct names.

    UsageError where a bench is named twice, a real one is to be had several times, or needs a person at this terminal.
    """
    if most is not None and not 1 <= most <= _MOST:
        raise UsageError(f"-n {most}: from 1 to {_MOST} benches work a batch")
    files = [file for text in asked for file in _files(text, most or 1)]
    if twice := [str(f) for f, times in Counter(f.resolve() for f in files).items() if times > 1]:
        raise UsageError(f"--bench {twice[0]}: this bench is named twice; a virtual one is had several times by -n")
    found = [seat for file in files for seat in _of_file(file, most if len(files) == 1 else 1, twin)]
    found = found[:most] if most is not None else found
    if len(found) > 1:
        _refuse_terminals(found)
    if twice := [name for name, times in Counter(s.name for s in found).items() if times > 1]:
        raise UsageError(
            f"--bench: two benches have the name {twice[0]!r} in their options; results must tell them apart"
        )
    return tuple(found)


def _files(text: str, most: int) -> list[Path]:
    """A file, or those of so many places at most, the free ones first."""
    if not text.startswith(TAG):
        return [Path(text)]
    from rig.bench.place.tags import benches

    # the numbers of its golden unit lie beside it: it must be the same for the next batch
    folder = project_root() / "results" / "places"
    places = sorted(benches(text.removeprefix(TAG)), key=lambda place: place.held != "free")
    return [place.bench_file(folder) for place in places[:most]]


def _of_file(path: Path, times: int | None, twin: Path | None) -> list[Seat]:
    options = bench_options(path)
    if twin is not None and options.twin is None:
        raise UsageError(f"{path}: this bench is real (no 'twin' in its options); --twin goes with a virtual one")
    played = twin if options.twin is None or twin is not None else (path.parent / options.twin).resolve()
    if times is None or times == 1:
        return [Seat(options.name, path, options, played)]
    if options.twin is None:
        raise UsageError(f"{path}: this bench is there once: name several with --bench, or 'tag:...', for -n {times}")
    return [Seat(f"{options.name}-{n}", path, options, played) for n in range(1, times + 1)]


def _refuse_terminals(found: Sequence[Seat]) -> None:
    for seat in found:
        _, tree = load_bench_file(seat.path)
        if any(e.cls == _TERMINAL for e in entries(tree["targets"][TARGET], "drivers")):
            raise UsageError(
                f"{seat.path}: this bench asks a person at the terminal, where several benches would ask at once; "
                "give it an OperatorPlugDriver, or take it alone"
            )
