"""Teleport audit log: certificates, join tokens, locks and people.

What the mapping decides, and why:

- **A certificate is the token**, and has no id in this log: `cert.create` tells for whom (`identity.user`), by whom
  (`identity.impersonator`), with which roles, for which cluster, until when. Roles are its scopes. One that somebody
  gets for another user is an exchange, and that somebody the actor. A bot is a service and its own client; a person's
  certificate has no client.
- The name of a join token is the secret itself: it is not read. Roles and end of life are.
- `lock.created` shuts out a user at once: the subject is disabled. Locks of roles, nodes, devices are policies that
  name no subject. A lock that was lifted names itself and not whom it held, so nobody is enabled again: ignored by name. So is a lock that
  ends by itself (`expires`): what the same certificates do afterwards is allowed.
- An access request is no issuance: what it gives is in the roles of the certificates that follow.
- A failed `auth` is a certificate that was refused; refused for its principals, the scope was wrong. A bot that may not join
  got no certificate: an issuance that was denied. What it tried to join with is never named.
- An SVID (`spiffe.svid.issued`) is a token too, known by its serial number; which SPIFFE id it carries is a detail.
- Go writes "no time" as the year 0001: no end of life.
- What is done in a session of a person is no use of a delegated credential. But a request to an MCP server
  (`mcp.session.request`) is made by a program, with the certificate of a person or a bot: a use. It is logged when it is
  let through, so success says that it was permitted, or when the roles or the server refuse it. Lists and pings are not
  logged, arguments not read.
- A bot is a program: what it asks of a Kubernetes cluster (`kube.request`), of a database (`db.session...`, an event for each protocol) and of an
  app (`app.session.chunk`: some minutes of requests), the sessions that it opens on a server (`session.start`), the commands that it runs there
  (`exec`), the files that it moves (`scp`, `sftp`), the ports that it opens (`port`) and the recordings that it reads are uses by it.
  That it was a bot the record tells by `bot_name`, `user_kind` 2, or the user's name.
  Queries and commands are not read. What a cluster or database answers (`response_code`, `status_code`) is said to Teleport, which asks with
  a certificate of its own: 401 is not about the bot's. A status of 0 is no answer.

MCP requests follow the records in Teleport's reference of audit events, and its source (lib/srv/mcp/audit.go); requests to clusters and apps,
queries, commands, files and ports follow that reference; how an event names a bot, opens a session and reads a recording a published
export; those of each protocol a collector's tests.

Proven on records that collectors published as tests: cert.create, lock.created and lock.deleted, auth, bot.join, bot.delete,
spiffe.svid.issued, user.delete, access requests, and what is ignored. join_token.create is in the list of events of Teleport's
web client.
"""

from collections.abc import Mapping

from grantlens.loaders.loader import Join, Loader, mostly
from grantlens.loaders.written_time import text_moment

_FIELDS = """{
    "event": "VARCHAR", "code": "VARCHAR", "time": "VARCHAR", "uid": "VARCHAR", "cluster_name": "VARCHAR",
    "user": "VARCHAR", "success": "VARCHAR", "error": "VARCHAR", "updated_by": "VARCHAR", "expires": "VARCHAR",
    "addr.remote": "VARCHAR", "user_agent": "VARCHAR", "name": "VARCHAR", "roles": "VARCHAR", "target": "VARCHAR",
    "cert_type": "VARCHAR", "bot_name": "VARCHAR", "spiffe_id": "VARCHAR", "serial_number": "VARCHAR", "user_kind": "VARCHAR",
    "sid": "VARCHAR", "app_name": "VARCHAR", "message": "VARCHAR",
    "verb": "VARCHAR", "request_path": "VARCHAR", "response_code": "VARCHAR", "kubernetes_cluster": "VARCHAR", "resource_name": "VARCHAR",
    "db_service": "VARCHAR", "db_name": "VARCHAR", "server_hostname": "VARCHAR", "status_code": "VARCHAR",
    "identity": {"user": "VARCHAR", "impersonator": "VARCHAR", "expires": "VARCHAR", "roles": "VARCHAR",
        "route_to_cluster": "VARCHAR", "bot_name": "VARCHAR", "client_ip": "VARCHAR"}
}"""


def _is_event(record: Mapping) -> bool:
    """Tell a Teleport event: its name, and its code, a T with digits or letters and a level."""
    code = record.get("code")
    coded = isinstance(code, str) and code[:1] == "T" and code[-1:] in ("I", "W", "E")
    return coded and "event" in record and "time" in record


# What asks something of a database, by its protocol: that a statement is prepared, bound or closed asks nothing.
_OF_DATABASES = (
    "^db[.]session[.](start|query([.]failed)?|(postgres|mysql)[.]statements[.](bulk_)?execute|postgres[.]function|mysql[.][a-z_]+"
    "|sqlserver[.]rpc_request|spanner[.]rpc|cassandra[.](execute|batch)|(elasticsearch|opensearch|dynamodb)[.]request)$"
)

