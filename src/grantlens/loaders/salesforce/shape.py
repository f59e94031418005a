"""How a record of Salesforce is written, and of which stream it is."""

import re
from collections.abc import Mapping

FIELDS = """{
    "EVENT_TYPE": "VARCHAR", "TIMESTAMP": "VARCHAR", "TIMESTAMP_DERIVED": "VARCHAR", "REQUEST_ID": "VARCHAR",
    "USER_ID": "VARCHAR", "USER_ID_DERIVED": "VARCHAR", "USER_NAME": "VARCHAR",
    "SESSION_KEY": "VARCHAR", "LOGIN_KEY": "VARCHAR", "LOGIN_STATUS": "VARCHAR", "USER_INITIATED_LOGOUT": "VARCHAR", "APP_TYPE": "VARCHAR",
    "LOGIN_TYPE": "VARCHAR", "LOGIN_SUB_TYPE": "VARCHAR",
    "URI": "VARCHAR", "METHOD": "VARCHAR", "HTTP_METHOD": "VARCHAR", "METHOD_NAME": "VARCHAR", "API_RESOURCE": "VARCHAR",
    "OPERATION_TYPE": "VARCHAR", "ENTITY_NAME": "VARCHAR", "ENTITY_TYPE": "VARCHAR", "JOB_ID": "VARCHAR",
    "BATCH_ID": "VARCHAR", "STATUS_CODE": "VARCHAR", "REQUEST_STATUS": "VARCHAR", "SUCCESS": "VARCHAR",
    "JOB_STATUS": "VARCHAR", "EXCEPTION_MESSAGE": "VARCHAR", "RUN_TIME": "VARCHAR", "CPU_TIME": "VARCHAR", "RESPONSE_SIZE": "VARCHAR",
    "API_CLIENT_CATEGORY": "VARCHAR", "BOT_IDENTIFIER": "VARCHAR", "CONNECTED_APP_ID": "VARCHAR", "CONNECTED_APP_NAME": "VARCHAR", "CLIENT_NAME": "VARCHAR",
    "CLIENT_IP": "VARCHAR", "SOURCE_IP": "VARCHAR", "BROWSER_TYPE": "VARCHAR", "USER_AGENT": "VARCHAR",
    "attributes": {"type": "VARCHAR"},
    "EventIdentifier": "VARCHAR", "EventDate": "VARCHAR", "LoginTime": "VARCHAR", "CreatedDate": "VARCHAR", "LoginType": "VARCHAR", "LoginSubType": "VARCHAR",
    "Application": "VARCHAR", "LoginKey": "VARCHAR", "SessionKey": "VARCHAR", "Status": "VARCHAR",
    "SessionLevel": "VARCHAR", "Operation": "VARCHAR", "ApiType": "VARCHAR", "QueriedEntities": "VARCHAR",
    "RecordId": "VARCHAR", "Score": "VARCHAR", "DelegatedUsername": "VARCHAR", "FileAction": "VARCHAR",
    "Query": "VARCHAR", "EvaluationTime": "VARCHAR", "RequestUri": "VARCHAR", "VerificationMethod": "VARCHAR",
    "ConnectedAppId": "VARCHAR", "UserAgent": "VARCHAR", "PolicyOutcome": "VARCHAR",
    "UserId": "VARCHAR", "Username": "VARCHAR", "SourceIp": "VARCHAR", "Browser": "VARCHAR",
    "Id": "VARCHAR", "Action": "VARCHAR", "CreatedById": "VARCHAR", "DelegateUser": "VARCHAR", "Display": "VARCHAR", "EventType": "VARCHAR"
}"""

# DuckDB finds a field of a structure in whatever case it is asked for, but parses names only as they are written.
LOWER_FIELDS = re.sub('"[A-Z_]+": ', lambda name: name.group().lower(), FIELDS)

NOT_A_LOGOUT = (
    "LoginType", "Operation", "ApiType", "QueriedEntities", "RecordId", "Score", "DelegatedUsername", "FileAction", "Query",
    "EvaluationTime", "RequestUri", "VerificationMethod",
)  # fmt: skip
"""What other events of the stream have: a logout has no type and nothing but its session."""


def is_lower(record: Mapping) -> bool:
    """Tell a log file's event whose names a collector wrote in lower case."""
    return isinstance(record.get("event_type"), str) and "timestamp_derived" in record


def is_delivered(record: Mapping) -> bool:
    """Tell an event as the Streaming API delivers it: a channel, and the event as the payload of its data."""
    data = record.get("data")
    payload = data.get("payload") if isinstance(data, Mapping) else None
    return isinstance(record.get("channel"), str) and isinstance(payload, Mapping)


def is_row(record: Mapping) -> bool:
    """Tell a row of Microsoft's table of the stream."""
    return isinstance(record.get("EventType"), str) and "EventIdentifier" in record


def delivered(record: Mapping) -> Mapping:
    """Return the event, of the type that its channel or its table names, or the record as it is."""
    if is_row(record):
        return {"attributes": {"type": record["EventType"]}, **record}
    if not is_delivered(record):
        return record
    return {"attributes": {"type": record["channel"].removeprefix("/event/")}, **record["data"]["payload"]}


def named_type(record: Mapping) -> str | None:
    """Return the object that an answer of the API names."""
    attributes = record.get("attributes")
    named = attributes.get("type") if isinstance(attributes, Mapping) else None
    return named if isinstance(named, str) else None


def kind(record: Mapping) -> str | None:
    """Tell the stream of a record: the type of a log file's event, `LoginEvent`, `SetupAuditTrail`, `EventLogFile`."""
    if is_lower(record):
        return str(record["event_type"])
    record = delivered(record)
    if isinstance(record.get("EVENT_TYPE"), str) and {"TIMESTAMP", "TIMESTAMP_DERIVED"} & record.keys():
        return record["EVENT_TYPE"]
    named = named_type(record)
    if "EventIdentifier" in record and "EventDate" in record:
        if named is not None:
            return named.removesuffix("Stream")
        logout = "SessionLevel" in record and not set(NOT_A_LOGOUT) & record.keys()
        return "LoginEvent" if "LoginType" in record else "LogoutEvent" if logout else "event"
    if {"Action", "CreatedById", "Section"} <= record.keys():
        return "SetupAuditTrail"
    if {"LoginTime", "LoginType"} <= record.keys() and {"UserId", "SourceIp"} & record.keys():
        return "LoginHistory"
    return named if named in ("EventLogFile", "SetupAuditTrail", "LoginHistory") else None
