"""AWS CloudTrail: how an event is written, where other tools put it, and which identity an ARN names.

- A time is read only if it is written as one: nothing is guessed.
- The time of delivery stands in the name of the delivered file only.
- The session token and the secret key are not even parsed.
"""

from collections.abc import Mapping

from grantlens.loaders.loader import FILE_NUMBER
from grantlens.loaders.written_time import text_moment

FIELDS = """{
    "eventID": "VARCHAR", "eventTime": "VARCHAR", "eventSource": "VARCHAR", "eventName": "VARCHAR",
    "eventType": "VARCHAR", "eventCategory": "VARCHAR", "sourceIPAddress": "VARCHAR", "userAgent": "VARCHAR",
    "errorCode": "VARCHAR", "errorMessage": "VARCHAR", "recipientAccountId": "VARCHAR",
    "userIdentity": {"type": "VARCHAR", "principalId": "VARCHAR", "arn": "VARCHAR", "accountId": "VARCHAR",
        "accessKeyId": "VARCHAR", "userName": "VARCHAR", "invokedBy": "VARCHAR", "credentialId": "VARCHAR",
        "onBehalfOf": {"userId": "VARCHAR", "subject": "VARCHAR", "subjectType": "VARCHAR"},
        "sessionContext": {"sourceIdentity": "VARCHAR", "sessionIssuer": {"arn": "VARCHAR"}, "signInSessionArn": "VARCHAR",
            "attributes": {"creationDate": "VARCHAR"}}},
    "requestParameters": {"userName": "VARCHAR", "roleName": "VARCHAR", "roleArn": "VARCHAR", "accessKeyId": "VARCHAR",
        "serviceSpecificCredentialId": "VARCHAR", "status": "VARCHAR", "policyName": "VARCHAR", "policyArn": "VARCHAR",
        "policyDocument": "VARCHAR", "assumeRolePolicyDocument": "VARCHAR", "policy": "VARCHAR", "groupName": "VARCHAR",
        "policyArns": "VARCHAR", "sourceIdentity": "VARCHAR", "targetPrincipal": "VARCHAR", "audience": "VARCHAR", "webIdentityTokenId": "VARCHAR",
        "clientId": "VARCHAR", "grantType": "VARCHAR", "scope": "VARCHAR", "client_id": "VARCHAR", "resource": "VARCHAR",
        "userId": "VARCHAR", "id": "VARCHAR", "applicationArn": "VARCHAR", "body": "VARCHAR", "oauth2Flow": "VARCHAR", "scopes": "VARCHAR"},
    "responseElements": {"credentials": {"accessKeyId": "VARCHAR", "expiration": "VARCHAR"}, "webIdentityTokenId": "VARCHAR", "expiration": "VARCHAR",
        "accessKey": {"accessKeyId": "VARCHAR", "userName": "VARCHAR"},
        "serviceSpecificCredential": {"serviceSpecificCredentialId": "VARCHAR", "userName": "VARCHAR", "expirationDate": "VARCHAR"},
        "assumedRoleUser": {"arn": "VARCHAR"}, "federatedUser": {"arn": "VARCHAR"}, "sourceIdentity": "VARCHAR",
        "subjectFromWebIdentityToken": "VARCHAR", "subject": "VARCHAR", "ConsoleLogin": "VARCHAR", "expiresIn": "VARCHAR", "active": "VARCHAR",
        "body": "VARCHAR", "statusCode": "VARCHAR"},
    "additionalEventData": {"bytesTransferredOut": "VARCHAR", "identitycenter:CredentialId": "VARCHAR", "identitystore:UserId": "VARCHAR",
        "signInSessionArn": "VARCHAR", "grant_type": "VARCHAR", "success": "VARCHAR", "jwt": "VARCHAR"},
    "resources": [{"ARN": "VARCHAR", "accountId": "VARCHAR"}]
}"""


