"""Consents, credentials and their ends from the directory audit log.

Entra logs a grant by its parties: client, resource (both as object ids of service principals) and person.
An `oauth2PermissionGrant` id is nothing else than these three, packed, and a removal never repeats it; so
the grant is called `entra:<client>:<resource>:<person | AllPrincipals | role/<app role>>` on both sides,
and has no name where the log leaves out a party. The client is its application id where the record has
one, else the object id of its service principal.

- Operation names come with and without a final full stop or blank, and with an en dash: compared trimmed.
- A key list is text, old against new: an id only in the new one is a credential made, only in the old one ended. An application has
  such a list, and its service principal another: the record tells which by its activity and the type of its target, no column does,
  and of the other list it says nothing.
- A consent is text, before against after: only what is new in it counts; a consent repeated gives nothing. The consent by which
  a client comes into the tenant names it by zeros (seen in two tenants): it is the target of the record.
- A grant that changes is told twice in some milliseconds, as added and as removed, with the same scopes before and after
  (seen in two tenants): a removal that leaves scopes takes only those that are gone, and nothing if none is. An addition that leaves
  scopes takes none, for of a grant that is reduced both halves name the same (four pairs seen in one tenant, no half alone). Of one person's
  grant the removal says whose it is, the addition does not. Where Entra's own sign-in service writes both, it is the person who signs in;
  else what came in is read off the removal.
- Ended sign-in sessions (a password reset ends them, too) end what was issued before, and no consent: the person signs in
  again to applications "that they consented to previously" (Microsoft Graph, `user: revokeSignInSessions`). The time from
  which on sessions are valid stands bare, or in a list of one; where it does not stand it is the time of the event.
- Federated credentials (who else's tokens an application takes) are told as `FederatedIdentityCredentials`; no record at hand shows how
  they stand there. Such a change is ignored by name.
- An account may be an agent's own (`agentType`, Microsoft Graph, auditUserIdentity and targetResource resources, beta): what it gives or ends
  for itself, no person does, and no word of ours says so; on what is another's it acts as an administrator, as whoever may. `performedBy` is
  not read: no record at hand has it.
- A record can both give and take; its second row of one log is called `<event id>#2`, and so on.
"""

from grantlens.loaders.microsoft_change import either, entries, new, of_deleted, old, words
from grantlens.loaders.microsoft_entra.shape import agentic, moment, server

_GUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


def _side(name: str, side: str) -> str:
    """Return SQL for one side of a modified property, as it stands."""
    return f"{side}[list_position(changed, '{name}')]"


_AUDIT = """
SELECT *,
       lower(trim(trim(coalesce(nullif(activityDisplayName, ''), operationName)), '.')) AS activity,
       TRY(from_json(targetResources, '[{
           "id": "VARCHAR", "displayName": "VARCHAR", "userPrincipalName": "VARCHAR", "type": "VARCHAR", "agentType": "VARCHAR",
           "modifiedProperties": [{"displayName": "VARCHAR", "oldValue": "VARCHAR", "newValue": "VARCHAR"}]}]'))
           AS targets,
       flatten(list_transform(coalesce(targets, []), lambda t: coalesce(t.modifiedProperties, []))) AS changes,
       list_transform(changes, lambda c: c.displayName) AS changed,
       list_transform(changes, lambda c: c.oldValue) AS old_values,
       list_transform(changes, lambda c: c.newValue) AS new_values,
       TRY(from_json(initiatedBy, '{
           "user": {"id": "VARCHAR", "displayName": "VARCHAR", "ipAddress": "VARCHAR", "agentType": "VARCHAR"},
           "app": {"appId": "VARCHAR", "servicePrincipalId": "VARCHAR"}}')) AS starter,
       TRY(from_json(additionalDetails, '[{"key": "VARCHAR", "value": "VARCHAR"}]')) AS details
FROM event
WHERE log_kind = 'audit'
"""

