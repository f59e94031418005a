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


def _value(name: str, side: str) -> str:
    """Return SQL for one side of a modified property, without the quotes that Entra puts around a text."""
    return f"nullif(trim(list_filter(changes, lambda c: c.displayName = '{name}')[1].{side}, ' \"'), '')"


def _new(name: str) -> str:
    return _value(name, "newValue")


def _old(name: str) -> str:
    return _value(name, "oldValue")


def _either(name: str) -> str:
    """Return SQL for a property that says the same before and after: an addition has it new, a removal old."""
    return f"coalesce({_new(name)},\n                {_old(name)})"


def _raw(name: str, side: str) -> str:
    return f"list_filter(changes, lambda c: c.displayName = '{name}')[1].{side}"


def _words(text: str) -> str:
    """Return SQL for the scopes in a text; no text, no list."""
    return f"list_filter(string_split({text}, ' '), lambda s: s <> '')"


_PARSED = """
SELECT *,
       lower(trim(trim(coalesce(nullif(activityDisplayName, ''), operationName)), '.')) AS activity,
       TRY(from_json(targetResources, '[{
           "id": "VARCHAR", "displayName": "VARCHAR", "userPrincipalName": "VARCHAR", "type": "VARCHAR",
           "modifiedProperties": [{"displayName": "VARCHAR", "oldValue": "VARCHAR", "newValue": "VARCHAR"}]}]'))
           AS targets,
       flatten(list_transform(coalesce(targets, []), lambda t: coalesce(t.modifiedProperties, []))) AS changes,
       TRY(from_json(initiatedBy, '{
           "user": {"id": "VARCHAR", "ipAddress": "VARCHAR"},
           "app": {"appId": "VARCHAR", "servicePrincipalId": "VARCHAR"}}')) AS starter,
       TRY(from_json(additionalDetails, '[{"key": "VARCHAR", "value": "VARCHAR"}]')) AS details
FROM event
WHERE log_kind = 'audit'
"""

_PROPERTY = f"""
SELECT *,
       targets[1] AS target,
       list_filter(targets, lambda t: t.type = 'User' OR t.userPrincipalName <> '')[1].id AS target_person,
       {_new("TargetId.ServicePrincipalNames")} AS target_names,
       -- a service principal is known by its application id among other names
       list_filter(string_split(target_names, ';'), lambda n: regexp_full_match(n, '{_GUID}'))[1] AS target_app,
       list_filter(details, lambda d: lower(d.key) = 'appid')[1].value AS detail_app,
       {_new("ConsentAction.Permissions")} AS permissions,
       {_new("ConsentContext.IsAdminConsent")} AS is_admin_consent,
       {_either("DelegatedPermissionGrant.ConsentType")} AS consent_type,
       {_either("DelegatedPermissionGrant.PrincipalId")} AS principal,
       {_old("DelegatedPermissionGrant.Scope")} AS scope_old,
       {_new("DelegatedPermissionGrant.Scope")} AS scope_new,
       {_either("ServicePrincipal.ObjectID")} AS client_object,
       {_either("ServicePrincipal.AppId")} AS client_app,
       {_either("ServicePrincipal.DisplayName")} AS client_label,
       {_either("AppRole.Id")} AS role_id,
       {_either("AppRole.Value")} AS role_value,
       {_raw("KeyDescription", "oldValue")} AS keys_old,
       {_raw("KeyDescription", "newValue")} AS keys_new,
       {_old("AccountEnabled")} AS enabled_old,
       {_new("AccountEnabled")} AS enabled_new,
       {_new("StsRefreshTokensValidFrom")} AS valid_from
FROM audit
"""

_NAMED = """
SELECT *,
       CASE WHEN activity = 'consent to application' THEN 'consent'
            WHEN activity IN ('add delegated permission grant', 'add oauth2permissiongrant') THEN 'delegate'
            WHEN activity IN ('remove delegated permission grant', 'remove oauth2permissiongrant') THEN 'undelegate'
            WHEN activity = 'add app role assignment to service principal' THEN 'assign'
            WHEN activity = 'remove app role assignment from service principal' THEN 'unassign'
            WHEN activity = 'update service principal' AND enabled_old ILIKE '%true%' AND enabled_new ILIKE '%false%'
            THEN 'client off'
            WHEN activity IN ('delete application', 'remove service principal') THEN 'client off'
            WHEN keys_old IS NOT NULL OR keys_new IS NOT NULL THEN 'keys'
            WHEN activity IN ('disable account', 'delete user') THEN 'person off'
            WHEN activity IN ('update stsrefreshtokenvalidfrom timestamp', 'revoke sign in sessions')
            THEN 'sessions off'
       END AS meaning,
       nullif(starter.user.id, '') AS user_by,
       coalesce(nullif(starter.app.appId, ''), nullif(starter.app.servicePrincipalId, '')) AS app_by,
       CASE WHEN lower(result) = 'success' THEN 'success'
            WHEN lower(result) = 'failure'
             AND regexp_matches(lower(resultReason), 'denied|unauthori|forbidden|privilege') THEN 'denied'
            WHEN result <> '' THEN 'error' END AS outcome
FROM property
"""

