"""Auth0 tenant log: consents, exchanges, revocations - and the calls of Auth0's Management API.

What the mapping decides, and why:

- **Two shapes**: a stream wraps the event in `data`, the Management API gives it bare. Amazon EventBridge puts `detail`
  around it, Elastic `json` or the text `event.original`; Panther writes the time with a blank for the `T`. All give the same rows,
  as do the columns of the table `Auth0AM_CL` in Microsoft Sentinel (see `columns`).
- **A consent stands inside the login**: a prompt of `s` or `ssa` with `grantInfo` names the grant, its audience and scopes.
  Revoking it (`DELETE /api/v2/grants/<id>`) names the same id. Proven on real records, as are `seacft`, refused
  authorization requests (`f`), client grants, deleted clients, and calls with their token's `jti`.
- The other codes and their fields come from Auth0's own schemas of log events (repository auth0/auth0-log-schemas): no real record of them
  was at hand.
- **An exchange names the access token that it gave** by `details.access_token_jti`; the real records at hand are older and have none. The
  token that was shown for it is not named. `details.code` is an authorization code, masked or not: it is never read, nor are bodies of calls,
  but for the few keys named below.
- **Actors**: `details.actor` of an on-behalf-of or custom exchange is the claim `act` of the new token, one inside the other, the actor now
  outermost (the schema, and Auth0's pages on agents and session delegation). An actor without an id keeps its place, empty. A client of an
  agent that a person signs in to gets a token whose `act` is the agent alone: its external id, else its own. For itself the agent is the
  subject, no actor. Of an exchange that names an agent and no actor the chain is not known.
- **Refresh tokens** are known by their family (`familyId`) when they are shown and by their credential when they are revoked (`srrt`), and
  nothing joins the two. A family is no token: it stands for the one that was shown only where that was refused. Whether the grant of a
  revoked refresh token (`details.grant_id`) ended with it is a setting of the tenant: the token is the target.
- A refused exchange says why in a sentence for people. One of a rotated refresh token (`ferrt`) is a reuse where the sentence says so or the
  token shown is older than the latest (`tokenCounter`, `latestCounter`; Auth0 community): the code itself only "could" mean one. Where the
  sentence says that the family was revoked, it is the end of the family too. A refresh token that is revoked, expired or pruned (`fertft`) reads
  the same whichever it is, unless `failure_reason` says `grant_revoked`. Why other exchanges failed is not read. What they asked for stands in
  `scope`.
- A token from the Token Vault (`seta`) is for the API of a third party: its connection is the audience. Its end (`expires_at`) is not read: no
  other exchange tells one. The accounts that people connect for it (`connected_accounts_...`) are ignored by name: as the only grant that the log
  names of a client and person, such a one would pass for that of all their tokens, and its end for theirs.
- A client grant's POST may leave out its id. Then the grant is derived from client and audience, and its DELETE, which
  gives nothing but the id, cannot be joined to it.
- **A client's secret that is rotated, and a key for signing that is added** are credentials of the client, made by whoever called (Auth0's pages of the
  Management API; a public set of alerts names the former's event). A secret has no id, and which one it replaced is told by nothing: its end is not claimed.
  A key has one, and its deletion names it. That a client is registered, dynamically or not, opens nothing yet.
- A call with a management token is a use of it (`jti`), and what it did besides: consent, change, revocation, block.
  Reads are logged only where they show secrets, so this log does not carry usage.
- Who calls with a token of a person is an admin, but for a person who ends what is its own: itself, or a device credential by a token that
  reaches no others' (`delete:current_user_device_credentials`).
- A logout ends a browser session, not a grant: ignored; a session deleted through the API likewise. Universal logout, and
  `revoke-access` of a user unless its body preserves them, end the refresh tokens as well: a revocation.
- Where all refresh tokens of a user or client are revoked, what was issued before is ended, and no consent: whether a grant ends
  with its tokens is a setting of the tenant. Narrowed to one audience, a revocation does not even say which tokens it ended.
- An empty text means that Auth0 does not say. Only an empty list of scopes means none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grantlens.loaders.auth0.calls import ACT, ENDED_BY_CALL, GIVEN_BY_CALL, USAGE
from grantlens.loaders.auth0.columns import as_written, is_flat, is_renamed
from grantlens.loaders.auth0.exchanges import CONSENTED, EXCHANGES, ISSUED, REFUSED_EXCHANGES, REFUSED_TOKENS, TOKENS
from grantlens.loaders.auth0.fields import ANY_SHAPE, EVENT, FLAT_SHAPE, STREAM_SHAPE, listed
from grantlens.loaders.loader import Join, Loader, mostly
from grantlens.loaders.written_time import text_moment


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


# Empty texts are unknown. What follows reads these columns only: each one more would be copied for each record.
# The meaning stands inside: written out beside the columns that ask for it, it would be worked out for each of them.
_EVENT_STEP = f"""
SELECT * EXCLUDE (e, delivered), {text_moment("date")} AS happened_at, {text_moment("delivered")} AS received_at,
       nullif(e.client_id, '') AS client_id, nullif(e.client_name, '') AS client_name, nullif(e.user_id, '') AS user_id,
       nullif(e.user_name, '') AS user_name, nullif(e.description, '') AS description,
       coalesce(nullif(e.external_agent_id, ''), nullif(e.agent_id, '')) AS agent,
       nullif(e.ip, '') AS ip, nullif(e.user_agent, '') AS user_agent, nullif(e.tenant_name, '') AS tenant,
       e.scope AS scope, CASE WHEN type IN ('seta', 'feta') THEN e.connection ELSE e.audience END AS audience,
       coalesce(nullif(e.details.session_id, ''), nullif(e.details.refresh_token ->> '$.session_id', '')) AS session_id,
       nullif(e.details.access_token_jti, '') AS given_jti,
       nullif(e.details.request.auth.user.user_id, '') AS caller_user,
       CASE WHEN status IN (401, 403, 429) THEN 'denied'
            WHEN type <> 'fapi' AND (status IS NULL OR status BETWEEN 200 AND 299) THEN 'success' ELSE 'error' END AS call_outcome,
       upper(nullif(e.details.request.method, '')) AS verb,
       -- copying costs more than asking
       CASE WHEN meaning = 'refusal' THEN e.details.qs END AS qs, CASE WHEN meaning = 'consent' THEN e.details.prompts END AS prompts,
       CASE WHEN meaning = 'call' THEN e.details.request END AS request,
       CASE WHEN meaning = 'call' THEN e.details.response.body END AS answer,
       CASE WHEN meaning IN ('token', 'exchange', 'refresh', 'token revoke')
            THEN {{'actor': e.details.actor, 'asked_scope': e.details.requested_scope, 'scope': e.details.scope,
                  'family': nullif(e.details.familyId, ''), 'shown': TRY_CAST(e.details.tokenCounter AS DOUBLE),
                  'latest': TRY_CAST(e.details.latestCounter AS DOUBLE), 'failure': e.details.failure_reason,
                  'credential': nullif(e.details.credential_id, ''), 'grant_id': nullif(e.details.grant_id, '')}} END AS told
