"""Google Cloud audit logs: calls, the keys and tokens of service accounts, what binds and unbinds roles.

What the mapping decides, and why:

- **Event id**: `insertId` is unique only together with time and log name, so the three make it. An entry without it is
  named by its hash.
- **Client** is the identity whose permissions count: the principal, without the prefix of its kind. Where the log names an
  OAuth client, that is the client and the principal its subject. Beside a service account stands the account's own number (seen in one
  project): that is no other client.
- **Actor chain**: `serviceAccountDelegationInfo` begins with the first who delegated; the chain is turned round, the current
  actor first. Empty entries say nothing.
- **Token id**: only keys have one. It is the last part of the key's name: the name is written with the number of the
  account or its address, with the project or `-`.
- **A token that is made for a service account is an exchange** (`GenerateAccessToken`, `GenerateIdToken`, `ExchangeToken`), what is
  signed with its key a token (`SignJwt`, `SignBlob`). None of them has an id in the log. `ExchangeToken` makes the identity of a pool out
  of one of elsewhere: calls are made by the former (`mapped_principal`), which is the client, and the latter is the actor. It is no call of the
  latter, which Google does not know, and the audience that it names is the provider of the pool: no server is told.
- **What was needed** stands in the log: the permissions of `authorizationInfo` are the `target` of the call, the resource is
  its `resource_id`. So each method is beside the permissions that it asked for.
- **Outcome**: status 7 and 16 are denied, any other code but 0 is an error; `{}` is none. Without such a code, a call that was
  granted none of the permissions listed is denied: `granted` that is missing is false, as ever in this notation. A call that
  was granted one of several went on. `sts.identityProviders.checkLogging` is no permission to call: it stands as not granted in exchanges
  that succeeded (seen in two projects).
- **A long call has two entries**: the last one, if it names no permission, is no further call.
- Roles are no scopes: a binding is kept as authorization detail, and the scopes stay unknown. Who may act as a service account is told
  by a binding on that account (`google.iam.admin.v1.SetIAMPolicy`).
- A person whom Google or an admin of Workspace disabled, in the log that Workspace shares (`login.googleapis.com`, seen; `admin.googleapis.com`, by
  the names of the Reports API), is so in all projects, until an admin takes it back.
- A person of a workforce pool who is deleted (`DeleteWorkforcePoolSubject`, by Google's list of methods; no record was at hand) is the client that
  calls as `principal://...`, in all projects. It takes a while: the first entry counts. Of a pool that is deleted nobody is named. That all sessions of
  such a person are revoked cuts off what was issued before: by Google's page also credentials, and whoever signs in again goes on. Its method
  is the name of the call in Google's API (`RevokeWorkforcePoolSubjectSessions`), as those of the list are; no record was at hand.
- Panther writes some outer names in lower case and the times with a blank. Both are read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grantlens.loaders.loader import Join, Loader, mostly
from grantlens.loaders.written_number import whole

_ENTRY = """{
    "insertId": "VARCHAR", "logName": "VARCHAR", "timestamp": "VARCHAR", "receiveTimestamp": "VARCHAR",
    "serviceName": "VARCHAR", "status": {"code": "VARCHAR"},
    "operation": {"first": "VARCHAR", "last": "VARCHAR"},
    "resource": {"labels": {"project_id": "VARCHAR", "email_id": "VARCHAR"}},
    "protoPayload": {
        "serviceName": "VARCHAR", "methodName": "VARCHAR", "resourceName": "VARCHAR", "status": {"code": "VARCHAR"},
        "authenticationInfo": {"principalEmail": "VARCHAR", "principalSubject": "VARCHAR", "serviceAccountKeyName": "VARCHAR",
            "oauthInfo": {"oauthClientId": "VARCHAR"},
            "serviceAccountDelegationInfo": [{"principalSubject": "VARCHAR", "firstPartyPrincipal": {"principalEmail": "VARCHAR"}}]},
        "authorizationInfo": [{"permission": "VARCHAR", "granted": "VARCHAR"}],
        "requestMetadata": {"callerIp": "VARCHAR", "callerSuppliedUserAgent": "VARCHAR"},
        "request": {"name": "VARCHAR", "scope": "VARCHAR", "audience": "VARCHAR", "lifetime": "VARCHAR"},
        "response": {"name": "VARCHAR", "display_name": "VARCHAR", "displayName": "VARCHAR", "valid_before_time": {"seconds": "VARCHAR"}},
        "metadata": {"identityDelegationChain": ["VARCHAR"], "mapped_principal": "VARCHAR", "vpcServiceControlsUniqueId": "VARCHAR",
            "event": [{"parameter": [{"name": "VARCHAR", "value": "VARCHAR"}]}]},
        "serviceData": {"policyDelta": {"bindingDeltas": [{"action": "VARCHAR", "role": "VARCHAR", "member": "VARCHAR"}]}}}
}"""

# Names as Panther spells them: one structure cannot hold names that differ only in case.
_LOWER = """{
    "insertid": "VARCHAR", "logname": "VARCHAR", "receivetimestamp": "VARCHAR",
    "protoPayload": {"requestMetadata": {"callerIP": "VARCHAR"}}
}"""


def _is_entry(record: Mapping) -> bool:
    """Tell an entry of Cloud Logging with an audit record in it, bare or as text."""
    event = record.get("event")
    text = event.get("original") if isinstance(event, Mapping) else record.get("message")
    if isinstance(text, str) and text.lstrip().startswith("{"):
        return '"protoPayload"' in text and '"methodName"' in text
    payload = record.get("protoPayload")
    return isinstance(payload, Mapping) and "methodName" in payload


_AS_GOOGLE_SPELLS = f"SELECT line_no, r AS e, from_json(NULL, '{_LOWER}') AS lower FROM record WHERE r IS NOT NULL"
_AS_PANTHER_SPELLS = f"""
SELECT line_no, from_json(r, '{_ENTRY}') AS e, from_json(r, '{_LOWER}') AS lower
FROM record
WHERE json_type(r) = 'OBJECT'
"""

_TIME = """CASE WHEN {0} LIKE '____-__-_____:__:__%' AND {0} >= '1' THEN TRY_CAST(
           CASE WHEN regexp_matches({0}, '(Z|[+-]\\d\\d:?\\d\\d)$') THEN {0} ELSE {0} || 'Z' END AS TIMESTAMPTZ) END"""

# A time is read only if it is written as one; without a zone, as Panther writes it, it is UTC.
_EVENT_STEP = f"""
SELECT line_no, e."timestamp" AS logged_at, {_TIME.format('e."timestamp"')} AS happened_at,
       {_TIME.format("coalesce(e.receiveTimestamp, lower.receivetimestamp)")} AS received_at,
       coalesce(e.insertId, lower.insertid) AS insert_id, coalesce(e.logName, lower.logname) AS log_name,
       e.protoPayload AS p, coalesce(e.protoPayload.serviceName, e.serviceName) AS server, e.protoPayload.methodName AS method_name,
       coalesce(e.protoPayload.status.code, e.status.code, '0') AS written_code, {whole("written_code")} AS code,
       regexp_extract(e.protoPayload.methodName, '[^.]+$') AS call,
       e.protoPayload.authenticationInfo AS who,
       list_filter(coalesce(e.protoPayload.authorizationInfo, []),
           lambda a: a.permission IS DISTINCT FROM 'sts.identityProviders.checkLogging') AS asked,
       coalesce(e.operation."last" = 'true' AND e.operation."first" IS DISTINCT FROM 'true', false) AS is_end,
       coalesce(e.operation."first" = 'true' AND e.operation."last" IS DISTINCT FROM 'true', false) AS is_start,
       e.resource.labels AS labels,
       coalesce(e.protoPayload.requestMetadata.callerIp, lower.protoPayload.requestMetadata.callerIP) AS address,
       nullif(e.protoPayload.requestMetadata.callerSuppliedUserAgent, '') AS user_agent
