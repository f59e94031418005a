"""A rule as one SQL text that runs anywhere: what it reads, and itself, with the values written out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from grantlens.errors import RuleError
from grantlens.relations import ordered
from grantlens.rule.rule import Rule

_NAMED = re.compile(r"\$([a-z_][a-z0-9_]*)")


def defaults(rule: Rule) -> dict[str, Any]:
    """Return the rule's own parameters with their default values."""
    return {parameter.name: parameter.default for parameter in rule.parameters}


def written_out(rule: Rule, values: Mapping[str, Any] | None = None) -> str:
    """Return the rule and the relations it reads as one text, for people to read and run elsewhere.

    grantlens itself binds the values and never runs this text. Parameters without a value stay as they are.
    """
    given = {"every_call": False, **defaults(rule), **(values or {})}
    steps = [f"-- {_wrapped(relation.doc)}\n{relation.name} AS ({relation.sql})" for relation in ordered(rule.needs)]
    head = "\n".join(
        (
            f"-- {rule.id} (version {rule.version}): {rule.question}",
            f"-- Basis: {rule.basis}",
            *_parameters(rule, given),
            "",
        )
    )
    before = "WITH RECURSIVE\n" + ",\n".join(steps) + "\n"
    body = f"{before}SELECT * FROM ({rule.sql})" if steps else rule.sql.strip()
    return head + _NAMED.sub(lambda match: _literal(given[match[1]]) if match[1] in given else match[0], body)


def _parameters(rule: Rule, given: Mapping[str, Any]) -> Iterator[str]:
    """Give a line for each parameter: its value stands in the text, where nothing tells it from other numbers."""
    for parameter in rule.parameters:
        yield "-- " + _wrapped(
            f"Parameter {parameter.name} = {_literal(given[parameter.name])} ({parameter.unit}). {parameter.doc}"
        )


def translated(sql: str, dialect: str) -> str:
    """Translate a text for another database by SQLGlot, which has to be installed; what it could not carry over stands at the head.

    Raises
    ------
    RuleError
        If SQLGlot is absent, does not know the dialect, or cannot write the text for it.
    """
    if dialect == "duckdb":
        return sql
    try:
        import sqlglot
        from sqlglot import exp
    except ImportError:
        raise RuleError("Translation needs SQLGlot.", "Install it: pip install sqlglot") from None

    def portable(node: exp.Expression) -> exp.Expression:
        """Write `min(x, 19)` in words that other databases have."""
        count = node.args.get("count") if isinstance(node, exp.Min) else None
        if count is None:
            return node
        smallest = exp.func("list_sort", exp.func("list", node.this, dialect="duckdb"), dialect="duckdb")
        return exp.ArraySlice(this=smallest, start=exp.Literal.number(1), end=count.copy())

    try:
        writer = sqlglot.Dialect.get_or_raise(dialect).generator(
            pretty=True, unsupported_level=sqlglot.ErrorLevel.IGNORE
        )
        written = writer.generate(sqlglot.parse_one(sql, read="duckdb").transform(portable))
    except (ValueError, AttributeError) as error:  # some of its writers fail in the middle of what they do not know
        why = f": {error}" if isinstance(error, ValueError) else "."
        raise RuleError(
            f"SQLGlot cannot write this for {dialect!r}{why}",
            "It can for duckdb, spark, snowflake, postgres and others.",
        ) from None
    lost = sorted({message.rstrip(".") for message in writer.unsupported_messages})
    head = [
        f"-- Translated by SQLGlot for {dialect}, and never run there.",
        *(f"-- Not carried over: {each}." for each in lost),
    ]
    return "\n".join([*head, written])


def _literal(value: Any) -> str:
    if isinstance(value, datetime):
        return f"TIMESTAMPTZ '{value.isoformat()}'"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


@cache  # a relation's words stand in the text of each rule that rests on it
def _wrapped(text: str) -> str:
    import textwrap

    return "\n-- ".join(textwrap.wrap(text, 110))
