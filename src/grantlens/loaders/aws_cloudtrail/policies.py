"""AWS CloudTrail: what a policy says of access - whom it trusts, what it allows, and whose sessions it cuts off.

- **A policy of a role or user** is one of several, and says more than scopes can. It is kept as authorization detail, and the scopes stay
  unknown. To take one away is a downgrade, and so is to give one that only denies. To take away one of AWS's own that only deny gives back what it
  denied: a change.
- **A session policy** is all that a session may have: the actions that it allows are the scopes of the session, unless a policy beside it is
  only named.
- **A policy that denies by `aws:TokenIssueTime`** is a revocation of every session that was issued before that time. The console calls it
  AWSRevokeOlderSessions. To delete it brings those sessions back, so that is a change. What else such a policy allows is a change, too,
  beside the revocation.

A policy document may have been written with blanks, and its statements as a list or as the one that there is.
"""

CHANGE_OF_POLICY = """WHEN call IN ('CreateRole', 'UpdateAssumeRolePolicy') THEN 'trust'
                      WHEN call IN ('AttachRolePolicy', 'AttachUserPolicy', 'DetachRolePolicy', 'DetachUserPolicy')
                          AND regexp_matches(asked.policyArn, ':policy/(AWSCompromisedKeyQuarantine.*|AWSDenyAll)$')
                      THEN CASE WHEN starts_with(call, 'Attach') THEN 'narrow' ELSE 'widen' END
                      WHEN call IN ('AttachRolePolicy', 'AttachUserPolicy', 'AddUserToGroup') THEN 'widen'
                      WHEN call IN ('DeleteRolePolicy', 'DeleteUserPolicy') AND asked.policyName = 'AWSRevokeOlderSessions' THEN 'widen'
                      WHEN call IN ('DetachRolePolicy', 'DeleteRolePolicy', 'DetachUserPolicy', 'DeleteUserPolicy',
                                    'RemoveUserFromGroup') THEN 'narrow'
                      WHEN call NOT IN ('PutRolePolicy', 'PutUserPolicy') THEN NULL
                      WHEN asked.policyName = 'AWSRevokeOlderSessions' OR (asked.policyDocument LIKE '%aws:TokenIssueTime%'
                          AND asked.policyDocument LIKE '%DateLessThan%' AND asked.policyDocument LIKE '%Deny%') THEN 'cut off'
                      WHEN asked.policyDocument LIKE '%Deny%' AND asked.policyDocument NOT LIKE '%Allow%' THEN 'narrow'
                      ELSE 'widen'"""
"""The rest of a CASE over the calls of IAM: whom a role trusts (`trust`), what is allowed more (`widen`) or less (`narrow`), whose sessions end (`cut off`)."""

ALLOWED = """CASE WHEN meaning = 'session' AND nullif(asked.policyArns, '[]') IS NULL AND document IS NOT NULL
                THEN list_filter(from_json(CASE WHEN json_type(document, '$.Statement') = 'ARRAY'
                     THEN json_extract(document, '$.Statement') ELSE json_array(json_extract(document, '$.Statement')) END,
                     '[{"Effect": "VARCHAR", "Action": "VARCHAR", "NotAction": "VARCHAR"}]'), lambda s: s.Effect = 'Allow') END"""
"""The statements of a session policy that allow something; NULL where it is not all that the session may have."""

ACTIONS = """list_sort(list_distinct(flatten(list_transform(allowed, lambda s: CASE WHEN starts_with(s.Action, '[')
                 THEN coalesce(TRY(from_json(s.Action, '["VARCHAR"]')), []) ELSE [s.Action] END))))"""
"""The actions of these statements."""

TRUSTED = """list_sort(list_distinct(regexp_extract_all(
            to_json(json_extract(document, '$..Principal'))::VARCHAR, '"([^"]*)"(?:[],}]|$)', 1)))"""
"""Whom a trust policy names."""

ISSUED_BEFORE = """nullif(regexp_extract(to_json(json_extract(document, '$..aws:TokenIssueTime'))::VARCHAR,
            '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d[.0-9]*(?:Z|[+-]\\d\\d:?\\d\\d)'), '')"""
"""The time before which a session was issued that the policy ends."""
