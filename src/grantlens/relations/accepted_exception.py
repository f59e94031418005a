"""Exceptions that the register makes for a client, and that still hold."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "accepted_exception",
    "For each client, by each of its ids, and rule whose findings the register accepts beyond the end of the window, the reason that it gives.",
    """
SELECT client_id, e.rule, min(e.reason) AS reason
FROM (SELECT client_id, unnest(exceptions) AS e FROM registered_client)
WHERE e.until IS NULL OR e.until > $until
GROUP BY client_id, e.rule
""",
    needs=("registered_client",),
    windowed=True,
)
