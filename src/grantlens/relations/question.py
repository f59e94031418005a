"""What is asked of the catalogue: may this set of scopes do this operation?"""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "question",
    "Each combination of operation, scope set and kind of principal that occurs, or may have occurred (see other_set and everyones_set), "
    "once, with a number. A million calls come down to a few thousand questions.",
    """
SELECT row_number() OVER (ORDER BY operation_id, set_id, application) AS question_id, operation_id, set_id, application
FROM (
    SELECT operation_id, set_id, application FROM used_pair WHERE operation_id IS NOT NULL AND set_id IS NOT NULL
    UNION SELECT operation_id, set_id, application FROM other_set WHERE set_id IS NOT NULL
    UNION SELECT operation_id, set_id, application FROM everyones_set WHERE set_id IS NOT NULL
)
""",
    needs=("used_pair", "other_set", "everyones_set"),
    windowed=True,
)
