"""Audiences of what was issued that are servers which are called."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "called_audience",
    "Audiences and called servers whose names are one, as relation server_name has them: one lies in the other, part by part, and the identities file does not "
    "tell them apart. told is false where one of the logs does not say in which tenant.",
    """
-- A name lies in every name that it begins with, part by part.
WITH place AS (
    SELECT source, tenant, said_as, name, portless, known_as, false AS wide, key FROM server_name WHERE said_as <> 'location'
    UNION ALL
    SELECT source, tenant, said_as, name, portless, known_as, true, wide_key FROM server_name WHERE said_as <> 'location'
),
around AS (
    SELECT source, tenant, said_as, name, portless, known_as, wide,
           unnest(list_transform(range(1, len(parts) + 1), lambda n: array_to_string(parts[1:n], '/'))) AS key
    FROM (SELECT *, string_split(key, '/') AS parts FROM place)
)
SELECT i.source, coalesce(i.tenant, o.tenant) AS tenant, i.tenant IS NOT DISTINCT FROM o.tenant AS told,
       CASE WHEN i.said_as = 'audience' THEN i.name ELSE o.name END AS audience,
       CASE WHEN i.said_as = 'audience' THEN o.name ELSE i.name END AS server
FROM around i
JOIN place o ON o.source = i.source AND o.wide = i.wide AND o.key = i.key
WHERE (o.tenant IS NULL OR i.tenant IS NULL OR o.tenant = i.tenant) AND o.said_as <> i.said_as AND o.wide = (o.portless OR i.portless)
  AND (o.known_as IS NULL OR i.known_as IS NULL OR o.known_as = i.known_as)
""",
    needs=("server_name",),
)
