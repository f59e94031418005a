"""Google Workspace audit (Reports API): applications `token` (apps of users) and `admin` (what admins do about them).

What the mapping decides, and why:

- **Grant**: this log has no token id at all. A grant is one client for one user, so its id is derived from
  customer, client and user; `authorize`, `activity`, `revoke` and the admin's `REVOKE_3LO_TOKEN` all give the
  same one. A domain-wide delegation stands for all users of a customer: `@` takes the place of the user.
- **A service account** has a number for its client id, and an app of a person has not. It writes `authorize` for each access token that it
  asks for, several times an hour and with the user whom it acts as for the actor, who never was asked: a token of the delegation, no consent.
- **Subject** is the e-mail address in lower case, not the profile id: admin events name the affected user by
  `USER_EMAIL` alone, and there the actor is the admin.
- **Operation** is `method_name` as logged, which is the discovery method id (`gmail.users.history.list`,
  `reports.activities.list`); the resource server is `api_name`.
- **Event id**: time, qualifier, application and customer name the activity, which holds one to many events.
  Their place in the list is lost where a collector split it, so a digest of the event takes its place, and two
  collectors of the same log still give the same ids.
- **An unsound event** - one without a name, or one that names no client or user where it must - is left out if its activity
  holds a sound one about access; an activity that holds none is rejected.
- **Policy**: to trust an app or a service grants nothing yet, the user's consent has its own record, so it is ignored;
  to take the trust away, or to block an app or all of them, narrows access - of an organisational unit, or of everybody - and is
  kept as a downgrade by policy. `CHANGE_APP_ACCESS`, which is to replace the older names, tells the way by its old and new value: to `Blocked`,
  or from `Trusted`. Where both stand in one activity, as they did in September 2026, only the newer is read. What `Limited` and `Specific
  Google data` allow overlaps: a change between those, like one of `CHANGE_API_ACCESS`, of which no record was at hand, is ignored.
- **A person** who was suspended, archived or deleted by an admin is disabled, and so is one whose account Google itself disabled
  (`account_disabled_...` of application `login`): Google's pages "Admin" and "Login audit activity events". What an admin takes back
  (`UNSUSPEND_USER` and its like, in a collector's published tests) enables the person again.
- **A refusal** (`deny`) is a consent that was not given: Google's page names it, with `rejection_type` and the parameters of `authorize`.
  Calls that were refused are not logged.
- **Coverage**: consents and calls stand in `token` only. A file of another application tells ends, but its silence shows nothing.
  Calls are logged in some editions only: before the first of a file, and after the last, it says nothing of use.
- `events` may be a list (Reports API), an object (Elastic), or its fields may stand on top (Panther, where
  `parameters` is an object too).
"""

from collections.abc import Mapping, Sequence

from grantlens.loaders.loader import Join, Loader

_FIELDS = """{
    "id": {"time": "VARCHAR", "uniqueQualifier": "VARCHAR", "applicationName": "VARCHAR", "customerId": "VARCHAR"},
    "actor": {"email": "VARCHAR"},
    "ipAddress": "VARCHAR",
    "events": "JSON",
    "name": "VARCHAR", "parameters": "JSON",
    "p_parse_time": "VARCHAR"
}"""


def _recognise(sample: Sequence[Mapping]) -> bool:
    """Tell an activity of the Reports API: under `id` it names its application and its qualifier."""

    def is_activity(record: Mapping) -> bool:
        identity = record.get("id")
        return isinstance(identity, Mapping) and {"applicationName", "uniqueQualifier"} <= set(identity)

    return sum(map(is_activity, sample)) * 2 > len(sample)


