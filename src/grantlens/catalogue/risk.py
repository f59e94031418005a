"""One neutral rank for the risk of a scope, always beside the label it was made from.

0 identity only, 1 own data read, 2 own data write or basic directory read, 3 tenant-wide read or
write, 4 privilege escalation or control plane.
"""

from __future__ import annotations

import re

from grantlens.catalogue.protocol import is_protocol

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ADMIN = frozenset({"admin", "full", "manage", "all", "root", "owner", "superuser", "cloud", "maintenance"})
_WRITE = frozenset(
    {
        "write",
        "readwrite",
        "modify",
        "create",
        "delete",
        "update",
        "send",
        "compose",
        "insert",
        "edit",
        "post",
        "publish",
    }
)
_READ = frozenset({"read", "readonly", "view", "list", "get", "metadata", "history", "search"})


def by_name(scope: str) -> tuple[str, int]:
    """Guess class and rank from the words of a scope, where no source says better.

    Examples
    --------
    >>> by_name("files.read"), by_name("okta.users.manage"), by_name("chat:write"), by_name("openid")
    (('read', 1), ('admin', 3), ('write', 2), ('identity', 0))
    """
    if is_protocol(scope):
        return "identity", 0
    words = {word.lower() for word in _WORDS.findall(scope.rpartition("/")[2] or scope)}
    if words & _ADMIN:
        return "admin", 3
    if words & _WRITE:
        return "write", 2
    if words & _READ:
        return "read", 1
    return "unnamed", 2


def graph_rank(permission: str, principal: str, level: int) -> int:
    """Rank a Microsoft Graph permission: its privilegeLevel where that decides, else reach and action.

    Most permissions have level 3, own mail and the whole tenant's alike, so the level alone ranks little.
    A delegated permission without `.All` reaches the user's own data.

    Examples
    --------
    >>> graph_rank("Mail.Read", "delegated", 3), graph_rank("Mail.Read", "application", 3)
    (1, 3)
    >>> graph_rank("User.ReadBasic.All", "delegated", 2), graph_rank("Application.ReadWrite.All", "application", 4)
    (2, 4)
    """
    words = {word.lower() for part in permission.split(".") for word in re.split(r"(?<=[a-z])(?=[A-Z])", part)}
    if level >= 4:
        return 4
    if level <= 1:
        return 1
    if "basic" in words:
        return 2
    if principal == "application" or permission.endswith((".All", ".Global", ".Directory")):
        return 3
    return 1 if words & _READ and not words & _WRITE else 2
