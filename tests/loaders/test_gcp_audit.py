"""The Google Cloud audit loader against every real record, against a second reading in plain Python, and quirk by quirk."""

import json
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings

from grantlens import detect
from grantlens.store import Store
from tests.loaders.conftest import whole
from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

PROJECT, ROBOT, KEY = "acme-prod", "robot@acme-prod.iam.gserviceaccount.com", "0123456789abcdef0123456789abcdef01234567"
KEY_NAME = f"projects/{PROJECT}/serviceAccounts/{ROBOT}/keys/{KEY}"

EXPECTED = {
    "elastic-audit.ndjson": (
        {"records": 12, "usage": 11, "ignored": 1},
        {"end of a long-running call": 1},
    ),
    # test records of Panther: five repeat the id, time and log of another, and count as the same event
    "panther-audit.ndjson": ({"records": 28, "issuance": 6, "usage": 22, "revocation": 1, "duplicates": 9}, {}),
}


def granted(*permissions):
    """Write the permissions that a call was granted."""
    return [{"permission": name, "granted": True, "resourceAttributes": {}} for name in permissions]


def entry(method, service="storage.googleapis.com", who=None, asked=None, status=None, payload=None, **more):
    """Write one entry of Cloud Logging that holds an audit record."""
    return {
        "insertId": f"i-{method}",
        "logName": f"projects/{PROJECT}/logs/cloudaudit.googleapis.com%2Factivity",
        "timestamp": "2026-07-01T10:00:00.123456789Z",
        "receiveTimestamp": "2026-07-01T10:00:01.5Z",
        "severity": "NOTICE",
        "resource": {"type": "project", "labels": {"project_id": PROJECT}},
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": service,
            "methodName": method,
            "resourceName": f"projects/{PROJECT}",
            "authenticationInfo": who or {"principalEmail": ROBOT, "principalSubject": f"serviceAccount:{ROBOT}"},
            "authorizationInfo": granted("storage.objects.get") if asked is None else asked,
            "requestMetadata": {"callerIp": "198.51.100.7", "callerSuppliedUserAgent": "gcloud/500"},
            "status": {} if status is None else status,
            **(payload or {}),
        },
        **more,
    }


def iam(call, name, response=None, **more):
    """Write one call of the IAM API."""
    payload = {"request": {"name": name}, "response": response or {}, "resourceName": name}
    return entry(f"google.iam.admin.v1.{call}", "iam.googleapis.com", asked=granted("iam.x"), payload=payload, **more)


def minted(call="GenerateAccessToken", request=None, metadata=None, **more):
    """Write one call of the credentials API."""
    request = {"name": f"projects/-/serviceAccounts/{ROBOT}", **(request or {})}
    payload = {"request": request, "metadata": metadata or {}, "resourceName": "projects/-/serviceAccounts/1234567890"}
    who = more.pop("who", {"principalEmail": "ada@example.com"})
    return entry(
        call,
        "iamcredentials.googleapis.com",
        who,
        granted("iam.serviceAccounts.getAccessToken"),
        payload=payload,
        **more,
    )


# Every real record.


@pytest.fixture(scope="module")
def real(shared, load_file):
    """Return a function that gives what came of one real file, loaded once."""
    return cache(lambda name: load_file(shared / "real-logs/gcp_audit" / name))


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_record_is_accounted_for(real, name):
    loaded = real(name)
    assert loaded.batch["loader"] == "gcp_audit"
    assert (loaded.counts(), loaded.ignored, loaded.rejected) == (*EXPECTED[name], [])


