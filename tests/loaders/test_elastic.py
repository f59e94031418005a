"""Records that an integration of Elastic took apart give the rows of the originals: each pipeline is written here anew, in plain Python."""

import gzip
import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantlens.loaders import loaders
from tests.loaders import (
    test_auth0,
    test_aws_cloudtrail,
    test_box,
    test_cloudflare,
    test_gitlab,
    test_google_workspace,
    test_microsoft_entra,
    test_okta,
    test_onepassword,
    test_ping_one,
    test_salesforce,
    test_slack,
    test_snyk,
)
from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged


def without_empty(value):
    """Drop what holds nothing, however deep."""
    if isinstance(value, dict):
        kept = {name: without_empty(inner) for name, inner in value.items()}
        return {name: inner for name, inner in kept.items() if inner not in (None, "", {}, [])}
    if isinstance(value, list):
        return [inner for inner in map(without_empty, value) if inner not in (None, "", {}, [])]
    return value


def snake(name):
    """Write a name as Elastic does."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def snaked(record, *names):
    """Take these fields of a record, under the names of Elastic."""
    return {snake(name): record[name] for name in names if name in record}


def okta(record, flattened=True):
    """Do what the pipelines of `okta.system` do, of both its ways to keep debug data: fields of its README (version 2.12)."""
    event = without_empty(record)
    client, debug = event.get("client", {}), event.get("debugContext", {}).get("debugData", {})
    moved = ("requestUri", "requestId", "deviceFingerprint", "threatSuspected", "url", "dtHash")
    moved += () if flattened else ("requestedScopes", "grantedScopes", "grantType", "clientSecret")
    kept = {"flattened": debug} if flattened else {name: value for name, value in debug.items() if name not in moved}
    detail = event.get("transaction", {}).get("detail", {})
    made = {
        **snaked(event, "uuid", "eventType", "displayMessage", "severity", "version"),
        "actor": snaked(event.get("actor", {}), "id", "type", "alternateId", "displayName"),
        "client": {
            **snaked(client, "id", "zone", "device"),
            "ip": client.get("ipAddress"),
            "user_agent": snaked(client.get("userAgent", {}), "browser", "os", "rawUserAgent"),
        },
        "outcome": snaked(event.get("outcome", {}), "reason", "result"),
        "target": [
            {
                **{name: value for name, value in target.items() if name not in ("alternateId", "displayName")},
                **snaked(target, "alternateId", "displayName"),
            }
            for target in event.get("target", [])
        ],
        "transaction": {
            **snaked(event.get("transaction", {}), "id", "type"),
            "detail": snaked(detail, "requestApiTokenId"),
        },
        "debug_context": {"debug_data": {**kept, **snaked(debug, *moved)}},
        "authentication_context": snaked(
            event.get("authenticationContext", {}), "externalSessionId", "authenticationStep"
        ),
        "request": {"ip_chain": event.get("request", {}).get("ipChain")},
    }
    return without_empty(
        {
            "@timestamp": event["published"],
            "ecs": {"version": "8.11.0"},
            "event": {"dataset": "okta.system", "id": event.get("uuid"), "action": event.get("eventType")},
            "okta": made,
        }
    )


STREAMS = {
    "AuditLogs": "auditlogs",
    "MicrosoftGraphActivityLogs": "graphactivitylogs",
    "AzureADGraphActivityLogs": "aadgraphactivitylogs",
}


def to_milliseconds(time):
    """Cut a time as Elastic does."""
    return re.sub(r"([.]\d{3})\d*(Z|[+]00:00)$", r"\1Z", time)


def entra(record):
    """Do what the pipelines of the integration `azure` do: they write every name anew, and some fields elsewhere (version 1.28 and later)."""
    properties = {snake(name): value for name, value in record["properties"].items()}
    event, outside = {"action": record.get("operationName")}, {}
    if record["category"] == "AuditLogs":
        properties["activity_datetime"] = properties.pop("activity_date_time")
        if str(properties.get("result")).lower() in ("success", "failure"):
            event["outcome"] = properties.pop("result").lower()
        properties["target_resources"] = {
            str(number): {
                **snaked(each, "id", "displayName", "type", "userPrincipalName"),
                "modified_properties": {
                    str(nth): without_empty(snaked(one, "displayName", "oldValue", "newValue"))
                    for nth, one in enumerate(each["modifiedProperties"])
                },
            }
            for number, each in enumerate(properties.pop("target_resources"))
        }
    elif record["category"] in STREAMS:
        properties["time_generated"] = to_milliseconds(properties["time_generated"])
        for name in ("scopes", "roles"):
            properties[name] = (properties[name] or "").split()
        http = {"request": {"method": properties.pop("request_method", None) or properties.pop("http_method", None)}}
        http["request"]["id"] = properties.pop("request_id")
        http["response"] = {
            "bytes": properties.pop("response_size_bytes", None),
            "status_code": properties.pop("response_status_code", None) or properties.pop("http_status_code", None),
        }
        if "issued_at" in properties:  # of Azure AD Graph: US text, which the pipeline parses
            month, day, year, hour, minute, second, half = re.split(r"[/ :]", properties.pop("issued_at"))
            hour = int(hour) % 12 + 12 * (half == "PM")
            properties["token_issued_at"] = f"{year}-{month:0>2}-{day:0>2}T{hour:02}:{minute}:{second}.000Z"
        outside = {
            "http": http,
            "url": {"original": properties.pop("request_uri")},
            "user": {"id": properties.pop("user_id", None)},
        }
    else:
        properties["created_at"] = properties.pop("created_date_time")
        properties["status"] = snaked(properties["status"], "errorCode")
        details = properties.pop("authentication_processing_details", [])
        properties["authentication_processing_details"] = {each["key"]: each["value"] for each in details}
    if "user_agent" in properties:
        outside["user_agent"] = {"original": properties.pop("user_agent")}
    address = (
        record.get("callerIpAddress") or properties.pop("caller_ip_address", None) or properties.pop("ip_address", None)
    )
    properties.pop("ip_address", None)
    stream = STREAMS.get(record["category"], "signinlogs")
    kept = {"category": record["category"], "properties": properties, **snaked(record, "operationName", "resultType")}
    return without_empty(
        {
            "@timestamp": to_milliseconds(record.get("time") or properties["time_generated"]),
            "event": event,
            "source": {"ip": address},
            "azure": {
                "tenant_id": record.get("tenantId") or properties.pop("tenant_id", None),
                "resource": {"id": record.get("resourceId")},
                stream: kept,
            },
            **outside,
        }
    )


def aws(record):
    """Do what the pipeline of `aws.cloudtrail` does (version 2.33)."""
    event = without_empty(record)
    who = event.get("userIdentity", {})
    context = who.get("sessionContext", {})
    issuer = context.get("sessionIssuer", {})
    flattened = {
        "request_parameters": event.get("requestParameters"),
        "response_elements": event.get("responseElements"),
        "additional_eventdata": event.get("additionalEventData"),
    }
    kept = {
        **snaked(
            event,
            "eventType",
            "eventVersion",
            "eventCategory",
            "errorCode",
            "errorMessage",
            "recipientAccountId",
            "readOnly",
        ),
        "flattened": flattened,
        **{name: str(value) for name, value in flattened.items() if value},
        "user_identity": {
            **snaked(who, "type", "arn", "accessKeyId", "invokedBy"),
            "session_context": {
                "creation_date": re.sub("Z$", ".000Z", context.get("attributes", {}).get("creationDate", "")),
                "session_issuer": snaked(issuer, "type", "principalId", "arn", "accountId"),
            },
        },
        "resources": [
            {"arn": each.get("ARN"), "account_id": each.get("accountId"), "type": each.get("type")}
            for each in event.get("resources", [])
        ],
    }
    return without_empty(
        {
            "@timestamp": re.sub("Z$", ".000Z", event["eventTime"]),
            "event": {
                "id": event.get("eventID"),
                "provider": event.get("eventSource"),
                "action": event.get("eventName"),
            },
            "cloud": {"account": {"id": who.get("accountId")}, "region": event.get("awsRegion")},
            "user": {"id": who.get("principalId"), "name": issuer.get("userName") or who.get("userName")},
            "source": {"address": event.get("sourceIPAddress")},
            "user_agent": {"original": event.get("userAgent")},
            "aws": {"cloudtrail": kept},
        }
    )


def workspace(record):
    """Do what the pipeline of `google_workspace.token` does (version 2.15)."""
    event = record["events"][0] if isinstance(record["events"], list) else record["events"]

    def plain(each):
        if "multiMessageValue" in each:
            return [
                {inner["name"]: plain(inner) for inner in message["parameter"]} for message in each["multiMessageValue"]
            ]
        return next(each[kind] for kind in ("value", "multiValue", "intValue") if kind in each)

    token = {each["name"]: plain(each) for each in event["parameters"]}
    for outer, renamed in {
        "client": {"id": "client_id", "type": "client_type"},
        "scope": {"value": "scope", "data": "scope_data"},
    }.items():
        token |= {outer: {inner: token.pop(name) for inner, name in renamed.items() if name in token}}
    if "num_response_bytes" in token:
        token["num_response_bytes"] = int(token["num_response_bytes"])
    return without_empty(
        {
            "@timestamp": re.sub(r"(:\d\d)Z$", r"\1.000Z", record["id"]["time"]),
            "event": {
                "action": event["name"],
                "provider": record["id"]["applicationName"],
                "id": str(record["id"]["uniqueQualifier"]),
            },
            "organization": {"id": record["id"]["customerId"]},
            "source": {"ip": record.get("ipAddress"), "user": {"email": record["actor"].get("email")}},
            "user": {"email": record["actor"].get("email")},
            "google_workspace": {"token": token, "actor": {"type": record["actor"].get("callerType")}},
        }
    )


def slack(record):
    """Do what the pipeline of `slack.audit` does: of the details it keeps a few that tell of anomalies."""
    entity, context = dict(record["entity"]), record["context"]
    kind = entity.pop("type")
    return without_empty(
        {
            "@timestamp": datetime.fromtimestamp(record["date_create"], UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "ecs": {"version": "8.11.0"},
            "event": {"action": record["action"], "id": record.get("id"), "kind": "event", "type": ["info"]},
            "user": {
                "id": record["actor"]["user"]["id"],
                "full_name": record["actor"]["user"]["name"],
                "email": record["actor"]["user"].get("email"),
            },
            "user_agent": {"original": context.get("ua")},
            "source": {"address": context.get("ip_address"), "ip": context.get("ip_address")},
            "slack": {
                "audit": {
                    "entity": {**next(iter(entity.values()), {}), "entity_type": kind},
                    "context": {**context.get("location", {}), "session_id": str(context.get("session_id", ""))},
                    "details": {"reason": record.get("details", {}).get("reason")},
                }
            },
        }
    )


def ping_one(record, twice=False):
    """Do what the pipeline of `ping_one.audit` does; `twice` keeps what the Elastic Common Schema has a name for."""
    event = json.loads(json.dumps(record))
    actors, result = event.get("actors", {}), event["result"]
    outcome = {"SUCCESS": "success", "FAILURE": "failure"}.get(result["status"])
    document = {
        "@timestamp": event["recordedAt"],
        "ecs": {"version": "8.11.0"},
        "event": {"action": event["action"]["type"].lower(), "id": event["id"], "outcome": outcome},
        "client": {"user": {name: actors.get("client", {}).get(name) for name in ("id", "name")}},
        "user": {name: actors.get("user", {}).get(name) for name in ("id", "name")},
    }
    kept = {
        **snaked(event, "id", "createdAt", "recordedAt", "action", "actors", "resources", "result"),
        "correlation": {"id": event.get("correlationId")},
    }
    if not twice:
        for held, names in (
            (kept, ("id", "recorded_at")),
            (kept["action"], ("type",)),
            (result, ("status",)),
            *((actor, ("id", "name")) for actor in actors.values()),
            *((each, ("href",)) for each in event["resources"]),
        ):
            for name in names:
                held.pop(name, None)
    return without_empty(document | {"ping_one": {"audit": kept}})


MEANINGS = {
    "s": "Successful login",
    "f": "Failed login",
    "fu": "Invalid email or username",
    "fp": "Incorrect password",
    "seacft": "Successful exchange of Authorization Code for Access Token",
    "sertft": "Successful exchange of Refresh Token for Access Token",
    "ferrt": "Failed exchange of Rotating Refresh Token",
    "srrt": "Successfully revoked a Refresh Token",
    "sdu": "User successfully deleted",
    "slo": "User successfully logged out",
    "sapi": "Successful Management API operation",
    "mgmt_api_read": "API GET operation returning secrets completed successfully",
}


def auth0(record, kept=None):
    """Do what the pipeline of `auth0.logs` does: the code is told in words, of late also `kept` beside them, at first not at all."""
    data = dict(record.get("data", record))
    code = data["type"]
    data |= {"type": code if kept == "alone" else MEANINGS.get(code, code), "type_id": kept and code}
    moved = {name: data.pop(name, None) for name in ("log_id", "ip", "user_id", "user_name", "user_agent", "_id")}
    email = moved["user_name"] if "@" in (moved["user_name"] or "") else None
    return without_empty(
        {
            "@timestamp": data["date"],
            "ecs": {"version": "8.11.0"},
            "event": {"id": moved["log_id"], "kind": "event"},
            "source": {"ip": moved["ip"]},
            "user": {
                "id": moved["user_id"],
                "name": email.split("@")[0] if kept == "beside" and email else moved["user_name"],
                "email": email if kept == "beside" else None,
            },
            "user_agent": {"original": moved["user_agent"]},
            "auth0": {"logs": {"data": data}},
        }
    )


def onepassword(record, located=True):
    """Do what the pipelines of `1password` do; without an address they fail before they read the time, and leave it."""
    kept = without_empty(json.loads(json.dumps(record)))
    action = kept.pop("action", None) or kept.pop("category", None)
    session = kept.get("session", {})
    address = session.pop("ip", None) if located else None
    who = kept.get("actor_details", {})
    document = {
        "@timestamp": kept.pop("timestamp") if located else "2026-07-02T00:00:00.000Z",
        "ecs": {"version": "8.11.0"},
        "event": {"action": action, "kind": "event" if located else "pipeline_error"},
        "user": {
            "id": kept.pop("actor_uuid", None),
            "full_name": who.pop("name", None),
            "email": who.pop("email", None),
        },
        "source": {"ip": address},
    }
    return without_empty({**document, "onepassword": kept})


def gitlab(record):
    """Do what the pipelines of `gitlab.audit` and `gitlab.api` do: of the former every name with dots is taken apart."""
    kept, time = dict(record), record["time"]
    if "route" in kept:
        kept.pop("time")
        moved = {
            name: kept.pop(name, None) for name in ("status", "method", "path", "host", "user_id", "username", "ua")
        }
        return without_empty(
            {
                "@timestamp": time,
                "ecs": {"version": "8.11.0"},
                "event": {"category": ["api"], "type": ["info"]},
                "http": {
                    "request": {"method": moved["method"]},
                    "response": {"status_code": moved["status"]},
                },
                "url": {"path": moved["path"], "domain": moved["host"]},
                "user": {"id": str(moved["user_id"] or ""), "name": moved["username"]},
                "user_agent": {"original": moved["ua"]},
                "source": {"ip": [kept.pop("remote_ip", None)]},
                "gitlab": {"api": kept},
            }
        )
    kept.pop("time")
    meta = {name.removeprefix("meta."): kept.pop(name) for name in list(kept) if name.startswith("meta.")}
    address = meta.pop("remote_ip", None)
    return without_empty(
        {
            "@timestamp": kept.get("created_at", time).replace("+00:00", "Z"),
            "ecs": {"version": "8.11.0"},
            "event": {"id": kept.pop("correlation_id", None)},
            "client": {"ip": address, "address": address},
            "user": {"id": str(kept.pop("author_id")), "name": kept.pop("author_name")},
            "gitlab": {"audit": {**kept, "meta": meta}},
        }
    )


def snyk(record, stream="audit_logs"):
    """Do what the pipelines of `snyk.audit_logs` and, before it, `snyk.audit` do."""
    kept = dict(record)
    group, time, action = kept.pop("groupId", None), kept.pop("created"), kept.pop("event")
    kept["org_id"] = kept.pop("orgId", None) or kept.get("org_id")
    who = kept.get("user_id") if stream == "audit_logs" else kept.pop("userId", None)
    return without_empty(
        {
            "@timestamp": time,
            "ecs": {"version": "8.11.0"},
            "event": {"action": action},
            "organization": {"id": kept["org_id"]},
            "user": {"id": who, "group": {"id": group}},
            "snyk": {stream: kept},
        }
    )


def cloudflare(record, twice=False):
    """Do what the pipeline of `cloudflare.audit` does, before and since it can keep `twice` what the Elastic Common Schema has a name for."""
    action, actor = record["action"], record["actor"]
    outcome = "success" if action["result"] else "failure"
    kept = {
        "actor": {**actor} if twice else {"type": actor["type"]},
        **{name: record[name] for name in ("metadata", "owner", "resource")},
    }
    if twice:
        kept |= {"action": {"type": action["type"], "result": outcome}, "id": record["id"], "timestamp": record["when"]}
    return without_empty(
        {
            "@timestamp": record["when"],
            "ecs": {"version": "8.11.0"},
            "cloud": {"provider": "cloudflare", "account": {"id": "acc-1"}},
            "event": {"action": action["type"].lower(), "outcome": outcome, "id": record["id"]},
            "user": {"id": actor["id"], "email": actor.get("email")},
            "source": {"address": actor.get("ip"), "ip": actor.get("ip")},
            "cloudflare": {"audit": kept},
        }
    )


def box(record, failed=False):
    """Do what the pipeline of `box_events.events` does; it takes the time as one of the first half of the day, and may fail early."""
    kept = without_empty(json.loads(json.dumps(record)))
    if failed:
        kept["session"] = {"id": kept.pop("session_id")}
        del kept["type"]
        return {"@timestamp": "2026-07-02T00:00:00Z", "ecs": {}, "event": {"kind": "pipeline_error"}, "box": kept}
    source = kept.get("source", {})
    kind, name = source.pop("type", None), source.pop("name", None)
    kept.pop("type", None)
    return without_empty(
        {
            "@timestamp": "2026-07-01T00:00:00.000Z",
            "ecs": {"version": "8.11.0"},
            "event": {"kind": "event", "action": kept.pop("event_type"), "id": kept.pop("event_id", None)},
            "client": {"ip": kept.pop("ip_address", None)},
            "file": {"type": kind, "directory" if kind == "folder" else "name": name},
            "box": {**kept, "session": {"id": kept.pop("session_id", None)}},
        }
    )


def salesforce(record):
    """Do what the pipeline of `salesforce.setupaudittrail` does."""
    return without_empty(
        {
            "@timestamp": record["CreatedDate"].replace("+0000", "Z"),
            "ecs": {"version": "8.11.0"},
            "event": {"action": record["Action"], "id": record["Id"], "kind": "event"},
            "user": {"id": record["CreatedById"]},
            "salesforce": {"setup_audit_trail": snaked(record, "CreatedById", "Display", "Section", "DelegateUser")},
        }
    )


ENTRA = [
    test_microsoft_entra.sign_in(),
    test_microsoft_entra.sign_in("ServicePrincipalSignInLogs", number=2, userId=None, scope_info=""),
    test_microsoft_entra.sign_in(number=3, status={"errorCode": 65001}, authenticationProcessingDetails=None),
    test_microsoft_entra.delegated(None, "Mail.Read"),
    test_microsoft_entra.keys([], [test_microsoft_entra.key("k1")], number=2),
    test_microsoft_entra.delegated("Mail.Read", None, removal=True, number=3),
    test_microsoft_entra.delegated("Mail.Read", None, removal=True, number=4, result="failure"),
    test_microsoft_entra.call(timeGenerated="2026-07-01T10:05:00.765Z"),
    test_microsoft_entra.call(
        number=2, userId="", scopes="", roles="User.Read.All", timeGenerated="2026-07-01T10:05:00.765Z"
    ),
]

WORKSPACE = [
    test_google_workspace.activity(test_google_workspace.authorize("a", "b", scope_data=["a", "c"]), qualifier="1"),
    test_google_workspace.activity(test_google_workspace.call(), qualifier="2"),
    test_google_workspace.activity(test_google_workspace.revoke(), qualifier="3"),
]
AWS = test_aws_cloudtrail.EVERY_KIND
WORKSPACE_OF_SLACK = {"type": "workspace", "workspace": {"id": "T1", "name": "Acme"}}
SLACK = [
    test_slack.event(action, number=number, entity=entity)
    for number, (action, entity) in enumerate(
        {
            "app_installed": test_slack.app(),
            "org_app_installed": test_slack.app(scopes=None),
            "app_resources_granted": test_slack.app(),
            "app_uninstalled": test_slack.app(),
            "app_deleted": test_slack.app(),
            "app_token_preserved": test_slack.app(),
            "app_restricted": test_slack.app(),
            "app_approved": test_slack.app(),
            "app_scopes_expanded": WORKSPACE_OF_SLACK,
            "user_deactivated": test_slack.person(),
            "user_session_invalidated": test_slack.person("U1"),
            "bulk_session_reset_by_admin": WORKSPACE_OF_SLACK,
            "mcp_slack_read_channel_tool_called": test_slack.app(),
            "user_login": test_slack.person(),
        }.items()
    )
]
PING_ONE = [
    *test_ping_one.EVERY_KIND,
    test_ping_one.grant("deleted", id="8", status="FAILURE"),
    test_ping_one.event("USER.ACCESS_DENIED", test_ping_one.thing("USER", "u"), id="9"),
    test_ping_one.event("FLOW.UPDATED", test_ping_one.thing("FLOW", "f"), id="10", actors={}),
]

ONEPASSWORD = [
    test_onepassword.audit(action, kind, number=number)
    for number, (action, kind) in enumerate(
        (
            ("create", "satoken"),
            ("trevoke", "satoken"),
            ("create", "sa"),
            ("suspend", "sa"),
            ("suspend", "user"),
            ("reactive", "user"),
            ("update", "group"),
        )
    )
]
GITLAB = [
    *(
        {name: value for name, value in test_gitlab.as_line(record).items() if name != written}
        for written in ("created_at", "nothing")
        for record in test_gitlab.EVERY_KIND
    ),
    test_gitlab.call(),
    test_gitlab.call(id="2", status=401, token=None),
]
SNYK = [
    test_snyk.event(f"{place}.{what}", content, at=f"2026-07-01T10:00:0{number}.250Z")
    for place in ("org", "group")
    for number, (what, content) in enumerate(
        (
            ("service_account.create", test_snyk.ACCOUNT),
            ("service_account.edit", test_snyk.ACCOUNT),
            ("service_account.delete", test_snyk.ACCOUNT),
            ("user.remove", {"userPublicId": "u-2", "email": "bob@example.com"}),
            ("user.add", {"userPublicId": "u-2", "email": "bob@example.com"}),
            ("user.leave", {}),
            ("project.add", {}),
        )
    )
]
SNYK.append(test_snyk.event("api.access", {"url": "/rest/orgs/1", "method": "get"}))
SNYK.append({"event": "api.access", "created": "2026-07-02T10:00:00.250Z", "user_id": "u-1", "org_id": "o-1"})
CLOUDFLARE = [
    *test_cloudflare.EVERY_KIND,
    test_cloudflare.event(
        "token_revoke", id="8", result=False, token_name="ci", token_tag="t", new_token_status="deleted"
    ),
]
BOX = [
    test_box.event(kind, details, number=number, source=source, session_id="s-1")
    for number, (kind, details, source) in enumerate(
        (
            ("USER_AUTHENTICATE_OAUTH2_ACCESS_TOKEN_CREATE", test_box.SERVICE, None),
            ("DOWNLOAD", json.dumps(test_box.SERVICE), {"item_id": "99", "item_type": "file"}),
            ("PREVIEW", test_box.SERVICE, {"id": "98", "type": "folder", "name": "plans"}),
            ("ACCESS_GRANTED", None, None),
            ("ACCESS_REVOKED", None, None),
            ("APPLICATION_PUBLIC_KEY_ADDED", test_box.SERVICE, {"id": "key-1", "type": "key"}),
            ("APPLICATION_PUBLIC_KEY_ADDED", None, {"type": "application", "name": "Nightly", "api_key": "client-1"}),
            ("APPLICATION_PUBLIC_KEY_DELETED", test_box.SERVICE, {"id": "key-1", "type": "key"}),
            ("DELETE_USER", None, {"id": "8", "type": "user", "name": "Bob"}),
            ("OAUTH2_ACCESS_TOKEN_REVOKE", test_box.SERVICE, None),
            ("REMOVE_LOGIN_ACTIVITY_DEVICE", test_box.SERVICE, None),
            ("LOGIN", test_box.SERVICE, None),
            ("COPY", None, {"id": "98", "type": "folder", "name": "plans"}),
        )
    )
]
SALESFORCE = [
    test_salesforce.setup(action, display, number=number)
    for number, (action, display) in enumerate(
        {
            "insertConnectedApplication": "Installed Connected App My App to Salesforce",
            "changeOauthDefaultScope": "Changed connected app My App scopes from null to full, refresh_token",
            "unblockConnectedApplication": "Unblocked Connected App My App to Salesforce",
            "blockConnectedApplication": "Blocked Connected App My App",
            "deleteConnectedApplication": "Uninstalled Connected App My App",
            "deactivateduser": "Deactivated user Bo (UserID: [005aB0000000Xyz])",
            "frozeuser": "Froze user Bo",
        }.items()
    )
]
MADE = {
    "salesforce": (SALESFORCE, (salesforce,)),
    "box": (BOX, (box, lambda record: box(record, failed=True))),
    "cloudflare": (CLOUDFLARE, (cloudflare, lambda record: cloudflare(record, twice=True))),
    "snyk": (SNYK, (snyk, lambda record: snyk(record, stream="audit"))),
    "gitlab": (GITLAB, (gitlab,)),
    "onepassword": (ONEPASSWORD, (onepassword, lambda record: onepassword(record, located=False))),
    "auth0": (
        test_auth0.EVERY_KIND,
        (auth0, lambda record: auth0(record, kept="beside"), lambda record: auth0(record, kept="alone")),
    ),
    "aws_cloudtrail": (AWS, (aws,)),
    "google_workspace": (WORKSPACE, (workspace,)),
    "microsoft_entra": (ENTRA, (entra,)),
    "okta": (test_okta.EVERY_KIND, (okta, lambda record: okta(record, flattened=False))),
    "ping_one": (PING_ONE, (ping_one, lambda record: ping_one(record, twice=True))),
    "slack": (SLACK, (slack,)),
}
"""Records of each loader's tests, and what Elastic's pipelines make of one."""
WITHOUT_USE = {"cloudflare", "onepassword", "salesforce"}
"""Whose log has no calls, or not in the records that an integration knows."""
CASES = [
    pytest.param(loader, number, id=f"{loader}-{number}")
    for loader, (_, ways) in MADE.items()
    for number, _ in enumerate(ways)
]
REAL = {
    "salesforce": ("elastic-setupaudittrail.json",),
    "cloudflare": ("elastic-audit.ndjson",),
    "gitlab": ("elastic-audit.ndjson",),
    "auth0": tuple(test_auth0.EXPECTED),
    "aws_cloudtrail": tuple(test_aws_cloudtrail.EXPECTED),
    "google_workspace": ("elastic-token-authorize.ndjson", "reports-api-token-activity.json"),
    "microsoft_entra": (
        *(name for name in test_microsoft_entra.SIGN_INS if name.startswith("elastic")),
        *test_microsoft_entra.CALLS,
        "elastic-audit-sample.ndjson",
    ),
    "okta": ("elastic-system-log.ndjson", "tenzir-system-log.ndjson"),
    "ping_one": ("elastic-audit.ndjson",),
    "slack": ("elastic-audit.ndjson", "grove-audit-page.json", "panther-audit-apps.ndjson"),
}


def without_what_is_lost(loader, record):
    """Leave out what a pipeline drops, and the rows therefore lack."""
    if loader == "okta":
        record["transaction"]["detail"].pop("requestApiTokenClientId", None)
    if loader == "microsoft_entra" and "timeGenerated" in record["properties"]:
        record["properties"]["timeGenerated"] = to_milliseconds(record["properties"]["timeGenerated"])
    if loader == "aws_cloudtrail":
        identity = record.get("userIdentity", {})
        for held, name in (
            (identity, "credentialId"),
            (identity, "onBehalfOf"),
            (identity.get("sessionContext", {}), "sourceIdentity"),
        ):
            held.pop(name, None)
    if loader == "cloudflare":
        record["action"].pop("info", None)
    if loader == "slack":
        record.get("details", {}).pop("new_scopes", None)
        record.pop("p_parse_time", None)
        if isinstance(record.get("date_create", ""), str):  # of another collector; the pipeline reads seconds
            written = datetime.fromisoformat(record.get("date_create", "2026-07-01"))
            record["date_create"] = int(written.replace(tzinfo=UTC).timestamp())
    return record


def told(loaded):
    """Return what the records told; an id that is made of the whole record, where it has none of its own, is left out."""
    for row in (row for rows in loaded.rows.values() for row in rows):
        if row["event_id"].startswith("md5:"):
            del row["event_id"]
        if row["source"] == "gitlab":  # when an event was written down is lost
            del row["received_at"]
    return loaded.batch["loader"], loaded.rows, loaded.ignored, loaded.rejected


@pytest.mark.parametrize(("loader", "way"), CASES)
def test_made_records(load, loader, way):
    records, ways = MADE[loader]
    original = load(records)
    assert all(rows for log, rows in original.rows.items() if log != "usage" or loader not in WITHOUT_USE)
    assert told(load([ways[way](record) for record in records])) == told(original)


@pytest.mark.parametrize(("loader", "way"), CASES)
def test_hits_of_a_search(load, loader, way):
    records, ways = MADE[loader]
    hits = [{"_index": "logs", "_source": ways[way](record)} for record in records]
    assert told(load(hits))[1:] == told(load(records))[1:]


@pytest.mark.parametrize(("loader", "way"), CASES)
def test_a_file_of_documents_carries_the_logs_that_one_of_originals_does(loader, way):
    records, ways = MADE[loader]
    dialect = loaders()[loader].dialect
    for record in records:
        assert dialect([ways[way](record)]).carries == dialect([record]).carries


@pytest.mark.parametrize("loader", MADE)
def test_an_original_that_was_kept_is_what_is_read(load, loader):
    records, (way, *_) = MADE[loader]
    kept = [way(record) for record in records]
    for document, record in zip(kept[::2], records[::2], strict=True):
        document["event"]["original"] = json.dumps(record)
    assert told(load(kept)) == told(load(records))


@pytest.mark.parametrize(("loader", "name"), [(loader, name) for loader, names in REAL.items() for name in names])
def test_real_records(shared, load, loader, name):
    text = (shared / "real-logs" / loader / name).read_text()
    pages = [json.loads(text)] if name.endswith(".json") else map(json.loads, text.splitlines())
    records = [
        without_what_is_lost(loader, record)
        for page in pages
        for record in page.get("items") or page.get("entries") or [page]
    ]
    for way in MADE[loader][1]:
        assert told(load([way(record) for record in records])) == told(load(records))


def test_the_delivered_pages_of_a_real_trail(shared, load):
    pages = sorted((shared / "real-logs" / "aws_cloudtrail" / "invictus").rglob("*.json.gz"))
    records = [record for page in pages for record in json.loads(gzip.decompress(page.read_bytes()))["Records"]]
    assert len(records) > 1000
    records = [without_what_is_lost("aws_cloudtrail", record) for record in records]
    assert told(load(list(map(aws, records)))) == told(load(records))


@pytest.mark.parametrize(
    "loader",
    [
        "aws_cloudtrail",
        "cloudflare",
        "gitlab",
        "google_workspace",
        "okta",
        "onepassword",
        "ping_one",
        "salesforce",
        "slack",
        "snyk",
    ],
)
def test_a_document_on_which_a_pipeline_failed_is_not_dated_by_its_arrival(load, loader):
    records, (way, *_) = MADE[loader]
    documents = [way(record) | {"error": {"message": "unable to parse date"}} for record in records]
    rows = [row for rows in load(documents, loader=loader).rows.values() for row in rows]
    assert all("created_at" in records[row["line_no"] - 1] for row in rows)


@pytest.mark.parametrize(("name", "record"), [("created_at", ENTRA[0]), ("time_generated", ENTRA[-1])])
def test_a_document_of_entra_is_dated_by_its_own_time_or_its_streams_unless_the_pipeline_failed(load, name, record):
    document = entra(record)
    stream = next(inner for inner in document["azure"].values() if "properties" in inner)
    del stream["properties"][name]
    loaded = load([document, document | {"error": {"message": "unable to parse date"}}], loader="microsoft_entra")
    assert [row["line_no"] for rows in loaded.rows.values() for row in rows] == [1]
    assert [row["line_no"] for row in loaded.rejected] == [2]


def test_a_time_that_was_taken_for_milliseconds_is_none(load):
    loaded = load(
        [cloudflare(record) | {"@timestamp": "1970-01-21T15:08:40.000Z"} for record in CLOUDFLARE], loader="cloudflare"
    )
    assert not any(loaded.rows.values())
    assert {row["reason"] for row in loaded.rejected} == {"when is missing"}


@pytest.mark.parametrize("loader", MADE)
@settings(max_examples=6)
@given(data=st.data())
def test_a_damaged_document_never_stops_a_load(load, loader, data):
    records, ways = MADE[loader]
    documents = [way(record) for way in ways for record in records]
    assert_all_accounted_for(load, data.draw(lists_of_damaged(documents)), loader)


@pytest.mark.parametrize("loader", MADE)
def test_a_document_that_nests_too_deeply_is_one_record(load, loader):
    records, (way, *_) = MADE[loader]
    first, *others = [json.dumps(way(record)) for record in records]
    deep = first.replace(': {"', ': {"deep": ' + "[" * 700 + "]" * 700 + ', "')
    loaded = load("\n".join([deep, *others]), loader=loader)
    assert loaded.counts()["records"] == len(records)
    assert {row["line_no"] for row in loaded.rejected} <= {1}