FROM spelled
"""


def _account(name: str) -> str:
    """Return SQL for the service account in `projects/<project>/serviceAccounts/<account>/keys/<key>`."""
    return f"nullif(regexp_extract({name}, 'serviceAccounts/([^/]+)', 1), '')"


def _key(name: str) -> str:
    """Return SQL for the id at the end of a key's name."""
    return f"nullif(regexp_extract({name}, '/keys/([^/]+)$', 1), '')"


_BARE = "regexp_replace({0}, '^(user|serviceAccount):', '')"

_KNOWN_STEP = f"""
SELECT *,
       insert_id || '|' || epoch_us(happened_at) || '|' || coalesce(log_name, '') AS event_id,
       CASE WHEN code IN ('7', '16') THEN 'denied' WHEN code <> '0' THEN 'error'
            WHEN len(asked) > 0 AND NOT list_contains(list_transform(asked, lambda a: coalesce(a.granted, 'false')), 'true')
            THEN 'denied' ELSE 'success' END AS outcome,
       coalesce(nullif(who.principalEmail, ''), nullif({_BARE.format("who.principalSubject")}, '')) AS principal,
       {_key("who.serviceAccountKeyName")} AS used_key,
       CASE WHEN NOT (regexp_full_match(who.oauthInfo.oauthClientId, '\\d{{15,}}')
                      AND (starts_with(who.principalSubject, 'serviceAccount:') OR ends_with(who.principalEmail, '.gserviceaccount.com')) IS TRUE)
            THEN nullif(who.oauthInfo.oauthClientId, '') END AS app,
       list_reverse(list_filter(list_transform(who.serviceAccountDelegationInfo,
           lambda d: coalesce(d.firstPartyPrincipal.principalEmail, {_BARE.format("d.principalSubject")})), lambda d: d <> '')) AS delegates,
       CASE WHEN regexp_full_match(address, '[0-9A-Fa-f.:]+') THEN address END AS ip,
       coalesce(nullif(regexp_extract(log_name, '^projects/([^/]+)', 1), ''), nullif(regexp_extract(log_name, '^(.+)/logs/', 1), ''),
                nullif(labels.project_id, '')) AS tenant,
       CASE WHEN (server = 'login.googleapis.com' AND starts_with(call, 'accountDisabled'))
              OR (server = 'admin.googleapis.com'
                  AND call IN ('suspendUser', 'deleteUser', 'archiveUser', 'unsuspendUser', 'undeleteUser', 'unarchiveUser'))
            THEN lower(nullif(list_filter(flatten(list_transform(p.metadata.event, lambda e: e.parameter)),
                                          lambda x: x.name IN ('affected_email_address', 'USER_EMAIL'))[1].value, '')) END AS person,
       -- as their calls and tokens name them
       CASE WHEN regexp_matches(coalesce(p.request.name, p.resourceName), '^locations/[^/]+/workforcePools/[^/]+/subjects/.+')
            THEN 'principal://iam.googleapis.com/' || replace(coalesce(p.request.name, p.resourceName), '/subjects/', '/subject/') END AS pool_person,
       CASE WHEN person IS NOT NULL THEN CASE WHEN starts_with(call, 'un') THEN 'person on' ELSE 'person off' END
            WHEN len(p.serviceData.policyDelta.bindingDeltas) > 0 THEN 'bind'
            WHEN server IN ('iam.googleapis.com', 'apikeys.googleapis.com') THEN CASE
                 WHEN call IN ('CreateServiceAccountKey', 'UploadServiceAccountKey', 'EnableServiceAccountKey', 'CreateKey', 'UndeleteKey')
                 THEN 'credential'
                 WHEN call IN ('DeleteServiceAccountKey', 'DeleteKey') THEN 'end'
                 WHEN call = 'DisableServiceAccountKey' THEN 'switch off'
                 WHEN call IN ('DisableServiceAccount', 'DeleteServiceAccount') THEN 'remove'
                 WHEN call IN ('EnableServiceAccount', 'UndeleteServiceAccount') THEN 'restore'
                 WHEN pool_person IS NOT NULL AND NOT is_end
                 THEN CASE call WHEN 'DeleteWorkforcePoolSubject' THEN 'remove' WHEN 'UndeleteWorkforcePoolSubject' THEN 'restore'
                           WHEN 'RevokeWorkforcePoolSubjectSessions' THEN 'cut off' END END
            WHEN call IN ('GenerateAccessToken', 'GenerateIdToken', 'ExchangeToken') THEN 'exchange'
            WHEN call IN ('SignJwt', 'SignBlob') THEN 'sign' END AS meaning,
       coalesce(server, '') NOT IN ('login.googleapis.com', 'oauth2.googleapis.com', 'sts.googleapis.com') AND coalesce(log_name, '') NOT LIKE '%system_event'
           AND NOT (is_end AND len(asked) = 0) AS is_use
FROM event
WHERE happened_at IS NOT NULL AND method_name IS NOT NULL
"""

