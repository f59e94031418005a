"""AWS CloudTrail: calls, the sessions and access keys that STS and IAM issue, and what ends them.

What the mapping decides, and why:

- **Token id** is the access key id, never a secret: it stands at issue, use and end. The session token and the secret key are not even parsed.
- **Client** is the identity whose permissions count, as ARN without path: the user, or the role of a session. IAM calls name users and roles without their
  path, and a name is unique in an account.
- **Subject** is whom a session acts for, where the record says so: source identity, web or SAML identity, federated user, user of the Identity Center. An
  identity that acts for itself has none.
- **A session of STS is kind `token`**, with the calling key as parent and the caller as actor. It is no `exchange`: what ends a role ends the sessions of the
  role, however they came about. A token that an identity gets to prove itself elsewhere (`GetWebIdentityToken`, seen in one account) is known by its `jti`;
  AWS writes that into `AssumeRoleWithWebIdentity`, too, where another of its partitions takes it (its page).
- **One record may be two rows**: the use of the calling key, and the issue or the end that it brought about.
- **A call that crosses accounts is recorded in both**, with one `sharedEventID`. Both records are kept, each under its own `eventID`: only the caller's names
  the key, only the owner's may be at hand. The tenant tells them apart.
- **A policy of a role or user** is one of several, and says more than scopes can: it is kept as authorization detail, and the scopes stay unknown. **A
  session policy** is all that a session may have: the actions it allows are its scopes, if no policy is only named beside it. What takes a policy away is a
  downgrade. A policy that denies by `aws:TokenIssueTime` (the console calls it AWSRevokeOlderSessions) is a revocation of every session issued before; to
  delete that policy is a change that brings them back. What else such a policy allows is a change beside the revocation.
- **A key made active again** is issued again; nothing in the log says that it is another key.
- **A token of the Identity Center** (`CreateToken`, `CreateTokenWithIAM`) goes to an OAuth client; its id, where the record tells it, is the `credentialId`
  of the calls made with it. The portal's calls are written as events of the service, and are the user's all the same: the role's keys that
  `GetRoleCredentials` hands out are not named, and are not those of the `AssumeRoleWithSAML` beside it.
- **AWS Sign-In is an OAuth server**, of `aws login` and of agents that reach the AWS MCP server: `AuthorizeOAuth2Access` is a consent, `CreateOAuth2Token` a
  token, a refresh where it says so, for the identity that approved. It gives no permission of its own, so scopes stay unknown, and no id of the token stands
  in the record (AWS's examples, and two accounts): the sign-in session it was made for stands in the calls made with it, as `session_id`. For a client that
  signs as itself the record names one and the same client in all accounts: the calling identity is the client then. To revoke a refresh token is to end that
  session as far as the record names it; no such record was seen.
- Throttling refuses nobody: it is an error. `AccessDenied` and its like are denied. An error without a text is none (AWS's page on Cognito).
- A service that uses a caller's key is an actor, not an address. What a service does for itself is ignored, as are the tokens of Cognito's user pools.
- The time of delivery stands in the name of the delivered file only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grantlens.loaders.loader import FILE_NUMBER, Join, Loader, mostly
from grantlens.loaders.written_time import text_moment

_EVENT = """{
    "eventID": "VARCHAR", "eventTime": "VARCHAR", "eventSource": "VARCHAR", "eventName": "VARCHAR",
    "eventType": "VARCHAR", "eventCategory": "VARCHAR", "sourceIPAddress": "VARCHAR", "userAgent": "VARCHAR",
    "errorCode": "VARCHAR", "errorMessage": "VARCHAR", "recipientAccountId": "VARCHAR",
    "userIdentity": {"type": "VARCHAR", "principalId": "VARCHAR", "arn": "VARCHAR", "accountId": "VARCHAR",
        "accessKeyId": "VARCHAR", "userName": "VARCHAR", "invokedBy": "VARCHAR", "credentialId": "VARCHAR", "onBehalfOf": {"userId": "VARCHAR"},
        "sessionContext": {"sourceIdentity": "VARCHAR", "sessionIssuer": {"arn": "VARCHAR"}, "signInSessionArn": "VARCHAR",
            "attributes": {"creationDate": "VARCHAR"}}},
    "requestParameters": {"userName": "VARCHAR", "roleName": "VARCHAR", "roleArn": "VARCHAR", "accessKeyId": "VARCHAR",
        "serviceSpecificCredentialId": "VARCHAR", "status": "VARCHAR", "policyName": "VARCHAR", "policyArn": "VARCHAR",
        "policyDocument": "VARCHAR", "assumeRolePolicyDocument": "VARCHAR", "policy": "VARCHAR", "groupName": "VARCHAR",
        "policyArns": "VARCHAR", "sourceIdentity": "VARCHAR", "targetPrincipal": "VARCHAR", "audience": "VARCHAR", "webIdentityTokenId": "VARCHAR",
        "clientId": "VARCHAR", "grantType": "VARCHAR", "scope": "VARCHAR", "client_id": "VARCHAR", "resource": "VARCHAR"},
    "responseElements": {"credentials": {"accessKeyId": "VARCHAR", "expiration": "VARCHAR"}, "webIdentityTokenId": "VARCHAR", "expiration": "VARCHAR",
        "accessKey": {"accessKeyId": "VARCHAR", "userName": "VARCHAR"},
        "serviceSpecificCredential": {"serviceSpecificCredentialId": "VARCHAR", "userName": "VARCHAR"},
        "assumedRoleUser": {"arn": "VARCHAR"}, "federatedUser": {"arn": "VARCHAR"}, "sourceIdentity": "VARCHAR",
        "subjectFromWebIdentityToken": "VARCHAR", "subject": "VARCHAR", "ConsoleLogin": "VARCHAR", "expiresIn": "VARCHAR"},
    "additionalEventData": {"bytesTransferredOut": "VARCHAR", "identitycenter:CredentialId": "VARCHAR", "identitystore:UserId": "VARCHAR",
        "signInSessionArn": "VARCHAR", "grant_type": "VARCHAR", "success": "VARCHAR"},
    "resources": [{"ARN": "VARCHAR", "accountId": "VARCHAR"}]
}"""


def _is_event(record: Mapping) -> bool:
    """Tell an event; where its identity is text, it is a row of a table (see `console.athena`)."""
    named = {"userIdentity", "eventSource", "eventName", "eventTime"} <= record.keys()
    return named and not isinstance(record["userIdentity"], str)


def _place(record: Mapping) -> str | None:
    """Return where a record of another tool keeps the event, a name of `_NESTED`."""
    event, detail = record.get("event"), record.get("detail")
    if "detail-type" in record and isinstance(detail, Mapping) and _is_event(detail):
        return "detail"
    texts = {
        "message": record.get("message"),
        "event": event.get("original") if isinstance(event, Mapping) else None,
        "CloudTrailEvent": record.get("CloudTrailEvent"),
    }
    names = ('"userIdentity"', '"eventSource"', '"eventName"', '"eventTime"')
    found = (place for place, text in texts.items() if isinstance(text, str) and all(name in text for name in names))
    return next(found, None)


def _principal(arn: str) -> str:
    """Return SQL that gives the ARN of the user or role, without path and session, from any ARN that names it."""
    role = f"regexp_replace({arn}, '^arn:([^:]*):sts::([^:]*):assumed-role/([^/]+).*$', 'arn:\\1:iam::\\2:role/\\3')"
    bare = f"regexp_replace({role}, '^(arn:[^:]*:iam::[^:]*:(?:user|role))/.*/([^/]+)$', '\\1/\\2')"
    return f"CASE WHEN {arn} LIKE '%/%/%' THEN {bare} ELSE {arn} END"


_SPELLED = "SELECT line_no, r AS e FROM record WHERE r IS NOT NULL"

_REFUSALS = (
    "^(Client[.])?(AccessDenied|AccessDeniedException|UnauthorizedOperation|UnauthorizedAccess|UnauthorizedException"
    "|NotAuthorized|NotAuthorizedException|Forbidden|ForbiddenException|AuthorizationError|ExplicitDeny)$"
)
_BAD_TOKENS = (
    "^(Client[.])?(ExpiredToken|ExpiredTokenException|InvalidClientTokenId|UnrecognizedClientException|InvalidToken"
    "|InvalidAccessKeyId|SignatureDoesNotMatch|AuthFailure|RequestExpired|InvalidIdentityToken|IDPRejectedClaim"
    "|InvalidIdentityTokenException|ExpiredTokenExceptions|MissingAuthenticationToken)$"
)

# Worked out once for each file, not for each record.
_DELIVERED = (
    "list_transform($file_names, lambda name: TRY_CAST(regexp_replace(name, "
    r"'^.*_CloudTrail_.*_(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)Z_.*$', '\1-\2-\3 \4:\5:00Z') AS TIMESTAMPTZ))"
    f"[{FILE_NUMBER}]"
)

# A time is read only if it is written as one: nothing is guessed. Names of calls may end in the version of the API.
_EVENT_STEP = f"""
SELECT line_no, e.eventID AS event_id, e.eventTime AS logged_at, e.eventSource AS server, e.eventName AS logged_name,
       CASE WHEN e.eventName LIKE '%20%' THEN regexp_replace(e.eventName, '20\\d\\d_?\\d\\d_?\\d\\d(v\\d+)?$', '')
            ELSE e.eventName END AS call,
       {text_moment("e.eventTime")} AS happened_at,
       {_DELIVERED} AS received_at,
       e.userIdentity AS who, e.requestParameters AS asked, e.responseElements AS got,
       coalesce(nullif(e.userIdentity.accessKeyId, ''), nullif(e.userIdentity.credentialId, '')) AS token_id,
       e.recipientAccountId AS recipient, e.eventCategory AS category, e.eventType AS event_type,
       nullif(e.errorCode, '') AS error, nullif(e.errorMessage, '') AS message,
       CASE WHEN regexp_full_match(e.sourceIPAddress, '[0-9A-Fa-f.:]+') THEN e.sourceIPAddress END AS ip,
       e.userAgent AS user_agent, e.resources AS resources, e.additionalEventData AS added
