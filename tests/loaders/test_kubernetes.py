"""The Kubernetes audit loader against every real record, against a second reading in plain Python, and quirk by quirk."""

import json
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings

from grantlens import detect
from grantlens.store import Store
from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

ACCOUNT, JTI = "system:serviceaccount:shop:robot", "11111111-2222-4333-8444-555555555555"

EXPECTED = {
    "hori-k3s-audit.ndjson": ({"records": 4, "usage": 2, "ignored": 2}, {"earlier stage of a request": 2}, {}),
    # most test records of Panther tell no time at all
    "panther-eks-audit-token.ndjson": (
        {"records": 8, "issuance": 2, "usage": 2, "rejected": 6},
        {},
        dict.fromkeys(range(3, 9), "requestReceivedTimestamp is missing"),
    ),
    "panther-eks-audit-other.ndjson": (
        {"records": 16, "rejected": 16},
        {},
        dict.fromkeys(range(1, 17), "requestReceivedTimestamp is missing"),
    ),
}


def request(
    verb="get",
    resource="pods",
    code=200,
    user="ada@example.com",
    extra=None,
    time="2026-07-01T10:00:00.000001Z",
    **more,
):
    """Write one audit event."""
    reference = {"resource": resource, "namespace": "shop", "name": "thing", "apiVersion": "v1"} if resource else None
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"a-{verb}-{resource}",
        "stage": "ResponseComplete",
        "requestURI": f"/api/v1/namespaces/shop/{resource}/thing?limit=500",
        "verb": verb,
        "user": {
            "username": user,
            "uid": "u-1",
            "groups": ["system:authenticated"],
            **({"extra": extra} if extra else {}),
        },
        "sourceIPs": ["203.0.113.9", "198.51.100.7"],
        "userAgent": "kubectl/v1.32",
        "objectRef": {**(reference or {}), **more.pop("ref", {})} or None,
        "responseStatus": {"metadata": {}, "code": code},
        "requestReceivedTimestamp": time,
        "stageTimestamp": time[:-2] + "9Z",
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "RBAC: allowed"},
        **more,
    }


def credential(id=f"JTI={JTI}"):
    """Write what the API server says of the credential that was used."""
    pod = {"authentication.kubernetes.io/pod-name": ["robot-0"]}
    return {"authentication.kubernetes.io/credential-id": [id], **pod}


def token_request(code=201, annotation="authentication.kubernetes.io/issued-credential-id", **more):
    """Write the request for a token of the service account."""
    annotations = {"authorization.k8s.io/decision": "allow", annotation: f"JTI={JTI}"}
    asked = {"spec": {"audiences": ["https://kubernetes.default.svc"], "expirationSeconds": 3600}}
    got = {"status": {"token": "eyJSECRET.eyJSECRET.SECRET", "expirationTimestamp": "2026-07-01T11:00:00Z"}}
    said = {"annotations": annotations, "requestObject": asked, "responseObject": got}
    return request("create", "serviceaccounts", code, ref={"subresource": "token", "name": "robot"}, **{**said, **more})


# Every real record.


@pytest.fixture(scope="module")
def real(shared, load_file):
    """Return a function that gives what came of one real file, loaded once."""
    return cache(lambda name: load_file(shared / "real-logs/kubernetes" / name))


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_record_is_accounted_for(real, name):
    counts, ignored, rejected = EXPECTED[name]
    loaded = real(name)
    assert loaded.batch["loader"] == "kubernetes"
    assert (loaded.counts(), loaded.ignored) == (counts, ignored)
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == rejected


