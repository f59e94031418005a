"""Auth0: what its codes of exchanges mean, and the consents and tokens that come of them."""

from grantlens.loaders.auth0.fields import scopes

TOKENS = (
    "seacft seccft sepft seoobft seotpft sercft sepkoobft sepkotpft sepkrcft sede sdeleacft ciba_exchange_succeeded"
)
EXCHANGES = "sens secte seta sd success_on_behalf_of_token_exchange idjag_exchange_succeeded"
REFUSED_TOKENS = "feacft feccft fepft feoobft feotpft fepotpft fercft fede fdeleacft ciba_exchange_failed"
REFUSED_EXCHANGES = (
    "fens fecte feta fd failed_on_behalf_of_token_exchange idjag_exchange_failed jwt_bearer_exchange_failed"
)

# As many actors as the schema has one inside the other; a further one stands there without an id.
_MOST_ACTORS = 5
_LEVELS = ", ".join(f"told.actor -> '${'.act' * level}'" for level in range(_MOST_ACTORS))
_CHAIN = f"""list_transform(
                list_filter([{_LEVELS}, CASE WHEN json_type(told.actor, '${".act" * _MOST_ACTORS}') = 'OBJECT' THEN '{{}}'::JSON END],
                            lambda a: json_type(a) = 'OBJECT'),
                lambda a: CASE WHEN json_type(a, '$.sub') = 'VARCHAR' THEN a ->> '$.sub' ELSE '' END)"""

ISSUED = f"""
SELECT line_no, happened_at AS issued_at, received_at, event_id, meaning AS kind,
       CASE WHEN refused THEN 'denied' ELSE 'success' END AS outcome,
       CASE WHEN type IN ('seacft', 'feacft', 'sdeleacft', 'fdeleacft') THEN 'authorization_code'
            WHEN type IN ('seccft', 'feccft') THEN 'client_credentials'
            WHEN type IN ('sepft', 'fepft') THEN 'password'
            WHEN type IN ('seoobft', 'feoobft') THEN 'http://auth0.com/oauth/grant-type/mfa-oob'
            WHEN type IN ('seotpft', 'feotpft') THEN 'http://auth0.com/oauth/grant-type/mfa-otp'
            WHEN type IN ('sercft', 'fercft') THEN 'http://auth0.com/oauth/grant-type/mfa-recovery-code'
            WHEN type IN ('sede', 'fede') THEN 'urn:ietf:params:oauth:grant-type:device_code'
            WHEN starts_with(type, 'ciba_') THEN 'urn:openid:params:grant-type:ciba'
            WHEN type LIKE 'idjag_%' OR type = 'jwt_bearer_exchange_failed' THEN 'urn:ietf:params:oauth:grant-type:jwt-bearer'
            WHEN meaning = 'refresh' THEN 'refresh_token'
            WHEN type IN ('secte', 'fecte', 'sens', 'fens') OR type LIKE '%_on_behalf_of_token_exchange'
            THEN 'urn:ietf:params:oauth:grant-type:token-exchange' END AS grant_type,
       CASE WHEN type = 'ferrt' AND (description ILIKE '%reuse%' OR told.shown < told.latest) THEN 'reuse'
            WHEN type = 'fertft' AND told.failure = 'grant_revoked' THEN 'revoked'
            WHEN type IN ('ferrt', 'fertft') THEN 'token' END AS denial_reason,
       NULL::VARCHAR AS grant_id, given_jti AS token_id, 'access' AS token_kind, CASE WHEN refused THEN told.family END AS parent_token_id,
       session_id, client_id, client_name, user_id AS subject_id, user_name AS subject_name,
       CASE WHEN user_id IS NOT NULL THEN 'user' WHEN of_client AND agent IS NOT NULL THEN 'agent' WHEN of_client THEN 'service' END AS subject_kind,
       CASE WHEN told.actor ->> '$.sub' <> '' OR json_type(told.actor, '$.act') = 'OBJECT' THEN {_CHAIN}
            WHEN meaning <> 'exchange' AND NOT of_client AND agent IS NOT NULL THEN [agent] END AS actor_chain,
       {scopes("asked")} AS scopes_requested, {scopes("given")} AS scopes, {scopes("audience")} AS audience,
       NULL::VARCHAR AS consent_actor, NULL::VARCHAR AS consent_kind,
       ip, user_agent, tenant
FROM (
    SELECT *, CASE WHEN refused THEN coalesce(nullif(told.asked_scope, ''), scope) ELSE told.asked_scope END AS asked,
           CASE WHEN refused THEN NULL WHEN meaning = 'exchange' THEN coalesce(nullif(scope, ''), told.scope) ELSE scope END AS given
    FROM (
        SELECT *, starts_with(type, 'f') OR type LIKE '%_failed' AS refused, type IN ('seccft', 'feccft') AS of_client
        FROM event
        WHERE happened_at IS NOT NULL AND meaning IN ('token', 'exchange', 'refresh')
    )
)
"""

CONSENTED = f"""
SELECT line_no, happened_at AS issued_at, received_at,
       CASE WHEN nth = 1 THEN event_id ELSE event_id || '#' || nth END AS event_id,
       'consent' AS kind, CASE WHEN meaning = 'refusal' THEN 'denied' ELSE 'success' END AS outcome, NULL AS grant_type,
       CASE WHEN type = 'fdecc' THEN 'consent' END AS denial_reason,
       given.id AS grant_id, NULL AS token_id, NULL AS token_kind, NULL AS parent_token_id, session_id,
       coalesce(client_id, nullif(qs.client_id, '')) AS client_id, client_name,
       user_id AS subject_id, user_name AS subject_name,
       CASE WHEN user_id IS NOT NULL THEN 'user' END AS subject_kind, NULL AS actor_chain,
       {scopes("qs.scope")} AS scopes_requested,
       CASE WHEN meaning = 'consent' THEN {scopes("given.scope")} END AS scopes,
       {scopes("coalesce(given.audience, qs.audience)")} AS audience,
       CASE WHEN meaning = 'consent' THEN user_id END AS consent_actor, 'user' AS consent_kind,
       ip, user_agent, tenant
FROM (
    SELECT *, unnest(givens) AS given, generate_subscripts(givens, 1) AS nth
    FROM (
        SELECT *, CASE WHEN meaning = 'refusal' THEN [NULL]
                       ELSE list_transform(list_filter(prompts, lambda p: p.grantInfo.id IS NOT NULL), lambda p: p.grantInfo)
                  END AS givens
        FROM event
        WHERE happened_at IS NOT NULL AND meaning IN ('consent', 'refusal')
    )
)
"""
