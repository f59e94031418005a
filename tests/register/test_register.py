"""The register: what is read, what a mistake says, what lands in the store."""

from datetime import UTC, datetime

import pytest

from grantlens.errors import RegisterError
from grantlens.register.networks import ranges
from grantlens.register.register import EXCEPTED, Register
from grantlens.rules import registry

WHOLE = """
# connections of acme
[[client]]
client_id = "mail-copilot"
name = "Mail copilot"
kind = "agent"
owner = "jo@acme.example"
purpose = "Summarise incoming mail"
approved_operations = ["GET /users/{id}/messages", "GET /users/{id}/messages/*"]
approved_scopes = []
approved_tenants = ["globex", "initech"]
registered_at = 2026-01-15
networks = ["203.0.113.0/24", "198.51.100.7"]

[[client.exception]]
rule = "PRV-1"
reason = "quarter-end job"
until = 2026-12-31

[[client.exception]]
rule = "OOS-3"
reason = "migration"
until = 2026-10-01T12:00:00+02:00

[[client]]
client_id = "bare"
status = "retired"

[[review]]
date = 2026-07-01
[[review]]
date = "2026-04-01T08:00:00Z"
"""

EXCEPTIONS = "PRV-1|2026-12-31|quarter-end job; OOS-3|2026-10-01T12:00:00+02:00|migration"
APPROVED = "GET /users/{id}/messages;GET /users/{id}/messages/*"
CSV = f"""client_id,name,kind,owner,purpose,approved_operations,approved_scopes,status,registered_at,exceptions,networks,approved_tenants
mail-copilot,Mail copilot,agent,jo@acme.example,"Summarise, daily",{APPROVED},,active,2026-01-15,{EXCEPTIONS},203.0.113.0/24;198.51.100.7,globex; initech

bare,,,,,,,retired,,,,
"""


@pytest.fixture
def read(tmp_path):
    def from_text(text, name="connections.toml"):
        path = tmp_path / name
        path.write_text(text)
        return Register.read(path)

    return from_text


def test_toml(read):
    register = read(WHOLE)
    first, second = register.clients
    assert first == {
        "client_id": "mail-copilot",
        "name": "Mail copilot",
        "kind": "agent",
        "owner": "jo@acme.example",
        "purpose": "Summarise incoming mail",
        "approved_operations": ["GET /users/{id}/messages", "GET /users/{id}/messages/*"],
        "approved_scopes": [],
        "approved_tenants": ["globex", "initech"],
        "status": "active",
        "registered_at": datetime(2026, 1, 15, tzinfo=UTC),
        "networks": ranges(["203.0.113.0/24", "198.51.100.7"]),
        "approved_hours": None,
        "approved_resources": None,
        "calls_per_day": None,
        "exceptions": [
            {"rule": "PRV-1", "reason": "quarter-end job", "until": datetime(2026, 12, 31, tzinfo=UTC)},
            {"rule": "OOS-3", "reason": "migration", "until": datetime(2026, 10, 1, 10, tzinfo=UTC)},
        ],
    }
    assert (second["status"], second["approved_operations"], second["exceptions"]) == ("retired", None, None)
    assert register.reviews == (datetime(2026, 4, 1, 8, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))


def test_csv_says_the_same(read):
    from_csv, from_toml = read(CSV, "c.csv"), read(WHOLE)
    assert from_csv.clients[0] == from_toml.clients[0] | {"purpose": "Summarise, daily", "approved_scopes": None}
    assert from_csv.clients[1] == from_toml.clients[1]


@pytest.mark.parametrize("rule", ["PRV1", "prv-1", "REV-1", "PRV-99"])
def test_an_exception_that_no_rule_honours_is_refused(read, rule):
    with pytest.raises(RegisterError, match=f"line 16: no exception holds for '{rule}'"):
        read(WHOLE.replace("PRV-1", rule))


def test_the_rules_that_honour_exceptions_are_those_whose_sql_reads_them():
    assert {rule.id for rule in registry().values() if "accepted_exception" in rule.needs} == set(EXCEPTED)


def test_into_a_store_and_again(read, engine):
    read(WHOLE).write_to(engine)
    read(WHOLE).write_to(engine)
    assert engine.rows(
        "SELECT client_id, owner, len(exceptions), approved_scopes FROM register ORDER BY client_id"
    ) == [
        ("bare", None, None, None),
        ("mail-copilot", "jo@acme.example", 2, []),
    ]
    assert engine.value("SELECT exceptions[2].until FROM register WHERE client_id = 'mail-copilot'") == datetime(
        2026, 10, 1, 10, tzinfo=UTC
    )
    assert engine.value("SELECT count(*) FROM review_snapshot") == 2