def test_every_real_file_is_expected_here(shared):
    assert {path.name for path in (shared / "real-logs/gcp_audit").iterdir()} - {"PROVENANCE.txt"} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_real_calls_agree_with_a_reading_in_plain_python(shared, real, name):
    expected, seen_before = [], set()
    for number, line in enumerate((shared / "real-logs/gcp_audit" / name).read_text().splitlines(), 1):
        record = json.loads(line)
        payload = record["protoPayload"]
        insert = record.get("insertId") or record.get("insertid")
        # two real entries share an id, and are told apart by their time
        event = (insert, record["timestamp"], record.get("logName") or record.get("logname"))
        if insert and event in seen_before:
            continue
        seen_before.add(event)
        asked = payload.get("authorizationInfo") or []
        if record.get("operation", {}).get("last") and not record["operation"].get("first") and not asked:
            continue
        code = (payload.get("status") or record.get("status") or {}).get("code", 0)
        refused = code == 7 or (asked and not any(each.get("granted") for each in asked))
        who = payload.get("authenticationInfo") or {}
        key = who.get("serviceAccountKeyName", "").rpartition("/")[2] or None
        when = datetime.fromisoformat(record["timestamp"].replace(" ", "T").rstrip("Z")[:26]).replace(tzinfo=UTC)
        permissions = " ".join(sorted({each["permission"] for each in asked if "permission" in each})) or None
        principal = who.get("principalEmail") or who.get("principalSubject")
        expected.append(
            (
                number,
                when,
                "denied" if refused else "success",
                principal,
                key,
                payload["methodName"],
                permissions,
                payload.get("resourceName"),
            )
        )
    names = ("line_no", "used_at", "outcome", "client_id", "token_id", "operation", "target", "resource_id")
    assert [tuple(row[name] for name in names) for row in real(name).rows["usage"]] == expected


def test_real_denials(real):
    denied = [row["target"] for name in EXPECTED for row in real(name).rows["usage"] if row["outcome"] == "denied"]
    assert denied == [
        "compute.machineTypes.list",
        "compute.instances.list",
        "iam.serviceAccountKeys.create",
        "iam.serviceAccounts.create",
    ]


# Keys and tokens.


def test_a_key_joins_by_the_id_at_the_end_of_its_name_however_that_is_written(load):
    never = {"name": KEY_NAME, "valid_before_time": {"seconds": 253402300799}, "private_key_data": "SECRETKEYDATA"}
    used = entry(
        "storage.objects.get",
        who={"principalEmail": ROBOT, "serviceAccountKeyName": f"//iam.googleapis.com/{KEY_NAME}"},
    )
    by_number = f"projects/-/serviceAccounts/112233445566778899000/keys/{KEY}"
    labels = {"labels": {"project_id": PROJECT, "email_id": ROBOT}}
    loaded = load(
        [
            iam("CreateServiceAccountKey", f"projects/{PROJECT}/serviceAccounts/{ROBOT}", never, resource=labels),
            used,
            iam("DisableServiceAccountKey", by_number, resource=labels),
            iam("EnableServiceAccountKey", by_number, resource=labels),
            iam("DeleteServiceAccountKey", by_number, resource=labels),
        ]
    )
    made, again = loaded.rows["issuance"]
    off, gone = loaded.rows["revocation"]
    use = loaded.rows["usage"][1]
    assert {row["token_id"] for row in (made, again, off, gone, use)} == {KEY}
    assert {row["client_id"] for row in (made, again, off, gone, use)} == {ROBOT}
    assert (made["kind"], made["token_kind"], made["expires_at"], made["subject_kind"]) == (
        "credential",
        "api_key",
        None,
        "service",
    )
    assert [(row["kind"], row["target_kind"]) for row in (off, gone)] == [
        ("disable", "credential"),
        ("revoke", "credential"),
    ]
    assert "SECRET" not in json.dumps(loaded.rows, default=str)


def test_a_key_that_expires_says_so(load):
    response = {"name": KEY_NAME, "valid_before_time": {"seconds": "1785578400"}}
    row = load([iam("CreateServiceAccountKey", f"projects/-/serviceAccounts/{ROBOT}", response)]).one("issuance")
    assert row["expires_at"] == datetime(2026, 8, 1, 10, tzinfo=UTC)


def test_an_api_key_belongs_to_nobody(load):
    payload = {
        "response": {
            "name": f"projects/1/locations/global/keys/{KEY}",
            "displayName": "maps",
            "keyString": "AIzaSECRET",
        }
    }
    created = entry("google.api.apikeys.v2.ApiKeys.CreateKey", "apikeys.googleapis.com", payload=payload)
    start = entry(
        "google.api.apikeys.v2.ApiKeys.CreateKey",
        "apikeys.googleapis.com",
        operation={"id": "o", "first": True},
        insertId="i0",
    )
    loaded = load([start, created | {"operation": {"id": "o", "last": True}}])
    row = loaded.one("issuance")  # the start of the call does not know the key yet
    assert (row["token_id"], row["client_id"], row["client_name"], row["consent_actor"]) == (KEY, None, "maps", ROBOT)
    assert "AIza" not in json.dumps(loaded.rows, default=str)


