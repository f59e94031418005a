"""Microsoft 365 unified audit log: consents, keys and their ends in the directory; what apps and agents did with mail and files.

What the mapping decides, and why:

- **Event id** is `Id`. The same record is delivered again and again; only `Id` tells.
- **Time** is `CreationTime`, UTC without saying so, whole seconds. A finer time stands in some records only; one clock
  for all is worth more.
- **Grant id**: `m365:<client>:<resource>`, both as object ids of service principals, for everybody; then the person, or
  `role/<role>`, where the record says which. Where a grant is added or removed, older records say neither the person nor that
  it is for everybody: which grant it was is not known, it has no id, and its removal ends none that is known. An assigned role
  that is not named is one of several: its removal narrows, it does not end.
- **Client id** is the application id where the record has one, else the object id of its service principal.
  In a consent `ObjectId` is the client; where a grant is added or removed it is the resource, under all its names.
- **A consent is a text, before against after**: only what is new in it counts, a consent repeated gives nothing. The consent by
  which a client comes into the tenant names it by zeros: it is the target of the record.
- **One consent is several records** of the same second: the consent, and the grant as added, which does not say whose it is (see
  `issued`). A grant that changes is added and removed, with the scopes before and after, and only the removal says whose it is.
- **Subject** is the sign-in name where the record has one: mailbox and file actions know no other (see `same_subject`).
- **Token id** of a use is the one that Entra's sign-ins and Graph's calls have, in the same form (see `presented_token`); zeros are no id (seen in one tenant).
- **Use** is an action that names the application it was made with. Reads are logged for some licences only, and not
  when there are too many: an absence says nothing.
- **Copilot and agents** work with what the person may read and need no consent: see `microsoft_agents`.
- Operations are compared without the full stop or blank that some end in.
- Sign-ins belong to the logs of Entra, which say more of them; they are not read here. Ended sessions end no consent (see there).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grantlens.loaders.loader import Join, Loader, mostly
from grantlens.loaders.microsoft_agents import (
    ABOUT_AGENTS,
    AGENT,
    AS_TABLE,
    INTERACTIONS,
    OF_TABLE,
    READ_FOR_AGENTS,
    USED_BY_AGENTS,
)
from grantlens.loaders.microsoft_change import NOBODY, either, entries, new, old, words
from grantlens.loaders.microsoft_ecs import as_written, is_processed
from grantlens.loaders.microsoft_entra.token_id import issue_time, uti
from grantlens.loaders.written_time import text_moment

_RECORD = f"""{{
    "Id": "VARCHAR", "CreationTime": "VARCHAR", "Operation": "VARCHAR", "Workload": "VARCHAR", "RecordType": "VARCHAR",
    "ResultStatus": "VARCHAR", "OrganizationId": "VARCHAR", "ObjectId": "VARCHAR", "UserId": "VARCHAR", "UserType": "VARCHAR",
    "ClientIP": "VARCHAR", "ClientIPAddress": "VARCHAR", "ActorIpAddress": "VARCHAR",
    "ClientAppId": "VARCHAR", "AppId": "VARCHAR", "ApplicationId": "VARCHAR", "ApplicationDisplayName": "VARCHAR",
    "ClientInfoString": "VARCHAR", "UserAgent": "VARCHAR", "SessionId": "VARCHAR", "MailboxOwnerUPN": "VARCHAR",
    "AppAccessContext": {{"ClientAppId": "VARCHAR", "ClientAppName": "VARCHAR", "UniqueTokenId": "VARCHAR", "AADSessionId": "VARCHAR",
        "IssuedAtTime": "VARCHAR"}},
    "Actor": [{{"ID": "VARCHAR"}}], "Target": [{{"ID": "VARCHAR", "Type": "VARCHAR"}}],
    "ModifiedProperties": [{{"Name": "VARCHAR", "OldValue": "VARCHAR", "NewValue": "VARCHAR"}}],
    {READ_FOR_AGENTS}
}}"""

_GUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


def _is_text(text: object) -> bool:
    """Tell the text of an audit record."""
    names = ("CreationTime", "Operation", "Workload", "OrganizationId")
    return isinstance(text, str) and text.lstrip().startswith("{") and all(f'"{name}"' in text for name in names)


def _original(record: Mapping) -> object:
    event = record.get("event")
    return event.get("original") if isinstance(event, Mapping) else None


def _is_audit(record: Mapping) -> bool:
    """Tell an audit record by the names that all workloads share, bare, as text inside what a tool exported, or as Elastic took it apart."""
    text = record.get("AuditData") or _original(record) or record.get("message")
    if is_processed(record) or _is_text(text):
        return True
    inner = record.get("auditData")
    names = (inner if isinstance(inner, Mapping) else record).keys()
    is_bare = {"CreationTime", "Operation", "Workload"} <= names and bool({"OrganizationId", "RecordType"} & names)
    return is_bare or {"TimeGenerated", "RecordType", "LLMEventData"} <= names


_SPELLED = "SELECT line_no, r AS e FROM record WHERE r IS NOT NULL"

# Without a zone the time is UTC. A time is read only if it is written as one.
_EVENT_STEP = f"""
SELECT line_no, e.Id AS event_id, e.CreationTime AS logged_at, e.Operation AS logged_operation,
       trim(rtrim(trim(e.Operation), '.')) AS operation, lower(operation) AS activity,
       {text_moment("e.CreationTime")} AS happened_at,
       e.Workload AS workload, e.RecordType AS record_type, e.OrganizationId AS tenant,
       CASE WHEN lower(e.ResultStatus) IN ('success', 'succeeded', 'partiallysucceeded', 'true') OR coalesce(e.ResultStatus, '') = ''
            THEN 'success' ELSE 'error' END AS outcome,
       lower(coalesce(e.Workload, '')) = 'azureactivedirectory' AS is_directory,
       activity IN {INTERACTIONS} AS is_interaction, CASE WHEN is_interaction THEN {AGENT} END AS agent,
       coalesce(agent, nullif(nullif(coalesce(nullif(e.AppAccessContext.ClientAppId, ''), nullif(e.ClientAppId, ''), nullif(e.AppId, ''),
                                              nullif(e.ApplicationId, '')), '{NOBODY}'), '')) AS app,
       coalesce(CASE WHEN is_interaction THEN nullif(e.AgentName, '') END, nullif(e.AppAccessContext.ClientAppName, ''),
                nullif(e.ApplicationDisplayName, '')) AS app_name,
       {uti("e.AppAccessContext.UniqueTokenId")} AS token_id, {issue_time("e.AppAccessContext.IssuedAtTime")} AS token_issued_at,
       coalesce(nullif(nullif(e.AppAccessContext.AADSessionId, ''), '{NOBODY}'), nullif(e.SessionId, '')) AS session_id,
       nullif(coalesce(nullif(e.ClientIPAddress, ''), nullif(e.ClientIP, ''), e.ActorIpAddress), '') AS address,
       CASE WHEN starts_with(address, '[') THEN regexp_extract(address, '^\\[([^\\]]*)\\]', 1)
            WHEN len(string_split(address, ':')) = 2 THEN split_part(address, ':', 1)
            WHEN address <> '<null>' THEN address END AS ip,
       coalesce(nullif(e.UserAgent, ''), nullif(e.ClientInfoString, '')) AS user_agent,
       nullif(e.UserId, '') AS user_name, e.ObjectId AS object, coalesce(nullif(e.MailboxOwnerUPN, ''), nullif(e.ObjectId, '')) AS place,
       -- applications and the system act for themselves
       coalesce(e.UserType IN ('3', '4', '5', '6', '7', '8', 'Application', 'ServicePrincipal', 'System'), false)
           OR starts_with(coalesce(e.UserId, ''), 'S-1-5-18') OR starts_with(coalesce(e.UserId, ''), 'ServicePrincipal_')
           OR e.UserId = 'app@sharepoint' AS by_app,
       CASE WHEN is_interaction THEN e.ToolName END AS tool, CASE WHEN is_interaction THEN e.CopilotEventData.AccessedResources END AS resources,
       e.Actor AS actors, e.Target AS targets, e.ModifiedProperties AS changes
