"""Classic OAuth scopes of GitHub's REST API, which its OpenAPI document tells in sentences only.

`OAuth app tokens and personal access tokens (classic) need the `repo` scope to use this endpoint.` About half of the
operations have such a sentence; what the others need is unknown. A sentence is taken word for word only where it ends in one
of the ways that are known here. One that goes on otherwise, or is about private repositories, states a condition; beside a
sentence without one, what it names is credited where it is held, never demanded. `repo` is also met by `public_repo`, since
the log does not show whether a repository was public.
"""

from __future__ import annotations

import re

Needs = list[tuple[frozenset[str], str | None]]
"""Alternatives, each a set of scopes, and its condition."""

PRIVATE = "object: private repositories"
OTHER = "object: as the documentation says"

_NAME = r"`?([a-z_]+(?::[a-z_]+)?)`?"
_SENTENCE = re.compile(
    r"(?:tokens \(classic\)|OAuth tokens|PATs \(classic\)) need\s*(?:either |both )?(?:the\s*)?(.+)", re.IGNORECASE
)
_INSTEAD = re.compile(
    rf"only used with public repositories, the token can use the {_NAME} scope instead", re.IGNORECASE
)
_PLAIN = re.compile(
    r"(?:\s*to use this endpoint(?: with private or public repositories)?"
    r"|\s*or the \"[^\"]+\" fine-grained permission to use this endpoint)?\.?\s*$"
)
_LISTED = re.compile(rf"{_NAME}((?:(?:, or|, and|,| or| and)(?: the)? {_NAME})*)\s*scopes?", re.IGNORECASE)
_ONLY_PUBLIC = re.compile(
    rf"\s*to use this endpoint with private or public repositories, or the {_NAME} scope to use this endpoint with only public",
    re.IGNORECASE,
)


def classic_needs(description: str) -> Needs:
    """Return what the sentences of a description say that a classic token needs; nothing where they say nothing.

    Examples
    --------
    >>> [sorted(scopes) for scopes, _ in classic_needs("OAuth tokens need the `gist` or `user` scope to use this endpoint.")]
    [['gist'], ['user']]
    >>> classic_needs("Lists all gists.")
    []
    """
    found: Needs = []
    for sentence in re.split(r"(?<=[.!])\s+|\n+", description):
        instead = _INSTEAD.search(sentence)
        said = _SENTENCE.search(sentence)
        if instead:
            found.append((frozenset([instead[1]]), None))
        elif said:
            found += _read(said[1], sentence)
    always = [scopes for scopes, condition in found if condition is None]
    if always:  # what is needed besides for some objects is credited, never demanded
        besides = [scopes for scopes, condition in found if condition is not None]
        found = [(one, None) for one in [*always, *(one | more for one in always for more in besides)]]
    wider = [(scopes - {"repo"} | {"public_repo"}, condition) for scopes, condition in found if "repo" in scopes]
    return list(dict.fromkeys(found + wider))


def _read(said: str, sentence: str) -> Needs:
    """Read what follows "need"."""
    listed = _LISTED.match(said)
    if not listed:
        return []
    names = [listed[1], *re.findall(rf"(?:, or|, and|,| or| and)(?: the)? {_NAME}", listed[2])]
    groups = [frozenset(names)] if re.search(r"\band\b", listed[2]) else [frozenset([name]) for name in names]
    rest = said[listed.end() :]
    public = _ONLY_PUBLIC.match(rest)
    if public:
        return [*((group, None) for group in groups), (frozenset([public[1]]), None)]
    if _PLAIN.match(rest) and "private," not in sentence.partition("need")[0]:
        return [(group, None) for group in groups]
    return [(group, PRIVATE if "private" in sentence else OTHER) for group in groups]
