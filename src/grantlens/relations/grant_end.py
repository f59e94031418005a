"""When grants were over."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "grant_end",
    "For each end of a grant from when something is proven to come after it, before the error of that something's own clock, and when "
    "the grant was given again: infinity where it was not.",
    """
SELECT g.source, g.grant_id, r.certain_from, coalesce(g.reopened_at, 'infinity'::TIMESTAMPTZ) AS reopened_at
FROM (
    SELECT source, grant_id, ended_by, lead(opened_at) OVER (PARTITION BY source, grant_id ORDER BY opened_at) AS reopened_at
    FROM (SELECT DISTINCT source, grant_id, opened_at, ended_by FROM grant_state)
) g
JOIN effective_revocation r ON r.source = g.source AND r.revocation_event = g.ended_by
""",
    needs=("grant_state", "effective_revocation"),
)
