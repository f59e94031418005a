"""The side tables that the organisation brings: register, server, identities, clocks, decisions, types of authorization details, review snapshots."""

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
        Column(
            "approved_scopes",
            "VARCHAR[]",
            "Scopes it may hold: the list of grants names those beyond them. NULL means none were named.",
        ),
        Column("status", "VARCHAR", "active, retired or planned."),
        Column(
            "exceptions",
            "STRUCT(rule VARCHAR, reason VARCHAR, until TIMESTAMPTZ)[]",
            "Findings accepted for a time, with reason.",
        ),
        Column("registered_at", "TIMESTAMPTZ", "Date of the entry; its age is reported."),
        Column(
            "networks",
            "STRUCT(network VARCHAR, first_address VARCHAR, last_address VARCHAR)[]",
            "Networks and addresses from which it calls; from others it may call too. NULL means none were named.",
        ),
        Column(
            "approved_tenants",
            "VARCHAR[]",
            "Other tenants that share what is theirs with it. NULL means nobody said which.",
        ),
        Column(
            "approved_hours",
            "STRUCT(written VARCHAR, weekday TINYINT, from_minute SMALLINT, until_minute SMALLINT, zone VARCHAR)[]",
            "When it works. NULL means at any time.",
        ),
        Column(
            "approved_resources",
            "VARCHAR[]",
            "Objects it may work on, as calls name them; * is a glob. NULL means none were named.",
        ),
        Column("calls_per_day", "BIGINT", "How many calls it makes on a day at most. NULL means nobody said."),
    ),
)

SERVER = Table(
    "server",
    "What is known of a resource server: how it enforces, and what it offers.",
    (
        Column("resource_server", "VARCHAR", "As in usage.", required=True),
        Column("validation", "validation_t", "How it checks tokens."),
        Column("cache_seconds", "DOUBLE", "How long it caches an introspection answer."),
        Column("bound_seconds", "DOUBLE", "Documented bound for a revocation to take effect."),
        Column("leeway_seconds", "DOUBLE", "Leeway after expiry; 60 where not given."),
        Column("scopes_supported", "VARCHAR[]", "The scopes that it lists, as its metadata names them (RFC 9728)."),
        Column(
            "accepts",
            "VARCHAR[]",
            "Whose tokens it accepts: the source of the log that issues them, or source/tenant.",
        ),
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

DECISION = Table(
    "decision",
    "Which access was to be revoked, or to be kept, and since when that is decided.",
    (
        Column("decided_at", "TIMESTAMPTZ", "When it was decided.", required=True),
        Column(
            "decision",
            "decision_t",
            "revoke, or keep, which takes an earlier revoke of the same access back.",
            required=True,
        ),
        Column("source", "VARCHAR", "The source that knows the ids, as in the logs; any where not given."),
        Column("tenant", "VARCHAR", "Its tenant; any where not given."),
        Column(
            "client_id",
            "VARCHAR",
            "The client that is to lose its access: from all subjects, where no subject is given.",
        ),
        Column(
            "subject_id", "VARCHAR", "The subject whose access is meant: that of all clients, where no client is given."
        ),
        Column("grant_id", "VARCHAR", "The one grant that is meant."),
        Column("token_id", "VARCHAR", "The one token or key that is meant."),
        Column("cause", "cause_t", "Why it must go: compromise, leaver, retired or review."),
        Column("within_hours", "DOUBLE", "How long it may take; by the cause where not given: see rule REV-10."),
        Column("decided_by", "VARCHAR", "Who decided it."),
        Column("reference", "VARCHAR", "Where it is written down, such as the number of a ticket."),
    ),
)

DETAILS_TYPE = Table(
    "details_type",
    "What the types of rich authorization details mean (RFC 9396): which operations an object of a type permits, and what it permits where it lacks a member.",
    (
        Column("type", "VARCHAR", "The type, as objects name it.", required=True),
        Column("source", "VARCHAR", "The source whose objects have this meaning; any where not given."),
        *(
            Column(
                f"absent_{member}",
                "VARCHAR",
                f"What an object without `{member}` permits: any or none. NULL means that nobody said.",
            )
            for member in ("actions", "locations", "datatypes", "identifier")
        ),
        Column(
            "passed_over",
            "VARCHAR[]",
            "Other members that restrict nothing of what these operations do. An object with one that is not named here is not known to permit anything.",
        ),
        Column(
            "operations",
            "STRUCT(operation VARCHAR, action VARCHAR, datatype VARCHAR)[]",
            "Operations that nothing permits but an object of this type, or of another that names them too: as findings print them or as the call was "
            "logged, * is a glob; and which action and datatype each is in the words of the type.",
        ),
    ),
)

REVIEW_SNAPSHOT = Table(
    "review_snapshot",
    "Dates on which an access review read the list of grants.",
    (Column("reviewed_at", "TIMESTAMPTZ", "When the list was read.", required=True),),
)
