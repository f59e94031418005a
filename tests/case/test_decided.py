"""What a case says of decisions to revoke, and how they stand on its timeline."""

import pytest

import grantlens as gl
from grantlens.rule.example import consent, decided, logs_from_to, revoked, token, use

REVOKED = "When was it revoked, and by whom?"
OF_ANN = (
    consent("01 09:00", ["mail.read"], "g1"),
    token("01 09:01", "t1", ["mail.read"], grant_id="g1"),
    use("02 10:00", "GET /v1/messages/7", "t1"),
    consent("01 09:00", ["files.read"], "g2", client_id="bot"),
    consent("01 09:00", ["files.read"], "g3", client_id="bot", subject_id="bob"),
    *logs_from_to("01 08:00", "20 08:00"),
)


@pytest.fixture
def decided_in(store_of, tmp_path):
    """Return a function that makes a store with decisions."""

    def make(decisions, *more):
        store = store_of(*OF_ANN, *more)
        file = tmp_path / "decisions.csv"
        columns = list(dict.fromkeys(key for row in decisions for key in row))
        lines = [",".join(columns), *(",".join(str(row.get(key) or "") for key in columns) for row in decisions)]
        file.write_text("\n".join(lines) + "\n")
        store.add(gl.Decisions.read(file))
        return store

    return make


def said(store, **about):
    text = gl.Case(store, now="2026-07-20 08:00", **about).answers()[REVOKED]
    return [part for part in text.split(". ") if part.startswith("To be revoked")]


def test_a_decision_about_a_person_is_told_of_each_client_that_acted_for_her_and_of_no_other(decided_in):
    leaver = decided("05 12:00", "leaver", subject_id="ann", decided_by="sam", reference="HR-1")
    store = decided_in([leaver], revoked("05 18:00", "grant", grant_id="g2", client_id="bot"))
    head = "To be revoked by a decision of 2026-07-05 12:00:00 UTC (leaver, by sam, HR-1): "
    assert said(store, subject="ann") == [head + "1 of 2 grants ended 6 h later; 1 has not ended in the logs"]
    assert said(store, client="bot") == [head + "its one grant ended 6 h later"]
    assert said(store, client="app") == said(store, grant="g1") == said(store, token="t1")
    assert said(store, client="app") == [head + "its one grant has not ended in the logs"]
    assert said(store, subject="bob") == said(store, grant="g3") == []


def test_a_decision_about_one_grant_or_token_is_told_of_its_client_and_subject(decided_in):
    store = decided_in(
        [decided("05 12:00", "compromise", token_id="t1"), decided("06 12:00", "review", grant_id="g2")],
        revoked("05 12:30", "token", token_id="t1"),
    )
    of_token = "To be revoked by a decision of 2026-07-05 12:00:00 UTC (compromise): it ended 30 min later"
    of_grant = "To be revoked by a decision of 2026-07-06 12:00:00 UTC (review): it has not ended in the logs"
    assert said(store, subject="ann") == [of_token, of_grant]
    assert said(store, client="app") == said(store, grant="g1") == said(store, token="t1") == [of_token]
    assert said(store, client="bot") == said(store, grant="g2") == [of_grant]
    assert said(store, subject="bob") == []


def test_what_was_taken_back_had_ended_before_or_meets_nothing_is_said(decided_in):
    store = decided_in(
        [
            decided("04 12:00", "retired", client_id="bot"),
            decided("06 12:00", "retired", "keep", client_id="bot"),
            decided("10 12:00", "review", client_id="app"),
            decided("01 08:30", "review", subject_id="bob"),
        ],
        revoked("09 12:00", "client", client_id="app", subject_id=None),
    )
    kept = "To be revoked by a decision of 2026-07-04 12:00:00 UTC (retired): none of 2 grants has ended in the logs; "
    assert said(store, client="bot") == [kept + "taken back at 2026-07-06 12:00:00 UTC"]
    assert said(store, client="app") == [
        "To be revoked by a decision of 2026-07-10 12:00:00 UTC (review): it had ended before"
    ]
    assert said(store, subject="bob")[0] == (
        "To be revoked by a decision of 2026-07-01 08:30:00 UTC (review): no issuance of such access is known from before it"
    )


def test_what_was_taken_back_in_one_tenant_alone_is_said_of_that_one(decided_in):
    at_one, at_two = ({"client_id": "cat", "tenant": tenant} for tenant in ("one", "two"))
    store = decided_in(
        [
            decided("04 12:00", "retired", client_id="cat"),
            decided("06 12:00", "retired", "keep", **at_one),
        ],
        consent("01 09:00", ["files.read"], "c1", **at_one),
        consent("01 09:00", ["files.read"], "c2", **at_two),
        revoked("07 12:00", "grant", grant_id="c1", **at_one),
    )
    head = "To be revoked by a decision of 2026-07-04 12:00:00 UTC (retired): "
    assert said(store, client="cat") == [head + "none of 2 grants has ended in the logs; taken back for 1 of them"]
    one = head + "its one grant has not ended in the logs; taken back at 2026-07-06 12:00:00 UTC"
    assert said(store, grant="c1") == [one]
    assert said(store, grant="c2") == [head + "its one grant has not ended in the logs"]


