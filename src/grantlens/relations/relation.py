"""What a relation is: a named SELECT that several rules share."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Relation:
    """One named step that several rules share.

    A relation without parameters is a view in the store. One that looks at a window binds $since and
    $until (TIMESTAMPTZ) and is worked out when a rule runs.
    """

    name: str
    doc: str
    sql: str
    needs: tuple[str, ...] = ()
    """Relations that this one reads."""
    windowed: bool = False
    """True where the SELECT binds $since or $until."""
