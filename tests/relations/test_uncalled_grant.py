"""Grants for servers that nobody calls in the usage log: of these its silence says nothing."""

import json

import pytest

import grantlens as gl
from grantlens.register.identities import Identities
from grantlens.rule.example import consent, token, use
from grantlens.store import Store

CALL = use("02 09:00", "GET /v1/messages/7", None, "mail.example", client_id="other", subject_id="bob", grant_id="g9")


@pytest.fixture
def uncalled(tmp_path):
    """Return a function that loads records and gives the grants for what nobody calls."""

    def of(*records, identities=()):
        path = tmp_path / "log.ndjson"
        path.write_text("".join(json.dumps({"event_id": f"e{n}"} | record) + "\n" for n, record in enumerate(records)))
        with Store(":memory:") as store:
            store.load(path)
            assert not store.engine.value("SELECT count(*) FROM rejected")
            if identities:
                store.add(Identities(identities))
            return {grant for (grant,) in store.engine.rows("SELECT grant_id FROM uncalled_grant")}

    return of


@pytest.mark.parametrize(
    ("audience", "is_uncalled"),
    [
        (["https://files.example/"], True),
        (["https://mail.example/v1"], False),
        (["MAIL.EXAMPLE:443"], False),
        (["files.example", "mail.example"], False),
        (["mail.example.org"], True),
        (None, False),
        ([], False),
    ],
)
def test_a_grant_is_uncalled_where_no_server_of_its_audience_is_called(uncalled, audience, is_uncalled):
    assert uncalled(consent("01 08:00", ["mail.read"], audience=audience), CALL) == ({"g1"} if is_uncalled else set())


def test_what_its_tokens_are_for_counts_as_well(uncalled):
    given = consent("01 08:00", ["mail.read"], audience=["a-resource-object"])
    assert uncalled(given, CALL) == {"g1"}
    assert uncalled(given, token("01 08:01", "t1", ["mail.read"], audience=["mail.example"]), CALL) == set()


def test_what_a_grant_in_use_is_for_is_called_whatever_the_log_calls_it(uncalled):
    given = consent("01 08:00", ["mail.read"], audience=["urn:mail"])
    like = {"client_id": "other", "subject_id": "bob"}
    assert uncalled(given, consent("01 08:00", ["mail.read"], "g9", audience=["urn:mail"], **like), CALL) == set()
    # of two it may be the other that is called
    both = consent("01 08:00", ["mail.read"], "g9", audience=["urn:mail", "urn:calendar"], **like)
    assert uncalled(given, both, CALL) == {"g1", "g9"}


def test_where_no_call_names_a_server_nothing_is_known_of_which_are_logged(uncalled):
    given = consent("01 08:00", ["mail.read"], audience=["files.example"])
    assert uncalled(given) == set()
    assert uncalled(given, CALL | {"resource_server": ""}) == set()


def test_two_names_are_one_server_where_the_identities_file_says_so(uncalled):
    names = tuple(
        {"kind": "server", "name": "Mail", "source": "native", "id": id} for id in ("urn:mail", "mail.example")
    )
    given = consent("01 08:00", ["mail.read"], audience=["urn:mail"])
    assert uncalled(given, CALL) == {"g1"}
    assert uncalled(given, CALL, identities=names) == set()


def test_the_list_of_grants_does_not_call_it_unused(tmp_path):
    records = (
        consent("01 08:00", ["mail.read"], audience=["files.example"]),
        consent("01 08:00", ["mail.read"], "g2", client_id="second", audience=["mail.example"]),
        CALL,
        use("19 09:00", "GET /v1/messages/7", None, "mail.example", client_id="other", subject_id="bob", grant_id="g9"),
    )
    path = tmp_path / "log.ndjson"
    path.write_text("".join(json.dumps({"event_id": f"e{n}"} | record) + "\n" for n, record in enumerate(records)))
    with Store(":memory:") as store:
        store.load(path)
        rows = gl.grants(store, until="2026-07-20", now="2026-07-20").to_dicts()
    assert {row["grant_id"]: (row["use"], row["watched"] > 0) for row in rows if row["grant_id"] in ("g1", "g2")} == {
        "g1": ("not observable", False),
        "g2": ("none seen", True),
    }
