"""Stretches that a log really covers, gaps in them, and what its clock is worth."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from grantlens.ingest.coverage import DEFAULT_ERROR_SECONDS
from grantlens.ingest.silence import MIN_EVENTS_SHORT
from grantlens.loaders import Join, loaders
from grantlens.store import Store

START = datetime(2026, 7, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def at(seconds):
    return START + timedelta(microseconds=round(seconds * 1_000_000))


def call(seconds, **more):
    row = {"log": "usage", "used_at": at(seconds).isoformat(), "outcome": "success", "token_id": "t", "client_id": "a"}
    return row | {"resource_server": "api", "operation": "read"} | more


def issue(seconds, token="t", **more):
    row = {"log": "issuance", "issued_at": at(seconds).isoformat(), "kind": "token", "outcome": "success"}
    return row | {"token_id": token, "client_id": "a"} | more


def end(seconds, **more):
    row = {"log": "revocation", "revoked_at": at(seconds).isoformat(), "kind": "revoke", "outcome": "success"}
    return row | {"target_kind": "token", "token_id": "t"} | more


@pytest.fixture
def load(tmp_path):
    """Return what loads files, each a list of records, into one new store."""
    opened = []

    def of(*files):
        store = Store(":memory:")
        opened.append(store)
        for records in files:
            add(store, records)
        return store

    def add(store, records, loader=None):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.ndjson"
        numbered = ({"event_id": f"{path.stem}-{number}", **row} for number, row in enumerate(records))
        path.write_text("".join(json.dumps(row) + "\n" for row in numbered))
        assert store.load(path, loader=loader).total("rejected") == 0

    of.add = add
    yield of
    for store in opened:
        store.close()


def stretches(store, log="usage", tenant=None):
    rows = list(store.coverage())
    return [
        (row["covered_from"], row["covered_until"], row["is_gap"], row["records"])
        for row in rows
        if row["log"] == log and row["tenant"] == tenant
    ]


def clock(store, log="usage"):
    rows = store.sql("SELECT * FROM clock WHERE log::VARCHAR = $log", log=log).to_pylist()
    assert len(rows) == 1
    return rows[0]


def at_random(seed, records):
    rng = random.Random(seed)
    second, moments = 0.0, []
    for _ in range(records):
        second += rng.expovariate(1 / 90)
        moments.append(round(second, 6))
    return moments


@pytest.mark.parametrize("seed", range(4))
def test_a_gap_parts_two_stretches_however_the_files_are_cut(load, seed):
    moments = at_random(seed, MIN_EVENTS_SHORT + seed)
    outage = 300 + 100 * seed
    moments = moments[:outage] + [moment + 40_000 for moment in moments[outage:]]
    told = [
        (at(moments[0]), at(moments[outage - 1]) + MICROSECOND, False, outage),
        (at(moments[outage - 1]) + MICROSECOND, at(moments[outage]), True, 0),
        (at(moments[outage]), at(moments[-1]) + MICROSECOND, False, len(moments) - outage),
    ]
    assert stretches(load([call(moment) for moment in moments])) == told
    # In two files, the later one first: the same.
    cut = random.Random(seed).randrange(1, len(moments))
    files = ([call(moment) for moment in moments[cut:]], [call(moment) for moment in moments[:cut]])
    assert stretches(load(*files)) == told


def test_an_hour_is_no_gap_and_more_is(load):
    steady = [60.0 * number for number in range(MIN_EVENTS_SHORT)]
    for pause, gaps in ((3600.0, 0), (3601.0, 1)):
        store = load([call(moment) for moment in (*steady, steady[-1] + pause, steady[-1] + pause + 60)])
        assert sum(part[2] for part in stretches(store)) == gaps


def test_a_native_file_covers_the_logs_it_holds(load):
    store = load([call(0), issue(600), call(1200)])
    whole = (at(0), at(1200) + MICROSECOND, False)
    assert [part[:3] for part in stretches(store)] == [whole]
    # It holds issuance, so it would have shown more of it; it holds no revocation, and says nothing of that log.
    assert [part[:3] for part in stretches(store, "issuance")] == [whole]
    assert stretches(store, "issuance")[0][3] == 1
    assert stretches(store, "revocation") == []


def test_the_end_is_exclusive(load):
    assert stretches(load([call(5)])) == [(at(5), at(5) + MICROSECOND, False, 1)]


def test_tenants_are_apart(load):
    store = load([call(0, tenant="x"), call(10, tenant="y"), call(20)])
    assert [part[:2] for part in stretches(store, tenant="x")] == [(at(0), at(0) + MICROSECOND)]
    assert [part[:2] for part in stretches(store, tenant="y")] == [(at(10), at(10) + MICROSECOND)]
    assert [part[:2] for part in stretches(store)] == [(at(20), at(20) + MICROSECOND)]


def test_another_file_widens_only_what_it_holds(load):
    store = load([call(0), issue(1)])
    load.add(store, [call(500)])
    assert stretches(store) == [(at(0), at(500) + MICROSECOND, False, 2)]
    assert stretches(store, "issuance")[0][1] == at(1) + MICROSECOND


def test_loading_again_changes_nothing(load, tmp_path):
    store = load([call(0), call(60), issue(0), end(90)])
    before = list(store.coverage())
    again = next(tmp_path.iterdir())
    store.load(again)
    assert list(store.coverage()) == before


@pytest.mark.parametrize(("seconds", "grid"), [((0, 60, 61), 1.0), ((0, 60, 61.5), 0.0), ((0.000001,), 0.0)])
def test_the_grid_is_that_of_the_stamps(load, seconds, grid):
    told = clock(load([call(second) for second in seconds]))
    assert told["grid_s"] == grid
    assert (told["error_s"], told["offset_s"]) == (DEFAULT_ERROR_SECONDS, 0.0)


def test_a_grid_is_lost_by_one_finer_stamp_in_another_file(load):
    store = load([call(0), call(60)])
    assert clock(store)["grid_s"] == 1.0
    load.add(store, [call(90.25)])
    assert clock(store)["grid_s"] == 0.0


def pairs(apart, hours=3, in_hour=6):
    """Return tokens issued in several hours, each first used so many seconds after (before, if negative)."""
    rows = []
    for number in range(hours * in_hour):
        second = number // in_hour * 3600 + number % in_hour * 60 + 600
        rows += [issue(second, f"t{number}"), call(second + apart(number), token_id=f"t{number}")]
    return rows


def test_a_clock_that_runs_behind_is_set_right(load):
    told = clock(load(pairs(lambda number: -30 - number % 3)))
    assert (told["offset_s"], told["estimated_offset_s"]) == (-32.0, -32.0)
    assert told["error_s"] == DEFAULT_ERROR_SECONDS + 1.0


def test_a_token_that_waits_for_its_use_hides_no_offset(load):
    """A clock 300 s behind, and tokens first used 90 s after their issuance in the mean: the offset lies inside what is told."""
    rng = random.Random(4)
    told = clock(load(pairs(lambda number: rng.expovariate(1 / 90) - 300, hours=6, in_hour=20)))
    assert told["offset_s"] - told["error_s"] <= -300 <= told["offset_s"] + told["error_s"]
    assert told["offset_s"] < -280


def test_a_clock_is_judged_whichever_log_comes_first(load):
    """Calls that name no tenant join tokens of one: their clock is news when those come later."""
    rows = pairs(lambda number: -30)
    issued = [{**row, "tenant": "acme"} for row in rows if row["log"] == "issuance"]
    used = [row for row in rows if row["log"] == "usage"]
    offsets = []
    for first, second in ((issued, used), (used, issued)):
        store = load(first)
        load.add(store, second)
        offsets.append(clock(store)["offset_s"])
    assert offsets == [-30.0, -30.0]


@pytest.mark.parametrize(
    "apart",
    [
        lambda number: 30,  # as it should be
        lambda number: -3,  # inside the error of a clock
        lambda number: -30 if number % 6 < 2 else 30,  # a third of each hour: the tokens are odd, not the clock
        lambda number: -30 if number < 6 else 30,  # one hour of three
    ],
)
def test_pairs_that_disagree_set_no_clock(load, apart):
    assert clock(load(pairs(apart)))["offset_s"] == 0.0


def test_too_few_pairs_set_no_clock(load):
    told = clock(load(pairs(lambda number: -30, hours=3, in_hour=4)))
    assert (told["offset_s"], told["estimated_offset_s"]) == (0.0, -30.0)


@pytest.mark.parametrize(
    ("stamp", "apart", "offset"),
    [
        (0.5, -10, 0.0),  # as far as two clocks may be from each other
        (0.5, -10.000001, -10.000001),
        (0, -11, 0.0),  # and as far as a stamp of whole seconds is wide
        (0, -12, -12.0),
    ],
)
def test_a_clock_is_behind_only_beyond_the_errors_of_both(load, stamp, apart, offset):
    rows = pairs(lambda number: apart + stamp)
    issued = [row | {"issued_at": (at(stamp) - START + datetime.fromisoformat(row["issued_at"])).isoformat()}
              for row in rows if row["log"] == "issuance"]  # fmt: skip
    told = clock(load([*issued, *(row for row in rows if row["log"] == "usage")]))
    assert told["offset_s"] == pytest.approx(offset, abs=1e-9)


@pytest.mark.parametrize("odd", [-259200, -4000])
def test_an_id_that_was_given_out_again_is_no_part_of_the_estimate(load, odd):
    told = clock(load(pairs(lambda number: odd if number == 7 else -30)))
    assert (told["offset_s"], told["error_s"]) == (-30.0, DEFAULT_ERROR_SECONDS)


def test_a_clock_that_drifts_is_estimated_over_all_of_it(load):
    told = clock(load(pairs(lambda number: -30 - 10 * (number // 6))))
    assert (told["offset_s"], told["error_s"]) == (-50.0, DEFAULT_ERROR_SECONDS + 10.0)


def test_an_hour_of_which_half_is_behind_does_not_agree(load):
    assert clock(load(pairs(lambda number: -30 if number % 2 else 30)))["offset_s"] == 0.0


def test_another_tenants_token_of_the_same_id_makes_no_pair(load):
    rows = [{**row, "tenant": "two" if row["log"] == "usage" else "one"} for row in pairs(lambda number: -30)]
    assert clock(load(rows))["estimated_offset_s"] is None
    # A call that names no tenant may mean the token of either: that it was used before both were issued is sure.
    twice = [
        {**row, "issued_at": row["issued_at"].replace("T0", "T2"), "tenant": "two"}
        for row in rows
        if row["log"] == "issuance"
    ]
    calls = [{**row, "tenant": None} for row in rows if row["log"] == "usage"]
    issued = [row for row in rows if row["log"] == "issuance"]
    assert clock(load([*twice, *issued, *calls]))["offset_s"] == -30.0


@pytest.mark.parametrize(
    ("made", "offset"),
    [
        ({"kind": "exchange", "parent_token_id": "p"}, -30.0),
        ({"kind": "refresh", "parent_token_id": "p"}, -30.0),
        ({"kind": "refresh"}, 0.0),  # it may be that of a token of this id, older than the log
        ({"kind": "credential"}, 0.0),  # a key may have been switched on again
        ({"kind": "consent"}, 0.0),
        ({"kind": "token", "outcome": "denied"}, 0.0),
    ],
)
def test_only_the_making_of_a_token_tells_of_a_clock(load, made, offset):
    rows = [{**row, **made} if row["log"] == "issuance" else row for row in pairs(lambda number: -30)]
    assert clock(load(rows))["offset_s"] == offset


def test_a_key_tells_of_a_clock_where_its_first_record_is_its_making(load):
    rows = [{**row, "kind": "credential"} if row["log"] == "issuance" else row for row in pairs(lambda number: -30)]
    store = load()
    load.add(store, rows, declaring("usage", keys_begin=True))
    assert clock(store)["offset_s"] == -30.0


def test_the_issuance_clock_is_the_one_that_others_are_measured_by(load):
    store = load(pairs(lambda number: -30))
    assert (clock(store, "issuance")["offset_s"], clock(store, "issuance")["estimated_offset_s"]) == (0.0, None)


def declaring(*carries, **more):
    """Return a loader that reads native records and carries these logs only."""
    return replace(loaders()["native"], name="other", dialect=None, carries=carries, **more)


def other_stretches(store, log):
    rows = [row for row in store.coverage() if row["log"] == log and row["source"] == "other"]
    return [(row["covered_from"], row["covered_until"], row["in_part"], row["records"]) for row in rows]


def test_rows_of_a_log_that_is_not_carried_are_covered_in_part(load):
    store = load()
    load.add(store, [call(0), issue(60), call(120)], declaring("issuance", "revocation"))
    end_of_all = at(120) + MICROSECOND
    assert other_stretches(store, "usage") == [(at(0), end_of_all, True, 2)]
    assert other_stretches(store, "issuance") == [(at(0), end_of_all, False, 1)]
    assert other_stretches(store, "revocation") == [(at(0), end_of_all, False, 0)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_file_that_carries_a_log_and_one_that_does_not_stay_apart(load, order):
    files = [([call(0), call(100)], declaring("usage")), ([call(200), call(300), issue(400)], declaring("issuance"))]
    store = load()
    for number in order:
        load.add(store, *files[number])
    assert sorted(other_stretches(store, "usage")) == [
        (at(0), at(100) + MICROSECOND, False, 2),
        (at(200), at(300) + MICROSECOND, True, 2),
    ]
    assert other_stretches(store, "issuance") == [(at(200), at(400) + MICROSECOND, False, 1)]


def test_what_a_loader_declares_is_kept_with_its_source(load):
    store = load([call(0)])
    load.add(
        store,
        [call(0)],
        declaring(
            "usage",
            joins=(Join("issuance", "usage", "session"),),
            keys_end=False,
            actors="",
            keys_begin=True,
            giving_shown=True,
        ),
    )
    declared = {row.pop("source"): row for row in store.sql("SELECT * FROM declared").to_pylist()}
    assert declared["native"]["issuance_usage"] == "token"
    assert declared["native"]["keys_end"]
    assert declared["native"]["actors"] == "nested"
    assert not declared["native"]["keys_begin"]
    assert not declared["native"]["giving_shown"]
    assert declared["other"] == {
        "issuance_usage": "session",
        "keys_end": False,
        "actors": None,
        "keys_begin": True,
        "giving_shown": True,
    }
    load.add(store, [call(60)], declaring("usage", joins=(Join("issuance", "usage", "none"),)))
    assert store.sql("SELECT issuance_usage FROM declared WHERE source = 'other'").to_pylist() == [
        {"issuance_usage": "none"}
    ]
