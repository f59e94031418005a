"""The refresh tokens of a chat integration are stolen from its maker: cases are exported from Salesforce, mail is read at Google.

The innocent side is the integration's own daily work, and people who log in and out. What an investigator must learn: look-around,
counts, one bulk export and the deletion of its job, from two addresses that the integration never had; the vendor and the platform
ended all tokens at once on 20 August, which the log shows as logouts and nothing else; later requests for tokens were refused.
"""

import hashlib
from datetime import UTC, datetime

import pytest

import grantlens as gl

PROBE, EXPORT, HOME, OFFICE = "44.215.108.109", "208.68.36.90", "3.94.6.10", "203.0.113.9"
INTEGRATION, PERSON, ADMIN = "0055j00000INTEG", "0055j00000SALES", "0055j00000ADMIN"
CEO, REP, BOSS = (f"{name}@victim.example" for name in ("ceo", "rep", "boss"))
MAILER = "110671459871-chatmail.apps.googleusercontent.com"
API, FETCHER = "/services/data/v61.0/", "Salesforce-Multi-Org-Fetcher/1.0"
OWN, FIRST, SECOND = (
    ("own-session", "own-login"),
    ("stolen-session-1", "stolen-login-1"),
    ("stolen-session-2", "stolen-login-2"),
)


def at(day, hour=0, minute=0, second=0):
    return datetime(2025, 8, day, hour, minute, second, tzinfo=UTC)


def logged(kind, when, **more):
    """Write a row of an event log file."""
    stamp = when.strftime("%Y%m%d%H%M%S.000")
    request = hashlib.md5(repr((kind, when, more)).encode()).hexdigest()[:22]
    return {
        "EVENT_TYPE": kind,
        "TIMESTAMP": stamp,
        "REQUEST_ID": request,
        "ORGANIZATION_ID": "00D5j000000VICT",
        "USER_ID": INTEGRATION,
    } | more


def login(when, ip, agent, session, status="Success"):
    """Write a login event of the stream, which names the app."""
    stamp = when.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "EventIdentifier": f"{stamp} {ip}", "EventDate": stamp, "CreatedDate": stamp, "LoginType": "Remote Access 2.0", "Application": "Chat",
        "SessionKey": session[0], "LoginKey": session[1], "Status": status, "SourceIp": ip, "UserId": INTEGRATION, "Browser": agent,
        "Username": "integration@victim.example", "SessionLevel": "STANDARD", "PolicyOutcome": "",
    }  # fmt: skip


def total(when, ip, path, entity="", status=200, method="GET"):
    """Write a call as ApiTotalUsage shows it: with the app's name and without its session."""
    return logged(
        "ApiTotalUsage", when, API_RESOURCE=API + path, HTTP_METHOD=method, STATUS_CODE=str(status), ENTITY_NAME=entity,
        CONNECTED_APP_NAME="Chat", CLIENT_IP=ip,
    )  # fmt: skip


def bulk(when, operation, path):
    """Write a step of the bulk export: with its session and without the app."""
    return logged(
        "BulkApi2", when, URI=API + path, SESSION_KEY=SECOND[0], LOGIN_KEY=SECOND[1], JOB_ID="7505jEXPORT", OPERATION_TYPE=operation,
        ENTITY_TYPE="Case", SUCCESS="1", CLIENT_IP=EXPORT,
    )  # fmt: skip


def logout(when, session, user=INTEGRATION, asked="0", kind="2514"):
    return logged(
        "Logout",
        when,
        USER_ID=user,
        SESSION_KEY=session[0],
        LOGIN_KEY=session[1],
        USER_INITIATED_LOGOUT=asked,
        APP_TYPE=kind,
    )


def google(when, application, name, actor, ip, *given):
    """Write an activity of the Reports API; given are its parameters, (name, kind of value, value) each."""
    parameters = [{"name": key, kind: value} for key, kind, value in given]
    identity = {
        "time": when.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "uniqueQualifier": "-7",
        "applicationName": application,
    }
    events = [{"type": "auth", "name": name, "parameters": parameters}]
    return {"id": identity | {"customerId": "C03victim"}, "actor": {"email": actor}, "ipAddress": ip, "events": events}


def of_mailer(when, name, person, ip, *given):
    return google(
        when, "token", name, person, ip, ("client_id", "value", MAILER), ("app_name", "value", "Chat Mail"), *given
    )


def mailed(when, person, ip, method):
    given = ("api_name", "value", "gmail"), ("method_name", "value", f"gmail.users.messages.{method}")
    return of_mailer(when, "activity", person, ip, *given, ("num_response_bytes", "intValue", "52000"))


