"""Logs that name no tenant, and a user who says whose they are."""

import json
from collections import Counter

import pytest

import grantlens as gl
from grantlens.errors import LoadError
from grantlens.loaders import Settings

WORKER = "system:serviceaccount:shop:worker"


def request(number, moment):
    """Return a request that a service account made of the API of its cluster."""
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"0000000{number}-0000-4000-8000-000000000000",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/shop/pods",
        "verb": "list",
        "user": {"username": WORKER, "groups": ["system:serviceaccounts", "system:authenticated"]},
        "sourceIPs": ["192.0.2.7"],
        "objectRef": {"resource": "pods", "namespace": "shop", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": f"2026-07-01T{moment}.000000Z",
        "stageTimestamp": f"2026-07-01T{moment}.100000Z",
        "annotations": {"authorization.k8s.io/decision": "allow"},
    }


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture
def clusters(tmp_path):
    """Return the logs of two clusters, whose service accounts and audit ids are the same."""
    one = write(tmp_path / "eu.ndjson", request(1, "10:00:00"), request(2, "11:00:00"))
    return one, write(tmp_path / "us.ndjson", request(1, "10:00:00"), request(3, "12:00:00"))


def told(tenant):
    return Settings(tenant=tenant)


def test_two_clusters_are_told_apart(clusters):
    with gl.open(":memory:") as store:
        for path, tenant in zip(clusters, ("eu", "us"), strict=True):
            (batch,) = store.load(path, settings=told(tenant)).batches
            assert (batch["usage"], batch["duplicates"]) == (2, 0)
            assert batch["note"] == f'where it names no tenant, it is of "{tenant}"'
        calls = store.sql(
            "SELECT tenant, client_id, count(*) AS calls FROM usage GROUP BY ALL ORDER BY ALL"
        ).to_pylist()
        assert calls == [{"tenant": tenant, "client_id": WORKER, "calls": 2} for tenant in ("eu", "us")]
        found = gl.detect.run(store, "GOV-1", since="2026-07-01", until="2026-07-02", now="2026-07-02")[0]
        assert sorted(found.table["tenant"].to_pylist()) == ["eu", "us"]


def test_without_a_name_the_same_request_is_one(clusters):
    with gl.open(":memory:") as store:
        batches = store.load(*clusters).batches
        assert sum(batch["duplicates"] for batch in batches) == 1
        assert store.sql("SELECT DISTINCT tenant FROM usage").to_pylist() == [{"tenant": None}]


@pytest.mark.parametrize("log", ["issuance", "usage", "revocation"])
def test_a_record_that_names_its_tenant_keeps_it(tmp_path, log):
    moment = {"issuance": "issued_at", "usage": "used_at", "revocation": "revoked_at"}[log]
    kind = {"issuance": {"kind": "token"}, "usage": {}, "revocation": {"kind": "revoke", "target_kind": "client"}}[log]
    common = {"log": log, moment: "2026-07-01T10:00:00Z", "outcome": "success", "client_id": "app", **kind}
    path = write(tmp_path / "log.ndjson", common | {"event_id": "a", "tenant": "acme"}, common | {"event_id": "b"})
    with gl.open(":memory:") as store:
        store.load(path, settings=told("labs"))
        rows = store.sql(f"SELECT event_id, tenant FROM {log} ORDER BY event_id").to_pylist()
        assert rows == [{"event_id": "a", "tenant": "acme"}, {"event_id": "b", "tenant": "labs"}]
        covered = store.sql(
            f"SELECT tenant FROM coverage WHERE log = '{log}' AND NOT is_gap ORDER BY tenant"
        ).to_pylist()
        assert covered == [{"tenant": "acme"}, {"tenant": "labs"}]


def test_a_grant_that_no_log_names_is_that_of_its_tenant(tmp_path):
    consent = {
        "log": "issuance",
        "issued_at": "2026-07-01T10:00:00Z",
        "kind": "consent",
        "outcome": "success",
        "client_id": "app",
        "subject_id": "jo",
    }
    with gl.open(":memory:") as store:
        for tenant in ("eu", "us"):
            path = write(tmp_path / f"{tenant}.ndjson", consent | {"client_name": f"App {tenant}"})
            store.load(path, settings=told(tenant))
        held = gl.grants(store, since="2026-07-01", until="2026-07-02", now="2026-07-02")
        assert sorted(row["tenant"] for row in held) == ["eu", "us"]


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (
            None,
            "eu",
            "; it was read as logs of no tenant: to read it as logs of eu, take it out first (grantlens unload)",
        ),
        (
            "us; x",
            "eu",
            "; it was read as logs of us; x: to read it as logs of eu, take it out first (grantlens unload)",
        ),
        ("eu", "eu", ""),
        ("eu", None, ""),
    ],
)
def test_a_file_is_of_one_tenant_until_it_is_taken_out(clusters, before, now, said):
    path = clusters[0]
    with gl.open(":memory:") as store:
        store.load(path, settings=told(before))
        (batch,) = store.load(path, settings=told(now)).batches
        assert batch["note"] == f"already loaded as {path}: nothing was changed{said}"
        assert store.sql("SELECT DISTINCT tenant FROM usage").to_pylist() == [{"tenant": before}]


@pytest.mark.parametrize("name", ["", "  "])
def test_a_tenant_has_a_name(name):
    with pytest.raises(LoadError, match="The tenant has no name"):
        told(name)


def test_all_rows_of_real_logs_get_a_tenant_and_nothing_else_changes(shared):
    every = Settings(time_zone="UTC", unverified=True)
    counted = []
    for settings in (every, Settings(time_zone="UTC", unverified=True, tenant="labs")):
        with gl.open(":memory:") as store:
            store.load(shared / "real-logs", settings=settings)
            rows = Counter()
            for log in ("issuance", "usage", "revocation"):
                for source, tenant, client, subject, event in store.engine.rows(
                    f"SELECT source, coalesce(tenant, 'labs'), client_id, subject_id, event_id FROM {log}"
                ):
                    rows[log, source, tenant, client, subject, event] += 1
            counted.append(rows)
    assert counted[0] == counted[1]
    assert len({source for _, source, *_ in counted[0]}) > 20
