"""authentik events: applications authorised, tokens made and deleted, revoked tokens that were tried.

Written from authentik's page "Event actions" and the records that it shows as examples. Proven on a collector's published test
records, a dump of its database, and lines of its containers in public notes: consents, refresh tokens made, sign-ins and changes of
objects. The end of tokens, consents and sessions, and suspicious_request with its token, are as known.

What the mapping decides, and why:

- `authorize_application` is a consent to the application named in the context; its scopes are separated by blanks, in older
  versions by commas too. By a flow of implicit consent nobody was asked: policy. So it is where the path is the authorisation
  endpoint itself: a flow with nothing to show is gone through there (`requires_flow_executor` in authentik's `planner.py`). The
  tokens that follow are not logged.
- The same event tells a sign-on by SAML, WS-Federation or remote access, and then has no scopes: no consent is made of it.
- A token by client credentials is logged as a `login` that names the application and how the client proved itself (`token`,
  `jwt`, `oauth_client_secret`; authentik's `views/token.py`). The token's id is not told. Whose it is: of an account that authentik makes
  for the application (by its secret) or for the subject of a source's assertion; else of whoever's app password or token was shown, who
  may be a person.
- The containers write every event to their log too, which authentik recommends for forwarding: `"event": "Created Event"`, with
  `timestamp` for `created`, and neither key nor app. Such lines and the same events by API are counted twice. The time is the
  container's, which is UTC; the other lines of that log are ignored.
- A made or deleted token is a `model_created` or `model_deleted` whose model is a token; its `pk` is the token id.
- Whose a made token is the event does not say, but who made it: that person, it is taken. A superuser may make one for somebody else (`api/tokens.py`).
  The tokens that authentik makes beside a service account and for an outpost are theirs, and outlive who made these: their names, which stand first in that
  of the model, say so (`api/users.py`, `outposts/models.py`).
- A person who is deleted, or set inactive where the log tells what was changed (`context.diff`), is disabled, until set active again.
- `suspicious_request` is a use that was refused because of the token, if it names one.
- While an admin impersonates a person, `user` is the admin, and the person stands in `on_behalf_of`.
- The end of a consent (`userconsent`) says neither whose nor for what. A brand is a face of one installation: no tenant.
- authentik masks secrets. What may be a masked text instead of an object is read with care, and secrets are not read.
"""

from collections.abc import Mapping

from grantlens.loaders.loader import Join, Loader, mostly
from grantlens.loaders.written_time import text_moment

_MODEL = '{"pk": "VARCHAR", "name": "VARCHAR", "model_name": "VARCHAR"}'

_FIELDS = """{
    "pk": "VARCHAR", "action": "VARCHAR", "created": "VARCHAR", "client_ip": "VARCHAR",
    "event": "VARCHAR", "logger": "VARCHAR", "timestamp": "VARCHAR",
    "user": {"pk": "VARCHAR", "username": "VARCHAR", "on_behalf_of": {"pk": "VARCHAR", "username": "VARCHAR"}},
    "context": {"scopes": "VARCHAR", "authorized_application": "VARCHAR", "model": "VARCHAR", "diff": "VARCHAR", "token": "VARCHAR",
        "secret": "VARCHAR", "provider": "VARCHAR", "application": "VARCHAR", "auth_method": "VARCHAR", "auth_method_args": "VARCHAR",
        "http_request": {"path": "VARCHAR", "user_agent": "VARCHAR"}}
}"""


def _is_event(record: Mapping) -> bool:
    """Tell an authentik event: its key, action, app, context and address; or a line of the log that authentik writes."""
    if isinstance(record.get("action"), str) and {"pk", "app", "context", "created"} <= record.keys():
        return True
    return str(record.get("logger")).startswith("authentik.") and {"event", "level", "timestamp"} <= record.keys()


_EVENT = f"""
SELECT line_no, r.* EXCLUDE (created), coalesce(r.created, r."timestamp") AS created,
       r.logger IS NOT NULL AND r."event" IS DISTINCT FROM 'Created Event' AS is_line,
       TRY(from_json(coalesce(r.context.model, r.context.token, r.context.secret), '{_MODEL}')) AS model,
       TRY(from_json(coalesce(r.context.authorized_application, r.context.application), '{_MODEL}')) AS app,
       TRY(from_json(r.context.provider, '{_MODEL}')) AS provider
FROM record
WHERE r IS NOT NULL
"""

