"""What a case says of access that was given, and of what was made from it."""

import json

import pytest

import grantlens as gl
from grantlens.case.given import handed_on
from grantlens.rule.example import consent, logs_from_to, revoked, token, use

CONSENT = "Who consented to what, and when?"
MINTED = "Was anything minted downstream?"
REVOKED = "When was it revoked, and by whom?"
EFFECTIVE = "Was it effective?"
CALL = "GET /v1/messages/7"
OLD_KEY = {"grant_id": None, "subject_id": None}
ROLE = {"client_id": "role", "subject_id": None, "grant_id": None, "token_kind": "session", "parent_token_id": "key"}


def test_what_was_made_from_a_key_that_is_older_than_the_log_is_downstream_of_the_client_that_used_it(store_of):
    store = store_of(
        use("10 09:00", CALL, "key", **OLD_KEY),
        token("10 10:00", "s1", None, "10 22:00", **ROLE),
        use("10 11:00", CALL, "s1", client_id="role", subject_id=None),
        *logs_from_to("10 08:00", "10 18:00"),
    )
    told = "1 token made from it for role; 1 successful call with it, the last at 2026-07-10 11:00:00 UTC. No revocation of its own tokens covers these."
    assert gl.Case(store, client="app").answers()[MINTED] == told
    assert gl.Case(store, token="key").answers()[MINTED] == told
    assert "1 successful call, 0 refused" in gl.Case(store, client="app").answers()["When was it first and last used?"]


def test_the_end_of_a_key_that_is_older_than_the_log_is_one_of_the_client_that_used_it(store_of):
    store = store_of(
        use("10 09:00", CALL, "key", **OLD_KEY),
        revoked("10 12:00", "credential", token_id="key", client_id=None, subject_id=None, actor_id="boss"),
        use("10 12:30", CALL, "key", **OLD_KEY, status=401),
        *logs_from_to("10 08:00", "10 18:00"),
    )
    answers = gl.Case(store, client="app").answers()
    assert answers[REVOKED] == "2026-07-10 12:00:00 UTC: credential key by boss."
    assert answers[EFFECTIVE] == "yes, by 2026-07-10 12:30:00 UTC."


def test_a_token_that_was_issued_to_another_brings_nothing_of_the_other(store_of):
    store = store_of(
        token("10 08:00", "t1", ["mail.read"], client_id="other"),
        use("10 09:00", CALL, "t1"),
        token("10 10:00", "s1", ["mail.read"], **{**ROLE, "parent_token_id": "t1"}),
        revoked("10 12:00", "token", token_id="t1", client_id=None, subject_id=None),
        *logs_from_to("10 08:00", "10 18:00"),
    )
    assert gl.Case(store, client="app").answers()[MINTED].startswith("No token made from it for others is recorded")


def test_that_nothing_was_made_from_it_is_not_said_by_a_log_that_never_says_so(store_of):
    issued = (token("10 08:00", "t1", ["mail.read"]), token("10 09:00", "x1", ["mail.read"], client_id="tool"))
    silent = "Of no token the log of native says from which it was made: its silence proves nothing."
    assert silent in gl.Case(store_of(*issued), client="app").answers()[MINTED]
    named = token("10 10:00", "x2", ["mail.read"], kind="exchange", parent_token_id="x1", client_id="tool")
    assert silent not in gl.Case(store_of(*issued, named), client="app").answers()[MINTED]
    key_of_a_service = token("10 10:00", "x2", ["mail.read"], parent_token_id="k1", client_id="tool")
    assert silent in gl.Case(store_of(*issued, key_of_a_service), client="app").answers()[MINTED]


