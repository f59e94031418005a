"""Files on their way into the store: keep what came of each chunk, account for the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from grantlens.engine.duckdb import MalformedJson, quote
from grantlens.ingest.dictionary import DICTIONARIES, Seen, Unfit, entries_of, places_among
from grantlens.ingest.differing import differs
from grantlens.ingest.duplicates import Duplicates
from grantlens.ingest.key import number, place
from grantlens.ingest.mapper import Mapped, MappedChunk, Mapper, bound
from grantlens.ingest.mapping import Staging
from grantlens.ingest.rejection import rejected
from grantlens.ingest.rows import Rows, codes, distinct, first_places
from grantlens.reading.chunk import Lines, int_array, numbers_of
from grantlens.reading.content import FileChanged
from grantlens.reading.shelf import written
from grantlens.schema import LOGS, TIMES, USAGE_ROW

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine
    from grantlens.ingest.account import Accounts
    from grantlens.ingest.workbench import Workbench
    from grantlens.loaders import Loader

DERIVED_GRANT = (
    "CASE WHEN grant_id IS NULL AND client_id IS NOT NULL THEN 'derived:' || md5(to_json([source, tenant, client_id, subject_id, "
    "array_to_string(list_sort(audience), ' ')])::VARCHAR) ELSE grant_id END"
)
"""Where the provider names no grant: (source, tenant, client, subject, resource)."""


# Grouped first by who called: far fewer than the calls.
_SHOWN_BY_CALLS = f"""
SELECT file, tenant, 'usage' AS log, min(since) AS since, max(until) AS until
FROM (SELECT {number("line_no")} AS file, caller_id, min(used_at) AS since, max(used_at) AS until FROM chunk_call GROUP BY ALL)
JOIN usage_caller USING (caller_id)
GROUP BY file, tenant
"""

_BATCH = f"$batch + {number('s.line_no')}"


class Pipeline:
    """Takes the chunks of one file, or of several that are read together.

    Parameters
    ----------
    engine
        The open store, inside a transaction.
    loader
        The loader of the files.
    accounts
        Where everything is counted.
    bench
        Where a chunk is mapped that does not come mapped.
    """

    def __init__(self, engine: Engine, loader: Loader, accounts: Accounts, bench: Workbench) -> None:
        self.engine = engine
        self.loader = loader
        self.accounts = accounts
        token_key = engine.value("SELECT value FROM meta WHERE name = 'token_key'")
        paths = [file.path for file in accounts.files]
        self._parameters = {**bound(loader, paths, token_key), "batch": accounts.batch_id}
        self._again = Mapper(loader, paths, token_key, bench)
        self._seen = {dictionary.key: Seen() for dictionary in DICTIONARIES}
        self._usage_id = engine.value("SELECT coalesce(max(usage_id), 0) FROM usage_row")
        self._duplicates = Duplicates(engine, accounts, self._parameters)
        self._witnesses: list[pa.Table] = []
        self._run("CREATE OR REPLACE TEMP TABLE file_ignored (file BIGINT, reason VARCHAR, records BIGINT)")
        for dictionary in DICTIONARIES:
            dictionary.open(engine, self._parameters)

    def take(self, chunk: MappedChunk) -> None:
        """Keep what came of one chunk."""
        self.accounts.add("records", self.accounts.counted(numbers_of(chunk.lines.keys, "int64")))
        if chunk.calls is not None and self._take_calls(chunk.calls, chunk.lines):
            return
        with self.engine.registered("chunk_line", chunk.lines.table):
            for mapped in chunk.mapped or self._again.map(chunk).mapped:
                self._keep_mapped(mapped, chunk.lines)

    def finish(self) -> None:
        """Drop duplicates, write down what was ignored."""
        self._duplicates.settle()
        self._run(
            "INSERT INTO ignored SELECT $batch + file, reason, sum(records) FROM file_ignored GROUP BY file, reason ORDER BY file, reason"
        )

    def shown(self) -> pa.Table | None:
        """Return between which times records show that a log is there, see `Mapped`: as often as there were chunks."""
        import pyarrow as pa

        return pa.concat_tables(self._witnesses) if self._witnesses else None

    def _take_calls(self, calls: Rows, lines: Lines) -> bool:
        """Keep calls that were staged beside the store; False if one of them has to be read with care."""
        try:
            self._keep_usage(calls, self._keyed(calls, lines), lines)
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
                self._keep_usage(calls, self._keyed(calls, lines), lines)
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
                each.add(self.engine, entries, found, examples, seen, self._parameters["token_key"])
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
                self._keep(rows.staging, rows.table, lines)
        if mapped.ignored:
            with self.engine.registered("mapped_ignored", mapped.ignored):
                self._run("INSERT INTO file_ignored FROM mapped_ignored")
            for file, records in zip(
                mapped.ignored["file"].to_pylist(), mapped.ignored["records"].to_pylist(), strict=True
            ):
                self.accounts.files[file].counts["ignored"] += records
        if mapped.shown:
            self._witnesses.append(mapped.shown)
        bad = mapped.rejected
        if refused:  # calls of entries that do not fit: told with the others
            said = pa.concat_tables([*refused, *filter(None, [mapped.bad])])
            bad = rejected(lines, said, text=self.loader.text)
        if bad is not None:
            with self.engine.registered("bad_record", bad):
                self._run(
                    f"INSERT INTO rejected SELECT {_BATCH}, {_line(lines)}, s.reason, s.excerpt FROM bad_record s{_true_lines(lines)}"
                )
            self.accounts.add("rejected", self.accounts.counted(numbers_of(bad["line_no"], "int64")))

    def _count(self, log: str, table: pa.Table) -> np.ndarray:
        """Count the rows of a staged log in each file, and note when their events were."""
        keys = numbers_of(table["line_no"], "int64")
        self.accounts.saw(keys, numbers_of(table[TIMES[log]], "int64"))
        rows = self.accounts.counted(keys)
        self.accounts.add(log, rows)
        return rows

    def _keep_usage(self, calls: Rows, table: pa.Table, lines: Lines) -> None:
        """Write calls that have their keys; `number` counts them."""
        staged, shift = calls.staging, self._usage_id + 1
        self._usage_id += len(table)
        special = {
            "usage_id": f"{shift} + s.number",
            "caller_id": "s.caller_id",
            "target_id": "s.target_id",
            "batch_id": _BATCH,
            "line_no": _line(lines),
            "event_id": "s.event_id",
        }
        values = ", ".join(
            special.get(column.name) or f"{staged.column(column.name, column.type)}::{column.type}"
            for column in USAGE_ROW.columns
        )
        self._count("usage", table)
        with self.engine.registered("chunk_call", table):
            if staged.shows:
                self._witnesses.append(self.engine.arrow(_SHOWN_BY_CALLS))
            self._run(f"INSERT INTO usage_row SELECT {values} FROM chunk_call s{_true_lines(lines)}")
            self._duplicates.note_usage("chunk_call", staged.column("source", "VARCHAR"), f"{shift} + number")

    def _keep(self, staged: Staging, table: pa.Table, lines: Lines) -> None:
        rows = self._count(staged.log, table)
        if "source" not in staged.given:  # else it takes part in what makes an event the same
            table = first_of_each(table, staged.log)
            if staged.log == "revocation":
                table = self._duplicates.one_of_each_id(table)
            dropped = rows - self.accounts.counted(numbers_of(table["line_no"], "int64"))
            self.accounts.add(staged.log, -dropped)
            self.accounts.add("duplicates", dropped)
        special = {"batch_id": _BATCH, "line_no": _line(lines), "event_id": "s.event_id"}
        columns = LOGS[staged.log].columns
        values = ", ".join(
            f"{special.get(c.name) or staged.column(c.name, c.type)} AS {quote(c.name)}" for c in columns
        )
        derived = f" REPLACE ({DERIVED_GRANT} AS grant_id)" if staged.log == "issuance" else ""
        with self.engine.registered("mapped_row", table):
            self._run(
                f"INSERT INTO {staged.log} SELECT *{derived} FROM (SELECT {values} FROM mapped_row s{_true_lines(lines)})"
            )

    def _run(self, sql: str) -> None:
        self.engine.execute(sql, self._parameters)


def _line(lines: Lines) -> str:
    return "l.true_line" if lines.shared else place("s.line_no")


def _true_lines(lines: Lines) -> str:
    return " JOIN chunk_line l ON l.line_no = s.line_no" if lines.shared else ""


def first_of_each(table: pa.Table, log: str) -> pa.Table:
    """Return the rows without those of which an earlier one has id, time and tenant and says the same: to write and to delete them takes far longer.

    Parameters
    ----------
    table
        Rows with `event_id` and, if the log says so, `tenant`, in the order of their lines.
    log
        Whose rows they are.

    Examples
    --------
    >>> import pyarrow as pa
    >>> times = pa.array([0, 0, 0, 1], pa.timestamp("us"))
    >>> first_of_each(pa.table({"event_id": ["a", "b", "a", "a"], "used_at": times}), "usage")["event_id"].to_pylist()
    ['a', 'b', 'a']
    """
    import numpy as np
    import pyarrow as pa

    events = codes(table["event_id"])
    if len(first_places(events)) == len(table):
        return table
    parts = [events, numbers_of(table[TIMES[log]], "int64")]
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
    rows = np.flatnonzero(again)
    again[rows[differs(table, log, rows, before[rows])]] = False
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