_KNOWN = f"""
SELECT *, {text_moment("created")} AS happened_at,
       coalesce("user".on_behalf_of.pk, CASE WHEN "user".username <> 'AnonymousUser' THEN "user".pk END) AS person,
       coalesce("user".on_behalf_of.username, nullif("user".username, 'AnonymousUser')) AS person_name,
       CASE WHEN "user".on_behalf_of.pk IS NOT NULL THEN ["user".pk] END AS actors,
       CASE lower(model.model_name) WHEN 'token' THEN 'api_key' WHEN 'accesstoken' THEN 'access'
                                    WHEN 'refreshtoken' THEN 'refresh' END AS token_kind,
       CASE WHEN is_line THEN NULL
            WHEN action = 'authorize_application' AND context.scopes IS NOT NULL THEN 'consent'
            WHEN action = 'login' AND app.pk IS NOT NULL AND context.auth_method IN ('token', 'jwt', 'oauth_client_secret')
            THEN 'client token'
            WHEN action = 'model_created' AND token_kind = 'api_key' THEN 'credential'
            WHEN action = 'model_created' AND token_kind IS NOT NULL THEN 'token'
            WHEN action = 'secret_rotate' THEN 'refresh'
            WHEN action = 'suspicious_request' AND model.pk IS NOT NULL THEN 'use'
            WHEN action = 'model_updated' AND lower(model.model_name) = 'user'
            THEN CASE TRY(from_json(context.diff, '{{"is_active": {{"new_value": "VARCHAR"}}}}')).is_active.new_value
                      WHEN 'false' THEN 'person end' WHEN 'true' THEN 'person again' END
            WHEN action <> 'model_deleted' THEN NULL
            WHEN token_kind IS NOT NULL THEN 'token end'
            WHEN lower(model.model_name) = 'application' THEN 'client end'
            WHEN lower(model.model_name) = 'user' THEN 'person end'
            WHEN lower(model.model_name) = 'authenticatedsession' THEN 'session end' END AS meaning,
       CASE WHEN meaning = 'consent' AND app.pk IS NULL THEN 'application'
            WHEN meaning IN ('credential', 'token', 'refresh', 'token end') AND model.pk IS NULL THEN 'token'
            WHEN meaning IN ('client end', 'person end', 'person again', 'session end') AND model.pk IS NULL THEN 'object' END AS lacks,
       coalesce(meaning = 'credential' AND regexp_matches(model.name, '^(service-account-.+-password|ak-outpost-.+-api)( [(]|$)'), false) AS of_service
FROM event
"""

_ISSUANCE = """
SELECT line_no, pk AS event_id, happened_at AS issued_at,
       CASE meaning WHEN 'client token' THEN 'token' ELSE meaning END AS kind, 'success' AS outcome,
       CASE WHEN meaning NOT IN ('consent', 'client token') THEN model.pk END AS token_id,
       CASE meaning WHEN 'refresh' THEN 'api_key' WHEN 'client token' THEN 'access' WHEN 'consent' THEN NULL ELSE token_kind
       END AS token_kind,
       CASE WHEN meaning IN ('consent', 'client token') THEN app.pk END AS client_id,
       CASE WHEN meaning IN ('consent', 'client token') THEN app.name END AS client_name,
       CASE WHEN meaning <> 'refresh' AND NOT of_service THEN person END AS subject_id,
       CASE WHEN meaning <> 'refresh' AND NOT of_service THEN person_name END AS subject_name,
       CASE WHEN of_service THEN 'service'
            WHEN meaning <> 'client token' THEN CASE WHEN meaning <> 'refresh' AND person IS NOT NULL THEN 'user' END
            WHEN context.auth_method = 'oauth_client_secret' THEN 'service'
            WHEN context.auth_method = 'jwt' AND TRY(from_json(context.auth_method_args, '{"source": "VARCHAR"}')).source IS NOT NULL
            THEN 'service' END AS subject_kind,
       actors AS actor_chain,
       CASE WHEN meaning = 'consent' AND context.scopes = '' THEN []
            WHEN meaning = 'consent' THEN regexp_split_to_array(context.scopes, ',? ') END AS scopes,
       CASE WHEN meaning = 'consent' OR of_service THEN coalesce(actors[1], person) END AS consent_actor,
       CASE WHEN meaning <> 'consent' THEN NULL
            WHEN context.http_request.path LIKE '%implicit-consent%' OR context.http_request.path LIKE '%/application/o/authorize/'
            THEN 'policy' ELSE 'user' END AS consent_kind,
       client_ip AS ip, context.http_request.user_agent AS user_agent
FROM known
WHERE meaning IN ('consent', 'credential', 'token', 'client token', 'refresh') AND lacks IS NULL
"""

