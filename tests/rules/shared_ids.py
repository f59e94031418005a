"""Grants of several tenants under one id, in plain Python."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any


def told_apart(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the records with an id of its own for each tenant's grant, where others have the same and every record that names it names a tenant."""
    records = [dict(record) for record in records]
    homes = defaultdict(set)
    for record in records:
        homes[record.get("source"), record.get("grant_id")].add(record.get("tenant"))
    for record in records:
        of = homes[record.get("source"), record.get("grant_id")]
        if record.get("grant_id") is not None and None not in of and len(of) > 1:
            record["grant_id"] = (record["grant_id"], record["tenant"])
    return records