def test_a_token_for_a_service_account_names_who_made_it(load):
    request = {"scope": ["https://www.googleapis.com/auth/cloud-platform"], "lifetime": "3600s"}
    key = {"serviceAccountKeyName": f"//iam.googleapis.com/projects/p/serviceAccounts/ci@x/keys/{KEY}"}
    chain = {"identityDelegationChain": ["projects/-/serviceAccounts/middle@x", f"projects/-/serviceAccounts/{ROBOT}"]}
    delegated = [{"firstPartyPrincipal": {"principalEmail": "ada@example.com"}}]
    who = {"principalEmail": "ci@x", "serviceAccountDelegationInfo": delegated, **key}
    row = load([minted(request=request, metadata=chain, who=who)]).one("issuance")
    assert (row["kind"], row["token_kind"], row["client_id"]) == ("exchange", "access", ROBOT)
    assert row["parent_token_id"] == KEY
    assert row["actor_chain"] == ["middle@x", "ci@x", "ada@example.com"]  # the current actor first
    assert row["scopes"] == ["https://www.googleapis.com/auth/cloud-platform"]
    assert row["expires_at"] == datetime(2026, 7, 1, 11, 0, 0, 123456, tzinfo=UTC)
    assert row["token_id"] is None


def test_the_use_of_such_a_token_shows_the_same_chain(load):
    order = [
        {"firstPartyPrincipal": {"principalEmail": "ada@example.com"}},
        {"principalSubject": "serviceAccount:ci@x"},
        {},
    ]
    used = entry("storage.objects.get", who={"principalEmail": ROBOT, "serviceAccountDelegationInfo": order})
    empty = entry("storage.objects.list", who={"principalEmail": ROBOT, "serviceAccountDelegationInfo": [{}]})
    made = minted(who={"principalEmail": "ci@x", "serviceAccountDelegationInfo": order[:1]})
    loaded = load([used, empty, made])
    assert (
        loaded.rows["usage"][0]["actor_chain"] == loaded.one("issuance")["actor_chain"] == ["ci@x", "ada@example.com"]
    )
    assert loaded.rows["usage"][1]["actor_chain"] is None
    assert loaded.rows["usage"][0]["client_id"] == ROBOT


@pytest.mark.parametrize(
    ("call", "kind", "token_kind"),
    [("SignJwt", "token", None), ("SignBlob", "token", None), ("GenerateIdToken", "exchange", "id")],
)
def test_what_is_signed_for_an_account_is_a_token_of_it(load, call, kind, token_kind):
    row = load([minted(call, {"audience": "https://api.example.com"})]).one("issuance")
    assert (row["kind"], row["token_kind"], row["client_id"]) == (kind, token_kind, ROBOT)
    assert row["audience"] == (["https://api.example.com"] if kind == "exchange" else None)


def test_a_token_of_another_cloud_is_exchanged_for_one_of_a_pool(load):
    """The caller is called as it is elsewhere; calls are made by what it is mapped to."""
    pool = "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/repo:acme"
    staff = "principal://iam.googleapis.com/locations/global/workforcePools/p/subject/ada"
    method = "google.identity.sts.v1.SecurityTokenService.ExchangeToken"
    asked = {"request": {"audience": "//iam.googleapis.com/pools/p"}}
    records = [
        entry(method, "sts.googleapis.com", {"principalSubject": "b6112abb"}, [], payload={"metadata": said, **asked})
        for said in ({"mapped_principal": pool}, {"mapped_principal": staff}, {})
    ]
    loaded = load([record | {"insertId": f"e-{number}"} for number, record in enumerate(records)])
    rows = [(row["kind"], row["client_id"], row["subject_id"], row["subject_kind"]) for row in loaded.rows["issuance"]]
    assert rows == [
        ("exchange", pool, None, "service"),
        ("exchange", staff, None, "user"),
        ("exchange", "b6112abb", None, "service"),
    ]
    assert {tuple(row["actor_chain"]) for row in loaded.rows["issuance"]} == {("b6112abb",)}
    assert loaded.counts() == {"records": 3, "issuance": 3}  # no call of whom Google does not know
    assert [row["audience"] for row in loaded.rows["issuance"]] == [None] * 3  # the provider asked is no server
    later = load([entry("storage.objects.get", "storage.googleapis.com", {"principalSubject": pool})]).one("usage")
    assert later["client_id"] == pool