FROM spelled
"""

_KNOWN_STEP = f"""
SELECT *,
       CASE WHEN regexp_matches(error, '{_REFUSALS}') OR regexp_matches(error, '{_BAD_TOKENS}') THEN 'denied'
            WHEN got.ConsoleLogin = 'Failure' OR (server = 'signin.amazonaws.com' AND added.success = 'false' AND error IS NULL) THEN 'denied'
            WHEN error IS NOT NULL OR message IS NOT NULL THEN 'error' ELSE 'success' END AS outcome,
       {_principal("coalesce(who.sessionContext.sessionIssuer.arn, who.arn)")} AS named_principal,
       coalesce(named_principal,
                CASE WHEN who."type" = 'IAMUser' THEN 'arn:aws:iam::' || who.accountId || ':user/' || who.userName
                     WHEN who."type" = 'Root' THEN 'arn:aws:iam::' || who.accountId || ':root'
                     WHEN who."type" IN ('AWSAccount', 'Unknown') AND who.accountId <> 'ANONYMOUS_PRINCIPAL'
                     THEN coalesce(nullif(split_part(who.principalId, ':', 1), ''), who.accountId) END) AS caller,
       coalesce(nullif(regexp_extract(who.arn, '^arn:([^:]+):', 1), ''), 'aws') AS part,
       nullif(coalesce(who.accountId, recipient), '') AS account,
       CASE WHEN server = 'iam.amazonaws.com' THEN
                 CASE WHEN call IN ('CreateAccessKey', 'CreateServiceSpecificCredential', 'CreateLoginProfile') THEN 'credential'
                      WHEN call IN ('UpdateAccessKey', 'UpdateServiceSpecificCredential')
                      THEN CASE lower(asked.status) WHEN 'active' THEN 'credential' WHEN 'inactive' THEN 'switch off' END
                      WHEN call IN ('DeleteAccessKey', 'DeleteServiceSpecificCredential', 'DeleteLoginProfile') THEN 'end'
                      WHEN call IN ('DeleteUser', 'DeleteRole') THEN 'remove'
                      WHEN call IN ('CreateRole', 'UpdateAssumeRolePolicy') THEN 'trust'
                      WHEN call IN ('AttachRolePolicy', 'AttachUserPolicy') AND regexp_matches(asked.policyArn,
                          ':policy/(AWSCompromisedKeyQuarantine.*|AWSDenyAll)$') THEN 'narrow'
                      WHEN call IN ('AttachRolePolicy', 'AttachUserPolicy', 'AddUserToGroup') THEN 'widen'
                      WHEN call IN ('DeleteRolePolicy', 'DeleteUserPolicy') AND asked.policyName = 'AWSRevokeOlderSessions' THEN 'widen'
                      WHEN call IN ('DetachRolePolicy', 'DeleteRolePolicy', 'DetachUserPolicy', 'DeleteUserPolicy',
                                    'RemoveUserFromGroup') THEN 'narrow'
                      WHEN call NOT IN ('PutRolePolicy', 'PutUserPolicy') THEN NULL
                      WHEN asked.policyName = 'AWSRevokeOlderSessions' OR (asked.policyDocument LIKE '%aws:TokenIssueTime%'
                          AND asked.policyDocument LIKE '%DateLessThan%' AND asked.policyDocument LIKE '%Deny%') THEN 'cut off'
                      WHEN asked.policyDocument LIKE '%Deny%' AND asked.policyDocument NOT LIKE '%Allow%' THEN 'narrow'
                      ELSE 'widen' END
            WHEN call IN ('CreateToken', 'CreateTokenWithIAM') AND server IN ('sso.amazonaws.com', 'sso-oauth.amazonaws.com') THEN 'oauth'
            WHEN server = 'signin.amazonaws.com' THEN
                 CASE WHEN call = 'AuthorizeOAuth2Access' THEN 'authorize' WHEN starts_with(call, 'CreateOAuth2Token') THEN 'oauth'
                      WHEN starts_with(call, 'RevokeOAuth2Token') THEN 'sign out' END
            WHEN got.credentials.accessKeyId <> '' THEN 'session'
            WHEN server = 'sts.amazonaws.com' AND (starts_with(call, 'AssumeRo') OR call IN ('GetSessionToken',
                'GetFederationToken', 'GetWebIdentityToken')) THEN 'session' END AS meaning,
       (coalesce(event_type, '') NOT IN ('AwsServiceEvent', 'AwsVpceEvent', 'AwsCloudTrailInsight')
            OR (server = 'sso.amazonaws.com' AND who."type" = 'IdentityCenterUser'))
           AND coalesce(category, '') <> 'Insight'
           AND (token_id IS NOT NULL
                OR (server <> 'signin.amazonaws.com' AND coalesce(caller, who.onBehalfOf.userId) IS NOT NULL
                    AND coalesce(who."type", '') IN ('IAMUser', 'AssumedRole', 'Root', 'FederatedUser', 'IdentityCenterUser',
                                                     'AWSAccount'))) AS is_use,
       coalesce(nullif(who.sessionContext.sourceIdentity, ''), who.onBehalfOf.userId,
                CASE WHEN who."type" = 'FederatedUser' THEN who.arn END) AS behalf,
       list_filter([who.invokedBy, CASE WHEN who."type" IN ('AssumedRole', 'FederatedUser') THEN who.arn
                                        WHEN who.invokedBy IS NOT NULL THEN caller END], lambda a: a IS NOT NULL) AS actors,
       CASE WHEN meaning IN ('authorize', 'oauth') THEN coalesce(asked.grantType, added.grant_type) END AS grant_type,
       -- a token of Sign-In is made for the session it names, a call is made within it
       CASE WHEN meaning = 'sign out' THEN added.signInSessionArn
            ELSE coalesce(nullif(added.signInSessionArn, ''), who.sessionContext.signInSessionArn) END AS session_id
