"""HashiCorp Vault audit device: logins, tokens and leases, their use, their revocation.

What the mapping decides, and why:

- **A request and its response are one event**, joined by `request.id`. The response carries the row: it alone tells what
  came of it and which token was made. The request is ignored by name. A file of nothing but requests gives no rows:
  whether a request was fulfilled stands in no request.
- The event is called by `request.id`: several audit devices tell the same event, and it counts once.
- **Token id** is the accessor: on use (`request.client_token_accessor`), on issue (`response.auth.accessor`), on revocation
  by accessor (`request.data.accessor`). Vault keys these hashes for each audit device: they join inside one device only.
  With `hmac_accessor=false` the accessor is bare but for `request.data`, so such revocations join nothing.
- A revocation by token names the token's own hash, which is no accessor: it is kept, and joins nothing.
- Vault's old way to look up, renew and revoke put the token itself in the path (`urltoken` in Vault's `token_store.go`, which
  warns of it); paths are not hashed, so that the token is left out here. An accessor in the path is kept.
- Tokens of an entity that is disabled or deleted are refused, those of a disabled one until it is written with `disabled` false. By its id
  it joins; by name it is named only; of a batch, and of one that is named in the body (`identity/entity`), it is hashed, and the end names nobody.
- `token_issue_time` on a use tells when its token was made, but no issue is made up from it: the login stands in this log
  or in an older one, and would be counted twice. Nor is it kept: to read it took a quarter of a load, and few ends in Vault are of all tokens of somebody.
- Of a token that a token makes, and that is wrapped, the record names the maker alone. A child has its parent's entity, an orphan has none (Vault's
  `token_store.go`), and whether a token role makes orphans is not said.
- A namespace is a tenant, and a token may be used in those below its own: a call belongs to the namespace whose policies let it, where the log names
  them (`granting_policies`) and they are of one. That is the token's, by which its issue and its end know it; elsewhere the request's stands in.
- Policies are the scopes. The client is the role of the login, else the display name; the subject is the entity.
- A lease is a credential and named in the clear on issue; its revocation names it in the path, or hashed in the body.
- A secret id is a key of the AppRole that its path names, in small letters as the logins name it. Who made it is the entity of the token, or
  the role itself: a token of its own login has the mount for its name, and one that somebody made is called `token-...`, whatever metadata
  it was given. A token without an entity, as every root token, names nobody: anybody may have it, or have named it so.
- Of a secret id that is wrapped the response has no data, but its accessor as that of what is wrapped, since Vault 1.9; before, no id.
- `permission denied` is a lack of policy if the token is known, else the token is bad. A refused login is a denied issue.
- Elastic's integration keeps the entry in `hashicorp_vault.audit`, without its time, and what Vault wrote only if it is told to
  (`preserve_original_event`): the time is that of the document then, in milliseconds.
- Proven on real records: uses, denials, times of 8 and 9 digits; a login of AppRole. Other logins, leases and
  revocations follow Vault's source and pages.
"""

from collections.abc import Mapping

from grantlens.loaders.collected import opened, with_envelopes
from grantlens.loaders.loader import Join, Loader, mostly

_AUTH = """{
    "accessor": "VARCHAR", "display_name": "VARCHAR", "policies": ["VARCHAR"], "entity_id": "VARCHAR", "token_type": "VARCHAR",
    "token_ttl": "VARCHAR", "authorization_details": "JSON", "policy_results": {"granting_policies": [{"namespace_id": "VARCHAR"}]},
    "metadata": {"role": "VARCHAR", "role_name": "VARCHAR", "email": "VARCHAR", "username": "VARCHAR",
        "service_account_name": "VARCHAR"}
}"""

