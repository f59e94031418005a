"""What was done with grants for everyone by people who hold one of their own."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "everyones_use",
    "Pairs of used_pair that the scopes of the person's own grant did not permit, and those of a grant for everyone did: grant_id is "
    "that grant, set_id what it held - the latest that permitted them, where it changed meanwhile. A pair counts once for each such grant.",
    """
SELECT p.* REPLACE (g.grant_id AS grant_id, 'client_subject' AS join_key, o.set_id AS set_id)
FROM other_set o
JOIN used_pair p ON p.first_no = o.first_no
JOIN named_caller c ON c.caller_id = p.caller_id
JOIN judged_question own ON own.operation_id = p.operation_id AND own.set_id = p.set_id AND own.application IS NOT DISTINCT FROM p.application
JOIN judged_question j ON j.operation_id = o.operation_id AND j.set_id = o.set_id AND j.application IS NOT DISTINCT FROM o.application
JOIN scope_set x ON x.set_id = o.set_id
JOIN grant_state g ON g.source = c.source AND g.tenant IS NOT DISTINCT FROM c.tenant AND g.client_id = c.client_id
    AND g.subject_id IS NULL AND g.subject_kind = 'user' AND g.grant_id <> p.grant_id AND g.scopes = x.scopes
    AND g.valid_from <= p.last_used_at AND g.valid_until > p.first_used_at
WHERE o.for_everyone AND own.verdict = 'out_of_scope' AND j.verdict IN ('in_scope', 'in_scope_by_implication')
QUALIFY row_number() OVER (PARTITION BY p.first_no, g.grant_id ORDER BY g.valid_from DESC) = 1
""",
    needs=("other_set", "used_pair", "named_caller", "judged_question", "scope_set", "grant_state"),
    windowed=True,
)
