"""The Entra loader against every real record, against a second reading in plain Python, and quirk by quirk."""

import base64
import copy
import json
import uuid
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings

import grantlens as gl
from grantlens.loaders.microsoft_change import NOBODY
from grantlens.loaders.microsoft_entra import LOADER
from grantlens.store import Store
from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

TENANT = "9f000000-0000-4000-8000-00000000000a"
CLIENT, CLIENT_SP = "9f000000-0000-4000-8000-0000000000c1", "9f000000-0000-4000-8000-0000000000c2"
USER, ADMIN = "9f000000-0000-4000-8000-0000000000b1", "9f000000-0000-4000-8000-0000000000b2"
GRAPH, GRAPH_SP = "00000003-0000-0000-c000-000000000000", "9f000000-0000-4000-8000-0000000000d2"

HOSTS = {GRAPH: "graph.microsoft.com", "00000002-0000-0000-c000-000000000000": "graph.windows.net"}

NOTHING = "directory change that neither gives nor takes access"
EXPECTED = {
    "elastic-aadgraph-activity.ndjson": ({"records": 5, "usage": 5}, {}),
    "elastic-audit-sample.ndjson": ({"records": 3, "issuance": 1, "ignored": 2}, {NOTHING: 2}),
    "elastic-graph-activity.ndjson": ({"records": 4, "usage": 4}, {}),
    "elastic-signin-managed-identity-sample.ndjson": ({"records": 22, "issuance": 22}, {}),
    "elastic-signin-non-interactive-user-sample.ndjson": ({"records": 10, "issuance": 10}, {}),
    "elastic-signin-non-interactive-user.ndjson": ({"records": 1, "issuance": 1}, {}),
    "elastic-signin-service-principal-signinlogs-sample.ndjson": ({"records": 5, "issuance": 5}, {}),
    "elastic-signin-service-principal.ndjson": ({"records": 1, "issuance": 1}, {}),
    "elastic-signin-signinlogs-sample.ndjson": ({"records": 2, "issuance": 2}, {}),
    # one credential was exported twice, once for each property that changed
    "otrf-loganalytics-auditlogs.ndjson": ({"records": 4, "issuance": 2, "ignored": 1, "duplicates": 1}, {NOTHING: 1}),
    "tenzir-graphapi-directory-audits.ndjson": ({"records": 2, "ignored": 2}, {NOTHING: 2}),
}
SIGN_INS = [name for name in EXPECTED if "signin" in name]
CALLS = ["elastic-graph-activity.ndjson", "elastic-aadgraph-activity.ndjson"]


# Records of our own, in the shape of diagnostic settings.


def wrapped(category, properties, **more):
    """Put a record into the envelope of diagnostic settings."""
    return {
        "time": "2026-07-01T10:00:00.1234567Z",
        "resourceId": f"/tenants/{TENANT}/providers/Microsoft.aadiam",
        "operationName": properties.get("activityDisplayName", "an operation"),
        "category": category,
        "tenantId": TENANT,
        "properties": properties,
        **more,
    }


def sign_in(category="NonInteractiveUserSignInLogs", *, number=1, scope_info='["Mail.Read"]', **changes):
    """Write a sign-in; a change of None leaves the name out."""
    guid = str(uuid.UUID(int=number, version=4))
    properties = {
        "id": guid,
        "createdDateTime": "2026-07-01T10:00:00.1234567+00:00",
        "userId": USER,
        "userPrincipalName": "ada@example.com",
        "appId": CLIENT,
        "appDisplayName": "Mail copilot",
        "ipAddress": "198.51.100.7",
        "userAgent": "agent/1.0",
        "status": {"errorCode": 0},
        "resourceId": GRAPH,
        "resourceDisplayName": "Microsoft Graph",
        "uniqueTokenIdentifier": base64.b64encode(guid.encode()).decode(),
        "incomingTokenType": "none",
        "authenticationProtocol": "none",
        "authenticationProcessingDetails": [{"key": "Oauth Scope Info", "value": scope_info}],
        "isInteractive": False,
        **changes,
    }
    return wrapped(category, {name: value for name, value in properties.items() if value is not None})


def call(*, number=1, **changes):
    """Write a call of Microsoft Graph."""
    return wrapped(
        "MicrosoftGraphActivityLogs",
        {
            "timeGenerated": "2026-07-01T10:05:00.7654321Z",
            "requestId": str(uuid.UUID(int=10_000 + number, version=4)),
            "appId": CLIENT,
            "userId": USER,
            "servicePrincipalId": None,
            "signInActivityId": uti(number),
            "scopes": "Mail.Read User.Read",
            "roles": None,
            "requestMethod": "GET",
            "requestUri": "https://graph.microsoft.com/v1.0/me/messages?$top=5",
            "responseStatusCode": 200,
            "responseSizeBytes": 64,
            "ipAddress": "198.51.100.7",
            "userAgent": "agent/1.0",
            "tenantId": TENANT,
            **changes,
        },
    )


def change(activity, *targets, number=1, result="success", by_user=ADMIN, details=(), **more):
    """Write a directory audit record."""
    return wrapped(
        "AuditLogs",
        {
            "id": f"Directory_{number}",
            "activityDateTime": "2026-07-01T09:00:00.1234567+00:00",
            "activityDisplayName": activity,
            "result": result,
            "resultReason": "",
            "initiatedBy": {
                "user": {"id": by_user, "userPrincipalName": "admin@example.com", "ipAddress": "203.0.113.9"}
            },
            "targetResources": list(targets),
            "additionalDetails": [{"key": key, "value": value} for key, value in details],
            **more,
        },
    )


def target(id, name=None, type="ServicePrincipal", **properties):
    """Write a target; properties are name=(old, new), with `__` for the dot in their names."""
    changed = [
        {"displayName": key.replace("__", "."), "oldValue": quoted(old), "newValue": quoted(new)}
        for key, (old, new) in properties.items()
    ]
    return {"id": id, "displayName": name, "type": type, "modifiedProperties": changed}


def quoted(text):
    """Write a value as Entra does: JSON inside a text."""
    return None if text is None else text if text.startswith("[") else json.dumps(text)


def delegated(before, after, *, consent="AllPrincipals", principal=None, removal=False, app=CLIENT, **more):
    """Write the grant of delegated permissions, or its removal."""
    side = (lambda value: (value, None)) if removal else (lambda value: (None, value))
    properties = {
        "DelegatedPermissionGrant__Scope": (before, after),
        "DelegatedPermissionGrant__ConsentType": side(consent),
        "ServicePrincipal__ObjectID": side(CLIENT_SP),
        "ServicePrincipal__AppId": side(app),
        "TargetId__ServicePrincipalNames": (None, f"{GRAPH}/ags.windows.net;{GRAPH};https://graph.microsoft.com"),
    }
    if principal:
        properties["DelegatedPermissionGrant__PrincipalId"] = side(principal)
    activity = f"{'Remove' if removal else 'Add'} delegated permission grant"
    return change(
        activity, target(GRAPH_SP, "Microsoft Graph", **properties), target(CLIENT_SP, "Mail copilot"), **more
    )


def consent(before, after, *, admin="False", names=CLIENT, principal=CLIENT_SP, **more):
    """Write a consent; before and after are lists of (person or None for everyone, scopes), or their text."""
    properties = {"ConsentContext__IsAdminConsent": (None, admin), "TargetId__ServicePrincipalNames": (None, names)}
    if after is not None:
        properties["ConsentAction__Permissions"] = (None, f"{entries(before)} => {entries(after)}; ")
    # the text begins with a bracket but is no JSON: Entra quotes it all the same
    written = target(principal, "Mail copilot", **properties)
    return change("Consent to application", written, **more)


def entries(grants):
    return "[" + ", ".join(entry(*grant) for grant in grants) + "]"


def entry(person, scope, client=CLIENT_SP):
    kind = "Principal" if person else "AllPrincipals"
    return (
        f"[Id: grantid, ClientId: {client}, PrincipalId: {person or ''}, ResourceId: {GRAPH_SP}, "
        f"ConsentType: {kind}, Scope: {scope}, CreatedDateTime: , LastModifiedDateTime ]"
    )


