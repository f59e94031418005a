"""`grantlens load`: logs in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from grantlens.cli.codes import FAILED, FINE
from grantlens.cli.message import complain, say
from grantlens.cli.opening import anew, neighbour, readable
from grantlens.cli.output import write_json, write_records
from grantlens.cli.parameters import AsJson, StorePath
from grantlens.cli.present import say_without_tenant
from grantlens.errors import GrantlensError, StoreError
from grantlens.given_path import in_shell
from grantlens.loaders import Loader
from grantlens.loaders.mapped import mapping as read_mapping
from grantlens.loaders.settings import Settings, key_set
from grantlens.wording import agree, plural

EXAMPLES = """Examples:
  grantlens load acme.duckdb logs/entra/ 'logs/okta/*.json.gz'
  grantlens load acme.duckdb audit.csv --loader github
  grantlens load acme.duckdb server.log --time-zone Europe/Berlin
  grantlens load --explain gateway.log
  grantlens load acme.duckdb gateway.log --mapping gateway.toml
  grantlens load acme.duckdb logs/ --json"""

COLUMNS = (
    "path",
    "loader",
    "records",
    "issuance",
    "usage",
    "revocation",
    "ignored",
    "duplicates",
    "rejected",
    "first",
    "last",
    "note",
)


def load(
    store: StorePath | None = None,
    /,
    *paths: Annotated[
        str,
        Parameter(
            help="Files, folders or quoted globs: NDJSON, JSON, CSV, Parquet or lines of text; plain, .gz or .zst."
        ),
    ],
    loader: Annotated[
        str | None, Parameter(metavar="NAME", help="Read as this log. Recognised by content, if left out.")
    ] = None,
    mapping: Annotated[
        Path | None, Parameter(metavar="FILE", help="Read as this TOML says: which path fills which column.")
    ] = None,
    explain: Annotated[
        Path | None,
        Parameter(
            metavar="FILE", help="Show what the first records of FILE become, and what is left over; write nothing."
        ),
    ] = None,
    time_zone: Annotated[
        str | None, Parameter(metavar="ZONE", help="The zone of a log that writes local time, such as Europe/Berlin.")
    ] = None,
    tenant: Annotated[
        str | None,
        Parameter(metavar="NAME", help="Whose logs these are, where they name no tenant: an organisation, a cluster."),
    ] = None,
    jwks: Annotated[
        Path | None, Parameter(metavar="FILE", help="The key set (JWKS) against which signed records are verified.")
    ] = None,
    unverified: Annotated[
        bool, Parameter(negative="", help="Take signed records although nothing verifies who wrote them.")
    ] = False,
    json: AsJson = False,
) -> int:
    """Load logs into a store; loading again changes nothing.

    Each file is loaded whole or not at all. A record that is wrong is kept aside with its reason, and the
    rest loads. A file that cannot be read, or of which every record is wrong, is named, the others load, and the exit
    code is 2.
    """
    from grantlens.cli.progress import progress
    from grantlens.ingest.outcome import by_folder
    from grantlens.ingest.recognise import named

    settings = Settings(time_zone, key_set(jwks) if jwks else None, unverified, tenant)
    if mapping and loader:
        raise GrantlensError("--loader and --mapping both say how to read.", "Leave one of them out.")
    wanted = read_mapping(readable(mapping)) if mapping else named(loader) if loader else None
    if explain:
        return _explain(explain, wanted, settings, as_json=json)
    if store is None or not paths:
        raise GrantlensError(
            "No store was named." if store is None else f"{store} was taken for the store; no log was named.",
            "Name a store, and files, folders or globs: grantlens load acme.duckdb logs/",
        )
    swapped = [path for path in paths if Path(path).suffix == ".duckdb"]
    if store.is_dir() and swapped:
        raise StoreError(
            f"{store} is a folder, not a store.",
            f"The store comes first: grantlens load {in_shell(swapped[0])} {in_shell(store)}",
        )
    made_here = not store.exists()
    with anew(store) as opened, progress() as tell:
        report = opened.load(*paths, loader=wanted, progress=tell, settings=settings)
        unread = [batch for batch in report.batches if batch["records"] and batch["rejected"] == batch["records"]]
        loaded = {batch["loader"] for batch in report.batches}
        stretches = [row for row in opened.coverage() if row["source"] in loaded] if loaded else []
        reasons = [opened.engine.value(_FIRST_REASON, {"sha256": batch["sha256"]}) for batch in unread]
    if made_here and not report.batches:
        store.unlink()
    if json:
        failed = [dict(zip(("path", "message", "remedy"), each, strict=True)) for each in report.failed]
        write_json({"batches": report.batches, "failed": failed})
    elif report.batches:
        write_records(by_folder(report.batches), "table", columns=COLUMNS)
    rejected = sum(batch["rejected"] for batch in report.batches)
    if rejected:
        say(
            f"{plural(rejected, 'record')} {agree(rejected, 'was', 'were')} rejected and kept aside; see: grantlens coverage {in_shell(store)}"
        )
    say_without_tenant(stretches)
    _tell_failed(
        [
            (
                batch["path"],
                f"Nothing of {batch['path']} could be read as {batch['loader']}: {_with_advice(reason) if mapping else reason}.",
                _otherwise(batch, wanted, mapping),
            )
            for batch, reason in zip(unread, reasons, strict=True)
        ]
    )
    _tell_failed(report.failed)
    return FAILED if report.failed or unread else FINE


_FIRST_REASON = """
SELECT reason FROM rejected JOIN batch USING (batch_id) WHERE sha256 = $sha256 ORDER BY batch_id, line_no LIMIT 1
"""


def _tell_failed(failed: list[tuple[str, str, str]]) -> None:
    from grantlens.ingest.outcome import said_once

    for message, remedy in said_once([(path, message, _meant(path) or remedy) for path, message, remedy in failed]):
        complain(message, remedy)


def _meant(path: str) -> str:
    near = neighbour(Path(path)) if not Path(path).exists() else None
    return f"Did you mean {near}?" if near else ""


def _with_advice(reason: str) -> str:
    from grantlens.explain.advice import advice

    return f"{reason}: {advice(reason)}".removesuffix(": ")


def _otherwise(batch: dict[str, Any], wanted: Loader | None, mapping: Path | None) -> str:
    """Say how to see why a file was not read at all, and, where the user named what to read it as, how to read it otherwise."""
    path = batch["path"]
    look = f"See what it holds: grantlens load --explain {in_shell(path)}{f' --mapping {in_shell(mapping)}' if mapping else ''}"
    if wanted is None:
        return look
    return f"Load it again {'with a better mapping' if mapping else 'without --loader'}. {look}"


def _explain(path: Path, loader: Loader | None, settings: Settings, *, as_json: bool) -> int:
    from grantlens.cli.explain import write
    from grantlens.explain.explanation import explain

    if path.is_dir():
        raise GrantlensError(f"{path} is a folder.", "Name one of its files.")
    explanation = explain(readable(path), loader, settings)
    if as_json:
        write_json(explanation.as_dict())
    else:
        write(explanation)
    return FINE
