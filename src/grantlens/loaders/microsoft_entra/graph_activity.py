"""Usage from MicrosoftGraphActivityLogs and AzureADGraphActivityLogs: one row for each call.

The busiest log of all, so nothing here parses text twice. What the mapping decides:

- A token's scopes are `scopes` (delegated) or `roles` (app-only); an empty text is the log's way to say nothing.
- The path stays as logged, with the API version; the query is dropped, it may hold anything.
- `durationMs` is no millisecond count in the records we have seen, so the end of a call stays unknown.
- 403 alone does not say whether scope, policy or licence was missing: `other`.
- `$batch` is one call here: the log does not show its parts.
"""

from grantlens.loaders.microsoft_entra.shape import moment
from grantlens.loaders.microsoft_entra.token_id import issue_time, uti

# The list is given as text and becomes one where it is new: the same scopes return in millions of calls.
# Azure AD Graph writes ' Group.Read.All,' where Graph writes 'Group.Read.All'.
_SCOPE_LIST = """CASE WHEN permissions = '' THEN NULL
            WHEN contains(permissions, ',') OR contains(permissions, '  ') OR contains(permissions, '"')
              OR contains(permissions, '\\') OR starts_with(permissions, ' ') OR ends_with(permissions, ' ')
            THEN to_json(nullif(list_filter(string_split(translate(permissions, ',', ' '), ' '),
                lambda scope: scope <> ''), []))::VARCHAR
            ELSE '["' || replace(permissions, ' ', '","') || '"]' END"""

_GRAPH = "https://graph.microsoft.com"

ACTIVITY = f"""
SELECT *,
       coalesce(nullif(sessionId, ''), c_Sid) AS session,
       coalesce(nullif(scopes, ''), roles) AS permissions,
       {moment("coalesce(nullif(tokenIssuedAt, ''), issuedAt)")} AS issued,
       upper(coalesce(requestMethod, httpMethod)) AS method,
       split_part(requestUri, '?', 1) AS address,
       coalesce(responseStatusCode, httpStatusCode) AS code,
       responseSizeBytes AS size,
       category = 'AzureADGraphActivityLogs' OR httpStatusCode IS NOT NULL AS is_aad_graph
FROM event
WHERE log_kind = 'activity'
"""

USAGE = f"""
SELECT line_no,
       nullif(requestId, '') AS event_id,
       {moment("timeGenerated")} AS used_at,
       CASE WHEN code BETWEEN 200 AND 299 THEN 'success'
            WHEN code IN (401, 403, 429) THEN 'denied'
            WHEN code IS NOT NULL THEN 'error' END AS outcome,
       CASE WHEN code BETWEEN 0 AND 32767 THEN code::SMALLINT END AS status,
       CASE code WHEN 401 THEN 'token' WHEN 403 THEN 'other' WHEN 429 THEN 'rate' END AS denial_reason,
       {uti("signInActivityId")} AS token_id,
       nullif(session, '') AS session_id,
       nullif(appId, '') AS client_id,
       nullif(userId, '') AS subject_id,
       {_SCOPE_LIST} AS token_scopes,
       {issue_time("issued")} AS token_issued_at,
       CASE WHEN starts_with(address, '{_GRAPH}/') THEN 'graph.microsoft.com'
            WHEN starts_with(address, 'https://') THEN lower(split_part(address, '/', 3))
            WHEN is_aad_graph THEN 'graph.windows.net'
            ELSE 'graph.microsoft.com' END AS resource_server,
       method,
       CASE WHEN starts_with(address, '{_GRAPH}/') THEN substr(address, {len(_GRAPH) + 1})
            WHEN starts_with(address, 'https://') THEN substr(address, 9 + length(split_part(address, '/', 3)))
            ELSE address END AS target,
       CASE WHEN size >= 0 THEN size END AS response_bytes,
       ip,
       nullif(userAgent, '') AS user_agent,
       tenant,
       -- As it was logged, though more of it may come to the same: to hash that costs less than to work out what is told of it.
       tenant_and_ip_input AS caller_input_tenant_and_ip,
       signInActivityId AS caller_input_token, tokenIssuedAt AS caller_input_issued, issuedAt AS caller_input_other_issued,
       sessionId AS caller_input_session, c_Sid AS caller_input_other_session,
       appId AS caller_input_client,
       userId AS caller_input_subject,
       scopes AS caller_input_scopes, roles AS caller_input_roles,
       CASE WHEN starts_with(address, '{_GRAPH}/') THEN NULL
            WHEN starts_with(address, 'https://') THEN split_part(address, '/', 3) ELSE '/' END AS caller_input_host,
       userAgent AS caller_input_agent,
       category AS caller_input_category, httpStatusCode IS NULL AS caller_input_no_http_status,
       requestMethod AS target_input_method, httpMethod AS target_input_other_method,
       address AS target_input_address,
       category AS target_input_category, httpStatusCode IS NULL AS target_input_no_http_status
FROM activity
"""
