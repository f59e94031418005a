import errno
import hashlib
import json
import os
import re
from collections import Counter
from datetime import datetime
from pathlib import Path
from unittest.mock import Mock

import pytest

import grantlens as gl
from grantlens import detect
from grantlens.errors import GrantlensError, RuleError
from grantlens.report.glossary import GLOSSARY

WINDOW = ("2026-07-03", "2026-10-01")


@pytest.fixture(scope="module")
def result(sample_store):
    return gl.review(sample_store.between(*WINDOW))


@pytest.fixture(scope="module")
def document(result):
    return json.loads(result.to_json())


@pytest.fixture(scope="module")
def native(samples):
    """Return the native sample records, read with plain Python: the oracle."""
    files = sorted((samples / "logs" / "native").glob("*.ndjson"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def inside(record, column):
    return f"{WINDOW[0]}T00:00:00" <= record[column] < f"{WINDOW[1]}T00:00:00"


def test_the_document_is_plain(result, document):
    assert document == result.to_dict()
    assert document["schema"] == "grantlens.review/1"


@pytest.mark.parametrize("rule_id", ["OOS-13", "INT-3", "GOV-1"])
def test_what_the_page_shows_of_a_rule_is_all_that_it_takes_to_run_it(sample_store, document, rule_id):
    (rule,) = (rule for rule in document["rules"] if rule["id"] == rule_id)
    read = ",".join(f"{each['name']} AS ({each['sql']})" for each in document["reproduce"]["relations"])
    values = {parameter["name"]: parameter["value"] for parameter in rule["parameters"]} | {"every_call": False}
    moments = dict(zip(("since", "until", "now"), map(datetime.fromisoformat, (*WINDOW, document["now"])), strict=True))
    found = sample_store.engine.rows(
        f"WITH RECURSIVE {read} SELECT verdict FROM ({rule['own_sql']})", {**values, **moments}
    )
    assert Counter(verdict for (verdict,) in found) == Counter({name: n for name, n in rule["counts"].items() if n})


def test_every_finding_has_exactly_the_keys_of_the_contract(document):
    keys = {
        "rule", "rule_version", "verdict", "severity", "explained_by", "title", "source", "tenant", "client_id", "subject_id",
        "grant_id", "token_id", "resource_server", "operation", "scopes", "first_seen", "last_seen", "events", "detail",
        "join_key",
        "coverage", "evidence", "fingerprint", "accepted", "accepted_until", "accepted_by", "accepted_last_seen",
    }  # fmt: skip
    assert document["findings"]
    for finding in document["findings"]:
        assert set(finding) == keys
        assert finding["evidence"] or finding["rule"] in ("INT-5", "REV-10")
        assert set(finding["coverage"]) == {"from", "until", "share"}


def test_counts_agree_with_the_findings(document):
    verdicts = Counter((f["rule"], f["verdict"]) for f in document["findings"])
    for rule in document["rules"]:
        assert rule["counts"] == {v: verdicts[rule["id"], v] for v in ("violation", "indeterminate", "clear")}
    broken = [f for f in document["findings"] if f["verdict"] == "violation"]
    assert document["summary"]["violations"] == len(broken)
    assert document["summary"]["by_severity"] == {
        level: sum(f["severity"] == level for f in broken) for level in ("critical", "high", "medium", "low", "info")
    }


def test_the_manifest_is_of_the_very_files(document, samples):
    logs = {
        hashlib.sha256(path.read_bytes()).hexdigest(): path for path in (samples / "logs").rglob("*") if path.is_file()
    }
    batches = document["manifest"]["batches"]
    assert {row["sha256"] for row in batches} == set(logs)
    assert all(row["bytes"] == logs[row["sha256"]].stat().st_size for row in batches)
    text = json.dumps(batches, sort_keys=True, ensure_ascii=True)
    assert document["manifest"]["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    lines = "".join(f"{name}\n" for name in sorted(logs))
    assert document["manifest"]["contents_sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    assert any("rows of the store" in line for line in document["manifest"]["limits"])


def documented(heading):
    """Return the keys that docs/json.md names under a heading, table by table."""
    page = (Path(__file__).parents[2] / "docs" / "json.md").read_text()
    part = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    tables = re.findall(r"\| --- \| --- \|\n((?:\|.*\n)+)", part)
    return [re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) for table in tables]


def test_the_page_on_json_names_every_key(document):
    assert documented("The review") == [list(document)]
    assert documented("A finding") == [list(document["findings"][0])]


def test_the_page_on_json_defines_the_words_as_reports_do():
    page = (Path(__file__).parents[2] / "docs" / "json.md").read_text()
    lines = page.split("<!-- words: begin -->\n")[1].split("<!-- words: end -->")[0].splitlines()
    assert lines == [f"- **{word}**: {meaning}" for word, meaning in GLOSSARY]


def test_times_and_counts_of_the_document_are_what_the_page_says(document):
    def leaves(value, key=None):
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from leaves(inner, name)
        elif isinstance(value, list):
            for inner in value:
                yield from leaves(inner, key)
        else:
            yield key, value

    times = {"since", "until", "from", "first", "last", "now", "first_seen", "last_seen"}
    for key, value in leaves(document):
        if (key in times or (key or "").endswith("_at")) and value is not None:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z|clear|not found", str(value)), (
                key,
                value,
            )
        if key in ("events", "calls", "uses", "records", "line", "bytes", "uses_after", "tokens"):
            assert type(value) is int, (key, value)


def test_calls_are_all_accounted_for(document, native):
    calls = sum(r["log"] == "usage" and inside(r, "used_at") for r in native)
    traced = document["attribution"]
    assert traced["calls"] == sum(row["calls"] for row in traced["by_key"]) == document["map_coverage"]["calls"]
    assert traced["calls"] >= calls > 0
    assert document["map_coverage"]["calls"] == sum(row["calls"] for row in document["map_coverage"]["by_server"])


def test_rows_are_those_of_the_period(document, native):
    times = {"issuance": "issued_at", "usage": "used_at", "revocation": "revoked_at"}
    counted: Counter[str] = Counter()
    for row in document["coverage"]:
        counted[row["log"]] += row["records"] if row["source"] == "native" else 0
    assert counted == Counter(r["log"] for r in native if inside(r, times[r["log"]]))
    assert document["summary"]["events"] == sum(row["records"] for row in document["coverage"])


def test_calls_of_each_client_are_what_the_files_say(document, native):
    tokens = {r["token_id"]: r.get("client_id") for r in native if r["log"] == "issuance" and r.get("token_id")}
    counted = Counter(
        r.get("client_id") or tokens.get(r.get("token_id"))
        for r in native
        if r["log"] == "usage" and inside(r, "used_at")
    )
    shown = {row["client_id"]: row["calls"] for row in document["clients"]}
    del counted[None]
    assert len(counted) > 20
    assert {client: shown[client] for client in counted} == dict(counted)


def test_owners_come_from_the_register_and_those_without_stand_first(document):
    owned = [bool(row["owner"]) for row in document["clients"]]
    assert owned == sorted(owned)
    by_id = {row["client_id"]: row for row in document["clients"]}
    assert by_id["pet-project-gpt"]["registered"] is False
    assert by_id["form-catcher"]["registered"] is True
    assert by_id["form-catcher"]["owner"] is None


def test_grants_alive_in_the_window_are_all_there(document, native):
    consents = {
        r["grant_id"] for r in native if r["log"] == "issuance" and r["kind"] == "consent" and r["outcome"] == "success"
    }
    ended = {
        r["grant_id"]
        for r in native
        if r["log"] == "revocation"
        and r["target_kind"] == "grant"
        and r["outcome"] == "success"
        and r["revoked_at"] < WINDOW[0]
    }
    shown = {row["grant_id"] for row in document["grants"]}
    assert consents - ended <= shown
    for row in document["grants"]:
        assert row["opened_at"] < f"{WINDOW[1]}T00:00:00Z"
        assert row["state"] in ("live", "ended")
        assert (row["state"] == "ended") == (row["ended_how"] is not None)


def test_every_revocation_that_counts_is_judged(document, native):
    counted = {
        r["event_id"]
        for r in native
        if r["log"] == "revocation"
        and r["outcome"] == "success"
        and r["kind"] in ("revoke", "disable")
        and inside(r, "revoked_at")
    }
    shown = {row["revocation_event"]: row for row in document["revocations"] if row["source"] == "native"}
    assert set(shown) == counted
    assert sum(document["lag"]["verdicts"].values()) == len(document["revocations"])


@pytest.mark.parametrize(
    ("client", "effective"),
    [
        ("mailbox-mirror", "no"),
        ("lead-scraper", "no"),
        ("guest-list", "not_demonstrated"),
        ("file-lens", "yes"),
        ("map-pins", "yes"),
    ],
)
def test_was_it_effective(document, client, effective):
    (row,) = [row for row in document["revocations"] if row["client_id"] == client]
    assert row["effective"] == effective
    assert row["answer"].startswith(effective.replace("_", " "))


def test_lag_holds_untried_revocations_as_unbounded(document):
    untried = [case for case in document["lag"]["intervals"] if not case["tried"]]
    assert len(untried) == document["lag"]["untried"] > 0
    assert all(case["upper"] is None for case in untried)
    for quantile in document["lag"]["quantiles"]:
        assert quantile["upper"] is None or quantile["lower"] <= quantile["upper"]


def test_proposals_agree_with_the_findings(document):
    judged = [f for f in document["findings"] if f["rule"] == "PRV-1"]
    actions = Counter(f["detail"]["action"] for f in judged)
    assert document["privileges"]["by_action"] == {a: actions[a] for a in ("remove", "replace", "ask", "wait", "keep")}
    assert sum(row["grants"] for row in document["proposals"]) == len(
        {(f["source"], f["grant_id"], f["detail"]["scope"]) for f in judged}
    )
    assert all(row["replacement"] for row in document["proposals"] if row["action"] == "replace")


def test_the_blind_spot_knows_the_agent_that_lived_between_two_reviews(document, native):
    spot = document["blind_spot"]
    shares = {row["by"]: row["share"] for row in spot["unseen"]}
    assert 0 < shares["stretches of access"] < 1
    rhythm = [row["grants"] for row in spot["expected"]]
    assert rhythm == sorted(rhythm, reverse=True)
    agent = next(row for row in document["grants"] if row["client_id"] == "sprint-exporter")
    life = datetime.fromisoformat(agent["ended_at"]) - datetime.fromisoformat(agent["opened_at"])
    assert life.total_seconds() == 38 * 60
    assert not any(agent["opened_at"] <= date < agent["ended_at"] for date in spot["snapshots"])


def test_what_was_not_seen_is_scoped(document):
    assert any("between 2026-07-03 and 2026-10-01" in line for line in document["limitations"])
    partial = [row for row in document["coverage"] if row["share"] < 0.999]
    assert {row["in_part"] for row in partial} == {True, False}
    for row in partial:
        said = "a row is a fact, and silence" if row["in_part"] else "outside it silence"
        assert any(
            row["source"] in line and row["log"] in line and f"{said} means nothing" in line
            for line in document["limitations"]
        )


def test_six_questions_are_answered(document):
    assert [answer["question"] for answer in document["answers"]] == [
        "Which agents exist?", "Who owns them?", "What can they do?", "Why may they?",
        "What have they done?", "How does access end?",
    ]  # fmt: skip
    assert all(answer["headline"] for answer in document["answers"])


def test_reviews_of_the_same_window_are_byte_equal(sample_store, result):
    again = gl.review(sample_store, *WINDOW)
    assert again.to_json() == result.to_json()
    assert again.to_html() == result.to_html()
    assert again.to_markdown() == result.to_markdown()


def test_against_itself_nothing_is_new_and_nothing_gone(sample_store, result, document, monkeypatch, tmp_path):
    monkeypatch.setattr(detect, "asked", once(result.findings, detect.asked))
    path = result.to_json(tmp_path / "old.json")
    again = gl.review(sample_store.between(*WINDOW), baseline=path)
    assert again.document["baseline"]["new_findings"] == []
    assert again.document["baseline"]["gone"] == []
    assert again.gated() == []
    assert again.worst(new_only=True) is None
    assert again.worst() == "critical"
    assert " --baseline FORMER.json" in again.document["reproduce"]["command"]
    same = f"0 new, 0 worse, {again.document['baseline']['still_found']} still found, 0 gone"
    assert repr(again) == f"{result!r}; since the former review {same}"
    assert f"<p>Against the review of 2026-07-03 to 2026-10-01: {same}.</p>" in again._repr_html_()
    assert "Against" not in result._repr_html_()
    assert gl.review(sample_store.between(*WINDOW), baseline=result).document["baseline"] == again.document["baseline"]


def once(findings, asked):
    """Return `detect.asked` that works the relations out but does not ask all rules again."""
    from contextlib import contextmanager

    @contextmanager
    def known(view, rules=None, parameters=None, evidence="few", also=()):
        with asked(view, rules or (), parameters, evidence, also) as found:
            yield found if rules else list(findings)

    return known


def test_a_gate_counts_violations_only(result):
    critical = result.at_or_above("critical")
    assert critical
    assert {f["severity"] for f in critical} == {"critical"}
    assert all(f["verdict"] == "violation" for f in result.at_or_above("info"))
    assert len(result.at_or_above("info")) == result.summary()["violations"]
    with pytest.raises(RuleError, match="no severity 'huge'"):
        result.at_or_above("huge")


def test_it_says_how_such_advice_fared_in_the_last_third_of_the_period(result, document):
    tried = document["privileges"]["tried"]
    assert tried["scopes"] == tried["needed"] + tried["may_be_needed"] + tried["not_needed"] + tried["untested"] > 10
    assert tried["needed"] > tried["expected"], "the thief of the samples uses what nobody needed"
    assert tried["said"].startswith("Advice from 2026-07-03 to 2026-09-01, tried on 2026-09-01 to 2026-10-01: ")
    for text in (result.to_html(), result.to_markdown()):
        assert tried["said"] in text


def test_of_a_moment_no_advice_can_be_tried(store):
    document = gl.review(store, since="2026-07-01", until="2026-07-01T00:00:00.000001Z").to_dict()
    assert document["privileges"]["tried"] is None


def test_it_is_written_where_it_is_told_and_only_there(result, tmp_path):
    for form in ("html", "json", "markdown", "ocsf", "sarif"):
        assert getattr(result, f"to_{form}")(tmp_path / form) == tmp_path / form
    assert sorted(path.name for path in tmp_path.iterdir()) == ["html", "json", "markdown", "ocsf", "sarif"]


def test_the_events_for_a_siem_are_its_open_findings_each_with_an_id_of_its_own(result):
    events = [json.loads(text) for text in result.to_ocsf().splitlines()]
    summary = result.summary()
    assert len(events) == len({event["finding_info"]["uid"] for event in events})
    assert len(events) == summary["violations"] + summary["indeterminate"] > 50


def test_where_nothing_can_be_written_an_error_says_so(result, tmp_path):
    with pytest.raises(GrantlensError, match=r"q\.html cannot be written: No such file or directory"):
        result.to_html(tmp_path / "absent" / "q.html")
    with pytest.raises(GrantlensError, match="cannot be written: Is a directory"):
        result.to_html(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(GrantlensError, match="cannot be written: Not a directory"):
        result.to_html(tmp_path / "file" / "q.html")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_full_disk_is_told_with_what_helps(result, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "replace", Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(GrantlensError, match="cannot be written: No space left on device") as caught:
        result.to_json(tmp_path / "q.json")
    assert caught.value.remedy == "Free some space."


def test_an_empty_store_says_so(store):
    empty = gl.review(store, *WINDOW)
    assert empty.too_thin == "No log covers any part of this period: nothing can be judged."
    assert empty.worst() is None
    assert "nothing can be judged" in empty.to_html()
    assert "nothing can be judged" in empty.to_markdown()


def test_a_cell_shows_counts_and_answers(result):
    shown = result._repr_html_()
    assert "Which agents exist?" in shown
    assert "<script" not in shown
    assert "violations" in repr(result)


def test_two_processes_may_write_one_report(result, tmp_path, monkeypatch):
    out, write = tmp_path / "report.md", Path.write_text

    def beside_another(path, *args, **how):
        """Write, and let another process write the same report before it is put in place."""
        monkeypatch.setattr(Path, "write_text", write)
        written = write(path, *args, **how)
        with monkeypatch.context() as other:
            other.setattr(os, "getpid", lambda: 4711)
            result.to_markdown(out)
        return written

    monkeypatch.setattr(Path, "write_text", beside_another)
    result.to_markdown(out)
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]


def test_a_store_without_events_is_reviewed_without_a_period(tmp_path):
    with gl.open(":memory:") as store:
        empty = gl.review(store)
        again = gl.review(store, baseline=empty.to_json(tmp_path / "former.json"))
    window, command = empty.document["window"], empty.document["reproduce"]["command"]
    assert (window, empty.document["now"]) == ({"since": None, "until": None}, None)
    assert command == "grantlens report STORE -o report.html"
    assert repr(again).startswith("Review of a store without events: ")
    assert "Against the review of a store without events:" in again.to_markdown()
    # The SQL binds some time; what is read does not tell of it.
    page = re.sub(r"<pre.*?</pre>", "", again.to_html(), flags=re.DOTALL)
    for shown in (page, again.to_markdown(), again._repr_html_()):
        assert "a store without events" in shown
        assert "1970" not in shown
