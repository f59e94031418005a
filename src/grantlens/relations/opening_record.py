"""The record with which each grant began."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "opening_record",
    "For each grant the record of its first issuance: a consent, or the first token where none is logged.",
    """
SELECT source, grant_id, min({'seen_at': issued_at, 'event_id': event_id, 'batch_id': batch_id, 'line_no': line_no}) AS record
FROM issued
WHERE grant_id IS NOT NULL
GROUP BY source, grant_id
""",
    needs=("issued",),
)
