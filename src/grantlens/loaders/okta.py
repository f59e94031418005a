"""Okta System Log: consents, tokens, refreshes, revocations - and the calls of Okta's own API.

What the mapping decides, and why:

- **Token id** is the id of the target (`target[].id`), not `detailEntry.hash`: issue, revocation and the
  calls of Okta's API (`transaction.detail.requestApiTokenId`) all carry that id, while the hash stands on
  issue only and may be empty.
- **Grant id**: one consent has one ConsentGrant target for each scope. The grant is called by the smallest of their ids, whatever the order of the
  list; the scopes become one list. A token names no consent: its grant id is derived from client and subject.
- **Tokens that are revoked for a user or a client**, and a Universal Logout of a user from apps (Okta's page "Universal
  Logout revocations"), end what was issued before, and no consent. Its only target is the user: the apps stand in `appInstanceIds`
  of the debug data (Okta's page on the event types of Identity Threat Protection). Sessions that are cleared end no token by
  themselves: whether tokens went, too, stands in events of their own.
- **An API token is its own client**, by its id and name; whoever made it is the subject, and it is refused once that person is deactivated
  (Okta's page "Manage Okta API tokens"). The record of its end names no one else.
- **A client's secret or key** is a credential of the client without an id in this log: its target is the client, and
  its own text, which the event shows, is never read. The event's shape is that of a collector's test record.
- An admin's consent is for the client, and not for the admin. So is that an API service integration of Okta's network was authorised: a client
  by its id (`0oa...`), of which no record was at hand. A user's consent may have Okta's system for its actor: the user gave it nevertheless.
- **An event that names a kind of token brings that kind**: what else stands among its targets was shown for it, as an ID-JAG is for an access token.
- **A refresh** names only what was given for it, the access token. The id of that ends with the id of the refresh token (`AT.....oar...`), which
  Okta keeps when it rotates one (its page "Token inline hook", `data.refresh_token`): so it is the parent. What a code was given for has none.
- **A call that came too often** is refused, whatever the result says: `system.operation.rate_limit.violation` has none. It is written once for each
  period, of reads too, which leave no other event.
- A failed request is no issuance and no revocation: it is kept with outcome `denied` or `error`. Its reason is an error of
  OAuth or of Okta's own (`no_matching_policy`): no real record shows one. That a refresh token came again has events of its own
  (`detect_reuse`, Okta's page "Refresh access tokens"), whose only real record names no token.
- **An AI agent** is a client by the id of its workload principal (`wlp...`), which acts where it gets tokens and is the target where it or
  one of its credentials is switched off. No real record shows the latter: an event without such a target is ignored.
- **A device that asks whether its code was entered yet** (`authorization_pending`, `slow_down`, RFC 8628 section 3.5) is told to ask again: that
  refuses nobody, and is ignored.
- That an admin lets Okta's support in, and that this ends (`user.session.impersonation...`), is ignored by name: the record at hand names neither who came nor
  what became of it.
- An authorization code may be worth a token to a thief: its id is never kept.
- Panther writes the outer field names in lower case, all or only that of `debugContext`, and the times with a blank. This is
  read, and so is an event inside that of Elastic, Filebeat or EventBridge, to which Okta streams its log, and the events of an event hook.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grantlens.loaders.collected import mostly_inside
from grantlens.loaders.loader import Join, Loader
from grantlens.loaders.okta_event import AS_OKTA_SPELLS, EVENT, WITH_CARE, delivered, events_of, is_collected, is_event

# A time is read only if it is written as one: nothing is guessed.
_EVENT_STEP = """
SELECT line_no, e.uuid AS event_id, e.published AS published,
       CASE WHEN e.published LIKE '____-__-_____:__:__%' AND e.published >= '1'
            THEN TRY_CAST(e.published AS TIMESTAMPTZ) END AS happened_at,
       CASE WHEN e.p_parse_time LIKE '____-__-_____:__:__%' AND e.p_parse_time >= '1'
            THEN TRY_CAST(e.p_parse_time AS TIMESTAMPTZ) END AS received_at,
       coalesce(e.eventType, panther.eventtype) AS event_type,
       coalesce(upper(e.outcome.result),
                nullif(upper(regexp_extract(coalesce(e.legacyEventType, panther.legacyeventtype),
                                            '_(success|failure)$', 1)), '')) AS result,
       e.outcome.reason AS reason,
       e.actor AS actor, e.client AS client, e.target AS targets, e.transaction.detail AS request,
       coalesce(e.debugContext.debugData, panther.debugcontext.debugData) AS debug,
       nullif(coalesce(e.authenticationContext.externalSessionId, panther.authenticationcontext.externalSessionId), 'unknown') AS session_id,
       coalesce(e.client.ipAddress, e.request.ipChain[1].ip) AS ip,
       e.client.userAgent.rawUserAgent AS user_agent
