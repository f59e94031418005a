"""The command line: arguments in, one library call, text or JSON out.

Results go to stdout, messages and progress to stderr. Nothing else in grantlens prints.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments
        What follows `grantlens` on the command line; `sys.argv` if absent.
    """
    from grantlens.cli.guard import guarded

    return guarded(arguments)
