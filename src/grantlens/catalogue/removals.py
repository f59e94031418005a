"""Calls that end, delete or change logs and the records of what was done, by the names that each provider's log gives them.

A call is written as findings print it: the name of an operation, or a method and a path, in which `{...}` stands for any one part. Beside it
stands what the provider's own page says that it does. Left out are calls that mostly do something else and of which the log does not say what
they changed, such as Google's SetIamPolicy, which can also switch audit logs off. No page names such a call for what the loaders of the other
providers read.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

STOPS = "stops"
"""Logging, or the delivery of a log, is off from then on."""

DELETES = "deletes"
"""Records that were kept are gone."""

CHANGES = "changes"
"""It may switch logging off, narrow it or shorten how long it is kept, and as well the contrary: the log does not say what it changed."""

TIDIES = "tidies"
"""A job is gone with what is known of it. Clients also delete their jobs when they have done with them."""


@dataclass(frozen=True)
class Removals:
    """What one server can be told to remove."""

    loader: str
    """The loader that reads the log in which these calls stand."""
    server: str
    """The resource server, as that loader names it."""
    page: str
    """The vendor's page that tells of them."""
    calls: Mapping[str, str]
    """What each call does: one of the four words above."""


_AWS = "https://docs.aws.amazon.com/"
_MICROSOFT = "https://learn.microsoft.com/en-us/"
_SALESFORCE = "https://developer.salesforce.com/docs/atlas.en-us."
_GITHUB = "https://docs.github.com/en/enterprise-cloud@latest/"
_GOOGLE = "google.logging.v2.ConfigServiceV2."

