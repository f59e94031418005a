"""The tables that the consoles of Entra and Okta save say the same as the API, as far as they go."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import grantlens as gl
from grantlens.loaders.console import as_event
from tests.loaders.damage import assert_all_accounted_for
from tests.loaders.test_microsoft_entra import (
    CLIENT,
    CLIENT_SP,
    GRAPH,
    USER,
    change,
    consent,
    delegated,
    from_graph_api,
    keys,
    sign_in,
)
from tests.loaders.test_microsoft_entra import key as secret
from tests.loaders.test_microsoft_entra import target as directory_object
from tests.loaders.test_okta import EVERY_KIND, event, person, token

# As the console of Entra writes them: two blanks at the end, two columns of one name.
SIGN_INS = [
    "Date (UTC)",
    "Request ID",
    "User agent",
    "Correlation ID",
    "User ID",
    "User",
    "Username",
    "User type",
    "Cross tenant access type",
    "Incoming token type",
    "Authentication Protocol",
    "Unique token identifier",
    "Original transfer method",
    "Client credential type",
    "Application",
    "Application ID ",
    "App owner tenant ID",
    "Resource",
    "Resource ID ",
    "Resource tenant ID",
    "IP address",
    "Location",
    "Status",
    "Sign-in error code",
    "Failure reason",
    "Client app",
    "Session ID",
    "Token issuer type",
    "Incoming token type",
    "Token issuer name",
]
SERVICES = [
    "Date (UTC)",
    "Request ID",
    "Correlation ID",
    "Service principal ID",
    "Service principal name",
    "Credential key ID",
    "Credential thumbprint",
    "Application",
    "Application ID ",
    "App owner tenant ID",
    "Resource",
    "Resource ID ",
    "Resource tenant ID",
    "IP address",
    "Location",
    "Status",
    "Sign-in error code",
    "Failure reason",
    "Conditional Access",
]
APART = {"batch_id", "line_no", "event_id"}


def table(columns, rows):
    """Write rows as CSV; a column may be named twice."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows([[row.get(column.strip(), "") for column in columns] for row in rows])
    return "\ufeff" + text.getvalue()


def shown(record, **cells):
    """Show a sign-in as the console does."""
    code = str(record["status"]["errorCode"])
    return {
        "Date (UTC)": record["createdDateTime"].partition(".")[0],
        "Request ID": record["id"],
        "User agent": record["userAgent"],
        "User ID": record.get("userId", ""),
        "Username": record.get("userPrincipalName", ""),
        "User": "Ada Byron",
        "Incoming token type": record["incomingTokenType"],
        "Authentication Protocol": record["authenticationProtocol"],
        "Unique token identifier": record["uniqueTokenIdentifier"],
        "Application": record["appDisplayName"],
        "Application ID": record["appId"],
        "Resource": record["resourceDisplayName"],
        "Resource ID": record["resourceId"],
        "IP address": record["ipAddress"],
        "Status": "Success" if code == "0" else "Failure",
        "Sign-in error code": code,
        **cells,
    }


def rows_of(found, log, *unsaid):
    return [
        {name: None if name in unsaid else value for name, value in row.items() if name not in APART}
        for row in found.rows[log]
    ]


def test_two_columns_of_one_name_are_told_apart_and_no_format_of_ours_takes_the_second(tmp_path):
    path = tmp_path / "native.csv"
    path.write_text(
        "log,issued_at,event_id,kind,outcome,client_id,client_id\nissuance,2026-07-01T10:00:00Z,e1,token,success,a,b\n"
    )
    with gl.open(":memory:") as store:
        ((_, message, _),) = store.load(path).failed
    assert "unknown column 'client_id (2)'" in message


def test_of_two_columns_of_one_name_the_first_counts(load):
    row = shown(from_graph_api(sign_in()), **{"Incoming token type": "refreshToken"})
    text = table(SIGN_INS, [row])
    cut = text.rindex('"refreshToken"')
    found = load(text[:cut] + '"none"' + text[cut + len('"refreshToken"') :])
    assert found.one("issuance")["kind"] == "refresh"


@pytest.mark.parametrize("code", [0, 65001, 50140])
def test_a_sign_in_says_what_the_api_says_but_for_its_scopes(load, code):
    records = [
        from_graph_api(sign_in(number=number, status={"errorCode": code}, createdDateTime="2026-07-01T10:00:00Z"))
        for number in (1, 2)
    ]
    told, seen = load(records), load(table(SIGN_INS, [shown(record) for record in records]))
    assert seen.batch["loader"] == "microsoft_entra"
    assert seen.counts() == told.counts() == {"records": 2, "issuance": 2}
    assert [row["event_id"] for row in seen.rows["issuance"]] == [record["id"] for record in records]
    # Whether anybody could be asked the table does not say: a code that asks somebody for consent goes on.
    unsaid = {"scopes"} | ({"outcome", "denial_reason"} if code == 65001 else set())
    assert rows_of(seen, "issuance", *unsaid) == rows_of(told, "issuance", *unsaid)