_PROPERTY = f"""
SELECT *,
       targets[1] AS target,
       list_filter(targets, lambda t: t.type = 'User' OR t.userPrincipalName <> '')[1].id AS target_person,
       {new("TargetId.ServicePrincipalNames")} AS target_names,
       -- a service principal is known by its application id among other names
       list_filter(string_split(target_names, ';'), lambda n: regexp_full_match(n, '{_GUID}'))[1] AS target_app,
       list_filter(details, lambda d: lower(d.key) = 'appid')[1].value AS detail_app,
       {new("ConsentAction.Permissions")} AS permissions,
       {new("ConsentContext.IsAdminConsent")} AS is_admin_consent,
       {either("DelegatedPermissionGrant.ConsentType")} AS consent_type,
       {either("DelegatedPermissionGrant.PrincipalId")} AS principal,
       {old("DelegatedPermissionGrant.Scope")} AS scope_old,
       {new("DelegatedPermissionGrant.Scope")} AS scope_new,
       {either("ServicePrincipal.ObjectID")} AS client_object,
       {either("ServicePrincipal.AppId")} AS client_app,
       {either("ServicePrincipal.DisplayName")} AS client_label,
       {either("AppRole.Id")} AS role_id,
       {either("AppRole.Value")} AS role_value,
       {_side("KeyDescription", "old_values")} AS keys_old,
       {_side("KeyDescription", "new_values")} AS keys_new,
       {old("AccountEnabled")} AS enabled_old,
       {new("AccountEnabled")} AS enabled_new,
       trim({_side("StsRefreshTokensValidFrom", "new_values")}, '[]" ') AS valid_from,
       nullif(starter.user.id, '') AS user_by,
       CASE WHEN starter.user.displayName = 'Azure ESTS Service' THEN user_by END AS signing_in,
       coalesce(nullif(starter.app.appId, ''), nullif(starter.app.servicePrincipalId, '')) AS app_by,
       list_concat(CASE WHEN {agentic("starter.user.agentType")} THEN [user_by] END,
                   list_transform(list_filter(targets, lambda t: {agentic("t.agentType")}), lambda t: t.id)) AS agents
FROM audit
"""

_NAMED = """
SELECT *,
       CASE WHEN activity = 'consent to application' THEN 'consent'
            WHEN activity IN ('add delegated permission grant', 'add oauth2permissiongrant') THEN 'delegate'
            WHEN activity IN ('remove delegated permission grant', 'remove oauth2permissiongrant') THEN 'undelegate'
            WHEN activity = 'add app role assignment to service principal' THEN 'assign'
            WHEN activity IN ('remove app role assignment from service principal', 'add a deletion-marked app role assignment grant'
                              || ' to service principal as part of link removal') THEN 'unassign'
            WHEN activity = 'update service principal' AND enabled_old ILIKE '%true%' AND enabled_new ILIKE '%false%'
            THEN 'client off'
            WHEN activity = 'update service principal' AND enabled_old ILIKE '%false%' AND enabled_new ILIKE '%true%'
            THEN 'client on'
            WHEN activity IN ('delete application', 'remove service principal', 'delete service principal', 'hard delete application',
                              'hard delete service principal') THEN 'client off'
            WHEN activity IN ('restore application', 'restore service principal') THEN 'client on'
            WHEN keys_old IS NOT NULL OR keys_new IS NOT NULL THEN 'keys'
            WHEN activity IN ('disable account', 'delete user') THEN 'person off'
            WHEN activity IN ('enable account', 'restore user') THEN 'person on'
            WHEN activity IN ('update stsrefreshtokenvalidfrom timestamp', 'revoke sign in sessions', 'revoke user sign in sessions')
            THEN 'sessions off'
       END AS meaning,
       meaning IN ('assign', 'unassign') AS by_role,
       CASE WHEN lower(result) IN ('success', '0') THEN 'success'
            WHEN lower(result) IN ('failure', '1')
             AND regexp_matches(lower(resultReason), 'denied|unauthori|forbidden|privilege') THEN 'denied'
            WHEN result <> '' THEN 'error' END AS outcome,
       coalesce(detail_app, target_app, target.id) AS target_client
FROM property
"""


