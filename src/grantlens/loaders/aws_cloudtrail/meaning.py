"""AWS CloudTrail: how a call went, who made it, and what it means for access. Most calls mean nothing but that they were made.

- Throttling refuses nobody: it is an error. `AccessDenied` and its like are denied. An error without a text is none (AWS's page on Cognito).
- A service that uses a caller's key is an actor, not an address.
- A person of the Identity Center is ended by the console (`sso-directory`), by its API (`identitystore`) or by whoever provisions people by
  SCIM (`identitystore-scim`, AWS's examples): there a change shows the person in its answer, active or not.
"""

from grantlens.loaders.aws_cloudtrail.event import principal
from grantlens.loaders.aws_cloudtrail.gateway import IS_GATEWAY
from grantlens.loaders.aws_cloudtrail.policies import CHANGE_OF_POLICY

REFUSALS = (
    "^(Client[.])?(AccessDenied|AccessDeniedException|UnauthorizedOperation|UnauthorizedAccess|UnauthorizedException"
    "|NotAuthorized|NotAuthorizedException|Forbidden|ForbiddenException|AuthorizationError|ExplicitDeny)$"
)
"""Errors by which a caller is refused for what it may not do."""

BAD_TOKENS = (
    "^(Client[.])?(ExpiredToken|ExpiredTokenException|InvalidClientTokenId|UnrecognizedClientException|InvalidToken"
    "|InvalidAccessKeyId|SignatureDoesNotMatch|AuthFailure|RequestExpired|InvalidIdentityToken|IDPRejectedClaim"
    "|InvalidIdentityTokenException|ExpiredTokenExceptions|MissingAuthenticationToken)$"
)
"""Errors by which a key or token is refused for itself."""

