"""`grantlens sql`: what it prints can be pasted and gives the same rows."""

import json

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


def test_another_dialect(run):
    assert run("sql", "OOS-1", "--dialect", "spark").code == 0
    ran = run("sql", "OOS-1", "--dialect", "sprk")
    assert ran.failed_well()
    assert "spark" in ran.err
