"""What a record of Salesforce is for access, and who, when and which client stands in it."""

import json
from collections.abc import Sequence

from grantlens.loaders.salesforce.shape import FIELDS, NOT_A_LOGOUT
from grantlens.loaders.written_time import text_moment

_CALLS = ("API", "RestApi", "BulkApi", "BulkApi2", "BulkApiRequest", "ApexRestApi", "ApexSoap", "ApiTotalUsage")


def _listed(names: Sequence[str]) -> str:
    return "(" + ", ".join(f"'{name}'" for name in names) + ")"


def eighteen(user: str) -> str:
    """Return SQL for a user id of 18 characters: one letter for each five of the 15 tells which are capitals."""
    letters = " || ".join(
        "substr('ABCDEFGHIJKLMNOPQRSTUVWXYZ012345', 1"
        + "".join(f" + {2**n} * (substr({user}, {start + n}, 1) BETWEEN 'A' AND 'Z')::INT" for n in range(5))
        + ", 1)"
        for start in (1, 6, 11)
    )
    return f"CASE WHEN length({user}) = 15 THEN {user} || {letters} ELSE {user} END"


TYPED = f"""
SELECT line_no, r.*,
       CASE WHEN r.EVENT_TYPE = 'Login' THEN 'file login'
            WHEN r.EVENT_TYPE = 'Logout' THEN 'logout'
            WHEN r.EVENT_TYPE IN {_listed(_CALLS)} THEN 'call'
            WHEN r.EVENT_TYPE IS NOT NULL THEN CASE r.EVENT_TYPE WHEN 'LoginAs' THEN 'other login' ELSE 'other event' END
            WHEN r.EventIdentifier IS NULL AND (r.LoginTime IS NOT NULL OR r.attributes.type = 'LoginHistory') THEN 'history login'
            WHEN starts_with(r.attributes.type, 'LoginEvent')
              OR (r.LoginType IS NOT NULL AND coalesce(r.attributes.type, r.Score, r.DelegatedUsername) IS NULL) THEN 'stream login'
            WHEN starts_with(r.attributes.type, 'LogoutEvent')
              OR (r.EventIdentifier IS NOT NULL AND r.SessionLevel IS NOT NULL AND r.attributes.type IS NULL
                  AND coalesce({", ".join(f"r.{name}" for name in NOT_A_LOGOUT)}) IS NULL) THEN 'stream logout'
            WHEN r.EventIdentifier IS NOT NULL AND ((r.ApiType IS NOT NULL AND r.Operation IS NOT NULL)
                OR starts_with(r.attributes.type, 'BulkApiResultEvent')) THEN 'stream call'
            WHEN r.EventIdentifier IS NOT NULL THEN CASE WHEN r.DelegatedUsername <> '' THEN 'other login' ELSE 'other event' END
            WHEN r.Action IN ('insertConnectedApplication', 'insertApplication', 'addOauthClientCredentialUser') THEN 'consent'
            WHEN r.Action = 'changeOauthDefaultScope' THEN 'change'
            WHEN r.Action IN ('deleteConnectedApplication', 'deleteApplication', 'blockConnectedApplication', 'unblockConnectedApplication') THEN 'end'
            WHEN r.Action IN ('deactivateduser', 'activateduser') THEN 'person end'
            WHEN regexp_matches(r.Action, '^su([A-Z][A-Za-z]*)?(Login|Logout)$|^suloginaccessused$') THEN 'other login'
            WHEN r.Action IS NOT NULL THEN 'other action'
            WHEN r.EventType IS NOT NULL AND r.attributes.type = 'EventLogFile' THEN 'index' END AS meaning
FROM record
WHERE r IS NOT NULL
"""

TYPED_WITHIN = TYPED.replace(
    "FROM record",
    """FROM (SELECT line_no, struct_update(r.data.payload, attributes := {'type':
                  coalesce(r.data.payload.attributes.type, regexp_extract(r.channel, '^/event/(.+)$', 1))}) AS r FROM record)""",
)

_PLAIN = [name for name in json.loads(FIELDS) if name not in ("attributes", "Username")]
_CELLS = ", ".join(f"'{name}': nullif(r.{name}, '')" for name in _PLAIN)
TYPED_ROWS = TYPED.replace(
    "FROM record",
    f"""FROM (SELECT line_no, {{{_CELLS}, 'Username': coalesce(nullif(r.UserNameDetail, ''), nullif(r.Username, '')),
                  'attributes': {{'type': coalesce(r.attributes.type, nullif(r.EventType, ''))}}}} AS r FROM record WHERE r IS NOT NULL)""",
)

# What the following read no more: each column less is one less to write for each record.
_READ = """"TIMESTAMP", TIMESTAMP_DERIVED, REQUEST_ID, USER_ID, USER_ID_DERIVED, USER_NAME, SESSION_KEY, LOGIN_KEY,
    BATCH_ID, STATUS_CODE, RUN_TIME, CPU_TIME, CONNECTED_APP_ID, CLIENT_IP, SOURCE_IP, attributes, EventIdentifier, EventDate,
    LoginTime, CreatedDate, LoginKey, SessionKey, SessionLevel, ApiType, RecordId, Score, DelegatedUsername, FileAction, Query,
    EvaluationTime, RequestUri, VerificationMethod, ConnectedAppId, LOGIN_TYPE, LoginSubType, LOGIN_SUB_TYPE,
    UserId, Username, SourceIp, Id, CreatedById, EventType, is_file, is_by_app_id, written_user, named_user, named_client"""

