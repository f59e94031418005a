"""AWS CloudTrail: what agents call at an MCP gateway of Bedrock AgentCore, with a token of any OAuth server or with a key of AWS.

AWS's page "Understanding Amazon Bedrock AgentCore Gateway CloudTrail events" shows them; `InvokeMcp` was the name in the preview.

- **Nobody of an account** makes a call with a token (`accountId` is `anonymous`): who calls stands in the claims of the token, which AWS writes
  once it has verified it. A token that was refused has no claims.
- **A refusal has no `errorCode`**: how it went, the answer alone tells. HTTP 200 with an error inside is an error.
- **Token id** is the claim `jti`, of Entra `uti`. Subject is `sub`, unless that is the client itself.
"""

from grantlens.loaders.written_time import moment

IS_GATEWAY = "server = 'bedrock-agentcore.amazonaws.com' AND call IN ('InvokeGateway', 'InvokeMcp')"

_REQUEST = '{"method": "VARCHAR", "params": {"name": "VARCHAR", "uri": "VARCHAR"}}'
_ANSWER = '{"error": "VARCHAR", "result": {"isError": "VARCHAR"}}'
_TOKEN = """{"claims": {"jti": "VARCHAR", "uti": "VARCHAR", "sub": "VARCHAR", "client_id": "VARCHAR", "azp": "VARCHAR",
    "appid": "VARCHAR", "cid": "VARCHAR", "scope": "VARCHAR", "scp": "VARCHAR", "iat": "VARCHAR"}}"""

GATEWAY_STEP = f"""
SELECT *, coalesce(nullif(claims.client_id, ''), nullif(claims.azp, ''), nullif(claims.appid, ''), nullif(claims.cid, '')) AS app,
       coalesce(claims.scope, claims.scp) AS scopes
FROM (SELECT *, TRY(from_json(asked.body, '{_REQUEST}')) AS request, TRY(from_json(got.body, '{_ANSWER}')) AS answer,
             TRY(from_json(added.jwt, '{_TOKEN}')).claims AS claims, TRY_CAST(got.statusCode AS SMALLINT) AS status
      FROM known WHERE is_gateway)
"""

GATEWAY_USAGE = f"""
SELECT line_no, event_id, happened_at AS used_at, received_at, status,
       CASE WHEN outcome <> 'success' THEN outcome
            WHEN status IN (401, 403, 429) THEN 'denied'
            WHEN status NOT BETWEEN 200 AND 299 OR answer.error IS NOT NULL OR answer.result.isError = 'true' THEN 'error'
            ELSE 'success' END AS outcome,
       CASE status WHEN 401 THEN 'token' WHEN 429 THEN 'rate' END AS denial_reason,
       coalesce(token_id, nullif(claims.jti, ''), nullif(claims.uti, '')) AS token_id,
       coalesce(caller, app) AS client_id, nullif(regexp_extract(caller, '[^/:]+$'), '') AS client_name,
       coalesce(behalf, CASE WHEN claims.sub IS DISTINCT FROM app THEN nullif(claims.sub, '') END) AS subject_id,
       CASE WHEN len(actors) > 0 THEN actors END AS actor_chain,
       CASE WHEN scopes LIKE '[%' THEN TRY(from_json(scopes, '["VARCHAR"]'))
            WHEN scopes <> '' THEN string_split(scopes, ' ') END AS token_scopes,
       {moment("claims.iat")} AS token_issued_at,
       coalesce(nullif(resources[1].ARN, ''), server) AS resource_server,
       -- tools/call without the name of a tool stays tools/call: a call of an unknown tool
       CASE WHEN request.method = 'tools/call' THEN coalesce(nullif(request.params.name, ''), request.method)
            ELSE coalesce(request.method, 'bedrock-agentcore:' || call) END AS operation,
       CASE WHEN request.method <> 'tools/call' THEN coalesce(request.params.uri, request.params.name) END AS resource_id,
       nullif(coalesce(resources[1].accountId, recipient), '') AS resource_tenant,
       ip, user_agent, coalesce(recipient, account) AS tenant
FROM gateway
"""
