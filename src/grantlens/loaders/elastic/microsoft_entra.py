"""Entra: what Elastic's integration makes of a record of Azure's diagnostic settings, brought back to the envelope and what was in it.

The integration `azure` leaves it in `azure`, by the name of the stream, under the same names with `_`. Addresses, calls and people stand where the
Elastic Common Schema has them. The times of calls are cut to milliseconds, which is all that is lost of what is read.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from grantlens.loaders.elastic import at, happened_at, in_camel_case, taken_from

_RENAMED = {"activity_datetime": "activityDateTime", "created_at": "createdDateTime", "c_sid": "c_Sid"}
"""Names that are not those of Azure with `_`."""

_OF_CALLS = {
    "requestId": ("http", "request", "id"),
    "requestMethod": ("http", "request", "method"),
    "requestUri": ("url", "original"),
    "responseStatusCode": ("http", "response", "status_code"),
    "responseSizeBytes": ("http", "response", "bytes"),
    "userAgent": ("user_agent", "original"),
    "userId": ("user", "id"),
}
_OUTSIDE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "signinlogs": {"userAgent": ("user_agent", "original")},
    "auditlogs": {"result": ("event", "outcome")},
    "graphactivitylogs": _OF_CALLS,
    "aadgraphactivitylogs": _OF_CALLS,
}
"""The streams that are read, and where the pipeline of each puts a field."""


def taken_apart(record: Mapping) -> Mapping | None:
    """Return what Elastic's pipeline made of a record, None if this is none of its documents."""
    for stream in _OUTSIDE:
        kept = taken_from(record, "azure", stream)
        if isinstance(at(kept, "properties"), Mapping):
            return kept
    return None


def as_written(record: Mapping, stream: Mapping) -> Mapping:
    """Return the record as its provider wrote it, as far as it is read.

    Examples
    --------
    >>> stream = {"category": "SignInLogs", "properties": {"app_id": "a"}}
    >>> as_written({"azure": {"tenant_id": "t", "signinlogs": stream}}, stream)["properties"]["appId"]
    'a'
    """
    paths = next(paths for name, paths in _OUTSIDE.items() if at(record, "azure", name) is stream)
    outside = {name: at(record, *path) for name, path in paths.items()}
    times = {"createdDateTime": happened_at(record), "timeGenerated": happened_at(record)}
    properties = times | outside | dict(_properties(stream["properties"]))
    return {
        **{name: inner for name, inner in in_camel_case(stream).items() if name != "properties"},
        "properties": properties,
        "tenantId": at(record, "azure", "tenant_id"),
        "resourceId": at(record, "azure", "resource", "id"),
        "callerIpAddress": at(record, "source", "ip") or at(record, "source", "address"),
    }


def _properties(properties: Mapping) -> Iterator[tuple[str, Any]]:
    for name, value in properties.items():
        if name == "authentication_processing_details":
            value = _pairs(value)
        elif name == "target_resources":
            value = [
                target | {"modified_properties": _listed(target.get("modified_properties"))}
                for target in _listed(value)
            ]
        elif name in ("roles", "scopes") and isinstance(value, list):
            value = " ".join(map(str, value))
        ((spelled, inner),) = in_camel_case({name: value}).items()
        yield _RENAMED.get(name, spelled), inner


def _pairs(value: Any) -> Any:
    """Return details that stand by their names as the list of names and values that they were."""
    return [{"key": key, "value": text} for key, text in value.items()] if isinstance(value, Mapping) else value


def _listed(value: Any) -> list:
    """Return what stands by its number as the list that it was."""
    inner = [*value.values()] if isinstance(value, Mapping) else value
    return [each for each in inner if isinstance(each, Mapping)] if isinstance(inner, list) else []