KNOWN = f"""
SELECT *,
       CASE WHEN regexp_matches(error, '{REFUSALS}') OR regexp_matches(error, '{BAD_TOKENS}') THEN 'denied'
            WHEN got.ConsoleLogin = 'Failure' OR (server = 'signin.amazonaws.com' AND added.success = 'false' AND error IS NULL) THEN 'denied'
            WHEN error IS NOT NULL OR message IS NOT NULL THEN 'error' ELSE 'success' END AS outcome,
       {principal("coalesce(who.sessionContext.sessionIssuer.arn, who.arn)")} AS named_principal,
       coalesce(named_principal,
                CASE WHEN who."type" = 'IAMUser' THEN 'arn:aws:iam::' || who.accountId || ':user/' || who.userName
                     WHEN who."type" = 'Root' THEN 'arn:aws:iam::' || who.accountId || ':root'
                     WHEN who."type" IN ('AWSAccount', 'Unknown') AND who.accountId NOT IN ('ANONYMOUS_PRINCIPAL', 'anonymous')
                     THEN coalesce(nullif(split_part(who.principalId, ':', 1), ''), who.accountId) END) AS caller,
       coalesce(nullif(regexp_extract(who.arn, '^arn:([^:]+):', 1), ''), 'aws') AS part,
       nullif(coalesce(who.accountId, recipient), '') AS account,
       CASE WHEN server IN ('sso-directory.amazonaws.com', 'identitystore.amazonaws.com') THEN nullif(asked.userId, '')
            WHEN server = 'identitystore-scim.amazonaws.com' THEN nullif(asked.id, '') END AS person,
       CASE WHEN server = 'iam.amazonaws.com' THEN
                 CASE WHEN call IN ('CreateAccessKey', 'CreateServiceSpecificCredential', 'CreateLoginProfile') THEN 'credential'
                      WHEN call IN ('UpdateAccessKey', 'UpdateServiceSpecificCredential')
                      THEN CASE lower(asked.status) WHEN 'active' THEN 'credential' WHEN 'inactive' THEN 'switch off' END
                      WHEN call IN ('DeleteAccessKey', 'DeleteServiceSpecificCredential', 'DeleteLoginProfile') THEN 'end'
                      WHEN call IN ('DeleteUser', 'DeleteRole') THEN 'remove'
                      {CHANGE_OF_POLICY} END
            WHEN person IS NOT NULL THEN
                 CASE WHEN call IN ('DeleteUser', 'DisableUser') OR (call IN ('PatchUser', 'PutUser') AND got.active = 'false') THEN 'person off'
                      WHEN call = 'EnableUser' OR (call IN ('PatchUser', 'PutUser') AND got.active = 'true') THEN 'person on' END
            WHEN server = 'sso.amazonaws.com' AND call = 'Logout' THEN CASE WHEN token_id IS NOT NULL THEN 'log out' END
            WHEN server = 'sso.amazonaws.com' AND asked.applicationArn <> '' THEN
                 CASE WHEN call = 'DeleteApplication' OR (call = 'UpdateApplication' AND asked.status = 'DISABLED') THEN 'remove'
                      WHEN call = 'UpdateApplication' AND asked.status = 'ENABLED' THEN 'restore' END
            WHEN call IN ('CreateToken', 'CreateTokenWithIAM') AND server IN ('sso.amazonaws.com', 'sso-oauth.amazonaws.com') THEN 'oauth'
            WHEN server = 'bedrock-agentcore.amazonaws.com' AND call = 'GetResourceOauth2Token'
                 AND asked.oauth2Flow IN ('M2M', 'ON_BEHALF_OF_TOKEN_EXCHANGE') AND resources[1].ARN LIKE '%/oauth2credentialprovider/%' THEN 'oauth'
            WHEN server = 'signin.amazonaws.com' THEN
                 CASE WHEN call = 'AuthorizeOAuth2Access' THEN 'authorize' WHEN starts_with(call, 'CreateOAuth2Token') THEN 'oauth'
                      WHEN starts_with(call, 'RevokeOAuth2Token') THEN 'sign out' END
            WHEN got.credentials.accessKeyId <> '' THEN 'session'
            WHEN server = 'sts.amazonaws.com' AND (starts_with(call, 'AssumeRo') OR call IN ('GetSessionToken',
                'GetFederationToken', 'GetWebIdentityToken')) THEN 'session' END AS meaning,
       {IS_GATEWAY} AS is_gateway,
       is_gateway OR (coalesce(event_type, '') NOT IN ('AwsServiceEvent', 'AwsVpceEvent', 'AwsCloudTrailInsight')
            OR (server = 'sso.amazonaws.com' AND who."type" = 'IdentityCenterUser'))
           AND coalesce(category, '') <> 'Insight'
           AND (token_id IS NOT NULL
                OR (server <> 'signin.amazonaws.com' AND coalesce(caller, who.onBehalfOf.userId) IS NOT NULL
                    AND coalesce(who."type", '') IN ('IAMUser', 'AssumedRole', 'Root', 'FederatedUser', 'IdentityCenterUser',
                                                     'AWSAccount'))) AS is_use,
       -- a session of IAM's federation names the person by the subject at the identity provider, and has no userId
       coalesce(nullif(who.sessionContext.sourceIdentity, ''), nullif(who.onBehalfOf.userId, ''),
                CASE WHEN who.onBehalfOf.subjectType = 'user' THEN nullif(who.onBehalfOf.subject, '') END,
                CASE WHEN who."type" = 'FederatedUser' THEN who.arn END) AS behalf,
       list_filter([who.invokedBy, CASE WHEN who."type" IN ('AssumedRole', 'FederatedUser') THEN who.arn
                                        WHEN who.invokedBy IS NOT NULL THEN caller END], lambda a: a IS NOT NULL) AS actors,
       CASE WHEN meaning IN ('authorize', 'oauth') THEN coalesce(asked.grantType, added.grant_type, asked.oauth2Flow) END AS grant_type,
       -- a token of Sign-In is made for the session it names, a call is made within it
       CASE WHEN meaning = 'sign out' THEN added.signInSessionArn
            ELSE coalesce(nullif(added.signInSessionArn, ''), who.sessionContext.signInSessionArn) END AS session_id
FROM event
WHERE happened_at IS NOT NULL AND server IS NOT NULL AND logged_name IS NOT NULL
"""