_EVENT = f"""
SELECT line_no, r.*,
       CASE WHEN r.event IN ('kube.request', 'exec') OR regexp_matches(r.event, '{_OF_DATABASES}')
              OR r.event IN ('session.start', 'session.recording.access', 'app.session.chunk', 'scp', 'sftp')
              -- a port that is closed again is no further use
              OR (r.event = 'port' AND r.code <> 'T3003S')
            THEN CASE WHEN r.bot_name <> '' OR r.user_kind = '2' OR starts_with(r."user", 'bot-') THEN 'act' END
            ELSE CASE r.event WHEN 'cert.create' THEN 'token' WHEN 'join_token.create' THEN 'credential'
                    WHEN 'lock.created' THEN 'lock' WHEN 'user.delete' THEN 'person end' WHEN 'bot.delete' THEN 'bot end'
                    WHEN 'spiffe.svid.issued' THEN 'svid' WHEN 'bot.join' THEN CASE WHEN r.success = 'false' THEN 'join' END
                    WHEN 'auth' THEN CASE WHEN r.success = 'false' THEN 'use' END
                    WHEN 'mcp.session.request' THEN 'call' END END AS meaning,
       {text_moment("r.time")} AS happened_at
FROM record
WHERE r IS NOT NULL
"""

_PARTY = f"""
SELECT *,
       nullif(nullif(identity.impersonator, identity."user"), '') AS other,
       CASE meaning WHEN 'token' THEN identity."user" WHEN 'svid' THEN nullif("user", '')
                    WHEN 'use' THEN "user" WHEN 'call' THEN "user" WHEN 'act' THEN coalesce(nullif("user", ''), 'bot-' || bot_name)
                    WHEN 'join' THEN 'bot-' || nullif(nullif(bot_name, ''), 'unknown') END AS holder,
       coalesce(starts_with(holder, 'bot-') OR identity.bot_name <> '' OR user_kind = '2' OR meaning = 'act', false) AS is_bot,
       TRY(from_json(target, '{{"user": "VARCHAR"}}'))."user" AS locked,
       CASE WHEN meaning = 'call'
            THEN TRY(from_json(message, '{{"method": "VARCHAR", "params": {{"name": "VARCHAR", "uri": "VARCHAR"}}}}')) END AS asked,
       CASE WHEN meaning = 'token' THEN {text_moment("identity.expires")} ELSE {text_moment("expires")} END AS ends_at,
       coalesce(meaning = 'lock' AND ends_at >= TIMESTAMPTZ '1970-01-01 00:00:00Z', false) AS passes
FROM event
WHERE meaning IS NOT NULL
"""

_ISSUANCE = """
SELECT line_no, uid AS event_id, happened_at AS issued_at, cluster_name AS tenant,
       CASE WHEN meaning IN ('svid', 'join') THEN 'token' WHEN meaning = 'token' AND other IS NOT NULL THEN 'exchange' ELSE meaning END AS kind,
       CASE WHEN meaning = 'join' OR (meaning = 'svid' AND ends_with(code, 'E')) THEN 'denied' ELSE 'success' END AS outcome,
       CASE WHEN meaning = 'svid' THEN nullif(serial_number, '') END AS token_id,
       CASE WHEN meaning = 'credential' THEN 'api_key' ELSE 'access' END AS token_kind,
       CASE WHEN is_bot THEN holder END AS client_id,
       holder AS subject_id,
       CASE WHEN meaning IN ('credential', 'join') OR is_bot THEN 'service' WHEN holder IS NOT NULL THEN 'user' END AS subject_kind,
       CASE WHEN meaning = 'token' AND other IS NOT NULL THEN [other] END AS actor_chain,
       TRY(from_json(CASE WHEN meaning = 'token' THEN identity.roles ELSE roles END, '["VARCHAR"]')) AS scopes,
       CASE WHEN nullif(identity.route_to_cluster, '') IS NOT NULL THEN [identity.route_to_cluster] END AS audience,
       CASE WHEN meaning = 'svid' AND spiffe_id <> '' THEN to_json({'spiffe_id': spiffe_id}) END AS authorization_details,
       CASE WHEN ends_at >= TIMESTAMPTZ '1970-01-01 00:00:00Z' THEN ends_at END AS expires_at,
       CASE WHEN meaning = 'credential' THEN "user" END AS consent_actor,
       identity.client_ip AS ip, user_agent
FROM party
WHERE (meaning = 'token' AND identity."user" IS NOT NULL) OR meaning IN ('credential', 'svid', 'join')
"""