FROM spelled
"""

_KNOWN_STEP = f"""
SELECT *,
       CASE WHEN activity = 'consent to application' THEN 'consent'
            WHEN activity IN ('add oauth2permissiongrant', 'add delegated permission grant') THEN 'delegate'
            WHEN activity IN ('remove oauth2permissiongrant', 'remove delegated permission grant') THEN 'undelegate'
            WHEN activity = 'add app role assignment to service principal' THEN 'assign'
            WHEN activity IN ('remove app role assignment from service principal', 'add a deletion-marked app role assignment grant'
                              || ' to service principal as part of link removal') THEN 'unassign'
            WHEN activity IN ('delete application', 'remove service principal', 'hard delete application',
                              'hard delete service principal') THEN 'client off'
            WHEN activity = 'update service principal' OR starts_with(activity, 'update application')
                 OR activity LIKE '%service principal credentials' THEN 'change'
            WHEN activity IN ('disable account', 'delete user') THEN 'person off'
            WHEN activity IN ('update stsrefreshtokenvalidfrom timestamp', 'revoke user sign in sessions', 'revoke sign in sessions')
            THEN 'sessions off' END AS meaning,
       NOT is_directory AND app IS NOT NULL AND activity NOT IN ('userloggedin', 'userloginfailed') AND activity NOT IN {ABOUT_AGENTS} AS is_use
