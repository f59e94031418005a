"""One file on its way through the store: parse each chunk once, stage it, keep what is good, account for the rest."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from grantlens.engine.duckdb import quote
from grantlens.ingest.calls import AGAIN, CallReader
from grantlens.ingest.chunk import Calls, Chunk, numbers_of
from grantlens.ingest.decoding import decoded
from grantlens.ingest.dictionary import CALLERS, TARGETS, Dictionary, Seen
from grantlens.ingest.duplicates import Duplicates
from grantlens.ingest.mapping import Staging, kept_steps, parsed, reads_calls_only, staging, step_table, with_steps
from grantlens.ingest.raw_tokens import hash_tokens
from grantlens.ingest.secrecy import masked
from grantlens.ingest.tabular import ODD_ROW
from grantlens.ingest.unknown_keys import refuse_unknown_keys
from grantlens.schema import LOGS, TIMES, USAGE_ROW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

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
        salt = engine.value("SELECT value FROM meta WHERE name = 'token_key'")
        given = {**loader.parameters, "file_name": os.path.basename(reading.path), "source": loader.name, "salt": salt}
        self._parameters = {**given, "batch": account.batch_id}
        self.calls = CallReader(loader, given)
        self._seen = {dictionary.key: Seen() for dictionary in (CALLERS, TARGETS)}
        self._stagings: dict[int, list[Staging]] = {}
        self._usage_id = engine.value("SELECT coalesce(max(usage_id), 0) FROM usage_row")
        self._duplicates = Duplicates(engine, account, self._parameters)
        self._run("CREATE OR REPLACE TEMP TABLE file_ignored (reason VARCHAR, records BIGINT)")
        for log in ("issuance", "revocation"):
            self._run(f"CREATE OR REPLACE TEMP TABLE file_{log} AS SELECT * FROM {log} LIMIT 0")
        for dictionary in (CALLERS, TARGETS):
            dictionary.open(engine, self._parameters)

    def take(self, chunk: Chunk) -> None:
        """Stage one chunk and keep its rows."""
        first = not self.account.counts["records"]
        self.account.add("records", chunk.records)
        lines, refused = decoded(chunk.lines, self.loader.decode) if self.loader.decode else (chunk.lines, [])
        self.engine.register("chunk_line", lines)
        try:
            if chunk.calls is None or not self._take_calls(chunk.calls):
                if chunk.check:
                    chunk.check()
                self._map(self.loader, first=first, refused=refused)
        finally:
            self.engine.unregister("chunk_line")

    def finish(self) -> None:
        """Drop duplicates, write the logs that were held back."""
        self._duplicates.settle()
        for log in ("issuance", "revocation"):
            self._run(f"INSERT INTO {log} SELECT * FROM file_{log}")
        self._run(
            "INSERT INTO ignored SELECT $batch, reason, sum(records) FROM file_ignored GROUP BY reason ORDER BY reason"
        )

    def _take_calls(self, calls: Calls) -> bool:
        """Keep calls that were staged beside the store; False if one of them has to be read with care."""
        table = calls.table
        for dictionary in (CALLERS, TARGETS):
            keys = self._keys(dictionary, calls.staging, table)
            if keys is None:
                return False
            table = table.drop_columns([dictionary.hash]).append_column(dictionary.key, keys)
        self.engine.register("chunk_call", table)
        try:
            self._keep_usage(calls.staging, "chunk_call", number="line_no")
        finally:
            self.engine.unregister("chunk_call")
        return True

    def _take_staged_calls(self, staged: Staging) -> None:
        """Keep the calls in `staged_usage`, but for those whose caller or target does not fit its columns."""
        import pyarrow as pa

        keys: list[pa.Array] = []
        rows = None
        while len(keys) < len((CALLERS, TARGETS)):
            dictionary = (CALLERS, TARGETS)[len(keys)]
            if rows is None:
                rows = self.engine.arrow("SELECT rowid AS number, line_no, caller_hash, target_hash FROM staged_usage")
            found = self._keys(dictionary, staged, rows)
            if found is None:
                self._refuse_entries(dictionary)
                keys, rows = [], None
            else:
                keys.append(found)
        key_table = pa.Table.from_arrays([rows["number"], *keys], names=["number", CALLERS.key, TARGETS.key])
        self.engine.register("call_key", key_table)
        try:
            self._keep_usage(
                staged, "(SELECT * FROM staged_usage s JOIN call_key k ON k.number = s.rowid)", number="number"
            )
        finally:
            self.engine.unregister("call_key")

    def _keys(self, dictionary: Dictionary, staged: Staging, table: pa.Table) -> pa.Array | None:
        """Return the keys of staged rows as an Arrow array."""
        import numpy as np
        import pyarrow as pa

        hashes, lines = numbers_of(table[dictionary.hash], "uint64"), numbers_of(table["line_no"], "int64")
        keys = dictionary.keys(self.engine, staged, hashes, lines, self._seen[dictionary.key], self._parameters)
        if keys is None:
            return None
        keys = np.ascontiguousarray(keys, np.int32)
        return pa.Array.from_buffers(pa.int32(), len(keys), [None, pa.py_buffer(keys)])

    def _refuse_entries(self, dictionary: Dictionary) -> None:
        """Set aside the calls of entries that do not fit their columns."""
        self._run(
            f"INSERT INTO bad_line SELECT s.line_no, e.refused FROM staged_usage s JOIN new_entry e ON e.seen = s.{dictionary.hash} "
            "WHERE e.refused IS NOT NULL"
        )
        self._run(
            f"DELETE FROM staged_usage WHERE {dictionary.hash} IN (SELECT seen FROM new_entry WHERE refused IS NOT NULL)"
        )

    def _map(self, loader: Loader, *, first: bool, refused: Sequence[tuple[int, str]] = ()) -> None:
        """Bring the records of `chunk_line` into the logs, ignored or rejected."""
        record = parsed(loader, "chunk_line")
        calls_only = reads_calls_only(loader)
        if not calls_only:
            self._run(f"CREATE OR REPLACE TEMP TABLE record AS {record}")
        kept = {} if calls_only else kept_steps(loader)
        for step, select in kept.items():
            with self.engine.filters_in_place():
                self._run(f"CREATE OR REPLACE TEMP TABLE {quote(step_table(step))} AS {select}")
        self._run("CREATE OR REPLACE TEMP TABLE out_line (line_no BIGINT)")
        self._run("CREATE OR REPLACE TEMP TABLE bad_line (line_no BIGINT, reason VARCHAR)")
        if refused:
            self.engine.execute(
                "INSERT INTO bad_line SELECT unnest($lines), unnest($reasons)",
                {"lines": [line for line, _ in refused], "reasons": [text for _, text in refused]},
            )
        if loader.known_keys is not None:
            refuse_unknown_keys(self.engine, loader, self.reading.path, first=first)
        if loader.rejected:
            self._run(
                f"INSERT INTO bad_line SELECT line_no, reason FROM ({with_steps(loader, loader.rejected, kept=kept)})"
            )
        for staged in self._stagings_of(loader, record if calls_only else None, kept):
            self._stage(staged)
            if staged.log == "usage":
                self._take_staged_calls(staged)
                self._run("INSERT INTO out_line SELECT line_no FROM staged_usage")
            else:
                self._keep(staged)
                self._run(f"INSERT INTO out_line SELECT line_no FROM staged_{staged.log}")
        if loader.ignored:
            self._ignore(loader, kept)
        self._hand_over(loader)

    def _stagings_of(self, loader: Loader, record: str | None, kept: Mapping[str, str]) -> list[Staging]:
        key = id(loader)
        if key not in self._stagings:
            again = parsed(loader, AGAIN)
            logs = [log for log in LOGS if getattr(loader, log)]
            self._stagings[key] = [
                staging(self.engine, loader, log, record, again, self._parameters, kept) for log in logs
            ]
        return self._stagings[key]

    def _hand_over(self, loader: Loader) -> None:
        """Give the records that a loader made nothing of to the one it names for them, or reject them."""
        rest = self.engine.arrow(
            "SELECT * FROM chunk_line WHERE line_no NOT IN (SELECT line_no FROM out_line) "
            "AND line_no NOT IN (SELECT line_no FROM bad_line)"
        )
        if len(rest) and not loader.otherwise:
            self._run(
                "INSERT INTO bad_line SELECT line_no, 'not mapped' FROM chunk_line "
                "WHERE line_no NOT IN (SELECT line_no FROM out_line) AND line_no NOT IN (SELECT line_no FROM bad_line)"
            )
        if self.engine.value("SELECT count(*) FROM bad_line"):
            self._reject()
        if len(rest) and loader.otherwise:
            self.engine.unregister("chunk_line")
            self.engine.register("chunk_line", rest)
            self._map(loader.otherwise, first=False)

    def _stage(self, staged: Staging) -> None:
        """Stage a log, and set aside the rows that do not fit."""
        table = f"staged_{staged.log}"
        with self.engine.filters_in_place():
            self._run(f"CREATE OR REPLACE TEMP TABLE {table} AS {staged.sql}")
        if staged.accounted:
            self._run(
                f"DELETE FROM {table} WHERE line_no IN (SELECT s.line_no FROM {table} s JOIN chunk_line l USING (line_no) "
                "WHERE strlen(rtrim(l.line, chr(13) || chr(10))) IS DISTINCT FROM s.accounted)"
            )
        if self.engine.value("SELECT count(*) FROM bad_line"):
            self._run(f"DELETE FROM {table} WHERE line_no IN (SELECT line_no FROM bad_line)")
        if "event_id" not in staged.given:
            self._run(f"ALTER TABLE {table} ADD COLUMN event_id VARCHAR")
        refused, nameless = self.engine.rows(f"SELECT count(refused), count(*) - count(event_id) FROM {table}")[0]
        if refused:
            self._run(f"INSERT INTO bad_line SELECT line_no, refused FROM {table} WHERE refused IS NOT NULL")
            self._run(f"DELETE FROM {table} WHERE refused IS NOT NULL")
        if nameless:
            self._name_events(table)

    def _count(self, log: str, table: str) -> int:
        """Count a staged log, and when its events were."""
        rows, first, last = self.engine.rows(f"SELECT count(*), min({TIMES[log]}), max({TIMES[log]}) FROM {table}")[0]
        self.account.add(log, rows)
        self.account.saw(first, last)
        return rows

    def _name_events(self, table: str) -> None:
        """Where the log names no event, the hash of the record does; several rows of one record are numbered."""
        self._run(
            f"UPDATE {table} SET event_id = n.name FROM ("
            "SELECT s.rowid AS row, 'md5:' || md5(coalesce(TRY(json(l.line))::VARCHAR, l.line)) || "
            "CASE WHEN count(*) OVER same > 1 THEN '#' || row_number() OVER (PARTITION BY s.line_no ORDER BY s.rowid) ELSE '' END AS name "
            f"FROM {table} s JOIN chunk_line l USING (line_no) WHERE s.event_id IS NULL WINDOW same AS (PARTITION BY s.line_no)"
            f") n WHERE {table}.rowid = n.row"
        )

    def _keep_usage(self, staged: Staging, stage: str, *, number: str) -> None:
        """Write calls that have their keys; `number` tells the rows apart."""
        if not self._count("usage", stage):
            return
        first, last = self.engine.rows(f"SELECT min({number}), max({number}) FROM {stage}")[0]
        shift = self._usage_id + 1 - first  # row ids of an uncommitted table begin anywhere
        self._usage_id = shift + last
        special = {
            "usage_id": f"{shift} + s.{number}",
            "caller_id": "s.caller_id",
            "target_id": "s.target_id",
            "batch_id": "$batch",
            "line_no": self._line("s"),
            "event_id": "s.event_id",
        }
        values = ", ".join(
            special.get(column.name) or f"{staged.column(column.name, column.type)}::{column.type}"
            for column in USAGE_ROW.columns
        )
        self._run(f"INSERT INTO usage_row SELECT {values} FROM {stage} s{self._true_lines()}")
        self._duplicates.note_usage(stage, staged.column("source", "VARCHAR"), f"{shift} + {number}")

    def _keep(self, staged: Staging) -> None:
        table = f"staged_{staged.log}"
        if not self._count(staged.log, table):
            return
        hash_tokens(
            self.engine, table, [name for name in TOKEN_COLUMNS if name in staged.given], self._parameters["salt"]
        )
        special = {"batch_id": "$batch", "line_no": self._line("s"), "event_id": "s.event_id"}
        columns = LOGS[staged.log].columns
        values = ", ".join(
            f"{special.get(c.name) or staged.column(c.name, c.type)} AS {quote(c.name)}" for c in columns
        )
        derived = f" REPLACE ({DERIVED_GRANT} AS grant_id)" if staged.log == "issuance" else ""
        self._run(
            f"INSERT INTO file_{staged.log} SELECT *{derived} FROM (SELECT {values} FROM {table} s{self._true_lines()})"
        )

    def _ignore(self, loader: Loader, kept: Mapping[str, str]) -> None:
        self._run(
            "CREATE OR REPLACE TEMP TABLE ignored_line AS SELECT line_no, min(reason) AS reason FROM "
            f"({with_steps(loader, loader.ignored, kept=kept)}) WHERE line_no NOT IN (SELECT line_no FROM out_line) "
            "AND line_no NOT IN (SELECT line_no FROM bad_line) GROUP BY line_no"
        )
        self._run("INSERT INTO file_ignored SELECT reason, count(*) FROM ignored_line GROUP BY reason")
        self._run("INSERT INTO out_line SELECT line_no FROM ignored_line")
        self.account.add("ignored", self.engine.value("SELECT count(*) FROM ignored_line"))

    def _reject(self) -> None:
        line = "l.true_line" if self.reading.shared_lines else "l.line_no"
        bad = self.engine.rows(
            f"SELECT {line}, b.reason, l.line FROM (SELECT line_no, string_agg(DISTINCT reason, '; ' ORDER BY reason) AS reason "
            "FROM bad_line GROUP BY line_no) b JOIN chunk_line l USING (line_no) ORDER BY 1"
        )
        self.account.add("rejected", len(bad))
        bad = [(number, reason, text.strip()) for number, reason, text in bad]
        self.engine.execute(
            "INSERT INTO rejected SELECT $batch, unnest($lines), unnest($reasons), unnest($excerpts)",
            {
                "batch": self.account.batch_id,
                "lines": [number for number, _, _ in bad],
                "reasons": [
                    masked(reason) if self.loader.text else _explained(reason, text) for _, reason, text in bad
                ],
                "excerpts": [masked(text.removeprefix(ODD_ROW)) for _, _, text in bad],
            },
        )

    def _line(self, alias: str) -> str:
        return "l.true_line" if self.reading.shared_lines else f"{alias}.line_no"

    def _true_lines(self) -> str:
        return " JOIN chunk_line l ON l.line_no = s.line_no" if self.reading.shared_lines else ""

    def _run(self, sql: str) -> None:
        self.engine.execute(sql, self._parameters)


def _explained(reason: str, text: str) -> str:
    """Say where a record is no JSON, and what it is instead of an object."""
    if reason != "not mapped" and not reason.endswith(": missing"):
        return masked(reason)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if text.startswith(ODD_ROW):
            return text.partition(": ")[0].removeprefix(ODD_ROW)
        return f"no JSON: {error.msg} at column {error.colno}"
    except RecursionError:
        return "no JSON: nested too deeply"
    if not isinstance(value, dict):
        return "no JSON object"
    return reason
