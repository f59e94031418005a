"""Auth0 tenant log: consents, exchanges, revocations - and the calls of Auth0's Management API.

What the mapping decides, and why:

- **Two shapes**: a stream wraps the event in `data`, the Management API gives it bare. Amazon EventBridge puts `detail`
  around it, Elastic `json` or the text `event.original`. All give the same rows.
- **A consent stands inside the login**: a prompt of `s` or `ssa` with `grantInfo` names the grant, its audience and scopes.
  Revoking it (`DELETE /api/v2/grants/<id>`) names the same id. Proven on real records, as are `seacft`, refused
  authorization requests (`f`), client grants, deleted clients, and calls with their token's `jti`.
- The other codes come from Auth0's list of log event types: no real record of them was at hand.
- **An exchange names the access token that it gave** by `details.access_token_jti`, says Auth0's schema of these events; the real records at
  hand are older and have none. No refresh token is named. `details.code` is an authorization code, masked or not: it is never read, nor are
  bodies of calls, but for the few keys named below.
- A refused exchange says why in a sentence for people. One of a rotated refresh token (`ferrt`) is a reuse where the sentence says so: the code
  "could" mean one (Auth0's page of that event), and "Reused rotating refresh token detected, revoked the family" does (Auth0 community).
  A refresh token that is revoked, expired or pruned (`fertft`) reads the same whichever it is. Why other exchanges failed is not read.
- A client grant's POST may leave out its id. Then the grant is derived from client and audience, and its DELETE, which
  gives nothing but the id, cannot be joined to it.
- A call with a management token is a use of it (`jti`), and what it did besides: consent, change, revocation, block.
  Reads are logged only where they show secrets, so this log does not carry usage.
- A logout ends a browser session, not a grant: ignored; a session deleted through the API likewise. Universal logout, and
  `revoke-access` of a user unless its body preserves them, end the refresh tokens as well: a revocation.
- Where all refresh tokens of a user or client are revoked, what was issued before is ended, and no consent: whether a grant ends
  with its tokens is a setting of the tenant. Narrowed to one audience, a revocation does not even say which tokens it ended.
- An empty text means that Auth0 does not say. Only an empty list of scopes means none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grantlens.loaders.loader import Join, Loader, mostly

_EVENT = """{
    "log_id": "VARCHAR", "_id": "VARCHAR", "date": "VARCHAR", "type": "VARCHAR", "description": "VARCHAR",
    "client_id": "VARCHAR", "client_name": "VARCHAR", "user_id": "VARCHAR", "user_name": "VARCHAR",
    "agent_id": "VARCHAR", "ip": "VARCHAR", "user_agent": "VARCHAR", "tenant_name": "VARCHAR",
    "scope": "VARCHAR", "audience": "VARCHAR",
    "details": {
        "session_id": "VARCHAR", "access_token_jti": "VARCHAR",
        "prompts": [{"grantInfo": {"id": "VARCHAR", "audience": "VARCHAR", "scope": "VARCHAR"}}],
        "qs": {"client_id": "VARCHAR", "scope": "VARCHAR", "audience": "VARCHAR", "response_type": "VARCHAR"},
        "error": {"oauthError": "VARCHAR"},
        "request": {"method": "VARCHAR", "path": "VARCHAR",
            "auth": {"user": {"user_id": "VARCHAR", "name": "VARCHAR"},
                "credentials": {"jti": "VARCHAR", "scopes": "VARCHAR"}},
            "query": {"user_id": "VARCHAR"},
            "body": {"client_id": "VARCHAR", "user_id": "VARCHAR", "audience": "VARCHAR", "scope": "VARCHAR",
                "blocked": "VARCHAR", "ids": "VARCHAR", "session_id": "VARCHAR", "preserve_refresh_tokens": "VARCHAR"}},
        "response": {"statusCode": "VARCHAR",
            "body": {"id": "VARCHAR", "client_id": "VARCHAR", "audience": "VARCHAR", "scope": "VARCHAR"}}}
}"""


def _event_of(record: Mapping) -> Mapping:
    """Return the event inside whatever is around it."""
    for name in ("detail", "json"):
        if isinstance(record.get(name), Mapping):
            record = record[name]
    return record["data"] if isinstance(record.get("data"), Mapping) else record


def _is_event(record: Mapping) -> bool:
    event = _event_of(record)
    named = isinstance(event.get("type"), str) and isinstance(event.get("date"), str)
    return named and bool({"log_id", "_id"} & (event.keys() | record.keys())) and bool({"ip", "details"} & event.keys())


def _is_original(record: Mapping) -> bool:
    event, text = record.get("event"), record.get("message")
    if isinstance(event, Mapping) and isinstance(event.get("original"), str):
        text = event["original"]
    return isinstance(text, str) and text.startswith("{") and '"log_id"' in text and '"date"' in text


# The shape that most files have. What does not fit is handed to `_ANY_SHAPE`.
_STREAM_SHAPE = """
SELECT line_no, r.log_id AS outer_id, NULL::VARCHAR AS delivered, r.data AS e
FROM record
WHERE r.data.type IS NOT NULL AND r.data.date IS NOT NULL
"""

_FLAT_SHAPE = """
SELECT line_no, NULL::VARCHAR AS outer_id, NULL::VARCHAR AS delivered, r AS e
FROM record
WHERE r.type IS NOT NULL AND r.date IS NOT NULL
"""

_ANY_SHAPE = f"""
SELECT line_no, outer_id, delivered, from_json(event, '{_EVENT}') AS e
FROM (
    SELECT line_no, delivered, inside ->> '$.log_id' AS outer_id,
           CASE WHEN json_type(inside, '$.data') = 'OBJECT' THEN inside -> '$.data' ELSE inside END AS event
    FROM (
        SELECT line_no,
               CASE WHEN json_type(r, '$.detail') = 'OBJECT' THEN r ->> '$.time' END AS delivered,
               CASE WHEN json_type(r, '$.detail') = 'OBJECT' THEN r -> '$.detail'
                    WHEN json_type(r, '$.json') = 'OBJECT' THEN r -> '$.json'
                    WHEN json_type(r, '$.event.original') = 'VARCHAR' THEN TRY_CAST(r ->> '$.event.original' AS JSON)
                    WHEN json_type(r, '$.message') = 'VARCHAR' AND json_type(r, '$.type') IS NULL
                    THEN TRY_CAST(r ->> '$.message' AS JSON)
                    ELSE r END AS inside
        FROM record
        WHERE json_type(r) = 'OBJECT'
    )
)
"""


def _scopes(text: str) -> str:
    """Return SQL that reads scopes: a list, or a text with blanks."""
    return f"""CASE WHEN starts_with({text}, '[') THEN TRY(from_json({text}, '["VARCHAR"]'))
            WHEN trim({text}) <> '' THEN list_filter(string_split({text}, ' '), lambda s: s <> '') END"""


def _moment(text: str) -> str:
    """Return SQL that reads a time only if it is written as one."""
    return f"CASE WHEN {text} LIKE '____-__-__T__:__%' AND {text} >= '1' THEN TRY_CAST({text} AS TIMESTAMPTZ) END"


def _listed(codes: str) -> str:
    return "(" + ", ".join(f"'{code}'" for code in codes.split()) + ")"


_TOKENS = "seacft seccft sepft seoobft seotpft sercft sepkoobft sepkotpft sepkrcft sede ciba_exchange_succeeded"
_EXCHANGES = "sens secte seta sd idjag_exchange_succeeded"
_REFUSED_TOKENS = "feacft feccft fepft feoobft feotpft fepotpft fercft fede ciba_exchange_failed"
_REFUSED_EXCHANGES = "fens fecte feta fd idjag_exchange_failed jwt_bearer_exchange_failed"

# Empty texts are unknown. What follows reads these columns only: each one more would be copied for each record.
# The meaning stands inside: written out beside the columns that ask for it, it would be worked out for each of them.
_EVENT_STEP = f"""
SELECT * EXCLUDE (e, delivered), {_moment("date")} AS happened_at, {_moment("delivered")} AS received_at,
       nullif(e.client_id, '') AS client_id, nullif(e.client_name, '') AS client_name, nullif(e.user_id, '') AS user_id,
       nullif(e.user_name, '') AS user_name, nullif(e.agent_id, '') AS agent_id, nullif(e.description, '') AS description,
       nullif(e.ip, '') AS ip, nullif(e.user_agent, '') AS user_agent, nullif(e.tenant_name, '') AS tenant,
       e.scope AS scope, e.audience AS audience, nullif(e.details.session_id, '') AS session_id, nullif(e.details.access_token_jti, '') AS given_jti,
       nullif(e.details.request.auth.user.user_id, '') AS caller_user,
       CASE WHEN status IN (401, 403, 429) THEN 'denied'
            WHEN type <> 'fapi' AND (status IS NULL OR status BETWEEN 200 AND 299) THEN 'success' ELSE 'error' END AS call_outcome,
       upper(nullif(e.details.request.method, '')) AS verb,
       -- copying costs more than asking
       CASE WHEN meaning = 'refusal' THEN e.details.qs END AS qs, CASE WHEN meaning = 'consent' THEN e.details.prompts END AS prompts,
       CASE WHEN meaning = 'call' THEN e.details.request END AS request,
       CASE WHEN meaning = 'call' THEN e.details.response.body END AS answer