FROM event
WHERE happened_at IS NOT NULL AND activity <> ''
"""

# The parties. The service principals are known by object id; an application id is one of their names.
_PARTY_STEP = f"""
SELECT * EXCLUDE (changes),
       list_transform(changes, lambda c: c.Name) AS changed,
       list_transform(changes, lambda c: c.OldValue) AS old_values,
       list_transform(changes, lambda c: c.NewValue) AS new_values,
       list_filter(targets, lambda t: regexp_full_match(t.ID, '{_GUID}'))[1].ID AS target_object,
       list_filter(targets, lambda t: t."Type" = '1')[1].ID AS target_name,
       lower(list_filter(targets, lambda t: t."Type" = '5')[1].ID) AS target_person,
       list_filter(string_split(coalesce({new("TargetId.ServicePrincipalNames")}, object), ';'),
                   lambda n: regexp_full_match(n, '{_GUID}'))[1] AS target_app,
       nullif(regexp_extract(list_filter(actors, lambda a: starts_with(a.ID, 'User_'))[1].ID, '^User_(.+)$', 1), '') AS actor_object,
       CASE WHEN user_name LIKE '%@%' THEN lower(user_name) ELSE user_name END AS actor,
       {new("ConsentAction.Permissions")} AS permissions,
       {new("ConsentContext.IsAdminConsent")} AS is_admin_consent,
       {either("ServicePrincipal.ObjectID")} AS client_object,
       {either("ServicePrincipal.AppId")} AS client_app,
       {either("ServicePrincipal.DisplayName")} AS client_label,
       {either("DelegatedPermissionGrant.ConsentType")} AS consent_type,
       {either("DelegatedPermissionGrant.PrincipalId")} AS principal,
       {old("DelegatedPermissionGrant.Scope")} AS scope_old,
       {new("DelegatedPermissionGrant.Scope")} AS scope_new,
       coalesce({either("AppRole.Id")}, {either("AppRole.Value")}) AS role,
       {either("AppRole.Value")} AS role_value,
       {old("KeyDescription")} AS keys_old, {new("KeyDescription")} AS keys_new,
       {old("AccountEnabled")} ILIKE '%true%' AND {new("AccountEnabled")} ILIKE '%false%' AS is_switched_off,
       {new("StsRefreshTokensValidFrom")} AS valid_from,
       meaning IN ('assign', 'unassign') AS is_role
