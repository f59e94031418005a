"""What to write in a mapping whose value did not fit: as far as the reason tells that."""

from __future__ import annotations

import re

from grantlens.explain.draft import meaning
from grantlens.explain.moment import written_as
from grantlens.loaders.mapped.sql import NEVER, TWICE
from grantlens.toml_text import toml_text


def advice(reason: str) -> str:
    """Return what to write, given why a record was rejected; nothing where that cannot be told.

    Examples
    --------
    >>> advice("used_at: '1782900000250 as ISO 8601' is no time")
    'say unit = "ms"'
    >>> advice("outcome: 'FAILED' is none of success, denied, error")
    'say what it means: values = { "FAILED" = "error" }'
    >>> advice("used_at: 'never as ISO 8601' is no time")
    ''
    """
    if reason == "not mapped":
        return "write a table whose when holds for it, or [[ignored]]"
    if TWICE in reason:
        return 'the clock was put back; if you know which it was, load such lines by themselves with zone = "Etc/GMT-2" or its like'
    if NEVER in reason:
        return "the clock was put forward there: is it the right zone?"
    if found := re.search(r"'(.*?)(?: as ISO 8601| as unix \w+| without a zone| in this format)?' is no time", reason):
        return _of_time(written_as(found[1]))
    if found := re.search(r"'(.*)' is none of ([\w, ]+)", reason):
        meant = meaning(found[1])
        word = meant if meant in found[2].split(", ") else None
        return f"say what it means: values = {{ {toml_text(found[1])} = {toml_text(word or '...')} }}"
    if "' is no number" in reason:
        return "take the number out of it by a pattern, or leave the column out"
    return ""


def _of_time(how: str | None) -> str:
    if how is None:
        return ""
    if how == "local":
        return 'say zone = "UTC", or the zone in which it was written'
    if how == "ISO 8601":
        return "leave unit and format out"
    return f'say format = "{how}"' if how.startswith("%") else f'say unit = "{how}"'