def test_every_real_file_is_expected_here(shared):
    assert {path.name for path in (shared / "real-logs/kubernetes").iterdir()} - {"PROVENANCE.txt"} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_real_requests_agree_with_a_reading_in_plain_python(shared, real, name):
    expected = []
    for number, line in enumerate((shared / "real-logs/kubernetes" / name).read_text().splitlines(), 1):
        record = json.loads(line)
        if record.get("stage") in ("RequestReceived", "ResponseStarted") or "requestReceivedTimestamp" not in record:
            continue
        reference, extra = record["objectRef"], record["user"].get("extra", {})
        jti = extra.get("authentication.kubernetes.io/credential-id", [None])[0]
        path = "/".join(
            filter(None, [reference.get("apiGroup", "core"), reference["resource"], reference.get("subresource")])
        )
        start, end = (
            datetime.fromisoformat(record[key].replace(" ", "T").rstrip("Z")[:26]).replace(tzinfo=UTC)
            for key in ("requestReceivedTimestamp", "stageTimestamp")
        )
        expected.append(
            (
                number,
                start,
                end,
                record["responseStatus"]["code"],
                jti and jti.removeprefix("JTI="),
                record["user"]["username"],
                f"{record['verb']} {path}",
            )
        )
    names = ("line_no", "used_at", "ended_at", "status", "token_id", "client_id", "operation")
    assert [tuple(row[name] for name in names) for row in real(name).rows["usage"]] == expected


def test_the_real_token_names_its_credential(shared, real):
    lines = (shared / "real-logs/kubernetes/panther-eks-audit-token.ndjson").read_text().splitlines()
    issued = [
        json.loads(line).get("annotations", {}).get("authentication.kubernetes.io/issued-credential-id")
        for line in lines
    ]
    rows = real("panther-eks-audit-token.ndjson").rows["issuance"]
    assert [row["token_id"] for row in rows] == [id and id.removeprefix("JTI=") for id in issued[:2]]
    assert {row["client_id"] for row in rows} == {"system:serviceaccount:kube-system:kube-proxy"}


def test_a_real_watch_lasts_for_minutes(real):
    first = real("hori-k3s-audit.ndjson").rows["usage"][0]
    assert 400 < (first["ended_at"] - first["used_at"]).total_seconds() < 410


# Tokens.


@pytest.mark.parametrize(
    "annotation", ["authentication.kubernetes.io/issued-credential-id", "authentication.k8s.io/issued-credential-id"]
)
def test_issue_and_use_join_on_the_id_of_the_credential(load, annotation):
    certificate = credential("X509SHA256=ab12")
    loaded = load(
        [
            token_request(annotation=annotation, extra=certificate, user="system:node:n1"),
            request(user=ACCOUNT, extra=credential()),
        ]
    )
    issued, used = loaded.one("issuance"), loaded.rows["usage"][1]
    assert issued["token_id"] == used["token_id"] == JTI
    assert issued["client_id"] == used["client_id"] == ACCOUNT
    assert (issued["kind"], issued["token_kind"], issued["subject_kind"]) == ("token", "access", "service")
    assert issued["parent_token_id"] == loaded.rows["usage"][0]["token_id"] == "X509SHA256=ab12"
    assert issued["actor_chain"] == ["system:node:n1"]
    assert issued["audience"] == ["https://kubernetes.default.svc"]
    assert issued["expires_at"] == datetime(2026, 7, 1, 11, tzinfo=UTC)


def test_who_asks_for_no_audience_gets_the_one_that_the_answer_tells(load):
    asked = {"kind": "TokenRequest", "spec": {"audiences": None, "expirationSeconds": 3607}}
    got = {
        "spec": {"audiences": ["https://kubernetes.default.svc.cluster.local"]},
        "status": {"token": "eyJSECRET.eyJSECRET.SECRET"},
    }
    row = load([token_request(requestObject=asked, responseObject=got)]).one("issuance")
    assert row["audience"] == ["https://kubernetes.default.svc.cluster.local"]
    assert "SECRET" not in str(row)


def test_the_token_itself_is_never_read(load):
    loaded = load([token_request()])
    assert "SECRET" not in json.dumps(loaded.rows, default=str)


@pytest.mark.parametrize("group", ["oauth.openshift.io", None])  # none in the oldest
@pytest.mark.parametrize("resource", ["oauthaccesstokens", "oauthauthorizetokens", "useroauthaccesstokens"])
def test_a_token_of_openshift_is_kept_by_its_hash_and_never_by_itself(load, resource, group):
    old, hashed = "old-token-" + "x" * 33, "sha256~" + "h" * 43
    place = {"apiGroup": group, "namespace": None}
    rows = load(
        [request("delete", resource, ref={**place, "name": name}, auditID=f"a-{len(name)}") for name in (old, hashed)]
    ).rows["usage"]
    assert [row["resource_id"] for row in rows] == [None, hashed]
    assert old not in str(rows)