FROM (
    SELECT line_no, e, delivered, e.type AS type, e.date AS date,
           coalesce(nullif(e.log_id, ''), nullif(outer_id, ''), nullif(e._id, '')) AS event_id,
           TRY_CAST(e.details.response.statusCode AS INTEGER) AS status,
           CASE WHEN e.type IN {_listed(_TOKENS)} OR e.type IN {_listed(_REFUSED_TOKENS)} THEN 'token'
                WHEN e.type IN {_listed(_EXCHANGES)} OR e.type IN {_listed(_REFUSED_EXCHANGES)} THEN 'exchange'
                WHEN e.type IN ('sertft', 'fertft', 'ferrt') THEN 'refresh'
                WHEN e.type IN ('s', 'ssa') AND list_any_value(list_transform(e.details.prompts, lambda p: p.grantInfo.id))
                     IS NOT NULL THEN 'consent'
                WHEN e.type = 'fdecc' THEN 'refusal'
                WHEN e.type IN ('f', 'fsa') AND e.details.qs.response_type IS NOT NULL AND e.details.error.oauthError IS NOT NULL
                THEN 'refusal'
                WHEN e.type IN ('sapi', 'fapi', 'mgmt_api_read') THEN 'call'
                WHEN e.type IN ('srrt', 'resource_cleanup') THEN 'token revoke'
                WHEN e.type IN ('universal_logout_succeeded', 'universal_logout_failed') THEN 'subject revoke'
                WHEN e.type IN ('sdu', 'fdu', 'du') THEN 'subject disable' END AS meaning
    FROM shaped
)
"""

# What a call did, by its path: a consent, or the end of a token, grant, client or subject. Most calls do neither.
_ACT_STEP = """
SELECT *,
       CASE WHEN kind = 'client-grants' AND verb = 'POST' AND place_id IS NULL THEN 'client grant'
            WHEN kind = 'client-grants' AND verb = 'PATCH' AND place_id IS NOT NULL THEN 'client grant change'
            WHEN kind = 'device-credentials' AND verb = 'POST' AND place_id IS NULL THEN 'credential'
            WHEN kind IN ('client-grants', 'grants') AND verb = 'DELETE' AND place_id IS NOT NULL THEN 'end grant'
            WHEN kind = 'grants' AND verb = 'DELETE' AND request.query.user_id <> '' THEN 'end subject'
            WHEN kind IN ('refresh-tokens', 'device-credentials') AND verb = 'DELETE' AND place_id IS NOT NULL THEN 'end token'
            WHEN kind = 'refresh-tokens' AND verb = 'POST' AND place_id = 'revoke'
            THEN CASE WHEN starts_with(request.body.ids, '[') THEN 'end tokens'
                      WHEN request.body.user_id <> '' AND request.body.client_id <> '' THEN 'end pair'
                      WHEN request.body.user_id <> '' THEN 'end subject'
                      WHEN request.body.client_id <> '' THEN 'end client' END
            WHEN kind = 'sessions' AND verb = 'POST' AND place_id IS NOT NULL AND below = 'revoke' THEN 'end session'
            WHEN kind = 'users' AND verb = 'DELETE' AND place_id IS NOT NULL AND below = 'refresh-tokens' THEN 'end subject'
            WHEN kind = 'users' AND verb = 'POST' AND place_id IS NOT NULL AND below = 'revoke-access'
            THEN CASE WHEN request.body.preserve_refresh_tokens = 'true' THEN NULL
                      WHEN request.body.session_id <> '' THEN 'end session' ELSE 'end subject' END
            WHEN kind = 'users' AND verb = 'DELETE' AND place_id IS NOT NULL AND below IS NULL THEN 'disable subject'
            WHEN kind = 'users' AND verb = 'PATCH' AND place_id IS NOT NULL AND below IS NULL AND request.body.blocked = 'true'
            THEN 'disable subject'
            WHEN kind = 'clients' AND verb = 'DELETE' AND place_id IS NOT NULL AND below IS NULL THEN 'disable client'
       END AS what
