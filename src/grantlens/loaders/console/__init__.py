"""Tables that hold a provider's records in another form, brought back to the records of its API.

- `pages`: what the consoles of Entra and Okta save.
- `google_admin`: what Google's Admin console saves of the OAuth log.
- `gitlab_admin`: what GitLab's pages save of its audit events.
- `athena`: rows of a CloudTrail table that Athena was asked for.
- `bigquery`: rows of the tables that Google Workspace and Cloud Logging write to BigQuery.
- `sentinel`: rows of the tables that connectors of Microsoft Sentinel fill under names of their own.
- `too_little`: tables that hold too little to be believed, and what to fetch instead.
"""

from collections.abc import Mapping

from grantlens.loaders.console.athena import is_answer, of_athena
from grantlens.loaders.console.bigquery import is_of_bigquery, of_bigquery
from grantlens.loaders.console.gitlab_admin import is_of_gitlab, of_gitlab
from grantlens.loaders.console.google_admin import is_of_admin, of_admin
from grantlens.loaders.console.pages import is_of_page, of_page
from grantlens.loaders.console.sentinel import is_of_sentinel, of_sentinel

__all__ = ["as_event", "is_asked_for"]


def as_event(record: Mapping) -> Mapping:
    """Return the event of a row that a console saved or a query gave, any other record as it is.

    Examples
    --------
    >>> as_event({"event_type": "user.session.start", "actor.alternate_id": "ann@example.com"})
    {'eventType': 'user.session.start', 'actor': {'alternateId': 'ann@example.com'}}
    """
    if is_answer(record):
        return of_athena(record)
    if is_of_bigquery(record):
        return of_bigquery(record)
    if is_of_admin(record):
        return of_admin(record)
    if is_of_gitlab(record):
        return of_gitlab(record)
    if is_of_sentinel(record):
        return of_sentinel(record)
    return of_page(record) if is_of_page(record) else record


def is_asked_for(record: Mapping) -> bool:
    """Tell a row that a query, a search or the filter of a page chose: of what it left out, the answer is silent."""
    return any(tell(record) for tell in (is_answer, is_of_bigquery, is_of_admin, is_of_gitlab, is_of_page))