_USAGE = """
SELECT line_no, uid AS event_id, happened_at AS used_at, cluster_name AS tenant,
       CASE WHEN meaning = 'use' THEN 'denied'
            WHEN event = 'kube.request' OR answered > 0 THEN CASE WHEN answered IN (401, 403, 429) THEN 'denied'
                 WHEN answered BETWEEN 100 AND 399 THEN 'success' WHEN answered IS NOT NULL THEN 'error' END
            WHEN success = 'false' OR ends_with(code, 'E') OR event = 'db.session.query.failed' THEN
            CASE WHEN error ILIKE 'access %denied%' OR error LIKE 'HTTP 401%' OR error LIKE 'HTTP 403%' THEN 'denied' ELSE 'error' END
            ELSE 'success' END AS outcome,
       CASE WHEN answered BETWEEN 0 AND 999 THEN answered::SMALLINT END AS status,
       CASE WHEN outcome = 'denied' THEN
            CASE WHEN answered = 429 THEN 'rate'
                 WHEN error ILIKE 'access %denied%' OR error LIKE '%not in the set of valid principals%' THEN 'scope' ELSE 'other' END
            END AS denial_reason,
       CASE WHEN is_bot THEN holder END AS client_id, holder AS subject_id,
       -- the session of a recording is another's
       CASE WHEN meaning IN ('call', 'act') AND event <> 'session.recording.access' THEN nullif(sid, '') END AS session_id,
       CASE WHEN meaning = 'use' OR event = 'session.recording.access' THEN 'teleport'
            WHEN meaning = 'call' OR event = 'app.session.chunk' THEN app_name
            ELSE coalesce(db_service, kubernetes_cluster, server_hostname) END AS resource_server,
       CASE WHEN event = 'kube.request' THEN upper(verb) END AS method,
       CASE WHEN event = 'kube.request' THEN split_part(request_path, '?', 1) END AS target,
       CASE WHEN meaning = 'act' THEN CASE WHEN request_path IS NULL THEN event END
            WHEN meaning = 'use' THEN event WHEN asked.method = 'tools/call' THEN coalesce(asked.params.name, asked.method)
            ELSE asked.method END AS operation,
       CASE WHEN event = 'session.recording.access' THEN sid
            WHEN meaning = 'act' THEN coalesce(db_name, resource_name)
            WHEN asked.method <> 'tools/call' THEN coalesce(asked.params.uri, asked.params.name) END AS resource_id,
       "addr.remote" AS ip
FROM (SELECT *, TRY_CAST(CASE WHEN event = 'kube.request' THEN response_code WHEN meaning = 'act' THEN nullif(status_code, '0') END AS INTEGER) AS answered
      FROM party)
WHERE meaning IN ('use', 'call', 'act')
"""

_REVOCATION = """
SELECT line_no, uid AS event_id, happened_at AS revoked_at, cluster_name AS tenant,
       'disable' AS kind, 'success' AS outcome,
       CASE WHEN meaning = 'lock' AND locked IS NULL THEN 'policy' ELSE 'subject' END AS target_kind,
       CASE meaning WHEN 'lock' THEN locked WHEN 'person end' THEN name ELSE 'bot-' || name END AS subject_id,
       'admin' AS initiator,
       coalesce(updated_by, "user") AS actor_id
FROM party
WHERE (meaning = 'lock' AND NOT passes) OR (meaning IN ('person end', 'bot end') AND name IS NOT NULL)
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN event = 'lock.deleted' THEN 'lock that was lifted'
            WHEN event = 'bot.join' THEN 'join of a bot, before its certificate'
            WHEN starts_with(event, 'access_request.') THEN 'request for roles, before any certificate'
            WHEN event = 'user.login' OR event = 'auth' THEN 'sign-in of a person'
            WHEN starts_with(event, 'session.') OR event IN ('exec', 'scp', 'sftp', 'port', 'kube.request') OR event LIKE '%.session.%'
            THEN 'act in a session'
            ELSE 'not about delegated access' END AS reason
FROM event
WHERE meaning IS NULL AND event IS NOT NULL
UNION ALL
SELECT line_no, 'lock that ends by itself' FROM party WHERE passes AND ("time" IS NULL OR happened_at IS NOT NULL)
"""

_REJECTED = """
SELECT line_no, 'event is missing' AS reason FROM event WHERE event IS NULL
UNION ALL
SELECT line_no, 'names no user' FROM party
WHERE (meaning = 'token' AND identity."user" IS NULL) OR (meaning IN ('person end', 'bot end') AND name IS NULL)
UNION ALL
SELECT line_no, 'time is no time' FROM party WHERE "time" IS NOT NULL AND happened_at IS NULL
"""

LOADER = Loader(
    name="teleport",
    version=7,
    title="Teleport audit log",
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
            "identity.user, user",
            "bots: what they do, and what was refused",
        ),
        Join(
            "issuance",
            "revocation",
            "client and subject",
            "identity.user, target.user",
            "bots: certificates have no id, and those of people no client",
        ),
        Join(
            "usage",
            "revocation",
            "client and subject",
            "user, target.user",
            "bots: what they do, and what was refused",
        ),
    ),
    join_note=(
        "Certificates have no id in this log: those of bots join with locks and deletions by the bot, those of "
        "people are only known. Of uses, calls of MCP servers, what bots do, and refused authentications are read."
    ),
)
