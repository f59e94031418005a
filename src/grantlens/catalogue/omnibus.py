"""Scopes each of which alone opens everything that a product holds of a person, in the words of its vendor.

Everything means: to read, to change and to delete, with no part left out. What opens one kind of object, what only administers, and what is
wide only because nothing narrower is offered for it, is not here: GitHub's `repo`, Slack's `admin`, Salesforce's `api`, Microsoft's
`Directory.ReadWrite.All`. Nor is a name that any application may use for something of its own, as Microsoft's `user_impersonation`. A scope
that is an address names its vendor wherever it stands; another one means this only in the log of that vendor.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Omnibus:
    """One such scope."""

    scope: str
    opens: str
    """What it opens, to follow "opens all of"."""
    page: str
    """The vendor's page that says so."""
    source: str | None = None
    """The source in whose log it means this; None where the scope is an address."""
    of_people: bool = False
    """Only where a person gave it: the vendor advises it for service accounts, whose roles then say what they may do."""


OMNIBUS = (
    Omnibus("https://mail.google.com/", "a mailbox", "https://developers.google.com/gmail/api/auth/scopes"),
    Omnibus(
        "https://www.googleapis.com/auth/drive",
        "a Google Drive",
        "https://developers.google.com/drive/api/guides/api-specific-auth",
    ),
    Omnibus(
        "https://www.googleapis.com/auth/cloud-platform",
        "Google Cloud",
        "https://developers.google.com/identity/protocols/oauth2/scopes",
        of_people=True,
    ),
    Omnibus("api", "GitLab", "https://docs.gitlab.com/integration/oauth_provider/", source="gitlab"),
)


def values() -> str:
    """Return the list as rows of SQL: scope, source, whether only of people, and what it opens."""
    rows = []
    for one in OMNIBUS:
        source = f"'{one.source}'" if one.source else "NULL::VARCHAR"
        rows.append(f"('{one.scope}', {source}, {str(one.of_people).lower()}, '{one.opens}')")
    return ",\n           ".join(rows)