_ENTRY = ", ".join(
    f"{name} := nullif(trim(regexp_extract(e, '{key}: ([^,\\]]*)', 1)), '')"
    for name, key in {
        "client": "ClientId",
        "person": "PrincipalId",
        "resource": "ResourceId",
        "consent_type": "ConsentType",
        "scope": "Scope",
    }.items()
)

# `[[Id: ..., ClientId: ..., ...], ...] => [[Id: ..., ...]]; `: one row for each entry that is new on the right.
_CONSENTED = f"""
SELECT line_no, entry.client AS client_sp, entry.resource AS resource_sp,
       CASE WHEN entry.consent_type = 'AllPrincipals' THEN 'AllPrincipals' ELSE entry.person END AS person,
       NULL::VARCHAR AS scopes_before, entry.scope AS scopes_after
FROM (
    SELECT line_no,
           list_transform(regexp_extract_all(split_part(permissions, ' => ', 1), '\\[Id: [^\\]]*\\]'),
               lambda e: struct_pack({_ENTRY})) AS before,
           list_transform(regexp_extract_all(split_part(permissions, ' => ', 2), '\\[Id: [^\\]]*\\]'),
               lambda e: struct_pack({_ENTRY})) AS after,
           unnest(list_filter(after, lambda e: NOT list_contains(before, e))) AS entry
    FROM named WHERE meaning = 'consent'
)
"""

_DELEGATED = """
SELECT line_no, coalesce(client_object, targets[2].id) AS client_sp, target.id AS resource_sp,
       CASE WHEN consent_type = 'AllPrincipals' THEN 'AllPrincipals'
            ELSE coalesce(principal, target_person) END AS person,
       scope_old AS scopes_before, scope_new AS scopes_after
FROM named WHERE meaning IN ('delegate', 'undelegate')
"""

_ASSIGNED = """
SELECT line_no, coalesce(client_object, targets[2].id) AS client_sp, target.id AS resource_sp,
       'role/' || coalesce(role_id, role_value) AS person,
       CASE WHEN meaning = 'unassign' THEN role_value END AS scopes_before,
       CASE WHEN meaning = 'assign' THEN role_value END AS scopes_after
FROM named WHERE meaning IN ('assign', 'unassign')
"""

_GRANT_CHANGE = f"""
SELECT g.*, n.meaning,
       'entra:' || client_sp || ':' || resource_sp || ':' || person AS grant_id,
       CASE WHEN person NOT LIKE 'role/%' AND person <> 'AllPrincipals' THEN person END AS subject_id,
       CASE WHEN meaning IN ('assign', 'unassign') THEN 'service' ELSE 'user' END AS subject_kind,
       CASE WHEN meaning = 'consent' THEN coalesce(target_app, detail_app, client_sp)
            ELSE coalesce(client_app, client_sp) END AS client_id,
       CASE WHEN meaning = 'consent' THEN target.displayName
            ELSE coalesce(client_label, list_filter(targets, lambda t: t.id = client_sp)[1].displayName)
       END AS client_name,
       CASE WHEN meaning = 'consent' THEN resource_sp ELSE coalesce(target_app, resource_sp) END AS resource,
       CASE WHEN meaning IN ('assign', 'unassign') OR person = 'AllPrincipals' THEN 'admin'
            WHEN is_admin_consent ILIKE 'true' THEN 'admin'
            WHEN meaning = 'consent' OR user_by = person THEN 'user'
            WHEN user_by IS NOT NULL THEN 'admin' END AS consent_kind,
       {_words("scopes_before")} AS held,
       {_words("scopes_after")} AS holds,
       list_filter(held, lambda s: NOT list_contains(coalesce(holds, []), s)) AS lost
FROM (SELECT * FROM consented UNION ALL SELECT * FROM delegated UNION ALL SELECT * FROM assigned) g
JOIN named n USING (line_no)
"""