FROM (
    SELECT *, string_split(regexp_extract(request.path, '^/api/v2/([^?]+?)/?([?].*)?$', 1), '/') AS place,
           place[1] AS kind, nullif(url_decode(place[2]), '') AS place_id, place[3] AS below
    FROM event
    WHERE meaning = 'call' AND happened_at IS NOT NULL
      AND ((verb = 'DELETE' AND regexp_matches(request.path, '^/api/v2/(client-grants|grants|refresh-|device-|users|clients)'))
        OR (verb = 'POST' AND regexp_matches(request.path, '^/api/v2/(client-grants|device-|refresh-|sessions|users/[^/]+/revoke-)'))
        OR (verb = 'PATCH' AND regexp_matches(request.path, '^/api/v2/(client-grants|users)')))
)
"""

_ISSUED = f"""
SELECT line_no, happened_at AS issued_at, received_at, event_id, meaning AS kind,
       CASE WHEN starts_with(type, 'f') OR type LIKE '%_failed' THEN 'denied' ELSE 'success' END AS outcome,
       CASE WHEN type IN ('seacft', 'feacft') THEN 'authorization_code'
            WHEN type IN ('seccft', 'feccft') THEN 'client_credentials'
            WHEN type IN ('sepft', 'fepft') THEN 'password'
            WHEN type IN ('seoobft', 'feoobft') THEN 'http://auth0.com/oauth/grant-type/mfa-oob'
            WHEN type IN ('seotpft', 'feotpft') THEN 'http://auth0.com/oauth/grant-type/mfa-otp'
            WHEN type IN ('sercft', 'fercft') THEN 'http://auth0.com/oauth/grant-type/mfa-recovery-code'
            WHEN type IN ('sede', 'fede') THEN 'urn:ietf:params:oauth:grant-type:device_code'
            WHEN starts_with(type, 'ciba_') THEN 'urn:openid:params:grant-type:ciba'
            WHEN type = 'jwt_bearer_exchange_failed' THEN 'urn:ietf:params:oauth:grant-type:jwt-bearer'
            WHEN meaning = 'refresh' THEN 'refresh_token'
            WHEN type IN ('secte', 'fecte', 'sens', 'fens') THEN 'urn:ietf:params:oauth:grant-type:token-exchange' END AS grant_type,
       CASE WHEN type = 'ferrt' AND description ILIKE '%reuse%' THEN 'reuse'
            WHEN type IN ('ferrt', 'fertft') THEN 'token' END AS denial_reason,
       NULL::VARCHAR AS grant_id, given_jti AS token_id, 'access' AS token_kind,
       session_id, client_id, client_name, user_id AS subject_id, user_name AS subject_name,
       CASE WHEN user_id IS NOT NULL THEN 'user' WHEN type IN ('seccft', 'feccft') THEN 'service' END AS subject_kind,
       CASE WHEN agent_id IS NOT NULL THEN [agent_id] END AS actor_chain,
       NULL::VARCHAR[] AS scopes_requested, {_scopes("scope")} AS scopes, {_scopes("audience")} AS audience,
       NULL::VARCHAR AS consent_actor, NULL::VARCHAR AS consent_kind,
       ip, user_agent, tenant
