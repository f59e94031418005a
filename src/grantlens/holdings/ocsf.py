"""The three logs as OCSF events, each with the delegation under whose authority it happened, for SIEMs and security lakes.

Version 1.9.0 of the Open Cybersecurity Schema Framework (https://schema.ocsf.io/1.9.0), the first that knows delegations: a call is an
API Activity (class 6003), what gives or takes access is Entity Management (class 3004), both with the profile `ai_operation`.

A grant is a delegation. A token that was exchanged for another (RFC 8693) hands authority on: it is a delegation of its own, and its
parent is that of the token which it was got for. Tokens that were refreshed carry on what the first of them carried. A call has
the delegation of its token, or the grant that its log names; what a call joins by client and person only is a conclusion
and no record, so such a call has none.
"""

from __future__ import annotations

VERSION = "1.9.0"


def _home(tenant: str, issuer: str) -> str:
    """Return SQL for the tenant whose token a record of `tenant` means by an id; none where no issuer of it is named."""
    only = f"CASE WHEN {issuer}.first_home = {issuer}.last_home THEN {issuer}.first_home END"
    return f"CASE WHEN {issuer}.first_home IS NOT NULL THEN coalesce({tenant}, {only}) END"


_DELEGATIONS = f"""
-- A token id is one tenant's, its home: that which a record names, or the only one that issued one. Where several did, what names none is of none.
WITH RECURSIVE issuer AS (
    SELECT source, token_id, min(tenant) AS first_home, max(tenant) AS last_home
    FROM issuance WHERE outcome = 'success' AND token_id IS NOT NULL GROUP BY source, token_id
),
given AS (
    SELECT i.* REPLACE (CASE WHEN i.tenant IS NOT NULL OR t.first_home IS NOT DISTINCT FROM t.last_home THEN i.token_id END AS token_id),
           {_home("i.tenant", "t")} AS home, {_home("i.tenant", "p")} AS parent_home
    FROM issuance i
    LEFT JOIN issuer t ON t.source = i.source AND t.token_id = i.token_id
    LEFT JOIN issuer p ON p.source = i.source AND p.token_id = i.parent_token_id
    WHERE i.outcome = 'success'
),
exchanged AS (
    SELECT source, home, min(tenant) AS tenant, token_id, min(issued_at) AS created_at,
           min({{'token_id': parent_token_id, 'home': parent_home}}) FILTER (parent_token_id IS NOT NULL) AS parent
    FROM given
    WHERE kind = 'exchange' AND token_id IS NOT NULL
    GROUP BY source, home, token_id
),
handed_on AS (
    SELECT source, home, token_id, {{'uid': token_id, 'home': home}} AS delegated FROM exchanged
    UNION
    SELECT g.source, g.home, g.token_id, h.delegated
    FROM handed_on h JOIN given g ON g.source = h.source AND g.parent_token_id = h.token_id AND g.parent_home IS NOT DISTINCT FROM h.home
    WHERE g.kind = 'refresh' AND g.token_id IS NOT NULL
),
carried AS (
    SELECT source, home, token_id,
           coalesce(min(handed), CASE WHEN count(DISTINCT grant_id) = 1 THEN {{'uid': min(grant_id), 'home': NULL::VARCHAR}} END) AS delegated
    FROM (
        SELECT source, home, token_id, delegated AS handed, NULL AS grant_id FROM handed_on
        UNION ALL
        SELECT source, home, token_id, NULL, grant_id FROM given WHERE token_id IS NOT NULL
    )
    GROUP BY source, home, token_id
),
delegation AS (
    SELECT source, home, uid, min(tenant) AS tenant, min(created_at) AS created_at, max(parent_uid) AS parent_uid
    FROM (
        SELECT source, NULL AS home, grant_id AS uid, tenant, issued_at AS created_at, NULL AS parent_uid FROM given WHERE grant_id IS NOT NULL
        UNION ALL
        SELECT x.source, x.home, x.token_id, x.tenant, x.created_at, nullif(c.delegated.uid, x.token_id)
        FROM exchanged x
        LEFT JOIN carried c ON c.source = x.source AND c.token_id = x.parent.token_id AND c.home IS NOT DISTINCT FROM x.parent.home
    )
    GROUP BY source, home, uid
),
agent AS (
    SELECT client_id, name FROM register WHERE kind = 'agent'
)
"""

