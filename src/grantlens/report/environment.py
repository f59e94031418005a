"""The Jinja environment of every report: all log values come out as visible text, and a missing key is an error."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from grantlens import wording
from grantlens.report import labels
from grantlens.visible import in_one_line

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
    for name in ("number", "share", "chance", "when", "day", "size", "plural", "duration"):
        env.filters[name] = getattr(wording, name)
    for name in ("label", "words", "censored", "explained", "period"):
        env.filters[name] = getattr(labels, name)
    env.filters["place"] = place
    env.filters["after_verdict"] = after_verdict
    return env


def render(template: str, **values: Any) -> str:
    """Render one page; its style sheet is part of it, and allowed by hash alone. Printed, each sheet names the manifest."""
    from markupsafe import Markup

    env = environment()
    style = (files("grantlens.report") / "templates" / "style.css").read_text(encoding="utf-8")
    manifest = bytes.fromhex(values["document"]["manifest"]["sha256"]).hex()  # a hash and nothing else becomes style
    style += f'@page {{ @bottom-left {{ content: "grantlens, manifest {manifest}"; }} }}\n'
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return env.get_template(template).render(style=Markup(style), style_hash=Markup(digest), **values)


def after_verdict(answer: str) -> str:
    """Return what an answer says after its yes, no or not demonstrated.

    Examples
    --------
    >>> after_verdict("yes, by 2026-07-01 10:05:00 UTC"), after_verdict("not demonstrated: nobody tried")
    ('by 2026-07-01 10:05:00 UTC', 'nobody tried')
    """
    for verdict in ("yes, ", "no, ", "not demonstrated: "):
        answer = answer.removeprefix(verdict)
    return answer


def place(moment: str, window: dict[str, str]) -> int:
    """Return where a moment lies in a window, in thousandths.

    Examples
    --------
    >>> place("2026-07-02T00:00:00Z", {"since": "2026-07-01T00:00:00Z", "until": "2026-07-05T00:00:00Z"})
    250
    """
    since, until, here = (datetime.fromisoformat(text) for text in (window["since"], window["until"], moment))
    return round(1000 * ((here - since) / (until - since)))


def _show(value: Any) -> Any:
    """Make what is invisible visible in every string that a template prints, before it is escaped; line breaks too."""
    if type(value) is str:
        return in_one_line(value)
    return "" if value is None else value