FROM (
    SELECT line_no, e, delivered, e.type AS type, e.date AS date,
           coalesce(nullif(e.log_id, ''), nullif(outer_id, ''), nullif(e._id, '')) AS event_id,
           TRY_CAST(e.details.response.statusCode AS INTEGER) AS status,
           CASE WHEN e.type IN {listed(TOKENS)} OR e.type IN {listed(REFUSED_TOKENS)} THEN 'token'
                WHEN e.type IN {listed(EXCHANGES)} OR e.type IN {listed(REFUSED_EXCHANGES)} THEN 'exchange'
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

_REVOCATION = """
SELECT line_no, happened_at AS revoked_at, received_at, event_id,
       CASE WHEN meaning = 'subject disable' THEN 'disable' ELSE 'revoke' END AS kind,
       CASE WHEN type IN ('fdu', 'universal_logout_failed') THEN 'error' ELSE 'success' END AS outcome,
       CASE WHEN meaning IN ('token revoke', 'refresh') THEN 'token' WHEN meaning = 'subject revoke' THEN 'policy' ELSE 'subject' END AS target_kind,
       CASE WHEN meaning = 'refresh' THEN told.family ELSE told.credential END AS token_id, told.grant_id AS grant_id, NULL::VARCHAR AS session_id,
       CASE WHEN meaning IN ('token revoke', 'refresh') THEN client_id END AS client_id,
       CASE WHEN meaning IN ('token revoke', 'refresh') THEN client_name END AS client_name,
       user_id AS subject_id, user_name AS subject_name,
       CASE WHEN meaning = 'subject revoke' THEN happened_at END AS issued_before,
       CASE WHEN type IN ('resource_cleanup', 'ferrt') THEN 'policy' WHEN type = 'srrt' THEN 'client' END AS initiator,
       NULL::VARCHAR AS actor_id, description AS reason, tenant
FROM event
WHERE happened_at IS NOT NULL
  AND (meaning = 'token revoke' OR (meaning LIKE 'subject %' AND user_id IS NOT NULL)
       OR (type = 'ferrt' AND description ILIKE '%revoked the family%'))
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN type IN ('s', 'ssa', 'f', 'fsa', 'fu', 'fp', 'fc', 'fco', 'fcoa', 'scoa', 'w', 'pla', 'mfar', 'cs', 'cls', 'scv',
                           'sdel', 'sdelsa', 'fdelsa')
              OR starts_with(type, 'gd_') OR starts_with(type, 'limit_') OR starts_with(type, 'passkey_') THEN 'sign-in of a person'
            WHEN type IN ('slo', 'flo') OR type LIKE '%_logout_%' THEN 'sign-out of a person'
            WHEN type IN ('fdeac', 'fdeaz', 'fpar') OR starts_with(type, 'ciba_') THEN 'OAuth event that neither gives nor takes access'
            WHEN starts_with(type, 'connected_accounts_') THEN 'account of a third party for the Token Vault'
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
    if any(is_flat(record) or is_renamed(record) for record in sample):
        steps = {**LOADER.steps, "shaped": FLAT_SHAPE}
        return replace(LOADER, fields=EVENT, steps=steps, decode=as_written, otherwise=LOADER, dialect=None)
    if all(isinstance(record.get("data"), Mapping) for record in sample):
        fields, shape = f'{{"log_id": "VARCHAR", "data": {EVENT}}}', STREAM_SHAPE
    elif all({"type", "date"} <= record.keys() for record in sample):
        fields, shape = EVENT, FLAT_SHAPE
    else:
        return LOADER
    return replace(LOADER, fields=fields, steps={**LOADER.steps, "shaped": shape}, otherwise=LOADER, dialect=None)


LOADER = Loader(
    name="auth0",
    version=13,
    title="Auth0 tenant log",
    recognise=mostly(
        lambda record: (
            _is_event(record) or _is_original(record) or is_renamed(record) or (is_flat(record) and "type_s" in record)
        )
    ),
    fields='"JSON"',
    dialect=_fitted,
    carries=("issuance", "revocation"),
    makers=True,
    audiences="of tokens",
    actors="nested",
    steps={"shaped": ANY_SHAPE, "event": _EVENT_STEP, "act": ACT},
    issuance=f"{ISSUED}UNION ALL{CONSENTED}UNION ALL{GIVEN_BY_CALL}",
    usage=USAGE,
    revocation=f"{_REVOCATION}UNION ALL{ENDED_BY_CALL}",
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join("issuance", "usage", "token", "access_token_jti, jti", "only calls of the Management API"),
        Join(
            "issuance",
            "revocation",
            "grant",
            "grantInfo.id",
            "refresh tokens are named at their end only; a client grant's POST may leave it out",
        ),
        Join("usage", "revocation", "client and subject", "client_id, user_id", "only calls of the Management API"),
    ),
    join_note=(
        "Consents join their revocation by the grant's id, exactly. Exchanges name the access token (access_token_jti, which older "
        "records lack), and calls of the Management API name theirs (jti); refresh tokens are named at their end only. "
        "Use of a token at any other API is not in this log."
    ),
)
