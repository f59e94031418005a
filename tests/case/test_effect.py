"""What a case says of its revocations, and of what went on in spite of them."""

import pytest

import grantlens as gl
from grantlens.rule.example import consent, logs_from_to, refreshed, revoked, token, use

CONSENT = "Who consented to what, and when?"
TOUCHED = "What data was touched, and how much?"
MINTED = "Was anything minted downstream?"
REVOKED = "When was it revoked, and by whom?"
EFFECTIVE = "Was it effective?"
CALL = "GET /v1/messages/7"
KEY = {"kind": "credential", "token_kind": "api_key", "grant_id": None}
ROLE = {"client_id": "role", "grant_id": None, "token_kind": "session", "parent_token_id": "key"}


def test_what_another_client_got_for_a_key_is_downstream_and_its_calls_after_the_end_of_the_key_are_told(store_of):
    store = store_of(
        token("10 08:00", "key", None, consent_actor="boss", **KEY),
        use("10 09:00", CALL, "key"),
        token("10 10:00", "s1", None, "10 22:00", **ROLE),
        use("10 11:00", CALL, "s1", client_id="role"),
        revoked("10 12:00", "credential", token_id="key", client_id=None, subject_id=None),
        use("10 12:30", CALL, "key", status=401),
        use("10 13:00", CALL, "s1", client_id="role"),
        use("10 14:00", CALL, "s1", client_id="role"),
        *logs_from_to("10 08:00", "10 18:00"),
    )
    answers = gl.Case(store, token="key").answers()
    assert answers[CONSENT].endswith("Key made: key at 2026-07-10 08:00:00 UTC by boss.")
    assert answers["When was it first and last used?"] == (
        "First success 2026-07-10 09:00:00 UTC, last 2026-07-10 09:00:00 UTC: 1 successful call, "
        "1 refused (1 because of the token, the first at 2026-07-10 12:30:00 UTC), 0 failed."
    )
    assert answers[MINTED] == (
        "1 token made from it for role; 3 successful calls with it, the last at 2026-07-10 14:00:00 UTC. "
        "No revocation of its own tokens covers these."
    )
    assert answers[EFFECTIVE] == (
        "yes, by 2026-07-10 12:30:00 UTC. Tokens made from it for others went on: 2 successful calls after the first "
        "revocation, the last at 2026-07-10 14:00:00 UTC."
    )


def test_access_that_its_holder_gave_again_is_told(store_of):
    def answer(*more):
        ended = [consent("10 08:00", ["mail.read"]), revoked("10 12:00", "grant"), use("10 12:30", CALL, status=401)]
        live = token("10 09:00", "t1", ["mail.read"])
        return gl.Case(store_of(*ended, live, *more, *logs_from_to("10 08:00", "10 18:00")), client="app").answers()[
            EFFECTIVE
        ]

    once = consent("10 13:00", ["mail.read"], "g2")
    undone = "yes, by 2026-07-10 12:30:00 UTC; its holder gave it access again at 2026-07-10 13:00:00 UTC."
    assert answer() == "yes, by 2026-07-10 12:30:00 UTC."
    assert answer(once) == answer(once, consent("10 15:00", ["mail.send"], "g3")) == undone
    assert answer({**once, "consent_kind": "admin"}) == "yes, by 2026-07-10 12:30:00 UTC."


def test_a_child_that_was_revoked_itself_is_told(store_of):
    store = store_of(
        token("10 08:00", "key", None, **KEY),
        token("10 10:00", "s1", None, "10 22:00", **ROLE),
        revoked("10 15:00", "token", token_id="s1", client_id=None, subject_id=None),
    )
    assert (
        " Of them 1 was revoked, the first at 2026-07-10 15:00:00 UTC." in gl.Case(store, token="key").answers()[MINTED]
    )


def test_the_calls_of_tokens_that_were_issued_after_the_revocation_are_told(store_of):
    store = store_of(
        consent("10 08:00", ["mail.read"]),
        token("10 09:00", "t1", ["mail.read"]),
        revoked("10 12:00", "grant"),
        refreshed("10 13:00", "t2", "rt1", ["mail.read"]),
        use("10 13:10", CALL, "t2"),
        use("10 13:20", CALL, "t2"),
        *logs_from_to("10 08:00", "10 18:00"),
    )
    assert gl.Case(store, client="app").answers()[EFFECTIVE] == (
        "no, a new token was issued from what had been revoked. 1 token issued afterwards from what had been revoked, the last at "
        "2026-07-10 13:00:00 UTC; 2 successful calls with it, the last at 2026-07-10 13:20:00 UTC."
    )