def test_an_old_cluster_names_no_credential_and_no_expiry(load):
    row = load([token_request(annotations={}, requestObject=None, responseObject=None)]).one("issuance")
    assert (row["token_id"], row["expires_at"], row["audience"]) == (None, None, None)
    asked = {"spec": {"expirationSeconds": 600}}
    row = load([token_request(responseObject=None, requestObject=asked)]).one("issuance")
    assert row["expires_at"] == datetime(2026, 7, 1, 10, 10, 0, 1, tzinfo=UTC)


def test_a_pods_own_token_does_not_end_when_the_answer_says(load):
    """By 3607 seconds the API server knows it, and makes it for a year."""
    asked = {"spec": {"expirationSeconds": 3607, "boundObjectRef": {"kind": "Pod", "name": "robot-0"}}}
    assert load([token_request(requestObject=asked)]).one("issuance")["expires_at"] is None
    assert load([token_request(requestObject=asked, responseObject=None)]).one("issuance")["expires_at"] is None


def test_a_refused_token_is_no_token(load):
    reasons = [load([token_request(code)]).one("issuance")["denial_reason"] for code in (401, 403, 201)]
    assert reasons == ["token", "policy", None]
    loaded = load([token_request(403)])
    assert (loaded.one("issuance")["outcome"], loaded.one("issuance")["token_id"]) == ("denied", None)
    assert (loaded.one("usage")["outcome"], loaded.one("usage")["status"]) == ("denied", 403)


def test_use_after_the_account_was_deleted_is_found(tmp_path):
    records = [
        token_request(),
        request("delete", "serviceaccounts", ref={"name": "robot"}, time="2026-07-01T10:20:00.000001Z"),
        request(user=ACCOUNT, extra=credential(), time="2026-07-01T10:40:00.000001Z"),
    ]
    path = tmp_path / "audit.json"
    path.write_text(json.dumps({"kind": "EventList", "items": records}))
    with Store(":memory:") as store:
        store.load(path)
        (row,) = store.sql("SELECT * FROM revocation").to_pylist()
        assert (row["kind"], row["target_kind"], row["client_id"], row["initiator"]) == (
            "disable",
            "client",
            ACCOUNT,
            "admin",
        )
        (found,) = detect.run(store, ["REV-1"])
        assert [finding["token_id"] for finding in found.to_dicts()] == [JTI]


def test_a_deletion_that_failed_ends_nothing(load):
    assert (
        load([request("delete", "serviceaccounts", 404, ref={"name": "robot"})]).one("revocation")["outcome"] == "error"
    )


# Dry runs.


def test_a_dry_run_is_a_use_and_nothing_else(load):
    account = {"ref": {"name": "robot"}}
    dry = [
        binding(requestURI="/apis/x/rolebindings?fieldManager=kubectl-create&dryRun=All"),
        request("delete", "serviceaccounts", requestURI="/api/v1/x?dryRun=All&gracePeriodSeconds=0", **account),
        request("delete", "serviceaccounts", auditID="body", requestObject={"dryRun": ["All"]}, **account),
    ]
    assert load(dry).counts() == {"records": 3, "usage": 3}


def test_what_only_looks_like_a_dry_run_counts(load):
    account = {"ref": {"name": "robot"}}
    query = {"requestURI": "/api/v1/namespaces/shop/serviceaccounts/robot?dryRun=All"}
    loaded = load(
        [
            # the query of a deletion means nothing beside a body
            request("delete", "serviceaccounts", requestObject={"kind": "DeleteOptions"}, **account, **query),
            # a value that somebody wrote into another parameter
            request("delete", "serviceaccounts", auditID="2", requestURI="/x?fieldManager=dryRun=All", **account),
            request("delete", "serviceaccounts", auditID="3", requestURI=None, **account),
            # a body that names a field of deletions
            binding() | {"requestObject": binding()["requestObject"] | {"dryRun": ["All"]}},
        ]
    )
    assert loaded.counts() == {"records": 4, "issuance": 3, "usage": 4, "revocation": 3}