FROM event
WHERE happened_at IS NOT NULL AND meaning IN ('token', 'exchange', 'refresh')
"""

_CONSENTED = f"""
SELECT line_no, happened_at AS issued_at, received_at,
       CASE WHEN nth = 1 THEN event_id ELSE event_id || '#' || nth END AS event_id,
       'consent' AS kind, CASE WHEN meaning = 'refusal' THEN 'denied' ELSE 'success' END AS outcome, NULL AS grant_type,
       CASE WHEN type = 'fdecc' THEN 'consent' END AS denial_reason,
       given.id AS grant_id, NULL AS token_id, NULL AS token_kind, session_id,
       coalesce(client_id, nullif(qs.client_id, '')) AS client_id, client_name,
       user_id AS subject_id, user_name AS subject_name,
       CASE WHEN user_id IS NOT NULL THEN 'user' END AS subject_kind, NULL AS actor_chain,
       {_scopes("qs.scope")} AS scopes_requested,
       CASE WHEN meaning = 'consent' THEN {_scopes("given.scope")} END AS scopes,
       {_scopes("coalesce(given.audience, qs.audience)")} AS audience,
       CASE WHEN meaning = 'consent' THEN user_id END AS consent_actor, 'user' AS consent_kind,
       ip, user_agent, tenant