def test_no_call_is_counted_twice_where_a_later_revocation_covers_the_new_token(store_of):
    store = store_of(
        consent("10 08:00", ["mail.read"]),
        token("10 09:00", "t1", ["mail.read"]),
        revoked("10 12:00", "grant"),
        use("10 12:10", CALL, "t1"),
        refreshed("10 13:00", "t2", "rt1", ["mail.read"]),
        use("10 13:10", CALL, "t2"),
        revoked("10 14:00", "client", event_id="r2", subject_id=None),
        use("10 14:10", CALL, "t2"),
        *logs_from_to("10 08:00", "10 18:00"),
    )
    assert (
        "2 successful calls proven to be later than the revocation. 1 token issued afterwards from what had been revoked, the last at "
        "2026-07-10 13:00:00 UTC; 1 more successful call with it, the last at 2026-07-10 14:10:00 UTC."
    ) in gl.Case(store, client="app").answers()[EFFECTIVE]


def test_a_refused_request_for_a_token_is_a_sign_and_a_call_that_rests_on_something_else_is_none(store_of):
    store = store_of(
        token("10 08:00", "old", None, **KEY),
        token("10 08:01", "key", None, **KEY),
        revoked("10 12:00", "credential", token_id="key", client_id=None, subject_id=None),
        token("10 12:30", None, None, outcome="denied", parent_token_id="key"),
        use("10 13:00", CALL, "old"),
        *logs_from_to("10 08:00", "10 18:00"),
    )
    assert (
        gl.Case(store, client="app")
        .answers()[EFFECTIVE]
        .startswith(
            "not demonstrated: no call with it afterwards is in the logs held (1 call of this case succeeded later, not known to rest "
            "on it, the last at 2026-07-10 13:00:00 UTC). 1 request for a token was refused after the first revocation, the first at "
            "2026-07-10 12:30:00 UTC. What counts is "
        )
    )


def test_a_yes_says_that_other_access_of_the_case_went_on(store_of):
    session = {"target_kind": "session", "session_id": "s1", "client_id": None, "subject_id": None}
    store = store_of(
        token("10 08:00", "t1", ["mail.read"], "10 20:00", session_id="s1"),
        token("10 08:00", "t2", ["mail.read"], "10 20:00", session_id="s2"),
        use("10 09:00", CALL, "t1"),
        use("10 09:30", CALL, "t2"),
        {**revoked("10 12:00"), "token_id": None, **session},
        use("10 12:30", CALL, "t1", status=401),
        use("10 13:00", CALL, "t2"),
        use("10 14:00", CALL, "t2"),
        *logs_from_to("10 08:00", "10 18:00"),
    )
    assert gl.Case(store, client="app").answers()[EFFECTIVE] == (
        "yes, by 2026-07-10 12:30:00 UTC (2 calls of this case succeeded later, not known to rest on it, the last at 2026-07-10 14:00:00 UTC)."
    )
    assert gl.Case(store, token="t1").answers()[EFFECTIVE] == "yes, by 2026-07-10 12:30:00 UTC."


def test_a_downgrade_is_told_with_what_it_took_and_whether_that_held(store_of):
    def answers(*more, **said):
        narrowed = revoked("10 12:00", "grant", kind="downgrade", actor_id="boss", reason="not needed", **said)
        given = [consent("10 08:00", ["mail.read", "mail.send"]), token("10 08:01", "t1", ["mail.read", "mail.send"])]
        return gl.Case(store_of(*given, narrowed, *more, *logs_from_to("10 08:00", "10 18:00")), client="app").answers()

    held = answers(scopes_removed=["mail.send"])
    assert held[REVOKED].startswith("No revocation that ended it is recorded in the revocation log of native between ")
    assert held[REVOKED].endswith(
        " 1 downgrade took scopes away: 2026-07-10 12:00:00 UTC: mail.send by boss (not needed)."
    )
    assert held[EFFECTIVE] == "There is no revocation to judge. Of scopes that were taken away no later use is known."
    assert answers()[REVOKED].endswith(
        "2026-07-10 12:00:00 UTC: scopes that the log does not name by boss (not needed)."
    )


