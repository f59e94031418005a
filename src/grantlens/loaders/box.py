"""Box enterprise events: access tokens made, keys of apps added and deleted, support let in, and what apps did.

What the mapping decides, and why:

- An event that names a service in `additional_details` (`service_id`) was done through that app: a use by it for the
  person in `created_by`. The details come as an object or as JSON inside a text; both are read.
- What Box Shield blocked (`SHIELD_..._BLOCKED`) was denied by policy; a policy that only monitors (`controlMode`) blocked nothing, and its notice is no
  use. A sign-in is none, whatever service it names.
- `USER_AUTHENTICATE_OAUTH2_ACCESS_TOKEN_CREATE` is a token of that service for that person, without an id. Details can have an
  `access_token_identifier`, as Microsoft's older table shows by its columns: no value of it was seen, so it is not read.
- `ACCESS_GRANTED` lets Box's technical support into the account of a person, `ACCESS_REVOKED` ends that: a consent, and
  its end, of a client that has no id of its own and is called by its name.
- `OAUTH2_ACCESS_TOKEN_REVOKE` ends a token, `REMOVE_LOGIN_ACTIVITY_DEVICE` a person's session in an app: neither says which, nor whose
  but for who did it. Both are ends without an id, and no use of the service that they name.
- Microsoft's table `BoxEventsV2_CL` writes who did it and on what as columns, empty where an event has not got one; of an app it leaves out the
  client id, so that a key of an app is one of no app that is known.
- `ENTERPRISE_APP_AUTHORIZATION_UPDATE` says that an app was authorised, and no page says where it names it: ignored.

Proven on records that collectors published as tests: which events are ignored, ACCESS_GRANTED (without a time, so that it is
rejected), USER_AUTHENTICATE_OAUTH2_ACCESS_TOKEN_CREATE without a service, and UPLOAD by one. The types are those of Box's own SDK, what they mean is
that of its pages "Enterprise events" and "Shield alert events", which shows the details of blocked downloads and collaborations. DELETE_USER stands in
a public collection of events, APPLICATION_PUBLIC_KEY_ADDED with its app as the source in a SIEM's samples. Microsoft's table is written after its
connector.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from grantlens.loaders.loader import Join, Loader, mostly
from grantlens.loaders.written_time import text_moment

_FIELDS = """{
    "type": "VARCHAR", "event_type": "VARCHAR", "event_id": "VARCHAR", "created_at": "VARCHAR", "recorded_at": "VARCHAR",
    "p_parse_time": "VARCHAR", "session_id": "VARCHAR", "ip_address": "VARCHAR",
    "created_by": {"id": "VARCHAR", "name": "VARCHAR"}, "source": "VARCHAR", "additional_details": "VARCHAR"
}"""


_ROW_FIELDS = """{
    "event_category": "VARCHAR", "event_type": "VARCHAR", "event_id": "VARCHAR", "created_at": "VARCHAR", "recorded_at": "VARCHAR",
    "session_id": "VARCHAR", "ip_address": "VARCHAR", "created_by_id": "VARCHAR", "created_by_name": "VARCHAR", "additional_details": "VARCHAR",
    "source_id": "VARCHAR", "source_type": "VARCHAR", "source_name": "VARCHAR", "source_item_id": "VARCHAR"
}"""


def _is_row(record: Mapping) -> bool:
    """Tell a row of Microsoft's table."""
    return record.get("event_category") == "event" and "created_by_id" in record


def _is_event(record: Mapping) -> bool:
    """Tell a Box event: it calls itself an event, and its type is in capitals."""
    kind = record.get("event_type")
    return (record.get("type") == "event" or _is_row(record)) and isinstance(kind, str) and kind.isupper()


_EVENT = """
SELECT line_no, r.*,
       CASE r.event_type WHEN 'USER_AUTHENTICATE_OAUTH2_ACCESS_TOKEN_CREATE' THEN 'token'
                         WHEN 'ACCESS_GRANTED' THEN 'support in' WHEN 'ACCESS_REVOKED' THEN 'support out'
                         WHEN 'APPLICATION_PUBLIC_KEY_ADDED' THEN 'key' WHEN 'APPLICATION_PUBLIC_KEY_DELETED' THEN 'key end'
                         WHEN 'OAUTH2_ACCESS_TOKEN_REVOKE' THEN 'token end' WHEN 'REMOVE_LOGIN_ACTIVITY_DEVICE' THEN 'session end'
                         WHEN 'DELETE_USER' THEN 'person end' END AS meaning,
       coalesce(r.additional_details LIKE '%service_id%', false) AS names_service
FROM record
WHERE r IS NOT NULL
"""

