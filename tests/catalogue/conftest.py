"""Catalogues of the real files, built once; stores that hold targets."""

import json

import pytest

from grantlens.catalogue.model import Catalogue
from tests.catalogue.judging import Judge


@pytest.fixture(scope="session")
def graph(shared):
    return Catalogue.build("msgraph", shared / "catalogues" / "msgraph")


@pytest.fixture(scope="session")
def google(shared):
    return Catalogue.build("google", shared / "catalogues" / "google-discovery")


@pytest.fixture(scope="session")
def graph_json(shared):
    return json.loads((shared / "catalogues" / "msgraph" / "permissions.json").read_text())["permissions"]


@pytest.fixture
def toml(tmp_path):
    """Return a function that builds a catalogue from TOML text."""

    def build(text, **options):
        path = tmp_path / "catalogue.toml"
        path.write_text(text)
        return Catalogue.build("toml", path, **options)

    return build


@pytest.fixture
def add(engine):
    """Return a function that adds catalogues as Store.add does."""

    def add_all(*catalogues):
        for catalogue in catalogues:
            with engine.transaction():
                catalogue.write_to(engine)

    return add_all


@pytest.fixture
def targets(engine):
    """Return a function that puts (server, method, target, operation) into usage_target."""

    def insert(*rows):
        first = engine.value("SELECT count(*) FROM usage_target")
        for number, (server, method, target, operation) in enumerate(rows, first):
            engine.execute(
                "INSERT INTO usage_target (target_id, resource_server, method, target, operation) "
                "VALUES ($n, $s, $m, $t, $o)",
                {"n": number, "s": server, "m": method, "t": target, "o": operation},
            )

    return insert


@pytest.fixture
def answers(engine):
    """Return a function that gives (label, match, catalogue) for each target, in order."""
    return lambda: engine.rows(
        """
        SELECT u.label, u.match, o.catalogue
        FROM usage_operation u LEFT JOIN cat_operation o ON o.op_id = u.operation_id
        ORDER BY target_id
        """
    )


def alternatives(catalogue, label, principal=None):
    """Return the alternatives of an operation: a set of (principal, set of scopes)."""
    scopes = {row["scope_id"]: row["scope"] for row in catalogue.tables["cat_scope"].to_pylist()}
    ids = {row["op_id"] for row in catalogue.tables["cat_operation"].to_pylist() if row["label"] == label}
    assert len(ids) == 1, (label, ids)
    found = {}
    for row in catalogue.tables["cat_requirement"].to_pylist():
        if row["op_id"] in ids and principal in (None, row["principal"]):
            group = found.setdefault((row["principal"], row["alt"]), set())
            if row["scope_id"] is not None:
                group.add(scopes[row["scope_id"]])
    return {(who, frozenset(group)) for (who, _), group in found.items()}


@pytest.fixture(name="alternatives")
def _alternatives():
    return alternatives


@pytest.fixture
def judge(tmp_path, capsys):
    """Return a function that takes a source, its file and logs through the commands to the findings of OOS-1."""
    folder = tmp_path / "judge"
    folder.mkdir()
    return Judge(folder, capsys)
