"""Salesforce: what Elastic makes of a record of the setup audit trail, brought back to what Salesforce wrote.

The integration `salesforce` leaves it in `salesforce.setup_audit_trail`, but for when, what and with which id, which stand where the Elastic Common Schema
has them. Its logins, logouts and calls are not read: the keys of sessions, by which they are known, are lost.
"""

from collections.abc import Mapping

from grantlens.loaders.elastic import at, happened_at, taken_from


def taken_apart(record: Mapping) -> Mapping | None:
    """Return what Elastic's pipeline made of a record of the trail, None if this is none of its documents."""
    kept = taken_from(record, "salesforce", "setup_audit_trail")
    return kept if isinstance(at(record, "event", "action"), str) else None


def as_written(record: Mapping, kept: Mapping) -> Mapping:
    """Return the record as its provider wrote it, as far as it is read.

    Examples
    --------
    >>> as_written({"event": {"action": "frozeuser", "id": "0Ym"}}, {"created_by_id": "005"})["Action"]
    'frozeuser'
    """
    return {
        "attributes": {"type": "SetupAuditTrail"},
        "Id": at(record, "event", "id"),
        "Action": at(record, "event", "action"),
        "CreatedDate": happened_at(record),
        "CreatedById": kept.get("created_by_id"),
        "DelegateUser": kept.get("delegate_user"),
        "Display": kept.get("display"),
        "Section": kept.get("section"),
    }