@pytest.mark.parametrize(
    ("status", "expected"),
    [({}, "success"), ({"code": 7}, "denied"), ({"code": 3, "message": "too many groups"}, "error")],
)
@pytest.mark.parametrize("said", [{}, {"granted": False}])
def test_whether_an_exchange_is_logged_is_no_permission_to_make_it(load, said, status, expected):
    """It stands as not granted in exchanges that succeed, also where a certificate was shown and no caller is told."""
    asked = [{"permission": "sts.identityProviders.checkLogging", "permissionType": "ADMIN_READ", **said}]
    pool = "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/w1"
    method = "google.identity.sts.v1.SecurityTokenService.ExchangeToken"
    payload = {"metadata": {"mapped_principal": pool}, "authenticationInfo": {}}
    row = load([entry(method, "sts.googleapis.com", None, asked, status, payload)]).one("issuance")
    assert (row["outcome"], row["client_id"], row["actor_chain"]) == (expected, pool, None)


def test_the_end_of_an_account_ends_what_is_below_and_its_return_is_a_change(load):
    name = f"projects/-/serviceAccounts/{ROBOT}"
    loaded = load(
        [iam(call, name) for call in ("DisableServiceAccount", "DeleteServiceAccount", "EnableServiceAccount")]
    )
    assert {(row["kind"], row["target_kind"], row["client_id"]) for row in loaded.rows["revocation"]} == {
        ("disable", "client", ROBOT),
        ("enable", "client", ROBOT),
    }
    assert len(loaded.rows["usage"]) == 3


def test_an_account_named_by_its_number_is_known_by_the_label(load):
    """So the log names the resource of a deletion."""
    labels = {"resource": {"labels": {"project_id": PROJECT, "email_id": ROBOT, "unique_id": "1234567890"}}}
    row = load([iam("DeleteServiceAccount", "projects/-/serviceAccounts/1234567890", **labels)]).one("revocation")
    assert (row["kind"], row["client_id"]) == ("disable", ROBOT)


def test_a_person_of_a_workforce_pool_who_is_deleted_is_called_as_in_calls(load):
    pool = "locations/global/workforcePools/p"
    staff = f"principal://iam.googleapis.com/{pool}/subject/ada"

    def asked(call, name=f"{pool}/subjects/ada", **more):
        return iam(f"WorkforcePools.{call}", name, **more)

    loaded = load(
        [
            asked("DeleteWorkforcePoolSubject", operation={"first": True}, insertId="1"),
            asked("DeleteWorkforcePoolSubject", operation={"last": True}, insertId="2"),
            asked("UndeleteWorkforcePoolSubject", insertId="3"),
            asked("DeleteWorkforcePool", pool, insertId="4"),
        ]
    )
    names = ("kind", "target_kind", "client_id", "tenant")
    assert [tuple(row[name] for name in names) for row in loaded.rows["revocation"]] == [
        ("disable", "client", staff, None),
        ("enable", "client", staff, None),
    ]


def test_sessions_of_a_person_of_a_workforce_pool_that_are_revoked_end_what_was_issued_before(load):
    name = "locations/global/workforcePools/p/subjects/ada"
    revoked = iam("WorkforcePools.RevokeWorkforcePoolSubjectSessions", name)
    loaded = load([revoked | {"operation": {"first": True}}, revoked | {"operation": {"last": True}, "insertId": "2"}])
    row = loaded.one("revocation")
    names = ("kind", "target_kind", "client_id", "subject_id", "tenant", "outcome")
    staff = "principal://iam.googleapis.com/locations/global/workforcePools/p/subject/ada"
    assert tuple(row[name] for name in names) == ("revoke", "policy", staff, None, None, "success")
    assert row["issued_before"] == row["revoked_at"]


