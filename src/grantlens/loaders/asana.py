"""Asana audit log: service accounts, what people authorise and revoke, and what was done through the API.

What the mapping decides, and why:

- A service account comes with its token and is known by its own id: making one is a credential of that client, deleting
  it ends the client. No token id is ever logged.
- An app that a person authorises or revokes (`user_app_...`) is a consent and its end, a personal access token
  (`user_personal_access_token_...`) a credential and its end. The resource is the person, and the details name the app. Its calls name
  it by its name alone, so it is known by that: two of one name are one here. That the end names it as well is as known; no
  page says where an event names a personal access token, so it is not known, and its end covers nothing.
- `context.api_authentication_method` says that an event came through the API, and by what: an OAuth app is known by its
  name only, a personal access token by its owner, a service account by itself. Such an event is a use. Reads are not
  logged, so usage is not carried.
- A person who is deprovisioned loses everything below them, and has it again when "added back to the workspace" (`user_reprovisioned`).

Proven on records that a collector published as tests: service_account_created, user_login_failed, user_login_succeeded,
user_app_authorized, workspace_require_app_approvals_of_type_changed. The context of API calls is that of Asana's API schema
(AuditLogEventContext), the other types are those of Asana's page "Audit log events".
"""

from collections.abc import Mapping

from grantlens.loaders.loader import Join, Loader, mostly
from grantlens.loaders.written_time import text_moment

_FIELDS = """{
    "gid": "VARCHAR", "created_at": "VARCHAR", "event_type": "VARCHAR", "event_category": "VARCHAR",
    "p_parse_time": "VARCHAR",
    "actor": {"actor_type": "VARCHAR", "gid": "VARCHAR", "name": "VARCHAR"},
    "context": {"client_ip_address": "VARCHAR", "user_agent": "VARCHAR", "api_authentication_method": "VARCHAR",
        "oauth_app_name": "VARCHAR"},
    "resource": {"gid": "VARCHAR", "name": "VARCHAR", "resource_type": "VARCHAR"},
    "details": {"app_gid": "VARCHAR", "app_name": "VARCHAR"}
}"""


def _is_event(record: Mapping) -> bool:
    """Tell an Asana event: its type, its category, and an actor that says of which type it is."""
    actor = record.get("actor")
    return {"event_type", "event_category"} <= record.keys() and isinstance(actor, Mapping) and "actor_type" in actor


_EVENT = f"""
SELECT line_no, r.*, {text_moment("r.created_at")} AS happened_at, {text_moment("r.p_parse_time")} AS received_at,
       CASE r.event_type WHEN 'service_account_created' THEN 'credential'
                         WHEN 'service_account_deleted' THEN 'client end'
                         WHEN 'user_app_authorized' THEN 'consent'
                         WHEN 'user_app_revoked' THEN 'consent end'
                         WHEN 'user_personal_access_token_authorized' THEN 'own credential'
                         WHEN 'user_personal_access_token_revoked' THEN 'own credential end'
                         WHEN 'user_deprovisioned' THEN 'person end'
                         WHEN 'user_reprovisioned' THEN 'person again' END AS meaning,
       coalesce(r.context.api_authentication_method IN ('oauth', 'personal_access_token', 'service_account'), false)
           AS by_api,
       CASE WHEN meaning IN ('consent', 'consent end') THEN coalesce(nullif(r.details.app_name, ''), nullif(r.details.app_gid, '')) END AS app
FROM record
WHERE r IS NOT NULL
"""

_ISSUANCE = """
SELECT line_no, gid AS event_id, happened_at AS issued_at, received_at,
       CASE WHEN meaning = 'consent' THEN 'consent' ELSE 'credential' END AS kind, 'success' AS outcome,
       CASE WHEN meaning <> 'consent' THEN 'api_key' END AS token_kind,
       CASE WHEN meaning = 'credential' THEN resource.gid ELSE app END AS client_id,
       CASE WHEN meaning = 'credential' THEN resource.name ELSE app END AS client_name,
       CASE WHEN meaning <> 'credential' THEN resource.gid END AS subject_id,
       CASE WHEN meaning <> 'credential' THEN resource.name END AS subject_name,
       CASE WHEN meaning = 'credential' THEN 'service' ELSE 'user' END AS subject_kind,
       actor.gid AS consent_actor,
       CASE WHEN meaning = 'credential' OR actor.gid <> resource.gid THEN 'admin' WHEN actor.gid = resource.gid THEN 'user' END
           AS consent_kind,
       context.client_ip_address AS ip, context.user_agent AS user_agent
FROM event
WHERE meaning IN ('credential', 'consent', 'own credential') AND resource.gid IS NOT NULL
"""

