"""Accountability for delegated OAuth access, from the logs.

`open` a store, load logs into it, ask `detect`, print a `review`, reconstruct a `Case`. Everything is imported at first use,
so that `import grantlens` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grantlens import detect
    from grantlens.access_review.grants import grants
    from grantlens.access_review.register_draft import register_draft
    from grantlens.access_review.review import Review, review
    from grantlens.access_review.server_draft import server_draft
    from grantlens.case import Case
    from grantlens.catalogue.model import Catalogue
    from grantlens.charts.chart import offline
    from grantlens.errors import GrantlensError
    from grantlens.loaders.mapped import mapping
    from grantlens.loaders.settings import Settings
    from grantlens.register.clocks import Clocks
    from grantlens.register.decisions import Decisions
    from grantlens.register.identities import Identities
    from grantlens.register.register import Register
    from grantlens.register.server import Servers
    from grantlens.store import Store, open
    from grantlens.window import Window

    __version__: str

__all__ = [
    "Case",
    "Catalogue",
    "Clocks",
    "Decisions",
    "GrantlensError",
    "Identities",
    "Register",
    "Review",
    "Servers",
    "Settings",
    "Store",
    "Window",
    "detect",
    "grants",
    "mapping",
    "offline",
    "open",
    "register_draft",
    "review",
    "server_draft",
]

_HOMES = {
    "Case": "grantlens.case",
    "Catalogue": "grantlens.catalogue.model",
    "Clocks": "grantlens.register.clocks",
    "Decisions": "grantlens.register.decisions",
    "GrantlensError": "grantlens.errors",
    "Identities": "grantlens.register.identities",
    "Register": "grantlens.register.register",
    "Review": "grantlens.access_review.review",
    "Servers": "grantlens.register.server",
    "Settings": "grantlens.loaders.settings",
    "Store": "grantlens.store",
    "Window": "grantlens.window",
    "grants": "grantlens.access_review.grants",
    "mapping": "grantlens.loaders.mapped",
    "offline": "grantlens.charts.chart",
    "open": "grantlens.store",
    "register_draft": "grantlens.access_review.register_draft",
    "review": "grantlens.access_review.review",
    "server_draft": "grantlens.access_review.server_draft",
}


def __getattr__(name: str) -> Any:
    if name == "detect":
        return importlib.import_module("grantlens.detect")
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    if name == "__version__":
        from importlib.metadata import version

        return version("grantlens")
    raise AttributeError(f"grantlens has no {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__
