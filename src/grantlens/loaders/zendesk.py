"""Zendesk audit log: API tokens, OAuth tokens and apps made and destroyed.

What the mapping decides, and why:

- **Token id** is `source_id` of an `api_token` (`apitoken` on Zendesk's page): made, changed and destroyed alike.
- A Zendesk API token signs in for any agent of the account. So it acts for nobody in particular: no subject.
- A change of a token says in free text what was changed. It is kept as a change, and the text is not read.
- The account is the host of `url`: the record has no other name of it.
- No call of the API is in this log.

Proven on records that a collector published as tests: create and update of api_token, update of user, account_setting.
`apitoken`, `zendesk/app_market/app` and the actions are those of Zendesk's page "Audit Logs"; OAuth sources are taken
for what their name says, and not proven.
"""

from collections.abc import Mapping

from grantlens.loaders.loader import Join, Loader, mostly
from grantlens.loaders.written_time import text_moment

_FIELDS = """{
    "id": "VARCHAR", "url": "VARCHAR", "action": "VARCHAR", "source_type": "VARCHAR", "source_id": "VARCHAR",
    "source_label": "VARCHAR", "actor_id": "VARCHAR", "actor_name": "VARCHAR", "ip_address": "VARCHAR",
    "created_at": "VARCHAR"
}"""


def _is_record(record: Mapping) -> bool:
    """Tell a Zendesk record: an action on a source, told by its type and label."""
    return {"action", "source_type", "source_label", "change_description", "actor_id"} <= record.keys()


_EVENT = """
SELECT line_no, r.action AS action, r.source_type AS source_type,
       CASE WHEN r.source_type IN ('api_token', 'apitoken') THEN 'credential'
            WHEN r.source_type = 'zendesk/app_market/app' THEN 'client'
            WHEN contains(lower(r.source_type), 'oauth')
            THEN CASE WHEN r.source_type ILIKE '%oauth%token%' THEN 'token' WHEN r.source_type ILIKE '%oauth%client%' THEN 'client' END
       END AS about,
       CASE WHEN about IS NOT NULL THEN line END AS held
FROM record
WHERE r IS NOT NULL
"""

_CHANGE = f"""
SELECT line_no, action, about, e, {text_moment("e.created_at")} AS happened_at,
       nullif(regexp_extract(e.url, '^https?://([^/]+)/', 1), '') AS tenant
FROM (SELECT *, from_json(held, '{_FIELDS}') AS e FROM event WHERE held IS NOT NULL)
"""

_ISSUANCE = """
SELECT line_no, e.id AS event_id, happened_at AS issued_at, tenant,
       CASE WHEN action = 'update' THEN 'change' WHEN about = 'client' THEN 'consent' ELSE about END AS kind,
       'success' AS outcome,
       CASE WHEN about <> 'client' THEN e.source_id END AS token_id,
       CASE about WHEN 'credential' THEN 'api_key' WHEN 'token' THEN 'access' END AS token_kind,
       CASE WHEN about = 'client' THEN e.source_id END AS client_id,
       e.source_label AS client_name,
       'service' AS subject_kind,
       e.actor_id AS consent_actor, 'admin' AS consent_kind,
       e.ip_address AS ip
FROM change
WHERE action IN ('create', 'update') AND e.source_id IS NOT NULL
"""

_REVOCATION = """
SELECT line_no, e.id AS event_id, happened_at AS revoked_at, tenant,
       CASE WHEN about = 'client' THEN 'disable' ELSE 'revoke' END AS kind, 'success' AS outcome,
       about AS target_kind,
       CASE WHEN about <> 'client' THEN e.source_id END AS token_id,
       CASE WHEN about = 'client' THEN e.source_id END AS client_id,
       e.source_label AS client_name,
       'admin' AS initiator, e.actor_id
FROM change
WHERE action = 'destroy' AND e.source_id IS NOT NULL
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN about IS NOT NULL THEN 'token or app event that neither gives nor takes access'
            WHEN action = 'login' THEN 'sign-in of a person'
            ELSE 'not about delegated access' END AS reason
FROM event
WHERE source_type IS NOT NULL AND action IS NOT NULL
    AND (about IS NULL OR action NOT IN ('create', 'update', 'destroy'))
"""

_REJECTED = """
SELECT line_no, 'action or source_type is missing' AS reason FROM event WHERE source_type IS NULL OR action IS NULL
UNION ALL
SELECT line_no, 'names no source'
FROM change WHERE action IN ('create', 'update', 'destroy') AND e.source_id IS NULL
UNION ALL
SELECT line_no, 'created_at is no time' FROM change WHERE e.created_at IS NOT NULL AND happened_at IS NULL
"""

LOADER = Loader(
    name="zendesk",
    version=1,
    title="Zendesk audit log",
    recognise=mostly(_is_record),
    fields=_FIELDS,
    glance='{"action": "VARCHAR", "source_type": "VARCHAR"}',
    carries=("issuance", "revocation"),
    steps={"event": _EVENT, "change": _CHANGE},
    issuance=_ISSUANCE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(Join("issuance", "revocation", "token", "source_id"),),
    join_note="Tokens and apps join by their id from making to destroying. Calls of the API are not in this log.",
)
