"""Dropbox team log: apps linked and unlinked, members removed, and what apps did.

What the mapping decides, and why:

- `app_link_member` (`app_link_user` in Dropbox's SDK) is a consent of the member, `app_link_team` one of an admin for
  everybody in the team. The client is `details.app_info.app_id`. Scopes and tokens are not in this log.
- An event that an app did (`actor` is an app) is a use by that app; it says for whom in `context`. What a person did is
  told with the access method, which names no app: no use.
- The log has no ids of events. One is made of time, type, actor, app and request, so that both spellings of a record
  (`.tag` of Dropbox, `_tag` of a collector) give the same one.
- A member who is removed, suspended or moved to another team loses everything below them, and has it again when the suspension ends
  (`previous_value`; the SDK says that it may be missing: then nobody knows who was only invited).

Proven on records that a collector published as tests: app_link_member, app_link_team, sign_in_as_session_start,
tfa_change_status and events of files. Links and unlinks are those of Dropbox's SDK, the status of members is written after a
collector's test record; integrations are of its team log as known, and not proven.
"""

from collections.abc import Mapping

from grantlens.loaders.loader import Join, Loader, mostly
from grantlens.loaders.written_time import text_moment

_MEMBER = """{"account_id": "VARCHAR", "team_member_id": "VARCHAR", "display_name": "VARCHAR"}"""

_FIELDS = f"""{{
    "timestamp": "VARCHAR", "p_parse_time": "VARCHAR",
    "event_type": {{".tag": "VARCHAR", "_tag": "VARCHAR"}},
    "actor": {{"user": {_MEMBER}, "admin": {_MEMBER}, "app": {{"app_id": "VARCHAR", "display_name": "VARCHAR"}}}},
    "context": {_MEMBER},
    "details": {{"app_info": {{"app_id": "VARCHAR", "display_name": "VARCHAR"}}, "integration_name": "VARCHAR",
        "new_value": "VARCHAR", "previous_value": "VARCHAR"}},
    "origin": {{"geo_location": {{"ip_address": "VARCHAR"}}, "access_method": {{"request_id": "VARCHAR"}}}}
}}"""


def _is_event(record: Mapping) -> bool:
    """Tell a Dropbox event: a tagged type, an actor, and whether somebody outside the team took part."""
    kind = record.get("event_type")
    return isinstance(kind, Mapping) and bool({".tag", "_tag"} & kind.keys()) and "actor" in record


_EVENT = """
SELECT line_no, r.*, coalesce(r.event_type.".tag", r.event_type."_tag") AS kind_of_event,
       CASE WHEN kind_of_event IN ('app_link_member', 'app_link_user', 'app_link_team', 'integration_connected')
            THEN 'consent'
            WHEN kind_of_event IN ('app_unlink_member', 'app_unlink_user', 'app_unlink_team',
                                   'integration_disconnected') THEN 'app end'
            WHEN kind_of_event = 'member_change_status'
            THEN CASE WHEN regexp_matches(r.details.new_value, '"(removed|suspended|moved_to_another_team)"') THEN 'person end'
                      WHEN contains(r.details.new_value, '"active"') AND contains(r.details.previous_value, '"suspended"') THEN 'person again' END
            END AS meaning,
       r.actor.app.app_id IS NOT NULL AS by_app
FROM record
WHERE r IS NOT NULL
"""

_PARTY = f"""
SELECT *, {text_moment("timestamp")} AS happened_at, {text_moment("p_parse_time")} AS received_at,
       coalesce(details.app_info.app_id, details.integration_name) AS client_id,
       coalesce(details.app_info.display_name, details.integration_name) AS client_name,
       coalesce(actor."user".team_member_id, actor."user".account_id, actor.admin.team_member_id,
                actor.admin.account_id) AS doer,
       coalesce(actor."user".display_name, actor.admin.display_name) AS doer_name,
       coalesce(context.team_member_id, context.account_id) AS person,
       regexp_matches(kind_of_event, '_(member|user)$') AS of_member, starts_with(meaning, 'person ') AS about_person,
       'dropbox:' || md5(to_json([happened_at::VARCHAR, kind_of_event, doer, actor.app.app_id, client_id, person,
                                  origin.access_method.request_id])::VARCHAR) AS event_id
FROM event
WHERE meaning IS NOT NULL OR by_app
"""

