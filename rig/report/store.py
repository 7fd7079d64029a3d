"""Judgements to any directory or object store that fsspec knows: one file, or a dataset partitioned by date.

Credentials are the business of each store's own library, which takes them from the environment; no message repeats
an address with its user part or query, or a secret of the environment.

Ref: https://filesystem-spec.readthedocs.io; pyarrow.dataset.write_dataset.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import pandas as pd

from rig.errors import RigError, UsageError
from rig.record import safe_name
from rig.report import frames, journal
from rig.report.journal import RunLog
from rig.report.schema import Start

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_FILES = (".parquet", ".csv", ".json")
_PACKAGES = {
    "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "abfss": "adlfs",
    "sftp": "paramiko", "ssh": "paramiko", "smb": "smbprotocol",
}  # fmt: skip
"""What fsspec needs beside itself, by the scheme of the address."""
_BUCKETS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"})
"""Stores without folders: to make one there makes a bucket, and a mistyped name would be somebody's bill."""
_SECRET_NAMES = ("KEY", "SECRET", "TOKEN", "PASSWORD", "CREDENTIAL", "SIGNATURE")
_SHORTEST_SECRET = 6
"""Shorter values are words that occur in any sentence."""


def shown(url: str) -> str:
    """The address without user part, query and fragment, fit to be printed."""
    parts = urlsplit(url)
    if not parts.scheme:
        return url
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def send(folder: Path, url: str) -> tuple[list[str], int]:
    """Write every judgement below `folder` to `url`; the files written (fit to print) and the number of rows.

    A name that ends in .parquet, .csv or .json is one file; any other is a dataset, `date=YYYY-MM-DD/` with a Parquet
    file a batch, which writing again replaces and which leaves all other files alone. UsageError when it cannot be.
    """
    fs, path = _opened(url)
    stored = journal.read(folder)
    found = frames.judged(stored)
    if found.empty:
        raise UsageError(f"{folder}: nothing was judged in it")
    suffix = PurePosixPath(path).suffix.lower()
    folders = urlsplit(url).scheme not in _BUCKETS
    with _Told(url, "written"):
        if folders:
            fs.makedirs(str(PurePosixPath(path).parent) if suffix in _FILES else path, exist_ok=True)
        if suffix in _FILES:
            names = _one_file(fs, path, suffix, found)
        else:
            names = _dataset(fs, path, stored.runs, found, folders=folders)
    root = shown(url).removesuffix("/")
    return [root if name == path else f"{root}/{name.removeprefix(path).strip('/')}" for name in names], len(found)


def _opened(url: str) -> tuple[AbstractFileSystem, str]:
    import fsspec.core

    scheme = urlsplit(url).scheme
    with _Told(url, "opened"):
        try:
            fs, path = fsspec.core.url_to_fs(url)
        except ImportError:
            package = _PACKAGES.get(scheme, "a package that fsspec's documentation names")
            raise UsageError(f"{shown(url)}: {scheme}:// needs {package}: install it as docs/export.md says") from None
    return fs, str(path)


class _Told:
    """What a store's library raises inside becomes one sentence; its own text, which may hold secrets, is dropped."""

    def __init__(self, url: str, asked: str) -> None:
        self._url, self._asked = url, asked

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, RigError):
            raise UsageError(f"{shown(self._url)}: cannot be {self._asked}: {_reason(error, self._url)}") from None


def _one_file(fs: AbstractFileSystem, path: str, suffix: str, found: pd.DataFrame) -> list[str]:
    with fs.open(path, "wb") as file:
        if suffix == ".parquet":
            _plain(found).to_parquet(file, index=False)
        elif suffix == ".csv":
            file.write(found.to_csv(index=False).encode())
        else:
            text = found.to_json(orient="records", date_format="iso", date_unit="us", force_ascii=False, indent=1)
            file.write(text.encode())
    return [path]


def _dataset(
    fs: AbstractFileSystem, path: str, runs: Sequence[RunLog], found: pd.DataFrame, *, folders: bool
) -> list[str]:
    import pyarrow as pa
    from pyarrow import dataset

    written: list[str] = []
    for stem, rows in _batches(runs, found):
        dataset.write_dataset(
            pa.Table.from_pandas(_plain(rows), preserve_index=False),
            path,
            filesystem=fs,
            format="parquet",
            partitioning=["date"],
            partitioning_flavor="hive",
            basename_template=f"{stem}-{{i}}.parquet",
            # the other batches of the day are other people's
            existing_data_behavior="overwrite_or_ignore",
            create_dir=folders,
            file_visitor=lambda file: written.append(str(file.path)),
        )
    return sorted(written)


def _batches(runs: Sequence[RunLog], found: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each batch with the day on which it began (UTC), and a name that only it has."""
    first: dict[tuple[str, str], Start] = {}
    for run in runs:  # oldest first
        first.setdefault((run.start.bench, run.start.batch_id), run.start)
    of_run = {(r.start.bench, r.start.run, r.start.started_s): (r.start.bench, r.start.batch_id) for r in runs}
    names = {(bench, run): batch for (bench, run, _), batch in of_run.items()}
    keys = pd.Series([names[(b, r)] for b, r in zip(found["bench"], found["run"], strict=True)], index=found.index)
    for key, start in first.items():
        rows = found[keys == key]
        day = pd.Timestamp(start.started_s, unit="s", tz="UTC").date().isoformat()
        digest = hashlib.sha256(repr((*key, start.virtual, start.run, start.started_s)).encode()).hexdigest()[:12]
        yield f"{safe_name(key[1] or start.batch)}-{digest}", rows.assign(date=day)


def _plain(found: pd.DataFrame) -> pd.DataFrame:
    """Without `attrs`: what could not be read names this machine's folders, and pandas would store it."""
    plain = found.copy()
    plain.attrs = {}
    return plain


def _reason(error: Exception, url: str) -> str:
    """What a library said, its first line, without anything secret."""
    if isinstance(error, NotImplementedError):
        return "such an address can be read, not written; name a folder or an object store"
    said = str(getattr(error, "strerror", None) or error).strip().splitlines()
    text = f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text.replace(url, shown(url))


def _secrets(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    found: list[Any] = [parts.password, parts.username, parts.query]
    found += [v for k, v in os.environ.items() if any(word in k.upper() for word in _SECRET_NAMES)]
    yield from (text for text in found if isinstance(text, str) and len(text) >= _SHORTEST_SECRET)
