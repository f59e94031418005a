"""Which tokens a revocation ends."""

from grantlens.relations.presented_token import OF_ANOTHER
from grantlens.relations.relation import Relation
from grantlens.relations.tenant_token import OF_ONE_TENANT, meant_by


def why_doubted(doubt: str, of_id: str = "this id") -> str:
    """Return SQL for why it is not known whether a revocation ended something, NULL where it is: `doubt` as covered_token has it.

    Examples
    --------
    >>> "WHEN 'id' THEN 'the revocation names no tenant, and several have a token of its id'" in why_doubted("c.doubt", "its id")
    True
    """
    return f"""CASE {doubt} WHEN 'client' THEN 'the revocation names no tenant, and several have this client'
                WHEN 'id' THEN 'the revocation names no tenant, and several have a token of {of_id}'
                WHEN 'session' THEN 'the revocation names no tenant, and several have a session of this id'
                WHEN 'name' THEN 'the revocation names a token only by a name that several had'
                WHEN 'family' THEN 'the revocation is of a refresh token, and whether this access came of it or of another the logs do not tell'
                WHEN 'tenant' THEN 'the revocation is of one tenant, and in which this access was the logs do not tell'
                WHEN 'everyone' THEN 'the revocation is of a grant for everyone, and whether of this tenant the logs do not tell'
                WHEN 'holder' THEN 'the revocation is of who made this key, and its calls name somebody else' END"""


