"""INT-3 where two ids are one client: the organisation says so, or nobody does."""

import pytest

from grantlens import detect
from grantlens.register.identities import Identities
from grantlens.rules.example import token, use

CALLED = (
    token("10 09:00", "t1", ["mail.read"], "10 18:00"),
    use("10 09:10", "GET /v1/messages/7", client_id="app-object", subject_id=None),
)


@pytest.mark.parametrize(
    ("names", "verdicts"),
    [(("Mail App", "Mail App"), []), (("Mail App", "Another"), ["violation"]), ((), ["violation"])],
    ids=["one", "two", "unsaid"],
)
def test_ids_that_are_one_client_are_no_other_client(desk, kept_going, names, verdicts):
    records = [{**record, "event_id": f"e{number}"} for number, record in enumerate(CALLED)]
    with desk.store(desk.write("log.ndjson", [*kept_going, *records])) as store:
        if names:
            ids = zip(names, ("app", "app-object"), strict=True)
            store.add(
                Identities(tuple({"kind": "client", "name": name, "source": "native", "id": id_} for name, id_ in ids))
            )
        (found,) = detect.run(store, ["INT-3"])
        assert [row["verdict"] for row in found.to_dicts()] == verdicts
