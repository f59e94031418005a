"""Issuance from the sign-in logs: a sign-in of a person, a service or a managed identity makes a token.

- A sign-in that a refresh token carried is a `refresh`; any other success is a `token`.
- The credential a service signed in with is the token's parent. That the credential ended ends no token that it gave: what comes of it later
  is told by REV-2.
- An error code other than 0 means that no token was made: `denied`; an interrupt (the person was asked something, error 50140 and
  its like; a device asks whether its code was entered yet, 70016) is an `error`, since the same attempt goes on.
- Where nobody can be asked, the same code is a refusal: a refresh after its consent was removed ends in 65001.
- The protocol `none` means none of those that Entra tells apart (Azure Monitor, table SigninLogs). But the token that a device gets for its code
  has it, too (seen in one tenant): `originalTransferMethod` tells, "the transfer method used to initiate a session throughout all
  subsequent requests" (Microsoft Graph, signIn resource, beta). Later tokens of that session came in by another token, or by asking the person.
- An agent has an identity of its own, and signs in as itself, for a person, or with an account that is its own and no person's: `agentType`
  says whether the client is one, `agentSubjectType` whether the subject is (Microsoft Graph, agentSignIn resource, beta).
- Scopes stand as a JSON list inside a text, for delegated tokens only. An empty text says nothing,
  an empty list says none.
"""

from collections.abc import Mapping

from grantlens.loaders.microsoft_entra.shape import agentic, moment, server
from grantlens.loaders.microsoft_entra.token_id import uti
from grantlens.loaders.written_number import whole

# By Microsoft's page "Microsoft Entra authentication & authorization error codes"; no real record shows most of them. What it does not name,
# or names in a way that fits several of our words, is `other`.
_REASONS: Mapping[str, str] = {
    "reuse": "54005",
    "expired": "70008 70019 70043 700082 700084",
    "revoked": "50133 50173",
    "token": "50013 500133 501481 70000 70018 700005",
    "client": "70001 70002 700011 700016 700025 700027 700030 7000112 7000215 7000218 7000222",
    "subject": "50014 50020 50034 50053 50055 50056 50057 50064 50126 50144 51004",
    "scope": "28002 28003 70011 700022 700023",
    "consent": "65001 65002 65004 90094 90095 90099",
    "policy": """50002 500021 500022 50005 50072 50074 50076 50079 50097 50105 50131 500212 500213 53000 53001 53002 53003 53004 53011
        530032 530034 530035""",
    "rate": "50196 90055",
}
_GOES_ON = "('50140', '50199', '70016')"
# Pending user action in Microsoft's workbook of sign-ins; 500121 by its guide for privileged accounts; 50168 by its name; 50097, "in-flow device auth
# challenge", by its library for Android. Of 50076 and 50079 no page of Microsoft's says so.
_ASKS = """('16000', '16001', '16003', '50055', '50058', '50059', '50072', '50074', '50097', '500121', '50125', '50127', '50129', '50143', '50144', '50168',
            '51006', '52004', '65001', '81010', '81012', '81014')"""
_REASON = " ".join(
    f"WHEN code IN ({', '.join(map(repr, codes.split()))}) THEN '{reason}'" for reason, codes in _REASONS.items()
)

SIGN_IN = f"""
SELECT *,
       coalesce(TRY(from_json(status, '{{"errorCode": "VARCHAR"}}')).errorCode,
                CASE WHEN lower(resultType) = 'success' THEN '0' ELSE nullif(resultType, '') END) AS written_code,
       {whole("written_code")} AS code,
       TRY(from_json(authenticationProcessingDetails, '[{{"key": "VARCHAR", "value": "VARCHAR"}}]')) AS details,
       list_filter(details, lambda d: d.key = 'Oauth Scope Info')[1].value AS scope_text,
       TRY(from_json(agent, '{{"agentType": "VARCHAR", "agentSubjectType": "VARCHAR"}}')) AS agent_is,
       {agentic("agent_is['agentType']")} AS by_agent,
       -- an account of the agent's own, by either name; where its reader knows no such type, it is still no person's
       coalesce(nullif(agent_is['agentSubjectType'], '') <> 'notAgentic', agent_is['agentType'] = 'agentIDuser') AS of_agent,
       nullif(nullif(userId, ''), '00000000-0000-0000-0000-000000000000') AS user_id,
       code IN {_GOES_ON}
           OR (code IN {_ASKS} AND coalesce(lower(isInteractive), '') <> 'false'
               AND NOT regexp_full_match(coalesce(category, ''), '(NonInteractiveUser|.*ServicePrincipal|ManagedIdentity)SignInLogs')) AS goes_on
FROM event
WHERE log_kind = 'sign-in'
"""

ISSUANCE = f"""
SELECT line_no,
       nullif(id, '') AS event_id,
       {moment("createdDateTime")} AS issued_at,
       CASE WHEN contains(lower(incomingTokenType), 'refreshtoken') THEN 'refresh' ELSE 'token' END AS kind,
       CASE WHEN code = '0' THEN 'success'
            WHEN goes_on THEN 'error'
            WHEN code IS NOT NULL THEN 'denied' END AS outcome,
       CASE WHEN code = '0' OR goes_on THEN NULL {_REASON} WHEN code IS NOT NULL THEN 'other' END AS denial_reason,
       CASE WHEN originalTransferMethod = 'deviceCodeFlow' AND lower(isInteractive) = 'false' AND coalesce(incomingTokenType, '') IN ('', 'none')
             AND coalesce(authenticationProtocol, '') IN ('', 'none') THEN 'deviceCode' ELSE nullif(authenticationProtocol, '') END AS grant_type,
       NULL::VARCHAR AS grant_id,
       {uti("uniqueTokenIdentifier")} AS token_id,
       'access' AS token_kind,
       nullif(nullif(servicePrincipalCredentialKeyId, ''), '00000000-0000-0000-0000-000000000000') AS parent_token_id,
       nullif(sessionId, '') AS session_id,
       nullif(appId, '') AS client_id,
       coalesce(nullif(appDisplayName, ''), nullif(servicePrincipalName, '')) AS client_name,
       user_id AS subject_id,
       CASE WHEN user_id IS NOT NULL THEN nullif(userPrincipalName, '') END AS subject_name,
       CASE WHEN by_agent AND (user_id IS NULL OR of_agent) THEN 'agent'
            WHEN user_id IS NOT NULL THEN 'user'
            WHEN category LIKE '%UserSignInLogs' OR category = 'SignInLogs' THEN 'user'
            ELSE 'service' END AS subject_kind,
       CASE WHEN by_agent AND user_id IS NOT NULL AND of_agent IS DISTINCT FROM true AND appId <> '' THEN [appId] END AS actor_chain,
       TRY(from_json(nullif(scope_text, ''), '["VARCHAR"]')) AS scopes,
       CASE WHEN resource <> '' THEN [{server("resource")}] END AS audience,
       NULL::VARCHAR AS consent_actor,
       NULL::VARCHAR AS consent_kind,
       ip,
       nullif(userAgent, '') AS user_agent,
       tenant
FROM sign_in
"""
