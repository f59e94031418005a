"""What goes out comes in again."""

import json

import pytest

from grantlens.errors import GrantlensError
from grantlens.holdings.export import write_ndjson, write_parquet
from grantlens.schema import LOGS
from grantlens.store import Store

RECORDS = [
    {
        "log": "issuance",
        "issued_at": "2026-07-01T08:00:00.123456Z",
        "kind": "token",
        "outcome": "success",
        "token_id": "t1",
        "grant_id": "g1",
        "client_id": 'a "quoted" \u202e name',
        "scopes": ["mail.read", "mail.send"],
        "actor_chain": [],
        "authorization_details": [{"type": "payment", "limit": 3}],
        "event_id": "i1",
        "source": "acme-idp",
        "tenant": "acme",
    },
    {
        "log": "issuance",
        "issued_at": "2026-07-01T08:30:00Z",
        "kind": "refresh",
        "outcome": "denied",
        "denial_reason": "reuse",
        "event_id": "i2",
        "source": "acme-idp",
        "tenant": "acme",
    },
    {
        "log": "usage",
        "used_at": "2026-07-01T09:00:00Z",
        "outcome": "success",
        "status": 204,
        "token_id": "t1",
        "client_id": '=HYPERLINK("http://x")',
        "method": "GET",
        "target": "/v1/mail/1",
        "resource_server": "mail",
        "event_id": "u1",
        "response_bytes": 12,
        "validation": "cached",
    },
    {
        "log": "usage",
        "used_at": "2026-07-01T09:00:01Z",
        "outcome": "denied",
        "denial_reason": "token",
        "token_id": "t1",
        "client_id": "c'; DROP TABLE usage; --",
        "operation": "tools/call",
        "resource_server": "mcp",
        "event_id": "u2",
    },
    {
        "log": "revocation",
        "revoked_at": "2026-07-01T10:00:00Z",
        "kind": "revoke",
        "outcome": "success",
        "target_kind": "token",
        "token_id": "t1",
        "scopes_removed": None,
        "event_id": "r1",
    },
]


@pytest.fixture
def loaded(tmp_path, store):
    path = tmp_path / "in.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    report = store.load(path)
    assert not report.failed
    assert report.total("rejected") == 0
    return store


def content(store):
    """Every row of every log, without what depends on the file it came from."""
    return {
        log: sorted(
            store.sql(f"SELECT * EXCLUDE (batch_id, line_no), $log AS log FROM {log}", log=log)
            .drop_columns(["usage_id", "caller_id", "target_id"] if log == "usage" else [])
            .to_pylist(),
            key=repr,
        )
        for log in LOGS
    }


@pytest.mark.parametrize("ending", ["ndjson", "ndjson.gz", "ndjson.zst", "parquet"])
def test_a_load_round_trips(loaded, tmp_path, ending):
    if ending == "parquet":
        paths = write_parquet(loaded.engine, tmp_path / "lake")
        assert [path.name for path in paths] == ["issuance.parquet", "usage.parquet", "revocation.parquet"]
    else:
        paths = write_ndjson(loaded.engine, tmp_path / f"out.{ending}")
    with Store(tmp_path / "again.duckdb") as again:
        report = again.load(*paths)
        assert not report.failed
        assert report.total("rejected") == 0
        assert content(again) == content(loaded)
        assert [len(rows) for rows in content(again).values()] == [2, 2, 1]


def test_loading_an_export_into_its_own_store_changes_nothing(loaded, tmp_path):
    before = content(loaded)
    report = loaded.load(*write_ndjson(loaded.engine, tmp_path / "out.ndjson"))
    assert report.total("duplicates") == len(RECORDS)
    assert content(loaded) == before


def test_the_same_store_gives_the_same_bytes(loaded, tmp_path):
    one, other = (write_ndjson(loaded.engine, tmp_path / name)[0].read_bytes() for name in ("a.ndjson", "b.ndjson"))
    assert one == other


@pytest.mark.parametrize("write", [write_ndjson, write_parquet])
def test_a_link_and_the_permissions_of_a_file_stay(loaded, tmp_path, write):
    """Who had closed the file to others found it open to them, and a link had become a file of its own."""
    kept, home = tmp_path / "kept", tmp_path / "lake"
    kept.touch(mode=0o600)
    home.mkdir()
    link = home / ("issuance.parquet" if write is write_parquet else "out.ndjson")
    link.symlink_to(kept)
    assert write(loaded.engine, home if write is write_parquet else link)[0] == link
    assert link.is_symlink()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.stat().st_size
    assert [path.name for path in home.iterdir() if path.name.startswith(".")] == []


def test_nothing_is_left_of_an_export_that_failed(loaded, tmp_path):
    (tmp_path / "folder.ndjson").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_ndjson(loaded.engine, tmp_path / "folder.ndjson")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("write", "name"), [(write_ndjson, "out.txt"), (write_ndjson, "no/out.ndjson"), (write_parquet, "no/way/lake")]
)
def test_a_place_that_cannot_be_is_refused(loaded, tmp_path, write, name):
    with pytest.raises(GrantlensError) as caught:
        write(loaded.engine, tmp_path / name)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("write", "name"), [(write_ndjson, "a.ndjson"), (write_parquet, "lake"), (write_parquet, "new")]
)
def test_a_folder_that_may_not_be_written_to_is_named(loaded, tmp_path, monkeypatch, write, name):
    (tmp_path / "lake").mkdir()
    wanted = tmp_path / "lake" if name == "lake" else tmp_path
    monkeypatch.setattr("os.access", lambda path, mode: path != wanted)
    with pytest.raises(GrantlensError, match=f"The folder {wanted} may not be written to."):
        write(loaded.engine, tmp_path / name)
