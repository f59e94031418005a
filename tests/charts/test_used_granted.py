from collections import Counter

import pytest

from grantlens.charts.theme import WORDS
from grantlens.charts.used_granted import used_granted


def values(chart):
    return (
        chart.spec["layer"][0]["data"]["values"] if "data" in chart.spec["layer"][0] else chart.spec["data"]["values"]
    )


def row(client, scope, state, uses=0, action=None, grant="g"):
    return {"client_id": client, "scope": scope, "state": state, "uses": uses, "action": action, "grant_id": grant}


def test_cells_say_uses_or_what_to_do():
    chart = used_granted(
        [
            row("a", "read", "used", 12345),
            row("a", "send", "unused", action="remove"),
            row("a", "admin", "insufficient_evidence", action="wait"),
            row("a", "openid", "not_observable", action="ask"),
        ]
    )
    assert {value["scope"]: (value["text"], value["state"]) for value in values(chart)} == {
        "read": ("12k", WORDS["used"]),
        "send": ("remove", WORDS["unused"]),
        "admin": ("wait", WORDS["insufficient_evidence"]),
        "openid": ("ask", WORDS["not_observable"]),
    }
    assert chart.title == "No use was seen of 1 of 4 granted scopes"
    assert chart.subtitle.startswith("2 cannot be judged yet: that is not the same as unused.")


def test_one_grant_that_uses_it_makes_the_scope_used_for_the_client():
    chart = used_granted(
        [row("a", "read", "unused", action="remove", grant="1"), row("a", "read", "used", 3, "keep", "2")]
    )
    (cell,) = values(chart)
    assert (cell["state"], cell["text"], cell["grants"], cell["grants that used it"]) == ("used", "1 of 2", 2, 1)
    assert "“1 of 2”: so many of its grants used it" in chart.subtitle
    assert "Most granted scopes without a use, by client: a (1)" in chart.alt


@pytest.mark.parametrize(
    ("states", "title"),
    [
        (["used"], "The 1 granted scope was used"),
        (["used", "used"], "All 2 granted scopes were used"),
        (["insufficient_evidence", "used"], "Of 2 granted scopes, none can be shown to be unused"),
        (["unused", "nonsense"], "No use was seen of 1 of 2 granted scopes"),
        ([], "No granted scopes in this window"),
    ],
)
def test_titles(states, title):
    assert used_granted([row("a", f"s{n}", state) for n, state in enumerate(states)]).title == title


def test_many_are_cut_and_the_cut_is_told(dice):
    table = [
        row(f"c{dice.randint(0, 99):02d}", f"s{dice.randint(0, 99)}", dice.choice(["used", "unused"]), 1)
        for _ in range(5000)
    ]
    chart = used_granted(table, top_columns=6, top_scopes=9)
    assert len({value["column"] for value in values(chart)}) == 6
    assert len({value["line"] for value in values(chart)}) == 9
    assert "Not shown: 94 clients and 91 scopes." in chart.subtitle
    unused = Counter(entry["client_id"] for entry in table if entry["state"] == "unused")
    assert unused.keys() >= {value["holder"] for value in values(chart)}


def test_silent_grants_are_not_hidden_behind_one_that_is_used():
    one_used = [row("a", "read", "used", 5), *(row("a", "read", "unused") for _ in range(9))]
    chart = used_granted([*one_used, row("b", "read", "unused"), row("b", "send", "unused")])
    assert [value["text"] for value in values(chart) if value["holder"] == "a"] == ["1 of 10"]
    assert "Most granted scopes without a use, by client: a (9), b (2)" in chart.alt


def test_legend_lists_only_what_is_there():
    chart = used_granted([row("a", "read", "used", 1), row("a", "send", "unused")])
    assert chart.spec["layer"][0]["encoding"]["color"]["scale"]["domain"] == ["used", WORDS["unused"]]
