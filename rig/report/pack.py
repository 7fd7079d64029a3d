"""A finished run's samples from JSON lines to Parquet."""

from __future__ import annotations

from pathlib import Path


def pack_power(run_dir: Path) -> None:
    """`power.jsonl` becomes `power.parquet`, whole or not at all; nothing to do where there is none."""
    source = run_dir / "power.jsonl"
    if not source.is_file():
        return
    from rig.report.frames import power

    temporary = run_dir / "power.parquet.new"
    power(run_dir).to_parquet(temporary, index=False)
    temporary.replace(run_dir / "power.parquet")
    source.unlink()
