"""Kubernetes audit log: requests to the API server, tokens of service accounts, bindings of roles.

What the mapping decides, and why:

- **One stage counts**: `ResponseComplete`, or `Panic`. Earlier stages of the request are ignored; a record without a stage is
  taken for a whole request.
- **Event id** is `auditID` with the time of the request: a client may choose the id itself, and could hide
  requests behind one id if that were all.
- **Operation is the permission**, as a rule of RBAC grants it: `<verb> <apiGroup>/<resource>[/<subresource>]`, the nameless group
  called `core` (`get core/pods/log`, `list apps/deployments`); for what is no resource `<verb> <path>` (`get /healthz`).
- **Client** is who sent the request, **subject** whom it impersonated; the impersonator is then the actor.
- **Token id** is the id of the credential: the JTI of a token of a service account, the same at issue and use; the hash of a client
  certificate; the access key by which EKS knows the caller.
- **Target of an issue** is the service account, spelled as it appears as a user: `system:serviceaccount:<namespace>:<name>`.
- **A dry run** of a binding or a deletion keeps nothing: it is a use, and gives or ends no access. `dryRun=All` in the query
  tells it; of a deletion the body alone, where it was logged, as the API server reads the query only where there is no body.
  A deletion that asks for a dry run in a body that the level Metadata leaves out looks like any other.
  A token that was asked for as a dry run is issued all the same, and works.
- **Expiry** is what was answered, else what was asked for, but for 3607 seconds: by that number the API server knows a pod's own token,
  which it makes for a year (EKS for 90 days) while it answers with an hour; later use is no fault (`authentication.k8s.io/stale-token`).
- A token has no end in the log but that of its account. Which secret held a token, its deletion does not say.
- **A binding** gives a role, not scopes: it is kept as authorization detail. Only the level Request shows its subjects, and of a
  patch (`kubectl apply`) only what it sets: subjects without their role, or the role alone. A JSON patch is not read.
- **OpenShift's OAuth tokens** are objects of this API, named by their hash (`sha256~`), and before OpenShift 4.6 by the token itself: such a
  name is not kept.
- **Outcome**: 401 and 403 are denied - by policy where authorization allowed and admission refused -, 429 is an error.
- **Address** is the last of `sourceIPs`: all before it are what the client says.
- The time of a request is its start. A watch ends minutes later (`ended_at`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grantlens.loaders.loader import Join, Loader, mostly
from grantlens.loaders.written_number import whole

_EVENT = """{
    "kind": "VARCHAR", "auditID": "VARCHAR", "stage": "VARCHAR", "requestURI": "VARCHAR", "verb": "VARCHAR",
    "requestReceivedTimestamp": "VARCHAR", "stageTimestamp": "VARCHAR", "p_parse_time": "VARCHAR",
    "user": {"username": "VARCHAR", "extra": {"authentication.kubernetes.io/credential-id": ["VARCHAR"], "accessKeyId": ["VARCHAR"]}},
    "impersonatedUser": {"username": "VARCHAR"},
    "sourceIPs": ["VARCHAR"], "userAgent": "VARCHAR",
    "objectRef": {"resource": "VARCHAR", "subresource": "VARCHAR", "namespace": "VARCHAR", "name": "VARCHAR", "apiGroup": "VARCHAR"},
    "responseStatus": {"code": "VARCHAR"},
    "requestObject": {"dryRun": ["VARCHAR"], "spec": {"audiences": ["VARCHAR"], "expirationSeconds": "VARCHAR"},
        "roleRef": {"kind": "VARCHAR", "name": "VARCHAR"},
        "subjects": [{"kind": "VARCHAR", "name": "VARCHAR", "namespace": "VARCHAR"}]},
    "responseObject": {"metadata": {"name": "VARCHAR"}, "spec": {"audiences": ["VARCHAR"]}, "status": {"expirationTimestamp": "VARCHAR"}},
    "annotations": {"authorization.k8s.io/decision": "VARCHAR", "authentication.kubernetes.io/issued-credential-id": "VARCHAR",
        "authentication.k8s.io/issued-credential-id": "VARCHAR", "authorization_k8s_io/decision": "VARCHAR",
        "authentication_kubernetes_io/issued-credential-id": "VARCHAR"}
}"""

_SPELLED = "SELECT line_no, r AS e FROM record WHERE r IS NOT NULL"


def _is_event(record: Mapping) -> bool:
    return record.get("kind") == "Event" and "verb" in record and "user" in record


def _place_in(record: Mapping) -> str | None:
    """Return where a shipper put the event, as text or as an object."""
    if {"AuditId", "Verb", "RequestUri", "StageReceivedTime"} <= record.keys():
        return "columns"
    event, properties, kubernetes = record.get("event"), record.get("properties"), record.get("kubernetes")
    places = {
        "event": event.get("original") if isinstance(event, Mapping) else None,
        "properties": properties.get("log") if isinstance(properties, Mapping) else None,
        "message": record.get("message"),
        "log": record.get("log"),
        "kubernetes": kubernetes.get("audit") if isinstance(kubernetes, Mapping) else None,
    }
    return next((name for name, held in places.items() if _holds_event(held)), None)


def _holds_event(held: object) -> bool:
    return '"audit.k8s.io/' in held if isinstance(held, str) else isinstance(held, Mapping) and _is_event(held)


def _moment(text: str) -> str:
    """Return SQL that reads a time if it is written as one; without a zone, as Panther writes it, it is UTC."""
    return f"""CASE WHEN {text} LIKE '____-__-_____:__:__%' AND {text} >= '1' THEN TRY_CAST(
               CASE WHEN regexp_matches({text}, '(Z|[+-]\\d\\d:?\\d\\d)$') THEN {text} ELSE {text} || 'Z' END AS TIMESTAMPTZ) END"""


_REQUEST_STEP = f"""
SELECT line_no, e.auditID AS audit_id, e.stage AS stage, coalesce(e.stage IN ('RequestReceived', 'ResponseStarted'), false) AS is_earlier, e.verb AS verb,
       coalesce(nullif(e.requestReceivedTimestamp, ''), e.stageTimestamp) AS logged_at,
       {_moment("coalesce(nullif(e.requestReceivedTimestamp, ''), e.stageTimestamp)")} AS happened_at,
       {_moment("e.stageTimestamp")} AS ended_at, {_moment("e.p_parse_time")} AS received_at,
       nullif(e."user".username, '') AS username, nullif(e.impersonatedUser.username, '') AS impersonated,
       regexp_replace(coalesce(e."user".extra."authentication.kubernetes.io/credential-id"[1], e."user".extra.accessKeyId[1]), '^JTI=', '')
           AS credential,
       e.sourceIPs[-1] AS ip, nullif(e.userAgent, '') AS user_agent,
       e.objectRef AS o,
       CASE WHEN NOT coalesce(e.objectRef.resource IN ('oauthaccesstokens', 'oauthauthorizetokens', 'useroauthaccesstokens'), false)
              OR starts_with(e.objectRef.name, 'sha256~') THEN nullif(e.objectRef.name, '') END AS object_name,
       e.requestURI AS uri, {whole("nullif(e.responseStatus.code, '')")} AS code,
       e.requestObject AS asked, e.responseObject AS got,
       coalesce(e.annotations."authorization.k8s.io/decision", e.annotations."authorization_k8s_io/decision") AS decision,
       regexp_replace(coalesce(e.annotations."authentication.kubernetes.io/issued-credential-id",
                               e.annotations."authentication.k8s.io/issued-credential-id",
                               e.annotations."authentication_kubernetes_io/issued-credential-id"), '^JTI=', '') AS issued
