"""Read `WWW-Authenticate`: which scopes a resource server asked for when it refused a token as too narrow."""

from __future__ import annotations

import re

_PART = re.compile(
    r"""[\s,]*(?:
        (?P<name>[\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s",]+))
        |(?P<scheme>[\w!#$%&'*+.^`|~-]+))""",
    re.VERBOSE | re.DOTALL,
)
_SCHEMES = ("bearer", "dpop")


def challenges(header: str) -> list[tuple[str, dict[str, str]]]:
    """Return each challenge of a header: its scheme and parameters, both named in lower case (RFC 9110, 11.6.1).

    Examples
    --------
    >>> challenges('Basic realm="a, b", Bearer error="insufficient_scope", scope="mail.read mail.send"')
    [('basic', {'realm': 'a, b'}), ('bearer', {'error': 'insufficient_scope', 'scope': 'mail.read mail.send'})]
    """
    found: list[tuple[str, dict[str, str]]] = []
    for part in _PART.finditer(header):
        if part["scheme"]:
            found.append((part["scheme"].lower(), {}))
        elif found:
            value = part["bare"] if part["quoted"] is None else re.sub(r"\\(.)", r"\1", part["quoted"])
            found[-1][1].setdefault(part["name"].lower(), value)
    return found


def needed_scopes(header: str) -> frozenset[str] | None:
    """Return the scopes that a refusal asks for; None where it is about something else, empty where it names none.

    Examples
    --------
    >>> sorted(needed_scopes('Bearer error="insufficient_scope", scope="mail.send mail.read"'))
    ['mail.read', 'mail.send']
    >>> needed_scopes('Bearer error="invalid_token"') is None
    True
    """
    for scheme, parameters in challenges(header):
        if scheme in _SCHEMES and parameters.get("error") == "insufficient_scope":
            return frozenset(parameters.get("scope", "").split())
    return None
