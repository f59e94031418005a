"""Keycloak: lines of the server's log, the JSON that listeners write, and the events of the admin API.

What the mapping decides, and why:

- **Time.** A line tells the server's local time without a zone: it has to be named (`--time-zone`). A time that the
  zone knows twice (the clock is put back) or never is rejected, not guessed; load such an hour by itself with a fixed
  zone, such as Etc/GMT-2. A time of day without a date is rejected, unless a collector wrote date and zone before it.
- Docker's driver json-file puts each line into the `log` of a record. The time that it adds is not needed.
- Phase Two's webhooks (`ext-event-webhook`) put `access.` before the type of a user's event, and who did it into `authDetails`.
- The server's log as JSON names the logger `loggerName`, or `log.logger` in the form of the Elastic Common Schema.
- **Token id** is the `jti` of the token, as it stands there, prefix included (`onrtac:...`). The refresh token that
  comes with it is a row of its own.
- **Session** is `sessionId`; versions that log none have the session's id in `code_id` and, at logout, in
  `authSessionParentId`.
- A sign-in gives no token but for the password grant, which logs it as LOGIN. Consent refused is LOGIN_ERROR.
- A refused event has a type that ends in `_ERROR`, or an `error`: outcome `denied`. Why is `error` (Keycloak's `Errors.java`), and for a
  refresh token its `reason` beside it (`TokenManager.java`), in the versions that log it. A code that came twice is no reuse here:
  `invalid_code` is said of an expired one too, and so is the server's own line "already used".
- A token that was got with an actor's (RFC 8693, `actor_token`) names that actor: a client by the id that it has elsewhere, else a user by theirs. Of
  those before it the event says nothing, nor of the token itself. By Keycloak's source (`TokenExchangeDelegationProvider.java`), not proven on a record;
  that the fields are spelled as their names there in small letters is inferred from the others.
- Introspection: the client that asks is the resource server; the one that the token is for stands in newer events.
- **Admin events** name a client by its inner id, not by its `clientId`: it joins only where an identities file says so.
  In the log their realm is that of the admin, so such a row has no tenant. An UPDATE disables or enables only if the
  representation says so, which it does whatever was changed; where none is logged it is a `signal`. A logout by an admin ends what was issued before;
  offline tokens may outlive it. So does one of a whole realm (`logout-all`), which names nobody.
- A session that Keycloak clears away because it expired (LOGOUT or USER_SESSION_DELETED whose `reason` says so) has
  ended by itself. A new secret of a client is a credential without an id. Both after Keycloak's source, not proven.
- Never read: `redirect_uri`, request URIs, cookies, and of a representation all but `enabled` and `clientId`.

Success is logged at DEBUG by default and refusals at WARN, so many logs hold refusals only: their silence says nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from grantlens.errors import LoadError
from grantlens.loaders.keycloak.lines import (
    ADMIN,
    EVENT,
    MEANINGS,
    NEITHER,
    SIGN_IN,
    TIMED,
    TOLD,
    TOLD_IN_DOCKER,
    WRITTEN,
)
from grantlens.loaders.loader import Join, Loader
from grantlens.loaders.settings import Settings

_LINE = re.compile(r"\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\s+[A-Z]+\s+\[org\.keycloak\.")
_LOCAL = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?=\s+[A-Z]+\s+\[|$)")
_TYPE = re.compile(r"(access\.)?[A-Z][A-Z0-9_]{3,}")


def _unwrapped(record: Mapping) -> Mapping:
    """Return the line that Docker wrote as JSON (its driver json-file), or the record as it is."""
    return {"line": record["log"]} if isinstance(record.get("log"), str) and "stream" in record else record


def _logger(record: Mapping) -> str:
    """Return who wrote a line of the server's log that is JSON, in Keycloak's own form or in that of the Elastic Common Schema."""
    return str(record.get("loggerName") or record.get("log.logger") or "")


def _is_event(record: Mapping) -> bool:
    """Tell an event in JSON: a user's, an admin's, or a line of the server's log written as JSON."""
    if _logger(record).startswith("org.keycloak."):
        return True
    who = {"realmId", "realmName", "authDetails"} & record.keys()
    if "operationType" in record and "resourceType" in record:
        return bool(who)
    told = {"clientId", "userId", "details", "authDetails"} & record.keys()
    return bool(_TYPE.fullmatch(str(record.get("type")))) and bool(who) and len(told) > 1


