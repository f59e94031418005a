"""Records that are years from the rest of their log: kept, shown and told, and no window or gap is measured by them."""

import json
from datetime import UTC, datetime, timedelta

import pytest

import grantlens as gl
from grantlens.cli import main
from grantlens.ingest.far import far_records
from grantlens.view import view_of

START = datetime(2026, 7, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
EPOCH, LATE = datetime(1970, 1, 1, tzinfo=UTC), datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC)


def call(moment, **more):
    row = {"log": "usage", "used_at": moment.isoformat(), "outcome": "success", "token_id": "t", "client_id": "a"}
    return row | {"resource_server": "api", "operation": "read", "event_id": f"{moment}"} | more


def issue(moment):
    row = {"log": "issuance", "issued_at": moment.isoformat(), "kind": "token", "outcome": "success"}
    return row | {"token_id": "t", "client_id": "a", "event_id": f"issue {moment}"}


STEADY = [START + HOUR * number for number in range(24 * 30)]
LAST = STEADY[-1] + timedelta(microseconds=1)


@pytest.fixture
def load(tmp_path):
    def of(moments, **more):
        path = tmp_path / "calls.ndjson"
        rows = [issue(STEADY[0]), *(call(moment, **more) for moment in moments)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        store = tmp_path / "acme.duckdb"
        with gl.open(store) as opened:
            assert opened.load(path).total("rejected") == 0
        return store

    return of


def usage(store):
    return [row for row in store.coverage() if row["log"] == "usage"]


@pytest.mark.parametrize("far", [[EPOCH], [LATE], [EPOCH, LATE], [LATE, LATE + 2 * HOUR]])
def test_a_far_record_widens_no_window_and_makes_no_gap(load, far):
    with gl.open(load([*STEADY, *far])) as store:
        view = view_of(store)
        assert (view.window.since, view.window.until) == (STEADY[0], LAST)
        rows = usage(store)
        assert not any(row["is_gap"] for row in rows)
        assert sum(row["records"] for row in rows) == len(STEADY) + len(far)
        assert [row["covered_from"] for row in rows if row["is_far"]] == far
        assert len(gl.detect.run(store, ["INT-5"])[0]) == 0
        told = [(row["line"], row["records"], row["first"]) for row in far_records(store.engine)]
        assert told == [(len(STEADY) + 2 + number, 1, moment) for number, moment in enumerate(far)]


@pytest.mark.parametrize("far", [[], [EPOCH], [EPOCH, LATE]])
def test_a_gap_is_told_beside_a_far_record(load, far):
    outage = [moment for moment in STEADY if not START + 200 * HOUR < moment < START + 230 * HOUR]
    with gl.open(load([*outage, *far])) as store:
        gaps = [(row["covered_from"], row["covered_until"]) for row in usage(store) if row["is_gap"]]
    assert gaps == [(START + 200 * HOUR + timedelta(microseconds=1), START + 230 * HOUR)]


def test_a_record_is_far_of_its_tenant_s_log(load):
    with gl.open(load([*STEADY, EPOCH], tenant="acme")) as store:
        assert [row["tenant"] for row in far_records(store.engine)] == ["acme"]


@pytest.mark.parametrize(
    "moments",
    [
        [*STEADY, START - 364 * 24 * HOUR],  # not a year
        [*STEADY[:17], EPOCH],  # too few to tell which are the log: with the one that is issued nineteen
        [*STEADY, *(EPOCH + HOUR * number for number in range(20))],  # too many to be strays
        [START - 400 * 24 * HOUR * number for number in range(40)],  # each is as far from the next
    ],
)
def test_other_records_are_not_far(load, moments):
    with gl.open(load(moments)) as store:
        assert far_records(store.engine) == []
        assert view_of(store).window.since == min(*moments, STEADY[0])


def test_the_ends_of_a_file_are_no_sign_of_its_other_logs_years_away(load):
    with gl.open(load([*STEADY, EPOCH])) as store:
        issuance = [row for row in store.coverage() if row["log"] == "issuance" and not row["is_far"]]
        assert min(row["covered_from"] for row in issuance) == STEADY[0]


def test_a_case_still_shows_it(load):
    with gl.open(load([*STEADY, LATE])) as store:
        assert "2038" in str(gl.Case(store, token="t").timeline().to_dicts()[-1])


def test_commands_tell_which_record_and_what_to_type(load, capsys, tmp_path):
    store = load([*STEADY, EPOCH])
    remedy = "--since 1970-01-01T00:00:00Z --until 1970-01-01T00:00:01Z"
    said = f"calls.ndjson has 1 record of 1970-01-01, years from the rest of its usage log, the first in line {len(STEADY) + 2}"

    def told(*words):
        main([words[0], str(store), *words[1:]])
        return capsys.readouterr().err

    for words in (("coverage",), ("detect", "INT-5"), ("grants",), ("report", "-o", str(tmp_path / "r.json"))):
        assert said in told(*words), words
        assert remedy in told(*words)
    assert said in told("detect", "INT-5", "--until", "2026-07-20")
    for words in ("--since", "2026-07-01"), ("--since", "2026-Q3"), tuple(remedy.split()):
        assert said not in told("detect", "INT-5", *words)


def test_a_review_tells_it(load):
    with gl.open(load([*STEADY, LATE])) as store:
        document = gl.review(store).document
    (row,) = document["far_records"]
    assert (row["records"], row["first"]) == (1, "2038-01-19T03:14:07Z")
    (line,) = [each for each in document["limitations"] if "years from the rest" in each]
    assert line.startswith("1 record of ")
    assert document["window"]["until"] == "2026-07-30T23:00:00.000001Z"
