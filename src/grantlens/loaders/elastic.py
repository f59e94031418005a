"""Documents of Elastic in which an integration took a record apart and kept no original: what every loader needs that brings such records back."""

import json
import re
from collections.abc import Mapping
from typing import Any

_BEFORE = re.compile(r"_([a-z0-9])")


def document(line: str) -> Mapping | None:
    """Return the document that a line holds, None if it holds none."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, Mapping) else None


def at(record: Any, *path: str) -> Any:
    """Return what stands at a path of names, None if nothing does.

    Examples
    --------
    >>> at({"event": {"id": 7}}, "event", "id")
    7
    """
    for name in path:
        record = record.get(name) if isinstance(record, Mapping) else None
    return record


def in_camel_case(value: Any) -> Any:
    """Return a value with the names in it written as most providers do, where Elastic writes them with `_`.

    Examples
    --------
    >>> in_camel_case({"event_type": "x", "ip_chain": [{"ip": "y"}]})
    {'eventType': 'x', 'ipChain': [{'ip': 'y'}]}
    """
    if isinstance(value, Mapping):
        return {
            _BEFORE.sub(lambda found: found[1].upper(), name): in_camel_case(inner) for name, inner in value.items()
        }
    return [in_camel_case(inner) for inner in value] if isinstance(value, list) else value
