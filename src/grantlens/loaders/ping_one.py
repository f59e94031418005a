"""PingOne audit activities: which application may ask which resource for scopes, and who reached an application.

What the mapping decides, and why:

- `recordedAt` is when it happened, `createdAt` when PingOne stored it: the time of receipt. A few records lack the latter.
- **The id alone is no key**: exports for others have every id replaced by one and the same. The event is called by its id
  and its time, which stays the same however often it is delivered, and however it is written then.
- **Grant**: PingOne's grant lets an application ask a resource for scopes; which, the log does not say. It has no id here,
  but its text names both, and there is one for each pair: it is called `grant:<application>:<resource>`.
- An application that is deleted, or updated `with disabled state`, ends for everybody; a deleted user likewise. One that is updated
  `with enabled state` is on, whatever else was changed.
- `Updated enabled for User` does not say whether on or off: ignored by name, nothing is guessed.
- `USER.ACCESS_ALLOWED` is a user who reached an application: a use, as near as this log comes to one. No token is ever named.
- The table `PingOne_AuditActivitiesV2_CL` of Microsoft Sentinel is read by its columns, as its connector fills them: no row of it was seen.
- Reading a client's secret is neither issue nor use: ignored by name, so that it is counted.
- Proven on real records: all but `GRANT.CREATED` and failures of changes, which follow Ping's list of events.
"""

from collections.abc import Mapping

from grantlens.loaders.collected import mostly_inside, with_envelopes
from grantlens.loaders.loader import Join, Loader
from grantlens.loaders.written_time import text_moment

_FIELDS = """{
    "id": "VARCHAR", "recordedAt": "VARCHAR", "createdAt": "VARCHAR", "action": {"type": "VARCHAR"},
    "actors": {"client": {"id": "VARCHAR", "name": "VARCHAR", "environment": {"id": "VARCHAR"}},
        "user": {"id": "VARCHAR", "name": "VARCHAR"}},
    "resources": [{"type": "VARCHAR", "id": "VARCHAR", "name": "VARCHAR", "environment": {"id": "VARCHAR"}}],
    "result": {"status": "VARCHAR", "description": "VARCHAR"},
    "source": {"ipAddress": "VARCHAR", "userAgent": "VARCHAR"}
}"""


_GLANCE = """{
    "recordedAt": "VARCHAR", "action": {"type": "VARCHAR"}, "result": {"status": "VARCHAR", "description": "VARCHAR"}
}"""


_COLUMNS = {
    "id": "Id",
    "recordedAt": "RecordedAt",
    "createdAt": "CreatedAt",
    "action": {"type": "ActionType"},
    "actors": {"client": {"id": "ClientId", "name": "ClientName"}, "user": {"id": "UserId", "name": "UserName"}},
    "result": {"status": "ResultStatus", "description": "ResultDescription"},
    "source": {"ipAddress": "SourceIpAddress", "userAgent": "SourceUserAgent"},
}
"""What Sentinel's table calls them, `Resources` aside: that holds the list, or its text. What is missing is an empty text."""


def _out_of(columns: Mapping) -> str:
    """Return SQL for the object whose values stand in columns of the JSON `event`."""
    pairs = [
        f"'{name}', " + (_out_of(column) if isinstance(column, Mapping) else f"nullif(event ->> '$.{column}', '')")
        for name, column in columns.items()
    ]
    return f"json_object({', '.join(pairs)})"


_ANY_NAMES = f"""CASE WHEN json_exists(event, '$.ActionType') AND json_exists(event, '$.RecordedAt')
    THEN json_merge_patch({_out_of(_COLUMNS)}, json_object('resources', TRY_CAST(event ->> '$.Resources' AS JSON))) ELSE event END"""


def _is_event(record: Mapping) -> bool:
    """Tell an activity: recorded at, an action whose type has a dot, a result."""
    if {"RecordedAt", "ActionType", "ResultStatus"} <= record.keys():
        return "." in str(record["ActionType"])
    action = record.get("action")
    kind = action.get("type") if isinstance(action, Mapping) else None
    return (
        "recordedAt" in record and isinstance(kind, str) and "." in kind and isinstance(record.get("result"), Mapping)
    )


