"""Every record that we hold, of every provider, through the command line: what became of each, and that no secret stayed.

The table is what `grantlens coverage STORE` prints after a load of all real logs.
"""

import json
import re
from pathlib import Path

import pytest

from grantlens.cli import main
from grantlens.loaders import Settings
from grantlens.secrecy import RAW_TOKEN
from grantlens.store import Store

from . import raw

COLUMNS = ("records", "issuance", "usage", "revocation", "ignored", "duplicates", "rejected", "attributed")
TABLE = {  # COLUMNS of each loader
    "agentgateway": (2, 0, 2, 0, 0, 0, 0, 0.0),
    "anthropic_compliance": (26, 3, 1, 2, 18, 2, 0, 0.0),
    "asana": (6, 1, 0, 0, 4, 1, 0, None),
    "atlassian": (2, 0, 0, 0, 2, 0, 0, None),
    "auth0": (63, 21, 27, 1, 14, 2, 0, 0.0),
    "aws_cloudtrail": (2197, 66, 2149, 28, 30, 0, 0, 0.0261),
    "box": (10, 0, 0, 0, 9, 0, 1, None),
    "caep_ssf": (12, 0, 0, 8, 2, 2, 0, None),
    "cloudflare": (32, 6, 0, 3, 23, 0, 0, None),
    "databricks": (29, 5, 2, 1, 14, 0, 7, 0.0),
    "dropbox": (10, 2, 0, 0, 8, 0, 0, None),
    "envoy_ai_gateway": (2, 0, 2, 0, 0, 0, 0, 0.0),
    "gcp_audit": (40, 6, 33, 1, 1, 9, 0, 0.0),
    "github": (206, 13, 3, 10, 181, 0, 1, 0.0),
    "gitlab": (2, 0, 0, 0, 2, 0, 0, None),
    "google_workspace": (13, 4, 1, 4, 4, 0, 0, 0.0),
    "hashicorp_vault": (8, 0, 4, 0, 4, 0, 0, 0.0),
    "keycloak": (22, 2, 0, 2, 19, 0, 0, None),
    "kubernetes": (28, 2, 4, 0, 2, 0, 22, 0.0),
    "microsoft_365": (68, 8, 0, 5, 32, 23, 0, None),
    "microsoft_entra": (59, 44, 9, 0, 5, 1, 0, 0.0),
    "notion": (10, 1, 0, 0, 9, 0, 0, None),
    "okta": (67, 5, 4, 1, 53, 1, 3, 0.0),
    "onelogin": (10, 0, 0, 0, 10, 0, 0, None),
    "onepassword": (10, 0, 0, 0, 7, 0, 3, None),
    "openai_audit": (20, 5, 1, 1, 13, 0, 0, 0.0),
    "ping_one": (66, 1, 2, 5, 58, 0, 0, 0.0),
    "salesforce": (6, 5, 0, 0, 1, 0, 0, None),
    "slack": (14, 2, 0, 2, 5, 2, 3, None),
    "snyk": (10, 0, 0, 0, 10, 0, 0, None),
    "tailscale": (3, 1, 0, 0, 2, 0, 0, None),
    "teleport": (10, 1, 1, 1, 7, 0, 0, 0.0),
    "terraform_cloud": (7, 2, 0, 0, 0, 5, 0, None),
    "tines": (9, 1, 0, 0, 8, 0, 0, None),
    "zendesk": (10, 1, 0, 0, 8, 1, 0, None),
    "zoom": (10, 0, 0, 0, 10, 0, 0, None),
}
IGNORED = {
    "anthropic_compliance": {
        "not about delegated access": 15,
        "role of a person or group": 1,
        "sign-in of a person": 2,
    },
    "asana": {"setting about apps": 2, "sign-in of a person": 2},
    "atlassian": {"impersonation by an admin": 1, "sign-in of a person": 1},
    "auth0": {"sign-in of a person": 12, "sign-out of a person": 2},
    "aws_cloudtrail": {"AWS service acting for itself": 25, "sign-in of a person": 5},
    "box": {"not about delegated access": 8, "sign-in of a person": 1},
    "caep_ssf": {"credential that was made or changed": 1, "session that was made or shown": 1},
    "cloudflare": {"API key shown to a person": 2, "not about delegated access": 20, "sign-in of a person": 1},
    "databricks": {"not about delegated access": 3, "sign-in of a person": 11},
    "dropbox": {"impersonation by an admin": 1, "not about delegated access": 6, "sign-in of a person": 1},
    "gcp_audit": {"end of a long-running call": 1},
    "github": {"event that names no token": 180, "request for access that awaits approval": 1},
    "gitlab": {"not about delegated access": 1, "sign-in of a person": 1},
    "google_workspace": {
        "administration without bearing on apps": 1,
        "policy for apps, which grants nothing by itself": 3,
    },
    "hashicorp_vault": {"request: its response tells what came of it": 4},
    "keycloak": {
        "admin event that does not end access": 5,
        "server message that is no event": 8,
        "sign-in of a person": 6,
    },
    "kubernetes": {"earlier stage of a request": 2},
    "microsoft_365": {
        "action that names no application": 6,
        "consent repeated, nothing new in it": 2,
        "directory change that neither gives nor takes access": 24,
    },
    "microsoft_entra": {"directory change that neither gives nor takes access": 5},
    "notion": {"not about delegated access": 4, "sign-in of a person": 5},
    "okta": {
        "not about delegated access": 18,
        "sign-in of a person": 34,
        "access of Okta's support, which no record names": 1,
    },
    "onelogin": {"not about delegated access": 6, "sign-in of a person": 4},
    "onepassword": {"sign-in of a person": 4, "use of an item by a person": 3},
    "openai_audit": {
        "not about delegated access": 4,
        "role of a person, group or account": 4,
        "sign-in of a person": 5,
    },
    "ping_one": {
        "not about delegated access": 50,
        "secret of a client shown or renewed": 1,
        "sign-in of a person": 6,
        "user switched on or off: not said which": 1,
    },
    "salesforce": {"list of log files": 1},
    "slack": {"not about delegated access": 3, "sign-in of a person": 2},
    "snyk": {"not about delegated access": 8, "role or membership of a person": 2},
    "tailscale": {"not about delegated access": 2},
    "teleport": {"act in a session": 4, "not about delegated access": 1, "sign-in of a person": 2},
    "tines": {"not about delegated access": 7, "sign-in of a person": 1},
    "zendesk": {"not about delegated access": 8},
    "zoom": {"change of a group": 2, "change of a person": 2, "not about delegated access": 6},
}
REJECTED = {
    "box": {"created_at is missing": 1},
    "databricks": {"names no user": 1, "response.statusCode is missing": 1, "timestamp is missing": 5},
    "github": {"webhook tells neither which app nor when: only its delivery knows": 1},
    "kubernetes": {"requestReceivedTimestamp is missing": 22},
    "okta": {"published is missing": 1, "published is no time": 2},
    "onepassword": {"is no event of 1Password": 3},
    "slack": {"date_create is missing": 3},
}
SECRET_NAMES = (
    *("sessionToken", "secretAccessKey", "client_secret", "clientSecret", "password", "access_token", "refresh_token"),
    *("id_token", "Authorization", "assertion", "client_assertion", "private_key", "code_verifier"),
)
PLANTED = "PLANTEDSECRET"


