"""Loaders written in TOML: what a mapping says is done, whatever shape the log has, and a mistake names its line."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import grantlens as gl
from grantlens.cli.concluded import of_store
from grantlens.conclusion.held import held
from grantlens.errors import LoadError
from grantlens.explain.advice import advice
from grantlens.loaders import Settings
from grantlens.loaders.mapped import mapping
from grantlens.loaders.mapped.place import place, written
from grantlens.loaders.mapped.unpacking import pairs_of, record_of
from grantlens.store import Store

ACME = """
name = "acme_gateway"
title = "Acme gateway"
carries = ["usage"]

[recognise]
keys = ["acme_event", "time"]

[usage]
when = { "acme_event" = ["tool.called", "tool.failed"] }
used_at = "time"
event_id = "id"
client_id = "app.id"
operation = "tool.name"
status = "code"
outcome = { path = "status", values = { "ok" = "success", "denied" = "denied" }, otherwise = "error" }
resource_server = { constant = "acme" }
target = "path"

[[ignored]]
reason = "page shown"
when = { "acme_event" = "page.*" }
"""


def call(**more):
    return {
        "acme_event": "tool.called",
        "time": "2026-07-01T10:00:00.123Z",
        "id": "e1",
        "app": {"id": "mail"},
        "tool": {"name": "send"},
        "status": "ok",
        "code": 200,
        "path": "/mcp",
        **more,
    }


@pytest.fixture
def make(tmp_path):
    """Return a function that reads a mapping from its text."""

    def read(text=ACME):
        file = tmp_path / "acme.toml"
        file.write_text(text)
        return mapping(file)

    return read


@pytest.fixture
def usage(load, make):
    """Return a function that loads records by a `[usage]` table of these lines, and gives back what came of them."""

    def read(lines, *records, top=""):
        outcome = "" if "outcome" in lines else 'outcome = { constant = "success" }\n'
        at = "" if "used_at" in lines else 'used_at = "time"\n'
        return load(list(records), make(f'name = "acme_gateway"\n{top}\n[usage]\n{at}{outcome}{lines}'))

    return read


def test_what_the_mapping_says_is_done(load, make):
    records = [
        call(),
        call(id="e2", acme_event="tool.failed", status="denied", code=403),
        call(id="e3", status="crashed", code=200),
        call(id="e4", acme_event="page.view"),
        call(id="e5", acme_event="other"),
        call(id="e6", time="yesterday"),
        call(),
    ]
    loaded = load(records, make())
    assert loaded.counts() == {"records": 7, "usage": 3, "ignored": 1, "duplicates": 1, "rejected": 2}
    assert loaded.ignored == {"page shown": 1}
    reasons = {row["line_no"]: row["reason"] for row in loaded.rejected}
    assert reasons == {5: "not mapped", 6: "used_at: 'yesterday as ISO 8601' is no time"}
    rows = loaded.rows["usage"]
    assert [row["outcome"] for row in rows] == ["success", "denied", "error"]
    assert rows[0] | {
        "source": "acme_gateway", "event_id": "e1", "client_id": "mail", "operation": "send", "status": 200,
        "resource_server": "acme", "target": "/mcp", "used_at": datetime(2026, 7, 1, 10, 0, 0, 123000, UTC),
    } == rows[0]  # fmt: skip


def test_a_200_with_an_error_inside_is_an_error(load, make):
    assert load([call(status="error", code=200)], make()).one("usage")["outcome"] == "error"


def test_the_fast_way_and_the_careful_way_give_the_same(load, make):
    """Without ignored records a mapping is read the fast way."""
    text = ACME[: ACME.index("[[ignored]]")]
    records = [call(id=f"e{number}", code=200 + number, app={"id": f"app{number % 3}"}) for number in range(40)]
    fast, careful = load(records, make(text)), load(records, make())
    assert fast.counts() == careful.counts() == {"records": 40, "usage": 40}
    assert fast.rows == careful.rows


# --- places ---


@pytest.mark.parametrize(
    ("path", "record", "value"),
    [
        ("a.b", {"a": {"b": "x"}}, "x"),
        ("a.b", {"a.b": "x"}, "x"),
        ("a.b", {"a.b": "exact", "a": {"b": "nested"}}, "exact"),
        ("a.b.c", {"a": {"b.c": "x"}}, "x"),
        ("a.b.c", {"a": {"b": {"c": "x"}}}, "x"),
        ("'a.b'.c", {"a.b": {"c": "x"}, "a": {"b": {"c": "y"}}}, "x"),
        ("a[1].b", {"a": [{"b": "x"}, {"b": "y"}]}, "y"),
        ("a[0]", {"a": ["x"]}, "x"),
        ("ID", {"ID": "x", "id": "y"}, "x"),
        ("$p0", {"$p0": "x"}, "x"),
        ("a/b~c", {"a/b~c": "x"}, "x"),
        ("'it''s'", None, None),
        ("a.0", {"a": {"0": "x"}}, "x"),
        ("ünïcödé.ключ", {"ünïcödé": {"ключ": "x"}}, "x"),
    ],
)
def test_a_path_is_found(usage, path, record, value):
    if record is None:
        with pytest.raises(LoadError):
            usage(f'client_id = "{path}"', {})
        return
    loaded = usage(f'client_id = "{path}"', {"time": "2026-07-01T10:00:00Z", **record})
    assert loaded.one("usage")["client_id"] == value
    assert place(path).find(record) == value, "recognition and --explain see the same"


def test_keys_that_differ_in_case_only_are_two_keys(usage):
    loaded = usage('client_id = "ID"\nsubject_id = "id"', {"time": "2026-07-01T10:00:00Z", "ID": "app", "id": "jo"})
    row = loaded.one("usage")
    assert (row["client_id"], row["subject_id"]) == ("app", "jo")


@given(
    st.lists(
        st.text(st.characters(exclude_characters="[]\"'", codec="utf-8", min_codepoint=32), min_size=1),
        min_size=1,
        max_size=3,
    )
)
@settings(max_examples=30)
@example(["."])
@example(["a..b"])
@example([" "])
@example(["owner's", ".", 'the "one"'])
def test_a_written_path_leads_back_to_its_value(keys):
    record = "x"
    for key in reversed(keys):
        record = {key: record}
    assert place(written(keys)).find(record) == "x"


def test_the_first_path_that_has_a_value_counts(usage):
    time = {"time": "2026-07-01T10:00:00Z"}
    loaded = usage('client_id = ["app.id", "client"]', time | {"app": {"id": None}, "client": "a"}, time | {"app": {"id": ""}, "client": "b"},
                   time | {"app": "no object", "client": "c"}, time | {"app": {"id": 5}})  # fmt: skip
    assert [row["client_id"] for row in loaded.rows["usage"]] == ["a", "b", "c", "5"]


def test_a_value_of_another_type_never_drops_the_record(load, make):
    odd = product(["app", "tool", "status", "id", "code", "path"], [None, 5, "x", [1], {"deep": {"er": 1}}, True])
    loaded = load([call(id=f"e{number}") | {key: value} for number, (key, value) in enumerate(odd)], make())
    counts = loaded.counts()
    assert counts["records"] == 36 == sum(counts.get(each, 0) for each in ("usage", "duplicates", "rejected"))
    reasons = {row["reason"] for row in loaded.rejected}
    assert reasons == {
        "outcome: missing", "status: 'x' is no number that fits", "status: '[1]' is no number that fits",
        "status: '{\"deep\":{\"er\":1}}' is no number that fits", "status: 'true' is no number that fits",
    }  # fmt: skip


# --- values ---


@pytest.mark.parametrize(
    ("rule", "given", "hour"),
    [
        ('"time"', "2026-07-01T10:00:00Z", "10:00:00.000000"),
        ('"time"', "2026-07-01 12:00:00.5+02:00", "10:00:00.500000"),
        ('"time"', "2026-07-01 10:00:00 UTC", "10:00:00.000000"),
        ('"time"', "2026-07-01 03:00:00.250 -0700", "10:00:00.250000"),
        ('"time"', "2026-07-01 12:00:00 +02", "10:00:00.000000"),
        ('"time"', "2026-07-01 10:00:00.250123456 +0000 UTC", "10:00:00.250123"),
        ('{ path = "time", zone = "Europe/Berlin" }', "2026-07-01 12:00:00,250", "10:00:00.250000"),
        ('{ path = "time", unit = "s" }', 1782900000.25, "10:00:00.250000"),
        ('{ path = "time", unit = "ms" }', 1782900000250, "10:00:00.250000"),
        ('{ path = "time", unit = "us" }', "1782900000250000", "10:00:00.250000"),
        ('{ path = "time", unit = "ns" }', "1782900000250000123", "10:00:00.250000"),
        ('{ path = "time", format = "%d/%b/%Y:%H:%M:%S %z" }', "01/Jul/2026:12:00:00 +0200", "10:00:00.000000"),
        ('{ path = "time", format = "%b %d %Y %H:%M:%S", zone = "UTC" }', "Jul 01 2026 10:00:00", "10:00:00.000000"),
    ],
)
def test_times(usage, rule, given, hour):
    row = usage(f"used_at = {rule}", {"time": given}).one("usage")
    assert row["used_at"].strftime("%F %T.%f") == f"2026-07-01 {hour}"


@pytest.mark.parametrize(
    ("rule", "given", "reason"),
    [
        ('"time"', "2026-07-01 10:00:00", "used_at: '2026-07-01 10:00:00 without a zone' is no time"),
        ('"time"', "infinity", "used_at: 'infinity as ISO 8601' is no time"),
        ('"time"', "2026-07-01", "used_at: '2026-07-01 as ISO 8601' is no time"),
        ('"time"', "0001-01-01T00:00:00Z", "used_at: '0001-01-01T00:00:00Z as ISO 8601' is no time"),
        ('"time"', "2026-13-01T00:00:00Z", "used_at: '2026-13-01T00:00:00Z' is no time"),
        ('{ path = "time", unit = "s" }', 1782900000250, "used_at: '1782900000250 as unix s' is no time"),
        ('{ path = "time", unit = "ms" }', 1782900000, "used_at: '1782900000 as unix ms' is no time"),
        ('{ path = "time", unit = "ms" }', "2026-07-01T10:00:00Z", "used_at: '2026-07-01T10:00:00Z as unix ms' is no time"),
        ('{ path = "time", unit = "ns" }', "9" * 30, f"used_at: '{'9' * 30} as unix ns' is no time"),
        ('{ path = "time", format = "%d.%m.%Y" }', "01.07.2026", "used_at: '01.07.2026 without a zone' is no time"),
        ('{ path = "time", format = "%d.%m.%Y" }', "2026-07-01", "used_at: '2026-07-01 in this format' is no time"),
        ('{ path = "time", format = "%d.%m.%Y %z" }', "2026", "used_at: '2026 in this format' is no time"),
        ('"time"', None, "used_at: missing"),
    ],
)  # fmt: skip
def test_a_time_is_never_guessed(usage, rule, given, reason):
    (rejected,) = usage(f"used_at = {rule}", {"time": given}).rejected
    assert rejected["reason"] == reason


@pytest.mark.parametrize("format", ["", ', format = "%Y-%m-%d %H:%M:%S"'])
@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"]
)
def test_a_local_time_that_the_zone_has_twice_or_never_is_not_guessed(load, make, zone, format):
    here, day, half_hour = ZoneInfo(zone), timedelta(days=1), timedelta(minutes=30)
    midnights = [datetime(2026, 1, 1) + day * number for number in range(365)]
    changes = [
        at for at in midnights if at.replace(tzinfo=here).utcoffset() != (at + day).replace(tzinfo=here).utcoffset()
    ]
    assert bool(changes) == (zone not in ("UTC", "America/Sao_Paulo"))  # Brazil gave summer time up in 2019
    local = [at + half_hour * number for at in (datetime(2026, 6, 1), *changes) for number in range(48)]
    loader = make(
        f'name = "local"\n[usage]\nused_at = {{ path = "time", zone = "{zone}"{format} }}\noutcome = {{ constant = "success" }}'
    )
    got = load([{"time": at.strftime("%Y-%m-%d %H:%M:%S")} for at in local], loader)
    known = {row["line_no"]: row["used_at"] for row in got.rows["usage"]}
    refused = {row["line_no"]: row["reason"] for row in got.rejected}
    for number, at in enumerate(local, 1):
        one, two = (at.replace(tzinfo=here, fold=fold) for fold in (0, 1))
        if one.utcoffset() == two.utcoffset():
            assert known[number] == one.astimezone(UTC)
        else:
            there = one.astimezone(UTC).astimezone(here).replace(tzinfo=None) == at
            how = "occurs twice" if there else "does not occur"
            assert refused[number].startswith(f"used_at: '{at:%Y-%m-%d %H:%M:%S} that {how} in {zone[:3]}")


def test_a_time_that_occurs_twice_is_told_with_a_remedy():
    twice = advice("used_at: '2026-10-25 02:30:00 that occurs twice in Europe/Berlin' is no time")
    assert twice.startswith("the clock was put back; ")
    assert advice("used_at: '2026-03-29 02:30:00 that does not occur in Europe/Berlin' is no time").endswith(
        "is it the right zone?"
    )


def test_the_user_may_say_the_zone(make, tmp_path):
    log = tmp_path / "local.ndjson"
    log.write_text('{"time": "2026-07-01 12:00:00"}\n')
    loader = make('name = "local"\n[usage]\nused_at = "time"\noutcome = { constant = "success" }')
    with gl.open(":memory:") as store:
        store.load(log, loader=loader, settings=Settings(time_zone="Europe/Berlin"))
        assert store.engine.value("SELECT used_at::VARCHAR FROM usage") == "2026-07-01 10:00:00+00"


def test_what_the_user_said_stands_beside_the_file(make, tmp_path):
    """The same file gives other rows otherwise, and nobody could tell from its hash."""
    log = tmp_path / "local.ndjson"
    log.write_text('{"time": "2026-07-01 12:00:00"}\n')
    notes = []
    for outcome, zone in (("success", "Europe/Berlin"), ("success", "Asia/Kolkata"), ("error", "Asia/Kolkata")):
        loader = make(f'name = "local"\n[usage]\nused_at = "time"\noutcome = {{ constant = "{outcome}" }}')
        with gl.open(":memory:") as store:
            store.load(log, loader=loader, settings=Settings(time_zone=zone))
            notes.append(store.engine.value("SELECT note FROM batch"))
    mapped, zones = zip(*(note.split("; ") for note in notes), strict=True)
    assert zones == (
        "times without a zone read as of Europe/Berlin",
        *["times without a zone read as of Asia/Kolkata"] * 2,
    )
    assert mapped[0] == mapped[1] != mapped[2]
    assert mapped[0].startswith("read as local of SHA-256 ")


def test_the_hash_of_a_mapping_is_the_same_in_every_process():
    script = (
        "from grantlens.loaders import loaders\nfrom grantlens.ingest.opening import _digest\n"
        "print([_digest(loaders()[name]) for name in ('agentgateway', 'envoy_ai_gateway', 'kong', 'litellm', 'otel_genai')])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


def test_what_is_taken_apart_before_it_is_mapped_tells_mappings_apart_too(make, tmp_path):
    log = tmp_path / "log.ndjson"
    log.write_text('{"time": "2026-07-01T10:00:00Z", "meta": "{}"}\n')
    notes = set()
    for top in ("", 'json = ["meta"]', 'pairs = ["meta"]'):
        loader = make(
            f'name = "apart"\n{top}\n[usage]\nused_at = "time"\noutcome = {{ constant = "success" }}\nclient_id = "meta.app"'
        )
        with gl.open(":memory:") as store:
            store.load(log, loader=loader)
            notes.add(store.engine.value("SELECT split_part(note, ';', 1) FROM batch"))
    assert len(notes) == 3


@pytest.mark.parametrize(
    ("rule", "given", "scopes"),
    [
        ('"scope"', ["a", "b, c"], ["a", "b, c"]),
        ('"scope"', "a b", ["a b"]),
        ('{ path = "scope", split = " " }', " a  b ", ["a", "b"]),
        ('{ path = "scope", split = "," }', "a, b", ["a", "b"]),
        ('{ path = "scope", split = " " }', ["a", "b"], ["a", "b"]),
        ('{ path = "scope", split = " " }', "", []),
        ('"scope"', [], []),
        ('"scope"', None, None),
        ('{ path = "scope", absent = ["", "-"], split = " " }', "-", None),
        ('{ path = "scope", absent = ["", "-"], split = " " }', "", None),
        ('"scope[*].name"', [{"name": "a"}, {"other": 1}, {"name": "b"}], ["a", "b"]),
        ('"scope[*].name"', "none", None),
        ('{ constant = ["a", "b"] }', None, ["a", "b"]),
        ('"scope"', "[not json", ["[not json"]),
    ],
)
def test_lists(usage, rule, given, scopes):
    row = usage(f"token_scopes = {rule}", {"time": "2026-07-01T10:00:00Z", "scope": given}).one("usage")
    assert row["token_scopes"] == scopes


@pytest.mark.parametrize(
    ("rule", "given", "outcome"),
    [
        ('{ path = "code", values = { "2*" = "success", "401" = "denied" }, otherwise = "error" }', 204, "success"),
        ('{ path = "code", values = { "2*" = "success", "401" = "denied" }, otherwise = "error" }', 401, "denied"),
        ('{ path = "code", values = { "2*" = "success", "401" = "denied" }, otherwise = "error" }', 500, "error"),
        ('{ path = "code", values = { true = "success", false = "error" } }', True, "success"),
        ('"code"', "denied", "denied"),
        ('[{ path = "code", values = { "500" = "error" } }, { constant = "success" }]', 500, "error"),
        ('[{ path = "code", values = { "500" = "error" } }, { constant = "success" }]', 200, "success"),
        ('[{ constant = "denied", when = { code = "4*" } }, { constant = "success" }]', 403, "denied"),
        ('[{ constant = "denied", unless = { code = "2*" } }, { constant = "success" }]', 200, "success"),
    ],
)
def test_values(usage, rule, given, outcome):
    assert (
        usage(f"outcome = {rule}", {"time": "2026-07-01T10:00:00Z", "code": given}).one("usage")["outcome"] == outcome
    )


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("odd", "outcome: 'odd' is none of success, denied, error"),
        (None, "outcome: missing"),
        ({"a": 1}, "outcome: '{\"a\":1}' is none of success, denied, error"),
    ],
)
def test_a_value_without_a_meaning_is_named(usage, given, reason):
    (rejected,) = usage(
        'outcome = { path = "code", values = { "ok" = "success" } }', {"time": "2026-07-01T10:00:00Z", "code": given}
    ).rejected
    assert rejected["reason"] == reason


def test_other_values_may_leave_a_column_empty(usage):
    row = usage(
        'denial_reason = { path = "code", values = { "429" = "rate" }, otherwise = false }',
        {"time": "2026-07-01T10:00:00Z", "code": 403},
    )
    assert row.one("usage")["denial_reason"] is None


def test_parts_patterns_queries_and_secrets(usage):
    record = {
        "time": "2026-07-01T10:00:00Z",
        "trace": "t",
        "span": "s",
        "addr": "[2001:db8::1]:443",
        "url": "/mcp?code=4%2F0Ad",
        "key": "opaque-key",
    }
    lines = """
