"""OneLogin events: what was done with an access token of the API, and people deactivated, suspended, deleted or active again; sign-ins are ignored.

What the mapping decides, and why:

- `client_id` is, as OneLogin's page "Event Resource" says, the client whose access token made the call that generated
  the event: a use by that client. Its token is not named, and neither making nor ending of one is among the event types
  that are known here.
- A person who is deactivated (15), deleted (17) or suspended by the API (551) is disabled, one who is activated (16) enabled. Locks (19, 531, 553) keep from
  signing in: ignored. What a client does to a person is its use, and the person's end, too.
- The type is a number, or a text that holds a number. Only the types whose meaning was checked are named.
- OneLogin's event webhooks write `event_timestamp` for `created_at`, and collectors leave both out: then `p_event_time` is the time of the event.

Proven on records that two collectors published, one of them of webhooks: that they name no client, so that these are no uses; in a public collection of
events: a person deleted. What 15, 16 and 551 mean, a plugin and a collector say.
"""

from collections.abc import Mapping

from grantlens.loaders.loader import Join, Loader, mostly
from grantlens.loaders.written_time import text_moment

_FIELDS = """{
    "id": "VARCHAR", "uuid": "VARCHAR", "p_row_id": "VARCHAR", "account_id": "VARCHAR", "event_type_id": "VARCHAR",
    "created_at": "VARCHAR", "event_timestamp": "VARCHAR", "p_event_time": "VARCHAR", "p_parse_time": "VARCHAR", "client_id": "VARCHAR",
    "actor_user_id": "VARCHAR", "actor_user_name": "VARCHAR", "user_id": "VARCHAR", "user_name": "VARCHAR", "ipaddr": "VARCHAR"
}"""


def _is_event(record: Mapping) -> bool:
    """Tell a OneLogin event: a type by its number, and who acted."""
    return "event_type_id" in record and bool({"actor_user_id", "actor_system", "user_id"} & record.keys())


_EVENT = """
SELECT line_no, r.event_type_id AS event_type_id, nullif(r.client_id, '') AS client,
       CASE WHEN r.event_type_id IN ('15', '17', '551') THEN 'disable' WHEN r.event_type_id = '16' THEN 'enable' END AS ends,
       CASE WHEN client IS NOT NULL OR ends IS NOT NULL THEN line END AS held
FROM record
WHERE r IS NOT NULL
"""

_CALL = f"""
SELECT line_no, event_type_id, client, ends, e, coalesce(e.id, e.uuid, e.p_row_id) AS event_id,
       coalesce(e.created_at, e.event_timestamp, e.p_event_time) AS written, {text_moment("written")} AS happened_at
FROM (SELECT *, from_json(held, '{_FIELDS}') AS e FROM event WHERE held IS NOT NULL)
"""

_USAGE = f"""
SELECT line_no, event_id, happened_at AS used_at, {text_moment("e.p_parse_time")} AS received_at,
       e.account_id AS tenant, 'success' AS outcome,
       client AS client_id, e.actor_user_id AS subject_id, e.actor_user_name AS subject_name,
       'api.onelogin.com' AS resource_server, 'event_type_' || event_type_id AS operation, e.user_id AS resource_id,
       e.ipaddr AS ip
FROM call
WHERE event_type_id IS NOT NULL AND client IS NOT NULL
"""

_REVOCATION = f"""
SELECT line_no, event_id, happened_at AS revoked_at, {text_moment("e.p_parse_time")} AS received_at, e.account_id AS tenant,
       ends AS kind, 'success' AS outcome, 'subject' AS target_kind, e.user_id AS subject_id, e.user_name AS subject_name,
       CASE WHEN client IS NOT NULL THEN 'client' WHEN e.actor_user_id IS NULL THEN 'system'
            WHEN e.actor_user_id = e.user_id THEN 'user' ELSE 'admin' END AS initiator,
       coalesce(e.actor_user_id, client) AS actor_id
FROM call
WHERE ends IS NOT NULL AND e.user_id IS NOT NULL
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN event_type_id IN ('5', '6') THEN 'sign-in of a person'
            WHEN event_type_id = '3' THEN 'impersonation by an admin'
            ELSE 'not about delegated access' END AS reason
FROM event
WHERE client IS NULL AND ends IS NULL AND event_type_id IS NOT NULL
"""

_REJECTED = """
SELECT line_no, 'event_type_id is missing' AS reason FROM event WHERE event_type_id IS NULL
UNION ALL
SELECT line_no, 'names no person' FROM call WHERE ends IS NOT NULL AND e.user_id IS NULL
UNION ALL
SELECT line_no, 'created_at is no time' FROM call WHERE written IS NOT NULL AND happened_at IS NULL
"""

LOADER = Loader(
    name="onelogin",
    version=4,
    title="OneLogin events",
    recognise=mostly(_is_event),
    fields=_FIELDS,
    glance='{"event_type_id": "VARCHAR", "client_id": "VARCHAR"}',
    carries=(),
    steps={"event": _EVENT, "call": _CALL},
    usage=_USAGE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join(
            "usage",
            "revocation",
            "none",
            note="no token is named",
        ),
    ),
    join_note=(
        "Changes that a client made through the API are known by the client; tokens, and how they came and went, are "
        "not in this log. That a person has ended is known."
    ),
)
