"""Consents, credentials and their ends from the directory audit log.

Entra logs a grant by its parties: client, resource (both as object ids of service principals) and person.
An `oauth2PermissionGrant` id is nothing else than these three, packed, and a removal never repeats it; so
the grant is called `entra:<client>:<resource>:<person | AllPrincipals | role/<app role>>` on both sides,
and has no name where the log leaves out a party. The client is its application id where the record has
one, else the object id of its service principal.

- Operation names come with and without a final full stop or blank, and with an en dash: compared trimmed.
- A key list is text, old against new: an id only in the new one is a credential made, only in the old one ended.
- A consent is text, before against after: only what is new in it counts; a consent repeated gives nothing.
- A record can both give and take; its second row of one log is called `<event id>#2`, and so on.
"""

from grantlens.loaders.microsoft_entra.shape import moment, server

_GUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


def _change(name: str, side: str) -> str:
    """Return SQL for one side of a modified property, without the quotes Entra puts around a text."""
    return f"nullif(trim(list_filter(changes, lambda c: c.displayName = '{name}')[1].{side}, ' \"'), '')"


def _new(name: str) -> str:
    return _change(name, "newValue")


def _old(name: str) -> str:
    return _change(name, "oldValue")


def _words(text: str) -> str:
    """Return SQL for the scopes in a text; no text, no list."""
    return f"list_filter(string_split({text}, ' '), lambda s: s <> '')"


def _guid_in(names: str) -> str:
    """Return SQL for the application id among the names of a service principal."""
    return f"list_filter(string_split({names}, ';'), lambda n: regexp_full_match(n, '{_GUID}'))[1]"


def _keys(side: str) -> str:
    """Return SQL for the key ids of `["[KeyIdentifier=...,KeyType=...,DisplayName=...]", ...]`."""
    value = f"list_filter(changes, lambda c: c.displayName = 'KeyDescription')[1].{side}"
    return f"""list_transform(coalesce(TRY(from_json({value}, '["VARCHAR"]')), []),
            lambda k: nullif(regexp_extract(k, '^\\[KeyIdentifier=([^,\\]]+)', 1), ''))"""


_PARSED = """
SELECT *,
       lower(trim(trim(coalesce(nullif(activityDisplayName, ''), operationName)), '.')) AS activity,
       TRY(from_json(targetResources, '[{"id": "VARCHAR", "displayName": "VARCHAR", "userPrincipalName": "VARCHAR", "type": "VARCHAR",
            "modifiedProperties": [{"displayName": "VARCHAR", "oldValue": "VARCHAR", "newValue": "VARCHAR"}]}]')) AS targets,
       flatten(list_transform(coalesce(targets, []), lambda t: coalesce(t.modifiedProperties, []))) AS changes,
       TRY(from_json(initiatedBy, '{"user": {"id": "VARCHAR", "ipAddress": "VARCHAR"},
            "app": {"appId": "VARCHAR", "servicePrincipalId": "VARCHAR"}}')) AS starter,
       TRY(from_json(additionalDetails, '[{"key": "VARCHAR", "value": "VARCHAR"}]')) AS details
FROM event
WHERE log_kind = 'audit'
"""

_NAMED = f"""
SELECT *,
       CASE WHEN activity = 'consent to application' THEN 'consent'
            WHEN activity IN ('add delegated permission grant', 'add oauth2permissiongrant') THEN 'delegate'
            WHEN activity IN ('remove delegated permission grant', 'remove oauth2permissiongrant') THEN 'undelegate'
            WHEN activity = 'add app role assignment to service principal' THEN 'assign'
            WHEN activity = 'remove app role assignment from service principal' THEN 'unassign'
            WHEN len(list_filter(changes, lambda c: c.displayName = 'KeyDescription')) > 0 THEN 'keys'
            WHEN activity = 'update service principal' AND {_old("AccountEnabled")} ILIKE '%true%'
             AND {_new("AccountEnabled")} ILIKE '%false%' THEN 'client off'
            WHEN activity IN ('delete application', 'remove service principal') THEN 'client off'
            WHEN activity IN ('disable account', 'delete user') THEN 'person off'
            WHEN activity IN ('update stsrefreshtokenvalidfrom timestamp', 'revoke sign in sessions') THEN 'sessions off'
       END AS meaning,
       targets[1] AS target,
       {_new("TargetId.ServicePrincipalNames")} AS names,
       list_filter(details, lambda d: lower(d.key) = 'appid')[1].value AS detail_app,
       nullif(starter.user.id, '') AS user_by,
       coalesce(nullif(starter.app.appId, ''), nullif(starter.app.servicePrincipalId, '')) AS app_by,
       CASE WHEN lower(result) = 'success' THEN 'success'
            WHEN lower(result) = 'failure' AND regexp_matches(lower(resultReason), 'denied|unauthori|forbidden|privilege') THEN 'denied'
            WHEN result <> '' THEN 'error' END AS outcome
FROM audit
"""