event_id = { parts = ["trace", "span"], between = "-" }
resource_id = { parts = ["trace", "not there"], between = "-" }
ip = { path = "addr", pattern = '^\\[?(.+?)\\]?:\\d+$' }
target = "url"
token_id = { path = "key", hash = true }
"""
    loaded = usage(lines, record, record | {"span": "s2", "addr": "10.0.0.1:5"})
    first, second = loaded.rows["usage"]
    assert (first["event_id"], first["resource_id"], first["ip"], first["target"]) == (
        "t-s",
        None,
        "2001:db8::1",
        "/mcp",
    )
    assert second["ip"] == "10.0.0.1"
    assert re.fullmatch("sha256:[0-9a-f]{64}", first["token_id"])
    assert first["token_id"] == second["token_id"]
    assert "opaque-key" not in str(loaded.rows)
    assert "4%2F0Ad" not in str(loaded.rows)


def test_what_may_be_a_token_is_kept_if_the_mapping_says_that_it_is_an_id(usage):
    record = {"time": "2026-07-01T10:00:00Z", "token": "id-7"}
    assert usage('token_id = { path = "token", hash = false }', record).one("usage")["token_id"] == "id-7"
    assert usage('token_id = { path = "token", hash = true }', record).one("usage")["token_id"].startswith("sha256:")


def test_values_that_mean_nothing_are_missing(usage):
    loaded = usage(
        'client_id = ["a", "b"]\nsubject_id = "a"',
        {"time": "2026-07-01T10:00:00Z", "a": "-", "b": "app"},
        top='absent = ["-", "unknown"]',
    )
    assert (loaded.one("usage")["client_id"], loaded.one("usage")["subject_id"]) == ("app", None)


def test_a_mapping_may_fill_all_three_logs(load, make):
    text = """
