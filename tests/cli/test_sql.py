"""`grantlens sql`: what it prints can be pasted and gives the same rows."""

import json
import re
from datetime import UTC, datetime

import duckdb
import pytest

from grantlens.rules import registry


def test_without_a_rule_it_lists_them(run):
    ran = run("sql")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()[1:]] == list(registry())


@pytest.mark.parametrize("rule", ["OOS-1", "GOV-1", "rev-4"])
def test_a_rule_begins_with_its_question(run, rule):
    ran = run("sql", rule)
    assert ran.code == 0
    assert ran.out.startswith(f"-- {rule.upper()} ")
    assert registry()[rule.upper()].question in ran.out.splitlines()[0]


def test_pasted_it_gives_the_rows_that_detect_gives(run, sample_file, sample_store):
    found = json.loads(run("detect", sample_file, "OOS-4", "--now", "2026-10-01", "--format", "json").out)
    text = run("sql", "OOS-4").out
    since, until = sample_store.engine.rows("SELECT min(covered_from), max(covered_until) FROM coverage")[0]
    rows = sample_store.sql(text, since=since, until=until).to_pylist()
    assert found
    assert sorted(row["client_id"] for row in rows) == sorted(finding["client_id"] for finding in found)


@pytest.mark.parametrize("rule", registry())
def test_its_first_lines_name_what_is_to_be_bound(run, rule):
    lines = run("sql", rule).out.splitlines()
    told = [line for line in lines if line.startswith("-- Bind ")]
    body = "\n".join(line for line in lines if not line.startswith("--"))
    assert told == ["-- Bind since and until, the instants at which the window begins and ends."]
    assert set(re.findall(r"\$(\w+)", body)) == {"since", "until"}
    assert lines.index(told[0]) < 5


def test_the_way_that_is_shown_for_the_shell_works(run, sample_file):
    found = json.loads(run("detect", sample_file, "OOS-3", "--now", "2026-10-01", "--since", "2026-07-01", "--until",
                           "2026-10-01", "--format", "json").out)  # fmt: skip
    text = run("sql", "OOS-3").out
    (execute,) = re.findall(r"^--   (EXECUTE .*;)$", text, re.MULTILINE)
    with duckdb.connect(str(sample_file), read_only=True) as plain:
        plain.execute(f"PREPARE rule AS {text};")
        rows = plain.execute(execute).fetchall()
        window = {"since": datetime(2026, 7, 1, tzinfo=UTC), "until": datetime(2026, 10, 1, tzinfo=UTC)}
        assert sorted(map(str, plain.execute(text, window).fetchall())) == sorted(map(str, rows))
    assert len(rows) == len(found) > 0


def test_another_dialect(run):
    ran = run("sql", "OOS-1", "--dialect", "spark")
    assert ran.code == 0
    assert ran.out.splitlines()[:2] == [
        "-- Bind since and until, the instants at which the window begins and ends.",
        "-- Translated by SQLGlot for spark, and never run there.",
    ]
    assert "DuckDB" not in ran.out
    # The first of many in DuckDB's words, `min(x, 19)`, had become a single one.
    assert "SLICE(ARRAY_SORT(COLLECT_LIST(k.first_no)), 1, 19)" in ran.out
    assert "supported" not in ran.err
    ran = run("sql", "OOS-1", "--dialect", "sprk")
    assert ran.failed_well()
    assert "spark" in ran.err


def test_what_another_database_cannot_do_stands_in_the_text(run):
    ran = run("sql", "REV-1", "--dialect", "postgres")
    assert ran.code == 0
    assert "-- Not carried over: PostgreSQL does not support IGNORE NULLS." in ran.out.splitlines()[:4]
    assert "NULLS" not in ran.err


def test_a_database_for_which_it_cannot_be_written(run):
    ran = run("sql", "OOS-1", "--dialect", "bigquery")
    assert ran.failed_well()
    assert "SQLGlot cannot write this for 'bigquery'." in ran.err
    assert "mistake in grantlens" not in ran.err
