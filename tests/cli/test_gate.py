"""`--fail-on`: a run that could not judge is never a silent 0, and a quiet night is no failure."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from grantlens.cli.gate import exit_code
from grantlens.store import Store
from grantlens.view import view_of

MONDAY = datetime(2026, 7, 6, tzinfo=UTC)
TIMES = {"issuance": "issued_at", "usage": "used_at", "revocation": "revoked_at"}


def record(log, moment, source="acme"):
    about = {"issuance": {"kind": "consent"}, "usage": {}, "revocation": {"kind": "revoke", "target_kind": "grant"}}
    return {
        "log": log, TIMES[log]: moment.isoformat(), "outcome": "success", "client_id": "c", "grant_id": "g1",
        "source": source, "event_id": f"{log} {moment}", **about[log],
    }  # fmt: skip


def hours(days, of_day=range(24), first=MONDAY):
    return [first + timedelta(days=day, hours=hour) for day in days for hour in of_day]


def every_log(moments, source="acme"):
    return [record(log, moment, source) for log in TIMES for moment in moments]


@pytest.fixture
def holding(tmp_path, store):
    """Return a function that puts records into the store, as one file each."""

    def load(*files):
        for number, records in enumerate(files):
            path = tmp_path / f"{number}.ndjson"
            path.write_text("".join(json.dumps(each) + "\n" for each in records))
            assert not store.load(path).failed
        return store

    return load


@pytest.fixture
def gated(capsys):
    """Return a function that gives the exit code of a run and what it said."""

    def gate(store, now, since=None, until=None, fail_on="high"):
        code = exit_code(view_of(store, since, until, now), [], fail_on)
        return code, capsys.readouterr().err

    return gate


def test_a_log_that_ends_long_before_the_present_cannot_be_judged(holding, gated):
    store = holding(every_log(hours(range(8))))
    assert gated(store, "2026-07-15T20:00") == (0, "")
    code, said = gated(store, "2026-07-16")
    assert code == 2
    assert said.splitlines() == [
        "Too thin to judge: the issuance, usage and revocation logs of acme end 2026-07-13, 2 days before the end of the "
        "period (2026-07-16).",
        "Load what is missing. If a log reaches you late, end the period earlier (--until); if its source was given up, "
        "begin it later (--since).",
    ]
    assert gated(store, "2026-07-16", fail_on=None) == (0, ""), "nothing was gated"


def test_a_log_that_ended_is_told_beside_violations_too(holding, capsys):
    view = view_of(holding(every_log(hours(range(8)))), None, None, "2026-07-20")
    assert exit_code(view, [{"verdict": "violation", "severity": "high"}], "high") == 1
    said = capsys.readouterr().err
    assert "1 violation is high or worse." in said
    assert "the issuance, usage and revocation logs of acme end 2026-07-13, 6 days before the end" in said


def test_one_stamp_of_a_wrong_clock_does_not_keep_a_log_alive(holding, gated):
    ahead = [record(log, datetime(2038, 1, 19, tzinfo=UTC)) for log in TIMES]
    store = holding([*every_log(hours(range(8))), *ahead], every_log(hours(range(8)), "other"))
    code, said = gated(store, "2026-07-20")
    assert code == 2
    assert "logs of acme end 2026-07-13" in said
    assert "logs of other end 2026-07-13" in said


def test_it_is_the_end_of_the_period_that_counts_where_one_was_named(holding, gated):
    store = holding(every_log(hours(range(8))))
    assert gated(store, "2026-11-01", "2026-07-07", "2026-07-14") == (0, "")
    code, said = gated(store, "2026-11-01", "2026-07-07", "2026-08-01")
    assert (code, "18 days before the end of the period (2026-08-01)" in said) == (2, True)
    assert gated(store, "2026-07-14", "2026-Q3") == (0, ""), "what has not come yet cannot be logged"


def test_a_weekend_is_no_silence_of_a_log_that_rests_on_weekends(holding, gated):
    office = [day for day in range(14) if day % 7 < 5]
    store = holding(every_log(hours(office, range(9, 18))))
    assert gated(store, "2026-07-20T06:00") == (0, "")  # the Monday after
    assert gated(store, "2026-07-24")[0] == 2


def test_a_source_that_is_quiet_does_not_fail_each_night(holding, gated):
    busy = [record(log, moment) for log in ("issuance", "usage") for moment in hours(range(20))]
    rare = [record("revocation", MONDAY + timedelta(hours=hour)) for hour in (3, 5)]
    assert gated(holding([*busy, *rare]), "2026-07-26") == (0, "")


def test_a_week_is_too_short_to_know_the_habits_of_a_log(holding, gated):
    store = holding(every_log(hours(range(5), range(9, 18))))
    assert gated(store, "2026-07-13T06:00") == (0, ""), "its first weekend"
    assert gated(store, "2026-07-16")[0] == 2, "longer than all that the logs cover"


def test_one_log_of_several_that_ends_is_named(holding, gated):
    store = holding(every_log(hours(range(8)), "left"), every_log(hours(range(60)), "stays"))
    code, said = gated(store, "2026-09-04", "2026-08-01")
    assert code == 2
    assert "logs of left end 2026-07-13, 52 days before" in said
    assert "stays" not in said
    assert gated(store, "2026-09-04", "2026-09-01") == (0, ""), "ended more than 30 days before: given up"


def broken(number, of):
    return [
        *({**record("usage", MONDAY), "used_at": "06.07.2026", "event_id": str(n)} for n in range(number)),
        *(record("usage", MONDAY + timedelta(minutes=n), "b") for n in range(of - number)),
    ]


@pytest.mark.parametrize(
    ("rejected", "of", "said"),
    [
        (20, 20, "20 of 20 records of"),
        (1, 1, "1 of 1 record of"),
        (10, 100, "10 of 100 records of"),
        (9, 100, ""),
        (10, 300, ""),
    ],
)
def test_a_file_of_which_much_was_rejected_cannot_be_judged(holding, gated, rejected, of, said):
    store = holding(every_log(hours(range(8))), broken(rejected, of))
    code, told = gated(store, "2026-07-14")
    assert (code, bool(told)) == (2 if said else 0, bool(said))
    assert said in told


@pytest.mark.parametrize(("again", "code"), [("mended", 0), ("other content", 2)])
def test_a_file_that_was_mended_is_judged_in_place_of_what_it_was(holding, gated, tmp_path, again, code):
    store = holding(every_log(hours(range(8))), broken(10, 100))
    mended = broken(0, 110)
    more = mended if again == "mended" else mended[-20:]
    (tmp_path / "1.ndjson").write_text("".join(json.dumps(each) + "\n" for each in more))
    store.load(tmp_path / "1.ndjson")
    assert gated(store, "2026-07-14")[0] == code


def test_what_was_rejected_of_another_period_does_not_count(holding, gated):
    store = holding(every_log(hours(range(60))), broken(10, 100))
    assert gated(store, "2026-09-04", "2026-08-01") == (0, "")


def test_a_store_of_which_much_was_rejected_says_so_once(tmp_path, gated):
    with Store(":memory:") as store:
        path = tmp_path / "log.ndjson"
        records = [*every_log(hours([0, 1])), *broken(30, 30)]
        path.write_text("".join(json.dumps(each) + "\n" for each in records))
        store.load(path)
        code, said = gated(store, "2026-07-08")
    assert code == 2
    assert said.startswith(
        "Too thin to judge: 17% of all records were rejected; see `grantlens coverage`. Load the files again"
    )
    assert said.count("\n") == 1


def test_what_was_rejected_of_a_file_that_was_mended_is_no_part_of_the_share(holding, gated, tmp_path):
    store = holding(every_log(hours(range(8))), broken(90, 100))
    assert "of all records were rejected" in gated(store, "2026-07-14")[1]
    (tmp_path / "1.ndjson").write_text("".join(json.dumps(each) + "\n" for each in broken(0, 110)))
    store.load(tmp_path / "1.ndjson")
    assert gated(store, "2026-07-14") == (0, "")


def test_a_file_of_which_nothing_was_read_is_taken_out_and_loaded_again_as_the_alarm_says(holding, gated, tmp_path):
    store = holding(every_log(hours(range(8))), broken(20, 20))
    assert "taken out first (grantlens unload)" in gated(store, "2026-07-14")[1]
    path = tmp_path / "1.ndjson"
    store.unload(path)
    path.write_text("".join(json.dumps(each) + "\n" for each in broken(0, 110)))
    store.load(path)
    assert gated(store, "2026-07-14") == (0, "")


def test_a_file_of_which_nothing_was_read_is_no_alarm_when_it_has_grown(holding, gated, tmp_path):
    store = holding(every_log(hours(range(8))), broken(1, 1))
    assert "1 of 1 record of" in gated(store, "2026-07-14")[1]
    path = tmp_path / "1.ndjson"
    path.write_text("".join(json.dumps(each) + "\n" for each in broken(1, 110)))
    store.load(path)
    assert gated(store, "2026-07-14") == (0, "")
    rows = store.engine.rows("SELECT records, rejected FROM batch WHERE path = $path", {"path": str(path)})
    assert rows == [(110, 1)], "what it began with is counted there"
    assert store.verify() == []


def test_another_file_under_the_name_of_one_of_which_nothing_was_read_is_not_taken_for_it(holding, gated, tmp_path):
    store = holding(every_log(hours(range(8))), broken(20, 20))
    path = tmp_path / "1.ndjson"
    path.write_text("".join(json.dumps(each) + "\n" for each in broken(0, 110)))
    store.load(path)
    code, said = gated(store, "2026-07-14")
    assert code == 2
    assert "20 of 20 records of" in said
    assert "Another file of this name was loaded since" in said
    store.unload(path)
    store.load(path)
    assert gated(store, "2026-07-14") == (0, "")