def _recognise(sample: Sequence[Mapping]) -> bool:
    """Ask whether one line is Keycloak's, or most records are its events. A server that starts logs other lines first."""
    sample = [*map(_unwrapped, sample)]
    if "line" in sample[0]:
        return any(_LINE.search(str(record.get("line"))) for record in sample)
    if any(_logger(record).startswith("org.keycloak.") for record in sample):
        return True
    return 2 * sum(map(_is_event, sample)) > len(sample)


def _local_time(record: Mapping) -> str | None:
    """Return a time without a zone, as it is written there."""
    times = (record.get(name) for name in ("line", "time", "timestamp", "@timestamp"))
    found = next((match for text in times if (match := _LOCAL.search(str(text)))), None)
    return found.group() if found else None


@dataclass(frozen=True)
class _Configure:
    """Asks for the zone of a file in which local times stand, and says whether it holds text."""

    local_time: str | None
    text: bool

    def __call__(self, loader: Loader, settings: Settings) -> Loader:
        if self.local_time and not settings.time_zone:
            raise LoadError(
                f"Keycloak wrote local time without a zone: {self.local_time}.",
                "Name the zone of the server: --time-zone Europe/Berlin (or UTC).",
            )
        return replace(
            loader, parameters={"zone": settings.time_zone, "text": self.text}, configure=_Configure(None, self.text)
        )


def _fitted(sample: Sequence[Mapping]) -> Loader:
    """Find out whether a zone is needed, and whether Docker wrote its lines."""
    lines = [*map(_unwrapped, sample)]
    local_time = next(filter(None, map(_local_time, lines)), None)
    steps = {**LOADER.steps, "told": TOLD_IN_DOCKER} if lines != [*sample] else LOADER.steps
    configure = _Configure(local_time, any("line" in record for record in lines))
    return replace(LOADER, steps=steps, configure=configure)


_KIND = " ".join(f"WHEN '{name}' THEN '{meaning}'" for name, meaning in MEANINGS.items())

_MEANT = f"""
SELECT *,
       CASE WHEN operationType IS NULL THEN regexp_replace(type, '_ERROR$', '') END AS happening,
       coalesce(ends_with(type, '_ERROR'), false) OR error IS NOT NULL AS refused,
       CASE WHEN operationType IS NULL THEN CASE happening {_KIND}
                WHEN 'LOGIN' THEN CASE WHEN token_id IS NOT NULL OR grant_type = 'password' THEN 'token'
                                       WHEN error = 'rejected_by_user' THEN 'consent' END END
            WHEN operationType = 'DELETE' AND regexp_full_match(resourcePath, 'users/[^/]+') THEN 'disable user'
            WHEN operationType = 'DELETE' AND regexp_full_match(resourcePath, 'clients/[^/]+') THEN 'disable client'
            WHEN operationType = 'DELETE' AND regexp_full_match(resourcePath, 'sessions/[^/]+') THEN 'end session'
            WHEN operationType = 'DELETE' AND regexp_full_match(resourcePath, 'users/[^/]+/consents/[^/]+') THEN 'end consent'
            WHEN operationType = 'ACTION' AND regexp_full_match(resourcePath, 'users/[^/]+/logout|logout-all') THEN 'end sessions'
            WHEN operationType = 'ACTION' AND regexp_full_match(resourcePath, 'clients/[^/]+/client-secret') THEN 'credential'
            WHEN operationType = 'UPDATE' AND regexp_full_match(resourcePath, '(users|clients)/[^/]+')
            THEN CASE WHEN changed.enabled = 'false' THEN 'disable ' || split_part(resourcePath, 's/', 1)
                      WHEN changed.enabled = 'true' THEN 'enable ' || split_part(resourcePath, 's/', 1)
                      WHEN NOT shows_change THEN 'signal ' || split_part(resourcePath, 's/', 1) END END AS meaning,
       split_part(resourcePath, '/', 2) AS resource_id,
       -- in lines, the realm of an admin event is the admin's own
       CASE WHEN operationType IS NULL OR NOT is_text THEN coalesce(realmId, realmName) END AS tenant
FROM event_at
"""