_USAGE = """
SELECT line_no, pk AS event_id, happened_at AS used_at,
       'denied' AS outcome, 'token' AS denial_reason,
       model.pk AS token_id, provider.name AS client_name,
       person AS subject_id, person_name AS subject_name,
       'authentik' AS resource_server,
       split_part(context.http_request.path, '?', 1) AS target, action AS operation,
       client_ip AS ip, context.http_request.user_agent AS user_agent
FROM known
WHERE meaning = 'use'
"""

_REVOCATION = """
SELECT line_no, pk AS event_id, happened_at AS revoked_at,
       CASE WHEN meaning IN ('client end', 'person end') THEN 'disable' WHEN meaning = 'person again' THEN 'enable' ELSE 'revoke' END AS kind,
       'success' AS outcome,
       CASE WHEN meaning = 'token end' AND token_kind = 'api_key' THEN 'credential'
            WHEN meaning = 'token end' THEN 'token'
            WHEN meaning = 'client end' THEN 'client'
            WHEN starts_with(meaning, 'person ') THEN 'subject' ELSE 'session' END AS target_kind,
       CASE WHEN meaning = 'token end' THEN model.pk END AS token_id,
       CASE WHEN meaning = 'session end' THEN model.pk END AS session_id,
       CASE WHEN meaning = 'client end' THEN model.pk END AS client_id,
       CASE WHEN meaning = 'client end' THEN model.name END AS client_name,
       CASE WHEN starts_with(meaning, 'person ') THEN model.pk END AS subject_id,
       CASE WHEN starts_with(meaning, 'person ') THEN model.name END AS subject_name,
       CASE WHEN meaning IN ('client end', 'person end', 'person again') AND person IS NOT NULL THEN 'admin' END AS initiator,
       coalesce(actors[1], person) AS actor_id
FROM known
WHERE (ends_with(meaning, ' end') OR meaning = 'person again') AND lacks IS NULL
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN is_line THEN 'line of the log that is no event'
            WHEN action = 'authorize_application' THEN 'sign-on to an application without scopes'
            WHEN action IN ('login', 'login_failed', 'logout', 'password_set', 'source_linked') THEN 'sign-in of a person'
            WHEN starts_with(action, 'impersonation_') THEN 'impersonation by an admin'
            WHEN action = 'secret_view' THEN 'view of a secret'
            WHEN action = 'suspicious_request' THEN 'suspicious request that names no token'
            WHEN action = 'model_deleted' AND lower(model.model_name) = 'userconsent'
            THEN 'end of a consent that does not say whose'
            ELSE 'not about delegated access' END AS reason
FROM known
WHERE meaning IS NULL AND (action IS NOT NULL OR is_line)
"""

_REJECTED = """
SELECT line_no, 'action is missing' AS reason FROM known WHERE action IS NULL AND NOT is_line
UNION ALL
SELECT line_no, 'names no ' || lacks FROM known WHERE lacks IS NOT NULL
UNION ALL
SELECT line_no, 'created is no time' FROM known WHERE meaning IS NOT NULL AND created IS NOT NULL AND happened_at IS NULL
"""

LOADER = Loader(
    name="authentik",
    version=5,
    title="authentik events",
    recognise=mostly(_is_event),
    fields=_FIELDS,
    carries=("issuance", "revocation"),
    steps={"event": _EVENT, "known": _KNOWN},
    issuance=_ISSUANCE,
    usage=_USAGE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join(
            "issuance", "usage", "token", "context.model.pk, context.token.pk", "only refused uses of tokens are logged"
        ),
        Join("issuance", "revocation", "token", "context.model.pk", "a consent has no end in the log"),
        Join(
            "usage",
            "revocation",
            "token",
            "context.token.pk, context.model.pk",
            "only refused uses of tokens are logged",
        ),
    ),
    join_note=(
        "Tokens join by their key from making to deleting. Consents name the application and the person, but their end "
        "names neither; of uses only those with a revoked token are logged."
    ),
)