def test_the_keys_of_an_account_that_is_enabled_again_are_used_rightly(tmp_path):
    name, key = f"projects/{PROJECT}/serviceAccounts/{ROBOT}", f"//iam.googleapis.com/{KEY_NAME}"
    labels = {"resource": {"labels": {"project_id": PROJECT, "email_id": ROBOT}}}

    def at(hour, record):
        return record | {"timestamp": f"2026-07-01T{hour}:00:00Z", "insertId": f"at-{hour}"}

    who = {"principalEmail": ROBOT, "serviceAccountKeyName": key}
    records = [
        at("09", iam("CreateServiceAccountKey", name, {"name": KEY_NAME}, **labels)),
        at("10", iam("DisableServiceAccount", name)),
        at("11", entry("storage.objects.get", who=who)),
        at("12", iam("EnableServiceAccount", name)),
        at("13", entry("storage.objects.get", who=who)),
    ]
    (tmp_path / "log.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as store:
        store.load(tmp_path / "log.ndjson")
        (found,) = detect.run(store, ["REV-1"])
        (row,) = found.to_dicts()
        assert (row["token_id"], row["detail"]["uses_after"], row["detail"]["last_success_s"]) == (KEY, 1, 3600.0)


def test_each_member_of_a_binding_is_a_row(load):
    deltas = [
        {"action": "ADD", "role": "roles/owner", "member": "user:eve@example.com"},
        {"action": "ADD", "role": "roles/viewer", "member": f"serviceAccount:{ROBOT}"},
        {"action": "REMOVE", "role": "roles/editor", "member": "group:dev@example.com"},
    ]
    loaded = load([entry("SetIamPolicy", payload={"serviceData": {"policyDelta": {"bindingDeltas": deltas}}})])
    assert [(row["client_id"], row["event_id"].partition("#")[2]) for row in loaded.rows["issuance"]] == [
        ("eve@example.com", ""),
        (ROBOT, "2"),
    ]
    assert json.loads(loaded.rows["issuance"][0]["authorization_details"]) == {
        "role": "roles/owner",
        "resource": f"projects/{PROJECT}",
    }
    assert {row["scopes"] for row in loaded.rows["issuance"]} == {None}
    row = loaded.one("revocation")
    assert (row["kind"], row["client_id"], row["reason"], row["event_id"].partition("#")[2]) == (
        "downgrade",
        "group:dev@example.com",
        "roles/editor",
        "3",
    )


def test_who_may_act_as_a_service_account_is_told_by_a_binding_on_it(load):
    delta = {"action": "ADD", "role": "roles/iam.serviceAccountTokenCreator", "member": "user:eve@example.com"}
    record = iam("SetIAMPolicy", "projects/-/serviceAccounts/123456789", who={"principalEmail": "ada@example.com"})
    record["protoPayload"]["serviceData"] = {"policyDelta": {"bindingDeltas": [delta]}}
    row = load([record]).one("issuance")
    assert (row["kind"], row["client_id"], row["consent_actor"]) == ("change", "eve@example.com", "ada@example.com")
    assert json.loads(row["authorization_details"]) == {
        "role": "roles/iam.serviceAccountTokenCreator",
        "resource": "projects/-/serviceAccounts/123456789",
    }


# Outcomes.


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        (granted("a.b"), {}, ("success", None)),
        (granted("a.b"), {"code": 0}, ("success", None)),
        (granted("a.b"), {"code": 0.0}, ("success", None)),
        (granted("a.b"), {"code": 16.0}, ("denied", "token")),
        (granted("a.b"), {"message": "OK"}, ("success", None)),
        ([{"permission": "a.b"}], {"code": 7, "message": "PERMISSION_DENIED"}, ("denied", "scope")),
        (granted("a.b"), {"code": 7}, ("denied", "scope")),
        (granted("a.b"), {"code": 16}, ("denied", "token")),
        ([{"permission": "a.b", "granted": False}], {}, ("denied", "scope")),
        ([{"permission": "a.b"}], {}, ("denied", "scope")),
        ([{"permission": "a.b", "granted": None}], {}, ("denied", "scope")),
        ([{"permission": "a.c"}, *granted("a.b")], {}, ("success", None)),
        ([], {}, ("success", None)),
        (granted("a.b"), {"code": 5}, ("error", None)),
        (granted("a.b"), {"code": 8}, ("error", None)),
    ],
)
def test_what_was_denied(load, asked, status, expected):
    row = load([entry("storage.objects.get", asked=asked, status=status)]).one("usage")
    assert (row["outcome"], row["denial_reason"]) == expected


