"""What the raw logs say, read with the standard library alone: no loader, no database, nothing of grantlens.

    python tests/facts/raw.py REAL_LOGS

prints each fact; `test_store_agrees.py` asks the store for the same.
"""

import base64
import csv
import gzip
import io
import json
import sys
from datetime import datetime
from pathlib import Path

PAGES = ("Records", "items", "entries", "data", "Resources")


def records(path):
    """Return the records of a file: one a line, an array, a page, or rows below a header."""
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    if path.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(text)))
    try:
        value = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(value, dict):
        return next((value[key] for key in PAGES if isinstance(value.get(key), list)), [value])
    return value


def every(folder):
    """Return (file name, record) of all files of a folder."""
    return [
        (path.name, record)
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".json", ".ndjson", ".gz")
        for record in records(path)
    ]


def instant(text):
    """Return a time in seconds."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def delivered(name):
    """Return the time of delivery in the name of a CloudTrail file."""
    return name.split("_")[3]


def cloudtrail(folder):
    """Keys issued, used, and both; created and deleted; used in an earlier delivery than issued."""
    issued, created, deleted, used = {}, {}, {}, {}
    for name, event in every(folder / "aws_cloudtrail" / "invictus"):
        key = (event.get("userIdentity") or {}).get("accessKeyId")
        if key:
            used[key] = min(used.get(key, "9"), delivered(name))
        if event.get("errorCode"):
            continue
        answer = event.get("responseElements") or {}
        made = (answer.get("accessKey") or answer.get("credentials") or {}).get("accessKeyId")
        if made:
            issued[made] = min(issued.get(made, "9"), delivered(name))
        if event["eventName"] == "CreateAccessKey":
            created[made] = event["eventTime"]
        if event["eventName"] == "DeleteAccessKey":
            deleted[event["requestParameters"]["accessKeyId"]] = event["eventTime"]
    return {
        "keys issued": len(issued),
        "keys issued and used": len(issued.keys() & used.keys()),
        "keys used without issuance": len(used.keys() - issued.keys()),
        "seconds from create to delete": sorted(
            int(instant(deleted[key]) - instant(created[key])) for key in created.keys() & deleted.keys()
        ),
        "keys used in an earlier delivery than issued": sorted(
            key for key in issued.keys() & used.keys() if used[key] < issued[key]
        ),
    }


def unified_audit(folder):
    """Records of the Azure AD capture, and how many events they are."""
    found = records(folder / "microsoft_365" / "elastic-ual-azuread.ndjson")
    return {"records": len(found), "distinct ids": len({record["Id"] for record in found})}


def entra(folder):
    """Sign-ins with a token id, and those whose token id decodes to the id of the sign-in."""
    with_id = decoded = 0
    for _, record in every(folder / "microsoft_entra"):
        inner = record.get("properties")
        inner = inner if isinstance(inner, dict) else record
        token, own = inner.get("uniqueTokenIdentifier"), inner.get("id")
        if token and "createdDateTime" in inner:
            with_id += 1
            decoded += base64.b64decode(token + "==").decode("ascii", "replace").lower() == own.lower()
    return {"sign-ins with a token id": with_id, "that decode to their sign-in id": decoded}


def okta(folder):
    """Revocations of tokens and consents that count, and those that failed."""
    ends = [
        record["outcome"]["result"]
        for _, record in every(folder / "okta")
        if "revoke" in (record.get("eventType") or record.get("eventtype") or "") and "oauth2" in json.dumps(record)
    ]
    return {"count": ends.count("SUCCESS"), "failed": len(ends) - ends.count("SUCCESS")}


def cloudflare(folder):
    """Pairs of create and revoke, and of roll and revoke, by the tag of the token, with the seconds between."""
    when = {}
    for _, record in every(folder / "cloudflare"):
        tag = (record.get("metadata") or {}).get("token_tag")
        if tag:
            when.setdefault(tag, {})[record["action"]["type"]] = instant(record["when"])

    def pairs(first):
        return sorted(
            int(kinds["token_revoke"] - kinds[first])
            for kinds in when.values()
            if first in kinds and "token_revoke" in kinds
        )

    return {"create to revoke": pairs("token_create"), "roll to revoke": pairs("token_roll")}


def github(folder):
    """Tokens of people that a revocation may mean: it names no token, only the person and a name that may come again."""
    tokens, ends = {}, []
    for _, record in every(folder / "github"):
        owner = (record.get("user_id"), record.get("user_programmatic_access_name"))
        if record.get("action") == "personal_access_token.create":
            tokens.setdefault(owner, []).append(record["hashed_token"])
        if record.get("action") in ("personal_access_token.destroy", "personal_access_token.access_revoked"):
            ends.append(owner)
    return {
        "revocations by name": len(ends),
        "that may mean several tokens": sum(len(tokens.get(owner, [])) > 1 for owner in ends),
        "tokens that they may mean": len({token for owner in ends for token in tokens.get(owner, [])}),
    }


FACTS = {
    "aws_cloudtrail": cloudtrail,
    "microsoft_365": unified_audit,
    "microsoft_entra": entra,
    "okta": okta,
    "cloudflare": cloudflare,
    "github": github,
}

if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("Name the folder of real logs: python tests/facts/raw.py REAL_LOGS")
    for provider, fact in FACTS.items():
        for what, value in fact(Path(sys.argv[1])).items():
            sys.stdout.write(f"{provider:18} {what:46} {value}\n")
