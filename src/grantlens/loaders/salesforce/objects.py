"""Event Log Objects, which SOQL finds: events of log files, under names of their own. They are read as what the log file says.

The columns are those of Salesforce's Object Reference (releases 254 to 260); no real row was at hand. An answer of the API names the
object in `attributes`; a CSV export does not, and is told by a column that one object alone has.
"""

import json
import re
from collections.abc import Mapping

from grantlens.loaders.salesforce.meaning import TYPED
from grantlens.loaders.salesforce.shape import FIELDS, named_type
from grantlens.loaders.written_time import text_moment

_SUFFIX = "EventLog"

_CALLED_OTHERWISE = {"SoapApi": "API", "ApexSoapApi": "ApexSoap"}
"""Objects that are not called as the type of event."""

_OWN_COLUMNS = {
    "LoginStatus": "Login",
    "IsUserInitiatedLogout": "Logout",
    "DelegatedUserIdentifier": "LoginAs",
    "ApiFamily": "ApiTotalUsage",
    "JobStatus": "BulkApi2",
    "ConcurrencyMode": "BulkApiRequest",
    "FailureCount": "BulkApi",
    "ClassName": "ApexSoapApi",
    "MethodName": "SoapApi",
    "MediaType": "RestApi",  # and ApexRestApi, of the same columns
}


def is_object(record: Mapping) -> bool:
    """Tell a row of an Event Log Object."""
    named = named_type(record)
    if named is not None:
        return named.endswith(_SUFFIX)
    return {"Timestamp", "UserIdentifier", "RequestIdentifier"} <= record.keys() and bool(
        _OWN_COLUMNS.keys() & record.keys()
    )


def _whole(number: str) -> str:
    """Return SQL for a number as log files write it: the API writes 42.0 and 3.5E8."""
    return f"coalesce(TRY_CAST(TRY_CAST({number} AS DOUBLE) AS BIGINT)::VARCHAR, {number})"


_OBJECT = (
    f"coalesce(regexp_extract(r.attributes.type, '^(.+){_SUFFIX}$', 1), CASE WHEN r.attributes.type IS NULL THEN CASE "
    "WHEN starts_with(r.Uri, '/services/apexrest') AND r.MediaType IS NOT NULL THEN 'ApexRestApi' "
    + " ".join(f"WHEN r.{column} IS NOT NULL THEN '{name}'" for column, name in _OWN_COLUMNS.items())
    + " END END)"
)

# Log files have ids of 15 characters and times to the millisecond: one event has the same id, whichever way it was read.
_AS_IN_LOG_FILES = {
    "EVENT_TYPE": "CASE object "
    + " ".join(f"WHEN '{name}' THEN '{kind}'" for name, kind in _CALLED_OTHERWISE.items())
    + " ELSE object END",
    "TIMESTAMP": f"strftime(timezone('UTC', {text_moment('r.Timestamp')}), '%Y%m%d%H%M%S.%g')",
    "TIMESTAMP_DERIVED": "r.Timestamp",
    "REQUEST_ID": "r.RequestIdentifier",
    "USER_ID": "left(r.UserIdentifier, 15)",
    "USER_NAME": "r.Username",
    "SESSION_KEY": "r.SessionKey",
    "LOGIN_KEY": "r.LoginKey",
    "LOGIN_STATUS": "r.LoginStatus",
    "LOGIN_TYPE": "r.LoginType",
    "LOGIN_SUB_TYPE": "r.LoginSubType",
    "USER_INITIATED_LOGOUT": "CASE lower(r.IsUserInitiatedLogout) WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE r.IsUserInitiatedLogout END",
    "APP_TYPE": _whole("r.AppType"),
    "URI": "r.Uri",
    "METHOD": "CASE WHEN object <> 'ApexRestApi' THEN r.Method END",
    "HTTP_METHOD": "r.HttpMethod",
    "METHOD_NAME": "r.MethodName",
    "API_RESOURCE": "r.ApiResource",
    "OPERATION_TYPE": "CASE WHEN object = 'ApexRestApi' THEN r.Method ELSE r.OperationType END",  # the name of an Apex method
    "ENTITY_NAME": "r.ObjectName",
    "ENTITY_TYPE": "r.ObjectType",
    "JOB_ID": "left(r.JobIdentifier, 15)",
    "BATCH_ID": "left(r.BatchIdentifier, 15)",
    "STATUS_CODE": _whole("r.StatusCode"),
    "REQUEST_STATUS": "r.RequestStatus",
    "SUCCESS": "lower(r.IsSuccess)",
    "JOB_STATUS": "r.JobStatus",
    "EXCEPTION_MESSAGE": "r.ExceptionMessage",
    "RUN_TIME": _whole("r.RunTime"),
    "CPU_TIME": _whole("r.CpuTime"),
    "RESPONSE_SIZE": _whole("r.ResponseSize"),
    "CONNECTED_APP_ID": "r.ConnectedAppIdentifier",
    "CLIENT_NAME": "r.ClientName",
    "CLIENT_IP": "r.ClientIp",
    "SOURCE_IP": "r.SourceIp",
    "BROWSER_TYPE": "r.BrowserType",
}

_COLUMNS = {*re.findall(r"\br[.](\w+)", " ".join(_AS_IN_LOG_FILES.values())), *_OWN_COLUMNS}

OBJECT_FIELDS = json.dumps({**dict.fromkeys(sorted(_COLUMNS), "VARCHAR"), "attributes": {"type": "VARCHAR"}})

_CELLS = ", ".join(
    f"'{name}': {_AS_IN_LOG_FILES.get(name, 'NULL::VARCHAR')}" for name in json.loads(FIELDS) if name != "attributes"
)

TYPED_OBJECTS = TYPED.replace(
    "FROM record",
    f"""FROM (SELECT line_no, {{{_CELLS}, 'attributes': {{'type': object || '{_SUFFIX}'}}}} AS r
          FROM (SELECT line_no, r, {_OBJECT} AS object FROM record) WHERE object <> '')""",
)
