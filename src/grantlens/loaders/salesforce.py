"""Salesforce: event log files (CSV or JSON), login events of the stream, the login history, and the setup audit trail.

What the mapping decides, and why:

- **A session is the token**: SESSION_KEY stands for it (Salesforce logs no session id in clear), so it is the token id.
  LOGIN_KEY ties all that follows one login together, so it is the session id. A login often has the one or the other.
- Every login opens a session that can call the API, so every login is an issuance; one that failed is denied. Of an
  OAuth login (`Remote Access`) the app is known by its name alone. Calls and the audit trail name apps by name, too:
  so the name is the client's id, and CONNECTED_APP_ID stands in only where no name is given.
- A row of the object `LoginHistory` is a login like that of the stream, with the app's name, but has neither key: nothing that is found by a
  key can be missed among such rows, so their silence shows nothing.
- User ids come with 15 characters or with 18. All are brought to 18: the last three are a checksum of the case.
- No row names its organisation: only event log files could, and what they show would join with no login event and no change of setup.
- `TIMESTAMP` is yyyyMMddHHmmss.SSS in UTC, its last zeros left out. `TIMESTAMP_DERIVED` is ISO text, and preferred.
- The Streaming API delivers each event as the `payload` of its `data`, and names its type by the `channel`.
- Events of the stream carry no type otherwise. A login says how, a call of the API which operation; a logout has its session and
  nothing that the other events have.
- A log file's Login at `/services/oauth2/`, of LOGIN_TYPE `i` or `6`, or with a flow of OAuth is one of an app: it opens an access token, though the
  record does not name the app. The flow (LoginSubType, LOGIN_SUB_TYPE) tells a refresh, and an exchange, from a first login.
- Results of the Bulk API that were fetched (`BulkApiResultEvent`) are a call, by its session: the event names no app.
- Microsoft's connector writes the names of a log file's columns in lower case. The values are the same, so are the rows. Its table of all events
  of the stream (`SalesForceRealTimeEventMonitoring_CL`) names the type by `EventType`, and has an empty text for what an event has not.
- No record of an event log file has an id of its own (a REQUEST_ID holds several). One is made of the columns that
  tell events apart, the same for CSV and JSON.
- A file of events holds one type, so what it shows depends on its records: logins, or calls, or logouts. Only ApiTotalUsage sees all calls.
- A logout that nobody asked for is a session that timed out. Of an OAuth session (APP_TYPE 2514) it may as well be a revoked
  token or app, which Salesforce's page "Logout Event Type" counts among the logouts: it is kept as revoked. A logout without
  a user is one record for many sessions revoked at once, by the same page: it does not say which.
- The audit trail knows when an app is made, installed, blocked, deleted, or given a user that it acts for by client credentials; it names the app in
  its text, and only texts of known wording are read. A deactivated user loses everything below; the text names the user by its id. What somebody
  did who had logged in as another user stands under that user (CreatedById): who did it is the DelegateUser, a user name.
- Where Salesforce shows no application (`N/A`) or no address (`Salesforce.com IP`), nobody knows it.

Proven on real records: Login (CSV and JSON), LoginEvent, insertConnectedApplication, the list of log files; on samples of
Microsoft's connector: API, ApexRestApi, ApexSoap, RestApi, Logout; on samples of a public collection, as delivered: ApiEvent, LoginEvent,
LogoutEvent, BulkApiResultEvent and, in another collector's names, deactivateduser; on a collector's test: LOGIN_SUB_TYPE. The flows are those of
Salesforce's pages on LoginHistory and LoginEventLog.
BulkApi2, ApiTotalUsage and Microsoft's table of the stream are written after collectors' lists of columns, the other actions after a public list.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from grantlens.loaders.loader import Join, Loader, mostly
from grantlens.loaders.written_time import text_moment

_FIELDS = """{
    "EVENT_TYPE": "VARCHAR", "TIMESTAMP": "VARCHAR", "TIMESTAMP_DERIVED": "VARCHAR", "REQUEST_ID": "VARCHAR",
    "USER_ID": "VARCHAR", "USER_ID_DERIVED": "VARCHAR", "USER_NAME": "VARCHAR",
    "SESSION_KEY": "VARCHAR", "LOGIN_KEY": "VARCHAR", "LOGIN_STATUS": "VARCHAR", "USER_INITIATED_LOGOUT": "VARCHAR", "APP_TYPE": "VARCHAR",
    "LOGIN_TYPE": "VARCHAR", "LOGIN_SUB_TYPE": "VARCHAR",
    "URI": "VARCHAR", "METHOD": "VARCHAR", "HTTP_METHOD": "VARCHAR", "METHOD_NAME": "VARCHAR", "API_RESOURCE": "VARCHAR",
    "OPERATION_TYPE": "VARCHAR", "ENTITY_NAME": "VARCHAR", "ENTITY_TYPE": "VARCHAR", "JOB_ID": "VARCHAR",
    "BATCH_ID": "VARCHAR", "STATUS_CODE": "VARCHAR", "REQUEST_STATUS": "VARCHAR", "SUCCESS": "VARCHAR",
    "JOB_STATUS": "VARCHAR", "EXCEPTION_MESSAGE": "VARCHAR", "RUN_TIME": "VARCHAR", "CPU_TIME": "VARCHAR", "RESPONSE_SIZE": "VARCHAR",
    "CONNECTED_APP_ID": "VARCHAR", "CONNECTED_APP_NAME": "VARCHAR", "CLIENT_NAME": "VARCHAR",
    "CLIENT_IP": "VARCHAR", "SOURCE_IP": "VARCHAR", "BROWSER_TYPE": "VARCHAR", "USER_AGENT": "VARCHAR",
    "attributes": {"type": "VARCHAR"},
    "EventIdentifier": "VARCHAR", "EventDate": "VARCHAR", "LoginTime": "VARCHAR", "CreatedDate": "VARCHAR", "LoginType": "VARCHAR", "LoginSubType": "VARCHAR",
    "Application": "VARCHAR", "LoginKey": "VARCHAR", "SessionKey": "VARCHAR", "Status": "VARCHAR",
    "SessionLevel": "VARCHAR", "Operation": "VARCHAR", "ApiType": "VARCHAR", "QueriedEntities": "VARCHAR",
    "RecordId": "VARCHAR", "Score": "VARCHAR", "DelegatedUsername": "VARCHAR", "FileAction": "VARCHAR",
    "Query": "VARCHAR", "EvaluationTime": "VARCHAR", "RequestUri": "VARCHAR", "VerificationMethod": "VARCHAR",
    "ConnectedAppId": "VARCHAR", "UserAgent": "VARCHAR", "PolicyOutcome": "VARCHAR",
    "UserId": "VARCHAR", "Username": "VARCHAR", "SourceIp": "VARCHAR", "Browser": "VARCHAR",
    "Id": "VARCHAR", "Action": "VARCHAR", "CreatedById": "VARCHAR", "DelegateUser": "VARCHAR", "Display": "VARCHAR", "EventType": "VARCHAR"
}"""

# DuckDB finds a field of a structure in whatever case it is asked for, but parses names only as they are written.
_LOWER_FIELDS = re.sub('"[A-Z_]+": ', lambda name: name.group().lower(), _FIELDS)

_NOT_A_LOGOUT = (
    "LoginType", "Operation", "ApiType", "QueriedEntities", "RecordId", "Score", "DelegatedUsername", "FileAction", "Query",
    "EvaluationTime", "RequestUri", "VerificationMethod",
)  # fmt: skip
"""What other events of the stream have: a logout has no type and nothing but its session."""

_CALLS = ("API", "RestApi", "BulkApi", "BulkApi2", "BulkApiRequest", "ApexRestApi", "ApexSoap", "ApiTotalUsage")


def _listed(names: Sequence[str]) -> str:
    return "(" + ", ".join(f"'{name}'" for name in names) + ")"


def _is_lower(record: Mapping) -> bool:
    """Tell a log file's event whose names a collector wrote in lower case."""
    return isinstance(record.get("event_type"), str) and "timestamp_derived" in record