FROM (
    SELECT *, unnest(givens) AS given, generate_subscripts(givens, 1) AS nth
    FROM (
        SELECT *, CASE WHEN meaning = 'refusal' THEN [NULL]
                       ELSE list_transform(list_filter(prompts, lambda p: p.grantInfo.id IS NOT NULL), lambda p: p.grantInfo)
                  END AS givens
        FROM event
        WHERE happened_at IS NOT NULL AND meaning IN ('consent', 'refusal')
    )
)
"""

# An administrator lets a client act for itself, or gives it a key for a device.
_GIVEN_BY_CALL = f"""
SELECT line_no, happened_at AS issued_at, received_at, event_id,
       CASE what WHEN 'client grant' THEN 'consent' WHEN 'client grant change' THEN 'change' ELSE 'credential' END AS kind,
       call_outcome AS outcome, NULL AS grant_type, NULL AS denial_reason,
       CASE WHEN what <> 'credential' THEN coalesce(place_id, nullif(answer.id, '')) END AS grant_id,
       CASE WHEN what = 'credential' THEN nullif(answer.id, '') END AS token_id,
       CASE WHEN what = 'credential' THEN 'api_key' END AS token_kind, NULL AS session_id,
       coalesce(nullif(request.body.client_id, ''), nullif(answer.client_id, '')) AS client_id, NULL AS client_name,
       CASE WHEN what = 'credential' THEN caller_user END AS subject_id, NULL AS subject_name,
       CASE WHEN what = 'credential' THEN 'user' ELSE 'service' END AS subject_kind, NULL AS actor_chain,
       {_scopes("request.body.scope")} AS scopes_requested,
       CASE WHEN call_outcome = 'success' THEN {_scopes("coalesce(answer.scope, request.body.scope)")} END AS scopes,
       {_scopes("coalesce(nullif(request.body.audience, ''), answer.audience)")} AS audience,
       CASE WHEN what <> 'credential' THEN coalesce(caller_user, client_id) END AS consent_actor,
       CASE WHEN what <> 'credential' THEN 'admin' END AS consent_kind,
       ip, user_agent, tenant
