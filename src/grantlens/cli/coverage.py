"""`grantlens coverage`: where each log is really there, and what can be concluded from it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from grantlens.cli.opening import existing
from grantlens.cli.output import write_json, write_table
from grantlens.cli.parameters import AsJson
from grantlens.cli.present import say_far, say_without_tenant
from grantlens.errors import GrantlensError
from grantlens.wording import plural, share

EXAMPLES = """Examples:
  grantlens coverage acme.duckdb
  grantlens coverage acme.duckdb --json
  grantlens coverage acme.duckdb --explain
  grantlens coverage --explain"""

PROVIDERS = (
    *("loader", "files", "records", "issuance", "usage", "revocation"),
    *("ignored", "duplicates", "rejected", "attributed"),
)
COLUMNS = ("source", "tenant", "log", "covered_from", "covered_until", "is_gap", "in_part", "records", "note")


def coverage(
    store: Annotated[
        Path | None,
        Parameter(help="The store: a DuckDB file made by `grantlens load`. With --explain it may be left out."),
    ] = None,
    /,
    *,
    explain: Annotated[
        bool, Parameter(help="Tell for each source how its logs join, and which rules can therefore say what.")
    ] = False,
    json: AsJson = False,
) -> int:
    """Show for each source, tenant and log the stretches that are really there, and the gaps.

    Nothing can be concluded about a time that no log covers, and nothing from the silence of a log that shows only some
    of what happened (in_part). A gap is a silence far longer than chance and the rhythm of the week explain; the note of a log
    says how long one can be and still hide. First comes what became of each provider's records, and
    the share of its usage that an issuance stands behind; last, by reason, what was ignored and rejected.
    With --explain: what can be concluded from the sources in the store or, without a store, from every log that
    grantlens reads.
    """
    if store is None:
        if not explain:
            raise GrantlensError("STORE is missing.", "See: grantlens coverage --help")
        return _every_provider(json)
    if explain:
        return _explained(store, json)
    from grantlens.ingest.far import far_records

    with existing(store) as opened:
        say_far(far_records(opened.engine))
        providers, stretches = list(opened.providers()), list(opened.coverage())
        names = ("loader", "reason", "records")
        aside = {
            what: [dict(zip(names, row, strict=True)) for row in opened.engine.rows(sql)] for what, sql in ASIDE.items()
        }
    say_without_tenant(stretches)
    if json:
        write_json({"providers": providers, "coverage": stretches, **aside})
        return 0
    if providers:
        write_table(
            [row | {"attributed": "" if row["attributed"] is None else share(row["attributed"])} for row in providers],
            PROVIDERS,
        )
        print()
    if not stretches:
        print(NOTHING)
    else:
        write_table(stretches, COLUMNS)
    if told := [{"what": what} | row for what, rows in aside.items() for row in _together(rows)]:
        print()
        write_table(told, ("what", *names))
    return 0


def _together(aside: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put together reasons that differ in nothing but the value that they quote: of a wrong time each record has its own."""
    alike: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in aside:
        alike.setdefault((row["loader"], re.sub("(?s)'.*'", "''", row["reason"])), []).append(row)
    return [
        rows[0]
        | {
            "reason": rows[0]["reason"] + (f", and {plural(len(rows) - 1, 'other value')}" if rows[1:] else ""),
            "records": sum(row["records"] for row in rows),
        }
        for rows in alike.values()
    ]


NOTHING = "The store holds no event, so it covers nothing."

ASIDE = {
    "ignored": """
        SELECT loader, reason, sum(ignored.records)::BIGINT FROM ignored JOIN batch USING (batch_id)
        GROUP BY ALL ORDER BY ALL""",
    "rejected": """
        SELECT loader, reason, count(*)::BIGINT FROM rejected JOIN batch USING (batch_id)
        GROUP BY ALL ORDER BY ALL""",
}


def _every_provider(json: bool) -> int:
    from grantlens.cli import concluded
    from grantlens.conclusion.conclusion import source_of
    from grantlens.loaders import loaders

    sources = [source_of(name) for name in loaders()]
    if json:
        write_json({"sources": [concluded.provider_json(source) for source in sources]})
    else:
        print(concluded.of_providers(sources))
    return 0


def _explained(store: Path, json: bool) -> int:
    from grantlens.cli import concluded
    from grantlens.conclusion.held import held

    with existing(store) as opened:
        sources = held(opened)
    if json:
        write_json({"sources": [concluded.store_json(source) for source in sources]})
    else:
        print(concluded.of_store(sources) if sources else NOTHING)
    return 0