_EVENT_OF_ROW = _EVENT.replace(
    "FROM record",
    """FROM (SELECT line_no, {'type': c.event_category, 'event_type': c.event_type, 'event_id': c.event_id, 'created_at': c.created_at,
                  'recorded_at': c.recorded_at, 'p_parse_time': NULL::VARCHAR, 'session_id': c.session_id, 'ip_address': c.ip_address,
                  'created_by': {'id': c.created_by_id, 'name': c.created_by_name}, 'additional_details': c.additional_details,
                  'source': to_json({'id': c.source_id, 'type': c.source_type, 'name': c.source_name, 'item_id': c.source_item_id})::VARCHAR} AS r
           FROM (SELECT line_no, {CELLS} AS c FROM record WHERE r IS NOT NULL))""".replace(
        "CELLS", ", ".join(f"'{name}': nullif(r.{name}, '')" for name in json.loads(_ROW_FIELDS))
    ),
)

_DETAILED = """
SELECT * EXCLUDE (additional_details, source),
       TRY(from_json(additional_details, '{"service_id": "VARCHAR", "service_name": "VARCHAR",
           "shield_download_enforcement": {"controlMode": "VARCHAR"},
           "shield_external_collab_enforcement": {"controlMode": "VARCHAR"}}')) AS service,
       TRY(from_json(source,
           '{"id": "VARCHAR", "type": "VARCHAR", "name": "VARCHAR", "item_id": "VARCHAR", "api_key": "VARCHAR"}')) AS object
FROM event
WHERE meaning IS NOT NULL OR names_service
"""

_PARTY = f"""
SELECT *, {text_moment("created_at")} AS happened_at,
       coalesce({text_moment("recorded_at")}, {text_moment("p_parse_time")}) AS received_at,
       -- a key is told with its app for the source, known by its client id, which Box calls its API key
       coalesce(object.type = 'application', false) AS of_app,
       coalesce(service.service_id, CASE WHEN of_app THEN object.api_key END) AS app, coalesce(service.service_name, object.name) AS app_name,
       CASE WHEN NOT of_app THEN object.id END AS key_id,
       event_type LIKE '%@_BLOCKED%' ESCAPE '@' AS blocked,
       blocked AND coalesce(service.shield_download_enforcement.controlMode, service.shield_external_collab_enforcement.controlMode, '')
           = 'monitoring' AS watched,
       meaning IS NULL AND service.service_id IS NOT NULL AND NOT watched AND event_type NOT IN ('LOGIN', 'ADMIN_LOGIN', 'FAILED_LOGIN') AS is_use
FROM detailed
"""

_ISSUANCE = """
SELECT line_no, event_id, happened_at AS issued_at, received_at,
       CASE meaning WHEN 'support in' THEN 'consent' WHEN 'key' THEN 'credential' ELSE 'token' END AS kind,
       'success' AS outcome,
       CASE meaning WHEN 'token' THEN 'access' WHEN 'key' THEN 'api_key' END AS token_kind,
       CASE WHEN meaning = 'key' THEN key_id END AS token_id,
       CASE meaning WHEN 'support in' THEN 'Box technical support' WHEN 'key' THEN app ELSE service.service_id END AS client_id,
       CASE meaning WHEN 'support in' THEN 'Box technical support' WHEN 'key' THEN app_name ELSE service.service_name END AS client_name,
       CASE WHEN meaning <> 'key' THEN created_by.id END AS subject_id,
       CASE WHEN meaning <> 'key' THEN created_by.name END AS subject_name,
       CASE WHEN meaning = 'key' THEN 'service' ELSE 'user' END AS subject_kind,
       CASE WHEN meaning <> 'token' THEN created_by.id END AS consent_actor,
       CASE WHEN meaning = 'support in' THEN 'user' END AS consent_kind,
       session_id, ip_address AS ip
FROM party
WHERE meaning IN ('token', 'support in', 'key')
"""

