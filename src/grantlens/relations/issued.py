"""Issuance that counts: what really created or widened access, with the grant it belongs to."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "issued",
    "Successful issuance. Where the log names no grant, and client and subject hold exactly one grant at that moment "
    "that the log does name - of several, the one on that resource - the row belongs to that one; else to the one grant that an admin gave the client "
    "for everyone on that resource (no subject, though it is for people); otherwise to the derived grant. A client is named as in same_client, and a "
    "consent that says neither which grant it is nor whose is left out where the log tells it again beside it, with both.",
    """
WITH named AS (
    SELECT i.source, i.tenant, coalesce(a.app_id, i.client_id) AS client_id, i.subject_id, i.audience, i.grant_id, i.issued_at, i.kind, i.consent_actor,
           i.subject_id IS NULL AND coalesce(i.subject_kind::VARCHAR, '') = 'user' AS for_everyone
    FROM issuance i
    LEFT JOIN same_client a ON a.source = i.source AND a.id = i.client_id
    WHERE i.outcome = 'success' AND i.grant_id NOT LIKE 'derived:%'
),
-- In the same seconds, by the same actor, for the same client and resource. Joined by the second: in one of them few are given.
told_again AS (
    SELECT d.source, d.event_id
    FROM (
        SELECT i.source, i.tenant, i.event_id, coalesce(a.app_id, i.client_id) AS client_id, i.consent_actor, i.audience,
               date_trunc('second', i.issued_at) + to_seconds(unnest([-1, 0, 1])) AS second
        FROM issuance i
        LEFT JOIN same_client a ON a.source = i.source AND a.id = i.client_id
        WHERE i.outcome = 'success' AND i.kind = 'consent' AND i.grant_id LIKE 'derived:%' AND i.subject_id IS NULL AND i.subject_kind IS NULL
    ) d
    JOIN (SELECT *, date_trunc('second', issued_at) AS second FROM named WHERE kind = 'consent') n
        ON n.source = d.source AND n.tenant IS NOT DISTINCT FROM d.tenant AND n.second = d.second
        AND n.client_id = d.client_id AND n.consent_actor = d.consent_actor
    WHERE list_has_any(n.audience, d.audience)
),
-- Each grant among all of its client and subject, and among those on its resource, where all of them name theirs.
keyed AS (
    SELECT * EXCLUDE (audience, for_everyone, kind, consent_actor), NULL::VARCHAR[] AS resource FROM named WHERE NOT for_everyone
    UNION ALL
    SELECT * EXCLUDE (audience, for_everyone, kind, consent_actor), audience FROM named WHERE NOT for_everyone
    QUALIFY min(coalesce(len(audience), 0)) OVER (PARTITION BY source, tenant, client_id, subject_id) > 0
),
opened AS (
    SELECT source, tenant, client_id, subject_id, resource, grant_id, min(issued_at) AS opened_at,
           lead(min(issued_at)) OVER (
               PARTITION BY source, tenant, client_id, subject_id, resource ORDER BY min(issued_at), grant_id) AS next_at
    FROM keyed
    GROUP BY source, tenant, client_id, subject_id, resource, grant_id
),
ending AS (
    SELECT source, tenant, target_kind, grant_id, client_id, subject_id, revoked_at
    FROM effective_revocation
    ANTI JOIN enabled_again USING (source, revocation_event)
    WHERE target_kind IN ('grant', 'client', 'subject') AND doubt IS NULL
),
-- Of grants that follow each other, those that had been ended, without a doubt, before the next was given. Joined on what is equal, one way after the other.
succeeded AS (
    SELECT o.source, o.grant_id, o.resource
    FROM opened o
    SEMI JOIN ending r ON r.source = o.source AND r.grant_id = o.grant_id AND r.revoked_at >= o.opened_at AND r.revoked_at <= o.next_at
    UNION
    SELECT o.source, o.grant_id, o.resource
    FROM opened o
    SEMI JOIN (FROM ending WHERE target_kind = 'grant' AND grant_id IS NULL) r
        ON r.source = o.source AND r.client_id = o.client_id AND r.subject_id = o.subject_id
        AND (r.tenant IS NULL OR r.tenant = o.tenant) AND r.revoked_at >= o.opened_at AND r.revoked_at <= o.next_at
    UNION
    SELECT o.source, o.grant_id, o.resource
    FROM opened o
    SEMI JOIN (FROM ending WHERE target_kind = 'client' AND grant_id IS NULL) r ON r.source = o.source AND r.client_id = o.client_id
        AND (r.tenant IS NULL OR r.tenant = o.tenant) AND r.revoked_at >= o.opened_at AND r.revoked_at <= o.next_at
    UNION
    SELECT o.source, o.grant_id, o.resource
    FROM opened o
    SEMI JOIN (FROM ending WHERE target_kind = 'subject' AND grant_id IS NULL) r ON r.source = o.source AND r.subject_id = o.subject_id
        AND (r.tenant IS NULL OR r.tenant = o.tenant) AND r.revoked_at >= o.opened_at AND r.revoked_at <= o.next_at
),
-- Each holds what is issued until the next is given; beside another that still lives, nothing tells which holds what.
named_grant AS (
    SELECT o.source, o.tenant, o.client_id, o.subject_id, o.resource, o.grant_id,
           CASE WHEN nth = 1 AND (next_at IS NULL OR over) THEN '-infinity'::TIMESTAMPTZ ELSE opened_at END AS held_from,
           coalesce(next_at, 'infinity'::TIMESTAMPTZ) AS held_until
    FROM (
        SELECT o.*, e.grant_id IS NOT NULL AS over, row_number() OVER before_it AS nth,
               coalesce(bool_and(e.grant_id IS NOT NULL) OVER (before_it ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), true) AS alone
        FROM opened o
        LEFT JOIN succeeded e ON e.source = o.source AND e.grant_id = o.grant_id AND e.resource IS NOT DISTINCT FROM o.resource
        WINDOW before_it AS (PARTITION BY o.source, o.tenant, o.client_id, o.subject_id, o.resource ORDER BY o.opened_at, o.grant_id)
    ) o
    WHERE alone
),
everyones_grant AS (
    SELECT source, tenant, client_id, audience, min(grant_id) AS grant_id
    FROM named
    WHERE for_everyone
    GROUP BY source, tenant, client_id, audience
    HAVING count(DISTINCT grant_id) = 1
)
SELECT i.* EXCLUDE (grant_id, kind, token_kind, subject_kind, consent_kind, outcome) REPLACE (coalesce(a.app_id, i.client_id) AS client_id),
       i.kind::VARCHAR AS kind, i.token_kind::VARCHAR AS token_kind,
       i.subject_kind::VARCHAR AS subject_kind, i.consent_kind::VARCHAR AS consent_kind,
       -- of whom a consent is nobody said: it need not be the client's own
       CASE WHEN i.grant_id LIKE 'derived:%' AND (i.kind <> 'consent' OR coalesce(i.subject_id, i.subject_kind::VARCHAR) IS NOT NULL)
            THEN coalesce(r.grant_id, n.grant_id, e.grant_id, i.grant_id) ELSE i.grant_id END AS grant_id
