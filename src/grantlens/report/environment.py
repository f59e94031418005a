"""The Jinja environment of every report: all log values come out as visible text, and a missing key is an error."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from grantlens.report import formats
from grantlens.report.visible import visible

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment() -> Environment:
    """Return the environment; built once, since templates are compiled into it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    env = Environment(
        loader=PackageLoader("grantlens.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_show,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for name in ("number", "share", "when", "day", "duration", "size", "plural"):
        env.filters[name] = getattr(formats, name)
    env.filters["words"] = words
    return env


def render(template: str, **values: Any) -> str:
    """Render one page; its style sheet is part of it, and allowed by hash alone."""
    from markupsafe import Markup

    env = environment()
    style = (files("grantlens.report") / "templates" / "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return env.get_template(template).render(style=Markup(style), style_hash=Markup(digest), **values)


def words(text: str) -> str:
    """Return an identifier as words.

    Examples
    --------
    >>> words("last_success_s"), words("not_demonstrated")
    ('last success (s)', 'not demonstrated')
    """
    text = text.replace("_", " ")
    return f"{text[:-2]} (s)" if text.endswith(" s") else text


def _show(value: Any) -> Any:
    """Make what is invisible visible in every string that a template prints, before it is escaped."""
    if type(value) is str:
        return visible(value)
    return "" if value is None else value