FROM spelled
"""

# What the event means. The org server (app.oauth2.*) and the custom servers (app.oauth2.as.*) speak alike.
_KNOWN_STEP = """
SELECT *,
       regexp_extract(event_type, '^app[.]oauth2[.](?:as[.]|admin[.])?(.+)$', 1) AS oauth,
       coalesce(regexp_matches(event_type, '^system[.][a-z]+[.]rate_limit[.]violation$'), false) AS is_rate_limited,
       CASE WHEN is_rate_limited THEN 'denied'
            WHEN result IN ('SUCCESS', 'ALLOW') THEN 'success'
            WHEN result IN ('FAILURE', 'DENY', 'CHALLENGE') THEN 'denied'
            WHEN result IS NOT NULL THEN 'error' END AS outcome,
       CASE WHEN reason IN ('authorization_pending', 'slow_down')
            THEN coalesce(outcome = 'denied' AND oauth LIKE 'token.grant%', false) ELSE false END AS is_poll,
       CASE WHEN event_type IN ('application.lifecycle.deactivate', 'application.lifecycle.delete', 'user.lifecycle.deactivate',
                                'user.lifecycle.suspend', 'user.lifecycle.delete.completed') THEN 'disable'
            WHEN event_type IN ('application.lifecycle.activate', 'user.lifecycle.activate', 'user.lifecycle.unsuspend') THEN 'enable'
            WHEN starts_with(event_type, 'workload_principal.') THEN
                 CASE WHEN len(list_filter(targets, lambda t: starts_with(t.id, 'wlp'))) = 0 OR targets IS NULL THEN NULL
                      WHEN event_type IN ('workload_principal.deactivate', 'workload_principal.delete') THEN 'disable'
                      WHEN event_type = 'workload_principal.activate' THEN 'enable'
                      WHEN regexp_matches(event_type, 'ai_agent[.]credential[.](create|activate)$') THEN 'secret'
                      WHEN regexp_matches(event_type, 'ai_agent[.]credential[.](deactivate|delete)$') THEN 'secret revoke' END
            WHEN starts_with(event_type, 'integration.api_service.') THEN
                 CASE WHEN len(list_filter(targets, lambda t: starts_with(t.id, '0oa'))) = 0 OR targets IS NULL THEN NULL
                      WHEN event_type = 'integration.api_service.lifecycle.revoke' THEN 'disable'
                      WHEN event_type = 'integration.api_service.lifecycle.authorize' THEN 'consent' END
            WHEN event_type IN ('user.session.clear', 'user.session.universal_logout', 'user.authentication.universal_logout') THEN 'sign-out'
            WHEN oauth IN ('credentials.lifecycle.create', 'credentials.lifecycle.activate') THEN 'secret'
            WHEN oauth IN ('credentials.lifecycle.deactivate', 'credentials.lifecycle.delete') THEN 'secret revoke'
            WHEN oauth IN ('client.lifecycle.deactivate', 'client.lifecycle.delete') THEN 'disable'
            WHEN oauth = 'client.lifecycle.activate' THEN 'enable'
            WHEN event_type = 'system.api_token.create' THEN 'credential'
            WHEN event_type = 'system.api_token.revoke' THEN 'credential revoke'
            WHEN oauth IN ('consent.grant', 'authorize.code') THEN 'consent'
            WHEN oauth IN ('authorize', 'authorize.scope_denied') AND outcome <> 'success' THEN 'consent'
            WHEN is_poll THEN NULL
            WHEN oauth LIKE 'token.grant%' OR oauth LIKE 'authorize.implicit.%' THEN 'token'
            WHEN oauth LIKE '%.detect_reuse' THEN 'reuse'
            WHEN oauth LIKE 'token.revoke%' THEN 'token revoke'
            WHEN oauth LIKE 'consent.revoke%' THEN 'consent revoke' END AS meaning,
       coalesce(actor.type LIKE 'PublicClientApp%' OR starts_with(actor.id, 'wlp'), false) AS by_app,
       request.requestApiTokenId IS NOT NULL
           OR (by_app AND oauth = '' AND NOT regexp_matches(event_type, '^(user[.](session|authentication)|policy)[.]')) AS is_api_call
