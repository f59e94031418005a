"""Databricks audit log: personal access tokens, OAuth tokens, temporary credentials, recipients of shares.

What the mapping decides, and why:

- **Two spellings**: delivered files write `actionName` and epoch milliseconds, the table `system.access.audit` writes
  `action_name` and text. Both give the same rows; Panther's extra fields change nothing.
- **Azure writes the same events as diagnostic logs**: through Event Hubs and storage accounts under `properties`, as columns
  such as `ActionName` in Log Analytics, with identity, response and parameters as text or object. `logId` is the event's id, and
  the workspace's resource id, in lower case, the tenant (Azure's "Diagnostic log reference", and the tables of Azure Monitor).
- **Token id** is `tokenHash`, else `tokenId`: issue and revocation carry the hash, a login the id. They join where the
  workspace writes the same one; no record at hand holds two of the three steps.
- A personal access token acts as its owner: the owner is client and subject. What has a client id is that client's. Who made it is taken for the owner,
  though an admin may make one on behalf of a service principal: then its logins name that (see relation covered_token, doubt 'holder').
- `tokenLogin` and its like are uses. What was then called is logged without its token, so this log does not carry usage.
- Of notebooks and jobs the log has a `tokenLogin` too (`authenticationMethod` `API_INT_PAT_TOKEN`): with a token that the workspace makes for
  itself and issues to nobody. It is a use for the person, by no client and with no token of theirs (by Databricks' published detections).
- A temporary credential is exchanged for the caller's own right; its audience is the table, volume, path or credential. Where the system table says that
  it was the right of another (`identity_metadata`, `run_as` beside `run_by`: a group whose compute it was, a role, whom a job runs as), that is kept as a
  detail. The caller stays the subject: what a group or role permits ends for who leaves. `run_by` is who called where no e-mail is told, else the
  name of the subject: a service principal has no address, and `unknown` stands for none.
- An event of the account (`workspaceId` 0) has the account for a tenant. A person or app integration that ends there ends in all of its workspaces: that
  end names no tenant.
- Expired tokens that are cleared away (`garbageCollectDbToken`) are seldom named: ignored then.
- A recipient of Delta Sharing holds a token of its own: it is a client, by its name.
- The status decides: 2xx is success, 401, 403 and 429 are denied. Without a status nobody knows what came of it: rejected,
  as is a record without a time. `IpAccessDenied` says by its name that it was refused.
- Proven on records (all synthetic, from Panther's tests): generateDbToken, temporary credentials, refused addresses, deleted users.
  The other actions follow Databricks' reference of audit events.
"""

from collections.abc import Mapping

from grantlens.loaders.collected import mostly_inside, with_envelopes
from grantlens.loaders.loader import Join, Loader

_PARAMETERS = """{
    "tokenId": "VARCHAR", "tokenHash": "VARCHAR", "tokenExpirationTime": "VARCHAR",
    "client_id": "VARCHAR", "grant_type": "VARCHAR", "scope": "VARCHAR", "expires_in": "VARCHAR",
    "user": "VARCHAR", "authenticationMethod": "VARCHAR", "targetUserName": "VARCHAR", "endpoint": "VARCHAR", "path": "VARCHAR",
    "table_full_name": "VARCHAR", "table_id": "VARCHAR", "volume_full_name": "VARCHAR", "volume_id": "VARCHAR", "url": "VARCHAR",
    "credential_name": "VARCHAR", "operation": "VARCHAR", "recipient_name": "VARCHAR", "share": "VARCHAR", "schema": "VARCHAR",
    "name": "VARCHAR", "custom_app_id": "VARCHAR", "integration_id": "VARCHAR",
    "service_principal": "VARCHAR", "secret_id": "VARCHAR"
}"""

_FIELDS = f"""{{
    "timestamp": "VARCHAR", "event_time": "VARCHAR", "p_parse_time": "VARCHAR",
    "serviceName": "VARCHAR", "service_name": "VARCHAR", "actionName": "VARCHAR", "action_name": "VARCHAR",
    "event_id": "VARCHAR", "requestId": "VARCHAR", "request_id": "VARCHAR",
    "workspaceId": "VARCHAR", "workspace_id": "VARCHAR", "accountId": "VARCHAR", "account_id": "VARCHAR",
    "userIdentity": {{"email": "VARCHAR", "subjectName": "VARCHAR"}}, "user_identity": {{"email": "VARCHAR", "subject_name": "VARCHAR"}},
    "identity_metadata": {{"run_by": "VARCHAR", "run_as": "VARCHAR"}},
    "sourceIPAddress": "VARCHAR", "source_ip_address": "VARCHAR", "userAgent": "VARCHAR", "user_agent": "VARCHAR",
    "response": {{"statusCode": "VARCHAR", "status_code": "VARCHAR"}},
    "requestParams": {_PARAMETERS}, "request_params": {_PARAMETERS}
}}"""