def _is_delivered(record: Mapping) -> bool:
    """Tell an event as the Streaming API delivers it: a channel, and the event as the payload of its data."""
    data = record.get("data")
    payload = data.get("payload") if isinstance(data, Mapping) else None
    return isinstance(record.get("channel"), str) and isinstance(payload, Mapping)


def _is_row(record: Mapping) -> bool:
    """Tell a row of Microsoft's table of the stream."""
    return isinstance(record.get("EventType"), str) and "EventIdentifier" in record


def _delivered(record: Mapping) -> Mapping:
    """Return the event, of the type that its channel or its table names, or the record as it is."""
    if _is_row(record):
        return {"attributes": {"type": record["EventType"]}, **record}
    if not _is_delivered(record):
        return record
    return {"attributes": {"type": record["channel"].removeprefix("/event/")}, **record["data"]["payload"]}


def _kind(record: Mapping) -> str | None:
    """Tell the stream of a record: the type of a log file's event, `LoginEvent`, `SetupAuditTrail`, `EventLogFile`."""
    if _is_lower(record):
        return str(record["event_type"])
    record = _delivered(record)
    if isinstance(record.get("EVENT_TYPE"), str) and {"TIMESTAMP", "TIMESTAMP_DERIVED"} & record.keys():
        return record["EVENT_TYPE"]
    attributes = record.get("attributes")
    named = attributes.get("type") if isinstance(attributes, Mapping) else None
    if "EventIdentifier" in record and "EventDate" in record:
        if isinstance(named, str):
            return named.removesuffix("Stream")
        logout = "SessionLevel" in record and not set(_NOT_A_LOGOUT) & record.keys()
        return "LoginEvent" if "LoginType" in record else "LogoutEvent" if logout else "event"
    if {"Action", "CreatedById", "Section"} <= record.keys():
        return "SetupAuditTrail"
    if {"LoginTime", "LoginType"} <= record.keys() and {"UserId", "SourceIp"} & record.keys():
        return "LoginHistory"
    return named if named in ("EventLogFile", "SetupAuditTrail", "LoginHistory") else None