def key(id, name="a secret"):
    """Write one key of a key list."""
    return f"[KeyIdentifier={id},KeyType=Password,KeyUsage=Verify,DisplayName={name}]"


def keys(before, after, activity="Add service principal credentials", **more):
    """Write a change of a key list."""
    return change(
        activity, target(CLIENT_SP, "Mail copilot", KeyDescription=(json.dumps(before), json.dumps(after))), **more
    )


def uti(number):
    """Return the token id of the sign-in of that number, as the token itself carries it."""
    return base64.urlsafe_b64encode(uuid.UUID(int=number, version=4).bytes_le).decode().rstrip("=")


def grant_id(person):
    return f"entra:{CLIENT_SP}:{GRAPH_SP}:{person}"


def from_graph_api(record):
    """Write the record as the Graph API gives it: bare."""
    return record["properties"]


def from_log_analytics(record):
    """Write the record as Log Analytics exports it: PascalCase, nested JSON as text, the workspace as TenantId."""
    row = {
        name[0].upper() + name[1:]: json.dumps(value) if isinstance(value, dict | list) else value
        for name, value in record["properties"].items()
    }
    if "ResourceId" in row:
        row["ResourceIdentity"] = row.pop("ResourceId")
    row["IPAddress"] = row.pop("IpAddress", None)
    row.pop("TenantId", None)
    return row | {
        "TenantId": "a workspace",
        "AADTenantId": TENANT,
        "TimeGenerated": record["properties"].get("timeGenerated", record["time"]),
        "OperationName": record["operationName"],
        "Category": record["category"] if record["category"] != "AuditLogs" else "ApplicationManagement",
        "ResourceId": record["resourceId"],
        "Type": "a table",
    }


def each(load, log, cases, shape=lambda record: record):
    """Load one record for each case, all in one file, and return a function that gives one column by case."""
    loaded = load([shape(numbered(record, number)) for number, record in enumerate(cases.values())])
    rows = {row["event_id"]: row for row in loaded.rows[log]}
    assert loaded.counts() == {"records": len(cases), log: len(cases)}, loaded.rejected
    return lambda column: {case: rows[f"event {number}"][column] for number, case in enumerate(cases)}


def numbered(record, number):
    record = copy.deepcopy(record)
    name = "requestId" if "requestId" in record["properties"] else "id"
    record["properties"][name] = f"event {number}"
    return record


# Every real record.


@pytest.fixture(scope="module")
def real(shared, load_file):
    """Return a function that gives what came of one real file, loaded once."""
    return cache(lambda name: load_file(shared / "real-logs/microsoft_entra" / name))


@pytest.fixture(scope="module")
def real_records(shared):
    """Return a function that reads one real file with json alone."""

    def read(name):
        text = (shared / "real-logs/microsoft_entra" / name).read_text()
        return [json.loads(line) for line in text.splitlines()]

    return read


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_record_is_accounted_for(real, name):
    counts, ignored = EXPECTED[name]
    loaded = real(name)
    assert loaded.batch["loader"] == "microsoft_entra"
    assert loaded.counts() == counts
    assert loaded.ignored == ignored


def test_every_real_file_is_expected_here(shared):
    assert {path.name for path in (shared / "real-logs/microsoft_entra").iterdir()} - {"PROVENANCE.txt"} == set(
        EXPECTED
    )


@pytest.mark.parametrize("name", SIGN_INS)
def test_real_sign_ins_read_twice(real, real_records, name):
    for number, (row, record) in enumerate(zip(real(name).rows["issuance"], real_records(name), strict=True), 1):
        properties = record["properties"]
        details = {detail["key"]: detail["value"] for detail in properties.get("authenticationProcessingDetails", [])}
        scope_info = details.get("Oauth Scope Info")
        person = properties.get("userId")
        assert row["line_no"] == number
        assert row["event_id"] == properties["id"]
        assert row["issued_at"] == moment(properties["createdDateTime"])
        assert row["outcome"] == {0: "success", 50140: "error"}.get(properties["status"]["errorCode"], "denied")
        assert row["client_id"] == properties["appId"]
        assert row["client_name"] == properties.get("appDisplayName", properties.get("servicePrincipalName"))
        assert (row["subject_id"], row["subject_kind"]) == ((person, "user") if person else (None, "service"))
        assert row["parent_token_id"] == properties.get("servicePrincipalCredentialKeyId")
        assert row["audience"] == [HOSTS.get(properties["resourceId"], properties["resourceId"])]
        assert row["scopes"] == (json.loads(scope_info) if scope_info else None)
        assert row["ip"] == (properties["ipAddress"] or None)
        assert row["tenant"] == record["tenantId"]
        assert row["grant_id"].startswith("derived:")


def test_real_token_ids_are_the_sign_ins_themselves(real, real_records):
    met = 0
    for name in SIGN_INS:
        for row, record in zip(real(name).rows["issuance"], real_records(name), strict=True):
            if "uniqueTokenIdentifier" in record["properties"]:
                packed = base64.urlsafe_b64decode(row["token_id"] + "==")
                assert str(uuid.UUID(bytes_le=packed)) == record["properties"]["id"]
                met += 1
            else:
                assert row["token_id"] is None
    assert met == 39


