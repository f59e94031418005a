"""Cloudflare account audit log: API tokens and keys made, rolled and revoked; version 2 also tells calls made with them.

What the mapping decides, and why:

- **Token id** is the tag of an API token (`metadata.token_tag`): create, roll and revoke carry it. Version 2 calls it
  `actor.token_id` on use (Cloudflare's page) or `actor.token.id` (seen in one account), and names it in the path of the call
  that ends it. A roll keeps the tag, so it refreshes the token.
- An API token is its own client, by its tag and name; whoever made it is the subject. This log has no scopes. A token that belongs to an account,
  as the path of version 2 tells, acts for nobody and goes on when who made it is gone (Cloudflare, "Account API tokens"); so does Access' service token.
- A member who is removed from an account is named by the id of the membership, which no other record has: ignored by name.
- A global API key is known by its digest: the resource of `API_key_created`, the text of `rotate_API_key`. One rotation
  logs both. The key that it replaces is not named, so no revocation is made of it.
- `API_key_view` shows a key to a person. That is neither issue nor use: ignored by name, so that it is counted.
- A result of false says that it failed, not why: `error`. Version 2 gives the status, and 401, 403 and 429 are denied.
- The owner of an event is a person or an account, as the case may be: only version 2 names the account, the tenant.
- Logpush writes the same events flat (`ActionType`, `When`), with the time in seconds, nanoseconds or text. Version 2 is a
  dataset of its own, `audit_logs_v2`, with other names (`ActionTimestamp`, `AuditLogID`). Its page does not tell what stands
  inside `Raw` and `ActorTokenDetails`: the API's names are read there. A change whose call stands there otherwise is ignored
  by name.
- Access ends the sessions of a person or an application by a call of version 2. Its tokens are not in this log: ignored by name.
- Proven on real records: create, roll and revoke of tokens, keys made, rotated and viewed. Version 2 and Logpush follow
  Cloudflare's pages. Reads are not logged, so this log does not carry usage.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grantlens.loaders.collected import OPENED, mostly_inside
from grantlens.loaders.loader import Join, Loader

_EVENT = """{
    "id": "VARCHAR", "when": "VARCHAR", "account": {"id": "VARCHAR"},
    "action": {"type": "VARCHAR", "result": "VARCHAR", "info": "VARCHAR", "time": "VARCHAR"},
    "actor": {"id": "VARCHAR", "email": "VARCHAR", "ip": "VARCHAR", "ip_address": "VARCHAR", "type": "VARCHAR",
        "context": "VARCHAR", "token_id": "VARCHAR", "token_name": "VARCHAR", "token": {"id": "VARCHAR", "name": "VARCHAR"}},
    "metadata": {"token_name": "VARCHAR", "token_tag": "VARCHAR", "new_token_status": "VARCHAR"},
    "resource": {"id": "VARCHAR", "type": "VARCHAR"},
    "raw": {"method": "VARCHAR", "status_code": "VARCHAR", "uri": "VARCHAR", "user_agent": "VARCHAR"}
}"""

_LOGPUSH = """{
    "ID": "VARCHAR", "When": "VARCHAR", "ActionType": "VARCHAR", "ActionResult": "VARCHAR",
    "ActorID": "VARCHAR", "ActorEmail": "VARCHAR", "ActorIP": "VARCHAR", "ActorType": "VARCHAR",
    "Metadata": {"token_name": "VARCHAR", "token_tag": "VARCHAR", "new_token_status": "VARCHAR"},
    "ResourceID": "VARCHAR", "ResourceType": "VARCHAR",
    "AuditLogID": "VARCHAR", "ActionTimestamp": "VARCHAR", "ActorContext": "VARCHAR", "ActorIPAddress": "VARCHAR",
    "ActorTokenDetails": {"token_id": "VARCHAR", "token_name": "VARCHAR", "id": "VARCHAR", "name": "VARCHAR"}, "AccountID": "VARCHAR",
    "Raw": {"method": "VARCHAR", "status_code": "VARCHAR", "uri": "VARCHAR", "user_agent": "VARCHAR"}
}"""


def _is_event(record: Mapping) -> bool:
    """Tell an event: an action with type and result, an actor, a time; or Logpush's names for these."""
    if {"ActionType", "ActionResult"} <= record.keys() and ("When" in record or "ActionTimestamp" in record):
        return True
    action, actor = record.get("action"), record.get("actor")
    if not isinstance(action, Mapping) or not isinstance(actor, Mapping):
        return False
    return {"type", "result"} <= action.keys() and ("when" in record or "time" in action)


