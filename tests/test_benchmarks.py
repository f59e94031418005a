"""The benchmark of questions asks everyone for the same thing, and everyone knows the answer."""

import json

import pytest

import grantlens
from benchmarks import bench_case, bench_files, bench_growth, bench_loaders, bench_questions, compare, world
from benchmarks.grown import grown, own_name


@pytest.fixture(scope="module")
def small():
    with world.loaded(50_000) as (folder, truth):
        yield folder, truth


def test_every_incident_is_planted(small):
    _, truth = small
    assert all(count > 0 for count in truth.values())


def test_a_loader_without_real_records_is_named(capsys, monkeypatch):
    monkeypatch.setattr(bench_loaders, "sources", lambda: {"okta": [], "github": []})
    assert bench_loaders.main(["--loader", "acme"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "holds records that acme reads" in told.err
    assert "There are records of github, okta." in told.err


@pytest.mark.parametrize("who", bench_questions.ASKERS)
def test_everyone_finds_what_was_planted(small, who):
    folder, truth = small
    ask = bench_questions.of_grantlens(folder) if who == "grantlens" else bench_questions.of_yardstick(who, folder)
    assert ask() == truth


def test_the_table_states_shares_and_growth(small, capsys):
    folder, truth = small
    results = {
        "grantlens": {"seconds": 2.0, "busy": 3.0, "gib": 0.5},
        "duckdb": {"seconds": 8.0, "busy": 9.0, "gib": 1.0},
    }
    smallest = {who: {**result, "seconds": result["seconds"] / 4} for who, result in results.items()}
    own, plain = bench_questions.table(10_000_000, results, smallest).splitlines()
    assert own.split() == ["10,000,000", "grantlens", "2.00", "3.00", "0.50", "4.0"]
    assert plain.split() == ["10,000,000", "duckdb", "8.00", "9.00", "1.00", "0.25", "0.50", "4.0"]
    bench_case.measure(folder, truth["out_of_scope"], clients=1)
    assert "case: median" in capsys.readouterr().out


MANY = 10_000_000
"""Rows of a step that are too many for what it was given: what grows with the square makes more of the sizes below."""

SIZES = {
    "clients": 6000,
    "grants for everyone": 4000,
    "revocations of a grant": 1000,
    "tokens without an id": 4000,
    "consents and revocations": 1000,
    "downgrades of a grant": 1000,
    "servers of a host": 6000,
    "ids that come again": 4000,
    "actors of a token": 4000,
    "strangers at tokens": 4000,
    "strangers at a token": 4000,
    "refusals and grants": 4000,
    "removed logs": 4000,
    "scopes of a grant": 2000,
}


@pytest.mark.parametrize("shape", bench_growth.SHAPES)
def test_no_step_joins_many_with_many(shape):
    large = bench_growth.asked(shape, SIZES[shape], bench_growth.rows)
    if max(large.values()) > MANY:  # else no step is steep, however few the smaller one makes
        small = bench_growth.asked(shape, SIZES[shape] // 4, bench_growth.rows)
        assert bench_growth.steep(small, large, MANY) == []


@pytest.mark.parametrize(
    "joined",
    ["a.i % 2 = b.i % 2", "a.source = b.source AND (a.i = b.i OR a.i + 1 = b.i)", "a.i = b.i OR a.i + 1 = b.i", "true"],
)
def test_a_step_that_does_would_be_seen(joined):
    with grantlens.open(":memory:") as store:
        each = "(SELECT i, i % 1 AS source FROM range({}) t(i))"
        sql = f"SELECT count(*) FROM {each} a JOIN {each} b ON {joined}"
        small, large = (
            {"it": bench_growth.rows(store.engine, sql.replace("{}", str(size)), {})} for size in (1500, 6000)
        )
    assert bench_growth.steep(small, large, MANY) == ["it"]


def test_small_files_beside_one(capsys):
    assert bench_files.main(["--files", "6", "--records", "5"]) in (0, 1)  # so few say nothing of the time
    assert "30 records: in one file" in capsys.readouterr().out


def test_each_copy_of_a_record_has_a_time_of_its_own():
    line = '{"time":"2026-02-28T23:59:58.5Z","app":"mail"}'
    copies = list(grown([line], set(), 5000 * (len(line) + 1)))
    assert copies[:2] == [line, line.replace("58.5", "59.5")]
    assert copies[2] == '{"time":"2026-03-01T00:00:00.5Z","app":"mail"}'
    assert len(set(copies)) == len(copies) == 5000


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ("7222222", "7222222"),
        ("audit_log-test003", "audit_log-test003"),
        ("2026-03-01T00:00:00.5Z|7222222|token|C01", "7222222"),
        ("https://idp.example/1234/|24c63fb56e5a2d77|session-revoked", "24c63fb56e5a2d77"),
        ("24c63fb56e5a2d77@2026-03-01T00:00:00.5Z", "24c63fb56e5a2d77"),
        ("md5:1015ad351f53abf5c927e032e7c9dccc#2", None),
    ],
)
def test_of_a_record_each_copy_is_an_event_of_its_own(event, name):
    line = '{"id":7222222,"log":"audit_log-test003","jti":"24c63fb56e5a2d77","issuer":"https://idp.example/1234/","user":"u-12345678901"}'
    assert own_name(event, [line]) == name
    if name:
        copies = list(grown([line], {name}, 100 * len(line)))
        assert len(set(copies)) == len(copies) >= 95
        assert all('"https://idp.example/1234/"' in copy and json.loads(copy) for copy in copies)


def test_the_comparison_sees_what_differs_and_leaves_out_what_it_is_told_to(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(compare, "SEEDS", range(1))
    found = list(compare.random_logs(tmp_path))
    assert {json.loads(line)[0] for line in found} > {"random/0/OOS-1", "random/0/grants", "random/0/lag"}
    assert compare.differences(found, sorted(found), 9) == 0
    changed = [line.replace('"violation"', '"clear"') if "OOS-1" in line else line for line in found]
    differing = sum("OOS-1" in line and '"violation"' in line for line in found)
    capsys.readouterr()
    assert compare.differences(found, changed, 1) == 1
    told = capsys.readouterr().out
    assert f"{len(found)} lines before, {len(found)} now: {2 * differing} differ." in told
    assert f"and {2 * differing - 1} lines more" in told
    assert compare.differences([], [], 1) == 1
    line = json.dumps(["here", {"verdict": "clear", "detail": {"linked_by": "stated", "calls": 1}}])
    assert compare.without([line], ["linked_by"]) == [
        json.dumps(["here", {"detail": {"calls": 1}, "verdict": "clear"}])
    ]
