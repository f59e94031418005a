"""`grantlens version`."""

from __future__ import annotations

EXAMPLES = """Examples:
  grantlens version"""


def line() -> str:
    """Return the version of grantlens and of what its answers rest on."""
    import platform
    from importlib.metadata import version as installed

    from grantlens.schema.migrations import VERSION

    return (
        f"grantlens {installed('grantlens')} (store schema {VERSION}, duckdb {installed('duckdb')}, "
        f"Python {platform.python_version()})"
    )


def version() -> int:
    """Print the version of grantlens, of its store, of DuckDB and of Python."""
    print(line())
    return 0