FROM event
WHERE happened_at IS NOT NULL AND server IS NOT NULL AND logged_name IS NOT NULL
"""

# A policy document may have been written with blanks, or as a list of one.
_MEANT_STEP = f"""
SELECT *, regexp_extract(owner, '[^/:]+$') AS owner_name
FROM (
    SELECT *,
           coalesce(asked.policyDocument, asked.assumeRolePolicyDocument, asked.policy) AS written,
           coalesce(got.credentials.expiration, got.expiration) AS ends,
           CASE WHEN json_valid(written) THEN written::JSON END AS document,
           CASE WHEN meaning = 'session' AND nullif(asked.policyArns, '[]') IS NULL AND document IS NOT NULL
                THEN list_filter(from_json(CASE WHEN json_type(document, '$.Statement') = 'ARRAY'
                     THEN json_extract(document, '$.Statement') ELSE json_array(json_extract(document, '$.Statement')) END,
                     '[{{"Effect": "VARCHAR", "Action": "VARCHAR", "NotAction": "VARCHAR"}}]'), lambda s: s.Effect = 'Allow') END AS allowed,
           coalesce(asked.userName, got.accessKey.userName, got.serviceSpecificCredential.userName, '') AS user_name,
           meaning IN ('authorize', 'oauth') AND server = 'signin.amazonaws.com' AS by_sign_in,
           coalesce(by_sign_in AND grant_type = 'client_credentials', false) AS as_itself,
           CASE WHEN as_itself THEN caller
                WHEN meaning IN ('authorize', 'oauth') THEN coalesce(asked.clientId, asked.client_id)
                WHEN meaning = 'session'
                THEN coalesce({_principal("coalesce(asked.roleArn, got.assumedRoleUser.arn)")},
                              -- AssumeRoot names the member's account or its root; the session calls as that root
                              CASE WHEN regexp_full_match(asked.targetPrincipal, '\\d{{12}}')
                                   THEN 'arn:' || part || ':iam::' || asked.targetPrincipal || ':root' ELSE asked.targetPrincipal END,
                              {_principal("refused_at")},
                              CASE WHEN starts_with(call, 'AssumeRo') THEN {_principal("resources[1].ARN")} ELSE caller END)
                WHEN asked.roleName <> '' THEN 'arn:' || part || ':iam::' || account || ':role/' || asked.roleName
                WHEN user_name <> '' THEN 'arn:' || part || ':iam::' || account || ':user/' || user_name
                WHEN outcome <> 'success' AND asked IS NULL THEN {_principal("refused_at")}
                WHEN meaning IN ('credential', 'switch off', 'end') THEN caller END AS owner,
           CASE WHEN as_itself THEN behalf WHEN by_sign_in THEN coalesce(behalf, who.arn)
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

_ISSUANCE = f"""
SELECT line_no, event_id, happened_at AS issued_at, received_at,
       CASE WHEN meaning = 'oauth' AND grant_type = 'refresh_token' THEN 'refresh'
            WHEN meaning = 'oauth' AND regexp_matches(grant_type, ':(jwt-bearer|token-exchange)$') THEN 'exchange'
            WHEN meaning IN ('session', 'oauth') THEN 'token' WHEN meaning = 'authorize' THEN 'consent'
            WHEN meaning = 'credential' THEN 'credential' ELSE 'change' END AS kind,
       outcome, grant_type, CASE WHEN by_sign_in THEN session_id END AS session_id,
       CASE WHEN outcome <> 'denied' THEN NULL
            WHEN contains(error, 'ExpiredToken') THEN 'expired'
            WHEN regexp_matches(error, '{_BAD_TOKENS}') THEN 'token'
            WHEN regexp_matches(error, '{_REFUSALS}') THEN 'policy' END AS denial_reason,
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
            WHEN as_itself THEN 'service'
            WHEN meaning IN ('authorize', 'oauth') OR who."type" = 'SAMLUser'
                 OR behalf = for_whom OR asked.sourceIdentity = for_whom THEN 'user' END AS subject_kind,
       CASE WHEN by_sign_in AND NOT as_itself THEN NULL
            WHEN meaning = 'oauth' THEN CASE WHEN who.arn <> '' THEN [who.arn] END
            WHEN meaning = 'session' THEN list_filter([coalesce(who.arn, caller, who.invokedBy, who.principalId), behalf],
                                                      lambda a: a IS NOT NULL) END AS actor_chain,
       -- a statement that allows all but some actions names none
       CASE WHEN meaning = 'oauth' AND NOT by_sign_in THEN TRY(from_json(asked.scope, '["VARCHAR"]'))
            WHEN len(list_filter(allowed, lambda s: s.Action IS NULL)) = 0
            THEN list_sort(list_distinct(flatten(list_transform(allowed, lambda s: CASE WHEN starts_with(s.Action, '[')
                 THEN coalesce(TRY(from_json(s.Action, '["VARCHAR"]')), []) ELSE [s.Action] END)))) END AS scopes,
       CASE WHEN by_sign_in AND asked.resource <> '' THEN [asked.resource]
            WHEN call = 'GetWebIdentityToken' THEN coalesce(TRY(from_json(asked.audience, '["VARCHAR"]')), [nullif(asked.audience, '')]) END AS audience,
       -- the values of each Principal: a text that no colon follows
       CASE WHEN meaning = 'trust' THEN list_sort(list_distinct(regexp_extract_all(
            to_json(json_extract(document, '$..Principal'))::VARCHAR, '"([^"]*)"(?:[],}}]|$)', 1))) END AS may_act,
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

_USAGE = f"""
SELECT line_no, event_id, happened_at AS used_at, received_at, outcome,
       CASE WHEN outcome <> 'denied' THEN NULL
            WHEN regexp_matches(error, '{_BAD_TOKENS}') THEN 'token'
            WHEN message ILIKE '%explicit deny%' OR message ILIKE '%control policy%' THEN 'policy'
            WHEN regexp_matches(error, '{_REFUSALS}') THEN 'scope' ELSE 'other' END AS denial_reason,
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
WHERE is_use
"""

_REVOCATION = """
SELECT line_no, event_id, happened_at AS revoked_at, received_at,
       CASE meaning WHEN 'narrow' THEN 'downgrade' WHEN 'remove' THEN 'disable' WHEN 'switch off' THEN 'disable' ELSE 'revoke' END AS kind,
       outcome,
       CASE meaning WHEN 'narrow' THEN 'grant' WHEN 'remove' THEN 'client' WHEN 'cut off' THEN 'policy'
                    WHEN 'sign out' THEN CASE WHEN session_id <> '' THEN 'session' ELSE 'token' END ELSE 'credential' END AS target_kind,
       CASE WHEN meaning = 'sign out' THEN nullif(session_id, '') END AS session_id,
       CASE WHEN meaning IN ('end', 'switch off')
            THEN coalesce(asked.accessKeyId, asked.serviceSpecificCredentialId) END AS token_id,
       owner AS client_id, owner_name AS client_name,
       CASE WHEN meaning = 'cut off' THEN nullif(regexp_extract(to_json(json_extract(document, '$..aws:TokenIssueTime'))::VARCHAR,
            '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d[.0-9]*(?:Z|[+-]\\d\\d:?\\d\\d)'), '') END AS issued_before,
       CASE WHEN who."type" = 'AWSService' OR caller IS NULL THEN 'system'
            WHEN caller = owner AND who."type" = 'AssumedRole' THEN 'client'
            WHEN caller = owner THEN 'user' ELSE 'admin' END AS initiator,
       coalesce(caller, who.invokedBy) AS actor_id,
       policy AS reason, coalesce(recipient, account) AS tenant
FROM meant
WHERE meaning IN ('end', 'switch off', 'remove', 'narrow', 'cut off', 'sign out')
"""

_UNREAD = """(who IS NULL AND server <> 'signin.amazonaws.com' AND coalesce(category, '') <> 'Insight'
    AND coalesce(event_type, '') NOT IN ('AwsServiceEvent', 'AwsVpceEvent', 'AwsCloudTrailInsight'))"""

_IGNORED = f"""
SELECT line_no,
       CASE WHEN server = 'signin.amazonaws.com' THEN 'sign-in of a person'
            WHEN category = 'Insight' OR event_type = 'AwsCloudTrailInsight' THEN 'insight, no call'
            WHEN server = 'cognito-idp.amazonaws.com' AND event_type = 'AwsServiceEvent' THEN 'sign-in at a user pool of Cognito, or a token of it'
            WHEN who."type" = 'AWSService' OR (who."type" IS NULL AND who.invokedBy IS NOT NULL)
              OR event_type IN ('AwsServiceEvent', 'AwsVpceEvent') THEN 'AWS service acting for itself'
            ELSE 'call that names no caller of an account' END AS reason
FROM known
WHERE meaning IS NULL AND NOT is_use AND NOT {_UNREAD}
"""

_REJECTED = f"""
SELECT line_no,
       CASE WHEN logged_name IS NULL THEN 'eventName is missing'
            WHEN server IS NULL THEN 'eventSource is missing'
            WHEN logged_at IS NULL THEN 'eventTime is missing'
            ELSE 'eventTime is no time' END AS reason
FROM event
WHERE happened_at IS NULL OR server IS NULL OR logged_name IS NULL
UNION ALL
SELECT line_no, 'userIdentity or the request cannot be read' FROM known WHERE meaning IS NULL AND NOT is_use AND {_UNREAD}
"""


def _text(place: str) -> str:
    """Return the SELECT that reads an event which is text."""
    return f"""SELECT line_no, TRY(from_json({place}, '{_EVENT}')) AS e
FROM record WHERE json_valid({place}) AND json_type({place}) = 'OBJECT'"""


_NESTED = {
    "detail": (f'{{"detail": {_EVENT}}}', "SELECT line_no, r.detail AS e FROM record WHERE r.detail IS NOT NULL"),
    "message": ('{"message": "VARCHAR"}', _text("r.message")),
    "event": ('{"event": {"original": "VARCHAR"}}', _text("r.event.original")),
    "CloudTrailEvent": ('{"CloudTrailEvent": "VARCHAR"}', _text("r.CloudTrailEvent")),
}
"""Where EventBridge, CloudWatch Logs, Elastic and `lookup-events` put the event."""


def _fitted(sample: Sequence[Mapping]) -> Loader:
    """Look for the event where it is; one that lies bare among others is read all the same."""
    place = next(filter(None, map(_place, (record for record in sample if not _is_event(record)))), None)
    if place is None:
        return LOADER
    fields, spelled = _NESTED[place]
    return replace(LOADER, fields=fields, steps={**LOADER.steps, "spelled": spelled}, otherwise=LOADER, dialect=None)


LOADER = Loader(
    name="aws_cloudtrail",
    version=9,
    title="AWS CloudTrail",
    recognise=mostly(lambda record: _is_event(record) or _place(record) is not None),
    fields=_EVENT,
    dialect=_fitted,
    # Of issuance not the keys of console sessions, nor those that another account's trail holds.
    carries=("usage", "revocation"),
    makers=True,
    steps={"spelled": _SPELLED, "event": _EVENT_STEP, "known": _KNOWN_STEP, "meant": _MEANT_STEP},
    issuance=_ISSUANCE,
    usage=_USAGE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join("issuance", "usage", "token", "accessKeyId, credentialId", "keys of the console have no issue in the log"),
        Join("issuance", "revocation", "token", "accessKeyId", "sessions are ended by their role and time of issue"),
        Join("usage", "revocation", "token", "accessKeyId", "sessions are ended by their role and time of issue"),
    ),
    join_note=(
        "Issue, use and end of a key join on the access key id, exactly; sessions of STS are ended by their role and time of issue. "
        "A token of AWS Sign-In has no id in the log: its calls join by the sign-in session. Keys of console sessions and of services "
        "are used without an issue in the log, and data events are there only if the trail was told to log them."
    ),
)
