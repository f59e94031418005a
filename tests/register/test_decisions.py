"""The decisions file: read from TOML and CSV and from the list of grants, mistakes named, kept beside earlier ones."""

import pytest

import grantlens as gl
from grantlens.errors import RegisterError
from grantlens.register.decisions import Decisions
from grantlens.store import Store
from grantlens.visible import in_one_line

TOML = """
[[decision]]
decision = "revoke"
client_id = "app"
decided_at = 2026-09-03T14:00:00+02:00
cause = "leaver"
within_hours = 12

[[decision]]
decision = "keep"
grant_id = "g1"
source = "okta"
decided_at = 2026-09-04
"""
CSV = (
    "decision,client_id,decided_at,cause,within_hours,grant_id,source\n"
    "revoke,app,2026-09-03 12:00:00,leaver,12,,\nkeep,,2026-09-04,,,g1,okta\n"
)


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a file and gives its path."""

    def write(text, name="decisions.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def stored(store):
    columns = (
        "decision::VARCHAR, client_id, grant_id, source, strftime(decided_at, '%d %H:%M'), cause::VARCHAR, within_hours"
    )
    return set(store.engine.rows(f"SELECT {columns} FROM decision"))


@pytest.mark.parametrize(("text", "name"), [(TOML, "d.toml"), (CSV, "d.csv")])
def test_toml_and_csv_say_the_same(written, text, name):
    with Store(":memory:") as store:
        store.add(gl.Decisions.read(written(text, name)))
        assert stored(store) == {
            ("revoke", "app", None, None, "03 12:00", "leaver", 12.0),
            ("keep", None, "g1", "okta", "04 00:00", "review", None),
        }


def test_an_id_that_a_spreadsheet_would_compute_is_the_id_of_the_logs(written):
    read = Decisions.read(
        written(
            "client_id,decision,decided_at\n'=app,revoke,2026-09-03\n'app,revoke,2026-09-03\n'＝x,revoke,2026-09-03\n"
        )
    )
    assert [row["client_id"] for row in read.rows] == ["=app", "'app", "＝x"]


@pytest.mark.parametrize("apart", [",", ";", "\t"])
def test_the_list_of_grants_may_be_filled_in_with_a_spreadsheet(written, apart):
    """One that writes a mark of order and carriage returns, begins words with a capital, and leaves empty rows and columns behind."""
    rows = (
        ("Decision", "scopes", "client_id", "client_name", "", ""),
        ("Revoke", '"mail.read;mail.send"', "app", '"Überprüft, am\r\n2. Oktober"', "", ""),
        ("KEEP", "", "bot", "Bot", "", ""),
        ("", "", "cat", "Cat", "", ""),
        *[[""] * 6] * 3,
    )
    text = "\ufeff" + "".join(apart.join(row) + "\r\n" for row in rows)
    read = Decisions.read(written(text), decided_at="2026-10-02")
    assert [(row["client_id"], row["decision"]) for row in read.rows] == [("app", "revoke"), ("bot", "keep")]
    assert read.undecided == 1


@pytest.mark.parametrize("hidden", ["\x1b[31m", "\u202e", "\U000e0041", "\n"])
def test_an_id_that_the_list_of_grants_had_to_make_visible_is_the_id_of_the_logs(written, hidden):
    shown = in_one_line(f"a{hidden}b")
    read = Decisions.read(written(f"client_id,decision,decided_at\n{shown},revoke,2026-09-03\n"))
    assert [row["client_id"] for row in read.rows] == [f"a{hidden}b"]


def test_what_is_no_character_stays_as_it_is_written(written):
    read = Decisions.read(written("client_id,decision,decided_at\n⟨U+D800⟩⟨U+110000⟩⟨U+12⟩,revoke,2026-09-03\n"))
    assert [row["client_id"] for row in read.rows] == ["⟨U+D800⟩⟨U+110000⟩⟨U+12⟩"]


def test_one_about_the_same_access_and_time_replaces_and_others_stay(written):
    with Store(":memory:") as store:
        store.add(Decisions.read(written(CSV)))
        store.add(Decisions.read(written(CSV.replace("leaver", "compromise").replace("2026-09-04", "2026-09-05"))))
        assert stored(store) == {
            ("revoke", "app", None, None, "03 12:00", "compromise", 12.0),
            ("keep", None, "g1", "okta", "04 00:00", "review", None),
            ("keep", None, "g1", "okta", "05 00:00", "review", None),
        }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("client_id\napp\n", "holds no decision"),
        ("client_id,decision\napp,\n", "holds no decision"),
        ("client_id,decision\napp,revoke\n", "line 2: a decision needs 'decided_at'"),
        ("decision,decided_at\nrevoke,2026-09-03\n", "line 2: a decision must say whose access it is about"),
        ("source,decision,decided_at\nokta,revoke,2026-09-03\n", "line 2: a decision must say whose access"),
        ("client_id,decision,decided_at\napp,remove,2026-09-03\n", "line 2: 'decision' cannot be 'remove'"),
        ("client_id,decision,decided_at\napp,revoke,soon\n", "line 2: 'decided_at' is no date: 'soon'"),
        ("client_id,decision,decided_at,cause\napp,revoke,2026-09-03,leavr\n", "line 2: 'cause' cannot be 'leavr'"),
        ("client_id,decision,decided_at,within_hours\napp,revoke,2026-09-03,-1\n", "must be a number of hours"),
        ("client_id,decision,decided_at,within_hours\napp,revoke,2026-09-03,nan\n", "must be a number of hours"),
        ("client,decision,decided_at\napp,revoke,2026-09-03\n", "line 1: 'client' is no key of a decision"),
        (
            "client_id,decision,decided_at,referense\napp,revoke,2026-09-03,x\n",
            "line 1: 'referense' is no key of a decision. Did you mean 'reference'",
        ),
        (
            "client_id,decision,decided_at,User\napp,revoke,2026-09-03,jo\n",
            "line 1: the column 'user' may say whose access is meant.* Name it one of source, tenant, client_id, subject_id",
        ),
        ("client_id,decision,,decided_at\napp,revoke,x,2026-09-03\n", "line 1: '' is no key of a decision"),
        ("client_id,decision,Decision\napp,revoke,keep\n", "line 1: 'decision' names two columns"),
        (
            "client_id;decision\napp;revoke;x\n",
            "line 2: 3 cells, but the header has 2. Put cells that hold a semicolon",
        ),
        (CSV + "revoke,app,2026-09-03 12:00:00,review,,,\n", "line 4: this access was decided about.*on line 2"),
    ],
)
def test_a_mistake_is_named_with_its_line(written, text, said):
    with pytest.raises(RegisterError, match=said):
        Decisions.read(written(text))


def test_a_file_that_is_read_as_toml_for_its_name_is_told_so(written):
    with pytest.raises(RegisterError) as error:
        Decisions.read(written(CSV, "decisions.txt"))
    assert str(error.value).endswith("Correct the TOML there, or name the file *.csv if it is one.")


def test_columns_of_a_ticket_system_are_left_out_and_named(written):
    text = "Issue key,client_id,Decision,decided_at,Summary,Priority\nA-1,app,revoke,2026-09-03,gone,\n"
    read = Decisions.read(written(text))
    assert read.left_out == ("issue key", "summary"), "one that is empty says nothing"
    assert [(row["client_id"], row["decision"]) for row in read.rows] == [("app", "revoke")]
    with pytest.raises(RegisterError, match="'summary' is no key of a decision"):
        Decisions.read(written(TOML + 'summary = "gone"\n', "d.toml"))


def test_in_toml_each_entry_must_decide(written):
    with pytest.raises(RegisterError, match="line 2: a decision needs 'decision'"):
        Decisions.read(written('\n[[decision]]\nclient_id = "app"\ndecided_at = 2026-09-03\n', "d.toml"))


def test_it_tells_what_it_holds_and_shows_nobodys_markup(written):
    read = Decisions.read(written("client_id,decision,decided_at\n<b>,revoke,2026-09-03\napp,,\n"))
    assert repr(read) == "<Decisions: 1 to revoke, 1 undecided>"
    assert "&lt;b&gt;" in read._repr_html_()
