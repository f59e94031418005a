"""`grantlens identities add`: which ids of which logs are one client, person or resource server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from grantlens.cli.message import say
from grantlens.cli.opening import existing, readable
from grantlens.cli.parameters import StorePath
from grantlens.cli.sources import tell_strangers
from grantlens.wording import plural

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine
    from grantlens.register.identities import Identities

EXAMPLES = """Examples:
  grantlens identities add acme.duckdb identities.toml
  grantlens identities add acme.duckdb identities.csv

Every column, and a whole file as an example: docs/files.md in the repository."""


def add(
    store: StorePath,
    file: Annotated[Path, Parameter(help="TOML or CSV: source, kind, id, same_as")],
    /,
) -> int:
    """Say which ids of which logs are one client, person or resource server; a name's ids replace its earlier ones."""
    from grantlens.register.identities import Identities

    identities = Identities.read(readable(file))
    with existing(store, read_only=False) as opened:
        opened.add(identities)
        names, ids = opened.engine.rows("SELECT count(DISTINCT (kind, name)), count(*) FROM identity")[0]
        say(f"The store {store} knows {plural(names, 'name')} for {plural(ids, 'id')} now.")
        tell_strangers(
            opened.engine, [source for (source,) in opened.engine.rows("SELECT DISTINCT source FROM identity")]
        )
        _tell_unseen(opened.engine, identities)
    return 0


# Who acts for another, consents or revokes is a client or a person.
_UNSEEN = """
WITH person AS (
    SELECT source, unnest([client_id, subject_id, consent_actor] || coalesce(actor_chain, [])) AS id FROM issuance
    UNION SELECT source, unnest([client_id, subject_id] || coalesce(actor_chain, [])) FROM usage_caller
    UNION SELECT source, unnest([client_id, subject_id, actor_id]) FROM revocation
    -- an id that its log tells beside another is one for both of Microsoft's logs
    UNION SELECT source, unnest([id, app_id]) FROM same_client
    UNION SELECT source, unnest([id, object_id]) FROM same_subject
),
server AS (
    SELECT source, resource_server AS id FROM usage_caller
    UNION SELECT source, unnest(audience) FROM issuance
),
known AS (
    SELECT false AS is_server, source, id FROM person WHERE id IS NOT NULL
    UNION SELECT true, source, id FROM server WHERE id IS NOT NULL
),
-- Only of those that are told the nearest is looked for: each is held against all ids of its source.
told AS (
    SELECT *, count(*) OVER () AS unseen
    FROM (SELECT unnest($kinds) AS kind, unnest($sources) AS source, unnest($ids) AS id) b
    ANTI JOIN known k ON k.source = b.source AND k.id = b.id AND k.is_server = (b.kind = 'server')
    SEMI JOIN known a ON a.source = b.source
    ORDER BY kind, source, id
    LIMIT $most
)
SELECT b.kind, b.source, b.id, b.unseen, (
    SELECT k.id FROM known k
    WHERE k.source = b.source AND k.is_server = (b.kind = 'server') AND jaro_winkler_similarity(lower(k.id), lower(b.id)) >= 0.85
    ORDER BY jaro_winkler_similarity(lower(k.id), lower(b.id)) DESC, k.id
    LIMIT 1)
FROM told b
ORDER BY ALL
"""

_MOST = 5


def _tell_unseen(engine: Engine, identities: Identities) -> None:
    """Say which ids no log of their source has: nothing is compared by one that differs by a letter."""
    columns = {"kinds": "kind", "sources": "source", "ids": "id"}
    asked = {name: [row[column] for row in identities.rows] for name, column in columns.items()}
    found = engine.rows(_UNSEEN, {**asked, "most": _MOST})
    for kind, source, id_, _, near in found:
        say(
            f"No log of {source} names a {kind} {id_!r}{f'; nearest is {near!r}' if near else ''}. It is compared as the logs write it."
        )
    if found and (more := found[0][3] - len(found)):
        say(f"The same is true of {plural(more, 'more id')}.")
