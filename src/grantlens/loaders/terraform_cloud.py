"""HCP Terraform (Terraform Cloud) audit trail: API tokens made and destroyed, and what teams and organisations did.

What the mapping decides, and why:

- **Token id** is `resource.id` (`at-...`) of an `authentication_token`, on making and destroying alike.
- The record of a new token does not say whose it is. It is taken to act as whoever made it (`auth.accessor_id`); a
  token that a person makes for a team is that team's, which this log does not tell.
- A call is known by its accessor, never by its token. Teams and organisations act by token alone, so what they do is a
  use. What a person does may come from a browser: that is ignored, since nobody can say which credential was used.
- An impersonated accessor acted for somebody else (`auth.impersonator_id`), who is the actor of the delegation.
- `oauth_client` and `oauth_token` are credentials of Terraform at other services, not credentials of this one.
- That a person leaves an organisation (`organization_user`, `destroy`) is on that page with the id of the resource only, and what id that is it does not
  say: ignored by name. That a team is destroyed is not on it.
- Of reads only some are logged (`show`, `index`, `download`): usage is not carried.

Proven on records that a collector published as tests: authentication_token create, five times the same one. Destroying,
the other resources and impersonation are those of HashiCorp's page "Audit Trails API".
"""

from collections.abc import Mapping

from grantlens.loaders.collected import mostly_inside, with_envelopes
from grantlens.loaders.loader import Join, Loader
from grantlens.loaders.written_time import text_moment

_FIELDS = """{
    "id": "VARCHAR", "timestamp": "VARCHAR",
    "auth": {"accessor_id": "VARCHAR", "description": "VARCHAR", "type": "VARCHAR", "impersonator_id": "VARCHAR",
        "organization_id": "VARCHAR"},
    "resource": {"id": "VARCHAR", "type": "VARCHAR", "action": "VARCHAR"}
}"""


def _is_event(record: Mapping) -> bool:
    """Tell an audit event: who was authenticated, and what was done to which resource."""
    auth, resource = record.get("auth"), record.get("resource")
    return (
        isinstance(auth, Mapping)
        and "accessor_id" in auth
        and isinstance(resource, Mapping)
        and {"type", "action"} <= resource.keys()
    )


_EVENT = f"""
SELECT line_no, e.id AS event_id, e.timestamp IS NOT NULL AS has_time, {text_moment("e.timestamp")} AS happened_at,
       e.auth.organization_id AS tenant, e.auth.description AS called, e.auth.type = 'System' AS by_system,
       nullif(e.auth.impersonator_id, '') AS impersonator, e.resource.id AS resource_id,
       e.resource.action AS done, e.resource.type AS kind_of_resource, e.auth.accessor_id AS accessor,
       CASE WHEN e.resource.type = 'authentication_token' THEN
                CASE WHEN e.resource.action = 'create' THEN 'credential'
                     WHEN e.resource.action IN ('regenerate', 'rotate') THEN 'refresh'
                     WHEN e.resource.action IN ('destroy', 'delete', 'revoke') THEN 'end' END
            WHEN e.resource.type IN ('oauth_client', 'oauth_token') OR e.auth.type = 'System' THEN NULL
            WHEN e.resource.action IS NOT NULL AND regexp_matches(e.auth.accessor_id, '^(team|org|agent|at|sa)-')
            THEN 'use' END AS meaning
FROM shaped
WHERE e IS NOT NULL
"""

_ISSUANCE = """
SELECT line_no, event_id, happened_at AS issued_at, tenant,
       meaning AS kind, 'success' AS outcome,
       resource_id AS token_id, 'api_key' AS token_kind,
       accessor AS subject_id, called AS subject_name,
       CASE WHEN starts_with(accessor, 'user-') THEN 'user' WHEN accessor IS NOT NULL THEN 'service' END AS subject_kind,
       CASE WHEN impersonator IS NOT NULL THEN [impersonator] END AS actor_chain
FROM event
WHERE meaning IN ('credential', 'refresh')
"""

_USAGE = """
SELECT line_no, event_id, happened_at AS used_at, tenant,
       'success' AS outcome,
       accessor AS client_id, called AS client_name,
       CASE WHEN impersonator IS NOT NULL THEN [impersonator] END AS actor_chain,
       'app.terraform.io' AS resource_server,
       kind_of_resource AS target, kind_of_resource || '.' || done AS operation, resource_id
FROM event
WHERE meaning = 'use'
"""

_REVOCATION = """
SELECT line_no, event_id, happened_at AS revoked_at, tenant,
       'revoke' AS kind, 'success' AS outcome, 'credential' AS target_kind,
       resource_id AS token_id,
       CASE WHEN by_system THEN 'system' END AS initiator,
       accessor AS actor_id
FROM event
WHERE meaning = 'end'
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN kind_of_resource IN ('oauth_client', 'oauth_token') THEN 'credential at another service'
            WHEN kind_of_resource = 'authentication_token' THEN 'token event that neither gives nor takes access'
            WHEN kind_of_resource = 'organization_user' AND done = 'destroy' THEN 'person removed, by an id of which nothing is told'
            WHEN by_system THEN 'act of the service itself'
            ELSE 'act of a person, by browser or token' END AS reason
FROM event
WHERE meaning IS NULL AND kind_of_resource IS NOT NULL AND done IS NOT NULL
"""

_REJECTED = """
SELECT line_no, 'resource is missing' AS reason FROM event WHERE kind_of_resource IS NULL OR done IS NULL
UNION ALL
SELECT line_no, 'names no token' FROM event WHERE meaning IN ('credential', 'refresh', 'end') AND resource_id IS NULL
UNION ALL
SELECT line_no, 'timestamp is no time'
FROM event WHERE meaning IS NOT NULL AND has_time AND happened_at IS NULL
"""

LOADER = with_envelopes(
    Loader(
        name="terraform_cloud",
        version=3,
        title="HCP Terraform audit trail",
        recognise=mostly_inside(_is_event),
        fields=_FIELDS,
        carries=("issuance", "revocation"),
        steps={"event": _EVENT},
        issuance=_ISSUANCE,
        usage=_USAGE,
        revocation=_REVOCATION,
        ignored=_IGNORED,
        rejected=_REJECTED,
        joins=(
            Join("issuance", "usage", "none", note="a call names its accessor, never its token"),
            Join("issuance", "revocation", "token", "resource.id"),
            Join("usage", "revocation", "none", note="a call names its accessor, never its token"),
        ),
        join_note=(
            "A token joins from making to destroying by its id, exactly. What teams and organisations did is known by the "
            "accessor, not by the token; what people did may come from a browser and is left out."
        ),
    ),
    mark="r.resource IS NOT NULL",
)