name = "three"
carries = ["issuance", "usage", "revocation"]
keys_end = true
actors = "nested"
[issuance]
when = { event = "token.issued" }
issued_at = "time"
actor_chain = "act"
kind = { constant = "token" }
outcome = { constant = "success" }
token_id = "jti"
scopes = { path = "scope", split = " " }
expires_at = { path = "exp", unit = "s" }
[[usage]]
when = { event = "call" }
used_at = "time"
outcome = { constant = "success" }
token_id = "jti"
[[usage]]
when = { event = "*", jti = "*" }
unless = [{ event = "token.*" }, { event = "audit" }]
used_at = "time"
outcome = { constant = "error" }
operation = "event"
[revocation]
when = { event = "token.revoked" }
revoked_at = "time"
kind = { constant = "revoke" }
outcome = { constant = "success" }
target_kind = { constant = "token" }
token_id = "jti"
[[join]]
first = "issuance"
second = "usage"
strength = "token"
key = "jti"
"""
    loader = make(text)
    records = [
        {"time": f"2026-07-01T10:00:0{number}Z", "event": event, "jti": "t1", "scope": "a b", "exp": 1782903600}
        for number, event in enumerate(("token.issued", "call", "odd", "token.revoked", "audit"))
    ]
    loaded = load(records, loader)
    assert loaded.counts() == {"records": 5, "issuance": 1, "usage": 2, "revocation": 1, "rejected": 1}
    assert loaded.one("issuance")["scopes"] == ["a", "b"]
    assert loaded.one("issuance")["expires_at"] == datetime(2026, 7, 1, 11, tzinfo=UTC)
    assert [(row["outcome"], row["operation"], row["token_id"]) for row in loaded.rows["usage"]] == [
        ("success", None, "t1"),
        ("error", "odd", None),
    ]
    assert [(join.first, join.second, join.strength) for join in loader.joins] == [("issuance", "usage", "token")]
    assert (loader.keys_end, loader.actors) == (True, "nested")
    without = make(text.replace("keys_end = true", "").replace('actors = "nested"', ""))
    assert (without.keys_end, without.actors) == (False, "")


@pytest.mark.parametrize(
    ("claims", "signed_in"),
    [
        ({"auth_time": 1782900000}, datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ({"auth_time": "1782900000"}, datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ({"auth_time": 0}, None),
        ({}, None),
    ],
)
def test_when_the_person_signed_in_is_taken_from_the_claim(load, make, claims, signed_in):
    loader = make("""
