"""Each stretch of time in which access was open."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "access_stretch",
    "Each stretch of time in which a grant gave access, up to the end of the window, with the successful calls of the window that were made "
    "in it. A consent gives one that stands until the grant ends; without one, access lives as long as its tokens, and lives that touch are "
    "one stretch. end_at is NULL or infinity where no end is known; life_us is the longest life that its tokens were given, NULL under a "
    "consent and where one was given none. ended_by is the revocation that ended it, of the grant or of its last token.",
    """
WITH standing AS (
    SELECT source, tenant, grant_id, client_id, client_name, subject_id, scopes, by_consent, ended_by,
           opened_at AS start_at, closed_at AS end_at, NULL::BIGINT AS life_us, calls, grave_calls
    FROM grant_life
    WHERE by_consent
),
life AS (
    SELECT g.source, g.grant_id, g.opened_at, t.token_id, t.issued_at, t.expires_at,
           least(coalesce(t.closed_at, 'infinity'::TIMESTAMPTZ), coalesce(g.ended_at, 'infinity'::TIMESTAMPTZ)) AS end_at,
           CASE WHEN t.closed_at <= coalesce(g.ended_at, 'infinity'::TIMESTAMPTZ) THEN t.ended_by ELSE g.ended_by END AS ended_by
    FROM grant_life g
    JOIN token_life t ON t.source = g.source AND t.grant_id = g.grant_id AND t.issued_at >= g.opened_at
        AND (g.ended_at IS NULL OR t.issued_at < g.ended_at)
    WHERE NOT g.by_consent AND t.token_id IS NOT NULL AND t.issued_at < $until
),
marked AS (
    SELECT *, coalesce(issued_at > max(end_at) OVER (
        PARTITION BY source, grant_id ORDER BY issued_at, token_id ROWS BETWEEN UNBOUNDED PRECEDING
            AND 1 PRECEDING), true) AS opens
    FROM life
),
numbered AS (
    SELECT *, count(*) FILTER (opens) OVER (PARTITION BY source, grant_id ORDER BY issued_at, token_id) AS stretch_no
    FROM marked
),
used AS (
    SELECT c.source, c.token_id, sum(p.events)::BIGINT AS calls,
           sum(p.events) FILTER (k.grave)::BIGINT AS grave_calls
    FROM used_pair p
    JOIN named_caller c USING (caller_id)
    LEFT JOIN operation_class k ON k.operation_id = p.operation_id
    WHERE p.outcome = 'success' AND c.token_id IS NOT NULL
    GROUP BY c.source, c.token_id
),
fleeting AS (
    SELECT n.source, n.grant_id, min(n.opened_at) AS opened_at, min(n.issued_at) AS start_at, max(n.end_at) AS end_at,
           CASE WHEN count(n.expires_at) = count(*) THEN max(epoch_us(n.expires_at) - epoch_us(n.issued_at)) END AS life_us,
           max({'at': n.end_at, 'by': n.ended_by}).by AS ended_by,
           coalesce(sum(u.calls), 0)::BIGINT AS calls, coalesce(sum(u.grave_calls), 0)::BIGINT AS grave_calls
    FROM numbered n
    LEFT JOIN used u ON u.source = n.source AND u.token_id = n.token_id
    GROUP BY n.source, n.grant_id, n.stretch_no
)
FROM (
    SELECT * FROM standing
    UNION ALL
    SELECT g.source, g.tenant, g.grant_id, g.client_id, g.client_name, g.subject_id, g.scopes, g.by_consent, f.ended_by,
           f.start_at, f.end_at, f.life_us, f.calls, f.grave_calls
    FROM fleeting f
    JOIN grant_life g USING (source, grant_id, opened_at)
)
WHERE end_at IS NULL OR end_at > start_at
""",
    needs=("grant_life", "token_life", "used_pair", "named_caller", "operation_class"),
    windowed=True,
)
