"""Auth0: what calls of the Management API gave and ended, and the calls themselves."""

from grantlens.loaders.auth0.fields import scopes

# What a call did, by its path: a consent, or the end of a token, grant, client or subject. Most calls do neither.
ACT = """
SELECT *,
       CASE WHEN kind = 'client-grants' AND verb = 'POST' AND place_id IS NULL THEN 'client grant'
            WHEN kind = 'client-grants' AND verb = 'PATCH' AND place_id IS NOT NULL THEN 'client grant change'
            WHEN kind = 'device-credentials' AND verb = 'POST' AND place_id IS NULL THEN 'credential'
            WHEN kind IN ('client-grants', 'grants') AND verb = 'DELETE' AND place_id IS NOT NULL THEN 'end grant'
            WHEN kind = 'grants' AND verb = 'DELETE' AND request.query.user_id <> '' THEN 'end subject'
            WHEN kind IN ('refresh-tokens', 'device-credentials') AND verb = 'DELETE' AND place_id IS NOT NULL THEN 'end token'
            WHEN kind = 'refresh-tokens' AND verb = 'POST' AND place_id = 'revoke'
            THEN CASE WHEN starts_with(request.body.ids, '[') THEN 'end tokens'
                      WHEN request.body.user_id <> '' AND request.body.client_id <> '' THEN 'end pair'
                      WHEN request.body.user_id <> '' THEN 'end subject'
                      WHEN request.body.client_id <> '' THEN 'end client' END
            WHEN kind = 'sessions' AND verb = 'POST' AND place_id IS NOT NULL AND below = 'revoke' THEN 'end session'
            WHEN kind = 'users' AND verb = 'DELETE' AND place_id IS NOT NULL AND below = 'refresh-tokens' THEN 'end subject'
            WHEN kind = 'users' AND verb = 'POST' AND place_id IS NOT NULL AND below = 'revoke-access'
            THEN CASE WHEN request.body.preserve_refresh_tokens = 'true' THEN NULL
                      WHEN request.body.session_id <> '' THEN 'end session' ELSE 'end subject' END
            WHEN kind = 'users' AND verb = 'DELETE' AND place_id IS NOT NULL AND below IS NULL THEN 'disable subject'
            WHEN kind = 'users' AND verb = 'PATCH' AND place_id IS NOT NULL AND below IS NULL AND request.body.blocked = 'true'
            THEN 'disable subject'
            WHEN kind = 'users' AND verb = 'PATCH' AND place_id IS NOT NULL AND below IS NULL AND request.body.blocked = 'false'
            THEN 'enable subject'
            WHEN kind = 'clients' AND verb = 'DELETE' AND place_id IS NOT NULL AND below IS NULL THEN 'disable client'
            WHEN kind = 'clients' AND verb = 'POST' AND place_id IS NOT NULL AND below IN ('rotate-secret', 'credentials') THEN 'client key'
            WHEN kind = 'clients' AND verb = 'DELETE' AND place_id IS NOT NULL AND below = 'credentials' AND key_id IS NOT NULL THEN 'end credential'
       END AS what
FROM (
    SELECT *, string_split(regexp_extract(request.path, '^/api/v2/([^?]+?)/?([?].*)?$', 1), '/') AS place,
           place[1] AS kind, nullif(url_decode(place[2]), '') AS place_id, place[3] AS below, nullif(place[4], '') AS key_id
    FROM event
    WHERE meaning = 'call' AND happened_at IS NOT NULL
      AND ((verb = 'DELETE' AND regexp_matches(request.path, '^/api/v2/(client-grants|grants|refresh-|device-|users|clients)'))
        OR (verb = 'POST' AND regexp_matches(request.path,
            '^/api/v2/(client-grants|device-|refresh-|sessions|users/[^/]+/revoke-|clients/[^/]+/(rotate-|cred))'))
        OR (verb = 'PATCH' AND regexp_matches(request.path, '^/api/v2/(client-grants|users)')))
)
"""