FROM event
WHERE happened_at IS NOT NULL AND event_type IS NOT NULL
"""

# The targets by what they are.
_NAMED_STEP = """
SELECT *,
       list_filter(targets, lambda t: t.type = 'ConsentGrant' AND t.id IS NOT NULL) AS consents,
       list_filter(targets, lambda t: t.id IS NOT NULL
           AND t.type IN ('access_token', 'refresh_token', 'id_token', 'id_jag')) AS tokens,
       list_filter(targets, lambda t: t.type = 'Token')[1] AS api_token,
       list_filter(targets, lambda t: t.type = 'User')[1] AS target_user,
       list_filter(targets, lambda t: CASE WHEN starts_with(event_type, 'workload_principal.') THEN starts_with(t.id, 'wlp')
                                           WHEN starts_with(event_type, 'integration.') THEN starts_with(t.id, '0oa')
                                           ELSE t.type IN ('AppInstance', 'PublicClientApp', 'PublicClientAppEntity') END)[1] AS target_app,
       CASE WHEN starts_with(meaning, 'secret') THEN list_filter(targets, lambda t: t.detailEntry.clientid IS NOT NULL)[1] END AS secret,
       list_filter(targets, lambda t: t.type = 'AuthorizationServer')[1].id AS target_server,
       coalesce(actor.alternateId = 'system@okta.com', false) AS by_system,
       starts_with(event_type, 'app.oauth2.admin.') OR starts_with(event_type, 'integration.') AS by_admin
FROM known
WHERE meaning IS NOT NULL OR is_api_call
"""

# Client, subject and server. The client is the actor where an app acts, else it stands among the targets.
_PARTY_STEP = """
SELECT *,
       CASE WHEN starts_with(meaning, 'secret') THEN coalesce(secret.detailEntry.clientid, debug.clientId, target_app.id)
            ELSE coalesce(consents[1].detailEntry.publicclientapp,
                          CASE WHEN by_app THEN actor.id END, target_app.id, client.id) END AS client_id,
       CASE WHEN starts_with(meaning, 'secret') THEN coalesce(secret.displayName, target_app.displayName)
            WHEN by_app THEN actor.displayName ELSE target_app.displayName END AS client_name,
       CASE WHEN starts_with(meaning, 'secret') THEN NULL
            ELSE coalesce(consents[1].detailEntry."user", target_user.id,
                          list_filter(tokens, lambda t: t.detailEntry.subject IS NOT NULL)[1].detailEntry.subject,
                          debug.userId,
                          CASE WHEN meaning = 'consent' AND actor.type = 'User' AND NOT by_admin THEN actor.id END) END AS subject_id,
       CASE WHEN target_user.id = subject_id THEN target_user.displayName
            WHEN actor.id = subject_id THEN actor.displayName END AS subject_name,
       coalesce(debug.authorizationServer, consents[1].detailEntry.authorizationserver,
                nullif(regexp_extract(debug.requestUri, '^/oauth2/([^/]+)/v1/', 1), ''),
                CASE WHEN starts_with(debug.requestUri, '/oauth2/v1/') THEN 'okta' END) AS audience
