"""What the background sampler saw, as a measurement series for each rail and step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rig.report.ocptv.artifact import Stamped, of_step, timestamp

Point = tuple[float, float, float]
"""When (wall clock), watts, and seconds before it that nobody measured."""


def read(folder: Path) -> tuple[Mapping[str, Sequence[Point]], Sequence[str]]:
    """Rail to its samples, oldest first, of one run, and what could not be read."""
    from rig.report import frames

    df = frames.power(folder)
    known = df[df["power_w"].notna()]
    found = {
        str(rail): [
            (float(t), float(w), float(g) if g == g else 0.0)
            for t, w, g in zip(rows["time_s"], rows["power_w"], rows["gap_s"], strict=True)
        ]
        for rail, rows in known.groupby("rail")
    }
    return found, df.attrs["problems"]


def between(power: Mapping[str, Sequence[Point]], start_s: float, end_s: float) -> dict[str, list[Point]]:
    """The samples of a span of time; rails without any are left out."""
    found = {rail: [p for p in points if start_s <= p[0] <= end_s] for rail, points in power.items()}
    return {rail: points for rail, points in found.items() if points}


def series(step: str, power: Mapping[str, Sequence[Point]], *, virtual: bool) -> Iterator[Stamped]:
    """Start, elements and end of each rail's series, in watts."""
    for rail, points in power.items():
        name = f"{step}-{rail}"
        start: dict[str, Any] = {"name": f"rail.{rail}.power_w", "unit": "W", "measurementSeriesId": name}
        if virtual:
            start["metadata"] = {"virtual": True}
        yield of_step(points[0][0], step, "measurementSeriesStart", start)
        for index, (time_s, watts, gap_s) in enumerate(points):
            element = {"index": index, "value": watts, "timestamp": timestamp(time_s), "measurementSeriesId": name}
            if gap_s > 0:
                element["metadata"] = {"gap_s": gap_s}
            yield of_step(time_s, step, "measurementSeriesElement", element)
        end = {"measurementSeriesId": name, "totalCount": len(points)}
        yield of_step(points[-1][0], step, "measurementSeriesEnd", end)
