"""Rows of BigQuery: of the table `activity` that Google Workspace writes there, and of those that a sink of Cloud Logging fills.

- **Workspace**: `record_type` names the application, and what stands in the structure of that name are the event's parameters. How those of `admin`
  are called was seen nowhere: its rows have no event, and are rejected. No row tells the customer or the qualifier of its activity.
- **Cloud Logging**: the audit record is `protopayload_auditlog`, in which request, response and metadata are text.

BigQuery writes large numbers as text, an empty list where there is none, and times with a blank and `UTC`.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

_PAYLOAD = "protopayload_auditlog"
_TEXTS = {"requestJson": "request", "responseJson": "response", "metadataJson": "metadata"}
_TIMES = ("timestamp", "receiveTimestamp")


def is_of_bigquery(record: Mapping) -> bool:
    """Tell a row of either table."""
    return _is_activity(record) or isinstance(record.get(_PAYLOAD), Mapping)


def of_bigquery(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a row.

    Examples
    --------
    >>> of_bigquery({"time_usec": "1782900000250000", "record_type": "token", "event_name": "revoke", "token": {"client_id": "a"}})["events"]
    [{'name': 'revoke', 'parameters': [{'name': 'client_id', 'value': 'a'}]}]
    >>> of_bigquery({"timestamp": "2026-07-01 10:00:00 UTC", "protopayload_auditlog": {"requestJson": '{"name": "a"}'}})
    {'timestamp': '2026-07-01 10:00:00Z', 'protoPayload': {'request': {'name': 'a'}}}
    """
    return _activity(row) if _is_activity(row) else _entry(row)


def _is_activity(record: Mapping) -> bool:
    return {"time_usec", "record_type", "event_name"} <= record.keys()


def _activity(row: Mapping[str, Any]) -> dict[str, Any]:
    application = row["record_type"]
    given = row.get(application) if isinstance(application, str) else None
    parameters = (
        [_parameter(str(name), value) for name, value in given.items() if value not in (None, "", [])]
        if isinstance(given, Mapping)
        else []
    )
    return {
        "id": {"time": _time(row["time_usec"]), "applicationName": application, "uniqueQualifier": None},
        "actor": {"email": row.get("email")},
        "ipAddress": row.get("ip_address"),
        "events": [] if application == "admin" else [{"name": row["event_name"], "parameters": parameters}],
    }


def _parameter(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, list):
        return {"name": name, "value": value}
    if all(isinstance(each, Mapping) for each in value):
        messages = [{"parameter": [{"name": inner, "value": part} for inner, part in each.items()]} for each in value]
        return {"name": name, "multiMessageValue": messages}
    return {"name": name, "multiValue": value}


def _time(value: Any) -> Any:
    """Return the time of a number of microseconds, to the millisecond, as the API has it."""
    with suppress(ValueError, OverflowError, TypeError):
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(value) // 1000)
        return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    return value


def _entry(row: Mapping[str, Any]) -> dict[str, Any]:
    given = row[_PAYLOAD]
    payload = {
        name: value for name, value in given.items() if name not in _TEXTS and not name.startswith("servicedata_")
    }
    for column, name in _TEXTS.items():
        if isinstance(text := given.get(column), str):
            with suppress(ValueError, RecursionError):
                payload[name] = json.loads(text)
    if isinstance(policy := given.get("servicedata_v1_iam"), Mapping):
        payload["serviceData"] = policy
    entry = {name: value for name, value in row.items() if name != _PAYLOAD}
    for name in _TIMES:
        if isinstance(time := entry.get(name), str):
            entry[name] = time.removesuffix(" UTC") + "Z" if time.endswith(" UTC") else time
    return {**entry, "protoPayload": payload}
