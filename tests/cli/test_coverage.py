"""`grantlens coverage`, and `--explain`."""

import json
import re
from datetime import datetime

import pytest

from grantlens.conclusion.conclusion import LEVELS, conclude, source_of
from grantlens.loaders import loaders
from grantlens.rules import registry
from grantlens.store import Store

RULE = re.compile(r"\b[A-Z]{3}-\d+\b")
PARTS = ("verdicts", "bounds", "not yet", "cannot")


def blocks(text):
    """Return the blocks of an answer by source: the lines of each part, the word at their left as key."""
    found = {}
    for block in text.strip().split("\n\n")[:-1]:
        head, *lines = block.splitlines()
        parts, part = {}, None
        for line in lines:
            word = line[2:12].strip()
            part = word or part
            parts.setdefault(part, []).append(line[12:])
        found[head.split(" · ")[0]] = parts
    return found


def rules_in(lines):
    """Return the rules that lines begin with, not those that a reason may mention."""
    return [
        rule
        for line in lines
        for rule in RULE.findall(re.match(r"(?:- )?((?:[A-Z]{3}-\d+(?:\[\w+\])? ?)*)", line.strip())[1])
    ]


def test_every_log_is_explained_in_a_hundred_columns(run):
    ran = run("coverage", "--explain")
    assert (ran.code, ran.err) == (0, "")
    assert max(map(len, ran.out.splitlines())) <= 100
    told = blocks(ran.out)
    assert list(told) == list(loaders())
    for name in ("okta", "google_workspace", "slack", "native"):
        source = source_of(name)
        levels = {
            rule: level
            for level, part in zip(LEVELS, ("verdicts", "bounds", "cannot"), strict=True)
            for rule in rules_in(told[name].get(part, []))
        }
        assert levels == {rule.id: conclude(rule, source).level for rule in registry().values()}
    for parts in told.values():
        assert sorted(rules_in(line for part in PARTS for line in parts.get(part, []))) == sorted(registry())


def test_the_same_for_programs(run):
    sources = json.loads(run("coverage", "--explain", "--json").out)["sources"]
    assert [source["source"] for source in sources] == list(loaders())
    for source in sources:
        assert [rule["rule"] for rule in source["rules"]] == list(registry())
        assert {rule["level"] for rule in source["rules"]} <= set(LEVELS)
        assert all(rule["lacks"] for rule in source["rules"] if rule["level"] == "no")
        assert set(source["logs"]) == {"issuance", "usage", "revocation"}
    okta = next(source for source in sources if source["source"] == "okta")
    assert okta["logs"] == {"issuance": "carried", "usage": "in part", "revocation": "carried"}
    assert okta["joins"][0]["strength"] == "token"


@pytest.fixture
def okta_without_calls(run, tmp_path, samples):
    """Return a store of an Okta log in which no API token was used."""
    lines = (samples / "logs" / "okta" / "system-log.ndjson").read_text(encoding="utf-8").splitlines(keepends=True)
    log = tmp_path / "system-log.ndjson"
    log.write_text("".join(line for line in lines if "requestApiTokenId" not in line), encoding="utf-8")
    assert run("load", tmp_path / "okta.duckdb", log).code == 0
    return tmp_path / "okta.duckdb"


def test_what_a_provider_logs_and_the_store_does_not_hold_is_told(run, okta_without_calls):
    okta = blocks(run("coverage", okta_without_calls, "--explain").out)["okta"]
    assert any(line.split() == ["usage", "-", "not", "in", "this", "store"] for line in okta["logs"])
    assert {"OOS-1", "REV-1", "INT-2"} <= set(rules_in(okta["not yet"])), "could, but the store holds no usage"


def test_a_store_is_told_by_what_it_holds(run, sample_file):
    ran = run("coverage", sample_file, "--explain")
    assert (ran.code, ran.err) == (0, "")
    assert max(map(len, ran.out.splitlines())) <= 100
    told = blocks(ran.out)
    assert set(told) == {"aws_cloudtrail", "github", "google_workspace", "microsoft_entra", "native", "okta"}
    for parts in told.values():
        assert sorted(rules_in(line for part in PARTS for line in parts.get(part, []))) == sorted(registry())
    okta = told["okta"]
    assert any(line.split()[0] == "usage" and "in part" in line for line in okta["logs"])
    assert rules_in(okta["cannot"]) == [
        "OOS-5",
        "OOS-6",
        "OOS-8",
        "OOS-9",
        "OOS-11",
        "OOS-13",
        "PRV-2",
        "REV-5",
        "REV-11",
    ], "not with this provider"
    assert "no" not in {word for line in told["native"]["verdicts"] for word in line.split()}
    with Store(sample_file, read_only=True) as store:
        by_token = store.engine.value(
            "SELECT count(*) FROM usage u WHERE source = 'native' AND EXISTS (SELECT 1 FROM issuance i WHERE "
            "i.source = u.source AND i.token_id = u.token_id AND i.outcome = 'success' AND "
            "i.kind IN ('token', 'refresh', 'exchange', 'credential'))"
        )
    assert f"{by_token:,} by token" in " ".join(told["native"]["calls"])


