"""Calls that a provider's log holds only where somebody asked for them, by the names that the log gives them.

Where a log has none of them, whoever makes no other calls is not seen in it. Only calls that read are listed: who asks for
a part of them mostly asks for those that write.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class OptionalCalls:
    """What one provider's log leaves out unless it is asked for it."""

    loader: str
    """The loader that reads the log."""
    pages: tuple[str, ...]
    """The vendor's pages that tell of it."""
    calls: str
    """A regular expression of the operations that show that they are logged."""
    lacks: str
    """What a log without any of them lacks, and what to do: half a sentence."""


_AWS = "https://docs.aws.amazon.com/"

OPTIONAL = (
    OptionalCalls(
        "aws_cloudtrail",
        (
            f"{_AWS}awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html",
            f"{_AWS}AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html",
            f"{_AWS}amazondynamodb/latest/developerguide/logging-using-cloudtrail.html",
        ),
        "s3:(GetObject|GetObjectAttributes|HeadObject|ListObjects|ListObjectsV2|ListObjectVersions)"
        "|dynamodb:(GetItem|BatchGetItem|TransactGetItems|Query|Scan)",
        "no read of an S3 object or a DynamoDB item is in it (let the trail log data events)",
    ),
    OptionalCalls(
        "kubernetes",
        ("https://learn.microsoft.com/en-us/azure/azure-monitor/reference/tables/aksauditadmin",),
        "(get|list) .*",
        "no get or list is in it (let the audit policy log them; in AKS take the category kube-audit)",
    ),
)
"""Google Cloud's Data Access logs and GitHub's API requests are no part of this: their loaders take no other file for a log of use."""


def lacks() -> Mapping[str, str]:
    """Return what the log of each loader may lack.

    Examples
    --------
    >>> lacks()["kubernetes"].partition(" (")[0]
    'no get or list is in it'
    """
    return {each.loader: each.lacks for each in OPTIONAL}


def values() -> str:
    """Return them as the rows of a VALUES clause: loader, calls, lacks.

    Examples
    --------
    >>> values().count("'kubernetes'")
    1
    """
    rows = ((each.loader, each.calls, each.lacks) for each in OPTIONAL)
    return ",\n           ".join("(" + ", ".join(f"'{text}'" for text in row) + ")" for row in rows)
