"""What rich authorization details grant, object by object."""

from grantlens.relations.relation import Relation

MEMBERS = ("actions", "locations", "datatypes", "identifier")
"""The members of an object that are compared with a call."""


def _listed(member: str) -> str:
    """Return SQL for a member of object `o` as a list of texts - NULL where it is absent - and whether it is anything else."""
    path = f"'$.{member}'"
    return f"""CASE WHEN json_type(o, {path}) = 'ARRAY' THEN o->>'$.{member}[*]' WHEN json_type(o, {path}) <> 'NULL' THEN [o->>{path}] END AS {member},
       coalesce(json_type(o, {path}) = 'OBJECT' OR list_has_any(json_type(o, '$.{member}[*]'), ['OBJECT', 'ARRAY', 'NULL']), false) AS {member}_unread"""


RELATION = Relation(
    "granted_object",
    "Each object of authorization_details (RFC 9396) that was granted in a source and tenant, by the whole text in which it stands, of sources for which the "
    "register knows a type. type is NULL where it is no object, or none with a type; a text alone is a list of one, and _unread is true "
    "where a member holds anything but texts. others are the members beside those that are compared.",
    f"""
WITH granted AS (
    SELECT DISTINCT i.source, i.tenant, i.authorization_details::VARCHAR AS details
    FROM issuance i
    SEMI JOIN details_type k ON k.source IS NULL OR k.source = i.source
    WHERE i.outcome = 'success' AND i.authorization_details IS NOT NULL
),
entry AS (
    SELECT source, tenant, details, unnest(CASE json_type(details) WHEN 'ARRAY' THEN from_json(details, '["JSON"]') ELSE [details::JSON] END) AS o
    FROM granted
)
SELECT source, tenant, details, CASE WHEN json_type(o, '$.type') = 'VARCHAR' THEN o->>'$.type' END AS type,
       {", ".join(map(_listed, MEMBERS))},
       CASE WHEN json_type(o) = 'OBJECT' THEN list_filter(json_keys(o), lambda m: m NOT IN ('type', {", ".join(f"'{member}'" for member in MEMBERS)})) END AS others
FROM entry
""",
)
