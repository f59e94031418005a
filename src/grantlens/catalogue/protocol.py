"""Scopes of the protocol: they authorise no operation of an API, so they are never unused and never widen a grant."""

from __future__ import annotations

PROTOCOL_SCOPES = frozenset(
    {
        "openid",
        "profile",
        "email",
        "address",
        "phone",
        "offline_access",
        ".default",
        "https://www.googleapis.com/auth/userinfo.email",
        "https://www.googleapis.com/auth/userinfo.profile",
    }
)
"""OpenID Connect Core sections 5.4 and 11, Microsoft's `.default`, and Google's long forms of email and profile."""


def is_protocol(scope: str) -> bool:
    """Return whether a scope authorises no operation by itself.

    Examples
    --------
    >>> is_protocol("offline_access"), is_protocol("api://77aa/.default"), is_protocol("Mail.Read")
    (True, True, False)
    """
    return scope.lower() in PROTOCOL_SCOPES or scope.lower().endswith("/.default") or _audience_form(scope)


def _audience_form(scope: str) -> bool:
    """Whether it is a protocol scope behind the address of Microsoft Graph."""
    start, _, name = scope.lower().rpartition("/")
    return start in ("https://graph.microsoft.com", "https://graph.windows.net") and name in PROTOCOL_SCOPES