def test_all_grants_are_counted_and_the_last_end_is_told(decided_in):
    ends = [
        revoked(f"05 {hour}:00", "grant", grant_id=name, client_id="bot", subject_id=who, event_id=name)
        for hour, name, who in ((14, "g2", "ann"), (16, "g3", "bob"))
    ]
    store = decided_in([decided("05 12:00", "retired", client_id="bot")], *ends)
    assert said(store, client="bot") == [
        "To be revoked by a decision of 2026-07-05 12:00:00 UTC (retired): all 2 grants ended, the last 4 h later"
    ]


def test_the_timeline_shows_how_long_a_decision_waited_and_draws_an_open_one_to_the_end(decided_in):
    late = decided_in(
        [decided("05 12:00", "leaver", subject_id="ann", reference="HR-1")],
        revoked("05 18:00", "grant", grant_id="g2", client_id="bot"),
    )
    rows = [row for row in gl.Case(late, client="bot").timeline().to_dicts() if row["lane"] == "decided"]
    assert [(row["start"], row["end"], row["label"], row["file"]) for row in rows] == [
        ("2026-07-05T12:00:00Z", "2026-07-05T18:00:00Z", "to be revoked, leaver, HR-1", None)
    ]
    case = gl.Case(late, client="app", now="2026-07-20 08:00")
    assert [row["end"] for row in case.timeline().to_dicts() if row["lane"] == "decided"] == [None]
    bars = [
        row
        for layer in case.timeline().chart().spec["layer"]
        for row in layer.get("data", {}).get("values", ())
        if row.get("lane") == "decided"
    ]
    until = case.window.until.timestamp() * 1000
    assert [until <= row["end"] <= until + 12 * 3_600_000 for row in bars] == [True]  # a margin comes after it
    assert "decided 1" in case.timeline().chart().alt


def test_without_decisions_nothing_is_said_of_them(store_of, tmp_path):
    store = store_of(*OF_ANN)
    case = gl.Case(store, client="app")
    assert "decision" not in case.answers()[REVOKED]
    assert not [row for row in case.timeline().to_dicts() if row["lane"] == "decided"]
    assert "decided" not in case.timeline().chart().alt
    case.write(tmp_path / "case")
    assert "which the organisation brought" not in (tmp_path / "case" / "case.html").read_text()


def test_the_page_says_that_a_decision_is_no_logged_event(decided_in, tmp_path):
    store = decided_in([decided("05 12:00", "leaver", subject_id="ann")])
    gl.Case(store, client="app").write(tmp_path / "case")
    page = (tmp_path / "case" / "case.html").read_text()
    assert "but for the decisions, which the organisation brought" in page
    assert "To be revoked by a decision of 2026-07-05 12:00:00 UTC (leaver)" in page


def test_access_that_may_have_ended_is_not_told_as_standing(decided_in):
    at_one, at_two = ({"client_id": "cat", "tenant": tenant} for tenant in ("one", "two"))
    store = decided_in(
        [decided("04 12:00", "retired", client_id="cat"), decided("04 12:00", "leaver", grant_id="c1")],
        consent("01 09:00", ["files.read"], "c1", **at_one),
        consent("01 09:00", ["files.read"], "c2", **at_two, subject_id="bob"),
        revoked("07 12:00", "client", client_id="cat", subject_id=None),
    )
    why = "a revocation that names no tenant may have ended it, and several have this client"
    told = [
        f"none of 2 grants has ended in the logs, 2 of them for all they tell: {why}",
        f"whether it has ended the logs do not tell: {why}",
    ]
    assert said(store, client="cat") == [
        f"To be revoked by a decision of 2026-07-04 12:00:00 UTC ({cause}): {what}"
        for cause, what in zip(("retired", "leaver"), told, strict=True)
    ]


def test_a_token_that_no_log_names_may_have_ended(decided_in):
    store = decided_in(
        [decided("04 12:00", "leaver", grant_id="g9")],
        token("01 09:00", None, ["mail.read"], grant_id="g9", client_id="cat"),
    )
    assert said(store, grant="g9") == [
        "To be revoked by a decision of 2026-07-04 12:00:00 UTC (leaver): "
        "whether it has ended the logs do not tell: when a token ended that the log does not name is not known"
    ]
