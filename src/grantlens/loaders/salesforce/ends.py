"""What ends access: logouts, and what administrators delete, block or deactivate."""

REVOCATION = """
SELECT line_no, event_id, happened_at AS revoked_at, received_at,
       CASE WHEN Action IN ('deleteApplication', 'blockConnectedApplication', 'deactivateduser') THEN 'disable'
            WHEN Action IN ('unblockConnectedApplication', 'activateduser') THEN 'enable' WHEN timed_out THEN 'expiry' ELSE 'revoke' END AS kind,
       'success' AS outcome,
       CASE WHEN means = 'person end' THEN 'subject' WHEN is_setup THEN 'client'
            WHEN key_of_login IS NULL AND person IS NOT NULL THEN 'token' ELSE 'session' END AS target_kind,
       CASE WHEN NOT is_setup THEN key_of_session END AS token_id,
       CASE WHEN NOT is_setup THEN key_of_login END AS session_id,
       CASE WHEN is_setup THEN client_id END AS client_id, CASE WHEN is_setup THEN client_id END AS client_name,
       CASE WHEN is_setup THEN named_person ELSE person END AS subject_id,
       CASE WHEN NOT is_setup THEN person_name END AS subject_name,
       CASE WHEN is_setup THEN 'admin' WHEN timed_out THEN 'system' WHEN USER_INITIATED_LOGOUT = '1' THEN 'user' END AS initiator,
       CASE WHEN is_setup OR timed_out OR NOT is_unasked THEN coalesce(nullif(DelegateUser, ''), person) END AS actor_id,
       CASE WHEN EVENT_TYPE = 'Logout' AND person IS NULL THEN 'Logout: several sessions at once'
            WHEN is_unasked AND NOT timed_out THEN 'Logout: revoked or timed out'
            ELSE coalesce(Action, EVENT_TYPE, 'LogoutEvent') END AS reason
FROM (SELECT *, coalesce(USER_INITIATED_LOGOUT = '0', false) AS is_unasked,
             is_unasked AND person IS NOT NULL AND coalesce(APP_TYPE, '') <> '2514' AS timed_out
      FROM known WHERE means IN ('logout', 'end') OR (means = 'person end' AND named_person IS NOT NULL))
"""