def _of_own(id: str) -> str:
    """Return SQL for the word for what somebody does with what is their own."""
    return f"CASE WHEN list_contains(agents, {id}) THEN NULL ELSE 'user' END"


def _keys(column: str) -> str:
    """Return SQL for the key ids of `["[KeyIdentifier=...,KeyType=...,DisplayName=...]", ...]`."""
    texts = f"""coalesce(TRY(from_json({column}, '["VARCHAR"]')), [])"""
    return f"""list_filter(
               list_transform({texts}, lambda k: regexp_extract(k, '^\\[KeyIdentifier=([^,\\]]+)', 1)),
               lambda k: k <> '')"""


# The grants a record speaks of, with what was held before and after, and the keys it makes and ends.
_GRANT = f"""
SELECT * EXCLUDE (keys_old, keys_new),
       CASE WHEN meaning = 'consent' THEN {entries(1)} END AS consented_before,
       CASE WHEN meaning = 'consent' THEN {entries(2)} END AS consented_after,
       CASE WHEN meaning = 'consent'
            THEN list_transform(list_filter(consented_after, lambda e: NOT list_contains(consented_before, e)),
                lambda e: struct_pack(client := coalesce(e.client, target.id), resource := e.resource,
                    person := CASE WHEN e.type = 'AllPrincipals' THEN e.type ELSE e.person END,
                    held := NULL::VARCHAR[], holds := {words("e.scope")}))
            WHEN meaning IN ('delegate', 'undelegate')
            THEN [struct_pack(client := coalesce(client_object, targets[2].id), resource := target.id,
                    person := CASE WHEN consent_type = 'AllPrincipals' THEN consent_type
                        ELSE coalesce(principal, target_person, CASE WHEN consent_type = 'Principal' THEN signing_in END) END,
                    held := {words("scope_old")}, holds := {words("scope_new")})]
            WHEN by_role
            THEN [struct_pack(client := coalesce(client_object, targets[2].id), resource := target.id,
                    person := 'role/' || coalesce(role_id, role_value),
                    held := CASE WHEN meaning = 'unassign' THEN [role_value] END,
                    holds := CASE WHEN meaning = 'assign' THEN [role_value] END)]
       END AS grants,
       CASE WHEN meaning = 'keys' THEN {_keys("keys_old")} END AS keys_before,
       CASE WHEN meaning = 'keys' THEN {_keys("keys_new")} END AS keys_after,
       CASE WHEN len(keys_before) > 0 OR replace(keys_old, ' ', '') = '[]' THEN keys_before END AS earlier_keys
FROM named
"""

_PARTY = """grant_id := 'entra:' || g.client || ':' || g.resource || ':' || g.person, token_id := NULL::VARCHAR,
               client_id := CASE WHEN meaning = 'consent' THEN coalesce(target_app, detail_app, g.client)
                   ELSE coalesce(client_app, g.client) END,
               client_name := CASE WHEN meaning = 'consent' THEN target.displayName
                   ELSE coalesce(client_label, CASE WHEN targets[2].id = g.client THEN targets[2].displayName END) END,
               subject_id := CASE WHEN NOT by_role AND g.person <> 'AllPrincipals' THEN g.person END,"""

_LOST = "list_filter(g.held, lambda s: s IS NOT NULL AND NOT list_contains(coalesce(g.holds, []), s))"

_WON = "list_filter(g.holds, lambda s: NOT list_contains(coalesce(g.held, []), s))"