_GLANCE = """{
    "timestamp": "VARCHAR", "event_time": "VARCHAR",
    "serviceName": "VARCHAR", "service_name": "VARCHAR", "actionName": "VARCHAR", "action_name": "VARCHAR"
}"""


def _is_event(record: Mapping) -> bool:
    """Tell an event: a service, an action, and Databricks' name for who, what or where; or Azure's name of the operation."""
    operation, inner = record.get("operationName", record.get("OperationName")), record.get("properties")
    if isinstance(operation, str) and operation.lower().startswith("microsoft.databricks/"):
        return "ActionName" in record or (isinstance(inner, Mapping) and "actionName" in inner)
    camel = {"serviceName", "actionName"} <= record.keys()
    snake = {"service_name", "action_name"} <= record.keys()
    more = {"userIdentity", "requestParams", "workspaceId", "user_identity", "request_params", "workspace_id"}
    return (camel or snake) and bool(more & record.keys())


def _moment(text: str) -> str:
    """Return SQL that reads a time only if it is written as one: milliseconds, or text."""
    number = f"TRY_CAST({text} AS BIGINT)"
    return f"""CASE WHEN {number} BETWEEN 100000000000 AND 99999999999999 THEN make_timestamptz({number} * 1000)
            WHEN {text} LIKE '____-__-_____:__:__%' AND {text} >= '1' THEN TRY_CAST({text} AS TIMESTAMPTZ) END"""


_AZURE_STREAM = {
    "timestamp": "time",
    "event_id": "properties.logId",
    "serviceName": "properties.serviceName",
    "actionName": "properties.actionName",
    "workspaceId": "resourceId",
    "userIdentity": "identity",
    "sourceIPAddress": "properties.sourceIPAddress",
    "userAgent": "properties.userAgent",
    "response": "properties.response",
    "requestParams": "properties.requestParams",
}
_AZURE_TABLE = {
    "timestamp": "TimeGenerated",
    "event_id": "LogId",
    "serviceName": "ServiceName",
    "actionName": "ActionName",
    "workspaceId": "_ResourceId",
    "userIdentity": "Identity",
    "sourceIPAddress": "SourceIPAddress",
    "userAgent": "UserAgent",
    "response": "Response",
    "requestParams": "RequestParams",
}
_OBJECTS = ("userIdentity", "response", "requestParams")


def _spelled(names: Mapping[str, str]) -> str:
    """Return SQL that spells an event of Azure, JSON `event`, as a delivered file does; an object that stands as text is opened."""
    values = {name: f"event ->> '$.{path}'" for name, path in names.items()}
    for name in _OBJECTS:
        whole = f"json_extract(event, '$.{names[name]}')"
        values[name] = (
            f"CASE WHEN json_type({whole}) = 'VARCHAR' THEN TRY_CAST({values[name]} AS JSON) ELSE {whole} END"
        )
    values["workspaceId"] = f"lower({values['workspaceId']})"
    parts = ", ".join(f"'{name}', {value}" for name, value in values.items())
    return f"json_object({parts})"


_ANY_NAMES = f"""CASE WHEN json_exists(event, '$.properties.actionName') THEN {_spelled(_AZURE_STREAM)}
            WHEN json_exists(event, '$.ActionName') THEN {_spelled(_AZURE_TABLE)} ELSE event END"""

