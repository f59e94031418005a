"""GitLab audit events (file, stream, API) and its API log: access tokens, deploy tokens, consents - and their use.

What the mapping decides, and why:

- **Three spellings of an audit event**: the line of `audit_json.log` (flat, keys with literal dots), the streamed event and the
  one of the API (`details` apart). What happened is told by the event type, in older versions by the message alone.
- **Token id** is written as GitLab itself does, `PersonalAccessToken/12`: personal, project and group tokens share that
  numbering, deploy tokens and OAuth tokens have their own. It stands in the message or is the target.
- The message is GitLab's own text, but the name of a deploy token inside it is anybody's: what is read stands behind it.
- An instance counts its tokens from 1, and no event names the instance: the first event of a number may tell of another instance's token
  than the calls of that number do, so that no token is said to begin with it (`keys_begin`).
- A line of the file may have no type. Then the message tells a consent, and the end of a person, too. GitLab before 15 wrote neither for a person
  who was removed, but `remove`: `user`; `user_access` is a membership.
- A consent given through GitLab's own service for sign-in (`user_authorized_iam_oauth_application`) has the person for a target, and says what of the
  application's scopes was granted.
- Each token is a client of its own; an OAuth application is one by its id. What is attempted and fails gives and ends nothing.
- `api_json.log` names the token of each call, and of a refused one where it was known (`meta.auth_fail_token_id`). Its `time` is
  when the call ended. Git over HTTP is logged elsewhere, so that no use seen there is no proof of no use.
- `created_at` is when it happened, `time` when it was written down. An audit event in the file has no id, so the same one
  loaded from file and stream counts twice.
- Git operations are streamed without the token's number, of a deploy token with its name alone: ignored by name.
- An audited API request does not say what came of it: ignored by name, `api_json.log` tells it.
- Proven on real records: a sign-in, a change of visibility and calls of `api_json.log` with a personal token, no more. The rest
  follows GitLab's source and its list of event types.
"""

from collections.abc import Mapping

from grantlens.loaders.collected import mostly_inside, with_envelopes
from grantlens.loaders.loader import Join, Loader
from grantlens.loaders.written_time import text_moment

_FIELDS = """{
    "id": "VARCHAR", "time": "VARCHAR", "created_at": "VARCHAR", "event_type": "VARCHAR", "event_name": "VARCHAR",
    "author_id": "VARCHAR", "author_name": "VARCHAR", "entity_id": "VARCHAR", "entity_type": "VARCHAR", "entity_path": "VARCHAR",
    "target_id": "VARCHAR", "target_type": "VARCHAR", "target_details": "VARCHAR", "custom_message": "VARCHAR", "remove": "VARCHAR",
    "application_id": "VARCHAR", "application_name": "VARCHAR", "scopes": "VARCHAR", "granted_scopes": "VARCHAR", "revocation_source": "VARCHAR",
    "with": "VARCHAR", "ip_address": "VARCHAR", "meta.remote_ip": "VARCHAR",
    "details": {"event_name": "VARCHAR", "custom_message": "VARCHAR", "remove": "VARCHAR", "author_name": "VARCHAR", "entity_path": "VARCHAR",
        "target_id": "VARCHAR", "target_type": "VARCHAR", "target_details": "VARCHAR", "ip_address": "VARCHAR", "with": "VARCHAR",
        "application_id": "VARCHAR", "application_name": "VARCHAR", "scopes": "VARCHAR",
        "granted_scopes": "VARCHAR", "revocation_source": "VARCHAR"},
    "method": "VARCHAR", "path": "VARCHAR", "route": "VARCHAR", "status": "VARCHAR", "duration_s": "VARCHAR", "host": "VARCHAR",
    "correlation_id": "VARCHAR", "user_id": "VARCHAR", "username": "VARCHAR", "remote_ip": "VARCHAR", "ua": "VARCHAR",
    "token_type": "VARCHAR", "token_id": "VARCHAR", "token_application_id": "VARCHAR",
    "meta.auth_fail_reason": "VARCHAR", "meta.auth_fail_token_id": "VARCHAR"
}"""


