"""Storm-2372, 2025: people type a code that came with an invitation to a meeting, and somebody else is signed in as them.

The client is one that everybody uses, and signs in to by the browser. The innocent side is a command line that is always signed in to by code.
"""

from datetime import UTC, datetime

import pytest

import grantlens as gl

from .entra import guid, sign_in, uti

TEAMS = ("1fec8e78-bce4-4aaf-ab1b-5451cc387264", "88888888-bbbb-4000-8000-000000000008", "Microsoft Teams")
CLI = ("04b07795-8ddb-461a-bbee-02f9e1bf7b46", "99999999-bbbb-4000-8000-000000000009", "Microsoft Azure CLI")
PEOPLE = [(f"e{n}e{n}e{n}e{n}-0000-4000-8000-00000000000e", f"person{n}@contoso.example") for n in range(1, 5)]
OFFICE, ABROAD = "203.0.113.10", "45.9.20.11"


def at(day, hour=9, minute=0):
    return datetime(2026, 2, day, hour, minute, tzinfo=UTC)


def signed_in(when, app, person, protocol, ip=OFFICE, code=0):
    """Write an interactive sign-in, as the log has it since it names the protocol."""
    record = sign_in(when, app, ip, person, "Mail.Read Chat.Read", code=code)
    record["category"] = "SignInLogs"
    name = guid(when, app, person)
    record["properties"] |= {
        "id": name, "uniqueTokenIdentifier": uti(name), "incomingTokenType": "none", "isInteractive": True, "authenticationProtocol": protocol,
    }  # fmt: skip
    return record


@pytest.fixture
def log():
    """Return three weeks of sign-ins, in the last of which three people are phished, and one of them is refused."""
    records = [
        signed_in(at(day, 8, n), TEAMS, person, ("oAuth2", "none")[n % 2])
        for day in range(1, 26)
        for n, person in enumerate(PEOPLE)
    ]
    records += [signed_in(at(day, 10), CLI, PEOPLE[3], "deviceCode") for day in range(1, 26)]
    records.append(signed_in(at(18, 14), TEAMS, PEOPLE[0], "deviceCode", ABROAD, code=53003))
    records += [signed_in(at(20, 14, n), TEAMS, person, "deviceCode", ABROAD) for n, person in enumerate(PEOPLE[1:3])]
    return records


def found(store):
    return [finding for part in gl.detect.run(store, ["GOV-3"]) for finding in part.to_dicts()]


def test_the_first_token_by_device_code_is_told_and_the_habit_is_not(replay, log):
    (finding,) = found(replay(signins_ndjson=log))
    assert finding["title"] == "Microsoft Teams got 2 tokens by device code, and never had before"
    assert (finding["verdict"], finding["severity"], finding["client_id"]) == ("violation", "high", TEAMS[0])
    assert (finding["detail"]["people"], finding["first_seen"]) == (2, "2026-02-20T14:00:00Z")
    assert finding["detail"]["other_grant_types"] == ["none", "oAuth2"]
    assert len(finding["evidence"]) == 2


def test_an_export_that_leaves_the_protocol_out_says_nothing_of_what_came_before(replay, log):
    for record in log[:40]:
        del record["properties"]["authenticationProtocol"]
    (finding,) = found(replay(signins_ndjson=log))
    assert (finding["verdict"], finding["client_id"]) == ("indeterminate", TEAMS[0])
    assert finding["detail"]["reason"] == "the log does not say how the client had got its earlier tokens"


def test_an_export_of_the_last_week_does_not_either(replay, log):
    recent = [record for record in log if record["time"] >= "2026-02-15"]
    said = {(finding["verdict"], finding["detail"]["reason"]) for finding in found(replay(signins_ndjson=recent))}
    assert said == {("indeterminate", "the issuance log does not cover enough of the time before it")}
