"""OpenAI audit log of an organisation: API keys and service accounts made, changed and deleted.

What the mapping decides, and why:

- **Token id** is the tracking id of the key (`key-...`): made, changed and deleted keys carry it, and so does an actor
  that used one (`actor.api_key.id`). The payload stands under the name of the type, with a dot (API) or with `_`
  (collectors), and may be missing: then a key came into being of which nobody knows the id.
- Whatever is done with a key is a use of that key, though some records, as one of OpenAI's own reference, do not name it.
  Only changes of the organisation are logged, no call of a model.
- A key that makes a key is a delegation: the first is the parent of the second, its owner the actor.
- A key made in a session acts as the person of that session, and ends with that person, as OpenAI says of users' keys. A service account's key outlives who
  made it, but its making does not tell whose it is: that key passes for the person's. Whose key it is that a key makes is not said.
- A service account is a grant by its own id, and so are the calls of its keys: they end with it, though no record tells which keys are its own.
- `api_key.updated` gives the scopes that hold from then on, and not which were there before: a change.
- `service_account.deleted` and `user.deleted` end everything below them. The log names no organisation. That `user.deleted` may be of one project is not
  ruled out: a project as the tenant of that end alone would hide it where `--tenant` names the organisation.
- A workload identity mapping lets workloads of another provider act as a service account: a grant, by the id of the mapping.
  Which account, its deletion says for sure. That the provider itself is deleted names none of its mappings: ignored by name.
- Events of a tenant (`tenant.*`: admin keys, tokens, sessions) are ignored by name: OpenAI's library types their names only.

Proven on records that a collector published as tests: api_key.*, login.*, role.assignment.created, ip_allowlist.*,
scim.disabled. The other types are those of OpenAI's API reference and of its library for Python.
"""

from collections.abc import Mapping

from grantlens.loaders.collected import mostly_inside, with_envelopes
from grantlens.loaders.loader import Join, Loader
from grantlens.loaders.written_time import moment

# Payloads are JSON: one stands in a record at most, and to look for the fields of all of them costs more than to parse that one.
_FIELDS = """{
    "id": "VARCHAR", "type": "VARCHAR", "effective_at": "VARCHAR", "p_parse_time": "VARCHAR",
    "actor": {"type": "VARCHAR",
        "session": {"user": {"id": "VARCHAR", "email": "VARCHAR"}, "ip_address": "VARCHAR", "user_agent": "VARCHAR"},
        "api_key": {"id": "VARCHAR", "type": "VARCHAR", "user": {"id": "VARCHAR", "email": "VARCHAR"},
            "service_account": {"id": "VARCHAR"}}},
    "api_key.created": "JSON", "api_key_created": "JSON", "api_key.updated": "JSON", "api_key_updated": "JSON",
    "api_key.deleted": "JSON", "api_key_deleted": "JSON",
    "service_account.created": "JSON", "service_account_created": "JSON",
    "service_account.deleted": "JSON", "service_account_deleted": "JSON",
    "user.deleted": "JSON", "user_deleted": "JSON",
    "workload_identity_provider_mapping.created": "JSON", "workload_identity_provider_mapping_created": "JSON",
    "workload_identity_provider_mapping.updated": "JSON", "workload_identity_provider_mapping_updated": "JSON",
    "workload_identity_provider_mapping.deleted": "JSON", "workload_identity_provider_mapping_deleted": "JSON"
}"""

_PAYLOAD = """{"id": "VARCHAR", "service_account_id": "VARCHAR", "data": {"name": "VARCHAR", "scopes": "VARCHAR", "service_account_id": "VARCHAR"},
    "changes_requested": {"scopes": "VARCHAR"}}"""


def _is_event(record: Mapping) -> bool:
    """Tell an OpenAI audit event: a type with a dot, the moment it took effect, and an actor."""
    return (
        isinstance(record.get("type"), str)
        and "." in record["type"]
        and "effective_at" in record
        and isinstance(record.get("actor"), Mapping)
    )


def _payload(name: str) -> str:
    """Return SQL for the payload that belongs to a type, in both of its spellings."""
    dotted, other = (f"from_json(r.\"{each}\", '{_PAYLOAD}')" for each in (name, name.replace(".", "_")))
    return f"coalesce({dotted}, {other})"


