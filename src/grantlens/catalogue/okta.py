"""Convert Okta's management OpenAPI (okta-management-openapi-spec): the OpenAPI converter with what is known of Okta.

A list of several scopes needs them all. The document names no fixed host, and the System Log calls the server
`okta`: the catalogue has that name, so that logged paths find it.

What the System Log cannot tell: it gives the path and the type of the event, and no HTTP method. Reads are not
logged. So a path with one operation is certain, and so is what a change of a path needs where all methods that
change it need the same: that is an operation without a method, `change of /api/v1/groups/{groupId}`. Elsewhere the
call stays unknown. So does a notice about rate limits, which any request may bring about, a read as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from grantlens.catalogue.draft import Alternative, Draft
from grantlens.catalogue.frozen import freeze
from grantlens.catalogue.model import Catalogue
from grantlens.catalogue.openapi import drafted

READING = ("GET", "HEAD", "OPTIONS")
NOTICES = (
    "app.oauth2.client_id_rate_limit_warning",
    "application.integration.rate_limit_exceeded",
    "core.concurrency.org.limit.violation",
    "system.client.concurrency_rate_limit.notification",
    "system.client.concurrency_rate_limit.violation",
    "system.client.rate_limit.notification",
    "system.client.rate_limit.violation",
    "system.operation.rate_limit.violation",
    "system.operation.rate_limit.warning",
    "system.org.rate_limit.burst",
    "system.org.rate_limit.expiration.warning",
    "system.org.rate_limit.violation",
    "system.org.rate_limit.warning",
)
"""Types of events that carry the path of a request and are no change of it."""


def build(path: Path, *, list_rule: str | None = None, name: str | None = None, server: str | None = None) -> Catalogue:
    """Convert one OpenAPI document of Okta."""
    draft = drafted(path, "okta", list_rule=list_rule or "all", name=name or "okta", server=server)
    _add_changes(draft)
    for notice in NOTICES:
        draft.operation(kind="rpc", op_name=notice, security="unknown", source_ref="System Log")
    return freeze(draft)


def _add_changes(draft: Draft) -> None:
    """Add what changes at a path, whatever the method, where every method that changes it needs the same."""
    paths: dict[tuple, list[tuple[dict[str, Any], list[Alternative]]]] = {}
    for facts, needs in draft.operations:
        paths.setdefault((facts["host"], facts["base_path"], facts["template"]), []).append((facts, needs))
    for (_, _, template), here in paths.items():
        writing = [(facts, needs) for facts, needs in here if facts["method"] not in READING]
        if len(here) > 1 and len({(facts["security"], frozenset(needs)) for facts, needs in writing}) == 1:
            facts, needs = writing[0]
            same = {name: facts[name] for name in ("api", "api_version", "host", "base_path", "security")}
            draft.operation(
                needs, template=template, label=f"change of {template}", source_ref=f"paths.{template}", **same
            )