def test_a_perimeter_denies_by_policy(load):
    payload = {"metadata": {"vpcServiceControlsUniqueId": "x"}}
    row = load([entry("storage.objects.get", status={"code": 7}, payload=payload)]).one("usage")
    assert (row["outcome"], row["denial_reason"]) == ("denied", "policy")


def test_a_failed_issue_or_end_is_kept_as_failed(load):
    name = f"projects/-/serviceAccounts/{ROBOT}"
    loaded = load(
        [
            iam("CreateServiceAccountKey", name, status={"code": 7}),
            iam("DeleteServiceAccountKey", f"{name}/keys/{KEY}", status={"code": 5}),
        ]
    )
    assert (loaded.one("issuance")["outcome"], loaded.one("issuance")["token_id"]) == ("denied", None)
    assert loaded.one("issuance")["denial_reason"] == "policy"
    assert loaded.one("revocation")["outcome"] == "error"


def test_the_permissions_that_were_needed_stand_beside_the_method(load):
    asked = granted("compute.instances.create", "compute.disks.create", "compute.disks.create")
    row = load([entry("v1.compute.instances.insert", "compute.googleapis.com", asked=asked)]).one("usage")
    assert (row["operation"], row["target"]) == (
        "v1.compute.instances.insert",
        "compute.disks.create compute.instances.create",
    )
    assert (row["resource_server"], row["resource_id"], row["resource_tenant"]) == (
        "compute.googleapis.com",
        f"projects/{PROJECT}",
        PROJECT,
    )


def test_an_oauth_client_acts_for_the_person(load):
    who = {"principalEmail": "ada@example.com", "oauthInfo": {"oauthClientId": "123.apps.googleusercontent.com"}}
    own = {"principalSubject": "user:ada@example.com"}
    loaded = load([entry("a", who=who), entry("b", who=own)])
    assert [(row["client_id"], row["subject_id"]) for row in loaded.rows["usage"]] == [
        ("123.apps.googleusercontent.com", "ada@example.com"),
        ("ada@example.com", None),
    ]


def test_the_own_number_of_a_service_account_is_no_other_client(load):
    number = {"oauthInfo": {"oauthClientId": "104000000000000000017"}}
    account = {"principalEmail": ROBOT, "principalSubject": f"serviceAccount:{ROBOT}"}
    person = {"principalEmail": "ada@example.com", "principalSubject": "user:ada@example.com"}
    app = {"oauthInfo": {"oauthClientId": "123.apps.googleusercontent.com"}}
    loaded = load(
        [
            entry("a", who=account | number),
            entry("b", who={"principalEmail": ROBOT} | number),
            # an account that acts for a person in a delegation of the whole domain
            entry("c", who=person | number),
            entry("d", who=account | app),
        ]
    )
    assert [(row["client_id"], row["subject_id"]) for row in loaded.rows["usage"]] == [
        (ROBOT, None),
        (ROBOT, None),
        ("104000000000000000017", "ada@example.com"),
        ("123.apps.googleusercontent.com", ROBOT),
    ]


def shared_by_workspace(method, service, parameters, **more):
    """Write one event that Workspace shares with Cloud Logging."""
    listed = [
        {"name": name, "value": value, "label": "LABEL_OPTIONAL", "type": "TYPE_STRING"}
        for name, value in parameters.items()
    ]
    log = {
        "logName": "organizations/123/logs/cloudaudit.googleapis.com%2Fdata_access",
        "resource": {"labels": {"service": service}},
    }
    payload = {
        "metadata": {"event": [{"eventName": "an_event", "parameter": listed}]},
        "resourceName": "organizations/123",
    }
    return entry(method, service, more.pop("who", {"principalEmail": ""}), [], payload=payload, **log)


