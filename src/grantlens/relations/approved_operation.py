"""Which operations the register approves for each client."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "approved_operation",
    "For each client of the register, by each of its ids, the operations that it approves, as patterns for LIKE with the escape \\: only * is a glob, "
    "every other character means itself.",
    r"""
SELECT client_id, replace(replace(replace(replace(unnest(approved_operations), '\', '\\'), '%', '\%'), '_', '\_'), '*', '%') AS pattern
FROM registered_client
""",
    needs=("registered_client",),
)
