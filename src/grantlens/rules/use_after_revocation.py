"""REV-1: calls that succeeded after the revocation."""

from grantlens.rules.rule import Rule

RULE = Rule(
    id="REV-1",
    version=1,
    name="use_after_revocation",
    question="Which tokens still worked after they were revoked, and for how long?",
    severity="critical",
    remedy="Shorten the cache or the token life, or let the server ask at each call; where it is unexplained, cut the connection at the server.",
    basis="RFC 7009 section 2; RFC 7662 section 4",
    needs=("revoked_use",),
    sql="""
SELECT CASE WHEN u.uses_after = 0 OR u.allowed_s IS NULL THEN 'indeterminate' ELSE 'violation' END AS verdict,
       CASE WHEN u.uses_after = 0 THEN 'critical'
            WHEN u.allowed_s IS NULL THEN 'high'
            WHEN u.beyond_allowed THEN 'critical'
            WHEN u.initiator = 'client' THEN 'high'  -- a client must not use what it had revoked
            WHEN u.writes_after > 0 THEN 'medium'
            ELSE 'low' END AS severity,
       CASE WHEN u.uses_after > 0 AND NOT u.beyond_allowed THEN u.explanation END AS explained_by,
       coalesce(u.client_id, 'An unnamed client') || CASE WHEN u.uses_after = 0 THEN ' may have used access at the moment of its revocation'
           ELSE ' used access after its revocation' END AS title,
       u.source, u.tenant, u.client_id, u.subject_id, u.grant_id, u.token_id, u.resource_server,
       u.scopes,
       u.first_attempt_at AS first_seen, u.last_attempt_at AS last_seen, u.successes + u.denials + 1 AS events,
       to_json({
           'revocation_event': u.revocation_event,
           'last_success_s': round(u.last_success_s, 6),
           'first_denial_s': round(u.first_denial_s, 6),
           'lag_lower_s': round(u.lag_lower_s, 6),
           'lag_upper_s': round(u.lag_upper_s, 6),
           'uses_after': u.uses_after,
           'censored': u.censored,
           'allowed_s': round(u.allowed_s, 6),
           'writes_after': u.writes_after,
           'reason': CASE WHEN u.uses_after = 0 THEN 'the success and the revocation are closer than the clocks can tell'
                          WHEN u.allowed_s IS NULL THEN 'nothing says how long this server may go on accepting a revoked token' END}) AS detail,
       u.join_key, u.calls,
       [{'seen_at': u.revoked_at, 'batch_id': u.revocation_batch_id, 'line_no': u.revocation_line_no, 'event_id': u.revocation_event}] AS records,
       'usage' AS about_log, u.revoked_at AS about_from, u.last_attempt_at AS about_until
FROM revoked_use u
WHERE u.successes > 0
""",
)