name = "claims"
[issuance]
issued_at = "time"
kind = { constant = "token" }
outcome = { constant = "success" }
auth_time = { path = "claims.auth_time", unit = "s", absent = ["0"] }
""")
    loaded = load([{"time": "2026-07-01T10:00:05Z", "claims": {"sub": "ann", **claims}}], loader)
    assert loaded.one("issuance")["auth_time"] == signed_in


ISSUED = """
name = "acme"
carries = ["issuance"]
[issuance]
issued_at = "time"
kind = { constant = "token" }
outcome = { constant = "success" }
token_id = "jti"
client_id = "app"
"""
CALLED = """
name = "acme"
carries = ["usage"]
[usage]
used_at = "time"
outcome = { constant = "success" }
token_id = "jti"
"""
JOINED = """
[[join]]
first = "issuance"
second = "usage"
strength = "token"
key = "jti"
"""


def test_two_mappings_of_one_name_make_one_source_whose_rows_join(make, tmp_path):
    """One product issues the tokens, another logs the calls."""
    for name, minute in (("issued", 0), ("called", 1)):
        record = {"time": f"2026-07-01T10:0{minute}:00Z", "jti": "k1", "app": "mail"}
        (tmp_path / f"{name}.ndjson").write_text(json.dumps(record) + "\n")
    with gl.open(":memory:") as store:
        for name, text in (("issued", ISSUED), ("called", CALLED)):
            store.load(tmp_path / f"{name}.ndjson", loader=make(text + JOINED))
        assert store.engine.rows("SELECT source, issuance_usage FROM declared") == [("acme", "token")]
        (provider,) = store.providers()
        assert (provider["loader"], provider["files"], provider["attributed"]) == ("acme", 2, 1.0)


@pytest.mark.parametrize(
    ("join", "declared", "reason"),
    [
        ("", None, "how issuance and usage of this source join is not known"),
        (JOINED.replace('"token"', '"none"'), "none", "nothing joins issuance and usage of this source"),
        (JOINED, "token", "the issuance log does not reach back far enough, or ends too early"),
    ],
    ids=["nothing is said", "none is said", "token is said"],
)
def test_that_nothing_was_said_of_a_join_is_not_that_nothing_joins(make, tmp_path, join, declared, reason):
    tables = (
        ISSUED.replace("[issuance]", '[issuance]\nwhen = { jti = "k*" }\ntoken_kind = { constant = "access" }')
        + CALLED[CALLED.index("[usage]") :]
    )
    loader = make(tables.replace('carries = ["issuance"]', 'carries = ["issuance", "usage"]\nkeys_end = true') + join)
    records = [
        {"time": "2026-07-01T10:00:00Z", "jti": "k1", "app": "mail"},
        {"time": "2026-07-01T10:01:00Z", "jti": "t2"},
    ]
    (tmp_path / "log.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
    with gl.open(":memory:") as store:
        store.load(tmp_path / "log.ndjson", loader=loader)
        assert store.engine.rows("SELECT issuance_usage FROM declared") == [(declared,)]
        (finding,) = gl.detect.run(store, "INT-1", now="2026-07-02")[0].to_dicts()
    assert (finding["verdict"], finding["detail"]["reason"]) == ("indeterminate", reason)


# --- shapes ---

FLAT = """
name = "flat"
[usage]
used_at = ["time", "#time"]
client_id = "app"
operation = "mcp.tool"
status = "code"
outcome = { path = "code", values = { "2*" = "success" }, otherwise = "error" }
[[ignored]]
reason = "start"
when = { "#2" = "starting" }
"""
RECORD = {"time": "2026-07-01T10:00:00Z", "app": "mail app", "mcp.tool": 'say "hi"', "code": "500"}
SHAPES = {
    "lines": json.dumps(RECORD) + "\n",
    "array": json.dumps([RECORD], indent=1),
    "page": json.dumps({"items": [RECORD], "next": None}),
    "pages": json.dumps({"items": [RECORD]}) + "\n" + json.dumps({"items": []}) + "\n",
    "csv": 'time,app,mcp.tool,code\n2026-07-01T10:00:00Z,mail app,"say ""hi""",500\n',
    "tsv": 'time\tapp\tmcp.tool\tcode\n2026-07-01T10:00:00Z\tmail app\t"say ""hi"""\t500\n',
    "text": '2026-07-01T10:00:00Z info app="mail app" mcp.tool="say \\"hi\\"" code=500\n',
    "bracketed text": '[2026-07-01T10:00:00Z] INFO app="mail app", mcp.tool="say \\"hi\\"", code=500,\n',
    "azure portal": 'time,app,mcp.tool,code,TimeGenerated [UTC]\n2026-07-01T10:00:00Z,mail app,"say ""hi""",500,\n',
    "syslog": "<14>Jul  1 10:00:00 gw gate[12]: " + json.dumps(RECORD) + "\n",
    "kubernetes": "2026-07-01T10:00:03.1Z stdout F " + json.dumps(RECORD) + "\n",
    "docker": "gate-1  | " + json.dumps(RECORD) + "\r\n",
    "text behind a prefix": 'gate-1  | 2026-07-01T10:00:00Z app="mail app" mcp.tool="say \\"hi\\"" code=500\r\n',
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_row(load, make, shape):
    row = load(SHAPES[shape], make(FLAT)).one("usage")
    assert row | {
        "used_at": datetime(2026, 7, 1, 10, tzinfo=UTC), "client_id": "mail app", "operation": 'say "hi"', "status": 500, "outcome": "error",
    } == row  # fmt: skip