# The refresh token that comes with a token is a row of its own.
_ISSUED = """
SELECT *, generate_subscripts(brought, 1) AS nth, unnest(brought) AS token
FROM (
    SELECT *,
           CASE WHEN meaning IN ('consent', 'credential') OR refused THEN [NULL]
                ELSE list_filter([{'id': token_id, 'kind': 'access'},
                                  {'id': CASE WHEN meaning = 'refresh' THEN updated_refresh_token_id
                                              ELSE refresh_token_id END, 'kind': 'refresh'}],
                                 lambda t: t.kind = 'access' OR t.id IS NOT NULL) END AS brought
    FROM meant
    WHERE meaning IN ('token', 'refresh', 'exchange', 'consent', 'credential') AND time_fault IS NULL AND NOT is_cut
)
"""

_ISSUANCE = """
SELECT line_no, CASE WHEN nth = 1 THEN id ELSE id || '#' || nth END AS event_id, tenant,
       happened_at AS issued_at, received_at,
       meaning AS kind,
       CASE WHEN refused THEN 'denied' ELSE 'success' END AS outcome,
       CASE WHEN NOT refused THEN NULL
            WHEN reason = 'Maximum allowed refresh token reuse exceeded' THEN 'reuse'
            WHEN error = 'expired_code' OR reason = 'Token is not active' THEN 'expired'
            WHEN error IN ('invalid_token', 'invalid_code', 'invalid_code_verifier', 'pkce_verification_failed', 'session_expired',
                           'user_session_not_found') THEN 'token'
            WHEN error IN ('client_not_found', 'client_disabled', 'invalid_client', 'invalid_client_credentials') THEN 'client'
            WHEN error IN ('user_not_found', 'user_disabled', 'user_temporarily_disabled', 'invalid_user_credentials') THEN 'subject'
            WHEN error IN ('rejected_by_user', 'consent_denied') THEN 'consent'
            WHEN error IS NOT NULL THEN 'other' END AS denial_reason,
       coalesce(grant_type, CASE happening WHEN 'CODE_TO_TOKEN' THEN 'authorization_code'
                                           WHEN 'CLIENT_LOGIN' THEN 'client_credentials'
                                           WHEN 'OAUTH2_DEVICE_CODE_TO_TOKEN' THEN 'urn:ietf:params:oauth:grant-type:device_code'
                                           WHEN 'REFRESH_TOKEN' THEN 'refresh_token' END) AS grant_type,
       token.id AS token_id, CASE WHEN by_admin THEN 'api_key' WHEN token.kind = 'access' THEN 'access'
            WHEN token.kind = 'refresh' THEN 'refresh' END AS token_kind,
       CASE WHEN meaning = 'refresh' THEN refresh_token_id END AS parent_token_id,
       coalesce(sessionId, code_id) AS session_id,
       CASE WHEN by_admin THEN resource_id ELSE clientId END AS client_id,
       CASE WHEN NOT by_admin THEN userId END AS subject_id, username AS subject_name,
       CASE WHEN meaning = 'exchange' AND actor_id IS NOT NULL
            THEN [CASE WHEN actor_type = 'client' THEN coalesce(actor, actor_id) ELSE actor_id END] END AS actor_chain,
       CASE WHEN by_admin OR happening = 'CLIENT_LOGIN' THEN 'service' WHEN userId IS NOT NULL THEN 'user' END AS subject_kind,
       CASE WHEN scope = '' THEN [] ELSE string_split(trim(scope), ' ') END AS scopes,
       CASE WHEN audience IS NOT NULL THEN string_split(audience, ' ') END AS audience,
       CASE WHEN by_admin THEN admin_id WHEN meaning = 'consent' THEN userId END AS consent_actor,
       CASE WHEN meaning = 'consent' THEN 'user' END AS consent_kind,
       ipAddress AS ip
FROM (SELECT *, meaning = 'credential' AS by_admin FROM issued)
"""

