"""One file on its way through the store: parse each chunk once, stage it, keep what is good, account for the rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from grantlens.engine.duckdb import quote
from grantlens.ingest.chunk import Chunk
from grantlens.ingest.dictionary import CALLERS, TARGETS
from grantlens.ingest.duplicates import Duplicates
from grantlens.ingest.mapping import Staging, record_sql, staging, time_of, with_steps
from grantlens.ingest.raw_tokens import hash_tokens
from grantlens.ingest.secrecy import masked
from grantlens.ingest.unknown_keys import refuse_unknown_keys
from grantlens.schema import LOGS, USAGE_ROW

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine
    from grantlens.ingest.account import Account
    from grantlens.ingest.reading import Reading
    from grantlens.loaders import Loader

DERIVED_GRANT = (
    "CASE WHEN grant_id IS NULL AND client_id IS NOT NULL THEN 'derived:' || md5(to_json([source, tenant, client_id, subject_id, "
    "array_to_string(list_sort(audience), ' ')])::VARCHAR) ELSE grant_id END"
)
"""Where the provider names no grant: (source, tenant, client, subject, resource)."""

TOKEN_COLUMNS = ("token_id", "parent_token_id", "session_id")


class Pipeline:
    """Takes the chunks of one file.

    Parameters
    ----------
    engine
        The open store, inside a transaction.
    loader
        The loader of the file.
    account
        Where everything is counted.
    reading
        The opened file.
    """

    def __init__(self, engine: Engine, loader: Loader, account: Account, reading: Reading) -> None:
        self.engine = engine
        self.loader = loader
        self.account = account
        self.reading = reading
        self._salt = engine.value("SELECT value FROM meta WHERE name = 'token_key'")
        self._parameters = {"source": loader.name, "salt": self._salt, "batch": account.batch_id}
        self._stagings: dict[int, dict[str, Staging]] = {}
        self._usage_id = engine.value("SELECT coalesce(max(usage_id), 0) FROM usage_row")
        self._duplicates = Duplicates(engine, account, self._parameters)
        self._run(
            "CREATE OR REPLACE TEMP TABLE file_activity AS SELECT source, tenant, log, minute, records, first_event, last_event, "
            "whole_seconds FROM activity LIMIT 0"
        )
        self._run("CREATE OR REPLACE TEMP TABLE file_caller AS SELECT caller_id, first_used_at FROM caller_first LIMIT 0")
        self._run("CREATE OR REPLACE TEMP TABLE file_ignored (reason VARCHAR, records BIGINT)")
        for log in ("issuance", "revocation"):
            self._run(f"CREATE OR REPLACE TEMP TABLE file_{log} AS SELECT * FROM {log} LIMIT 0")
        for dictionary in (CALLERS, TARGETS):
            dictionary.remember(engine, self._salt)

    def take(self, chunk: Chunk) -> None:
        """Stage one chunk and keep its rows."""
        self.engine.register("chunk_line", chunk.lines)
        try:
            self._take(chunk)
        finally:
            self.engine.unregister("chunk_line")

    def finish(self) -> None:
        """Drop duplicates, write the logs that were held back and the bookkeeping."""
        self._duplicates.settle()
        for log in ("issuance", "revocation"):
            self._run(f"INSERT INTO {log} SELECT * FROM file_{log}")
        self._run("INSERT INTO ignored SELECT $batch, reason, sum(records) FROM file_ignored GROUP BY reason ORDER BY reason")
        self._run(
            "INSERT INTO activity SELECT $batch, source, tenant, log, minute, sum(records), min(first_event), max(last_event), "
            "bool_and(whole_seconds) FROM file_activity GROUP BY source, tenant, log, minute ORDER BY ALL"
        )
        self._run("INSERT INTO caller_first SELECT $batch, caller_id, min(first_used_at) FROM file_caller GROUP BY caller_id ORDER BY caller_id")

    def _take(self, chunk: Chunk) -> None:
        self.account.add("records", chunk.records)
        self._map(self.loader, first=self.account.counts["records"] == chunk.records)

    def _map(self, loader: Loader, *, first: bool) -> None:
        """Bring the records of `chunk_line` into the logs, ignored or rejected."""
        self._run(record_sql(loader))
        if id(loader) not in self._stagings:
            logs = [log for log in LOGS if getattr(loader, log)]
            self._stagings[id(loader)] = {log: staging(self.engine, loader, log) for log in logs}
        self._run("CREATE OR REPLACE TEMP TABLE out_line (line_no BIGINT)")
        self._run("CREATE OR REPLACE TEMP TABLE bad_line (line_no BIGINT, reason VARCHAR)")
        if loader.known_keys is not None:
            refuse_unknown_keys(self.engine, loader, self.reading.path, first=first)
        if loader.rejected:
            self._run(f"INSERT INTO bad_line SELECT line_no, reason FROM ({with_steps(loader, loader.rejected)})")
        for log, staged in self._stagings[id(loader)].items():
            self._stage(staged)
            if log == "usage":
                self._keep_usage(staged)
            else:
                self._keep(staged)
        if loader.ignored:
            self._ignore(loader)
        if loader.otherwise:
            self._hand_over(loader.otherwise, first=first)
        else:
            self._account_for_rest()

    def _hand_over(self, otherwise: Loader, *, first: bool) -> None:
        """Give the records that a loader made nothing of to the one it names for them."""
        rest = self.engine.arrow(
            "SELECT * FROM chunk_line WHERE line_no NOT IN (SELECT line_no FROM out_line) "
            "AND line_no NOT IN (SELECT line_no FROM bad_line)"
        )
        if self.engine.value("SELECT count(*) FROM bad_line"):
            self._reject()
        if len(rest):
            self.engine.unregister("chunk_line")
            self.engine.register("chunk_line", rest)
            self._map(otherwise, first=first)

    def _stage(self, staged: Staging) -> None:
        table = f"stage_{staged.log}"
        hashes = ""
        if staged.log == "usage":
            hashes = f", {CALLERS.hash_sql(staged)} AS {CALLERS.hash}, {TARGETS.hash_sql(staged)} AS {TARGETS.hash}"
        self._run(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT *{hashes} FROM ({staged.sql})")
        if self.engine.value("SELECT count(*) FROM bad_line"):
            self._run(f"DELETE FROM {table} WHERE line_no IN (SELECT line_no FROM bad_line)")
        wrong = self.engine.value(f"SELECT count(refused) FROM {table}")
        if wrong:
            self._run(f"INSERT INTO bad_line SELECT line_no, refused FROM {table} WHERE refused IS NOT NULL")
            self._run(f"DELETE FROM {table} WHERE refused IS NOT NULL")
        if "event_id" not in staged.given:
            self._run(f"ALTER TABLE {table} ADD COLUMN event_id VARCHAR")
        if self.engine.value(f"SELECT count(*) FROM {table} WHERE event_id IS NULL"):
            self._name_events(table)
        self._run(f"INSERT INTO out_line SELECT line_no FROM {table}")
        time = time_of(staged.log)
        tenant = staged.column("tenant", "VARCHAR")
        self._run(
            f"INSERT INTO file_activity SELECT source, {tenant}, '{staged.log}', time_bucket(INTERVAL 1 MINUTE, {time}), count(*), "
            f"min({time}), max({time}), bool_and(epoch_us({time}) % 1000000 = 0) FROM {table} GROUP BY ALL"
        )
        self.account.saw(*self.engine.rows(f"SELECT min({time}), max({time}) FROM {table}")[0])

    def _name_events(self, table: str) -> None:
        """Where the log names no event, the hash of the record does; several rows of one record are numbered."""
        self._run(
            f"UPDATE {table} SET event_id = n.name FROM ("
            "SELECT s.rowid AS row, 'md5:' || md5(coalesce(TRY(json(l.line))::VARCHAR, l.line)) || "
            "CASE WHEN count(*) OVER same > 1 THEN '#' || row_number() OVER (PARTITION BY s.line_no ORDER BY s.rowid) ELSE '' END AS name "
            f"FROM {table} s JOIN chunk_line l USING (line_no) WHERE s.event_id IS NULL WINDOW same AS (PARTITION BY s.line_no)"
            f") n WHERE {table}.rowid = n.row"
        )

    def _keep_usage(self, staged: Staging) -> None:
        row, rows, last = self.engine.rows("SELECT min(rowid), count(*), max(rowid) FROM stage_usage")[0]
        if not rows:
            return
        shift = self._usage_id + 1 - row  # row ids of an uncommitted table begin anywhere
        CALLERS.encode(self.engine, staged, self._salt)
        TARGETS.encode(self.engine, staged, self._salt)
        types = {column.name: column.type for column in USAGE_ROW.columns}
        special = {
            "usage_id": f"{shift} + s.rowid",
            "caller_id": "c.id",
            "target_id": "t.id",
            "batch_id": "$batch",
            "line_no": self._line("s"),
            "event_id": "s.event_id",
        }
        values = ", ".join(special.get(name) or staged.column(name, types[name]) for name in USAGE_ROW.names)
        self._run(
            f"INSERT INTO usage_row SELECT {values} FROM stage_usage s JOIN chunk_usage_caller c ON c.hash = s.{CALLERS.hash} "
            f"JOIN chunk_usage_target t ON t.hash = s.{TARGETS.hash}{self._true_lines()}"
        )
        self._run(
            f"INSERT INTO file_caller SELECT c.id, f.first FROM (SELECT {CALLERS.hash} AS hash, min(used_at) AS first FROM stage_usage "
            "GROUP BY 1) f JOIN chunk_usage_caller c USING (hash)"
        )
        self._duplicates.note_usage(shift)
        self._usage_id = shift + last
        self.account.add("usage", rows)

    def _keep(self, staged: Staging) -> None:
        table = f"stage_{staged.log}"
        hash_tokens(self.engine, table, [name for name in TOKEN_COLUMNS if name in staged.given], self._salt)
        special = {"batch_id": "$batch", "line_no": self._line("s"), "event_id": "s.event_id"}
        columns = LOGS[staged.log].columns
        values = ", ".join(f"{special.get(c.name) or staged.column(c.name, c.type)} AS {quote(c.name)}" for c in columns)
        derived = f" REPLACE ({DERIVED_GRANT} AS grant_id)" if staged.log == "issuance" else ""
        self._run(
            f"INSERT INTO file_{staged.log} SELECT *{derived} FROM (SELECT {values} FROM {table} s{self._true_lines()})"
        )
        self.account.add(staged.log, self.engine.value(f"SELECT count(*) FROM {table}"))

    def _ignore(self, loader: Loader) -> None:
        self._run(
            "CREATE OR REPLACE TEMP TABLE ignored_line AS SELECT line_no, min(reason) AS reason FROM "
            f"({with_steps(loader, loader.ignored)}) WHERE line_no NOT IN (SELECT line_no FROM out_line) "
            "AND line_no NOT IN (SELECT line_no FROM bad_line) GROUP BY line_no"
        )
        self._run("INSERT INTO file_ignored SELECT reason, count(*) FROM ignored_line GROUP BY reason")
        self._run("INSERT INTO out_line SELECT line_no FROM ignored_line")
        self.account.add("ignored", self.engine.value("SELECT count(*) FROM ignored_line"))

    def _account_for_rest(self) -> None:
        """Every record comes out of one of the logs, ignored or rejected; what does not is rejected as not mapped."""
        self._run(
            "INSERT INTO bad_line SELECT line_no, CASE WHEN r IS NULL THEN 'no JSON' ELSE 'not mapped' END FROM record "
            "WHERE line_no NOT IN (SELECT line_no FROM out_line) AND line_no NOT IN (SELECT line_no FROM bad_line)"
        )
        if self.engine.value("SELECT count(*) FROM bad_line"):
            self._reject()

    def _reject(self) -> None:
        import pyarrow as pa

        line = "l.true_line" if self.reading.shared_lines else "l.line_no"
        bad = self.engine.rows(
            f"SELECT {line}, b.reason, l.line FROM (SELECT line_no, string_agg(DISTINCT reason, '; ' ORDER BY reason) AS reason "
            "FROM bad_line GROUP BY line_no) b JOIN chunk_line l USING (line_no) ORDER BY 1"
        )
        self.account.add("rejected", len(bad))
        columns = {
            "line_no": [number for number, _, _ in bad],
            "reason": [_explained(reason, text) for _, reason, text in bad],
            "excerpt": [masked(text) for _, _, text in bad],
        }
        self.engine.register("rejected_record", pa.table(columns))
        try:
            self._run("INSERT INTO rejected SELECT $batch, line_no, reason, excerpt FROM rejected_record")
        finally:
            self.engine.unregister("rejected_record")

    def _line(self, alias: str) -> str:
        return "l.true_line" if self.reading.shared_lines else f"{alias}.line_no"

    def _true_lines(self) -> str:
        return " JOIN chunk_line l ON l.line_no = s.line_no" if self.reading.shared_lines else ""

    def _run(self, sql: str) -> None:
        self.engine.execute(sql, self._parameters)


def _explained(reason: str, text: str) -> str:
    """Say where a record is no JSON, and what it is instead of an object."""
    if reason not in ("no JSON", "not mapped"):
        return masked(reason)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        return f"no JSON: {error.msg} at column {error.colno}"
    except RecursionError:
        return "no JSON: nested too deeply"
    if not isinstance(value, dict):
        return "no JSON object"
    return reason