def test_a_person_who_was_disabled_in_workspace_is_so_in_all_projects(load):
    login, admin = "google.login.LoginService", "google.admin.AdminService"
    by = {"who": {"principalEmail": "root@example.com"}}
    loaded = load(
        [
            shared_by_workspace(
                f"{login}.accountDisabledHijacked",
                "login.googleapis.com",
                {"affected_email_address": "Ada@example.com"},
            ),
            shared_by_workspace(
                f"{admin}.suspendUser", "admin.googleapis.com", {"USER_EMAIL": "bob@example.com"}, **by
            ),
            shared_by_workspace(
                f"{admin}.unsuspendUser", "admin.googleapis.com", {"USER_EMAIL": "bob@example.com"}, **by
            ),
            shared_by_workspace(f"{admin}.suspendUser", "admin.googleapis.com", {"ORG_UNIT_NAME": "x"}, **by)
            | {"insertId": "i-3"},
            shared_by_workspace(f"{login}.accountDisabledGeneric", "login.googleapis.com", {}),
            shared_by_workspace(
                f"{login}.loginSuccess", "login.googleapis.com", {"affected_email_address": "x@example.com"}
            ),
        ]
    )
    told = [
        (
            row["kind"],
            row["target_kind"],
            row["subject_id"],
            row["client_id"],
            row["tenant"],
            row["initiator"],
            row["actor_id"],
        )
        for row in loaded.rows["revocation"]
    ]
    assert told == [
        ("disable", "subject", "ada@example.com", None, None, "system", None),
        ("disable", "subject", "bob@example.com", None, None, "admin", "root@example.com"),
        ("enable", "subject", "bob@example.com", None, None, "admin", "root@example.com"),
    ]
    assert len(loaded.rows["usage"]) == 3  # what the admin did is a call as well
    assert loaded.ignored == {"sign-in of a person": 2}


# Ids, long calls, logs.


def test_an_insert_id_counts_only_with_its_log_and_time(load):
    other = "projects/other/logs/cloudaudit.googleapis.com%2Factivity"
    records = [
        entry("storage.objects.get"),
        entry("storage.objects.get"),
        entry("storage.objects.get", logName=other),
        entry("storage.objects.get", timestamp="2026-07-01T10:00:01Z"),
    ]
    loaded = load(records)
    assert loaded.counts() == {"records": 4, "usage": 3, "duplicates": 1}
    assert sorted(row["tenant"] for row in loaded.rows["usage"]) == [PROJECT, PROJECT, "other"]


def test_the_last_entry_of_a_long_call_is_no_further_call(load):
    method = "v1.compute.instances.insert"
    loaded = load(
        [
            entry(method, operation={"id": "o", "first": True}),
            entry(method, operation={"id": "o", "last": True}, asked=[], insertId="i2"),
            entry(method, operation={"id": "p", "first": True, "last": True}, asked=[], insertId="i3"),
        ]
    )
    assert loaded.counts() == {"records": 3, "usage": 2, "ignored": 1}


def test_what_is_no_call_is_ignored(load):
    system = f"projects/{PROJECT}/logs/cloudaudit.googleapis.com%2Fsystem_event"
    loaded = load(
        [
            entry("a"),
            entry("b"),
            entry("c"),
            entry("compute.instances.preempted", logName=system),
            entry("google.login.LoginService.loginSuccess", "login.googleapis.com"),
            entry("google.identity.sts.SecurityTokenService.WebSignIn", "sts.googleapis.com"),
            entry("google.identity.oauth2.RevokeToken", "oauth2.googleapis.com"),
            {"insertId": "x", "timestamp": "2026-07-01T10:00:00Z", "textPayload": "hello"},
        ]
    )
    assert loaded.ignored == {
        "act of Google, no call": 1,
        "consent or its end in Google Workspace, no call: load its own log": 1,
        "sign-in of a person": 2,
        "log entry without an audit record": 1,
    }


def test_only_the_log_of_admin_activity_shows_an_absence(covered):
    def carried(log):
        return whole(covered([entry("a", logName=f"projects/p/logs/cloudaudit.googleapis.com%2F{log}")]))

    assert carried("activity") == ("revocation",), "issuance is logged for service accounts only"
    assert carried("data_access") == ()