_EVENT = f"""
SELECT line_no, e.action.type AS action, e.recordedAt AS recorded, {text_moment("e.recordedAt")} AS happened_at,
       e.result.description AS told,
       CASE upper(e.result.status) WHEN 'SUCCESS' THEN 'success' ELSE CASE WHEN e.result.status IS NOT NULL THEN 'error' END END AS outcome,
       CASE WHEN action IN ('GRANT.CREATED', 'GRANT.UPDATED') THEN 'give'
            WHEN action = 'GRANT.DELETED' THEN 'end grant'
            WHEN action IN ('USER.ACCESS_ALLOWED', 'USER.ACCESS_DENIED') THEN 'use'
            WHEN action = 'APPLICATION.DELETED' OR (action = 'APPLICATION.UPDATED' AND ends_with(told, ' with disabled state'))
            THEN 'end application'
            WHEN action = 'APPLICATION.UPDATED' AND ends_with(told, ' with enabled state') THEN 'enable application'
            WHEN action = 'USER.DELETED' THEN 'end user'
            WHEN action = 'SCOPE.DELETED' THEN 'end scope' END AS meaning,
       CASE WHEN meaning IS NOT NULL THEN line END AS held
FROM shaped
"""

_KNOWN = f"""
SELECT *, nullif(coalesce(application.id, CASE WHEN meaning IN ('give', 'end grant') THEN pair.application END), '') AS client_id,
       nullif(application.name, '') AS client_name, nullif(one_user.id, '') AS user_id, nullif(one_user.name, '') AS user_name,
       'grant:' || client_id || ':' || nullif(pair.resource, '') AS grant_id,
       coalesce(nullif(actors.user.id, ''), nullif(actors.client.id, '')) AS actor,
       CASE meaning WHEN 'end grant' THEN client_id WHEN 'end application' THEN client_id WHEN 'enable application' THEN client_id WHEN 'end user' THEN user_id
                    WHEN 'end scope' THEN nullif(one_scope.name, '') END AS ended
FROM (
    SELECT line_no, action, meaning, happened_at, outcome, told, e.actors AS actors,
           {text_moment("e.createdAt")} AS received_at,
           nullif(e.id, '') || '@' || strftime(happened_at, '%Y-%m-%dT%H:%M:%S.%gZ') AS event_id,
           coalesce(nullif(e.resources[1].environment.id, ''), nullif(e.actors.client.environment.id, '')) AS tenant,
           nullif(e.source.ipAddress, '') AS ip, nullif(e.source.userAgent, '') AS user_agent,
           list_filter(e.resources, lambda r: r.type = 'APPLICATION')[1] AS application,
           list_filter(e.resources, lambda r: r.type = 'USER')[1] AS one_user,
           list_filter(e.resources, lambda r: r.type = 'SCOPE')[1] AS one_scope,
           regexp_extract(told, '^[A-Z][a-z]+ Grant for application ''([^'']+)'' to resource ''([^'']+)''$', ['application', 'resource'])
               AS pair
    FROM (SELECT *, from_json(held, '{_FIELDS}') AS e FROM event
          WHERE meaning IS NOT NULL AND happened_at IS NOT NULL AND outcome IS NOT NULL)
)
"""

_ISSUANCE = """
SELECT line_no, event_id, happened_at AS issued_at, received_at,
       CASE action WHEN 'GRANT.CREATED' THEN 'consent' ELSE 'change' END AS kind, outcome,
       grant_id, client_id, client_name, 'service' AS subject_kind,
       CASE WHEN pair.resource <> '' THEN [pair.resource] END AS audience,
       actor AS consent_actor, 'admin' AS consent_kind, ip, user_agent, tenant
FROM known
WHERE meaning = 'give'
"""

