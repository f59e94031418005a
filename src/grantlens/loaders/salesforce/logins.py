"""What Salesforce issues: a session at each login, and what administrators let apps do."""

ISSUANCE = """
SELECT line_no, event_id, happened_at AS issued_at, received_at,
       CASE WHEN means <> 'login' THEN means WHEN flow LIKE 'oauth%refreshtoken%' THEN 'refresh'
            WHEN flow LIKE 'oauth%tokenexchange%' THEN 'exchange' ELSE 'token' END AS kind,
       CASE WHEN is_setup THEN 'success'
            WHEN is_stream THEN CASE WHEN PolicyOutcome = 'Block' THEN 'denied' WHEN Status = 'Success' THEN 'success'
                                     WHEN Status <> '' THEN 'denied' END
            WHEN LOGIN_STATUS = 'LOGIN_NO_ERROR' THEN 'success'
            WHEN LOGIN_STATUS <> '' THEN 'denied'
            WHEN REQUEST_STATUS IN ('S', 'Success') THEN 'success'
            WHEN REQUEST_STATUS <> '' THEN 'denied' END AS outcome,
       CASE WHEN outcome = 'success' THEN NULL
            WHEN PolicyOutcome = 'Block' OR LOGIN_STATUS IN ('LOGIN_END_SESSION_TXN_SECURITY_POLICY', 'LOGIN_ERROR_EXPORT_RESTRICTED',
                'LOGIN_ERROR_GLOBAL_BLOCK_DOMAIN') THEN 'policy'
            WHEN LOGIN_STATUS IN ('LOGIN_ERROR_INVALID_PASSWORD', 'LOGIN_ERROR_INVALID_USERNAME', 'LOGIN_ERROR_CSS_PW_LOCKOUT') THEN 'subject'
            WHEN LOGIN_STATUS = 'LOGIN_ERROR_LOGINS_EXCEEDED' THEN 'rate' WHEN LOGIN_STATUS <> '' THEN 'other' END AS denial_reason,
       CASE WHEN means = 'login' AND outcome = 'success' THEN key_of_session END AS token_id,
       CASE WHEN is_oauth THEN 'access' WHEN means = 'login' THEN 'session' END AS token_kind,
       CASE WHEN kind = 'refresh' THEN 'refresh_token' WHEN kind = 'exchange' THEN 'urn:ietf:params:oauth:grant-type:token-exchange'
            WHEN flow LIKE 'oauthclientcredential%' OR Action = 'addOauthClientCredentialUser' THEN 'client_credentials'
            WHEN flow LIKE 'oauth%webserver%' OR flow IN ('oauthcode', 'oauthhybridauthcode') THEN 'authorization_code'
            WHEN flow LIKE 'oauth%useragent%' OR flow IN ('oauthtoken', 'oauthhybridtoken', 'oauthtokenidtoken') THEN 'implicit'
            WHEN flow IN ('oauthusernamepassword', 'oauthpassword') THEN 'password' END AS grant_type,
       CASE WHEN means = 'login' THEN key_of_login END AS session_id,
       client_id, client_id AS client_name,
       CASE WHEN means = 'login' THEN person ELSE named_person END AS subject_id,
       CASE WHEN means = 'login' THEN person_name END AS subject_name,
       CASE WHEN means = 'login' OR named_person IS NOT NULL THEN 'user' ELSE 'service' END AS subject_kind,
       CASE WHEN means = 'change' THEN list_filter(list_transform(
            string_split(nullif(regexp_extract(Display, ' scopes from .* to (.+)$', 1), ''), ','), lambda s: trim(s)), lambda s: s <> 'null')
            END AS scopes,
       CASE WHEN is_setup THEN coalesce(nullif(DelegateUser, ''), person) END AS consent_actor,
       CASE WHEN is_setup THEN 'admin' END AS consent_kind,
       ip, coalesce(nullif(Browser, 'Unknown'), nullif(BROWSER_TYPE, '')) AS user_agent
FROM known
WHERE means IN ('login', 'consent', 'change')
"""