_USAGE = """
SELECT line_no, id AS event_id, tenant, happened_at AS used_at, received_at,
       CASE WHEN refused THEN 'denied' ELSE 'success' END AS outcome,
       CASE WHEN NOT refused THEN NULL WHEN error IN ('invalid_token', 'expired_code', 'session_expired',
                 'user_session_not_found') THEN 'token'
            WHEN error = 'insufficient_scope' THEN 'scope' ELSE 'other' END AS denial_reason,
       token_id, sessionId AS session_id,
       CASE WHEN happening = 'USER_INFO_REQUEST' THEN clientId ELSE token_issued_for END AS client_id,
       userId AS subject_id, username AS subject_name,
       CASE WHEN scope = '' THEN [] ELSE string_split(trim(scope), ' ') END AS token_scopes,
       CASE WHEN happening = 'USER_INFO_REQUEST' THEN 'keycloak' ELSE clientId END AS resource_server,
       lower(happening) AS operation,
       CASE WHEN happening <> 'USER_INFO_REQUEST' THEN 'introspection' END AS validation,
       ipAddress AS ip
FROM meant
WHERE meaning = 'use' AND time_fault IS NULL AND NOT is_cut
"""

_ENDED = """
SELECT *,
       CASE WHEN meaning = 'logout' OR meaning = 'end session' THEN 'session'
            WHEN meaning = 'end sessions' THEN 'policy'
            WHEN meaning = 'end consent' THEN 'grant'
            WHEN meaning = 'revoke' THEN CASE WHEN coalesce(token_id, refresh_token_id) IS NOT NULL THEN 'token' ELSE 'grant' END
            WHEN ends_with(meaning, 'client') THEN 'client' ELSE 'subject' END AS target_kind,
       CASE WHEN meaning = 'revoke' THEN coalesce(revoked_client, clientId)
            WHEN meaning = 'end consent' THEN split_part(resourcePath, '/', 4)
            WHEN target_kind = 'client' THEN CASE WHEN operationType IS NULL THEN clientId
                                                  ELSE coalesce(changed.clientId, resource_id) END END AS ended_client,
       CASE WHEN operationType IS NULL THEN userId
            WHEN starts_with(resourcePath, 'users/') THEN resource_id END AS ended_subject,
       meaning = 'logout' AND coalesce(regexp_matches(reason, 'expired|remember_me'), false) AS is_over
FROM meant
WHERE meaning IN ('revoke', 'logout', 'end session', 'end sessions', 'end consent')
   OR starts_with(meaning, 'disable ') OR starts_with(meaning, 'enable ') OR starts_with(meaning, 'signal ')
"""

_REVOCATION = """
SELECT line_no, id AS event_id, tenant, happened_at AS revoked_at, received_at,
       CASE WHEN starts_with(meaning, 'disable') THEN 'disable' WHEN starts_with(meaning, 'enable') THEN 'enable'
            WHEN starts_with(meaning, 'signal') THEN 'signal' WHEN is_over THEN 'expiry' ELSE 'revoke' END AS kind,
       CASE WHEN refused THEN 'denied' ELSE 'success' END AS outcome,
       target_kind,
       CASE WHEN target_kind = 'token' THEN coalesce(token_id, refresh_token_id) END AS token_id,
       CASE WHEN meaning = 'end session' THEN resource_id
            WHEN meaning = 'logout' THEN coalesce(sessionId, authSessionParentId, code_id)
            WHEN target_kind = 'token' THEN sessionId END AS session_id,
       CASE WHEN target_kind IN ('token', 'grant', 'client') THEN ended_client END AS client_id,
       CASE WHEN target_kind <> 'client' THEN ended_subject END AS subject_id,
       CASE WHEN operationType IS NULL THEN username END AS subject_name,
       CASE WHEN meaning = 'end sessions' THEN happened_at END AS issued_before,
       CASE WHEN operationType IS NOT NULL THEN 'admin' WHEN is_over THEN 'system'
            -- by whom a session was deleted is not said
            WHEN happening = 'USER_SESSION_DELETED' THEN NULL
            WHEN happening = 'USER_DISABLED_BY_PERMANENT_LOCKOUT' THEN 'policy'
            WHEN meaning = 'revoke' AND revoked_client IS DISTINCT FROM clientId AND revoked_client IS NOT NULL THEN 'user'
            WHEN meaning IN ('revoke', 'disable client') THEN 'client'
            WHEN userId IS NOT NULL THEN 'user' END AS initiator,
       CASE WHEN operationType IS NOT NULL THEN admin_id
            WHEN initiator = 'client' THEN clientId WHEN initiator IS NOT NULL AND NOT is_over THEN userId END AS actor_id,
       coalesce(error, CASE WHEN starts_with(meaning, 'signal') THEN 'changed, the log does not say how' END) AS reason
FROM ended
WHERE time_fault IS NULL AND NOT is_cut
"""