# One activity: when, in which application, by whom. A time is read only if it is written as one.
_ACTIVITY = """
SELECT line_no, r.id.applicationName AS application, r.id.customerId AS tenant,
       r.id.uniqueQualifier AS qualifier, lower(nullif(r.actor.email, '')) AS actor_email, r.ipAddress AS ip,
       r.id.time IS NOT NULL AS has_time,
       CASE WHEN r.id.time LIKE '____-__-_____:__:__%' AND r.id.time >= '1' THEN TRY_CAST(r.id.time AS TIMESTAMPTZ)
            WHEN starts_with(r.id.time, '{') THEN
                 CASE WHEN TRY(from_json(r.id.time, '{"value": "BIGINT"}')).value BETWEEN 0 AND 9999999999999
                      THEN epoch_ms(from_json(r.id.time, '{"value": "BIGINT"}').value)::TIMESTAMPTZ END
            END AS happened_at,
       CASE WHEN r.p_parse_time LIKE '____-__-_____:__:__%' AND r.p_parse_time >= '1'
            THEN TRY_CAST(r.p_parse_time AS TIMESTAMPTZ) END AS received_at,
       CASE WHEN starts_with(r.events, '[') THEN from_json(r.events, '[{"name": "VARCHAR", "parameters": "JSON"}]')
            WHEN starts_with(r.events, '{') THEN [from_json(r.events, '{"name": "VARCHAR", "parameters": "JSON"}')]
            WHEN r.name IS NOT NULL THEN [{'name': r.name, 'parameters': r.parameters}]
            ELSE [] END AS events
FROM record
WHERE r IS NOT NULL
"""


def _value(name: str) -> str:
    """Return SQL that reads one parameter of an event before its others are."""
    listed = f"""list_filter(from_json(event.parameters, '[{{"name": "VARCHAR", "value": "VARCHAR"}}]'), lambda p: p.name = '{name}')[1].value"""
    named = f"""from_json(event.parameters, '{{"{name}": "VARCHAR"}}').{name}"""
    return f"lower(CASE WHEN starts_with(event.parameters, '[') THEN {listed} WHEN starts_with(event.parameters, '{{') THEN {named} END)"


# One row for each event, and what it means: nothing more is read of one that means nothing here.
# `nth_alike` tells apart events of one activity that are alike in everything.
_EVENT = f"""
SELECT * EXCLUDE (events, event, tells_newer), event.name AS name, event.parameters AS written,
       CASE WHEN len(events) = 1 THEN 1
            ELSE 1 + len(list_filter(list_slice(events, 1, nth - 1), lambda e: e = event)) END AS nth_alike,
       CASE application || ' ' || event.name
            WHEN 'token authorize' THEN 'consent'
            WHEN 'token deny' THEN 'refuse'
            WHEN 'token activity' THEN 'use'
            WHEN 'token revoke' THEN 'revoke'
            WHEN 'admin REVOKE_3LO_TOKEN' THEN 'admin revoke'
            WHEN 'admin REVOKE_3LO_DEVICE_TOKENS' THEN 'device revoke'
            WHEN 'admin REVOKE_ASP' THEN 'password revoke'
            WHEN 'admin SUSPEND_USER' THEN 'disable'
            WHEN 'admin DELETE_USER' THEN 'disable'
            WHEN 'admin ARCHIVE_USER' THEN 'disable'
            WHEN 'admin UNSUSPEND_USER' THEN 'enable'
            WHEN 'admin UNDELETE_USER' THEN 'enable'
            WHEN 'admin UNARCHIVE_USER' THEN 'enable'
            WHEN 'login account_disabled_generic' THEN 'disable'
            WHEN 'login account_disabled_hijacked' THEN 'disable'
            WHEN 'login account_disabled_password_leak' THEN 'disable'
            WHEN 'login account_disabled_spamming' THEN 'disable'
            WHEN 'login account_disabled_spamming_through_relay' THEN 'disable'
            WHEN 'admin AUTHORIZE_API_CLIENT_ACCESS' THEN 'delegate'
            WHEN 'admin REMOVE_API_CLIENT_ACCESS' THEN 'end delegation'
            WHEN 'admin REMOVE_FROM_TRUSTED_OAUTH2_APPS' THEN CASE WHEN NOT tells_newer THEN 'disallow' END
            WHEN 'admin ADD_TO_BLOCKED_OAUTH2_APPS' THEN CASE WHEN NOT tells_newer THEN 'disallow' END
            WHEN 'admin BLOCK_ALL_THIRD_PARTY_API_ACCESS' THEN 'disallow'
            WHEN 'admin DISALLOW_SERVICE_FOR_OAUTH2_ACCESS' THEN 'disallow'
            WHEN 'admin CHANGE_APP_ACCESS' THEN
                 CASE WHEN {_value("NEW_VALUE")} = 'blocked' OR ({_value("OLD_VALUE")} = 'trusted' AND {_value("NEW_VALUE")} <> 'trusted')
                      THEN 'disallow' END END AS meaning
FROM (SELECT *, unnest(events) AS event, generate_subscripts(events, 1) AS nth,
             len(list_filter(events, lambda e: e.name = 'CHANGE_APP_ACCESS' AND contains(e.parameters, 'NEW_VALUE'))) > 0 AS tells_newer
      FROM activity
      WHERE happened_at IS NOT NULL AND application IS NOT NULL)
"""

