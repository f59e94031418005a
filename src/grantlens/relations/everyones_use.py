"""What was done with grants for everyone by people who hold one of their own."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "everyones_use",
    "Calls that the scopes of the person's own grant did not permit, and those of a grant for everyone did, counted for each such grant, operation "
    "and set of scopes: set_id is what the grant held - the latest that permitted them, where it changed meanwhile. A call counts once for each "
    "such grant. pairs are the numbers of their pairs of used_pair, where every call is asked for.",
    """
WITH beyond AS (
    SELECT e.*
    FROM everyones_call e
    JOIN judged_question own ON own.operation_id = e.operation_id AND own.set_id = e.set_id AND own.application IS NOT DISTINCT FROM e.application
    WHERE own.verdict = 'out_of_scope'
),
permitted AS (
    SELECT b.call_no, g.grant_id, max_by(x.set_id, g.valid_from) AS set_id
    FROM beyond b
    JOIN grant_state g ON g.source = b.source AND g.tenant IS NOT DISTINCT FROM b.tenant AND g.client_id = b.client_id
        AND g.subject_id IS NULL AND g.subject_kind = 'user'
        AND g.valid_from <= b.last_used_at AND g.valid_until > b.first_used_at
    JOIN scope_set x ON x.scopes = g.scopes
    JOIN judged_question j ON j.operation_id = b.operation_id AND j.set_id = x.set_id AND j.application IS NOT DISTINCT FROM b.application
    WHERE j.verdict IN ('in_scope', 'in_scope_by_implication')
    GROUP BY b.call_no, g.grant_id
)
SELECT b.source, p.grant_id, b.operation_id, p.set_id, b.application, sum(b.events)::BIGINT AS events,
       min(b.first_used_at) AS first_used_at, max(b.last_used_at) AS last_used_at, min(b.first_no) AS first_no, max(b.last_no) AS last_no,
       CASE WHEN $every_call THEN flatten(list(b.pairs)) END AS pairs
FROM permitted p
JOIN beyond b USING (call_no)
GROUP BY b.source, p.grant_id, b.operation_id, p.set_id, b.application
""",
    needs=("everyones_call", "judged_question", "scope_set", "grant_state"),
    windowed=True,
)
