"""SQL that reads a Keycloak record: a line of the server's log or JSON, into one row of named fields.

Static text, made from the names below. RE2 knows no look-ahead, so an unquoted value is "anything up to a comma
that a blank follows": realm names with blanks survive, and only quoted values may hold comma and blank.
"""

# What is read of an event. Never `redirect_uri` (it may hold a code), cookies, request URIs, the rest of a representation.
_OUTER = (
    "id",
    "type",
    "operationType",
    "realmId",
    "realmName",
    "clientId",
    "userId",
    "sessionId",
    "ipAddress",
    "error",
    "resourceType",
    "resourcePath",
)
_DETAILS = (
    "token_id",
    "refresh_token_id",
    "updated_refresh_token_id",
    "grant_type",
    "scope",
    "audience",
    "username",
    "code_id",
    "revoked_client",
    "token_issued_for",
    "authSessionParentId",
)

PAIR = r""", ([A-Za-z_][A-Za-z0-9_.-]*)=("(?:[^"\\]|\\.)*"|'[^']*'|[^,]*(?:,[^ ,][^,]*)*)"""
"""One `key=value` after a comma and a blank: quoted, quoted the old way, or bare."""

_ZONED = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)"
_OWN = r"(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"


def _structure(names: tuple[str, ...], more: str = "") -> str:
    return "{" + ", ".join(f'"{name}": "VARCHAR"' for name in names) + more + "}"


_JSON = _structure(
    (*_OUTER, *_DETAILS, "time", "timestamp", "@timestamp", "loggerName", "message", "details", "authDetails")
)
_AUTH = _structure(("realmId", "clientId", "userId", "ipAddress"))

# A line is `<prefix> <time> LEVEL [logger] (thread) message`; the prefix is a collector's or a container's.
TOLD = rf"""
SELECT *,
       CASE WHEN NOT is_text THEN j.loggerName
            ELSE nullif(regexp_extract(line, '{_OWN}\s+[A-Z]+\s+\[([\w.$-]+)\]', 1), '') END AS logger,
       CASE WHEN NOT is_text THEN j.message
            WHEN contains(line, '[org.keycloak.events]')
            THEN regexp_extract(line, '\[org\.keycloak\.events\] \([^)]*\) (.*)$', 1) END AS message
FROM (SELECT line_no, r AS line, NOT coalesce(starts_with(ltrim(r), '{{'), false) AS is_text,
             CASE WHEN NOT is_text THEN TRY(from_json(r, '{_JSON}')) END AS j
      FROM record)
"""

# The text of an event, and when it was: the last time before the level is the line's own, one before it the collector's.
WRITTEN = rf"""
SELECT line_no, line, is_text, event,
       CASE WHEN event IS NULL AND message IS NOT NULL THEN regexp_extract_all(', ' || message, '{PAIR.replace("'", "''")}', 1)
            END AS keys,
       CASE WHEN event IS NULL AND message IS NOT NULL THEN regexp_extract_all(', ' || message, '{PAIR.replace("'", "''")}', 2)
            END AS raw,
       CASE WHEN is_text THEN nullif(regexp_extract(head, '({_OWN})\s+[A-Z]+\s+$', 1), '')
            END AS own_time,
       CASE WHEN is_text THEN nullif(regexp_extract(head, '({_ZONED})', 1), '') END AS collector_time,
       coalesce(event.time, event.timestamp, event."@timestamp", j.time, j.timestamp, j."@timestamp") AS json_time
FROM (SELECT *,
             CASE WHEN is_text THEN regexp_extract(line, '^(.*?)\[org\.keycloak\.events\]', 1) END AS head,
             CASE WHEN starts_with(message, 'JSON_EVENT::') THEN TRY(from_json(substr(message, 13), '{_JSON}'))
                  WHEN NOT is_text AND logger IS NULL THEN j END AS event
      FROM told
      WHERE logger = 'org.keycloak.events' OR (NOT is_text AND logger IS NULL AND j IS NOT NULL))
"""


def _field(name: str) -> str:
    """Return SQL for a field of an event in JSON, whose details may stand apart or beside it."""
    found = f'event."{name}"'
    if name in _DETAILS:
        found = f'coalesce({found}, details."{name}")'
    elif name in ("realmId", "clientId", "userId", "ipAddress"):
        found = f'coalesce({found}, auth."{name}")'
    return f"nullif({found}, 'null') AS \"{name}\""


def _value(name: str) -> str:
    """Return SQL for the first value of a key: what a stranger writes into a later one cannot replace it."""
    return f"nullif(texts[list_position(keys, '{name}')], 'null') AS \"{name}\""


