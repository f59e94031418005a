"""Grants for servers of which no call is logged, by anybody."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "uncalled_grant",
    "Grants that were given, or of which tokens were issued, for resource servers that nobody calls in the usage log of their source, though others are called "
    "there: the log need not be that of each server, and its silence says nothing of these grants. Names are compared as server_name has them; "
    "what a grant that is used is for is called too, whatever the log calls it.",
    """
WITH audience AS (
    SELECT DISTINCT source, grant_id, unnest(audience) AS name FROM issued WHERE grant_id IS NOT NULL
),
-- By name, as the identities file says, or because a grant for nothing else is used.
met AS (
    SELECT source, audience AS name FROM called_audience
    UNION
    SELECT source, min(name)
    FROM audience SEMI JOIN (FROM named_caller WHERE grant_id IS NOT NULL) USING (source, grant_id)
    GROUP BY source, grant_id
    HAVING min(name) = max(name)
    UNION
    SELECT a.source, a.name
    FROM (FROM server_name WHERE said_as = 'audience') a
    SEMI JOIN (FROM server_name WHERE said_as = 'called') c ON c.source = a.source AND c.known_as = a.known_as
)
SELECT a.source, a.grant_id
FROM audience a
SEMI JOIN (FROM server_name WHERE said_as = 'called') c ON c.source = a.source
LEFT JOIN met m ON m.source = a.source AND m.name = a.name
GROUP BY a.source, a.grant_id
HAVING count(m.name) = 0
""",
    needs=("issued", "named_caller", "server_name", "called_audience"),
)
