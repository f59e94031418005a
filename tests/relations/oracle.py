"""Which grant an issuance belongs to, told again in plain Python."""

from collections import defaultdict


def issued(world):
    """Return successful issuance; a derived grant is the named one that client and subject held at that moment, if it is one.

    Of several it is the one on that resource, if all of them name theirs; else the one that the client holds for everyone on that
    resource, if it is one.
    """
    good = [row for row in world["issuance"] if row["outcome"] == "success"]
    openings, everyones, unsaid = defaultdict(lambda: defaultdict(list)), defaultdict(set), set()
    for row in good:
        if row["grant_id"] and not row["grant_id"].startswith("derived:"):
            if row["subject_id"] is None and row.get("subject_kind") == "user":
                everyones[resource_of(row)].add(row["grant_id"])
            else:
                openings[party_of(row)][row["grant_id"]].append(row["issued_at"])
                openings[party_of(row), resource_of(row)][row["grant_id"]].append(row["issued_at"])
                if not row.get("audience"):
                    unsaid.add(party_of(row))
    rows = []
    for row in good:
        party = party_of(row)
        if row["grant_id"] and row["grant_id"].startswith("derived:"):
            among = [
                openings.get((party, resource_of(row))) if row.get("audience") and party not in unsaid else None,
                openings.get(party),
            ]
            found = next(
                (grant for each in among if each and (grant := held(world, party, each, row["issued_at"]))), None
            )
            shared = everyones.get(resource_of(row), ()) if row["subject_id"] else ()
            row = {**row, "grant_id": found or (min(shared) if len(shared) == 1 else row["grant_id"])}
        rows.append(row)
    return rows


def party_of(row):
    return row.get("tenant"), row["client_id"], row["subject_id"]


def resource_of(row):
    return row.get("tenant"), row["client_id"], tuple(row["audience"]) if row.get("audience") is not None else None


def held(world, party, opened, moment):
    """Return the named grant that a client and subject held at a moment, None where it may be another."""
    line = sorted((min(stamps), grant) for grant, stamps in opened.items())
    ends = [*line[1:], (float("inf"), None)]
    for (start, grant), (following, _) in zip(line, ends, strict=True):
        over = any(
            ends_it(world, row, party, grant, start, following) and not of_several(world, row)
            for row in world["revocation"]
        )
        older = grant == line[0][1] and (over or len(line) == 1)  # what is older than the log belongs to the first
        if (older or start <= moment) and moment < following:
            return grant
        if not over:
            return None
    return None


def enabled_at(world, row):
    """Return when the log tells that what was disabled was enabled again, None where it does not."""
    who = {"client": "client_id", "subject": "subject_id", "grant": "grant_id"}.get(row["target_kind"])
    if row["kind"] != "disable" or row.get(who) is None:
        return None
    again = [
        other["revoked_at"]
        for other in world["revocation"]
        if (other["kind"], other["outcome"], other["target_kind"]) == ("enable", "success", row["target_kind"])
        and other[who] == row[who]
        and (None in (row.get("tenant"), other["tenant"]) or other["tenant"] == row["tenant"])
    ]
    return min((moment for moment in again if moment > row["revoked_at"]), default=None)


def ends_it(world, row, party, grant, start, following):
    """Tell whether a revocation ended a grant before the next one of its client and subject was given."""
    if row["outcome"] != "success" or row["kind"] not in ("revoke", "disable") or following == float("inf"):
        return False
    if enabled_at(world, row) is not None:
        return False
    if not start <= row["revoked_at"] <= following or row["target_kind"] not in ("grant", "client", "subject"):
        return False
    if row.get("grant_id") is not None:
        return row["grant_id"] == grant
    tenant, client, subject = party
    if row.get("tenant") not in (None, tenant):
        return False
    same_client = row["client_id"] is not None and row["client_id"] == client
    same_subject = row["subject_id"] is not None and row["subject_id"] == subject
    return (same_client or row["target_kind"] == "subject") and (same_subject or row["target_kind"] == "client")


def of_several(world, row):
    """Tell whether a revocation names a client and no tenant, and several tenants have the client: it ends none for sure."""
    if row.get("tenant") or row.get("grant_id") or row["target_kind"] not in ("client", "grant", "policy"):
        return False
    homes = {
        other.get("tenant")
        for other in world["issuance"]
        if other["outcome"] == "success"
        and other["client_id"] is not None
        and other["client_id"] == row.get("client_id")
        and (row["target_kind"] == "client" or row.get("subject_id") in (None, other["subject_id"]))
    }
    return len(homes - {None}) > 1