# One row for each grant a record speaks of, with what was held before and after.
_CONSENTED = """
SELECT line_no, entry.client AS client_sp, entry.resource AS resource_sp,
       CASE WHEN entry.type = 'AllPrincipals' THEN 'AllPrincipals' ELSE entry.person END AS person,
       NULL::VARCHAR AS scopes_before, entry.scope AS scopes_after
FROM (
    SELECT line_no, unnest(list_filter(read_after, lambda e: NOT list_contains(read_before, e))) AS entry
    FROM (
        SELECT line_no, {changed} AS permissions,
               regexp_extract_all(split_part(permissions, ' => ', 1), '\\[Id: [^\\]]*\\]') AS before_text,
               regexp_extract_all(split_part(permissions, ' => ', 2), '\\[Id: [^\\]]*\\]') AS after_text,
               list_transform(before_text, lambda e: {entry}) AS read_before,
               list_transform(after_text, lambda e: {entry}) AS read_after
        FROM named WHERE meaning = 'consent'
    )
)
""".format(
    changed=_new("ConsentAction.Permissions"),
    entry="struct_pack("
    + ", ".join(
        f"{name} := nullif(trim(regexp_extract(e, '{key}: ([^,\\]]*)', 1)), '')"
        for name, key in {
            "client": "ClientId",
            "person": "PrincipalId",
            "resource": "ResourceId",
            "type": "ConsentType",
            "scope": "Scope",
        }.items()
    )
    + ")",
)

_DELEGATED = f"""
SELECT line_no,
       coalesce({_new("ServicePrincipal.ObjectID")}, {_old("ServicePrincipal.ObjectID")}, targets[2].id) AS client_sp,
       target.id AS resource_sp,
       CASE WHEN coalesce({_new("DelegatedPermissionGrant.ConsentType")}, {_old("DelegatedPermissionGrant.ConsentType")}) = 'AllPrincipals'
            THEN 'AllPrincipals'
            ELSE coalesce({_new("DelegatedPermissionGrant.PrincipalId")}, {_old("DelegatedPermissionGrant.PrincipalId")},
                          list_filter(targets, lambda t: t.type = 'User' OR t.userPrincipalName <> '')[1].id) END AS person,
       {_old("DelegatedPermissionGrant.Scope")} AS scopes_before,
       {_new("DelegatedPermissionGrant.Scope")} AS scopes_after
FROM named WHERE meaning IN ('delegate', 'undelegate')
"""

_ASSIGNED = f"""
SELECT line_no,
       coalesce({_new("ServicePrincipal.ObjectID")}, {_old("ServicePrincipal.ObjectID")}, targets[2].id) AS client_sp,
       target.id AS resource_sp,
       'role/' || coalesce({_new("AppRole.Id")}, {_old("AppRole.Id")}, {_new("AppRole.Value")}, {_old("AppRole.Value")}) AS person,
       CASE WHEN meaning = 'unassign' THEN coalesce({_old("AppRole.Value")}, {_new("AppRole.Value")}) END AS scopes_before,
       CASE WHEN meaning = 'assign' THEN {_new("AppRole.Value")} END AS scopes_after
FROM named WHERE meaning IN ('assign', 'unassign')
"""

