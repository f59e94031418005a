"""`grantlens export`."""

import json
import shutil

from grantlens.store import Store


def test_export_round_trips(run, sample_file, tmp_path):
    ran = run("export", sample_file, "-o", tmp_path / "all.ndjson.gz")
    assert (ran.code, ran.out) == (0, f"{tmp_path / 'all.ndjson.gz'}\n")
    loaded = json.loads(run("load", tmp_path / "again.duckdb", tmp_path / "all.ndjson.gz", "--json").out)
    with Store(shutil.copy(sample_file, tmp_path / "copy.duckdb")) as store:
        counts = {log: store.engine.value(f"SELECT count(*) FROM {log}") for log in ("issuance", "usage", "revocation")}
    assert {log: loaded["batches"][0][log] for log in counts} == counts
    assert loaded["batches"][0]["rejected"] == 0
