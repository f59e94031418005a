"""The frozen result of a rule, and what can be asked of it."""

from grantlens.findings.backtest import Backtest
from grantlens.findings.by_rule import FindingsByRule
from grantlens.findings.findings import Findings
from grantlens.findings.lag import RevocationLag
from grantlens.findings.privileges import UnusedPrivileges
from grantlens.findings.smallest import SmallestScopes
from grantlens.findings.tally import Tally

__all__ = ["Backtest", "Findings", "FindingsByRule", "RevocationLag", "SmallestScopes", "Tally", "UnusedPrivileges"]
