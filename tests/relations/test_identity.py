"""Who is who: ids of one provider, names across providers, and token names that were used again."""

import json

import pytest

from grantlens.register.identities import Identities
from grantlens.store import Store

AT = "2026-07-01T10:00:00Z"


@pytest.fixture
def world(tmp_path):
    """Return a function that makes a store of native records and identities (kind, name, source, id)."""
    opened = []

    def make(*records, identities=()):
        path = tmp_path / "log.ndjson"
        path.write_text("".join(json.dumps({"event_id": f"e{n}"} | record) + "\n" for n, record in enumerate(records)))
        store = Store(":memory:")
        opened.append(store)
        assert not store.load(path).failed
        assert not store.engine.value("SELECT count(*) FROM rejected")
        if identities:
            names = ("kind", "name", "source", "id")
            store.add(Identities(tuple(dict(zip(names, row, strict=True)) for row in identities)))
        return store

    yield make
    for store in opened:
        store.close()


def issued(source, client, at=AT, **more):
    return {
        "log": "issuance",
        "issued_at": at,
        "kind": "token",
        "outcome": "success",
        "source": source,
        "client_id": client,
    } | more


def revoked(source, at=AT, **more):
    return {
        "log": "revocation",
        "revoked_at": at,
        "kind": "revoke",
        "outcome": "success",
        "target_kind": "grant",
        "source": source,
    } | more


def names(store):
    rows = store.engine.rows("SELECT source, kind, id, name, said_by FROM canonical_identity")
    assert len({row[:3] for row in rows}) == len(rows), "each id has one row"
    return {row[:3]: row[3:] for row in rows}


# Entra writes a client as application id or as the object id of its service principal.


def test_an_object_id_is_its_application_where_a_grant_says_so(world):
    store = world(
        issued("microsoft_entra", "app-1", grant_id="entra:obj-1:res:u", kind="consent"),
        issued("microsoft_entra", "obj-2", grant_id="entra:obj-2:res:u", kind="consent"),
        revoked("microsoft_365", client_id="obj-1", grant_id="m365:obj-1:res"),
        revoked("native", client_id="obj-1"),
    )
    same = set(store.engine.rows("SELECT source, id, app_id FROM same_client"))
    assert same == {("microsoft_entra", "obj-1", "app-1"), ("microsoft_365", "obj-1", "app-1")}
    found = names(store)
    assert found["microsoft_entra", "client", "app-1"] == ("app-1", "provider")
    assert found["microsoft_365", "client", "obj-1"] == ("app-1", "provider")
    # nobody says what this one is, and what another source calls obj-1 is its own affair
    assert found["microsoft_entra", "client", "obj-2"] == (None, None)
    assert found["native", "client", "obj-1"] == (None, None)


def test_an_object_id_with_two_applications_stands_for_none(world):
    store = world(
        issued("microsoft_entra", "app-1", grant_id="entra:obj-1:res:u", kind="consent"),
        issued("microsoft_365", "app-2", grant_id="m365:obj-1:res", kind="consent"),
    )
    assert store.engine.rows("SELECT * FROM same_client") == []


def test_a_failed_grant_says_nothing(world):
    store = world(issued("microsoft_entra", "app-1", grant_id="entra:obj-1:res:u", kind="consent", outcome="denied"))
    assert store.engine.rows("SELECT * FROM same_client") == []


def test_the_real_logs_of_microsoft_agree_with_plain_python(shared):
    with Store(":memory:") as store:
        store.load(shared / "real-logs/microsoft_entra", shared / "real-logs/microsoft_365")
        grants = store.engine.rows(
            "SELECT grant_id, client_id FROM issuance WHERE outcome = 'success' "
            "UNION ALL SELECT grant_id, client_id FROM revocation WHERE outcome = 'success'"
        )
        told = {}
        for grant, client in grants:
            if grant and grant.split(":")[0] in ("entra", "m365") and client != grant.split(":")[1]:
                told.setdefault(grant.split(":")[1], set()).add(client)
        sources = ("microsoft_entra", "microsoft_365")
        expected = {(s, id, next(iter(apps))) for id, apps in told.items() if len(apps) == 1 for s in sources}
        assert set(store.engine.rows("SELECT source, id, app_id FROM same_client")) == expected


# Entra writes people by object id, the actions in Microsoft 365's log by sign-in name.


def sign_in(person, name, **more):
    return issued("microsoft_entra", "app-1", subject_id=person, subject_name=name, **more)


def test_a_sign_in_name_is_the_object_id_that_a_sign_in_or_a_consent_of_ones_own_has_beside_it(world):
    store = world(
        sign_in("obj-ada", "Ada@example.com"),
        sign_in("obj-eve", "eve@example.com", outcome="denied"),
        # what an admin gave to Cyd is under the object id, and says no name
        issued("microsoft_365", "app-1", kind="consent", subject_id="obj-cyd", grant_id="m365:obj-1:res:obj-cyd"),
        issued(
            "microsoft_365", "app-1", kind="consent", subject_id="bob@example.com", grant_id="m365:obj-1:res:obj-bob"
        ),
        revoked("microsoft_365", target_kind="subject", kind="disable", subject_id="ada@example.com"),
        revoked(
            "microsoft_entra",
            target_kind="subject",
            kind="disable",
            subject_id="obj-dot",
            subject_name="dot@example.com",
        ),
        issued("native", "app-1", subject_id="ada@example.com"),
    )
    same = set(store.engine.rows("SELECT id, object_id FROM same_subject WHERE source = 'microsoft_365'"))
    assert same == {(f"{name}@example.com", f"obj-{name}") for name in ("ada", "bob", "dot")}
    found = {key[::2]: value for key, value in names(store).items() if key[1] == "subject"}
    assert found["microsoft_365", "ada@example.com"] == found["microsoft_entra", "obj-ada"] == ("obj-ada", "provider")
    assert found["microsoft_365", "obj-cyd"] == found["microsoft_entra", "obj-eve"] == (None, None)
    assert found["native", "ada@example.com"] == (None, None), "what another source calls so is its own affair"