def _columns(e: str, *, flat: bool = False) -> str:
    """Return SQL for the columns of an event, from either shape. No structure can hold both: `When` and `when` differ in case only."""
    if flat:
        return f"""coalesce({e}.ID, {e}.AuditLogID) AS id, coalesce({e}.When, {e}.ActionTimestamp) AS logged_at,
               {e}.ActionType AS action, {e}.ActionResult AS result, NULL AS info, {e}.ActorID AS actor_id, {e}.ActorEmail AS email,
               coalesce({e}.ActorIP, {e}.ActorIPAddress) AS ip, {e}.ActorType AS actor_type, {e}.ActorContext AS context,
               coalesce(nullif({e}.ActorTokenDetails.token_id, ''), {e}.ActorTokenDetails.id) AS used_token,
               coalesce(nullif({e}.ActorTokenDetails.token_name, ''), {e}.ActorTokenDetails.name) AS used_name,
               {e}.Metadata AS metadata, {e}.ResourceID AS resource_id, {e}.Raw.method AS method, {e}.Raw.status_code AS status_code,
               {e}.Raw.uri AS uri, {e}.Raw.user_agent AS user_agent, {e}.AccountID AS account,
               {e}.ActionTimestamp IS NOT NULL AS is_second"""
    return f"""{e}.id AS id, coalesce({e}.when, {e}.action.time) AS logged_at, {e}.action.type AS action, {e}.action.result AS result,
               {e}.action.info AS info, {e}.actor.id AS actor_id, {e}.actor.email AS email,
               coalesce({e}.actor.ip, {e}.actor.ip_address) AS ip, {e}.actor.type AS actor_type, {e}.actor.context AS context,
               coalesce(nullif({e}.actor.token_id, ''), {e}.actor.token.id) AS used_token,
               coalesce(nullif({e}.actor.token_name, ''), {e}.actor.token.name) AS used_name, {e}.metadata AS metadata,
               {e}.resource.id AS resource_id, {e}.raw.method AS method, {e}.raw.status_code AS status_code, {e}.raw.uri AS uri,
               {e}.raw.user_agent AS user_agent, {e}.account.id AS account, {e}.action.time IS NOT NULL AS is_second"""


_API_SHAPE = f"SELECT line_no, {_columns('r')} FROM record WHERE r.action.type IS NOT NULL"
_LOGPUSH_SHAPE = f"SELECT line_no, {_columns('r', flat=True)} FROM record WHERE r.ActionType IS NOT NULL"

_ANY_SHAPE = f"""
SELECT line_no, {_columns("e")}
FROM (SELECT line_no, from_json({OPENED}, '{_EVENT}') AS e
      FROM record WHERE json_type(r) = 'OBJECT' AND NOT coalesce(json_exists({OPENED}, '$.ActionType'), false))
UNION ALL
SELECT line_no, {_columns("e", flat=True)}
FROM (SELECT line_no, from_json({OPENED}, '{_LOGPUSH}') AS e
      FROM record WHERE json_type(r) = 'OBJECT' AND json_exists({OPENED}, '$.ActionType'))
"""

_NUMBER = "TRY_CAST(logged_at AS BIGINT)"

