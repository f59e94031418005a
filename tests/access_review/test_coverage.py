import grantlens as gl
from grantlens.rules.example import token, use


def test_a_share_is_nothing_or_all_only_where_it_is(world):
    store = world(token("10 09:00", "t1", ["mail.read"]), use("10 09:00", "GET /v1/messages/7"))
    quarter = gl.review(store, "2026-07-01", "2026-10-01").document["coverage"]
    assert [0 < row["share"] < 1e-9 for row in quarter] == [True, True]
    instant = gl.review(store, "2026-07-10T09:00:00Z", "2026-07-10T09:00:00.000001Z").document["coverage"]
    assert [row["share"] for row in instant] == [1, 1]