def test_lines_of_text_are_rows_ignored_or_rejected(load, make):
    text = (
        "2026-07-01T10:00:00Z a app=mail code=200\n"
        "2026-07-01T10:00:01Z starting up\n"
        "2026-07-01T10:00:02Z a app=mail app=calendar code=200\n"
        "2026-07-01T10:00:03Z a app=mail code=\n"
        "no time app=x code=200\n"
    )
    loaded = load(text, make(FLAT))
    assert loaded.counts() == {"records": 5, "usage": 1, "ignored": 1, "rejected": 3}
    reasons = {row["line_no"]: row["reason"] for row in loaded.rejected}
    assert reasons == {3: "a key stands there twice", 4: "outcome: missing", 5: "used_at: missing"}


ACCESS = """
name = "access"
[usage]
used_at = { path = "#time", format = "%d/%b/%Y:%H:%M:%S %z" }
ip = "#1"
subject_id = { path = "#3", absent = ["-"] }
method = { path = "#5", pattern = '^(\\S+)' }
target = { path = "#5", pattern = '^\\S+ (\\S+)' }
status = "#6"
outcome = { path = "#6", values = { "2*" = "success" }, otherwise = "denied" }
user_agent = "#9"
client_id = "client_id"
"""


def test_what_a_caller_writes_into_an_access_log_stays_in_its_quotes(load, make):
    line = '10.0.0.1 - jo [01/Jul/2026:12:00:00 +0200] "POST /mcp?token=x HTTP/1.1" 200 12 "-" "bot client_id=evil" client_id=mail\n'
    row = load(line, make(ACCESS)).one("usage")
    assert row | {
        "used_at": datetime(2026, 7, 1, 10, tzinfo=UTC), "ip": "10.0.0.1", "subject_id": "jo", "method": "POST", "target": "/mcp",
        "status": 200, "outcome": "success", "user_agent": "bot client_id=evil", "client_id": "mail",
    } == row  # fmt: skip


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("2026-07-01 10:00:00,123 INFO [main] a=1", ["2026-07-01 10:00:00,123", "INFO", "main"]),
        ("2026-07-01 10:00:00 +0200 [x y] go", ["2026-07-01 10:00:00 +0200", "x y", "go"]),
        ('"" "a \\"b\\"" "x"y "open', ["", 'a "b"', '"x"y', '"open']),
        ("[thread a=1]", ["thread"]),
    ],
)
def test_words_of_a_line(line, words):
    found = pairs_of(line)
    assert [value for key, value in found.items() if key[0] == "#" and key != "#time"] == words
    assert found.get("#time") == (words[0] if words[0][:2] == "20" else None)


