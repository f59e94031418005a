"""Writes calls, and the keys that they make and delete, as an AWS CloudTrail file."""

import json
from datetime import datetime
from pathlib import Path

from grantlens.simulate.ids import short
from grantlens.simulate.population import TENANTS
from grantlens.simulate.world import World

HOME = "aws_cloudtrail"
_ACCOUNT = TENANTS[HOME]


def user(name: str) -> str:
    """Return an IAM user as the trail names it.

    Examples
    --------
    >>> user("stock-feeder")
    'arn:aws:iam::210987654321:user/stock-feeder'
    """
    return f"arn:aws:iam::{_ACCOUNT}:user/{name}"


def write(folder: Path, world: World) -> None:
    """Write `cloudtrail.json`, unsorted by nature: here in order of time."""
    folder.mkdir(parents=True, exist_ok=True)
    # What makes or deletes a key is a call too, and one record.
    changes = {row["event_id"]: row for log in (world.issuance, world.revocation) for row in log if row["home"] == HOME}
    records = [_record(row, changes.get(row["event_id"])) for row in world.usage if row["home"] == HOME]
    records.sort(key=lambda record: (record["eventTime"], record["eventID"]))
    lines = ",\n".join(json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records)
    (folder / "cloudtrail.json").write_text('{"Records":[\n' + lines + "\n]}\n", encoding="utf-8", newline="\n")


def _record(row: dict, change: dict | None) -> dict:
    name = row["client_id"].rsplit("/", 1)[1]
    asked, got = _change(row["operation"], change)
    return {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": short("AIDA", 21, name).upper(),
            "arn": row["client_id"],
            "accountId": _ACCOUNT,
            "accessKeyId": row["token_id"],
            "userName": name,
        },
        "eventTime": _stamp(row["used_at"]),
        "eventSource": row["resource_server"],
        "eventName": row["operation"].split(":")[1],
        "awsRegion": "us-east-1",
        "sourceIPAddress": row["ip"],
        "userAgent": "aws-cli/2.17.9",
        "requestParameters": asked,
        "responseElements": got,
        "eventID": row["event_id"],
        "readOnly": change is None,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": _ACCOUNT,
        "eventCategory": "Management",
    }


def _change(operation: str, row: dict | None) -> tuple[dict | None, dict | None]:
    """Return what was asked, and what was answered, where a key was made, switched or deleted."""
    if row is None:
        return None, None
    name = row["client_id"].rsplit("/", 1)[1]
    which = {"userName": name, "accessKeyId": row["token_id"]}
    if operation == "iam:UpdateAccessKey":
        return which | {"status": "Inactive" if "revoked_at" in row else "Active"}, None
    if "revoked_at" in row:
        return which, None
    made = {
        "accessKeyId": row["token_id"],
        "status": "Active",
        "userName": name,
        "createDate": f"{row['issued_at']:%b %d, %Y, %I:%M:%S %p}",
    }
    return {"userName": name}, {"accessKey": made}


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