_FIELDS = f"""{{
    "time": "VARCHAR", "type": "VARCHAR", "error": "VARCHAR", "auth": {_AUTH},
    "request": {{"id": "VARCHAR", "operation": "VARCHAR", "path": "VARCHAR", "client_token_accessor": "VARCHAR",
        "remote_address": "VARCHAR", "namespace": {{"id": "VARCHAR"}}, "headers": {{"user-agent": ["VARCHAR"]}},
        "data": {{"accessor": "VARCHAR", "token": "VARCHAR", "lease_id": "VARCHAR", "secret_id_accessor": "VARCHAR",
            "disabled": "VARCHAR", "no_parent": "VARCHAR"}}}},
    "response": {{"auth": {_AUTH}, "secret": {{"lease_id": "VARCHAR"}}, "wrap_info": {{"wrapped_accessor": "VARCHAR", "creation_path": "VARCHAR"}},
        "data": {{"error": "VARCHAR", "secret_id_accessor": "VARCHAR"}}}}
}}"""


_AS_WRITTEN = """CASE WHEN json_type(event, '$.hashicorp_vault.audit') = 'OBJECT'
    THEN json_merge_patch(json_object('time', event ->> '$.@timestamp'), event -> '$.hashicorp_vault.audit') ELSE event END"""


def _is_event(record: Mapping) -> bool:
    """Tell an entry: request or response, and a request that has an operation, a path and an id; or one of KMIP."""
    record = opened(record)
    processed = record.get("hashicorp_vault")
    if isinstance(processed, Mapping) and isinstance(processed.get("audit"), Mapping):
        record = processed["audit"]
    request = record.get("request")
    if not isinstance(request, Mapping):
        return False
    if record.get("type") in ("kmip-request", "kmip-response"):
        return "data" in request
    return {"operation", "path", "id"} <= request.keys() and record.get("type") in ("request", "response")


def _who(auth: str, name: str) -> str:
    """Return SQL for client and subject of a token, by what Vault keeps with it."""
    # Of an AppRole login all metadata but the role's name is what the maker of the secret id wrote.
    return f"""coalesce(nullif({auth}.metadata.role_name, ''), nullif({auth}.metadata.role, ''), nullif({auth}.display_name, ''))
           AS {name}_client,
       nullif({auth}.display_name, '') AS {name}_client_name,
       nullif({auth}.entity_id, '') AS {name}_subject,
       coalesce(nullif({auth}.metadata.email, ''), nullif({auth}.metadata.username, ''), nullif({auth}.metadata.service_account_name, ''))
           AS {name}_subject_name,
       CASE WHEN {auth}.metadata.service_account_name <> '' OR {auth}.metadata.role_name <> '' THEN 'service'
            WHEN {auth}.metadata.email <> '' OR {auth}.metadata.username <> '' THEN 'user' END AS {name}_subject_kind"""


_NOTED = r"""
SELECT line_no, e.type AS type, e.time AS logged_at,
       -- nanoseconds; a time is read only if it is written as one
       CASE WHEN e.time LIKE '____-__-__T__:__:__%' AND e.time >= '1' THEN TRY_CAST(e.time AS TIMESTAMPTZ) END AS happened_at,
       nullif(e.request.id, '') AS event_id, e.request.operation AS operation,
       -- half of the entries are requests, which are ignored: copying costs more than asking
       CASE WHEN e.type <> 'response' THEN NULL
            WHEN starts_with(e.request.path, 'auth/token/')
            THEN regexp_replace(e.request.path, '^(auth/token/(lookup|renew|revoke|revoke-orphan)/).+$', '\1***', 's')
            ELSE coalesce(e.request.path, '') END AS path,
       CASE WHEN e.type = 'response' THEN e.request.data END AS body, CASE WHEN e.type = 'response' THEN e.response.data END AS answer,
       CASE WHEN e.type = 'response' THEN e.response.auth END AS made, CASE WHEN e.type = 'response' THEN e.auth END AS auth,
       nullif(e.request.remote_address, '') AS ip, e.request.headers."user-agent"[1] AS user_agent,
       nullif(e.request.namespace.id, '') AS tenant,
       CASE WHEN e.type = 'response' THEN list_transform(e.auth.policy_results.granting_policies, lambda p: nullif(p.namespace_id, '')) END AS grantors,
       CASE WHEN list_min(grantors) = list_max(grantors) THEN list_min(grantors) ELSE tenant END AS token_tenant,
       nullif(e.response.secret.lease_id, '') AS lease_id, nullif(e.response.wrap_info.wrapped_accessor, '') AS wrapped,
       coalesce(e.response.wrap_info.creation_path <> '', false) AS is_wrapped,
       coalesce(nullif(e.request.client_token_accessor, ''), nullif(e.auth.accessor, '')) AS accessor,
       nullif(e.error, '') AS error, error IS NOT NULL OR e.response.data.error IS NOT NULL AS failed,
       CASE WHEN NOT failed THEN 'success'
            WHEN error ILIKE '%permission denied%' OR error ILIKE '%quota%' THEN 'denied' ELSE 'error' END AS outcome
FROM shaped
"""

