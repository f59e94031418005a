"""A worm of 2017, by its own name an office suite: who lets it in sends it on to all contacts, and it lives for an hour.

Written as Google Workspace and Entra would have logged it. The innocent side is a booking tool that the office announced: eight people let it in
on one morning, after an administrator had in Entra, and by the register's word at Google.
"""

from datetime import UTC, datetime, timedelta

import pytest

import grantlens as gl
from grantlens.register.register import Register
from grantlens.schema.register import REGISTER

from .entra import GRAPH, consented, delegated, guid, role, sign_in
from .test_consent_phishing import ROOMS, SECOPS

DOCS, BOOKING = "187610006161-worm.apps.googleusercontent.com", "187610006161-rooms.apps.googleusercontent.com"
MAIL, CONTACTS = "https://mail.google.com/", "https://www.googleapis.com/auth/contacts"
CALENDAR = "https://www.googleapis.com/auth/calendar"
WORM = ("66666666-aaaa-4000-8000-000000000006", "66666666-bbbb-4000-8000-000000000006", "Docs")
PEOPLE = [f"person{number}@contoso.example" for number in range(1, 9)]


def at(day, hour=9, minute=0, second=0):
    return datetime(2026, 5, day, hour, minute, second, tzinfo=UTC)


def google(when, who, name, client, app, *scopes, **more):
    """Write one event of the token log as the Reports API gives it."""
    values = {"client_id": client, "app_name": app, "client_type": "WEB", **more}
    parameters = [{"name": key, "value": value} for key, value in values.items()]
    if scopes:
        parameters.append({"name": "scope", "multiValue": list(scopes)})
    number = str(int(guid(when, who, name)[:8], 16))
    return {
        "kind": "admin#reports#activity", "actor": {"email": who, "profileId": str(10**20 + PEOPLE.index(who))}, "ipAddress": "203.0.113.10",
        "id": {"time": f"{when:%Y-%m-%dT%H:%M:%S}.100Z", "uniqueQualifier": number, "applicationName": "token", "customerId": "C0contoso"},
        "events": [{"type": "auth", "name": name, "parameters": parameters}],
    }  # fmt: skip


def person(address):
    number = PEOPLE.index(address) + 1
    return f"d{number}d{number}d{number}d{number}-0000-4000-8000-00000000000d", address


@pytest.fixture
def at_google(replay):
    reads = {
        "api_name": "calendar",
        "method_name": "calendar.events.list",
        "num_response_bytes": "900",
        "product_bucket": "CALENDAR",
    }
    log = [google(at(1), PEOPLE[0], "authorize", "1-old.apps.googleusercontent.com", "Old Calendar", CALENDAR)]
    log += [
        google(at(day, 10), PEOPLE[0], "activity", "1-old.apps.googleusercontent.com", "Old Calendar", **reads)
        for day in range(1, 28)
    ]
    log += [
        google(at(18, 9, 3 * n), who, "authorize", BOOKING, "Room Booking", CALENDAR) for n, who in enumerate(PEOPLE)
    ]
    for n, who in enumerate(PEOPLE[:7]):
        let_in = at(21, 18, 20 + 5 * n)
        log.append(google(let_in, who, "authorize", DOCS, "Google Docs", MAIL, CONTACTS))
        sends = {
            "api_name": "gmail",
            "method_name": "gmail.users.messages.send",
            "num_response_bytes": "300",
            "product_bucket": "GMAIL",
        }
        log.append(google(let_in + timedelta(seconds=40), who, "activity", DOCS, "Google Docs", **sends))
    log += [google(at(21, 19, 30, n), who, "revoke", DOCS, "Google Docs") for n, who in enumerate(PEOPLE[:7])]
    return replay(token_ndjson=log)


def bursts(store):
    return {finding["client_id"]: finding for part in gl.detect.run(store, ["GOV-2"]) for finding in part.to_dicts()}


def test_a_worm_and_an_announced_tool_at_google(at_google):
    row = {"client_id": BOOKING, "owner": "office@contoso.example", "purpose": "Book rooms"}
    at_google.add(Register((dict.fromkeys(REGISTER.names) | row,)))
    found = bursts(at_google)
    assert found.keys() == {DOCS, BOOKING}
    assert found[DOCS]["title"] == "Google Docs, a new client, was let in by 7 people within 30 minutes"
    assert (found[DOCS]["verdict"], found[DOCS]["severity"], found[DOCS]["events"]) == ("violation", "high", 7)
    assert found[DOCS]["scopes"] == [MAIL, CONTACTS]
    assert (found[BOOKING]["severity"], found[BOOKING]["explained_by"]) == ("medium", "register")


def test_the_log_of_one_day_does_not_show_that_it_is_new(replay):
    log = [google(at(21, 18, n), who, "authorize", DOCS, "Google Docs", MAIL) for n, who in enumerate(PEOPLE)]
    (finding,) = bursts(replay(token_ndjson=log)).values()
    assert finding["verdict"] == "indeterminate"
    assert finding["title"] == "Google Docs, which may be new, was let in by 8 people within 7 minutes"
    assert (
        finding["detail"]["reason"]
        == "the issuance log does not cover the time before the first trace of the client, which may be older"
    )


def test_a_worm_and_an_announced_tool_in_entra(replay):
    """Entra writes each consent twice, and calls the client now by its object, now by its application."""
    audits = [role(at(18, 8), ROOMS, GRAPH, "Calendars.Read", SECOPS)]
    for app, day, people in ((ROOMS, 18, PEOPLE), (WORM, 21, PEOPLE[:5])):
        for n, who in enumerate(people):
            when = at(day, 18, 4 * n)
            audits += [
                delegated(when, app, person(who), person(who), "Mail.ReadWrite"),
                consented(when + timedelta(milliseconds=80), app, person(who), "Mail.ReadWrite"),
            ]
    used = ("77777777-aaaa-4000-8000-000000000007", "77777777-bbbb-4000-8000-000000000007", "Notes")
    sign_ins = [sign_in(at(day, 7), used, "203.0.113.10", person(PEOPLE[0]), "Notes.Read") for day in range(1, 28)]
    (finding,) = bursts(replay(audit_ndjson=audits, signins_ndjson=sign_ins)).values()
    assert (finding["client_id"], finding["verdict"]) == (WORM[0], "violation")
    assert (finding["detail"]["people"], finding["events"]) == (5, 10)
    assert finding["title"] == "Docs, a new client, was let in by 5 people within 17 minutes"
