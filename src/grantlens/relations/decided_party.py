"""Every id of the clients and subjects that decisions to revoke name."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "decided_party",
    "For each decision to revoke that names a client or a subject, kind, the ids that are meant: the one that it names, in any source (source is NULL), "
    "and all that are the same by the identities file or by the provider's own log (see canonical_identity), each in its source. A decision "
    "may also give the name that the identities file has for them.",
    """
WITH named AS (
    SELECT decision_no, 'client' AS kind, client_id AS id FROM decided WHERE client_id IS NOT NULL
    UNION ALL
    SELECT decision_no, 'subject', subject_id FROM decided WHERE subject_id IS NOT NULL
),
same AS (
    SELECT source, kind, id, name FROM canonical_identity WHERE name IS NOT NULL
),
called AS (
    SELECT decision_no, kind, id AS name FROM named
    UNION
    SELECT n.decision_no, n.kind, s.name
    FROM named n
    JOIN decided d USING (decision_no)
    JOIN same s ON s.kind = n.kind AND s.id = n.id AND coalesce(d.source, s.source) = s.source
)
SELECT decision_no, kind, NULL AS source, id FROM named
UNION
SELECT c.decision_no, c.kind, s.source, s.id FROM called c JOIN same s ON s.kind = c.kind AND s.name = c.name
""",
    needs=("decided", "canonical_identity"),
)