def _is_audit(record: Mapping) -> bool:
    return {"author_id", "entity_id", "entity_type"} <= record.keys() and bool({"created_at", "time"} & record.keys())


def _is_call(record: Mapping) -> bool:
    return {"route", "method", "path", "status", "time"} <= record.keys() and str(record["path"]).startswith("/api/")


def _told(name: str) -> str:
    """Return SQL for a value of an audit event: on top in the file, in `details` elsewhere."""
    return f"coalesce(nullif(e.{name}, ''), nullif(e.details.{name}, ''))"


_WRITTEN = f"""
SELECT line_no, e.route IS NOT NULL AND e.author_id IS NULL AS is_call,
       coalesce(nullif(e.event_type, ''), nullif(e.event_name, ''), nullif(e.details.event_name, '')) AS action,
       coalesce(e.custom_message, e.details.custom_message) AS told, {_told("remove")} AS removed,
       coalesce(e.created_at, e.time) AS logged_at, {text_moment("logged_at")} AS happened_at,
       CASE WHEN e.created_at IS NOT NULL THEN {text_moment("e.time")} END AS received_at,
       -- one id of a request is that of the calls which it makes in turn, and may be the caller's own (`propagate_correlation_id`)
       CASE WHEN is_call AND e.correlation_id <> '' THEN concat_ws('|', e.correlation_id, e.time, e.method, e.route, e.duration_s)
            ELSE nullif(e.id, '') END AS event_id,
       nullif(e.author_id, '') AS author_id, {_told("author_name")} AS author_name, {_told("entity_path")} AS entity_path,
       {_told("target_id")} AS target_id, {_told("target_type")} AS target_type, {_told("target_details")} AS target_name,
       {_told("application_id")} AS application_id, {_told("application_name")} AS application_name,
       coalesce({_told("granted_scopes")}, {_told("scopes")}) AS scopes,
       {_told("revocation_source")} AS source_of_end, e."with" IS NOT NULL OR e.details."with" IS NOT NULL AS is_sign_in,
       coalesce({_told("ip_address")}, nullif(e."meta.remote_ip", ''), nullif(e.remote_ip, '')) AS ip,
       CASE WHEN is_call THEN {{'method': e.method, 'path': e.path, 'host': e.host, 'user_id': e.user_id, 'username': e.username,
           'ua': e.ua, 'token_type': e.token_type, 'token_id': e.token_id, 'application': e.token_application_id,
           'status': TRY_CAST(e.status AS INTEGER), 'seconds': TRY_CAST(e.duration_s AS DOUBLE),
           'fail_reason': e."meta.auth_fail_reason", 'fail_token': e."meta.auth_fail_token_id"}} END AS call
FROM shaped
"""

