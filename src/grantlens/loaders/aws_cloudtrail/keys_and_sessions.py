"""AWS CloudTrail: the access keys, sessions and tokens that are issued, the consents to them, and changes that widen access.

- **A session of STS is kind `token`**, with the calling key as parent and the caller as actor. It is no `exchange`: what ends a role ends
  the sessions of the role, however they came about.
- **A token by which an identity proves itself elsewhere** (`GetWebIdentityToken`, seen in one account) is known by its `jti`. Where another
  of AWS's partitions takes it, `AssumeRoleWithWebIdentity` has that id, too, as AWS's page says.
- **A key that is made active again** is issued again: nothing in the log says that it is another key.
- **A token of the Identity Center** (`CreateToken`, `CreateTokenWithIAM`) goes to an OAuth client. Its id, where the record tells it, is the
  `credentialId` of the calls made with it. The role's keys that `GetRoleCredentials` hands out are not named, and are not those of the
  `AssumeRoleWithSAML` beside it.
- **AWS Sign-In is an OAuth server**, of `aws login` and of agents that reach the AWS MCP server. `AuthorizeOAuth2Access` is a consent,
  `CreateOAuth2Token` a token - a refresh where it says so - for the identity that approved. It gives no permission of its own, so the scopes
  stay unknown. No id of the token stands in the record (AWS's examples, and two accounts), but the sign-in session that it was made for does,
  and calls made within that session name it as their `session_id`. Of a client that signs as itself the record names one and the same client in
  all accounts: the client is the calling identity then.
- **AgentCore Identity gets an agent tokens of other services** (`GetResourceOauth2Token`, AWS's blog): the client is the calling identity, as the token of
  the agent's workload identity, and with it the person, is hidden. The audience is the credential provider, whose calls this log never shows. Where a
  person has to consent (`USER_FEDERATION`) the answer may be an address instead of a token, and the records shown do not tell which: it stays a call.
"""

from grantlens.loaders.aws_cloudtrail.event import principal
from grantlens.loaders.aws_cloudtrail.meaning import BAD_TOKENS, REFUSALS
from grantlens.loaders.aws_cloudtrail.policies import ACTIONS, ALLOWED, TRUSTED

# Whose key, session or policy it is, and for whom.
MEANT = f"""
SELECT *, regexp_extract(owner, '[^/:]+$') AS owner_name
FROM (
    SELECT *,
           coalesce(asked.policyDocument, asked.assumeRolePolicyDocument, asked.policy) AS written,
           coalesce(got.credentials.expiration, got.expiration, got.serviceSpecificCredential.expirationDate) AS ends,
           CASE WHEN json_valid(written) THEN written::JSON END AS document,
           {ALLOWED} AS allowed,
           coalesce(asked.userName, got.accessKey.userName, got.serviceSpecificCredential.userName, '') AS user_name,
           meaning IN ('authorize', 'oauth') AND server = 'signin.amazonaws.com' AS by_sign_in,
           coalesce(by_sign_in AND grant_type = 'client_credentials', false) AS as_itself,
           meaning = 'oauth' AND server = 'bedrock-agentcore.amazonaws.com' AS by_agentcore,
           CASE WHEN as_itself OR by_agentcore THEN caller
                WHEN meaning IN ('authorize', 'oauth') THEN coalesce(asked.clientId, asked.client_id)
                WHEN meaning = 'session'
                THEN coalesce({principal("coalesce(asked.roleArn, got.assumedRoleUser.arn)")},
                              -- AssumeRoot names the member's account or its root; the session calls as that root
                              CASE WHEN regexp_full_match(asked.targetPrincipal, '\\d{{12}}')
                                   THEN 'arn:' || part || ':iam::' || asked.targetPrincipal || ':root' ELSE asked.targetPrincipal END,
                              {principal("refused_at")},
                              CASE WHEN starts_with(call, 'AssumeRo') THEN {principal("resources[1].ARN")} ELSE caller END)
                WHEN meaning IN ('remove', 'restore') AND server = 'sso.amazonaws.com' THEN asked.applicationArn
                WHEN asked.roleName <> '' THEN 'arn:' || part || ':iam::' || account || ':role/' || asked.roleName
                WHEN user_name <> '' THEN 'arn:' || part || ':iam::' || account || ':user/' || user_name
                WHEN outcome <> 'success' AND asked IS NULL THEN {principal("refused_at")}
                WHEN meaning IN ('credential', 'switch off', 'end') THEN caller END AS owner,
           CASE WHEN as_itself THEN behalf WHEN by_agentcore THEN NULL WHEN by_sign_in THEN coalesce(behalf, who.arn)
                WHEN meaning = 'oauth' THEN coalesce(added."identitystore:UserId", behalf, who.userName)
                WHEN meaning = 'session'
                THEN coalesce(nullif(asked.sourceIdentity, ''), nullif(got.sourceIdentity, ''), got.federatedUser.arn,
                              got.subjectFromWebIdentityToken, got.subject,
                              CASE WHEN who."type" IN ('WebIdentityUser', 'SAMLUser') THEN who.userName END, behalf) END AS for_whom,
           coalesce(asked.policyArn, asked.policyName, 'group ' || asked.groupName) AS policy
    FROM (SELECT *, nullif(regexp_extract(message, ' on resource: (arn:[^ ]+:(?:role|user)/[^ ]+)', 1), '') AS refused_at
          FROM known WHERE meaning IS NOT NULL)
)
"""