def test_what_a_grant_permits_otherwise_than_by_scopes_is_told(store_of):
    policy = {"policy": "AdministratorAccess"}
    given = {
        "client_id": "made",
        "subject_id": None,
        "subject_kind": "service",
        "consent_actor": "app",
        "consent_kind": "admin",
        "kind": "change",
    }
    store = store_of(
        use("10 08:00", CALL, "key", **OLD_KEY),
        consent("10 09:00", None, "g9", **given, authorization_details=policy),
        consent("10 10:00", None, "g9", **given, may_act=["stranger"]),
        *logs_from_to("10 08:00", "10 18:00"),
    )
    details = json.dumps(policy, separators=(",", ":"))
    assert gl.Case(store, client="made").answers()[CONSENT] == (
        f"2026-07-10 09:00:00 UTC: changed by app (admin consent), for made, to what its details say: {details} (grant g9); "
        "2026-07-10 10:00:00 UTC: changed by app (admin consent), for made, to be used by stranger (grant g9). 0 tokens came of it."
    )
    assert (
        gl.Case(store, client="app")
        .answers()[MINTED]
        .startswith(
            f"It gave access to others: made got what its details say: {details} and may be used by stranger at 2026-07-10 09:00:00 UTC."
        )
    )


def test_a_grant_that_nothing_describes_says_so(store_of):
    store = store_of(consent("10 09:00", None), *logs_from_to("10 08:00", "10 18:00"))
    assert "to scopes that the log does not name" in gl.Case(store, client="app").answers()[CONSENT]


def test_the_details_of_tokens_are_told_where_no_consent_is_logged_and_are_cut_where_they_are_long(store_of):
    details = [{"type": "account", "actions": ["read"] * 40}]
    store = store_of(
        token("10 09:00", "t1", None, authorization_details=details), *logs_from_to("10 08:00", "10 18:00")
    )
    text = gl.Case(store, client="app").answers()[CONSENT]
    shown = json.dumps(details, separators=(",", ":"))[:120]
    assert f"its tokens held what its details say: {shown}… (grant" in text


def test_scopes_that_only_calls_name_are_told(store_of):
    calls = [
        use("10 09:00", CALL, "t1", token_scopes=["repo"]),
        use("10 10:00", CALL, "t1", token_scopes=["gist", "repo"]),
    ]
    unnamed = store_of(consent("10 08:00", None), *calls, *logs_from_to("10 08:00", "10 18:00"))
    named = store_of(consent("10 08:00", ["repo"]), *calls, *logs_from_to("10 08:00", "10 18:00"))
    assert gl.Case(unnamed, client="app").answers()[CONSENT].endswith(" Its calls name the scopes gist and repo.")
    assert "Its calls name" not in gl.Case(named, client="app").answers()[CONSENT]


@pytest.mark.parametrize("details", ["[" * 100_000, '{"type":  "account"', "\ud800"])
def test_details_that_are_no_json_are_told_as_they_stand(details):
    row = {
        "kind": "change",
        "client_id": "made",
        "client_name": None,
        "subject_id": None,
        "scopes": None,
        "may_act": None,
    }
    told = handed_on([{**row, "details": [details], "given_at": "2026-07-10T09:00:00Z"}])
    shown = " ".join(details.split())
    assert (
        f"made got what its details say: {shown[:120]}{'…' if len(shown) > 120 else ''} at 2026-07-10 09:00:00 UTC"
        in told
    )


def test_what_it_gave_to_others_is_among_its_evidence_once(store_of, tmp_path):
    made = {"client_id": "made", "consent_actor": "boss", "consent_kind": "admin"}
    store = store_of(
        consent("10 08:00", ["mail.read"], "g1", subject_id="boss"),
        token("10 08:01", "t1", ["mail.read"], grant_id="g1", subject_id="boss"),
        consent("10 09:00", ["mail.send"], "g2", event_id="given", **made),
        # Its own child as well, which the actor gave to others.
        token("10 10:00", "c1", ["mail.read"], kind="exchange", parent_token_id="t1", event_id="child", **made),
        consent("10 11:00", ["mail.send"], "g3", event_id="others", **{**made, "consent_actor": "another"}),
        *logs_from_to("10 07:00", "10 18:00"),
    )
    case = gl.Case(store, subject="boss")
    assert [row["client_id"] for row in case.facts["handed_on"]] == ["made", "made"]
    events = [row["event_id"] for row in case.evidence if row["log"] == "issuance"]
    assert (events.count("given"), events.count("child"), events.count("others")) == (1, 1, 0)
    case.write(tmp_path / "case")
    written = [json.loads(line) for line in (tmp_path / "case" / "evidence.ndjson").read_text().splitlines()]
    assert [row["event_id"] for row in written if row["log"] == "issuance"] == events
    assert json.loads((tmp_path / "case" / "case.json").read_text())["records"] == len(written)
    of_token = [row["event_id"] for row in gl.Case(store, token="t1").evidence]
    assert ("child" in of_token, "given" in of_token) == (True, False)