_ISSUANCE = """
SELECT line_no, event_id, happened_at AS issued_at, received_at,
       'consent' AS kind, 'success' AS outcome,
       client_id, client_name,
       CASE WHEN of_member THEN coalesce(person, doer) END AS subject_id,
       CASE WHEN of_member THEN coalesce(context.display_name, doer_name) END AS subject_name,
       'user' AS subject_kind,
       doer AS consent_actor, CASE WHEN of_member THEN 'user' ELSE 'admin' END AS consent_kind,
       origin.geo_location.ip_address AS ip
FROM party
WHERE meaning = 'consent' AND client_id IS NOT NULL
"""

_USAGE = """
SELECT line_no, event_id, happened_at AS used_at, received_at,
       'success' AS outcome,
       actor.app.app_id AS client_id, actor.app.display_name AS client_name,
       person AS subject_id, context.display_name AS subject_name,
       'api.dropboxapi.com' AS resource_server, kind_of_event AS operation,
       origin.geo_location.ip_address AS ip
FROM party
WHERE by_app AND kind_of_event IS NOT NULL
"""

_REVOCATION = """
SELECT line_no, event_id, happened_at AS revoked_at, received_at,
       CASE meaning WHEN 'person end' THEN 'disable' WHEN 'person again' THEN 'enable' ELSE 'revoke' END AS kind, 'success' AS outcome,
       CASE WHEN about_person THEN 'subject' WHEN of_member THEN 'grant' ELSE 'client' END AS target_kind,
       client_id, client_name,
       CASE WHEN about_person THEN person WHEN of_member THEN coalesce(person, doer) END AS subject_id,
       CASE WHEN actor.admin.account_id IS NOT NULL OR about_person THEN 'admin'
            WHEN of_member AND doer = coalesce(person, doer) THEN 'user' END AS initiator,
       doer AS actor_id
FROM party
WHERE (meaning = 'app end' AND client_id IS NOT NULL) OR (about_person AND person IS NOT NULL)
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN starts_with(kind_of_event, 'sign_in_as_session_') THEN 'impersonation by an admin'
            WHEN starts_with(kind_of_event, 'login_') OR starts_with(kind_of_event, 'logout')
              OR starts_with(kind_of_event, 'sso_') OR starts_with(kind_of_event, 'tfa_') THEN 'sign-in of a person'
            WHEN starts_with(kind_of_event, 'app_') THEN 'app event that neither gives nor takes access'
            ELSE 'not about delegated access' END AS reason
FROM event
WHERE meaning IS NULL AND NOT by_app AND kind_of_event IS NOT NULL
"""

_REJECTED = """
SELECT line_no, 'event_type is missing' AS reason FROM event WHERE kind_of_event IS NULL
UNION ALL
SELECT line_no, 'names no app' FROM party WHERE meaning IN ('consent', 'app end') AND client_id IS NULL
UNION ALL
SELECT line_no, 'names no person' FROM party WHERE about_person AND person IS NULL
UNION ALL
SELECT line_no, 'timestamp is no time' FROM party WHERE "timestamp" IS NOT NULL AND happened_at IS NULL
"""

LOADER = Loader(
    name="dropbox",
    version=2,
    title="Dropbox team log",
    recognise=mostly(_is_event),
    fields=_FIELDS,
    carries=("issuance", "revocation"),
    steps={"event": _EVENT, "party": _PARTY},
    issuance=_ISSUANCE,
    usage=_USAGE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join(
            "issuance",
            "usage",
            "client and subject",
            "app_info.app_id, actor.app.app_id",
            "only changes that apps made",
        ),
        Join("issuance", "revocation", "grant", "app_info.app_id, team_member_id", "no tokens, no scopes"),
        Join(
            "usage",
            "revocation",
            "client and subject",
            "actor.app.app_id, app_info.app_id",
            "only changes that apps made",
        ),
    ),
    join_note=(
        "A linked app joins by its id and the member from linking to unlinking. Tokens and scopes are not in this log, "
        "and of the calls of apps only what the team log shows as done by an app."
    ),
)