def _eighteen(user: str) -> str:
    """Return SQL for a user id of 18 characters: one letter for each five of the 15 tells which are capitals."""
    letters = " || ".join(
        "substr('ABCDEFGHIJKLMNOPQRSTUVWXYZ012345', 1"
        + "".join(f" + {2**n} * (substr({user}, {start + n}, 1) BETWEEN 'A' AND 'Z')::INT" for n in range(5))
        + ", 1)"
        for start in (1, 6, 11)
    )
    return f"CASE WHEN length({user}) = 15 THEN {user} || {letters} ELSE {user} END"


_TYPED = f"""
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
                  AND coalesce({", ".join(f"r.{name}" for name in _NOT_A_LOGOUT)}) IS NULL) THEN 'stream logout'
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

_TYPED_WITHIN = _TYPED.replace(
    "FROM record",
    """FROM (SELECT line_no, struct_update(r.data.payload, attributes := {'type':
                  coalesce(r.data.payload.attributes.type, regexp_extract(r.channel, '^/event/(.+)$', 1))}) AS r FROM record)""",
)

_PLAIN = [name for name in json.loads(_FIELDS) if name not in ("attributes", "Username")]
_CELLS = ", ".join(f"'{name}': nullif(r.{name}, '')" for name in _PLAIN)
_TYPED_ROWS = _TYPED.replace(
    "FROM record",
    f"""FROM (SELECT line_no, {{{_CELLS}, 'Username': coalesce(nullif(r.UserNameDetail, ''), nullif(r.Username, '')),
                  'attributes': {{'type': coalesce(r.attributes.type, nullif(r.EventType, ''))}}}} AS r FROM record WHERE r IS NOT NULL)""",
)

# What the following read no more: each column less is one less to write for each record.
_READ = """"TIMESTAMP", TIMESTAMP_DERIVED, REQUEST_ID, USER_ID, USER_ID_DERIVED, USER_NAME, SESSION_KEY, LOGIN_KEY,
    BATCH_ID, STATUS_CODE, RUN_TIME, CPU_TIME, CONNECTED_APP_ID, CLIENT_IP, SOURCE_IP, attributes, EventIdentifier, EventDate,
    LoginTime, CreatedDate, LoginKey, SessionKey, SessionLevel, ApiType, RecordId, Score, DelegatedUsername, FileAction, Query,
    EvaluationTime, RequestUri, VerificationMethod, ConnectedAppId, LOGIN_TYPE, LoginSubType, LOGIN_SUB_TYPE,
    UserId, Username, SourceIp, Id, CreatedById, EventType, is_file, written_user, named_user, named_client"""

_RUNS_AS = r"^Assigned OAuth client credentials user [^ ]+ [(]UserID: \[([0-9A-Za-z]{15,18})\][)] to app (.+) [(]AppID: \[[0-9A-Za-z]{15,18}\][)]$"

# Inside stands what is asked for many times: written out beside it, it would be worked out as often.
_KNOWN = f"""
SELECT * EXCLUDE ({_READ}),
       coalesce({text_moment("written")},
                CASE WHEN regexp_matches(written, '^[0-9]{{14}}[.][0-9]{{1,3}}$')  -- zeros at the end are left out
                     THEN timezone('UTC', try_strptime(rpad(written, 18, '0'), '%Y%m%d%H%M%S.%g')) END) AS happened_at,
       CASE WHEN is_stream THEN {text_moment("CreatedDate")} END AS received_at,
       CASE WHEN meaning = 'history login' OR is_setup THEN Id WHEN is_stream THEN EventIdentifier
            WHEN is_file THEN 'elf:' || md5(to_json([EVENT_TYPE, "TIMESTAMP", nullif(REQUEST_ID, ''), nullif(USER_ID, ''),
                nullif(SESSION_KEY, ''), nullif(LOGIN_KEY, ''), nullif(URI, ''), nullif(METHOD_NAME, ''),
                nullif(ENTITY_NAME, ''), nullif(JOB_ID, ''), nullif(BATCH_ID, ''), nullif(API_RESOURCE, ''),
                nullif(RUN_TIME, ''), nullif(CPU_TIME, '')])::VARCHAR) END AS event_id,
       coalesce(nullif(SessionKey, ''), nullif(SESSION_KEY, '')) AS key_of_session,
       coalesce(nullif(LoginKey, ''), nullif(LOGIN_KEY, '')) AS key_of_login,
       CASE WHEN is_stream OR is_setup OR is_file THEN {_eighteen("written_user")} END AS person,
       CASE WHEN is_setup THEN {_eighteen("named_user")} END AS named_person,
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
                                         WHEN means = 'call' THEN coalesce(nullif(Application, 'N/A'), ConnectedAppId) END
                ELSE coalesce(CONNECTED_APP_NAME, CONNECTED_APP_ID) END AS named_client
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

