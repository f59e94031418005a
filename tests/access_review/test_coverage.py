import grantlens as gl
from grantlens.catalogue.model import SOURCES
from grantlens.loaders import loaders
from grantlens.rule.example import token, use


def test_a_share_is_nothing_or_all_only_where_it_is(world):
    store = world(token("10 09:00", "t1", ["mail.read"]), use("10 09:00", "GET /v1/messages/7"))
    quarter = gl.review(store, "2026-07-01", "2026-10-01").document["coverage"]
    assert [0 < row["share"] < 1e-9 for row in quarter] == [True, True]
    instant = gl.review(store, "2026-07-10T09:00:00Z", "2026-07-10T09:00:00.000001Z").document["coverage"]
    assert [row["share"] for row in instant] == [1, 1]


def test_ids_that_were_issued_in_several_tenants_are_told(world):
    def born(tenant, token_id, **more):
        return token(
            "10 09:00", token_id, ["mail.read"], **{"tenant": tenant, "session_id": "s1", "grant_id": None, **more}
        )

    rows = (
        born("north", "t1"),
        born("south", "t1"),
        born("north", "t2"),
        born("north", "t2"),
        born(None, "t3"),
        born("south", "t3"),
    )
    elsewhere = born("north", "t1", source="okta", session_id=None)
    found = gl.review(world(*rows, elsewhere)).document
    assert found["taken_for_one"] == [
        {"source": "native", "kind": "token", "ids": 1}, {"source": "native", "kind": "session", "ids": 1},
    ]  # fmt: skip
    told = "In native 1 token id was given out in several tenants: calls, revocations and what it was refreshed or exchanged for are held to "
    assert any(line.startswith(told) for line in found["limitations"])
    told = "In native 1 session id was given out in several tenants: calls and revocations are held to the session of their own tenant, "
    assert any(line.startswith(told) for line in found["limitations"])
    assert gl.review(world(rows[0])).document["taken_for_one"] == []


def test_the_catalogues_that_would_know_calls_are_named_unless_they_are_there(world):
    def called(source, number, operation):
        return use(f"10 09:0{number}", operation, None, source=source, event_id=f"{source}{number}")

    store = world(
        called("aws_cloudtrail", 1, "GET /v1/unheard"), called("aws_cloudtrail", 2, "GET /v1/unheard"), called("okta", 1, "GET /v1/unheard"),
        called("github", 1, "GET /v1/messages/7"), called("native", 1, "GET /v1/unheard"), called("slack", 1, "GET /v1/unheard"),
    )  # fmt: skip
    result = gl.review(store)
    known = result.document["map_coverage"]
    assert (known["calls"], known["known"]) == (6, 1)
    assert known["could_know"] == [{"source": "aws", "calls": 2}, {"source": "okta", "calls": 1}]
    assert "that `grantlens catalogue build` makes: aws (2 calls) and okta (1 call)." in result.to_markdown()
    store.engine.execute("UPDATE cat_meta SET source = 'aws'")
    assert gl.review(store).document["map_coverage"]["could_know"] == [{"source": "okta", "calls": 1}]


def test_what_a_loader_names_is_made_by_the_command():
    assert {loader.catalogue for loader in loaders().values()} - {""} <= {*SOURCES}
