"""Slack Audit Logs API: apps installed, widened, removed; people and their sessions ended.

What the mapping decides, and why:

- **No token stands in this log.** An app is joined by its id inside its workspace: consent and removal, nothing finer.
- `app_approved` opens nothing: Slack says that the app is approved and not yet installed. `app_installed` follows.
- `app_restricted` and `app_removed_from_whitelist` end nothing: the app cannot be installed again. They are signals.
- `app_token_preserved` says that a token outlived its owner: a revocation that did not happen, so it is denied.
- `app_scopes_expanded` names the workspace and often no app. Then the row has scopes and no client: nobody guesses which.
- An ended session of a person ends no token of an app, so it is the end of a session, of which the log gives no id; where
  sessions were reset in bulk, nor of whom.
- Calls that an AI app makes for a person through Slack's MCP server are logged, and what an agent does for a person (`acting_agent`: Slackbot): a use by
  the agent. What else is logged and was done through an app names it (`context.app`): a use by that app. Most calls of apps are not logged, so usage is
  not carried. The scopes that stand there are the app's, not those of the token: they are not read.
- What becomes of an agent of Agentforce (`agentforce_agent_...`: activated, connected, deleted) is ignored by name: no page shows such a record.
- An app has scopes of its own (`bot_scopes`) beside those for people (`scopes`): installed, it holds both.
- Microsoft's table `SlackAuditV2_CL` has the same under names of its own, actor, entity, context and details as objects or as their text.

Proven on real records: user_login, user_created, file_downloaded, anomaly. On records that a collector published as
tests: app_installed, app_scopes_expanded, app_resources_granted, app_restricted, org_app_workspace_removed; in a public
collection of events: app_installed, app_scopes_expanded, app_uninstalled, user_deactivated; in another collector's tests: a call of
the MCP server, file_shared by an app, org_app_upgraded_to_org_install, workspace_deleted. The other
actions are those of Slack's page "Audit Logs API methods & actions"; org_app_installed, org_app_uninstalled, user_reactivated and
guest_reactivated of its Java SDK. That page shows
`acting_agent` without saying where it stands: in the details is inferred, at the top is read, too. Microsoft's table is written after its connector.
"""

import json
from collections.abc import Mapping
from contextlib import suppress

from grantlens.loaders.collected import cell, mostly_inside, with_envelopes
from grantlens.loaders.loader import Join, Loader
from grantlens.loaders.written_time import moment

_FIELDS = """{
    "id": "VARCHAR", "date_create": "VARCHAR", "action": "VARCHAR", "p_parse_time": "VARCHAR",
    "actor": {"user": {"id": "VARCHAR", "name": "VARCHAR"}},
    "entity": {"app": {"id": "VARCHAR", "name": "VARCHAR", "scopes": "VARCHAR", "bot_scopes": "VARCHAR"},
        "user": {"id": "VARCHAR", "name": "VARCHAR"}},
    "context": {"ua": "VARCHAR", "ip_address": "VARCHAR", "session_id": "VARCHAR", "location": {"id": "VARCHAR"},
        "app": {"id": "VARCHAR", "name": "VARCHAR"}},
    "details": {"new_scopes": "VARCHAR"}
}"""


_COLUMNS = ("Id", "DateCreate", "Action", "Actor", "Entity", "Context", "Details")
_NAMES = ("id", "date_create", "action", "actor", "entity", "context", "details")

_ANY_NAMES = f"""CASE WHEN json_exists(event, '$.DateCreate')
            THEN json_object({", ".join(f"'{name}', {cell(column)}" for name, column in zip(_NAMES, _COLUMNS, strict=True))}) ELSE event END"""


def _named(record: Mapping) -> Mapping:
    """Return a row of Microsoft's table as Slack's event, or the record as it is."""
    if "DateCreate" not in record:
        return record
    cells = [record.get(column) for column in _COLUMNS]
    for nth, held in enumerate(cells):
        if isinstance(held, str) and held.startswith("{"):
            with suppress(ValueError, RecursionError):
                cells[nth] = json.loads(held)
    return dict(zip(_NAMES, cells, strict=True))


def _is_event(record: Mapping) -> bool:
    """Tell a Slack event: an action of a user on an entity, in a context."""
    record = _named(record)
    actor, entity = record.get("actor"), record.get("entity")
    return (
        isinstance(record.get("action"), str)
        and isinstance(actor, Mapping)
        and "user" in actor
        and isinstance(entity, Mapping)
        and "type" in entity
        and "context" in record
    )