FROM spelled
"""

_KNOWN_STEP = """
SELECT *,
       audit_id || '|' || epoch_us(happened_at) AS event_id,
       CASE WHEN code IN ('401', '403') OR (code IS NULL AND decision = 'forbid') THEN 'denied'
            WHEN stage = 'Panic' OR NOT regexp_full_match(code, '[123]\\d\\d') THEN 'error' ELSE 'success' END AS outcome,
       CASE WHEN o.resource <> '' THEN verb || ' ' || coalesce(nullif(o.apiGroup, ''), 'core') || '/' || o.resource
                                       || coalesce('/' || nullif(o.subresource, ''), '')
            ELSE verb || ' ' || coalesce(nullif(split_part(uri, '?', 1), ''), '/') END AS operation,
       coalesce(impersonated, username) AS authority,
       CASE WHEN verb = 'create' AND o.resource = 'serviceaccounts' AND o.subresource = 'token' THEN 'token'
            WHEN verb = 'delete' AND o.resource = 'serviceaccounts' AND coalesce(o.subresource, '') = '' THEN 'remove'
            WHEN verb IN ('create', 'update', 'patch') AND o.resource IN ('rolebindings', 'clusterrolebindings')
                 AND len(asked.subjects) > 0 THEN 'bind' END AS meaning