_APPROLE = "^auth/(.+)/role/([^/]+)/"

_CALL = f"""
SELECT *,
       -- the same path with another operation lists them
       regexp_matches(path, '{_APPROLE}(custom-)?secret-id$') AND NOT failed AND operation IN ('create', 'update')
           AND coalesce(answer.secret_id_accessor <> '' OR wrapped IS NOT NULL OR is_wrapped, false) AS makes_secret_id,
       CASE WHEN makes_secret_id OR regexp_matches(path, '{_APPROLE}secret-id(-accessor)?/destroy/?$')
            THEN lower(regexp_extract(path, '{_APPROLE}', 2)) END AS approle,
       CASE WHEN approle = lower(auth.metadata.role_name) AND auth.display_name = replace(regexp_extract(path, '{_APPROLE}', 1), '/', '-')
            THEN approle ELSE nullif(auth.entity_id, '') END AS approle_hand,
       NOT makes_secret_id AND (coalesce(made.accessor <> '', false) OR made.policies IS NOT NULL OR wrapped IS NOT NULL) AS makes_token,
       (starts_with(path, 'auth/') AND NOT starts_with(path, 'auth/token/')) OR path = 'sys/mfa/validate' AS is_auth,
       regexp_matches(path, '^auth/(token/(create|renew)|.+/(login|callback)(/|$))') AS asks_token,
       CASE WHEN makes_token OR (failed AND asks_token) THEN CASE WHEN path LIKE 'auth/token/renew%' THEN 'refresh' ELSE 'token' END
            WHEN lease_id IS NOT NULL THEN CASE WHEN starts_with(path, 'sys/leases/renew') OR starts_with(path, 'sys/renew')
                 THEN 'lease refresh' ELSE 'lease' END
            WHEN makes_secret_id THEN 'secret id'
            WHEN starts_with(path, 'identity/oidc/') AND NOT failed
            THEN CASE WHEN starts_with(path, 'identity/oidc/token/') THEN 'id token'
                      WHEN regexp_matches(path, '^identity/oidc/provider/[^/]+/token$') THEN 'provider token' END END AS gives,
       CASE WHEN starts_with(path, 'auth/token/revoke') THEN 'token'
            WHEN starts_with(path, 'sys/leases/revoke-') OR starts_with(path, 'sys/revoke-') THEN 'policy'
            WHEN starts_with(path, 'sys/leases/revoke') OR starts_with(path, 'sys/revoke') THEN 'credential'
            WHEN approle IS NOT NULL AND NOT makes_secret_id THEN 'credential'
            WHEN operation = 'delete' AND (starts_with(path, 'sys/auth/') OR starts_with(path, 'sys/mounts/')) THEN 'policy'
            WHEN regexp_matches(path, '^identity/entity/(id|name)/') AND (operation = 'delete' OR body.disabled IN ('true', 'false')) THEN 'subject'
            WHEN path = 'identity/entity/batch-delete' OR (path = 'identity/entity' AND body.disabled = 'true') THEN 'subject' END AS ends,
       (accessor IS NOT NULL OR auth.policies IS NOT NULL OR failed) AND NOT (is_auth AND (makes_token OR (failed AND asks_token)))
           AS is_use,
       coalesce(type = 'response' AND happened_at IS NOT NULL, false) AS counts
FROM noted
"""