_RUNS_AS = r"^Assigned OAuth client credentials user [^ ]+ [(]UserID: \[([0-9A-Za-z]{15,18})\][)] to app (.+) [(]AppID: \[[0-9A-Za-z]{15,18}\][)]$"

# Inside stands what is asked for many times: written out beside it, it would be worked out as often.
KNOWN = f"""
SELECT * EXCLUDE ({_READ}),
       coalesce({text_moment("written")},
                CASE WHEN regexp_matches(written, '^[0-9]{{14}}[.][0-9]{{1,3}}$')  -- zeros at the end are left out
                     THEN timezone('UTC', try_strptime(rpad(written, 18, '0'), '%Y%m%d%H%M%S.%g')) END) AS happened_at,
       CASE WHEN is_stream THEN {text_moment("CreatedDate")} END AS received_at,
       CASE WHEN meaning = 'history login' OR is_setup THEN Id WHEN is_stream THEN EventIdentifier
            WHEN is_file THEN CASE WHEN is_by_app_id THEN 'elo:' ELSE 'elf:' END
                || md5(to_json([EVENT_TYPE, "TIMESTAMP", nullif(REQUEST_ID, ''), nullif(USER_ID, ''),
                nullif(SESSION_KEY, ''), nullif(LOGIN_KEY, ''), nullif(URI, ''), nullif(METHOD_NAME, ''),
                nullif(ENTITY_NAME, ''), nullif(JOB_ID, ''), nullif(BATCH_ID, ''), nullif(API_RESOURCE, ''),
                nullif(RUN_TIME, ''), nullif(CPU_TIME, '')])::VARCHAR) END AS event_id,
       coalesce(nullif(SessionKey, ''), nullif(SESSION_KEY, '')) AS key_of_session,
       coalesce(nullif(LoginKey, ''), nullif(LOGIN_KEY, '')) AS key_of_login,
       CASE WHEN is_stream OR is_setup OR is_file THEN {eighteen("written_user")} END AS person,
       CASE WHEN is_setup THEN {eighteen("named_user")} END AS named_person,
       coalesce(nullif(Username, ''), nullif(USER_NAME, '')) AS person_name,
       CASE WHEN meaning = 'change' THEN nullif(regexp_extract(Display, '^Changed connected app (.+) scopes from ', 1), '')
            ELSE nullif(named_client, '') END AS client_id,
       nullif(coalesce(nullif(SourceIp, ''), nullif(nullif(CLIENT_IP, ''), 'Salesforce.com IP'), nullif(SOURCE_IP, '')), 'Salesforce.com IP') AS ip,
       TRY_CAST(STATUS_CODE AS INTEGER) AS http_status
FROM (
    SELECT *,
           CASE WHEN is_stream THEN coalesce(EventDate, LoginTime) WHEN is_setup THEN CreatedDate
                WHEN is_file THEN coalesce(nullif(TIMESTAMP_DERIVED, ''), "TIMESTAMP") END AS written,
           coalesce(nullif(CASE WHEN is_setup THEN CreatedById WHEN is_stream THEN UserId END, ''),
                    nullif(USER_ID_DERIVED, ''), nullif(USER_ID, '')) AS written_user,
           CASE WHEN means = 'person end' THEN nullif(regexp_extract(Display, '[(]UserID: [[]([0-9A-Za-z]{{15,18}})[]][)]$', 1), '')
                WHEN means = 'consent' THEN nullif(regexp_extract(Display, '{_RUNS_AS}', 1), '') END AS named_user,
           CASE WHEN Action = 'addOauthClientCredentialUser' THEN regexp_extract(Display, '{_RUNS_AS}', 2)
                WHEN Action IN ('insertConnectedApplication', 'blockConnectedApplication', 'unblockConnectedApplication')
                THEN regexp_extract(Display, '^(?:Installed|Blocked|Unblocked) Connected App (.+?)(?: to Salesforce)?$', 1)
                WHEN is_setup THEN regexp_extract(Display, '^(?:Created|Uninstalled|Deleted) Connected App (.+)$', 1)
                WHEN is_stream THEN CASE WHEN is_oauth THEN nullif(Application, 'N/A')
                                         WHEN means = 'call' THEN coalesce(nullif(nullif(Application, ''), 'N/A'), {eighteen("ConnectedAppId")}) END
                ELSE coalesce(nullif(CONNECTED_APP_NAME, ''), {eighteen("CONNECTED_APP_ID")}) END AS named_client,
           -- its log file has the app's name: to take one for the other would make the client depend on which is loaded first
           coalesce(attributes.type = 'ApiTotalUsageEventLog' AND CONNECTED_APP_ID <> '', false) AS is_by_app_id
    FROM (
        SELECT *, regexp_replace(meaning, '^(file|stream|history) ', '') AS means,
               starts_with(meaning, 'stream') OR meaning = 'history login' AS is_stream,
               -- API, label and log file write one flow in three ways: OauthRefreshToken, OAuth Refresh Token, oauthrefreshtoken
               CASE WHEN means = 'login' THEN lower(regexp_replace(coalesce(LoginSubType, LOGIN_SUB_TYPE), '[^A-Za-z]', '', 'g')) END AS flow,
               means = 'login' AND coalesce(starts_with(flow, 'oauth') OR LoginType LIKE 'Remote Access%' OR LOGIN_TYPE IN ('i', '6')
                   OR starts_with(URI, '/services/oauth2/'), false) AS is_oauth,
               meaning IN ('consent', 'change', 'end', 'person end') AS is_setup, meaning IN ('file login', 'logout', 'call') AS is_file
        FROM typed
    )
)
"""