# What an audit event is about: by its type, or by the message that GitLab writes. Most are about nothing that counts here: a table
# of all columns would cost as much as the parsing, so a list holds the columns of the others.
_EVENT = """
SELECT line_no, is_call, action, logged_at, happened_at, author_id, is_sign_in,
       coalesce(told LIKE 'Attempted to %' OR action LIKE '%_failed', false) AS failed,
       CASE WHEN is_call THEN NULL
            WHEN action IN ('personal_access_token_created', 'project_access_token_created', 'group_access_token_created',
                            'project_access_token_creation_failed', 'group_access_token_creation_failed')
              OR regexp_matches(told, '^(Created|Attempted to create) (personal|project|group) (access )?token ') THEN 'access token'
            WHEN action IN ('deploy_token_created', 'group_deploy_token_created', 'deploy_token_creation_failed',
                            'group_deploy_token_creation_failed')
              OR regexp_matches(told, '^(Created|Attempted to create) (project|group) deploy token ') THEN 'deploy token'
            WHEN action IN ('user_authorized_oauth_application', 'user_authorized_iam_oauth_application')
              OR (action IS NULL AND told = 'User authorized an OAuth application.') THEN 'consent'
            WHEN action LIKE '%_by_project_bot' THEN 'bot'
            WHEN action IN ('personal_access_token_revoked', 'project_access_token_deleted', 'group_access_token_deleted',
                            'project_access_token_deletion_failed', 'group_access_token_deletion_failed')
              OR regexp_matches(told, '^(Revoked|Attempted to revoke) (personal|project|group) access token ') THEN 'end access token'
            WHEN action IN ('deploy_token_revoked', 'deploy_token_destroyed', 'group_deploy_token_revoked', 'group_deploy_token_destroyed')
              OR regexp_matches(told, '^(Revoked|Destroyed) (project|group) deploy token ') THEN 'end deploy token'
            WHEN action IN ('user_blocked', 'user_destroyed', 'user_deactivate')
              OR (action = 'ban_user' AND regexp_matches(told, '^(Banned|Blocked)'))
              OR (action IS NULL AND regexp_matches(told, '^(Blocked user|Deactivated user|Banned user|User [^ ]+ scheduled for deletion([.] Reason: .*)?)$'))
              OR (action IS NULL AND told IS NULL AND removed = 'user' AND target_type = 'User')
            THEN 'end user'
            WHEN action IN ('unblock_user', 'unban_user', 'user_activate') OR (action = 'ban_user' AND regexp_matches(told, '^Un(banned|blocked)'))
              OR (action IS NULL AND told IN ('Unblocked user', 'Unbanned user', 'Activated user'))
            THEN 'user again' END AS meaning,
       CASE WHEN is_call OR meaning IS NOT NULL THEN [w] END AS held
FROM written w
"""

_CALL = """
SELECT *,
       CASE WHEN status BETWEEN 200 AND 299 THEN 'success' WHEN status IN (401, 403, 429) THEN 'denied' ELSE 'error' END AS outcome,
       coalesce(nullif(call.token_type, '') || '/' || nullif(call.token_id, ''),
                CASE WHEN status IN (401, 403) THEN nullif(call.fail_token, '') END) AS token
FROM (SELECT w.*, w.call.status AS status FROM (SELECT unnest(held) AS w FROM event WHERE is_call AND happened_at IS NOT NULL))
WHERE status IS NOT NULL
"""

_KNOWN = """
SELECT *,
       CASE WHEN meaning LIKE '%access token' THEN 'PersonalAccessToken' WHEN meaning LIKE '%deploy token' THEN 'DeployToken' END AS table_name,
       table_name || '/' || coalesce(
           -- the last one: a deploy token's name stands before it and may say anything
           CASE WHEN meaning LIKE '%deploy token' AND NOT failed
                THEN nullif(regexp_extract(told, '(?s)^.*with token_id: ([0-9]+) with scopes: ', 1), '')
                ELSE nullif(regexp_extract(told, '^[A-Za-z ]+ token with (?:token_id:|id) ([0-9]+)', 1), '') END,
           CASE WHEN target_type = table_name THEN target_id END) AS token,
       CASE WHEN meaning LIKE '%token' AND NOT failed AND told LIKE '% with scopes: [%'
            THEN regexp_extract_all(regexp_extract(told, '(?s)^.* with scopes: (\\[[^\\]]*\\])', 1), '[a-z][a-z0-9_]*') END AS told_scopes,
       CASE WHEN target_type = 'User' THEN target_id END AS target_user,
       CASE WHEN meaning IN ('end user', 'user again') THEN target_user WHEN meaning IN ('end access token', 'end deploy token') THEN token END AS ended
FROM (SELECT w.*, failed, meaning
      FROM (SELECT failed, meaning, unnest(held) AS w FROM event
            WHERE meaning IS NOT NULL AND happened_at IS NOT NULL AND author_id IS NOT NULL))
"""

