"""One file on its way into the store: keep what came of each chunk, account for the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from grantlens.engine.duckdb import MalformedJson, quote
from grantlens.ingest.chunk import Chunk, Lines, Rows, codes, distinct, first_places, int_array, numbers_of
from grantlens.ingest.content import FileChanged
from grantlens.ingest.dictionary import DICTIONARIES, Seen, Unfit, entries_of, places_among
from grantlens.ingest.duplicates import Duplicates
from grantlens.ingest.mapper import Mapped, Mapper, bound
from grantlens.ingest.mapping import Staging
from grantlens.ingest.rejection import rejected
from grantlens.ingest.shelf import written
from grantlens.schema import LOGS, TIMES, USAGE_ROW

if TYPE_CHECKING:
    import numpy as np
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
        self._seen = {dictionary.key: Seen() for dictionary in DICTIONARIES}
        self._usage_id = engine.value("SELECT coalesce(max(usage_id), 0) FROM usage_row")
        self._duplicates = Duplicates(engine, account, self._parameters)
        self._run("CREATE OR REPLACE TEMP TABLE file_ignored (reason VARCHAR, records BIGINT)")
        for dictionary in DICTIONARIES:
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
        try:
            self._keep_usage(calls, self._keyed(calls, lines))
        except Unfit:
            return False
        return True

    def _take_staged_calls(self, calls: Rows, lines: Lines) -> list[pa.Table]:
        """Keep staged calls, but for those whose caller or target does not fit its columns.

        Return `line_no` and `reason` of these.
        """
        refused: list[pa.Table] = []
        while len(calls.table):
            try:
                self._keep_usage(calls, self._keyed(calls, lines))
                break
            except Unfit as unfit:
                said, fitting = _told_unfit(calls.table, unfit)
                refused.append(said)
                calls = replace(calls, table=fitting)
        return refused

    def _keyed(self, calls: Rows, lines: Lines) -> pa.Table:
        """Return the staged calls with keys in place of hashes, adding what is new to the dictionaries.

        Raises
        ------
        Unfit
            If a caller or a target does not fit its columns.
        """
        import numpy as np
        import pyarrow as pa

        table, line_nos = calls.table, numbers_of(calls.table["line_no"], "int64")
        for each in DICTIONARIES:
            apart, seen = calls.told_apart.get(each.hash) or distinct(table[each.hash]), self._seen[each.key]
            new = np.flatnonzero(seen.keys_of(apart.hashes) == 0)
            if len(new):
                found, examples = apart.hashes[new], line_nos[apart.first[new]]
                entries = calls.entries.get(each.hash)
                if entries is None:
                    entries = self._shown(each.hash, calls.staging, lines, examples)
                each.add(self.engine, entries, found, examples, seen, self._parameters["salt"])
            keys = np.ascontiguousarray(seen.keys_of(apart.hashes)[apart.which], np.int32)
            column = pa.Array.from_buffers(pa.int32(), len(keys), [None, pa.py_buffer(keys)])
            table = table.drop_columns([each.hash]).append_column(each.key, column)
        return table.append_column("number", int_array(np.arange(len(table))))

    def _shown(self, name: str, staged: Staging, lines: Lines, line_nos: np.ndarray) -> pa.Table:
        """Read again from the records what hashes stand for: not what the others on these lines do, which takes longer."""
        with written(lines.bytes_of(line_nos)) as file, self.engine.filters_in_place():
            try:
                shown = self.engine.arrow(f"SELECT {name} FROM ({staged.examples})", self._parameters | {"file": file})
            except MalformedJson:  # these lines were parsed before
                raise FileChanged from None
        return entries_of(shown)[name]

    def _keep_mapped(self, mapped: Mapped, lines: Lines) -> None:
        """Keep the rows, count what was ignored, put aside what is rejected."""
        import pyarrow as pa

        refused: list[pa.Table] = []
        for rows in mapped.staged:
            log = rows.staging.log
            if log == "usage":
                refused += self._take_staged_calls(rows, lines)
            else:
                self._keep(rows.staging, rows.table)
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

    def _keep_usage(self, calls: Rows, table: pa.Table) -> None:
        """Write calls that have their keys; `number` counts them."""
        staged, shift = calls.staging, self._usage_id + 1
        self._usage_id += len(table)
        special = {
            "usage_id": f"{shift} + s.number",
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
        with self.engine.registered("chunk_call", table):
            self._count("usage", "chunk_call")
            self._run(f"INSERT INTO usage_row SELECT {values} FROM chunk_call s{self._true_lines()}")
            self._duplicates.note_usage("chunk_call", staged.column("source", "VARCHAR"), f"{shift} + number")

    def _keep(self, staged: Staging, table: pa.Table) -> None:
        with self.engine.registered("mapped_row", table):
            rows = self._count(staged.log, "mapped_row")
        if "source" not in staged.given:  # else it takes part in what makes an event the same
            if in_order(table):
                table = first_of_each(table, TIMES[staged.log])
                if staged.log == "revocation":
                    table = self._duplicates.one_of_each_id(table)
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


def in_order(table: pa.Table) -> bool:
    """Tell whether rows stand in the order of their lines: the first of several is told by its line, not by where it stands."""
    import numpy as np

    return np.diff(numbers_of(table["line_no"], "int64")).min(initial=0) >= 0


def first_of_each(table: pa.Table, time: str) -> pa.Table:
    """Return the rows without those of which an earlier one has id, time and tenant: to write and to delete them takes far longer.

    Parameters
    ----------
    table
        Rows with `event_id` and, if the log says so, `tenant`, in the order of their lines.
    time
        The column that holds the event time.

    Examples
    --------
    >>> import pyarrow as pa
    >>> times = pa.array([0, 0, 0, 1], pa.timestamp("us"))
    >>> first_of_each(pa.table({"event_id": ["a", "b", "a", "a"], "used_at": times}), "used_at")["event_id"].to_pylist()
    ['a', 'b', 'a']
    """
    import numpy as np
    import pyarrow as pa

    events = codes(table["event_id"])
    if len(first_places(events)) == len(table):
        return table
    parts = [events, numbers_of(table[time], "int64")]
    if "tenant" in table.column_names:
        parts.append(codes(table["tenant"]))
    mixed = np.zeros(len(table), np.uint64)
    for part in parts:
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + part.astype(np.uint64)
    hashes = pa.Array.from_buffers(pa.uint64(), len(mixed), [None, pa.py_buffer(mixed)])
    apart = distinct(pa.chunked_array([hashes]))
    before = apart.first[apart.which]
    again = before < np.arange(len(table))
    for part in parts:  # equal hashes may be those of different rows
        again &= part == part[before]
    return table.take(int_array(np.flatnonzero(~again)))


def _told_unfit(calls: pa.Table, unfit: Unfit) -> tuple[pa.Table, pa.Table]:
    """Return `line_no` and `reason` of the calls whose caller or target does not fit, and the other calls."""
    import numpy as np
    import pyarrow as pa

    hashes, wrong = numbers_of(calls[unfit.hash], "uint64"), numbers_of(unfit.entries["seen"], "uint64")
    concerned = np.isin(hashes, wrong)
    told = int_array(np.flatnonzero(concerned))
    reasons = unfit.entries["refused"].take(int_array(places_among(hashes[concerned], wrong)))
    said = pa.Table.from_arrays([calls["line_no"].take(told), reasons], names=["line_no", "reason"])
    return said, calls.take(int_array(np.flatnonzero(~concerned)))
