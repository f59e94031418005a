"""`grantlens sql`: the SQL of a rule, for whoever doubts a finding."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from grantlens.cli.output import write_table

EXAMPLES = """Examples:
  grantlens sql                       lists the rules
  grantlens sql REV-1
  grantlens sql OOS-1 --dialect spark"""

HOW_TO_BIND = (
    "-- Bind since and until, the instants at which the window begins and ends.",
    "-- In the shell of DuckDB: PREPARE rule AS ...this text...;",
    "--   EXECUTE rule(since := TIMESTAMPTZ '2026-07-01 00:00Z', until := TIMESTAMPTZ '2026-10-01 00:00Z');",
    '-- In Python: connection.execute(text, {"since": ..., "until": ...}), each a datetime with its zone.',
)
"""What the reader has to fill in; every rule leaves these two open."""

ABOUT = 2
"""Lines at the head of a rule's text that say what it asks, and on what basis; its parameters follow."""


def sql(
    rule: Annotated[str | None, Parameter(help="A rule such as REV-1. All are listed, if left out.")] = None,
    /,
    *,
    dialect: Annotated[str, Parameter(metavar="NAME", help="Database to write it for: duckdb, spark, ...")] = "duckdb",
) -> int:
    """Print the SQL of a rule; without a rule, list the rules and their questions.

    It runs on the tables and views of a store. The window is left open: bind since and until, as its first lines show. For another database than
    DuckDB it is a translation to begin with: what SQLGlot could not carry over stands in its first lines.
    """
    from grantlens import rules

    if rule is None:
        listed = [
            {"rule": each.id, "severity": each.severity, "question": each.question}
            for each in rules.registry().values()
        ]
        write_table(listed, ("rule", "severity", "question"))
        return 0
    lines = rules.text(rule, dialect=dialect).split("\n")
    about = lines[:ABOUT] if dialect == "duckdb" else []
    print("\n".join([*about, *(HOW_TO_BIND if dialect == "duckdb" else HOW_TO_BIND[:1]), *lines[len(about) :]]))
    return 0