def test_words_of_the_page_are_those_of_the_api(load):
    record = from_graph_api(sign_in())
    found = load(
        table(
            SIGN_INS,
            [
                shown(
                    record, **{"Incoming token type": "Primary refresh token", "Authentication Protocol": "Device code"}
                ),
                shown(
                    record, **{"Request ID": "r2", "Incoming token type": "None", "Authentication Protocol": "OAuth2"}
                ),
            ],
        )
    )
    assert [(row["kind"], row["grant_type"]) for row in found.rows["issuance"]] == [
        ("refresh", "deviceCode"),
        ("token", "oAuth2"),
    ]


def test_a_success_needs_no_code_and_any_other_end_without_one_is_not_guessed(load):
    record = from_graph_api(sign_in())
    cells = [("Success", ""), ("Success", "None"), ("Failure", ""), ("Interrupted", "")]
    found = load(
        table(
            SIGN_INS,
            [
                shown(record, **{"Request ID": f"r{number}", "Status": status, "Sign-in error code": code})
                for number, (status, code) in enumerate(cells)
            ],
        )
    )
    assert [row["outcome"] for row in found.rows["issuance"]] == ["success", "success"]
    assert [row["line_no"] for row in found.rejected] == [4, 5]


def test_a_service_signs_in_with_its_credential(load):
    row = {
        "Date (UTC)": "2026-07-01T10:00:00Z",
        "Request ID": "r1",
        "Service principal ID": CLIENT_SP,
        "Service principal name": "Mail copilot",
        "Credential key ID": "k1",
        "Application": "Mail copilot",
        "Application ID": CLIENT,
        "Resource": "Microsoft Graph",
        "Resource ID": GRAPH,
        "Status": "Success",
        "Sign-in error code": "0",
    }
    issued = load(table(SERVICES, [row])).one("issuance")
    assert (issued["client_id"], issued["subject_id"], issued["subject_kind"], issued["parent_token_id"]) == (
        CLIENT,
        None,
        "service",
        "k1",
    )
    assert issued["audience"] == ["graph.microsoft.com"]


def changed(record, quotes=True):
    """Show a change as the console does: five properties of each target."""
    row = {
        "Date (UTC)": record["activityDateTime"],
        "CorrelationId": "c1",
        "Service": "Core Directory",
        "Category": "ApplicationManagement",
        "Activity": record["activityDisplayName"],
        "Result": record["result"],
        "ResultReason": record["resultReason"],
        "ActorType": "User",
        "ActorObjectId": record["initiatedBy"]["user"]["id"],
        "ActorUserPrincipalName": record["initiatedBy"]["user"]["userPrincipalName"],
        "IPAddress": record["initiatedBy"]["user"]["ipAddress"],
    }
    for number, target in enumerate(record["targetResources"], 1):
        row |= {
            f"Target{number}Type": target["type"],
            f"Target{number}DisplayName": target["displayName"] or "",
            f"Target{number}ObjectId": target["id"],
        }
        for nth, each in enumerate(target["modifiedProperties"][:5], 1):
            for column, value in (("Name", "displayName"), ("OldValue", "oldValue"), ("NewValue", "newValue")):
                text = each[value] or ""
                row[f"Target{number}ModifiedProperty{nth}{column}"] = text if quotes else text.strip('"')
    return row


CHANGES = {
    "a consent for everyone": consent([], [(None, "Mail.Read Mail.Send")], admin="True"),
    "a consent of one person": consent([], [(USER, "Mail.Read")]),
    "a grant": delegated(None, "Mail.Read"),
    "a removal": delegated("Mail.Read", None, removal=True),
    "a secret": keys([], [secret("k1")]),
    "a client that is switched off": change(
        "Update service principal", directory_object(CLIENT_SP, "Mail copilot", AccountEnabled=("[true]", "[false]"))
    ),
    "a person that is gone": change("Disable account", directory_object(USER, "Ada Byron", type="User")),
}
AUDIT = [
    "Date (UTC)", "CorrelationId", "Service", "Category", "Activity", "Result", "ResultReason", "User Agent",
    "ActorType", "ActorDisplayName", "ActorObjectId", "ActorUserPrincipalName", "IPAddress", "ActorServicePrincipalId",
    "ActorServicePrincipalName",
    *(
        f"Target{number}{name}"
        for number in (1, 2, 3)
        for name in ["Type", "DisplayName", "ObjectId", "UserPrincipalName"]
        + [f"ModifiedProperty{nth}{part}" for nth in range(1, 6) for part in ("Name", "OldValue", "NewValue")]
    ),
]  # fmt: skip