def test_a_token_is_issued_by_a_dry_run_too(load):
    path = "/api/v1/namespaces/shop/serviceaccounts/robot/token?dryRun=All"
    assert load([token_request(requestURI=path)]).one("issuance")["token_id"] == JTI


# Requests.


def test_the_operation_is_spelled_as_the_permission(load):
    cases = {
        "get core/pods": request(),
        "get core/pods/log": request(ref={"subresource": "log"}),
        "list apps/deployments": request("list", "deployments", ref={"apiGroup": "apps"}),
        "create rbac.authorization.k8s.io/clusterrolebindings": request(
            "create", "clusterrolebindings", 201, ref={"apiGroup": "rbac.authorization.k8s.io"}
        ),
        "get /healthz": request(resource=None, requestURI="/healthz?verbose"),
        "get /": request(resource=None, requestURI=None),
    }
    loaded = load([record | {"auditID": str(number)} for number, record in enumerate(cases.values())])
    assert [row["operation"] for row in loaded.rows["usage"]] == list(cases)
    assert loaded.rows["usage"][0]["resource_id"] == "shop/thing"


def test_an_impersonator_is_the_actor_and_the_impersonated_the_subject(load):
    row = load([request(impersonatedUser={"username": "boss@example.com", "groups": ["admins"]})]).one("usage")
    assert (row["client_id"], row["subject_id"], row["actor_chain"]) == (
        "ada@example.com",
        "boss@example.com",
        ["ada@example.com"],
    )
    plain = load([request()]).one("usage")
    assert (plain["subject_id"], plain["actor_chain"]) == (None, None)


@pytest.mark.parametrize(
    ("code", "more", "expected"),
    [
        (200, {}, ("success", None)),
        (304, {}, ("success", None)),
        (200.0, {}, ("success", None)),
        (401.0, {}, ("denied", "token")),
        (101, {}, ("success", None)),
        (401, {}, ("denied", "token")),
        (403, {"annotations": {"authorization.k8s.io/decision": "forbid"}}, ("denied", "scope")),
        (403, {"annotations": None}, ("denied", "scope")),
        (403, {}, ("denied", "policy")),
        (429, {}, ("error", None)),
        (404, {}, ("error", None)),
        (None, {"annotations": {"authorization.k8s.io/decision": "forbid"}}, ("denied", "scope")),
        (200, {"stage": "Panic"}, ("error", None)),
    ],
)
def test_what_a_code_means(load, code, more, expected):
    row = load([request(code=code, **more)]).one("usage")
    assert (row["outcome"], row["denial_reason"]) == expected


def test_one_stage_counts(load):
    stages = [request(stage=stage) for stage in ("RequestReceived", "ResponseStarted", "ResponseComplete")]
    loaded = load([*stages, request("list", stage="Panic"), request("watch", stage=None)])
    assert loaded.counts() == {"records": 5, "usage": 3, "ignored": 2}


def test_a_caller_cannot_hide_requests_behind_one_audit_id(load):
    later = request("delete", "secrets", auditID="a-get-pods", time="2026-07-01T10:00:05.000001Z")
    loaded = load([request(), request(), later])
    assert loaded.counts() == {"records": 3, "usage": 2, "duplicates": 1}
    assert {row["operation"] for row in loaded.rows["usage"]} == {"get core/pods", "delete core/secrets"}


def test_the_address_is_the_one_that_the_server_saw(load):
    assert load([request()]).one("usage")["ip"] == "198.51.100.7"
    assert load([request(sourceIPs=[])]).one("usage")["ip"] is None


def test_the_access_key_of_eks_names_the_credential(load):
    assert (
        load([request(extra={"accessKeyId": ["ASIAEXAMPLE"], "arn": ["x"]})]).one("usage")["token_id"] == "ASIAEXAMPLE"
    )