_CHANGE = f"""
SELECT *,
       list_transform(
           list_filter(grants, lambda g: meaning IN ('consent', 'assign')
               OR (meaning = 'delegate' AND len(g.holds) > 0)
               OR (meaning = 'undelegate' AND principal IS NOT NULL AND signing_in IS NULL AND len({_WON}) > 0)),
           lambda g: struct_pack(kind := 'consent', {_PARTY}
               scopes := g.holds,
               audience := [{server("CASE WHEN meaning <> 'consent' THEN target_app END", "g.resource")}],
               consent_kind := CASE WHEN by_role OR g.person = 'AllPrincipals' THEN 'admin'
                   WHEN is_admin_consent ILIKE 'true' THEN 'admin'
                   WHEN meaning = 'consent' OR user_by = g.person THEN {_of_own("g.person")}
                   WHEN user_by IS NOT NULL THEN 'admin' END)) AS granted,
       -- a consent whose text is left out: who and when are known, what is not
       CASE WHEN meaning = 'consent' AND permissions IS NULL
            THEN [struct_pack(kind := 'consent', grant_id := NULL::VARCHAR, token_id := NULL::VARCHAR,
                client_id := coalesce(target_app, detail_app, target.id), client_name := target.displayName,
                subject_id := CASE WHEN is_admin_consent ILIKE 'false' THEN user_by END,
                scopes := NULL::VARCHAR[], audience := NULL::VARCHAR[],
                consent_kind := CASE WHEN is_admin_consent ILIKE 'true' THEN 'admin'
                    WHEN is_admin_consent ILIKE 'false' THEN {_of_own("user_by")} END)] END AS granted_unsaid,
       list_transform(list_filter(keys_after, lambda k: NOT list_contains(keys_before, k)),
           lambda k: struct_pack(kind := 'credential', grant_id := NULL::VARCHAR, token_id := k,
               client_id := target_client, client_name := target.displayName, subject_id := NULL::VARCHAR,
               scopes := NULL::VARCHAR[], audience := NULL::VARCHAR[], consent_kind := NULL::VARCHAR)) AS keys_made,
       list_concat(granted, granted_unsaid, keys_made) AS given,
       list_transform(
           list_filter(grants, lambda g: meaning = 'unassign' OR (meaning = 'undelegate' AND coalesce(len(g.holds), 0) = 0)
               OR (len({_LOST}) > 0 AND (meaning <> 'delegate' OR coalesce(len(g.holds), 0) = 0))),
           -- a role that is not named is one of several
           lambda g: struct_pack(kind := CASE WHEN len(g.holds) > 0 OR (by_role AND g.person IS NULL) THEN 'downgrade' ELSE 'revoke' END,
               target_kind := 'grant', {_PARTY}
               subject_name := NULL::VARCHAR, scopes_removed := nullif({_LOST}, []))) AS ungranted,
       list_transform(list_filter(keys_before, lambda k: NOT list_contains(keys_after, k)),
           lambda k: struct_pack(kind := 'revoke', target_kind := 'credential',
               grant_id := NULL::VARCHAR, token_id := k, client_id := target_client,
               client_name := target.displayName, subject_id := NULL::VARCHAR,
               subject_name := NULL::VARCHAR, scopes_removed := NULL::VARCHAR[])) AS keys_ended,
       CASE WHEN meaning IN ('client off', 'client on')
            THEN [struct_pack(kind := CASE meaning WHEN 'client on' THEN 'enable' ELSE 'disable' END, target_kind := 'client', grant_id := NULL::VARCHAR,
                token_id := NULL::VARCHAR, client_id := target_client, client_name := target.displayName,
                subject_id := NULL::VARCHAR, subject_name := NULL::VARCHAR, scopes_removed := NULL::VARCHAR[])]
            WHEN meaning IN ('person off', 'person on', 'sessions off')
            THEN [struct_pack(kind := CASE meaning WHEN 'person off' THEN 'disable' WHEN 'person on' THEN 'enable' ELSE 'revoke' END,
                target_kind := CASE meaning WHEN 'sessions off' THEN 'policy' ELSE 'subject' END, grant_id := NULL::VARCHAR,
                token_id := NULL::VARCHAR, client_id := NULL::VARCHAR, client_name := NULL::VARCHAR,
                subject_id := target.id, subject_name := coalesce({of_deleted("target.userPrincipalName", "target.id")}, target.displayName),
                scopes_removed := NULL::VARCHAR[])] END AS disabled,
       list_concat(ungranted, keys_ended, disabled) AS taken
FROM holding
"""

