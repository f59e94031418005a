"""AWS CloudTrail: what Elastic makes of an event, brought back to what AWS wrote.

The integration `aws` and Filebeat's module of that name leave it in `aws.cloudtrail`, under the same names with `_`; empty values are gone. What
was asked and answered is there as AWS wrote it (`flattened`), unless it is longer than 32,766 characters. The name of a user and that of a role
whose session calls stand in one place. Whom a session of the Identity Center or of AWS Sign-In acts for is lost.
"""

from collections.abc import Mapping
from typing import Any

from grantlens.loaders.elastic import at, happened_at, in_camel_case, taken_from

_OUTSIDE = {
    "eventID": ("event", "id"),
    "eventSource": ("event", "provider"),
    "eventName": ("event", "action"),
    "sourceIPAddress": ("source", "address"),
    "userAgent": ("user_agent", "original"),
}
"""Where the pipeline puts a field."""


def taken_apart(record: Mapping) -> Mapping | None:
    """Return what Elastic's pipeline made of an event, None if this is none of its documents."""
    kept = taken_from(record, "aws", "cloudtrail")
    return kept if isinstance(at(kept, "user_identity"), Mapping) and "@timestamp" in record else None


def as_written(record: Mapping, kept: Mapping) -> Mapping:
    """Return the record as its provider wrote it, as far as it is read.

    Examples
    --------
    >>> as_written({"event": {"action": "GetUser"}}, {"user_identity": {"type": "Root"}})["eventName"]
    'GetUser'
    """
    flattened = kept.get("flattened")
    return {
        **in_camel_case({name: value for name, value in kept.items() if name != "flattened"}),
        **{name: at(record, *path) for name, path in _OUTSIDE.items()},
        "eventTime": happened_at(record),
        "userIdentity": _identity(record, kept.get("user_identity")),
        "requestParameters": at(flattened, "request_parameters"),
        "responseElements": at(flattened, "response_elements"),
        "additionalEventData": at(flattened, "additional_eventdata"),
        "resources": _resources(kept.get("resources")),
    }


def _identity(record: Mapping, kept: Any) -> Mapping | None:
    """Return who called. Of a session the only name is that of its role."""
    if not isinstance(kept, Mapping):
        return None
    identity: dict[str, Any] = in_camel_case(kept)
    context = identity.get("sessionContext")
    if isinstance(context, dict):
        context["attributes"] = {"creationDate": context.get("creationDate")}
    outside = {
        "principalId": at(record, "user", "id"),
        "accountId": at(record, "cloud", "account", "id"),
        "userName": at(record, "user", "name") if at(context, "sessionIssuer") is None else None,
    }
    return outside | identity


def _resources(kept: Any) -> Any:
    if not isinstance(kept, list):
        return None
    return [{"ARN": each.get("arn"), "accountId": each.get("account_id")} for each in kept if isinstance(each, Mapping)]
