"""The side tables that the organisation brings: register, server, identities, clocks, review snapshots."""

from grantlens.schema.table import Column, Table

REGISTER = Table(
    "register",
    "The organisation's own list of connections.",
    (
        Column("client_id", "VARCHAR", "The client.", required=True),
        Column("name", "VARCHAR", "What people call it."),
        Column("kind", "VARCHAR", "integration, agent, mcp_tool, service or other."),
        Column("owner", "VARCHAR", "Who answers for it."),
        Column("purpose", "VARCHAR", "What it is for."),
        Column(
            "approved_operations",
            "VARCHAR[]",
            "Operations as findings print them; * is a glob. NULL means none were named.",
        ),
        Column("approved_scopes", "VARCHAR[]", "Scopes it may hold. NULL means none were named."),
        Column("status", "VARCHAR", "active, retired or planned."),
        Column(
            "exceptions",
            "STRUCT(rule VARCHAR, reason VARCHAR, until TIMESTAMPTZ)[]",
            "Findings accepted for a time, with reason.",
        ),
        Column("registered_at", "TIMESTAMPTZ", "Date of the entry; its age is reported."),
    ),
)

SERVER = Table(
    "server",
    "What is known of a resource server's enforcement.",
    (
        Column("resource_server", "VARCHAR", "As in usage.", required=True),
        Column("validation", "validation_t", "How it checks tokens."),
        Column("cache_seconds", "DOUBLE", "How long it caches an introspection answer."),
        Column("bound_seconds", "DOUBLE", "Documented bound for a revocation to take effect."),
        Column("leeway_seconds", "DOUBLE", "Leeway after expiry; 60 where not given."),
    ),
)

IDENTITY = Table(
    "identity",
    "Which ids of which logs are one client, one person or one resource server: ids of two sources are equal only if a row here says so.",
    (
        Column("kind", "VARCHAR", "client, subject or server.", required=True),
        Column("name", "VARCHAR", "The one name under which the ids are known.", required=True),
        Column("source", "VARCHAR", "The source that knows the id, as in the logs.", required=True),
        Column(
            "id",
            "VARCHAR",
            "The client_id or subject_id, or a server's name as a call or an audience, as that source's log has it.",
            required=True,
        ),
    ),
)

STATED_CLOCK = Table(
    "stated_clock",
    "How exact the clocks of a source are, as the organisation states it; without a row, see table clock.",
    (
        Column("source", "VARCHAR", "The source, as in the logs.", required=True),
        Column("tenant", "VARCHAR", "Its tenant; all of them where not given."),
        Column("log", "log_t", "issuance, usage or revocation; all three where not given."),
        Column("error_seconds", "DOUBLE", "How far a time stamp may be from the truth, either way.", required=True),
        Column(
            "offset_seconds",
            "DOUBLE",
            "How far the stamps are ahead of the truth, negative where behind; 0 where not given.",
        ),
    ),
)

REVIEW_SNAPSHOT = Table(
    "review_snapshot",
    "Dates on which an access review read the list of grants.",
    (Column("reviewed_at", "TIMESTAMPTZ", "When the list was read.", required=True),),
)
