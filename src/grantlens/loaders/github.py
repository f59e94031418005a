"""GitHub: audit log of an organisation or enterprise, security log of a person, webhooks of an app.

What the mapping decides, and why:

- **Token id** is `hashed_token` (base64 of the token's SHA-256), else the number `token_id`; `0` is none.
- **The end of a token names no token**, only the person and the name of the personal access token, and
  the name may be used again minutes later. So such a token's grant is called `pat:<person>:<name>` on
  both sides, and a revocation ends the grant. No token id is ever claimed for it.
- **`oauth_access.destroy` and `.revoke` end one token** of an app and a person, who may have several: GitHub deletes one of
  more than ten (`max_for_app`). Which one is not said, so the row's target is a token without an id, and covers nothing: neither
  the grant, which only `oauth_authorization.destroy` ends, nor the token whose hash stands in the record. `expired` is an expiry.
- Whoever makes a personal access token consents by making it: two rows, a consent and the token.
  So a name that is used again opens a new grant interval.
- **An OAuth app that is deleted** (`oauth_application.destroy`) is switched off: its id says which. That all its
  tokens shall be revoked (`revoke_all_tokens`) is a request, and kept as a signal; that some were (`revoke_tokens`) does not
  say which. The token with which it was done is no part of it.
- **A GitHub App** that is deleted or suspended (`integration.destroy`, `.suspend`) is switched off alike; so is, within its organisation,
  an OAuth app that an organisation lets in no longer: `org.oauth_app_access_denied` is, by GitHub's list of events, the end of
  an approval, not the refusal of a request. A person who is suspended or deleted (`user.suspend`, `.delete`, `.destroy`) is so everywhere;
  one who leaves or is removed (`org.remove_member`, in a collector's published tests) is disabled within the organisation, until added again, restored,
  or let in as an outside collaborator: then the person is the actor, who accepted, as the record of it gives no id but that one. The removal of an
  outside collaborator is not read: where the actor is somebody else, nobody would be told to be back.
- **A client secret** that is generated, reset or removed (GitHub's list of events) is a credential of the app, without an id: who did it is known, not
  which of several secrets it was.
- A request for access that an organisation must approve (`personal_access_token.request_created`) gives nothing, nor does taking
  it back: the approval (`access_granted`) is the consent.
- `oauth_access.regenerate` repeats the hash of the creation: a `refresh` of the same token.
- Any record that names a token is a use of it: `api.request`, `git.*`, and the changes made through the API. A public repository is
  cloned by nobody with nothing: that is no use. Git events have the user's number `0`, which is nobody's.
  Of a deploy key, which is a repository's, the actor is the word `deploy_key`, without a number: no person.
- **What an agent does** (`actor_is_agent`) is a use, token or not, of the agent as client, for the person who started it (`user`), in the
  agent's session. Of GitHub's page on such events ("Audit log events for agents"); no record of one is among those that the tests read.
- Times are milliseconds; in webhooks seconds, or text with an offset. `org` may be a text, a number or a list.
- Scopes are joined by commas. An empty text means none for tokens that have scopes, and says nothing for the others.
"""

from collections.abc import Mapping

from grantlens.loaders.github_action import (
    CONSENTS,
    DISABLES,
    ENABLES,
    ENDS,
    MEMBERS,
    OF_APPS,
    PERSON_ENDS,
    REFUSALS,
    REQUESTS,
    SECRET_ENDS,
    SECRETS,
    SIGNALS,
    TOKEN_ENDS,
    TOKEN_RENEWALS,
    TOKENS,
    listed,
)
from grantlens.loaders.loader import Join, Loader, mostly

