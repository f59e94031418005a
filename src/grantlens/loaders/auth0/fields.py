"""Auth0: which fields are read, around which shapes, and how lists and times are written."""

EVENT = """{
    "log_id": "VARCHAR", "_id": "VARCHAR", "date": "VARCHAR", "type": "VARCHAR", "description": "VARCHAR",
    "client_id": "VARCHAR", "client_name": "VARCHAR", "user_id": "VARCHAR", "user_name": "VARCHAR",
    "agent_id": "VARCHAR", "external_agent_id": "VARCHAR", "connection": "VARCHAR", "ip": "VARCHAR", "user_agent": "VARCHAR", "tenant_name": "VARCHAR",
    "scope": "VARCHAR", "audience": "VARCHAR",
    "details": {
        "session_id": "VARCHAR", "access_token_jti": "VARCHAR", "actor": "JSON", "requested_scope": "VARCHAR", "scope": "VARCHAR",
        "familyId": "VARCHAR", "tokenCounter": "VARCHAR", "latestCounter": "VARCHAR", "failure_reason": "VARCHAR",
        "refresh_token": "JSON", "credential_id": "VARCHAR", "grant_id": "VARCHAR",
        "prompts": [{"grantInfo": {"id": "VARCHAR", "audience": "VARCHAR", "scope": "VARCHAR"}}],
        "qs": {"client_id": "VARCHAR", "scope": "VARCHAR", "audience": "VARCHAR", "response_type": "VARCHAR"},
        "error": {"oauthError": "VARCHAR"},
        "request": {"method": "VARCHAR", "path": "VARCHAR",
            "auth": {"user": {"user_id": "VARCHAR", "name": "VARCHAR"},
                "credentials": {"jti": "VARCHAR", "scopes": "VARCHAR"}},
            "query": {"user_id": "VARCHAR"},
            "body": {"client_id": "VARCHAR", "user_id": "VARCHAR", "audience": "VARCHAR", "scope": "VARCHAR",
                "blocked": "VARCHAR", "ids": "VARCHAR", "session_id": "VARCHAR", "preserve_refresh_tokens": "VARCHAR"}},
        "response": {"statusCode": "VARCHAR",
            "body": {"id": "VARCHAR", "client_id": "VARCHAR", "audience": "VARCHAR", "scope": "VARCHAR"}}}
}"""


# The shape that most files have. What does not fit is handed to `ANY_SHAPE`.
STREAM_SHAPE = """
SELECT line_no, r.log_id AS outer_id, NULL::VARCHAR AS delivered, r.data AS e
FROM record
WHERE r.data.type IS NOT NULL AND r.data.date IS NOT NULL
"""

FLAT_SHAPE = """
SELECT line_no, NULL::VARCHAR AS outer_id, NULL::VARCHAR AS delivered, r AS e
FROM record
WHERE r.type IS NOT NULL AND r.date IS NOT NULL
"""

ANY_SHAPE = f"""
SELECT line_no, outer_id, delivered, from_json(event, '{EVENT}') AS e
FROM (
    SELECT line_no, delivered, inside ->> '$.log_id' AS outer_id,
           CASE WHEN json_type(inside, '$.data') = 'OBJECT' THEN inside -> '$.data' ELSE inside END AS event
    FROM (
        SELECT line_no,
               CASE WHEN json_type(r, '$.detail') = 'OBJECT' THEN r ->> '$.time' END AS delivered,
               CASE WHEN json_type(r, '$.detail') = 'OBJECT' THEN r -> '$.detail'
                    WHEN json_type(r, '$.json') = 'OBJECT' THEN r -> '$.json'
                    WHEN json_type(r, '$.event.original') = 'VARCHAR' THEN TRY_CAST(r ->> '$.event.original' AS JSON)
                    WHEN json_type(r, '$.message') = 'VARCHAR' AND json_type(r, '$.type') IS NULL
                    THEN TRY_CAST(r ->> '$.message' AS JSON)
                    ELSE r END AS inside
        FROM record
        WHERE json_type(r) = 'OBJECT'
    )
)
"""


def scopes(text: str) -> str:
    """Return SQL that reads scopes: a list, or a text with blanks."""
    return f"""CASE WHEN starts_with({text}, '[') THEN TRY(from_json({text}, '["VARCHAR"]'))
            WHEN trim({text}) <> '' THEN list_filter(string_split({text}, ' '), lambda s: s <> '') END"""


def listed(codes: str) -> str:
    """Return SQL that lists these codes."""
    return "(" + ", ".join(f"'{code}'" for code in codes.split()) + ")"