_USAGE = """
SELECT line_no, event_id, happened_at AS used_at, received_at,
       CASE WHEN blocked THEN 'denied' ELSE 'success' END AS outcome, CASE WHEN blocked THEN 'policy' END AS denial_reason,
       service.service_id AS client_id, service.service_name AS client_name,
       created_by.id AS subject_id, created_by.name AS subject_name,
       session_id, 'api.box.com' AS resource_server, event_type AS operation,
       coalesce(object.item_id, object.id) AS resource_id, ip_address AS ip
FROM party
WHERE is_use
"""

_REVOCATION = """
SELECT line_no, event_id, happened_at AS revoked_at, received_at,
       CASE WHEN meaning = 'person end' THEN 'disable' ELSE 'revoke' END AS kind, 'success' AS outcome,
       CASE meaning WHEN 'support out' THEN 'grant' WHEN 'key end' THEN 'credential' WHEN 'token end' THEN 'token'
                    WHEN 'session end' THEN 'session' ELSE 'subject' END AS target_kind,
       CASE WHEN meaning = 'key end' THEN key_id END AS token_id,
       CASE meaning WHEN 'support out' THEN 'Box technical support' WHEN 'person end' THEN NULL WHEN 'key end' THEN app ELSE service.service_id END
           AS client_id,
       CASE WHEN meaning = 'key end' THEN app_name END AS client_name,
       CASE meaning WHEN 'support out' THEN created_by.id WHEN 'person end' THEN object.id END AS subject_id,
       CASE meaning WHEN 'support out' THEN 'user' WHEN 'person end' THEN 'admin' END AS initiator,
       created_by.id AS actor_id
FROM party
WHERE meaning IN ('support out', 'key end', 'token end', 'session end') OR (meaning = 'person end' AND object.id IS NOT NULL)
"""

_IGNORED = """
SELECT e.line_no,
       CASE WHEN e.event_type IN ('LOGIN', 'ADMIN_LOGIN', 'FAILED_LOGIN') OR e.event_type LIKE '%DEVICE%'
            THEN 'sign-in of a person'
            WHEN e.event_type = 'ENTERPRISE_APP_AUTHORIZATION_UPDATE' THEN 'authorisation of an app that is not named'
            WHEN e.line_no IN (SELECT line_no FROM party WHERE watched) THEN 'notice of a policy that blocked nothing'
            ELSE 'not about delegated access' END AS reason
FROM event e
WHERE e.meaning IS NULL AND e.event_type IS NOT NULL
    AND (NOT e.names_service OR e.line_no IN (SELECT line_no FROM party WHERE NOT is_use))
"""

_REJECTED = """
SELECT line_no, 'event_type is missing' AS reason FROM event WHERE event_type IS NULL
UNION ALL
SELECT line_no, 'names no person' FROM party WHERE meaning = 'person end' AND object.id IS NULL
UNION ALL
SELECT line_no, CASE WHEN created_at IS NULL THEN 'created_at is missing' ELSE 'created_at is no time' END
FROM party WHERE (meaning IS NOT NULL OR is_use) AND happened_at IS NULL
"""


def _fitted(sample: Sequence[Mapping]) -> Loader:
    """Read the columns of Microsoft's table where the first records are rows of it."""
    if not any(map(_is_row, sample)):
        return LOADER
    return replace(LOADER, fields=_ROW_FIELDS, steps={**LOADER.steps, "event": _EVENT_OF_ROW})


LOADER = Loader(
    name="box",
    version=6,
    title="Box enterprise events",
    recognise=mostly(_is_event),
    fields=_FIELDS,
    dialect=_fitted,
    carries=("issuance", "revocation"),
    steps={"event": _EVENT, "detailed": _DETAILED, "party": _PARTY},
    issuance=_ISSUANCE,
    usage=_USAGE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join("issuance", "usage", "client and subject", "service_id, created_by.id", "no event seen names a token"),
        Join("issuance", "revocation", "grant", "created_by.id", "support; keys by the id of the object"),
        Join("usage", "revocation", "client and subject", "created_by.id", "people who were deleted"),
    ),
    join_note=(
        "Tokens and what was done with them join by service and person; no event seen names a token. The end of a token "
        "says neither which nor whose."
    ),
)