_USAGE = """
SELECT line_no, event_id, happened_at AS used_at, received_at,
       CASE WHEN action = 'USER.ACCESS_DENIED' THEN 'denied' ELSE outcome END AS outcome,
       CASE WHEN action = 'USER.ACCESS_DENIED' THEN 'policy' END AS denial_reason,
       nullif(actors.client.id, '') AS client_id, nullif(actors.client.name, '') AS client_name,
       coalesce(nullif(actors.user.id, ''), user_id) AS subject_id, coalesce(nullif(actors.user.name, ''), user_name) AS subject_name,
       'pingone' AS resource_server, action AS operation, ip, user_agent, tenant
FROM known
WHERE meaning = 'use'
"""

_REVOCATION = """
SELECT line_no, event_id, happened_at AS revoked_at, received_at,
       CASE meaning WHEN 'end grant' THEN 'revoke' WHEN 'end scope' THEN 'downgrade' WHEN 'enable application' THEN 'enable'
                    ELSE 'disable' END AS kind, outcome,
       CASE meaning WHEN 'end grant' THEN 'grant' WHEN 'end application' THEN 'client' WHEN 'enable application' THEN 'client' WHEN 'end user' THEN 'subject'
                    ELSE 'policy' END AS target_kind,
       CASE WHEN meaning = 'end grant' THEN grant_id END AS grant_id,
       CASE WHEN meaning IN ('end grant', 'end application', 'enable application') THEN client_id END AS client_id,
       CASE WHEN meaning IN ('end grant', 'end application', 'enable application') THEN client_name END AS client_name,
       CASE WHEN meaning = 'end user' THEN user_id END AS subject_id,
       CASE WHEN meaning = 'end user' THEN user_name END AS subject_name,
       CASE WHEN meaning = 'end scope' THEN [ended] END AS scopes_removed,
       CASE WHEN actor IS NOT NULL THEN 'admin' END AS initiator, actor AS actor_id, told AS reason, tenant
FROM known
WHERE (starts_with(meaning, 'end ') OR meaning = 'enable application') AND ended IS NOT NULL
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN action LIKE '%SECRET.%' THEN 'secret of a client shown or renewed'
            WHEN action LIKE 'TOKEN%' THEN 'token event of a kind not known'
            WHEN action = 'USER.UPDATED' AND told ILIKE 'updated enabled for %' THEN 'user switched on or off: not said which'
            WHEN starts_with(action, 'FLOW.') OR starts_with(action, 'PASSWORD.') OR starts_with(action, 'SESSION.')
              OR starts_with(action, 'MFA_') THEN 'sign-in of a person'
            ELSE 'not about delegated access' END AS reason
FROM event
WHERE meaning IS NULL AND happened_at IS NOT NULL AND action IS NOT NULL
"""

_REJECTED = """
SELECT line_no,
       CASE WHEN action IS NULL THEN 'action.type is missing' WHEN recorded IS NULL THEN 'recordedAt is missing'
            ELSE 'recordedAt is no time' END AS reason
FROM event
WHERE happened_at IS NULL OR action IS NULL
UNION ALL
SELECT line_no, 'result.status is missing' FROM event WHERE meaning IS NOT NULL AND happened_at IS NOT NULL AND outcome IS NULL
UNION ALL
SELECT line_no, 'names no ' || split_part(meaning, ' ', 2) FROM known WHERE (starts_with(meaning, 'end ') OR meaning = 'enable application') AND ended IS NULL
"""

LOADER = with_envelopes(
    Loader(
        name="ping_one",
        version=6,
        title="PingOne audit activities",
        recognise=mostly_inside(_is_event),
        fields=_FIELDS,
        glance=_GLANCE,
        carries=("issuance", "revocation"),
        steps={"event": _EVENT, "known": _KNOWN},
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
                "actors.client.id",
                "by the application alone: a grant has no user",
            ),
            Join("issuance", "revocation", "grant", "application and resource", "as the result's text names them"),
            Join("usage", "revocation", "client and subject", "actors.client.id, actors.user.id", "no token is named"),
        ),
        join_note=(
            "A grant and its end join by application and resource, which the result's text names; who reached an application "
            "joins by application and user. Tokens and scopes are not in this log."
        ),
    ),
    mark="r.action.type IS NOT NULL",
    spelled=_ANY_NAMES,
)
