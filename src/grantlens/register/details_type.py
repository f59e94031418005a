"""What types of rich authorization details mean (RFC 9396), read from the register's TOML.

TOML::

    [[details_type]]
    type = "payment_initiation"           # required, as objects name it
    source = "native"                     # whose objects have this meaning; any source where not said
    absent_actions = "any"                # an object without `actions` permits: any or none
    absent_locations = "any"
    absent_datatypes = "any"
    absent_identifier = "none"
    passed_over = ["creditorName"]        # other members that restrict nothing of what is done below

    [[details_type.operation]]            # what only an object of this type permits, of the type above
    operation = "POST /payments"          # as findings print it, or as the call was logged; * is a glob
    action = "initiate"                   # what it is, in the words of the type
    datatype = "payments"
"""

from __future__ import annotations

from typing import Any

from grantlens.handwritten import Document, Entry
from grantlens.register.rows import keep

ABSENT = ("any", "none")
"""What an object may permit that lacks a member."""

_ABSENT = ("absent_actions", "absent_locations", "absent_datatypes", "absent_identifier")
_OPERATION = ("operation", "action", "datatype")


def details_types(document: Document) -> tuple[dict[str, Any], ...]:
    """Return the types of a register, in the columns of table details_type; a mistake names its line."""
    entries = document.tables("details_type", "details type")
    places = document.nested("details_type", "operation")
    found: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(entries):
        entry.check_keys(("type", "source", *_ABSENT, "passed_over", "operation"))
        given = entry.values.get("operation")
        if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
            raise entry.mistake(
                "a details type needs an operation.",
                "operation" if given is not None else None,
                'Write [[details_type.operation]] below it, and operation = "...".',
            )
        here = [(line, lines) for owner, line, lines in places if owner == number]
        here += [(entry.line, {})] * (len(given) - len(here))
        operations = [
            _operation(Entry(entry.file, "operation", one, line, lines, entry.error))
            for one, (line, lines) in zip(given, here, strict=True)
        ]
        row = {
            "type": entry.text("type", required=True),
            "source": entry.text("source"),
            **{key: entry.text(key, choices=ABSENT) for key in _ABSENT},
            "passed_over": entry.texts("passed_over"),
            "operations": operations,
        }
        keep(found, row["type"], row, entry, f"the type {row['type']!r}", "type")
    return tuple(found.values())


def _operation(entry: Entry) -> dict[str, Any]:
    entry.check_keys(_OPERATION)
    return {key: entry.text(key, required=key == "operation") for key in _OPERATION}