FROM named
"""

# One consent is one row, however many scopes. A token event is one row for each token of its kind.
_ISSUED_STEP = """
SELECT *, unnest(brought) AS token, generate_subscripts(brought, 1) AS nth
FROM (
    -- an assertion (ID-JAG) that an access token was asked for with stands among the targets, too
    SELECT *, list_filter(tokens, lambda t: t.type = 'id_jag')[1].id AS assertion,
           list_filter(tokens, lambda t: ends_with(oauth, '.' || t.type)) AS of_this_kind,
           list_filter(tokens, lambda t: t.type <> 'id_jag' OR debug.grantType LIKE '%:token-exchange') AS of_any_kind,
           CASE WHEN meaning = 'token' AND len(of_this_kind) > 0 THEN of_this_kind
                WHEN meaning = 'token' AND oauth = 'token.grant' AND len(of_any_kind) > 0 THEN of_any_kind
                ELSE [NULL] END AS brought
    FROM party
    WHERE outcome IS NOT NULL
      AND (meaning IN ('consent', 'token', 'reuse') OR (meaning = 'credential' AND api_token.id IS NOT NULL)
           OR (meaning = 'secret' AND client_id IS NOT NULL))
)
"""

_ISSUANCE = """
SELECT line_no, happened_at AS issued_at, received_at,
       CASE WHEN nth = 1 THEN event_id ELSE event_id || '#' || nth END AS event_id,
       CASE WHEN meaning IN ('consent', 'credential') THEN meaning
            WHEN meaning = 'secret' THEN 'credential'
            WHEN meaning = 'reuse' OR debug.grantType = 'refresh_token' THEN 'refresh'
            WHEN debug.grantType = 'urn:ietf:params:oauth:grant-type:token-exchange' THEN 'exchange'
            ELSE 'token' END AS kind,
       -- what Okta detects as reuse it refuses, whatever the result of the detection says
       CASE WHEN meaning = 'reuse' THEN 'denied' ELSE outcome END AS outcome,
       CASE WHEN meaning = 'reuse' THEN 'reuse'
            WHEN outcome = 'success' OR meaning NOT IN ('consent', 'token') THEN NULL
            WHEN oauth = 'authorize.scope_denied' OR reason IN ('invalid_scope', 'no_matching_scope') THEN 'scope'
            WHEN reason = 'no_matching_policy' THEN 'policy'
            WHEN reason = 'consent_required' THEN 'consent'
            WHEN reason IN ('invalid_client', 'unauthorized_client') THEN 'client'
            WHEN reason = 'invalid_grant' THEN 'token'
            WHEN reason IS NOT NULL THEN 'other' END AS denial_reason,
       debug.grantType AS grant_type,
       CASE WHEN len(consents) > 0 THEN list_min(list_transform(consents, lambda t: t.id))
            WHEN meaning <> 'credential' AND client_id IS NOT NULL
            THEN 'derived:okta|' || client_id || '|' || coalesce(subject_id, '') END AS grant_id,
       CASE WHEN meaning = 'credential' THEN api_token.id
            WHEN outcome = 'success' THEN token.id END AS token_id,
       CASE WHEN meaning IN ('credential', 'secret') THEN 'api_key'
            WHEN token.type = 'id_jag' OR ends_with(oauth, '.id_jag') THEN 'id_jag'
            WHEN token.type = 'refresh_token' OR ends_with(oauth, '.refresh_token') THEN 'refresh'
            WHEN token.type = 'id_token' OR ends_with(oauth, '.id_token') THEN 'id'
            WHEN token.type = 'access_token' OR ends_with(oauth, '.access_token') THEN 'access' END AS token_kind,
       CASE WHEN meaning = 'reuse' OR (debug.grantType = 'refresh_token' AND token.type <> 'refresh_token')
            -- the id of an access token ends with that of the refresh token it was got with
            THEN coalesce(list_filter(tokens, lambda t: t.type = 'refresh_token')[1].id,
                          nullif(regexp_extract(token.id, '^AT[.].+[.](oar[^.]+)$', 1), ''))
            WHEN meaning = 'token' AND token_kind IS DISTINCT FROM 'id_jag' THEN assertion END AS parent_token_id,
       session_id,
       CASE WHEN meaning = 'credential' THEN api_token.id ELSE client_id END AS client_id,
       CASE WHEN meaning = 'credential' THEN api_token.displayName ELSE client_name END AS client_name,
       -- an API token acts as the person who made it
       CASE WHEN meaning = 'credential' THEN actor.id ELSE subject_id END AS subject_id,
       CASE WHEN meaning = 'credential' THEN actor.displayName ELSE subject_name END AS subject_name,
       CASE WHEN meaning = 'credential' OR subject_id IS NOT NULL THEN 'user'
            WHEN meaning = 'secret' OR debug.grantType = 'client_credentials' THEN 'service' END AS subject_kind,
       CASE WHEN debug.requestedScopes = '' THEN []
            ELSE string_split(debug.requestedScopes, ', ') END AS scopes_requested,
       CASE WHEN len(consents) > 0 THEN list_sort(list_transform(consents, lambda t: t.displayName))
            WHEN debug.grantedScopes = '' THEN []
            ELSE string_split(debug.grantedScopes, ', ') END AS scopes,
       CASE WHEN audience IS NOT NULL THEN [audience] END AS audience,
       CASE WHEN token.detailEntry.expires LIKE '____-__-_____:__:__%'
            THEN TRY_CAST(token.detailEntry.expires AS TIMESTAMPTZ) END AS expires_at,
       CASE WHEN meaning NOT IN ('consent', 'secret') THEN NULL
            WHEN meaning = 'consent' AND NOT by_admin AND (by_app OR by_system) THEN subject_id ELSE actor.id END AS consent_actor,
       CASE WHEN meaning <> 'consent' THEN NULL
            WHEN by_admin THEN 'admin' ELSE 'user' END AS consent_kind,
       ip, user_agent
