"""Snyk audit log: service accounts made and deleted, people removed, and calls of the API.

What the mapping decides, and why:

- A service account comes with its key and is known by `content.serviceAccountPublicId`: making one is a consent to
  that client, deleting it ends the client. No key id is logged.
- `api.access` is a call with the key of the user that it names. Only some calls are logged, so usage is not carried.
- The organisation is the tenant, else the group: a service account of a group stands above organisations.
- The older API writes `orgId`, the newer one `org_id`: both are read, and so for users and groups.
- A person who is removed (`content.userPublicId`) or leaves is disabled within the organisation; out of a group, out of each organisation of it: that end
  names no tenant. Who is added is enabled. Other roles and memberships of people are no delegated access. The log has no ids of events.

Proven on records that a collector published as tests: making and editing of service accounts, and that a dozen types of events
are ignored; on others of them, people added and one removed. Deleting a service account is
listed by collectors and by Snyk's API; its content, that of api.access, and who is meant by leaving is not proven.
"""

from collections.abc import Mapping

from grantlens.loaders.collected import mostly_inside, with_envelopes
from grantlens.loaders.loader import Join, Loader
from grantlens.loaders.written_time import text_moment

_FIELDS = """{
    "event": "VARCHAR", "created": "VARCHAR", "userId": "VARCHAR", "orgId": "VARCHAR", "groupId": "VARCHAR",
    "user_id": "VARCHAR", "org_id": "VARCHAR", "group_id": "VARCHAR", "p_parse_time": "VARCHAR", "content": "VARCHAR"
}"""


_PLACES = {"orgId", "groupId", "org_id", "group_id"}


def _is_event(record: Mapping) -> bool:
    """Tell a Snyk event: named with dots, of an organisation or a group."""
    event = record.get("event")
    return isinstance(event, str) and "." in event and bool(_PLACES & record.keys())


_EVENT = """
SELECT line_no, e.*,
       CASE WHEN regexp_matches(e.event, '^(org|group)[.]service_account[.]create$') THEN 'consent'
            WHEN regexp_matches(e.event, '^(org|group)[.]service_account[.]edit$') THEN 'change'
            WHEN regexp_matches(e.event, '^(org|group)[.]service_account[.]delete$') THEN 'end'
            WHEN regexp_matches(e.event, '^(org|group)[.]user[.](add|remove|leave)$') THEN 'person'
            WHEN e.event = 'api.access' THEN 'use' END AS meaning
FROM shaped
WHERE e IS NOT NULL
"""

_DETAILED = f"""
SELECT * EXCLUDE (content), {text_moment("created")} AS happened_at, {text_moment("p_parse_time")} AS received_at,
       coalesce(orgId, org_id, groupId, group_id) AS tenant, coalesce(userId, user_id) AS doer,
       TRY(from_json(content, '{{"serviceAccountPublicId": "VARCHAR", "serviceAccountName": "VARCHAR",
           "userPublicId": "VARCHAR", "email": "VARCHAR", "url": "VARCHAR", "method": "VARCHAR"}}')) AS named,
       coalesce(named['userPublicId'], CASE WHEN ends_with(event, '.leave') THEN doer END) AS person, ends_with(event, '.add') AS is_back
FROM event
WHERE meaning IS NOT NULL
"""

_ISSUANCE = """
SELECT line_no, happened_at AS issued_at, received_at, tenant,
       meaning AS kind, 'success' AS outcome,
       named.serviceAccountPublicId AS client_id, named.serviceAccountName AS client_name, 'service' AS subject_kind,
       doer AS consent_actor, 'admin' AS consent_kind
FROM detailed
WHERE meaning IN ('consent', 'change') AND named.serviceAccountPublicId IS NOT NULL
"""

_USAGE = """
SELECT line_no, happened_at AS used_at, received_at, tenant,
       'success' AS outcome, doer AS subject_id,
       'api.snyk.io' AS resource_server, upper(named.method) AS method,
       nullif(split_part(named.url, '?', 1), '') AS target, CASE WHEN named.url IS NULL THEN event END AS operation
FROM detailed
WHERE meaning = 'use'
"""

_REVOCATION = """
SELECT line_no, happened_at AS revoked_at, received_at, tenant,
       'disable' AS kind, 'success' AS outcome, 'client' AS target_kind,
       named.serviceAccountPublicId AS client_id, named.serviceAccountName AS client_name,
       'admin' AS initiator, doer AS actor_id
FROM detailed
WHERE meaning = 'end' AND named.serviceAccountPublicId IS NOT NULL
UNION ALL BY NAME
SELECT line_no, happened_at AS revoked_at, received_at, CASE WHEN starts_with(event, 'org.') OR is_back THEN tenant END AS tenant,
       CASE WHEN is_back THEN 'enable' ELSE 'disable' END AS kind, 'success' AS outcome, 'subject' AS target_kind,
       person AS subject_id, named.email AS subject_name,
       CASE WHEN doer = person THEN 'user' ELSE 'admin' END AS initiator, doer AS actor_id
FROM detailed
WHERE meaning = 'person' AND person IS NOT NULL
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN event LIKE '%.service_account.%' THEN 'service account event that neither gives nor takes access'
            WHEN event LIKE '%.app.%' OR event LIKE '%.app@_bot.%' ESCAPE '@' THEN 'app event that does not say which app'
            WHEN event LIKE '%.user.%' THEN 'role or membership of a person'
            ELSE 'not about delegated access' END AS reason
FROM event
WHERE meaning IS NULL AND event IS NOT NULL
"""

_REJECTED = """
SELECT line_no, 'event is missing' AS reason FROM event WHERE event IS NULL
UNION ALL
SELECT line_no, 'names no service account' FROM detailed
WHERE meaning IN ('consent', 'change', 'end') AND named.serviceAccountPublicId IS NULL
UNION ALL
SELECT line_no, 'names no person' FROM detailed WHERE meaning = 'person' AND person IS NULL
UNION ALL
SELECT line_no, 'created is no time' FROM detailed WHERE created IS NOT NULL AND happened_at IS NULL
"""

LOADER = with_envelopes(
    Loader(
        name="snyk",
        version=4,
        title="Snyk audit log",
        recognise=mostly_inside(_is_event),
        fields=_FIELDS,
        carries=("issuance", "revocation"),
        steps={"event": _EVENT, "detailed": _DETAILED},
        issuance=_ISSUANCE,
        usage=_USAGE,
        revocation=_REVOCATION,
        ignored=_IGNORED,
        rejected=_REJECTED,
        joins=(
            Join("issuance", "usage", "none", note="a call names a user, making a service account names none"),
            Join("issuance", "revocation", "grant", "content.serviceAccountPublicId", "the account, never a key"),
            Join("usage", "revocation", "none", note="a person who ends is known, no key is"),
        ),
        join_note=(
            "A service account joins by its id from making to deleting, never by a key. Calls of the API name the user whose "
            "key it was, which is not the id of a service account."
        ),
    ),
    mark="NOT starts_with(r.event, '{')",
)