_ISSUANCE = """
SELECT line_no, event_id, happened_at AS issued_at, received_at,
       CASE WHEN means <> 'login' THEN means WHEN flow LIKE 'oauth%refreshtoken%' THEN 'refresh'
            WHEN flow LIKE 'oauth%tokenexchange%' THEN 'exchange' ELSE 'token' END AS kind,
       CASE WHEN is_setup THEN 'success'
            WHEN is_stream THEN CASE WHEN PolicyOutcome = 'Block' THEN 'denied' WHEN Status = 'Success' THEN 'success'
                                     WHEN Status <> '' THEN 'denied' END
            WHEN LOGIN_STATUS = 'LOGIN_NO_ERROR' THEN 'success'
            WHEN LOGIN_STATUS <> '' THEN 'denied'
            WHEN REQUEST_STATUS IN ('S', 'Success') THEN 'success'
            WHEN REQUEST_STATUS <> '' THEN 'denied' END AS outcome,
       CASE WHEN outcome = 'success' THEN NULL
            WHEN PolicyOutcome = 'Block' OR LOGIN_STATUS IN ('LOGIN_END_SESSION_TXN_SECURITY_POLICY', 'LOGIN_ERROR_EXPORT_RESTRICTED',
                'LOGIN_ERROR_GLOBAL_BLOCK_DOMAIN') THEN 'policy'
            WHEN LOGIN_STATUS IN ('LOGIN_ERROR_INVALID_PASSWORD', 'LOGIN_ERROR_INVALID_USERNAME', 'LOGIN_ERROR_CSS_PW_LOCKOUT') THEN 'subject'
            WHEN LOGIN_STATUS = 'LOGIN_ERROR_LOGINS_EXCEEDED' THEN 'rate' WHEN LOGIN_STATUS <> '' THEN 'other' END AS denial_reason,
       CASE WHEN means = 'login' AND outcome = 'success' THEN key_of_session END AS token_id,
       CASE WHEN is_oauth THEN 'access' WHEN means = 'login' THEN 'session' END AS token_kind,
       CASE WHEN kind = 'refresh' THEN 'refresh_token' WHEN kind = 'exchange' THEN 'urn:ietf:params:oauth:grant-type:token-exchange'
            WHEN flow LIKE 'oauthclientcredential%' OR Action = 'addOauthClientCredentialUser' THEN 'client_credentials'
            WHEN flow LIKE 'oauth%webserver%' OR flow IN ('oauthcode', 'oauthhybridauthcode') THEN 'authorization_code'
            WHEN flow LIKE 'oauth%useragent%' OR flow IN ('oauthtoken', 'oauthhybridtoken', 'oauthtokenidtoken') THEN 'implicit'
            WHEN flow IN ('oauthusernamepassword', 'oauthpassword') THEN 'password' END AS grant_type,
       CASE WHEN means = 'login' THEN key_of_login END AS session_id,
       client_id, client_id AS client_name,
       CASE WHEN means = 'login' THEN person ELSE named_person END AS subject_id,
       CASE WHEN means = 'login' THEN person_name END AS subject_name,
       CASE WHEN means = 'login' OR named_person IS NOT NULL THEN 'user' ELSE 'service' END AS subject_kind,
       CASE WHEN means = 'change' THEN list_filter(list_transform(
            string_split(nullif(regexp_extract(Display, ' scopes from .* to (.+)$', 1), ''), ','), lambda s: trim(s)), lambda s: s <> 'null')
            END AS scopes,
       CASE WHEN is_setup THEN coalesce(nullif(DelegateUser, ''), person) END AS consent_actor,
       CASE WHEN is_setup THEN 'admin' END AS consent_kind,
       ip, coalesce(nullif(Browser, 'Unknown'), nullif(BROWSER_TYPE, '')) AS user_agent
FROM known
WHERE means IN ('login', 'consent', 'change')
"""