def test_a_downgrade_that_did_not_hold_is_told_as_the_rule_tells_it(sample_store):
    answers = gl.Case(sample_store, client="tour-guide").answers()
    assert answers[EFFECTIVE] == (
        "There is no revocation to judge. A downgrade did not hold: tour-guide used mail.send after it had been taken away (REV-11)."
    )


def test_a_revocation_at_a_time_that_no_usage_log_covers_says_so(sample_store, case_of):
    answer = gl.Case(sample_store, client="spare-copy").answers()[EFFECTIVE]
    assert answer.startswith(
        "not demonstrated: no call with it afterwards is in the logs held; it was revoked at a time that no usage log covers, "
        "from 2026-06-18 05:46:34 UTC to 2026-06-19 18:04:06 UTC (24 calls of this case succeeded later, "
    )
    assert "no usage log covers" not in case_of("chatrelay").answers()[EFFECTIVE]


def test_a_revocation_that_names_nothing_says_whose_it_was_and_two_of_one_moment_are_told_apart(store_of):
    store = store_of(
        token("10 08:00", "t1", ["mail.read"]),
        revoked("10 12:00", "token", token_id=None, client_id="app", subject_id="ann"),
        revoked("10 12:00", "session", event_id="r2", token_id=None, session_id="s9", client_id="app", subject_id=None),
        revoked("10 13:00", "grant", event_id="r3", grant_id=None, client_id="app", subject_id=None),
    )
    answers = gl.Case(store, client="app").answers()
    assert "token of app for ann by " in answers[REVOKED]
    assert "session s9 by " in answers[REVOKED]
    assert (
        "2026-07-10 12:00:00 UTC: token of app for ann: not demonstrated: the log does not say which token it ended; "
        in answers[EFFECTIVE]
    )
    assert "2026-07-10 12:00:00 UTC: session s9: not demonstrated: " in answers[EFFECTIVE]
    assert "2026-07-10 13:00:00 UTC: not demonstrated: the log does not say which grant it ended" in answers[EFFECTIVE]


def test_one_consent_that_the_log_writes_twice_within_a_second_is_one(store_of):
    twice = [consent(f"01 08:00:40{part}", ["mail.read"], consent_actor="ann") for part in (".310", ".420")]
    later = consent("01 08:00:43", ["mail.read"], consent_actor="ann")
    assert "again" not in gl.Case(store_of(*twice), client="app").answers()[CONSENT]
    assert ", and again 2026-07-01 08:00:43 UTC" in gl.Case(store_of(*twice, later), client="app").answers()[CONSENT]


def test_names_stand_beside_ids(store_of):
    named = {"client_name": "Document Viewer", "subject_name": "Ann Berg", "consent_actor": "ann"}
    answer = gl.Case(store_of(consent("01 08:00", ["mail.read"], **named)), client="app").answers()[CONSENT]
    assert "consented by Ann Berg (ann) (user consent), for Document Viewer (app), to mail.read" in answer


def test_what_it_gave_to_others_is_told(store_of):
    given = {
        "client_id": "made",
        "client_name": "Sync",
        "subject_id": None,
        "consent_actor": "app",
        "consent_kind": "admin",
    }
    store = store_of(
        token("01 08:00", "t1", ["apps.write"]),
        consent("01 09:00", ["mail.read"], "g9", **given),
        token("01 09:01", "k9", None, **KEY | given),
    )
    answer = gl.Case(store, client="app").answers()[MINTED]
    assert answer.startswith(
        "It gave access to others: Sync (made) got mail.read at 2026-07-01 09:00:00 UTC; Sync (made) got a key at 2026-07-01 09:01:00 UTC. "
        "No token made from it for others is recorded in "
    )
    assert "gave access" not in gl.Case(store, client="made").answers()[MINTED]