FROM request
WHERE NOT is_earlier AND happened_at IS NOT NULL AND verb <> '' AND (code IS NOT NULL OR decision = 'forbid' OR stage = 'Panic')
"""

_DRY_RUN = """coalesce(CASE WHEN verb = 'delete' AND asked IS NOT NULL THEN list_contains(asked.dryRun, 'All')
                             ELSE regexp_matches(uri, '[?&]dryRun=All(&|$)') END, false)"""

_ACCOUNT = "'system:serviceaccount:' || {0} || ':' || {1}"

# One row for each subject of a binding; the first keeps the id of the event.
_MEANT_STEP = f"""
SELECT *, event_id || CASE WHEN nth > 1 THEN '#' || nth ELSE '' END AS part_id,
       CASE WHEN meaning <> 'bind' THEN {_ACCOUNT.format("o.namespace", "coalesce(nullif(o.name, ''), got.metadata.name)")}
            WHEN member.kind = 'ServiceAccount' THEN {_ACCOUNT.format("coalesce(member.namespace, o.namespace)", "member.name")}
            WHEN member.kind = 'Group' THEN 'group:' || member.name
            ELSE member.name END AS account
FROM (SELECT *, unnest(members) AS member, generate_subscripts(members, 1) AS nth
      FROM (SELECT *, CASE WHEN meaning = 'bind' THEN asked.subjects ELSE [NULL] END AS members
            FROM known WHERE meaning IS NOT NULL AND (meaning = 'token' OR NOT {_DRY_RUN})))
"""

_ISSUANCE = f"""
SELECT line_no, part_id AS event_id, happened_at AS issued_at, received_at, outcome,
       CASE WHEN outcome <> 'denied' THEN NULL WHEN code = '401' THEN 'token' ELSE 'policy' END AS denial_reason,
       CASE WHEN meaning = 'token' THEN 'token' ELSE 'change' END AS kind,
       CASE WHEN meaning = 'token' AND outcome = 'success' THEN issued END AS token_id,
       CASE WHEN meaning = 'token' THEN 'access' END AS token_kind,
       CASE WHEN meaning = 'token' THEN credential END AS parent_token_id,
       account AS client_id,
       CASE WHEN meaning = 'token' OR member.kind = 'ServiceAccount' THEN 'service'
            WHEN member.kind = 'User' THEN 'user' END AS subject_kind,
       CASE WHEN meaning = 'token' THEN list_filter([impersonated, username], lambda a: a IS NOT NULL) END AS actor_chain,
       -- who asks for none gets the server's own, which the answer alone tells
       CASE WHEN meaning = 'token' THEN coalesce(asked.spec.audiences, got.spec.audiences) END AS audience,
       CASE WHEN meaning = 'bind' THEN to_json({{'role': asked.roleRef.kind || '/' || asked.roleRef.name,
            'binding': o.resource || '/' || o.name, 'namespace': o.namespace}}) END AS authorization_details,
       CASE WHEN meaning = 'token' AND asked.spec.expirationSeconds IS DISTINCT FROM '3607' THEN coalesce({_moment("got.status.expirationTimestamp")},
            CASE WHEN regexp_full_match(asked.spec.expirationSeconds, '\\d{{1,9}}')
                 THEN happened_at + to_seconds(TRY_CAST(asked.spec.expirationSeconds AS INTEGER)) END) END AS expires_at,
       CASE WHEN meaning = 'bind' THEN authority END AS consent_actor,
       CASE WHEN meaning = 'bind' THEN CASE WHEN authority = account THEN 'user' ELSE 'admin' END END AS consent_kind,
       ip, user_agent
FROM meant
WHERE meaning IN ('token', 'bind')
"""

_REVOCATION = """
SELECT line_no, part_id AS event_id, happened_at AS revoked_at, received_at, outcome,
       'disable' AS kind, 'client' AS target_kind, account AS client_id,
       CASE WHEN authority = account THEN 'client'
            WHEN starts_with(authority, 'system:') AND NOT starts_with(authority, 'system:serviceaccount:') THEN 'system'
            WHEN authority IS NOT NULL THEN 'admin' END AS initiator,
       username AS actor_id
FROM meant
WHERE meaning = 'remove'
"""

_USAGE = """
SELECT line_no, event_id, happened_at AS used_at, ended_at, received_at, outcome,
       CASE WHEN regexp_full_match(code, '\\d{3}') THEN code END AS status,
       CASE WHEN outcome <> 'denied' THEN NULL WHEN code = '401' THEN 'token'
            WHEN decision = 'allow' THEN 'policy' ELSE 'scope' END AS denial_reason,
       credential AS token_id,
       username AS client_id, impersonated AS subject_id,
       CASE WHEN impersonated IS NOT NULL AND username IS NOT NULL THEN [username] END AS actor_chain,
       'kubernetes' AS resource_server, operation,
       nullif(concat_ws('/', nullif(o.namespace, ''), object_name), '') AS resource_id,
       ip, user_agent