_GIVEN = f"""
SELECT *, {_who("owner", "own")}
FROM (
    -- of a login that is wrapped, the entry's own part tells whose the new token is; of one that a token made, who made it
    SELECT *, CASE WHEN gives IN ('token', 'refresh') AND made.policies IS NOT NULL THEN made
                   WHEN gives = 'token' AND wrapped IS NOT NULL AND NOT is_auth THEN NULL ELSE auth END AS owner,
           owner IS NULL AND path = 'auth/token/create' AND body.no_parent IS DISTINCT FROM 'true' AS is_child
    FROM call
    WHERE counts AND gives IS NOT NULL
)
"""

_ISSUANCE = """
SELECT line_no, event_id, happened_at AS issued_at,
       CASE WHEN gives IN ('refresh', 'lease refresh') THEN 'refresh' WHEN gives IN ('lease', 'secret id') THEN 'credential'
            ELSE 'token' END AS kind,
       CASE WHEN failed AND is_auth THEN 'denied' ELSE outcome END AS outcome,
       CASE WHEN gives IN ('lease', 'lease refresh') THEN lease_id WHEN gives = 'secret id' THEN coalesce(nullif(answer.secret_id_accessor, ''), wrapped)
            WHEN gives IN ('token', 'refresh') THEN coalesce(nullif(made.accessor, ''), wrapped) END AS token_id,
       CASE gives WHEN 'id token' THEN 'id' WHEN 'lease' THEN 'api_key' WHEN 'lease refresh' THEN 'api_key'
                  WHEN 'secret id' THEN 'api_key' ELSE 'access' END AS token_kind,
       CASE WHEN gives = 'token' AND NOT is_auth THEN accessor END AS parent_token_id,
       CASE gives WHEN 'id token' THEN split_part(path, '/', 4) WHEN 'provider token' THEN NULL
                  WHEN 'secret id' THEN approle ELSE own_client END AS client_id,
       CASE WHEN gives NOT IN ('id token', 'provider token', 'secret id') THEN own_client_name END AS client_name,
       CASE WHEN is_child THEN nullif(auth.entity_id, '') WHEN gives <> 'secret id' THEN own_subject END AS subject_id,
       CASE WHEN gives <> 'secret id' THEN own_subject_name END AS subject_name,
       CASE WHEN gives = 'secret id' THEN 'service' ELSE own_subject_kind END AS subject_kind,
       CASE WHEN gives IN ('token', 'refresh') AND NOT failed
            THEN coalesce(made.policies, CASE WHEN is_auth THEN auth.policies END) END AS scopes,
       CASE WHEN gives IN ('lease', 'id token') THEN [path] END AS audience,
       CASE WHEN gives IN ('token', 'refresh') THEN made.authorization_details END AS authorization_details,
       CASE WHEN gives IN ('token', 'refresh') AND TRY_CAST(made.token_ttl AS BIGINT) BETWEEN 1 AND 100000000000
            THEN happened_at + to_seconds(TRY_CAST(made.token_ttl AS BIGINT)) END AS expires_at,
       CASE WHEN gives = 'secret id' THEN approle_hand END AS consent_actor,
       ip, user_agent, tenant
FROM given
"""

_USAGE = f"""
SELECT line_no, event_id, happened_at AS used_at, outcome,
       CASE WHEN outcome <> 'denied' THEN NULL WHEN error ILIKE '%quota%' THEN 'rate' WHEN accessor IS NULL THEN 'token'
            ELSE 'scope' END AS denial_reason,
       accessor AS token_id,
       use_client AS client_id, use_client_name AS client_name, use_subject AS subject_id, use_subject_name AS subject_name,
       auth.policies AS token_scopes, 'vault' AS resource_server, path AS target, operation, ip, user_agent, token_tenant AS tenant
FROM (SELECT *, {_who("auth", "use")} FROM call WHERE counts AND is_use)
"""

