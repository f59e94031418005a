"""Secrets in logs: raw tokens become keyed hashes, excerpts are masked."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

EXCERPT = 200
"""Characters kept of a rejected record."""

RAW_TOKEN = (
    r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"  # JWT
    r"|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}"  # GitHub
    r"|ya29\.[A-Za-z0-9_-]{10,}|\b1//[A-Za-z0-9_-]{20,}"  # Google access, refresh
    r"|xox[a-z]-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,}"  # Slack
    r"|\bsk-[A-Za-z0-9_-]{16,}|\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"  # OpenAI, Anthropic; Stripe
    r"|glpat-[A-Za-z0-9_-]{16,}|dop_v1_[a-f0-9]{32,}|shpat_[a-f0-9]{16,}"  # GitLab, DigitalOcean, Shopify
    r"|(?:FwoG|IQoJ|FQoG|AQoD)[A-Za-z0-9+/=_-]{60,}"  # AWS session token
    r"|0\.A[A-Za-z0-9_-]{100,}"  # Entra refresh token
    r"|\bhv[sbr]\.[A-Za-z0-9_-]{20,}|\bnpm_[A-Za-z0-9]{36}|\bhf_[A-Za-z0-9]{30,}"  # Vault, npm, Hugging Face
    r"|\bAIza[A-Za-z0-9_-]{35}"  # Google API key
    r"|-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:[A-Za-z0-9+/=\s]|\\[nr])*(?:-----END [A-Z0-9 ]*PRIVATE KEY-----)?"
)
"""What a raw token looks like (RE2 syntax, for DuckDB and Python alike)."""

_MASKS = (
    (re.compile(r"(?i)\b(bearer|basic|dpop)(\s+)[A-Za-z0-9._~+/=-]{6,}"), r"\1\2***"),
    (re.compile(RAW_TOKEN), "***"),
    (
        re.compile(
            r"(?i)(\"?(?:client_secret|clientsecret|secret|password|passwd|access_token|accesstoken|refresh_token|refreshtoken"
            r"|id_token|sessiontoken|session_token|secretaccesskey|assertion|client_assertion|subject_token|actor_token"
            r"|api_key|apikey|private_key|code_verifier|authorization)\"?\s*[:=]\s*\"?)[^\"&\s,}]+"
        ),
        r"\1***",
    ),
    (re.compile(r"(?i)([?&\"\s](?:code|sig|token|key)\"?\s*[:=]\s*\"?)[^\"&\s,}]{6,}"), r"\1***"),
)

_BETWEEN = re.compile("[,}]")
"""No secret that is masked reaches over one of these: what stands before is masked alike with and without what follows."""

_ANY_MASK = "|".join(f"({pattern.pattern})" for pattern, _ in _MASKS)


def masked(record: str, length: int = EXCERPT) -> str:
    """Return the start of a record, its secrets masked.

    Examples
    --------
    >>> masked('{"authorization": "Bearer abc.def-ghi", "status": "x"}')
    '{"authorization": "*** ***", "status": "x"}'
    >>> masked("GET /cb?code=4%2F0AdQt8qh HTTP/1.1")
    'GET /cb?code=*** HTTP/1.1'
    """
    text = record[: length * 20]  # mask before cutting, so that no half of a secret escapes its pattern
    size = length
    while True:
        between = _BETWEEN.search(text, size)
        start = text[: between.end()] if between else text
        for pattern, instead in _MASKS:
            start = pattern.sub(instead, start)
        if between is None or len(start) >= length:
            return start[:length]
        size *= 2


def part(texts: pa.Array, begin: int, end: int) -> pa.Array:
    """Return some bytes of each text; where they begin and end there may be part of a character."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.binary_slice(texts.view(pa.binary()), begin, end).view(pa.string())


def fits(texts: pa.Array, size: int) -> pa.Array:
    """Return for each text whether it has no more than so many bytes; to compare its length would import pandas."""
    import pyarrow.compute as pc

    return pc.match_like(part(texts, size, size + 1), "")


def nothing_to_mask(texts: pa.Array) -> pa.Array:
    """Return for each text whether `masked` gives its plain start; asking that is far quicker than masking.

    Only the first 2 * `EXCERPT` bytes are looked at, and only ASCII is judged: elsewhere more letters count as equal and
    more characters as blanks.
    """
    import pyarrow.compute as pc

    start, rest = part(texts, 0, 2 * EXCERPT), part(texts, EXCERPT, 2 * EXCERPT)
    between = pc.or_(pc.match_substring(rest, ","), pc.match_substring(rest, "}"))
    known = pc.or_(fits(texts, EXCERPT), between)
    return pc.and_(pc.and_(pc.string_is_ascii(start), known), pc.invert(pc.match_substring_regex(start, _ANY_MASK)))


def keyed_hash(token: str, key: str) -> str:
    """Return the keyed SHA-256 under which a raw token is known in the store.

    Examples
    --------
    >>> keyed_hash("ya29.a0AfH6SMBx", "00ff")[:9]
    'hmac:e7a5'
    """
    return "hmac:" + hmac.new(bytes.fromhex(key), token.encode(), hashlib.sha256).hexdigest()
