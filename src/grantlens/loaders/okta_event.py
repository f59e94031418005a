"""Okta: how its events are told, what is read of them, and what collectors and event hooks put around them."""

import json
from collections.abc import Iterator, Mapping

from grantlens.loaders.collected import OPENED, opened

EVENT = """{
    "uuid": "VARCHAR", "published": "VARCHAR", "p_parse_time": "VARCHAR",
    "eventType": "VARCHAR", "legacyEventType": "VARCHAR",
    "outcome": {"result": "VARCHAR", "reason": "VARCHAR"},
    "actor": {"id": "VARCHAR", "type": "VARCHAR", "alternateId": "VARCHAR", "displayName": "VARCHAR"},
    "client": {"id": "VARCHAR", "ipAddress": "VARCHAR", "userAgent": {"rawUserAgent": "VARCHAR"}},
    "request": {"ipChain": [{"ip": "VARCHAR"}]},
    "authenticationContext": {"externalSessionId": "VARCHAR", "rootSessionId": "VARCHAR"},
    "debugContext": {"debugData": {
        "grantType": "VARCHAR", "grantedScopes": "VARCHAR", "requestedScopes": "VARCHAR", "userId": "VARCHAR",
        "authorizationServer": "VARCHAR", "requestUri": "VARCHAR", "clientId": "VARCHAR",
        "appInstanceIds": "VARCHAR"}},
    "transaction": {"detail": {"requestApiTokenId": "VARCHAR", "requestApiTokenClientId": "VARCHAR"}},
    "target": [{"id": "VARCHAR", "type": "VARCHAR", "alternateId": "VARCHAR", "displayName": "VARCHAR",
        "detailEntry": {"expires": "VARCHAR", "subject": "VARCHAR", "publicclientapp": "VARCHAR",
            "authorizationserver": "VARCHAR", "user": "VARCHAR", "clientid": "VARCHAR"}}]
}"""

# The outer names as Panther's lower case has them; the inner ones stay.
_LOWER = """{
    "eventtype": "VARCHAR", "legacyeventtype": "VARCHAR",
    "authenticationcontext": {"externalSessionId": "VARCHAR", "rootSessionId": "VARCHAR"},
    "debugcontext": {"debugData": {
        "grantType": "VARCHAR", "grantedScopes": "VARCHAR", "requestedScopes": "VARCHAR", "userId": "VARCHAR",
        "authorizationServer": "VARCHAR", "requestUri": "VARCHAR", "clientId": "VARCHAR",
        "appInstanceIds": "VARCHAR"}}
}"""

_HOOK = "com.okta.event_hook"


def delivered(record: Mapping) -> list | None:
    """Return the events that an event hook delivers, None if this is no such delivery."""
    data = record.get("data") if record.get("eventType") == _HOOK else None
    events = data.get("events") if isinstance(data, Mapping) else None
    return events if isinstance(events, list) else None


def events_of(text: str) -> Iterator[str]:
    """Give the events of a delivery; a text that is none as it is."""
    try:
        record = json.loads(text) if _HOOK in text else None
    except (ValueError, RecursionError):
        record = None
    events = delivered(record) if isinstance(record, dict) else None
    yield from [text] if events is None else map(json.dumps, events)


def is_event(record: Mapping) -> bool:
    """Tell an Okta event, or a delivery of some."""
    events = delivered(record)
    return (
        _is_named(record)
        if events is None
        else any(isinstance(event, Mapping) and _is_named(event) for event in events)
    )


def _is_named(record: Mapping) -> bool:
    """Tell an event: it names its type, its actor, and its time or the older name of the type."""
    names = {name.lower() for name in record}
    return "eventtype" in names and "actor" in names and bool(names & {"published", "legacyeventtype"})


AS_OKTA_SPELLS = f"""
SELECT line_no, r AS e, from_json(NULL, '{_LOWER}') AS panther
FROM record
WHERE r IS NOT NULL
"""

# Out of what a collector put around it, and in both spellings of the outer names: Panther's is looked for where Okta's is not.
WITH_CARE = f"""
SELECT *, from_json(CASE WHEN e.eventType IS NULL OR e.debugContext IS NULL THEN event END, '{_LOWER}') AS panther
FROM (SELECT line_no, event, from_json(event, '{EVENT}') AS e
      FROM (SELECT line_no, {OPENED} AS event FROM record WHERE json_type(r) = 'OBJECT'))
WHERE e IS NOT NULL
"""


def is_collected(record: Mapping) -> bool:
    """Tell an event that a collector put something around, or spelled in its own way."""
    return opened(record) is not record or any(
        name.startswith("p_") or name in ("eventtype", "debugcontext") for name in record
    )
