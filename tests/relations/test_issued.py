"""Which grant an issuance belongs to where the log names none."""

import json

import pytest

from .oracle import issued

EVERYONE, PERSONAL, APP = "g-everyone", "g-personal", "g-app"


def consent(grant, subject, kind, audience, at="2026-07-01T09:00:00Z"):
    return {
        "log": "issuance", "kind": "consent", "outcome": "success", "issued_at": at, "event_id": f"c {grant}",
        "source": "x", "tenant": "t", "client_id": "bot", "grant_id": grant, "audience": audience,
        "subject_id": subject, "subject_kind": kind, "scopes": ["read"],
    }  # fmt: skip


def token(name, subject, kind, audience):
    return {
        "log": "issuance", "kind": "token", "outcome": "success", "issued_at": "2026-07-01T10:00:00Z", "event_id": name,
        "source": "x", "tenant": "t", "client_id": "bot", "token_id": name, "token_kind": "access",
        "subject_id": subject, "subject_kind": kind, "audience": audience, "scopes": ["read"],
    }  # fmt: skip


@pytest.fixture
def grants_of(store, tmp_path):
    """Return a function that loads rows and gives the grant of each token, None where it is a derived one."""

    def read(rows):
        path = tmp_path / "log.ndjson"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        assert not store.load(path).failed
        found = dict(store.engine.rows("SELECT token_id, grant_id FROM issued WHERE token_id IS NOT NULL"))
        return {name: None if grant.startswith("derived:") else grant for name, grant in found.items()}

    return read


def test_a_grant_for_everyone_holds_the_tokens_of_each_person_on_its_resource(grants_of):
    rows = [
        consent(EVERYONE, None, "user", ["mail"]),
        consent(PERSONAL, "ada", "user", ["mail"]),
        consent(APP, None, "service", ["mail"]),
        token("of ada", "ada", "user", ["mail"]),
        token("of grace", "grace", "user", ["mail"]),
        token("of grace, elsewhere", "grace", "user", ["files"]),
        token("of the app", None, "service", ["mail"]),
    ]
    assert grants_of(rows) == {
        "of ada": PERSONAL,
        "of grace": EVERYONE,
        "of grace, elsewhere": None,
        "of the app": APP,
    }


def test_a_grant_for_everyone_is_not_the_apps_own(grants_of):
    assert grants_of([consent(EVERYONE, None, "user", ["mail"]), token("own", None, "service", ["mail"])]) == {
        "own": None
    }


def test_two_grants_for_everyone_on_one_resource_leave_it_open(grants_of):
    rows = [consent(EVERYONE, None, "user", ["mail"]), consent("another", None, "user", ["mail"])]
    assert grants_of([*rows, token("of grace", "grace", "user", ["mail"])]) == {"of grace": None}


def test_of_several_grants_of_one_person_the_one_on_the_resource_holds_the_token(grants_of):
    rows = [
        consent("g-mail", "ada", "user", ["mail"]),
        consent("g-files", "ada", "user", ["files"]),
        consent("g-role", None, "service", ["mail"]),
        consent("g-other-role", None, "service", ["files"]),
        token("mail", "ada", "user", ["mail"]),
        token("files", "ada", "user", ["files"]),
        token("both", "ada", "user", ["files", "mail"]),
        token("calendar", "ada", "user", ["calendar"]),
        token("unsaid", "ada", "user", None),
        token("of the app", None, "service", ["files"]),
    ]
    assert grants_of(rows) == {
        "mail": "g-mail",
        "files": "g-files",
        "both": None,
        "calendar": None,
        "unsaid": None,
        "of the app": "g-other-role",
    }


@pytest.mark.parametrize("beside", [["mail"], None, []])
def test_another_grant_that_may_be_on_the_same_resource_leaves_it_open(grants_of, beside):
    rows = [consent("g-mail", "ada", "user", ["mail"]), consent("another", "ada", "user", beside)]
    assert grants_of([*rows, token("mail", "ada", "user", ["mail"])]) == {"mail": None}


def test_an_end_in_doubt_leaves_open_which_of_two_grants_holds_the_token(grants_of):
    first, second = (
        consent("g1", "ada", "user", ["mail"], "2026-07-01T08:00:00Z"),
        consent("g2", "ada", "user", ["mail"]),
    )
    end = {
        "log": "revocation", "kind": "revoke", "outcome": "success", "target_kind": "client", "client_id": "bot", "source": "x",
        "revoked_at": "2026-07-01T08:30:00Z", "event_id": "r",
    }  # fmt: skip
    rows = [first, end, second, token("mail", "ada", "user", ["mail"])]
    assert grants_of(rows) == {"mail": "g2"}
    # Another tenant was refused the client.
    other = {**consent("g3", "bob", "user", ["mail"]), "tenant": "another"}
    assert grants_of([{**other, "outcome": "denied", "event_id": "refused"}]) == {"mail": "g2"}
    # Another tenant has the client, and the end may be its.
    assert grants_of([other]) == {"mail": None}


@pytest.mark.parametrize("seed", range(8))
def test_each_row_belongs_to_the_grant_that_was_held_then(bench, parties, seed):
    laid = parties(seed)
    bench.lay(laid)
    rows = bench.answers("issued")
    told = {row["event_id"]: row["grant_id"] for row in rows}
    assert len(told) == len(rows)
    expected = {row["event_id"]: (row["grant_id"], world) for world in laid for row in issued(world)}
    assert set(told) == set(expected)
    for name, (grant, world) in expected.items():
        assert told[name] == grant, (name, world)