_ISSUANCE = """
SELECT line_no, event_id, happened_at AS issued_at, received_at,
       CASE meaning WHEN 'consent' THEN 'consent' ELSE 'credential' END AS kind,
       CASE WHEN failed THEN 'denied' ELSE 'success' END AS outcome,
       CASE WHEN NOT failed THEN token END AS token_id, CASE WHEN meaning <> 'consent' THEN 'api_key' END AS token_kind,
       CASE WHEN meaning = 'consent' THEN coalesce(application_id, CASE WHEN target_user IS NULL THEN target_id END)
            WHEN NOT failed THEN token END AS client_id,
       CASE WHEN meaning = 'consent' THEN coalesce(application_name, target_name)
            WHEN target_user IS NULL THEN target_name END AS client_name,
       CASE WHEN meaning = 'consent' THEN author_id ELSE target_user END AS subject_id,
       CASE WHEN meaning = 'consent' THEN author_name WHEN target_user IS NOT NULL THEN target_name END AS subject_name,
       CASE WHEN meaning = 'consent' OR target_user IS NOT NULL THEN 'user' ELSE 'service' END AS subject_kind,
       CASE WHEN meaning = 'consent' THEN CASE WHEN starts_with(scopes, '[') THEN TRY(from_json(scopes, '["VARCHAR"]')) END
            ELSE told_scopes END AS scopes,
       CASE WHEN meaning <> 'consent' AND target_user IS NULL AND entity_path IS NOT NULL THEN [entity_path] END AS audience,
       CASE WHEN meaning = 'consent' THEN author_id END AS consent_actor, CASE WHEN meaning = 'consent' THEN 'user' END AS consent_kind,
       ip
FROM known
WHERE meaning IN ('access token', 'deploy token', 'consent')
"""

_USAGE = """
SELECT line_no, event_id,
       CASE WHEN call.seconds BETWEEN 0 AND 86400 THEN happened_at - to_microseconds((call.seconds * 1000000)::BIGINT)
            ELSE happened_at END AS used_at,
       happened_at AS ended_at, NULL::TIMESTAMPTZ AS received_at, outcome,
       CASE WHEN status BETWEEN 0 AND 32767 THEN status::SMALLINT END AS status,
       CASE WHEN outcome <> 'denied' THEN NULL
            WHEN call.fail_reason IN ('token_expired', 'token_revoked') THEN 'token' WHEN call.fail_reason = 'insufficient_scope' THEN 'scope'
            WHEN call.fail_reason <> '' THEN 'policy' WHEN status = 401 THEN 'token' WHEN status = 429 THEN 'rate' ELSE 'other' END
       AS denial_reason,
       token AS token_id, coalesce(nullif(call.application, ''), token) AS client_id,
       nullif(call.user_id, '') AS subject_id, nullif(call.username, '') AS subject_name,
       coalesce(nullif(call.host, ''), 'gitlab') AS resource_server, upper(nullif(call.method, '')) AS method,
       nullif(split_part(call.path, '?', 1), '') AS target, NULL::VARCHAR AS operation, NULL::VARCHAR AS resource_id,
       ip, nullif(call.ua, '') AS user_agent
FROM call
WHERE token IS NOT NULL
UNION ALL
SELECT line_no, event_id, happened_at, NULL, received_at, 'success', NULL, NULL, NULL, NULL, author_id, author_name, 'gitlab',
       NULL, entity_path, action, target_name, ip, NULL
FROM known
WHERE meaning = 'bot'
"""

