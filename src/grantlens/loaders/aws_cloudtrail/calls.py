"""AWS CloudTrail: the calls, each with the key or session that it was made with.

The calls of the portal of the Identity Center are written as events of the service, and are the user's all the same (see `meaning.KNOWN`).
"""

from grantlens.loaders.aws_cloudtrail.meaning import BAD_TOKENS, REFUSALS
from grantlens.loaders.written_time import text_moment

USAGE = f"""
SELECT line_no, event_id, happened_at AS used_at, received_at, outcome,
       CASE WHEN outcome <> 'denied' THEN NULL
            WHEN regexp_matches(error, '{BAD_TOKENS}') THEN 'token'
            WHEN message ILIKE '%explicit deny%' OR message ILIKE '%control policy%' THEN 'policy'
            WHEN regexp_matches(error, '{REFUSALS}') THEN 'scope' ELSE 'other' END AS denial_reason,
       token_id, CASE WHEN server <> 'signin.amazonaws.com' THEN session_id END AS session_id, caller AS client_id,
       coalesce(nullif(regexp_extract(caller, '[^/:]+$'), ''), who.userName) AS client_name,
       behalf AS subject_id, CASE WHEN len(actors) > 0 THEN actors END AS actor_chain,
       CASE WHEN token_id IS NOT NULL THEN {text_moment("who.sessionContext.attributes.creationDate")} END AS token_issued_at,
       server AS resource_server,
       split_part(server, '.', 1) || ':' || call AS operation,
       resources[1].ARN AS resource_id,
       nullif(coalesce(resources[1].accountId, recipient), '') AS resource_tenant,
       CASE WHEN TRY_CAST(added.bytesTransferredOut AS DOUBLE) >= 0
            THEN TRY_CAST(TRY_CAST(added.bytesTransferredOut AS DOUBLE) AS BIGINT) END AS response_bytes,
       ip, user_agent, coalesce(recipient, account) AS tenant
FROM known
WHERE is_use AND NOT is_gateway
"""
