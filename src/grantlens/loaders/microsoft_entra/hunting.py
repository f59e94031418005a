"""Graph calls and sign-ins as tables of Microsoft Defender have them, brought to the columns of Graph activity and of the sign-in logs.

Calls, of GraphApiAuditEvents:

- It names who called once, as `AccountObjectId`: `EntityType` tells a person from an application, whose object id this is then. Where
  it does not, a caller that is not the service principal beside it is taken for a person: nobody passes for an application.
- `Scopes` holds what a token names as such. What an application may is in its roles, of which the table has none.
- `OperationId` is one of all requests of a batch, so it tells no call from another: `RequestId` does.

Sign-ins, of EntraIdSignInEvents and EntraIdSpnSignInEvents, by Microsoft's pages on them, and of their older names (AADSignInEventsBeta,
AADSpnSignInEventsBeta), which have no id of the token: no record of either was at hand.

- What token came in is not said, so that a refresh cannot be told from a first token: it is a token.
- `UniqueTokenId` is the id that calls name as `UniqueTokenIdentifier`.

All name no tenant: in Log Analytics their `TenantId` is the workspace. They carry nothing: nowhere it is said that a table has every call or
sign-in, and of the rows that a query found it gives a part, and in these no sign of the rest.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from grantlens.loaders.loader import Loader
from grantlens.loaders.microsoft_entra import graph_activity, signins
from grantlens.loaders.microsoft_entra.shape import spelled

_NEEDED = frozenset({"applicationid", "accountobjectid", "requestmethod", "requesturi"})
_NAMES = (
    "timestamp", "timeGenerated", "requestId", "applicationId", "accountObjectId", "servicePrincipalId", "entityType",
    "uniqueTokenIdentifier", "scopes", "requestMethod", "requestUri", "responseStatusCode", "responseSize", "ipAddress",
)  # fmt: skip

_APPLICATIONS = "('app', 'application', 'serviceprincipal')"

_EVENT = f"""
SELECT line_no, 'activity' AS log_kind, NULL::VARCHAR AS category, NULL::VARCHAR AS tenant, nullif(r.ipAddress, '') AS ip,
       r.ipAddress AS tenant_and_ip_input, r.requestId AS requestId, coalesce(nullif(r.timestamp, ''), r.timeGenerated) AS timeGenerated,
       r.applicationId AS appId, r.uniqueTokenIdentifier AS signInActivityId, NULL::VARCHAR AS tokenIssuedAt, NULL::VARCHAR AS issuedAt,
       NULL::VARCHAR AS sessionId, NULL::VARCHAR AS c_Sid,
       CASE WHEN lower(r.entityType) = 'user' THEN r.accountObjectId
            WHEN lower(r.entityType) IN {_APPLICATIONS} OR r.accountObjectId = r.servicePrincipalId THEN NULL
            ELSE r.accountObjectId END AS userId,
       r.scopes AS scopes, NULL::VARCHAR AS roles, r.requestMethod AS requestMethod, NULL::VARCHAR AS httpMethod, r.requestUri AS requestUri,
       r.responseStatusCode AS responseStatusCode, NULL::INTEGER AS httpStatusCode, r.responseSize AS responseSizeBytes,
       NULL::VARCHAR AS userAgent
FROM record
WHERE r.requestUri IS NOT NULL AND coalesce(r.applicationId, r.accountObjectId, r.uniqueTokenIdentifier) IS NOT NULL
"""


_SIGN_IN_NEEDED = frozenset({"applicationid", "errorcode", "correlationid", "resourcetenantid"})
_SIGN_IN_NAMES = (
    "timestamp", "timeGenerated", "requestId", "reportId", "applicationId", "application", "logonType", "errorCode", "sessionId",
    "accountObjectId", "accountUpn", "isManagedIdentity", "servicePrincipalId", "servicePrincipalName", "resourceId",
    "authenticationProcessingDetails", "uniqueTokenId", "ipAddress", "userAgent",
)  # fmt: skip

# The categories are those of the diagnostic settings: they tell who signs in, and whether anybody could be asked.
_SIGN_IN_EVENT = """
SELECT line_no, 'sign-in' AS log_kind, NULL::VARCHAR AS tenant, nullif(r.ipAddress, '') AS ip, coalesce(nullif(r.requestId, ''), r.reportId) AS id,
       CASE WHEN lower(r.isManagedIdentity) IN ('true', '1') THEN 'ManagedIdentitySignInLogs'
            WHEN r.isManagedIdentity IS NOT NULL OR r.servicePrincipalId <> '' THEN 'ServicePrincipalSignInLogs'
            WHEN contains(lower(r.logonType), 'noninteractive') THEN 'NonInteractiveUserSignInLogs' ELSE 'SignInLogs' END AS category,
       coalesce(nullif(r.timestamp, ''), r.timeGenerated) AS createdDateTime, r.errorCode AS resultType, NULL::VARCHAR AS status,
       r.applicationId AS appId, r.application AS appDisplayName, r.accountObjectId AS userId, r.accountUpn AS userPrincipalName,
       r.servicePrincipalName AS servicePrincipalName, r.resourceId AS resource, r.sessionId AS sessionId, r.uniqueTokenId AS uniqueTokenIdentifier,
       r.authenticationProcessingDetails AS authenticationProcessingDetails, r.userAgent AS userAgent, NULL::VARCHAR AS isInteractive,
       NULL::VARCHAR AS agent, NULL::VARCHAR AS incomingTokenType, NULL::VARCHAR AS authenticationProtocol,
       NULL::VARCHAR AS originalTransferMethod, NULL::VARCHAR AS servicePrincipalCredentialKeyId
FROM record
WHERE r.errorCode IS NOT NULL AND r.applicationId IS NOT NULL
"""


WRITTEN = [
    dict.fromkeys(names.split())
    for names in (
        "TimeGenerated IPAddress ApplicationId AccountObjectId RequestMethod RequestUri",
        "TimeGenerated IPAddress ApplicationId ErrorCode CorrelationId ResourceTenantId LogonType",
    )
]
"""A row of each table, as Microsoft spells what does not follow from the names above: for a file whose first records are others."""


def is_row(names: set[str]) -> bool:
    """Tell a row of one of the tables by its columns, in small letters."""
    return names >= _NEEDED or _is_sign_in(names)


def _is_sign_in(names: set[str]) -> bool:
    return names >= _SIGN_IN_NEEDED and bool(names & {"logontype", "ismanagedidentity"})


def fitted(loader: Loader, sample: Sequence[Mapping], otherwise: Loader) -> Loader:
    """Return the loader that reads these rows, and hands over what is none."""
    bare = replace(loader, carries=(), issuance=None, usage=None, revocation=None, ignored=None, rejected=None)
    columns = [{str(name).lower() for name in record} for record in sample]
    if any(map(_is_sign_in, columns)):
        fields, steps = (
            json.dumps(spelled(_SIGN_IN_NAMES, sample)),
            {"event": _SIGN_IN_EVENT, "sign_in": signins.SIGN_IN},
        )
        otherwise = replace(bare, fields=fields, steps=steps, issuance=signins.ISSUANCE, otherwise=otherwise)
    if any(names >= _NEEDED for names in columns):
        fields, steps = json.dumps(spelled(_NAMES, sample)), {"event": _EVENT, "activity": graph_activity.ACTIVITY}
        otherwise = replace(bare, fields=fields, steps=steps, usage=graph_activity.USAGE, otherwise=otherwise)
    return otherwise