@pytest.mark.parametrize("name", CALLS)
def test_real_calls_read_twice(real, real_records, name):
    for row, record in zip(real(name).rows["usage"], real_records(name), strict=True):
        properties = record["properties"]
        status = properties.get("responseStatusCode", properties.get("httpStatusCode"))
        token = properties["signInActivityId"].rstrip("=")
        permissions = (properties["scopes"] or properties["roles"] or "").replace(",", " ").split()
        address = properties["requestUri"].split("?")[0]
        host, path = address[8:].split("/", 1) if "://" in address else ("graph.windows.net", address[1:])
        size = properties["responseSizeBytes"]
        assert row["event_id"] == properties["requestId"]
        assert row["used_at"] == moment(properties["timeGenerated"])
        assert row["status"] == status
        assert row["outcome"] == ("success" if status // 100 == 2 else "denied" if status in (401, 403) else "error")
        assert row["token_id"] == (token if token.strip("A") else None)
        assert row["client_id"] == properties["appId"]
        assert row["subject_id"] == (properties["userId"] or None)
        assert row["session_id"] == (properties.get("sessionId") or None)
        assert row["token_scopes"] == (permissions or None)
        assert row["method"] == properties.get("requestMethod", properties.get("httpMethod"))
        assert (row["resource_server"], row["target"]) == (host, "/" + path)
        assert row["operation"] is None
        assert row["response_bytes"] == (size if size >= 0 else None)
        assert row["tenant"] == properties["tenantId"]


def test_real_key_list_names_the_key_that_is_new(real, real_records):
    (changed,) = real_records("elastic-audit-sample.ndjson")[0]["properties"]["targetResources"][0][
        "modifiedProperties"
    ][:1]
    before, after = ({key.split(",")[0] for key in json.loads(changed[side])} for side in ("oldValue", "newValue"))
    row = real("elastic-audit-sample.ndjson").one("issuance")
    assert {f"[KeyIdentifier={row['token_id']}"} == after - before
    assert {f"[KeyIdentifier={key}" for key in row["earlier_keys"]} == before
    assert (row["kind"], row["token_kind"]) == ("credential", "api_key")
    # Who made the key: the managed identity that renews its own.
    assert row["consent_actor"] == "b9814691-9ca1-4e55-a1ac-8ef5dd010ec0"


def test_real_grant_in_log_analytics_shape(real):
    row = real("otrf-loganalytics-auditlogs.ndjson").rows["issuance"][-1]
    assert row["scopes"] == ["User.Read", "Mail.ReadWrite"]
    assert row["audience"] == ["graph.microsoft.com"]
    assert (
        row["grant_id"]
        == "entra:0d2f5969-011b-460d-ac74-3291d227d49f:401dd906-ea4f-4d41-b762-7e936d222368:AllPrincipals"
    )
    assert (row["consent_kind"], row["consent_actor"]) == ("admin", "aead923d-498b-4f64-a66c-2af91447a8b6")
    assert (row["subject_id"], row["tenant"]) == (None, "00000000-0000-0000-0000-000000000000")


def moment(text):
    """Read an ISO time, cutting 100 ns to microseconds."""
    stamp, _, fraction = text.replace("+00:00", "").rstrip("Z").partition(".")
    return datetime.fromisoformat(stamp).replace(microsecond=int(fraction[:6].ljust(6, "0") or 0), tzinfo=UTC)


# The three shapes.


@pytest.mark.parametrize(
    "records",
    [
        [sign_in(), sign_in("ServicePrincipalSignInLogs", number=2, userId=None, scope_info="")],
        [
            delegated(None, "Mail.Read"),
            keys([], [key("k1")], number=2),
            delegated("Mail.Read", None, removal=True, number=3),
        ],
        [call(), call(number=2, userId="", scopes="", roles="User.Read.All")],
    ],
    ids=["sign-ins", "audit", "calls"],
)
def test_shapes_say_the_same(load, records):
    enveloped = load(records)
    for shape in (from_graph_api, from_log_analytics):
        bare = load([shape(record) for record in records])
        assert bare.counts() == enveloped.counts()
        # the API does not say which directory it speaks for, and derived grants hold the directory
        unknown = {"caller_id", "target_id"} | ({"tenant", "grant_id"} if shape is from_graph_api else set())
        for log, rows in enveloped.rows.items():
            for row, other in zip(rows, bare.rows[log], strict=True):
                assert {name: other[name] for name in row.keys() - unknown} == {
                    name: row[name] for name in row.keys() - unknown
                }


@pytest.mark.parametrize("name", EXPECTED)
def test_real_records_inside_those_of_a_collector_give_the_same_rows(load, real, real_records, name):
    bare, records = real(name), real_records(name)
    collected = load([{"@timestamp": "x", "event": {"original": json.dumps(record)}} for record in records])
    assert (collected.counts(), collected.ignored) == (bare.counts(), bare.ignored)
    apart = {"batch_id", "caller_id", "target_id", "usage_id"}
    for log, rows in bare.rows.items():
        for row, other in zip(rows, collected.rows[log], strict=True):
            assert {key: other[key] for key in row.keys() - apart} == {key: row[key] for key in row.keys() - apart}


@pytest.mark.parametrize("wrapper", ["value", "records"])
def test_pages_are_unwrapped(load, wrapper):
    records = [sign_in(number=number) for number in (1, 2)]
    inner = [record["properties"] for record in records] if wrapper == "value" else records
    assert load(json.dumps({"@odata.context": "x", wrapper: inner})).counts() == {"records": 2, "issuance": 2}


def test_calls_of_both_graphs_in_log_analytics_spelling(load):
    """AADTenantId in one table, AadTenantId in the other."""
    row = from_log_analytics(call())
    row["AadTenantId"] = row.pop("AADTenantId")
    assert load([row]).one("usage")["tenant"] == TENANT


@pytest.mark.parametrize("category", ["ServicePrincipalSignInLogs", "ManagedIdentitySignInLogs"])
def test_tables_of_log_analytics_that_tell_only_when_the_event_was(load, category):
    """Those of services have neither CreatedDateTime nor Status, nor the name of the app."""
    gone = dict.fromkeys(("createdDateTime", "status", "appDisplayName", "userId", "userPrincipalName"))
    record = sign_in(category, servicePrincipalName="nightly", **gone) | {"time": "2026-07-01T10:00:02.5Z"}
    rows = [from_log_analytics(record) | {"ResultType": code, "Id": code} for code in ("0", "7000222")]
    good, refused = load(rows).rows["issuance"]
    assert good["issued_at"] == datetime(2026, 7, 1, 10, 0, 2, 500000, tzinfo=UTC)
    assert (good["client_id"], good["client_name"], good["subject_kind"]) == (CLIENT, "nightly", "service")
    assert [row["outcome"] for row in (good, refused)] == ["success", "denied"]


def test_a_sign_in_at_federation_services_is_one(load):
    row = load([sign_in("ADFSSignInLogs", resourceId="https://files.example.com")]).one("issuance")
    assert (row["client_id"], row["subject_id"], row["subject_kind"]) == (CLIENT, USER, "user")
    assert row["audience"] == ["https://files.example.com"]


def test_a_file_that_begins_with_calls_may_hold_anything(load):
    calls = [call(number=number) for number in range(80)]
    rest = [sign_in(), delegated(None, "Mail.Read", number=2), delegated("Mail.Read", None, removal=True, number=3)]
    odd = [wrapped("ProvisioningLogs", {"id": "x"}), {"properties": {}, "tenantId": TENANT}]
    loaded = load(calls + rest + odd)
    assert loaded.counts() == {"records": 85, "usage": 80, "issuance": 2, "revocation": 1, "ignored": 1, "rejected": 1}
    assert loaded.ignored == {"another diagnostic category": 1}
    (refused,) = loaded.rejected
    assert (refused["line_no"], refused["reason"]) == (85, "neither sign-in, audit nor Graph activity")


@pytest.mark.parametrize(
    ("records", "carries"),
    [
        ([call()], ("usage",)),
        ([sign_in()], ("issuance",)),
        ([change("Add user")], ("issuance", "revocation")),
        ([call(), change("Add user")], ("issuance", "usage", "revocation")),
        ([wrapped("ProvisioningLogs", {})], ("issuance", "usage", "revocation")),
    ],
)
def test_carries_what_the_records_belong_to(records, carries):
    assert LOADER.fitted(records).carries == carries


# Token ids.


GUID = "9f00aa11-22bb-43cc-8dd4-55ee66ff7788"
PACKED = base64.urlsafe_b64encode(uuid.UUID(GUID).bytes_le).decode().rstrip("=")


FORMS = {
    PACKED: PACKED,
    PACKED + "==": PACKED,
    base64.b64encode(uuid.UUID(GUID).bytes_le).decode(): PACKED,
    GUID: PACKED,
    GUID.upper(): PACKED,
    base64.b64encode(GUID.encode()).decode(): PACKED,
    "A" * 22: None,
    "A" * 22 + "==": None,
    str(uuid.UUID(int=0)): None,
    base64.b64encode(str(uuid.UUID(int=0)).encode()).decode(): None,
    "": None,
    None: None,
    "sign-in_ActivityId": "sign-in_ActivityId",
    "x" * 36: "x" * 36,
    "!" * 48: "!" * 48,
    "Z" * 48: "Z" * 48,
}


def test_token_ids_take_one_form(load):
    assert each(load, "usage", {form: call(signInActivityId=form) for form in FORMS})("token_id") == FORMS
    assert each(load, "issuance", {form: sign_in(uniqueTokenIdentifier=form) for form in FORMS})("token_id") == FORMS


def test_a_call_repeats_when_its_token_was_issued(load):
    at = datetime(2026, 7, 1, 9, 55, tzinfo=UTC)
    told = {
        "Graph": (call(tokenIssuedAt="2026-07-01T09:55:00Z"), at),
        "Azure AD Graph": (call(issuedAt="7/1/2026 9:55:00 AM"), at),
        "none": (call(tokenIssuedAt=""), None),
        "nonsense": (call(tokenIssuedAt="soon"), None),
        "left out": (call(), None),
    }
    got = each(load, "usage", {name: record for name, (record, _) in told.items()})("token_issued_at")
    assert got == {name: expected for name, (_, expected) in told.items()}


def test_a_sign_in_and_its_calls_meet(load):
    loaded = load(
        [call(number=n % 3) | {"n": n} for n in (0,)] + [sign_in(number=n) for n in range(3)] + [call(number=7)]
    )
    issued = {row["token_id"] for row in loaded.rows["issuance"]}
    assert [row["token_id"] in issued for row in loaded.rows["usage"]] == [True, False]


def test_a_credential_and_its_sign_ins_meet(load):
    made = keys([], [key("9f00000c-0000-4000-8000-000000000001")])
    used = sign_in("ServicePrincipalSignInLogs", servicePrincipalCredentialKeyId="9f00000c-0000-4000-8000-000000000001")
    credential, token = load([made, used]).rows["issuance"]
    assert credential["token_id"] == token["parent_token_id"]


# Sign-ins.


def test_scopes_of_a_sign_in_tell_none_from_unknown(load):
    cases = {
        "several": sign_in(scope_info='["Mail.Read","User.Read"]'),
        "none": sign_in(scope_info="[]"),
        "empty text": sign_in(scope_info=""),
        "no JSON": sign_in(scope_info="Mail.Read"),
        "missing": sign_in(authenticationProcessingDetails=[{"key": "Is CAE Token", "value": "False"}]),
        "no details": sign_in(authenticationProcessingDetails=None),
    }
    assert each(load, "issuance", cases)("scopes") == {
        "several": ["Mail.Read", "User.Read"],
        "none": [],
        "empty text": None,
        "no JSON": None,
        "missing": None,
        "no details": None,
    }


def test_outcome_of_a_sign_in(load):
    cases = {
        "fine": sign_in(),
        "expired secret": sign_in(status={"errorCode": 7000222}),
        "asked to stay": sign_in(status={"errorCode": 50140}),
        "code not yet entered": sign_in(status={"errorCode": 70016}),
        "only in the envelope": sign_in(status=None) | {"resultType": "50126"},
        "a word in the envelope": sign_in(status=None) | {"resultType": "Success"},
        "a float": sign_in(status={"errorCode": 0.0}),
        "a float in the envelope": sign_in(status=None) | {"resultType": "0.0"},
        "code not yet entered, as a float": sign_in(status={"errorCode": 70016.0}),
    }
    assert each(load, "issuance", cases)("outcome") == {
        "fine": "success",
        "expired secret": "denied",
        "asked to stay": "error",
        "code not yet entered": "error",
        "only in the envelope": "denied",
        "a word in the envelope": "success",
        "a float": "success",
        "a float in the envelope": "success",
        "code not yet entered, as a float": "error",
    }


def test_a_person_who_is_asked_something_is_not_refused(load):
    status = {"errorCode": 65001}
    cases = {
        "consent asked": sign_in("SignInLogs", status=status, isInteractive=True),
        "device asked": sign_in("SignInLogs", status={"errorCode": 50097}, isInteractive=True),
        "not said whether anybody is there": sign_in("SignInLogs", status=status, isInteractive=None),
        "nobody there": sign_in("SignInLogs", status=status),
        "nobody there, by the category": sign_in(status=status, isInteractive=None),
        "a service": sign_in("MicrosoftServicePrincipalSignInLogs", status=status, userId=None, isInteractive=None),
        "wrong password": sign_in("SignInLogs", status={"errorCode": 50126}, isInteractive=True),
    }
    column = each(load, "issuance", cases)
    assert column("outcome") == {
        "consent asked": "error",
        "device asked": "error",
        "not said whether anybody is there": "error",
        "nobody there": "denied",
        "nobody there, by the category": "denied",
        "a service": "denied",
        "wrong password": "denied",
    }
    assert {case: reason for case, reason in column("denial_reason").items() if reason} == {
        "nobody there": "consent",
        "nobody there, by the category": "consent",
        "a service": "consent",
        "wrong password": "subject",
    }


def test_why_a_sign_in_gave_no_token(load):
    reasons = {
        54005: "reuse",
        700082: "expired",
        50173: "revoked",
        70000: "token",
        7000222: "client",
        50126: "subject",
        70011: "scope",
        65001: "consent",
        53003: "policy",
        50196: "rate",
        50011: "other",
        50140: None,
        70016: None,
        0: None,
    }
    cases = {code: sign_in(status={"errorCode": code}) for code in reasons}
    assert each(load, "issuance", cases)("denial_reason") == reasons


def test_kind_of_a_sign_in(load):
    cases = {
        "nothing": sign_in(),
        "missing": sign_in(incomingTokenType=None),
        "refresh": sign_in(incomingTokenType="refreshToken"),
        "several": sign_in(incomingTokenType="primaryRefreshToken,saml20"),
        "saml": sign_in(incomingTokenType="saml11"),
    }
    read = each(load, "issuance", cases)("kind")
    assert read == {"nothing": "token", "missing": "token", "refresh": "refresh", "several": "refresh", "saml": "token"}


def test_a_protocol_of_none_is_not_unknown(load):
    rows = load(
        [sign_in(number=n, authenticationProtocol=word) for n, word in enumerate(("none", "deviceCode", "", None), 1)]
    ).rows["issuance"]
    assert [row["grant_type"] for row in rows] == ["none", "deviceCode", None, None]


def test_the_token_that_a_device_gets_for_its_code_is_told_by_how_its_session_began(load):
    cases = {
        "for the code": {},
        "protocol left out": {"authenticationProtocol": None},
        "token type left out": {"incomingTokenType": None},
        "refreshed": {"incomingTokenType": "refreshToken"},
        "in the same session": {"isInteractive": True},
        "another protocol": {"authenticationProtocol": "saml20"},
        "moved from another device": {"originalTransferMethod": "authenticationTransfer"},
    }
    read = each(
        load,
        "issuance",
        {name: sign_in(**{"originalTransferMethod": "deviceCodeFlow", **more}) for name, more in cases.items()},
    )
    assert read("grant_type") == {
        "for the code": "deviceCode",
        "protocol left out": "deviceCode",
        "token type left out": "deviceCode",
        "refreshed": "none",
        "in the same session": "none",
        "another protocol": "saml20",
        "moved from another device": "none",
    }


def test_who_signs_in(load):
    nobody = "00000000-0000-0000-0000-000000000000"
    cases = {
        "person": sign_in(),
        "service": sign_in("ServicePrincipalSignInLogs", userId=None),
        "managed identity": sign_in("ManagedIdentitySignInLogs", userId="", ipAddress=""),
        "agent": sign_in("ServicePrincipalSignInLogs", userId=None, agent={"agentType": "agenticAppInstance"}),
        "no agent": sign_in("ServicePrincipalSignInLogs", userId=None, agent={"agentType": "notAgentic"}),
        "unknown person": sign_in("SignInLogs", userId=nobody),
        "agent for a person": sign_in(agent={"agentType": "agenticAppInstance", "agentSubjectType": "notAgentic"}),
        "agent, subject left out": sign_in(agent=json.dumps({"agentType": "agenticApp"})),
        "agent's own account": sign_in(agent={"agentType": "agenticAppInstance", "agentSubjectType": "agentIDuser"}),
        "its own account, by an older name": sign_in(agent={"agentType": "agentIDuser", "agentSubjectType": ""}),
        "not told": sign_in(agent={"agentType": "", "agentSubjectType": None}),
    }
    column = each(load, "issuance", cases)
    for_person, own_account = (
        ("agent for a person", "agent, subject left out"),
        ("agent's own account", "its own account, by an older name"),
    )
    assert column("actor_chain") == {case: [CLIENT] if case in for_person else None for case in cases}
    assert column("subject_kind") == {
        "person": "user",
        "service": "service",
        "managed identity": "service",
        "agent": "agent",
        "no agent": "service",
        "unknown person": "user",
        "not told": "user",
        **dict.fromkeys(for_person, "user"),
        **dict.fromkeys(own_account, "agent"),
    }
    subjects = column("subject_id")
    assert {case for case, subject in subjects.items() if subject} == {"person", "not told", *for_person, *own_account}
    assert column("ip")["managed identity"] is None


def test_the_two_graphs_are_called_by_their_hosts(load):
    cases = {
        "graph": sign_in(),
        "aad graph": sign_in(resourceId="00000002-0000-0000-c000-000000000000"),
        "other": sign_in(resourceId=CLIENT),
        "empty": sign_in(resourceId=""),
    }
    assert each(load, "issuance", cases)("audience") == {
        "graph": ["graph.microsoft.com"],
        "aad graph": ["graph.windows.net"],
        "other": [CLIENT],
        "empty": None,
    }


# Calls.


def test_permissions_of_a_call(load):
    cases = {
        "delegated": call(),
        "app-only": call(scopes=None, userId=None, roles="Mail.Read.All User.Read.All"),
        "app-only, empty text": call(scopes="", userId="", roles="Mail.Read.All"),
        "stray comma": call(scopes="", roles=" Group.Read.All,"),
        "comma between": call(scopes="", roles=" Group.Read.All, User.Read.All,"),
        "two blanks": call(scopes="Mail.Read  User.Read"),
        "nothing": call(scopes=None, roles=None),
        "empty": call(scopes="", roles=""),
        "blank": call(scopes=" ", roles=None),
    }
    assert each(load, "usage", cases)("token_scopes") == {
        "delegated": ["Mail.Read", "User.Read"],
        "app-only": ["Mail.Read.All", "User.Read.All"],
        "app-only, empty text": ["Mail.Read.All"],
        "stray comma": ["Group.Read.All"],
        "comma between": ["Group.Read.All", "User.Read.All"],
        "two blanks": ["Mail.Read", "User.Read"],
        "nothing": None,
        "empty": None,
        "blank": None,
    }


def test_outcome_of_a_call(load):
    cases = {status: call(responseStatusCode=status) for status in (200, 204, 299, 302, 401, 403, 404, 429, 500, 99999)}
    column = each(load, "usage", cases)
    assert column("outcome") == {
        **dict.fromkeys((200, 204, 299), "success"),
        **dict.fromkeys((401, 403, 429), "denied"),
        **dict.fromkeys((302, 404, 500, 99999), "error"),
    }
    reasons = column("denial_reason")
    assert {status: reason for status, reason in reasons.items() if reason} == {401: "token", 403: "other", 429: "rate"}
    assert column("status") == {status: status if status < 32768 else None for status in cases}


def test_target_of_a_call(load):
    base = "https://graph.microsoft.com"
    aad = {"httpMethod": "GET", "httpStatusCode": 200, "requestMethod": None, "responseStatusCode": None}
    cases = {
        "query dropped": call(requestUri=f"{base}/v1.0/users?$select=id&code=secret"),
        "version kept": call(requestUri=f"{base}/beta//users/1/photos/48x48/$value"),
        "batch": call(requestUri=f"{base}/v1.0/$batch", requestMethod="POST"),
        "other cloud": call(requestUri="https://Graph.Microsoft.US/v1.0/me"),
        "aad graph": call(requestUri=f"/v2/{TENANT}/users?api-version=1.6", **aad),
        "no path": call(requestUri=base),
        "missing": call(requestUri=None),
    }
    column = each(load, "usage", cases)
    assert column("target") == {
        "query dropped": "/v1.0/users",
        "version kept": "/beta//users/1/photos/48x48/$value",
        "batch": "/v1.0/$batch",
        "other cloud": "/v1.0/me",
        "aad graph": f"/v2/{TENANT}/users",
        "no path": "",
        "missing": None,
    }
    servers = column("resource_server")
    assert servers["other cloud"] == "graph.microsoft.us"
    assert servers["aad graph"] == "graph.windows.net"
    assert {servers[case] for case in ("query dropped", "batch", "no path", "missing")} == {"graph.microsoft.com"}


def test_session_is_spelled_in_several_ways(load):
    lower, other = call(sessionId="s1"), call(number=2, C_Sid="s2")
    assert load([lower]).one("usage")["session_id"] == "s1"
    assert load([other]).one("usage")["session_id"] == "s2"


def test_a_request_logged_twice_is_one_call(load):
    """As lines 5 and 6 of the real file, of which we hold the first four, share their request id."""
    loaded = load([call(), call(responseStatusCode=404), call(number=2)])
    assert loaded.counts() == {"records": 3, "usage": 2, "duplicates": 1}
    assert [row["status"] for row in loaded.rows["usage"]] == [200, 200]


def test_times(load):
    cases = {
        "100 ns": call(timeGenerated="2026-07-01T10:05:00.7654329Z"),
        "offset": call(timeGenerated="2026-07-01T12:05:00.5+02:00"),
        "no zone": call(timeGenerated="2026-07-01T10:05:00"),
        "US text": call(timeGenerated="7/1/2026 1:50:39 PM"),
        "US text of the portal": call(timeGenerated="7/1/2026, 10:05:00.250 AM"),
    }
    assert each(load, "usage", cases)("used_at") == {
        "100 ns": datetime(2026, 7, 1, 10, 5, 0, 765432, tzinfo=UTC),
        "offset": datetime(2026, 7, 1, 10, 5, 0, 500000, tzinfo=UTC),
        "no zone": datetime(2026, 7, 1, 10, 5, tzinfo=UTC),
        "US text": datetime(2026, 7, 1, 13, 50, 39, tzinfo=UTC),
        "US text of the portal": datetime(2026, 7, 1, 10, 5, 0, 250000, tzinfo=UTC),
    }


def test_a_broken_record_is_named_and_the_rest_loads(load):
    broken = [
        (call(timeGenerated="soon"), "used_at: 'soon' is no time"),
        (call(timeGenerated="25/25/2026 1:50:39 PM"), "used_at: '25/25/2026 1:50:39 PM' is no time"),
        (call(timeGenerated=None), "used_at: missing"),
        (call(timeGenerated="infinity"), "used_at: 'infinity' is no time"),
        (call(responseStatusCode="none"), "outcome: missing"),
        (sign_in(createdDateTime="yesterday"), "issued_at: 'yesterday' is no time"),
        (sign_in(status=None), "outcome: missing"),
        (delegated(None, "Mail.Read", activityDateTime=""), "issued_at: '' is no time"),
        (delegated("Mail.Read", None, removal=True, activityDateTime="x"), "revoked_at: 'x' is no time"),
        (delegated(None, "Mail.Read", result=None), "outcome: missing"),
    ]
    good = [call(number=2), sign_in(number=2), delegated("Mail.Read", None, removal=True, number=2)]
    loaded = load([record for record, _ in broken] + good)
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == dict(
        enumerate((reason for _, reason in broken), 1)
    )
    assert loaded.counts() == {"records": 13, "issuance": 1, "usage": 1, "revocation": 1, "rejected": 10}


# Directory changes.


def test_a_grant_and_its_removal_have_one_name(load):
    everyone, person = {}, {"consent": "Principal", "principal": USER}
    unnamed = {"consent": "Principal"}
    kinds = {"everyone": everyone, "person": person, "unnamed": unnamed}
    scopes = "Mail.Read User.Read"
    given = each(load, "issuance", {kind: delegated(None, scopes, **more) for kind, more in kinds.items()})
    taken = each(
        load, "revocation", {kind: delegated(scopes, None, removal=True, **more) for kind, more in kinds.items()}
    )
    names = {"everyone": grant_id("AllPrincipals"), "person": grant_id(USER), "unnamed": None}
    assert taken("grant_id") == names
    derived = given("grant_id")["unnamed"]
    assert derived.startswith("derived:")
    assert given("grant_id") == {**names, "unnamed": derived}
    # whose it is nobody said: it is not for everyone
    assert given("subject_kind") == {"everyone": "user", "person": "user", "unnamed": None}
    for read in (given, taken):
        assert read("subject_id") == {"everyone": None, "person": USER, "unnamed": None}
        assert set(read("client_id").values()) == {CLIENT}
    assert set(given("kind").values()) == {"consent"}
    assert set(map(tuple, given("scopes").values())) == {("Mail.Read", "User.Read")}
    assert set(taken("kind").values()) == {"revoke"}
    assert set(taken("target_kind").values()) == {"grant"}
    assert set(taken("token_id").values()) == {None}


def test_the_first_consents_to_two_clients_are_two_grants_though_neither_has_an_id_yet(load):
    """A client that came with this very consent has no id in its text, which is then the same for all such clients."""
    other, other_app = "9f000000-0000-4000-8000-0000000000e2", "9f000000-0000-4000-8000-0000000000e1"
    loaded = load(
        [
            consent([], [(USER, "Mail.Read", NOBODY)], by_user=USER, number=1),
            consent([], [(USER, "Files.Read", NOBODY)], by_user=USER, number=2, names=other_app, principal=other),
            delegated("Mail.Read", None, consent="Principal", principal=USER, removal=True, number=3),
        ]
    )
    given = {row["client_id"]: (row["grant_id"], row["scopes"]) for row in loaded.rows["issuance"]}
    assert given == {
        CLIENT: (grant_id(USER), ["Mail.Read"]),
        other_app: (f"entra:{other}:{GRAPH_SP}:{USER}", ["Files.Read"]),
    }
    assert loaded.one("revocation")["grant_id"] == grant_id(USER)


SIGN_IN_SERVICE = {"user": {"id": USER, "displayName": "Azure ESTS Service", "userPrincipalName": "ada@example.com"}}


def as_logged(added, *, by):
    """Write a consent of one person, and another that widens it, as they are logged: four records in milliseconds, and three.

    The addition does not say whose it is, nor names the application, and of what comes in later the consent says nothing.
    """
    person = {"consent": "Principal", "app": None, "initiatedBy": by}
    wider = f"Mail.Read {added}"
    return [
        delegated(None, "Mail.Read", number=1, **person),
        consent([], [(USER, "Mail.Read", NOBODY)], number=2, initiatedBy=by),
        delegated("Mail.Read", wider, number=3, activityDateTime="2026-07-02T09:00:00.10Z", **person),
        delegated(
            "Mail.Read",
            wider,
            number=4,
            removal=True,
            principal=USER,
            activityDateTime="2026-07-02T09:00:00.11Z",
            **person,
        ),
        consent(
            [(USER, "Mail.Read")],
            [(USER, "Mail.Read")],
            number=5,
            initiatedBy=by,
            activityDateTime="2026-07-02T09:00:00.12Z",
        ),
    ]


def test_a_consent_that_the_sign_in_service_writes_is_of_who_signs_in(load):
    loaded = load(as_logged("Mail.Send", by=SIGN_IN_SERVICE))
    rows = {row["event_id"]: (row["grant_id"], row["scopes"], row["consent_kind"]) for row in loaded.rows["issuance"]}
    assert rows == {
        "Directory_1": (grant_id(USER), ["Mail.Read"], "user"),
        "Directory_2": (grant_id(USER), ["Mail.Read"], "user"),
        "Directory_3": (grant_id(USER), ["Mail.Read", "Mail.Send"], "user"),
    }
    assert loaded.rows["revocation"] == []


def test_what_comes_into_a_grant_of_one_person_is_read_off_the_half_that_names_them(load):
    loaded = load(as_logged("Mail.Send", by={"user": {"id": ADMIN, "displayName": None}}))
    rows = {row["event_id"]: (row["grant_id"], row["scopes"]) for row in loaded.rows["issuance"]}
    nobodys = rows["Directory_1"][0]
    assert nobodys.startswith("derived:")  # an admin gives it in another's name
    assert rows == {
        "Directory_1": (nobodys, ["Mail.Read"]),
        "Directory_2": (grant_id(USER), ["Mail.Read"]),
        "Directory_3": (nobodys, ["Mail.Read", "Mail.Send"]),
        "Directory_4": (grant_id(USER), ["Mail.Read", "Mail.Send"]),
    }
    assert loaded.rows["revocation"] == []


def test_a_consent_and_what_widens_it_are_one_grant_of_one_client(tmp_path):
    path = tmp_path / "audit.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in as_logged("Mail.Send", by=SIGN_IN_SERVICE)))
    with Store(":memory:") as store:
        store.load(path)
        (row,) = gl.grants(store, until="2026-07-03", now="2026-07-03").to_dicts()
        review = gl.review(store, until="2026-07-03", now="2026-07-03")
    assert (row["client_id"], row["client_name"], row["scopes"]) == (CLIENT, "Mail copilot", ["Mail.Read", "Mail.Send"])
    assert [client["client_id"] for client in review.to_dict()["clients"]] == [CLIENT]


def test_a_narrowed_grant_is_a_downgrade(load):
    loaded = load(
        [
            delegated("Mail.Read", "Mail.Read User.Read", number=1),
            delegated("Mail.Read User.Read", "User.Read", number=2),
            delegated("Mail.Read User.Read", "User.Read", removal=True, number=3),
        ]
    )
    assert [row["scopes"] for row in loaded.rows["issuance"]] == [["Mail.Read", "User.Read"], ["User.Read"]]
    # both halves name the scopes that are gone: one downgrade
    (taken,) = loaded.rows["revocation"]
    assert (taken["line_no"], taken["kind"], taken["scopes_removed"]) == (3, "downgrade", ["Mail.Read"])
    assert taken["grant_id"] == grant_id("AllPrincipals")
    assert loaded.counts() == {"records": 3, "issuance": 2, "revocation": 1}


def test_the_grant_of_one_person_that_is_narrowed_is_one_downgrade(load):
    """Only the removal says whose grant it is; what the addition says would narrow a grant that nobody knows."""
    before, after = "Mail.Read User.Read", "User.Read"
    loaded = load(
        [
            delegated(before, after, consent="Principal", number=1),
            delegated(before, after, consent="Principal", principal=USER, removal=True, number=2),
        ]
    )
    taken = loaded.one("revocation")
    assert (taken["event_id"], taken["kind"], taken["grant_id"]) == ("Directory_2", "downgrade", grant_id(USER))
    assert (taken["subject_id"], taken["scopes_removed"]) == (USER, ["Mail.Read"])


def test_of_a_grant_with_other_scopes_the_addition_tells_what_came_and_the_removal_what_went(load):
    loaded = load(
        [
            delegated("Mail.Read User.Read", "User.Read Files.Read", number=1),
            delegated("Mail.Read User.Read", "User.Read Files.Read", removal=True, number=2),
        ]
    )
    given, taken = loaded.one("issuance"), loaded.one("revocation")
    assert (given["event_id"], given["scopes"]) == ("Directory_1", ["User.Read", "Files.Read"])
    assert (taken["event_id"], taken["kind"], taken["scopes_removed"]) == ("Directory_2", "downgrade", ["Mail.Read"])
    assert given["grant_id"] == taken["grant_id"]


def test_a_removal_that_leaves_all_scopes_is_the_other_half_of_a_change(load):
    """One consent that widens a grant is told as added and, milliseconds later, as removed, both with the scopes before and after."""
    before, after = " User.Read", " User.Read User.ReadBasic.All"
    loaded = load([delegated(before, after, number=1), delegated(before, after, removal=True, number=2)])
    assert loaded.one("issuance")["scopes"] == ["User.Read", "User.ReadBasic.All"]
    assert loaded.ignored == {"removal that takes no scope: its other half tells the change": 1}
    assert loaded.counts() == {"records": 2, "issuance": 1, "ignored": 1}


def test_an_old_removal_without_scopes_ends_the_grant(load):
    record = delegated(None, None, removal=True)
    record["properties"]["activityDisplayName"] = "Remove OAuth2PermissionGrant."
    taken = load([record]).one("revocation")
    assert (taken["kind"], taken["grant_id"], taken["scopes_removed"]) == ("revoke", grant_id("AllPrincipals"), None)


def test_a_change_of_federated_credentials_is_ignored_by_name(load):
    """It begins or ends access, and no record at hand shows how they stand there: it is not said to do neither."""
    held = '[{"Name":"ci","Issuer":"https://token.actions.githubusercontent.com"}]'
    changed = target("a1", "Mail copilot", type="Application", FederatedIdentityCredentials=("[]", held))
    other = target("a1", "Mail copilot", type="Application", DisplayName=("Mail", "Mail copilot"))
    loaded = load([change("Update application", changed, number=1), change("Update application", other, number=2)])
    assert loaded.ignored == {
        "change of federated credentials, which is not read": 1,
        "directory change that neither gives nor takes access": 1,
    }


def test_app_roles_are_grants_of_their_own(load):
    def role(name, side):
        properties = {
            "AppRole__Id": side(f"role of {name}"),
            "AppRole__Value": side(name),
            "ServicePrincipal__ObjectID": side(CLIENT_SP),
            "ServicePrincipal__AppId": side(CLIENT),
            "ServicePrincipal__DisplayName": side("Mail copilot"),
            "TargetId__ServicePrincipalNames": (None, GRAPH),
        }
        return target(GRAPH_SP, "Microsoft Graph", **properties)

    add, remove = "Add app role assignment to service principal", "Remove app role assignment from service principal"
    loaded = load(
        [
            change(add, role("Mail.Read", lambda value: (None, value)), number=1),
            change(add, role("User.Read.All", lambda value: (None, value)), number=2),
            change(remove, role("Mail.Read", lambda value: (value, None)), number=3),
        ]
    )
    mail, people = loaded.rows["issuance"]
    taken = loaded.one("revocation")
    assert (mail["scopes"], people["scopes"]) == (["Mail.Read"], ["User.Read.All"])
    assert mail["grant_id"] == taken["grant_id"] == grant_id("role/role of Mail.Read") != people["grant_id"]
    assert (taken["kind"], taken["scopes_removed"]) == ("revoke", ["Mail.Read"])
    assert (mail["subject_id"], mail["subject_kind"], mail["consent_kind"]) == (None, "service", "admin")
    assert (mail["client_id"], mail["client_name"], mail["audience"]) == (
        CLIENT,
        "Mail copilot",
        ["graph.microsoft.com"],
    )


def test_a_consent_is_a_difference_in_text(load):
    old, new = [(None, "User.Read")], [(None, "User.Read"), (USER, "Mail.Read Files.Read")]
    cases = {
        "beside an old one": consent(old, new, by_user=USER),
        "more scopes": consent([(USER, "User.Read")], [(USER, "Mail.Read User.Read")], admin="True"),
        "other scopes": consent([(USER, "User.Read")], [(USER, "Mail.Read")]),
        "text left out": consent(None, None, by_user=USER),
        "text left out by an admin": consent(None, None, admin="True"),
    }
    column = each(load, "issuance", cases)
    assert column("scopes") == {
        "beside an old one": ["Mail.Read", "Files.Read"],
        "more scopes": ["Mail.Read", "User.Read"],
        "other scopes": ["Mail.Read"],
        "text left out": None,
        "text left out by an admin": None,
    }
    assert list(column("subject_id").values()) == [USER, USER, USER, USER, None]
    assert list(column("consent_kind").values()) == ["user", "admin", "user", "user", "admin"]
    assert set(list(column("grant_id").values())[:3]) == {grant_id(USER)}
    assert set(column("client_id").values()) == {CLIENT}
    assert set(column("client_name").values()) == {"Mail copilot"}


def test_a_consent_to_several_resources_gives_several_grants(load):
    loaded = load([consent([], [(USER, "Mail.Read"), (ADMIN, "User.Read")])])
    assert {row["event_id"]: row["scopes"] for row in loaded.rows["issuance"]} == {
        "Directory_1": ["Mail.Read"],
        "Directory_1#2": ["User.Read"],
    }
    assert loaded.counts() == {"records": 1, "issuance": 2}


def test_operation_names_with_dash_blank_and_full_stop(load):
    dash = "Update application \N{EN DASH} Certificates and secrets management "
    stopped = consent([], [(USER, "Mail.Read")])
    stopped["properties"]["activityDisplayName"] = "Consent to application. "
    cases = {"dash": keys([], [key("k1")], dash), "stop": stopped, "plain": consent([], [(USER, "Mail.Read")])}
    assert each(load, "issuance", cases)("kind") == {"dash": "credential", "stop": "consent", "plain": "consent"}


def test_a_key_list_is_a_difference_in_text(load):
    # names are written by strangers
    forged = [
        key("k5", "x,KeyIdentifier=k9"),
        key("k6", "[KeyIdentifier=k9,"),
        "[KeyType=Password,DisplayName=KeyIdentifier=k9]",
    ]
    loaded = load(
        [
            keys([key("k1"), key("k2")], [key("k3"), key("k2"), key("k4")], details=[("AppId", CLIENT)]),
            keys([], forged, number=2),
        ]
    )
    assert {row["event_id"]: row["token_id"] for row in loaded.rows["issuance"]} == {
        "Directory_1": "k3",
        "Directory_1#2": "k4",
        "Directory_2": "k5",
        "Directory_2#2": "k6",
    }
    assert {row["event_id"]: row["earlier_keys"] for row in loaded.rows["issuance"]} == {
        "Directory_1": ["k1", "k2"],
        "Directory_1#2": ["k1", "k2"],
        "Directory_2": [],
        "Directory_2#2": [],
    }
    taken = loaded.one("revocation")
    assert (taken["kind"], taken["target_kind"], taken["token_id"]) == ("revoke", "credential", "k1")
    assert taken["client_id"] == CLIENT


def test_a_key_list_that_is_not_there_or_not_read_says_nothing_of_earlier_keys(load):
    def listed(before):
        return change(
            "Add service principal credentials", target(CLIENT_SP, KeyDescription=(before, json.dumps([key("k2")])))
        )

    cases = {"left out": listed(None), "cut off": listed('["[KeyIdentifier=k1,KeyT'), "none": listed("[ ]")}
    assert each(load, "issuance", cases)("earlier_keys") == {"left out": None, "cut off": None, "none": []}
    consented = load([consent([], [(USER, "Mail.Read")])]).one("issuance")
    assert consented["earlier_keys"] is None


def test_what_disables(load):
    client = target(CLIENT_SP, "Mail copilot", TargetId__ServicePrincipalNames=(None, CLIENT))
    off = target(CLIENT_SP, AccountEnabled=("[true]", "[false]"), TargetId__ServicePrincipalNames=(None, CLIENT))
    person = target(USER, "Ada", "User") | {"userPrincipalName": "ada@example.com"}
    cases = {
        "app deleted": change("Delete application", client),
        # agents' identities are deleted for good at once
        "agent deleted": change("Hard delete service principal", client),
        "app gone": change("Hard Delete application", client),
        "app deleted, as a page has it": change("Delete service principal", client),
        "app off": change("Update service principal", off),
        "account off": change("Disable account", person),
        "account deleted": change("Delete user", person),
    }
    column = each(load, "revocation", cases)
    assert set(column("kind").values()) == {"disable"}
    kinds = column("target_kind")
    assert {case for case, kind in kinds.items() if kind == "subject"} == {"account off", "account deleted"}
    assert column("client_id")["agent deleted"] == CLIENT
    assert set(kinds.values()) == {"client", "subject"}
    assert column("client_id")["app off"] == CLIENT
    assert column("subject_id")["account off"] == USER
    assert column("initiator")["account off"] == "admin"


def test_a_role_that_is_removed_without_its_name_narrows(load):
    """So Microsoft 365's log has it, 13 times in one tenant."""
    removal = "Add a deletion-marked app role assignment grant to service principal as part of link removal"
    named = {"ServicePrincipal__ObjectID": (None, CLIENT_SP), "ServicePrincipal__AppId": (None, CLIENT)}
    row = load([change(removal, target(GRAPH_SP, "Microsoft Graph", **named))]).one("revocation")
    names = ("kind", "target_kind", "client_id", "grant_id", "scopes_removed")
    assert tuple(row[name] for name in names) == ("downgrade", "grant", CLIENT, None, None)


def test_a_person_who_is_deleted_keeps_the_sign_in_name(load):
    gone = target(USER, "Ada", "User") | {"userPrincipalName": f"{USER.replace('-', '')}ada@example.com"}
    row = load([change("Delete user", gone)]).one("revocation")
    assert (row["subject_id"], row["subject_name"]) == (USER, "ada@example.com")


def test_who_is_enabled_again_is_named_as_when_disabled(load):
    on = {"AccountEnabled": ("[false]", "[true]")}
    client = target(CLIENT_SP, **on, TargetId__ServicePrincipalNames=(None, CLIENT))
    person = target(USER, "Ada", "User", **on) | {"userPrincipalName": "ada@example.com"}
    cases = {
        "app on": change("Update service principal", client),
        "app restored": change("Restore service principal", client),
        "account on": change("Enable account", person),
        "account restored": change("Restore user", person),
        "refused": change("Enable account", person, result="failure"),
    }
    column = each(load, "revocation", cases)
    assert set(column("kind").values()) == {"enable"}
    of_app = [case for case in cases if case.startswith("app ")]
    assert column("target_kind") == {case: "client" if case in of_app else "subject" for case in cases}
    assert column("client_id") == {case: CLIENT if case in of_app else None for case in cases}
    assert column("subject_id") == {case: None if case in of_app else USER for case in cases}
    assert column("outcome") == {case: "error" if case == "refused" else "success" for case in cases}


def test_ended_sessions_end_what_was_issued_before_and_no_consent(load):
    person = target(USER, "Ada", "User") | {"userPrincipalName": "ada@example.com"}
    cut = target(USER, "Ada", "User", StsRefreshTokensValidFrom=(None, "2026-07-01T08:59:59Z"))
    before, after = '["2026-06-30T08:00:00Z"]', '["2026-07-01T08:59:59Z"]'
    listed = target(USER, "Ada", "User", StsRefreshTokensValidFrom=(before, after))
    odd = target(USER, "Ada", "User", StsRefreshTokensValidFrom=(None, "[]"))
    cases = {
        "sessions": change("Update StsRefreshTokenValidFrom Timestamp", cut),
        "time in a list": change("Update StsRefreshTokenValidFrom Timestamp", listed),
        "odd time": change("Update StsRefreshTokenValidFrom Timestamp", odd),
        "of oneself": change("Revoke sign in sessions", person, by_user=USER),
    }
    column = each(load, "revocation", cases)
    assert set(column("kind").values()) == {"revoke"}
    assert set(column("target_kind").values()) == {"policy"}
    assert set(column("subject_id").values()) == {USER}
    assert column("initiator") == dict.fromkeys(cases, "admin") | {"of oneself": "user"}
    since = datetime(2026, 7, 1, 8, 59, 59, tzinfo=UTC)
    assert column("issued_before") == dict.fromkeys(("sessions", "time in a list"), since) | {
        case: column("revoked_at")[case] for case in ("odd time", "of oneself")
    }


def test_what_changes_nothing_is_ignored(load):
    def switched(before, after):
        return change("Update service principal", target(CLIENT_SP, AccountEnabled=(before, after)))

    loaded = load(
        [
            consent([(None, "User.Read")], [(None, "User.Read")]),
            keys([key("k1"), key("k2")], [key("k2"), key("k1")]),
            delegated(None, ""),
            switched("[true]", "[true]"),
            switched(None, "[false]"),
        ]
    )
    assert loaded.ignored == {
        "consent repeated, nothing new in it": 1,
        "credentials listed, none added or removed": 1,
        "grant without scopes": 1,
        NOTHING: 2,
    }


def test_what_failed_ends_and_gives_nothing(load):
    denied = {"result": "failure", "resultReason": "Authorization_RequestDenied: Insufficient privileges"}
    cases = {"fine": {}, "denied": denied, "failed": {"result": "failure"}, "timed out": {"result": "timeout"}}
    cases |= {"fine by number": {"result": 0}, "failed by number": {"result": 1}}
    outcomes = {"fine": "success", "denied": "denied", "failed": "error", "timed out": "error"}
    outcomes |= {"fine by number": "success", "failed by number": "error"}
    given = {case: delegated(None, "Mail.Read", **more) for case, more in cases.items()}
    taken = {case: delegated("Mail.Read", None, removal=True, **more) for case, more in cases.items()}
    assert each(load, "issuance", given)("outcome") == outcomes
    assert each(load, "revocation", taken)("outcome") == outcomes


def test_who_ended_it(load):
    itself = {"app": {"appId": CLIENT, "servicePrincipalId": CLIENT_SP, "displayName": "Mail copilot"}}
    other = {"app": {"appId": None, "servicePrincipalId": "a provisioning service"}}
    by = {"itself": itself, "other": other, "nobody": None}
    cases = {case: delegated("Mail.Read", None, removal=True, initiatedBy=who) for case, who in by.items()}
    column = each(load, "revocation", cases)
    assert column("initiator") == {"itself": "client", "other": "system", "nobody": None}
    assert column("actor_id") == {"itself": CLIENT, "other": "a provisioning service", "nobody": None}


def by_account(agent_type, person=USER):
    """Write who began a change: a user account, of which Entra says whether it is an agent's own."""
    return {"app": None, "user": {"id": person, "ipAddress": "203.0.113.9", "agentType": agent_type}}


def of_account(person, agent_type):
    """Write a target that is a user account."""
    return target(person, type="User") | {"userPrincipalName": "someone@example.com", "agentType": agent_type}


@pytest.mark.parametrize("shape", [lambda record: record, from_graph_api, from_log_analytics])
def test_the_consent_of_an_agents_own_account_is_no_persons(load, shape):
    itself, person = by_account("agentIDuser"), by_account("notAgentic")
    own = {"consent": "Principal", "principal": USER}
    for_other = delegated(None, "Mail.Read", **own)
    for_other["properties"]["targetResources"].append(of_account(USER, "agentIDuser"))
    for_persons = delegated(None, "Mail.Read", **own, initiatedBy=by_account("agentIDuser", ADMIN))
    cases = {
        "consent": consent([], [(USER, "Mail.Read")], initiatedBy=itself),
        "of a kind that the export cannot name": consent([], [(USER, "Mail.Read")], initiatedBy=by_account("unknownFutureValue")),
        "text left out": consent(None, None, initiatedBy=itself),
        "grant": delegated(None, "Mail.Read", **own, initiatedBy=itself),
        "for everyone": consent([], [(None, "Mail.Read")], admin="True", initiatedBy=itself),
        "an admin's, for it": for_other,
        "its own, for a person": for_persons,
        "a person's": consent([], [(USER, "Mail.Read")], initiatedBy=person),
        "a person's, text left out": consent(None, None, initiatedBy=person),
        "not told": consent([], [(USER, "Mail.Read")], initiatedBy=by_account("")),
        # what is consented to is the client, and whether that is an agent says nothing of the person
        "of an agent": consent([], [(USER, "Mail.Read")], initiatedBy=person),
    }  # fmt: skip
    cases["of an agent"]["properties"]["targetResources"][0]["agentType"] = "agenticAppInstance"
    column = each(load, "issuance", cases, shape)
    by_itself = dict.fromkeys(list(cases)[:4])
    assert column("subject_kind") == dict.fromkeys(cases, "user") | dict.fromkeys(
        [*by_itself, "an admin's, for it"], "agent"
    )
    by_admin = dict.fromkeys(["for everyone", "an admin's, for it", "its own, for a person"], "admin")
    assert column("consent_kind") == dict.fromkeys(cases, "user") | by_itself | by_admin
    actors = {"an admin's, for it": ADMIN, "its own, for a person": ADMIN}
    assert column("consent_actor") == dict.fromkeys(cases, USER) | actors


def test_what_an_agents_own_account_ends_of_its_own_no_person_ended(load):
    own = {"consent": "Principal", "principal": USER, "removal": True}
    cases = {
        "its own": delegated("Mail.Read", None, **own, initiatedBy=by_account("agentIDuser")),
        "a person's own": delegated("Mail.Read", None, **own, initiatedBy=by_account("notAgentic")),
        "its sessions": change("Revoke sign in sessions", of_account(USER, "agentIDuser"), by_user=USER),
        "another's": delegated("Mail.Read", None, **own, initiatedBy=by_account("agentIDuser", ADMIN)),
    }
    column = each(load, "revocation", cases)
    assert column("initiator") == {
        "its own": None,
        "a person's own": "user",
        "its sessions": None,
        "another's": "admin",
    }
    assert column("actor_id") == dict.fromkeys(cases, USER) | {"another's": ADMIN}


# Secrets and strangers.


def test_no_query_reaches_the_store(load):
    loaded = load(
        [call(requestUri="https://graph.microsoft.com/v1.0/me?access_token=eyJsecret.part.sig&code=0.AXsecret")]
    )
    assert "secret" not in str(loaded.rows)


def test_a_raw_token_is_not_kept(load):
    raw = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
    loaded = load([call(signInActivityId=raw), sign_in(uniqueTokenIdentifier=raw)])
    assert raw not in str(loaded.rows)
    assert loaded.one("usage")["token_id"] == loaded.one("issuance")["token_id"] is not None


SEEDS = [
    sign_in(),
    call(),
    delegated(None, "Mail.Read"),
    delegated("Mail.Read", None, removal=True),
    consent([], [(USER, "Mail.Read")]),
    keys([key("k1")], [key("k2")]),
    change("Disable account", target(USER, "Ada", "User")),
    wrapped("ProvisioningLogs", {"id": "x"}),
]


@settings(max_examples=12)
@given(lists_of_damaged(SEEDS))
def test_damaged_records_never_raise_and_always_add_up(load, records):
    assert_all_accounted_for(load, records, "microsoft_entra")