_MEANT_STEP = f"""
SELECT *,
       CASE WHEN meaning IN ('credential', 'end', 'switch off')
            THEN coalesce({_key("p.response.name")}, {_key("p.request.name")}, {_key("p.resourceName")}) END AS key_id,
       CASE WHEN call = 'ExchangeToken' THEN coalesce(nullif(p.metadata.mapped_principal, ''), principal)
            WHEN pool_person IS NOT NULL THEN pool_person
            WHEN server <> 'apikeys.googleapis.com' THEN coalesce(
            CASE WHEN {_account("p.request.name")} LIKE '%@%' THEN {_account("p.request.name")} END,
            CASE WHEN {_account("p.response.name")} LIKE '%@%' THEN {_account("p.response.name")} END,
            nullif(labels.email_id, ''), {_account("p.response.name")}, {_account("p.request.name")}, {_account("p.resourceName")})
       END AS account,
       list_filter([principal] || coalesce(list_filter(list_transform(p.metadata.identityDelegationChain, lambda d: {_account("d")}),
           lambda d: d <> account), []), lambda d: d IS NOT NULL) AS hands,
       CASE WHEN meaning = 'bind' THEN p.serviceData.policyDelta.bindingDeltas ELSE [NULL] END AS deltas
FROM known
WHERE meaning IS NOT NULL
"""

