"""Known incidents of delegated access, written as their logs would have looked, and loaded as anybody would load them."""

import csv
import json

import pytest

import grantlens as gl


@pytest.fixture
def replay(tmp_path):
    """Return a function that writes records to files, named `.ndjson` or `.csv`, and loads them into a store."""
    made = []

    def load(**logs):
        for name, records in logs.items():
            stem, _, kind = name.rpartition("_")
            with (tmp_path / f"{stem}.{kind}").open("w", newline="") as out:
                if kind == "csv":
                    rows = csv.DictWriter(out, list(records[0]), quoting=csv.QUOTE_ALL)
                    rows.writeheader()
                    rows.writerows(records)
                else:
                    out.writelines(json.dumps(record) + "\n" for record in records)
        made.append(gl.open(":memory:"))
        report = made[-1].load(tmp_path)
        assert not report.failed
        assert not made[-1].engine.value("SELECT count(*) FROM rejected")
        return made[-1]

    yield load
    for store in made:
        store.close()
