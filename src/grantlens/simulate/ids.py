"""Ids as each provider forms them, always the same for the same name."""

import base64
import hashlib
import json
import uuid

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _bytes(*name: object) -> bytes:
    return hashlib.sha256(":".join(map(str, name)).encode()).digest()


def guid(*name: object) -> str:
    """Return a GUID.

    Examples
    --------
    >>> guid("mail room") == guid("mail room"), len(guid("x"))
    (True, 36)
    """
    return str(uuid.UUID(bytes=_bytes(*name)[:16], version=4))


def short(prefix: str, length: int, *name: object) -> str:
    """Return an id of letters and digits behind a prefix, as Okta has them.

    Examples
    --------
    >>> len(short("0oa", 20, "roster"))
    20
    """
    number = int.from_bytes(_bytes(*name), "big")
    text = ""
    while len(text) < length - len(prefix):
        number, digit = divmod(number, 62)
        text += _LETTERS[digit]
    return prefix + text


def _uti(*name: object) -> str:
    return base64.urlsafe_b64encode(_bytes(*name)[:16]).decode().rstrip("=")


def token_id(home: str, kind: str, *name: object) -> str:
    """Return the id of a token as the provider logs it."""
    if home == "okta":
        return short(
            {"access": "AT.", "refresh": "oar", "api_key": "00T"}[kind], 20 if kind == "api_key" else 24, "token", *name
        )
    if home == "microsoft_entra" and kind == "api_key":
        return guid("key", *name)
    if home == "microsoft_entra":
        return _uti("token", *name)
    if home == "aws_cloudtrail":
        return "AKIA" + base64.b32encode(_bytes("token", *name)).decode()[:16]
    return base64.b64encode(_bytes("token", *name)).decode()


def event_id(home: str, *name: object) -> str:
    """Return the id of an event as the provider logs it."""
    if home == "github":
        return _uti("event", *name)
    if home == "google_workspace":
        return str(int.from_bytes(_bytes("event", *name)[:8], "big", signed=True))
    return guid("event", *name)


def derived_grant(source: str, tenant: str | None, client_id: str, subject_id: str | None) -> str:
    """Return the grant as grantlens derives it where neither a log nor a loader names one.

    Examples
    --------
    >>> len(derived_grant("aws_cloudtrail", "210987654321", "arn:aws:iam::210987654321:user/stock-feeder", None))
    40
    """
    parts = json.dumps([source, tenant, client_id, subject_id, None], separators=(",", ":"))
    return "derived:" + hashlib.md5(parts.encode(), usedforsecurity=False).hexdigest()