_KEPT = "line_no, line, is_text, own_time, collector_time, json_time"

EVENT = f"""
SELECT {_KEPT}, false AS is_cut,
       {", ".join(_field(name) for name in (*_OUTER, *_DETAILS))},
       auth.userId AS admin_id,
       TRY(from_json(representation, '{{"enabled": "VARCHAR", "clientId": "VARCHAR"}}')) AS changed,
       representation IS NOT NULL AS shows_change
FROM (SELECT *, TRY(from_json(event.details, '{_structure(_DETAILS)}')) AS details,
             TRY(from_json(event.authDetails, '{_AUTH}')) AS auth,
             TRY(json_extract_string(line, '$.representation')) AS representation
      FROM written WHERE event IS NOT NULL)
UNION ALL
SELECT {_KEPT}, len(list_filter(raw, lambda v: starts_with(v, '"') AND (len(v) = 1 OR NOT ends_with(v, '"')))) > 0,
       {", ".join(_value(name) for name in (*_OUTER, *_DETAILS))},
       nullif(texts[list_position(keys, 'userId')], 'null'),
       TRY(from_json(texts[list_position(keys, 'representation')], '{{"enabled": "VARCHAR", "clientId": "VARCHAR"}}')),
       list_contains(keys, 'representation')
FROM (SELECT *, list_transform(raw, lambda v: CASE WHEN starts_with(v, '"') AND ends_with(v, '"') AND len(v) > 1
                                                   THEN replace(v[2:-2], '\\"', '"')
                                                   WHEN starts_with(v, '''') AND ends_with(v, '''') AND len(v) > 1
                                                   THEN v[2:-2] ELSE trim(v) END) AS texts
      FROM written WHERE event IS NULL)
"""

# A local time is an instant only if the zone knows it once. Its offset a day before and a day after are the two that it
# can have: where both fit and differ, the clock was put back; where none fits, it was put forward.
TIMED = rf"""
SELECT * EXCLUDE (first_guess, second_guess, as_first, as_second),
       CASE WHEN millis BETWEEN 100000000000 AND 99999999999999 THEN make_timestamptz(millis * 1000)
            WHEN zoned THEN TRY_CAST(replace(written_time, ',', '.') AS TIMESTAMPTZ)
            WHEN as_first IS NOT NULL AND as_second IS NOT NULL AND as_first <> as_second THEN NULL
            WHEN local_time IS NOT NULL THEN coalesce(as_first, as_second)
            WHEN own_time IS NOT NULL AND collector_time IS NOT NULL
            THEN TRY_CAST(replace(collector_time, ',', '.') AS TIMESTAMPTZ) END AS happened_at,
       CASE WHEN collector_time <> written_time THEN TRY_CAST(replace(collector_time, ',', '.') AS TIMESTAMPTZ)
            END AS received_at,
       CASE WHEN happened_at IS NOT NULL THEN NULL
            WHEN written_time IS NULL THEN 'time is missing'
            WHEN regexp_full_match(written_time, '\d\d:\d\d:\d\d.*') THEN 'time of day without a date'
            WHEN local_time IS NULL THEN 'time cannot be read'
            WHEN $zone::VARCHAR IS NULL THEN 'local time without a time zone: load with --time-zone'
            WHEN as_first <> as_second THEN 'local time that occurs twice: the clock was put back'
            ELSE 'local time that does not exist: the clock was put forward' END AS time_fault
FROM (
    SELECT *,
           CASE WHEN timezone($zone::VARCHAR, first_guess) = local_time THEN first_guess END AS as_first,
           CASE WHEN timezone($zone::VARCHAR, second_guess) = local_time THEN second_guess END AS as_second
    FROM (
        SELECT *, TRY_CAST(written_time AS BIGINT) AS millis,
               coalesce(regexp_full_match(written_time, '{_ZONED}'), false) AS zoned,
               CASE WHEN NOT zoned AND regexp_full_match(written_time, '\d{{4}}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?')
                    THEN TRY_CAST(replace(written_time, ',', '.') AS TIMESTAMP) END AS local_time,
               timezone('UTC', local_time) AS as_utc,
               as_utc - (timezone($zone::VARCHAR, as_utc - INTERVAL 1 DAY) - (local_time - INTERVAL 1 DAY)) AS first_guess,
               as_utc - (timezone($zone::VARCHAR, as_utc + INTERVAL 1 DAY) - (local_time + INTERVAL 1 DAY)) AS second_guess
        FROM (SELECT *, coalesce(json_time, own_time) AS written_time FROM event)
    )
)
"""
