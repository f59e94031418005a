"""What is called: SOAP, REST and Bulk calls, and results of bulk jobs that were fetched."""

# SOAP calls have no status: one that failed has a message.
USAGE = """
SELECT line_no, event_id, happened_at AS used_at, received_at,
       CASE WHEN is_stream THEN CASE WHEN PolicyOutcome = 'Block' THEN 'denied' ELSE 'success' END
            WHEN http_status BETWEEN 200 AND 299 THEN 'success'
            WHEN http_status IN (401, 403, 429) THEN 'denied'
            WHEN http_status IS NOT NULL THEN 'error'
            WHEN REQUEST_STATUS IN ('S', 'Success') THEN 'success'
            WHEN REQUEST_STATUS = 'A' THEN 'denied'
            WHEN REQUEST_STATUS <> '' THEN 'error'
            WHEN SUCCESS IN ('1', 'true') OR JOB_STATUS = 'JobComplete' THEN 'success'
            WHEN SUCCESS <> '' OR JOB_STATUS IN ('Failed', 'Aborted') THEN 'error'
            WHEN EVENT_TYPE = 'API' THEN CASE WHEN EXCEPTION_MESSAGE <> '' THEN 'error' ELSE 'success' END END AS outcome,
       CASE WHEN http_status BETWEEN 0 AND 999 THEN http_status::SMALLINT END AS status,
       CASE WHEN is_stream AND PolicyOutcome = 'Block' THEN 'policy'
            WHEN http_status = 401 THEN 'token' WHEN http_status = 403 THEN 'other' WHEN http_status = 429 THEN 'rate'
            END AS denial_reason,
       key_of_session AS token_id, key_of_login AS session_id,
       client_id,
       coalesce(CASE WHEN is_stream THEN nullif(nullif(Application, ''), 'N/A') END, nullif(CONNECTED_APP_NAME, ''), nullif(CLIENT_NAME, ''))
           AS client_name,
       person AS subject_id, person_name AS subject_name,
       CASE WHEN API_CLIENT_CATEGORY = 'AGENTFORCE_AGENT' AND BOT_IDENTIFIER <> '' THEN [BOT_IDENTIFIER] END AS actor_chain,
       'salesforce' AS resource_server,
       upper(coalesce(nullif(HTTP_METHOD, ''), nullif(METHOD, ''))) AS method,
       split_part(coalesce(nullif(API_RESOURCE, ''), nullif(URI, '')), '?', 1) AS target,
       coalesce(Operation, nullif(METHOD_NAME, ''), nullif(OPERATION_TYPE, ''), CASE WHEN is_stream THEN 'BulkApiResult' END) AS operation,
       coalesce(QueriedEntities, nullif(JOB_ID, ''), nullif(ENTITY_NAME, ''), nullif(ENTITY_TYPE, '')) AS resource_id,
       CASE WHEN TRY_CAST(RESPONSE_SIZE AS BIGINT) >= 0 THEN TRY_CAST(RESPONSE_SIZE AS BIGINT) END AS response_bytes,
       ip, coalesce(UserAgent, nullif(USER_AGENT, ''), nullif(BROWSER_TYPE, '')) AS user_agent
FROM known
WHERE means = 'call'
"""