_FIELDS = """{
    "action": "VARCHAR", "_document_id": "VARCHAR",
    "@timestamp": "VARCHAR", "at_sign_timestamp": "VARCHAR", "created_at": "VARCHAR",
    "actor": "VARCHAR", "actor_id": "VARCHAR", "actor_is_bot": "BOOLEAN", "actor_is_agent": "BOOLEAN", "agent_session_id": "VARCHAR",
    "user": "VARCHAR", "user_id": "VARCHAR", "org": "VARCHAR", "business": "VARCHAR", "repository_public": "VARCHAR", "repo": "VARCHAR",
    "hashed_token": "VARCHAR", "token_id": "VARCHAR", "token_scopes": "VARCHAR",
    "programmatic_access_type": "VARCHAR", "user_programmatic_access_name": "VARCHAR",
    "integration": "VARCHAR", "name": "VARCHAR", "invitee": "VARCHAR", "application_client_id": "VARCHAR",
    "oauth_application_id": "VARCHAR", "oauth_application_name": "VARCHAR",
    "oauth_application": "VARCHAR",
    "request_method": "VARCHAR", "route": "VARCHAR", "status_code": "INTEGER",
    "actor_ip": "VARCHAR", "user_agent": "VARCHAR", "explanation": "VARCHAR",
    "installation": {"id": "VARCHAR", "app_id": "VARCHAR", "app_slug": "VARCHAR", "account": {"login": "VARCHAR"},
        "permissions": "VARCHAR", "created_at": "VARCHAR", "updated_at": "VARCHAR", "suspended_at": "VARCHAR"},
    "sender": {"id": "VARCHAR", "login": "VARCHAR"}
}"""


def _is_event(record: Mapping) -> bool:
    """Tell an audit log event: an action with a dot, an actor by its login, and GitHub's way to tell the time."""
    action, actor = record.get("action"), record.get("actor", record.get("user"))
    timed = {"@timestamp", "at_sign_timestamp", "created_at", "_document_id"} & record.keys()
    return isinstance(action, str) and "." in action and (actor is None or isinstance(actor, str)) and bool(timed)


def _is_webhook(record: Mapping) -> bool:
    """Tell a delivery of `installation` or `github_app_authorization`."""
    sender, installation = record.get("sender"), record.get("installation")
    if not isinstance(record.get("action"), str) or not isinstance(sender, Mapping) or "login" not in sender:
        return False
    return record["action"] == "revoked" or (isinstance(installation, Mapping) and "app_id" in installation)


def _moment(text: str) -> str:
    """Return SQL that reads a time: milliseconds, seconds, or text with its offset."""
    number = f"TRY_CAST({text} AS BIGINT)"
    return f"""CASE WHEN {number} BETWEEN 100000000000 AND 99999999999999 THEN make_timestamptz({number} * 1000)
            WHEN {number} BETWEEN 0 AND 99999999999 THEN make_timestamptz({number} * 1000000)
            WHEN {text} LIKE '____-__-__%' THEN TRY_CAST({text} AS TIMESTAMPTZ) END"""


def _plain(column: str) -> str:
    """Return SQL for a value that may stand alone or in a list; an empty list is no value."""
    items = f"TRY(from_json({column}, '[\"VARCHAR\"]'))"
    return f"nullif(CASE WHEN starts_with({column}, '[') THEN array_to_string({items}, ',') ELSE {column} END, '')"