def test_another_register_leaves_the_other_clients(read, engine):
    read(WHOLE).write_to(engine)
    read('[[client]]\nclient_id = "bare"\nowner = "new@acme.example"\n').write_to(engine)
    assert engine.rows("SELECT client_id, owner FROM register ORDER BY client_id") == [
        ("bare", "new@acme.example"),
        ("mail-copilot", "jo@acme.example"),
    ]


def test_hostile_names_are_data(read, engine):
    name = "'); DROP TABLE register; --"
    register = read(f'[[client]]\nclient_id = "x"\nname = "{name}"\npurpose = "<script>alert(1)</script>"\n')
    register.write_to(engine)
    assert engine.value("SELECT name FROM register") == name
    assert "<script>" not in register._repr_html_().replace("<table>", "")


C = "[[client]]\nclient_id = 'a'\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (C + "ownr = 'x'\n", 3, "Did you mean 'owner'"),
        (C + "kind = 'agnet'\n", 3, "Did you mean 'agent'"),
        (C + "status = 'dead'\n", 3, "active, retired, planned"),
        ("\n[[client]]\nname = 'a'\n", 2, "needs 'client_id'"),
        ("[[client]]\nclient_id = ''\n", 2, "must be a text"),
        ("[[client]]\nclient_id = 7\n", 2, "must be a text"),
        (C + "approved_operations = 'GET /x'\n", 3, "list of texts"),
        (C + "approved_operations = [\n  'a',\n  1,\n]\n", 3, "list of texts"),
        (C + "registered_at = 'soon'\n", 3, "is no date"),
        (C + "registered_at = 7\n", 3, "is no date"),
        (C + C, 4, "second time"),
        (C + "[[client.exception]]\nrule = 'PRV-1'\nreason = 'x'\n", 3, "needs 'until'"),
        (C + "[[client.exception]]\nrule = 'PRV-1'\nreason = 'x'\nuntil = 'never'\n", 6, "is no date"),
        (C + "[[client.exception]]\nrule = 'PRV-1'\nwhy = 'x'\nuntil = 2026-01-01\n", 5, "no key of an exception"),
        (C + "\n[[client]]\nclient_id = 'b'\n[[client.exception]]\nrul = 'x'\n", 7, "Did you mean 'rule'"),
        (C + "[[reviews]]\ndate = 2026-01-01\n", 3, "Did you mean 'review'"),
        (C + "[[review]]\nday = 2026-01-01\n", 4, "no key of a review"),
        (C + "purpose = 'x\n", 3, "Correct the TOML"),
        (C + 'purpose = "it\'s # fine"\nname = "\nkind = "agent"\n', 4, "Correct the TOML"),
        (C + f"name = {'[' * 5000}{']' * 5000}\n", None, "that nobody writes"),
        (C + f"name = {'9' * 5000}\n", None, "that nobody writes"),
        ("", None, "holds no client"),
        ("client = 3\n", 1, "must be a table"),
    ],
)
def test_a_mistake_names_its_line(read, text, line, says):
    with pytest.raises(RegisterError) as caught:
        read(text)
    assert says in str(caught.value)
    if line:
        assert f"connections.toml line {line}: " in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("client_id,ownr\na,b\n", 1, "Did you mean 'owner'"),
        ("client_id,owner\na,b\nc\n", 3, "1 cells, but the header has 2"),
        ("client_id,owner\n\n,b\n", 3, "needs 'client_id'"),
        ('client_id,purpose\na,"two\nlines"\nb,x\na,y\n', 5, "second time"),
        ("client_id,kind\na,robot\n", 2, "'kind' cannot be 'robot'"),
        ("client_id,exceptions\na,PRV-1\n", 2, "RULE|until|reason"),
        ("client_id,exceptions\na,PRV-1|soon|x\n", 2, "is no date"),
        ("client_id,exceptions\na,PRV-1|2026-01-01|\n", 2, "needs 'reason'"),
        ('client_id\n"a\n', None, "Correct the quotes"),
        ("", None, "empty"),
        ("client_id\n", None, "holds no client"),
    ],
)
def test_a_mistake_in_csv_names_its_line(read, text, line, says):
    with pytest.raises(RegisterError) as caught:
        read(text, "r.csv")
    assert says in str(caught.value)
    if line:
        assert f"r.csv line {line}: " in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(RegisterError, match="does not exist"):
        Register.read(tmp_path / "none.toml")
    (tmp_path / "x.toml").write_bytes(b"[[client]]\nclient_id = '\xff'\n")
    with pytest.raises(RegisterError, match="line 2: this is not UTF-8"):
        Register.read(tmp_path / "x.toml")
    with pytest.raises(RegisterError, match="cannot be read"):
        Register.read(tmp_path)