@pytest.mark.parametrize(
    ("line", "record"),
    [
        ('a x=1 {"y": 2}', {"#1": "a", "x": "1", "y": 2}),
        ('a x=1 {"y": 2', {"#1": "a", "x": "1", "#2": '{"y":', "#3": "2"}),
        ('x={"y":2}', {"x": '{"y":2}'}),
        ('a {b} {"y": 2}', {"#1": "a", "#2": "{b}", "#3": '{"y":', "#4": "2}"}),
        ("a {}", {"#1": "a"}),
        ('a {"y": 1, "y": 2}', {"#1": "a", "y": 1}),
    ],
)
def test_a_line_may_end_in_json(line, record):
    assert record_of(line) == record


@given(st.dictionaries(st.from_regex(r"[a-z][a-z.]{0,8}", fullmatch=True), st.text(max_size=12), max_size=5))
@settings(max_examples=30)
def test_text_is_read_as_it_was_written(pairs):
    escapes = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
    line = " ".join(f'{key}="{value.translate(escapes)}"' for key, value in pairs.items())
    assert pairs_of(line) == pairs


def test_no_record_is_kept_beside_its_values(make):
    assert "r," not in make().steps["place"].partition("FROM")[0].split()
    assert "r," in make(NESTED).steps["place"].partition("FROM")[0].split()


NESTED = """
name = "nested"
records = "batches.calls"
pairs = ["attributes", "source.attributes"]
[usage]
used_at = "time"
event_id = "id"
client_id = "source.attributes.service.name"
operation = "attributes.tool.name"
outcome = { path = "attributes.ok", values = { true = "success" }, otherwise = "error" }
"""


def pair(key, **value):
    return {"key": key, "value": value}


def test_records_that_stand_in_lists(load, make):
    calls = [
        {
            "id": "1",
            "time": "2026-07-01T10:00:00Z",
            "attributes": [pair("tool.name", stringValue="send"), pair("ok", boolValue=True)],
        },
        {"id": "2", "time": "2026-07-01T10:00:01Z", "attributes": [pair("ok", boolValue=False)]},
        {"id": "3", "time": "never", "attributes": []},
    ]
    source = {"attributes": [pair("service.name", stringValue="agent")]}
    export = {"batches": [{"source": source, "calls": calls}, {"calls": [calls[0] | {"id": "4"}]}]}
    loaded = load([export, {"batches": []}, {"else": 1}], make(NESTED))
    assert loaded.counts() == {"records": 6, "usage": 3, "ignored": 1, "rejected": 2}
    assert [
        (row["line_no"], row["event_id"], row["client_id"], row["operation"], row["outcome"])
        for row in loaded.rows["usage"]
    ] == [
        (1, "1", "agent", "send", "success"),
        (1, "2", "agent", None, "error"),
        (1, "4", None, "send", "success"),
    ]
    assert loaded.ignored == {"holds no record": 1}
    assert [(row["line_no"], row["reason"]) for row in loaded.rejected] == [
        (1, "used_at: 'never as ISO 8601' is no time"),
        (3, "used_at: missing"),
    ]


@pytest.mark.parametrize(
    ("items", "app"),
    [
        ([{"name": "app", "value": "mail"}, {"name": "app", "value": "evil"}], "mail"),
        ([{"Name": "x", "Value": "y"}, {"Name": "app", "Value": "mail"}], "mail"),
        ([{"key": "app"}], None),
        ([{"name": "app", "multiValue": ["mail"]}], None),
        ([{"id": 1, "name": "app"}], None),
        ([], None),
    ],
)
def test_lists_of_names_and_values_are_read_as_objects(usage, items, app):
    loaded = usage(
        'client_id = "meta.list.app"',
        {"time": "2026-07-01T10:00:00Z", "meta": {"list": items}},
        top='pairs = ["meta.list"]',
    )
    assert loaded.one("usage")["client_id"] == app


SEARCH = """
name = "search"
json = ["_source.message"]
records = "hits.hits"
[recognise]
keys = ["_source.message.app"]
[usage]
used_at = "_source.message.time"
client_id = "_source.message.app"
resource_server = "took"
outcome = { constant = "success" }
"""


def test_records_may_stand_in_lists_within_objects_and_their_event_in_a_text(load, make):
    event = {"time": "2026-07-01T10:00:00Z", "app": "mail"}
    hits = [{"_id": "1", "_source": {"message": json.dumps(event)}}, {"_id": "2", "_source": {"message": "{cut"}}]
    loader = make(SEARCH)
    page = {"took": 3, "hits": {"total": 2, "hits": hits}}
    assert loader.recognise([page | {"hits": {"hits": hits[:1]}}])
    loaded = load([page, {"took": 1, "hits": {"hits": []}}], loader)
    assert loaded.counts() == {"records": 3, "usage": 1, "ignored": 1, "rejected": 1}
    assert (loaded.one("usage")["client_id"], loaded.one("usage")["resource_server"]) == ("mail", "3")


@pytest.mark.parametrize(
    ("record", "app"),
    [
        ({"meta": '{"app": "mail"}'}, "mail"),
        ({"meta": ' {"app": {"id": "mail"}}'}, '{"id":"mail"}'),
        ({"meta": {"app": "mail"}}, "mail"),
        ({"meta": '{"app": '}, None),
        ({"meta": "plain"}, None),
        ({"meta": '[{"app": "mail"}]'}, None),
        ({"meta": None}, None),
        ({"a.b": '{"c": "{\\"d\\": \\"mail\\"}"}'}, "mail"),
    ],
)
def test_a_text_that_holds_json_is_read_as_what_it_holds(usage, record, app):
    top = """json = ["meta", "a.b", "'a.b'.c"]"""
    row = usage('client_id = ["meta.app", "\'a.b\'.c.d"]', {"time": "2026-07-01T10:00:00Z", **record}, top=top).one(
        "usage"
    )
    assert row["client_id"] == app