FROM act
WHERE what IN ('client grant', 'client grant change', 'credential')
"""

_USAGE = f"""
SELECT line_no, event_id, happened_at AS used_at, received_at, call_outcome AS outcome,
       CASE WHEN status BETWEEN 0 AND 32767 THEN status::SMALLINT END AS status,
       CASE status WHEN 401 THEN 'token' WHEN 403 THEN 'other' WHEN 429 THEN 'rate' END AS denial_reason,
       nullif(request.auth.credentials.jti, '') AS token_id,
       client_id, client_name,
       caller_user AS subject_id, nullif(request.auth.user.name, '') AS subject_name,
       {_scopes("request.auth.credentials.scopes")} AS token_scopes,
       'auth0' AS resource_server, verb AS method, nullif(split_part(request.path, '?', 1), '') AS target,
       ip, user_agent, tenant
FROM event
WHERE happened_at IS NOT NULL AND meaning = 'call'
"""

_REVOCATION = """
SELECT line_no, happened_at AS revoked_at, received_at, event_id,
       CASE WHEN meaning = 'subject disable' THEN 'disable' ELSE 'revoke' END AS kind,
       CASE WHEN type IN ('fdu', 'universal_logout_failed') THEN 'error' ELSE 'success' END AS outcome,
       CASE meaning WHEN 'token revoke' THEN 'token' WHEN 'subject revoke' THEN 'policy' ELSE 'subject' END AS target_kind,
       NULL::VARCHAR AS token_id, NULL::VARCHAR AS grant_id, NULL::VARCHAR AS session_id,
       CASE WHEN meaning = 'token revoke' THEN client_id END AS client_id,
       CASE WHEN meaning = 'token revoke' THEN client_name END AS client_name,
       user_id AS subject_id, user_name AS subject_name,
       CASE WHEN meaning = 'subject revoke' THEN happened_at END AS issued_before,
       CASE WHEN type = 'resource_cleanup' THEN 'policy' WHEN type = 'srrt' THEN 'client' END AS initiator,
       NULL::VARCHAR AS actor_id, description AS reason, tenant
FROM event
WHERE happened_at IS NOT NULL AND (meaning = 'token revoke' OR (meaning LIKE 'subject %' AND user_id IS NOT NULL))
UNION ALL
SELECT line_no, happened_at, received_at,
       CASE WHEN nth = 1 THEN event_id ELSE event_id || '#' || nth END,
       CASE WHEN starts_with(what, 'disable') THEN 'disable' ELSE 'revoke' END,
       call_outcome, target_kind,
       CASE WHEN target_kind = 'token' AND what <> 'end pair' THEN ended END, CASE WHEN target_kind = 'grant' THEN ended END,
       CASE WHEN target_kind = 'session' THEN ended END,
       CASE WHEN ends_with(what, ' client') THEN ended WHEN what = 'end pair' THEN request.body.client_id END, NULL,
       CASE WHEN ends_with(what, ' subject') THEN ended WHEN what = 'end pair' THEN request.body.user_id END, NULL,
       CASE WHEN target_kind = 'policy' THEN happened_at END,
       CASE WHEN caller_user IS NULL THEN 'client' WHEN ends_with(what, ' subject') AND caller_user = ended THEN 'user' ELSE 'admin' END,
       coalesce(caller_user, client_id), description, tenant
