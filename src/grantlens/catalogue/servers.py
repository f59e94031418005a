"""Names of a resource server: bring a logged one and a catalogue's one into the same form."""

from __future__ import annotations

import re

from grantlens.catalogue.path import joined

_SAME = {
    "00000003-0000-0000-c000-000000000000": "graph.microsoft.com",
    "microsoft graph": "graph.microsoft.com",
    "microsoftgraph": "graph.microsoft.com",
    "graph.microsoft.us": "graph.microsoft.com",
    "dod-graph.microsoft.us": "graph.microsoft.com",
    "microsoftgraph.chinacloudapi.cn": "graph.microsoft.com",
    "canary.graph.microsoft.com": "graph.microsoft.com",
}
"""Microsoft Graph: its application id, display name and national clouds."""


def server_key(server: str | None) -> str | None:
    """Return host (with an unusual port) or name of a server, lower case.

    Examples
    --------
    >>> server_key("https://Graph.Microsoft.com/v1.0/")
    'graph.microsoft.com'
    >>> server_key("https://api.example:8443/x"), server_key("mail-api"), server_key("")
    ('api.example:8443', 'mail-api', None)
    """
    if not server or not server.strip():
        return None
    key = re.sub(r"^[a-z][a-z0-9+.-]*://", "", server.strip().lower())
    key = key.split("/")[0].split("?")[0].rpartition("@")[2]
    key = re.sub(r":(443|80)$", "", key).rstrip(".")
    key = re.sub(r"^([\w-]+)\.mtls\.googleapis\.com$", r"\1.googleapis.com", key)
    return _SAME.get(key, key) or None


def serves(host: str, server: str) -> bool:
    """Whether a server is a catalogue's host; `*` in the host stands for any text without slash."""
    if "*" not in host:
        return host == server
    return joined([re.escape(part) for part in host.split("*")], "[^/]").fullmatch(server) is not None
