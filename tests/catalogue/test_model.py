"""One file for a catalogue, and its place in a store."""

import json
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantlens.catalogue.model import Catalogue
from grantlens.errors import CatalogueError

TEXT = """
[catalogue]
name = "{name}"
[[operation]]
method = "GET"
path = "/items/{{id}}"
requires = [["{scope}"]]
[[scope]]
name = "all"
implies = ["{scope}"]
"""


@pytest.fixture
def small(toml):
    return lambda name="one", scope="read": toml(TEXT.format(name=name, scope=scope))


def test_round_trip(graph, tmp_path):
    path = tmp_path / "graph.parquet"
    graph.write(path)
    again = Catalogue.read(path)
    assert {name: table.to_pylist() for name, table in again.tables.items()} == {
        name: table.to_pylist() for name, table in graph.tables.items()
    }
    assert path.stat().st_size < 1_500_000
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_catalogue_gives_the_same_bytes(small, tmp_path):
    small().write(tmp_path / "a")
    small().write(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_catalogue_without_operations_round_trips(toml, tmp_path):
    built = toml('[catalogue]\nname = "x"\n[[scope]]\nname = "a"\n')
    built.write(tmp_path / "x.parquet")
    assert Catalogue.read(tmp_path / "x.parquet").counts == built.counts


@pytest.mark.parametrize("content", [b"", b"PAR1 no parquet", b"\x00" * 100])
def test_what_is_no_catalogue_is_refused(tmp_path, content):
    path = tmp_path / "x.parquet"
    path.write_bytes(content)
    with pytest.raises(CatalogueError, match="Build it again"):
        Catalogue.read(path)


def test_another_parquet_file_is_refused(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1]}), tmp_path / "x.parquet")
    with pytest.raises(CatalogueError, match="no catalogue of this version"):
        Catalogue.read(tmp_path / "x.parquet")
    with pytest.raises(CatalogueError, match="does not exist"):
        Catalogue.read(tmp_path / "y.parquet")


def test_a_lost_part_is_noticed(small, tmp_path):
    import pyarrow.parquet as pq

    small().write(tmp_path / "x.parquet")
    table = pq.read_table(tmp_path / "x.parquet")
    pq.write_table(table.drop_columns(["cat_requirement"]), tmp_path / "y.parquet")
    with pytest.raises(CatalogueError, match="cat_requirement"):
        Catalogue.read(tmp_path / "y.parquet")


def content(engine):
    """Return an engine's catalogues in names instead of numbers."""
    return {
        "requirement": engine.rows(
            "SELECT o.catalogue, o.label, r.principal, s.scope FROM cat_requirement r "
            "JOIN cat_operation o USING (op_id) LEFT JOIN cat_scope s USING (scope_id) ORDER BY ALL"
        ),
        "implied": engine.rows(
            "SELECT b.catalogue, b.scope, n.scope FROM cat_scope_implies i JOIN cat_scope b ON b.scope_id = i.broader "
            "JOIN cat_scope n ON n.scope_id = i.narrower ORDER BY ALL"
        ),
        "risk": engine.rows(
            "SELECT s.catalogue, s.scope, r.rank FROM cat_scope_risk r JOIN cat_scope s USING (scope_id) ORDER BY ALL"
        ),
        "meta": engine.rows("SELECT catalogue, operations FROM cat_meta ORDER BY ALL"),
    }


def test_adding_twice_changes_nothing_and_another_stays_apart(engine, add, small):
    add(small("one"), small("two"))
    before = content(engine)
    add(small("one"))
    assert content(engine) == before
    assert [row[:2] for row in before["requirement"]] == [("one", "GET /items/{id}"), ("two", "GET /items/{id}")]
    assert engine.value("SELECT count(*) = count(DISTINCT op_id) FROM cat_operation")
    assert engine.value("SELECT count(*) = count(DISTINCT scope_id) FROM cat_scope")


def test_a_new_version_takes_the_place_of_the_old(engine, add, small):
    add(small("one", "read"))
    add(small("one", "view"))
    assert [row[3] for row in content(engine)["requirement"]] == ["view"]
    assert len(content(engine)["meta"]) == 1