_METADATA = """{'version': $version, 'profiles': ['ai_operation'], 'product': {'name': e.source}, 'log_name': '%s', 'uid': e.event_id,
            'tenant_uid': e.tenant, 'logged_time': epoch_ms(e.received_at)}"""

_AUTHORITY = """
           CASE WHEN a.client_id IS NOT NULL THEN {'uid': a.client_id, 'name': coalesce(a.name, e.client_name)} END AS ai_agent,
           CASE WHEN d.uid IS NOT NULL
                THEN {'uid': d.uid, 'parent_uid': d.parent_uid, 'created_time': epoch_ms(d.created_at),
                      'issuer_uid': concat_ws('/', d.source, d.tenant)} END AS delegation"""

_STATUS = """1 AS severity_id, 'Informational' AS severity,
           CASE WHEN e.outcome = 'success' THEN 1 ELSE 2 END AS status_id, CASE WHEN e.outcome = 'success' THEN 'Success' ELSE 'Failure' END AS status"""

_WHERE = "'file': b.path, 'line': e.line_no, 'sha256': b.sha256"

_CLIENT = (
    "CASE WHEN coalesce(e.client_id, e.client_name) IS NOT NULL THEN {'uid': e.client_id, 'name': e.client_name} END"
)

_MANAGEMENT = """
    SELECT [e.batch_id, e.line_no] AS place, 3 AS category_uid, 'Identity & Access Management' AS category_name, 3004 AS class_uid,
           'Entity Management' AS class_name"""

_JOINED = f"""
    LEFT JOIN issuer s ON s.source = e.source AND s.token_id = e.token_id
    LEFT JOIN carried c ON c.source = e.source AND c.token_id = e.token_id AND c.home IS NOT DISTINCT FROM {_home("e.tenant", "s")}
    LEFT JOIN delegation d ON d.source = e.source AND d.uid = coalesce(c.delegated.uid, e.grant_id) AND d.home IS NOT DISTINCT FROM c.delegated.home
    LEFT JOIN agent a ON a.client_id = e.client_id
    LEFT JOIN batch b ON b.batch_id = e.batch_id"""

_USAGE = f"""
    SELECT e.usage_id AS place, 6 AS category_uid, 'Application Activity' AS category_name, 6003 AS class_uid, 'API Activity' AS class_name,
           CASE upper(e.method) WHEN 'POST' THEN 1 WHEN 'GET' THEN 2 WHEN 'HEAD' THEN 2 WHEN 'OPTIONS' THEN 2 WHEN 'PUT' THEN 3
                WHEN 'PATCH' THEN 3 WHEN 'DELETE' THEN 4 ELSE 0 END AS activity_id,
           ['Unknown', 'Create', 'Read', 'Update', 'Delete'][activity_id + 1] AS activity_name,
           epoch_ms(e.used_at) AS "time", epoch_ms(e.ended_at) AS end_time,
           {_STATUS}, e.status::VARCHAR AS status_code, e.denial_reason AS status_detail,
           {_METADATA % "usage"} AS metadata,
           {{'application': coalesce({_CLIENT}, CASE WHEN coalesce(e.subject_id, e.session_id) IS NULL THEN {{'uid': NULL, 'name': 'not logged'}} END),
             'user': CASE WHEN e.subject_id IS NOT NULL THEN {{'uid': e.subject_id, 'name': e.subject_name}} END,
             'session': CASE WHEN e.session_id IS NOT NULL THEN {{'uid': e.session_id}} END}} AS actor,
           {{'operation': coalesce(e.operation, e.method || ' ' || e.target, e.method, e.target, 'not logged'),
             'service': CASE WHEN e.resource_server IS NOT NULL THEN {{'name': e.resource_server}} END}} AS api,
           CASE WHEN coalesce(e.method, e.target, e.user_agent) IS NOT NULL
                THEN {{'http_method': e.method, 'user_agent': e.user_agent,
                       'url': CASE WHEN e.target IS NOT NULL THEN {{'path': e.target}} END}} END AS http_request,
           CASE WHEN e.ip IS NOT NULL THEN {{'ip': e.ip, 'name': NULL}} ELSE {{'ip': NULL, 'name': 'not logged'}} END AS src_endpoint,
           CASE WHEN e.resource_id IS NOT NULL THEN [{{'uid': e.resource_id}}] END AS resources, {_AUTHORITY},
           {{{_WHERE}, 'token_id': e.token_id, 'token_scopes': e.token_scopes, 'actor_chain': e.actor_chain,
             'resource_tenant': e.resource_tenant, 'tool_call_id': e.tool_call_id}} AS unmapped
    FROM usage e {_JOINED}"""

