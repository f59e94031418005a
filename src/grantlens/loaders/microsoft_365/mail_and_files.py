"""Microsoft 365: what apps and agents did with mail, files and whatever else a workload logs.

**Use** is an action that names the application it was made with. Reads are logged for some licences only, and not when there are too many: an
absence says nothing.
"""

from grantlens.loaders.microsoft_365.agents import USED_BY_AGENTS

USAGE = f"""
SELECT line_no, event_id, happened_at AS used_at, outcome, denial_reason, token_id, session_id,
       app AS client_id, app_name AS client_name, token_issued_at,
       CASE WHEN NOT by_app THEN CASE WHEN user_name LIKE '%@%' THEN lower(user_name) ELSE user_name END END AS subject_id,
       CASE WHEN NOT by_app THEN user_name END AS subject_name, actor_chain,
       workload AS resource_server, operation, place AS resource_id, ip, user_agent, tenant
FROM (
    SELECT *, NULL AS denial_reason, NULL AS actor_chain FROM known WHERE is_use AND NOT is_interaction
    UNION ALL BY NAME
    {USED_BY_AGENTS}
)
"""