def test_one_is_singular(run, tmp_path):
    log = tmp_path / "usage.ndjson"
    call = {"log": "usage", "used_at": "2026-07-01", "outcome": "success", "client_id": "c", "resource_server": "r"}
    log.write_text(json.dumps(call) + "\n")
    run("load", tmp_path / "s.duckdb", log)
    told = " ".join(run("coverage", tmp_path / "s.duckdb", "--explain").out.split())
    assert (
        "catalogue knows 0 of 1 call; register knows 0 of 1 client; table of servers knows 0 of 1 resource server"
        in told
    )


def test_a_store_for_programs(run, sample_file, okta_without_calls):
    (okta,) = json.loads(run("coverage", okta_without_calls, "--explain", "--json").out)["sources"]
    sources = {
        source["source"]: source
        for source in json.loads(run("coverage", sample_file, "--explain", "--json").out)["sources"]
    }
    assert okta["logs"]["usage"] == {
        "provider": "in part",
        "records": None,
        "first_event": None,
        "last_event": None,
        "gaps": None,
    }
    rules = {rule["rule"]: rule for rule in okta["rules"]}
    assert (rules["REV-1"]["level"], rules["REV-1"]["provider_level"]) == ("no", "verdict")
    assert (rules["REV-5"]["level"], rules["REV-5"]["provider_level"]) == ("no", "no")
    with Store(sample_file, read_only=True) as store:
        for name, source in sources.items():
            for log, told in source["logs"].items():
                count = store.engine.value(f"SELECT count(*) FROM {log} WHERE source = $name", {"name": name})
                assert (told["records"] or 0) == count


def test_what_is_not_brought_is_named(run, tmp_path, samples):
    store = tmp_path / "bare.duckdb"
    assert run("load", store, samples / "logs" / "google_workspace").code == 0
    ran = run("coverage", store, "--explain")
    parts = blocks(ran.out)["google_workspace"]
    assert "no catalogue is in the store" in " ".join(" ".join(parts["not yet"]).split())
    assert "GOV-1: no register is in the store" in " ".join(parts["not yet"])
    assert "OOS-1" in rules_in(parts["not yet"])


MAPPED = """name = "acme"
{carries}
[issuance]
when = {{ e = "issued" }}
issued_at = "t"
kind = {{ constant = "token" }}
outcome = {{ constant = "success" }}
token_id = "jti"
expires_at = "t"
[usage]
when = {{ e = "called" }}
used_at = "t"
outcome = {{ constant = "success" }}
token_id = "jti"
"""


def test_what_a_mapping_declares_is_told_as_it_declares_it(run, tmp_path):
    """Coverage and the rules rest on it, and so does what is said of them."""
    records = [{"t": "2026-07-01T10:00:00Z", "jti": "k1", "e": event} for event in ("issued", "called")]
    (tmp_path / "acme.ndjson").write_text("".join(json.dumps(each) + "\n" for each in records))
    for carries, in_part in (('carries = ["issuance", "usage"]\nkeys_end = true', False), ("", True)):
        (tmp_path / "acme.toml").write_text(MAPPED.format(carries=carries))
        store = tmp_path / f"{in_part}.duckdb"
        run("load", store, tmp_path / "acme.ndjson", "--mapping", tmp_path / "acme.toml")
        text = " ".join(run("coverage", store, "--explain").out.split())
        assert text.startswith("acme · read by a mapping")
        assert ("in part: it can show a row, never an absence" in text) is in_part
        assert ("calls may name keys that never end" in text) is in_part


def test_an_empty_store_explains_nothing(run, tmp_path):
    with Store(tmp_path / "empty.duckdb"):
        pass
    ran = run("coverage", tmp_path / "empty.duckdb", "--explain")
    assert (ran.code, ran.out) == (0, "The store holds no event, so it covers nothing.\n")
    assert json.loads(run("coverage", tmp_path / "empty.duckdb", "--explain", "--json").out) == {"sources": []}


def test_without_explain_the_store_must_be_named(run):
    ran = run("coverage")
    assert ran.failed_well()
    assert "STORE is missing" in ran.err


def test_a_store_that_is_not_there(run, tmp_path):
    assert run("coverage", tmp_path / "none.duckdb", "--explain").failed_well()
    assert not (tmp_path / "none.duckdb").exists()


def test_coverage_lists_stretches_and_what_was_set_aside(run, sample_file):
    ran = run("coverage", sample_file)
    assert (ran.code, ran.err) == (0, "")
    assert {"issuance", "usage", "revocation", "native", "okta", "github"} <= set(ran.out.split())
    whole = json.loads(run("coverage", sample_file, "--json").out)
    assert set(whole) == {"providers", "coverage", "ignored", "rejected"}
    for stretch in whole["coverage"]:
        assert datetime.fromisoformat(stretch["covered_from"]) < datetime.fromisoformat(stretch["covered_until"])
    assert any(stretch["is_gap"] for stretch in whole["coverage"]), "the samples have a planted gap"