FROM issuance i
LEFT JOIN same_client a ON a.source = i.source AND a.id = i.client_id
LEFT JOIN named_grant r
    ON r.source = i.source AND r.tenant IS NOT DISTINCT FROM i.tenant AND r.resource = i.audience
    AND r.client_id = coalesce(a.app_id, i.client_id) AND r.subject_id IS NOT DISTINCT FROM i.subject_id
    AND i.issued_at >= r.held_from AND i.issued_at < r.held_until
LEFT JOIN (FROM named_grant WHERE resource IS NULL) n
    ON n.source = i.source AND n.tenant IS NOT DISTINCT FROM i.tenant
    AND n.client_id = coalesce(a.app_id, i.client_id) AND n.subject_id IS NOT DISTINCT FROM i.subject_id
    AND i.issued_at >= n.held_from AND i.issued_at < n.held_until
LEFT JOIN everyones_grant e
    ON e.source = i.source AND e.tenant IS NOT DISTINCT FROM i.tenant
    AND e.client_id = coalesce(a.app_id, i.client_id) AND e.audience IS NOT DISTINCT FROM i.audience AND i.subject_id IS NOT NULL
ANTI JOIN told_again t ON t.source = i.source AND t.event_id = i.event_id
WHERE i.outcome = 'success'
""",
    needs=("effective_revocation", "enabled_again", "same_client"),
)
