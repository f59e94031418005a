"""The usage table: one logged call.

A call is stored in three parts, since in a log of millions of calls the same caller and the same
target return again and again: `usage_row` (the call), `usage_caller` (who called, with which
credential, from where) and `usage_target` (what was called). The view `usage` joins them back to
the canonical columns. Rules decide once per caller and target, not once per call.
"""

from dataclasses import replace

from grantlens.schema.evidence import EVIDENCE, ORIGIN, POINTER
from grantlens.schema.table import Column, Table

_CALL = (
    Column("used_at", "TIMESTAMPTZ", "Start of the call, event time, UTC.", required=True),
    Column("ended_at", "TIMESTAMPTZ", "End of the call."),
    Column("outcome", "outcome_t", "success is every 2xx; a 200 with an error inside is error.", required=True),
    Column("status", "SMALLINT", "HTTP status or its like."),
    Column("denial_reason", "denial_reason_t", "Why it was refused: token, scope, policy, rate or other."),
)
_CALLER = (
    Column("token_id", "VARCHAR", "Id or hash of the token used; never the token."),
    Column("grant_id", "VARCHAR", "The grant, if the log names it."),
    Column("session_id", "VARCHAR", "Session the call belongs to."),
    Column("client_id", "VARCHAR", "The client: app, agent or tool."),
    Column("client_name", "VARCHAR", "Display name; written by strangers, never a key."),
    Column("subject_id", "VARCHAR", "On whose behalf; NULL also where the client acts for itself."),
    Column("subject_name", "VARCHAR", "Display name of the subject; never a key."),
    Column("actor_chain", "VARCHAR[]", "Actors of a delegation, the current one first."),
    Column("token_scopes", "VARCHAR[]", "Scopes of the token, where the log repeats them."),
    Column("token_issued_at", "TIMESTAMPTZ", "When the token was issued, where the log repeats it."),
)
_TARGET = (
    Column("resource_server", "VARCHAR", "The API that was called: a host, or the name the log gives it."),
    Column("method", "VARCHAR", "HTTP method."),
    Column("target", "VARCHAR", "Path (without query) or object, as logged."),
    Column("operation", "VARCHAR", "Operation name, where the log gives one: RPC, method id, tool."),
)
_RESOURCE = (
    Column("resource_id", "VARCHAR", "Object acted on, if named apart."),
    Column("resource_tenant", "VARCHAR", "Tenant the object belongs to."),
)
_BINDING = (
    Column(
        "validation", "validation_t", "How the resource server checked the token: offline, introspection, cached, push."
    ),
    Column("dpop_jkt", "VARCHAR", "Thumbprint of the key that proved possession (RFC 9449)."),
)
_MEASURE = (
    Column("tool_call_id", "VARCHAR", "Tool call of an agent that led here."),
    Column("response_bytes", "BIGINT", "Size of the answer."),
)
_PLACE = (
    Column("ip", "VARCHAR", "Address of the caller."),
    Column("user_agent", "VARCHAR", "User agent of the caller, as sent."),
)

USAGE = Table(
    "usage",
    "One logged call.",
    _CALL + _CALLER + _TARGET + _RESOURCE + _BINDING + _MEASURE + _PLACE + EVIDENCE,
)
"""The canonical columns, as loaders give them and the view `usage` shows them."""

USAGE_CALLER = Table(
    "usage_caller",
    "Who called, with which credential, from where: one row for each combination that occurs.",
    (
        Column("caller_id", "INTEGER", "Key inside this store.", required=True),
        *ORIGIN,
        *_CALLER,
        Column(
            "resource_server",
            "VARCHAR",
            "The API that was called, as in usage_target: lag and validation belong to it.",
        ),
        *_BINDING,
        Column("resource_tenant", "VARCHAR", "Tenant the object belongs to."),
        *_PLACE,
    ),
)

USAGE_TARGET = Table(
    "usage_target",
    "What was called: one row for each combination that occurs.",
    (Column("target_id", "INTEGER", "Key inside this store.", required=True), *_TARGET),
)

# Event ids are as good as random: trying to compress them costs a tenth of a load and saves half of their room.
USAGE_ROW = Table(
    "usage_row",
    "One logged call, in keys.",
    (
        Column("usage_id", "BIGINT", "Key inside this store, ascending with loading.", required=True),
        *_CALL,
        Column("caller_id", "INTEGER", "See usage_caller.", required=True),
        Column("target_id", "INTEGER", "See usage_target.", required=True),
        Column("resource_id", "VARCHAR", "Object acted on, if named apart."),
        *_MEASURE,
        *(replace(column, storage="uncompressed") if column.name == "event_id" else column for column in POINTER),
    ),
)

USAGE_VIEW = (
    "SELECT "
    + ", ".join(
        f"u.{name}" if name in USAGE_ROW.names else f"t.{name}" if name in USAGE_TARGET.names else f"c.{name}"
        for name in USAGE.names
    )
    + ", u.usage_id, u.caller_id, u.target_id\n"
    "FROM usage_row u JOIN usage_caller c USING (caller_id) JOIN usage_target t USING (target_id)"
)
"""The canonical shape, restored."""
