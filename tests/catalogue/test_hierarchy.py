"""Implication: closure against brute force, and evidence."""

from hypothesis import given
from hypothesis import strategies as st

from grantlens.catalogue.hierarchy import STRENGTH, close, documented, google_pairs, graph_pairs

EDGES = st.dictionaries(
    st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda edge: edge[0] != edge[1]),
    st.sampled_from(STRENGTH),
    max_size=20,
)


@given(EDGES)
def test_closure_is_reachability_by_the_strongest_way(direct):
    closed = close(direct)
    # Brute force: with evidence at least as strong as `worst`, who reaches whom?
    expected = {}
    for worst in reversed(range(len(STRENGTH))):
        allowed = {edge for edge, evidence in direct.items() if STRENGTH.index(evidence) <= worst}
        reach = set(allowed)
        while True:
            more = {(a, d) for a, b in reach for c, d in allowed if b == c} - reach
            if not more:
                break
            reach |= more
        for pair in reach:
            if pair[0] != pair[1]:
                expected[pair] = STRENGTH[worst]
    assert closed == expected


def test_graph_readwrite_implies_read_also_where_the_list_has_gaps():
    opened = {
        "Mail.Read": {"delegated": frozenset("ab")},
        "Mail.ReadWrite": {"delegated": frozenset("abc")},
        "Calendars.Read.Shared": {"delegated": frozenset("ab")},
        "Calendars.ReadWrite.Shared": {"delegated": frozenset("b")},
        "Tasks.ReadWrite": {"delegated": frozenset("b")},
    }
    assert set(graph_pairs(opened)) == {
        ("Mail.ReadWrite", "Mail.Read", "containment"),
        ("Calendars.ReadWrite.Shared", "Calendars.Read.Shared", "name_pattern"),
    }


def test_graph_counts(graph, graph_json):
    names = {name.lower() for name in graph_json}
    pairs = {
        (name, name.replace("readwrite", "read"))
        for name in names
        if "readwrite" in name and name.replace("readwrite", "read") in names
    }
    direct = [row for row in graph.tables["cat_scope_implies"].to_pylist() if row["direct"]]
    assert len(direct) == len(pairs)
    assert {row["evidence"] for row in direct} == {"containment", "name_pattern"}


def test_tiny_scopes_prove_nothing():
    auth = "https://www.googleapis.com/auth/"
    assert google_pairs({auth + "x": frozenset("abcd"), auth + "x.part": frozenset("abc")}) == []
    many = frozenset("abcdef")
    assert google_pairs({auth + "x": many | {"z"}, auth + "x.part": many}) == [
        (auth + "x", auth + "x.part", "containment")
    ]
    assert google_pairs({auth + "x": many, auth + "x.part": many}) == []  # equal sets are no hierarchy


def test_github_is_documented(toml):
    pairs = documented("github", [])
    assert len(pairs) == len(set(pairs)) >= 28
    assert ("admin:org", "write:org") in pairs
    assert not any(broader == narrower for broader, narrower in pairs)
    built = toml(
        '[catalogue]\nname = "mine"\nserver = "api.github.com"\n'
        '[[operation]]\nmethod = "GET"\npath = "/user"\nrequires = [["read:user"]]\n'
    )
    names = {row["scope_id"]: row["scope"] for row in built.tables["cat_scope"].to_pylist()}
    implied = {
        (names[row["broader"]], names[row["narrower"]]): row for row in built.tables["cat_scope_implies"].to_pylist()
    }
    assert implied[("admin:org", "read:org")]["direct"] is False
    assert implied[("user", "read:user")]["evidence"] == "documented"
