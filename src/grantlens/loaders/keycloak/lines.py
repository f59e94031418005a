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
    "reason",
    "actor",
    "actor_id",
    "actor_type",
)

PAIR = r""", ([A-Za-z_][A-Za-z0-9_.-]*)=("(?:[^"\\]|\\.)*"|'[^']*'|[^,]*(?:,[^ ,][^,]*)*)"""
"""One `key=value` after a comma and a blank: quoted, quoted the old way, or bare."""

_ZONED = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)"
_OWN = r"(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"


def _structure(names: tuple[str, ...]) -> str:
    return "{" + ", ".join(f'"{name}": "VARCHAR"' for name in names) + "}"


_JSON = _structure(
    (*_OUTER, *_DETAILS, "uid", "time", "timestamp", "@timestamp", "loggerName", "message", "details", "authDetails")
)
_SAID = _structure(("loggerName", "log.logger", "message"))
_AUTH = _structure(("realmId", "clientId", "userId", "sessionId", "ipAddress"))

MEANINGS = {
    "CODE_TO_TOKEN": "token",
    "CLIENT_LOGIN": "token",
    "OAUTH2_DEVICE_CODE_TO_TOKEN": "token",
    "AUTHREQID_TO_TOKEN": "token",
    "JWT_BEARER": "token",
    "OAUTH2_EXTENSION_GRANT": "token",
    "PERMISSION_TOKEN": "token",
    "REFRESH_TOKEN": "refresh",
    "TOKEN_EXCHANGE": "exchange",
    "GRANT_CONSENT": "consent",
    "UPDATE_CONSENT": "consent",
    "INTROSPECT_TOKEN": "use",
    "USER_INFO_REQUEST": "use",
    "VALIDATE_ACCESS_TOKEN": "use",
    "REVOKE_GRANT": "revoke",
    "LOGOUT": "logout",
    "USER_SESSION_DELETED": "logout",
    "USER_DISABLED_BY_PERMANENT_LOCKOUT": "disable user",
    "DELETE_ACCOUNT": "disable user",
    "CLIENT_DELETE": "disable client",
}
"""What an event of a user means by its type alone. A LOGIN may mean something by what else it says."""

SIGN_IN = "sign-in of a person"
ADMIN = "admin event that does not end access"
NEITHER = "event that neither gives nor takes access"

