"""What a case is about: exactly one id, which must occur in the logs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from grantlens.case.listing import few
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
    ids: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """The (source, id) pairs that it is, where it has several; empty where the id alone says all."""
    known_as: str | None = field(default=None, repr=False)
    """The name that the identities file gives it."""

    @property
    def column(self) -> str:
        """The column that holds such ids, in all three logs."""
        return f"{self.kind}_id"

    def into(self, sql: str, **more: str) -> str:
        """Fill in what asks whether a row is about it: `{own}`, or `{own_i}` and `{own_r}` for tables so called; and more.

        Examples
        --------
        >>> Asked("client", "mail-copilot").into("SELECT 1 FROM issuance i WHERE {own_i}")
        'SELECT 1 FROM issuance i WHERE i.client_id = $id'
        """
        places = {"own": "", "own_i": "i.", "own_r": "r."}
        return sql.format(**{name: self._is_it(before) for name, before in places.items()}, **more)

    def named(self, before: str = "") -> str:
        """Return SQL for whether a row has the id that was asked for; of a grant, which tenant's it may be, see `grantlens.schema.apart`."""
        same = f"{before}{self.column} = $id"
        return f"({same} OR starts_with({before}{self.column}, $id || chr(1)))" if self.kind == "grant" else same

    def _is_it(self, before: str) -> str:
        if not self.ids:
            return self.named(before)
        return f"({before}source, {before}{self.column}) IN (SELECT (source, id) FROM case_id)"

    def is_it(self, source: str | None, id: str | None) -> bool:
        """Tell whether an id of a source is what the case is about."""
        if not self.ids:
            return id == self.id
        return (source, id) in self.ids or (source is None and id in {own for _, own in self.ids})

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values: kind and id, and the name and all ids where there are more."""
        more: dict[str, Any] = {"name": self.known_as} if self.known_as is not None else {}
        if self.ids:
            more["ids"] = [{"source": source, "id": id} for source, id in self.ids]
        return {"kind": self.kind, "id": self.id, **more}

    def told(self) -> str | None:
        """Return the sentence that says which ids are meant, None where the id says all.

        Examples
        --------
        >>> Asked("client", "Mail copilot", (("github", "Iv1.8a"), ("okta", "0oa1")), "Mail copilot").told()
        'The client Mail copilot is Iv1.8a in github, 0oa1 in okta.'
        >>> Asked("client", "0oa1", known_as="Mail copilot").told()
        'The identities file calls this client Mail copilot; a case of that name gathers all its ids.'
        >>> Asked("client", "app-1", (("microsoft_365", "obj-1"), ("native", "app-1"), ("okta", "app-1"))).told()
        'Its provider knows this client as obj-1 too, and all is told here.'
        """
        listed = ", ".join(f"{id} in {source}" for source, id in self.ids)
        if self.known_as == self.id and self.ids:
            return f"The {self.kind} {self.id} is {listed}."
        also = (
            ""
            if self.known_as is None
            else (
                f"The identities file calls this {self.kind} {self.known_as}; a case of that name gathers all its ids."
            )
        )
        # The id that was asked for is looked for in every source; only its other spellings are the provider's.
        spelled = sorted({id for _, id in self.ids} - {self.id})
        same = f"Its provider knows this {self.kind} as {few(spelled)} too, and all is told here." if spelled else ""
        return " ".join(filter(None, (same, also))) or None

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


def asked(**ids: str | None) -> Asked:
    """Return the one id that was given.

    Raises
    ------
    CaseError
        If none or several were given, or what was given is no text.

    Examples
    --------
    >>> asked(client="mail-copilot", token=None)
    Asked(kind='client', id='mail-copilot')
    """
    given = [Asked(kind, value) for kind, value in ids.items() if value is not None]
    if len(given) != 1:
        seen = "nothing was named" if not given else f"{', '.join(map(str, given))} were named"
        raise CaseError(f"A case is about one thing, and {seen}.", f"Give one of {', '.join(KINDS)}.")
    if not isinstance(given[0].id, str):
        raise CaseError(f"{given[0].id!r} is no id: ids are text.", f"Write it as {str(given[0].id)!r}.")
    return given[0]


def resolved(engine: Engine, about: Asked) -> Asked:
    """Return it with all its ids: a name out of the identities file has those that the file gives it.

    An id that a provider writes in two ways has both. An id that the file only names is taken as it stands; the name
    is told.
    """
    if about.kind not in ("client", "subject"):
        return about
    named = engine.rows(
        "SELECT source, id FROM identity WHERE kind = $kind AND name = $id", {"kind": about.kind, "id": about.id}
    )
    pairs = set(named) or {(source, about.id) for (source,) in engine.rows("SELECT DISTINCT source FROM activity")}
    more = _other_spellings(engine, about.kind, pairs)
    known = engine.rows(
        "SELECT DISTINCT name FROM identity WHERE kind = $kind AND id = $id", {"kind": about.kind, "id": about.id}
    )
    return replace(
        about,
        ids=tuple(sorted(pairs | more)) if named or more else (),
        known_as=about.id if named else known[0][0] if len(known) == 1 else None,
    )


_SPELLINGS = {
    "client": "SELECT source, id, app_id FROM same_client",
    "subject": "SELECT source, id, object_id FROM same_subject",
}


def _other_spellings(engine: Engine, kind: str, pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the ids under which a provider's own logs know the same clients or people."""
    if not engine.value("SELECT count(*) FROM activity WHERE source IN ('microsoft_entra', 'microsoft_365')"):
        return set()
    found = engine.rows(_SPELLINGS[kind])
    meant = {one for source, id, one in found if (source, id) in pairs or (source, one) in pairs}
    return {(source, spelling) for source, id, one in found if one in meant for spelling in (id, one)} - pairs


