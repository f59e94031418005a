import dataclasses
import hashlib
import json
import re
import subprocess
import sys

import duckdb
import pandas
import polars
import pytest

import grantlens as gl
from grantlens.case import Case
from grantlens.errors import RuleError
from grantlens.findings.records import read_records
from grantlens.rule.example import CATALOGUE, consent, logs_from_to, use
from grantlens.rules import registry

KEYS = [
    "rule",
    "rule_version",
    "verdict",
    "severity",
    "explained_by",
    "title",
    "source",
    "tenant",
    "client_id",
    "subject_id",
    "grant_id",
    "token_id",
    "resource_server",
    "operation",
    "scopes",
    "first_seen",
    "last_seen",
    "events",
    "detail",
    "join_key",
    "coverage",
    "evidence",
]
"""Of a finding, always present."""
TIME = re.compile(r"2026-0[67]-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")
SPEAKING = ("OOS-1", "OOS-12", "PRV-1", "REV-1", "REV-6", "INT-1", "GOV-1")


@pytest.mark.parametrize("rule", registry())
def test_a_finding_is_the_json_that_others_build_on(scene, rule):
    for row in scene.found[rule].to_dicts():
        assert list(row) == KEYS
        assert json.loads(json.dumps(row)) == row, "not JSON-ready"
        assert TIME.fullmatch(row["first_seen"])
        assert TIME.fullmatch(row["last_seen"])
        assert list(row["coverage"]) == ["from", "until", "share"]
        assert TIME.fullmatch(row["coverage"]["from"])
        assert TIME.fullmatch(row["coverage"]["until"])
        assert isinstance(row["detail"], dict)
        assert isinstance(row["scopes"], list)
        assert isinstance(row["events"], int)
        assert row["evidence"]
        assert all(list(pointer) == ["file", "sha256", "line", "event_id"] for pointer in row["evidence"])


def test_the_scene_speaks(scene):
    assert all(len(scene.found[rule]) for rule in SPEAKING)


def test_the_details_that_others_compute_with(scene):
    details = {rule: found.to_dicts()[0]["detail"] for rule, found in scene.found.items() if len(found)}
    assert list(details["OOS-1"])[:3] == ["required", "held", "match"]
    assert {"scope", "state", "exposure_days", "uses", "p_needed", "action", "replacement"} <= set(details["PRV-1"])
    lag = [
        "revocation_event",
        "last_success_s",
        "first_denial_s",
        "lag_lower_s",
        "lag_upper_s",
        "uses_after",
        "censored",
    ]
    assert list(details["REV-1"])[:7] == lag
    assert list(details["REV-6"])[:7] == lag
    said = details["REV-1"]
    assert (said["last_success_s"], said["first_denial_s"], said["uses_after"], said["censored"]) == (
        30.25,
        60.0,
        1,
        "no",
    )


def test_worst_first(scene):
    order = {"violation": 0, "indeterminate": 1, "clear": 2}
    for found in scene.found.values():
        verdicts = [order[row["verdict"]] for row in found]
        assert verdicts == sorted(verdicts)


def test_counts_add_up(scene):
    for found in scene.found.values():
        assert sum(found.counts().values()) == len(found)
        for verdict, count in found.counts().items():
            part = found.only(verdict)
            assert len(part) == count
            assert {row["verdict"] for row in part} <= {verdict}
            assert part.rule is found.rule


def test_a_verdict_that_does_not_exist_is_not_found_empty(scene):
    with pytest.raises(RuleError, match="There is no verdict 'violations'") as caught:
        scene.found["OOS-1"].only("violations")
    assert caught.value.remedy == "Give one of clear, indeterminate, violation."


def test_it_is_frozen(scene):
    with pytest.raises(dataclasses.FrozenInstanceError):
        scene.found["OOS-1"].sql = ""


def test_frames(scene):
    found = scene.found["OOS-1"]
    columns = list(KEYS)
    assert found.arrow().column_names == columns
    assert found.pl().columns == columns
    assert isinstance(found.pl(), polars.DataFrame)
    assert list(found.df().columns) == columns
    assert isinstance(found.df(), pandas.DataFrame)
    assert len(found.pl()) == len(found.df()) == len(found)
    assert found.pl()["first_seen"].dtype == polars.Datetime("us", "UTC")


def test_others_take_it_as_a_stream(scene):
    found = scene.found["PRV-1"]
    assert polars.DataFrame(found).shape == (len(found), len(KEYS))
    assert pandas.DataFrame.from_arrow(found).shape == (len(found), len(KEYS))
    with duckdb.connect() as engine:
        engine.register("found", found.arrow())
        assert engine.execute("SELECT count(*) FROM found WHERE rule = 'PRV-1'").fetchone() == (len(found),)