_REVOCATION = """
SELECT line_no, event_id, happened_at AS revoked_at, received_at,
       CASE meaning WHEN 'end user' THEN 'disable' WHEN 'user again' THEN 'enable' ELSE 'revoke' END AS kind,
       CASE WHEN failed THEN 'error' ELSE 'success' END AS outcome,
       CASE WHEN ends_with(meaning, 'token') THEN 'credential' ELSE 'subject' END AS target_kind,
       CASE WHEN ends_with(meaning, 'token') THEN token END AS token_id, CASE WHEN ends_with(meaning, 'token') THEN token END AS client_id,
       CASE WHEN ends_with(meaning, 'token') AND target_user IS NULL THEN target_name END AS client_name,
       target_user AS subject_id, CASE WHEN target_user IS NOT NULL THEN target_name END AS subject_name,
       CASE WHEN author_id = target_user THEN 'user' WHEN source_of_end = 'secret_detection' THEN 'policy' ELSE 'admin' END AS initiator,
       author_id AS actor_id, source_of_end AS reason
FROM known
WHERE (starts_with(meaning, 'end ') OR meaning = 'user again') AND ended IS NOT NULL
"""

_IGNORED = """
SELECT line_no, 'call without a token' AS reason FROM call WHERE token IS NULL
UNION ALL
SELECT line_no,
       CASE WHEN action = 'api_request_access_with_scope' THEN 'audited API request that does not say what came of it'
            WHEN action = 'repository_git_operation' THEN 'Git operation that does not say with which token'
            WHEN regexp_matches(action, 'token_(created|revoked|deleted|destroyed)$') THEN 'token of a kind that is not read'
            WHEN action LIKE '%token%' OR action LIKE 'oauth_%' THEN 'token or app event that neither gives nor takes access'
            WHEN is_sign_in OR action LIKE 'authenticated_with_%' OR action LIKE 'login_failed_%' THEN 'sign-in of a person'
            ELSE 'not about delegated access' END
FROM event
WHERE meaning IS NULL AND NOT is_call AND happened_at IS NOT NULL AND author_id IS NOT NULL
"""

_REJECTED = """
SELECT line_no,
       CASE WHEN logged_at IS NULL THEN 'time is missing' WHEN happened_at IS NULL THEN 'time is no time' ELSE 'author_id is missing' END
       AS reason
FROM event
WHERE happened_at IS NULL OR (NOT is_call AND author_id IS NULL)
UNION ALL
SELECT line_no, 'status is missing' FROM event WHERE is_call AND happened_at IS NOT NULL AND held[1].call.status IS NULL
UNION ALL
SELECT line_no, 'names no ' || CASE WHEN ends_with(meaning, 'token') THEN 'token' ELSE 'user' END
FROM known WHERE (starts_with(meaning, 'end ') OR meaning = 'user again') AND ended IS NULL
"""


# Calls show neither issue nor revocation, nor every use: Git over HTTP is logged elsewhere.
_AUDITED = "SELECT line_no, NULL::VARCHAR AS tenant, happened_at FROM event WHERE NOT is_call AND meaning IS NOT NULL"


LOADER = with_envelopes(
    Loader(
        name="gitlab",
        version=9,
        title="GitLab audit events and API log",
        recognise=mostly_inside(lambda record: _is_audit(record) or _is_call(record)),
        fields=_FIELDS,
        carries=("issuance", "revocation"),
        shown_by={"issuance": _AUDITED, "revocation": _AUDITED},
        steps={"written": _WRITTEN, "event": _EVENT, "call": _CALL, "known": _KNOWN},
        issuance=_ISSUANCE,
        usage=_USAGE,
        revocation=_REVOCATION,
        ignored=_IGNORED,
        rejected=_REJECTED,
        joins=(
            Join(
                "issuance",
                "usage",
                "token",
                "token id of the message, token_id",
                "where api_json.log is loaded as well",
            ),
            Join("issuance", "revocation", "token", "token id of the message", "a consent's end is not logged"),
            Join(
                "usage",
                "revocation",
                "token",
                "token_id, token id of the message",
                "where api_json.log is loaded as well",
            ),
        ),
        join_note=(
            "Access and deploy tokens join by their number from issue to revocation, and with api_json.log to their use, "
            "exactly. OAuth tokens join to their consent by application and user; the end of a consent is not logged."
        ),
    ),
    mark="r.author_id IS NOT NULL OR r.route IS NOT NULL",
)