_TIMED = f"""
SELECT *,
       CASE WHEN {_NUMBER} BETWEEN 0 AND 99999999999 THEN make_timestamptz({_NUMBER} * 1000000)
            WHEN {_NUMBER} BETWEEN 100000000000000000 AND 9000000000000000000 THEN make_timestamptz({_NUMBER} // 1000)
            WHEN logged_at LIKE '____-__-__T__:__:__%' AND logged_at >= '1' THEN TRY_CAST(logged_at AS TIMESTAMPTZ) END AS happened_at,
       TRY_CAST(status_code AS INTEGER) AS status,
       CASE WHEN lower(result) IN ('true', 'success') THEN 'success'
            WHEN status IN (401, 403, 429) THEN 'denied' WHEN result IS NOT NULL THEN 'error' END AS outcome,
       -- version 2: what a call did to tokens stands in its path
       CASE WHEN method IS NOT NULL THEN regexp_extract(split_part(uri, '?', 1),
            '^(?:/client/v4)?/(user|accounts/[^/]+|zones/[^/]+)/(tokens|access/service_tokens)(?:/([^/]+))?(?:/(value|rotate|refresh))?/?$',
            ['owner', 'kind', 'id', 'part']) END AS place,
       coalesce(place['owner'] NOT IN ('', 'user'), false) AS of_account,
       context IN ('api', 'api_token', 'api_key', 'oauth', 'origin_ca_key') AS is_call
FROM shaped
"""

_EVENT_STEP = """
SELECT *,
       CASE WHEN action = 'token_create' THEN 'create token'
            WHEN action = 'token_roll' THEN 'roll token'
            WHEN action = 'token_revoke' AND metadata.new_token_status IS DISTINCT FROM 'active' THEN 'revoke token'
            WHEN action = 'API_key_created' THEN 'create key'
            WHEN action = 'rotate_API_key' THEN 'roll key'
            WHEN place.kind <> '' AND upper(method) = 'POST' AND place.id = '' THEN 'create token'
            WHEN place.kind <> '' AND place.id <> '' AND place.part <> '' AND upper(method) IN ('PUT', 'POST') THEN 'roll token'
            WHEN place.kind <> '' AND place.id <> '' AND place.part = '' AND upper(method) IN ('PUT', 'PATCH') THEN 'change token'
            WHEN place.kind <> '' AND place.id <> '' AND place.part = '' AND upper(method) = 'DELETE' THEN 'revoke token'
       END AS meaning,
       CASE WHEN meaning IN ('create key', 'roll key')
            THEN coalesce(nullif(regexp_extract(info, 'key digest: ([0-9a-f]+)', 1), ''),
                          CASE WHEN action = 'API_key_created' THEN nullif(resource_id, '') END)
            ELSE coalesce(nullif(metadata.token_tag, ''), nullif(place.id, ''),
                          CASE WHEN meaning = 'create token' AND place.kind <> '' THEN nullif(resource_id, '') END) END AS token,
       happened_at IS NOT NULL AND action IS NOT NULL AS is_whole
FROM timed
"""

_ISSUANCE = """
SELECT line_no, nullif(id, '') AS event_id, happened_at AS issued_at,
       CASE WHEN starts_with(meaning, 'create') THEN 'credential' WHEN starts_with(meaning, 'roll') THEN 'refresh' ELSE 'change' END AS kind,
       outcome, CASE WHEN outcome = 'success' OR meaning <> 'create token' THEN token END AS token_id, 'api_key' AS token_kind,
       token AS client_id, nullif(metadata.token_name, '') AS client_name,
       CASE WHEN NOT of_account THEN nullif(actor_id, '') END AS subject_id, CASE WHEN NOT of_account THEN nullif(email, '') END AS subject_name,
       CASE WHEN of_account THEN 'service' WHEN actor_type = 'user' THEN 'user' WHEN actor_type IN ('system', 'account') THEN 'service' END AS subject_kind,
       CASE WHEN of_account THEN nullif(actor_id, '') END AS consent_actor,
       nullif(ip, '') AS ip, nullif(user_agent, '') AS user_agent, nullif(account, '') AS tenant
FROM event
WHERE is_whole AND outcome IS NOT NULL AND meaning <> 'revoke token'
"""

_USAGE = """
SELECT line_no, nullif(id, '') AS event_id, happened_at AS used_at, outcome,
       CASE WHEN status BETWEEN 0 AND 32767 THEN status::SMALLINT END AS status,
       CASE WHEN outcome = 'denied' THEN CASE status WHEN 401 THEN 'token' WHEN 429 THEN 'rate' ELSE 'other' END END AS denial_reason,
       nullif(used_token, '') AS token_id, nullif(used_token, '') AS client_id, nullif(used_name, '') AS client_name,
       nullif(actor_id, '') AS subject_id, nullif(email, '') AS subject_name, 'api.cloudflare.com' AS resource_server,
       upper(nullif(method, '')) AS method, nullif(split_part(uri, '?', 1), '') AS target,
       nullif(ip, '') AS ip, nullif(user_agent, '') AS user_agent, nullif(account, '') AS tenant
FROM event
WHERE is_whole AND outcome IS NOT NULL AND is_call
"""

