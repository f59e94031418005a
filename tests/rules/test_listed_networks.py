"""OOS-10 and the networks that the register lists: whose list counts."""

import json

from grantlens import detect
from grantlens.register.identities import Identities
from grantlens.register.networks import ranges
from grantlens.register.register import Register
from grantlens.rule.example import logs_from_to, use

READ = "GET /v1/messages/7"
FAR_BACK = logs_from_to("01 08:00", "31 23:00")


def test_of_two_ids_with_entries_of_their_own_only_the_one_that_lists_a_network_is_at_home_there(prepared, tmp_path):
    home, away = {"ip": "192.0.2.1", "user_agent": "acme/1.0"}, {"ip": "203.0.113.9", "user_agent": "curl/8"}
    calls = [
        use(when, READ, client_id=client, event_id=when, **where)
        for when, client, where in (
            ("02 09:00", "a", home),
            ("20 09:00", "a", home),
            ("20 09:10", "b", away),
            ("20 09:20", "a", home),
            ("20 09:30", "a", away),
        )
    ]
    log = tmp_path / "log.ndjson"
    log.write_text("".join(json.dumps(record) + "\n" for record in (*FAR_BACK, *calls)))
    one = Identities(tuple({"kind": "client", "name": "one", "source": "native", "id": each} for each in "ab"))
    found = {}
    with prepared() as store:
        store.load(log)
        for listed in ([], ["203.0.113.0/24"]):
            store.add(one, Register(({"client_id": "a", "networks": ranges(listed)}, {"client_id": "b"})))
            ((row,),) = (each.to_dicts() for each in detect.run(store, ["OOS-10"]))
            found[bool(listed)] = (row["detail"]["new_place"]["calls"], row["verdict"], row["detail"]["reason"])
    changed = "the new program was later used from a known network too: the client may have been changed"
    assert found == {False: (2, "violation", None), True: (1, "indeterminate", changed)}


def test_an_id_without_an_entry_of_its_own_is_at_home_where_the_entry_of_the_same_client_says(prepared, tmp_path):
    home, away = {"ip": "192.0.2.1", "user_agent": "acme/1.0"}, {"ip": "203.0.113.9", "user_agent": "curl/8"}
    times = (("02 09:00", "a", home), ("20 09:00", "a", home), ("20 09:10", "b", away), ("20 09:20", "a", home))
    calls = [use(when, READ, client_id=client, event_id=when, **where) for when, client, where in times]
    log = tmp_path / "log.ndjson"
    log.write_text("".join(json.dumps(record) + "\n" for record in (*FAR_BACK, *calls)))
    found = []
    with prepared() as store:
        store.load(log)
        store.add(Identities(tuple({"kind": "client", "name": "one", "source": "native", "id": each} for each in "ab")))
        for listed in ([], ["203.0.113.0/24"]):
            store.add(Register(({"client_id": "a", "networks": ranges(listed)},)))
            found.append(len(detect.run(store, ["OOS-10"])[0]))
    assert found == [1, 0]