_ISSUANCE = f"""{_MANAGEMENT}, CASE WHEN e.kind = 'change' THEN 3 ELSE 1 END AS activity_id,
           CASE WHEN e.kind = 'change' THEN 'Update' ELSE 'Create' END AS activity_name,
           epoch_ms(e.issued_at) AS "time", {_STATUS}, e.denial_reason AS status_detail, {_METADATA % "issuance"} AS metadata,
           CASE WHEN coalesce(e.client_id, e.client_name, e.consent_actor, e.subject_id) IS NOT NULL
                THEN {{'application': {_CLIENT},
                       'user': CASE WHEN coalesce(e.consent_actor, e.subject_id) IS NOT NULL
                                    THEN {{'uid': coalesce(e.consent_actor, e.subject_id)}} END}} END AS actor,
           {{'type': CASE WHEN e.kind IN ('consent', 'change') THEN 'OAuth grant' ELSE coalesce(e.token_kind::VARCHAR, e.kind::VARCHAR) || ' token' END,
             'uid': CASE WHEN e.kind IN ('consent', 'change') THEN e.grant_id ELSE coalesce(e.token_id, e.grant_id) END,
             'data': {{'kind': e.kind, 'grant_type': e.grant_type, 'scopes': e.scopes, 'scopes_requested': e.scopes_requested, 'audience': e.audience,
                       'subject_id': e.subject_id, 'consent_kind': e.consent_kind, 'expires_at': epoch_ms(e.expires_at),
                       'parent_token_id': e.parent_token_id, 'actor_chain': e.actor_chain}}}} AS entity,
           CASE WHEN e.ip IS NOT NULL THEN {{'ip': e.ip}} END AS src_endpoint, {_AUTHORITY}, {{{_WHERE}}} AS unmapped
    FROM issuance e {_JOINED}"""

_REVOCATION = f"""{_MANAGEMENT},
           CASE e.kind WHEN 'downgrade' THEN 3 WHEN 'enable' THEN 8 WHEN 'disable' THEN 9 WHEN 'signal' THEN 99 ELSE 4 END AS activity_id,
           CASE e.kind WHEN 'downgrade' THEN 'Update' WHEN 'enable' THEN 'Enable' WHEN 'disable' THEN 'Disable'
                       WHEN 'signal' THEN 'Signal' ELSE 'Delete' END AS activity_name,
           epoch_ms(e.revoked_at) AS "time", {_STATUS}, e.reason AS "comment", {_METADATA % "revocation"} AS metadata,
           CASE WHEN e.actor_id IS NOT NULL THEN {{'user': {{'uid': e.actor_id}}}} END AS actor,
           {{'type': e.target_kind,
             'uid': CASE WHEN e.target_kind IN ('token', 'credential') THEN e.token_id WHEN e.target_kind = 'grant' THEN e.grant_id
                    WHEN e.target_kind = 'session' THEN e.session_id WHEN e.target_kind = 'client' THEN e.client_id
                    WHEN e.target_kind = 'subject' THEN e.subject_id END,
             'data': {{'kind': e.kind, 'initiator': e.initiator, 'client_id': e.client_id, 'subject_id': e.subject_id,
                       'scopes_removed': e.scopes_removed, 'issued_before': epoch_ms(e.issued_before)}}}} AS entity,
           {_AUTHORITY}, {{{_WHERE}}} AS unmapped
    FROM revocation e {_JOINED}"""


def ocsf_select(log: str) -> str:
    """Return the SELECT of one log as OCSF events, a JSON text each, in the order of loading; it binds `$version`.

    What a record does not say is left out, as OCSF wants it.
    """
    events = {"issuance": _ISSUANCE, "usage": _USAGE, "revocation": _REVOCATION}[log]
    return f"""{_DELEGATIONS}
SELECT json_merge_patch('{{}}', to_json(e))::VARCHAR AS event
FROM (
    SELECT * EXCLUDE (place, activity_id, activity_name), activity_id, activity_name, class_uid * 100 + activity_id AS type_uid,
           class_name || ': ' || activity_name AS type_name
    FROM ({events}) ORDER BY place
) e"""
