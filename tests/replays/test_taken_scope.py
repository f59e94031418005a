"""An admin narrows a grant in Entra, and a token from before is used as if nothing had been taken away.

Graph looks at the scopes that stand in the token, and a token lives for an hour or more: what is taken away works on until it
expires, unless a stated bound says otherwise.
"""

import json
from datetime import UTC, datetime

import pytest

import grantlens as gl
from grantlens.conclusion.conclusion import conclude
from grantlens.conclusion.held import held
from grantlens.rules import find

from .entra import call, delegated, sign_in
from .test_consent_phishing import ANNA, OFFICE, ROOMS, SECOPS

BOTH = "Mail.Read Mail.Send"
CATALOGUE = """
[catalogue]
name = "mail"

[[operation]]
method = "GET"
path = "/v1.0/me/messages"
server = "graph.microsoft.com"
requires = [["Mail.Read"]]

[[operation]]
method = "POST"
path = "/v1.0/me/sendMail"
server = "graph.microsoft.com"
requires = [["Mail.Send"]]
"""
SERVER = """
[[server]]
resource_server = "graph.microsoft.com"
validation = "push"
bound_seconds = {}
"""


def at(hour, minute=0):
    return datetime(2026, 3, 9, hour, minute, tzinfo=UTC)


def narrowed(when, before, after):
    """Write that a grant is updated to fewer scopes: as added and as removed, each with both sides."""
    halves = [delegated(when, ROOMS, ANNA, SECOPS, after, removed) for removed in (False, True)]
    for half in halves:
        (scope, *_) = half["properties"]["targetResources"][0]["modifiedProperties"]
        assert scope["displayName"] == "DelegatedPermissionGrant.Scope"
        scope |= {"oldValue": json.dumps(f" {before}"), "newValue": json.dumps(f" {after}")}
    return halves


@pytest.fixture
def asked(replay, tmp_path):
    """Return a function that writes what follows a narrowing at noon and asks both rules, with a bound of the server if one is stated."""

    def ask(*, again=(), bound=0):
        old, fresh = (
            sign_in(at(11, 40), ROOMS, OFFICE, ANNA, BOTH),
            sign_in(at(12, 30), ROOMS, OFFICE, ANNA, "Mail.Read"),
        )
        audits = [delegated(at(9), ROOMS, ANNA, ANNA, BOTH), *narrowed(at(12), BOTH, "Mail.Read"), *again]
        calls = [
            call(at(*clock), token, OFFICE, *what)
            for token, clock, what in (
                (old, (11, 41), ("POST", "/v1.0/me/sendMail")),
                (old, (12, 10), ("POST", "/v1.0/me/sendMail")),
                (old, (12, 20), ("GET", "/v1.0/me/messages")),
                (old, (12, 25), ("POST", "/v1.0/me/sendMail")),
                (fresh, (12, 31), ("GET", "/v1.0/me/messages")),
                (fresh, (12, 32), ("POST", "/v1.0/me/sendMail", 403)),
            )
        ]
        store = replay(audit_ndjson=audits, signins_ndjson=[old, fresh], calls_ndjson=calls)
        (tmp_path / "catalogue.toml").write_text(CATALOGUE)
        store.add(gl.Catalogue.build("toml", tmp_path / "catalogue.toml"))
        if bound is not None:
            (tmp_path / "servers.toml").write_text(SERVER.format(bound))
            store.add(gl.Servers.read(tmp_path / "servers.toml"))
        found = [row for part in gl.detect.run(store, ["OOS-1", "REV-11"]) for row in part.to_dicts()]
        return store, found

    return ask


@pytest.mark.parametrize(
    ("bound", "verdict", "severity", "explained"),
    [
        (0, "violation", "critical", None),
        (900, "violation", "critical", None),
        (3600, "violation", "medium", "propagation"),
        (None, "indeterminate", "high", None),
    ],
)
def test_a_token_from_before_sends_after_the_grant_was_narrowed(asked, bound, verdict, severity, explained):
    store, (found,) = asked(bound=bound)
    assert (found["rule"], found["verdict"], found["severity"], found["explained_by"]) == (
        "REV-11",
        verdict,
        severity,
        explained,
    )
    assert (found["client_id"], found["subject_id"], found["scopes"]) == (ROOMS[0], ANNA[0], ["Mail.Send"])
    assert (found["join_key"], found["events"]) == ("token", 3)
    assert (found["detail"]["uses_after"], found["detail"]["last_success_s"]) == (2, 25 * 60)
    (source,) = held(store)
    assert conclude(find("REV-11"), source.source).level == ("bounds" if bound is None else "verdict")
    said = gl.Case(store, client=ROOMS[0]).answers()["Which rules did it break?"]
    assert ("REV-11:" in said) == (verdict == "violation")
    assert "OOS-1:" not in said


def test_a_scope_that_is_given_again_is_used_by_right(asked):
    _, found = asked(again=narrowed(at(12, 5), "Mail.Read", BOTH))
    assert found == []