_EVENT = f"""
SELECT * EXCLUDE (line), {_moment("logged_at")} AS happened_at, CASE WHEN meaning IS NOT NULL THEN line END AS held
FROM (
    SELECT *,
           CASE WHEN action IN ('generateDbToken', 'reachMaxQuotaDbToken') THEN 'issue token'
                WHEN action = 'mintOAuthToken' THEN 'issue oauth'
                WHEN action = 'mintOAuthAuthorizationCode' THEN 'issue consent'
                WHEN action LIKE 'generateTemporary%Credential%' THEN 'issue exchange'
                WHEN action IN ('createRecipient', 'rotateRecipientToken') THEN 'issue recipient'
                WHEN service = 'servicePrincipalCredentials' AND action = 'create' THEN 'issue secret'
                WHEN action IN ('tokenLogin', 'oidcTokenAuthorization', 'aadTokenLogin', 'accountInHouseOAuthClientAuthentication',
                                'workspaceInHouseOAuthClientAuthentication', 'IpAccessDenied') THEN 'use'
                WHEN starts_with(action, 'deltaSharing') THEN 'use share'
                WHEN action IN ('revokeDbToken', 'garbageCollectDbToken') THEN 'end token'
                WHEN action = 'deleteRecipient' THEN 'end recipient'
                WHEN action IN ('deleteCustomAppIntegration', 'deletePublishedAppIntegration') THEN 'end client'
                WHEN service = 'servicePrincipalCredentials' AND action = 'delete' THEN 'end secret'
                WHEN service LIKE 'accounts%' AND (action = 'deactivateUser' OR (action = 'delete'
                     AND coalesce(from_json(line, '{{"requestParams": {{"endpoint": "VARCHAR"}}}}').requestParams.endpoint,
                                  from_json(line, '{{"request_params": {{"endpoint": "VARCHAR"}}}}').request_params.endpoint)
                         IS NOT NULL))
                THEN 'end user'
                WHEN service LIKE 'accounts%' AND action = 'activateUser' THEN 'enable user' END AS meaning
    FROM (
        SELECT line_no, line, coalesce(e.serviceName, e.service_name) AS service, coalesce(e.actionName, e.action_name) AS action,
               coalesce(e.timestamp, e.event_time) AS logged_at
        FROM shaped
    )
)
"""

# Inside stands what is asked for many times: written out beside it, it would be worked out as often.
_KNOWN = f"""
SELECT line_no, service, action, meaning, happened_at, {_moment("e.p_parse_time")} AS received_at,
       coalesce(nullif(e.event_id, ''), coalesce(nullif(e.requestId, ''), nullif(e.request_id, '')) || ':' || action) AS event_id,
       nullif(nullif(coalesce(e.workspaceId, e.workspace_id), '0'), '') AS workspace,
       coalesce(workspace, nullif(coalesce(e.accountId, e.account_id), '')) AS tenant,
       actor, nullif(actor, 'System-User') AS person, CASE WHEN run_as <> run_by THEN run_as END AS authority,
       -- some write an address with its port
       regexp_replace(nullif(coalesce(e.sourceIPAddress, e.source_ip_address), ''), '^([0-9.]+):[0-9]+$', '\\1') AS ip,
       nullif(coalesce(e.userAgent, e.user_agent), '') AS user_agent,
       status,
       CASE WHEN action = 'IpAccessDenied' OR status IN (401, 403, 429) THEN 'denied'
            WHEN status BETWEEN 200 AND 299 THEN 'success' WHEN status IS NOT NULL THEN 'error' END AS outcome,
       p, coalesce(nullif(p.tokenHash, ''), nullif(p.tokenId, '')) AS token,
       CASE WHEN meaning = 'end token' THEN token
            WHEN meaning = 'end secret' THEN nullif(p.secret_id, '')
            WHEN meaning = 'end recipient' THEN nullif(p.name, '')
            WHEN meaning = 'end client' THEN coalesce(nullif(p.custom_app_id, ''), nullif(p.integration_id, ''))
            WHEN meaning IN ('end user', 'enable user') THEN nullif(p.targetUserName, '') END AS ended
FROM (
    SELECT *, TRY_CAST(coalesce(e.response.statusCode, e.response.status_code) AS INTEGER) AS status,
           coalesce(e.userIdentity.email, e.user_identity.email) AS email,
           nullif(e.identity_metadata.run_by, '') AS run_by, nullif(e.identity_metadata.run_as, '') AS run_as,
           coalesce(CASE WHEN email NOT IN ('', 'unknown') THEN email END, run_by,
                    nullif(coalesce(e.userIdentity.subjectName, e.user_identity.subject_name), '')) AS actor,
           CASE WHEN e.actionName IS NULL THEN e.request_params ELSE e.requestParams END AS p
    FROM (SELECT *, from_json(held, '{_FIELDS}') AS e FROM event WHERE meaning IS NOT NULL AND happened_at IS NOT NULL)
)
"""