def test_duckdb_reads_the_object_itself(scene):
    found = scene.found["PRV-1"]  # noqa: F841 - DuckDB finds it by its name
    assert duckdb.sql("SELECT count(DISTINCT detail) FROM found").fetchall() == [(len(scene.found["PRV-1"]),)]


def test_tallies(scene):
    found = scene.found["PRV-1"]
    open_ = [row for row in found if row["verdict"] != "clear"]
    tally = found.by("client_id")
    rows = polars.DataFrame(tally).to_dicts()
    assert list(rows[0]) == ["client_id", "verdict", "findings", "events"]
    assert sum(row["findings"] for row in rows) == len(open_)
    assert sum(row["events"] for row in rows) == sum(row["events"] for row in open_)
    assert [row["findings"] for row in rows] == sorted((row["findings"] for row in rows), reverse=True)
    assert sum(row["findings"] for row in found.by("verdict").pl().to_dicts()) == len(found)
    with pytest.raises(RuleError, match=r"no column 'clientid'\. Did you mean 'client_id'"):
        found.by("clientid")
    with pytest.raises(RuleError, match="They have rule, "):
        found.by(["client_id", "verdict"])


@pytest.mark.parametrize("rule", ["OOS-1", "OOS-12", "PRV-1", "REV-1", "INT-1", "GOV-1"])
def test_every_family_draws(scene, hostile, rule):
    chart = scene.found[rule].chart()
    drawn = json.loads(chart.json())
    assert drawn["$schema"].startswith("https://vega.github.io/schema/vega-lite")
    assert chart.alt


def test_an_empty_finding_draws_and_says_why(scene):
    nothing = scene.found["REV-2"]
    assert len(nothing) == 0
    assert nothing.to_dicts() == []
    assert nothing.why_empty in repr(nothing)
    assert nothing.why_empty in nothing._repr_html_()
    assert nothing.why_empty in nothing.chart().alt


def test_a_chart_of_a_time_that_no_log_covers_is_no_all_clear(scene):
    found = gl.detect.out_of_scope(scene.store.between("2031-01-01", "2031-02-01"))
    assert found.chart().title == "OOS-1: nothing to draw"
    assert found.chart().subtitle == "No usage log covers any of 2031-01-01 to 2031-02-01."


def test_a_chart_says_of_calls_what_the_rule_says(scene):
    titles = {rule: found.chart().title for rule, found in scene.found.items() if len(found)}
    beyond_scope = {rule for rule, title in titles.items() if "no granted scope permitted" in title}
    assert beyond_scope == {"OOS-1"}
    refused = sum(row["events"] for row in scene.found["OOS-12"])
    assert f"made {refused} call{'s' if refused > 1 else ''} that were refused for want of scope" in titles["OOS-12"]


@pytest.mark.parametrize(
    "rule", [rule for rule in registry() if rule.startswith("OOS") and rule not in ("OOS-1", "OOS-3", "OOS-12")]
)
def test_only_rules_about_calls_are_drawn_as_calls(scene, rule):
    found = dataclasses.replace(scene.found["OOS-1"], rule=registry()[rule])
    assert "call" not in found.chart().title
    assert f"{rule} finding" in found.chart().title


def test_a_chart_without_the_clear_says_what_it_left_out(scene):
    clear = scene.found["OOS-12"]
    assert {row["verdict"] for row in clear} == {"clear"}
    assert clear.by("client_id").chart().title == "No OOS-12 findings in this window that are violations or undecided"
    none = clear.only("violation")
    assert len(none) == 0
    assert none.chart().subtitle == "No finding has the verdict asked for."


@pytest.mark.parametrize("rule", SPEAKING)
def test_a_notebook_shows_hostile_names_as_text(scene, hostile, rule):
    case = Case(scene.store, client=hostile)
    for shown in (
        scene.found[rule]._repr_html_(),
        scene.found[rule].by("client_id")._repr_html_(),
        scene.lag._repr_html_(),
        scene.store._repr_html_(),
        case._repr_html_(),
        case.timeline()._repr_html_(),
    ):
        assert "</script" not in shown
        assert not set(shown) & set("\u202e\u3164\x1b")
        assert "<img" not in shown
    assert not set(repr(case)) & set("\u202e\u3164\x1b")
    assert "&lt;img src=x onerror=alert(1)&gt;" in scene.found[rule]._repr_html_()


def test_the_evidence_is_read_again(scene):
    for rule in SPEAKING:
        found = scene.found[rule]
        lines = scene.log.read_text().splitlines()
        for index, row in enumerate(found.to_dicts()):
            for pointer, record in zip(row["evidence"], found.evidence(index), strict=True):
                assert {**record, "record": None} == {**pointer, "record": None}
                assert json.loads(record["record"]) == json.loads(lines[pointer["line"] - 1])
                assert json.loads(record["record"])["event_id"] == pointer["event_id"]


