"""Microsoft 365: the consents that were given, and the keys that clients got.

**One consent is several records** of the same second: the consent, and the grant as added, which does not say whose it is. A grant that changes
is added and removed, with the scopes before and after, and only the removal says whose it is: so what came in anew is taken from there.
"""

from grantlens.loaders.microsoft_365.directory import GRANT_ID

ISSUED = f"""
SELECT * EXCLUDE (given), unnest(given) AS g, generate_subscripts(given, 1) AS nth
FROM (
    SELECT line_no, event_id, happened_at, outcome, meaning, actor, actor_object, is_admin_consent, earlier_keys, ip, tenant, list_concat(
        CASE WHEN meaning IN ('consent', 'delegate', 'assign') OR is_widened THEN
             list_transform(grants, lambda g: struct_pack(kind := 'consent', grant_id := {GRANT_ID}, token_id := NULL::VARCHAR,
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

ISSUANCE = """
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
