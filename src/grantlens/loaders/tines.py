"""Tines audit log: API keys made and deleted.

What the mapping decides, and why:

- Making an API key says its name and no id; deleting it says its id (`authenticationTokenId`) and no name. So the two do
  not join.
- A key of the tenant (`isServiceToken`) acts for nobody in particular; any other acts as the person who made it. Only personal keys end with a person (Tines,
  "What happens to a Tines API key ..."). How the record of a deleted person (`UserDeletion`) names that person was not seen: ignored by name.
- Credentials that Tines keeps for other services are not keys of Tines: ignored.
- `inputs` may hold secrets. Only the name, the id and the kind of a key are read.

Proven on records that a collector published as tests: AuthenticationTokenCreation and eight other operations.
AuthenticationTokenDeletion is written after another collector's test record.
"""

from collections.abc import Mapping

from grantlens.loaders.loader import Join, Loader, mostly
from grantlens.loaders.written_time import text_moment

_FIELDS = """{
    "id": "VARCHAR", "created_at": "VARCHAR", "operation_name": "VARCHAR", "tenant_id": "VARCHAR", "user_id": "VARCHAR",
    "user_name": "VARCHAR", "request_ip": "VARCHAR", "request_user_agent": "VARCHAR", "inputs": "VARCHAR"
}"""


def _is_record(record: Mapping) -> bool:
    """Tell a Tines record: an operation, requested from an address, in a tenant."""
    return {"operation_name", "tenant_id", "request_ip"} <= record.keys()


_EVENT = f"""
SELECT line_no, r.* EXCLUDE (inputs), {text_moment("r.created_at")} AS happened_at,
       CASE WHEN r.operation_name LIKE 'AuthenticationToken%' THEN TRY(from_json(r.inputs,
           '{{"inputs": {{"authenticationTokenId": "VARCHAR", "name": "VARCHAR", "isServiceToken": "VARCHAR"}}}}')).inputs END AS named
FROM record
WHERE r IS NOT NULL
"""

_ISSUANCE = """
SELECT line_no, id AS event_id, happened_at AS issued_at, tenant_id AS tenant,
       'credential' AS kind, 'success' AS outcome, 'api_key' AS token_kind,
       named.name AS client_name,
       CASE WHEN named.isServiceToken IS DISTINCT FROM 'true' THEN user_id END AS subject_id,
       CASE WHEN named.isServiceToken IS DISTINCT FROM 'true' THEN user_name END AS subject_name,
       CASE WHEN named.isServiceToken = 'true' THEN 'service' ELSE 'user' END AS subject_kind,
       user_id AS consent_actor,
       request_ip AS ip, request_user_agent AS user_agent
FROM event
WHERE operation_name = 'AuthenticationTokenCreation'
"""

_REVOCATION = """
SELECT line_no, id AS event_id, happened_at AS revoked_at, tenant_id AS tenant,
       'revoke' AS kind, 'success' AS outcome, 'credential' AS target_kind,
       named.authenticationTokenId AS token_id, user_id AS actor_id
FROM event
WHERE operation_name = 'AuthenticationTokenDeletion'
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN operation_name IN ('Login', 'Logout') THEN 'sign-in of a person'
            WHEN operation_name = 'UserDeletion' THEN 'person deleted, by fields that were not seen'
            WHEN operation_name LIKE '%Credential%' THEN 'credential at another service'
            WHEN operation_name LIKE 'AuthenticationToken%' THEN 'key event that neither gives nor takes access'
            ELSE 'not about delegated access' END AS reason
FROM event
WHERE operation_name NOT IN ('AuthenticationTokenCreation', 'AuthenticationTokenDeletion')
"""

_REJECTED = """
SELECT line_no, 'operation_name is missing' AS reason FROM event WHERE operation_name IS NULL
UNION ALL
SELECT line_no, 'created_at is no time'
FROM event WHERE operation_name LIKE 'AuthenticationToken%' AND created_at IS NOT NULL AND happened_at IS NULL
"""

LOADER = Loader(
    name="tines",
    version=2,
    title="Tines audit log",
    recognise=mostly(_is_record),
    fields=_FIELDS,
    carries=("issuance", "revocation"),
    steps={"event": _EVENT},
    issuance=_ISSUANCE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(Join("issuance", "revocation", "none", note="making a key names no id, deleting it no name"),),
    join_note="That keys were made and deleted is known, and by whom: making names no id and deleting no name, so nothing joins.",
)
