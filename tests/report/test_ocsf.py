import json

import pytest

from grantlens.report.ocsf import review_ocsf

REQUIRED = {
    "": {"activity_id", "category_uid", "class_uid", "type_uid", "time", "severity_id", "metadata", "finding_info"},
    "metadata": {"product", "version"},
    "finding_info": {"uid", "title", "analytic"},
}
"""What OCSF 1.9.0 demands of a Detection Finding, and what it recommends to whoever makes one."""


def read(document):
    return [json.loads(text) for text in review_ocsf(document).splitlines()]


def test_each_open_finding_is_an_event(document, finding):
    verdicts = ("violation", "indeterminate", "clear")
    events = read(document([finding(i, verdict=verdicts[i % 3], rule=("OOS-1", "REV-1")[i % 2]) for i in range(12)]))
    assert len(events) == 8
    for event in events:
        for place, names in REQUIRED.items():
            assert names <= set(event[place] if place else event)
        assert event["type_uid"] == 100 * event["class_uid"] + event["activity_id"]
        undecided = event["finding_info"]["types"] == ["indeterminate"]
        assert event["is_alert"] is not undecided
        assert {evidence.get("verdict_id") for evidence in event["evidences"]} == {7 if undecided else None}
    assert {event["finding_info"]["analytic"]["uid"] for event in events} == {"OOS-1", "REV-1"}


def test_times_are_milliseconds(document, finding):
    (event,) = read(document([finding(0)]))
    assert (event["start_time"], event["end_time"]) == (1783072800000, 1783164600250)
    assert event["time"] == event["finding_info"]["created_time"] == 1790899200000


def test_a_finding_of_no_moment_has_no_time_but_that_of_the_review(document, finding):
    (event,) = read(document([finding(0, first_seen=None, last_seen=None, evidence=[], subject_id=None)]))
    for absent in ("start_time", "end_time", "evidences"):
        assert absent not in event
    assert "first_seen_time" not in event["finding_info"]
    assert event["time"] == 1790899200000


def test_it_says_who_called_what_and_where_the_record_stands(document, finding):
    (event,) = read(document([finding(0)]))
    (evidence,) = event["evidences"]
    assert evidence["actor"] == {"application": {"uid": "client-0"}, "user": {"uid": "user-0"}}
    assert "ai_agent" not in evidence
    assert evidence["api"] == {"operation": "POST /v1/users/{id}/send", "service": {"name": "api.mail.example"}}
    assert evidence["data"] == {"file": "logs/usage.ndjson", "line": 7, "sha256": "ab" * 32}
    assert [each["uid"] for each in event["resources"]] == ["g-0", "client-0", "api.mail.example"]


@pytest.mark.parametrize(("kind", "agent"), [("agent", True), ("integration", False), (None, False)])
def test_it_names_the_client_and_says_that_it_is_an_agent(document, finding, kind, agent):
    (known, other) = read(
        document([finding(0), finding(1)], clients=[{"client_id": "client-0", "name": "Mail copilot", "kind": kind}])
    )
    (evidence,) = known["evidences"]
    application = {"uid": "client-0", "name": "Mail copilot"}
    assert evidence["actor"]["application"] == application
    assert evidence.get("ai_agent") == (application if agent else None)
    assert other["evidences"][0]["actor"]["application"] == {"uid": "client-1"}


@pytest.mark.parametrize(("severity", "number"), [("info", 1), ("low", 2), ("medium", 3), ("high", 4), ("critical", 5)])
def test_severities_are_those_of_ocsf(document, finding, severity, number):
    (event,) = read(document([finding(0, severity=severity)]))
    assert event["severity_id"] == number


def test_what_the_register_explains_is_suppressed(document, finding):
    (event,) = read(document([finding(0, explained_by="approved until 2027")]))
    assert (event["status"], event["is_alert"]) == ("Suppressed", False)
    assert event["unmapped"]["explained_by"] == "approved until 2027"


def test_a_finding_keeps_its_id_while_it_grows(document, finding):
    def mark(**changes):
        return read(document([finding(0, **changes)]))[0]["finding_info"]["uid"]

    assert mark(events=99, title="worded anew", last_seen="2026-09-30T00:00:00Z") == mark()
    assert mark(grant_id="another") != mark()


def test_the_baseline_says_what_is_new(document, finding):
    before = {"window": {}, "new_findings": [1, 2], "worse": [2], "gone": []}
    events = read(document([finding(0), finding(1), finding(2)], baseline=before))
    assert [event["activity_name"] for event in events] == ["Update", "Create", "Update"]


def test_hostile_names_stay_text(document, finding, nasty):
    text = review_ocsf(document([finding(0, title=nasty, client_id=nasty)], nasty))
    assert text.isascii()
    (event,) = map(json.loads, text.splitlines())
    assert "\u202e" not in event["message"] + event["finding_info"]["title"]


def test_nothing_found_is_an_empty_text(document):
    assert review_ocsf(document()) == ""


def test_what_is_accepted_is_suppressed_and_no_alert(document, finding):
    held = finding(1, accepted="a drill", accepted_until="2026-12-31T00:00:00Z", accepted_by=None)
    first, second = read(document([finding(0), held]))
    assert (first["status"], second["status"], second["is_alert"]) == ("New", "Suppressed", False)
    assert second["unmapped"]["accepted"] == "a drill"
