"""Salesforce: event log files (CSV or JSON), login events of the stream, the login history, and the setup audit trail.

`shape` tells how a record is written and of which stream it is, `meaning` what it is for access; then one file for each log: `logins` what is
issued, `calls` what is used, `ends` what is ended. `objects` reads Event Log Objects as log files.

What the mapping decides, and why:

- **A session is the token**: SESSION_KEY stands for it (Salesforce logs no session id in clear), so it is the token id.
  LOGIN_KEY ties all that follows one login together, so it is the session id. A login often has the one or the other.
- Every login opens a session that can call the API, so every login is an issuance; one that failed is denied. Of an
  OAuth login (`Remote Access`) the app is known by its name alone. Calls and the audit trail name apps by name, too:
  so the name is the client's id, and CONNECTED_APP_ID stands in only where no name is given.
- A row of the object `LoginHistory` is a login like that of the stream, with the app's name, but has neither key: nothing that is found by a
  key can be missed among such rows, so their silence shows nothing.
- Ids of users and apps come with 15 characters or with 18. All are brought to 18: the last three are a checksum of the case.
- An Agentforce agent that calls is the actor, by its bot. What else the category of a client tells (`API_CLIENT_CATEGORY`) names nobody.
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

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grantlens.loaders.loader import Join, Loader, mostly
from grantlens.loaders.salesforce.calls import USAGE
from grantlens.loaders.salesforce.ends import REVOCATION
from grantlens.loaders.salesforce.logins import ISSUANCE
from grantlens.loaders.salesforce.meaning import KNOWN, TYPED, TYPED_ROWS, TYPED_WITHIN
from grantlens.loaders.salesforce.objects import OBJECT_FIELDS, TYPED_OBJECTS, is_object
from grantlens.loaders.salesforce.shape import FIELDS, LOWER_FIELDS, is_delivered, is_lower, is_row, kind

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
    if any(map(is_delivered, sample)):
        fields = f'{{"channel": "VARCHAR", "data": {{"payload": {FIELDS}}}}}'
        return replace(LOADER, fields=fields, steps={**LOADER.steps, "typed": TYPED_WITHIN})
    if any(map(is_row, sample)):
        fields = FIELDS.replace('"Username"', '"UserNameDetail": "VARCHAR", "Username"')
        return replace(LOADER, fields=fields, steps={**LOADER.steps, "typed": TYPED_ROWS})
    if any(map(is_object, sample)):
        # LoginEventLog has the name as Username and as UserName, which are one for DuckDB
        fields = (
            OBJECT_FIELDS.replace("Username", "UserName")
            if any("UserName" in record for record in sample)
            else OBJECT_FIELDS
        )
        return replace(
            LOADER, fields=fields, steps={**LOADER.steps, "typed": TYPED_OBJECTS}, otherwise=LOADER, dialect=None
        )
    return replace(LOADER, fields=LOWER_FIELDS if any(map(is_lower, sample)) else FIELDS)


LOADER = Loader(
    name="salesforce",
    version=17,
    title="Salesforce event log files, login events, login history and setup audit trail",
    recognise=mostly(lambda record: kind(record) or is_object(record)),
    fields=FIELDS,
    dialect=_fitted,
    carries=("issuance", "usage", "revocation"),
    shown_by={"issuance": _LOGGED_IN, "usage": _ALL_CALLS, "revocation": _ENDS},
    steps={"typed": TYPED, "known": KNOWN},
    issuance=ISSUANCE,
    usage=USAGE,
    revocation=REVOCATION,
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
