"""Log values inside Markdown: always text, never a link, never markup, never a second table cell."""

from __future__ import annotations

import re

from grantlens.visible import LONGEST, in_one_line

_ACTIVE = re.compile(r"([\\*_\[\]#|~$@])")


def plain(value: object, *, longest: int = 300) -> str:
    r"""Return a value as Markdown that shows it as it is; a text that is longer is cut in the middle.

    Examples
    --------
    >>> plain("a|b <img> [x](http://evil)")
    'a\\|b &lt;img&gt; \\[x\\](http:&#47;/evil)'
    """
    if value is None:
        return "–"
    text = in_one_line(str(value), longest=longest)
    text = _ACTIVE.sub(r"\\\1", text)
    text = (
        text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("`", "&#96;")
        .replace("://", ":&#47;/")
    )
    # A bare `www.` becomes a link in some readers even without a scheme.
    return re.sub(r"(?i)www\.", lambda match: match[0][:-1] + "&#46;", text)


def told(sentence: object) -> str:
    """Return a sentence of our own as Markdown, whole as in the page: the ids that it names make it long.

    Examples
    --------
    >>> len(told("No usage log of " + "x" * 400))
    416
    """
    return plain(sentence, longest=LONGEST)


def code(value: object) -> str:
    """Return a value as inline code; one that could break out of it in some reader comes as plain text.

    Examples
    --------
    >>> code("GET /v1/users/{id}"), code("a`b<i>"), code(None)
    ('`GET /v1/users/{id}`', 'a&#96;b&lt;i&gt;', '–')
    """
    if value is None:
        return "–"
    text = in_one_line(str(value), longest=300).strip()
    if not text or any(character in text for character in "`<>|\\"):
        return plain(text)
    return f"`{text}`"


def table(heads: list[str], rows: list[list[str]], empty: str = "None.") -> list[str]:
    """Return the lines of a table, or what is to be said where it has no rows; cells are Markdown already."""
    if not rows:
        return [empty, ""]
    body = [f"| {' | '.join(cell if cell else ' ' for cell in row)} |" for row in rows]
    return [f"| {' | '.join(heads)} |", f"|{'|'.join(' --- ' for _ in heads)}|", *body, ""]
