"""What the register says of each client, by whichever of its ids the logs name it."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "registered_client",
    "The rows of the register, each under its own client id, which registered_as tells too, and again under every other id of the same client: one that "
    "the identities file says to be the same, or the provider's own log (see canonical_identity). The register may also give the name that the "
    "identities file has for it. An id that has a row of its own keeps that; where several rows stand for one client, another id of it has the first.",
    """
WITH identified AS (
    SELECT DISTINCT id, name FROM canonical_identity WHERE kind = 'client' AND name IS NOT NULL
),
entered AS (
    SELECT client_id AS registered_as, client_id AS name FROM register
    UNION
    SELECT g.client_id, i.name FROM register g JOIN identified i ON i.id = g.client_id
),
elsewhere AS (
    SELECT i.id AS client_id, min(e.registered_as) AS registered_as
    FROM identified i
    JOIN entered e USING (name)
    WHERE i.id NOT IN (SELECT client_id FROM register)
    GROUP BY i.id
)
SELECT client_id AS registered_as, * FROM register
UNION ALL
SELECT g.client_id, g.* REPLACE (e.client_id AS client_id)
FROM elsewhere e
JOIN register g ON g.client_id = e.registered_as
""",
    needs=("canonical_identity",),
)
