"""Graph calls as Microsoft Defender's table GraphApiAuditEvents has them, brought to the columns of Graph activity.

- It names who called once, as `AccountObjectId`: `EntityType` tells a person from an application, whose object id this is then. Where
  it does not, a caller that is not the service principal beside it is taken for a person: nobody passes for an application.
- `Scopes` holds what a token names as such. What an application may is in its roles, of which the table has none.
- `OperationId` is one of all requests of a batch, so it tells no call from another: `RequestId` does.
- It names no tenant. In Log Analytics its `TenantId` is the workspace.
- It carries nothing: nowhere it is said that the table has every call, and of the rows that a query found it gives a part, and in these
  no sign of the rest.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from grantlens.loaders.loader import Loader
from grantlens.loaders.microsoft_entra import graph_activity
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


def is_row(names: set[str]) -> bool:
    """Tell a row of the table by its columns, in small letters."""
    return names >= _NEEDED


def fitted(loader: Loader, sample: Sequence[Mapping]) -> Loader:
    """Return the loader that reads these rows."""
    return replace(
        loader,
        fields=json.dumps(spelled(_NAMES, sample)),
        carries=(),
        steps={"event": _EVENT, "activity": graph_activity.ACTIVITY},
        issuance=None,
        usage=graph_activity.USAGE,
        revocation=None,
        ignored=None,
        rejected=None,
    )
