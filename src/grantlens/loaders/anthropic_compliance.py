"""Anthropic Compliance API, activity feed: keys, tokens, integrations and MCP servers of an organisation.

What the mapping decides, and why:

- **Token id** is the key's or token's own id, where the activity names one. Published samples of key activities name
  none: they become rows without a token id, and join with nothing. A key is called `admin_api_key_...` where it is made
  and `apikey_...` where it acts; both are brought to the second.
- A key or service account that an update switches off has ended: disabled. Switched on again, a key is issued again, and an account enabled: a call
  afterwards is no use after the end. Any other update is a change.
- A service is known by its name; its keys act for it, and for no person. Nor does any other key: it is the organisation's, and goes on working when
  the person who made it is removed (Anthropic, "Admin API"; but for those of the Claude Code workspace, which no activity tells from the others). That
  tokens of environments and tunnels end with who minted them, no page says.
- That a workspace or an issuer is archived ends keys and rules that the activity does not name: ignored under that name.
- Whatever a key or a service account does is a use of it; one that failed is denied. Calls of the
  Compliance API have method, address and status; the body of a request is not read. Calls of models are not in the feed,
  so usage is not carried.
- A key that makes a key is the parent of it.
- What the agent proxy of Claude Code sends to other services for its sessions (`ccr_agent_proxy_credential_...`) is a credential of the profile that it
  belongs to, which is the client. Replaced, it has a new id, and the one that it had has ended. Its secret is another service's: it comes of no key.
- A tunnel to MCP servers is the client of its connector token, which ends with it. A rotation names the new one alone: it ends what the tunnel got before.
  The tokens for the management of tunnels name no tunnel.
- A workload that exchanges a token of its own issuer for credentials (`platform_federated_authentication`) does so for the service account that
  it asked for; the token that it presented is the parent, by its `jti`. `status.outcome` says whether it got any. The federation rule that
  lets it is the grant, which begins when the rule is made and ends when it is archived.
- An identity of another provider that acts without an account here (`federated_actor`, `federated_identity_actor`) is a machine: its `subject` is the
  client.
- A Slack workspace that is claimed, and an instance of GitHub or GitLab that is configured, is a consent for all people, by its own id.
- An integration that a person connects is a consent of that person, an MCP server or integration that an admin adds one
  for all people; the client is the server's id or the kind of the integration.
- Of one kind an organisation has several integrations, as of single repositories or folders: each is a grant, by `integration_id`, and its deletion
  ends that one. A deletion without the id may be of any. That what people connected ends with one, no page says.
- A person who deletes the own account is named by the actor alone. A change of role tells, by its description, of people who are added and removed, too:
  that who has no role any more was removed is inferred.
- Roles of people are not delegated access. What a person consents to (`user_consent_recorded`) may be terms: ignored.
- Exports write `actor` and `scopes` as JSON inside a text; both ways are read. `TimeGenerated` is their delivery.

Proven on records that a collector published as tests: admin_api_key_created, admin_api_key_updated, service_key_revoked,
integration_user_connected, mcp_server_deleted, claude_chat_access_failed by a key. The other types are those of
Anthropic's API reference (of a new federation rule, what was read does not list all fields: that it has `federation_rule_id`, as its end, is
inferred); ids, names, updates and calls are as a collector generated them for its tests.
"""

from collections.abc import Mapping

from grantlens.loaders.collected import mostly_inside, with_envelopes
from grantlens.loaders.loader import Join, Loader
from grantlens.loaders.written_time import moment

_ACTOR = """{"type": "VARCHAR", "user_id": "VARCHAR", "email_address": "VARCHAR", "api_key_id": "VARCHAR",
    "admin_api_key_id": "VARCHAR", "service_account_id": "VARCHAR", "subject": "VARCHAR",
    "ip_address": "VARCHAR", "user_agent": "VARCHAR"}"""

_EXCHANGED = (
    '{"federation_rule_id": "VARCHAR", "requested_service_account_id": "VARCHAR", "oidc_token": {"jti": "VARCHAR"}}'
)