_REVOCATION = """
SELECT line_no, nullif(id, '') AS event_id, happened_at AS revoked_at, 'revoke' AS kind, outcome, 'credential' AS target_kind,
       token AS token_id, token AS client_id, nullif(metadata.token_name, '') AS client_name,
       CASE WHEN actor_type = 'user' THEN 'user' WHEN actor_type = 'system' THEN 'system' WHEN actor_type IS NOT NULL THEN 'admin'
       END AS initiator,
       nullif(actor_id, '') AS actor_id, nullif(metadata.new_token_status, '') AS reason, nullif(account, '') AS tenant
FROM event
WHERE is_whole AND outcome IS NOT NULL AND meaning = 'revoke token' AND token IS NOT NULL
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN action = 'API_key_view' THEN 'API key shown to a person'
            WHEN action IN ('login', 'logout') THEN 'sign-in of a person'
            WHEN starts_with(action, 'token_') OR action ILIKE '%api_key%' THEN 'token or key event that neither gives nor takes access'
            WHEN is_second AND nullif(uri, '') IS NULL THEN 'change whose call is not told'
            WHEN upper(method) = 'POST' AND regexp_matches(split_part(uri, '?', 1),
                 '/access/(apps/[^/]+/revoke_tokens|organizations/revoke_user)/?$') THEN 'sessions of Cloudflare Access ended'
            WHEN upper(method) = 'DELETE' AND regexp_matches(split_part(uri, '?', 1), '/accounts/[^/]+/members/[^/]+/?$')
            THEN 'member removed, by an id that names no person'
            ELSE 'not about delegated access' END AS reason
FROM event
WHERE is_whole AND meaning IS NULL AND NOT coalesce(is_call, false)
"""

_REJECTED = """
SELECT line_no,
       CASE WHEN action IS NULL THEN 'action.type is missing' WHEN logged_at IS NULL THEN 'when is missing' ELSE 'when is no time' END
       AS reason
FROM event
WHERE NOT is_whole
UNION ALL
SELECT line_no, 'action.result is missing' FROM event WHERE is_whole AND outcome IS NULL AND (meaning IS NOT NULL OR is_call)
UNION ALL
SELECT line_no, 'names no token' FROM event
WHERE is_whole AND outcome IS NOT NULL AND meaning = 'revoke token' AND token IS NULL AND NOT coalesce(is_call, false)
"""


def _fitted(sample: Sequence[Mapping]) -> Loader:
    """Read the two bare shapes in one go; what does not fit is read with care afterwards."""
    if all("ActionType" in record for record in sample):
        fields, shape = _LOGPUSH, _LOGPUSH_SHAPE
    else:
        fields, shape = _EVENT, _API_SHAPE
    return replace(LOADER, fields=fields, steps={**LOADER.steps, "shaped": shape}, otherwise=LOADER, dialect=None)


LOADER = Loader(
    name="cloudflare",
    version=6,
    title="Cloudflare account audit log",
    recognise=mostly_inside(_is_event),
    fields='"JSON"',
    dialect=_fitted,
    carries=("issuance", "revocation"),
    keys_begin=True,  # a roll is a refresh, whatever else is done to a token a change
    steps={"shaped": _ANY_SHAPE, "timed": _TIMED, "event": _EVENT_STEP},
    issuance=_ISSUANCE,
    usage=_USAGE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join("issuance", "usage", "token", "metadata.token_tag, actor.token_id", "version 2 only, and changes only"),
        Join(
            "issuance", "revocation", "token", "metadata.token_tag", "global API keys are replaced without being named"
        ),
        Join("usage", "revocation", "token", "actor.token_id, metadata.token_tag", "version 2 only, and changes only"),
    ),
    join_note=(
        "Issue, roll and revocation of an API token join on its tag, exactly. Its use is in version 2 of the log only, for "
        "changes, by the token's id; a global API key that is replaced is not named."
    ),
)
