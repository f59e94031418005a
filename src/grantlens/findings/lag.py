"""Revocation lag as a distribution."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from grantlens.errors import RuleError
from grantlens.findings.by_rule import FindingsByRule
from grantlens.findings.intervals import by_minute
from grantlens.framed import Framed, Rows
from grantlens.handwritten import did_you_mean
from grantlens.plain import first_rows, table_of
from grantlens.visible import markup, visible
from grantlens.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

    from grantlens.analysis.survival import LagEstimate
    from grantlens.charts.chart import Chart


@dataclass(frozen=True, eq=False)
class RevocationLag(Framed):
    """How long revoked access went on working, over all revocations of a window.

    Parameters
    ----------
    window
        The revocations of this window.
    now
        The instant taken as the present.
    table
        One row for each revocation, token (or grant) and resource server: revocation_event, source, tenant, client_id,
        subject_id, token_id, grant_id, resource_server, revoked_at, last_success_s, first_denial_s, lag_lower_s,
        lag_upper_s (None: not bounded), uses_after, censored (no, left, right), attempts, allowed_s, join_key, target_kind,
        initiator.
        Revocations after which nothing was tried are in it, as (0, not bounded] with 0 attempts.
    calls
        One row for each call after a revocation - the first that ended its access - that succeeded, or was refused because of the token: source,
        revocation_event, resource_server, after_s (seconds since the acknowledgement), accepted.
    rules
        The findings of the REV rules.
    sql
        The SQL of the intervals.
    resource_server
        The one at which it is, see `at`; all of them if None.
    """

    window: Window
    now: datetime
    table: pa.Table
    calls: Rows
    rules: FindingsByRule
    sql: str
    resource_server: str | None = None

    def at(self, resource_server: str | None) -> RevocationLag:
        """Return the lag at one resource server, at all of them if None: enforcement belongs to the server, not to the provider.

        Raises
        ------
        RuleError
            If none of these revocations was tried at such a server; `servers` names those there are.

        Examples
        --------
        >>> import grantlens as gl
        >>> with gl.open(":memory:") as store:
        ...     gl.detect.revocation_lag(store.between("2026-07-01", "2026-10-01")).at(None).servers()
        []
        """
        import dataclasses

        import pyarrow.compute as compute

        known = sorted({*self.servers(), *self.calls.table["resource_server"].to_pylist()} - {None})
        if resource_server is not None and resource_server not in known:
            they_are = f"They are {', '.join(map(visible, known))}." if known else "There is none with a name."
            raise RuleError(
                f"No revocation of this window was followed by a call at a server {resource_server!r}.",
                did_you_mean(str(resource_server), known, they_are),
            )

        def there(rows: pa.Table) -> pa.Table:
            if resource_server is None:
                return rows
            return rows.filter(compute.equal(rows["resource_server"], resource_server))

        calls = dataclasses.replace(self.calls, table=there(self.calls.table))
        return dataclasses.replace(self, table=there(self.table), calls=calls, resource_server=resource_server)

    def servers(self) -> list[str]:
        """Return the resource servers that occur, by name."""
        return sorted({name for name in self.table["resource_server"].to_pylist() if name is not None})

    def estimate(self) -> LagEstimate:
        """Return the quantiles: assumption-free bounds, and the Turnbull estimate where there are enough revocations.

        See `grantlens.analysis.survival.estimate`.
        """
        from grantlens.analysis import survival

        known = zip(self.table["attempts"].to_pylist(), self.table["censored"].to_pylist(), strict=True)
        return survival.estimate(
            *self._bounds(),
            cluster=self._revocations(),
            censored=[censored if attempts else "untried" for attempts, censored in known],
        )

    def curve(self) -> Curve:
        """Return the survival curve of the lag with its assumption-free bounds."""
        import pyarrow

        from grantlens.analysis import survival

        steps = pyarrow.table(survival.curve(*self._bounds(), cluster=self._revocations()))
        return Curve(steps, self.estimate(), self.resource_server)

    def acceptance(self) -> Acceptance:
        """Return, for each minute after the acknowledgement, the share of calls that was still accepted.

        See `grantlens.analysis.acceptance.acceptance_by_minute`.
        """
        return Acceptance(table_of(by_minute(self.calls.table), _acceptance_schema()), self.resource_server)

    def _bounds(self) -> tuple[list[float], list[float | None]]:
        return self.table["lag_lower_s"].to_pylist(), self.table["lag_upper_s"].to_pylist()

    def _revocations(self) -> list[tuple[object, ...]]:
        """Return what tells the revocations apart: two tenants may have some of one id, told by the time."""
        source, event, moment = (self.table[name] for name in ("source", "revocation_event", "revoked_at"))
        return list(zip(source.to_pylist(), event.to_pylist(), moment.cast("int64").to_pylist(), strict=True))

    def __repr__(self) -> str:
        at = "" if self.resource_server is None else f" at {visible(self.resource_server)}"
        return f"Revocation lag{at}, {self.window}: {self.estimate().sentence()}"

    def _repr_html_(self) -> str:
        # The findings are those of all servers.
        told = self.rules if self.resource_server is None else ()
        rules = "".join(f"<li>{markup(repr(findings))}</li>" for findings in told)
        return f"<div><p>{markup(repr(self))}</p><ul>{rules}</ul>{first_rows(self.table)}</div>"


@dataclass(frozen=True, eq=False)
class Curve(Framed):
    """The share of revocations whose access still worked after t seconds: at least, at most, and the estimate.

    Parameters
    ----------
    table
        t, survival_low, survival_high, npmle.
    estimate
        The quantiles.
    resource_server
        The one at which it is; all of them if None.
    """

    table: pa.Table
    estimate: LagEstimate
    resource_server: str | None = None

    def chart(self) -> Chart:
        """Draw the curve with its bounds."""
        from grantlens.charts.lag_curve import lag_curve

        known = self.estimate
        return lag_curve(
            self.table,
            where=self.resource_server,
            n=known.n,
            events=known.events,
            right_share=known.right_share,
            left_share=known.left_share,
            untried_share=known.untried_share,
            bounds={bound.tau: (bound.lower, bound.upper) for bound in known.bounds},
        )

    def __repr__(self) -> str:
        return self.estimate.sentence()

    def _repr_html_(self) -> str:
        return f"<p>{markup(self.estimate.sentence())}</p>"


@dataclass(frozen=True, eq=False)
class Acceptance(Framed):
    """The share of calls with revoked access that was still accepted, by minute since the acknowledgement.

    It counts calls where the lag counts revocations: servers of many nodes accept and refuse side by side for a while.

    Parameters
    ----------
    table
        minute, calls, accepted, share, and its 95 % interval low, high, which reckons by revocation. Minutes without calls
        are absent.
    resource_server
        The one at which it is; all of them if None.
    """

    table: pa.Table
    resource_server: str | None = None

    def chart(self) -> Chart:
        """Draw the share of each minute with its interval."""
        from grantlens.charts.acceptance import acceptance

        return acceptance(self.table, where=self.resource_server)

    def __repr__(self) -> str:
        from grantlens.charts.acceptance import sentence

        return sentence(self.table, self.resource_server)


def _acceptance_schema() -> pa.Schema:
    import pyarrow as pa

    whole, share = pa.int64(), pa.float64()
    return pa.schema({"minute": whole, "calls": whole, "accepted": whole, "share": share, "low": share, "high": share})