_GRANT = f"""
SELECT g.*, n.meaning,
       'entra:' || client_sp || ':' || resource_sp || ':' || person AS grant_id,
       CASE WHEN person NOT LIKE 'role/%' AND person <> 'AllPrincipals' THEN person END AS subject_id,
       CASE WHEN meaning IN ('assign', 'unassign') THEN 'service' ELSE 'user' END AS subject_kind,
       CASE WHEN meaning = 'consent' THEN coalesce({_guid_in("names")}, detail_app, client_sp)
            ELSE coalesce({_new("ServicePrincipal.AppId")}, {_old("ServicePrincipal.AppId")}, client_sp) END AS client_id,
       CASE WHEN meaning = 'consent' THEN target.displayName
            ELSE coalesce({_new("ServicePrincipal.DisplayName")}, {_old("ServicePrincipal.DisplayName")},
                          list_filter(targets, lambda t: t.id = client_sp)[1].displayName) END AS client_name,
       CASE WHEN meaning = 'consent' THEN resource_sp ELSE coalesce({_guid_in("names")}, resource_sp) END AS resource,
       CASE WHEN meaning IN ('assign', 'unassign') OR person = 'AllPrincipals' OR {_new("ConsentContext.IsAdminConsent")} ILIKE 'true' THEN 'admin'
            WHEN meaning = 'consent' OR user_by = person THEN 'user'
            WHEN user_by IS NOT NULL THEN 'admin' END AS consent_kind,
       {_words("scopes_before")} AS held,
       {_words("scopes_after")} AS holds,
       list_filter(held, lambda s: NOT list_contains(coalesce(holds, []), s)) AS lost
FROM (SELECT * FROM consented UNION ALL SELECT * FROM delegated UNION ALL SELECT * FROM assigned) g
JOIN named n USING (line_no)
"""

# A consent whose text Entra left out: who and when are known, what is not.
_BARE_CONSENT = f"""
SELECT line_no, coalesce({_guid_in("names")}, detail_app, target.id) AS client_id, target.displayName AS client_name,
       CASE WHEN {_new("ConsentContext.IsAdminConsent")} ILIKE 'true' THEN 'admin' ELSE 'user' END AS consent_kind,
       CASE WHEN {_new("ConsentContext.IsAdminConsent")} ILIKE 'false' THEN user_by END AS subject_id
FROM named
WHERE meaning = 'consent' AND {_new("ConsentAction.Permissions")} IS NULL
"""

_KEY = f"""
SELECT line_no, client_id, client_name, unnest(list_filter(keys_new, lambda k: NOT list_contains(keys_old, k))) AS key_id, true AS made
FROM key_list
UNION ALL
SELECT line_no, client_id, client_name, unnest(list_filter(keys_old, lambda k: NOT list_contains(keys_new, k))), false
FROM key_list
"""

_KEY_LIST = f"""
SELECT line_no, coalesce(detail_app, {_guid_in("names")}, target.id) AS client_id, target.displayName AS client_name,
       {_keys("oldValue")} AS keys_old, {_keys("newValue")} AS keys_new
FROM named WHERE meaning = 'keys'
"""

_GIVEN = f"""
SELECT line_no, 'consent' AS kind, grant_id, NULL AS token_id, NULL AS token_kind, client_id, client_name, subject_id, subject_kind,
       holds AS scopes, [{server("resource")}] AS audience, consent_kind
FROM grant_change WHERE meaning IN ('consent', 'assign') OR (meaning = 'delegate' AND len(holds) > 0)
UNION ALL
SELECT line_no, 'consent', NULL, NULL, NULL, client_id, client_name, subject_id, 'user', NULL, NULL, consent_kind
FROM bare_consent
UNION ALL
SELECT line_no, 'credential', NULL, key_id, 'api_key', client_id, client_name, NULL, 'service', NULL, NULL, NULL
FROM key WHERE made
"""

