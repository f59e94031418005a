"""The columns that every canonical row carries: where it came from, and where its bytes are."""

from grantlens.schema.table import Column

ORIGIN = (
    Column("source", "VARCHAR", "The loader that read the row.", required=True),
    Column("tenant", "VARCHAR", "Tenant, organisation or directory, as logged."),
)

POINTER = (
    Column(
        "event_id",
        "VARCHAR",
        "The log's own id of the event; 'md5:' and the record's hash where it has none.",
        required=True,
    ),
    Column("received_at", "TIMESTAMPTZ", "When the record was delivered, if known."),
    Column("batch_id", "INTEGER", "The loaded file, see table batch.", required=True),
    Column(
        "line_no",
        "BIGINT",
        "Line in the file; the record's number where the file is no line format. From 1.",
        required=True,
    ),
)

EVIDENCE = ORIGIN + POINTER