@pytest.mark.parametrize("quotes", [True, False])
@pytest.mark.parametrize("what", CHANGES)
def test_a_change_says_what_the_api_says_but_for_an_id(load, what, quotes):
    record = from_graph_api(CHANGES[what])
    told, seen = load([record]), load(table(AUDIT, [changed(record, quotes)]))
    assert seen.batch["loader"] == "microsoft_entra"
    assert seen.counts() == told.counts()
    for log in ("issuance", "revocation"):
        assert rows_of(seen, log) == rows_of(told, log)


def test_two_changes_of_one_moment_are_two(load):
    rows = [changed(from_graph_api(CHANGES[what])) for what in ("a grant", "a secret")]
    found = load(table(AUDIT, [*rows, rows[0]]))
    assert found.counts() == {"records": 3, "issuance": 2, "duplicates": 1}


def test_an_application_that_acts_is_no_person(load):
    row = changed(from_graph_api(CHANGES["a secret"]))
    row |= {
        "ActorType": "Application",
        "ActorObjectId": "",
        "ActorUserPrincipalName": "",
        "ActorServicePrincipalId": "sp9",
    }
    assert load(table(AUDIT, [row])).one("issuance")["consent_actor"] == "sp9"


def exported(record):
    """Write an event of Okta as its console saves it: what is one value, and of lists the targets."""
    row = {"timestamp": record["published"]}

    def put(path, value):
        if isinstance(value, dict):
            for name, inner in value.items():
                put(f"{path}.{snake(name)}" if path else snake(name), inner)
        elif value is not None and not isinstance(value, list):
            row[path] = value

    put("", {name: value for name, value in record.items() if name not in ("published", "target", "debugContext")})
    uri = record.get("debugContext", {}).get("debugData", {}).get("requestUri")
    row |= {"debug_context.debug_data.request_uri": uri or ""}
    for number, target in enumerate(record.get("target") or []):
        for name in ("id", "type", "alternateId", "displayName"):
            row[f"target{number}.{snake(name)}"] = target.get(name) or ""
    return row


def snake(name):
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def test_okta_events_say_what_the_api_says_but_for_details(load):
    records = [record for record in EVERY_KIND if "requestApiTokenId" not in str(record)]
    rows = [exported(record) for record in records]
    told, seen = load(records), load(table(sorted({name for row in rows for name in row}), rows))
    assert seen.batch["loader"] == "okta"
    assert seen.counts() == told.counts()
    assert seen.ignored == told.ignored
    for log in ("issuance", "revocation"):
        # Details of a target are left out: the client of a consent, and how long a token lives.
        unsaid = {"client_id", "expires_at"}
        assert rows_of(seen, log, *unsaid) == rows_of(told, log, *unsaid)
        assert [row["event_id"] for row in seen.rows[log]] == [row["event_id"] for row in told.rows[log]]


def test_an_okta_token_and_its_revocation_join(load):
    records = [
        event("app.oauth2.as.token.grant.access_token", person(), token(), uuid="e1"),
        event("app.oauth2.as.token.revoke", token(), uuid="e2"),
    ]
    rows = [exported(record) for record in records]
    found = load(table(sorted({name for row in rows for name in row}), rows))
    assert found.one("issuance")["token_id"] == found.one("revocation")["token_id"] == "AT.one"


@pytest.mark.parametrize(
    "row",
    [shown(from_graph_api(sign_in())), changed(from_graph_api(CHANGES["a grant"])), exported(EVERY_KIND[1])],
    ids=["sign-ins", "changes", "System Log"],
)
def test_nothing_is_concluded_from_what_the_filter_of_a_page_left_out(tmp_path, row):
    path = tmp_path / "page.csv"
    path.write_text(table(list(row), [row]))
    with gl.open(":memory:") as store:
        (batch,) = store.load(path)
        assert batch["issuance"] == 1
        assert {stretch["in_part"] for stretch in store.coverage()} == {True}


def test_what_no_console_wrote_stays_as_it_is():
    for record in ({"Date (UTC)": "x", "Cost": "3"}, {"event_type": "a"}, {"action": "team.create"}):
        assert as_event(record) is record


CELLS = st.sampled_from(
    ["", "x", "0", "None", "2026-07-01T10:00:00Z", '"', "[]", "{", "\x00", "'; DROP TABLE issuance"]
)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_damaged_tables_are_accounted_for(load, data):
    base, loader = data.draw(
        st.sampled_from(
            [
                (shown(from_graph_api(sign_in())), "microsoft_entra"),
                (changed(from_graph_api(CHANGES["a grant"])), "microsoft_entra"),
                (exported(EVERY_KIND[1]), "okta"),
            ]
        )
    )
    cells = data.draw(st.dictionaries(st.sampled_from(sorted(base)), CELLS, max_size=4))
    hostile = {
        name: data.draw(CELLS)
        for name in data.draw(
            st.lists(
                st.sampled_from(["target99.id", "target.id.x", "actor", "Target1ModifiedProperty999Name"]), max_size=2
            )
        )
    }
    assert_all_accounted_for(load, [base, base, base, base | cells | hostile], loader)