# Parameters are a list of {name, value | intValue | multiValue | multiMessageValue}, or an object of plain values and lists.
_GIVEN = """
SELECT * EXCLUDE (written),
       CASE WHEN starts_with(written, '[') THEN
                 from_json(written, '[{"name": "VARCHAR", "value": "VARCHAR", "intValue": "VARCHAR",
                     "multiValue": "VARCHAR", "multiMessageValue": "VARCHAR"}]')
            WHEN starts_with(written, '{') THEN list_transform(
                map_entries(from_json(written, '"MAP(VARCHAR, VARCHAR)"')),
                lambda p: {'name': p.key, 'value': p.value, 'intValue': NULL, 'multiValue': p.value, 'multiMessageValue': p.value})
       END AS parameters
FROM event
WHERE meaning IS NOT NULL
"""

# What was given under each name: the first, where there are several.
_NAMED = """
SELECT * EXCLUDE (names, texts, parameters),
       nullif(texts[list_position(names, 'client_id')], '') AS client_id,
       texts[list_position(names, 'app_name')] AS app_name,
       texts[list_position(names, 'api_name')] AS api_name,
       texts[list_position(names, 'method_name')] AS method_name,
       texts[list_position(names, 'product_bucket')] AS product_bucket,
       TRY_CAST(texts[list_position(names, 'num_response_bytes')] AS BIGINT) AS response_bytes,
       texts[list_position(names, 'rejection_type')] AS rejection,
       CASE WHEN meaning IN ('consent', 'refuse') THEN parameters[list_position(names, 'scope')] END AS scope,
       CASE WHEN meaning IN ('consent', 'refuse') THEN TRY(from_json(parameters[list_position(names, 'scope_data')].multiMessageValue,
            '[{"parameter": [{"name": "VARCHAR", "value": "VARCHAR"}]}]')) END AS scope_data,
       nullif(texts[list_position(names, 'API_CLIENT_NAME')], '') AS api_client_name,
       CASE WHEN meaning = 'delegate' THEN parameters[list_position(names, 'API_SCOPES')] END AS api_scopes,
       nullif(texts[list_position(names, 'APP_ID')], '') AS app_id,
       lower(nullif(coalesce(texts[list_position(names, 'USER_EMAIL')], texts[list_position(names, 'affected_email_address')]), ''))
           AS user_email,
       texts[list_position(names, 'ASP_ID')] AS asp_id,
       texts[list_position(names, 'DEVICE_ID')] AS device_id,
       texts[list_position(names, 'OAUTH2_APP_ID')] AS policy_app_id,
       texts[list_position(names, 'OAUTH2_APP_NAME')] AS policy_app_name,
       texts[list_position(names, 'OAUTH2_SERVICE_NAME')] AS policy_service
FROM (SELECT *, list_transform(parameters, lambda p: p.name) AS names,
             list_transform(parameters, lambda p: coalesce(p.value, p.intValue)) AS texts
      FROM given)
"""

