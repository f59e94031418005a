"""Calls that end, delete or change logs, or the records of what was done."""

from grantlens.catalogue.removals import values
from grantlens.relations.relation import Relation

RELATION = Relation(
    "removal",
    "The targets of calls that remove evidence, by the name of the call in our list: it stops a log, deletes records, changes "
    "what is logged, or tidies a job away.",
    """
WITH listed AS (
    SELECT * FROM (VALUES
           """
    + values()
    + """) v(server, call, pattern, does)
)
SELECT t.target_id, l.call, l.does
FROM usage_target t
JOIN listed l ON l.server = t.resource_server
    AND (t.operation = l.call OR regexp_matches(coalesce(t.method, t.operation) || ' ' || t.target, l.pattern))
""",
)
