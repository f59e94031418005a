import json
import re

from grantlens.report.sarif import review_sarif


def read(document):
    value = json.loads(review_sarif(document))
    assert value["version"] == "2.1.0"
    (run,) = value["runs"]
    return run


def test_each_open_finding_is_a_result_of_its_rule(document, finding):
    verdicts = ("violation", "indeterminate", "clear")
    run = read(document([finding(i, verdict=verdicts[i % 3], rule=("OOS-1", "REV-1")[i % 2]) for i in range(12)]))
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) == 8
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert (result["kind"], result["level"]) in {("fail", "error"), ("review", "none")}


def test_it_points_at_file_and_line(document, finding):
    (result,) = read(document([finding(0)]))["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("logs/usage.ndjson", 7)


def test_a_record_of_a_file_without_lines_has_no_line(document, finding):
    evidence = [
        {"file": f"logs/{name}", "sha256": "ab" * 32, "line": 6, "event_id": "e"} for name in ("a.json", "b.ndjson.gz")
    ]
    (result,) = read(document([finding(0, evidence=evidence)]))["results"]
    for place in (*result["locations"], *result["relatedLocations"]):
        assert "region" not in place["physicalLocation"]
        assert place["message"]["text"] == "line or record 6"


def test_a_silence_stands_at_the_file_before_it(document, finding):
    """Code hosts refuse a whole run if one result has no location."""
    one = document()["manifest"]["batches"][0]
    batches = [
        one | {"path": f"logs/{first}.ndjson", "first": f"2026-{first}-01T00:00:00Z"} for first in ("07", "08", "09")
    ]
    batches.append(one | {"path": "other.ndjson", "loader": "okta", "first": "2026-08-02T00:00:00Z"})
    silence = finding(0, evidence=[], first_seen="2026-08-03T00:00:00Z")
    run = read(document([silence], manifest=document()["manifest"] | {"batches": batches}))
    (place,) = run["results"][0]["locations"]
    assert place["physicalLocation"] == {"artifactLocation": {"uri": "logs/08.ndjson"}}
    assert run["results"][0]["relatedLocations"] == []


def test_a_finding_keeps_its_fingerprint_while_it_grows(document, finding):
    def mark(**changes):
        return read(document([finding(0, **changes)]))["results"][0]["partialFingerprints"]

    assert mark(events=99, title="worded anew", last_seen="2026-09-30T00:00:00Z") == mark()
    assert mark(grant_id="another") != mark()
    assert mark(operation="GET /v1/another") != mark()


def test_the_baseline_says_what_is_new(document, finding):
    before = {"window": {}, "new_findings": [1, 2], "worse": [2], "gone": []}
    run = read(document([finding(0), finding(1), finding(2)], baseline=before))
    assert [result["baselineState"] for result in run["results"]] == ["unchanged", "new", "updated"]


def test_hostile_names_stay_text(document, finding, nasty):
    text = review_sarif(document([finding(0, title=nasty, client_id=nasty)], nasty))
    assert text.isascii()
    assert not re.search(r'"uri": "[^"]*[<>]', text)
    assert "\\u202e" not in json.loads(text)["runs"][0]["results"][0]["message"]["text"]


def test_a_name_makes_no_link_and_no_placeholder(document, finding):
    (result,) = read(document([finding(0, title="[the fix](https://evil.invalid) called DELETE /v1/{0}")]))["results"]
    assert result["message"]["text"] == "[the fix] (https://evil.invalid) called DELETE /v1/{{0}}"


def test_nothing_found_says_what_could_not_be_seen(document):
    rules = [document()["rules"][0] | {"why_empty": "No catalogue is in the store."}, document()["rules"][1]]
    run = read(document(limitations=["No usage log covers any part of the period."], rules=rules))
    assert run["results"] == []
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"]
    assert invocation["toolExecutionNotifications"] == [
        {"level": "note", "message": {"text": "OOS-1: No catalogue is in the store."}},
        {"level": "note", "message": {"text": "No usage log covers any part of the period."}},
    ]


def test_a_run_that_could_judge_nothing_has_failed(document):
    (invocation,) = read(document(too_thin="No log covers any part of this period."))["invocations"]
    assert not invocation["executionSuccessful"]
    assert invocation["toolExecutionNotifications"][0]["level"] == "error"


def test_what_is_accepted_is_suppressed_with_its_reason(document, finding):
    held = finding(1, accepted="a drill, see {T-1}", accepted_until="2026-12-31T00:00:00Z", accepted_by=None)
    first, second = read(document([finding(0), held]))["results"]
    assert "suppressions" not in first
    justification = "a drill, see {{T-1}} (until 2026-12-31T00:00:00Z)"
    assert second["suppressions"] == [{"kind": "external", "status": "accepted", "justification": justification}]
