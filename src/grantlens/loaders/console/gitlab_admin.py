"""Audit events of GitLab as its pages save them in CSV: the columns that its page on audit event reports lists.

What was done stands in words only, as in a line of the file that has no type. The times are UTC, as their column says.
"""

import re
from collections.abc import Mapping
from typing import Any

_COLUMNS = {
    "ID": "id",
    "Author ID": "author_id",
    "Author Name": "author_name",
    "Entity ID": "entity_id",
    "Entity Type": "entity_type",
    "Entity Path": "entity_path",
    "Target ID": "target_id",
    "Target Type": "target_type",
    "Target Details": "target_details",
    "Action": "custom_message",
    "IP Address": "ip_address",
    "Created At (UTC)": "created_at",
}
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)( UTC)?")
_SIGN_IN = "Signed in with "


def is_of_gitlab(record: Mapping) -> bool:
    """Tell a row by the columns that name the author and the entity, what was done, and when."""
    return {"Author ID", "Entity ID", "Entity Type", "Action", "Created At (UTC)"} <= record.keys()


def of_gitlab(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the audit event of a row.

    Examples
    --------
    >>> row = {"Author ID": "7", "Entity ID": "3", "Entity Type": "User", "Action": "Blocked user", "Created At (UTC)": "2026-07-01 10:00:00"}
    >>> of_gitlab(row)["created_at"], of_gitlab(row)["custom_message"]
    ('2026-07-01T10:00:00Z', 'Blocked user')
    """
    event = {name: row[column] for column, name in _COLUMNS.items() if column in row}
    if written := _TIME.fullmatch(str(row["Created At (UTC)"])):
        event["created_at"] = written[1].replace(" ", "T") + "Z"
    if str(row["Action"]).startswith(_SIGN_IN):
        event["with"] = str(row["Action"]).removeprefix(_SIGN_IN)
    return event