_IGNORED = f"""
SELECT line_no, dull AS reason FROM told WHERE dull IS NOT NULL
UNION ALL
SELECT line_no, CASE WHEN operationType IS NOT NULL THEN '{ADMIN}'
                     WHEN happening IN ('LOGIN', 'REGISTER', 'CODE_TO_TOKEN', 'IMPERSONATE') OR happening LIKE '%LOGIN%'
                     THEN '{SIGN_IN}' ELSE '{NEITHER}' END
FROM meant
WHERE meaning IS NULL AND coalesce(type, operationType) IS NOT NULL AND NOT is_cut
UNION ALL
SELECT line_no, 'server message that is no event' FROM told WHERE logger <> 'org.keycloak.events'
UNION ALL
SELECT line_no, 'continuation of a server message' FROM told
WHERE logger IS NULL AND is_text AND $text AND NOT regexp_matches(line, '\\b(type|operationType)="?[A-Z_]+"?, realm')
"""

_REJECTED = """
SELECT line_no, 'line is cut: a quoted value has no end' AS reason FROM meant WHERE is_cut
UNION ALL
SELECT line_no, 'type is missing' FROM meant WHERE coalesce(type, operationType) IS NULL AND NOT is_cut
UNION ALL
SELECT line_no, time_fault FROM meant WHERE meaning IS NOT NULL AND time_fault IS NOT NULL AND NOT is_cut
UNION ALL
SELECT line_no, 'event without the head of its line' FROM told
WHERE logger IS NULL AND is_text AND $text AND regexp_matches(line, '\\b(type|operationType)="?[A-Z_]+"?, realm')
UNION ALL
SELECT line_no, 'no JSON object' FROM told WHERE (is_text AND logger IS NULL AND NOT $text) OR (NOT is_text AND j IS NULL)
"""

# A server that logs only warnings shows refusals alone. Of sign-ins, which lines tell early, nothing is read that would show more.
_SUCCEEDED = """
SELECT line_no, tenant, happened_at FROM meant
WHERE NOT refused AND meaning IS NOT NULL AND time_fault IS NULL AND NOT is_cut
"""

LOADER = Loader(
    name="keycloak",
    version=9,
    title="Keycloak events: server log, JSON listeners and admin API",
    recognise=_recognise,
    fields="",
    text=True,
    dialect=_fitted,
    parameters={"zone": None, "text": True},
    carries=("issuance", "revocation"),
    shown_by={"issuance": _SUCCEEDED, "revocation": _SUCCEEDED},
    makers=True,
    parents=("rotated",),
    steps={
        "told": TOLD,
        "written": WRITTEN,
        "told_event": EVENT,
        "event_at": TIMED,
        "meant": _MEANT,
        "issued": _ISSUED,
        "ended": _ENDED,
    },
    issuance=_ISSUANCE,
    usage=_USAGE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join("issuance", "usage", "token", "token_id", "only introspection and userinfo; other APIs know it as jti"),
        Join("issuance", "revocation", "token", "token_id, refresh_token_id", "a logout joins by the session"),
        Join("usage", "revocation", "token", "token_id", "only introspection and userinfo"),
    ),
    audiences="asked about",
    join_note=(
        "Issue and revocation join by the token's jti, a logout by the session, a withdrawn consent by client and user. "
        "Use at other APIs is not in this log: it joins where they log the jti. A server that logs only warnings shows "
        "refusals alone."
    ),
)