RELATION = Relation(
    "covered_token",
    "Which tokens each revocation ends. Its target kind alone decides: an access token is itself; a refresh "
    "token is itself, its rotated successors and the access tokens of its grant, but for those known to have come of another sign-in's refresh token; "
    "a grant, client or subject "
    "is all their tokens, a session all that carry it, a policy all issued before its cut-off but for keys - issued up to "
    "then. A child by token exchange is not covered, it is listed as exposed (RFC 7009 section 2.1, RFC 8693); but what a client got by exchange is "
    "its own token, and ends where a revocation names that client: an agent often has no other. "
    "A key that is issued again - switched off, and on - is covered until then, and what a policy or a disabling ended until that is taken back. Where the log has no token id the grant stands "
    "in (token_id NULL), from the revocation to the next consent. alive is NULL where no issuance tells whether it still was. token_tenant is the "
    "tenant whose token it is: the one that a revocation of a token names, else the one that issued it. doubt says why it is not known whether it "
    "ended it, NULL where it is: as in effective_revocation, or 'id' or 'session' where it names a token or session and no tenant, and several issued "
    "one of its id, or 'family' where an access token came of a refresh token that may be another sign-in's, or 'tenant' where it names one, and no issuance of what it would have ended in it names any, or 'everyone' where it ends a grant for everyone and only "
    "one of it and what a person got names a tenant, or 'holder' where it ends a person, and all calls that say for whom a key of that person is used name another. A token of which no issuance is known is here where its calls say when it was issued, and come after "
    "the end of all of its person, client or sessions: token_kind and expires_at are NULL then.",
    f"""
-- Each of the three is named once: DuckDB works out the columns of a view anew wherever it stands.
WITH RECURSIVE every_token AS NOT MATERIALIZED (
    FROM tenant_token
),
ended AS NOT MATERIALIZED (
    FROM effective_revocation
),
state AS NOT MATERIALIZED (
    FROM grant_state
),
-- A token that names no tenant lived in that of its grant.
known_token AS (
    SELECT t.*, coalesce(t.home, g.tenant) AS lived_in
    FROM (FROM every_token WHERE {OF_ONE_TENANT}) t
    LEFT JOIN (SELECT source, grant_id, min(tenant) AS tenant FROM issued GROUP BY source, grant_id HAVING min(tenant) = max(tenant)) g
        ON g.source = t.source AND g.grant_id = t.grant_id
),
refresh_token AS (
    SELECT source, token_id, grant_id, home, homes, of_several, of_any FROM known_token WHERE token_kind = 'refresh'
    UNION
    -- One whose own issuance is not in the log is known by its children.
    SELECT c.source, c.parent_token_id, c.grant_id, c.home, c.homes, c.of_several, c.of_any
    FROM known_token c ANTI JOIN known_token p ON p.source = c.source AND p.token_id = c.parent_token_id
        AND (p.home IS NULL OR c.home IS NULL OR p.home = c.home)
    WHERE c.kind = 'refresh' AND c.parent_token_id IS NOT NULL
),
-- From one to the next in the tenant that one of them names.
rotated AS (
    SELECT r.source, r.revocation_event, t.token_id, t.grant_id, t.home, coalesce(r.tenant, t.home) AS tenant, r.tenant AS ended_in, r.token_id AS root_id,
           CASE WHEN r.tenant IS NULL AND greatest(count(DISTINCT t.home) OVER same, max(len(t.homes)) OVER same) > 1 THEN 'id' END AS doubt
    FROM ended r
    JOIN refresh_token t ON t.source = r.source AND t.token_id = r.token_id AND (r.tenant IS NULL OR {meant_by("r.tenant", "t")})
    WHERE r.target_kind IN ('token', 'credential')
    WINDOW same AS (PARTITION BY r.source, r.revocation_event)
    UNION
    SELECT p.source, p.revocation_event, t.token_id, t.grant_id, t.home, coalesce(p.tenant, t.home), p.ended_in, p.root_id, p.doubt
    FROM rotated p
    JOIN known_token t ON t.source = p.source AND t.parent_token_id = p.token_id AND (p.tenant IS NULL OR {meant_by("p.tenant", "t")})
        AND t.token_kind = 'refresh' AND t.kind <> 'exchange'
),
refresh_id AS (
    SELECT DISTINCT source, token_id FROM refresh_token SEMI JOIN rotated USING (source)
),
-- What each refresh token was rotated from, if all records of its id say the same.
rotation AS (
    SELECT r.source, r.token_id, count(DISTINCT coalesce(p.token_id, '')) = 1 AS agreed, CASE WHEN agreed THEN min(p.token_id) END AS parent_id,
           agreed AND coalesce(bool_and(t.kind <> 'refresh'), false) AS begun
    FROM refresh_id r
    LEFT JOIN known_token t ON t.source = r.source AND t.token_id = r.token_id AND t.token_kind = 'refresh'
    LEFT JOIN refresh_id p ON p.source = t.source AND p.token_id = t.parent_token_id AND t.kind <> 'exchange'
    GROUP BY r.source, r.token_id
),
-- The first of those that were rotated into it, and whether that is known to be what a sign-in gave: then another's is another.
sign_in AS (
    SELECT source, token_id, token_id AS first_id, begun FROM rotation WHERE parent_id IS NULL
    UNION ALL
    SELECT r.source, r.token_id, s.first_id, s.begun FROM sign_in s JOIN rotation r ON r.source = s.source AND r.parent_id = s.token_id
),
-- Of what people got by a grant for everyone on a resource it is not known where only one of the two names its tenant.
everyones AS (
    SELECT DISTINCT r.source, r.revocation_event, r.revoked_at, i.client_id, i.tenant, i.audience
    FROM ended r
    JOIN issued i ON i.source = r.source AND i.grant_id = r.grant_id AND i.kind = 'consent' AND i.subject_id IS NULL AND i.subject_kind = 'user'
    WHERE r.target_kind = 'grant'
),
-- A revocation has one kind of target: only of a refresh token's family may one be met twice.
family AS (
    SELECT r.source, r.revocation_event, t.token_id, t.home, t.of_several AS of_all, r.tenant AS token_tenant, CASE WHEN t.of_several THEN 'id' END AS doubt
    FROM ended r
    JOIN every_token t ON t.source = r.source AND t.token_id = r.token_id AND {meant_by("r.tenant", "t")}
    WHERE r.target_kind IN ('token', 'credential')
    UNION
    SELECT source, revocation_event, token_id, home, false, coalesce(ended_in, home), doubt FROM rotated WHERE token_id <> root_id
    UNION
    SELECT p.source, p.revocation_event, t.token_id, t.home, false, coalesce(p.ended_in, t.home),
           coalesce(p.doubt, CASE WHEN o.first_id <> s.first_id THEN 'family' END)
    FROM (SELECT DISTINCT source, revocation_event, root_id, grant_id, tenant, ended_in, doubt FROM rotated) p
    JOIN known_token t ON t.source = p.source AND t.grant_id = p.grant_id AND t.token_kind = 'access' AND t.kind <> 'exchange'
        AND t.token_id <> p.root_id AND (p.tenant IS NULL OR {meant_by("p.tenant", "t")})
    LEFT JOIN sign_in s ON s.source = p.source AND s.token_id = p.root_id
    LEFT JOIN sign_in o ON o.source = t.source AND o.token_id = t.parent_token_id
    WHERE NOT coalesce(o.first_id <> s.first_id AND o.begun AND s.begun, false)
),
-- Keys that are told to be of a person who ended, by calls for others alone: a log that does not say whose a key is names who made it.
others_key AS (
    SELECT t.source, t.token_id, t.home
    FROM (FROM known_token WHERE kind = 'credential') t
    SEMI JOIN (FROM ended WHERE target_kind = 'subject') r ON r.source = t.source AND r.subject_id = t.subject_id
    JOIN presented_token p ON p.source = t.source AND p.token_id = t.token_id AND coalesce(p.tenant = t.home, true)
    JOIN usage_caller c ON c.caller_id = p.caller_id
    LEFT JOIN same_subject s ON s.source = p.source AND s.id = lower(c.subject_id)
    -- a client that is named alone acts for itself
    WHERE c.subject_id IS NOT NULL OR c.client_id <> coalesce(t.client_id, t.subject_id)
    GROUP BY t.source, t.token_id, t.home
    HAVING bool_and(coalesce(s.object_id, c.subject_id, c.client_id) <> t.subject_id)
),
target AS (
    FROM family
    UNION ALL
    SELECT r.source, r.revocation_event, t.token_id, t.home, false, t.home, r.doubt
    FROM ended r
    JOIN known_token t ON t.source = r.source AND t.grant_id = r.grant_id AND t.issued_at <= r.revoked_at
        AND (t.kind <> 'exchange' OR t.client_id = r.client_id)
    WHERE r.target_kind = 'grant'
    UNION ALL
    SELECT r.source, r.revocation_event, t.token_id, t.home, false, t.home, 'everyone'
    FROM everyones r
    JOIN known_token t ON t.source = r.source AND t.client_id = r.client_id AND t.subject_id IS NOT NULL AND t.grant_id LIKE 'derived:%'
        AND t.kind <> 'exchange' AND t.issued_at <= r.revoked_at AND (t.lived_in IS NULL) <> (r.tenant IS NULL) AND t.audience IS NOT DISTINCT FROM r.audience
    UNION ALL
    SELECT r.source, r.revocation_event, t.token_id, t.home, false, coalesce(t.home, r.tenant),
           CASE WHEN r.tenant IS NOT NULL AND t.lived_in IS NULL THEN 'tenant' ELSE r.doubt END
    FROM ended r
    JOIN known_token t ON t.source = r.source AND t.client_id = r.client_id AND t.issued_at <= r.revoked_at
        AND coalesce(t.lived_in = r.tenant, true)
    WHERE r.target_kind = 'client'
    UNION ALL
    SELECT r.source, r.revocation_event, t.token_id, t.home, false, coalesce(t.home, r.tenant),
           CASE WHEN r.tenant IS NOT NULL AND t.lived_in IS NULL THEN 'tenant' ELSE r.doubt END
    FROM ended r
    JOIN known_token t ON t.source = r.source AND t.client_id = r.client_id AND t.subject_id = r.subject_id
        AND t.issued_at <= r.revoked_at AND coalesce(t.lived_in = r.tenant, true)
    WHERE r.target_kind = 'grant' AND r.grant_id IS NULL
    UNION ALL
    SELECT r.source, r.revocation_event, t.token_id, t.home, false, coalesce(t.home, r.tenant),
           CASE WHEN r.tenant IS NOT NULL AND t.lived_in IS NULL THEN 'tenant' WHEN o.token_id IS NOT NULL THEN 'holder' ELSE r.doubt END
    FROM ended r
    JOIN known_token t ON t.source = r.source AND t.subject_id = r.subject_id AND t.kind <> 'exchange' AND t.issued_at <= r.revoked_at
        AND coalesce(t.lived_in = r.tenant, true)
    LEFT JOIN others_key o ON o.source = t.source AND o.token_id = t.token_id AND o.home IS NOT DISTINCT FROM t.home
    WHERE r.target_kind = 'subject'
    UNION ALL
    -- A session id is one tenant's, as a token's is.
    SELECT r.source, r.revocation_event, t.token_id, t.home, false, t.home,
           CASE WHEN r.tenant IS NULL AND min(t.home) OVER same < max(t.home) OVER same THEN 'session' END
    FROM ended r
    JOIN known_token t ON t.source = r.source AND t.session_id = r.session_id AND t.kind <> 'exchange' AND t.issued_at <= r.revoked_at
        AND (r.tenant IS NULL OR t.home IS NULL OR t.home = r.tenant)
    WHERE r.target_kind = 'session'
    WINDOW same AS (PARTITION BY r.source, r.revocation_event)
    UNION ALL
    SELECT r.source, r.revocation_event, t.token_id, t.home, false, coalesce(t.home, r.tenant),
           CASE WHEN r.grant_id IS NULL AND r.tenant IS NOT NULL AND t.lived_in IS NULL THEN 'tenant' ELSE r.doubt END
    FROM ended r
    JOIN known_token t ON t.source = r.source AND t.client_id = r.client_id AND t.kind <> 'credential'
        AND t.issued_at < r.issued_before AND t.issued_at <= r.revoked_at AND coalesce(t.lived_in = r.tenant, true)
        AND (r.subject_id IS NULL OR t.subject_id = r.subject_id) AND (r.grant_id IS NULL OR t.grant_id = r.grant_id)
    WHERE r.target_kind = 'policy'
    UNION ALL
    SELECT r.source, r.revocation_event, t.token_id, t.home, false, coalesce(t.home, r.tenant),
           CASE WHEN r.grant_id IS NULL AND r.tenant IS NOT NULL AND t.lived_in IS NULL THEN 'tenant' ELSE r.doubt END
    FROM ended r
    JOIN known_token t ON t.source = r.source AND t.subject_id = r.subject_id AND t.kind NOT IN ('exchange', 'credential')
        AND t.issued_at < r.issued_before AND t.issued_at <= r.revoked_at AND coalesce(t.lived_in = r.tenant, true)
        AND (r.grant_id IS NULL OR t.grant_id = r.grant_id)
    WHERE r.target_kind = 'policy' AND r.client_id IS NULL
    UNION ALL
    SELECT r.source, r.revocation_event, t.token_id, t.home, false, t.home, r.doubt
    FROM ended r
    JOIN known_token t ON t.source = r.source AND t.grant_id = r.grant_id AND t.kind NOT IN ('exchange', 'credential')
        AND t.issued_at < r.issued_before AND t.issued_at <= r.revoked_at AND coalesce(t.lived_in = r.tenant, true)
    WHERE r.target_kind = 'policy' AND r.client_id IS NULL AND r.subject_id IS NULL
),
-- What ends all of a client or person, or all that was issued until then; people as the issuer of the tokens names them.
ended_whole AS (
    SELECT r.source, r.revocation_event, r.target_kind, r.client_id, coalesce(s.object_id, r.subject_id) AS subject_id, r.revoked_true
    FROM ended r
    LEFT JOIN same_subject s ON s.source = r.source AND s.id = lower(r.subject_id)
    WHERE r.target_kind IN ('client', 'subject') OR (r.target_kind = 'policy' AND r.grant_id IS NULL)
),
-- An end that the issuer of the tokens logs, and the log of the calls beside it, is told once.
told_twice AS (
    SELECT r.source, r.revocation_event
    FROM ended_whole r
    JOIN (VALUES {OF_ANOTHER}) o(source, issuer) ON o.source = r.source
    JOIN ended_whole i ON i.source = o.issuer AND i.target_kind = r.target_kind AND i.client_id IS NOT DISTINCT FROM r.client_id
        AND i.subject_id IS NOT DISTINCT FROM r.subject_id AND abs(epoch(i.revoked_true - r.revoked_true)) <= 60
),
-- Tokens of which only calls tell. Joined on what is equal, one way after the other.
called AS (
    SELECT r.source, r.revocation_event, c.* EXCLUDE (source)
    FROM ended_whole r
    JOIN called_token c ON c.source = r.source AND c.subject_id = r.subject_id
    WHERE r.target_kind = 'subject' OR (r.target_kind = 'policy' AND coalesce(c.client_id = r.client_id, r.client_id IS NULL))
    UNION ALL
    SELECT r.source, r.revocation_event, c.* EXCLUDE (source)
    FROM ended_whole r
    JOIN called_token c ON c.source = r.source AND c.client_id = r.client_id
    WHERE r.target_kind = 'client' OR (r.target_kind = 'policy' AND r.subject_id IS NULL)
),
-- Of several tenants' keys no renewal is known to be that of the one that ended.
renewed AS (
    SELECT x.source, x.revocation_event, x.token_id, x.home, min(i.issued_at) AS renewed_at
    FROM (FROM target WHERE NOT of_all) x
    JOIN ended r USING (source, revocation_event)
    JOIN issued i ON i.source = x.source AND i.token_id = x.token_id AND i.kind = 'credential' AND i.issued_at > r.revoked_at
        AND (i.tenant IS NULL OR i.tenant = x.home)
    GROUP BY ALL
),
-- A policy that is taken away, or written anew, ends no more what it had ended; nor does what is enabled again stay off.
undone AS (
    SELECT r.source, r.revocation_event, min(i.issued_at) AS undone_at
    FROM (FROM ended WHERE target_kind = 'policy') r
    JOIN issued i ON i.source = r.source AND i.client_id = r.client_id AND i.kind IN ('consent', 'change') AND i.issued_at > r.revoked_at
        AND i.authorization_details ->> 'policy' = r.reason AND coalesce(i.tenant = r.tenant, true)
    GROUP BY r.source, r.revocation_event
    UNION ALL
    FROM enabled_again
),
-- The grants that were off until then.
paused AS (
    SELECT r.source, r.revocation_event, g.grant_id, g.client_id, g.subject_id, g.opened_at
    FROM ended r
    JOIN enabled_again e USING (source, revocation_event)
    JOIN state g ON g.source = r.source AND g.grant_id = r.grant_id
        AND r.revoked_at > g.opened_at AND coalesce(r.revoked_at < g.ended_at, true)
    WHERE r.target_kind = 'grant' AND r.doubt IS NULL
    UNION
    SELECT r.source, r.revocation_event, g.grant_id, g.client_id, g.subject_id, g.opened_at
    FROM ended r
    JOIN enabled_again e USING (source, revocation_event)
    JOIN state g ON g.source = r.source AND g.client_id = r.client_id AND coalesce(g.tenant = r.tenant, r.tenant IS NULL)
        AND r.revoked_at > g.opened_at AND coalesce(r.revoked_at < g.ended_at, true)
    WHERE r.target_kind = 'client' AND r.doubt IS NULL
    UNION
    SELECT r.source, r.revocation_event, g.grant_id, g.client_id, g.subject_id, g.opened_at
    FROM ended r
    JOIN enabled_again e USING (source, revocation_event)
    JOIN state g ON g.source = r.source AND g.subject_id = r.subject_id AND coalesce(g.tenant = r.tenant, r.tenant IS NULL)
        AND r.revoked_at > g.opened_at AND coalesce(r.revoked_at < g.ended_at, true)
    WHERE r.target_kind = 'subject' AND r.doubt IS NULL
),
doubted AS (
    SELECT r.source, r.revocation_event, coalesce(r.doubt, 'tenant') AS doubt, g.grant_id, g.client_id, g.subject_id, g.opened_at, g.ended_at
    FROM ended r
    JOIN state g ON g.source = r.source AND g.client_id = r.client_id AND (r.target_kind = 'client' OR g.subject_id = r.subject_id)
    WHERE r.target_kind IN ('client', 'grant') AND (r.target_kind = 'client' OR r.grant_id IS NULL)
      AND (r.doubt = 'client' OR (r.tenant IS NOT NULL AND g.tenant IS NULL))
    UNION
    SELECT r.source, r.revocation_event, 'tenant', g.grant_id, g.client_id, g.subject_id, g.opened_at, g.ended_at
    FROM ended r
    JOIN state g ON g.source = r.source AND g.subject_id = r.subject_id AND g.tenant IS NULL
    WHERE r.target_kind = 'subject' AND r.tenant IS NOT NULL
    UNION
    SELECT r.source, r.revocation_event, r.doubt, g.grant_id, g.client_id, g.subject_id, g.opened_at, g.ended_at
    FROM ended r
    JOIN state g ON g.source = r.source AND g.grant_id = r.grant_id
    WHERE r.doubt = 'name'
    UNION
    SELECT r.source, r.revocation_event, 'everyone', g.grant_id, g.client_id, g.subject_id, g.opened_at, g.ended_at
    FROM everyones r
    JOIN state g ON g.source = r.source AND g.client_id = r.client_id AND g.subject_id IS NOT NULL AND g.grant_id LIKE 'derived:%'
        AND (g.tenant IS NULL) <> (r.tenant IS NULL)
    SEMI JOIN issued i ON i.source = g.source AND i.grant_id = g.grant_id AND i.audience IS NOT DISTINCT FROM r.audience
),
reopened AS (
    SELECT source, grant_id, opened_at, lead(opened_at) OVER in_turn AS next_at, lead(opened_at, 2) OVER in_turn AS next_but_one_at
    FROM (SELECT DISTINCT source, grant_id, opened_at FROM state)
    WINDOW in_turn AS (PARTITION BY source, grant_id ORDER BY opened_at)
)
SELECT r.source, r.tenant, r.revocation_event, r.revoked_at, r.revoked_true, r.certain_from, r.before_s, r.after_s,
       r.target_kind, r.initiator, r.record, x.doubt,
       t.token_id, x.token_tenant, t.tenant AS issued_in, t.token_kind, t.grant_id, t.client_id, t.subject_id, t.scopes, t.issued_at, t.expires_at,
       least(coalesce(n.renewed_at, 'infinity'::TIMESTAMPTZ), coalesce(u.undone_at, 'infinity'::TIMESTAMPTZ)) AS covered_until,
       coalesce(t.token_id = r.token_id, false) AS is_target,
       t.expires_at IS NULL OR t.expires_at > r.revoked_at AS alive
FROM target x
JOIN ended r USING (source, revocation_event)
JOIN every_token t ON t.source = x.source AND t.token_id = x.token_id AND t.home IS NOT DISTINCT FROM x.home AND t.of_several = x.of_all
LEFT JOIN renewed n ON n.source = x.source AND n.revocation_event = x.revocation_event AND n.token_id = x.token_id AND n.home IS NOT DISTINCT FROM x.home
LEFT JOIN undone u ON u.source = x.source AND u.revocation_event = x.revocation_event
WHERE t.issued_at <= r.revoked_at
UNION ALL
-- The token that a revocation names, though its issuance is not in the log.
SELECT r.source, r.tenant, r.revocation_event, r.revoked_at, r.revoked_true, r.certain_from, r.before_s, r.after_s,
       r.target_kind, r.initiator, r.record, r.doubt,
       r.token_id, r.tenant, NULL, NULL, r.grant_id, r.client_id, r.subject_id, NULL, NULL, NULL,
       'infinity'::TIMESTAMPTZ, true, NULL
FROM ended r
ANTI JOIN every_token t ON t.source = r.source AND t.token_id = r.token_id AND {meant_by("r.tenant", "t")}
WHERE r.target_kind IN ('token', 'credential') AND r.token_id IS NOT NULL
UNION ALL
SELECT r.source, r.tenant, r.revocation_event, r.revoked_at, r.revoked_true, r.certain_from, r.before_s, r.after_s,
       r.target_kind, r.initiator, r.record, CASE WHEN r.tenant IS NOT NULL AND c.tenant IS NULL THEN 'tenant' ELSE r.doubt END,
       c.token_id, c.tenant, NULL, NULL, NULL, c.client_id, c.subject_id, NULL, c.issued_at, NULL,
       coalesce(u.undone_at, 'infinity'::TIMESTAMPTZ), false, NULL
FROM (FROM called ANTI JOIN told_twice USING (source, revocation_event)) c
JOIN ended r USING (source, revocation_event)
LEFT JOIN undone u USING (source, revocation_event)
WHERE c.issued_at <= r.revoked_at AND coalesce(c.issued_at < r.issued_before, true) AND coalesce(c.tenant = r.tenant, true)
  -- Of what was not shown after the end nobody knows whether it still worked.
  AND c.last_used_at >= r.revoked_true - (r.record.seen_at - date_trunc('second', r.record.seen_at))
UNION ALL
-- The grant, for calls that name no token.
SELECT DISTINCT r.source, r.tenant, r.revocation_event, r.revoked_at, r.revoked_true, r.certain_from, r.before_s, r.after_s,
       r.target_kind, r.initiator, r.record, r.doubt,
       NULL::VARCHAR, NULL::VARCHAR, NULL::VARCHAR, NULL::VARCHAR, g.grant_id, g.client_id, g.subject_id, NULL::VARCHAR[], g.opened_at, NULL::TIMESTAMPTZ,
       -- A consent in the moment of the revocation opens the grant, and does not end what the revocation covers.
       coalesce(CASE WHEN o.next_at > r.revoked_at THEN o.next_at ELSE o.next_but_one_at END, 'infinity'::TIMESTAMPTZ), false, true
FROM ended r
JOIN state g ON g.source = r.source AND g.ended_by = r.revocation_event
JOIN reopened o ON o.source = g.source AND o.grant_id = g.grant_id AND o.opened_at = g.opened_at
UNION ALL
SELECT r.source, r.tenant, r.revocation_event, r.revoked_at, r.revoked_true, r.certain_from, r.before_s, r.after_s,
       r.target_kind, r.initiator, r.record, r.doubt,
       NULL, NULL, NULL, NULL, p.grant_id, p.client_id, p.subject_id, NULL, p.opened_at, NULL, u.undone_at, false, true
FROM paused p
JOIN ended r USING (source, revocation_event)
JOIN undone u USING (source, revocation_event)
UNION ALL
-- The grants that one may have ended, though it is not known of which, until they are given again.
SELECT r.source, r.tenant, r.revocation_event, r.revoked_at, r.revoked_true, r.certain_from, r.before_s, r.after_s,
       r.target_kind, r.initiator, r.record, d.doubt,
       NULL, NULL, NULL, NULL, d.grant_id, d.client_id, d.subject_id, NULL, d.opened_at, NULL,
       least(coalesce(min(d.ended_at), 'infinity'::TIMESTAMPTZ), coalesce(min(i.issued_at), 'infinity'::TIMESTAMPTZ),
             coalesce(min(u.undone_at), 'infinity'::TIMESTAMPTZ)), false, true
FROM doubted d
JOIN ended r USING (source, revocation_event)
LEFT JOIN undone u USING (source, revocation_event)
LEFT JOIN issued i ON i.source = d.source AND i.grant_id = d.grant_id AND i.kind IN ('consent', 'change') AND i.issued_at > r.revoked_at
WHERE d.opened_at < r.revoked_at AND (d.ended_at IS NULL OR d.ended_at > r.revoked_at)
GROUP BY ALL
UNION ALL
-- The grant that a revocation names, though it is older than the log, until it is given again.
SELECT r.source, r.tenant, r.revocation_event, r.revoked_at, r.revoked_true, r.certain_from, r.before_s, r.after_s,
       r.target_kind, r.initiator, r.record, r.doubt,
       NULL, NULL, NULL, NULL, r.grant_id, r.client_id, r.subject_id, NULL, NULL, NULL,
       least(coalesce(min(o.opened_at) FILTER (o.opened_at > r.revoked_at), 'infinity'::TIMESTAMPTZ), coalesce(min(u.undone_at), 'infinity'::TIMESTAMPTZ)),
       false, NULL
FROM ended r
LEFT JOIN undone u USING (source, revocation_event)
LEFT JOIN reopened o ON o.source = r.source AND o.grant_id = r.grant_id
WHERE r.target_kind = 'grant' AND r.grant_id IS NOT NULL
GROUP BY ALL
HAVING coalesce(min(o.opened_at) >= r.revoked_at, true)
""",
    needs=(
        "effective_revocation",
        "tenant_token",
        "issued",
        "grant_state",
        "enabled_again",
        "called_token",
        "presented_token",
        "same_subject",
    ),
)
