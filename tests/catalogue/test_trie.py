"""The matcher against an oracle of regular expressions, and the bugs that others met."""

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantlens.catalogue.path import Style, Token, cut, joined, tokens
from grantlens.catalogue.servers import serves
from grantlens.catalogue.shapes import Shapes, Vocabulary
from grantlens.catalogue.trie import Trie

WORDS = ("users", "teams", "me", "v1", "items:list", "a.b")
SEGMENT = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(["{id}", "{x}", "{id}:cancel", "{id}:get_v2", "{id}:", "pre-{id}", "{a}...{b}"]),
)
TEMPLATE = st.lists(SEGMENT, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
REST = st.lists(SEGMENT, min_size=1, max_size=3).flatmap(
    lambda parts: st.sampled_from(["/" + "/".join(parts) + "/**", "/" + "/".join(parts)])
)
VALUE = st.sampled_from(
    [*WORDS, "7", "x:cancel", "x:get_v2", "x:", "users:cancel", "pre-9", "p...q", "%75sers", "x%2Fy", "x:other"]
)
PATH = st.lists(VALUE, min_size=1, max_size=5).map(lambda parts: "/" + "/".join(parts))
METHOD = st.sampled_from(["GET", "POST", "DELETE"])

RANK = {"literal": 0, "suffix": 1, "pattern": 2, "parameter": 3, "rest": 4}


def decode(path):
    return path.replace("%75", "u")


def oracle(templates, method, path):
    """Return the templates that fit best: literal first, leftmost first."""
    fits = []
    for number, (template, verb) in enumerate(templates):
        if verb != method:
            continue
        pattern, rank = "", []
        for part in template.strip("/").split("/"):
            if part == "**":
                pattern += "/.+"
                rank.append((RANK["rest"],))
            elif match := re.fullmatch(r"\{\w+\}:(\w*)", part):
                pattern += "/[^/]+:" + re.escape(match[1])
                rank.append((RANK["suffix"],))
            elif re.fullmatch(r"\{\w+\}", part):
                pattern += "/[^/]+"
                rank.append((RANK["parameter"],))
            elif "{" in part:
                inner = "[^/]+".join(map(re.escape, re.split(r"\{\w+\}", part)))
                pattern += "/" + inner
                rank.append((RANK["pattern"], -len(inner.replace("[^/]+", ".+?")), inner.replace("[^/]+", ".+?")))
            else:
                pattern += "/" + re.escape(part)
                rank.append((RANK["literal"],))
        if re.fullmatch(pattern, decode(path)):
            fits.append((rank, number))
    best = min((rank for rank, _ in fits), default=None)
    return {number for rank, number in fits if rank == best}


def compiled(templates):
    cuts = tokens([template for template, _ in templates], Style())
    trie = Trie()
    for number, (template, (_, method)) in enumerate(zip(cuts, templates, strict=True)):
        trie.insert(template, method, number)
    return trie, Vocabulary.of(cuts)


@given(
    st.lists(st.tuples(st.one_of(TEMPLATE, REST), METHOD), min_size=1, max_size=25),
    st.lists(st.tuples(METHOD, PATH), min_size=1, max_size=40),
)
def test_trie_and_shapes_agree_with_regular_expressions(templates, calls):
    trie, vocabulary = compiled(templates)
    segments = cut(pa.array([path for _, path in calls]), Style())
    methods = pa.array([method for method, _ in calls])
    shapes = Shapes(vocabulary)
    keys = shapes.of(segments, methods).tolist()
    singly = [shapes.of(segments[row : row + 1], methods[row : row + 1]).tolist()[0] for row in range(len(calls))]
    assert keys == singly, "a key does not depend on what else is asked"
    by_shape = {}
    for key, path, method in zip(keys, segments.to_pylist(), methods.to_pylist(), strict=True):
        by_shape.setdefault(key, trie.find(path, method))
    for row, (method, path) in enumerate(calls):
        expected = oracle(templates, method, path)
        direct = trie.find(segments[row].as_py(), method)
        assert direct == by_shape[keys[row]], "a shape must not hide what the matcher looks at"
        assert (direct in expected) if expected else direct is None


@pytest.mark.parametrize(
    ("templates", "path", "expected"),
    [
        (["/v1/{name}", "/v1/{name}:cancel"], "/v1/op-77:cancel", 1),
        (["/v1/{name}", "/v1/{name}:cancel"], "/v1/op-77:cancelled", 0),
        (["/v1/functions:generateUploadUrl", "/v1/{x}:generateUploadUrl"], "/v1/functions:generateUploadUrl", 0),
        (["/v1/functions:generateUploadUrl", "/v1/{x}:generateUploadUrl"], "/v1/other:generateUploadUrl", 1),
        (["/r/{n}:set_latest", "/r/{n}:getHL7v2StoreMetrics"], "/r/a:set_latest", 0),
        (["/r/{n}:set_latest", "/r/{n}:getHL7v2StoreMetrics"], "/r/a:getHL7v2StoreMetrics", 1),
        (["/x/{name}:", "/x/{name}"], "/x/name:", 0),
        (["/x/{name}:y", "/x/{name}"], "/x/:y", 1),
        (["/users/{id}/messages"], "//users/7//messages/", 0),
        (["/users/{id}/messages"], "/users//messages", None),
        (["/users/me/{x}", "/users/{id}/keys"], "/users/me/keys", 0),
        (["/users/me/posts", "/users/{id}/keys"], "/users/me/keys", 1),
        (["/files/**", "/files/{id}"], "/files/a", 1),
        (["/files/**", "/files/{id}"], "/files/a/b/c", 0),
        (["/v1/{+name}:run"], "/v1/projects/p/jobs/j:run", 0),
        (["/{a}/x", "/{b=**}/y"], "/p/q/y", 1),
        (["/Users/{id}"], "/users/7", None),
    ],
)
def test_cases_that_others_got_wrong(templates, path, expected):
    trie, vocabulary = compiled([(template, "GET") for template in templates])
    segments = cut(pa.array([path]), Style())
    assert trie.find(segments[0].as_py(), "GET") == expected
    both = pa.concat_arrays([segments, cut(pa.array(["/v1/zz9"]), Style())])
    one, other = Shapes(vocabulary).of(both, pa.array(["GET"] * 2)).tolist()
    assert one != other or trie.find(["v1", "zz9"], "GET") == expected


def test_a_branch_without_the_method_is_given_up():
    trie, _ = compiled([("/users/me", "GET"), ("/users/{id}", "DELETE")])
    assert trie.find(["users", "me"], "DELETE") == 1


def test_head_is_answered_by_get_and_no_method_only_by_a_lone_operation():
    trie, _ = compiled([("/a", "GET"), ("/b", "GET"), ("/b", "POST")])
    assert trie.find(["a"], "HEAD") == 0
    assert trie.find(["a"], None) == 0
    assert trie.find(["b"], None) is None


def test_rest_templates_do_not_blow_up():
    templates = [("/" + "/".join(["**", "x"] * count), "GET") for count in range(1, 12)]
    trie, _ = compiled(templates)
    assert trie.find(["x"] * 60 + ["y"], "GET") is None


@given(
    parts=st.lists(st.text("ab.", max_size=2), min_size=2, max_size=5),
    text=st.text("ab./", max_size=9),
    any_of=st.sampled_from((".", "[^/]")),
)
def test_gaps_fit_as_if_every_way_were_tried(parts, text, any_of):
    escaped = [re.escape(part) for part in parts]
    expected = re.fullmatch(f"{any_of}+?".join(escaped), text, re.DOTALL)
    assert bool(joined(escaped, any_of).fullmatch(text)) == bool(expected)


def test_a_segment_of_many_values_does_not_blow_up():
    """Tried in every way, as it was, this does not end."""
    trie, _ = compiled([("/" + "x".join(f"{{{name}}}" for name in "abcdefghijklmnopqrstuvw") + "y", "GET")])
    assert trie.find(["x" * 300], "GET") is None
    assert not serves("*a" * 30 + "*b", "a" * 300)


def test_very_long_paths_are_nobodys():
    trie, _ = compiled([("/**", "GET")])
    assert trie.find(["a"] * 64, "GET") == 0
    assert trie.find(["a"] * 65, "GET") is None


ODATA = Style(odata=True, fold_case=True)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/users/{id}/messages", "/v1.0/Users('jo@acme.example')/Messages"),
        ("/users/{id}/messages", "/beta/users/jo%40acme.example/messages"),
        ("/me/drive/root:/{id}:/content", "/v1.0/me/drive/root:/Documents/a/b c.txt:/content"),
        ("/me/drive/root:/{id}", "/me/drive/root:/Documents/a.txt"),
        ("/me/drive/root:/{id}", "/me/drive/root:/Documents/a.txt:"),
        ("/drives/{id}/root:/{id}/assignsensitivitylabel", "/drives/d1/root:/a/b.docx:/assignSensitivityLabel"),
        ("/me/drive/root:/foldera/fileb.txt:/content", "/me/drive/root:/x/y/z.txt:/content"),
        ("/drives/{id}/items/{id}:/{id}:/content", "/drives/d/items/i1:/f/g.txt:/content"),
        ("/sites/{id}:/{id}", "/sites/contoso.sharepoint.com:/sites/team"),
        ("/reports/getuse(period={value},date={value})", "/v1.0/reports/getUse(date=2026-01-01,period='D7')"),
        ("/applications(appid={value})", "/applications(appId='9b1f')"),
        ("/applications(appid={value})", "/applications%28appId%3D%279b1f%27%29"),
        ("/users/{id}", "/users(userPrincipalName='jo@acme.example')"),
        ("/deviceManagement/authority({id})", "/deviceManagement/authority('77')"),
        ("/users/delta", "/users/microsoft.graph.delta()"),
        ("/groups/{id}/members", "/groups/77/members/microsoft.graph.user"),
        ("/users", "/users/$count"),
        ("/me/photo/$value", "/me/photo/%24value"),
        ("/teams/(team-id)/channels", "/teams/9/channels"),
        ("/sites/getbypath(path='{path}')", "/sites/getByPath(path='/a/b')"),
    ],
)
def test_odata_spellings(template, path):
    trie = Trie(odata=True)
    trie.insert(tokens([template], ODATA)[0], "GET", 0)
    assert trie.find(cut(pa.array([path]), ODATA)[0].as_py(), "GET") == 0


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/users/{id}", "/users/$ref"),
        ("/users", "/users/microsoft.graph.unknownfunction()"),
        ("/reports/getuse(period={value})", "/reports/getuse(date='x')"),
        ("/me/messages", "/users/7/messages"),
        ("/me/drive/root:/{id}:/content", "/me/drive/root:/a/content"),
    ],
)
def test_odata_spellings_that_are_something_else(template, path):
    trie = Trie(odata=True)
    trie.insert(tokens([template], ODATA)[0], "GET", 0)
    assert trie.find(cut(pa.array([path]), ODATA)[0].as_py(), "GET") is None


def test_an_operation_without_a_method_answers_calls_that_name_none():
    trie = Trie()
    template = [Token("literal", "groups"), Token("parameter")]
    for method, operation in (("GET", 1), ("PUT", 2)):
        trie.insert(template, method, operation)
    assert trie.find(["groups", "7"], None) is None  # which of the two?
    trie.insert(template, None, 3)
    assert [trie.find(["groups", "7"], method) for method in (None, "GET", "PUT", "POST")] == [3, 1, 2, None]
