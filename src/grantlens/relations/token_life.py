"""How long each token lived."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "token_life",
    "Each tenant's own token with the moment at which it ended: by the first revocation that ends it for good, or by its expiry. closed_at is "
    "NULL where no end is known, ended_by where it ended by itself. What was issued without an id lives to its expiry, as no revocation names "
    "it; so does, without one, the refresh token that offline_access stands for where the log names none. doubt is the first revocation that "
    "may have ended it, though the logs do not tell, and why: as in covered_token, or it is of a token of the same "
    "client and subject, and does not say of which, or says one that no issuance names where the log gives this one no id. Of keys, which their logs name "
    "where they can, it is only one without an id that one without may be of. A key that was switched off and on again lives on; pauses are when it was "
    "off, and what switched it off.",
    """
WITH revoked_token AS (
    SELECT source, token_id, token_tenant,
           min({'revoked_at': revoked_at, 'revocation_event': revocation_event}) FILTER (doubt IS NULL AND isinf(covered_until)) AS first,
           list({'revoked_at': revoked_at, 'revocation_event': revocation_event, 'why': doubt}) FILTER (doubt IS NOT NULL AND isinf(covered_until)) AS doubts,
           list({'off_at': revoked_at, 'on_at': covered_until, 'by': revocation_event}) FILTER (doubt IS NULL AND NOT isinf(covered_until)) AS pauses
    FROM covered_token
    WHERE token_id IS NOT NULL
    GROUP BY source, token_id, token_tenant
),
-- The ends of tokens of which no issuance is known by its id, for those that each may have ended: those that the log names or not, of its
-- tenant, or, of_any, of none.
unnamed_end AS (
    SELECT source, client_id, subject_id, whose, tenant, of_any, revoked_at, min(revocation_event) AS revocation_event
    FROM (
        SELECT r.source, r.client_id, r.subject_id, r.revoked_at, r.revocation_event,
               unnest([{'tenant': r.tenant, 'of_any': false}, {'tenant': NULL, 'of_any': true}], recursive := true),
               CASE WHEN r.target_kind <> 'credential' THEN CASE WHEN r.token_id IS NULL THEN ['named', 'unnamed'] ELSE ['unnamed'] END
                    WHEN r.token_id IS NULL THEN ['unnamed key'] END AS of_those
        FROM effective_revocation r
        ANTI JOIN tenant_token t ON t.source = r.source AND t.token_id = r.token_id
        WHERE r.target_kind IN ('token', 'credential') AND coalesce(r.client_id, r.subject_id) IS NOT NULL
    ), unnest(of_those) u(whose)
    GROUP BY ALL
),
life AS (
    SELECT t.source, t.home AS tenant, t.grant_id, t.token_id, t.token_kind, t.kind, t.client_id, t.client_name, t.subject_id, t.issued_at, t.expires_at,
           least(min(r.first.revoked_at), t.expires_at) AS closed_at,
           min(r.first) FILTER (t.expires_at IS NULL OR r.first.revoked_at <= t.expires_at).revocation_event AS ended_by,
           flatten(list(r.doubts)) AS doubts,
           list_sort(flatten(list(r.pauses) FILTER (r.pauses IS NOT NULL))) AS pauses
    -- What names no tenant has no life beside those of the tenants that others name.
    FROM (FROM tenant_token WHERE home IS NOT NULL OR len(homes) = 0) t
    LEFT JOIN revoked_token r ON r.source = t.source AND r.token_id = t.token_id
        AND (r.token_tenant IS NULL OR t.home IS NULL OR r.token_tenant = t.home)
    GROUP BY t.source, t.home, t.grant_id, t.token_id, t.token_kind, t.kind, t.client_id, t.client_name, t.subject_id, t.issued_at, t.expires_at
    UNION ALL
    SELECT source, tenant, grant_id, NULL, token_kind, kind, client_id, client_name, subject_id, issued_at, expires_at, expires_at, NULL, NULL, NULL
    FROM issued
    WHERE token_id IS NULL AND kind IN ('token', 'refresh', 'exchange', 'credential')
    UNION ALL
    SELECT i.source, min(i.tenant), i.grant_id, NULL, 'refresh', 'token', min(i.client_id), min(i.client_name), min(i.subject_id), i.issued_at, NULL, NULL, NULL,
           NULL, NULL
    FROM (SELECT *, unnest(scopes) AS scope FROM issued WHERE grant_id IS NOT NULL) i
    ANTI JOIN (FROM issued WHERE token_kind = 'refresh') r ON r.source = i.source AND r.grant_id = i.grant_id
    WHERE lower(i.scope) LIKE '%offline_access'
    GROUP BY i.source, i.grant_id, i.issued_at
)
SELECT l.* EXCLUDE (doubts, whose),
       list_min(list_concat(list_filter(l.doubts, lambda x: x.revoked_at >= l.issued_at), [
           CASE WHEN a.revoked_at IS NOT NULL THEN {'revoked_at': a.revoked_at, 'revocation_event': a.revocation_event, 'why': 'token'} END,
           CASE WHEN n.revoked_at IS NOT NULL THEN {'revoked_at': n.revoked_at, 'revocation_event': n.revocation_event, 'why': 'token'} END])) AS doubt
FROM (
    SELECT *, CASE WHEN kind <> 'credential' THEN CASE WHEN token_id IS NULL THEN 'unnamed' ELSE 'named' END
                   WHEN token_id IS NULL THEN 'unnamed key' END AS whose
    FROM life
) l
ASOF LEFT JOIN unnamed_end a
    ON a.source = l.source AND a.client_id IS NOT DISTINCT FROM l.client_id AND a.subject_id IS NOT DISTINCT FROM l.subject_id
    AND a.whose = l.whose AND a.of_any = (l.tenant IS NULL) AND a.tenant IS NOT DISTINCT FROM l.tenant AND a.revoked_at >= l.issued_at
-- Those without a tenant may be of each.
ASOF LEFT JOIN (FROM unnamed_end WHERE tenant IS NULL AND NOT of_any) n
    ON n.source = l.source AND n.client_id IS NOT DISTINCT FROM l.client_id AND n.subject_id IS NOT DISTINCT FROM l.subject_id
    AND n.whose = l.whose AND n.revoked_at >= l.issued_at
""",
    needs=("tenant_token", "covered_token", "issued", "effective_revocation"),
)