FROM known
"""

_IGNORED = """
SELECT line_no, 'earlier stage of a request' AS reason FROM request WHERE is_earlier
"""

_REJECTED = """
SELECT line_no,
       CASE WHEN coalesce(verb, '') = '' THEN 'verb is missing'
            WHEN logged_at IS NULL THEN 'requestReceivedTimestamp is missing'
            WHEN happened_at IS NULL THEN 'requestReceivedTimestamp is no time'
            ELSE 'responseStatus.code is missing' END AS reason
FROM request
WHERE NOT is_earlier
  AND (happened_at IS NULL OR coalesce(verb, '') = ''
       OR (code IS NULL AND decision IS DISTINCT FROM 'forbid' AND stage IS DISTINCT FROM 'Panic'))
"""

# What AKS calls the parts of an event in the columns of a table; those that hold objects may hold them as text.
_COLUMNS = {
    "auditID": "AuditId",
    "stage": "Stage",
    "requestURI": "RequestUri",
    "verb": "Verb",
    "userAgent": "UserAgent",
    "requestReceivedTimestamp": "RequestReceivedTime",
    "stageTimestamp": "StageReceivedTime",
}
_OBJECTS = {
    "user": "User",
    "sourceIPs": "SourceIps",
    "objectRef": "ObjectRef",
    "responseStatus": "ResponseStatus",
    "requestObject": "RequestObject",
    "responseObject": "ResponseObject",
    "annotations": "Annotations",
}
_TABLE = ", ".join(
    [f"'{name}', r.\"{column}\"" for name, column in _COLUMNS.items()]
    + [f"'{name}', TRY_CAST(r.\"{column}\" AS JSON)" for name, column in _OBJECTS.items()]
)

_WRAPPED = {
    "event": ('{"event": {"original": "VARCHAR"}}', "r.event.original"),
    "properties": ('{"properties": {"log": "VARCHAR"}}', "r.properties.log"),
    "message": ('{"message": "VARCHAR"}', "r.message"),
    "log": ('{"log": "VARCHAR"}', "r.log"),
    "kubernetes": ('{"kubernetes": {"audit": "VARCHAR"}}', "r.kubernetes.audit"),
    "columns": (
        "{" + ", ".join(f'"{column}": "VARCHAR"' for column in (_COLUMNS | _OBJECTS).values()) + "}",
        f'CASE WHEN r."AuditId" IS NOT NULL THEN json_object({_TABLE}) END',
    ),
}
"""Where shippers put the event: Elastic's original, diagnostic settings of Azure, CloudWatch Logs of EKS, container logs, Elastic's
own fields, the tables AKSAudit and AKSAuditAdmin of Log Analytics."""


def _fitted(sample: Sequence[Mapping]) -> Loader:
    """Look for the event where it is; one that lies bare among others is read all the same."""
    found = next(filter(None, map(_place_in, (record for record in sample if not _is_event(record)))), None)
    if found is None:
        return LOADER
    fields, text = _WRAPPED[found]
    spelled = f"""SELECT line_no, TRY(from_json(held, '{_EVENT}')) AS e FROM (SELECT line_no, {text} AS held FROM record)
                  WHERE json_valid(held) AND json_type(held) = 'OBJECT'"""
    return replace(LOADER, fields=fields, steps={**LOADER.steps, "spelled": spelled}, otherwise=LOADER, dialect=None)


LOADER = Loader(
    name="kubernetes",
    version=8,
    title="Kubernetes audit log",
    recognise=mostly(lambda record: _is_event(record) or _place_in(record) is not None),
    fields=_EVENT,
    dialect=_fitted,
    # Of issuance only tokens that the API server made: certificates and tokens from elsewhere are not logged.
    carries=("usage", "revocation"),
    catalogue="kubernetes",
    giving_shown=True,
    steps={"spelled": _SPELLED, "request": _REQUEST_STEP, "known": _KNOWN_STEP, "meant": _MEANT_STEP},
    issuance=_ISSUANCE,
    usage=_USAGE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join(
            "issuance",
            "usage",
            "token",
            "issued-credential-id, credential-id",
            "from Kubernetes 1.30 on; before, the account",
        ),
        Join(
            "issuance",
            "revocation",
            "client and subject",
            "objectRef of the service account",
            "a token has no end of its own",
        ),
        Join("usage", "revocation", "client and subject", "user.username", "a token has no end of its own"),
    ),
    audiences="of tokens",
    join_note=(
        "Issue and use join by the JTI of the service account's token, exactly, from Kubernetes 1.30 on. A token has no end of its "
        "own in this log: the deletion of its account ends it. What the audit policy leaves out is not there."
    ),
)