_EVENT = """
SELECT line_no, e.action AS action,
       CASE WHEN contains(line::VARCHAR, '"acting_agent"')
            THEN coalesce(nullif(line ->> '$.details.acting_agent', ''), nullif(line ->> '$.acting_agent', '')) END AS agent,
       -- a sign-in is no call, nor is what Slack noticed of one; what is done to an app, others do
       CASE WHEN contains(line::VARCHAR, '"app"') AND (line ->> '$.entity.type') IS DISTINCT FROM 'app'
             AND e.action NOT IN ('user_login', 'user_login_failed', 'user_logout', 'cli_login', 'anomaly')
            THEN nullif(line ->> '$.context.app.id', '') END AS through,
       CASE WHEN e.action IN ('app_installed', 'org_app_installed', 'org_app_workspace_added', 'org_app_upgraded_to_org_install')
            THEN 'consent'
            WHEN e.action IN ('app_scopes_expanded', 'app_resources_granted', 'app_resources_added',
                              'bot_token_upgraded', 'bot_token_downgraded') THEN 'change'
            WHEN e.action IN ('app_uninstalled', 'org_app_uninstalled', 'org_app_workspace_removed') THEN 'removal'
            WHEN e.action = 'app_deleted' THEN 'deletion'
            WHEN e.action IN ('app_restricted', 'app_removed_from_whitelist') THEN 'restriction'
            WHEN e.action IN ('app_token_preserved', 'workflow_app_token_preserved') THEN 'preserved'
            WHEN e.action IN ('user_session_invalidated', 'user_session_reset_by_admin', 'user_logout_compromised',
                              'user_sessions_reset_by_anomaly_event_response', 'bulk_session_reset_by_admin',
                              'user_logout_non_compliant_mobile_app_version') THEN 'session'
            WHEN e.action IN ('user_deactivated', 'guest_deactivated', 'guest_expired') THEN 'person'
            WHEN e.action IN ('user_reactivated', 'guest_reactivated') THEN 'person again'
            WHEN e.action LIKE 'mcp@_slack@_%@_tool@_called' ESCAPE '@'
              OR e.action IN ('app_agentforce_execute_slack_action', 'app_flows_execute_slack_action')
              OR agent IS NOT NULL OR through IS NOT NULL
            THEN 'use' END AS meaning,
       CASE WHEN meaning IS NOT NULL THEN line END AS held
FROM shaped
WHERE e IS NOT NULL
"""

_PARTY = f"""
SELECT *, {moment("date_create")} AS happened_at, {moment("p_parse_time")} AS received_at,
       TRY(from_json(entity.app.scopes, '["VARCHAR"]')) AS for_people, TRY(from_json(entity.app.bot_scopes, '["VARCHAR"]')) AS for_bot,
       nullif(entity.app.id, '') AS client_id, nullif(entity.app.name, '') AS client_name,
       nullif(actor."user".id, '') AS doer, nullif(entity."user".id, '') AS person,
       nullif(context.location.id, '') AS tenant, meaning IN ('session', 'person', 'person again') AS about_person,
       CASE WHEN meaning IN ('consent', 'removal', 'deletion', 'restriction') AND client_id IS NULL THEN 'app'
            WHEN about_person AND action <> 'bulk_session_reset_by_admin' AND person IS NULL THEN 'person' END AS lacks
FROM (SELECT line_no, meaning, agent, through, e.* FROM (SELECT *, from_json(held, '{_FIELDS}') AS e FROM event WHERE held IS NOT NULL))
"""

_ISSUANCE = """
SELECT line_no, id AS event_id, happened_at AS issued_at, received_at, tenant,
       meaning AS kind, 'success' AS outcome,
       client_id, client_name,
       'service' AS subject_kind,
       CASE WHEN action = 'app_scopes_expanded' THEN TRY(from_json(details.new_scopes, '["VARCHAR"]'))
            WHEN client_id IS NOT NULL
            THEN CASE WHEN for_bot IS NULL THEN for_people
                      ELSE list_concat(for_people, list_filter(for_bot, lambda s: NOT contains(coalesce(for_people, []), s))) END END AS scopes,
       doer AS consent_actor,
       CASE WHEN action = 'app_installed' THEN 'user' WHEN meaning = 'consent' THEN 'admin' END AS consent_kind,
       nullif(context.ip_address, '') AS ip, nullif(context.ua, '') AS user_agent
FROM party
WHERE meaning IN ('consent', 'change') AND lacks IS NULL
"""