FROM known
WHERE meaning IS NOT NULL
"""


def _keys(column: str) -> str:
    """Return SQL for the key ids of `["[KeyIdentifier=...,KeyType=...,DisplayName=...]", ...]`."""
    # Only where a text begins: people name keys, and in a name a quote is escaped.
    return f"""coalesce(list_filter(regexp_extract_all({column}, '[\\[,\\s]"\\[KeyIdentifier=([^,\\]]+)', 1), lambda k: k <> ''), [])"""


# Where the log says neither for whom nor that it is for everybody, the grant has no name.
_GRANT_ID = "CASE WHEN g.whom IS NOT NULL OR g.everybody THEN 'm365:' || g.client || ':' || g.resource || coalesce(':' || g.whom, '') END"

# What is new in a consent, or one grant or role; the keys that came and went.
_CHANGE_STEP = f"""
SELECT *,
       {entries(1)} AS consented_before, {entries(2)} AS consented_after,
       CASE meaning
            WHEN 'consent' THEN list_transform(
                list_filter(consented_after, lambda p: NOT list_contains(consented_before, p)),
                lambda p: struct_pack(client := coalesce(p.client, target_object), app := coalesce(target_app, p.client, target_object),
                    app_name := target_name, resource := p.resource, whom := CASE WHEN p.type IS DISTINCT FROM 'AllPrincipals' THEN p.person END,
                    person := p.person, everybody := p.type = 'AllPrincipals', holds := {words("p.scope")}, held := NULL::VARCHAR[]))
            WHEN 'change' THEN NULL
            ELSE [struct_pack(client := client_object, app := coalesce(client_app, client_object), app_name := client_label,
                resource := target_object,
                whom := CASE WHEN is_role THEN 'role' || coalesce('/' || role, '') WHEN consent_type IS DISTINCT FROM 'AllPrincipals' THEN principal END,
                person := CASE WHEN NOT is_role THEN principal END, everybody := NOT is_role AND consent_type = 'AllPrincipals',
                holds := CASE WHEN NOT is_role THEN {words("scope_new")} WHEN meaning = 'assign' THEN [role_value] END,
                held := CASE WHEN NOT is_role THEN {words("scope_old")} WHEN meaning = 'unassign' THEN [role_value] END)] END AS grants,
       list_filter({_keys("keys_new")}, lambda k: NOT list_contains({_keys("keys_old")}, k)) AS keys_made,
       list_filter({_keys("keys_old")}, lambda k: NOT list_contains({_keys("keys_new")}, k)) AS keys_ended,
       CASE WHEN len({_keys("keys_old")}) > 0 OR keys_old = '[]' THEN {_keys("keys_old")} END AS earlier_keys,
       -- the half of a change that says whose grant it is; where one comes in for everybody, the other half tells
       meaning = 'undelegate' AND principal IS NOT NULL
           AND len(list_filter({words("scope_new")}, lambda s: NOT list_contains(coalesce({words("scope_old")}, []), s))) > 0 AS is_widened,
       -- a consent whose text is left out or cut off: that there was one is known
       meaning = 'consent' AND len(coalesce(consented_after, [])) = 0
           AND coalesce(trim(split_part(permissions, '=>', 2), ' ;'), '') <> '[]' AS is_unsaid,
       coalesce(target_app, target_object) AS target_client
FROM party
"""

_ISSUED_STEP = f"""
SELECT * EXCLUDE (given), unnest(given) AS g, generate_subscripts(given, 1) AS nth
FROM (
    SELECT line_no, event_id, happened_at, outcome, meaning, actor, actor_object, is_admin_consent, earlier_keys, ip, tenant, list_concat(
        CASE WHEN meaning IN ('consent', 'delegate', 'assign') OR is_widened THEN
             list_transform(grants, lambda g: struct_pack(kind := 'consent', grant_id := {_GRANT_ID}, token_id := NULL::VARCHAR,
                 client_id := g.app, client_name := g.app_name, person := g.person,
                 everybody := g.everybody, scopes := list_filter(g.holds, lambda s: s IS NOT NULL), audience := g.resource)) END,
        CASE WHEN is_unsaid THEN [struct_pack(kind := 'consent', grant_id := NULL::VARCHAR, token_id := NULL::VARCHAR,
             client_id := target_client, client_name := target_name, person := NULL::VARCHAR, everybody := NULL::BOOLEAN,
             scopes := NULL::VARCHAR[], audience := NULL::VARCHAR)] END,
        list_transform(keys_made, lambda k: struct_pack(kind := 'credential', grant_id := NULL::VARCHAR, token_id := k,
             client_id := target_client, client_name := target_name, person := NULL::VARCHAR, everybody := NULL::BOOLEAN,
             scopes := NULL::VARCHAR[], audience := NULL::VARCHAR))) AS given
    FROM change
)
"""

_ISSUANCE = """
SELECT line_no, event_id || CASE WHEN nth > 1 THEN '#' || nth ELSE '' END AS event_id,
       happened_at AS issued_at, g.kind AS kind, outcome, g.grant_id AS grant_id,
       CASE WHEN outcome = 'success' THEN g.token_id END AS token_id,
       CASE WHEN g.kind = 'credential' THEN 'api_key' END AS token_kind,
       g.client_id AS client_id, g.client_name AS client_name,
       CASE WHEN g.person = actor_object THEN actor ELSE g.person END AS subject_id,
       -- a grant for a person, or for everybody; else nobody said
       CASE WHEN g.kind = 'credential' OR meaning = 'assign' THEN 'service'
            WHEN g.person IS NOT NULL OR g.everybody THEN 'user' END AS subject_kind,
       CASE WHEN len(g.scopes) > 0 THEN g.scopes END AS scopes,
       CASE WHEN g.audience IS NOT NULL THEN [g.audience] END AS audience,
       actor AS consent_actor,
       CASE WHEN g.kind <> 'consent' THEN NULL
            WHEN meaning = 'assign' OR g.everybody OR is_admin_consent ILIKE 'true' THEN 'admin'
            WHEN g.person = actor_object OR is_admin_consent ILIKE 'false' THEN 'user'
            WHEN g.person IS NOT NULL THEN 'admin' END AS consent_kind,
       CASE WHEN g.kind = 'credential' THEN earlier_keys END AS earlier_keys,
       ip, tenant
