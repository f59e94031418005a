"""What a loader's SELECTs can tell at all: which canonical columns they fill, and with which words.

It is read off the SQL, which is the declaration: a column that no SELECT gives is NULL for ever, and a word that
no branch of a CASE names never comes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from grantlens.engine.duckdb import Engine
from grantlens.ingest.mapping import parsed, with_steps
from grantlens.loaders import Loader
from grantlens.schema import LOGS
from grantlens.schema.vocabulary import ENUMS

UNKNOWN = "unknown"
"""The word for a column that may stay empty."""

_NOTHING = "(SELECT 0::BIGINT AS line_no, ''::VARCHAR AS line)"


def can_tell(loader: Loader) -> frozenset[str]:
    """Return what the loader's logs can tell: "usage.token_id" for a column, "usage.denial_reason=token" for a word.

    Examples
    --------
    >>> from grantlens.loaders import loaders
    >>> told = can_tell(loaders()["okta"])
    >>> "issuance.parent_token_id" in told, "usage.token_scopes" in told, "issuance.token_kind=refresh" in told
    (True, False, True)
    """
    engine = Engine(":memory:")
    try:
        return frozenset(word for log in LOGS if getattr(loader, log) for word in _told(engine, loader, log))
    finally:
        engine.close()


def _told(engine: Engine, loader: Loader, log: str) -> Iterator[str]:
    sql = with_steps(loader, getattr(loader, log), parsed(loader, _NOTHING))
    values = dict.fromkeys(re.findall(r"\$([a-z_]\w*)", sql)) | dict(loader.parameters)
    columns = {name for name, *_ in engine.rows(f"DESCRIBE {sql}", values)}
    tree = json.loads(engine.value("SELECT json_serialize_sql($sql::VARCHAR)", {"sql": sql}))
    named: dict[str, list[dict]] = {}
    _collect(tree, named)
    for name, value in loader.parameters.items():
        named[f"${name}"] = [{"class": "CONSTANT", "literal": {"kind": "STRING", "text": value}}]
    for column in LOGS[log].columns:
        if column.name in columns:
            yield f"{log}.{column.name}"
        if column.type in ENUMS and not column.required:
            said = _words(named, column.name, frozenset()) if column.name in columns else {UNKNOWN}
            words = (*ENUMS[column.type], UNKNOWN)
        elif column.type in ENUMS:
            said, words = _words(named, column.name, frozenset()), ENUMS[column.type]
        else:
            continue
        yield from (f"{log}.{column.name}={word}" for word in words if said is None or word in said)


def _collect(node: Any, named: dict[str, list[dict]]) -> None:
    """Put every expression of a syntax tree that has a name under that name."""
    if isinstance(node, dict):
        if node.get("alias") and "class" in node:
            named.setdefault(node["alias"], []).append(node)
        if node.get("type") == "SET_OPERATION_NODE" and node["setop_type"] == "UNION":
            first, *others = node["children"]
            for other in others:
                for name, part in zip(_names(first), other.get("select_list", ()), strict=False):
                    if name is None or part["class"] == "STAR":
                        break
                    named.setdefault(name, []).append(part)
        for part in node.values():
            _collect(part, named)
    elif isinstance(node, list):
        for part in node:
            _collect(part, named)


def _names(select: dict) -> Iterator[str | None]:
    """Give the names of what a SELECT gives, by which the same places of those united with it are known; None where that is not told."""
    while select.get("type") == "SET_OPERATION_NODE":
        select = select["children"][0]
    for part in select.get("select_list", ()):
        yield part["alias"] or (part["column_names"][-1] if part["class"] == "COLUMN_REF" else None)


def _words(named: dict[str, list[dict]], name: str, above: frozenset[str]) -> set[str] | None:
    """Return the words that a named column may hold; None where a record's own field stands there, which may be any."""
    meant = [node for node in named.get(name, []) if not _is_itself(node, name)]
    if not meant or name in above:
        return None if name not in above else set()
    return _either(_results(node, named, above | {name}) for node in meant)


def _is_itself(node: dict, name: str) -> bool:
    return node["class"] == "COLUMN_REF" and node["column_names"][-1] == name and len(node["column_names"]) < 3


def _results(node: Any, named: dict[str, list[dict]], above: frozenset[str]) -> set[str] | None:
    """Return the words that an expression may come to, conditions left aside."""
    if isinstance(node, list):
        return _either(_results(part, named, above) for part in node)
    if not isinstance(node, dict):
        return set()
    if node.get("class") == "CONSTANT":
        return {node["literal"]["text"] if node["literal"]["kind"] == "STRING" else UNKNOWN}
    if node.get("class") == "CASE":
        branches = [check["then_expr"] for check in node["case_checks"]]
        return _results([*branches, node["else_expr"]], named, above)
    if node.get("class") == "COLUMN_REF":
        return _words(named, node["column_names"][-1], above)
    if node.get("class") == "PARAMETER":
        return _words(named, f"${node['identifier']}", above)
    return _either(_results(part, named, above) for part in node.values())


def _either(parts: Iterator[set[str] | None]) -> set[str] | None:
    found: set[str] = set()
    for part in parts:
        if part is None:
            return None
        found |= part
    return found
