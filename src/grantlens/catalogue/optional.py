"""Calls that a provider's log holds only where somebody asked for them, by the names that the log gives them.

Where a log has none of them, whoever makes no other calls is not seen in it. Only calls that read are listed: who asks for
a part of them mostly asks for those that write.

Beside them stand calls that nobody has to ask for, and that a log which holds one of them holds all of. The list is short: what is not on
it may be left out.
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
    always: str | None = None
    """A regular expression of operations of which a log that holds one holds all."""


_AWS = "https://docs.aws.amazon.com/"

OPTIONAL = (
    OptionalCalls(
        "aws_cloudtrail",
        (
            f"{_AWS}awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html",
            f"{_AWS}AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html",
            f"{_AWS}amazondynamodb/latest/developerguide/logging-using-cloudtrail.html",
            f"{_AWS}awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html",
            f"{_AWS}IAM/latest/UserGuide/cloudtrail-integration.html",
        ),
        "s3:(GetObject|GetObjectAttributes|HeadObject|ListObjects|ListObjectsV2|ListObjectVersions)"
        "|dynamodb:(GetItem|BatchGetItem|TransactGetItems|Query|Scan)",
        "no read of an S3 object or a DynamoDB item is in it (let the trail log data events)",
        # On 2026-12-01 no kind of data event was IAM's. A trail leaves out the writes of all services or of none, but for KMS and the RDS
        # Data API; IAM's also where it leaves out what is global. Each is named as its action, and none is left out by its region.
        "iam:((Attach|Delete|Detach|Put)(Group|Role|User)Policy"
        "|(Create|Delete|Update)(AccessKey|Group|LoginProfile|Role|SAMLProvider|ServiceSpecificCredential|User)"
        "|(Create|Delete)(InstanceProfile|OpenIDConnectProvider|Policy|PolicyVersion|VirtualMFADevice)"
        "|(Delete|Put)(Role|User)PermissionsBoundary|(Delete|Update)AccountPasswordPolicy"
        "|AddUserToGroup|RemoveUserFromGroup|SetDefaultPolicyVersion|UpdateAssumeRolePolicy|EnableMFADevice|DeactivateMFADevice)",
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
    """Return them as the rows of a VALUES clause: loader, calls, lacks, always.

    Examples
    --------
    >>> values().count("'kubernetes'")
    1
    """
    rows = ((each.loader, each.calls, each.lacks, each.always) for each in OPTIONAL)
    return ",\n           ".join(
        "(" + ", ".join("NULL" if text is None else f"'{text}'" for text in row) + ")" for row in rows
    )
