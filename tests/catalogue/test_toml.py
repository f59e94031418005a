"""Catalogues written by hand, and what their mistakes say."""

import pytest

from grantlens.errors import CatalogueError

WHOLE = """
[catalogue]
name = "mail"
version = "3"
server = "https://API.mail.example/"
base_path = "/v1/"
retrieved = 2026-07-01

[[operation]]
method = "get"
path = "/users/{id}/messages"
requires = [["mail.read"], ["mail.full", "mail.meta"]]
least = ["mail.read"]
name = "messages.list"
condition = "shared mailboxes need mail.full"

[[operation]]
method = "GET"
path = "/users/{id}/messages"
principal = "application"
requires = [["mail.app"]]
name = "messages.list"

[[operation]]
method = "GET"
path = "/health"
requires = []

[[operation]]
method = "GET"
path = "/legacy"
security = "unknown"

[[operation]]
name = "send_message"
kind = "tool"
server = "mcp.mail.example"
requires = [["mail.send"]]

[[scope]]
name = "mail.full"
implies = ["mail.read", "mail.send"]
risk = 3
aliases = ["https://mail.example/full"]
resource_limited = true

[[scope]]
name = "mail.login"
protocol = true
"""


def test_all_of_it(toml, alternatives):
    built = toml(WHOLE)
    assert alternatives(built, "GET /users/{id}/messages") == {
        ("any", frozenset({"mail.read"})),
        ("any", frozenset({"mail.full", "mail.meta"})),
        ("application", frozenset({"mail.app"})),
    }
    operations = {row["label"]: row for row in built.tables["cat_operation"].to_pylist()}
    assert len(operations) == 4
    listed = operations["GET /users/{id}/messages"]
    assert (listed["host"], listed["base_path"], listed["op_name"]) == ("api.mail.example", "/v1", "messages.list")
    assert operations["GET /health"]["security"] == "none_required"
    assert operations["GET /legacy"]["security"] == "unknown"
    assert (operations["send_message"]["host"], operations["send_message"]["kind"]) == ("mcp.mail.example", "tool")
    scopes = {row["scope"]: row for row in built.tables["cat_scope"].to_pylist()}
    assert scopes["mail.full"]["resource_limited"]
    assert scopes["mail.login"]["is_protocol"]
    assert not scopes["mail.login"]["mappable"]
    names = {row["scope_id"]: row["scope"] for row in scopes.values()}
    implied = {
        (names[row["broader"]], names[row["narrower"]], row["evidence"])
        for row in built.tables["cat_scope_implies"].to_pylist()
    }
    assert implied == {("mail.full", "mail.read", "declared"), ("mail.full", "mail.send", "declared")}
    risk = {names[row["scope_id"]]: (row["source"], row["rank"]) for row in built.tables["cat_scope_risk"].to_pylist()}
    assert risk["mail.full"] == ("user", 3)
    assert risk["mail.read"] == ("name", 1)
    least = [names[row["scope_id"]] for row in built.tables["cat_requirement"].to_pylist() if row["is_least"]]
    assert least == ["mail.read"]
    assert built.meta["retrieved"] == "2026-07-01"


def test_name_and_server_may_be_given_from_outside(toml):
    built = toml(WHOLE, name="other", server="h.example")
    assert built.name == "other"
    assert {row["host"] for row in built.tables["cat_operation"].to_pylist()} == {"h.example"}


HEAD = '[catalogue]\nname = "m"\n'


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[catalogue]\nnam = 'x'\n", 2, "Did you mean 'name'"),
        ("[[operation]]\n", None, "no table"),
        ('[catalogue]\nname = "a b/c"\n', None, "cannot be the name"),
        (HEAD + "[[operation]]\n\nmethode = 'GET'\n", 5, "Did you mean 'method'"),
        (HEAD + "[[operation]]\nmethod = 'GET'\npath = '/x'\n", 3, "needs 'requires'"),
        (HEAD + "[[operation]]\nmethod = 'GOT'\npath = '/x'\nrequires = []\n", 4, "no HTTP method"),
        (HEAD + "[[operation]]\nmethod = 'GET'\npath = 'x'\nrequires = []\n", 5, "must begin with '/'"),
        (HEAD + "[[operation]]\nmethod = 'GET'\npath = '/x'\nrequires = [\n  'a',\n]\n", 6, "list of lists"),
        (HEAD + "[[operation]]\nmethod = 'GET'\npath = '/x'\nrequires = [[1]]\n", 6, "list of lists"),
        (HEAD + "[[operation]]\nmethod = 'GET'\npath = '/x'\nrequires = [['a']]\nleast = ['b']\n", 7, "'least'"),
        (
            HEAD + "[[operation]]\nmethod = 'GET'\npath = '/x'\nrequires = []\nprincipal = 'delegate'\n",
            7,
            "Did you mean 'delegated'",
        ),
        (HEAD + "[[operation]]\nkind = 'tool'\nrequires = []\n", 3, "has a name"),
        (HEAD + "[[operation]]\nname = 'x'\nrequires = []\nsecurity = 'unknown'\n", 6, "cannot both"),
        (HEAD + "[[scope]]\nname = 'a'\nrisk = 9\n", 5, "0 to 4"),
        (HEAD + "[[scope]]\nname = 'a'\nimplies = 'b'\n", 5, "list of texts"),
        (HEAD + '[[scope]]\ndescription = """\n[[scope]]\nnmae = 3\n"""\nnmae = "x"\n', 8, "Did you mean 'name'"),
        (HEAD + "[[scope]]\nname = = 'a'\n", 4, "Correct the TOML"),
        (HEAD + "[[scop]]\nname = 'a'\n", 3, "Did you mean 'scope'"),
    ],
)
def test_a_mistake_names_its_line(toml, text, line, says):
    with pytest.raises(CatalogueError) as caught:
        toml(text)
    assert says in str(caught.value)
    if line:
        assert f" line {line}: " in str(caught.value)