def test_a_sign_in_name_that_two_people_had_stands_for_none_and_a_person_may_have_two(world):
    store = world(
        sign_in("obj-1", "ada@example.com"),
        sign_in("obj-2", "ada@example.com"),
        sign_in("obj-3", "miss.b@example.com"),
        sign_in("obj-3", "mrs.c@example.com"),
    )
    same = set(store.engine.rows("SELECT id, object_id FROM same_subject WHERE source = 'microsoft_entra'"))
    assert same == {("miss.b@example.com", "obj-3"), ("mrs.c@example.com", "obj-3")}


@pytest.mark.parametrize(
    "said",
    [("microsoft_365", "ada@example.com"), ("microsoft_entra", "obj-ada")],
    ids=["of the name", "of the object id"],
)
def test_a_name_for_one_spelling_of_a_person_is_the_name_of_the_other(world, said):
    store = world(
        sign_in("obj-ada", "ada@example.com"),
        revoked("microsoft_365", target_kind="subject", kind="disable", subject_id="ada@example.com"),
        identities=(("subject", "Ada Byron", *said),),
    )
    found = store.engine.rows(
        "SELECT id, said_by FROM canonical_identity WHERE name = 'Ada Byron' AND kind = 'subject'"
    )
    assert set(found) == {("ada@example.com", "identities"), ("obj-ada", "identities")}


# Across providers only the identities file speaks.


def test_equal_ids_of_two_sources_are_two_until_the_file_says_otherwise(world):
    records = (issued("okta", "mail", subject_id="ada"), issued("github", "mail", subject_id="ada"))
    assert set(names(world(*records)).values()) == {(None, None)}
    said = (("client", "Mail copilot", "okta", "mail"), ("client", "Mail copilot", "github", "mail"))
    found = names(world(*records, identities=said))
    assert found["okta", "client", "mail"] == found["github", "client", "mail"] == ("Mail copilot", "identities")
    assert found["okta", "subject", "ada"] == (None, None)


def test_a_name_for_an_application_is_the_name_of_its_object_ids_too(world):
    store = world(
        issued("microsoft_entra", "app-1", grant_id="entra:obj-1:res:u", kind="consent"),
        revoked("microsoft_365", client_id="obj-1", grant_id="m365:obj-1:res"),
        identities=(("client", "Files", "microsoft_entra", "app-1"), ("client", "Files", "okta", "0oa1")),
    )
    assert {id for (id, name) in store.engine.rows("SELECT id, name FROM canonical_identity") if name == "Files"} == {
        "app-1", "obj-1", "0oa1",
    }  # fmt: skip


# GitHub names the token that ended by a name that may be used again.


def pat(token, at, name="pat:7:deploy", **more):
    return issued("github", name, at, grant_id=name, token_id=token, token_kind="api_key", **more)


def end(at, name="pat:7:deploy", **more):
    return revoked("github", at, grant_id=name, client_id=name, client_name=name.split(":")[2], subject_id="7", **more)


def candidates(store):
    rows = store.engine.rows("SELECT revocation_event, token_id, issued_before FROM ambiguous_revocation")
    return set(rows)


def test_a_name_that_two_tokens_had_keeps_both(world):
    store = world(
        pat("t1", "2026-07-01T10:00:00Z"),
        end("2026-07-01T10:05:00Z"),
        pat("t2", "2026-07-01T10:10:00Z"),
        end("2026-07-01T10:15:00Z"),
        pat("only", "2026-07-01T10:00:00Z", "pat:7:nightly"),
        end("2026-07-01T10:05:00Z", "pat:7:nightly"),
        end("2026-07-01T10:16:00Z", outcome="denied"),
    )
    assert candidates(store) == {("e1", "t1", True), ("e1", "t2", False), ("e3", "t1", True), ("e3", "t2", True)}


def test_a_token_that_is_reported_twice_is_one(world):
    store = world(
        pat("t1", "2026-07-01T10:00:00Z"),
        pat("t1", "2026-07-01T10:00:01Z", kind="refresh"),
        end("2026-07-01T10:05:00Z"),
    )
    assert candidates(store) == set()


def test_the_real_github_log_agrees_with_plain_python(shared):
    path = shared / "real-logs/github/sentinel-security-log-tokens.ndjson"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    tokens, ends = {}, []
    for record in records:
        name = (record.get("user_id"), record.get("user_programmatic_access_name"))
        if record["action"] == "personal_access_token.create" and record.get("hashed_token"):
            tokens.setdefault(name, {})[record["hashed_token"]] = record["@timestamp"]
        if record["action"] in ("personal_access_token.destroy", "personal_access_token.access_revoked"):
            ends.append((record["_document_id"], name, record["@timestamp"]))
    expected = {
        (event, token, issued_at <= at)
        for event, name, at in ends
        if len(tokens.get(name, ())) > 1
        for token, issued_at in tokens[name].items()
    }
    assert len(expected) == 4, "one action ended a token, twice told; two tokens had its name"
    with Store(":memory:") as store:
        store.load(path)
        assert candidates(store) == expected