ISSUANCE = f"""
SELECT line_no, event_id, happened_at AS issued_at, received_at,
       CASE WHEN meaning = 'oauth' AND grant_type = 'refresh_token' THEN 'refresh'
            WHEN meaning = 'oauth' AND regexp_matches(grant_type, ':(jwt-bearer|token-exchange)$|^ON_BEHALF_OF') THEN 'exchange'
            WHEN meaning IN ('session', 'oauth') THEN 'token' WHEN meaning = 'authorize' THEN 'consent'
            WHEN meaning = 'credential' THEN 'credential' ELSE 'change' END AS kind,
       outcome, grant_type, CASE WHEN by_sign_in THEN session_id END AS session_id,
       CASE WHEN outcome <> 'denied' THEN NULL
            WHEN contains(error, 'ExpiredToken') THEN 'expired'
            WHEN regexp_matches(error, '{BAD_TOKENS}') THEN 'token'
            WHEN regexp_matches(error, '{REFUSALS}') THEN 'policy' END AS denial_reason,
       CASE WHEN outcome <> 'success' THEN NULL
            WHEN meaning = 'session' THEN coalesce(got.credentials.accessKeyId, got.webIdentityTokenId)
            WHEN meaning = 'oauth' THEN added."identitycenter:CredentialId"
            WHEN meaning = 'credential' THEN coalesce(got.accessKey.accessKeyId, asked.accessKeyId,
                got.serviceSpecificCredential.serviceSpecificCredentialId, asked.serviceSpecificCredentialId) END AS token_id,
       CASE WHEN call = 'GetWebIdentityToken' THEN 'id' WHEN meaning = 'session' THEN 'session' WHEN meaning = 'oauth' THEN 'access'
            WHEN meaning = 'credential' AND call <> 'CreateLoginProfile' THEN 'api_key' END AS token_kind,
       CASE WHEN meaning = 'session' OR as_itself THEN coalesce(token_id, asked.webIdentityTokenId) END AS parent_token_id,
       owner AS client_id, owner_name AS client_name,
       for_whom AS subject_id,
       CASE WHEN for_whom IS NULL AND who."type" = 'AWSService' THEN 'service'
            WHEN as_itself OR grant_type = 'M2M' THEN 'service'
            WHEN meaning IN ('authorize', 'oauth') OR who."type" = 'SAMLUser'
                 OR behalf = for_whom OR asked.sourceIdentity = for_whom THEN 'user' END AS subject_kind,
       CASE WHEN by_agentcore OR (by_sign_in AND NOT as_itself) THEN NULL
            WHEN meaning = 'oauth' THEN CASE WHEN who.arn <> '' THEN [who.arn] END
            WHEN meaning = 'session' THEN list_filter([coalesce(who.arn, caller, who.invokedBy, who.principalId), behalf],
                                                      lambda a: a IS NOT NULL) END AS actor_chain,
       CASE WHEN by_agentcore THEN TRY(from_json(asked.scopes, '["VARCHAR"]')) END AS scopes_requested,
       -- a statement that allows all but some actions names none
       CASE WHEN meaning = 'oauth' AND NOT by_sign_in AND NOT by_agentcore THEN TRY(from_json(asked.scope, '["VARCHAR"]'))
            WHEN len(list_filter(allowed, lambda s: s.Action IS NULL)) = 0
            THEN {ACTIONS} END AS scopes,
       CASE WHEN by_sign_in AND asked.resource <> '' THEN [asked.resource] WHEN by_agentcore THEN [resources[1].ARN]
            WHEN call = 'GetWebIdentityToken' THEN coalesce(TRY(from_json(asked.audience, '["VARCHAR"]')), [nullif(asked.audience, '')]) END AS audience,
       -- the values of each Principal: a text that no colon follows
       CASE WHEN meaning = 'trust' THEN {TRUSTED} END AS may_act,
       CASE WHEN meaning IN ('widen', 'session', 'cut off') THEN coalesce(document, CASE WHEN policy IS NOT NULL
            THEN to_json({{'policy': policy, 'change': logged_name}}) END) END AS authorization_details,
       coalesce(CASE WHEN meaning = 'oauth' AND regexp_full_match(got.expiresIn, '\\d{{1,8}}')
                     THEN happened_at + to_seconds(TRY_CAST(got.expiresIn AS INTEGER)) END,
                TRY_CAST(CASE WHEN ends LIKE '____-__-__T__:__:__%' THEN ends END AS TIMESTAMPTZ),
                make_timestamptz(epoch_us(try_strptime(regexp_replace(ends, '[\\x{{202f}}\\x{{a0}}]', ' ', 'g'),
                    ['%b %d, %Y, %I:%M:%S %p', '%b %d, %Y %I:%M:%S %p'])))) AS expires_at,
       CASE WHEN meaning = 'authorize' THEN for_whom WHEN meaning NOT IN ('session', 'oauth') THEN coalesce(caller, who.invokedBy) END AS consent_actor,
       CASE WHEN meaning IN ('session', 'oauth') THEN NULL WHEN caller = owner OR meaning = 'authorize' THEN 'user' ELSE 'admin' END AS consent_kind,
       ip, user_agent,
       -- a session belongs to the account of its role, whoever assumed it from wherever
       coalesce(nullif(regexp_extract(owner, '^arn:[^:]*:[^:]*::([^:]+):', 1), ''), recipient, account) AS tenant
FROM meant
WHERE meaning IN ('session', 'authorize', 'oauth', 'credential', 'widen', 'trust')
   OR (meaning = 'cut off' AND regexp_matches(written, '"Effect"\\s*:\\s*"Allow"'))
"""
