"""The canonical tables and their migrations.

`TABLES` holds every table of a store, in the order in which they are made.

Examples
--------
>>> from grantlens.schema import TABLES
>>> [table.name for table in TABLES][:3]
['issuance', 'usage_row', 'usage_caller']
"""

from types import ModuleType

from grantlens.schema import catalogue, ledger, register
from grantlens.schema.bookkeeping import ACTIVITY, CALLER_FIRST, EVENT_KEY, META
from grantlens.schema.issuance import ISSUANCE
from grantlens.schema.revocation import REVOCATION
from grantlens.schema.table import Column, Table
from grantlens.schema.usage import USAGE, USAGE_CALLER, USAGE_ROW, USAGE_TARGET, USAGE_VIEW

LOGS = {"issuance": ISSUANCE, "usage": USAGE, "revocation": REVOCATION}
"""The three logs, in their canonical columns."""

TIMES = {"issuance": "issued_at", "usage": "used_at", "revocation": "revoked_at"}
"""The column that holds the event time of each log."""


def _declared(module: ModuleType) -> tuple[Table, ...]:
    return tuple(value for value in vars(module).values() if isinstance(value, Table))


TABLES = (
    ISSUANCE,
    USAGE_ROW,
    USAGE_CALLER,
    USAGE_TARGET,
    REVOCATION,
    *_declared(ledger),
    *_declared(register),
    *_declared(catalogue),
    META,
    EVENT_KEY,
    ACTIVITY,
    CALLER_FIRST,
)

VIEWS = {"usage": USAGE_VIEW, **catalogue.CATALOGUE_VIEWS}
"""The views of the schema by name, each as a SELECT."""

__all__ = ["LOGS", "TABLES", "TIMES", "VIEWS", "Column", "Table"]