_TAKEN = f"""
SELECT line_no,
       CASE WHEN len(holds) > 0 THEN 'downgrade' ELSE 'revoke' END AS kind, 'grant' AS target_kind,
       NULL AS token_id, grant_id, client_id, client_name, subject_id, NULL AS subject_name,
       nullif(lost, []) AS scopes_removed, NULL::TIMESTAMPTZ AS issued_before
FROM grant_change
WHERE meaning IN ('undelegate', 'unassign') OR (meaning = 'delegate' AND len(lost) > 0)
UNION ALL
SELECT line_no, 'revoke', 'credential', key_id, NULL, client_id, client_name, NULL, NULL, NULL, NULL
FROM key WHERE NOT made
UNION ALL
SELECT line_no, 'disable', 'client', NULL, NULL, coalesce(detail_app, {_guid_in("names")}, target.id), target.displayName,
       NULL, NULL, NULL, NULL
FROM named WHERE meaning = 'client off'
UNION ALL
SELECT line_no, 'disable', 'subject', NULL, NULL, NULL, NULL, target.id, coalesce(target.userPrincipalName, target.displayName), NULL,
       CASE WHEN meaning = 'sessions off' THEN TRY_CAST({moment("valid_from")} AS TIMESTAMPTZ) END
FROM (SELECT *, coalesce({_new("StsRefreshTokensValidFrom")}, {_new("StsRefreshTokenValidFrom")}) AS valid_from FROM named)
WHERE meaning IN ('person off', 'sessions off')
"""

STEPS = {
    "audit": _PARSED,
    "named": _NAMED,
    "consented": _CONSENTED,
    "delegated": _DELEGATED,
    "assigned": _ASSIGNED,
    "grant_change": _GRANT,
    "bare_consent": _BARE_CONSENT,
    "key_list": _KEY_LIST,
    "key": _KEY,
    "given": _GIVEN,
    "taken": _TAKEN,
}


def _numbered(rows: str, key: str) -> str:
    """Return SQL that gives each row of a record its own event id, the first one the record's."""
    return f"(SELECT *, row_number() OVER (PARTITION BY line_no ORDER BY {key}) AS nth FROM {rows})"


_EVENT_ID = "CASE WHEN nth > 1 THEN nullif(id, '') || '#' || nth ELSE nullif(id, '') END"

ISSUANCE = f"""
SELECT line_no,
       {_EVENT_ID} AS event_id,
       {moment("activityDateTime")} AS issued_at,
       kind, outcome, NULL::VARCHAR AS grant_type, grant_id, token_id, token_kind,
       NULL::VARCHAR AS parent_token_id, NULL::VARCHAR AS session_id,
       client_id, client_name, subject_id, NULL::VARCHAR AS subject_name, subject_kind,
       g.scopes AS scopes, audience,
       CASE WHEN kind = 'consent' THEN coalesce(user_by, app_by) END AS consent_actor,
       consent_kind,
       coalesce(nullif(starter.user.ipAddress, ''), ip) AS ip,
       nullif(userAgent, '') AS user_agent,
       tenant
FROM {_numbered("given", "grant_id, token_id, client_id, scopes")} g JOIN named USING (line_no)
"""

REVOCATION = f"""
SELECT line_no,
       {_EVENT_ID} AS event_id,
       {moment("activityDateTime")} AS revoked_at,
       kind, outcome, target_kind, token_id, grant_id,
       client_id, client_name, subject_id, subject_name, scopes_removed, issued_before,
       CASE WHEN user_by = subject_id THEN 'user' WHEN user_by IS NOT NULL THEN 'admin'
            WHEN app_by = client_id THEN 'client' WHEN app_by IS NOT NULL THEN 'system' END AS initiator,
       coalesce(user_by, app_by) AS actor_id,
       nullif(resultReason, '') AS reason,
       tenant
FROM {_numbered("taken", "grant_id, token_id, client_id, kind")} g JOIN named USING (line_no)
"""

IGNORED = """
SELECT line_no,
       CASE WHEN meaning = 'consent' THEN 'consent repeated, nothing new in it'
            WHEN meaning = 'keys' THEN 'credentials listed, none added or removed'
            WHEN meaning = 'delegate' THEN 'grant without scopes'
            ELSE 'directory change that neither gives nor takes access' END AS reason
FROM named
ANTI JOIN given USING (line_no)
ANTI JOIN taken USING (line_no)
"""