def binding(**more):
    """Write the creation of a binding, at level Request."""
    subjects = [
        {"kind": "ServiceAccount", "name": "robot"},
        {"kind": "User", "name": "eve@example.com"},
        {"kind": "Group", "name": "dev"},
    ]
    asked = {"roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}, "subjects": subjects}
    return request(
        resource="rolebindings",
        code=201,
        ref={"apiGroup": "rbac.authorization.k8s.io", "name": "b"},
        **{"verb": "create", "requestObject": asked, **more},
    )


def test_a_binding_is_a_change_for_each_of_its_subjects(load):
    loaded = load([binding(), request("create", "clusterrolebindings", 201)])
    rows = loaded.rows["issuance"]
    assert [(row["client_id"], row["subject_kind"], row["event_id"].partition("#")[2]) for row in rows] == [
        (ACCOUNT, "service", ""),
        ("eve@example.com", "user", "2"),
        ("group:dev", None, "3"),
    ]
    assert {(row["kind"], row["scopes"], row["consent_actor"]) for row in rows} == {("change", None, "ada@example.com")}
    details = {"role": "ClusterRole/cluster-admin", "binding": "rolebindings/b", "namespace": "shop"}
    assert json.loads(rows[0]["authorization_details"]) == details
    assert len(loaded.rows["usage"]) == 2  # without its subjects a binding is a request like any other


def test_a_binding_that_is_applied_is_a_change_too(load):
    eve = {"kind": "User", "name": "eve@example.com"}
    asked = {"roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}, "subjects": [eve]}
    operation = [{"op": "add", "path": "/subjects/-", "value": eve}]
    loaded = load(
        [
            binding(verb="patch", auditID="whole", requestObject=asked),
            binding(verb="patch", auditID="subjects", requestObject={"subjects": [eve]}),
            binding(verb="patch", auditID="operations", requestObject=operation),
        ]
    )
    rows = {row["event_id"].partition("|")[0]: row for row in loaded.rows["issuance"]}
    assert {(row["kind"], row["client_id"]) for row in rows.values()} == {("change", "eve@example.com")}
    roles = {name: json.loads(row["authorization_details"])["role"] for name, row in rows.items()}
    assert roles == {"whole": "ClusterRole/cluster-admin", "subjects": None}
    assert len(loaded.rows["usage"]) == 3


def test_a_broken_record_is_rejected_with_its_reason(load):
    expected = {
        "verb is missing": request(None),
        "requestReceivedTimestamp is missing": request(requestReceivedTimestamp=None, stageTimestamp=None),
        "requestReceivedTimestamp is no time": request(requestReceivedTimestamp="now"),
        "responseStatus.code is missing": request(code=None),
    }
    loaded = load([*expected.values(), *(request(auditID=str(number)) for number in range(3))])
    assert [row["reason"] for row in loaded.rejected] == list(expected)


# Dialects and damage.


EVERY_KIND = [
    request(extra=credential(), impersonatedUser={"username": "boss"}),
    token_request(extra=credential("X509SHA256=ab")),
    binding(),
    request("delete", "serviceaccounts", ref={"name": "robot"}),
    request("list", "secrets", 403, annotations={"authorization.k8s.io/decision": "forbid"}),
    request("watch", "services", stage="ResponseStarted"),
    request(resource=None, requestURI="/healthz"),
]


def as_panther(record):
    """Write times with a blank and add the collector's own fields."""
    times = {
        key: record[key].replace("T", " ").replace("Z", "000") for key in ("requestReceivedTimestamp", "stageTimestamp")
    }
    return record | times | {"p_log_type": "Amazon.EKS.Audit", "p_any_ip_addresses": ["198.51.100.7"]}


def as_table(record, held=lambda value: value):
    """Write the columns of Azure's table AKSAudit, in which an object may stand as text."""
    return {
        "TimeGenerated": record["stageTimestamp"],
        "AuditId": record["auditID"],
        "RequestUri": record["requestURI"],
        "RequestReceivedTime": record["requestReceivedTimestamp"],
        "StageReceivedTime": record["stageTimestamp"],
        "SourceIps": held(record["sourceIPs"]),
        "Type": "AKSAudit",
        **{name: record.get(name[0].lower() + name[1:]) for name in ("Level", "Stage", "Verb", "UserAgent")},
        **{
            name: held(record.get(name[0].lower() + name[1:]))
            for name in ("User", "ObjectRef", "RequestObject", "ResponseObject", "ResponseStatus", "Annotations")
        },
    }


def as_elastic(record):
    """Write the event as the fields that Elastic keeps of it, in which the names of annotations have no dots."""
    told = {name.replace(".", "_"): value for name, value in record.get("annotations", {}).items()}
    return {"@timestamp": record["stageTimestamp"], "kubernetes": {"audit": record | {"annotations": told}}}


WRITTEN = {
    "Panther": as_panther,
    "Elastic": lambda record: {"event": {"original": json.dumps(record)}},
    "CloudWatch": lambda record: {"timestamp": 1782900000000, "message": json.dumps(record)},
    "Azure": lambda record: {"category": "kube-audit", "resourceId": "/X/Y", "properties": {"log": json.dumps(record)}},
    "Azure, opened": lambda record: {"category": "kube-audit-admin", "properties": {"log": record, "stream": "stdout"}},
    "Elastic's fields": as_elastic,
    "container": lambda record: {"log": json.dumps(record) + "\n", "stream": "stdout"},
}


@pytest.mark.parametrize("dialect", WRITTEN)
def test_a_dialect_gives_the_same_rows(load, dialect):
    plain, other = load(EVERY_KIND), load([WRITTEN[dialect](record) for record in EVERY_KIND])
    assert other.batch["loader"] == "kubernetes"
    assert plain.counts() == other.counts()
    assert plain.ignored == other.ignored
    assert all(plain.rows.values())
    assert plain.rows == other.rows
    mixed = [WRITTEN[dialect](record) if number % 2 else record for number, record in enumerate(EVERY_KIND)]
    assert load(mixed).counts() == plain.counts()


def subscribed(messages, kind="DATA_MESSAGE"):
    """Write a page as a subscription of CloudWatch Logs gives it."""
    stream = {"owner": "111122223333", "logGroup": "/aws/eks/acme/cluster", "logStream": "kube-apiserver-audit-1"}
    events = [{"id": str(n), "timestamp": 1782900000000, "message": text} for n, text in enumerate(messages)]
    return json.dumps({"messageType": kind, **stream, "subscriptionFilters": ["all"], "logEvents": events})


def unplaced(loaded):
    """Return the rows without their lines, in one order."""
    return {log: sorted(repr(row | {"line_no": None}) for row in rows) for log, rows in loaded.rows.items()}


@pytest.mark.parametrize("between", ["", "\n"], ids=["as Firehose delivers them", "a line each"])
def test_pages_of_a_subscription_give_the_same_rows(load, between):
    texts = [json.dumps(record) for record in EVERY_KIND]
    plain, other = load(EVERY_KIND), load(between.join([subscribed(texts[:3]), subscribed(texts[3:])]))
    assert other.batch["loader"] == "kubernetes"
    assert (plain.counts(), plain.ignored) == (other.counts(), other.ignored)
    # records of a page on one line are all of that line
    assert unplaced(plain) == unplaced(other)
    checked = subscribed(["CWL CONTROL MESSAGE: Checking health of destination Firehose."], "CONTROL_MESSAGE")
    assert len(load(checked + between + subscribed(texts)).rejected) == len(plain.rejected) + 1


@pytest.mark.parametrize("held", [lambda value: value, json.dumps])
def test_a_table_of_azure_gives_the_same_rows_but_for_whom_was_impersonated(load, held):
    told = [{key: value for key, value in record.items() if key != "impersonatedUser"} for record in EVERY_KIND]
    plain, other = load(told), load([as_table(record, held) for record in told])
    assert other.batch["loader"] == "kubernetes"
    assert plain.counts() == other.counts()
    assert plain.rows == other.rows


def test_a_body_that_the_table_left_out_takes_nothing_else_with_it(load):
    row = load([as_table(token_request()) | {"RequestObject": "skipped-too-big-size-object"}]).one("issuance")
    assert (row["token_id"], row["client_id"]) == (JTI, ACCOUNT)


@settings(max_examples=6)
@given(lists_of_damaged([*EVERY_KIND, *map(as_panther, EVERY_KIND)]))
def test_a_damaged_record_never_stops_a_load(load, records):
    assert_all_accounted_for(load, records, "kubernetes")
