"""Zoom operation log: settings, users and groups, in words.

Nothing in this log gives, takes or uses a delegated credential: an operation is an action, a category and a text. The
log is recognised so that nobody takes it for another, and every record is ignored under a name that says what it is.

Proven on records that a collector published as tests: categories Account, User and User Group.
"""

from collections.abc import Mapping

from grantlens.loaders.loader import Loader, mostly

_FIELDS = """{"action": "VARCHAR", "category_type": "VARCHAR", "operation_detail": "VARCHAR"}"""


def _is_operation(record: Mapping) -> bool:
    """Tell a Zoom operation: a category, an operator, and a text that says what was done."""
    return {"action", "category_type", "operation_detail", "operator"} <= record.keys()


_OPERATION = "SELECT line_no, r.* FROM record WHERE r IS NOT NULL"

_IGNORED = """
SELECT line_no,
       CASE WHEN category_type = 'User' THEN 'change of a person'
            WHEN category_type LIKE '%Group' THEN 'change of a group'
            ELSE 'not about delegated access' END AS reason
FROM operation
WHERE category_type IS NOT NULL
"""

_REJECTED = """
SELECT line_no, 'category_type is missing' AS reason FROM operation WHERE category_type IS NULL
"""

LOADER = Loader(
    name="zoom",
    version=1,
    title="Zoom operation log",
    recognise=mostly(_is_operation),
    fields=_FIELDS,
    carries=(),
    steps={"operation": _OPERATION},
    ignored=_IGNORED,
    rejected=_REJECTED,
    join_note="This log shows no delegated access: its records are recognised, counted and ignored.",
)