_KNOWN = """
SELECT *,
       -- the client and the user that the event is about: in admin events the actor is the admin
       CASE WHEN meaning IN ('consent', 'refuse', 'use', 'revoke') THEN client_id
            WHEN meaning = 'admin revoke' THEN app_id
            WHEN meaning IN ('delegate', 'end delegation') THEN api_client_name
            WHEN meaning = 'disallow' THEN policy_app_id END AS client,
       CASE WHEN meaning IN ('consent', 'refuse', 'use', 'revoke') THEN actor_email
            WHEN meaning IN ('admin revoke', 'device revoke', 'password revoke', 'disable', 'enable') THEN user_email
            END AS subject,
       meaning IN ('consent', 'refuse', 'use', 'revoke') AND regexp_full_match(client, '[0-9]{18,}') AS is_robot,
       CASE WHEN meaning IN ('delegate', 'end delegation') OR (is_robot AND coalesce(subject, '') NOT LIKE '%gserviceaccount.com') THEN '@'
            ELSE coalesce(subject, '') END AS holder,
       CASE WHEN client IS NOT NULL AND meaning <> 'disallow'
            THEN 'derived:google_workspace|' || coalesce(tenant, '') || '|' || client || '|' || holder END AS grant_id,
       CASE WHEN meaning IN ('consent', 'refuse', 'revoke', 'delegate', 'end delegation', 'admin revoke') AND client IS NULL
                 THEN name || ' names no client'
            WHEN meaning IN ('admin revoke', 'device revoke', 'password revoke', 'disable', 'enable') AND subject IS NULL
                 THEN name || ' names no user' END AS mistake
FROM named
"""

# The event's own id; one digest for the same event in every dialect. Scopes as one list from all places.
_READ = """
SELECT * EXCLUDE (scope, scope_data, api_scopes),
       concat_ws('|', strftime(happened_at, '%Y-%m-%dT%H:%M:%S.%gZ'), coalesce(qualifier, ''), application,
                 coalesce(tenant, ''),
                 left(md5(to_json({'name': name, 'client': client, 'subject': subject, 'holder': holder,
                     'api': api_name, 'method': method_name, 'bytes': response_bytes, 'bucket': product_bucket,
                     'scopes': scopes, 'asp': asp_id, 'device': device_id, 'service': policy_service})::VARCHAR), 16),
                 CASE WHEN nth_alike > 1 THEN nth_alike END) AS event_id
FROM (
    SELECT *,
           CASE WHEN meaning IN ('consent', 'refuse') AND (scope IS NOT NULL OR scope_data IS NOT NULL) THEN
                     list_sort(list_distinct(list_concat(
                         coalesce(TRY(from_json(scope.multiValue, '["VARCHAR"]')), string_split(coalesce(scope.value, scope.intValue), ' '), []),
                         coalesce(flatten(list_transform(scope_data, lambda m: list_transform(
                             list_filter(m.parameter, lambda p: p.name = 'scope_name'), lambda p: p.value))), []))))
                WHEN meaning = 'delegate' THEN
                     list_sort(list_distinct(coalesce(
                         TRY(from_json(api_scopes.multiValue, '["VARCHAR"]')),
                         regexp_split_to_array(coalesce(api_scopes.value, api_scopes.intValue), '[, ]+')))) END AS scopes
    FROM known
)
"""

_ISSUANCE = """
SELECT line_no, event_id, tenant, happened_at AS issued_at, received_at,
       CASE WHEN is_robot THEN 'token' ELSE 'consent' END AS kind,
       CASE meaning WHEN 'refuse' THEN 'denied' ELSE 'success' END AS outcome,
       CASE WHEN meaning = 'refuse' THEN CASE rejection WHEN 'SCOPE_BLOCK' THEN 'scope' ELSE 'policy' END END AS denial_reason,
       grant_id, CASE WHEN is_robot THEN 'access' END AS token_kind, client AS client_id, app_name AS client_name, subject AS subject_id,
       CASE WHEN subject LIKE '%gserviceaccount.com' THEN 'service'
            WHEN subject IS NOT NULL THEN 'user' END AS subject_kind,
       CASE WHEN meaning = 'refuse' THEN scopes END AS scopes_requested,
       CASE WHEN meaning <> 'refuse' THEN scopes END AS scopes,
       CASE WHEN NOT is_robot THEN actor_email END AS consent_actor,
       CASE WHEN NOT is_robot THEN CASE meaning WHEN 'delegate' THEN 'admin' ELSE 'user' END END AS consent_kind,
       ip
FROM read
WHERE meaning IN ('consent', 'refuse', 'delegate') AND mistake IS NULL
"""

# A record means that the call happened: this log knows no calls that were refused.
_USAGE = """
SELECT line_no, event_id, tenant, happened_at AS used_at, received_at,
       'success' AS outcome,
       grant_id, client AS client_id, app_name AS client_name, subject AS subject_id,
       coalesce(api_name, lower(product_bucket)) AS resource_server,
       method_name AS operation,
       response_bytes, ip
FROM read
WHERE meaning = 'use' AND mistake IS NULL
"""

