"""The journal as pandas frames and files."""

from __future__ import annotations

import operator
import subprocess
import sys
from json import loads
from pathlib import Path

import pandas as pd
import pytest
from report_journals import T0_S, cause, row, sampled, unit, write_run

import rig.report
from rig.errors import UsageError
from rig.report.frames import export, frame, power, runs

COLUMNS = [
    "run", "batch", "bench", "virtual", "adapter_design", "adapter_serial", "card_model", "card_serial", "step",
    "attempt", "name", "value", "unit", "low", "high", "verdict", "why", "time", "evidence",
    "error", "at_least", "text",
]  # fmt: skip
HOSTILE = 'a,"b"\n<script>\x1b[31m$x$ | ‮ \x00 עברית'


@pytest.fixture
def results(tmp_path: Path) -> Path:
    rows = [
        row("enumeration", "pcie.link.width", 8, "1", low=8.0, evidence="evidence/lspci.txt"),
        row("enumeration", "pcie.id", "14e4:168e", one_of=["14e4:168e"]),
        row("link", "port1.up", True, "1"),
        row("link", "port1.link.speed_bps", None, "bit/s", verdict="NOT_RUN", time_s=None),
        row("firmware", "firmware.version", HOSTILE, verdict=None),
    ]
    write_run(tmp_path / "results" / "day" / "run1", rows, **unit(adapter=HOSTILE))
    return tmp_path / "results"


def test_the_columns_are_these_in_this_order_and_text_is_last(results: Path) -> None:
    assert list(frame(results).columns) == COLUMNS


