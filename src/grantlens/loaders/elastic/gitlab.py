"""GitLab: what Elastic makes of a line of `audit_json.log` or `api_json.log`, brought back to what GitLab wrote.

The integration `gitlab` leaves it in `gitlab.audit` or `gitlab.api`, but for who, when, what and from where, which stand where the Elastic Common Schema has
them; empty values are gone, and so is when an event that says when it happened was written down.
"""

from collections.abc import Mapping

from grantlens.loaders.elastic import at, happened_at, taken_from


def taken_apart(record: Mapping) -> Mapping | None:
    """Return what Elastic's pipelines made of a line, None if this is none of their documents."""
    for stream, own in (("audit", "entity_type"), ("api", "route")):
        kept = taken_from(record, "gitlab", stream)
        if isinstance(at(kept, own), str):
            return kept
    return None


def as_written(record: Mapping, kept: Mapping) -> Mapping:
    """Return the record as its provider wrote it, as far as it is read.

    Examples
    --------
    >>> as_written({"user": {"id": "1"}}, {"entity_type": "User"})["author_id"]
    '1'
    """
    who, name = at(record, "user", "id"), at(record, "user", "name")
    address = at(kept, "meta", "remote_ip")
    if "route" not in kept:
        return {
            **kept,
            "time": None if "created_at" in kept else happened_at(record),
            "author_id": who,
            "author_name": name,
            "meta.remote_ip": address or at(record, "client", "ip"),
        }
    hops = at(record, "source", "ip")
    return {
        **kept,
        "time": kept.get("time") or happened_at(record),
        "status": at(record, "http", "response", "status_code"),
        "method": at(record, "http", "request", "method"),
        "path": at(record, "url", "path"),
        "host": at(record, "url", "domain"),
        "user_id": who,
        "username": name,
        "ua": at(record, "user_agent", "original"),
        "meta.remote_ip": address,
        "remote_ip": ", ".join(map(str, hops)) if isinstance(hops, list) else hops,
    }
