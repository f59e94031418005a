"""De-duplication: the same source and event id is one event, within a file and against the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantlens.schema import LOGS

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine
    from grantlens.ingest.account import Account


class Duplicates:
    """Notes the event keys of a file and settles at its end which rows were there before.

    The rows are already written then, so that they are held only once; the few that turn out to
    be duplicates are deleted again, inside the same transaction.
    """

    def __init__(self, engine: Engine, account: Account, parameters: dict[str, Any]) -> None:
        self._engine = engine
        self._account = account
        self._parameters = parameters
        self._run("CREATE OR REPLACE TEMP TABLE usage_key (event_key UBIGINT, usage_id BIGINT)")

    def note_usage(self, stage: str, source: str, usage_id: str) -> None:
        """Note the keys of staged calls; `source` and `usage_id` are SQL."""
        self._run(f"INSERT INTO usage_key SELECT hash($salt, {source}, event_id), {usage_id} FROM {stage}")

    def settle(self) -> None:
        """Drop what is there already, and remember what is new."""
        for log in LOGS:
            if not self._account.counts[log]:
                continue
            if log == "usage":
                self._settle_usage()
            else:
                self._settle(log)

    def _settle_usage(self) -> None:
        rows, different = self._engine.rows("SELECT count(*), count(DISTINCT event_key) FROM usage_key")[0]
        known = self._engine.value(
            "SELECT count(*) FROM event_key e SEMI JOIN usage_key n ON n.event_key = e.event_key"
        )
        if rows != different or known:
            self._drop_usage()
        self._run("INSERT INTO event_key SELECT event_key FROM usage_key")

    def _drop_usage(self) -> None:
        """Equal hashes name candidates; equal ids decide."""
        self._run(
            "CREATE OR REPLACE TEMP TABLE candidate AS SELECT usage_id, event_key FROM usage_key WHERE event_key IN "
            "(SELECT event_key FROM usage_key GROUP BY 1 HAVING count(*) > 1) "
            "OR event_key IN (SELECT event_key FROM event_key)"
        )
        self._run(
            "CREATE OR REPLACE TEMP TABLE duplicate AS "
            "WITH mine AS (SELECT u.usage_id, u.line_no, c.source, u.event_id FROM usage_row u JOIN candidate USING (usage_id) "
            "JOIN usage_caller c USING (caller_id)), "
            "theirs AS (SELECT DISTINCT c.source, u.event_id FROM usage_row u JOIN usage_caller c USING (caller_id) "
            "WHERE u.batch_id < $batch AND u.event_id IN (SELECT event_id FROM mine)) "
            "SELECT usage_id FROM (SELECT m.*, t.event_id IS NOT NULL AS known, row_number() OVER (PARTITION BY "
            "m.source, m.event_id ORDER BY m.line_no, m.usage_id) AS nth FROM mine m LEFT JOIN theirs t ON t.source = m.source "
            "AND t.event_id = m.event_id) WHERE known OR nth > 1"
        )
        self._run("DELETE FROM usage_row WHERE usage_id IN (SELECT usage_id FROM duplicate)")
        self._run("DELETE FROM usage_key WHERE usage_id IN (SELECT usage_id FROM duplicate)")
        self._forget("usage")

    def _settle(self, log: str) -> None:
        """Equal hashes say here too that there may be some: to group all events takes longer, and few files have any."""
        mine, theirs = f"FROM {log} WHERE batch_id = $batch", f"FROM {log} WHERE batch_id < $batch"
        rows, different = self._engine.rows(
            f"SELECT count(*), count(DISTINCT hash(source, event_id)) {mine}", self._parameters
        )[0]
        known = rows and self._engine.value(
            f"SELECT count(*) FROM (SELECT source, event_id {mine}) SEMI JOIN (SELECT source, event_id {theirs}) USING (source, event_id)",
            self._parameters,
        )
        if rows == different and not known:
            return
        self._run(
            "CREATE OR REPLACE TEMP TABLE duplicate AS "
            f"WITH kept AS (SELECT arg_min(rowid, (line_no, rowid)) AS row {mine} GROUP BY source, event_id) "
            f"SELECT f.row FROM (SELECT rowid AS row, source, event_id {mine}) f "
            f"LEFT JOIN (SELECT DISTINCT source, event_id {theirs}) k ON k.source = f.source AND k.event_id = f.event_id "
            "WHERE k.event_id IS NOT NULL OR f.row NOT IN (FROM kept)"
        )
        self._run(f"DELETE FROM {log} WHERE rowid IN (SELECT row FROM duplicate)")
        self._forget(log)

    def _forget(self, log: str) -> None:
        """Take the duplicates out of the counts."""
        number = self._engine.value("SELECT count(*) FROM duplicate")
        if not number:
            return
        self._account.add("duplicates", number)
        self._account.add(log, -number)

    def _run(self, sql: str) -> None:
        self._engine.execute(sql, self._parameters)