FROM (
    SELECT *, unnest(all_ended) AS ended, generate_subscripts(all_ended, 1) AS nth
    FROM (
        SELECT *,
               CASE WHEN what = 'end tokens' OR (what = 'end pair' AND request.body.audience <> '') THEN 'token'
                    WHEN what = 'end pair' OR (what IN ('end subject', 'end client') AND kind <> 'grants') THEN 'policy'
                    -- written out: what a log can tell is read off the words that stand here
                    WHEN what = 'end grant' THEN 'grant'
                    ELSE split_part(what, ' ', 2) END AS target_kind,
               CASE WHEN what = 'end tokens' THEN list_filter(TRY(from_json(request.body.ids, '["VARCHAR"]')), lambda i: i <> '')
                    WHEN kind = 'users' AND what = 'end session' THEN [request.body.session_id]
                    WHEN place_id IS NOT NULL AND place_id <> 'revoke' THEN [place_id]
                    WHEN kind = 'grants' THEN [request.query.user_id]
                    WHEN what = 'end client' THEN [request.body.client_id]
                    ELSE [request.body.user_id] END AS all_ended
        FROM act
        WHERE starts_with(what, 'end ') OR starts_with(what, 'disable ')
    )
)
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN type IN ('s', 'ssa', 'f', 'fsa', 'fu', 'fp', 'fc', 'fco', 'fcoa', 'scoa', 'w', 'pla', 'mfar', 'cs', 'cls', 'scv')
              OR starts_with(type, 'gd_') OR starts_with(type, 'limit_') OR starts_with(type, 'passkey_') THEN 'sign-in of a person'
            WHEN type IN ('slo', 'flo') OR type LIKE '%_logout_%' THEN 'sign-out of a person'
            WHEN type IN ('fdeac', 'fdeaz', 'fpar') OR starts_with(type, 'ciba_') THEN 'OAuth event that neither gives nor takes access'
            ELSE 'not about delegated access' END AS reason
FROM event
WHERE happened_at IS NOT NULL AND meaning IS NULL AND type IS NOT NULL
"""

_REJECTED = """
SELECT line_no,
       CASE WHEN type IS NULL THEN 'type is missing' WHEN date IS NULL THEN 'date is missing' ELSE 'date is no time' END AS reason
FROM event
WHERE happened_at IS NULL OR type IS NULL
UNION ALL
SELECT line_no, 'names no subject' FROM event
WHERE happened_at IS NOT NULL AND meaning LIKE 'subject %' AND user_id IS NULL
"""


def _fitted(sample: Sequence[Mapping]) -> Loader:
    """Read the two usual shapes in one go; what does not fit is read with care afterwards."""
    if all(isinstance(record.get("data"), Mapping) for record in sample):
        fields, shape = f'{{"log_id": "VARCHAR", "data": {_EVENT}}}', _STREAM_SHAPE
    elif all({"type", "date"} <= record.keys() for record in sample):
        fields, shape = _EVENT, _FLAT_SHAPE
    else:
        return LOADER
    return replace(LOADER, fields=fields, steps={**LOADER.steps, "shaped": shape}, otherwise=LOADER, dialect=None)


LOADER = Loader(
    name="auth0",
    version=5,
    title="Auth0 tenant log",
    recognise=mostly(lambda record: _is_event(record) or _is_original(record)),
    fields='"JSON"',
    dialect=_fitted,
    carries=("issuance", "revocation"),
    steps={"shaped": _ANY_SHAPE, "event": _EVENT_STEP, "act": _ACT_STEP},
    issuance=f"{_ISSUED}UNION ALL{_CONSENTED}UNION ALL{_GIVEN_BY_CALL}",
    usage=_USAGE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join("issuance", "usage", "token", "access_token_jti, jti", "only calls of the Management API"),
        Join(
            "issuance",
            "revocation",
            "grant",
            "grantInfo.id",
            "refresh tokens have no id; a client grant's POST may leave it out",
        ),
        Join("usage", "revocation", "client and subject", "client_id, user_id", "only calls of the Management API"),
    ),
    join_note=(
        "Consents join their revocation by the grant's id, exactly. Exchanges name the access token (access_token_jti, which older "
        "records lack), and calls of the Management API name theirs (jti); refresh tokens have no id: they join by client and user. "
        "Use of a token at any other API is not in this log."
    ),
)