_EVENT = f"""
SELECT line_no, r.*,
       -- who was asked in, and came, is the actor: of an invitee nothing else has an id
       coalesce((r.action IN {listed(MEMBERS)} OR (r.action = 'org.add_outside_collaborator' AND lower(r.invitee) = lower(r.actor)))
                AND nullif(r.org, '[]') <> '', false) AS is_of_member,
       r.installation.app_id IS NOT NULL OR (r.actor IS NULL AND r.sender.login IS NOT NULL) AS is_webhook,
       CASE WHEN r.installation.app_id IS NOT NULL THEN
                 CASE WHEN r.action IN ('created', 'unsuspend') THEN 'consent'
                      WHEN r.action = 'new_permissions_accepted' THEN 'change'
                      WHEN r.action IN ('suspend', 'deleted') THEN 'disable' END
            WHEN r.actor IS NULL AND r.sender.login IS NOT NULL
            THEN CASE WHEN r.action = 'revoked' THEN 'revoked webhook' END
            WHEN r.action IN {listed(TOKENS)} THEN 'token'
            WHEN r.action IN {listed(TOKEN_RENEWALS)} THEN 'refresh'
            WHEN r.action IN {listed(CONSENTS)} THEN 'consent'
            WHEN r.action IN {listed(REFUSALS)} THEN 'refusal'
            WHEN r.action IN {listed(SECRETS)} THEN 'credential'
            WHEN r.action IN {listed(SECRET_ENDS)} THEN 'secret end'
            WHEN r.action IN {listed(ENDS)} THEN 'revoke'
            WHEN r.action IN {listed(TOKEN_ENDS)} THEN CASE WHEN r.explanation = 'expired' THEN 'expiry' ELSE 'token end' END
            WHEN r.action IN {listed(DISABLES)} THEN 'disable'
            WHEN r.action = 'user.unsuspend' THEN 'enable'
            WHEN r.action IN {listed(SIGNALS)} THEN 'signal'
            WHEN r.action = 'integration_installation.repositories_removed' THEN 'downgrade'
            WHEN r.action IN {listed(REQUESTS)} THEN NULL
            WHEN r.action = 'api.request' THEN 'use'
            WHEN r.action IN ('git.clone', 'git.fetch', 'git.push') AND (r.actor <> '' OR r.repository_public IS DISTINCT FROM 'true') THEN 'use'
            WHEN r.hashed_token <> '' OR r.token_id <> '0' OR r.actor_is_agent THEN 'use'
            WHEN is_of_member THEN 'member' END AS meaning,
       coalesce(r."@timestamp", r.at_sign_timestamp,
                CASE WHEN r.installation.app_id IS NULL OR r.created_at IS NOT NULL THEN r.created_at
                     WHEN r.action = 'created' THEN r.installation.created_at
                     WHEN r.action IN ('new_permissions_accepted', 'unsuspend') THEN r.installation.updated_at
                     WHEN r.action = 'suspend' THEN r.installation.suspended_at END) AS logged_at
FROM record
"""