_HEAD = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,]\d\d\d +[A-Z]+ +\[[\w.$-]+\] \("
"""How most lines begin: with date and time to the millisecond, without a zone, and nothing before them."""

_QUOTED = r"""^[A-Za-z_][\w.-]*="[^"\\]*"(?:, [A-Za-z_][\w.-]*="[^"\\]*")* *$"""
"""A message of which every value is quoted, and holds no quote: none is cut."""

_BARE = r"""[^ -~]|["\\]| ,|,,|= |='|[ ,]$"""
"""What a message of bare values lacks where each value goes from the equals sign to the next comma and blank."""

# A line is `<prefix> <time> LEVEL [logger] (thread) message`; the prefix is a collector's or a container's. Most lines tell by
# the first pair of their message that they say nothing of access (`dull`): of these nothing else is read.
TOLD = rf"""
SELECT * REPLACE (CASE WHEN logger IS NULL OR (logger = 'org.keycloak.events' AND dull IS NULL) THEN line END AS line,
                  CASE WHEN dull IS NULL THEN message END AS message)
FROM (SELECT *,
             CASE WHEN logger IS DISTINCT FROM 'org.keycloak.events' THEN NULL
                  WHEN contains(message, '"') AND NOT regexp_matches(message, '{_QUOTED}') THEN NULL
                  WHEN regexp_matches(message, '^operationType="?[A-Z]+"?(, |$)')
                  THEN CASE WHEN NOT regexp_matches(message, '^operationType="?(DELETE|ACTION|UPDATE)')
                              OR NOT regexp_matches(message, 'resourcePath=["'']?(users/|clients/|sessions/|logout-all)') THEN '{ADMIN}' END
                  WHEN NOT regexp_matches(message, '^type="?[A-Z0-9_]+"?(, |$)') OR contains(message, 'operationType=')
                    OR regexp_matches(message, '^type="?({"|".join(MEANINGS)})(_ERROR)?"?(, |$)') THEN NULL
                  WHEN regexp_matches(message, '^type="?LOGIN(_ERROR)?"?(, |$)')
                  THEN CASE WHEN NOT (contains(message, 'token_id=') OR contains(message, 'grant_type=')
                                  OR contains(message, 'rejected_by_user')) THEN '{SIGN_IN}' END
                  WHEN regexp_matches(message, '^type="?([A-Z0-9_]*LOGIN|(REGISTER|IMPERSONATE)(_ERROR)?"?(, |$))') THEN '{SIGN_IN}'
                  ELSE '{NEITHER}' END AS dull
      FROM (
          SELECT *,
                 CASE WHEN NOT is_text THEN coalesce(j.loggerName, j."log.logger")
                      WHEN has_plain_head
                      THEN CASE WHEN strpos(line, '[org.keycloak.events]') = strpos(line, '[') THEN 'org.keycloak.events' ELSE 'another' END
                      ELSE nullif(regexp_extract(line, '{_OWN}\s+[A-Z]+\s+\[([\w.$-]+)\]', 1), '') END AS logger,
                 CASE WHEN NOT is_text THEN j.message
                      WHEN has_plain_head AND strpos(line, ')') = strpos(line, ') ')
                      THEN CASE WHEN logger = 'org.keycloak.events' THEN substr(line, strpos(line, ') ') + 2) END
                      WHEN contains(line, '[org.keycloak.events]')
                      THEN regexp_extract(line, '\[org\.keycloak\.events\] \([^)]*\) (.*)$', 1) END AS message
          FROM (SELECT line_no, r AS line, NOT coalesce(regexp_matches(r, '^ *\{{'), false) AS is_text,
                       is_text AND coalesce(regexp_matches(r, '{_HEAD}'), false) AS has_plain_head,
                       CASE WHEN NOT is_text THEN TRY(from_json(r, '{_SAID}')) END AS j
                FROM record)
      ))
"""

TOLD_IN_DOCKER = TOLD.replace(
    "FROM record",
    """FROM (SELECT line_no, CASE WHEN starts_with(r, '{"log":')
                                  THEN coalesce(rtrim(TRY(json_extract_string(r, '$.log')), chr(10)), r) ELSE r END AS r FROM record)""",
)
"""The same of lines that Docker keeps in records of its own."""

# The text of an event, and when it was: the last time before the level is the line's own, one before it the collector's.
# Where the pairs of a message can be told without care, it becomes JSON by replacing what is between them.
WRITTEN = rf"""
SELECT line_no, line, is_text, event, pairs,
       CASE WHEN is_odd THEN regexp_extract_all(', ' || message, '{PAIR.replace("'", "''")}', 1) END AS keys,
       CASE WHEN is_odd THEN regexp_extract_all(', ' || message, '{PAIR.replace("'", "''")}', 2) END AS raw,
       CASE WHEN has_plain_head THEN left(line, 23)
            WHEN is_text THEN nullif(regexp_extract(head, '({_OWN})\s+[A-Z]+\s+$', 1), '') END AS own_time,
       CASE WHEN is_text AND NOT has_plain_head THEN nullif(regexp_extract(head, '({_ZONED})', 1), '') END AS collector_time,
       coalesce(event.time, event.timestamp, event."@timestamp", j.time, j.timestamp, j."@timestamp") AS json_time
FROM (
    SELECT *, TRY(from_json(as_json, '{_structure((*_OUTER, *_DETAILS, "representation"))}')) AS pairs,
           event IS NULL AND pairs IS NULL AND message IS NOT NULL AS is_odd
    FROM (
        SELECT *,
               CASE WHEN event IS NOT NULL THEN NULL
                    WHEN NOT regexp_matches(bare, '{_BARE.replace("'", "''")}')
                    THEN '{{"' || replace(replace(bare, ', ', '","'), '=', '":"') || '"}}'
                    WHEN regexp_matches(message, '{_QUOTED}')
                    THEN '{{"' || replace(replace(message, '="', '":"'), '", ', '","') || '}}' END AS as_json
        FROM (
            SELECT *,
                   CASE WHEN is_text AND NOT has_plain_head
                        THEN regexp_extract(line, '^(.*?)\[org\.keycloak\.events\]', 1) END AS head,
                   CASE WHEN contains(message, '=''')
                        THEN regexp_replace(rtrim(message), '=''([^'',]*)''(, |$)', '=\1\2', 'g')
                        WHEN ends_with(message, ' ') THEN rtrim(message) ELSE message END AS bare,
                   CASE WHEN starts_with(message, 'JSON_EVENT::') THEN TRY(from_json(substr(message, 13), '{_JSON}'))
                        WHEN NOT is_text AND logger IS NULL THEN j END AS event
            FROM (SELECT * REPLACE (CASE WHEN NOT is_text THEN TRY(from_json(line, '{_JSON}')) END AS j) FROM told
                  WHERE (logger = 'org.keycloak.events' OR (NOT is_text AND logger IS NULL AND j IS NOT NULL)) AND dull IS NULL)
        )
    )
)
"""


def _field(name: str) -> str:
    """Return SQL for a field of an event in JSON, whose details may stand apart or beside it."""
    found = f'event."{name}"'
    if name in _DETAILS:
        found = f'coalesce({found}, details."{name}")'
    elif name in ("realmId", "clientId", "userId", "ipAddress"):
        found = f'coalesce({found}, auth."{name}")'
    elif name == "sessionId":  # beside an admin event it is that of the admin
        found = f"coalesce({found}, CASE WHEN event.operationType IS NULL THEN auth.sessionId END)"
    elif name == "id":
        found = "coalesce(event.id, event.uid)"
    elif name == "type":
        found = "regexp_replace(event.type, '^access\\.', '')"
    return f"nullif({found}, 'null') AS \"{name}\""


def _value(name: str) -> str:
    """Return SQL for the first value of a key: what a stranger writes into a later one cannot replace it."""
    return f"nullif(texts[list_position(keys, '{name}')], 'null') AS \"{name}\""


def _pair(name: str) -> str:
    return f'nullif(pairs."{name}", \'null\') AS "{name}"'


_KEPT = "line_no, is_text, own_time, collector_time, json_time"

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
SELECT {_KEPT}, false,
       {", ".join(_pair(name) for name in (*_OUTER, *_DETAILS))},
       nullif(pairs.userId, 'null'),
       TRY(from_json(pairs.representation, '{{"enabled": "VARCHAR", "clientId": "VARCHAR"}}')),
       pairs.representation IS NOT NULL
FROM written WHERE event IS NULL AND pairs IS NOT NULL
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
      FROM written WHERE event IS NULL AND pairs IS NULL)
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
        FROM (SELECT *, coalesce(json_time, own_time) AS written_time FROM told_event)
    )
)
"""