_MEANT = """
SELECT line_no, e AS r,
       CASE e.type WHEN 'api_key.created' THEN 'credential' WHEN 'api_key.updated' THEN 'change'
                   WHEN 'api_key.deleted' THEN 'key end' WHEN 'service_account.created' THEN 'consent'
                   WHEN 'service_account.deleted' THEN 'account end' WHEN 'user.deleted' THEN 'user end'
                   WHEN 'workload_identity_provider_mapping.created' THEN 'mapping'
                   WHEN 'workload_identity_provider_mapping.updated' THEN 'mapping change'
                   WHEN 'workload_identity_provider_mapping.deleted' THEN 'mapping end' END AS meaning,
       coalesce(e.actor.type = 'api_key', false) OR e.actor.api_key.id IS NOT NULL AS by_key
FROM shaped
WHERE e IS NOT NULL
"""

_EVENT = f"""
SELECT line_no, r.id AS id, r.type AS type, meaning, by_key,
       r.effective_at AS effective_at, r.actor AS actor,
       CASE WHEN counts THEN {moment("r.effective_at")} END AS happened_at,
       CASE WHEN counts THEN {moment("r.p_parse_time")} END AS received_at,
       CASE meaning WHEN 'credential' THEN {_payload("api_key.created")} WHEN 'change' THEN {_payload("api_key.updated")}
                    WHEN 'key end' THEN {_payload("api_key.deleted")} WHEN 'consent' THEN {_payload("service_account.created")}
                    WHEN 'account end' THEN {_payload("service_account.deleted")}
                    WHEN 'user end' THEN {_payload("user.deleted")}
                    WHEN 'mapping' THEN {_payload("workload_identity_provider_mapping.created")}
                    WHEN 'mapping change' THEN {_payload("workload_identity_provider_mapping.updated")}
                    WHEN 'mapping end' THEN {_payload("workload_identity_provider_mapping.deleted")} END AS payload,
       coalesce(r.actor.session."user".id, r.actor.api_key."user".id, r.actor.api_key.service_account.id) AS doer
FROM (SELECT *, meaning IS NOT NULL OR by_key AS counts FROM meant)
"""

_ISSUANCE = """
SELECT line_no, id AS event_id, happened_at AS issued_at, received_at,
       CASE meaning WHEN 'mapping' THEN 'consent' WHEN 'mapping change' THEN 'change' ELSE meaning END AS kind, 'success' AS outcome,
       CASE WHEN starts_with(meaning, 'mapping') OR meaning = 'consent' THEN payload.id END AS grant_id,
       CASE WHEN meaning IN ('credential', 'change') THEN payload.id END AS token_id,
       CASE WHEN meaning = 'credential' THEN 'api_key' END AS token_kind,
       CASE WHEN meaning = 'credential' THEN actor.api_key.id END AS parent_token_id,
       CASE WHEN meaning = 'credential' AND by_key AND doer IS NOT NULL THEN [doer] END AS actor_chain,
       CASE WHEN meaning = 'consent' THEN payload.id
            WHEN starts_with(meaning, 'mapping') THEN coalesce(payload.service_account_id, payload.data.service_account_id) END AS client_id,
       CASE WHEN meaning = 'credential' THEN payload.data.name END AS client_name,
       CASE WHEN meaning = 'credential' THEN actor.session."user".id END AS subject_id,
       CASE WHEN meaning = 'credential' THEN actor.session."user".email END AS subject_name,
       CASE WHEN meaning IN ('consent', 'mapping', 'mapping change') THEN 'service'
            WHEN meaning = 'credential' AND actor.session."user".id IS NOT NULL THEN 'user' END AS subject_kind,
       TRY(from_json(CASE meaning WHEN 'credential' THEN payload.data.scopes
                                  WHEN 'change' THEN coalesce(payload.changes_requested.scopes, payload.data.scopes) END,
                     '["VARCHAR"]')) AS scopes,
       CASE WHEN meaning <> 'credential' THEN doer END AS consent_actor,
       CASE WHEN meaning IN ('consent', 'mapping') THEN 'admin' END AS consent_kind,
       actor.session.ip_address AS ip, actor.session.user_agent AS user_agent
FROM event
WHERE meaning IN ('credential', 'change', 'consent', 'mapping', 'mapping change')
"""

