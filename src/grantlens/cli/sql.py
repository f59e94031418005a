"""`grantlens sql`: the SQL of a rule, for whoever doubts a finding."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from grantlens.cli.output import write_table

EXAMPLES = """Examples:
  grantlens sql                       lists the rules
  grantlens sql REV-1
  grantlens sql OOS-1 --dialect spark"""


def sql(
    rule: Annotated[str | None, Parameter(help="A rule such as REV-1. All are listed, if left out.")] = None,
    /,
    *,
    dialect: Annotated[str, Parameter(metavar="NAME", help="Database to write it for: duckdb, spark, ...")] = "duckdb",
) -> int:
    """Print the SQL of a rule, ready to paste; without a rule, list the rules and their questions."""
    from grantlens import rules

    if rule is None:
        listed = [
            {"rule": each.id, "severity": each.severity, "question": each.question}
            for each in rules.registry().values()
        ]
        write_table(listed, ("rule", "severity", "question"))
        return 0
    print(rules.text(rule, dialect=dialect))
    return 0
