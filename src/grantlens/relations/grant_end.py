"""When grants were over."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "grant_end",
    "For each end of a grant from when something is proven to come after it, before the error of that something's own clock, and when "
    "the grant was given again, set right by the offset of the clock that tells it: infinity where it was not.",
    """
-- Where the clocks of its tenants differ, it may have ended before it was given: no end comes before its beginning, or what follows would lie after two ends.
SELECT g.source, g.grant_id, greatest(r.certain_from, g.opened_true) AS certain_from, coalesce(g.reopened_at, 'infinity'::TIMESTAMPTZ) AS reopened_at,
       coalesce(g.reopened_true, 'infinity'::TIMESTAMPTZ) AS reopened_true
FROM (
    SELECT source, grant_id, ended_by, min(from_true) AS opened_true, lead(opened_at) OVER (PARTITION BY source, grant_id ORDER BY opened_at) AS reopened_at,
           lead(min(from_true)) OVER (PARTITION BY source, grant_id ORDER BY opened_at) AS reopened_true
    FROM grant_state
    GROUP BY source, grant_id, opened_at, ended_by
) g
JOIN effective_revocation r ON r.source = g.source AND r.revocation_event = g.ended_by
""",
    needs=("grant_state", "effective_revocation"),
)
