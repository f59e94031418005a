"""Atlassian organisation audit log: API tokens and apps, as far as the action says so.

What the mapping decides, and why:

- Atlassian publishes what activities there are, not how `action` names them. So an action is read for what its words
  say: an `api_token` that is created, or revoked or deleted; an `app` that is installed or uninstalled. Everything else
  is ignored, under a name of its own where it is about tokens or apps.
- An event that names the token it was done with (`actor.auth`, in Atlassian's reference of the events API), or the app that triggered it
  (`actor.app`), is a use by these, whatever the action; with `onBehalfOf` the person is the one named there, and the actor acts for them.
  No real record shows it.
- The token or app is the first object of the context that calls itself one; where none does, its id is not known.
- An API token is its maker's, and refused with the account (Atlassian's suggestion AX-684). API keys, which are the organisation's and outlive the
  admin who made one (its page on their status), are not told; nor is here that a person left.
- An admin who signs in as somebody (`user_logged_in_as_user`) gets no credential of its own.

Proven on records that collectors published: user_logged_in_as_user, user_login and jira_issue_viewed, which are ignored. Token
and app actions are **not proven on a real record**.
"""

from collections.abc import Mapping

from grantlens.loaders.loader import Join, Loader, mostly
from grantlens.loaders.written_time import text_moment

_FIELDS = """{
    "id": "VARCHAR", "p_parse_time": "VARCHAR",
    "attributes": {"action": "VARCHAR", "time": "VARCHAR", "actor": {"id": "VARCHAR", "name": "VARCHAR", "onBehalfOf": {"id": "VARCHAR", "name": "VARCHAR"},
            "auth": {"tokenId": "VARCHAR", "tokenLabel": "VARCHAR", "tokenName": "VARCHAR"},
            "app": {"id": "VARCHAR", "attributes": {"name": "VARCHAR"}}},
        "context": "VARCHAR", "container": "VARCHAR", "location": {"ip": "VARCHAR"}}
}"""


def _is_event(record: Mapping) -> bool:
    """Tell an event of an organisation: attributes with an action, an actor and a time."""
    attributes = record.get("attributes")
    return isinstance(attributes, Mapping) and {"action", "actor", "time"} <= attributes.keys()


_EVENT = """
SELECT line_no, r.id AS id, r.attributes.action AS action, r.attributes.time AS written, r.attributes.actor AS actor,
       r.attributes.context AS context, r.attributes.container AS container, r.attributes.location.ip AS ip, r.p_parse_time AS p_parse_time,
       CASE WHEN regexp_matches(action, 'api_?token') AND regexp_matches(action, '(_|^)creat') THEN 'credential'
            WHEN regexp_matches(action, 'api_?token') AND regexp_matches(action, '(_|^)(revok|delet)') THEN 'token end'
            WHEN regexp_matches(action, '(^|_)app_uninstall(ed)?$') THEN 'app end'
            WHEN regexp_matches(action, '(^|_)app_install(ed)?$') THEN 'consent' END AS meaning,
       nullif(r.attributes.actor.auth.tokenId, '') AS used_token, nullif(r.attributes.actor.app.id, '') AS app_id
FROM record
WHERE r IS NOT NULL
"""

_OBJECTS = '[{"id": "VARCHAR", "type": "VARCHAR", "attributes": {"name": "VARCHAR"}}]'

_PARTY = f"""
SELECT *, {text_moment("written")} AS happened_at, {text_moment("p_parse_time")} AS received_at,
       list_filter(TRY(from_json(context, '{_OBJECTS}')),
                   lambda o: lower(o.type) LIKE CASE WHEN meaning IN ('consent', 'app end') THEN '%app%' ELSE '%token%' END
       )[1] AS object,
       list_filter(TRY(from_json(container, '{_OBJECTS}')), lambda o: o.id IS NOT NULL)[1].id AS tenant
FROM event
WHERE meaning IS NOT NULL OR used_token IS NOT NULL OR app_id IS NOT NULL
"""