def test_of_a_key_that_stands_twice_the_first_counts_however_the_record_is_read(load, make):
    text = '{"time": "2026-07-01T10:00:00Z", "app": "mail", "app": "evil", "code": 200}\n'
    read_by_python = make(FLAT.replace("[usage]", 'json = ["other"]\n[usage]'))
    assert load(text, make(FLAT)).one("usage")["client_id"] == "mail"
    assert load(text, read_by_python).one("usage")["client_id"] == "mail"


def test_a_text_that_holds_json_may_stand_in_csv_and_in_lines_of_text(load, make):
    loader = make(FLAT.replace("[usage]", 'json = ["app"]\n[usage]').replace('"app"\n', '"app.id"\n'))
    for log in (
        'time,app,code\n2026-07-01T10:00:00Z,"{""id"": ""mail""}",200\n',
        '2026-07-01T10:00:00Z info app="{\\"id\\": \\"mail\\"}" code=200\n',
    ):
        assert load(log, loader).one("usage")["client_id"] == "mail"


# --- strangers ---

HOSTILE = [
    "'; DROP TABLE usage; --",
    'a"b',
    "\x1b[31mred\x1b[0m",
    "\u202egnp",
    "$p0 $token_key $zone",
    "{{x}}",
    "\\",
    "%",
    "'||(SELECT 1)||'",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_logs_are_values_only(load, make, text):
    row = load([call(app={"id": text}, tool={"name": text}, path="/" + text)], make()).one("usage")
    assert (row["client_id"], row["operation"]) == (text, text)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_mappings_are_values_only(load, make, text):
    quoted = json.dumps(text)
    toml = f"""
name = "hostile"
[usage]
when = {{ {quoted} = [{quoted}, "yes"] }}
used_at = "time"
outcome = {{ path = "o", values = {{ {quoted} = "denied" }}, otherwise = "error" }}
client_id = {{ constant = {quoted} }}
subject_id = {{ path = "s", absent = [{quoted}] }}
token_scopes = {{ path = "scope", split = {quoted} }}
[[ignored]]
reason = {quoted}
when = {{ drop = {quoted} }}
"""
    record = {text: "yes", "time": "2026-07-01T10:00:00Z", "o": text, "s": text, "scope": f"a{text}b"}
    if set(text) & set("[]\"'"):
        toml = toml.replace(f"when = {{ {quoted} = [", 'when = { "k" = [')
        record["k"] = "yes"
    loaded = load([record, {"drop": text}], make(toml))
    row = loaded.one("usage")
    assert (row["client_id"], row["outcome"], row["subject_id"], row["token_scopes"]) == (
        text,
        "denied",
        None,
        ["a", "b"],
    )
    assert loaded.ignored == {text: 1}


def test_calls_of_tokens_that_another_source_issued_join_where_the_mapping_says_whose_they_are(tmp_path):
    """An authorisation server has a loader of its own, and the gateway that sees its tokens a mapping."""
    issued = {
        "log": "issuance",
        "source": "keycloak",
        "kind": "token",
        "outcome": "success",
        "issued_at": "2026-07-01T09:59:00Z",
    }
    issued |= {"token_id": "t1", "client_id": "mail", "subject_id": "ann", "scopes": ["mail.read"], "event_id": "i1"}
    (tmp_path / "issued.ndjson").write_text(json.dumps(issued) + "\n")
    (tmp_path / "gate.ndjson").write_text(json.dumps(call(jti="t1")) + "\n")
    told = {}
    for said in ("", 'source = "keycloak"'):
        (tmp_path / "gate.toml").write_text(f"{said}\n{ACME}".replace("[usage]\n", '[usage]\ntoken_id = "jti"\n'))
        with Store(":memory:") as store:
            store.load(tmp_path / "issued.ndjson")
            store.load(tmp_path / "gate.ndjson", loader=mapping(tmp_path / "gate.toml"))
            each = {each.source.name: each for each in held(store)}
            told[said] = {name: (dict(one.calls), dict(one.issued_by)) for name, one in each.items() if one.calls}
            shown = " ".join(of_store(each.values()).split())
        assert (
            '1 names a token of an id that keycloak issued: if it is the same, let the mapping of this log say source = "keycloak"'
            in shown
        ) == (not said)
    assert told == {
        "": {"acme_gateway": ({"none": 1}, {"keycloak": 1})},
        'source = "keycloak"': {"keycloak": ({"token": 1}, {})},
    }


# --- mistakes ---


@pytest.mark.parametrize(
    ("old", "new", "line", "says", "remedy"),
    [
        ('name = "acme_gateway"', 'nam = "acme_gateway"', 2, "'nam' is no key", "Did you mean 'name'?"),
        ('name = "acme_gateway"', 'name = "Acme Gateway"', 2, "'name' cannot be 'Acme Gateway'", "small letters"),
        ('name = "acme_gateway"', 'name = "okta"', 2, "part of grantlens", "my_okta"),
        ('name = "acme_gateway"', 'name = "okta"', 2, "part of grantlens", 'say source = "okta" too'),
        ('carries = ["usage"]', 'source = "Key cloak"', 4, "'source' cannot be 'Key cloak'", "grantlens coverage"),
        ("client_id =", "source =", 13, "'source' is no column of usage", ""),
        ('carries = ["usage"]', 'carries = ["usages"]', 4, "cannot name 'usages'", "Did you mean 'usage'?"),
        ('carries = ["usage"]', 'carries = ["revocation"]', 4, "fills no revocation", "Write [revocation]"),
        ('carries = ["usage"]', "carries = 'usage'", 4, "must be a list", ""),
        ('carries = ["usage"]', 'keys_end = "yes"', 4, "must be true or false, not 'yes'", "keys_end = true"),
        ('carries = ["usage"]', 'actors = "callers"', 4, "'callers'", "nested"),
        ("[recognise]", "[recognize]", 6, "'recognize' is no key", "Did you mean 'recognise'?"),
        ('keys = ["acme_event", "time"]', 'kyes = ["acme_event"]', 7, "'kyes' is no key", "Did you mean 'keys'?"),
        ("[usage]", "[usages]", 9, "'usages' is no key", "Did you mean 'usage'?"),
        ("client_id =", "clientid =", 13, "'clientid' is no column of usage", "Did you mean 'client_id'?"),
        ("client_id =", "issued_at =", 13, "'issued_at' is no column of usage", ""),
        ('used_at = "time"', 'ended_at = "time"', 9, "usage needs 'used_at'", 'used_at = "time"'),
        ('"app.id"', '"app..id"', 13, "nothing between two dots", "dots between"),
        ('"app.id"', '"app[id"', 13, "is no path", ""),
        ('"app.id"', "5", 13, "'client_id' cannot be 5", "{ constant = ... }"),
        ('"app.id"', '{ pth = "app.id" }', 13, "'pth' is no key", "Did you mean 'path'?"),
        ('"app.id"', '{ path = "app", constant = "x" }', 13, "several sources", ""),
        ('"app.id"', "{ absent = ['-'] }", 13, "no source", ""),
        ('"app.id"', '{ path = "app.id", unit = "ms" }', 13, "'unit' is for columns that hold a time", "Leave unit out"),
        ('"app.id"', '{ path = "app.id", split = " " }', 13, "'split' is for columns that hold a list", ""),
        ('"app.id"', '"apps[*].id"', 13, "[*] gives a list", "[0] is the first"),
        ('"app.id"', "{ path = 'app', pattern = '(' }", 13, "no regular expression", ""),
        ('"app.id"', "{ path = 'app', pattern = '(?=a)' }", 13, "neither lookaround", ""),
        ('"time"\nevent', '{ path = "time", unit = "milli" }\nevent', 11, "'unit' cannot be 'milli'", "s, ms, us, ns"),
        ('"time"\nevent', '{ path = "time", zone = "Europe/Berln" }\nevent', 11, "no time zone", "Did you mean 'Europe/Berlin'?"),
        ('"time"\nevent', '{ path = "time", format = "%Q" }\nevent', 11, "'format' cannot hold '%Q'", "%Y"),
        ('"time"\nevent', '{ path = "time", format = "%d %" }\nevent', 11, "'format' cannot hold '%'", "%Y"),
        ('"time"\nevent', '{ path = "time", format = "%b %d %H:%M:%S" }\nevent', 11, "has no year", "%Y"),
        ('"time"\nevent', '{ path = "time", zone = "localtime" }\nevent', 11, "no time zone", "IANA"),
        ('"app.id"', '"auth.token"', 13, "may hold a token itself", "hash = false"),
        ('"app.id"', '{ path = "password", hash = false }', 13, "sounds like a secret", "hash = true"),
        ('"app.id"', '"client_secret"', 13, "sounds like a secret", "hash = true"),
        ('"app.id"', '["app.id", "headers.authorization"]', 13, "sounds like a secret", "hash = true"),
        ('"ok" = "success"', '"ok" = "sucess"', 16, "outcome cannot be 'sucess'", "Did you mean 'success'?"),
        ('otherwise = "error"', 'otherwise = "eror"', 16, "outcome cannot be 'eror'", "Did you mean 'error'?"),
        ("page.*\" }", "page.*\" }\nwhenn = 1", 23, "'whenn' is no key", "Did you mean 'when'?"),
        ('reason = "page shown"', "", 20, "needs 'reason'", ""),
        ('when = { "acme_event" = "page.*" }', 'when = "page"', 22, "'when' must say which values", ""),
        ('when = { "acme_event" = "page.*" }', 'when = { "acme_event" = [] }', 22, "must be compared", ""),
        ("[[ignored]]", '[[join]]\nfirst = "issuance"\nsecond = "revocation"\nstrength = "token"\n[[ignored]]', 21, "no pair",
         "There are: issuance and usage, usage and revocation."),
        ('title = "Acme gateway"', 'json = ["a[*].b"]', 3, "'json' cannot be 'a[*].b'", "result._raw"),
        ('"acme"', '"acme', 17, "", "Correct the TOML there: a quote is not closed."),
        ('"id"', "id", 12, "Invalid value", "a text stands in quotes"),
        ('"id"', '{ path = "id",\n }', 12, "", "must fit on one line"),
        ('"id"', '"id"\nused_at = "at"', 13, "", "leave one of the two out"),
        ('"id"', '{ path = "id", pattern = "\\d" }', 12, "", "single quotes"),
        ("[[ignored]]", "[usage]", 20, "", "[[usage]]"),
        ("\nname", "{}\nname", 1, "", "this begins like JSON"),
        ('\nwhen = { "acme_event" = "page.*" }', "", 20, "every record is ignored", "Say which"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_line_and_the_nearest_name(make, old, new, line, says, remedy):
    assert old in ACME
    with pytest.raises(LoadError) as error:
        make(ACME.replace(old, new, 1))
    assert f"acme.toml line {line}: " in error.value.message
    assert says in error.value.message
    assert remedy in error.value.remedy


def test_a_rule_may_be_a_table_of_its_own(load, make):
    text = ACME.replace(
        'outcome = { path = "status", values = { "ok" = "success", "denied" = "denied" }, otherwise = "error" }\n', ""
    )
    text = text.replace(
        "[[ignored]]",
        '[usage.outcome]\npath = "status"\notherwise = "error"\n[usage.outcome.values]\nok = "success"\n\n[[ignored]]',
    )
    assert [row["outcome"] for row in load([call(), call(id="e2", status="x")], make(text)).rows["usage"]] == [
        "success",
        "error",
    ]
    with pytest.raises(LoadError, match="line 23: outcome cannot be 'sucess'"):
        make(text.replace('ok = "success"', 'ok = "sucess"'))
    with pytest.raises(LoadError, match="line 20: 'pth' is no key"):
        make(text.replace('path = "status"', 'pth = "status"'))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(LoadError, match="does not exist"):
        mapping(tmp_path / "no.toml")


def test_gl_mapping_reads_one(make):
    make()
    assert gl.mapping is mapping
