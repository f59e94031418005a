"""Ids of one provider that are the same person."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "same_subject",
    "Sign-in names of people, in small letters, with the object id that they stand for. Entra writes people by object id, and the actions in "
    "Microsoft 365's log by sign-in name; a sign-in, an ended account and a person's own consent have both. Object ids are unique over all tenants, "
    "so what one of the two logs says holds in the other. A name with two object ids, as one that was given to another person, stands for none.",
    """
WITH pair AS (
    SELECT lower(subject_name) AS name, subject_id AS object_id, outcome FROM issuance WHERE source = 'microsoft_entra'
    UNION ALL SELECT lower(subject_name), subject_id, outcome FROM revocation WHERE source = 'microsoft_entra'
    -- the last part of a grant's id is the person for whom it is
    UNION ALL
    SELECT lower(subject_id), split_part(grant_id, ':', 4), outcome
    FROM (SELECT source, subject_id, grant_id, outcome FROM issuance UNION ALL SELECT source, subject_id, grant_id, outcome FROM revocation)
    WHERE source = 'microsoft_365' AND grant_id LIKE 'm365:%:%:%'
)
SELECT s.source, p.name AS id, min(p.object_id) AS object_id
FROM pair p CROSS JOIN (VALUES ('microsoft_entra'), ('microsoft_365')) s(source)
WHERE p.outcome = 'success' AND p.name LIKE '%@%' AND p.object_id NOT LIKE '%@%'
GROUP BY s.source, p.name
HAVING count(DISTINCT p.object_id) = 1
""",
)
