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


def test_ocsf_has_an_event_for_each_record_and_what_was_handed_on(run, sample_file, tmp_path):
    target = tmp_path / "acme.ocsf"
    ran = run("export", sample_file, "-o", target, "--ocsf")
    assert (ran.code, ran.out) == (0, f"{target}\n")
    with Store(shutil.copy(sample_file, tmp_path / "copy.duckdb")) as store:
        count = sum(store.engine.value(f"SELECT count(*) FROM {log}") for log in ("issuance", "usage", "revocation"))
    events = [json.loads(line) for line in target.read_text().splitlines()]
    assert len(events) == count
    below = {event["delegation"]["parent_uid"] for event in events if "parent_uid" in event.get("delegation", {})}
    assert below & {event["delegation"]["uid"] for event in events if "delegation" in event}


def test_ocsf_and_parquet_at_once_say_what_to_leave_out(run, sample_file, tmp_path):
    ran = run("export", sample_file, "-o", tmp_path / "lake", "--ocsf", "--parquet")
    assert ran.code == 2
    assert "Leave one of the two out." in ran.err