STEPS = {"audit": _AUDIT, "property": _PROPERTY, "named": _NAMED, "holding": _GRANT, "change": _CHANGE}

_EVENT_ID = "nullif(id, '') || CASE WHEN nth > 1 THEN '#' || nth ELSE '' END"

ISSUANCE = f"""
SELECT line_no,
       {_EVENT_ID} AS event_id,
       {moment("activityDateTime")} AS issued_at,
       g.kind AS kind, outcome, NULL::VARCHAR AS grant_type, g.grant_id AS grant_id, g.token_id AS token_id,
       CASE WHEN g.kind = 'credential' THEN 'api_key' END AS token_kind,
       NULL::VARCHAR AS parent_token_id, NULL::VARCHAR AS session_id,
       g.client_id AS client_id, g.client_name AS client_name,
       g.subject_id AS subject_id, NULL::VARCHAR AS subject_name,
       -- a grant for a person, or for everybody; else nobody said
       CASE WHEN g.kind = 'credential' OR by_role THEN 'service'
            WHEN list_contains(agents, g.subject_id) THEN 'agent'
            WHEN g.subject_id IS NOT NULL OR g.grant_id LIKE '%:AllPrincipals' THEN 'user' END AS subject_kind,
       g.scopes AS scopes, g.audience AS audience,
       coalesce(user_by, app_by) AS consent_actor,
       g.consent_kind AS consent_kind,
       CASE WHEN g.kind = 'credential' THEN earlier_keys END AS earlier_keys,
       coalesce(nullif(starter.user.ipAddress, ''), ip) AS ip,
       nullif(userAgent, '') AS user_agent,
       tenant
FROM (SELECT *, unnest(given) AS g, generate_subscripts(given, 1) AS nth FROM change)
"""

REVOCATION = f"""
SELECT line_no,
       {_EVENT_ID} AS event_id,
       {moment("activityDateTime")} AS revoked_at,
       g.kind AS kind, outcome, g.target_kind AS target_kind, g.token_id AS token_id, g.grant_id AS grant_id,
       g.client_id AS client_id, g.client_name AS client_name,
       g.subject_id AS subject_id, g.subject_name AS subject_name, g.scopes_removed AS scopes_removed,
       CASE WHEN meaning = 'sessions off'
            THEN TRY_CAST(coalesce(TRY_CAST({moment("valid_from")} AS TIMESTAMPTZ)::VARCHAR, {moment("activityDateTime")}) AS TIMESTAMPTZ)
            END AS issued_before,
       CASE WHEN user_by = g.subject_id THEN {_of_own("user_by")} WHEN user_by IS NOT NULL THEN 'admin'
            WHEN app_by = g.client_id THEN 'client' WHEN app_by IS NOT NULL THEN 'system' END AS initiator,
       coalesce(user_by, app_by) AS actor_id,
       nullif(resultReason, '') AS reason,
       tenant
FROM (SELECT *, unnest(taken) AS g, generate_subscripts(taken, 1) AS nth FROM change)
"""

IGNORED = """
SELECT line_no,
       CASE meaning WHEN 'consent' THEN 'consent repeated, nothing new in it'
            WHEN 'keys' THEN 'credentials listed, none added or removed'
            WHEN 'delegate' THEN 'grant without scopes'
            WHEN 'undelegate' THEN 'removal that takes no scope: its other half tells the change'
            ELSE CASE WHEN list_contains(changed, 'FederatedIdentityCredentials') THEN 'change of federated credentials, which is not read'
                 ELSE 'directory change that neither gives nor takes access' END END AS reason
FROM change
WHERE len(coalesce(given, [])) = 0 AND len(coalesce(taken, [])) = 0
"""
