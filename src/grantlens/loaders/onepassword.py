"""1Password Events API: audit events of service accounts, and sign-ins and uses of items, which are ignored.

What the mapping decides, and why:

- A service account (`sa`) is a client; its token (`satoken`) is known by `object_uuid`, and belongs to the account that
  `aux_uuid` names. Made, it is a credential; deleted or revoked (`trevoke` on 1Password's page of audit events), it ends.
- Sign-ins and uses of items are a person's own: 1Password keeps credentials for other services, and who reads one is no
  use of a delegated credential of 1Password.
- A person who is suspended or deleted loses everything below them, and has it again when reactivated (`reactive`, by the list of actions in the API's
  description, of which a copy was read).
- Microsoft's table `OnePasswordEventLogs_CL` calls the id `uuid_s`, and has the columns of all streams, empty where a record has not got one.

Proven on records that collectors published as tests: sign-in attempts, item usages and a suspended user; on Microsoft's sample of its table:
that it looks so. The other audit events
are those of 1Password's reference, as known, and **not proven on a real record**. One publisher's file holds records of Okta, too:
they are rejected as no event of 1Password.
"""

from collections.abc import Mapping

from grantlens.loaders.collected import cell, mostly_inside, with_envelopes
from grantlens.loaders.loader import Join, Loader
from grantlens.loaders.written_time import text_moment

_FIELDS = """{
    "uuid": "VARCHAR", "timestamp": "VARCHAR", "p_parse_time": "VARCHAR", "actor_uuid": "VARCHAR", "action": "VARCHAR",
    "object_type": "VARCHAR", "object_uuid": "VARCHAR", "aux_uuid": "VARCHAR", "aux_info": "VARCHAR",
    "actor_details": {"name": "VARCHAR"}, "session": {"ip": "VARCHAR"},
    "item_uuid": "VARCHAR", "session_uuid": "VARCHAR", "category": "VARCHAR", "client": "VARCHAR"
}"""


def _is_event(record: Mapping) -> bool:
    """Tell an event of 1Password: an audit event, a sign-in attempt, or a use of an item."""
    if "timestamp" not in record or not {"uuid", "uuid_s"} & record.keys():
        return False
    keys = ({"actor_uuid", "action", "object_type"}, {"session_uuid", "target_user"}, {"item_uuid", "vault_uuid"})
    return any(wanted <= record.keys() for wanted in keys)


_EMPTY = ("object_type", "object_uuid", "aux_uuid", "aux_info", "item_uuid", "session_uuid", "category")
_ANY_NAMES = f"""CASE WHEN json_exists(event, '$.uuid_s')
            THEN json_merge_patch(event, json_object('uuid', event -> '$.uuid_s', 'session', {cell("session")},
                'actor_details', {cell("actor_details")}, {", ".join(f"'{name}', nullif(event ->> '$.{name}', '')" for name in _EMPTY)})) ELSE event END"""

_EVENT = f"""
SELECT line_no, e.*, {text_moment("e.timestamp")} AS happened_at, {text_moment("e.p_parse_time")} AS received_at,
       CASE WHEN e.object_type IS NOT NULL THEN 'audit' WHEN e.item_uuid IS NOT NULL THEN 'item'
            WHEN e.session_uuid IS NOT NULL AND e.category IS NOT NULL THEN 'sign-in' END AS stream,
       CASE WHEN e.object_type = 'satoken' AND e.action = 'create' THEN 'credential'
            WHEN e.object_type = 'satoken' AND e.action IN ('delete', 'revoke', 'trevoke') THEN 'token end'
            WHEN e.object_type = 'sa' AND e.action = 'create' THEN 'consent'
            WHEN e.object_type = 'sa' AND e.action IN ('delete', 'suspend') THEN 'client end'
            WHEN e.object_type = 'user' AND e.action IN ('delete', 'suspend') THEN 'person end'
            WHEN e.object_type = 'user' AND e.action = 'reactive' THEN 'person again' END AS meaning
FROM shaped
WHERE e IS NOT NULL
"""

_ISSUANCE = """
SELECT line_no, uuid AS event_id, happened_at AS issued_at, received_at,
       meaning AS kind, 'success' AS outcome,
       CASE WHEN meaning = 'credential' THEN object_uuid END AS token_id,
       CASE WHEN meaning = 'credential' THEN 'api_key' END AS token_kind,
       CASE WHEN meaning = 'credential' THEN aux_uuid ELSE object_uuid END AS client_id,
       CASE WHEN meaning = 'consent' THEN aux_info END AS client_name,
       'service' AS subject_kind,
       actor_uuid AS consent_actor, CASE WHEN meaning = 'consent' THEN 'admin' END AS consent_kind,
       session.ip AS ip
FROM event
WHERE meaning IN ('credential', 'consent') AND object_uuid IS NOT NULL
"""

_REVOCATION = """
SELECT line_no, uuid AS event_id, happened_at AS revoked_at, received_at,
       CASE meaning WHEN 'token end' THEN 'revoke' WHEN 'person again' THEN 'enable' ELSE 'disable' END AS kind, 'success' AS outcome,
       CASE meaning WHEN 'token end' THEN 'credential' WHEN 'client end' THEN 'client' ELSE 'subject' END AS target_kind,
       CASE WHEN meaning = 'token end' THEN object_uuid END AS token_id,
       CASE WHEN meaning = 'client end' THEN object_uuid WHEN meaning = 'token end' THEN aux_uuid END AS client_id,
       CASE WHEN starts_with(meaning, 'person ') THEN object_uuid END AS subject_id,
       CASE WHEN meaning <> 'token end' THEN 'admin' END AS initiator, actor_uuid AS actor_id
FROM event
WHERE (ends_with(meaning, ' end') OR meaning = 'person again') AND object_uuid IS NOT NULL
"""

_IGNORED = """
SELECT line_no,
       CASE stream WHEN 'item' THEN 'use of an item by a person' WHEN 'sign-in' THEN 'sign-in of a person'
                   ELSE 'not about delegated access' END AS reason
FROM event
WHERE meaning IS NULL AND stream IS NOT NULL
"""

_REJECTED = """
SELECT line_no, 'is no event of 1Password' AS reason FROM event WHERE stream IS NULL
UNION ALL
SELECT line_no, 'names no object' FROM event WHERE meaning IS NOT NULL AND object_uuid IS NULL
UNION ALL
SELECT line_no, 'timestamp is no time'
FROM event WHERE meaning IS NOT NULL AND "timestamp" IS NOT NULL AND happened_at IS NULL
"""

LOADER = with_envelopes(
    Loader(
        name="onepassword",
        version=6,
        title="1Password Events API",
        recognise=mostly_inside(_is_event),
        fields=_FIELDS,
        carries=("issuance", "revocation"),
        makers=True,
        steps={"event": _EVENT},
        issuance=_ISSUANCE,
        revocation=_REVOCATION,
        ignored=_IGNORED,
        rejected=_REJECTED,
        joins=(Join("issuance", "revocation", "token", "object_uuid", "not proven on a real record"),),
        join_note=(
            "Tokens of service accounts join by their id from making to deleting, which is not proven on a real record. "
            "What service accounts read is not told apart from what people read, and is ignored."
        ),
    ),
    mark="r.uuid IS NOT NULL",
    spelled=_ANY_NAMES,
)