def test_a_refusal_by_a_policy_is_told_though_it_proves_no_end_of_the_token(store_of):
    cut_off = {"client_id": "app", "subject_id": None, "issued_before": "2026-07-10T12:00:00Z"}
    store = store_of(
        token("10 08:00", "t1", ["mail.read"]),
        revoked("10 12:00", "policy", **cut_off),
        use("10 12:00:03", CALL),
        use("10 12:05", CALL, status=403, denial_reason="policy"),
        *logs_from_to("10 08:00", "10 18:00"),
    )
    answers = gl.Case(store, client="app").answers()
    assert (
        "1 refused (1 by a policy, the first at 2026-07-10 12:05:00 UTC)" in answers["When was it first and last used?"]
    )
    assert "and no refusal because of the token followed" in answers[EFFECTIVE]


def test_calls_without_an_address_are_told_beside_those_that_have_one(store_of):
    from_here = [use(f"10 09:0{minute}", CALL, "t1", ip="192.0.2.1") for minute in range(2)]
    store = store_of(*from_here, use("10 10:00", CALL, "t1"), *logs_from_to("10 08:00", "10 18:00"))
    assert (
        gl.Case(store, client="app")
        .answers()["From where?"]
        .startswith(
            "From 1 address, in order of appearance: 192.0.2.1 (2 calls, first 2026-07-10 09:00:00 UTC); 1 call names no address. "
        )
    )


def test_what_was_tried_in_vain_is_told(store_of):
    store = store_of(
        token("01 08:00", "t1", ["mail.read"]),
        use("01 09:00", CALL),
        use("01 09:01", "POST /v1/rules", status=403),
        use("01 09:02", "POST /v1/rules", status=403),
    )
    assert (
        gl.Case(store, client="app").answers()[TOUCHED].endswith(" Refused: POST /v1/rules at mail.example (2 calls).")
    )


@pytest.mark.parametrize(
    ("deleted", "said"),
    [
        (1, "(1 call, deletes: /v1/jobs/0)"),
        (3, "(3 calls, deletes: /v1/jobs/0, /v1/jobs/1 and /v1/jobs/2)"),
        (30, "(30 calls, deletes: /v1/jobs/0, /v1/jobs/1, /v1/jobs/10, /v1/jobs/11, /v1/jobs/12 and 25 more)"),
    ],
)
def test_what_was_deleted_is_named_where_a_catalogue_knows_the_operation(store_of, tmp_path, deleted, said):
    """The answer gave the pattern of the path alone, and said that the log names no objects: it does, in the path."""
    calls = [use("01 09:00", f"DELETE /v1/jobs/{number}") for number in range(deleted)]
    refused = use("01 09:30", "DELETE /v1/jobs/99", outcome="denied", status=403)
    store = store_of(token("01 08:00", "t1", ["mail.read"]), *calls, refused)
    (tmp_path / "catalogue.toml").write_text(
        '[catalogue]\nname = "jobs"\nversion = "1"\nlicence = "CC0-1.0"\nretrieved = "2026-07-01"\n'
        '[[operation]]\nmethod = "DELETE"\npath = "/v1/jobs/{job}"\nserver = "mail.example"\nrequires = [["jobs.purge"]]\n'
    )
    store.add(gl.Catalogue.build("toml", tmp_path / "catalogue.toml"))
    answer = gl.Case(store, client="app").answers()[TOUCHED]
    assert answer.startswith(f"DELETE /v1/jobs/{{job}} at mail.example {said}. ")
    assert "/v1/jobs/99" not in answer
    assert "names no objects" not in answer


def test_a_deleted_object_that_is_named_apart_is_told_by_its_own_name(store_of):
    store = store_of(token("01 08:00", "t1", ["mail.read"]), use("01 09:00", "DELETE /v1/jobs", resource_id="job-7"))
    answer = gl.Case(store, client="app").answers()[TOUCHED]
    assert answer.startswith("DELETE /v1/jobs at mail.example (1 call, 1 object, deletes: job-7). 1 object is named.")


def test_a_deletion_is_told_first_though_no_catalogue_knows_it(store_of):
    reads = [use(f"01 09:{minute:02}", f"GET /v1/folder/{minute}") for minute in range(1, 9) for _ in range(2)]
    store = store_of(token("01 08:00", "t1", ["mail.read"]), *reads, use("01 10:00", "DELETE /v1/jobs/7"))
    assert (
        gl.Case(store, client="app")
        .answers()[TOUCHED]
        .startswith("DELETE /v1/jobs/7 at mail.example (1 call, deletes); ")
    )
