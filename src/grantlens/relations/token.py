"""One row for each token that came into being."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "token",
    "One row for each token that came into being: life, scopes, parent and grant. A token that the log "
    "reports several times (GitHub repeats the hash at regeneration) begins with its first record and "
    "ends with its last expiry; of a key that was issued again later without one, the end is not known.",
    """
SELECT source, tenant, token_id, token_kind, kind, grant_type, grant_id, parent_token_id, session_id,
       client_id, client_name, subject_id, subject_name, subject_kind, actor_chain, scopes, audience,
       issued_at,
       CASE WHEN max(CASE WHEN kind = 'credential' AND expires_at IS NULL THEN issued_at END) OVER of_token
                 > max(CASE WHEN expires_at IS NOT NULL THEN issued_at END) OVER of_token THEN NULL
            ELSE max(expires_at) OVER of_token END AS expires_at,
       event_id, batch_id, line_no
FROM issued
WHERE token_id IS NOT NULL AND kind IN ('token', 'refresh', 'exchange', 'credential')
WINDOW of_token AS (PARTITION BY source, token_id)
QUALIFY row_number() OVER (PARTITION BY source, token_id ORDER BY issued_at, event_id) = 1
""",
    needs=("issued",),
)