_PARTY = f"""
SELECT *,
       {_moment("logged_at")} AS happened_at,
       action IN {listed((*PERSON_ENDS, "user.unsuspend"))} AS is_of_person,
       -- beside it stands what an app may do again
       action IN {listed(ENABLES)} OR (is_webhook AND action = 'unsuspend') AS enables,
       -- a person who is suspended is so everywhere
       CASE WHEN NOT is_of_person THEN coalesce({_plain("org")}, {_plain("business")}, installation.account.login) END AS tenant,
       coalesce(nullif(hashed_token, ''), nullif(nullif(token_id, ''), '0')) AS token,
       coalesce(actor_is_agent, false) AS is_agent,
       coalesce(actor_is_bot, actor LIKE '%[bot]', false) AND NOT is_agent AS is_bot,
       coalesce(actor = 'deploy_key' AND nullif(actor_id, '') IS NULL, false) AS is_deploy_key,
       is_webhook OR action LIKE 'integration_installation.%' AS is_installation,
       -- what else a token does to an app is a use of that token, not of the app
       action LIKE 'integration.%' AND meaning <> 'use' AS is_github_app,
       action IN {listed(OF_APPS)} OR is_github_app AS is_application,
       is_installation OR is_application OR action LIKE 'org.%' AS is_of_app,
       coalesce(nullif(actor_id, ''), sender.id, nullif(actor, '')) AS doer,
       coalesce(nullif(nullif(user_id, ''), '0'), nullif("user", ''),
                CASE WHEN action = 'org.add_outside_collaborator' AND is_of_member THEN doer END) AS named_person,
       coalesce(named_person, nullif(actor_id, ''), nullif(actor, '')) AS person,
       coalesce(nullif("user", ''), nullif(actor, '')) AS person_name,
       (is_of_person OR meaning = 'member') AND named_person IS NULL AS names_nobody,
       -- beside an app stands the token with which it was changed; somebody may have pasted the token itself as its name
       CASE WHEN is_of_app AND meaning <> 'use' THEN NULL
            WHEN regexp_matches(user_programmatic_access_name, 'gh[pousr]_[A-Za-z0-9]{{16}}|github_pat_')
            THEN 'sha256:' || sha256(user_programmatic_access_name)
            ELSE nullif(user_programmatic_access_name, '') END AS pat_name,
       'pat:' || person || ':' || pat_name AS pat,
       programmatic_access_type ILIKE '%(classic)%' OR programmatic_access_type ILIKE 'oauth%' AS has_scopes,
       CASE WHEN is_of_person THEN NULL
            -- what else stands there is of that token too
            WHEN is_github_app THEN coalesce(nullif(application_client_id, ''), nullif(integration, ''), nullif(name, ''))
            WHEN is_application THEN nullif(nullif(oauth_application_id, ''), '0')
            ELSE coalesce(pat, nullif(application_client_id, ''), nullif(nullif(oauth_application_id, ''), '0'),
                          installation.app_id, nullif(integration, ''), nullif(oauth_application_name, ''),
                          CASE WHEN action LIKE 'integration_installation.%' THEN nullif(name, '') END,
                          CASE WHEN is_bot OR is_agent THEN nullif(actor, '') END) END AS client_id,
       CASE WHEN is_of_person THEN NULL
            WHEN is_github_app THEN coalesce(nullif(name, ''), nullif(integration, ''))
            WHEN is_application THEN nullif(oauth_application, '')
            ELSE coalesce(pat_name, nullif(oauth_application_name, ''), nullif(integration, ''),
                          CASE WHEN action LIKE 'integration_installation.%' THEN nullif(name, '') END,
                          nullif(installation.app_slug, ''), CASE WHEN is_bot OR is_agent THEN nullif(actor, '') END) END AS client_name,
       CASE WHEN is_application OR is_of_person THEN NULL WHEN is_webhook THEN 'installation:' || installation.id ELSE pat END AS grant_id
FROM event
WHERE meaning IS NOT NULL
"""

_ISSUED = """
SELECT *, meaning AS issued_as FROM party WHERE meaning IN ('token', 'refresh', 'consent', 'refusal', 'change', 'credential')
UNION ALL
SELECT *, 'own consent' FROM party WHERE action = 'personal_access_token.create'
"""

_SCOPES = """CASE WHEN token_scopes = '' THEN CASE WHEN has_scopes THEN []::VARCHAR[] END
            ELSE string_split(token_scopes, ',') END"""
_PERMISSIONS = """list_sort(list_transform(
            map_entries(TRY(from_json(installation.permissions, '"MAP(VARCHAR, VARCHAR)"'))),
            lambda p: p.key || ':' || p.value))"""

