"""AWS CloudTrail: what ends a key, a session, a user or a role, or narrows what one may do.

To revoke a refresh token of AWS Sign-In is to end the sign-in session that the record names, or that token where it names none. No such
record was seen. A person of the Identity Center is one in all accounts. An application of it that is deleted, or whose status is set, is the client to which
`CreateTokenWithIAM` gives tokens, by its ARN (AWS's API reference; no record was seen). Who logs out of the portal ends the token that the call was made
with, and no role session that was got with it (AWS's page on `Logout`; no record was seen, its shape is that of the portal's other calls).
"""

from grantlens.loaders.aws_cloudtrail.policies import ISSUED_BEFORE

REVOCATION = f"""
SELECT line_no, event_id, happened_at AS revoked_at, received_at,
       CASE WHEN meaning = 'narrow' THEN 'downgrade' WHEN meaning IN ('person on', 'restore') THEN 'enable'
            WHEN meaning IN ('remove', 'switch off', 'person off') THEN 'disable' ELSE 'revoke' END AS kind,
       outcome,
       CASE meaning WHEN 'narrow' THEN 'grant' WHEN 'remove' THEN 'client' WHEN 'restore' THEN 'client' WHEN 'cut off' THEN 'policy'
                    WHEN 'person off' THEN 'subject' WHEN 'person on' THEN 'subject' WHEN 'log out' THEN 'token'
                    WHEN 'sign out' THEN CASE WHEN session_id <> '' THEN 'session' ELSE 'token' END ELSE 'credential' END AS target_kind,
       CASE WHEN meaning = 'sign out' THEN nullif(session_id, '') END AS session_id,
       CASE WHEN meaning IN ('end', 'switch off')
            THEN coalesce(asked.accessKeyId, asked.serviceSpecificCredentialId) WHEN meaning = 'log out' THEN token_id END AS token_id,
       owner AS client_id, owner_name AS client_name, CASE WHEN meaning = 'log out' THEN behalf ELSE person END AS subject_id,
       CASE WHEN meaning = 'cut off' THEN {ISSUED_BEFORE} END AS issued_before,
       CASE WHEN meaning = 'log out' THEN 'user' WHEN who."type" = 'AWSService' OR caller IS NULL THEN 'system'
            WHEN caller = owner AND who."type" = 'AssumedRole' THEN 'client'
            WHEN caller = owner THEN 'user' ELSE 'admin' END AS initiator,
       coalesce(caller, who.invokedBy, CASE WHEN meaning = 'log out' THEN behalf END) AS actor_id,
       policy AS reason, CASE WHEN person IS NULL
            -- an application is that of the account which its ARN names, as its tokens are
            THEN coalesce(nullif(regexp_extract(owner, '^arn:[^:]*:sso::([^:]+):', 1), ''), recipient, account) END AS tenant
FROM meant
WHERE meaning IN ('end', 'switch off', 'remove', 'restore', 'narrow', 'cut off', 'sign out', 'log out', 'person off', 'person on')
"""