# One row for each member that got or lost a role; the first keeps the id of the event.
_PART_STEP = f"""
SELECT *, event_id || CASE WHEN nth > 1 THEN '#' || nth ELSE '' END AS part_id,
       upper(delta.action) AS delta_action, {_BARE.format("delta.member")} AS member
FROM (SELECT *, unnest(deltas) AS delta, generate_subscripts(deltas, 1) AS nth FROM meant)
"""

_ISSUANCE = """
SELECT line_no, part_id AS event_id, happened_at AS issued_at, received_at,
       CASE meaning WHEN 'sign' THEN 'token' WHEN 'exchange' THEN 'exchange' WHEN 'credential' THEN 'credential' ELSE 'change' END AS kind,
       outcome, CASE WHEN outcome <> 'denied' THEN NULL WHEN code = '16' THEN 'token' ELSE 'policy' END AS denial_reason,
       CASE WHEN outcome = 'success' THEN key_id END AS token_id,
       CASE WHEN meaning = 'credential' THEN 'api_key' WHEN call = 'GenerateIdToken' THEN 'id'
            WHEN meaning = 'exchange' THEN 'access' END AS token_kind,
       CASE WHEN meaning IN ('exchange', 'sign') THEN used_key END AS parent_token_id,
       CASE WHEN meaning = 'bind' THEN member ELSE account END AS client_id,
       CASE WHEN server = 'apikeys.googleapis.com' THEN coalesce(p.response.displayName, p.response.display_name) END AS client_name,
       CASE WHEN account LIKE '%/workforcePools/%' THEN 'user' WHEN meaning <> 'bind' AND account IS NOT NULL THEN 'service' END AS subject_kind,
       CASE WHEN meaning IN ('exchange', 'sign') THEN nullif(list_concat(list_reverse(hands), coalesce(delegates, [])), []) END AS actor_chain,
       CASE WHEN starts_with(p.request.scope, '[') THEN TRY(from_json(p.request.scope, '["VARCHAR"]'))
            WHEN p.request.scope <> '' THEN string_split(p.request.scope, ' ') END AS scopes,
       CASE WHEN meaning = 'exchange' AND call <> 'ExchangeToken' AND p.request.audience <> '' THEN [p.request.audience] END AS audience,
       CASE WHEN meaning = 'bind' THEN to_json({'role': delta.role, 'resource': p.resourceName}) END AS authorization_details,
       CASE WHEN meaning = 'exchange' AND regexp_full_match(p.request.lifetime, '\\d{1,6}s')
            THEN happened_at + to_seconds(TRY_CAST(rtrim(p.request.lifetime, 's') AS INTEGER))
            WHEN regexp_full_match(p.response.valid_before_time.seconds, '\\d{9,11}') AND p.response.valid_before_time.seconds < '253402300799'
            THEN make_timestamptz(TRY_CAST(p.response.valid_before_time.seconds AS BIGINT) * 1000000) END AS expires_at,
       CASE WHEN meaning NOT IN ('exchange', 'sign') THEN principal END AS consent_actor,
       CASE WHEN meaning IN ('exchange', 'sign') THEN NULL WHEN principal = account THEN 'user' ELSE 'admin' END AS consent_kind,
       ip, user_agent, tenant
FROM part
WHERE meaning IN ('exchange', 'sign') OR (meaning = 'credential' AND NOT is_start)
   OR (meaning = 'bind' AND delta_action = 'ADD')
"""

