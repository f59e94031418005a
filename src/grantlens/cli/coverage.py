"""`grantlens coverage`: where each log is really there."""

from __future__ import annotations

from grantlens.cli.opening import existing
from grantlens.cli.output import write_json, write_table
from grantlens.cli.parameters import AsJson, StorePath

EXAMPLES = """Examples:
  grantlens coverage acme.duckdb
  grantlens coverage acme.duckdb --json"""

COLUMNS = ("source", "tenant", "log", "covered_from", "covered_until", "is_gap", "records", "note")


def coverage(store: StorePath, /, *, json: AsJson = False) -> int:
    """Show for each source, tenant and log the stretches that are really there, and the gaps.

    Nothing can be concluded about a time that no log covers. Also counts, by reason, what was ignored and rejected.
    """
    with existing(store) as opened:
        stretches = opened.coverage().to_pylist()
        aside = [
            {"what": what, "loader": loader, "reason": reason, "records": records}
            for what in ("ignored", "rejected")
            for loader, reason, records in opened.engine.rows(ASIDE[what])
        ]
    if json:
        write_json(
            {"coverage": stretches, **{what: [_without(row) for row in aside if row["what"] == what] for what in ASIDE}}
        )
        return 0
    if not stretches:
        print("The store holds no event, so it covers nothing.")
    else:
        write_table(stretches, COLUMNS)
    if aside:
        print()
        write_table(aside, ("what", "loader", "reason", "records"))
    return 0


ASIDE = {
    "ignored": """
        SELECT loader, reason, sum(ignored.records)::BIGINT FROM ignored JOIN batch USING (batch_id)
        GROUP BY ALL ORDER BY ALL""",
    "rejected": """
        SELECT loader, reason, count(*)::BIGINT FROM rejected JOIN batch USING (batch_id)
        GROUP BY ALL ORDER BY ALL""",
}


def _without(row: dict) -> dict:
    return {name: value for name, value in row.items() if name != "what"}
