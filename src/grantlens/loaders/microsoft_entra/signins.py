"""Issuance from the sign-in logs: a sign-in of a person, a service or a managed identity makes a token.

- A sign-in that a refresh token carried is a `refresh`; any other success is a `token`.
- The credential a service signed in with is the token's parent: ending the credential ends its tokens.
- An error code other than 0 means that no token was made: `denied`; an interrupt (the person was asked
  something, error 50140 and its like) is an `error`, since the same attempt goes on.
- The protocol `none` means none of those that Entra tells apart, so no device code either (Azure Monitor, table SigninLogs).
- Scopes stand as a JSON list inside a text, for delegated tokens only. An empty text says nothing,
  an empty list says none.
"""

from grantlens.loaders.microsoft_entra.shape import moment, server
from grantlens.loaders.microsoft_entra.token_id import uti

SIGN_IN = """
SELECT *,
       coalesce(TRY(from_json(status, '{"errorCode": "VARCHAR"}')).errorCode, nullif(resultType, '')) AS code,
       TRY(from_json(authenticationProcessingDetails, '[{"key": "VARCHAR", "value": "VARCHAR"}]')) AS details,
       list_filter(details, lambda d: d.key = 'Oauth Scope Info')[1].value AS scope_text,
       TRY(from_json(agent, '{"agentType": "VARCHAR"}')).agentType AS agent_type,
       nullif(nullif(userId, ''), '00000000-0000-0000-0000-000000000000') AS user_id
FROM event
WHERE log_kind = 'sign-in'
"""

ISSUANCE = f"""
SELECT line_no,
       nullif(id, '') AS event_id,
       {moment("createdDateTime")} AS issued_at,
       CASE WHEN contains(lower(incomingTokenType), 'refreshtoken') THEN 'refresh' ELSE 'token' END AS kind,
       CASE WHEN code = '0' THEN 'success'
            WHEN code IN ('50140', '50199') THEN 'error'
            WHEN code IS NOT NULL THEN 'denied' END AS outcome,
       nullif(authenticationProtocol, '') AS grant_type,
       NULL::VARCHAR AS grant_id,
       {uti("uniqueTokenIdentifier")} AS token_id,
       'access' AS token_kind,
       nullif(nullif(servicePrincipalCredentialKeyId, ''), '00000000-0000-0000-0000-000000000000') AS parent_token_id,
       nullif(sessionId, '') AS session_id,
       nullif(appId, '') AS client_id,
       coalesce(nullif(appDisplayName, ''), nullif(servicePrincipalName, '')) AS client_name,
       user_id AS subject_id,
       CASE WHEN user_id IS NOT NULL THEN nullif(userPrincipalName, '') END AS subject_name,
       CASE WHEN user_id IS NOT NULL THEN 'user'
            WHEN agent_type <> 'notAgentic' THEN 'agent'
            WHEN category LIKE '%UserSignInLogs' OR category = 'SignInLogs' THEN 'user'
            ELSE 'service' END AS subject_kind,
       TRY(from_json(nullif(scope_text, ''), '["VARCHAR"]')) AS scopes,
       CASE WHEN resource <> '' THEN [{server("resource")}] END AS audience,
       NULL::VARCHAR AS consent_actor,
       NULL::VARCHAR AS consent_kind,
       ip,
       nullif(userAgent, '') AS user_agent,
       tenant
FROM sign_in
"""