_USAGE = """
SELECT line_no, id AS event_id, happened_at AS used_at, received_at, tenant,
       'success' AS outcome,
       coalesce(agent, through, client_id) AS client_id,
       coalesce(agent, CASE WHEN through IS NOT NULL THEN nullif(context.app.name, '') ELSE client_name END) AS client_name,
       doer AS subject_id, nullif(actor."user".name, '') AS subject_name,
       nullif(context.session_id, '') AS session_id,
       'slack.com' AS resource_server,
       action AS operation,
       nullif(context.ip_address, '') AS ip, nullif(context.ua, '') AS user_agent
FROM party
WHERE meaning = 'use' OR through IS NOT NULL
"""

_REVOCATION = """
SELECT line_no, id AS event_id, happened_at AS revoked_at, received_at, tenant,
       CASE WHEN meaning IN ('person', 'deletion') THEN 'disable' WHEN meaning = 'person again' THEN 'enable'
            WHEN meaning = 'restriction' THEN 'signal' ELSE 'revoke' END AS kind,
       CASE WHEN meaning = 'preserved' THEN 'denied' ELSE 'success' END AS outcome,
       -- without a workspace, the app would end everywhere
       CASE WHEN meaning = 'session' THEN 'session'
            WHEN meaning IN ('person', 'person again') THEN 'subject'
            WHEN tenant IS NULL THEN 'grant' ELSE 'client' END AS target_kind,
       CASE WHEN NOT about_person THEN client_id END AS client_id,
       CASE WHEN NOT about_person THEN client_name END AS client_name,
       CASE WHEN about_person THEN person END AS subject_id,
       CASE WHEN about_person THEN nullif(entity."user".name, '') END AS subject_name,
       CASE WHEN doer IN ('USLACKUSER', 'USLACKSECURITY') THEN 'system'
            WHEN doer = person THEN 'user'
            WHEN (about_person OR meaning = 'restriction') AND doer IS NOT NULL THEN 'admin' END AS initiator,
       doer AS actor_id,
       action AS reason
FROM party
WHERE (about_person OR meaning IN ('removal', 'deletion', 'restriction', 'preserved')) AND lacks IS NULL
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN action IN ('user_login', 'user_login_failed', 'user_logout', 'cli_login') THEN 'sign-in of a person'
            WHEN action = 'app_approved' THEN 'approval of an app that is not installed'
            WHEN action = 'workspace_deleted' THEN 'end of a workspace that does not name its apps'
            WHEN starts_with(action, 'agentforce_agent_') THEN 'agent of Agentforce, of which no record is documented'
            WHEN starts_with(action, 'external_auth_oauth2_token_') THEN 'token of a service outside Slack'
            WHEN starts_with(action, 'app_') OR starts_with(action, 'org_app_')
            THEN 'app event that neither gives nor takes access'
            ELSE 'not about delegated access' END AS reason
FROM event
WHERE meaning IS NULL AND action IS NOT NULL
"""

_REJECTED = """
SELECT line_no, 'action is missing' AS reason FROM event WHERE action IS NULL
UNION ALL
SELECT line_no, 'names no ' || lacks FROM party WHERE lacks IS NOT NULL
UNION ALL
SELECT line_no, 'date_create is no time' FROM party WHERE date_create IS NOT NULL AND happened_at IS NULL
UNION ALL
SELECT line_no, 'date_create is missing' FROM party WHERE date_create IS NULL
"""

LOADER = with_envelopes(
    Loader(
        name="slack",
        version=9,
        title="Slack Audit Logs API",
        recognise=mostly_inside(_is_event),
        fields=_FIELDS,
        glance='{"action": "VARCHAR"}',
        carries=("issuance", "revocation"),
        steps={"event": _EVENT, "party": _PARTY},
        issuance=_ISSUANCE,
        usage=_USAGE,
        revocation=_REVOCATION,
        ignored=_IGNORED,
        rejected=_REJECTED,
        joins=(
            Join("issuance", "usage", "none", note="an app is installed for a workspace, a call is made for a person"),
            Join(
                "issuance",
                "revocation",
                "grant",
                "entity.app.id, context.location.id",
                "the app in its workspace, no token",
            ),
            Join("usage", "revocation", "none", note="no token, and few calls of apps are logged"),
        ),
        join_note=(
            "An app joins by its id inside its workspace, from installation to removal. The log has no token, and of the "
            "calls of apps those of AI apps and few others; a widening of scopes often does not say of which app."
        ),
    ),
    mark="r.action IS NOT NULL",
    spelled=_ANY_NAMES,
)