_ISSUANCE = f"""
SELECT line_no,
       nullif(_document_id, '') || CASE WHEN issued_as = 'own consent' THEN '#consent' ELSE '' END AS event_id,
       happened_at AS issued_at,
       CASE WHEN issued_as IN ('own consent', 'refusal') THEN 'consent' ELSE issued_as END AS kind,
       CASE WHEN issued_as = 'refusal' THEN 'denied' ELSE 'success' END AS outcome,
       CASE WHEN issued_as = 'refusal' THEN 'consent' END AS denial_reason,
       grant_id,
       CASE WHEN issued_as IN ('token', 'refresh') THEN token END AS token_id,
       CASE WHEN issued_as NOT IN ('token', 'refresh', 'credential') THEN NULL
            WHEN issued_as = 'credential' OR pat IS NOT NULL OR programmatic_access_type ILIKE '%personal access token%' THEN 'api_key'
            ELSE 'access' END AS token_kind,
       client_id, client_name,
       CASE WHEN NOT is_of_app THEN person END AS subject_id,
       CASE WHEN NOT is_of_app THEN person_name END AS subject_name,
       CASE WHEN is_installation OR is_github_app OR is_bot OR issued_as = 'credential' THEN 'service'
            WHEN action LIKE 'org.%' THEN NULL
            WHEN is_agent AND named_person IS NULL THEN 'agent' ELSE 'user' END AS subject_kind,
       CASE WHEN is_webhook THEN {_PERMISSIONS}
            WHEN issued_as IN ('token', 'refresh') THEN {_SCOPES} END AS scopes,
       CASE WHEN issued_as NOT IN ('token', 'refresh') THEN doer END AS consent_actor,
       CASE WHEN issued_as IN ('token', 'refresh') THEN NULL
            WHEN is_of_app THEN 'admin'
            WHEN doer = person THEN 'user' ELSE 'admin' END AS consent_kind,
       nullif(actor_ip, '') AS ip,
       nullif(user_agent, '') AS user_agent,
       tenant
FROM issued
"""

_USAGE = f"""
SELECT line_no,
       nullif(_document_id, '') AS event_id,
       happened_at AS used_at,
       CASE WHEN action <> 'api.request' OR status_code BETWEEN 200 AND 299 THEN 'success'
            WHEN status_code IN (401, 403, 429) THEN 'denied'
            WHEN status_code IS NOT NULL THEN 'error' END AS outcome,
       CASE WHEN status_code BETWEEN 0 AND 32767 THEN status_code::SMALLINT END AS status,
       CASE status_code WHEN 401 THEN 'token' WHEN 403 THEN 'other' WHEN 429 THEN 'rate' END AS denial_reason,
       token AS token_id,
       grant_id,
       client_id, client_name,
       nullif(agent_session_id, '') AS session_id,
       CASE WHEN is_agent THEN named_person WHEN NOT is_bot AND NOT is_deploy_key THEN coalesce(nullif(actor_id, ''), nullif(actor, '')) END AS subject_id,
       CASE WHEN is_agent THEN nullif("user", '') WHEN NOT is_bot AND NOT is_deploy_key THEN nullif(actor, '') END AS subject_name,
       CASE WHEN is_agent AND actor <> '' THEN [actor] END AS actor_chain,
       {_SCOPES} AS token_scopes,
       CASE WHEN action LIKE 'git.%' THEN 'github.com' ELSE 'api.github.com' END AS resource_server,
       upper(nullif(request_method, '')) AS method,
       CASE WHEN action = 'api.request' THEN nullif(route, '') ELSE nullif(repo, '') END AS target,
       CASE WHEN action <> 'api.request' THEN action END AS operation,
       nullif(repo, '') AS resource_id,
       nullif(actor_ip, '') AS ip,
       nullif(user_agent, '') AS user_agent,
       tenant
FROM party
WHERE meaning = 'use'
"""