_FIELDS = """{
    "id": "VARCHAR", "type": "VARCHAR", "created_at": "VARCHAR", "TimeGenerated": "VARCHAR", "p_parse_time": "VARCHAR",
    "organization_id": "VARCHAR", "organization_uuid": "VARCHAR", "actor": "VARCHAR",
    "api_key_id": "VARCHAR", "admin_api_key_id": "VARCHAR", "service_key_id": "VARCHAR", "token_id": "VARCHAR",
    "tunnel_id": "VARCHAR", "tunnel_token_id": "VARCHAR", "token_name": "VARCHAR", "api_key_name": "VARCHAR", "scopes": "VARCHAR",
    "grant_type": "VARCHAR", "integration_type": "VARCHAR", "integration_id": "VARCHAR", "mcp_server_id": "VARCHAR", "mcp_server_name": "VARCHAR",
    "ghe_configuration_id": "VARCHAR", "service_account_id": "VARCHAR", "user_id": "VARCHAR", "account_id": "VARCHAR",
    "service_name": "VARCHAR", "key_name": "VARCHAR", "updates": "VARCHAR",
    "jti": "VARCHAR", "slack_team_id": "VARCHAR", "gitlab_configuration_id": "VARCHAR",
    "oauth_app_id": "VARCHAR", "federation_rule_id": "VARCHAR", "event_data": "VARCHAR", "status": "VARCHAR",
    "credential_id": "VARCHAR", "previous_credential_id": "VARCHAR", "profile_id": "VARCHAR",
    "url": "VARCHAR", "request_method": "VARCHAR", "status_code": "VARCHAR",
    "claude_chat_id": "VARCHAR", "claude_project_id": "VARCHAR", "claude_file_id": "VARCHAR", "file_id": "VARCHAR"
}"""


def _is_activity(record: Mapping) -> bool:
    """Tell an activity: a type, when it was created, and an actor whose type ends in `_actor`."""
    actor = record.get("actor")
    kind = actor.get("type") if isinstance(actor, Mapping) else actor
    return isinstance(record.get("type"), str) and "created_at" in record and isinstance(kind, str) and "_actor" in kind


# A key that is switched off is no change of its scopes.
_SWITCHED_OFF = """len(list_filter(TRY(from_json(e.updates, '[{"type": "VARCHAR", "current_value": "VARCHAR"}]')),
                lambda u: u.type = 'status' AND u.current_value IN ('inactive', 'disabled', 'archived'))) > 0"""
_SWITCHED_ON = """len(list_filter(TRY(from_json(e.updates, '[{"type": "VARCHAR", "previous_value": "VARCHAR", "current_value": "VARCHAR"}]')),
                lambda u: u.type = 'status' AND u.current_value = 'active' AND u.previous_value <> 'active')) > 0"""

_KINDS = {
    "credential": (
        "admin_api_key_created", "api_key_created", "platform_api_key_created", "service_key_created",
        "claude_code_runner_pool_secret_minted", "ccr_agent_proxy_credential_created", "ccr_agent_proxy_credential_rotated",
    ),
    "exchange": ("platform_federated_authentication",),
    "token": ("environment_token_minted", "tunnel_token_minted"),
    "tunnel": ("tunnel_created",),
    "refresh": ("tunnel_token_rotated",),
    "change": ("admin_api_key_updated", "scoped_api_key_updated", "platform_api_key_updated"),
    "service": ("service_created", "platform_service_account_created"),
    "rule": ("platform_federation_rule_created",),
    "own consent": ("integration_user_connected", "ghe_user_connected"),
    "consent for all": (
        "mcp_server_created", "claude_gdrive_integration_created", "claude_github_integration_created",
        "ghe_configuration_created", "gitlab_configuration_created", "slack_workspace_claimed",
    ),
    "key end": (
        "admin_api_key_deleted", "scoped_api_key_deleted", "service_key_revoked", "environment_token_revoked",
        "tunnel_token_revoked", "claude_code_credential_revoked", "ccr_agent_proxy_credential_deleted",
        "ccr_agent_proxy_provisioning_credential_rejected",
    ),
    "own end": ("integration_user_disconnected", "ghe_user_disconnected"),
    "integration end": ("claude_gdrive_integration_deleted", "claude_github_integration_deleted"),
    "client end": (
        "mcp_server_deleted",
        "platform_service_account_archived", "service_deleted", "platform_oauth_app_revoked", "ghe_configuration_deleted",
        "gitlab_configuration_deleted", "slack_workspace_claim_revoked", "ccr_agent_proxy_profile_deleted", "tunnel_archived",
    ),
    "person end": ("org_user_deleted", "org_user_left", "account_deleted", "scim_user_deleted"),
    "rule end": ("platform_federation_rule_archived",),
    "session end": ("session_revoked", "org_user_trusted_devices_revoked"),
}  # fmt: skip
"""The types of activities that mean something."""

# To look a type up takes a quarter of the time of a CASE that compares it with each.
_MEANING = ", ".join(f"'{kind}': '{meaning}'" for meaning, kinds in _KINDS.items() for kind in kinds)