REMOVALS = (
    Removals(
        "aws_cloudtrail",
        "cloudtrail.amazonaws.com",
        f"{_AWS}awscloudtrail/latest/APIReference/API_Operations.html",
        {
            "cloudtrail:StopLogging": STOPS,
            "cloudtrail:DeleteTrail": STOPS,
            "cloudtrail:StopEventDataStoreIngestion": STOPS,
            "cloudtrail:DeleteEventDataStore": DELETES,
            "cloudtrail:UpdateTrail": CHANGES,
            "cloudtrail:PutEventSelectors": CHANGES,
            "cloudtrail:UpdateEventDataStore": CHANGES,
        },
    ),
    Removals(
        "aws_cloudtrail",
        "logs.amazonaws.com",
        f"{_AWS}AmazonCloudWatchLogs/latest/APIReference/API_Operations.html",
        {
            "logs:DeleteLogGroup": DELETES,
            "logs:DeleteLogStream": DELETES,
            "logs:PutRetentionPolicy": CHANGES,
        },
    ),
    Removals(
        "aws_cloudtrail",
        "config.amazonaws.com",
        f"{_AWS}config/latest/APIReference/API_Operations.html",
        {
            "config:StopConfigurationRecorder": STOPS,
            "config:DeleteConfigurationRecorder": STOPS,
            "config:DeleteDeliveryChannel": STOPS,
        },
    ),
    Removals(
        "aws_cloudtrail",
        "ec2.amazonaws.com",
        f"{_AWS}AWSEC2/latest/APIReference/API_DeleteFlowLogs.html",
        {"ec2:DeleteFlowLogs": STOPS},
    ),
    Removals(
        "aws_cloudtrail",
        "s3.amazonaws.com",
        f"{_AWS}AmazonS3/latest/API/API_PutBucketLogging.html",
        {"s3:PutBucketLogging": CHANGES},
    ),
    Removals(
        "gcp_audit",
        "logging.googleapis.com",
        "https://cloud.google.com/logging/docs/reference/v2/rpc/google.logging.v2",
        {
            f"{_GOOGLE}DeleteSink": STOPS,
            f"{_GOOGLE}UpdateSink": CHANGES,
            f"{_GOOGLE}CreateExclusion": CHANGES,
            f"{_GOOGLE}UpdateExclusion": CHANGES,
            f"{_GOOGLE}UpdateBucket": CHANGES,
            f"{_GOOGLE}DeleteBucket": DELETES,
            "google.logging.v2.LoggingServiceV2.DeleteLog": DELETES,
        },
    ),
    Removals(
        "gcp_audit",
        "k8s.io",
        "https://cloud.google.com/kubernetes-engine/docs/how-to/audit-logging",
        {"io.k8s.core.v1.events.delete": DELETES, "io.k8s.core.v1.events.deletecollection": DELETES},
    ),
    Removals(
        "kubernetes",
        "kubernetes",
        "https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/",
        {
            "delete core/events": DELETES,
            "deletecollection core/events": DELETES,
            "delete events.k8s.io/events": DELETES,
            "deletecollection events.k8s.io/events": DELETES,
        },
    ),
    Removals(
        "microsoft_365",
        "Exchange",
        f"{_MICROSOFT}powershell/module/exchangepowershell/set-adminauditlogconfig",
        {"Set-AdminAuditLogConfig": CHANGES},
    ),
    Removals(
        "microsoft_365",
        "Exchange",
        f"{_MICROSOFT}powershell/module/exchangepowershell/set-mailboxauditbypassassociation",
        {"Set-MailboxAuditBypassAssociation": CHANGES},
    ),
    Removals(
        "microsoft_365",
        "Exchange",
        f"{_MICROSOFT}powershell/module/exchangepowershell/set-mailbox",
        {"Set-Mailbox": CHANGES},
    ),
    Removals(
        "microsoft_365",
        "SecurityComplianceCenter",
        f"{_MICROSOFT}powershell/module/exchangepowershell/remove-unifiedauditlogretentionpolicy",
        {"Remove-UnifiedAuditLogRetentionPolicy": CHANGES, "Set-UnifiedAuditLogRetentionPolicy": CHANGES},
    ),
    Removals(
        "okta",
        "okta",
        "https://developer.okta.com/docs/reference/api/event-types/",
        {
            "system.log_stream.lifecycle.deactivate": STOPS,
            "system.log_stream.lifecycle.delete": STOPS,
            "system.log_stream.lifecycle.update": CHANGES,
        },
    ),
    Removals(
        "auth0",
        "auth0",
        "https://auth0.com/docs/api/management/v2/log-streams/delete-log-streams-by-id",
        {"DELETE /api/v2/log-streams/{id}": STOPS, "PATCH /api/v2/log-streams/{id}": CHANGES},
    ),
    Removals(
        "github",
        "api.github.com",
        f"{_GITHUB}admin/monitoring-activity-in-your-enterprise/reviewing-audit-logs-for-your-enterprise/audit-log-events-for-your-enterprise",
        {"audit_log_streaming.destroy": STOPS, "audit_log_streaming.update": CHANGES},
    ),
    Removals(
        "github",
        "api.github.com",
        f"{_GITHUB}rest/enterprise-admin/audit-log",
        {
            "DELETE /enterprises/{enterprise}/audit-log/streams/{stream_id}": STOPS,
            "PUT /enterprises/{enterprise}/audit-log/streams/{stream_id}": CHANGES,
        },
    ),
    Removals(
        "cloudflare",
        "api.cloudflare.com",
        "https://developers.cloudflare.com/api/resources/logpush/subresources/jobs/methods/delete",
        {
            "DELETE /{accounts_or_zones}/{id}/logpush/jobs/{job_id}": STOPS,
            "DELETE /client/v4/{accounts_or_zones}/{id}/logpush/jobs/{job_id}": STOPS,
            "PUT /{accounts_or_zones}/{id}/logpush/jobs/{job_id}": CHANGES,
            "PUT /client/v4/{accounts_or_zones}/{id}/logpush/jobs/{job_id}": CHANGES,
        },
    ),
    Removals(
        "hashicorp_vault",
        "vault",
        "https://developer.hashicorp.com/vault/api-docs/system/audit",
        {"delete sys/audit/{path}": STOPS},
    ),
    Removals(
        "salesforce",
        "salesforce",
        f"{_SALESFORCE}api_asynch.meta/api_asynch/query_delete_job.htm",
        {"DELETE /services/data/{version}/jobs/query/{job}": TIDIES},
    ),
    Removals(
        "salesforce",
        "salesforce",
        f"{_SALESFORCE}api_asynch.meta/api_asynch/delete_job.htm",
        {"DELETE /services/data/{version}/jobs/ingest/{job}": TIDIES},
    ),
    Removals(
        "salesforce",
        "salesforce",
        f"{_SALESFORCE}api_rest.meta/api_rest/event_log_file_delete.htm",
        {"DELETE /services/data/{version}/sobjects/EventLogFile/{id}": DELETES},
    ),
)


def names_removals(loader: str) -> bool:
    """True if the log that this loader reads names calls that remove evidence; the native format may hold those of any provider."""
    return loader == "native" or any(each.loader == loader for each in REMOVALS)


def values() -> str:
    """Return the list as rows of SQL: server, call, what a method and a path look like, and what it does."""
    return ",\n           ".join(
        f"('{server}', '{call}', {pattern}, '{does}')" for server, call, pattern, does in _rows()
    )


def _rows() -> Iterator[tuple[str, str, str, str]]:
    for each in REMOVALS:
        for call, does in each.calls.items():
            shape = re.sub(r"\{\w+\}", "[^/]+", call.replace(".", "[.]"))
            yield each.server, call, f"'^{shape}/?$'" if "{" in call else "NULL", does