_ISSUANCE = """
SELECT line_no, event_id, happened_at AS issued_at, received_at,
       CASE WHEN meaning = 'issue consent' THEN 'consent' WHEN meaning = 'issue exchange' THEN 'exchange'
            WHEN meaning = 'issue oauth' THEN CASE WHEN p.grant_type = 'refresh_token' THEN 'refresh'
                 WHEN p.grant_type LIKE '%token-exchange' THEN 'exchange' ELSE 'token' END
            WHEN action = 'rotateRecipientToken' THEN 'refresh' ELSE 'credential' END AS kind,
       -- a quota that is reached gives no token, whatever the status says
       CASE WHEN action = 'reachMaxQuotaDbToken' THEN 'denied' ELSE outcome END AS outcome,
       CASE WHEN meaning = 'issue oauth' THEN nullif(p.grant_type, '') END AS grant_type,
       CASE WHEN outcome <> 'success' OR action = 'reachMaxQuotaDbToken' THEN NULL WHEN meaning = 'issue token' THEN token
            WHEN meaning = 'issue secret' THEN nullif(p.secret_id, '') END AS token_id,
       CASE WHEN meaning IN ('issue token', 'issue secret', 'issue recipient') THEN 'api_key'
            WHEN meaning <> 'issue consent' THEN 'access' END AS token_kind,
       CASE WHEN meaning = 'issue recipient' THEN nullif(p.name, '')
            WHEN meaning = 'issue secret' THEN nullif(p.service_principal, '')
            WHEN meaning IN ('issue oauth', 'issue consent') THEN nullif(p.client_id, '') ELSE person END AS client_id,
       CASE WHEN meaning NOT IN ('issue recipient', 'issue secret') THEN person END AS subject_id,
       CASE WHEN meaning IN ('issue recipient', 'issue secret') THEN 'service' WHEN person LIKE '%@%' THEN 'user'
            WHEN person IS NOT NULL THEN 'service' END AS subject_kind,
       CASE WHEN outcome <> 'success' THEN NULL
            WHEN meaning = 'issue oauth' AND p.scope <> '' THEN list_filter(string_split(p.scope, ' '), lambda s: s <> '')
            WHEN meaning = 'issue exchange' AND p.operation <> '' THEN [p.operation] END AS scopes,
       CASE WHEN meaning = 'issue exchange' THEN list_filter([coalesce(nullif(p.table_full_name, ''), nullif(p.table_id, ''),
            nullif(p.volume_full_name, ''), nullif(p.volume_id, ''), nullif(p.url, ''), nullif(p.credential_name, ''))],
            lambda a: a IS NOT NULL) END AS audiences,
       CASE WHEN len(audiences) > 0 THEN audiences END AS audience,
       CASE WHEN meaning = 'issue exchange' AND authority IS NOT NULL THEN to_json({'run_as': authority}) END AS authorization_details,
       CASE WHEN meaning = 'issue token' AND TRY_CAST(p.tokenExpirationTime AS BIGINT) BETWEEN 100000000000 AND 99999999999999
            THEN make_timestamptz(TRY_CAST(p.tokenExpirationTime AS BIGINT) * 1000)
            WHEN meaning = 'issue oauth' AND TRY_CAST(p.expires_in AS BIGINT) BETWEEN 1 AND 100000000000
            THEN happened_at + to_seconds(TRY_CAST(p.expires_in AS BIGINT)) END AS expires_at,
       CASE WHEN meaning IN ('issue consent', 'issue secret', 'issue recipient') THEN actor END AS consent_actor,
       CASE WHEN meaning = 'issue consent' THEN 'user' END AS consent_kind,
       ip, user_agent, tenant
FROM known
WHERE starts_with(meaning, 'issue ') AND outcome IS NOT NULL
"""

_USAGE = """
SELECT line_no, event_id, happened_at AS used_at, received_at, outcome,
       CASE WHEN status BETWEEN 0 AND 32767 THEN status::SMALLINT END AS status,
       CASE WHEN action = 'IpAccessDenied' THEN 'policy' WHEN status = 401 THEN 'token' WHEN status = 403 THEN 'other'
            WHEN status = 429 THEN 'rate' END AS denial_reason,
       CASE WHEN meaning = 'use' AND p.authenticationMethod IS DISTINCT FROM 'API_INT_PAT_TOKEN' THEN token END AS token_id,
       CASE WHEN meaning = 'use share' THEN nullif(p.recipient_name, '')
            WHEN p.authenticationMethod = 'API_INT_PAT_TOKEN' THEN NULL
            WHEN action = 'tokenLogin' THEN coalesce(person, nullif(p.user, '')) ELSE nullif(p.client_id, '') END AS client_id,
       CASE WHEN meaning = 'use' THEN coalesce(person, nullif(p.user, '')) END AS subject_id,
       CASE WHEN meaning = 'use share' THEN 'delta-sharing' ELSE 'databricks' END AS resource_server,
       CASE WHEN meaning = 'use share' THEN nullif(concat_ws('/', nullif(p.share, ''), nullif(p.schema, ''), nullif(p.name, '')), '')
            ELSE nullif(p.path, '') END AS target,
       service || '.' || action AS operation, ip, user_agent, tenant
FROM known
WHERE starts_with(meaning, 'use') AND outcome IS NOT NULL
"""