FROM issued
"""

# What was ended. `lacks` says of whom or what the event does not tell it.
_ENDED_STEP = """
SELECT *,
       CASE WHEN target_kind = 'credential' AND meaning <> 'secret revoke' AND api_token.id IS NULL THEN 'credential'
            WHEN (target_kind = 'client' OR cuts_off_client OR meaning = 'secret revoke') AND ended_clients[1] IS NULL THEN 'client'
            WHEN (target_kind IN ('subject', 'session') OR cuts_off_subject) AND subject_id IS NULL THEN 'subject'
            WHEN target_kind = 'grant' AND len(consents) = 0 AND (client_id IS NULL OR subject_id IS NULL) THEN 'grant' END AS lacks,
       CASE WHEN target_kind = 'token' AND len(tokens) > 0
            THEN list_transform(tokens, lambda t: struct_pack(token := t.id, client := ended_clients[1]))
            ELSE list_transform(ended_clients, lambda c: struct_pack(token := NULL::VARCHAR, client := c)) END AS ended_ones
FROM (
    SELECT *,
           CASE WHEN starts_with(event_type, 'user.lifecycle.') THEN 'subject'
                WHEN meaning IN ('disable', 'enable') THEN 'client'
                WHEN meaning IN ('credential revoke', 'secret revoke') THEN 'credential'
                WHEN starts_with(event_type, 'user.session.') THEN 'session'
                WHEN cuts_off_client OR cuts_off_subject THEN 'policy'
                WHEN len(consents) > 0 THEN 'grant'
                WHEN ends_with(oauth, '.implicit.client') THEN 'client'
                WHEN ends_with(oauth, '.implicit.user') OR oauth = 'consent.revoke.user' THEN 'subject'
                WHEN oauth LIKE '%.implicit.%' THEN 'policy'
                WHEN meaning = 'consent revoke' THEN 'grant'
                ELSE 'token' END AS target_kind,
           -- an app that switches another off is not the one that ends
           CASE WHEN signs_out AND target_app.id IS NULL THEN regexp_extract_all(debug.appInstanceIds, '0oa[0-9A-Za-z]+')
                WHEN meaning IN ('disable', 'enable', 'sign-out') THEN [target_app.id] WHEN meaning = 'secret revoke' THEN [client_id]
                ELSE [coalesce(target_app.id, client_id)] END AS ended_clients
    FROM (
        SELECT *, event_type = 'user.authentication.universal_logout' AS signs_out,
               signs_out OR oauth = 'token.revoke.implicit.client' AS cuts_off_client,
               signs_out OR oauth = 'token.revoke.implicit.user' AS cuts_off_subject
        FROM party
        WHERE outcome IS NOT NULL
          AND meaning IN ('disable', 'enable', 'token revoke', 'consent revoke', 'credential revoke', 'secret revoke', 'sign-out')
    )
)
"""

_REVOCATION = """
SELECT line_no, happened_at AS revoked_at, received_at,
       CASE WHEN nth = 1 THEN event_id ELSE event_id || '#' || nth END AS event_id,
       -- Okta reports the end of a token's own life as a revocation by its system user
       CASE WHEN meaning IN ('disable', 'enable') THEN meaning
            WHEN by_system AND oauth = 'token.revoke' THEN 'expiry'
            ELSE 'revoke' END AS kind,
       CASE WHEN result = 'FAILURE' THEN 'error' ELSE outcome END AS outcome,
       target_kind,
       CASE target_kind WHEN 'credential' THEN api_token.id WHEN 'token' THEN ended_one.token END AS token_id,
       CASE WHEN target_kind = 'grant' THEN list_min(list_transform(consents, lambda t: t.id)) END AS grant_id,
       CASE WHEN target_kind = 'client' OR cuts_off_client OR meaning = 'secret revoke' THEN ended_one.client
            WHEN target_kind = 'credential' THEN api_token.id
            WHEN target_kind IN ('token', 'grant') THEN client_id END AS client_id,
       CASE WHEN signs_out THEN target_app.displayName
            WHEN target_kind = 'client' OR cuts_off_client THEN coalesce(target_app.displayName, client_name)
            WHEN target_kind IN ('token', 'grant') OR meaning = 'secret revoke' THEN client_name
            WHEN target_kind = 'credential' THEN api_token.displayName END AS client_name,
       CASE WHEN target_kind IN ('subject', 'token', 'grant', 'session') OR cuts_off_subject THEN subject_id END AS subject_id,
       CASE WHEN target_kind IN ('subject', 'token', 'grant', 'session') OR cuts_off_subject THEN subject_name END AS subject_name,
       CASE WHEN cuts_off_client OR cuts_off_subject THEN happened_at END AS issued_before,
       CASE WHEN len(consents) > 0 THEN list_sort(list_transform(consents, lambda t: t.displayName))
            END AS scopes_removed,
       CASE WHEN by_system OR actor.type = 'SystemPrincipal' THEN 'system'
            WHEN by_app THEN 'client'
            WHEN actor.type = 'User' AND actor.id = subject_id THEN 'user'
            WHEN actor.type = 'User' THEN 'admin' END AS initiator,
       actor.id AS actor_id,
       coalesce(reason, CASE WHEN target_kind = 'policy' THEN 'authorization server ' || target_server END) AS reason
