"""Records as Microsoft Graph PowerShell saves them (`Get-MgAuditLogSignIn | ConvertTo-Json`): all names begin with a capital, those inside too.

Log Analytics capitalises its columns alone, so what lies inside tells the two apart. A time may be a text `/Date(milliseconds)/`, as Windows
PowerShell 5.1 writes it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_INNER = frozenset({"ErrorCode", "User", "App", "ModifiedProperties"})
_CAPITALS = re.compile(r"^[A-Z]+(?=[A-Z][a-z])|^[A-Z]+$|^[A-Z]")
_TIME = re.compile(r"/Date\((\d{1,14})\)/")
_START = datetime(1970, 1, 1, tzinfo=UTC)


def is_saved(record: Mapping) -> bool:
    """Tell such a record by the names inside of it."""
    targets = record.get("TargetResources")
    inner = [record.get("Status"), record.get("InitiatedBy"), *(targets if isinstance(targets, list) else [])]
    return any(isinstance(each, Mapping) and bool(_INNER & each.keys()) for each in inner)


def _small(name: str) -> str:
    return _CAPITALS.sub(lambda found: found[0].lower(), name)


def outside(record: Mapping) -> dict:
    """Return a record with its outer names as Microsoft Graph writes them."""
    return {_small(name): value for name, value in record.items()}


def renamed(value: Any) -> Any:
    """Return a value with the names and times as Microsoft Graph writes them.

    Examples
    --------
    >>> renamed({"Status": {"ErrorCode": 0}, "IPAddress": "x", "CreatedDateTime": "/Date(1782900000000)/"})
    {'status': {'errorCode': 0}, 'ipAddress': 'x', 'createdDateTime': '2026-07-01T10:00:00Z'}
    """
    if isinstance(value, dict):
        return {_small(name): renamed(each) for name, each in value.items()}
    if isinstance(value, list):
        return [renamed(each) for each in value]
    if isinstance(value, str) and (written := _TIME.fullmatch(value)):
        return (_START + timedelta(milliseconds=int(written[1]))).isoformat().replace("+00:00", "Z")
    return value


def split(text: str) -> Iterator[str]:
    """Give a record as Microsoft Graph writes it; a text that is none as it is."""
    try:
        record = json.loads(text)
        yield json.dumps(renamed(record)) if isinstance(record, dict) and is_saved(record) else text
    except (ValueError, RecursionError):
        yield text
