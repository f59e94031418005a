"""A time of an event is one that Python can hold; any other rejects its record, and the rest loads."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grantlens.detect import run
from grantlens.store import Store
from grantlens.view import view_of

from .oracle import issuance, ndjson, revocation, usage

OUTSIDE = (
    "10000-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "-0044-03-15T00:00:00Z",
    "0001-01-01T23:59:59.999999Z",
    "9999-12-31T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
)
ENDS = ("0001-01-02T00:00:00Z", "9999-12-30T23:59:59.999999Z")


@pytest.mark.parametrize("time", OUTSIDE)
@pytest.mark.parametrize(
    ("record", "column"), [(usage, "used_at"), (issuance, "issued_at"), (revocation, "revoked_at")]
)
def test_a_year_that_no_log_is_of_rejects_the_record_alone(tmp_path, time, record, column):
    ndjson(tmp_path / "a.ndjson", [record(1, **{column: time}), record(2)])
    ndjson(tmp_path / "b.ndjson", [record(3)])
    with Store(":memory:") as store:
        report = store.load(tmp_path)
        assert not report.failed
        assert (report.total("rejected"), len(report.batches)) == (1, 2)
        assert store.engine.rows("SELECT line_no, reason FROM rejected") == [(1, f"{column}: '{time}' is no time")]


@pytest.mark.parametrize("microseconds", [1 << 62, -(1 << 62)])
def test_a_time_of_parquet_that_is_too_large_rejects_its_record(tmp_path, microseconds):
    times = pa.array([microseconds, 1_770_000_000_000_000], pa.timestamp("us", "UTC"))
    columns = {"log": ["usage"] * 2, "event_id": ["u1", "u2"], "used_at": times, "outcome": ["success"] * 2}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with Store(":memory:") as store:
        (batch,) = store.load(tmp_path / "a.parquet").batches
        assert (batch["usage"], batch["rejected"]) == (1, 1)
        assert " is no time" in store.engine.value("SELECT reason FROM rejected")


def test_a_whole_number_that_parquet_holds_as_a_float_is_the_same_number(tmp_path):
    """A column of ids with a blank becomes one of floats, where pandas writes it: the id is 7, and not 7.0."""
    columns = {
        "log": ["usage"] * 3,
        "event_id": ["u1", "u2", "u3"],
        "used_at": ["2026-07-01T10:00:00Z"] * 3,
        "outcome": ["success"] * 3,
        "status": [200.0, None, 204.0],
        "subject_id": [7.0, None, 583231.0],
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with Store(":memory:") as store:
        assert store.load(tmp_path / "a.parquet").total("rejected") == 0
        rows = store.engine.rows("SELECT status, subject_id FROM usage ORDER BY event_id")
    assert rows == [(200, "7"), (None, None), (204, "583231")]


@pytest.mark.parametrize("times", [ENDS[:1], ENDS[1:], ENDS])
def test_a_store_with_the_first_and_the_last_time_can_be_asked(tmp_path, times):
    records = [usage(n, used_at=time, event_id=f"end{n}") for n, time in enumerate(times)]
    path = ndjson(tmp_path / "a.ndjson", [*records, issuance(1), revocation(1)])
    with Store(":memory:") as store:
        (batch,) = store.load(path).batches
        assert (batch["usage"], batch["rejected"]) == (len(times), 0)
        assert len(store.coverage())
        run(view_of(store))


def test_other_times_may_be_as_far_off_as_they_like(tmp_path):
    path = ndjson(tmp_path / "a.ndjson", [issuance(1, expires_at="10000-01-01T00:00:00Z")])
    with Store(":memory:") as store:
        assert store.load(path).total("issuance") == 1
