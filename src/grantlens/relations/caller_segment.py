"""Which grant, and which scopes, stood behind a caller at each moment."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "caller_segment",
    "Half-open intervals in which a caller's grant and scopes stay the same, by the stamps of its usage log: the moments of a change are set right by "
    "the offset of both clocks. Scopes are the token's own "
    "where known, else those the usage log repeats, else the grant's at that moment (scopes_from). A pair "
    "of client and subject is attributed only while exactly one of its grants is alive. phase is 'ended' "
    "between a grant's end and its next consent. Moments without a segment are unattributed.",
    """
-- Two are named once: DuckDB works out the columns of a view anew wherever it stands.
WITH any_state AS NOT MATERIALIZED (
    FROM grant_state
),
any_caller AS NOT MATERIALIZED (
    FROM named_caller
),
state AS (
    SELECT g.* REPLACE (g.from_true AS valid_from, g.until_true AS valid_until), x.set_id FROM any_state g LEFT JOIN scope_set x ON x.scopes = g.scopes
),
by_key AS (
    SELECT * FROM any_caller WHERE grant_id IS NOT NULL
),
pair AS (
    SELECT * FROM any_caller WHERE join_key = 'client_subject' AND grant_id IS NULL
),
pair_edge AS (
    SELECT DISTINCT g.source, g.tenant, g.client_id, g.subject_id, g.grant_id, g.valid_from, g.valid_until, g.set_id
    FROM state g
    JOIN pair p ON p.source = g.source AND p.tenant IS NOT DISTINCT FROM g.tenant
        AND p.client_id = g.client_id AND p.subject_id IS NOT DISTINCT FROM g.subject_id
),
pair_moment AS (
    SELECT source, tenant, client_id, subject_id, moment,
           lead(moment) OVER (PARTITION BY source, tenant, client_id, subject_id ORDER BY moment) AS next_moment
    FROM (
        SELECT source, tenant, client_id, subject_id, valid_from AS moment FROM pair_edge
        UNION SELECT source, tenant, client_id, subject_id, valid_until FROM pair_edge
    )
),
pair_segment AS (
    SELECT m.source, m.tenant, m.client_id, m.subject_id, m.moment AS valid_from, m.next_moment AS valid_until,
           min(e.grant_id) AS grant_id, min(e.set_id) AS set_id
    FROM pair_moment m
    JOIN pair_edge e ON e.source = m.source AND e.tenant IS NOT DISTINCT FROM m.tenant
        AND e.client_id = m.client_id AND e.subject_id IS NOT DISTINCT FROM m.subject_id
        AND e.valid_from <= m.moment AND e.valid_until > m.moment
    GROUP BY ALL
    HAVING count(*) = 1
),
grant_interval AS (
    SELECT source, grant_id, min(from_true) AS opened_at, CASE WHEN min(ended_at) IS NOT NULL THEN max(until_true) END AS ended_at,
           lead(min(from_true)) OVER (PARTITION BY source, grant_id ORDER BY opened_at) AS reopened_at,
           row_number() OVER (PARTITION BY source, grant_id ORDER BY opened_at) = 1 AS is_first
    FROM any_state
    GROUP BY source, grant_id, opened_at
),
segment AS (
    -- The token says what it may: for its whole life, whatever becomes of the grant.
    SELECT caller_id, '-infinity'::TIMESTAMPTZ AS valid_from, 'infinity'::TIMESTAMPTZ AS valid_until,
           grant_id, own_set_id AS set_id, own_scopes_from AS scopes_from, join_key, 'granted' AS phase
    FROM by_key
    WHERE own_set_id IS NOT NULL
      AND (token_known OR NOT EXISTS (
          SELECT 1 FROM grant_interval i WHERE i.source = by_key.source AND i.grant_id = by_key.grant_id))
    UNION ALL
    -- The usage log repeats the scopes, and the grant says when they were good.
    SELECT k.caller_id, CASE WHEN i.is_first THEN '-infinity'::TIMESTAMPTZ ELSE i.opened_at END,
           coalesce(i.ended_at, 'infinity'::TIMESTAMPTZ), k.grant_id, k.own_set_id, k.own_scopes_from, k.join_key, 'granted'
    FROM by_key k JOIN grant_interval i ON i.source = k.source AND i.grant_id = k.grant_id
    WHERE k.own_set_id IS NOT NULL AND NOT k.token_known
    UNION ALL
    SELECT k.caller_id, g.valid_from, g.valid_until, g.grant_id, g.set_id, 'grant', k.join_key, 'granted'
    FROM by_key k JOIN state g ON g.source = k.source AND g.grant_id = k.grant_id
    WHERE k.own_set_id IS NULL
    UNION ALL
    -- After the end of the grant, until it is opened again.
    SELECT k.caller_id, i.ended_at, coalesce(i.reopened_at, 'infinity'::TIMESTAMPTZ), k.grant_id, NULL, NULL, k.join_key, 'ended'
    FROM by_key k JOIN grant_interval i ON i.source = k.source AND i.grant_id = k.grant_id
    WHERE i.ended_at IS NOT NULL AND NOT (k.token_known AND k.own_set_id IS NOT NULL)
    UNION ALL
    SELECT p.caller_id, s.valid_from, s.valid_until, s.grant_id,
           coalesce(p.own_set_id, s.set_id), coalesce(p.own_scopes_from, 'grant'), 'client_subject', 'granted'
    FROM pair p
    JOIN pair_segment s ON s.source = p.source AND s.tenant IS NOT DISTINCT FROM p.tenant
        AND s.client_id = p.client_id AND s.subject_id IS NOT DISTINCT FROM p.subject_id
)
SELECT row_number() OVER (ORDER BY s.caller_id, s.valid_from, s.grant_id, s.valid_until, s.phase)::INTEGER AS segment_id, s.caller_id,
       s.valid_from + to_microseconds((k.offset_s * 1000000)::BIGINT) AS valid_from,
       s.valid_until + to_microseconds((k.offset_s * 1000000)::BIGINT) AS valid_until, s.grant_id, s.set_id, s.scopes_from, s.join_key, s.phase
FROM segment s
JOIN usage_caller c USING (caller_id)
JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
""",
    needs=("named_caller", "grant_state", "scope_set", "clock_error"),
)
