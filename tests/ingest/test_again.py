"""A file of which nothing was understood is read again: a better mapping, or the right loader, mends it in the same store."""

import pytest

from grantlens.store import Store

GOOD, WRONG = '"at"', '"when"'
MAPPING = """
name = "desk"

[[usage]]
used_at = {{ path = {path} }}
event_id = {{ path = "id" }}
outcome = {{ constant = "success" }}
client_id = {{ path = "app" }}
"""
RECORDS = "".join(f'{{"id": "e{n}", "at": "2026-07-01T10:00:0{n}Z", "app": "desk"}}\n' for n in range(3))


@pytest.fixture
def load(tmp_path):
    from grantlens.loaders.mapped import mapping as read

    def again(store, log, path):
        file = tmp_path / "desk.toml"
        file.write_text(MAPPING.format(path=path))
        return store.load(log, loader=read(file))

    return again


def test_a_better_mapping_reads_what_another_one_could_not(tmp_path, load):
    log = tmp_path / "desk.ndjson"
    log.write_text(RECORDS)
    with Store(tmp_path / "store.duckdb") as store:
        assert load(store, log, WRONG).total("rejected") == 3
        assert load(store, log, WRONG).total("rejected") == 3
        assert store.engine.rows("SELECT count(*), (SELECT count(*) FROM rejected) FROM batch") == [(1, 3)]
        report = load(store, log, GOOD)
        assert (report.total("usage"), report.total("rejected")) == (3, 0)
        assert store.engine.rows("SELECT count(*), (SELECT count(*) FROM rejected) FROM batch") == [(1, 0)]
        assert store.verify() == []
        assert load(store, log, GOOD).batches[0]["note"].startswith("already loaded")
        assert store.engine.value("SELECT count(*) FROM usage") == 3


def test_a_file_of_which_a_row_was_kept_is_not_read_again(tmp_path, load):
    log = tmp_path / "desk.ndjson"
    log.write_text(RECORDS + '{"id": "e9", "when": "2026-07-01T10:00:09Z", "app": "desk"}\n')
    with Store(tmp_path / "store.duckdb") as store:
        assert load(store, log, GOOD).total("rejected") == 1
        assert load(store, log, WRONG).batches[0]["note"].startswith("already loaded")