_EVENT = f"""
SELECT line_no, e.type AS type,
       CASE WHEN e.type = 'platform_service_account_updated' AND {_SWITCHED_OFF} THEN 'client end'
            WHEN e.type = 'platform_service_account_updated' AND {_SWITCHED_ON} THEN 'client again'
            WHEN known = 'change' AND {_SWITCHED_OFF} THEN 'key end'
            WHEN known = 'change' AND {_SWITCHED_ON} THEN 'key again'
            WHEN e.type = 'claude_user_role_updated' AND line ->> '$.previous_role' <> '' AND coalesce(line ->> '$.current_role', '') = '' THEN 'person end'
            WHEN known = 'tunnel' THEN CASE WHEN line ->> '$.tunnel_token_id' <> '' THEN 'token' END
            ELSE known END AS meaning,
       contains(actor, 'api_actor') OR contains(actor, 'admin_api_key_actor') OR contains(actor, 'service_account_actor')
           OR contains(actor, 'federated_') AS by_machine,
       CASE WHEN meaning IS NOT NULL OR by_machine THEN line END AS held
FROM (
    SELECT *, MAP {{{_MEANING}}}[e.type] AS known,
           -- to read the whole of an actor takes longer: only of one that is text
           coalesce(e.actor.type, from_json(line, '{{"actor": "VARCHAR"}}').actor) AS actor
    FROM shaped WHERE e IS NOT NULL
)
"""

_ACTING = f"""
SELECT line_no, meaning, by_machine, a.* EXCLUDE (actor), TRY(from_json(a.actor, '{_ACTOR}')) AS who,
       TRY(from_json(a.event_data, '{_EXCHANGED}')) AS exchanged,
       lower(TRY(from_json(a.status, '{{"outcome": "VARCHAR"}}')).outcome) AS told_outcome
FROM (SELECT line_no, meaning, by_machine, from_json(held, '{_FIELDS}') AS a FROM event WHERE held IS NOT NULL)
"""

_PARTY = f"""
SELECT *,
       {moment("created_at")} AS happened_at,
       {moment('coalesce("TimeGenerated", p_parse_time)')} AS received_at,
       coalesce(organization_id, organization_uuid) AS tenant,
       regexp_replace(coalesce(who.admin_api_key_id, who.api_key_id), '^(admin_api_key|admin_key)_', 'apikey_') AS own_key,
       regexp_replace(coalesce(admin_api_key_id, api_key_id, service_key_id, tunnel_token_id, token_id, jti, credential_id),
                      '^(admin_api_key|admin_key)_', 'apikey_') AS named,
       -- a collector's records hold the key itself where its id should stand
       coalesce(who.user_id, CASE WHEN NOT starts_with(own_key, 'sk-') THEN own_key END, who.service_account_id, who.subject) AS doer,
       starts_with(type, 'ccr_agent_proxy_') AS of_proxy,
       starts_with(type, 'service_') OR starts_with(type, 'claude_code_runner_') OR meaning = 'service' AS of_service,
       CASE WHEN meaning = 'exchange' THEN exchanged.requested_service_account_id
            WHEN of_proxy THEN profile_id
            WHEN starts_with(type, 'tunnel_') THEN tunnel_id
            WHEN type = 'platform_oauth_app_revoked' THEN oauth_app_id
            WHEN meaning IN ('own consent', 'own end') OR type LIKE 'ghe@_configuration@_%' ESCAPE '@'
            THEN coalesce(integration_type, ghe_configuration_id)
            WHEN type LIKE 'gitlab@_configuration@_%' ESCAPE '@' THEN gitlab_configuration_id
            WHEN type LIKE 'slack@_workspace@_%' ESCAPE '@' THEN slack_team_id
            WHEN starts_with(type, 'service_') THEN service_name
            WHEN type LIKE 'mcp@_server@_%' ESCAPE '@' THEN mcp_server_id
            WHEN type LIKE 'platform@_service@_account@_%' ESCAPE '@' OR meaning = 'rule' THEN service_account_id
            WHEN meaning IN ('consent for all', 'integration end')
            THEN regexp_extract(type, '^claude_([a-z]+)_integration_', 1) END AS client_id,
       TRY_CAST(status_code AS INTEGER) AS http_status,
       CASE WHEN meaning IN ('own consent', 'own end') OR type IN ('org_user_left', 'session_revoked')
            THEN coalesce(user_id, who.user_id)
            WHEN type = 'account_deleted' THEN coalesce(user_id, account_id, who.user_id)
            WHEN meaning = 'person end' THEN coalesce(user_id, account_id)
            WHEN meaning = 'session end' THEN user_id END AS person
FROM acting
"""

