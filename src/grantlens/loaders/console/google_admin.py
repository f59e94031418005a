"""OAuth log events as Google's Admin console saves them: a column for each attribute, called as the page shows it, in English.

The names are those that a published reader of such tables asks for. What a time looks like was not seen: one without its zone, which would be that of
who saved the table, is no time. An event of no known name has none. No row has the customer, or an id of its own.
"""

import re
from collections.abc import Mapping
from typing import Any

_EVENTS = ("authorize", "activity", "revoke")
_PARAMETERS = {
    "App ID": "client_id",
    "App name": "app_name",
    "API name": "api_name",
    "Method": "method_name",
    "Number of response bytes": "num_response_bytes",
}
_ZONED = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)")


def is_of_admin(record: Mapping) -> bool:
    """Tell a row: of a call the event is empty, so the column is not there."""
    return {"Date", "App ID"} <= record.keys() and bool({"OAuth event", "API name", "Method"} & record.keys())


def of_admin(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the activity of a row.

    Examples
    --------
    >>> of_admin({"Date": "2026-07-01T10:00:00+02:00", "App ID": "a", "OAuth event": "Authorize", "Scope": "openid, email"})["events"]
    [{'name': 'authorize', 'parameters': [{'name': 'client_id', 'value': 'a'}, {'name': 'scope', 'multiValue': ['openid', 'email']}]}]
    """
    date = str(row["Date"])
    parameters: list[dict[str, Any]] = [
        {"name": name, "value": row[column]} for column, name in _PARAMETERS.items() if row.get(column)
    ]
    if scopes := re.findall(r"[^\s,\[\]]+", str(row.get("Scope") or "")):
        parameters.append({"name": "scope", "multiValue": scopes})
    event = str(row.get("OAuth event") or ("activity" if row.get("Method") else "")).lower()
    return {
        "id": {
            "time": date if _ZONED.fullmatch(date) else f"{date} of no zone",
            "applicationName": "token",
            "uniqueQualifier": None,
        },
        "actor": {"email": row.get("User")},
        "ipAddress": row.get("IP address"),
        "events": [{"name": event if event in _EVENTS else None, "parameters": parameters}],
    }
