"""The native files hold canonical columns only, and only values of the closed vocabularies."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from grantlens.schema.issuance import ISSUANCE
from grantlens.schema.revocation import REVOCATION
from grantlens.schema.usage import USAGE
from grantlens.schema.vocabulary import ENUMS
from grantlens.simulate.native import lines

TABLES = {"issuance": ISSUANCE, "usage": USAGE, "revocation": REVOCATION}
BY_INGEST = {"source", "batch_id", "line_no", "event_id"}


@pytest.mark.parametrize("log", TABLES)
def test_columns_and_values_are_the_schemas(written, log):
    columns = {column.name: column for column in TABLES[log].columns}
    for row in written.as_logged[log]:
        assert set(row) - {"log"} <= set(columns)
        for column in columns.values():
            value = row.get(column.name)
            if column.required and column.name not in BY_INGEST:
                assert value is not None, f"{column.name} is required"
            if value is not None and column.type in ENUMS:
                assert value in ENUMS[column.type]
            if value is not None and column.type == "TIMESTAMPTZ":
                assert written.truth["logs_from"] <= row[column.name] or column.name in ("decided_at", "expires_at")
                assert datetime.fromisoformat(value).tzinfo is not None
            if value is not None:
                assert isinstance(value, list) == (column.type.endswith("[]") or column.name == "authorization_details")


def test_ids_of_events_are_unique(written):
    ids = Counter(row["event_id"] for rows in written.as_logged.values() for row in rows)
    assert max(ids.values()) == 1


def test_each_file_is_in_order_of_time(written):
    stamp = {"issuance": "issued_at", "usage": "used_at", "revocation": "revoked_at"}
    for log, rows in written.as_logged.items():
        times = [datetime.fromisoformat(row[stamp[log]]) for row in rows]
        assert times == sorted(times)


def test_null_is_left_out_and_the_empty_list_is_kept():
    row = {"issued_at": datetime(2026, 7, 1, tzinfo=UTC), "scopes": [], "token_id": None, "event_id": "is-1"}
    assert lines("issuance", [row]) == [
        '{"log":"issuance","issued_at":"2026-07-01T00:00:00.000Z","scopes":[],"event_id":"is-1"}'
    ]