_ISSUANCE = """
SELECT line_no, id AS event_id, happened_at AS issued_at, received_at, tenant,
       CASE WHEN meaning IN ('own consent', 'consent for all', 'service', 'rule') THEN 'consent'
            WHEN meaning = 'key again' THEN 'credential' ELSE meaning END AS kind,
       CASE WHEN meaning <> 'exchange' OR starts_with(told_outcome, 'succe') THEN 'success'
            WHEN told_outcome <> '' THEN 'denied' END AS outcome, grant_type,
       CASE meaning WHEN 'exchange' THEN exchanged.federation_rule_id WHEN 'rule' THEN federation_rule_id
                    WHEN 'consent for all' THEN integration_id END AS grant_id,
       CASE WHEN meaning IN ('credential', 'key again', 'token', 'refresh', 'change') THEN named END AS token_id,
       CASE WHEN meaning IN ('token', 'refresh', 'exchange') THEN 'access' WHEN meaning IN ('credential', 'key again') THEN 'api_key' END AS token_kind,
       CASE WHEN meaning = 'exchange' THEN exchanged.oidc_token.jti
            WHEN meaning IN ('credential', 'token') AND NOT of_proxy THEN own_key END AS parent_token_id,
       CASE WHEN meaning = 'exchange' AND who.subject IS NOT NULL THEN [who.subject]
            WHEN meaning IN ('credential', 'token') AND NOT of_proxy AND by_machine AND doer IS NOT NULL THEN [doer] END AS actor_chain,
       client_id,
       CASE WHEN meaning IN ('own consent', 'consent for all') THEN coalesce(mcp_server_name, client_id)
            ELSE coalesce(token_name, api_key_name, key_name, service_name) END AS client_name,
       CASE WHEN meaning = 'own consent' THEN person END AS subject_id,
       CASE WHEN meaning = 'own consent' THEN who.email_address END AS subject_name,
       CASE WHEN of_service OR meaning IN ('credential', 'key again', 'token', 'exchange') THEN 'service'
            WHEN meaning IN ('own consent', 'consent for all') THEN 'user' END AS subject_kind,
       TRY(from_json(scopes, '["VARCHAR"]')) AS scopes,
       CASE WHEN meaning IN ('own consent', 'consent for all', 'service', 'rule', 'change', 'credential', 'key again', 'token') OR of_service
            THEN doer END AS consent_actor,
       CASE WHEN meaning = 'own consent' THEN 'user' WHEN meaning IN ('consent for all', 'service', 'rule') THEN 'admin' END AS consent_kind,
       who.ip_address AS ip, who.user_agent AS user_agent
FROM party
WHERE meaning IN ('credential', 'key again', 'token', 'refresh', 'exchange', 'change', 'own consent', 'consent for all', 'service')
    OR (meaning = 'rule' AND federation_rule_id IS NOT NULL)
"""

_USAGE = """
SELECT line_no, id AS event_id, happened_at AS used_at, received_at, tenant,
       CASE WHEN http_status IN (401, 403, 429) OR (status_code IS NULL AND ends_with(type, '_failed')) THEN 'denied'
            WHEN http_status BETWEEN 200 AND 299 OR status_code IS NULL THEN 'success'
            WHEN http_status IS NOT NULL THEN 'error' END AS outcome,
       CASE WHEN http_status BETWEEN 0 AND 999 THEN http_status::SMALLINT END AS status,
       CASE http_status WHEN 401 THEN 'token' WHEN 403 THEN 'other' WHEN 429 THEN 'rate' END AS denial_reason,
       own_key AS token_id,
       coalesce(who.service_account_id, who.subject) AS client_id,
       'api.anthropic.com' AS resource_server,
       upper(request_method) AS method,
       nullif(regexp_extract(url, '^(?:https?://[^/?]*)?([^?#]+)', 1), '') AS target,
       CASE WHEN url IS NULL THEN type END AS operation,
       coalesce(claude_chat_id, claude_project_id, claude_file_id, file_id, mcp_server_id, named) AS resource_id,
       who.ip_address AS ip, who.user_agent AS user_agent
FROM party
WHERE by_machine AND meaning IS DISTINCT FROM 'exchange'
"""

