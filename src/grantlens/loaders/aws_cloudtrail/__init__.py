"""AWS CloudTrail: calls, the sessions and access keys that STS and IAM issue, and what ends them.

`event` says how a record is written, `meaning` what a call means for access; then one file for each log: `keys_and_sessions` what is issued,
`calls` and `gateway` what is used, `ends` what is ended. What policies say of access, and whose sessions they cut off, stands in `policies`.

What the mapping decides for all of them, and why:

- **Token id** is the access key id, never a secret: it stands at issue, use and end.
- **Client** is the identity whose permissions count, as an ARN without path: the user, or the role of a session. Calls of IAM name users and
  roles without their path, and a name is unique in an account.
- **Subject** is whom a session acts for, where the record says so: source identity, web or SAML identity, federated user, user of the Identity
  Center. An identity that acts for itself has none.
- **One record may be two rows**: the use of the calling key, and the issue or the end that it brought about.
- **A call that crosses accounts is recorded in both**, with one `sharedEventID`. Both records are kept, each under its own `eventID`: only the
  caller's names the key, and only the owner's may be at hand. The tenant tells them apart.
- What a service does for itself is ignored, as are the tokens of Cognito's user pools.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grantlens.loaders.aws_cloudtrail.calls import USAGE
from grantlens.loaders.aws_cloudtrail.ends import REVOCATION
from grantlens.loaders.aws_cloudtrail.event import EVENT_STEP, FIELDS, NESTED, SPELLED, is_event, place
from grantlens.loaders.aws_cloudtrail.gateway import GATEWAY_STEP, GATEWAY_USAGE
from grantlens.loaders.aws_cloudtrail.keys_and_sessions import ISSUANCE, MEANT
from grantlens.loaders.aws_cloudtrail.meaning import KNOWN
from grantlens.loaders.loader import Join, Loader, mostly

_UNREAD = """(who IS NULL AND server <> 'signin.amazonaws.com' AND coalesce(category, '') <> 'Insight'
    AND coalesce(event_type, '') NOT IN ('AwsServiceEvent', 'AwsVpceEvent', 'AwsCloudTrailInsight'))"""

_IGNORED = f"""
SELECT line_no,
       CASE WHEN server = 'signin.amazonaws.com' THEN 'sign-in of a person'
            WHEN category = 'Insight' OR event_type = 'AwsCloudTrailInsight' THEN 'insight, no call'
            WHEN server = 'cognito-idp.amazonaws.com' AND event_type = 'AwsServiceEvent' THEN 'sign-in at a user pool of Cognito, or a token of it'
            WHEN who."type" = 'AWSService' OR (who."type" IS NULL AND who.invokedBy IS NOT NULL)
              OR event_type IN ('AwsServiceEvent', 'AwsVpceEvent') THEN 'AWS service acting for itself'
            ELSE 'call that names no caller of an account' END AS reason
FROM known
WHERE meaning IS NULL AND NOT is_use AND NOT {_UNREAD}
"""

_REJECTED = f"""
SELECT line_no,
       CASE WHEN logged_name IS NULL THEN 'eventName is missing'
            WHEN server IS NULL THEN 'eventSource is missing'
            WHEN logged_at IS NULL THEN 'eventTime is missing'
            ELSE 'eventTime is no time' END AS reason
FROM event
WHERE happened_at IS NULL OR server IS NULL OR logged_name IS NULL
UNION ALL
SELECT line_no, 'userIdentity or the request cannot be read' FROM known WHERE meaning IS NULL AND NOT is_use AND {_UNREAD}
"""


def _fitted(sample: Sequence[Mapping]) -> Loader:
    """Look for the event where it is; one that lies bare among others is read all the same."""
    found = next(filter(None, map(place, (record for record in sample if not is_event(record)))), None)
    if found is None:
        return LOADER
    fields, spelled = NESTED[found]
    return replace(LOADER, fields=fields, steps={**LOADER.steps, "spelled": spelled}, otherwise=LOADER, dialect=None)


LOADER = Loader(
    name="aws_cloudtrail",
    version=17,
    title="AWS CloudTrail",
    recognise=mostly(lambda record: is_event(record) or place(record) is not None),
    fields=FIELDS,
    dialect=_fitted,
    # Of issuance not the keys of console sessions, nor those that another account's trail holds.
    carries=("usage", "revocation"),
    catalogue="aws",
    giving_shown=True,
    makers=True,
    steps={"spelled": SPELLED, "event": EVENT_STEP, "known": KNOWN, "meant": MEANT, "gateway": GATEWAY_STEP},
    issuance=ISSUANCE,
    usage=f"{USAGE} UNION ALL BY NAME {GATEWAY_USAGE}",
    revocation=REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join("issuance", "usage", "token", "accessKeyId, credentialId", "keys of the console have no issue in the log"),
        Join("issuance", "revocation", "token", "accessKeyId", "sessions are ended by their role and time of issue"),
        Join("usage", "revocation", "token", "accessKeyId", "sessions are ended by their role and time of issue"),
    ),
    join_note=(
        "Issue, use and end of a key join on the access key id, exactly; sessions of STS are ended by their role and time of issue. "
        "A token of AWS Sign-In has no id in the log: its calls join by the sign-in session. Calls at a gateway of AgentCore name a token "
        "of another server, by its jti. Keys of console sessions and of services are used without an issue in the log, and data events are "
        "there only if the trail was told to log them."
    ),
)
