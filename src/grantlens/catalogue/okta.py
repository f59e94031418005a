"""Convert Okta's management OpenAPI (okta-management-openapi-spec): the OpenAPI converter with what is known of Okta.

A list of several scopes needs them all. The document names no fixed host, and the System Log calls the server
`okta`: the catalogue has that name, so that logged paths find it.

What the System Log cannot tell: it gives the path and the type of the event, and no HTTP method. A path with one
operation is known for certain; of a path with several the call stays unknown. Reads are not logged at all.
"""

from __future__ import annotations

from pathlib import Path

from grantlens.catalogue import openapi
from grantlens.catalogue.model import Catalogue


def build(path: Path, *, list_rule: str | None = None, name: str | None = None, server: str | None = None) -> Catalogue:
    """Convert one OpenAPI document of Okta."""
    return openapi.build(path, list_rule=list_rule or "all", name=name or "okta", server=server, source="okta")