FROM (SELECT *, unnest(ended_ones) AS ended_one, generate_subscripts(ended_ones, 1) AS nth
      FROM ended WHERE lacks IS NULL)
"""

# Okta's own API names the token that was used; what an app does is a call without that name, too. Reads are not logged: absence shows nothing.
_USAGE = """
SELECT line_no, event_id, happened_at AS used_at, received_at,
       CASE WHEN result = 'FAILURE' AND NOT is_rate_limited THEN 'error' ELSE outcome END AS outcome,
       CASE WHEN is_rate_limited THEN 'rate' END AS denial_reason,
       nullif(request.requestApiTokenId, '') AS token_id,  -- no session: one sign-in serves many clients
       coalesce(request.requestApiTokenClientId, CASE WHEN by_app THEN actor.id
                WHEN starts_with(request.requestApiTokenId, '00T') THEN request.requestApiTokenId END) AS client_id,
       CASE WHEN by_app THEN actor.displayName END AS client_name,
       CASE WHEN actor.type = 'User' THEN actor.id END AS subject_id,
       CASE WHEN actor.type = 'User' THEN actor.displayName END AS subject_name,
       'okta' AS resource_server,
       split_part(debug.requestUri, '?', 1) AS target,
       event_type AS operation,
       ip, user_agent
