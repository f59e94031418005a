"""What a file shows does not depend on the order of its records: the first of them tell how they are spelled, and no more.

Each log is written with what shows that it is there far behind the first records, then the other way round, and cut in two.
"""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from tests.loaders import (
    test_gcp_audit,
    test_github,
    test_gitlab,
    test_google_workspace,
    test_keycloak,
    test_microsoft_entra,
    test_microsoft_hunting,
    test_salesforce,
    test_siem,
)

START = datetime(2026, 7, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def at(minute):
    return START + timedelta(minutes=minute)


def stretch(log, first, last, *, whole=True):
    """Return the coverage from an event to another, told by their minutes."""
    return log, at(first), at(last) + MICROSECOND, "whole" if whole else "in part"


def github():
    """Clones with a token, and a key that is made; then calls, which come last, in the middle of that time."""
    moments = [round(at(minute).timestamp() * 1000) for minute in range(100)]
    clones = [
        test_github.event("git.clone", number=n, at=moments[n], hashed_token=test_github.HASH) for n in range(0, 99, 2)
    ]
    made = test_github.token_event("personal_access_token.create", number=99, at=moments[99])
    calls = [test_github.request(number=n, at=moments[n]) for n in range(41, 60, 2)]
    return [*clones, made, *calls], [
        stretch("issuance", 0, 99),
        stretch("usage", 41, 59),
        stretch("usage", 0, 98, whole=False),
        stretch("revocation", 0, 99),
    ]


def google_workspace():
    """What admins did, longer than the log of tokens that stands behind it; of that, calls in the middle."""

    def of(minute, record):
        record["id"] |= {"time": f"{at(minute):%Y-%m-%dT%H:%M:%S}.000Z", "uniqueQualifier": str(minute)}
        return record

    google = test_google_workspace
    ended = [of(n, google.administer("SUSPEND_USER", USER_EMAIL=f"p{n}@example.com")) for n in range(0, 110, 2)]
    given = [of(n, google.activity(google.authorize(google.MAIL))) for n in range(11, 100, 4)]
    calls = [of(n, google.activity(google.call())) for n in range(41, 60, 4)]
    return [*ended, *given, *calls], [
        stretch("issuance", 11, 99),
        stretch("usage", 41, 57),
        stretch("revocation", 11, 99),
        stretch("revocation", 0, 108, whole=False),
    ]


def gcp_audit():
    """Calls of the log of data access; then those of admin activity, which come last: the first and the last leave a use, and no end."""

    def of(minute, record, log):
        record["logName"] = f"projects/{test_gcp_audit.PROJECT}/logs/cloudaudit.googleapis.com%2F{log}"
        return record | {"insertId": f"i-{minute}", "timestamp": f"{at(minute):%Y-%m-%dT%H:%M:%S}Z"}

    name = f"projects/x/serviceAccounts/{test_gcp_audit.ROBOT}/keys/k"
    data = [of(n, test_gcp_audit.entry("storage.objects.get"), "data_access") for n in range(0, 110, 2)]
    admin = [of(n, test_gcp_audit.entry("storage.buckets.update"), "activity") for n in (41, 61)]
    ended = [of(51, test_gcp_audit.iam("DeleteServiceAccountKey", name), "activity")]
    return [*data, *admin, *ended], [
        stretch("usage", 0, 108, whole=False),
        stretch("revocation", 41, 61),
    ]


def gitlab():
    """Calls, which are logged apart, and audit events in the middle of them."""

    def moment(minute):
        return f"{at(minute):%Y-%m-%dT%H:%M:%S}.000Z"

    calls = [test_gitlab.call(id=str(n), time=moment(n), duration_s=0) for n in range(0, 110, 2)]
    made = [test_gitlab.PAT | {"id": f"made {n}", "created_at": moment(n)} for n in (41, 51, 61)]
    return [*calls, *made], [
        stretch("issuance", 41, 61),
        stretch("usage", 0, 108, whole=False),
        stretch("revocation", 41, 61),
    ]


def salesforce():
    """Logins, then all calls, then logouts, of events that are files of their own if nobody joins them."""

    def of(minute, kind, **more):
        return test_salesforce.line(kind, seconds=60 * minute, **more) | {"REQUEST_ID": str(minute)}

    start = round((test_salesforce.moment(0, 250) - START).total_seconds() * 1000)
    logins = [of(n, "Login", LOGIN_STATUS="LOGIN_NO_ERROR") for n in range(0, 104, 2)]
    calls = [of(n, "ApiTotalUsage") for n in range(11, 60, 8)]
    other = [of(n, "RestApi", STATUS_CODE="200") for n in (5, 101)]
    ended = [of(n, "Logout", USER_INITIATED_LOGOUT="1") for n in (21, 31)]

    def later(log, first, last, *, whole=True):
        return log, *(at(minute) + timedelta(milliseconds=start) for minute in (first, last)), whole

    return [*logins, *other, *calls, *ended], [
        (log, first, last + MICROSECOND, "whole" if whole else "in part")
        for log, first, last, whole in (
            later("issuance", 0, 102),
            later("usage", 11, 59),
            later("usage", 5, 101, whole=False),
            later("revocation", 21, 31),
        )
    ]


def keycloak():
    """Refusals, which a server logs that is told nothing else, and in the middle what succeeded."""

    def of(minute, type_, **more):
        return test_keycloak.rest(type_, **more) | {"id": f"e-{minute}", "time": round(at(minute).timestamp() * 1000)}

    refused = [of(n, "CODE_TO_TOKEN_ERROR", error="invalid_code") for n in range(0, 110, 2)]
    done = [of(n, "CODE_TO_TOKEN", token_id=f"t-{n}") for n in (41, 51, 61)]
    return [*refused, *done, of(71, "LOGIN")], [
        stretch("issuance", 41, 61),
        stretch("issuance", 0, 108, whole=False),
        stretch("revocation", 41, 61),
    ]


def entra_at(minute, record):
    """Move a record of Entra to a minute, under an id of its own."""
    properties, moment = record["properties"], f"{at(minute):%Y-%m-%dT%H:%M:%S}Z"
    times = ("createdDateTime", "activityDateTime", "timeGenerated")
    properties |= {name: moment for name in times if name in properties}
    return record | {"properties": properties | {("requestId" if "requestId" in properties else "id"): f"e-{minute}"}}


def microsoft_entra():
    """Calls, then in the middle sign-ins, and last changes of the directory: the first and the last of these leave no row."""
    entra = test_microsoft_entra
    calls = [entra_at(n, entra.call(number=n)) for n in range(0, 110, 2)]
    sign_ins = [entra_at(n, entra.sign_in(number=n)) for n in range(31, 90, 4)]
    other = [entra_at(n, entra.change("Update user")) for n in (41, 61)]
    ended = [entra_at(51, entra.delegated("Mail.Read", "", removal=True))]
    return [*calls, *sign_ins, *other, *ended], [
        stretch("issuance", 31, 87),
        stretch("usage", 0, 108),
        stretch("revocation", 41, 61),
    ]


def microsoft_defender():
    """Calls as Entra logs them, here of no tenant, and rows of Defender's tables around them, which show no silence."""
    entra, hunting = test_microsoft_entra, test_microsoft_hunting
    calls = [entra.from_log_analytics(entra_at(n, entra.call(number=n))) for n in range(20, 80)]
    calls = [each | {"AADTenantId": None, "ResourceId": None} for each in calls]

    def of(minute, row):
        del row["Timestamp"]
        return row | {"TimeGenerated": f"{at(minute):%Y-%m-%dT%H:%M:%S}Z", "RequestId": f"r-{minute}"}

    rows = [of(n, hunting.row(number=n)) for n in (0, 100)]
    sign_ins = [of(n, hunting.entered(number=n)) for n in (10, 90)]
    return [*calls, *rows, *sign_ins], [
        stretch("issuance", 10, 90, whole=False),
        stretch("usage", 20, 79),
        stretch("usage", 0, 100, whole=False),
    ]


LOGS = {
    each.__name__: each
    for each in (
        github,
        google_workspace,
        gcp_audit,
        gitlab,
        salesforce,
        keycloak,
        microsoft_entra,
        microsoft_defender,
    )
}


@pytest.mark.parametrize("service", LOGS)
def test_what_a_file_shows_does_not_depend_on_the_order_of_its_records(covered, service):
    records, expected = LOGS[service]()
    shuffled = random.Random(7).sample(records, len(records))
    assert len(records) > 50
    for order in (records, records[::-1], shuffled):
        assert covered(order) == sorted(expected)


@pytest.mark.parametrize("service", LOGS)
def test_two_pieces_of_a_file_show_what_it_shows(covered, service):
    records, expected = LOGS[service]()
    for cut in (1, len(records) // 3, len(records) - 3):
        whole = [each for each in covered(records[:cut], records[cut:]) if each[-1] == "whole"]
        assert whole == sorted(each for each in expected if each[-1] == "whole")


def alert(record):
    return test_siem.ALERT | {"data": {}, "full_log": json.dumps(record)}


def archived(record):
    return {name: value for name, value in alert(record).items() if name != "rule"}


def searched(records):
    """Write one answer of an index."""
    return [{"took": 3, "hits": {"total": {"value": len(records)}, "hits": [{"_source": each} for each in records]}}]


def test_alerts_show_nothing_whatever_stands_behind_the_first_of_them(covered):
    records, _ = microsoft_entra()
    found = covered([*map(alert, records)])
    assert {log for log, *_ in found} == {"issuance", "usage", "revocation"}
    assert {how for *_, how in found} == {"in part"}


@pytest.mark.parametrize("loader", test_siem.RECORDS)
def test_an_archive_shows_what_its_records_show_and_alerts_nothing(covered, loader):
    records = test_siem.RECORDS[loader]
    assert covered([*map(archived, records)]) == covered(records)
    assert {how for *_, how in covered([*map(alert, records)])} == {"in part"}


def test_native_calls_in_an_archive_show_what_they_show_and_in_alerts_nothing(covered):
    called = {"log": "usage", "outcome": "success", "token_id": "t", "client_id": "app"}
    calls = [called | {"used_at": f"{at(n):%Y-%m-%dT%H:%M:%SZ}"} for n in range(3)]
    assert covered([*map(archived, calls)]) == covered(calls) == [stretch("usage", 0, 2)]
    assert covered([*map(alert, calls)]) == [stretch("usage", 0, 2, whole=False)]


@pytest.mark.parametrize("written", [list, searched])
def test_alerts_beside_an_archive_show_nothing_before_and_after_it(covered, written):
    """An index keeps alerts for longer than archives, and a search may find both: of the other days it has no more than the alerts."""
    records = [
        test_github.token_event(
            "personal_access_token.create", number=n, at=round(at(n).timestamp() * 1000), token_id=n
        )
        for n in range(0, 120, 2)
    ]
    kept = [archived(each) if 40 <= 2 * n <= 60 else alert(each) for n, each in enumerate(records)]
    expected = [stretch("issuance", 40, 60), stretch("revocation", 40, 60), stretch("issuance", 0, 118, whole=False)]
    for order in (kept, kept[::-1], [*kept[25:], *kept[:25]]):
        assert covered(written(order)) == sorted(expected)


def test_a_minute_in_which_calls_begin_is_counted_on_both_sides(covered):
    moments = [round((START + timedelta(seconds=second)).timestamp() * 1000) for second in (0, 10, 20, 30)]
    clones = [test_github.event("git.clone", number=n, at=moments[n], hashed_token=test_github.HASH) for n in (0, 2, 3)]
    call = test_github.request(number=1, at=moments[1]), test_github.request(number=4, at=moments[2])
    seconds = {
        (round((first - START).total_seconds()), round((last - START).total_seconds()), how)
        for log, first, last, how in covered([*clones, *call])
        if log == "usage"
    }
    assert seconds == {(10, 20, "whole"), (0, 30, "in part")}
