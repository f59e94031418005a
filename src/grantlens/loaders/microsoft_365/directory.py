"""Microsoft 365: who changed what in the directory, the parties of each change, and what is new in it.

- **Grant id** is `m365:<client>:<resource>`, both as object ids of service principals, where the grant is for everybody; then comes the person,
  or `role/<role>`, where the record says which. Where a grant is added or removed, older records say neither the person nor that it is for
  everybody: which grant it was is not known, so it has no id, and its removal ends none that is known.
- **Client id** is the application id where the record has one, else the object id of its service principal. In a consent `ObjectId` is the
  client; where a grant is added or removed it is the resource, under all its names.
- **A consent is a text, before against after**: only what is new in it counts, and a consent that is repeated gives nothing. The consent by
  which a client comes into the tenant names it by zeros: then it is the target of the record.
"""

from grantlens.loaders.microsoft_change import either, entries, new, of_deleted, old, words

_GUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

# The parties. The service principals are known by object id; an application id is one of their names.
PARTY = f"""
SELECT * EXCLUDE (changes),
       list_transform(changes, lambda c: c.Name) AS changed,
       list_transform(changes, lambda c: c.OldValue) AS old_values,
       list_transform(changes, lambda c: c.NewValue) AS new_values,
       list_filter(targets, lambda t: regexp_full_match(t.ID, '{_GUID}'))[1].ID AS target_object,
       list_filter(targets, lambda t: t."Type" = '1')[1].ID AS target_name,
       list_filter(targets, lambda t: t."Type" = '5')[1].ID AS target_login,
       lower({of_deleted("target_login", "target_object")}) AS target_person,
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
       -- of a client; of a person the operation tells
       CASE WHEN meaning <> 'change' THEN NULL
            WHEN {old("AccountEnabled")} ILIKE '%true%' AND {new("AccountEnabled")} ILIKE '%false%' THEN 'off'
            WHEN {old("AccountEnabled")} ILIKE '%false%' AND {new("AccountEnabled")} ILIKE '%true%' THEN 'on' END AS switched,
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
GRANT_ID = "CASE WHEN g.whom IS NOT NULL OR g.everybody THEN 'm365:' || g.client || ':' || g.resource || coalesce(':' || g.whom, '') END"

# What is new in a consent, or one grant or role; the keys that came and went.
CHANGE = f"""
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