FROM party
WHERE is_api_call AND outcome IS NOT NULL
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN is_poll THEN 'device that asks whether its code was entered yet'
            WHEN oauth <> '' THEN 'OAuth event that neither gives nor takes access'
            WHEN starts_with(event_type, 'workload_principal.') THEN 'agent: it and its credentials neither begin nor end, or no agent is named'
            WHEN event_type LIKE 'user.session.impersonation.%' THEN 'access of Okta''s support, which no record names'
            WHEN event_type LIKE 'user.session.%' OR event_type LIKE 'user.authentication.%'
              OR event_type = 'policy.evaluate_sign_on' THEN 'sign-in of a person'
            ELSE 'not about delegated access' END AS reason
FROM known
WHERE meaning IS NULL AND NOT is_api_call
"""

_REJECTED = """
SELECT line_no,
       CASE WHEN event_type IS NULL THEN 'eventType is missing'
            WHEN published IS NULL THEN 'published is missing'
            ELSE 'published is no time' END AS reason
FROM event
WHERE happened_at IS NULL OR event_type IS NULL
UNION ALL
SELECT line_no, 'outcome.result is missing' FROM party WHERE outcome IS NULL
UNION ALL
SELECT line_no, 'names no API token' FROM party
WHERE outcome IS NOT NULL AND meaning = 'credential' AND api_token.id IS NULL AND NOT is_api_call
UNION ALL
SELECT line_no, 'names no ' || lacks FROM ended WHERE lacks IS NOT NULL AND NOT is_api_call
UNION ALL
SELECT line_no, 'names no client' FROM party WHERE outcome IS NOT NULL AND meaning = 'secret' AND client_id IS NULL AND NOT is_api_call
"""


def _fitted(sample: Sequence[Mapping]) -> Loader:
    """Take events out of deliveries only where there are some."""
    if any(delivered(record) is not None for record in sample):
        events = [event for record in sample for event in delivered(record) or [] if isinstance(event, Mapping)]
        bare = [record for record in sample if delivered(record) is None]
        return replace(_spelled([*events, *bare]), split=events_of)
    return _spelled(sample)


def _spelled(sample: Sequence[Mapping]) -> Loader:
    """Parse twice only what a collector wrote: one structure cannot hold names that differ only in case."""
    if any(map(is_collected, sample)):
        return replace(LOADER, fields='"JSON"', steps={**LOADER.steps, "spelled": WITH_CARE})
    return LOADER


LOADER = Loader(
    name="okta",
    version=15,
    title="Okta System Log",
    recognise=mostly_inside(is_event),
    fields=EVENT,
    dialect=_fitted,
    carries=("issuance", "revocation"),
    catalogue="okta",
    makers=True,
    steps={
        "spelled": AS_OKTA_SPELLS,
        "event": _EVENT_STEP,
        "known": _KNOWN_STEP,
        "named": _NAMED_STEP,
        "party": _PARTY_STEP,
        "issued": _ISSUED_STEP,
        "ended": _ENDED_STEP,
    },
    issuance=_ISSUANCE,
    usage=_USAGE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join("issuance", "usage", "token", "target.id, requestApiTokenId", "only calls of Okta's own API"),
        Join("issuance", "revocation", "token", "target.id", "a revoked consent joins by its ConsentGrant id"),
        Join("usage", "revocation", "token", "requestApiTokenId, target.id", "only calls of Okta's own API"),
    ),
    audiences="of tokens",
    join_note=(
        "Issue, revocation and Okta's own API calls join on the token id (the hash stands on issue only); a revoked "
        "consent joins on the ConsentGrant id; tokens join to their consent by client and user. Use of a token at "
        "any other API is not in this log."
    ),
)
