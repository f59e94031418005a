"""The document as JSON: the same bytes for the same document, one finding a line so that it can be read in parts."""

from __future__ import annotations

import json
from typing import Any

REVIEW_SCHEMA = "grantlens.review/1"
"""Raised whenever a key of a review changes its meaning or goes away; new keys do not raise it."""

CASE_SCHEMA = "grantlens.case/1"
"""The same, for a case."""

_BY_LINE = ("findings", "grants", "revocations", "proposals", "clients", "events", "evidence")


def to_json(document: dict[str, Any]) -> str:
    r"""Return the document as JSON text, with long lists one item a line.

    Only ASCII comes out: control characters and marks that turn a line round stay escaped wherever it is shown.

    Examples
    --------
    >>> print(to_json({"schema": "grantlens.review/1", "findings": [{"title": "\u202e"}]}), end="")
    {
    "schema": "grantlens.review/1",
    "findings": [
    {"title": "\u202e"}
    ]
    }
    """
    parts = []
    for key, value in document.items():
        if key in _BY_LINE and isinstance(value, list) and value:
            text = "[\n" + ",\n".join(line(item) for item in value) + "\n]"
        else:
            text = line(value)
        parts.append(f"{json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def line(value: Any) -> str:
    """Return one value as JSON on one line; what JSON cannot say is an error, never a guess."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False)
