"""The command line: arguments in, one library call, text or JSON out.

Results go to stdout, messages and progress to stderr. Nothing else in grantlens prints.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments
        What follows `grantlens` on the command line; `sys.argv` if absent.
    """
    if arguments is None:  # the process is ours
        # What draws charts checks its specifications with jsonschema. Where JupyterLab is installed, that builds a grammar
        # of addresses for a second, which no chart has.
        sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    from grantlens.cli.guard import guarded

    return guarded(arguments)