def test_a_file_that_changed_is_no_evidence(scene):
    found = scene.found["REV-1"]
    before = scene.log.read_bytes()
    assert found.to_dicts()[0]["evidence"][0]["sha256"] == hashlib.sha256(before).hexdigest()
    try:
        scene.log.write_bytes(before.replace(b"mail.write", b"mail.wrote"))
        assert {each["record"] for each in found.evidence(0)} == {None}
        scene.log.unlink()
        assert {each["record"] for each in found.evidence(0)} == {None}
    finally:
        scene.log.write_bytes(before)
    assert None not in {each["record"] for each in found.evidence(0)}


def test_each_version_of_a_file_has_its_own_records(tmp_path):
    """What a line says now is no evidence of what it said when it was loaded."""
    log = tmp_path / "log.ndjson"
    pointers = []
    for text in ("first", "second"):
        log.write_text(json.dumps({"client": text}))
        pointers.append({"file": str(log), "sha256": hashlib.sha256(log.read_bytes()).hexdigest(), "line": 1})
    first, second = (each["record"] for each in read_records(pointers))
    assert (first, json.loads(second)) == (None, {"client": "second"})


def test_the_sql_shown_is_runnable_and_names_its_values(scene):
    found = scene.found["GOV-1"]
    assert "TIMESTAMPTZ '2026-07-01" in found.sql
    assert "$" not in re.sub(r"--.*", "", found.sql)
    assert len(scene.store.engine.rows(found.sql)) == len(found)


def test_dictionaries_need_no_pandas(scene):
    program = (
        "import sys, grantlens as gl\n"
        f"store = gl.open({scene.store.path!r}, read_only=True)\n"
        "rows = gl.detect.run(store, ['GOV-1'])[0].to_dicts()\n"
        "assert rows\n"
        "print('pandas' in sys.modules)"
    )
    scene.store.engine.execute("CHECKPOINT")
    copy = scene.store.path + ".copy"
    with open(scene.store.path, "rb") as source, open(copy, "wb") as target:
        target.write(source.read())
    done = subprocess.run(
        [sys.executable, "-c", program.replace(scene.store.path, copy)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "False", done.stderr


def test_a_cell_names_server_and_token_leaves_out_what_is_empty_and_counts_in_words(sample_store):
    (used,) = gl.detect.run(sample_store.between("2026-07-03", "2026-10-01", now="2026-10-01"), ["REV-1"])
    assert repr(used).endswith(": 20 violations, 2 indeterminate")
    cell = used._repr_html_()
    assert "Findings: 20 violations, 2 indeterminate." in cell
    heads = re.findall("<th[^>]*>([^<]*)</th>", cell)
    assert heads[:3] == ["verdict", "severity", "title"], "the sentence is not what a narrow cell cuts off"
    assert {"token_id", "resource_server"} <= set(heads)
    assert "operation" not in heads
    assert repr(used.only("clear")).endswith(": nothing found")


def test_a_finding_says_whose_tenant_it_is_of(tmp_path):
    rows = [
        record | {"tenant": tenant, "event_id": f"{tenant}{number}", "grant_id": f"g-{tenant}"}
        for tenant in ("north", "south")
        for number, record in enumerate(
            (
                consent("01 08:00", ["mail.read"]),
                use("02 09:00", "POST /v1/messages", None),
                *logs_from_to("01 08:00", "31 23:00"),
            )
        )
    ]
    (tmp_path / "catalogue.toml").write_text(CATALOGUE)
    (tmp_path / "log.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with gl.open(":memory:") as store:
        store.add(gl.Catalogue.build("toml", tmp_path / "catalogue.toml"))
        store.load(tmp_path / "log.ndjson")
        found = gl.detect.out_of_scope(store).only("violation").to_dicts()
    assert {(row["tenant"], row["grant_id"]) for row in found} == {("north", "g-north"), ("south", "g-south")}


@pytest.mark.parametrize("rule", ["OOS-1", "OOS-12", "PRV-1"])
def test_a_chart_reads_only_the_columns_that_it_shows(scene, rule, monkeypatch):
    """To make Python of the evidence of 100,000 findings takes longer than the rule."""
    found = scene.found[rule]
    drawn, read = found.chart(), []
    monkeypatch.setattr(
        "grantlens.framed.plain_rows", lambda table: read.extend(table.column_names) or table.to_pylist()
    )
    assert len(found)
    assert found.chart() == drawn
    assert not {"evidence", "coverage"} & set(read)
