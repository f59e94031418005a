"""De-duplication: the same event is kept once, within the files that are read together and against the store.

It is the same where source and id are, the times are near each other, and the tenant is not another one. Ids alone do not
tell: some providers count from 1 in each installation, and some give the same id in each tenant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantlens.ingest.differing import differing, told
from grantlens.ingest.rows import codes, first_places
from grantlens.reading.chunk import int_array, numbers_of
from grantlens.schema import LOGS, TIMES

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine
    from grantlens.ingest.account import Accounts

NEAR_US = 1_000_000
"""Records of one event tell times nearer to each other than these microseconds: exports cut them to whole seconds, and devices
write one after another. More would let whoever repeats an id hide calls behind the first."""

_LEFT = "FROM mine ANTI JOIN duplicate USING (row)"

# Ids and times of what no row equals in all, and of what the store holds under the same ids.
_STATED = f"""
WITH left_over AS (SELECT hash(source, event_id) AS id, epoch_us(moment) AS at {_LEFT})
FROM left_over
UNION ALL
SELECT * FROM (SELECT hash(source, event_id) AS id, epoch_us(moment) FROM theirs) SEMI JOIN left_over USING (id)
"""

# Those of one id are ordered by time, and a long step begins another event. What the store holds comes first. A row without
# a tenant may be of any.
_NOT_EXACTLY = f"""
INSERT INTO duplicate
WITH left_over AS (FROM ({_LEFT}) WHERE hash(source, event_id) IN (SELECT id FROM near_id)),
stated AS (
    FROM left_over
    UNION ALL
    SELECT NULL, 0, CASE WHEN tenant IS NULL THEN -2 ELSE -1 END, source, tenant, event_id, moment
    FROM theirs SEMI JOIN left_over USING (source, event_id)
),
stepped AS (
    SELECT *, moment - lag(moment) OVER (PARTITION BY source, event_id ORDER BY moment) >= to_microseconds({NEAR_US}) AS step
    FROM stated
),
told AS (
    SELECT *, count(*) FILTER (step) OVER (PARTITION BY source, event_id ORDER BY moment) AS event FROM stepped
),
numbered AS (
    SELECT row, tenant, row_number() OVER one AS nth, first_value(tenant IS NULL) OVER one AS of_any,
           row_number() OVER (PARTITION BY source, event_id, event, tenant ORDER BY batch_id, line_no, row) AS nth_of_tenant
    FROM told
    WINDOW one AS (PARTITION BY source, event_id, event ORDER BY batch_id, line_no, row)
)
SELECT row FROM numbered WHERE row IS NOT NULL AND nth > 1 AND (tenant IS NULL OR of_any OR nth_of_tenant > 1)
"""

_SAME_ID = """
CREATE OR REPLACE TEMP TABLE duplicate AS
SELECT row FROM (
    SELECT rowid AS row, batch_id, tenant, row_number() OVER same AS nth, first_value(tenant IS NULL) OVER same AS of_any,
           row_number() OVER (PARTITION BY source, event_id, tenant ORDER BY batch_id, line_no, rowid) AS nth_of_tenant
    FROM revocation SEMI JOIN (SELECT source, event_id FROM revocation WHERE batch_id >= $batch) mine USING (source, event_id)
    WINDOW same AS (PARTITION BY source, event_id ORDER BY batch_id, line_no, rowid)
)
WHERE batch_id >= $batch AND nth > 1 AND (tenant IS NULL OR of_any OR nth_of_tenant > 1)
"""


class Duplicates:
    """Notes the event keys of files and settles at their end which rows were there before.

    The rows are already written then, so that they are held only once; the few that turn out to
    be duplicates are deleted again, inside the same transaction. DuckDB then writes all others once
    more; to hold back whatever might be a duplicate costs about as much.
    """

    def __init__(self, engine: Engine, accounts: Accounts, parameters: dict[str, Any]) -> None:
        import numpy as np

        self._engine = engine
        self._accounts = accounts
        self._parameters = parameters
        self._left_out = np.zeros(len(accounts.files), np.int64)
        self._run("CREATE OR REPLACE TEMP TABLE usage_key (event_key UBIGINT, usage_id BIGINT)")

    def note_usage(self, stage: str, source: str, usage_id: str) -> None:
        """Note the keys of staged calls; `source` and `usage_id` are SQL."""
        self._run(f"INSERT INTO usage_key SELECT hash($token_key, {source}, event_id), {usage_id} FROM {stage}")

    def one_of_each_id(self, revocations: pa.Table) -> pa.Table:
        """Return the revocations without those of an id whose first is of another time: the end would drop them, see `_keep_one_of_each_id`."""
        import numpy as np
        import pyarrow as pa

        ids = codes(revocations["event_id"])
        if len(first_places(ids)) == len(ids):
            return revocations
        if "tenant" in revocations.column_names:
            tenants = codes(revocations["tenant"]).astype(np.int64)
            ids = codes(pa.chunked_array([int_array(ids * (tenants.max() + 1) + tenants)]))
        moments = numbers_of(revocations[TIMES["revocation"]], "int64")
        another = np.abs(moments - moments[first_places(ids)[ids]]) >= NEAR_US
        self._left_out += self._accounts.counted(numbers_of(revocations["line_no"], "int64")[another])
        return revocations.take(int_array(np.flatnonzero(~another)))

    def settle(self) -> None:
        """Drop what is there already, and remember what is new."""
        for log in LOGS:
            if not self._accounts.total(log):
                continue
            if log == "usage":
                self._settle_usage()
            else:
                self._settle(log)
        for file, left_out in zip(self._accounts.files, self._left_out.tolist(), strict=True):
            if left_out:
                said = (
                    "1 revocation left out: it has" if left_out == 1 else f"{left_out} revocations left out: they have"
                )
                file.notes.append(f"{said} the id of another one, of another time or where a tenant is not named")

    def _settle_usage(self) -> None:
        rows, different = self._engine.rows("SELECT count(*), count(DISTINCT event_key) FROM usage_key")[0]
        known = self._engine.value(
            "SELECT count(*) FROM event_key e SEMI JOIN usage_key n ON n.event_key = e.event_key"
        )
        if rows != different or known:
            self._drop_usage()
        self._run("INSERT INTO event_key SELECT event_key FROM usage_key")

    def _drop_usage(self) -> None:
        """Equal hashes name candidates."""
        self._run(
            "CREATE OR REPLACE TEMP TABLE mine AS SELECT usage_id AS row, batch_id, line_no, source, tenant, event_id, used_at AS moment "
            "FROM usage_row SEMI JOIN (SELECT usage_id FROM usage_key WHERE event_key IN "
            "(SELECT event_key FROM usage_key GROUP BY 1 HAVING count(*) > 1) "
            "OR event_key IN (SELECT event_key FROM event_key)) USING (usage_id) JOIN usage_caller USING (caller_id)"
        )
        self._tell(
            "SELECT source, tenant, event_id, used_at AS moment FROM usage_row JOIN usage_caller USING (caller_id) "
            "WHERE batch_id < $batch"
        )
        self._note_differing("usage", "usage_id")
        self._forget("usage", "usage_row", "usage_id")
        self._run("DELETE FROM usage_key WHERE usage_id IN (SELECT row FROM duplicate)")

    def _settle(self, log: str) -> None:
        """Equal hashes name candidates here too: of most files few events are there twice, and to look at all of them takes long."""
        mine, theirs = f"FROM {log} WHERE batch_id >= $batch", f"FROM {log} WHERE batch_id < $batch"
        doubted = self._engine.arrow(
            f"SELECT hash(source, event_id) AS id {mine} GROUP BY id HAVING count(*) > 1 UNION ALL "
            f"SELECT hash(source, event_id) FROM (SELECT source, event_id {mine}) "
            f"SEMI JOIN (SELECT source, event_id {theirs}) USING (source, event_id)",
            self._parameters,
        )
        if not len(doubted):
            return
        event = f"source, tenant, event_id, {TIMES[log]} AS moment"
        with self._engine.registered("doubted", doubted):
            self._run(
                f"CREATE OR REPLACE TEMP TABLE mine AS SELECT rowid AS row, batch_id, line_no, {event} {mine} AND hash(source, event_id) IN (FROM doubted)"
            )
        self._tell(f"SELECT {event} {theirs}")
        self._note_differing(log, "rowid")
        self._forget(log, log, "rowid")
        if log == "revocation":
            self._keep_one_of_each_id()

    def _keep_one_of_each_id(self) -> None:
        """Leave out what is another revocation and has the id of one: rules know a revocation by source, tenant and id.

        To take the one for the other would blame a client for what it did after the other one. What names no tenant may be of any.
        """
        self._run(_SAME_ID)
        self._left_out += self._forget("revocation", "revocation", "rowid")

    def _tell(self, theirs: str) -> None:
        """Find which rows of `mine` are events that are there already; `theirs` is the SELECT of those that are."""
        self._run(f"CREATE OR REPLACE TEMP TABLE theirs AS {theirs} AND event_id IN (SELECT event_id FROM mine)")
        self._run(
            "CREATE OR REPLACE TEMP TABLE duplicate AS SELECT row FROM mine m SEMI JOIN theirs t "
            "ON t.source = m.source AND t.event_id = m.event_id AND t.moment = m.moment AND t.tenant IS NOT DISTINCT FROM m.tenant"
        )
        rows, different = self._engine.rows(
            f"SELECT count(*), count(DISTINCT hash(source, tenant, event_id, moment)) {_LEFT}"
        )[0]
        if rows != different:
            self._run(
                f"INSERT INTO duplicate SELECT row FROM ({_LEFT}) "
                "QUALIFY row_number() OVER (PARTITION BY source, tenant, event_id, moment ORDER BY batch_id, line_no, row) > 1"
            )
        near = self._near_ids()
        if len(near):
            with self._engine.registered("near_id", near):
                self._run(_NOT_EXACTLY)
        for table in ("mine", "theirs"):
            self._run(f"DROP TABLE temp.{table}")

    def _near_ids(self) -> pa.Table:
        """Return the hashes of ids under which two times are near each other: few, and to order all of them in SQL takes long."""
        import numpy as np
        import pyarrow as pa

        stated = self._engine.arrow(_STATED)
        ids, at = numbers_of(stated["id"], "uint64"), numbers_of(stated["at"], "int64")
        order = np.lexsort((at, ids))
        ids, at = ids[order], at[order]
        near = np.unique(ids[1:][(ids[1:] == ids[:-1]) & (at[1:] - at[:-1] < NEAR_US)])
        column = pa.Array.from_buffers(pa.uint64(), len(near), [None, pa.py_buffer(near)])
        return pa.Table.from_arrays([column], names=["id"])

    def _note_differing(self, log: str, row: str) -> None:
        """Note in each file how many of its duplicates say something else than the record that is kept."""
        loader = self._accounts.files[0].loader
        reader = {"loader": loader and loader.name, "loader_version": loader and loader.version}
        for batch, records, columns in self._engine.rows(differing(log, row, NEAR_US), reader):
            self._accounts.files[batch - self._accounts.batch_id].notes.append(told(log, records, columns))

    def _forget(self, log: str, table: str, row: str) -> np.ndarray:
        """Delete the duplicates and take them out of the counts; return how many each file had."""
        import numpy as np

        deleted = self._engine.arrow(
            f"DELETE FROM {table} WHERE {row} IN (SELECT row FROM duplicate) RETURNING batch_id"
        )
        batches = numbers_of(deleted["batch_id"], "int32") - self._accounts.batch_id
        numbers = np.bincount(batches, minlength=len(self._accounts.files))
        self._accounts.add("duplicates", numbers)
        self._accounts.add(log, -numbers)
        return numbers

    def _run(self, sql: str) -> None:
        self._engine.execute(sql, self._parameters)
