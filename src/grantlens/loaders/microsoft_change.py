"""SQL that reads what Microsoft's directory says of a change: the same in Entra's audit log and in that of Microsoft 365.

A step gives `changed`, the names of the modified properties, and beside it `old_values` and `new_values`.
"""


def new(name: str) -> str:
    """Return SQL for the new value of a property, without the quotes that stand around some texts."""
    return _value(name, "new_values")


def old(name: str) -> str:
    """Return SQL for the old value."""
    return _value(name, "old_values")


def either(name: str) -> str:
    """Return SQL for a property that an addition has new and a removal may have old."""
    return f"coalesce({new(name)}, {old(name)})"


def _value(name: str, side: str) -> str:
    return f"nullif(trim({side}[list_position(changed, '{name}')], ' \"'), '')"


def words(text: str) -> str:
    """Return SQL for the scopes in a text; no text, no list."""
    return f"list_filter(string_split({text}, ' '), lambda s: s <> '')"


def of_deleted(name: str, object_id: str) -> str:
    """Return SQL for a sign-in name without what the directory puts before that of a person who is deleted: the object id, its dashes left out.

    Microsoft's and others' published queries cut it off, too.
    """
    hexadecimal = f"replace(lower({object_id}), '-', '')"
    return f"nullif(CASE WHEN len({hexadecimal}) = 32 AND starts_with(lower({name}), {hexadecimal}) THEN substr({name}, 33) ELSE {name} END, '')"


NOBODY = "00000000-0000-0000-0000-000000000000"
"""The id that Microsoft writes where it has none."""

_ENTRY = ", ".join(
    f"{name} := nullif(nullif(trim(regexp_extract(e, '{key}: ([^,\\]]*)', 1)), ''), '{NOBODY}')"
    for name, key in {
        "client": "ClientId",
        "person": "PrincipalId",
        "resource": "ResourceId",
        "type": "ConsentType",
        "scope": "Scope",
    }.items()
)


def entries(side: int) -> str:
    """Return SQL for the grants on one side of `permissions`: `[[Id: ..., ClientId: ..., ...], ...] => [[Id: ..., ...]]; `.

    The first consent to a client has no id for it, nor in the grant's own id: it is the target of the record.
    """
    text = f"split_part(permissions, '=>', {side})"
    return f"list_transform(regexp_extract_all({text}, '\\[Id: [^\\]]*\\]'), lambda e: struct_pack({_ENTRY}))"
