"""`grantlens demo`: the bundled samples, loaded, asked and reported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    pass

EXAMPLES = """Examples:
  grantlens demo
  grantlens demo --out /tmp/grantlens-demo"""


def demo(
    *,
    out: Annotated[
        Path, Parameter(name=("--out", "-o"), metavar="DIR", help="Folder to write to; made if absent.")
    ] = Path("grantlens-demo"),
) -> int:
    """Load the sample logs of a made-up company, print the main findings, and write report.html."""
    return 0


def load_samples(path: Path, samples: Path) -> None:
    """Make a store that holds the sample logs, their catalogues, register and servers."""
