"""Tailscale configuration audit log: API keys and OAuth clients made and ended.

What the mapping decides, and why:

- **Token id** is the id of the target: it names the key from its making to its end. A key acts for the person who made it, an OAuth client for nobody:
  no user owns it (Tailscale, "Supporting OAuth in the Tailscale API").
- **Event id**: one action of a person may be several events with one `eventGroupID`, so action and target are part of it.
- The event lies under `event` where Tailscale streams it, and stands bare where its API gives it.
- `error` is there where the change failed: nothing was made or ended.
- The API keys and auth keys of a **user** that was suspended or deleted stop working (Tailscale, "Deleting and suspending
  users"), and what was the user's before may work again once the user is restored.
- No use of a key is in this log.

Proven on one record that a collector published as a test: CREATE of an API_KEY. The other actions, targets and `error` are
from the schema `ConfigurationAuditLog` of Tailscale's API; OAUTH_CLIENT, which is no target there, is taken for its name.
"""

from collections.abc import Mapping

from grantlens.loaders.loader import Join, Loader, mostly
from grantlens.loaders.written_time import text_moment

_EVENT = """{"action": "VARCHAR", "eventGroupID": "VARCHAR", "eventTime": "VARCHAR",
    "error": "VARCHAR",
    "actor": {"id": "VARCHAR", "loginName": "VARCHAR", "type": "VARCHAR"},
    "target": {"id": "VARCHAR", "name": "VARCHAR", "type": "VARCHAR"}}"""
_FIELDS = f'{{"event": {_EVENT}, "time": "VARCHAR", "p_parse_time": "VARCHAR", {_EVENT[1:]}'


def _is_event(record: Mapping) -> bool:
    """Tell an event: it belongs to a group of events, and has an actor, an action and a target."""
    inner = record.get("event")
    event = inner if isinstance(inner, Mapping) else record
    return {"eventGroupID", "actor", "action", "target"} <= event.keys()


_STEPS = {
    "bare": """
SELECT line_no, coalesce(r.event.eventGroupID, r.eventGroupID) AS group_id, coalesce(r.event.action, r.action) AS action,
       coalesce(r.event.actor, r.actor) AS actor, coalesce(r.event.target, r.target) AS target,
       coalesce(r.event.eventTime, r.eventTime, r.time) AS written, r.p_parse_time AS parsed,
       CASE WHEN coalesce(r.event.error, r.error, '') = '' THEN 'success' ELSE 'error' END AS outcome
FROM record
WHERE r IS NOT NULL
""",
    "known": f"""
SELECT *, {text_moment("written")} AS happened_at, {text_moment("parsed")} AS received_at,
       concat_ws('|', group_id, action, target.id) AS event_id, target.type = 'API_KEY' AS of_user,
       CASE WHEN target.type = 'USER' AND action IN ('SUSPEND', 'DELETE') THEN 'end user'
            WHEN target.type = 'USER' AND action = 'RESTORE' THEN 'user again'
            WHEN target.type NOT IN ('API_KEY', 'OAUTH_CLIENT') OR target.type IS NULL THEN NULL
            WHEN action = 'CREATE' THEN 'issue'
            WHEN action IN ('DELETE', 'REVOKE', 'EXPIRED') THEN 'end' END AS meaning
FROM bare
WHERE action IS NOT NULL AND target IS NOT NULL
""",
}

_ISSUANCE = """
SELECT line_no, event_id, happened_at AS issued_at, received_at, 'credential' AS kind, outcome,
       target.id AS token_id, 'api_key' AS token_kind, target.name AS client_name,
       CASE WHEN actor.type = 'USER' AND of_user THEN actor.id END AS subject_id,
       CASE WHEN actor.type = 'USER' AND of_user THEN actor.loginName END AS subject_name,
       CASE WHEN NOT of_user THEN 'service' WHEN actor.type = 'USER' THEN 'user' END AS subject_kind,
       CASE WHEN NOT of_user THEN actor.id END AS consent_actor
FROM known WHERE meaning = 'issue' AND target.id IS NOT NULL
"""

_REVOCATION = """
SELECT line_no, event_id, happened_at AS revoked_at, received_at,
       CASE WHEN meaning = 'end user' THEN 'disable' WHEN meaning = 'user again' THEN 'enable'
            WHEN action = 'EXPIRED' THEN 'expiry' ELSE 'revoke' END AS kind,
       outcome, CASE meaning WHEN 'end' THEN 'credential' ELSE 'subject' END AS target_kind,
       CASE meaning WHEN 'end' THEN target.id END AS token_id, CASE meaning WHEN 'end' THEN target.name END AS client_name,
       CASE WHEN meaning <> 'end' THEN target.id END AS subject_id,
       CASE WHEN meaning <> 'end' THEN target.name END AS subject_name,
       actor.id AS actor_id, CASE WHEN actor.type = 'USER' THEN 'admin' ELSE 'system' END AS initiator
FROM known WHERE meaning IN ('end', 'end user', 'user again') AND target.id IS NOT NULL
"""

_IGNORED = """
SELECT line_no, 'not about delegated access' AS reason FROM known WHERE meaning IS NULL
"""

_REJECTED = """
SELECT line_no, 'action or target is missing' AS reason FROM bare WHERE action IS NULL OR target IS NULL
UNION ALL
SELECT line_no, 'names no target' FROM known WHERE meaning IS NOT NULL AND target.id IS NULL
"""

LOADER = Loader(
    name="tailscale",
    version=4,
    title="Tailscale configuration audit log",
    recognise=mostly(_is_event),
    fields=_FIELDS,
    carries=("issuance", "revocation"),
    steps=_STEPS,
    issuance=_ISSUANCE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(Join("issuance", "revocation", "token", "target.id", "a suspended or deleted user's by the user"),),
    join_note="A key joins by its id from its making to its end. Calls made with it are not in this log.",
)