def test_what_is_told_once_of_several_is_told_in_the_case_of_each(tmp_path):
    """Microsoft 365 names the tokens of calls, and its log issues none."""
    client = "a0000000-0000-4000-8000-000000000002"
    calls = [
        {
            "AppAccessContext": {"ClientAppId": client, "UniqueTokenId": token},
            "CreationTime": f"2026-07-01T11:0{number}:00",
            "Id": f"r{number}",
            "ObjectId": "https://files.example/a",
            "Operation": "FileAccessed",
            "OrganizationId": "b0000000-0000-4000-8000-000000000001",
            "UserId": who,
            "Workload": "SharePoint",
        }
        for number, (who, token) in enumerate([("ada", "t1"), ("ada", "t2"), ("bob", "t3"), ("cy", None)])
    ]
    log = tmp_path / "audit.ndjson"
    log.write_text("".join(json.dumps(call) + "\n" for call in calls))
    with gl.open(":memory:") as store:
        store.load(log)
        told = {
            str(about): {
                (row["rule"], row["subject_id"], row["detail"].get("tokens"))
                for part in gl.Case(store, **about).findings
                for row in part.to_dicts()
                if row["rule"] == "INT-1"
            }
            for about in ({"token": "t1"}, {"token": "t3"}, {"subject": "ada"}, {"subject": "cy"})
        }
    assert told == {
        "{'token': 't1'}": {("INT-1", "ada", 2)},
        "{'token': 't3'}": {("INT-1", "bob", 1)},
        "{'subject': 'ada'}": {("INT-1", "ada", 2)},
        "{'subject': 'cy'}": {("INT-1", "cy", 0)},
    }


def test_operations_that_no_catalogue_knows_are_told_in_the_case_of_each_who_called_them(store_of, tmp_path):
    """Told once of their client; a person, grant or token of it that called nothing unknown has no part in it."""
    (tmp_path / "catalogue.toml").write_text(
        '[catalogue]\nname = "mail"\nversion = "1"\nlicence = "CC0-1.0"\nretrieved = "2026-07-01"\n'
        '[[operation]]\nmethod = "GET"\npath = "/v1/messages/{id}"\nrequires = [["mail.read"]]\n'
    )
    records = []
    for who, call in (("ann", "GET /v1/odd"), ("bob", "GET /v1/odder"), ("cy", CALL)):
        mine = {"subject_id": who, "grant_id": f"g-{who}"}
        records += [token("10 09:00", f"t-{who}", ["mail.read"], **mine), use("10 09:05", call, f"t-{who}", **mine)]
    store = store_of(*records)
    store.add(gl.Catalogue.build("toml", tmp_path / "catalogue.toml"))

    def told(**about):
        case = gl.Case(store, **about)
        rows = [row for part in case.findings for row in part.to_dicts()]
        return tuple(
            [(row["verdict"], row["detail"]["operations"]) for row in found if row["rule"] == "OOS-1"]
            for found in (rows, case.facts["broken"])
        )

    both = [("indeterminate", ["GET /v1/odd", "GET /v1/odder"])]
    assert told(client="app") == (both, both)
    for who, called in (("ann", "GET /v1/odd"), ("bob", "GET /v1/odder")):
        own = [("indeterminate", [called])]
        assert told(subject=who) == told(grant=f"g-{who}") == told(token=f"t-{who}") == (both, own)
    assert told(subject="cy") == told(grant="g-cy") == told(token="t-cy") == ([], [])