@pytest.fixture
def store(replay):
    streamed, calls, logouts, mail = [login(at(1, 5), HOME, "Chat/1.0", OWN)], [], [], []
    for day in range(1, 21):
        calls += [total(at(day, 6 + n), HOME, "query", "Lead") for n in range(8)]
        logouts.append(logout(at(day, 17), (f"ui-{day}", f"ui-login-{day}"), PERSON, asked="1", kind="1000"))
    calls.append(total(at(9, 11, 51, 13), PROBE, "sobjects/nothing", status=404))
    streamed.append(login(at(12, 22, 14, 8), PROBE, FETCHER, FIRST))
    looked = ((12, 22, 14, "sobjects", ""), (13, 19, 33, "sobjects/Case/describe", "Case"), (14, 0, 17, "query", "Account"),
              (14, 0, 18, "query", "Contact"), (14, 11, 9, "limits", ""), (16, 19, 28, "query", "Case"))  # fmt: skip
    calls += [total(at(day, hour, minute, 12), PROBE, path, entity) for day, hour, minute, path, entity in looked]
    streamed.append(login(at(17, 11, 11, 23), EXPORT, "Python/3.11 aiohttp/3.12.15", SECOND))
    steps = (("query", at(17, 11, 11, 56), "jobs/query"), ("query", at(17, 11, 15, 18), "jobs/query/7505jEXPORT/results"),
             ("delete", at(17, 11, 15, 42), "jobs/query/7505jEXPORT"))  # fmt: skip
    bulks = [bulk(when, operation, path) for operation, when, path in steps]
    # 20 August: vendor and platform end all tokens; one logout stands for several sessions and names none.
    logouts += [logout(at(20, 17, 0, 3), OWN), logout(at(20, 17, 0, 3), SECOND), logout(at(20, 17, 0, 4), FIRST)]
    logouts.append(logout(at(20, 17, 0, 5), ("", ""), user=""))
    streamed += [
        login(at(21, 5), HOME, "Chat/1.0", ("", ""), "Failed: expired"),
        login(at(21, 6), EXPORT, "Python", ("", ""), "Failed: expired"),
    ]
    removed = {
        "Action": "deleteConnectedApplication", "CreatedById": ADMIN, "CreatedDate": "2025-08-23T14:00:00.000+0000", "Id": "0Ym000000000001AAA",
        "Display": "Deleted Connected App Chat", "Section": "Connected Apps", "attributes": {"type": "SetupAuditTrail"},
    }  # fmt: skip
    scopes = ("scope", "multiValue", ["https://www.googleapis.com/auth/gmail.modify"])
    for person in (CEO, REP):
        mail.append(of_mailer(at(1, 9), "authorize", person, OFFICE, scopes))
        mail += [mailed(at(day, 10), person, HOME, "send") for day in range(1, 20)]
    mail += [mailed(at(9, 3, n), CEO, PROBE, "get") for n in range(12)]
    ends = [
        google(
            at(20, 17, 30),
            "admin",
            "REVOKE_3LO_TOKEN",
            BOSS,
            OFFICE,
            ("APP_ID", "value", MAILER),
            ("USER_EMAIL", "value", person),
        )
        for person in (CEO, REP)
    ]
    return replay(
        loginevent_ndjson=streamed, total_csv=calls, bulk_csv=bulks, logout_csv=logouts, setup_ndjson=[removed], token_ndjson=mail, admin_ndjson=ends,
    )  # fmt: skip


def test_the_case_shows_what_was_looked_at_and_exported_from_where(store):
    answers = gl.Case(store, client="Chat").answers()
    assert answers["From where?"].startswith(
        f"From 3 addresses, in order of appearance: {HOME} (160 calls, first 2025-08-01 06:00:00 UTC); {PROBE} (7 calls, first 2025-08-09 11:51:13 UTC); "
        f"{EXPORT} (3 calls, first 2025-08-17 11:11:56 UTC)."
    )
    touched = answers["What data was touched, and how much?"]
    assert "delete at salesforce (1 call, 1 object); " in touched
    assert "The log does not say how much was returned." in touched


def test_the_end_is_known_by_logouts_and_by_refused_requests_and_never_claimed(store):
    answers = gl.Case(store, client="Chat").answers()
    assert (
        "session stolen-login-2 by somebody the log does not name (Logout: revoked or timed out)"
        in answers["When was it revoked, and by whom?"]
    )
    effect = answers["Was it effective?"]
    assert "yes, " not in effect
    assert (
        "2025-08-20 17:00:03 UTC: session stolen-login-2: not demonstrated: no call with it afterwards is in the logs held"
        in effect
    )
    assert (
        "2 requests for a token were refused after the first revocation, the first at 2025-08-21 05:00:00 UTC."
        in effect
    )
    assert (
        "calls are known to no catalogue: what could be touched is unknown"
        in answers["What cannot be known from these logs?"]
    )


def test_at_google_the_whole_grant_ended_and_whose_token_read_the_mail_is_unknown(store):
    case = gl.Case(store, client=MAILER)
    answers = case.answers()
    assert f"{PROBE} (12 calls, first 2025-08-09 03:00:00 UTC)" in answers["From where?"]
    assert answers["Was it effective?"].count("not demonstrated: no call with it afterwards is in the logs held") == 2
    assert (
        "50 calls name neither token nor grant: which token it was is unknown"
        in answers["What cannot be known from these logs?"]
    )
    assert not [finding for finding in case.facts["broken"] if finding["verdict"] == "violation"]