_KEY_LIST = """
SELECT line_no, coalesce(detail_app, target_app, target.id) AS client_id, target.displayName AS client_name,
       list_transform(coalesce(TRY(from_json(keys_old, '["VARCHAR"]')), []),
           lambda k: nullif(regexp_extract(k, '^\\[KeyIdentifier=([^,\\]]+)', 1), '')) AS before,
       list_transform(coalesce(TRY(from_json(keys_new, '["VARCHAR"]')), []),
           lambda k: nullif(regexp_extract(k, '^\\[KeyIdentifier=([^,\\]]+)', 1), '')) AS after
FROM named WHERE meaning = 'keys'
"""

_KEY = """
SELECT line_no, client_id, client_name, true AS made,
       unnest(list_filter(after, lambda k: NOT list_contains(before, k))) AS key_id
FROM key_list
UNION ALL
SELECT line_no, client_id, client_name, false,
       unnest(list_filter(before, lambda k: NOT list_contains(after, k)))
FROM key_list
"""

_GIVEN = f"""
SELECT line_no, 'consent' AS kind, grant_id, NULL AS token_id, NULL AS token_kind, client_id, client_name,
       subject_id, subject_kind, holds AS scopes, [{server("resource")}] AS audience, consent_kind
FROM grant_change WHERE meaning IN ('consent', 'assign') OR (meaning = 'delegate' AND len(holds) > 0)
UNION ALL
-- a consent whose text is left out: who and when are known, what is not
SELECT line_no, 'consent', NULL, NULL, NULL, coalesce(target_app, detail_app, target.id), target.displayName,
       CASE WHEN is_admin_consent ILIKE 'false' THEN user_by END, 'user', NULL, NULL,
       CASE WHEN is_admin_consent ILIKE 'true' THEN 'admin' WHEN is_admin_consent ILIKE 'false' THEN 'user' END
FROM named WHERE meaning = 'consent' AND permissions IS NULL
UNION ALL
SELECT line_no, 'credential', NULL, key_id, 'api_key', client_id, client_name, NULL, 'service', NULL, NULL, NULL
FROM key WHERE made
"""

_TAKEN = f"""
SELECT line_no, CASE WHEN len(holds) > 0 THEN 'downgrade' ELSE 'revoke' END AS kind, 'grant' AS target_kind,
       NULL AS token_id, grant_id, client_id, client_name, subject_id, NULL AS subject_name,
       nullif(lost, []) AS scopes_removed, NULL::TIMESTAMPTZ AS issued_before
FROM grant_change WHERE meaning IN ('undelegate', 'unassign') OR (meaning = 'delegate' AND len(lost) > 0)
UNION ALL
SELECT line_no, 'revoke', 'credential', key_id, NULL, client_id, client_name, NULL, NULL, NULL, NULL
FROM key WHERE NOT made
UNION ALL
SELECT line_no, 'disable', 'client', NULL, NULL, coalesce(detail_app, target_app, target.id), target.displayName,
       NULL, NULL, NULL, NULL
FROM named WHERE meaning = 'client off'
UNION ALL
SELECT line_no, 'disable', 'subject', NULL, NULL, NULL, NULL,
       target.id, coalesce(target.userPrincipalName, target.displayName), NULL,
       CASE WHEN meaning = 'sessions off' THEN TRY_CAST({moment("valid_from")} AS TIMESTAMPTZ) END
FROM named WHERE meaning IN ('person off', 'sessions off')
"""

STEPS = {
    "audit": _PARSED,
    "property": _PROPERTY,
    "named": _NAMED,
    "consented": _CONSENTED,
    "delegated": _DELEGATED,
    "assigned": _ASSIGNED,
    "grant_change": _GRANT_CHANGE,
    "key_list": _KEY_LIST,
    "key": _KEY,
    "given": _GIVEN,
    "taken": _TAKEN,
}

_EVENT_ID = "nullif(id, '') || CASE WHEN nth > 1 THEN '#' || nth ELSE '' END"

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
FROM (SELECT *, row_number() OVER (PARTITION BY line_no ORDER BY grant_id, token_id, scopes) AS nth FROM given) g
JOIN named USING (line_no)
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
FROM (SELECT *, row_number() OVER (PARTITION BY line_no ORDER BY grant_id, token_id) AS nth FROM taken)
JOIN named USING (line_no)
"""

IGNORED = """
SELECT line_no,
       CASE meaning WHEN 'consent' THEN 'consent repeated, nothing new in it'
            WHEN 'keys' THEN 'credentials listed, none added or removed'
            WHEN 'delegate' THEN 'grant without scopes'
            ELSE 'directory change that neither gives nor takes access' END AS reason
FROM named
ANTI JOIN given USING (line_no)
ANTI JOIN taken USING (line_no)
"""