def test_a_broken_record_is_rejected_with_its_reason(load):
    expected = {
        "timestamp is missing": entry("a", timestamp=None),
        "timestamp is no time": entry("a", timestamp="today"),
        "methodName is missing": entry("a", payload={"methodName": None}),
    }
    loaded = load([*expected.values(), *map(entry, "bcde")])
    assert [row["reason"] for row in loaded.rejected] == list(expected)


# Dialects and damage.


EVERY_KIND = [
    entry(
        "storage.objects.get",
        who={"principalEmail": ROBOT, "serviceAccountDelegationInfo": [{"principalSubject": "user:ada@x"}, {}]},
    ),
    iam(
        "CreateServiceAccountKey",
        f"projects/-/serviceAccounts/{ROBOT}",
        {"name": KEY_NAME, "valid_before_time": {"seconds": 1785578400}},
    ),
    iam("DeleteServiceAccountKey", f"projects/-/serviceAccounts/{ROBOT}/keys/{KEY}"),
    iam("DisableServiceAccount", f"projects/-/serviceAccounts/{ROBOT}"),
    minted(
        request={"scope": ["a", "b"], "lifetime": "600s"},
        metadata={"identityDelegationChain": ["projects/-/serviceAccounts/m@x"]},
    ),
    minted("SignJwt", status={"code": 7}),
    entry(
        "SetIamPolicy",
        payload={
            "serviceData": {
                "policyDelta": {
                    "bindingDeltas": [
                        {"action": "ADD", "role": "roles/owner", "member": "user:eve@x"},
                        {"action": "REMOVE", "role": "roles/viewer", "member": "user:eve@x"},
                    ]
                }
            }
        },
    ),
    entry("v1.compute.instances.stop", operation={"id": "o", "last": True}, asked=[]),
]


def as_panther(record):
    """Write an entry as Panther does: some names in lower case, `callerIP`, `at_sign_type`, times with a blank."""
    time = record["timestamp"].replace("T", " ").removesuffix("Z")
    payload = {name.replace("@", "at_sign_"): value for name, value in record["protoPayload"].items()}
    metadata = payload["requestMetadata"]
    payload["requestMetadata"] = {
        "callerIP": metadata["callerIp"],
        "callerSuppliedUserAgent": metadata["callerSuppliedUserAgent"],
    }
    rest = {name: value for name, value in record.items() if name not in ("insertId", "logName", "receiveTimestamp")}
    spelled = {
        "insertid": record["insertId"],
        "logname": record["logName"],
        "receivetimestamp": record["receiveTimestamp"].replace("T", " ").removesuffix("Z"),
    }
    return rest | spelled | {"timestamp": time, "protoPayload": payload, "p_log_type": "GCP.AuditLog"}


WRITTEN = {
    "Panther": as_panther,
    "Elastic": lambda record: {"event": {"original": json.dumps(record)}},
    "line": lambda record: {"message": json.dumps(record)},
}


@pytest.mark.parametrize("dialect", WRITTEN)
def test_a_dialect_gives_the_same_rows(load, dialect):
    plain, other = load(EVERY_KIND), load([WRITTEN[dialect](record) for record in EVERY_KIND])
    assert other.batch["loader"] == "gcp_audit"
    assert plain.counts() == other.counts()
    assert plain.ignored == other.ignored
    assert all(plain.rows.values())
    assert plain.rows == other.rows  # event ids too: the same event comes by two ways once
    mixed = [WRITTEN[dialect](record) if number % 2 else record for number, record in enumerate(EVERY_KIND)]
    assert load(mixed).counts() == plain.counts()


def test_an_address_is_read_where_nothing_else_is_spelled_by_panther(load):
    """Seen in records that Panther publishes: each in a file of its own lost the address that a file of all of them showed."""
    written = {"callerIP": "198.51.100.7", "callerSuppliedUserAgent": "curl/8"}
    called = load([entry("v1.compute.instances.stop", payload={"requestMetadata": written})])
    assert [row["ip"] for row in called.rows["usage"]] == ["198.51.100.7"]


@settings(max_examples=6)
@given(lists_of_damaged([*EVERY_KIND, *map(as_panther, EVERY_KIND)]))
def test_a_damaged_record_never_stops_a_load(load, records):
    assert_all_accounted_for(load, records, "gcp_audit")
