"""Notion audit log: SCIM tokens, and what integrations did.

What the mapping decides, and why:

- A SCIM token is a credential of the workspace without an id: its making and its end can be told, not joined.
- An event whose actor is a bot was done by an integration (a bot is how Notion's API calls its user): a use by it. Reads
  are logged for some kinds of pages only, so usage is not carried.
- Sign-ins, pages and settings of people are no delegated access.

Proven on records that a collector published as tests: workspace.scim_token_generated and eight other types. The end of a
SCIM token and bots as actors are not proven.
"""

from collections.abc import Mapping

from grantlens.loaders.loader import Join, Loader, mostly
from grantlens.loaders.written_time import text_moment

_FIELDS = """{
    "p_parse_time": "VARCHAR",
    "event": {"id": "VARCHAR", "timestamp": "VARCHAR", "workspace_id": "VARCHAR", "type": "VARCHAR",
        "ip_address": "VARCHAR", "platform": "VARCHAR",
        "actor": {"id": "VARCHAR", "type": "VARCHAR", "name": "VARCHAR", "person": {"email": "VARCHAR"}}}
}"""


def _is_event(record: Mapping) -> bool:
    """Tell a Notion event: wrapped as `event`, of a type with a dot, in a workspace."""
    event = record.get("event")
    return isinstance(event, Mapping) and {"type", "workspace_id", "actor"} <= event.keys()


_EVENT = f"""
SELECT line_no, unnest(r.event), {text_moment("r.event.timestamp")} AS happened_at,
       {text_moment("r.p_parse_time")} AS received_at,
       CASE WHEN r.event.type = 'workspace.scim_token_generated' THEN 'credential'
            WHEN r.event.type IN ('workspace.scim_token_revoked', 'workspace.scim_token_deleted') THEN 'end'
            END AS meaning,
       coalesce(r.event.actor.type = 'bot', false) AS by_bot
FROM record
WHERE r IS NOT NULL
"""

_ISSUANCE = """
SELECT line_no, id AS event_id, happened_at AS issued_at, received_at, workspace_id AS tenant,
       'credential' AS kind, 'success' AS outcome, 'api_key' AS token_kind,
       'SCIM' AS client_name, 'service' AS subject_kind,
       actor.id AS consent_actor, ip_address AS ip
FROM event
WHERE meaning = 'credential'
"""

_USAGE = """
SELECT line_no, id AS event_id, happened_at AS used_at, received_at, workspace_id AS tenant,
       'success' AS outcome, actor.id AS client_id, actor.name AS client_name,
       'api.notion.com' AS resource_server, type AS operation, ip_address AS ip
FROM event
WHERE by_bot AND type IS NOT NULL
"""

_REVOCATION = """
SELECT line_no, id AS event_id, happened_at AS revoked_at, received_at, workspace_id AS tenant,
       'revoke' AS kind, 'success' AS outcome, 'credential' AS target_kind,
       'SCIM' AS client_name, 'admin' AS initiator, actor.id AS actor_id
FROM event
WHERE meaning = 'end'
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN type IN ('user.login', 'user.logout') OR starts_with(type, 'user.settings.login_method.')
            THEN 'sign-in of a person'
            ELSE 'not about delegated access' END AS reason
FROM event
WHERE meaning IS NULL AND NOT by_bot AND type IS NOT NULL
"""

_REJECTED = """
SELECT line_no, 'event.type is missing' AS reason FROM event WHERE type IS NULL
UNION ALL
SELECT line_no, 'event.timestamp is no time'
FROM event WHERE (meaning IS NOT NULL OR by_bot) AND "timestamp" IS NOT NULL AND happened_at IS NULL
"""

LOADER = Loader(
    name="notion",
    version=1,
    title="Notion audit log",
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
        Join("issuance", "usage", "none", note="SCIM tokens have no id, and what integrations may do is not logged"),
        Join("issuance", "revocation", "none", note="SCIM tokens have no id"),
        Join("usage", "revocation", "none", note="the end of an integration is not logged"),
    ),
    join_note="That SCIM tokens were made is known, and what integrations changed; nothing of this joins.",
)
