"""One file on its way into the store: keep what came of each chunk, account for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantlens.engine.duckdb import quote
from grantlens.ingest.chunk import Chunk, Distinct, Lines, Rows, distinct, first_places, int_array, numbers_of
from grantlens.ingest.dictionary import CALLERS, TARGETS, Dictionary, Seen
from grantlens.ingest.duplicates import Duplicates
from grantlens.ingest.mapper import Mapped, Mapper, bound
from grantlens.ingest.mapping import Staging
from grantlens.ingest.rejection import rejected
from grantlens.schema import LOGS, TIMES, USAGE_ROW

if TYPE_CHECKING:
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine
    from grantlens.ingest.account import Account
    from grantlens.ingest.reading import Reading
    from grantlens.ingest.workbench import Workbench
    from grantlens.loaders import Loader

DERIVED_GRANT = (
    "CASE WHEN grant_id IS NULL AND client_id IS NOT NULL THEN 'derived:' || md5(to_json([source, tenant, client_id, subject_id, "
    "array_to_string(list_sort(audience), ' ')])::VARCHAR) ELSE grant_id END"
)
"""Where the provider names no grant: (source, tenant, client, subject, resource)."""


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
    bench
        Where a chunk is mapped that does not come mapped.
    """

    def __init__(self, engine: Engine, loader: Loader, account: Account, reading: Reading, bench: Workbench) -> None:
        self.engine = engine
        self.loader = loader
        self.account = account
        self.reading = reading
        salt = engine.value("SELECT value FROM meta WHERE name = 'token_key'")
        self._parameters = {**bound(loader, reading.path, salt), "batch": account.batch_id}
        self._again = Mapper(loader, reading.path, salt, bench)
        self._seen = {dictionary.key: Seen() for dictionary in (CALLERS, TARGETS)}
        self._usage_id = engine.value("SELECT coalesce(max(usage_id), 0) FROM usage_row")
        self._duplicates = Duplicates(engine, account, self._parameters)
        self._run("CREATE OR REPLACE TEMP TABLE file_ignored (reason VARCHAR, records BIGINT)")
        for dictionary in (CALLERS, TARGETS):
            dictionary.open(engine, self._parameters)

    def take(self, chunk: Chunk) -> None:
        """Keep what came of one chunk."""
        self.account.add("records", chunk.records)
        if chunk.calls is not None and self._take_calls(chunk.calls, chunk.lines):
            return
        with self.engine.registered("chunk_line", chunk.lines.table):
            for mapped in chunk.mapped or self._again.map(chunk).mapped:
                self._keep_mapped(mapped, chunk.lines)

    def finish(self) -> None:
        """Drop duplicates, write down what was ignored."""
        self._duplicates.settle()
        self._run(
            "INSERT INTO ignored SELECT $batch, reason, sum(records) FROM file_ignored GROUP BY reason ORDER BY reason"
        )

    def _take_calls(self, calls: Rows, lines: Lines) -> bool:
        """Keep calls that were staged beside the store; False if one of them has to be read with care."""
        table = numbered(calls.table)
        for dictionary in (CALLERS, TARGETS):
            keys = self._keys(dictionary, calls, table, lines, calls.told_apart.get(dictionary.hash))
            if keys is None:
                return False
            table = table.drop_columns([dictionary.hash]).append_column(dictionary.key, keys)
        with self.engine.registered("chunk_call", table):
            self._keep_usage(calls.staging, "chunk_call", number="number")
        return True

    def _take_staged_calls(self, calls: Rows, lines: Lines) -> list[pa.Table]:
        """Keep the calls in `staged_usage`, but for those whose caller or target does not fit its columns.

        Return `line_no` and `reason` of these.
        """
        import pyarrow as pa

        refused: list[pa.Table] = []
        keys: list[pa.Array] = []
        rows = None
        while len(keys) < len((CALLERS, TARGETS)):
            dictionary = (CALLERS, TARGETS)[len(keys)]
            if rows is None:
                rows = self.engine.arrow("SELECT rowid AS number, line_no, caller_hash, target_hash FROM staged_usage")
            found = self._keys(dictionary, calls, rows, lines, None)
            if found is None:
                refused.append(self._refuse_entries(dictionary))
                keys, rows = [], None
            else:
                keys.append(found)
        key_table = pa.Table.from_arrays([rows["number"], *keys], names=["number", CALLERS.key, TARGETS.key])
        with self.engine.registered("call_key", key_table):
            self._keep_usage(
                calls.staging, "(SELECT * FROM staged_usage s JOIN call_key k ON k.number = s.rowid)", number="number"
            )
        return refused

    def _keys(
        self, dictionary: Dictionary, calls: Rows, table: pa.Table, lines: Lines, hashes: Distinct | None
    ) -> pa.Array | None:
        """Return the keys of staged rows as an Arrow array."""
        import numpy as np
        import pyarrow as pa

        hashes, line_nos = hashes or distinct(table[dictionary.hash]), numbers_of(table["line_no"], "int64")
        seen, entries = self._seen[dictionary.key], calls.entries.get(dictionary.hash)
        keys = dictionary.keys(
            self.engine, calls.staging, hashes, line_nos, seen, self._parameters, entries=entries, records=lines
        )
        if keys is None:
            return None
        keys = np.ascontiguousarray(keys, np.int32)
        return pa.Array.from_buffers(pa.int32(), len(keys), [None, pa.py_buffer(keys)])

    def _refuse_entries(self, dictionary: Dictionary) -> pa.Table:
        """Set aside the calls of entries that do not fit their columns; return `line_no` and `reason` of them."""
        refused = self.engine.arrow(
            f"SELECT s.line_no, e.refused AS reason FROM staged_usage s JOIN new_entry e ON e.seen = s.{dictionary.hash} "
            "WHERE e.refused IS NOT NULL"
        )
        self._run(
            f"DELETE FROM staged_usage WHERE {dictionary.hash} IN (SELECT seen FROM new_entry WHERE refused IS NOT NULL)"
        )
        return refused

    def _keep_mapped(self, mapped: Mapped, lines: Lines) -> None:
        """Keep the rows, count what was ignored, put aside what is rejected."""
        import pyarrow as pa

        refused: list[pa.Table] = []
        for rows in mapped.staged:
            log = rows.staging.log
            if not len(rows.table) or (log == "usage" and self._take_calls(rows, lines)):
                continue
            if log != "usage":
                self._keep(rows.staging, rows.table)
                continue
            with self.engine.registered("mapped_row", rows.table):
                self._run("CREATE OR REPLACE TEMP TABLE staged_usage AS FROM mapped_row")
            refused += self._take_staged_calls(rows, lines)
        if mapped.ignored:
            with self.engine.registered("mapped_ignored", mapped.ignored):
                self._run("INSERT INTO file_ignored FROM mapped_ignored")
            self.account.add("ignored", sum(mapped.ignored["records"].to_pylist()))
        bad = mapped.rejected
        if refused:  # calls of entries that do not fit: told with the others
            said = pa.concat_tables([*refused, *filter(None, [mapped.bad])])
            bad = rejected(lines, said, text=self.loader.text)
        if bad is not None:
            with self.engine.registered("bad_record", bad):
                self._run(
                    f"INSERT INTO rejected SELECT $batch, {self._line('s')}, s.reason, s.excerpt FROM bad_record s{self._true_lines()}"
                )
            self.account.add("rejected", len(bad))

    def _count(self, log: str, table: str) -> int:
        """Count a staged log, and when its events were."""
        rows, first, last = self.engine.rows(f"SELECT count(*), min({TIMES[log]}), max({TIMES[log]}) FROM {table}")[0]
        self.account.add(log, rows)
        self.account.saw(first, last)
        return rows

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

    def _keep(self, staged: Staging, table: pa.Table) -> None:
        with self.engine.registered("mapped_row", table):
            rows = self._count(staged.log, "mapped_row")
        if "source" not in staged.given:  # else it takes part in what makes an event the same
            table = first_of_each(table)
            self.account.add(staged.log, len(table) - rows)
            self.account.add("duplicates", rows - len(table))
        special = {"batch_id": "$batch", "line_no": self._line("s"), "event_id": "s.event_id"}
        columns = LOGS[staged.log].columns
        values = ", ".join(
            f"{special.get(c.name) or staged.column(c.name, c.type)} AS {quote(c.name)}" for c in columns
        )
        derived = f" REPLACE ({DERIVED_GRANT} AS grant_id)" if staged.log == "issuance" else ""
        with self.engine.registered("mapped_row", table):
            self._run(
                f"INSERT INTO {staged.log} SELECT *{derived} FROM (SELECT {values} FROM mapped_row s{self._true_lines()})"
            )

    def _line(self, alias: str) -> str:
        return "l.true_line" if self.reading.shared_lines else f"{alias}.line_no"

    def _true_lines(self) -> str:
        return " JOIN chunk_line l ON l.line_no = s.line_no" if self.reading.shared_lines else ""

    def _run(self, sql: str) -> None:
        self.engine.execute(sql, self._parameters)


def first_of_each(table: pa.Table) -> pa.Table:
    """Return the first row of each event: to write one that is there already and to delete it again takes far longer.

    Examples
    --------
    >>> import pyarrow as pa
    >>> first_of_each(pa.table({"line_no": [1, 2, 3], "event_id": ["a", "b", "a"]})).to_pylist()
    [{'line_no': 1, 'event_id': 'a'}, {'line_no': 2, 'event_id': 'b'}]
    """
    import numpy as np

    events = numbers_of(table["event_id"].combine_chunks().dictionary_encode().indices, "int32")
    first = first_places(events)
    if len(first) == len(table) or np.diff(numbers_of(table["line_no"], "int64")).min(initial=0) < 0:
        return table
    return table.take(int_array(first))


def numbered(table: pa.Table) -> pa.Table:
    """Return the table with a column `number` that tells its rows apart."""
    import numpy as np

    return table.append_column("number", int_array(np.arange(len(table))))