# SOAP calls have no status: one that failed has a message.
_USAGE = """
SELECT line_no, event_id, happened_at AS used_at, received_at,
       CASE WHEN is_stream THEN CASE WHEN PolicyOutcome = 'Block' THEN 'denied' ELSE 'success' END
            WHEN http_status BETWEEN 200 AND 299 THEN 'success'
            WHEN http_status IN (401, 403, 429) THEN 'denied'
            WHEN http_status IS NOT NULL THEN 'error'
            WHEN REQUEST_STATUS IN ('S', 'Success') THEN 'success'
            WHEN REQUEST_STATUS = 'A' THEN 'denied'
            WHEN REQUEST_STATUS <> '' THEN 'error'
            WHEN SUCCESS IN ('1', 'true') OR JOB_STATUS = 'JobComplete' THEN 'success'
            WHEN SUCCESS <> '' OR JOB_STATUS IN ('Failed', 'Aborted') THEN 'error'
            WHEN EVENT_TYPE = 'API' THEN CASE WHEN EXCEPTION_MESSAGE <> '' THEN 'error' ELSE 'success' END END AS outcome,
       CASE WHEN http_status BETWEEN 0 AND 999 THEN http_status::SMALLINT END AS status,
       CASE WHEN is_stream AND PolicyOutcome = 'Block' THEN 'policy'
            WHEN http_status = 401 THEN 'token' WHEN http_status = 403 THEN 'other' WHEN http_status = 429 THEN 'rate'
            END AS denial_reason,
       key_of_session AS token_id, key_of_login AS session_id,
       client_id,
       coalesce(CASE WHEN is_stream THEN nullif(Application, 'N/A') END, nullif(CONNECTED_APP_NAME, ''), nullif(CLIENT_NAME, ''))
           AS client_name,
       person AS subject_id, person_name AS subject_name,
       'salesforce' AS resource_server,
       upper(coalesce(nullif(HTTP_METHOD, ''), nullif(METHOD, ''))) AS method,
       split_part(coalesce(nullif(API_RESOURCE, ''), nullif(URI, '')), '?', 1) AS target,
       coalesce(Operation, nullif(METHOD_NAME, ''), nullif(OPERATION_TYPE, ''), CASE WHEN is_stream THEN 'BulkApiResult' END) AS operation,
       coalesce(QueriedEntities, nullif(JOB_ID, ''), nullif(ENTITY_NAME, ''), nullif(ENTITY_TYPE, '')) AS resource_id,
       CASE WHEN TRY_CAST(RESPONSE_SIZE AS BIGINT) >= 0 THEN TRY_CAST(RESPONSE_SIZE AS BIGINT) END AS response_bytes,
       ip, coalesce(UserAgent, nullif(USER_AGENT, ''), nullif(BROWSER_TYPE, '')) AS user_agent
FROM known
WHERE means = 'call'
"""

