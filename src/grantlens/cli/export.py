"""`grantlens export`: the logs in the native format, so that a load round-trips, or as events for a SIEM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from grantlens.cli.opening import existing
from grantlens.cli.parameters import StorePath, Tenant

EXAMPLES = """Examples:
  grantlens export acme.duckdb -o acme.ndjson
  grantlens export acme.duckdb -o lake/ --parquet
  grantlens export acme.duckdb -o acme.ocsf.gz --ocsf"""


def export(
    store: StorePath,
    /,
    *,
    out: Annotated[
        Path, Parameter(name=("--out", "-o"), metavar="FILE", help="File to write; a folder with --parquet.")
    ],
    parquet: Annotated[
        bool, Parameter(help="Write one Parquet file for each log, as Spark and others read them.")
    ] = False,
    ocsf: Annotated[
        bool, Parameter(help="Write OCSF 1.9.0 events with their delegation, for SIEMs and lakes.")
    ] = False,
    tenant: Tenant = None,
) -> int:
    """Write issuance, usage and revocation in the native format, which `grantlens load` reads again, or as OCSF events."""
    with existing(store, confined=False, tenant=tenant) as opened:
        for path in opened.export(out, parquet=parquet, ocsf=ocsf):
            print(path)
    return 0