_REVOCATION = """
SELECT line_no, part_id AS event_id, happened_at AS revoked_at, received_at,
       CASE meaning WHEN 'bind' THEN 'downgrade' WHEN 'end' THEN 'revoke' WHEN 'cut off' THEN 'revoke'
                    WHEN 'restore' THEN 'enable' WHEN 'person on' THEN 'enable' ELSE 'disable' END AS kind,
       outcome,
       CASE WHEN person IS NOT NULL THEN 'subject' WHEN meaning = 'bind' THEN 'grant' WHEN meaning IN ('remove', 'restore') THEN 'client'
            WHEN meaning = 'cut off' THEN 'policy' ELSE 'credential' END AS target_kind,
       key_id AS token_id,
       CASE WHEN meaning = 'bind' THEN member WHEN person IS NULL THEN account END AS client_id, person AS subject_id,
       CASE WHEN meaning = 'cut off' THEN happened_at END AS issued_before,
       CASE WHEN principal = account THEN 'client' WHEN principal IS NOT NULL THEN 'admin' WHEN person IS NOT NULL THEN 'system' END AS initiator,
       principal AS actor_id,
       CASE WHEN meaning = 'bind' THEN delta.role WHEN person IS NOT NULL THEN method_name END AS reason,
       -- a person is disabled in all projects
       CASE WHEN person IS NULL AND pool_person IS NULL THEN tenant END AS tenant
FROM part
WHERE meaning IN ('end', 'switch off', 'remove', 'restore', 'cut off', 'person off', 'person on') OR (meaning = 'bind' AND delta_action = 'REMOVE')
"""

_USAGE = """
SELECT line_no, event_id, happened_at AS used_at, received_at, outcome,
       CASE WHEN outcome <> 'denied' THEN NULL WHEN code = '16' THEN 'token'
            WHEN p.metadata.vpcServiceControlsUniqueId <> '' OR log_name LIKE '%2Fpolicy' THEN 'policy' ELSE 'scope' END AS denial_reason,
       used_key AS token_id,
       coalesce(app, principal) AS client_id,
       CASE WHEN app IS NOT NULL THEN principal END AS subject_id,
       CASE WHEN len(delegates) > 0 THEN delegates END AS actor_chain,
       server AS resource_server,
       nullif(array_to_string(list_sort(list_distinct(list_transform(asked, lambda a: a.permission))), ' '), '') AS target,
       method_name AS operation,
       p.resourceName AS resource_id, nullif(labels.project_id, '') AS resource_tenant,
       ip, user_agent, tenant
FROM known
WHERE is_use
"""

