"""OAuth scopes of Google Cloud, where a catalogue knows permissions of IAM.

A token's scope only caps what its account may do; IAM grants. Logs of tokens name scopes, and no log here names what IAM grants.
So a scope stands for all that it lets through. Whether IAM granted that is not judged by it.
"""

from __future__ import annotations

from collections.abc import Callable

PREFIX = "https://www.googleapis.com/auth/"
_SERVICES = {
    "devstorage": "storage",
    "sqlservice": "cloudsql",
    "ndev": "dns",
    "trace": "cloudtrace",
    "cloud_debugger": "clouddebugger",
}
"""First word of a scope, where the permissions of its service begin with another."""
_READING = ("get", "list", "search", "aggregatedlist", "query", "read")


def lets_through(scope: str) -> Callable[[str], bool] | None:
    """Return a function that tells whether a scope lets a permission through; None for a scope of no service.

    Examples
    --------
    >>> read = lets_through("https://www.googleapis.com/auth/devstorage.read_only")
    >>> read("storage.objects.get"), read("storage.objects.delete"), read("compute.instances.get")
    (True, False, False)
    >>> lets_through("https://www.googleapis.com/auth/cloud-platform")("compute.instances.delete")
    True
    """
    name = scope.removeprefix(PREFIX)
    if name == scope or name.startswith("userinfo."):
        return None
    first, _, rest = name.partition(".")
    reads_only = rest.replace("-", "").replace("_", "") == "readonly"
    service = _SERVICES.get(first, first) + "."

    def fits(permission: str) -> bool:
        here = first == "cloud-platform" or permission.startswith(service)
        return here and (not reads_only or permission.rpartition(".")[2].lower().startswith(_READING))

    return fits
