"""What a case is about: exactly one id, which must occur in the logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantlens.errors import CaseError

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

KINDS = ("client", "token", "subject", "grant")
"""What a case may be about."""


@dataclass(frozen=True)
class Asked:
    """The kind of thing and its id.

    Examples
    --------
    >>> str(Asked("client", "mail-copilot"))
    'client mail-copilot'
    """

    kind: str
    id: str

    @property
    def column(self) -> str:
        """The column that holds such ids, in all three logs."""
        return f"{self.kind}_id"

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


def asked(**ids: str | None) -> Asked:
    """Return the one id that was given.

    Raises
    ------
    CaseError
        If none or several were given.

    Examples
    --------
    >>> asked(client="mail-copilot", token=None)
    Asked(kind='client', id='mail-copilot')
    """
    given = [Asked(kind, value) for kind, value in ids.items() if value is not None]
    if len(given) != 1:
        seen = "nothing was named" if not given else f"{', '.join(map(str, given))} were named"
        raise CaseError(f"A case is about one thing, and {seen}.", f"Give one of {', '.join(KINDS)}.")
    return given[0]


def unknown(engine: Engine, about: Asked) -> CaseError:
    """Return the error for an id that occurs nowhere; it names the nearest ids that do."""
    column = about.column
    near = engine.rows(
        f"""SELECT id FROM (
            SELECT {column} AS id FROM issuance UNION SELECT {column} FROM usage_caller
            UNION SELECT {column} FROM revocation)
        WHERE id IS NOT NULL
        ORDER BY jaro_winkler_similarity(lower(id), lower($id)) DESC, id
        LIMIT 3""",
        {"id": about.id},
    )
    remedy = f"Nearest are {', '.join(name for (name,) in near)}." if near else f"The logs hold no {about.kind} at all."
    return CaseError(f"No {about} occurs in the logs of this store.", remedy)