def test_a_failed_add_leaves_the_old_one(engine, add, small, monkeypatch):
    add(small("one", "read"))
    before = content(engine)
    monkeypatch.setattr("grantlens.catalogue.matcher.rematch", lambda engine: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        add(small("one", "view"))
    assert content(engine) == before


def test_names_of_scopes_resolve_as_the_provider_compares_them(engine, add, graph, google):
    add(graph, google)
    lookup = """
    SELECT s.scope FROM cat_scope_name n JOIN cat_scope s USING (scope_id)
    WHERE n.catalogue = $catalogue AND n.name = lower($granted) AND (n.exact IS NULL OR n.exact = $granted)
    """

    def resolve(catalogue, granted):
        return [row[0] for row in engine.rows(lookup, {"catalogue": catalogue, "granted": granted})]

    assert resolve("msgraph", "mail.read") == ["Mail.Read"]
    assert resolve("msgraph", "https://graph.microsoft.com/MAIL.Read") == ["Mail.Read"]
    assert resolve("msgraph", "570282fd-fa5c-430d-a7fd-fc8dc98a9dca") == ["Mail.Read"]
    assert resolve("google", "https://mail.google.com/") == ["https://mail.google.com/"]
    assert resolve("google", "email") == ["https://www.googleapis.com/auth/userinfo.email"]
    assert resolve("google", "https://www.googleapis.com/auth/Drive") == []
    closure = engine.rows(
        "SELECT n.scope, c.evidence FROM scope_closure c JOIN cat_scope b ON b.scope_id = c.scope_id "
        "JOIN cat_scope n ON n.scope_id = c.implied_scope_id WHERE b.scope = 'Mail.ReadWrite'"
    )
    assert ("Mail.ReadWrite", "self") in closure
    assert "Mail.Read" in dict(closure)


def test_what_it_shows_is_harmless(toml):
    evil = toml('[catalogue]\nname = "x"\nversion = "<script>alert(1)</script>"\n[[scope]]\nname = "a"\n')
    assert "<script>" not in evil._repr_html_()
    assert "&lt;script&gt;" in evil._repr_html_()


def test_facts_from_outside_are_recorded(toml, tmp_path):
    path = tmp_path / "catalogue.toml"
    path.write_text('[catalogue]\nname = "x"\n[[scope]]\nname = "a"\n')
    built = Catalogue.build("toml", path, version="6cbd6bb", retrieved="2026-08-07")
    assert (built.version, built.meta["retrieved"]) == ("6cbd6bb", "2026-08-07")
    assert len(built.meta["sha256"]) == 64


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        ("slak", {}, "Known are"),
        ("toml", {"list_rule": "some"}, "'all' or 'any'"),
        ("toml", {"list_rule": "any"}, "kind toml takes no list rule"),
        ("aws", {"server": "iam.example"}, "kind aws takes no server"),
        ("toml", {"path": "gone"}, "does not exist"),
    ],
)
def test_wrong_use(tmp_path, source, options, says):
    path = tmp_path / options.pop("path", ".")
    with pytest.raises(CatalogueError, match=says):
        Catalogue.build(source, path, **options)


def test_a_hand_written_one_is_read_as_it_is(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[catalogue]\nname = "x"\n[[scope]]\nname = "a"\n')
    assert Catalogue.read(path).name == "x"


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["3.0.0", "GET", "/x/{id}", "least=Application", "discovery#restDescription"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "openapi",
                    "paths",
                    "get",
                    "security",
                    "components",
                    "securitySchemes",
                    "servers",
                    "url",
                    "permissions",
                    "pathSets",
                    "schemes",
                    "schemeKeys",
                    "methods",
                    "kind",
                    "rootUrl",
                    "servicePath",
                    "resources",
                    "auth",
                    "oauth2",
                    "scopes",
                    "id",
                    "httpMethod",
                    "/x",
                    "A",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)


@given(ODD, st.sampled_from(["openapi", "msgraph", "google"]))
@settings(max_examples=150)
def test_no_document_ends_in_a_traceback(document, source):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.json")
        extra = {"openapi": {"openapi": "3.1.0"}, "msgraph": {}, "google": {"kind": "discovery#restDescription"}}[
            source
        ]
        path.write_text(json.dumps((document | extra) if isinstance(document, dict) else document))
        with suppress(CatalogueError):
            Catalogue.build(source, path)


def test_a_document_too_deep_to_read(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"openapi": "3.0.0", "x": ' + "[" * 200_000 + "]" * 200_000 + "}")
    with pytest.raises(CatalogueError, match="RecursionError"):
        Catalogue.build("openapi", path)
