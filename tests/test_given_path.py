"""What is no path, given where a path belongs: the error says what it was and what to type."""

from pathlib import Path

import pytest

import grantlens as gl


class Odd:
    def __fspath__(self):
        return b"acme.duckdb"


@pytest.fixture(scope="module")
def store():
    with gl.open(":memory:") as store:
        yield store


GIVEN = {
    "open": lambda store, path: gl.open(path),
    "load": lambda store, path: store.load(path),
    "unload": lambda store, path: store.unload(path),
    "export": lambda store, path: store.export(path),
    "export, parquet": lambda store, path: store.export(path, parquet=True),
    "register": lambda store, path: gl.Register.read(path),
    "servers": lambda store, path: gl.Servers.read(path),
    "clocks": lambda store, path: gl.Clocks.read(path),
    "identities": lambda store, path: gl.Identities.read(path),
    "decisions": lambda store, path: gl.Decisions.read(path),
    "catalogue": lambda store, path: gl.Catalogue.read(path),
    "mapping": lambda store, path: gl.mapping(path),
    "chart": lambda store, path: gl.detect.out_of_scope(store).chart().save(path),
}


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize(
    "path", [None, 7, b"acme.duckdb", ["a.json", "b.json"], Odd()], ids=lambda path: str(type(path))
)
def test_what_is_no_path_is_told(store, name, path):
    with pytest.raises(gl.GrantlensError, match=r"is no path\. Name ") as raised:
        GIVEN[name](store, path)
    assert len(str(raised.value)) < 300


def test_the_paths_of_a_list_are_given_one_by_one(store):
    with pytest.raises(gl.GrantlensError, match=r"^\['a.json', 'b.json'\] is no path\. .* store\.load\(\*names\)\.$"):
        store.load(["a.json", "b.json"])


def test_sources_and_pages_are_written_to_paths(store, tmp_path):
    for act in (lambda: gl.Catalogue.build("toml", 7), lambda: gl.review(store).to_html(7)):
        with pytest.raises(gl.GrantlensError, match=r"7 is no path\. Name "):
            act()
    assert gl.review(store).to_html(Path(tmp_path, "page.html")).exists()
