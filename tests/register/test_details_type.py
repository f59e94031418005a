"""Types of authorization details: what is read, what a mistake says, what lands in the store."""

import pytest

from grantlens.errors import RegisterError
from grantlens.register.register import Register

WHOLE = """
[[details_type]]
type = "payment"
source = "native"
absent_actions = "Any"
absent_identifier = "none"
passed_over = ["creditor"]

[[details_type.operation]]
operation = "POST /payments"
action = "initiate"

[[details_type.operation]]
operation = "pay.*"

[[details_type]]
type = "ledger"
operation = [{operation = "POST /entries", datatype = "entry"}]
"""


@pytest.fixture
def read(tmp_path):
    def from_text(text):
        path = tmp_path / "register.toml"
        path.write_text(text)
        return Register.read(path)

    return from_text


def test_a_whole_type(read):
    payment, ledger = read(WHOLE).details_types
    assert payment == {
        "type": "payment",
        "source": "native",
        "absent_actions": "any",
        "absent_locations": None,
        "absent_datatypes": None,
        "absent_identifier": "none",
        "passed_over": ["creditor"],
        "operations": [
            {"operation": "POST /payments", "action": "initiate", "datatype": None},
            {"operation": "pay.*", "action": None, "datatype": None},
        ],
    }
    assert ledger["operations"] == [{"operation": "POST /entries", "action": None, "datatype": "entry"}]
    assert ledger["passed_over"] is None


def test_a_type_replaces_an_earlier_one_of_its_name(read, store):
    store.add(read(WHOLE))
    store.add(read(WHOLE.partition('[[details_type]]\ntype = "ledger"')[0].replace("native", "okta")))
    assert store.engine.rows("SELECT type, source, len(operations) FROM details_type ORDER BY type") == [
        ("ledger", None, 1),
        ("payment", "okta", 2),
    ]


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('type = "payment"', "", "line 2: a details type needs 'type'"),
        ('"Any"', '"all"', "line 5: 'absent_actions' cannot be 'all'"),
        ("passed_over", "pased_over", "line 7: 'pased_over' is no key of a details type"),
        ('operation = "POST /payments"', "", "line 9: an operation needs 'operation'"),
        ('operation = "pay.*"', "operations = 1", "line 14: 'operations' is no key of an operation"),
        ('type = "ledger"', 'type = "payment"', "line 17: the type 'payment' stands here a second time"),
        ('operation = [{operation = "POST /entries", datatype = "entry"}]', "", "line 16: a details type needs an operation"),
        ('[{operation = "POST /entries", datatype = "entry"}]', '"POST /entries"', "line 18: a details type needs an operation"),
        ('[{operation = "POST /entries", datatype = "entry"}]', '[{action = "x"}]', "line 16: an operation needs 'operation'"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_line(read, was, becomes, said):
    assert WHOLE.count(was) == 1
    with pytest.raises(RegisterError) as caught:
        read(WHOLE.replace(was, becomes))
    assert said in str(caught.value)