_REVOCATION = """
SELECT line_no,
       nullif(_document_id, '') AS event_id,
       happened_at AS revoked_at,
       CASE WHEN meaning IN ('token end', 'secret end') THEN 'revoke' WHEN enables THEN 'enable' ELSE meaning END AS kind,
       'success' AS outcome,
       CASE WHEN meaning IN ('token end', 'expiry') THEN 'token'
            WHEN meaning = 'secret end' THEN 'credential'
            WHEN is_of_person THEN 'subject'
            WHEN is_application THEN 'client'
            -- without a tenant, the app would end everywhere
            WHEN (meaning = 'disable' OR enables) AND tenant IS NOT NULL AND client_id IS NOT NULL THEN 'client'
            ELSE 'grant' END AS target_kind,
       grant_id, client_id, client_name,
       CASE WHEN NOT is_of_app THEN person END AS subject_id,
       CASE WHEN NOT is_of_app THEN person_name END AS subject_name,
       CASE WHEN NOT is_of_app AND doer = person THEN 'user'
            WHEN doer IS NOT NULL THEN 'admin' END AS initiator,
       doer AS actor_id,
       nullif(explanation, '') AS reason,
       tenant
FROM party
WHERE (meaning IN ('revoke', 'disable', 'token end', 'secret end', 'expiry', 'signal', 'downgrade')
       OR (enables AND coalesce(client_id, grant_id, named_person) IS NOT NULL)) AND NOT names_nobody
UNION ALL
-- a use besides, where it was done with a token
SELECT line_no, nullif(_document_id, ''), happened_at, CASE action WHEN 'org.remove_member' THEN 'disable' ELSE 'enable' END, 'success', 'subject',
       NULL, NULL, NULL, named_person, nullif("user", ''),
       CASE WHEN doer = named_person THEN 'user' WHEN doer IS NOT NULL THEN 'admin' END, doer, nullif(explanation, ''), tenant
FROM party
WHERE is_of_member AND named_person IS NOT NULL
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN is_webhook THEN 'webhook that neither gives nor takes access'
            WHEN action = 'personal_access_token.request_created' THEN 'request for access that awaits approval'
            WHEN action = 'personal_access_token.request_cancelled' THEN 'request for access taken back'
            WHEN regexp_matches(action, '^(oauth_|personal_access_token|integration|org_credential)')
            THEN 'token or app event that neither gives nor takes access'
            WHEN action = 'org.remove_outside_collaborator' THEN 'outside collaborator removed, whose return names no id'
            ELSE 'event that names no token' END AS reason
FROM event
WHERE meaning IS NULL AND action IS NOT NULL
"""

_REJECTED = """
SELECT line_no, 'action is missing' AS reason FROM event WHERE action IS NULL
UNION ALL
SELECT line_no, 'webhook tells neither which app nor when: only its delivery knows'
FROM event WHERE meaning = 'revoked webhook'
UNION ALL
SELECT line_no, 'names no user' FROM party WHERE names_nobody
UNION ALL
SELECT line_no, 'time cannot be read'
FROM party WHERE meaning IS NOT NULL AND logged_at IS NOT NULL AND happened_at IS NULL
"""


# Calls of the API are streamed where somebody switched them on, and stand in no other export: only from one of them to another is silence an
# answer. What the page of the log saves - a choice of columns, of which none names a token or an app - has none of these marks: it shows nothing.
_CALLED = "SELECT line_no, tenant, happened_at FROM party WHERE action = 'api.request'"
_LOGGED = """
SELECT line_no, tenant, happened_at FROM party
WHERE is_webhook OR coalesce(nullif(_document_id, ''), "@timestamp", at_sign_timestamp) IS NOT NULL
"""


LOADER = Loader(
    name="github",
    version=16,
    title="GitHub audit log, security log and app webhooks",
    recognise=mostly(lambda record: _is_event(record) or _is_webhook(record)),
    fields=_FIELDS,
    carries=("issuance", "usage", "revocation"),
    catalogue="github",
    shown_by={"issuance": _LOGGED, "usage": _CALLED, "revocation": _LOGGED},
    makers=True,
    steps={"event": _EVENT, "party": _PARTY, "issued": _ISSUED},
    issuance=_ISSUANCE,
    usage=_USAGE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join("issuance", "usage", "token", "hashed_token", "in exports that carry it: enterprise streaming"),
        Join("issuance", "revocation", "grant", "user_id, user_programmatic_access_name", "a name may be used again"),
        Join("usage", "revocation", "grant", "user_id, user_programmatic_access_name", "by way of the issue"),
    ),
    join_note=(
        "Issue and use join by the token's hash, exactly, in exports that carry it (enterprise streaming). The end "
        "of a token carries neither hash nor number: a personal access token joins by person and token name, an app by "
        "its installation or name, so what was ended is known as a grant, never as a token, and a name used again is "
        "told apart by time alone. Of an app's tokens the log says that one ended, not which."
    ),
)
