"""Which grant an issuance belongs to, told again in plain Python."""

from collections import defaultdict


def issued(world):
    """Return successful issuance; a derived grant is the named one that client and subject held at that moment, if it is one."""
    good = [row for row in world["issuance"] if row["outcome"] == "success"]
    openings = defaultdict(lambda: defaultdict(list))
    for row in good:
        if row["grant_id"] and not row["grant_id"].startswith("derived:"):
            openings[row["client_id"], row["subject_id"]][row["grant_id"]].append(row["issued_at"])
    rows = []
    for row in good:
        party = row["client_id"], row["subject_id"]
        if row["grant_id"] and row["grant_id"].startswith("derived:") and party in openings:
            row = {**row, "grant_id": held(world, party, openings[party], row["issued_at"]) or row["grant_id"]}
        rows.append(row)
    return rows


def held(world, party, opened, moment):
    """Return the named grant that a client and subject held at a moment, None where it may be another."""
    line = sorted((min(stamps), grant) for grant, stamps in opened.items())
    ends = [*line[1:], (float("inf"), None)]
    for (start, grant), (following, _) in zip(line, ends, strict=True):
        over = any(ends_it(row, party, grant, start, following) for row in world["revocation"])
        older = grant == line[0][1] and (over or len(line) == 1)  # what is older than the log belongs to the first
        if (older or start <= moment) and moment < following:
            return grant
        if not over:
            return None
    return None


def ends_it(row, party, grant, start, following):
    """Tell whether a revocation ended a grant before the next one of its client and subject was given."""
    if row["outcome"] != "success" or row["kind"] not in ("revoke", "disable") or following == float("inf"):
        return False
    if not start <= row["revoked_at"] <= following or row["target_kind"] not in ("grant", "client", "subject"):
        return False
    if row.get("grant_id") is not None:
        return row["grant_id"] == grant
    client, subject = party
    same_client = row["client_id"] is not None and row["client_id"] == client
    same_subject = row["subject_id"] is not None and row["subject_id"] == subject
    return (same_client or row["target_kind"] == "subject") and (same_subject or row["target_kind"] == "client")
