"""What the store keeps for itself, so that a load costs what is new and not what is there.

Nothing here is evidence: each table can be made again from the canonical ones.
"""

from grantlens.schema.table import Column, Table

META = Table(
    "meta",
    "What this store is: schema version, who made it, the key under which raw tokens are hashed.",
    (
        Column("name", "VARCHAR", "Name of the fact.", required=True),
        Column("value", "VARCHAR", "Its value.", required=True),
    ),
)

EVENT_KEY = Table(
    "event_key",
    "64-bit hash of (source, event id) of each kept call: finds what may be a duplicate without reading the ids of all rows.",
    (Column("event_key", "UBIGINT", "Hash, keyed with the store's token key.", required=True),),
)

ACTIVITY = Table(
    "activity",
    "Events per minute of each stream: what coverage and clock grid are computed from.",
    (
        Column("batch_id", "INTEGER", "See table batch.", required=True),
        Column("source", "VARCHAR", "The loader.", required=True),
        Column("tenant", "VARCHAR", "Tenant, as logged."),
        Column("log", "log_t", "issuance, usage or revocation.", required=True),
        Column("minute", "TIMESTAMPTZ", "Start of the minute.", required=True),
        Column("records", "BIGINT", "Rows kept.", required=True),
        Column("first_event", "TIMESTAMPTZ", "Earliest event in the minute.", required=True),
        Column("last_event", "TIMESTAMPTZ", "Latest event in the minute.", required=True),
        Column("whole_seconds", "BOOLEAN", "True where every time is a whole second.", required=True),
    ),
)

CALLER_FIRST = Table(
    "caller_first",
    "First use by each caller, per batch: what clock offsets are estimated from.",
    (
        Column("batch_id", "INTEGER", "See table batch.", required=True),
        Column("caller_id", "INTEGER", "See usage_caller.", required=True),
        Column("first_used_at", "TIMESTAMPTZ", "Earliest call of this caller in the batch.", required=True),
    ),
)