_REVOCATION = """
SELECT line_no, event_id, tenant, happened_at AS revoked_at, received_at,
       CASE WHEN meaning IN ('disable', 'enable') THEN meaning WHEN meaning = 'disallow' THEN 'downgrade' ELSE 'revoke' END AS kind,
       'success' AS outcome,
       CASE WHEN meaning IN ('disable', 'enable') THEN 'subject'
            WHEN meaning = 'disallow' THEN 'policy'
            -- tokens of one device, or a password: no token of this log carries a mark of either
            WHEN meaning IN ('device revoke', 'password revoke') THEN 'credential'
            ELSE 'grant' END AS target_kind,
       asp_id AS token_id, grant_id, client AS client_id, coalesce(app_name, policy_app_name) AS client_name,
       subject AS subject_id,
       CASE WHEN meaning = 'revoke' THEN 'user' WHEN application = 'login' THEN 'system' ELSE 'admin' END AS initiator,
       CASE WHEN application <> 'login' THEN actor_email END AS actor_id,
       CASE WHEN meaning <> 'revoke'
            THEN name || coalesce(' ' || device_id, ' ' || policy_service, '') END AS reason
FROM read
WHERE meaning NOT IN ('consent', 'refuse', 'delegate', 'use') AND mistake IS NULL
"""

# A record is ignored if none of its events says anything about access.
_IGNORED = """
SELECT line_no,
       min(CASE WHEN application NOT IN ('token', 'admin') THEN 'other application than token and admin'
                WHEN application = 'token' THEN 'request for an app, nothing granted'
                WHEN name LIKE '%OAUTH2%' OR name LIKE '%OAUTH_ACCESS%'
                  OR name IN ('CHANGE_APP_ACCESS', 'CHANGE_API_ACCESS')
                     THEN 'policy for apps, which grants nothing by itself'
                ELSE 'administration without bearing on apps' END) AS reason
FROM event
GROUP BY line_no
HAVING bool_and(meaning IS NULL AND name IS NOT NULL)
"""

_REJECTED = """
SELECT line_no,
       CASE WHEN NOT has_time THEN 'id.time is missing'
            WHEN happened_at IS NULL THEN 'id.time is no time'
            WHEN application IS NULL THEN 'id.applicationName is missing'
            ELSE 'activity without events' END AS reason
FROM activity
WHERE happened_at IS NULL OR application IS NULL OR len(events) = 0
UNION ALL
SELECT line_no, min(mistake)
FROM (SELECT line_no, mistake FROM read UNION ALL
      SELECT line_no, 'event without a name' FROM event WHERE name IS NULL)
GROUP BY line_no
HAVING bool_and(mistake IS NOT NULL)
"""


# Only what holds application `token` covers a time, and only what holds a call tells who called nothing.
_LOGGED = "SELECT line_no, tenant, happened_at FROM activity WHERE application = 'token'"
_CALLED = "SELECT line_no, tenant, happened_at FROM event WHERE application = 'token' AND name = 'activity'"


LOADER = Loader(
    name="google_workspace",
    version=10,
    title="Google Workspace token and admin audit",
    recognise=_recognise,
    fields=_FIELDS,
    carries=("issuance", "usage", "revocation"),
    catalogue="google",
    shown_by={"issuance": _LOGGED, "usage": _CALLED, "revocation": _LOGGED},
    steps={
        "activity": _ACTIVITY,
        "event": _EVENT,
        "given": _GIVEN,
        "named": _NAMED,
        "known": _KNOWN,
        "read": _READ,
    },
    issuance=_ISSUANCE,
    usage=_USAGE,
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join("issuance", "usage", "client and subject", "client_id, actor.email"),
        Join("issuance", "revocation", "client and subject", "client_id, actor.email"),
        Join("usage", "revocation", "client and subject", "client_id, actor.email", "refused calls are not logged"),
    ),
    join_note=(
        "Consent, use and revocation join on (customer, client, user) only: this log has no token id, so no lag of a "
        "single token can be told, refused calls are not logged, and calls are logged in some editions only."
    ),
)
