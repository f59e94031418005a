"""Fields of a log that a mapping must not take as they are: a store keeps no secret."""

from __future__ import annotations

import re
from collections.abc import Iterable

from grantlens.handwritten import Entry
from grantlens.loaders.mapped.place import Place

_SECRET = re.compile(
    r"(?i)(.*[_.-])?(secret|client_?secret|pass(word|wd)|(access|refresh|id|session|bearer|subject|actor)_?token|api_?key"
    r"|private_?key|secret_?access_?key|authorization|(client_?)?assertion|code_?verifier|cookie)"
)
"""How keys are called that hold what must not be kept as it is."""

_MAY_BE_SECRET = re.compile(r"(?i)(^|[^a-z])(token|bearer|credential)['\"]?$")
"""How keys are called that hold a token or its id."""


def check_secrets(entry: Entry, key: str, places: Iterable[Place]) -> None:
    """Refuse what is called like a secret, unless its hash is kept; what may be one or its id has to say which."""
    said = entry.values.get("hash") if entry.what.endswith(" rule") else None
    for each in places:
        if holds_secret(each.text) and said is not True:
            raise entry.mistake(
                f"{each.text!r} sounds like a secret, and a store keeps none.",
                key,
                f'Keep its hash: {{ path = "{each.text}", hash = true }}.',
            )
        if may_hold_token(each.text) and said is None:
            raise entry.mistake(
                f"{each.text!r} may hold a token itself, and a store keeps none.",
                key,
                f'Keep its hash: {{ path = "{each.text}", hash = true }}; or say hash = false if it is an id.',
            )


def holds_secret(path: str) -> bool:
    """True if the last key of a path is called as secrets are.

    Examples
    --------
    >>> holds_secret("headers.authorization"), holds_secret("accessToken"), holds_secret("token_id"), holds_secret("app.id")
    (True, True, False, False)
    """
    return _SECRET.fullmatch(re.split(r"[.\[\]\"\']+", path.rstrip("]\"'"))[-1]) is not None


def may_hold_token(path: str) -> bool:
    """True if the last key of a path is called as tokens are, or their ids.

    Examples
    --------
    >>> may_hold_token("app.token"), may_hold_token("token_id"), may_hold_token("bearer")
    (True, False, True)
    """
    return _MAY_BE_SECRET.search(path) is not None
