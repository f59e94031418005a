"""Tables that hold too little to be believed: what they are, and what to fetch instead."""

from collections.abc import Collection

from grantlens.loaders.console.athena import NEEDED, has_columns
from grantlens.loaders.console.sentinel import lacking

_TABLES = (
    (
        {"Login Time", "Login Type", "Source IP"},
        "Salesforce's login history as Setup saves it: no column of that page has the id of the login or of the user",
        'Fetch the same logins with their ids: sf data query --result-format csv --query "SELECT Id, UserId, LoginTime, LoginType, '
        'LoginSubType, SourceIp, Status, Application, Browser FROM LoginHistory"',
    ),
    (
        {"Date", "User", "Source Namespace Prefix", "Action", "Section"},
        "Salesforce's setup audit trail as Setup saves it: it says what was done in words only, and its times stand in a zone that they do not tell",
        'Fetch the same trail with its ids: sf data query --result-format csv --query "SELECT Id, Action, Section, Display, CreatedDate, '
        'CreatedById, DelegateUser FROM SetupAuditTrail"',
    ),
    (
        {"Event name", "Event time", "User name"},
        "the event history of CloudTrail as CSV: it has neither account nor role, nor what was asked for and answered",
        "Save the same events again, as JSON: the console offers both.",
    ),
)


def too_little(columns: Collection[str]) -> tuple[str, str] | None:
    """Return what a table is that no loader may believe, and what to do instead.

    Examples
    --------
    >>> too_little(["User name", "AWS access key", "Event time", "Event source", "Event name"])[1]
    'Save the same events again, as JSON: the console offers both.'
    >>> too_little(["useridentity", "eventtime", "eventsource", "eventname", "awsregion"])[1]
    'Ask again for every column: SELECT * FROM ...'
    """
    names = {column.strip() for column in columns}
    if has_columns(names) and (missing := sorted(NEEDED - {name.lower() for name in names})):
        return (
            f"rows of a CloudTrail table without {', '.join(missing)}: what failed would look as if it had succeeded",
            "Ask again for every column: SELECT * FROM ...",
        )
    table = {name.removesuffix(" [UTC]").removesuffix(" [Local Time]") for name in names}
    if of_sentinel := lacking(table):
        known, absent = of_sentinel
        return (
            f"rows of the table {known} without {', '.join(absent)}: what failed would look as if it had succeeded",
            "Save the table again with every column, without a project.",
        )
    return next(((what, instead) for known, what, instead in _TABLES if known <= names), None)