def test_an_empty_folder_gives_the_same_columns_and_types(results: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    empty = frame(tmp_path / "empty")
    assert empty.empty
    assert empty.dtypes.equals(frame(results).dtypes)


def test_numbers_are_numeric_and_texts_are_in_their_own_column(results: Path) -> None:
    df = frame(results).set_index("name")
    assert df["value"].dtype == "float64"
    assert df.loc["pcie.link.width", "value"] == 8 and pd.isna(df.loc["pcie.link.width", "text"])
    assert df.loc["pcie.id", "text"] == "14e4:168e" and pd.isna(df.loc["pcie.id", "value"])
    assert df.loc["port1.up", "value"] == 1 and df.loc["port1.up", "text"] == "true"
    assert df.loc["port1.link.speed_bps", ["value", "text"]].isna().all()


def test_a_row_that_was_not_judged_has_no_verdict(results: Path) -> None:
    verdicts = frame(results).set_index("name")["verdict"]
    assert pd.isna(verdicts["firmware.version"]) and verdicts["port1.link.speed_bps"] == "NOT_RUN"


def test_times_are_utc_and_missing_ones_stay_missing(results: Path) -> None:
    times = frame(results).set_index("name")["time"]
    assert times["pcie.id"] == pd.Timestamp(T0_S + 1, unit="s", tz="UTC")
    assert str(times.dtype) == "datetime64[us, UTC]"
    assert pd.isna(times["port1.link.speed_bps"])


def test_evidence_is_relative_to_the_folder_asked_for(results: Path) -> None:
    assert frame(results)["evidence"].iloc[0] == "day/run1/evidence/lspci.txt"
    assert frame(results / "day")["evidence"].iloc[0] == "run1/evidence/lspci.txt"


@pytest.mark.parametrize("name", ["../../secret", "/etc/hostname", "evidence/../../x", "a\0b"])
def test_evidence_outside_of_the_run_is_dropped(tmp_path: Path, name: str) -> None:
    write_run(tmp_path / "a", [row("link", "x", 1, evidence=name)])
    assert frame(tmp_path)["evidence"].tolist() == [""]


def test_a_number_too_large_for_a_float_is_kept_as_text(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [row("link", "x", 10**400)])
    df = frame(tmp_path)
    assert pd.isna(df["value"][0]) and df["text"][0] == str(10**400)


def test_problems_travel_with_the_frame(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [row("link", "x", 1)], crashed=True)
    assert frame(tmp_path).attrs["problems"] == ["a: crashed: no stop record"]


def test_a_missing_path_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        frame(tmp_path / "nowhere")
    with pytest.raises(UsageError):
        power(tmp_path / "nowhere")


def test_csv_parquet_and_json_give_the_frame_back(results: Path, tmp_path: Path) -> None:
    df = frame(results)
    csv, parquet, json = tmp_path / "x.csv", tmp_path / "x.parquet", tmp_path / "x.json"
    export(df, csv=csv, parquet=parquet, json=json)
    pd.testing.assert_frame_equal(pd.read_parquet(parquet), df)
    records = pd.DataFrame.from_records(loads(json.read_text(encoding="utf-8")))
    for back in (pd.read_csv(csv), records):
        assert list(back.columns) == COLUMNS
        assert back["value"].fillna(-1).tolist() == df["value"].fillna(-1).tolist()
        assert back["adapter_serial"].tolist() == df["adapter_serial"].tolist()
        assert pd.to_datetime(back["time"], utc=True)[0] == df["time"][0]


def test_an_empty_frame_can_be_exported(tmp_path: Path) -> None:
    export(frame(tmp_path), csv=tmp_path / "x.csv", parquet=tmp_path / "x.parquet", json=tmp_path / "x.json")
    assert (tmp_path / "x.csv").read_text().startswith("run,batch,bench")


def test_an_export_that_cannot_be_written_says_so(results: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        export(frame(results), csv=tmp_path / "no" / "such" / "x.csv")


def test_runs_have_verdict_cause_and_duration(tmp_path: Path) -> None:
    stop = {"verdict": "FAIL", "failed": ["pcie.link.width"], "causes": [cause()]}
    write_run(tmp_path / "a", [row("link", "x", 1)], stop=stop)
    write_run(tmp_path / "b", [row("link", "x", 1)], crashed=True, started_s=T0_S + 1)
    df = runs(tmp_path).set_index("run")
    assert df.loc["a", ["verdict", "failed", "cause"]].tolist() == ["FAIL", "pcie.link.width", "joint open, lane 4"]
    assert df.loc["a", "duration_s"] == 200 and not df.loc["a", "crashed"]
    assert df.loc["b", "verdict"] == "NOT_RUN" and df.loc["b", "crashed"] and pd.isna(df.loc["b", "duration_s"])
    assert df.loc["b", "note"] == "crashed: no stop record"


def test_power_is_read_from_the_log_and_a_torn_line_is_told(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", power=[*sampled(2), {"time_s": T0_S, "rails": {}, "mark": "idle"}])
    with (run / "power.jsonl").open("a") as f:
        f.write('{"time_s": 17954')
    df = power(run)
    assert len(df) == 40 and df["time_s"].is_monotonic_increasing
    assert "torn" in df.attrs["problems"][0]


def test_power_is_read_from_parquet_where_it_is(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", power=sampled(2))
    expected = power(run)
    expected.to_parquet(run / "power.parquet")
    (run / "power.jsonl").unlink()
    pd.testing.assert_frame_equal(power(run), expected)


def test_a_broken_parquet_falls_back_to_the_log(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", power=sampled(2))
    (run / "power.parquet").write_bytes(b"PAR1 and then the power went")
    df = power(run)
    assert len(df) == 40 and "power.parquet" in df.attrs["problems"][0]


def test_a_run_without_samples_has_an_empty_power_frame(tmp_path: Path) -> None:
    df = power(write_run(tmp_path / "a"))
    columns = ["time_s", "rail", "voltage_v", "current_a", "limiting", "power_w", "error_w", "gap_s"]
    assert df.empty and list(df.columns) == columns


def test_the_room_offers_the_frames_without_loading_pandas_first() -> None:
    code = "import sys, rig.report, rig.report.table; assert not {'pandas', 'matplotlib'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 0
    assert rig.report.frame is frame
    with pytest.raises(AttributeError):
        operator.attrgetter("fram")(rig.report)


def test_power_has_the_watts_their_error_and_the_gaps(tmp_path: Path) -> None:
    rails = {
        "12v": {"voltage_v": 12.0, "current_a": 0.5, "error_v": 0.1, "error_a": 0.01},
        "wall": {"voltage_v": 230.0, "current_a": 0.3, "power_w": 41.0, "error_w": 0.2},
        "3v3": {"voltage_v": 3.3, "current_a": 0.1},
    }
    df = power(write_run(tmp_path / "a", power=[{"time_s": T0_S, "rails": rails, "gap_s": 1.5}])).set_index("rail")
    assert df["power_w"].to_dict() == {"12v": 6.0, "wall": 41.0, "3v3": pytest.approx(0.33)}
    assert df.loc["12v", "error_w"] == pytest.approx(12.1 * 0.51 - 6.0)
    assert df.loc["wall", "error_w"] == 0.2
    assert pd.isna(df.loc["3v3", "error_w"])
    assert set(df["gap_s"]) == {1.5}


def test_power_written_before_readings_had_an_error_still_reads(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", power=sampled(2))
    old = power(run).drop(columns=["power_w", "error_w", "gap_s"])
    old.to_parquet(run / "power.parquet")
    df = power(run)
    assert df["power_w"].tolist() == pytest.approx((old["voltage_v"] * old["current_a"]).tolist())
    assert df["error_w"].isna().all()