def logs(folder: Path) -> list[Path]:
    """Return the real logs, without the notes on where they come from."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".txt"]


@pytest.fixture(scope="module")
def loaded(shared, tmp_path_factory):
    """Load every real log by the command line; return the store, which is only to be read."""
    store = tmp_path_factory.mktemp("every") / "store.duckdb"
    paths = [str(path) for path in logs(shared / "real-logs")]
    # 2, since every record of a few of these files is rejected
    assert run("load", str(store), *paths, "--time-zone", "UTC", "--unverified")[0] == 2
    return store


@pytest.fixture(scope="module")
def printed(loaded):
    """Return what `coverage` prints of that store as JSON."""
    code, text = run("coverage", str(loaded), "--json")
    assert code == 0
    return json.loads(text)


def run(*arguments):
    """Run a command in this process; return its exit code and what it printed."""
    import contextlib
    import io

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = main([*arguments])
    return code, out.getvalue()


def test_what_became_of_every_record(printed):
    table = {row["loader"]: tuple(_rounded(row[name]) for name in COLUMNS) for row in printed["providers"]}
    assert table == TABLE


def _rounded(value):
    return round(value, 4) if isinstance(value, float) else value


@pytest.mark.parametrize(("what", "expected"), [("ignored", IGNORED), ("rejected", REJECTED)])
def test_why_a_record_is_no_row(printed, what, expected):
    told = {}
    for row in printed[what]:
        told.setdefault(row["loader"], {})[row["reason"]] = row["records"]
    assert told == expected
    assert not any("not mapped" in reason for reasons in told.values() for reason in reasons)


def test_no_record_is_unaccounted_for(shared, printed):
    """The files hold as many records by a count in plain Python, and each of them is somewhere."""
    held = sum(
        len(path.read_text().splitlines()) if path.suffix == ".log" else len(raw.records(path))
        for path in logs(shared / "real-logs")
    )
    assert sum(row["records"] for row in printed["providers"]) == held == 3099
    for row in printed["providers"]:
        somewhere = sum(row[name] for name in COLUMNS[1:-1])
        assert somewhere >= row["records"], row["loader"]


def columns(store):
    """Return (table, column, text) of everything that a store holds."""
    tables = store.engine.rows("SELECT table_name FROM duckdb_tables() WHERE NOT internal")
    for (table,) in tables:
        if table == "meta":
            continue
        for column, *_ in store.engine.rows(f'DESCRIBE "{table}"'):
            for (text,) in store.engine.rows(
                f'SELECT DISTINCT "{column}"::VARCHAR FROM "{table}" WHERE "{column}" IS NOT NULL'
            ):
                yield table, column, text


def test_nothing_that_looks_like_a_secret_is_in_the_store(loaded):
    pattern = re.compile(RAW_TOKEN)
    with Store(loaded, read_only=True) as store:
        cells = list(columns(store))
    assert len(cells) > 10_000
    assert [cell for cell in cells if pattern.search(cell[2])] == []
    # one subject of a Security Event Token is a token; no id or text of any other record is taken for one
    changed = [(table, column) for table, column, text in cells if text.startswith("hmac:") or "***" in text]
    assert [place for place in changed if place[1] != "excerpt"] == [("revocation", "token_id")]
    # what stands in these files in place of the session tokens of STS: the field is not even kept as a placeholder
    assert [cell for cell in cells if "REDACTED-BY" in cell[2]] == []


def planted(value):
    """Return the record with a secret under each telling name, first in each object but those whose keys are data."""
    if isinstance(value, list):
        return [planted(part) for part in value]
    if not isinstance(value, dict):
        return value
    own = {key: planted(part) for key, part in value.items() if key not in SECRET_NAMES}
    data = any(key.startswith("https://") for key in own) or {"read", "write"} & {str(part) for part in own.values()}
    return own if data else dict.fromkeys(SECRET_NAMES, PLANTED) | own


def test_secrets_beside_what_is_read_never_come_in(shared, tmp_path):
    paths = []
    for number, path in enumerate(logs(shared / "real-logs")):
        if path.suffix == ".log":
            continue
        paths.append(tmp_path / f"{number}.ndjson")
        lines = [json.dumps(planted(record)) for record in raw.records(path)]
        broken = [line[:-1] for line in lines[:2]]  # what is rejected is shown in part
        paths[-1].write_text("".join(f"{line}\n" for line in [*lines, *broken]))
    with Store(":memory:") as store:
        report = store.load(*paths, settings=Settings(time_zone="UTC", unverified=True))
        assert report.failed == []
        assert report.total("rejected") > 2 * len(paths) * 0.5
        assert [cell for cell in columns(store) if PLANTED in cell[2]] == []
