"""The names of resource servers, as tokens and calls write them, in one form."""

from grantlens.relations.relation import Relation


def are_one(one: str, other: str) -> str:
    """Return SQL that is true where two names are one server: the identities file says so, or one name lies in the other.

    Examples
    --------
    >>> are_one("a", "s").splitlines()[0]
    'CASE WHEN a.known_as IS NOT NULL AND s.known_as IS NOT NULL THEN a.known_as = s.known_as'
    """
    return f"""CASE WHEN {one}.known_as IS NOT NULL AND {other}.known_as IS NOT NULL THEN {one}.known_as = {other}.known_as
                        WHEN {one}.portless OR {other}.portless
                        THEN starts_with({one}.wide_key || '/', {other}.wide_key || '/') OR starts_with({other}.wide_key || '/', {one}.wide_key || '/')
                        ELSE starts_with({one}.key || '/', {other}.key || '/') OR starts_with({other}.key || '/', {one}.key || '/') END"""


RELATION = Relation(
    "server_name",
    "Each name of a resource server in the logs of a source and tenant: said_as 'audience' where something was issued for it, "
    "'location' where an object of granted details names it, 'called' where calls name it, and of no source 'listed' where the servers' file has it. key is the name in small letters "
    "without scheme, user, query, usual port and closing slash; wide_key has no port at all; portless is true where neither "
    "scheme nor port is told. known_as is the name that the identities file gives it.",
    r"""
WITH said AS (
    SELECT source, tenant, unnest(audience) AS name, 'audience' AS said_as
    FROM (SELECT DISTINCT source, tenant, audience FROM issuance WHERE audience IS NOT NULL AND outcome = 'success')
    UNION
    SELECT source, tenant, unnest(locations), 'location' FROM granted_object
    UNION
    SELECT source, tenant, resource_server, 'called' FROM usage_caller
    UNION
    SELECT NULL, NULL, resource_server, 'listed' FROM server
    UNION
    SELECT source, NULL, id, 'stated' FROM identity WHERE kind = 'server'
),
bare AS (
    SELECT *, regexp_replace(regexp_replace(lower(trim(name)), '^[a-z][a-z0-9+.-]*://([^/@]*@)?', ''), '[?#].*$', '') AS rest,
           NOT regexp_matches(lower(trim(name)), '^[a-z][a-z0-9+.-]*://|:[0-9]+(/|$)') AS portless
    FROM said
    WHERE trim(name) <> ''
),
parted AS (
    SELECT *, regexp_extract(rest, '^([^/]*)', 1) AS place, rtrim(regexp_extract(rest, '^[^/]*(.*)$', 1), '/') AS path FROM bare
),
read AS (
    SELECT source, tenant, name, said_as, portless, path,
           -- A cluster's tokens name its API as one calls it from inside; its log calls it so.
           CASE WHEN regexp_matches(place, '^kubernetes(\.default(\.svc(\..*)?)?)?(:443)?$') THEN 'kubernetes'
                ELSE rtrim(regexp_replace(place, ':(443|80)$', ''), '.') END AS place
    FROM parted
),
keyed AS (
    SELECT source, tenant, name, said_as, portless, place || path AS key,
           regexp_replace(place, ':[0-9]+$', '') || path AS wide_key
    FROM read
),
stated AS (
    SELECT k.source, k.key, min(i.name) AS known_as
    FROM keyed k
    JOIN identity i ON i.source = k.source AND i.kind = 'server' AND i.id = k.name
    WHERE k.said_as = 'stated'
    GROUP BY k.source, k.key
)
SELECT k.source, k.tenant, k.name, k.said_as, k.key, k.wide_key, k.portless, s.known_as
FROM keyed k
LEFT JOIN stated s ON s.source = k.source AND s.key = k.key
WHERE k.said_as <> 'stated'
""",
    needs=("granted_object",),
)