_REVOCATION = """
SELECT line_no, event_id, happened_at AS revoked_at, received_at,
       CASE WHEN Action IN ('deleteApplication', 'blockConnectedApplication', 'deactivateduser') THEN 'disable'
            WHEN Action IN ('unblockConnectedApplication', 'activateduser') THEN 'enable' WHEN timed_out THEN 'expiry' ELSE 'revoke' END AS kind,
       'success' AS outcome,
       CASE WHEN means = 'person end' THEN 'subject' WHEN is_setup THEN 'client'
            WHEN key_of_login IS NULL AND person IS NOT NULL THEN 'token' ELSE 'session' END AS target_kind,
       CASE WHEN NOT is_setup THEN key_of_session END AS token_id,
       CASE WHEN NOT is_setup THEN key_of_login END AS session_id,
       CASE WHEN is_setup THEN client_id END AS client_id, CASE WHEN is_setup THEN client_id END AS client_name,
       CASE WHEN is_setup THEN named_person ELSE person END AS subject_id,
       CASE WHEN NOT is_setup THEN person_name END AS subject_name,
       CASE WHEN is_setup THEN 'admin' WHEN timed_out THEN 'system' WHEN USER_INITIATED_LOGOUT = '1' THEN 'user' END AS initiator,
       CASE WHEN is_setup OR timed_out OR NOT is_unasked THEN coalesce(nullif(DelegateUser, ''), person) END AS actor_id,
       CASE WHEN EVENT_TYPE = 'Logout' AND person IS NULL THEN 'Logout: several sessions at once'
            WHEN is_unasked AND NOT timed_out THEN 'Logout: revoked or timed out'
            ELSE coalesce(Action, EVENT_TYPE, 'LogoutEvent') END AS reason
FROM (SELECT *, coalesce(USER_INITIATED_LOGOUT = '0', false) AS is_unasked,
             is_unasked AND person IS NOT NULL AND coalesce(APP_TYPE, '') <> '2514' AS timed_out
      FROM known WHERE means IN ('logout', 'end') OR (means = 'person end' AND named_person IS NOT NULL))
"""

_IGNORED = """
SELECT line_no,
       CASE meaning WHEN 'index' THEN 'list of log files' WHEN 'other action' THEN 'change of setup that neither gives nor takes access'
                    WHEN 'other login' THEN 'somebody logged in as another user, or out again'
                    ELSE 'event that is neither login nor call of the API' END AS reason
FROM known
WHERE meaning LIKE 'other%' OR meaning = 'index'
"""

_REJECTED = """
SELECT line_no, 'names no type of event' AS reason FROM known WHERE meaning IS NULL
UNION ALL
SELECT line_no, 'names no person' FROM known WHERE means = 'person end' AND named_person IS NULL
UNION ALL
SELECT line_no, 'time cannot be read' FROM known WHERE written <> '' AND happened_at IS NULL
"""

_SHOWN = "SELECT line_no, NULL::VARCHAR AS tenant, happened_at FROM known WHERE "
_LOGGED_IN = _SHOWN + "meaning IN ('file login', 'stream login')"
_ALL_CALLS = _SHOWN + "EVENT_TYPE = 'ApiTotalUsage'"
_ENDS = _SHOWN + "means = 'logout' OR is_setup"


def _fitted(sample: Sequence[Mapping]) -> Loader:
    """Take the spelling of these records."""
    if any(map(_is_delivered, sample)):
        fields = f'{{"channel": "VARCHAR", "data": {{"payload": {_FIELDS}}}}}'
        return replace(LOADER, fields=fields, steps={**LOADER.steps, "typed": _TYPED_WITHIN})
    if any(map(_is_row, sample)):
        fields = _FIELDS.replace('"Username"', '"UserNameDetail": "VARCHAR", "Username"')
        return replace(LOADER, fields=fields, steps={**LOADER.steps, "typed": _TYPED_ROWS})
    return replace(LOADER, fields=_LOWER_FIELDS if any(map(_is_lower, sample)) else _FIELDS)


LOADER = Loader(
    name="salesforce",
    version=16,
    title="Salesforce event log files, login events, login history and setup audit trail",
    recognise=mostly(_kind),
    fields=_FIELDS,
    dialect=_fitted,
    carries=("issuance", "usage", "revocation"),
    shown_by={"issuance": _LOGGED_IN, "usage": _ALL_CALLS, "revocation": _ENDS},
    steps={"typed": _TYPED, "known": _KNOWN},
    issuance=_ISSUANCE,
    usage=_USAGE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join("issuance", "usage", "token", "SESSION_KEY", "a login without it joins by LOGIN_KEY, its session"),
        Join(
            "issuance",
            "revocation",
            "session",
            "LOGIN_KEY",
            "a removed app joins by its name; a revoked token by its session, and looks like a timeout",
        ),
        Join("usage", "revocation", "session", "LOGIN_KEY", "logouts; a revoked token's looks like a timeout"),
    ),
    join_note=(
        "Logins, calls and logouts join by SESSION_KEY and LOGIN_KEY. A connected app is known by its name; that an "
        "app was removed is in the setup audit trail; that a user's token was revoked is a logout, not told from a timeout."
    ),
)
