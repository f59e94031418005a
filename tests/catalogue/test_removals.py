"""The list of calls that remove logs, as each provider's log writes them."""

import json

import pytest

from grantlens import detect
from grantlens.catalogue.removals import CHANGES, DELETES, REMOVALS, STOPS, TIDIES
from grantlens.store import Store
from tests.loaders import test_auth0 as auth0
from tests.loaders import test_cloudflare as cloudflare
from tests.loaders import test_hashicorp_vault as vault
from tests.loaders import test_okta as okta

AT = "2026-07-01T10:00:00Z"


def of_aws(server, call, id):
    arn = "arn:aws:iam::123456789012:user/ben"
    return {
        "eventVersion": "1.08",
        "userIdentity": {"type": "IAMUser", "arn": arn, "accountId": "123456789012", "accessKeyId": "AKIA1"},
        "eventTime": AT,
        "eventSource": server,
        "eventName": call.partition(":")[2],
        "eventID": id,
        "eventType": "AwsApiCall",
        "recipientAccountId": "123456789012",
    }


def of_google(server, call, id):
    payload = {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "serviceName": server,
        "methodName": call,
        "authenticationInfo": {"principalEmail": "ben@example.com"},
        "authorizationInfo": [{"permission": "logging.write", "granted": True}],
        "resourceName": "projects/one/things/two",
    }
    log = "projects/one/logs/cloudaudit.googleapis.com%2Factivity"
    return {"insertId": id, "timestamp": AT, "logName": log, "protoPayload": payload}


def of_kubernetes(_, call, id):
    verb, _, kind = call.partition(" ")
    group, _, resource = kind.partition("/")
    place = {"resource": resource, "namespace": "shop"} | ({} if group == "core" else {"apiGroup": group})
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "auditID": id,
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/shop/events",
        "verb": verb,
        "user": {"username": "ben"},
        "objectRef": place,
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": AT,
        "stageTimestamp": AT,
    }


def of_microsoft(server, call, id):
    return {
        "Id": id,
        "CreationTime": AT,
        "Operation": call,
        "OrganizationId": "11111111-2222-3333-4444-555555555555",
        "RecordType": 1,
        "ResultStatus": "True",
        "UserId": "ben@example.com",
        "Workload": server,
        "AppId": "fb78d390-0c51-40cd-8e17-fdbfab77341b",
    }


def of_github(_, call, id):
    record = {
        "@timestamp": 1782900000000,
        "_document_id": id,
        "actor": "ben",
        "actor_id": 7,
        "hashed_token": "aGFzaA==",
    }
    method, _, route = call.partition(" ")
    if not route:
        return record | {"action": call}
    return record | {"action": "api.request", "request_method": method, "route": route, "status_code": 204}


def of_salesforce(_, call, id):
    method, _, path = filled(call).partition(" ")
    return {
        "EVENT_TYPE": "RestApi",
        "TIMESTAMP_DERIVED": AT,
        "USER_ID": "005aB0000000Cde",
        "METHOD": method,
        "URI": path,
        "STATUS_CODE": "204",
        "CONNECTED_APP_NAME": "Drift",
    }


def filled(call):
    """Return a call with parts in the place of those that a template leaves open."""
    for part, value in {"{version}": "v61.0", "{accounts_or_zones}": "accounts"}.items():
        call = call.replace(part, value)
    return "/".join("lst_1" if part.startswith("{") else part for part in call.split("/"))


LOGGED = {
    "aws_cloudtrail": of_aws,
    "gcp_audit": of_google,
    "kubernetes": of_kubernetes,
    "microsoft_365": of_microsoft,
    "github": of_github,
    "salesforce": of_salesforce,
    "okta": lambda _, call, id: okta.event(call, actor=okta.person(), transaction=okta.called_with("00T1"), uuid=id),
    "auth0": lambda _, call, id: auth0.call(*filled(call).lower().split(" "), status=204, id=id),
    "cloudflare": lambda _, call, id: cloudflare.version2(*filled(call).split(" "), id=id),
    "hashicorp_vault": lambda _, call, id: vault.response(filled(call).split(" ")[1], "delete", id=id),
}
"""How the log of each provider writes a call of the list, as an event of this id; Salesforce gives events none."""


@pytest.mark.parametrize("loader", LOGGED)
def test_each_call_of_the_list_is_found_as_its_provider_logs_it(tmp_path, loader):
    wanted = {
        (each.server, call, does) for each in REMOVALS if each.loader == loader for call, does in each.calls.items()
    }
    log = tmp_path / "log.ndjson"
    records = [LOGGED[loader](server, call, f"e{number}") for number, (server, call, _) in enumerate(sorted(wanted))]
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as store:
        report = store.load(log)
        assert (report.failed, report.total("rejected"), report.total("usage")) == ([], 0, len(wanted))
        rows = detect.run(store, ["INT-7"])[0].to_dicts()
    assert {row["source"] for row in rows} == {loader}
    found = {(row["resource_server"], row["operation"], row["detail"]["does"]) for row in rows}
    assert wanted
    assert found == wanted


def test_the_list_names_each_call_once_and_where_it_is_told():
    calls = [(each.server, call) for each in REMOVALS for call in each.calls]
    assert len(calls) == len(set(calls))
    assert {each.loader for each in REMOVALS} == LOGGED.keys()
    assert {does for each in REMOVALS for does in each.calls.values()} == {STOPS, DELETES, CHANGES, TIDIES}
    assert all(each.page.startswith("https://") for each in REMOVALS)
    assert not any(character in call for _, call in calls for character in "'\\^$*+?()[]|")


def test_a_log_in_which_no_such_call_is_known_is_told_so():
    from grantlens.conclusion.conclusion import conclude, source_of
    from grantlens.rules import find

    def said(name):
        return conclude(find("INT-7"), source_of(name)).sentence

    assert said("slack") == "Says nothing: no call is known that removes logs."
    assert said("salesforce") == "Gives verdicts: what was lost by it."