def unknown(engine: Engine, about: Asked, tenant: str | None) -> CaseError:
    """Return the error for an id that occurs nowhere: it names the ids with that display name, or the nearest ids."""
    named = _called(engine, about) if about.kind in ("client", "subject") else []
    if named:
        return CaseError(
            f"{about.id} is no {about.kind} id, but a display name in the logs or the register.",
            f"Ask for {'its id' if len(named) == 1 else 'one of its ids'}: {', '.join(named)}.",
        )
    column = about.column
    near = engine.rows(
        f"""SELECT id FROM (
            SELECT {column} AS id FROM issuance UNION SELECT {column} FROM usage_caller
            UNION SELECT {column} FROM revocation UNION SELECT name FROM identity WHERE kind = $kind)
        WHERE id IS NOT NULL
        ORDER BY contains(lower(id), lower($id)) DESC, jaro_winkler_similarity(lower(id), lower($id)) DESC, id
        LIMIT 3""",
        {"id": about.id, "kind": about.kind},
    )
    remedy = f"Nearest are {', '.join(name for (name,) in near)}." if near else f"The logs hold no {about.kind} at all."
    where = "this store" if tenant is None else f"the tenant {tenant}, at which alone it was looked"
    return CaseError(f"No {about} occurs in the logs of {where}.", remedy)


def _called(engine: Engine, about: Asked) -> list[str]:
    """Return the ids that bear this display name: findings print names, and strangers write them, so no name stands for an id."""
    columns = f"{about.column} AS id, {about.kind}_name AS name"
    register = "UNION SELECT client_id, name FROM register" if about.kind == "client" else ""
    found = engine.rows(
        f"""SELECT DISTINCT id FROM (
            SELECT {columns} FROM issuance UNION SELECT {columns} FROM usage_caller
            UNION SELECT {columns} FROM revocation {register})
        WHERE id IS NOT NULL AND lower(name) = lower($id)
        ORDER BY id LIMIT 9""",
        {"id": about.id},
    )
    return [id for (id,) in found]