_REVOCATION = """
SELECT line_no, id AS event_id, happened_at AS revoked_at, received_at, tenant,
       CASE WHEN meaning = 'client again' THEN 'enable'
            WHEN meaning = 'person end' OR type LIKE 'platform@_service@_account@_%' ESCAPE '@' OR ends_with(type, '_updated')
              OR type = 'service_deleted' THEN 'disable' ELSE 'revoke' END AS kind,
       'success' AS outcome,
       CASE meaning WHEN 'key end' THEN 'credential' WHEN 'credential' THEN 'credential' WHEN 'own end' THEN 'grant' WHEN 'rule end' THEN 'grant'
                    WHEN 'refresh' THEN 'policy' WHEN 'client again' THEN 'client'
                    WHEN 'integration end' THEN 'grant' WHEN 'client end' THEN 'client' WHEN 'person end' THEN 'subject' ELSE 'session' END AS target_kind,
       CASE meaning WHEN 'key end' THEN named WHEN 'credential' THEN previous_credential_id END AS token_id,
       CASE meaning WHEN 'integration end' THEN integration_id ELSE federation_rule_id END AS grant_id,
       client_id,
       CASE WHEN meaning IN ('own end', 'client end', 'integration end') THEN coalesce(mcp_server_name, client_id) END AS client_name,
       person AS subject_id,
       CASE WHEN meaning = 'refresh' THEN happened_at END AS issued_before,
       CASE WHEN by_machine THEN 'client' WHEN doer = person THEN 'user'
            WHEN meaning NOT IN ('key end', 'credential', 'refresh') AND who.user_id IS NOT NULL THEN 'admin'
            WHEN who.type IN ('anthropic_actor', 'system_actor', 'scim_directory_sync_actor') THEN 'system' END
           AS initiator,
       doer AS actor_id
FROM party
WHERE (ends_with(meaning, ' end') OR meaning = 'client again' OR (meaning = 'credential' AND previous_credential_id IS NOT NULL)
       OR (meaning = 'refresh' AND client_id IS NOT NULL))
  AND NOT (meaning = 'person end' AND person IS NULL) AND NOT (meaning = 'rule end' AND federation_rule_id IS NULL)
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN type LIKE '%login%' OR type = 'user_logged_out' THEN 'sign-in of a person'
            WHEN type LIKE '%role%' THEN 'role of a person or group'
            WHEN type IN ('mcp_server_managed_auth_token_exchanged', 'platform_app_attest_authentication')
            THEN 'token exchange that is not known well enough to be read'
            WHEN starts_with(type, 'ccr_') OR starts_with(type, 'github_app_installation_') OR type = 'github_token_import'
            THEN 'access of Claude Code to another service, of which too little is known'
            WHEN type = 'tunnel_created' THEN 'tunnel that came without a token'
            WHEN type = 'platform_workspace_archived' THEN 'end of a workspace that does not name its keys'
            WHEN type = 'platform_federation_issuer_archived' THEN 'end of an issuer that does not name its rules'
            WHEN starts_with(type, 'user_consent_') THEN 'consent that names no app'
            ELSE 'not about delegated access' END AS reason
FROM event
WHERE meaning IS NULL AND by_machine IS DISTINCT FROM true AND type IS NOT NULL
"""

_REJECTED = """
SELECT line_no, 'type is missing' AS reason FROM event WHERE type IS NULL
UNION ALL
SELECT line_no, 'names no person' FROM party WHERE meaning = 'person end' AND person IS NULL
UNION ALL
SELECT line_no, 'names no rule' FROM party WHERE meaning IN ('rule', 'rule end') AND federation_rule_id IS NULL
UNION ALL
SELECT line_no, 'created_at is no time' FROM party WHERE created_at IS NOT NULL AND happened_at IS NULL
"""

LOADER = with_envelopes(
    Loader(
        name="anthropic_compliance",
        version=13,
        title="Anthropic Compliance API activity feed",
        recognise=mostly_inside(_is_activity),
        fields=_FIELDS,
        glance='{"type": "VARCHAR", "actor": {"type": "VARCHAR"}, "updates": "VARCHAR"}',
        carries=("issuance", "revocation"),
        steps={"event": _EVENT, "acting": _ACTING, "party": _PARTY},
        issuance=_ISSUANCE,
        usage=_USAGE,
        revocation=_REVOCATION,
        ignored=_IGNORED,
        rejected=_REJECTED,
        joins=(
            Join("issuance", "usage", "token", "api_key_id, actor.api_key_id", "where the activity names the key"),
            Join(
                "issuance",
                "revocation",
                "token",
                "api_key_id, token_id",
                "where the activity names it; published samples do not",
            ),
            Join("usage", "revocation", "token", "actor.api_key_id, api_key_id", "where the activity names the key"),
        ),
        join_note=(
            "Keys and tokens join by their id where the activity names it, which published samples of key activities do "
            "not; integrations of people join by kind and person, those of the organisation and MCP servers by their id. "
            "Calls of models are not in this log."
        ),
    ),
    mark="r.type IS NOT NULL",
)