def is_event(record: Mapping) -> bool:
    """Tell an event; where its identity is text, it is a row of a table (see `console.athena`)."""
    named = {"userIdentity", "eventSource", "eventName", "eventTime"} <= record.keys()
    return named and not isinstance(record["userIdentity"], str)


def place(record: Mapping) -> str | None:
    """Return where a record of another tool keeps the event, a name of `NESTED`."""
    event, detail = record.get("event"), record.get("detail")
    if "detail-type" in record and isinstance(detail, Mapping) and is_event(detail):
        return "detail"
    texts = {
        "message": record.get("message"),
        "event": event.get("original") if isinstance(event, Mapping) else None,
        "CloudTrailEvent": record.get("CloudTrailEvent"),
    }
    names = ('"userIdentity"', '"eventSource"', '"eventName"', '"eventTime"')
    found = (where for where, text in texts.items() if isinstance(text, str) and all(name in text for name in names))
    return next(found, None)


def principal(arn: str) -> str:
    """Return SQL that gives the ARN of the user or role, without path and session, from any ARN that names it."""
    role = f"regexp_replace({arn}, '^arn:([^:]*):sts::([^:]*):assumed-role/([^/]+).*$', 'arn:\\1:iam::\\2:role/\\3')"
    bare = f"regexp_replace({role}, '^(arn:[^:]*:iam::[^:]*:(?:user|role))/.*/([^/]+)$', '\\1/\\2')"
    return f"CASE WHEN {arn} LIKE '%/%/%' THEN {bare} ELSE {arn} END"


SPELLED = "SELECT line_no, r AS e FROM record WHERE r IS NOT NULL"


def _text(column: str) -> str:
    """Return the SELECT that reads an event which is text."""
    return f"""SELECT line_no, TRY(from_json({column}, '{FIELDS}')) AS e
FROM record WHERE json_valid({column}) AND json_type({column}) = 'OBJECT'"""


NESTED = {
    "detail": (f'{{"detail": {FIELDS}}}', "SELECT line_no, r.detail AS e FROM record WHERE r.detail IS NOT NULL"),
    "message": ('{"message": "VARCHAR"}', _text("r.message")),
    "event": ('{"event": {"original": "VARCHAR"}}', _text("r.event.original")),
    "CloudTrailEvent": ('{"CloudTrailEvent": "VARCHAR"}', _text("r.CloudTrailEvent")),
}
"""Where EventBridge, CloudWatch Logs, Elastic and `lookup-events` put the event."""

# Worked out once for each file, not for each record.
_DELIVERED = (
    "list_transform($file_names, lambda name: TRY_CAST(regexp_replace(name, "
    r"'^.*_CloudTrail_.*_(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)Z_.*$', '\1-\2-\3 \4:\5:00Z') AS TIMESTAMPTZ))"
    f"[{FILE_NUMBER}]"
)

# Names of calls may end in the version of the API.
EVENT_STEP = f"""
SELECT line_no, e.eventID AS event_id, e.eventTime AS logged_at, e.eventSource AS server, e.eventName AS logged_name,
       CASE WHEN e.eventName LIKE '%20%' THEN regexp_replace(e.eventName, '20\\d\\d_?\\d\\d_?\\d\\d(v\\d+)?$', '')
            ELSE e.eventName END AS call,
       {text_moment("e.eventTime")} AS happened_at,
       {_DELIVERED} AS received_at,
       e.userIdentity AS who, e.requestParameters AS asked, e.responseElements AS got,
       coalesce(nullif(e.userIdentity.accessKeyId, ''), nullif(e.userIdentity.credentialId, '')) AS token_id,
       e.recipientAccountId AS recipient, e.eventCategory AS category, e.eventType AS event_type,
       nullif(e.errorCode, '') AS error, nullif(e.errorMessage, '') AS message,
       CASE WHEN regexp_full_match(e.sourceIPAddress, '[0-9A-Fa-f.:]+') THEN e.sourceIPAddress END AS ip,
       e.userAgent AS user_agent, e.resources AS resources, e.additionalEventData AS added
FROM spelled
"""
