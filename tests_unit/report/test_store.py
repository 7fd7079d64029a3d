import contextlib
from typing import ClassVar

import fsspec
import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from report_journals import row, write_batch, write_run

from rig.errors import UsageError
from rig.report import store


@pytest.fixture
def results(tmp_path):
    write_batch(tmp_path / "in" / "b")
    write_run(tmp_path / "in" / "b" / "run-1", [row("link", "x", 1.5, "A"), row("link", "y", None, verdict="NOT_RUN")])
    return tmp_path / "in"


def test_a_folder_becomes_a_dataset_by_date_that_pandas_reads_back(tmp_path, results):
    [file], rows = store.send(results, str(tmp_path / "lake"))
    assert rows == 2
    back = pd.read_parquet(tmp_path / "lake")
    assert list(back["date"].astype(str).unique()) == ["2026-11-23"]
    assert back["value"].isna().sum() == 1
    assert back["virtual"].all()
    assert "/date=2026-11-23/" in file


def test_writing_again_replaces_the_batch_and_leaves_other_peoples_alone(tmp_path, results):
    store.send(results, str(tmp_path / "lake"))
    other = tmp_path / "lake" / "date=2026-11-23" / "other-bench.parquet"
    other.write_bytes((next((tmp_path / "lake").rglob("*.parquet"))).read_bytes())
    write_run(results / "b" / "run-2", [row("link", "x", 2.5, "A")])
    store.send(results, str(tmp_path / "lake"))
    assert len(pd.read_parquet(tmp_path / "lake")) == 2 + 3


def test_two_batches_of_one_name_on_two_benches_do_not_overwrite_each_other(tmp_path, results):
    write_run(results / "c" / "run-1", [row("link", "x", 9.0)], bench="another")
    files, _ = store.send(results, str(tmp_path / "lake"))
    assert len(set(files)) == 2
    assert set(pd.read_parquet(tmp_path / "lake")["bench"]) == {"virtual", "another"}


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
def test_a_suffix_asks_for_one_file_in_any_store(results, suffix):
    url = f"memory://rig-store-test/{suffix}/all.{suffix}"
    assert store.send(results, url) == ([url], 2)
    with fsspec.open(url) as file:
        back = getattr(pd, f"read_{suffix}")(file)
    assert list(back["name"]) == ["x", "y"]


def test_no_message_repeats_a_secret(results, monkeypatch):
    monkeypatch.setenv("STORE_SECRET_KEY", "hunter2-hunter2")

    def broken(*args, **kwargs):
        raise PermissionError("denied for hunter2-hunter2 with sesame99 at http://me:sesame99@host/x?sig=abcdefgh")

    monkeypatch.setattr(store, "_dataset", broken)
    with pytest.raises(UsageError) as e:
        store.send(results, "memory://me:sesame99@host/x?sig=abcdefgh")
    assert "denied for ***" in str(e.value)
    assert not any(secret in str(e.value) for secret in ("hunter2", "sesame99", "abcdefgh"))
    assert e.value.__suppress_context__


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense://x/y", "cannot be opened"),
        ("file:///dev/null/x.csv", "cannot be written"),
        ("adl-not-installed://x", "cannot be opened"),
    ],
)
def test_a_store_that_cannot_be_is_one_sentence(results, url, said):
    with pytest.raises(UsageError, match=said):
        store.send(results, url)


def test_a_store_without_its_package_names_the_package(results, monkeypatch):
    def missing(url):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(UsageError, match=r"s3://bucket/x: s3:// needs s3fs: install it as docs/export.md says$"):
        store.send(results, "s3://me:sesame99@bucket/x")


class Bucket(MemoryFileSystem):
    """An object store: what is made in it as a folder would be a bucket."""

    cachable = False
    made: ClassVar[list[str]] = []

    def makedirs(self, path, exist_ok=False):
        self.made.append(path)

    def mkdir(self, path, create_parents=True, **kwargs):
        self.made.append(path)

    create_dir = mkdir


@pytest.mark.parametrize("url", ["s3://bucket/rig", "s3://bucket/x/all.parquet"])
def test_no_bucket_is_made_where_a_name_is_mistyped(results, monkeypatch, url):
    monkeypatch.setattr(Bucket, "made", [])
    monkeypatch.setattr("fsspec.core.url_to_fs", lambda url: (Bucket(), url.removeprefix("s3://")))
    with contextlib.suppress(UsageError):  # memory wants a folder first, a store does not
        store.send(results, url)
    assert Bucket.made == []