# An administrator lets a client act for itself, or gives it a key: its own, or one for a device.
GIVEN_BY_CALL = f"""
SELECT line_no, happened_at AS issued_at, received_at, event_id,
       CASE what WHEN 'client grant' THEN 'consent' WHEN 'client grant change' THEN 'change' ELSE 'credential' END AS kind,
       call_outcome AS outcome, NULL AS grant_type, NULL AS denial_reason,
       CASE WHEN starts_with(what, 'client grant') THEN coalesce(place_id, nullif(answer.id, '')) END AS grant_id,
       CASE WHEN what IN ('credential', 'client key') THEN nullif(answer.id, '') END AS token_id,
       CASE WHEN what IN ('credential', 'client key') THEN 'api_key' END AS token_kind, NULL AS parent_token_id, NULL AS session_id,
       CASE WHEN what = 'client key' THEN place_id
            ELSE coalesce(nullif(request.body.client_id, ''), nullif(answer.client_id, '')) END AS client_id, NULL AS client_name,
       CASE WHEN what = 'credential' THEN caller_user END AS subject_id, NULL AS subject_name,
       CASE WHEN what = 'credential' THEN 'user' ELSE 'service' END AS subject_kind, NULL AS actor_chain,
       {scopes("request.body.scope")} AS scopes_requested,
       CASE WHEN call_outcome = 'success' THEN {scopes("coalesce(answer.scope, request.body.scope)")} END AS scopes,
       {scopes("coalesce(nullif(request.body.audience, ''), answer.audience)")} AS audience,
       CASE WHEN what <> 'credential' THEN coalesce(caller_user, client_id) END AS consent_actor,
       CASE WHEN starts_with(what, 'client grant') THEN 'admin' END AS consent_kind,
       ip, user_agent, tenant
FROM act
WHERE what IN ('client grant', 'client grant change', 'credential', 'client key')
"""

USAGE = f"""
SELECT line_no, event_id, happened_at AS used_at, received_at, call_outcome AS outcome,
       CASE WHEN status BETWEEN 0 AND 32767 THEN status::SMALLINT END AS status,
       CASE status WHEN 401 THEN 'token' WHEN 403 THEN 'other' WHEN 429 THEN 'rate' END AS denial_reason,
       nullif(request.auth.credentials.jti, '') AS token_id,
       client_id, client_name,
       caller_user AS subject_id, nullif(request.auth.user.name, '') AS subject_name,
       {scopes("request.auth.credentials.scopes")} AS token_scopes,
       'auth0' AS resource_server, verb AS method, nullif(split_part(request.path, '?', 1), '') AS target,
       ip, user_agent, tenant
FROM event
WHERE happened_at IS NOT NULL AND meaning = 'call'
"""

ENDED_BY_CALL = f"""
SELECT line_no, happened_at, received_at,
       CASE WHEN nth = 1 THEN event_id ELSE event_id || '#' || nth END,
       CASE WHEN starts_with(what, 'disable') THEN 'disable' WHEN starts_with(what, 'enable') THEN 'enable' ELSE 'revoke' END,
       call_outcome, target_kind,
       CASE WHEN target_kind IN ('token', 'credential') AND what <> 'end pair' THEN ended END, CASE WHEN target_kind = 'grant' THEN ended END,
       CASE WHEN target_kind = 'session' THEN ended END,
       CASE WHEN ends_with(what, ' client') THEN ended WHEN what = 'end credential' THEN place_id
            WHEN what = 'end pair' THEN request.body.client_id END, NULL,
       CASE WHEN ends_with(what, ' subject') THEN ended WHEN what = 'end pair' THEN request.body.user_id END, NULL,
       CASE WHEN target_kind = 'policy' THEN happened_at END,
       CASE WHEN caller_user IS NULL THEN 'client' WHEN ends_with(what, ' subject') AND caller_user = ended THEN 'user'
            WHEN kind = 'device-credentials' AND list_contains(held, 'delete:current_user_device_credentials')
             AND NOT list_contains(held, 'delete:device_credentials') THEN 'user' ELSE 'admin' END,
       coalesce(caller_user, client_id), description, tenant
FROM (
    SELECT *, unnest(all_ended) AS ended, generate_subscripts(all_ended, 1) AS nth
    FROM (
        SELECT *, {scopes("request.auth.credentials.scopes")} AS held,
               CASE WHEN what = 'end tokens' OR (what = 'end pair' AND request.body.audience <> '') THEN 'token'
                    WHEN what = 'end pair' OR (what IN ('end subject', 'end client') AND kind <> 'grants') THEN 'policy'
                    -- written out: what a log can tell is read off the words that stand here
                    WHEN what = 'end grant' THEN 'grant'
                    WHEN what = 'end credential' THEN 'credential'
                    ELSE split_part(what, ' ', 2) END AS target_kind,
               CASE WHEN what = 'end tokens' THEN list_filter(TRY(from_json(request.body.ids, '["VARCHAR"]')), lambda i: i <> '')
                    WHEN kind = 'users' AND what = 'end session' THEN [request.body.session_id]
                    WHEN what = 'end credential' THEN [key_id]
                    WHEN place_id IS NOT NULL AND place_id <> 'revoke' THEN [place_id]
                    WHEN kind = 'grants' THEN [request.query.user_id]
                    WHEN what = 'end client' THEN [request.body.client_id]
                    ELSE [request.body.user_id] END AS all_ended
        FROM act
        WHERE starts_with(what, 'end ') OR starts_with(what, 'disable ') OR starts_with(what, 'enable ')
    )
)
"""