FROM issued
"""

_ENDED_STEP = f"""
SELECT * EXCLUDE (taken), unnest(taken) AS g, generate_subscripts(taken, 1) AS nth
FROM (
    SELECT line_no, event_id, happened_at, outcome, meaning, actor, actor_object, by_app, tenant, valid_from, list_concat(
        CASE WHEN meaning IN ('undelegate', 'unassign', 'delegate') THEN
             list_filter(list_transform(grants, lambda g: struct_pack(target_kind := 'grant', token_id := NULL::VARCHAR,
                 grant_id := {_GRANT_ID}, client_id := g.app, client_name := g.app_name, person := g.person,
                 removed := list_filter(g.held, lambda s: s IS NOT NULL AND NOT list_contains(coalesce(g.holds, []), s)),
                 narrows := coalesce(len(g.holds) > 0 OR g.whom = 'role', false))),
                 -- a grant with other scopes is told as added and as removed: the removal takes those that are gone, if any, and the addition none
                 lambda t: CASE meaning WHEN 'unassign' THEN true WHEN 'delegate' THEN NOT t.narrows AND len(t.removed) > 0
                     ELSE NOT t.narrows OR len(t.removed) > 0 END) END,
        list_transform(keys_ended, lambda k: struct_pack(target_kind := 'credential', token_id := k, grant_id := NULL::VARCHAR,
             client_id := target_client, client_name := target_name, person := NULL::VARCHAR, removed := NULL::VARCHAR[], narrows := false)),
        CASE WHEN meaning = 'client off' OR is_switched_off THEN
             [struct_pack(target_kind := 'client', token_id := NULL::VARCHAR, grant_id := NULL::VARCHAR, client_id := target_client,
             client_name := target_name, person := NULL::VARCHAR, removed := NULL::VARCHAR[], narrows := false)]
             WHEN meaning IN ('person off', 'sessions off') THEN
             [struct_pack(target_kind := CASE meaning WHEN 'person off' THEN 'subject' ELSE 'policy' END, token_id := NULL::VARCHAR,
             grant_id := NULL::VARCHAR, client_id := NULL::VARCHAR, client_name := NULL::VARCHAR,
             person := coalesce(target_person, target_object), removed := NULL::VARCHAR[], narrows := false)] END) AS taken
    FROM change
)
"""

_REVOCATION = """
SELECT line_no, event_id || CASE WHEN nth > 1 THEN '#' || nth ELSE '' END AS event_id, happened_at AS revoked_at, outcome,
       CASE WHEN g.target_kind IN ('client', 'subject') THEN 'disable' WHEN g.narrows THEN 'downgrade' ELSE 'revoke' END AS kind,
       g.target_kind AS target_kind, g.token_id AS token_id, g.grant_id AS grant_id,
       g.client_id AS client_id, g.client_name AS client_name,
       CASE WHEN g.person = actor_object THEN actor ELSE g.person END AS subject_id,
       CASE WHEN len(g.removed) > 0 THEN g.removed END AS scopes_removed,
       CASE WHEN meaning = 'sessions off' THEN coalesce(nullif(regexp_extract(valid_from,
            '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d[.0-9]*Z'), ''), happened_at::VARCHAR) END AS issued_before,
       CASE WHEN by_app THEN 'system' WHEN g.person IS NOT NULL AND g.person IN (actor_object, actor) THEN 'user'
            WHEN actor IS NOT NULL THEN 'admin' END AS initiator,
       actor AS actor_id, tenant
FROM ended
"""

_USAGE = f"""
SELECT line_no, event_id, happened_at AS used_at, outcome, denial_reason, token_id, session_id,
       app AS client_id, app_name AS client_name, token_issued_at,
       CASE WHEN NOT by_app THEN CASE WHEN user_name LIKE '%@%' THEN lower(user_name) ELSE user_name END END AS subject_id,
       CASE WHEN NOT by_app THEN user_name END AS subject_name, actor_chain,
       workload AS resource_server, operation, place AS resource_id, ip, user_agent, tenant