_USAGE = """
SELECT line_no, gid AS event_id, happened_at AS used_at, received_at,
       'success' AS outcome,
       CASE context.api_authentication_method WHEN 'oauth' THEN context.oauth_app_name
                                              WHEN 'service_account' THEN actor.gid END AS client_id,
       CASE context.api_authentication_method WHEN 'oauth' THEN context.oauth_app_name
                                              WHEN 'service_account' THEN actor.name END AS client_name,
       CASE WHEN context.api_authentication_method <> 'service_account' THEN actor.gid END AS subject_id,
       CASE WHEN context.api_authentication_method <> 'service_account' THEN actor.name END AS subject_name,
       'app.asana.com' AS resource_server,
       event_type AS operation, resource.resource_type AS target, resource.gid AS resource_id,
       context.client_ip_address AS ip, context.user_agent AS user_agent
FROM event
WHERE by_api AND event_type IS NOT NULL
"""

_REVOCATION = """
SELECT line_no, gid AS event_id, happened_at AS revoked_at, received_at,
       CASE WHEN meaning IN ('client end', 'person end') THEN 'disable' WHEN meaning = 'person again' THEN 'enable'
            ELSE 'revoke' END AS kind, 'success' AS outcome,
       CASE meaning WHEN 'client end' THEN 'client' WHEN 'person end' THEN 'subject' WHEN 'person again' THEN 'subject' WHEN 'consent end' THEN 'grant'
                    ELSE 'credential' END AS target_kind,
       CASE WHEN meaning = 'client end' THEN resource.gid ELSE app END AS client_id,
       CASE WHEN meaning = 'client end' THEN resource.name ELSE app END AS client_name,
       CASE WHEN meaning <> 'client end' THEN resource.gid END AS subject_id,
       CASE WHEN meaning <> 'client end' THEN resource.name END AS subject_name,
       CASE WHEN meaning IN ('client end', 'person end', 'person again') OR actor.gid <> resource.gid THEN 'admin'
            WHEN actor.gid = resource.gid THEN 'user' END AS initiator,
       actor.gid AS actor_id
FROM event
WHERE (ends_with(meaning, ' end') OR meaning = 'person again') AND resource.gid IS NOT NULL
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN event_category = 'logins' THEN 'sign-in of a person'
            WHEN event_type LIKE '%app_approval%' THEN 'setting about apps'
            ELSE 'not about delegated access' END AS reason
FROM event
WHERE meaning IS NULL AND NOT by_api AND event_type IS NOT NULL
"""

_REJECTED = """
SELECT line_no, 'event_type is missing' AS reason FROM event WHERE event_type IS NULL
UNION ALL
SELECT line_no, 'names no resource' FROM event WHERE meaning IS NOT NULL AND resource.gid IS NULL
UNION ALL
SELECT line_no, 'created_at is no time'
FROM event WHERE (meaning IS NOT NULL OR by_api) AND created_at IS NOT NULL AND happened_at IS NULL
"""

LOADER = Loader(
    name="asana",
    version=4,
    title="Asana audit log",
    recognise=mostly(_is_event),
    fields=_FIELDS,
    carries=("issuance", "revocation"),
    steps={"event": _EVENT},
    issuance=_ISSUANCE,
    usage=_USAGE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join(
            "issuance",
            "usage",
            "client and subject",
            "resource.gid or details.app_name, actor.gid",
            "service accounts, and apps by name; reads are not logged",
        ),
        Join(
            "issuance",
            "revocation",
            "grant",
            "resource.gid, details.app_name",
            "service accounts as such, apps by name, never a token",
        ),
        Join(
            "usage",
            "revocation",
            "client and subject",
            "actor.gid, resource.gid",
            "service accounts, people, and apps by name",
        ),
    ),
    join_note=(
        "A service account joins by its id from making over changes through the API to deleting; no token is ever "
        "named. OAuth apps join by their name from what a person authorises over their changes to its end; that the end names "
        "them is not proven."
    ),
)
