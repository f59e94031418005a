"""The identities file: read from TOML and CSV, mistakes named, contradictions refused."""

import pytest

import grantlens as gl
from grantlens.errors import RegisterError
from grantlens.register.identities import Identities
from grantlens.store import Store

TOML = """
[[identity]]
source = "okta"
kind = "client"
id = "0oa1"
same_as = "Mail copilot"

[[identity]]
source = "github"
kind = "client"
id = "Iv1.8a"
same_as = "Mail copilot"

[[identity]]
source = "okta"
kind = "subject"
id = "00u1"
same_as = "Ada"
"""
CSV = (
    "source,kind,id,same_as\nokta,client,0oa1,Mail copilot\ngithub,client,Iv1.8a,Mail copilot\nokta,subject,00u1,Ada\n"
)
ROWS = {
    ("client", "Mail copilot", "okta", "0oa1"),
    ("client", "Mail copilot", "github", "Iv1.8a"),
    ("subject", "Ada", "okta", "00u1"),
}


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a file and gives its path."""

    def write(text, name="identities.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def stored(store):
    return set(store.engine.rows("SELECT kind, name, source, id FROM identity"))


@pytest.mark.parametrize(("text", "name"), [(TOML, "i.toml"), (CSV, "i.csv")])
def test_toml_and_csv_say_the_same(written, text, name):
    with Store(":memory:") as store:
        store.add(gl.Identities.read(written(text, name)))
        assert stored(store) == ROWS


def test_it_shows_what_it_holds(written):
    read = Identities.read(written(CSV))
    assert repr(read) == "<Identities: 3 ids of 1 client and 1 subject>"
    assert ">Mail copilot</td>" in read._repr_html_()


@pytest.mark.parametrize(
    ("text", "name", "says", "remedy"),
    [
        (CSV.replace("okta,subject", "okta,subjekt"), "i.csv", "line 4: 'kind' cannot be 'subjekt'", "'subject'"),
        (CSV.replace("same_as", "sameas"), "i.csv", "line 1: 'sameas' is no key", "'same_as'"),
        (TOML.replace("same_as", "same_ass"), "i.toml", "line 6: 'same_ass' is no key", "'same_as'"),
        (TOML.replace("[[identity]]", "[[identities]]"), "i.toml", "line 2: 'identities' is no key", "'identity'"),
        (CSV.replace("0oa1", ""), "i.csv", "line 2: an identity needs 'id'", "Add id"),
        ("source,kind,id,same_as\n", "i.csv", "holds no identity", "source, kind, id and same_as"),
        (CSV + "okta,client,0oa1,Mail copilot\n", "i.csv", "line 5: client '0oa1' of okta stands here a second time, after line 2", "Leave"),
        (CSV + "okta,client,0oa1,Mail bot\n", "i.csv", "line 5: client '0oa1' of okta is 'Mail bot' here and 'Mail copilot' on line 2", "one name"),
        (TOML + TOML.replace("Mail copilot", "Mail bot", 1), "i.toml", "'Mail bot' here and 'Mail copilot' on line 2", "one name"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_line_and_what_was_meant(written, text, name, says, remedy):
    with pytest.raises(RegisterError) as caught:
        Identities.read(written(text, name))
    assert says in caught.value.message
    assert remedy in caught.value.remedy


def test_an_id_may_be_a_client_and_a_subject_and_stand_in_two_sources(written):
    text = "source,kind,id,same_as\nokta,client,x,A\nokta,subject,x,B\ngithub,client,x,C\n"
    with Store(":memory:") as store:
        store.add(Identities.read(written(text)))
        assert len(stored(store)) == 3


def test_adding_again_replaces_the_ids_of_a_name_and_leaves_other_names(written):
    head = "source,kind,id,same_as\n"
    with Store(":memory:") as store:
        store.add(Identities.read(written(CSV)))
        store.add(Identities.read(written(head + "okta,client,0oa2,Mail copilot\n")))
        assert stored(store) == {("client", "Mail copilot", "okta", "0oa2"), ("subject", "Ada", "okta", "00u1")}


def test_an_id_that_the_store_knows_under_another_name_is_refused_until_both_are_brought(written):
    head = "source,kind,id,same_as\n"
    with Store(":memory:") as store:
        store.add(Identities.read(written(CSV)))
        with pytest.raises(
            RegisterError, match=r"line 2: client '0oa1' of okta is 'Mail bot' here and 'Mail copilot' in the store"
        ):
            store.add(Identities.read(written(head + "okta,client,0oa1,Mail bot\n")))
        assert stored(store) == ROWS
        store.add(Identities.read(written(head + "okta,client,0oa1,Mail bot\ngithub,client,Iv1.8a,Mail copilot\n")))
        assert ("client", "Mail bot", "okta", "0oa1") in stored(store)
        assert len(stored(store)) == 3