FROM (
    SELECT *, NULL AS denial_reason, NULL AS actor_chain FROM known WHERE is_use AND NOT is_interaction
    UNION ALL BY NAME
    {USED_BY_AGENTS}
)
"""

_IGNORED = f"""
SELECT line_no,
       CASE WHEN activity IN ('userloggedin', 'userloginfailed', 'userloggedoff') THEN 'sign-in of a person'
            WHEN is_directory THEN 'directory change that neither gives nor takes access'
            WHEN activity IN {ABOUT_AGENTS} THEN 'agent that was deployed, changed, blocked or removed'
            ELSE 'action that names no application' END AS reason
FROM known
WHERE meaning IS NULL AND NOT is_use
UNION ALL
SELECT line_no, CASE WHEN meaning = 'consent' THEN 'consent repeated, nothing new in it'
            WHEN list_contains(changed, 'FederatedIdentityCredentials') THEN 'change of federated credentials, which is not read'
            ELSE 'directory change that neither gives nor takes access' END
FROM change
WHERE NOT is_use
"""

_REJECTED = """
SELECT line_no,
       CASE WHEN coalesce(activity, '') = '' THEN 'Operation is missing'
            WHEN logged_at IS NULL THEN 'CreationTime is missing'
            ELSE 'CreationTime is no time' END AS reason
FROM event
WHERE happened_at IS NULL OR coalesce(activity, '') = ''
"""

_TEXT = f"""SELECT line_no, TRY(from_json({{text}}, '{_RECORD.replace("{", "{{").replace("}", "}}")}')) AS e
FROM record WHERE json_valid({{text}}) AND json_type({{text}}) = 'OBJECT'"""

_NESTED = {
    "AuditData": ('{"AuditData": "VARCHAR"}', _TEXT.format(text="r.AuditData")),
    "event": ('{"event": {"original": "VARCHAR"}}', _TEXT.format(text="r.event.original")),
    "message": ('{"message": "VARCHAR"}', _TEXT.format(text="r.message")),
    "auditData": (
        f'{{"auditData": {_RECORD}}}',
        "SELECT line_no, r.auditData AS e FROM record WHERE r.auditData IS NOT NULL",
    ),
    "LLMEventData": (AS_TABLE, OF_TABLE.format(record=_RECORD)),
}
"""Where tools put the record: `Search-UnifiedAuditLog` and the portal, Elastic, shippers of lines, the query API of Graph, Sentinel."""


def _fitted(sample: Sequence[Mapping]) -> Loader:
    """Look for the record where it is; one that lies bare among others is read all the same."""
    if any(is_processed(record) and not _is_text(_original(record)) for record in sample):
        return replace(LOADER, decode=as_written, dialect=None)
    bare = sum("Workload" in record and "CreationTime" in record for record in sample)
    for name, (fields, spelled) in _NESTED.items():
        if any(name in record for record in sample) and 2 * bare < len(sample):
            return replace(
                LOADER, fields=fields, steps={**LOADER.steps, "spelled": spelled}, otherwise=LOADER, dialect=None
            )
    return LOADER


LOADER = Loader(
    name="microsoft_365",
    version=12,
    title="Microsoft 365 unified audit log",
    recognise=mostly(_is_audit),
    fields=_RECORD,
    dialect=_fitted,
    carries=("issuance", "revocation"),
    makers=True,
    steps={
        "spelled": _SPELLED,
        "event": _EVENT_STEP,
        "known": _KNOWN_STEP,
        "party": _PARTY_STEP,
        "change": _CHANGE_STEP,
        "issued": _ISSUED_STEP,
        "ended": _ENDED_STEP,
    },
    issuance=_ISSUANCE,
    usage=_USAGE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join("issuance", "usage", "client and subject", "ObjectId, ClientAppId, UserId", "a consent names no token"),
        Join(
            "issuance",
            "revocation",
            "grant",
            "ServicePrincipal.ObjectID, Target",
            "older records of a removal do not say whose grant it was",
        ),
        Join(
            "usage",
            "revocation",
            "client and subject",
            "ClientAppId",
            "a removal often names only the service principal",
        ),
    ),
    join_note=(
        "Consent and removal join by the service principals of client and resource and by the person, where the removal says whose "
        "grant it was: older records do not, and end no grant that is known. Use joins by application and sign-in name. "
        "Tokens are Entra's: with its log in the store too, what it ended is followed here."
    ),
)