_USAGE = """
SELECT line_no, id AS event_id, happened_at AS used_at, received_at,
       CASE WHEN ends_with(type, '.failed') THEN 'denied' ELSE 'success' END AS outcome,
       actor.api_key.id AS token_id, actor.api_key.service_account.id AS grant_id,
       actor.api_key.service_account.id AS client_id,
       actor.api_key."user".id AS subject_id, actor.api_key."user".email AS subject_name,
       'api.openai.com' AS resource_server,
       type AS operation,
       payload.id AS resource_id
FROM event
WHERE by_key
"""

_REVOCATION = """
SELECT line_no, id AS event_id, happened_at AS revoked_at, received_at,
       CASE WHEN meaning IN ('key end', 'mapping end') THEN 'revoke' ELSE 'disable' END AS kind,
       'success' AS outcome,
       CASE meaning WHEN 'key end' THEN 'credential' WHEN 'account end' THEN 'client' WHEN 'mapping end' THEN 'grant'
                    ELSE 'subject' END AS target_kind,
       CASE WHEN meaning = 'key end' THEN payload.id END AS token_id,
       CASE WHEN meaning = 'mapping end' THEN payload.id END AS grant_id,
       CASE meaning WHEN 'account end' THEN payload.id WHEN 'mapping end' THEN payload.service_account_id END AS client_id,
       CASE WHEN meaning = 'user end' THEN payload.id END AS subject_id,
       CASE WHEN by_key THEN 'client' WHEN meaning <> 'key end' AND doer IS NOT NULL THEN 'admin' END AS initiator,
       doer AS actor_id
FROM event
WHERE meaning IN ('key end', 'account end', 'user end', 'mapping end')
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN starts_with(type, 'login.') OR starts_with(type, 'logout.') THEN 'sign-in of a person'
            WHEN type IN ('project.archived', 'project.deleted') THEN 'end of a project that does not name its keys'
            WHEN type = 'workload_identity_provider.deleted' THEN 'end of an identity provider that does not name its mappings'
            WHEN starts_with(type, 'tenant.') THEN 'event of a tenant, of which no payload is documented'
            WHEN starts_with(type, 'role.') THEN 'role of a person, group or account'
            ELSE 'not about delegated access' END AS reason
FROM event
WHERE meaning IS NULL AND NOT by_key AND type IS NOT NULL
"""

_REJECTED = """
SELECT line_no, 'type is missing' AS reason FROM event WHERE type IS NULL
UNION ALL
SELECT line_no, 'effective_at is no time' FROM event
WHERE (meaning IS NOT NULL OR by_key) AND effective_at IS NOT NULL AND happened_at IS NULL
"""

LOADER = with_envelopes(
    Loader(
        name="openai_audit",
        version=6,
        title="OpenAI audit log",
        recognise=mostly_inside(_is_event),
        fields=_FIELDS,
        carries=("issuance", "revocation"),
        keys_begin=True,  # `api_key.created` is no other event than the making, and no two keys share a tracking id
        steps={"meant": _MEANT, "event": _EVENT},
        issuance=_ISSUANCE,
        usage=_USAGE,
        revocation=_REVOCATION,
        ignored=_IGNORED,
        rejected=_REJECTED,
        joins=(
            Join(
                "issuance", "usage", "token", "api_key_created.id, actor.api_key.id", "only changes of the organisation"
            ),
            Join(
                "issuance",
                "revocation",
                "token",
                "api_key_created.id, api_key_deleted.id",
                "where the payload is there",
            ),
            Join(
                "usage",
                "revocation",
                "token",
                "actor.api_key.id, api_key_deleted.id",
                "only changes of the organisation",
            ),
        ),
        join_note=(
            "Keys join by their tracking id, from creation over changes that they made to deletion, where the record has "
            "its payload; a key made by a key names its parent. Calls of models are not in this log."
        ),
    ),
    mark="r.type IS NOT NULL",
)
