"""Microsoft 365: what ended or narrowed a grant, and the ends of keys, clients, persons and their sessions; who is enabled again.

- An assigned role that is not named is one of several: its removal narrows, it does not end.
- Ended sessions end no consent (see `microsoft_entra.audit`).
"""

from grantlens.loaders.microsoft_365.directory import GRANT_ID

ENDED = f"""
SELECT * EXCLUDE (taken), unnest(taken) AS g, generate_subscripts(taken, 1) AS nth
FROM (
    SELECT line_no, event_id, happened_at, outcome, meaning, actor, actor_object, by_app, tenant, valid_from, switched, list_concat(
        CASE WHEN meaning IN ('undelegate', 'unassign', 'delegate') THEN
             list_filter(list_transform(grants, lambda g: struct_pack(target_kind := 'grant', token_id := NULL::VARCHAR,
                 grant_id := {GRANT_ID}, client_id := g.app, client_name := g.app_name, person := g.person,
                 removed := list_filter(g.held, lambda s: s IS NOT NULL AND NOT list_contains(coalesce(g.holds, []), s)),
                 narrows := coalesce(len(g.holds) > 0 OR g.whom = 'role', false))),
                 -- a grant with other scopes is told as added and as removed: the removal takes those that are gone, if any, and the addition none
                 lambda t: CASE meaning WHEN 'unassign' THEN true WHEN 'delegate' THEN NOT t.narrows AND len(t.removed) > 0
                     ELSE NOT t.narrows OR len(t.removed) > 0 END) END,
        list_transform(keys_ended, lambda k: struct_pack(target_kind := 'credential', token_id := k, grant_id := NULL::VARCHAR,
             client_id := target_client, client_name := target_name, person := NULL::VARCHAR, removed := NULL::VARCHAR[], narrows := false)),
        CASE WHEN meaning IN ('client off', 'client on') OR switched IS NOT NULL THEN
             [struct_pack(target_kind := 'client', token_id := NULL::VARCHAR, grant_id := NULL::VARCHAR, client_id := target_client,
             client_name := target_name, person := NULL::VARCHAR, removed := NULL::VARCHAR[], narrows := false)]
             WHEN meaning IN ('person off', 'person on', 'sessions off') THEN
             [struct_pack(target_kind := CASE meaning WHEN 'sessions off' THEN 'policy' ELSE 'subject' END, token_id := NULL::VARCHAR,
             grant_id := NULL::VARCHAR, client_id := NULL::VARCHAR, client_name := NULL::VARCHAR,
             person := coalesce(target_person, target_object), removed := NULL::VARCHAR[], narrows := false)] END) AS taken
    FROM change
)
"""

REVOCATION = """
SELECT line_no, event_id || CASE WHEN nth > 1 THEN '#' || nth ELSE '' END AS event_id, happened_at AS revoked_at, outcome,
       CASE WHEN meaning IN ('person on', 'client on') OR (switched = 'on' AND g.target_kind = 'client') THEN 'enable'
            WHEN g.target_kind IN ('client', 'subject') THEN 'disable' WHEN g.narrows THEN 'downgrade' ELSE 'revoke' END AS kind,
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
