"""What the tests of loaders share: load records by the real ingest, and read the rows back."""

import json
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

from grantlens.schema import META, TABLES

LOGS = ("issuance", "usage", "revocation")


@dataclass
class Loaded:
    """What came of one file: its batch and its rows, as dictionaries in the order of the file."""

    batch: dict
    rows: dict
    ignored: dict
    rejected: list

    def one(self, log):
        """Return the only row of a log."""
        (row,) = self.rows[log]
        return row

    def counts(self):
        """Return the counts of the batch that tests compare."""
        names = ("records", "issuance", "usage", "revocation", "ignored", "duplicates", "rejected")
        return {name: self.batch[name] for name in names if self.batch[name]}


_EMPTY = []
"""The store that the last `read` left: to open and close one is a fifth of it."""

_FILLED = [table.name for table in TABLES if table is not META]


@contextmanager
def empty_store():
    """Give a store that holds nothing, without views; what a test put in goes with it, and the whole store where one failed."""
    from grantlens.ingest.dictionary import DICTIONARIES
    from grantlens.store import Store

    with patch("grantlens.store.views_stand", return_value=True):
        store = _EMPTY.pop() if _EMPTY else Store(":memory:")
    yield store
    for table in _FILLED:
        store.engine.execute(f"TRUNCATE {table}")
    for dictionary in DICTIONARIES:
        store.engine.execute(f"DROP TABLE IF EXISTS temp.{dictionary.stored}")
    _EMPTY.append(store)


def read(path, loader=None, **settings) -> Loaded:
    """Load one file into an empty store and read everything back. Nothing reads coverage or clocks: they are not worked out."""
    from grantlens.loaders import Settings

    with patch("grantlens.ingest.coverage.refresh_coverage"), empty_store() as store:
        report = store.load(path, loader=loader, settings=Settings(**settings))
        assert not report.failed, report.failed
        (batch,) = report
        return read_back(store, batch)


def read_back(store, batch) -> Loaded:
    """Read everything back from a store that holds one file."""
    rows = {log: store.sql(f"SELECT * FROM {log} ORDER BY line_no, event_id").to_pylist() for log in LOGS}
    ignored = dict(store.engine.rows("SELECT reason, records FROM ignored ORDER BY reason"))
    rejected = store.sql("SELECT line_no, reason, excerpt FROM rejected ORDER BY line_no").to_pylist()
    return Loaded(batch, rows, ignored, rejected)


@pytest.fixture(scope="session")
def load():
    """Return a function that loads records (or the text of a file) and gives back what came of them."""

    def from_records(records, loader=None, **settings) -> Loaded:
        text = records if isinstance(records, str) else "".join(json.dumps(record) + "\n" for record in records)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "log.ndjson"
            path.write_text(text)
            return read(path, loader, **settings)

    return from_records


@pytest.fixture(scope="session")
def load_file():
    """Return a function that loads a file as it lies there."""
    return read


@pytest.fixture(scope="session")
def foreign_samples(shared):
    """Return (path, first records) of every real log, of whatever provider."""
    found = []
    for path in sorted((shared / "real-logs").rglob("*")):
        if path.suffix not in (".json", ".ndjson"):
            continue
        text = path.read_text()
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = []
            for line in text.splitlines():
                try:
                    value.append(json.loads(line))
                except json.JSONDecodeError:
                    continue
        if isinstance(value, dict):
            value = next((inner for inner in value.values() if isinstance(inner, list)), [value])
        found.append((path, [record for record in value if isinstance(record, dict)][:20]))
    return found


@pytest.fixture
def covered(tmp_path):
    """Return what loads files, each given as records, lines or text, and tells from when until when they show which log, whole or in part."""

    def of(*files, name="log.ndjson", loader=None, **settings):
        from grantlens.loaders import Settings

        paths = [tmp_path / f"{number}-{name}" for number in range(len(files))]
        for path, held in zip(paths, files, strict=True):
            lines = [held] if isinstance(held, str) else [r if isinstance(r, str) else json.dumps(r) for r in held]
            path.write_text("\n".join(lines) + "\n")
        with empty_store() as store:
            report = store.load(*paths, loader=loader, settings=Settings(**settings))
            assert not report.failed, report.failed
            return sorted(
                (row["log"], row["covered_from"], row["covered_until"], "in part" if row["in_part"] else "whole")
                for row in store.coverage()
                if not row["is_gap"]
            )

    return of


def whole(stretches):
    """Return the logs of which any stretch is whole, in their order."""
    return tuple(log for log in LOGS if any(each[0] == log and each[-1] == "whole" for each in stretches))
