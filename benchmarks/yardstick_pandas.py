"""The three questions by hand, in pandas over frames in memory. See `yardstick_duckdb` for how they are answered.

Reading the frames is not measured, as for everyone; that they are in memory is.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

ID = "/[0-9][0-9a-f-]+|/[a-f][0-9a-f]{7}-[0-9a-f-]+"
COLUMNS = ["used_at", "outcome", "denial_reason", "token_id", "client_id", "resource_server", "method", "target"]


def read(folder: Path) -> dict[str, pd.DataFrame]:
    """Read the logs."""
    columns = {"usage": COLUMNS}
    logs = ("usage", "issuance", "revocation", "operation")
    return {log: pd.read_parquet(folder / f"{log}.parquet", columns=columns.get(log)) for log in logs}


def ask(logs: dict[str, pd.DataFrame]) -> dict[str, float]:
    """Answer the three questions, and return the counts that all who answer them must share."""
    usage, issuance, operation = logs["usage"], logs["issuance"], logs["operation"]
    operation = operation.assign(shape=operation["template"].str.replace(r"\{\w+\}", "{}", regex=True))
    tokens = issuance.loc[issuance["kind"] == "token", ["token_id", "grant_id", "scopes"]]
    good = usage.loc[
        usage["outcome"] == "success", ["used_at", "client_id", "token_id", "resource_server", "method", "target"]
    ]
    good = good.assign(shape=good.pop("target").str.replace(ID, "/{}", regex=True))
    keys = ["host", "method", "shape"]
    matched = good.rename(columns={"resource_server": "host"}).merge(operation[[*keys, "op"]], on=keys)[
        ["used_at", "client_id", "token_id", "op"]
    ]
    # Frames have no fast way to compare lists, so that is done once for each pair of token and operation.
    pairs = (
        matched[["token_id", "op"]]
        .drop_duplicates()
        .merge(tokens, on="token_id")
        .merge(operation[["op", "accepted"]], on="op")
    )
    pairs["permitted"] = [
        not set(held).isdisjoint(needed) for held, needed in zip(pairs["scopes"], pairs["accepted"], strict=True)
    ]
    strays = matched.merge(pairs.loc[~pairs["permitted"], ["token_id", "op"]], on=["token_id", "op"])
    beyond = strays.groupby(["client_id", "op"])["used_at"].agg(["size", "min", "max"])
    used = pairs[["grant_id", "op"]].drop_duplicates().merge(operation[["op", "accepted"]], on="op").explode("accepted")
    used = used[["grant_id", "accepted"]].drop_duplicates().rename(columns={"accepted": "scope"})
    granted = (
        issuance.loc[issuance["kind"] == "consent", ["grant_id", "scopes"]]
        .explode("scopes")
        .rename(columns={"scopes": "scope"})
    )
    both = granted.merge(used, on=["grant_id", "scope"], how="left", indicator=True)
    unused = both[both["_merge"] == "left_only"]
    after = usage[["token_id", "used_at", "outcome", "denial_reason"]].merge(
        logs["revocation"][["token_id", "revoked_at"]], on="token_id"
    )
    after = after[after["used_at"] >= after["revoked_at"]]
    after = after.assign(after_s=(after["used_at"] - after["revoked_at"]).dt.total_seconds())
    succeeded = after[after["outcome"] == "success"].groupby("token_id")["after_s"].max()
    refused = (
        after[(after["outcome"] == "denied") & (after["denial_reason"] == "token")].groupby("token_id")["after_s"].min()
    )
    return {
        "out_of_scope": len(beyond),
        "out_of_scope_calls": int(beyond["size"].sum()),
        "unused_scopes": len(unused),
        "tried_after": after["token_id"].nunique(),
        "worked_after": len(succeeded),
        "refused_after": len(refused),
    }
