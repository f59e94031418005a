"""The three questions by hand, in Polars over the logs as Parquet. See `yardstick_duckdb` for how they are answered."""

from __future__ import annotations

from pathlib import Path

import polars as pl

ID = "/[0-9][0-9a-f-]+|/[a-f][0-9a-f]{7}-[0-9a-f-]+"


def read(folder: Path) -> dict[str, pl.LazyFrame]:
    """Name the files; they are read where they are needed, which takes less memory than frames."""
    return {log: pl.scan_parquet(folder / f"{log}.parquet") for log in ("usage", "issuance", "revocation", "operation")}


def ask(logs: dict[str, pl.LazyFrame]) -> dict[str, float]:
    """Answer the three questions, and return the counts that all who answer them must share."""
    usage, issuance = logs["usage"], logs["issuance"]
    operation = logs["operation"].with_columns(shape=pl.col("template").str.replace_all(r"\{\w+\}", "{}"))
    held = issuance.filter(pl.col("kind") == "token").select("token_id", "grant_id", "scopes")
    matched = (
        usage.filter(pl.col("outcome") == "success")
        .select(
            "used_at",
            "client_id",
            "token_id",
            "resource_server",
            "method",
            shape=pl.col("target").str.replace_all(ID, "/{}"),
        )
        .join(operation, left_on=["resource_server", "method", "shape"], right_on=["host", "method", "shape"])
        .join(held, on="token_id")
        .select("used_at", "client_id", "grant_id", "op", "accepted", "scopes")
    )
    beyond = (
        matched.filter(pl.col("scopes").list.set_intersection("accepted").list.len() == 0)
        .group_by("client_id", "op")
        .agg(pl.len().alias("calls"), pl.min("used_at").alias("first_used_at"), pl.max("used_at").alias("last_used_at"))
    )
    used = (
        matched.select("grant_id", "op")
        .unique()
        .join(operation, on="op")
        .explode("accepted")
        .select("grant_id", scope="accepted")
    )
    granted = issuance.filter(pl.col("kind") == "consent").select("grant_id", scope="scopes").explode("scope")
    unused = granted.join(used, on=["grant_id", "scope"], how="anti")
    after = (
        usage.select("token_id", "used_at", "outcome", "denial_reason")
        .join(logs["revocation"].select("token_id", "revoked_at"), on="token_id")
        .filter(pl.col("used_at") >= pl.col("revoked_at"))
        .with_columns(after_s=(pl.col("used_at") - pl.col("revoked_at")).dt.total_microseconds() / 1e6)
        .group_by("token_id")
        .agg(
            pl.len().alias("tries"),
            pl.col("after_s").filter(pl.col("outcome") == "success").max().alias("last_success_s"),
            pl.col("after_s")
            .filter((pl.col("outcome") == "denied") & (pl.col("denial_reason") == "token"))
            .min()
            .alias("first_denial_s"),
        )
    )
    beyond, unused, after = pl.collect_all([beyond, unused, after], engine="streaming")
    return {
        "out_of_scope": beyond.height,
        "out_of_scope_calls": beyond["calls"].sum(),
        "unused_scopes": unused.height,
        "tried_after": after.height,
        "worked_after": after.height - after["last_success_s"].null_count(),
        "refused_after": after.height - after["first_denial_s"].null_count(),
    }
