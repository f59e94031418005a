"""Read the YAML that sources are made of. A mistake names its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grantlens.errors import CatalogueError


def documents(file: Path) -> Iterator[Any]:
    """Return each document of a YAML file."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a safe loader: it makes plain values only
    try:
        with file.open("rb") as stream:
            yield from yaml.load_all(stream, loader)
    except yaml.YAMLError as bad:
        mark = getattr(bad, "problem_mark", None)
        place = f" line {mark.line + 1}" if mark else ""
        raise CatalogueError(
            f"{file}{place}: {getattr(bad, 'problem', None) or 'this is no YAML'}.", "Correct the YAML there."
        ) from None
    except (ValueError, RecursionError) as bad:
        raise CatalogueError(f"{file} cannot be read as YAML: {bad}.", "Correct the YAML.") from None
