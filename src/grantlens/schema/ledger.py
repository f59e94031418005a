"""The tables that account for what was loaded: files, rejected records, and the stretches they cover."""

from grantlens.schema.table import Column, Table

BATCH = Table(
    "batch",
    "One loaded file.",
    (
        Column("batch_id", "INTEGER", "Key inside this store, ascending with loading.", required=True),
        Column("path", "VARCHAR", "Path as given.", required=True),
        Column("sha256", "VARCHAR", "Hash of the file's bytes.", required=True),
        Column("bytes", "BIGINT", "Size of the file.", required=True),
        Column("loader", "VARCHAR", "Name of the loader; NULL for an empty file."),
        Column("loader_version", "INTEGER", "Version of the loader."),
        Column("records", "BIGINT", "Records in the file.", required=True),
        Column("issuance", "BIGINT", "Rows kept in issuance.", required=True),
        Column("usage", "BIGINT", "Rows kept in usage.", required=True),
        Column("revocation", "BIGINT", "Rows kept in revocation.", required=True),
        Column(
            "ignored",
            "BIGINT",
            "Records that say nothing about access, by the reasons in table ignored.",
            required=True,
        ),
        Column("duplicates", "BIGINT", "Rows that were already there.", required=True),
        Column("rejected", "BIGINT", "Records kept aside, see table rejected.", required=True),
        Column("first_event", "TIMESTAMPTZ", "Earliest event of the file."),
        Column("last_event", "TIMESTAMPTZ", "Latest event of the file."),
        Column("loaded_at", "TIMESTAMPTZ", "When it was loaded.", required=True),
        Column("note", "VARCHAR", "What a reader should know: empty file, truncated at a known cap."),
    ),
)

IN_VAIN = "issuance + usage + revocation + duplicates = 0 AND rejected > 0"
"""Of a file that was read so, nothing is known but that it was not understood: read again, in another way, it may be.
It is taken out when the same bytes come again, or a file of its name that begins with them."""

READ_AGAIN = """batch_id IN (
    SELECT batch_id FROM batch
    QUALIFY issuance + usage + revocation + duplicates > 0
        AND issuance + usage + revocation + duplicates <= max(duplicates) OVER (
            PARTITION BY path ORDER BY batch_id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING))"""
"""Of a batch: whether its file, mended or grown, was loaded again under its name with all that it gave. What was rejected of it
was then read, or rejected again, and is counted there."""

IGNORED = Table(
    "ignored",
    "Why records of a file were ignored, counted.",
    (
        Column("batch_id", "INTEGER", "See table batch.", required=True),
        Column("reason", "VARCHAR", "Named reason of the loader.", required=True),
        Column("records", "BIGINT", "How many.", required=True),
    ),
)

REJECTED = Table(
    "rejected",
    "One bad record, kept aside.",
    (
        Column("batch_id", "INTEGER", "See table batch.", required=True),
        Column("line_no", "BIGINT", "Line or record number, from 1.", required=True),
        Column("reason", "VARCHAR", "What is wrong with it.", required=True),
        Column(
            "excerpt",
            "VARCHAR",
            "Its first 200 characters, secrets masked; NULL after a thousand of one reason on end, or if it was forgotten.",
        ),
    ),
)

OTHER_PATH = Table(
    "other_path",
    "Another path under which the bytes of a loaded file came again: where they are, if the file was moved since.",
    (
        Column("batch_id", "INTEGER", "See table batch.", required=True),
        Column("path", "VARCHAR", "Path as given.", required=True),
    ),
)

FORGOTTEN = Table(
    "forgotten",
    "Calls of a loaded file that were taken out of the store again.",
    (
        Column("batch_id", "INTEGER", "See table batch.", required=True),
        Column("before", "TIMESTAMPTZ", "Calls before it were taken out.", required=True),
        Column("calls", "BIGINT", "How many of this file.", required=True),
        Column("forgotten_at", "TIMESTAMPTZ", "When that was done.", required=True),
    ),
)

UNLOADED = Table(
    "unloaded",
    "A loaded file that was taken out of the store again, as if it had never been loaded.",
    (
        Column("path", "VARCHAR", "Path as given.", required=True),
        Column("sha256", "VARCHAR", "Hash of the file's bytes.", required=True),
        Column("bytes", "BIGINT", "Size of the file.", required=True),
        Column("loader", "VARCHAR", "Name of the loader; NULL for an empty file."),
        Column("records", "BIGINT", "Records in the file.", required=True),
        Column("rows", "BIGINT", "Rows of the three logs that came of it.", required=True),
        Column("unloaded_at", "TIMESTAMPTZ", "When that was done.", required=True),
    ),
)

COVERAGE = Table(
    "coverage",
    "A stretch of time for which a log is really there, or a gap in it. Rebuilt at each load.",
    (
        Column("source", "VARCHAR", "The loader.", required=True),
        Column("tenant", "VARCHAR", "Tenant, as logged."),
        Column("log", "log_t", "issuance, usage or revocation.", required=True),
        Column("covered_from", "TIMESTAMPTZ", "Start of the stretch.", required=True),
        Column("covered_until", "TIMESTAMPTZ", "End of the stretch, exclusive.", required=True),
        Column("is_gap", "BOOLEAN", "True for a silence too long to be chance (INT-5).", required=True),
        Column("records", "BIGINT", "Rows of this log in the stretch.", required=True),
        Column(
            "note",
            "VARCHAR",
            "Why it is a gap; of a stretch which gaps can hide in the log, and why it begins or ends there.",
        ),
        Column(
            "in_part",
            "BOOLEAN",
            "True where the log shows only some of what happened: a row is a fact, its silence proves nothing.",
            required=True,
        ),
        Column(
            "is_far",
            "BOOLEAN",
            "True for records that are years from the rest of the log: a window without ends leaves them out.",
            required=True,
        ),
    ),
)

DECLARED = Table(
    "declared",
    "What the loader of a source declares of its logs, written at each load: what rules could not see otherwise.",
    (
        Column("source", "VARCHAR", "The loader.", required=True),
        Column(
            "issuance_usage",
            "VARCHAR",
            "How surely a call joins its issue: token, session, grant, client and subject, or none; NULL if not said.",
        ),
        Column("keys_end", "BOOLEAN", "True if no call can name a key that has no end.", required=True),
        Column("actors", "VARCHAR", "What actor_chain is: nested, as in RFC 8693; NULL if something else or not said."),
        Column(
            "keys_begin",
            "BOOLEAN",
            "True if an issue of kind credential is always the making of its key.",
            required=True,
        ),
        Column(
            "giving_shown",
            "BOOLEAN",
            "True if all that gives access, or gives it back, is shown where what takes it away is, though only some tokens are.",
            required=True,
        ),
    ),
)

CLOCK = Table(
    "clock",
    "What the logs themselves tell of the clock behind a source: one row a source, tenant and log.",
    (
        Column("source", "VARCHAR", "The loader.", required=True),
        Column("tenant", "VARCHAR", "Tenant, as logged."),
        Column("log", "log_t", "issuance, usage or revocation.", required=True),
        Column(
            "grid_s",
            "DOUBLE",
            "Width of the time stamps in seconds: 1 where all are whole seconds, else 0.",
            required=True,
        ),
        Column("error_s", "DOUBLE", "Error that is assumed of the clock, in seconds.", required=True),
        Column(
            "offset_s",
            "DOUBLE",
            "Offset that is applied, in seconds; 0 unless most causal pairs agree (INT-6).",
            required=True,
        ),
        Column("estimated_offset_s", "DOUBLE", "Offset estimated from causal pairs, reported only."),
    ),
)