_REVOCATION = """
SELECT line_no, event_id, happened_at AS revoked_at, received_at,
       CASE WHEN meaning IN ('end user', 'end client', 'end recipient') THEN 'disable' WHEN meaning = 'enable user' THEN 'enable'
            WHEN action = 'garbageCollectDbToken' THEN 'expiry' ELSE 'revoke' END AS kind,
       outcome,
       CASE meaning WHEN 'end token' THEN 'token' WHEN 'end secret' THEN 'credential' WHEN 'end user' THEN 'subject'
                    WHEN 'enable user' THEN 'subject' ELSE 'client' END AS target_kind,
       CASE WHEN meaning IN ('end token', 'end secret') THEN ended END AS token_id,
       CASE WHEN meaning IN ('end client', 'end recipient') THEN ended
            WHEN meaning = 'end secret' THEN nullif(p.service_principal, '') END AS client_id,
       CASE WHEN meaning IN ('end user', 'enable user') THEN ended END AS subject_id,
       CASE WHEN action = 'garbageCollectDbToken' OR actor = 'System-User' THEN 'system'
            WHEN meaning <> 'end token' AND person IS NOT NULL THEN 'admin' END AS initiator,
       actor AS actor_id, action AS reason,
       -- who is taken out of the account is out of each of its workspaces, of which their tokens are
       CASE WHEN workspace IS NOT NULL OR meaning NOT IN ('end user', 'enable user', 'end client') THEN tenant END AS tenant
FROM known
WHERE (starts_with(meaning, 'end ') OR meaning = 'enable user') AND outcome IS NOT NULL AND ended IS NOT NULL
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN action ILIKE '%login' OR action ILIKE 'mfa%' OR action = 'logout' THEN 'sign-in of a person'
            WHEN action ILIKE '%dbtoken%' OR service = 'oauth2' OR service = 'servicePrincipalCredentials'
            THEN 'token or app event that neither gives nor takes access'
            ELSE 'not about delegated access' END AS reason
FROM event
WHERE meaning IS NULL AND happened_at IS NOT NULL AND action IS NOT NULL
UNION ALL
SELECT line_no, 'expired tokens cleared away, of which none is named' FROM known
WHERE action = 'garbageCollectDbToken' AND ended IS NULL AND outcome IS NOT NULL
"""

_REJECTED = """
SELECT line_no,
       CASE WHEN action IS NULL THEN 'actionName is missing' WHEN logged_at IS NULL THEN 'timestamp is missing'
            ELSE 'timestamp is no time' END AS reason
FROM event
WHERE happened_at IS NULL OR action IS NULL
UNION ALL
SELECT line_no, CASE WHEN outcome IS NULL THEN 'response.statusCode is missing' ELSE 'names no ' || split_part(meaning, ' ', 2) END
FROM known
WHERE outcome IS NULL
    OR ((starts_with(meaning, 'end ') OR meaning = 'enable user') AND ended IS NULL AND action <> 'garbageCollectDbToken')
"""

LOADER = with_envelopes(
    Loader(
        name="databricks",
        version=8,
        title="Databricks audit log",
        recognise=mostly_inside(_is_event),
        fields=_FIELDS,
        glance=_GLANCE,
        carries=("issuance", "revocation"),
        makers=True,
        steps={"event": _EVENT, "known": _KNOWN},
        issuance=f"SELECT * EXCLUDE (audiences) FROM ({_ISSUANCE})",
        usage=_USAGE,
        revocation=_REVOCATION,
        ignored=_IGNORED,
        rejected=_REJECTED,
        joins=(
            Join("issuance", "usage", "token", "tokenHash, tokenId", "where issue and login write the same one"),
            Join("issuance", "revocation", "token", "tokenHash", "OAuth tokens and temporary credentials have no id"),
            Join("usage", "revocation", "token", "tokenId, tokenHash", "where login and revocation write the same one"),
        ),
        join_note=(
            "Issue and revocation of a personal access token join on tokenHash, its logins on tokenId where the log writes the "
            "same value. OAuth tokens and temporary credentials have no id: they join by client and user."
        ),
    ),
    mark="r.actionName IS NOT NULL OR r.action_name IS NOT NULL",
    spelled=_ANY_NAMES,
)