_REVOCATION = f"""
SELECT line_no, event_id, happened_at AS revoked_at,
       CASE WHEN ends <> 'subject' THEN 'revoke' WHEN operation <> 'delete' AND body.disabled = 'false' THEN 'enable'
            ELSE 'disable' END AS kind, outcome, ends AS target_kind,
       CASE WHEN ends = 'token'
            THEN CASE WHEN path = 'auth/token/revoke-self' THEN accessor
                      WHEN starts_with(path, 'auth/token/revoke-accessor')
                      THEN coalesce(nullif(body.accessor, ''), nullif(split_part(path, '/', 4), ''))
                      -- a device that logs raw values would give the token itself
                      WHEN body.token LIKE 'hmac-%' THEN body.token END
            WHEN ends = 'credential'
            THEN coalesce(nullif(body.secret_id_accessor, ''), nullif(body.lease_id, ''),
                          nullif(regexp_extract(path, '^sys/(leases/)?revoke/(.+)$', 2), '')) END AS token_id,
       CASE WHEN path = 'auth/token/revoke-self' THEN do_client ELSE approle END AS client_id,
       CASE WHEN path = 'auth/token/revoke-self' THEN do_subject
            WHEN ends = 'subject' AND path LIKE '%/entity/id/%' THEN nullif(split_part(path, '/', 4), '') END AS subject_id,
       CASE WHEN ends = 'subject' AND path LIKE '%/entity/name/%'
            THEN nullif(regexp_extract(path, '/name/(.+)$', 1), '') END AS subject_name,
       CASE WHEN path = 'auth/token/revoke-self' OR approle_hand = approle THEN 'client'
            WHEN ends = 'subject' AND do_subject = split_part(path, '/', 4) THEN 'user'
            ELSE 'admin' END AS initiator,
       CASE WHEN approle IS NOT NULL THEN approle_hand ELSE coalesce(do_subject, do_client) END AS actor_id,
       CASE WHEN ends = 'policy' THEN path END AS reason, CASE WHEN path = 'auth/token/revoke-self' THEN token_tenant ELSE tenant END AS tenant
FROM (SELECT *, {_who("auth", "do")} FROM call WHERE counts AND ends IS NOT NULL)
"""

_IGNORED = """
SELECT line_no, 'request: its response tells what came of it' AS reason FROM call WHERE type = 'request'
UNION ALL
SELECT line_no, 'KMIP: a call with a certificate' FROM call WHERE type IN ('kmip-request', 'kmip-response')
UNION ALL
SELECT line_no, 'call without a token' FROM call WHERE counts AND NOT is_use AND gives IS NULL AND ends IS NULL
"""

_REJECTED = """
SELECT line_no,
       CASE WHEN type IS NULL THEN 'type is missing' WHEN type <> 'response' THEN 'type is neither request nor response'
            WHEN logged_at IS NULL THEN 'time is missing' ELSE 'time is no time' END AS reason
FROM call
WHERE type IS NULL OR (type NOT IN ('request', 'kmip-request', 'kmip-response') AND (type <> 'response' OR happened_at IS NULL))
"""

LOADER = with_envelopes(
    Loader(
        name="hashicorp_vault",
        version=9,
        title="HashiCorp Vault audit device",
        recognise=mostly(_is_event),
        fields=_FIELDS,
        carries=("issuance", "usage", "revocation"),
        makers=True,
        steps={"noted": _NOTED, "call": _CALL, "given": _GIVEN},
        issuance=_ISSUANCE,
        usage=_USAGE,
        revocation=_REVOCATION,
        ignored=_IGNORED,
        rejected=_REJECTED,
        joins=(
            Join(
                "issuance", "usage", "token", "response.auth.accessor, client_token_accessor", "inside one audit device"
            ),
            Join(
                "issuance",
                "revocation",
                "token",
                "accessor, lease_id",
                "a revocation by token or hashed lease joins nothing",
            ),
            Join(
                "usage",
                "revocation",
                "token",
                "client_token_accessor, accessor",
                "not where the token itself was given",
            ),
        ),
        join_note=(
            "Issue, use and revocation join by the accessor, whose hash is keyed for each audit device: load the logs of one "
            "device. A revocation that was given the token instead of its accessor, or a lease in the body, joins nothing."
        ),
    ),
    mark="r.type IS NOT NULL AND r.request.path IS NOT NULL",
    spelled=_AS_WRITTEN,
)