_ISSUANCE = """
SELECT line_no, id AS event_id, happened_at AS issued_at, received_at, tenant,
       meaning AS kind, 'success' AS outcome,
       CASE WHEN meaning = 'credential' THEN object.id END AS token_id,
       CASE WHEN meaning = 'credential' THEN 'api_key' END AS token_kind,
       CASE WHEN meaning = 'consent' THEN object.id END AS client_id,
       object.attributes.name AS client_name,
       CASE WHEN meaning = 'credential' THEN actor.id END AS subject_id,
       CASE WHEN meaning = 'credential' THEN actor.name END AS subject_name,
       CASE WHEN meaning = 'credential' THEN 'user' ELSE 'service' END AS subject_kind,
       CASE WHEN meaning = 'consent' THEN actor.id END AS consent_actor,
       CASE WHEN meaning = 'consent' THEN 'admin' END AS consent_kind,
       ip
FROM party
WHERE meaning IN ('credential', 'consent')
"""

_USAGE = """
SELECT line_no, id AS event_id, happened_at AS used_at, received_at, tenant, 'success' AS outcome,
       used_token AS token_id, app_id AS client_id,
       CASE WHEN app_id IS NOT NULL THEN actor.app.attributes.name ELSE coalesce(nullif(actor.auth.tokenLabel, ''), actor.auth.tokenName) END AS client_name,
       coalesce(actor.onBehalfOf.id, actor.id) AS subject_id, coalesce(actor.onBehalfOf.name, actor.name) AS subject_name,
       CASE WHEN actor.onBehalfOf.id <> actor.id THEN [actor.id] END AS actor_chain,
       'atlassian' AS resource_server, action AS operation, ip
FROM party
WHERE used_token IS NOT NULL OR app_id IS NOT NULL
"""

_REVOCATION = """
SELECT line_no, id AS event_id, happened_at AS revoked_at, received_at, tenant,
       'revoke' AS kind, 'success' AS outcome,
       CASE WHEN meaning = 'token end' THEN 'credential' ELSE 'client' END AS target_kind,
       CASE WHEN meaning = 'token end' THEN object.id END AS token_id,
       CASE WHEN meaning = 'app end' THEN object.id END AS client_id,
       object.attributes.name AS client_name,
       actor.id AS actor_id
FROM party
WHERE meaning IN ('token end', 'app end')
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN action = 'user_logged_in_as_user' THEN 'impersonation by an admin'
            WHEN regexp_matches(action, 'log(ged)?_?(in|out)') THEN 'sign-in of a person'
            WHEN regexp_matches(action, 'token|(^|_)app(_|$)|oauth')
            THEN 'token or app event that neither gives nor takes access'
            ELSE 'not about delegated access' END AS reason
FROM event
WHERE meaning IS NULL AND used_token IS NULL AND app_id IS NULL AND action IS NOT NULL
"""

_REJECTED = """
SELECT line_no, 'attributes.action is missing' AS reason FROM event WHERE action IS NULL
UNION ALL
SELECT line_no, 'attributes.time is no time' FROM party WHERE written IS NOT NULL AND happened_at IS NULL
"""

LOADER = Loader(
    name="atlassian",
    version=3,
    title="Atlassian organisation audit log",
    recognise=mostly(_is_event),
    fields=_FIELDS,
    carries=(),
    steps={"event": _EVENT, "party": _PARTY},
    issuance=_ISSUANCE,
    usage=_USAGE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join(
            "issuance",
            "usage",
            "token",
            "context.id = actor.auth.tokenId",
            "where the context names the token; not proven",
        ),
        Join("issuance", "revocation", "token", "context.id", "where the context names the token; not proven"),
        Join(
            "usage",
            "revocation",
            "token",
            "actor.auth.tokenId = context.id",
            "where the context names the token; not proven",
        ),
    ),
    join_note=(
        "Tokens and apps join by the id in the context where it is there, and tokens with the events that say they were done "
        "with them. How actions are named is not published, so the absence of one says nothing."
    ),
)