_IGNORED = """
SELECT line_no, 'log entry without an audit record' AS reason FROM event WHERE happened_at IS NOT NULL AND p IS NULL
UNION ALL
SELECT line_no,
       CASE WHEN server IN ('login.googleapis.com', 'sts.googleapis.com') THEN 'sign-in of a person'
            -- consents and their ends (GetToken, RevokeToken) that Workspace shares: no page tells where they name the app
            WHEN server = 'oauth2.googleapis.com' THEN 'consent or its end in Google Workspace, no call: load its own log'
            WHEN log_name LIKE '%system_event' THEN 'act of Google, no call'
            ELSE 'end of a long-running call' END
FROM known
WHERE NOT is_use AND (coalesce(server, '') NOT IN ('sts.googleapis.com', 'login.googleapis.com') OR meaning IS NULL)
"""

_REJECTED = """
SELECT line_no,
       CASE WHEN logged_at IS NULL THEN 'timestamp is missing'
            WHEN happened_at IS NULL THEN 'timestamp is no time'
            ELSE 'methodName is missing' END AS reason
FROM event
WHERE happened_at IS NULL OR (method_name IS NULL AND p IS NOT NULL)
"""


# Only the log of admin activity is always on: of the others, a silence says nothing. The end of a person is one in all projects.
_ADMIN_ACTIVITY = """
SELECT line_no, CASE WHEN person IS NULL AND pool_person IS NULL THEN tenant END AS tenant, happened_at
FROM known
WHERE coalesce(log_name, '') = '' OR log_name LIKE '%activity'
"""

_ENTRY_IN = """SELECT line_no, TRY(from_json({0}, '{1}')) AS e, TRY(from_json({0}, '{2}')) AS lower
FROM record WHERE json_valid({0}) AND json_type({0}) = 'OBJECT'"""


def _is_of_panther(record: Mapping) -> bool:
    """Tell by any name that is Panther's: it does not write all of them in each record."""
    payload = record.get("protoPayload")
    metadata = payload.get("requestMetadata") if isinstance(payload, Mapping) else None
    called = isinstance(metadata, Mapping) and "callerIP" in metadata
    return called or any(name.startswith("p_") or name == "logname" for name in record)


def _fitted(sample: Sequence[Mapping]) -> Loader:
    """Parse twice only what Panther wrote; look for the entry where a shipper put it as text."""
    if any("original" in event for event in (record.get("event") for record in sample) if isinstance(event, Mapping)):
        fields, spelled = '{"event": {"original": "VARCHAR"}}', _ENTRY_IN.format("r.event.original", _ENTRY, _LOWER)
    elif any(isinstance(record.get("message"), str) for record in sample):
        fields, spelled = '{"message": "VARCHAR"}', _ENTRY_IN.format("r.message", _ENTRY, _LOWER)
    elif any(map(_is_of_panther, sample)):
        fields, spelled = '"JSON"', _AS_PANTHER_SPELLS
    else:
        return LOADER
    other = LOADER if fields != '"JSON"' else None
    return replace(LOADER, fields=fields, steps={**LOADER.steps, "spelled": spelled}, otherwise=other, dialect=None)


LOADER = Loader(
    name="gcp_audit",
    version=15,
    title="Google Cloud audit logs",
    recognise=mostly(_is_entry),
    fields=_ENTRY,
    dialect=_fitted,
    # Of issuance only tokens and keys of service accounts: those of people and of machines inside the cloud are not logged.
    carries=("revocation",),
    catalogue="gcp",
    shown_by={"revocation": _ADMIN_ACTIVITY},
    giving_shown=True,
    grants_end=False,
    makers=True,
    steps={
        "spelled": _AS_GOOGLE_SPELLS,
        "event": _EVENT_STEP,
        "known": _KNOWN_STEP,
        "meant": _MEANT_STEP,
        "part": _PART_STEP,
    },
    issuance=_ISSUANCE,
    usage=_USAGE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join("issuance", "usage", "token", "serviceAccountKeyName", "keys only; tokens made for an account have no id"),
        Join("issuance", "revocation", "token", "response.name, request.name", "keys only; else the account"),
        Join("usage", "revocation", "token", "serviceAccountKeyName, request.name", "keys only; else the account"),
    ),
    join_note=(
        "Keys of service accounts join by the id at the end of their name, from creation to use and deletion. Tokens that are "
        "made for an account have no id: their use shows the account and the chain of those who delegated."
    ),
)
