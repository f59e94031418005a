"""The unified audit log loader against every real record, against a second reading in plain Python, and quirk by quirk."""

import base64
import csv
import io
import json
import re
import uuid
from collections import Counter
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings

import grantlens as gl
from grantlens.loaders.microsoft_change import NOBODY
from grantlens.store import Store
from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

TENANT = "b0000000-0000-4000-8000-000000000001"
APP, CLIENT = "a0000000-0000-4000-8000-000000000002", "c0000000-0000-4000-8000-000000000003"
GRAPH_APP, GRAPH = "00000003-0000-0000-c000-000000000000", "d0000000-0000-4000-8000-000000000004"
ADA, ADA_NAME = "e0000000-0000-4000-8000-000000000005", "Ada@example.com"
BOB = "e0000000-0000-4000-8000-000000000006"
GRANT = f"m365:{CLIENT}:{GRAPH}"

EXPECTED = {
    "elastic-ual-azuread.ndjson": (
        # 62 records, of which 25 are different: 13 of these give or take access
        {"records": 62, "issuance": 8, "revocation": 5, "ignored": 26, "duplicates": 23},
        {
            "consent repeated, nothing new in it": 2,
            "directory change that neither gives nor takes access": 24,
        },
    ),
    "elastic-ual-exchange-item.ndjson": ({"records": 6, "ignored": 6}, {"action that names no application": 6}),
}


def properties(**values):
    """Write modified properties: a text is a new value, a pair is old and new."""
    return [
        {
            "Name": name,
            "OldValue": value[0] if isinstance(value, tuple) else "",
            "NewValue": value[1] if isinstance(value, tuple) else value,
        }
        for name, value in values.items()
    ]


def change(operation, changes=(), target=(CLIENT, "Mail copilot", APP), actor=(ADA, ADA_NAME), **more):
    """Write one record of the directory."""
    object_id, name, names = target
    kind = "ServicePrincipal"
    return {
        "Actor": [{"ID": actor[1], "Type": 5}, {"ID": f"User_{actor[0]}", "Type": 2}, {"ID": actor[0], "Type": 2}],
        "ActorContextId": TENANT,
        "ActorIpAddress": "198.51.100.7",
        "ClientIP": "198.51.100.7",
        "CreationTime": "2026-07-01T10:00:00",
        "ExtendedProperties": [{"Name": "env_time", "Value": "2026-07-01T10:00:00.1234567Z"}],
        "Id": f"r-{operation}",
        "ModifiedProperties": list(changes),
        "ObjectId": names,
        "Operation": operation,
        "OrganizationId": TENANT,
        "RecordType": 8,
        "ResultStatus": "Success",
        "Target": [
            {"ID": f"{kind}_{object_id}", "Type": 2},
            {"ID": object_id, "Type": 2},
            {"ID": kind, "Type": 2},
            {"ID": name, "Type": 1},
            {"ID": names, "Type": 4},
        ],
        "UserId": actor[1],
        "UserType": 0,
        "Version": 1,
        "Workload": "AzureActiveDirectory",
        **more,
    }


def entry(scope="Mail.Read", person="", kind="AllPrincipals", id="grant-1", client=CLIENT):
    """Write one grant as it stands in the text of a consent."""
    return f"[Id: {id}, ClientId: {client}, PrincipalId: {person}, ResourceId: {GRAPH}, ConsentType: {kind}, Scope: {scope}]"


def consent(before="", after=None, admin="True", **more):
    """Write a consent."""
    text = f"[{before}] => [{entry() if after is None else after}]; "
    context = {"ConsentContext.IsAdminConsent": admin, "ConsentContext.OnBehalfOfAll": admin}
    return change("Consent to application.", properties(**context, **{"ConsentAction.Permissions": text}), **more)


def on_graph(operation, app=APP, **more):
    """Write an addition or removal of a grant: here the target is the resource, under all its names."""
    names = f"{GRAPH_APP}/ags.windows.net;{GRAPH_APP};https://graph.microsoft.com"
    changes = {
        "ServicePrincipal.ObjectID": CLIENT,
        "ServicePrincipal.DisplayName": "Mail copilot",
        "ServicePrincipal.AppId": app,
    }
    changes["TargetId.ServicePrincipalNames"] = names
    changes |= more.pop("changes", {})
    return change(operation, properties(**changes), target=(GRAPH, "Microsoft Graph", names), **more)


def mail(operation="MailItemsAccessed", **more):
    """Write one action on a mailbox."""
    return {
        "ClientAppId": APP,
        "AppId": "00000002-0000-0ff1-ce00-000000000000",
        "ClientIPAddress": "198.51.100.8",
        "ClientInfoString": "Client=REST;Client=RESTSystem;;",
        "CreationTime": "2026-07-01T11:00:00",
        "Id": f"m-{operation}",
        "MailboxOwnerUPN": ADA_NAME,
        "Operation": operation,
        "OrganizationId": TENANT,
        "RecordType": 50,
        "ResultStatus": "Succeeded",
        "SessionId": "session-1",
        "UserId": ADA_NAME,
        "UserType": 0,
        "Workload": "Exchange",
        **more,
    }


# Every real record.


@pytest.fixture(scope="module")
def real(shared, load_file):
    """Return a function that gives what came of one real file, loaded once."""
    return cache(lambda name: load_file(shared / "real-logs/microsoft_365" / name))


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_record_is_accounted_for(real, name):
    loaded = real(name)
    assert loaded.batch["loader"] == "microsoft_365"
    assert (loaded.counts(), loaded.ignored, loaded.rejected) == (*EXPECTED[name], [])


def test_every_real_file_is_expected_here(shared):
    assert {path.name for path in (shared / "real-logs/microsoft_365").iterdir()} - {"PROVENANCE.txt"} == set(EXPECTED)


def different(shared):
    """Read the directory records with json alone, each once, and how many there were."""
    lines = (shared / "real-logs/microsoft_365/elastic-ual-azuread.ndjson").read_text().splitlines()
    return {record["Id"]: record for record in map(json.loads, lines)}, len(lines)


def test_duplicates_agree_with_a_reading_in_plain_python(shared, real):
    once, lines = different(shared)
    assert (lines, len(once)) == (62, 25)
    loaded = real("elastic-ual-azuread.ndjson")
    kept = [row["event_id"] for log in ("issuance", "revocation") for row in loaded.rows[log]]
    assert len(kept) == len(set(kept)) == 13
    assert set(kept) < once.keys()


def named(grant_id):
    """Return a grant's name, if the record gave it one."""
    return None if grant_id.startswith("derived:") else grant_id


def test_real_grants_agree_with_a_reading_in_plain_python(shared, real):
    once, _ = different(shared)
    expected = {}
    for record in once.values():
        new = {each["Name"]: each["NewValue"] for each in record["ModifiedProperties"]}
        object_id = record["Target"][1]["ID"]
        when = datetime.fromisoformat(record["CreationTime"]).replace(tzinfo=UTC)
        if record["Operation"] == "Consent to application.":
            before, after = new["ConsentAction.Permissions"].rstrip("; ").split(" => ")
            if before == after:
                continue
            ids = dict(re.findall(r"(\w+): ([^,\]]*)", after))
            name = f"m365:{ids['ClientId']}:{ids['ResourceId']}"
            expected[record["Id"]] = ("consent", when, name, record["ObjectId"], [ids["Scope"]])
        elif "role assignment" in record["Operation"] and "to user" not in record["Operation"]:
            kind = "consent" if record["Operation"].startswith("Add app role") else "downgrade"
            name = f"m365:{new['ServicePrincipal.ObjectID']}:{object_id}:role"
            expected[record["Id"]] = (kind, when, name, new["ServicePrincipal.AppId"], None)
        elif record["Operation"] == "Add OAuth2PermissionGrant.":
            client = new["ServicePrincipal.ObjectID"]
            assert new["ServicePrincipal.AppId"] == ""
            # neither ConsentType nor PrincipalId: whose grant it was is not said
            assert not any(name.startswith("DelegatedPermissionGrant.") for name in new)
            expected[record["Id"]] = ("consent", when, None, client, None)
    loaded = real("elastic-ual-azuread.ndjson")
    seen = {
        row["event_id"]: (row["kind"], row["issued_at"], named(row["grant_id"]), row["client_id"], row["scopes"])
        for row in loaded.rows["issuance"]
        if row["kind"] == "consent"
    }
    seen |= {
        row["event_id"]: (row["kind"], row["revoked_at"], row["grant_id"], row["client_id"], row["scopes_removed"])
        for row in loaded.rows["revocation"]
    }
    assert seen == expected
    assert Counter(kind for kind, *_ in expected.values()) == {"consent": 7, "downgrade": 5}


def test_the_real_key_is_known_by_its_id_alone(shared, real):
    once, _ = different(shared)
    (record,) = [record for record in once.values() if "Certificates and secrets" in record["Operation"]]
    (row,) = [row for row in real("elastic-ual-azuread.ndjson").rows["issuance"] if row["kind"] == "credential"]
    assert row["event_id"] == record["Id"]
    assert f"KeyIdentifier={row['token_id']}," in record["ModifiedProperties"][0]["NewValue"]
    assert row["client_id"] == record["Target"][1]["ID"]
    assert row["earlier_keys"] == json.loads(record["ModifiedProperties"][0]["OldValue"]) == []


# A grant's life.


EVERYBODY = {"DelegatedPermissionGrant.ConsentType": "AllPrincipals"}


def test_consent_and_removal_join_by_client_and_resource(load):
    loaded = load([consent(), on_graph("Remove OAuth2PermissionGrant.", app="", changes=EVERYBODY)])
    given_, taken = loaded.one("issuance"), loaded.one("revocation")
    assert given_["grant_id"] == taken["grant_id"] == GRANT
    assert (given_["client_id"], given_["client_name"]) == (APP, "Mail copilot")
    assert taken["client_id"] == CLIENT  # the record leaves the application id out
    assert (given_["subject_id"], given_["subject_kind"], given_["consent_kind"]) == (None, "user", "admin")
    assert given_["scopes"] == ["Mail.Read"]
    assert given_["consent_actor"] == taken["actor_id"] == "ada@example.com"
    assert (taken["kind"], taken["target_kind"], taken["scopes_removed"], taken["initiator"]) == (
        "revoke",
        "grant",
        None,
        "admin",
    )
    assert given_["issued_at"] == datetime(2026, 7, 1, 10, tzinfo=UTC)  # not the finer time, which other records lack
    assert (given_["tenant"], given_["ip"], given_["event_id"]) == (TENANT, "198.51.100.7", "r-Consent to application.")


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({}, None),
        ({"DelegatedPermissionGrant.ConsentType": "Principal"}, None),
        ({"DelegatedPermissionGrant.PrincipalId": BOB}, f"{GRANT}:{BOB}"),
        (EVERYBODY, GRANT),
    ],
)
def test_a_grant_that_is_not_said_to_be_for_everybody_is_not(load, said, name):
    added, removed = (on_graph(f"{word} OAuth2PermissionGrant.", changes=said) for word in ("Add", "Remove"))
    loaded = load([added, removed])
    given_, taken = loaded.one("issuance"), loaded.one("revocation")
    assert (taken["grant_id"], taken["kind"], taken["target_kind"]) == (name, "revoke", "grant")
    assert given_["grant_id"] == name or (name is None and given_["grant_id"].startswith("derived:"))
    assert taken["subject_id"] == said.get("DelegatedPermissionGrant.PrincipalId")


def test_a_removal_that_does_not_say_whose_grant_ends_no_grant_that_is_known(tmp_path):
    mine = consent(after=entry("Mail.Read", ADA, "Principal"), Id="r2")
    gone = on_graph("Remove OAuth2PermissionGrant.", CreationTime="2026-07-01T12:00:00")
    path = tmp_path / "audit.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in [consent(), mine, gone]))
    with Store(":memory:") as store:
        store.load(path)
        states = dict(store.engine.rows("SELECT grant_id, ended_at FROM grant_state"))
        assert store.engine.rows("SELECT count(*) FROM covered_token") == [(0,)]
        listed = gl.grants(store, until="2026-07-02", now="2026-07-02").to_dicts()
    assert [row["state"] for row in listed] == ["indeterminate", "indeterminate"]  # and not live
    assert states == {GRANT: None, f"{GRANT}:{ADA}": None}


def test_a_consent_of_one_person_is_a_grant_of_its_own(load):
    mine = consent(after=entry("Mail.Read openid", ADA, "Principal"), admin="False")
    theirs = consent(after=entry("Mail.Read", BOB, "Principal"), Id="r2")
    first, second = load([mine, theirs]).rows["issuance"]
    if first["event_id"] == "r2":
        first, second = second, first
    assert first["grant_id"] == f"{GRANT}:{ADA}"
    # mailbox actions know the sign-in name only, so that is the subject where the record tells it
    assert (first["subject_id"], first["consent_kind"], first["scopes"]) == (
        "ada@example.com",
        "user",
        ["Mail.Read", "openid"],
    )
    assert (second["subject_id"], second["consent_kind"]) == (BOB, "admin")


def test_the_first_consents_to_two_clients_are_two_grants_though_neither_has_an_id_yet(load):
    """A client that came with this very consent has no id in its text, which is then the same for all such clients."""
    other = ("c0000000-0000-4000-8000-0000000000e3", "Files copilot", "a0000000-0000-4000-8000-0000000000e2")
    loaded = load(
        [
            consent(after=entry("Mail.Read", client=NOBODY), Id="mail"),
            consent(after=entry("Files.Read", client=NOBODY), Id="files", target=other),
            on_graph("Remove OAuth2PermissionGrant.", app="", changes=EVERYBODY),
        ]
    )
    given_ = {row["client_id"]: (row["grant_id"], row["scopes"]) for row in loaded.rows["issuance"]}
    assert given_ == {APP: (GRANT, ["Mail.Read"]), other[2]: (f"m365:{other[0]}:{GRAPH}", ["Files.Read"])}
    assert loaded.one("revocation")["grant_id"] == GRANT


def test_only_what_is_new_in_a_consent_counts(load):
    kept, added = entry("User.Read"), entry("Files.Read", ADA, "Principal", "grant-2")
    loaded = load(
        [
            consent(kept, kept, Id="again"),
            consent(kept, f"{kept}, {added}", Id="one more"),
            consent("", f"{kept}, {added}", Id="two"),
        ]
    )
    assert loaded.ignored == {"consent repeated, nothing new in it": 1}
    rows = {row["event_id"]: (row["grant_id"], row["scopes"]) for row in loaded.rows["issuance"]}
    assert rows == {
        "one more": (f"{GRANT}:{ADA}", ["Files.Read"]),
        "two": (GRANT, ["User.Read"]),
        "two#2": (f"{GRANT}:{ADA}", ["Files.Read"]),
    }


@pytest.mark.parametrize("text", [None, "", "[] => [[Id: grant-1, ClientId: cut off her"])
def test_a_consent_whose_text_is_missing_or_cut_off_is_kept_without_scopes(load, text):
    changes = properties(**{"ConsentContext.IsAdminConsent": "False", "ConsentAction.Permissions": text})
    row = load([change("Consent to application.", changes)]).one("issuance")
    assert (row["client_id"], row["scopes"], row["consent_kind"], row["subject_kind"]) == (APP, None, "user", None)
    assert row["grant_id"].startswith("derived:")


def test_operations_are_told_with_and_without_a_full_stop(load):
    changes = {
        "DelegatedPermissionGrant.Scope": ("", " Mail.Read Mail.Send"),
        "DelegatedPermissionGrant.ConsentType": "Principal",
    }
    changes["DelegatedPermissionGrant.PrincipalId"] = BOB
    gone = changes | {"DelegatedPermissionGrant.Scope": (" Mail.Read Mail.Send", "")}
    less = changes | {"DelegatedPermissionGrant.Scope": (" Mail.Read Mail.Send", " Mail.Read")}
    loaded = load(
        [
            on_graph("Add delegated permission grant.", changes=changes, Id="a"),
            on_graph("Add delegated permission grant", changes=less, Id="b"),
            on_graph("Remove delegated permission grant.", changes=less, Id="b2"),
            on_graph("Remove delegated permission grant", changes=gone, Id="c"),
        ]
    )
    assert [row["scopes"] for row in loaded.rows["issuance"]] == [["Mail.Read", "Mail.Send"], ["Mail.Read"]]
    # what is reduced is told by both halves of the change, and is one downgrade
    narrowed, ended = loaded.rows["revocation"]
    assert (narrowed["event_id"], narrowed["kind"], narrowed["scopes_removed"]) == ("b2", "downgrade", ["Mail.Send"])
    assert (ended["kind"], ended["scopes_removed"]) == ("revoke", ["Mail.Read", "Mail.Send"])
    assert {row["grant_id"] for row in [*loaded.rows["issuance"], narrowed, ended]} == {f"{GRANT}:{BOB}"}
    assert ended["subject_id"] == BOB


def test_a_removal_that_leaves_all_scopes_is_the_other_half_of_a_change(load):
    """A grant that is widened is told as added and as removed, both with the scopes before and after."""
    wider = {
        "DelegatedPermissionGrant.Scope": (" User.Read", " User.Read Mail.Read"),
        "DelegatedPermissionGrant.ConsentType": "AllPrincipals",
    }
    loaded = load(
        [
            on_graph("Add delegated permission grant.", changes=wider, Id="a"),
            on_graph("Remove delegated permission grant.", changes=wider, Id="b"),
        ]
    )
    assert loaded.one("issuance")["scopes"] == ["User.Read", "Mail.Read"]
    assert loaded.ignored == {"directory change that neither gives nor takes access": 1}
    assert loaded.counts() == {"records": 2, "issuance": 1, "ignored": 1}


def as_logged():
    """Write a consent of one person, and another that widens it, as they are logged: the addition says nothing of whose it is."""
    added = {"DelegatedPermissionGrant.Scope": ("", " Mail.Read"), "DelegatedPermissionGrant.ConsentType": "Principal"}
    wider = added | {"DelegatedPermissionGrant.Scope": (" Mail.Read", " Mail.Read Mail.Send")}
    mine, later = entry("Mail.Read", ADA, "Principal"), {"CreationTime": "2026-07-02T10:00:00"}
    return [
        on_graph("Add delegated permission grant.", app="", changes=added, Id="added"),
        consent(after=mine, admin="False", Id="consent", CreationTime="2026-07-01T10:00:01"),
        on_graph("Add delegated permission grant.", app="", changes=wider, Id="wider", **later),
        on_graph(
            "Remove delegated permission grant.",
            app="",
            changes=wider | {"DelegatedPermissionGrant.PrincipalId": (ADA, ADA)},
            Id="removed",
            **later,
        ),
        consent(mine, mine, admin="False", Id="same", **later),
    ]


def test_what_comes_into_a_grant_of_one_person_is_read_off_the_half_that_names_them(load):
    loaded = load(as_logged())
    rows = {row["event_id"]: (row["grant_id"][:8], row["scopes"], row["subject_id"]) for row in loaded.rows["issuance"]}
    assert rows == {
        "added": ("derived:", ["Mail.Read"], None),
        "consent": (GRANT[:8], ["Mail.Read"], "ada@example.com"),
        "wider": ("derived:", ["Mail.Read", "Mail.Send"], None),
        "removed": (GRANT[:8], ["Mail.Read", "Mail.Send"], "ada@example.com"),
    }
    assert loaded.rows["revocation"] == []
    assert loaded.ignored == {"consent repeated, nothing new in it": 1}


def test_a_consent_and_what_widens_it_are_one_grant_of_one_client(tmp_path):
    path = tmp_path / "audit.ndjson"
    # nothing beside this one tells whose it is: it stays
    another = on_graph("Add OAuth2PermissionGrant.", app="", CreationTime="2026-07-02T10:00:04", Id="another")
    role = on_graph("Add app role assignment to service principal.", changes={"AppRole.Value": "Mail.Send"}, Id="role")
    path.write_text("".join(json.dumps(record) + "\n" for record in [*as_logged(), role, another]))
    with Store(":memory:") as store:
        store.load(path)
        rows = gl.grants(store, until="2026-07-03", now="2026-07-03").to_dicts()
        clients = gl.review(store, until="2026-07-03", now="2026-07-03").to_dict()["clients"]
    assert {row["client_id"] for row in rows} == {APP}
    assert sorted((row["subject_id"] or "", row["scopes"] or []) for row in rows) == [
        ("", []),
        ("", ["Mail.Send"]),
        ("ada@example.com", ["Mail.Read", "Mail.Send"]),
    ]
    assert [client["client_id"] for client in clients] == [APP]


def test_a_role_that_is_named_ends_and_one_that_is_not_is_one_of_several(load):
    role = {"AppRole.Id": "role-1", "AppRole.Value": "Mail.ReadWrite"}
    old = {name: (value, "") for name, value in role.items()}
    loaded = load(
        [
            on_graph("Add app role assignment to service principal.", changes=role, Id="a"),
            on_graph("Remove app role assignment from service principal.", changes=old, Id="b"),
            on_graph("Remove app role assignment from service principal.", Id="c"),
            on_graph(
                "Add a deletion-marked app role assignment grant to service principal as part of link removal.", Id="d"
            ),
        ]
    )
    row = loaded.one("issuance")
    assert (row["grant_id"], row["scopes"], row["subject_kind"], row["consent_kind"]) == (
        f"{GRANT}:role/role-1",
        ["Mail.ReadWrite"],
        "service",
        "admin",
    )
    ended = [(row["grant_id"], row["kind"], row["scopes_removed"]) for row in loaded.rows["revocation"]]
    assert ended == [
        (f"{GRANT}:role/role-1", "revoke", ["Mail.ReadWrite"]),
        (f"{GRANT}:role", "downgrade", None),
        (f"{GRANT}:role", "downgrade", None),
    ]


def key(id):
    """Write a key as its description stands in a record."""
    return f"[KeyIdentifier={id},KeyType=Password,KeyUsage=Verify,DisplayName=nightly]"


def test_keys_come_and_go_by_their_ids(load):
    before, after = (
        json.dumps([key("k1"), key("k2")], indent=2),
        json.dumps([key("k2"), key("k3"), key("k4")], indent=2),
    )
    dash = "Update application – Certificates and secrets management "
    same = change("Update application.", properties(KeyDescription=(after, after)))
    loaded = load([change(dash, properties(KeyDescription=(before, after))), same])
    assert [(row["token_id"], row["event_id"]) for row in loaded.rows["issuance"]] == [
        ("k3", f"r-{dash}"),
        ("k4", f"r-{dash}#2"),
    ]
    assert {(row["token_kind"], row["consent_actor"]) for row in loaded.rows["issuance"]} == {
        ("api_key", "ada@example.com")
    }
    assert [row["earlier_keys"] for row in loaded.rows["issuance"]] == [["k1", "k2"]] * 2
    assert (loaded.one("revocation")["token_id"], loaded.one("revocation")["target_kind"]) == ("k1", "credential")
    assert loaded.ignored == {"directory change that neither gives nor takes access": 1}


def test_a_change_of_federated_credentials_is_ignored_by_name(load):
    """It begins or ends access, and no record at hand shows how they stand there: it is not said to do neither."""
    loaded = load(
        [
            change("Update application.", properties(FederatedIdentityCredentials=("[]", "[ci]")), Id="a"),
            change("Update application.", properties(DisplayName=("Mail", "Mail copilot")), Id="b"),
        ]
    )
    assert loaded.ignored == {
        "change of federated credentials, which is not read": 1,
        "directory change that neither gives nor takes access": 1,
    }


def test_the_name_of_a_key_is_no_key_and_a_list_that_is_not_there_says_nothing(load):
    forged = json.dumps([key("k1"), key("k2").replace("nightly", '"[KeyIdentifier=k9,')])
    cases = {"forged": ("[]", forged), "left out": ("", json.dumps([key("k3")]))}
    loaded = load(
        [change("Update application", properties(KeyDescription=each), Id=case) for case, each in cases.items()]
    )
    assert [(row["event_id"], row["token_id"], row["earlier_keys"]) for row in loaded.rows["issuance"]] == [
        ("forged", "k1", []),
        ("forged#2", "k2", []),
        ("left out", "k3", None),
    ]


def test_what_is_switched_off_ends_everything_below_it(load):
    person = [{"ID": "User_x", "Type": 2}, {"ID": BOB, "Type": 2}, {"ID": "Bob@example.com", "Type": 5}]
    off = properties(AccountEnabled=("[\r\n  true\r\n]", "[\r\n  false\r\n]"))
    loaded = load(
        [
            change("Update service principal.", off),
            change("Remove service principal."),
            change("Delete service principal.", Id="page"),
            change("Disable account.", Target=person),
        ]
    )
    rows = [(row["kind"], row["target_kind"], row["client_id"], row["subject_id"]) for row in loaded.rows["revocation"]]
    assert rows == [("disable", "client", APP, None)] * 3 + [("disable", "subject", None, "bob@example.com")]


def test_a_person_who_is_deleted_is_named_as_before(load):
    """The directory puts the object id before the sign-in name; a name that begins otherwise is left as it is."""

    def gone(name, number):
        target = [{"ID": f"User_{BOB}", "Type": 2}, {"ID": BOB, "Type": 2}, {"ID": name, "Type": 5}]
        return change("Delete user.", Target=target, Id=str(number))

    names = [f"{BOB.replace('-', '').upper()}Bob@example.com", "Bob@example.com", f"{'ab' * 16}bob@example.com"]
    rows = load([gone(name, number) for number, name in enumerate(names)]).rows["revocation"]
    assert [row["subject_id"] for row in sorted(rows, key=lambda row: row["event_id"])] == [
        "bob@example.com",
        "bob@example.com",
        names[2],
    ]


def test_who_is_enabled_again_is_named_as_when_disabled(load):
    """Both tell the flag of a person, too, who is no client for that."""
    person = [{"ID": "User_x", "Type": 2}, {"ID": BOB, "Type": 2}, {"ID": "Bob@example.com", "Type": 5}]
    off = properties(AccountEnabled=("[true]", "[false]"))
    on = properties(AccountEnabled=("[\r\n  false\r\n]", "[\r\n  true\r\n]"))
    loaded = load(
        [
            change("Disable account.", off, Target=person, Id="1"),
            change("Enable account.", on, Target=person, Id="2"),
            change("Enable account.", Target=person, Id="3", ResultStatus="Failure"),
            change("Update service principal.", off, Id="4"),
            change("Update service principal.", on, Id="5"),
            change("Restore service principal.", Id="6"),
            change("Restore user.", Target=person, Id="7"),
        ]
    )
    rows = sorted(loaded.rows["revocation"], key=lambda row: row["event_id"])
    assert [(row["kind"], row["target_kind"], row["client_id"], row["subject_id"], row["outcome"]) for row in rows] == [
        ("disable", "subject", None, "bob@example.com", "success"),
        ("enable", "subject", None, "bob@example.com", "success"),
        ("enable", "subject", None, "bob@example.com", "error"),
        ("disable", "client", APP, None, "success"),
        ("enable", "client", APP, None, "success"),
        ("enable", "client", APP, None, "success"),
        ("enable", "subject", None, "bob@example.com", "success"),
    ]


def test_ended_sessions_end_what_was_issued_before_and_no_consent(load):
    person = [{"ID": "User_x", "Type": 2}, {"ID": BOB, "Type": 2}, {"ID": "Bob@example.com", "Type": 5}]
    since = properties(StsRefreshTokensValidFrom=('["2026-06-01T00:00:00Z"]', '["2026-07-01T09:59:59Z"]'))
    timed, untimed = load(
        [
            change("Update StsRefreshTokenValidFrom Timestamp.", since, Target=person),
            change("Revoke user sign in sessions.", Target=person),
        ]
    ).rows["revocation"]
    for row in (timed, untimed):
        assert (row["kind"], row["target_kind"], row["subject_id"]) == ("revoke", "policy", "bob@example.com")
    assert timed["issued_before"] == datetime(2026, 7, 1, 9, 59, 59, tzinfo=UTC)
    assert untimed["issued_before"] == untimed["revoked_at"]


def test_failed_changes_are_kept_as_failed(load):
    loaded = load([consent(ResultStatus="Failure"), on_graph("Remove OAuth2PermissionGrant.", ResultStatus="Failure")])
    assert (loaded.one("issuance")["outcome"], loaded.one("revocation")["outcome"]) == ("error", "error")


# What apps do.


def test_the_token_of_a_use_is_written_as_entra_writes_it_and_zeros_are_none(load):
    guid = "9f000000-0000-4000-8000-0000000000d2"
    told = ["0" * 22, "AbCdEf0123456789_-AAAA", "AbCdEf0123456789/+AAAA==", guid, ""]
    nobody = "00000000-0000-0000-0000-000000000000"
    uses = [
        mail(Id=f"m-{number}", AppAccessContext={"ClientAppId": APP, "UniqueTokenId": token, "AADSessionId": nobody})
        for number, token in enumerate(told, 1)
    ]
    rows = load(uses).rows["usage"]
    as_entra = base64.urlsafe_b64encode(uuid.UUID(guid).bytes_le).decode().rstrip("=")
    assert [row["token_id"] for row in rows] == [
        None,
        "AbCdEf0123456789_-AAAA",
        "AbCdEf0123456789_-AAAA",
        as_entra,
        None,
    ]
    assert {row["session_id"] for row in rows} == {"session-1"}


def test_a_use_repeats_when_its_token_was_issued_where_the_record_says_a_time(load):
    told = ["2026-07-01T10:55:00", "2026-07-01T10:55:00Z", "1601-01-01T00:00:00", "soon", "", None]
    uses = [
        mail(Id=f"m-{number}", AppAccessContext={"UniqueTokenId": "AbCdEf0123456789_-AAAA", "IssuedAtTime": time})
        for number, time in enumerate(told, 1)
    ]
    at = datetime(2026, 7, 1, 10, 55, tzinfo=UTC)
    assert [row["token_issued_at"] for row in load(uses).rows["usage"]] == [at, at, None, None, None, None]


def test_mail_that_an_app_reads_is_its_use(load):
    context = {
        "ClientAppId": APP,
        "UniqueTokenId": "AbCdEf0123456789_-AAAA",
        "AADSessionId": "aad-1",
        "APIId": GRAPH_APP,
    }
    loaded = load([mail(), mail("Send", AppAccessContext=context), consent(after=entry("Mail.Read", ADA, "Principal"))])
    read, sent = loaded.rows["usage"]
    assert (read["operation"], read["resource_server"], read["outcome"]) == ("MailItemsAccessed", "Exchange", "success")
    assert (read["client_id"], read["subject_id"]) == (
        loaded.one("issuance")["client_id"],
        loaded.one("issuance")["subject_id"],
    )
    assert (read["session_id"], read["resource_id"], read["ip"]) == ("session-1", ADA_NAME, "198.51.100.8")
    assert (sent["token_id"], sent["session_id"]) == ("AbCdEf0123456789_-AAAA", "aad-1")
    assert read["used_at"] == datetime(2026, 7, 1, 11, tzinfo=UTC)


def test_an_action_without_an_app_is_ignored_and_an_app_that_acts_for_itself_has_no_subject(load):
    loaded = load(
        [
            mail("Create", ClientAppId="", AppId=None),
            mail("Update", UserType=5, UserId="ServicePrincipal_x"),
            mail(
                "FileDownloaded",
                Workload="SharePoint",
                ClientAppId=None,
                AppId=None,
                ApplicationId=APP,
                MailboxOwnerUPN=None,
                ObjectId="https://x/y",
            ),
            change("UserLoggedIn", RecordType=15, ApplicationId=APP),
        ]
    )
    assert loaded.ignored == {"action that names no application": 1, "sign-in of a person": 1}
    own, file = loaded.rows["usage"]
    assert (own["client_id"], own["subject_id"]) == (APP, None)
    assert (file["resource_server"], file["resource_id"], file["client_id"]) == ("SharePoint", "https://x/y", APP)


def test_addresses_lose_their_port_and_brackets(load):
    expected = {
        "198.51.100.8": "198.51.100.8",
        "198.51.100.8:50123": "198.51.100.8",
        "[2001:db8::8]:443": "2001:db8::8",
        "2001:db8::8": "2001:db8::8",
        "<null>": None,
        "": None,
    }
    loaded = load(
        [mail(Id=written, ClientIPAddress=written) | {"Id": f"i{number}"} for number, written in enumerate(expected)]
    )
    assert [row["ip"] for row in loaded.rows["usage"]] == list(expected.values())


# Delivered, exported, damaged.


def test_a_record_given_twice_counts_once(load):
    loaded = load([consent(), mail(), consent(), mail()])
    assert loaded.counts() == {"records": 4, "issuance": 1, "usage": 1, "duplicates": 2}


def test_a_broken_record_is_rejected_with_its_reason(load):
    expected = {
        "Operation is missing": mail(None),
        "CreationTime is missing": mail(CreationTime=None),
        "CreationTime is no time": mail(CreationTime="yesterday"),
    }
    loaded = load([*expected.values(), mail("Send", CreationTime="2026-07-01T10:00:00Z")])
    assert [row["reason"] for row in loaded.rejected] == list(expected)
    assert loaded.one("usage")["used_at"] == datetime(2026, 7, 1, 10, tzinfo=UTC)


EVERY_KIND = [
    consent(),
    consent(entry(), entry(), Id="again"),
    on_graph("Add OAuth2PermissionGrant."),
    on_graph("Remove OAuth2PermissionGrant."),
    on_graph("Add app role assignment to service principal.", changes={"AppRole.Value": "Mail.Read"}),
    on_graph("Remove app role assignment from service principal."),
    change(
        "Update application – Certificates and secrets management ",
        properties(KeyDescription=("[]", json.dumps([key("k1")]))),
    ),
    change("Disable account."),
    change("Add owner to application."),
    mail(),
    mail("Create", ClientAppId=None, AppId=None, Id="no app"),
]

WRITTEN = {
    "Elastic": lambda record: {
        "event": {"original": json.dumps(record), "kind": "event"},
        "@timestamp": "2026-07-01T10:00:00Z",
    },
    "line": lambda record: {"message": json.dumps(record)},
    "search": lambda record: {"RecordType": 8, "CreationDate": record["CreationTime"], "AuditData": json.dumps(record)},
    "graph": lambda record: {
        "id": record["Id"],
        "createdDateTime": record["CreationTime"],
        "operation": "x",
        "auditData": record,
    },
}


def as_elastic(record, *, kept=None):
    """Write a record as Elastic's pipeline leaves it: no field stays that has a name outside, and names have no dots."""
    audit = dict(record)
    changes = {
        change["Name"].replace(".", "_").replace(" ", "_"): {
            "OldValue": change["OldValue"],
            "NewValue": change["NewValue"],
        }
        for change in audit.pop("ModifiedProperties", [])
    }
    written = {"@timestamp": "2026-07-01T10:00:00.000Z", "event": {"kind": "event", "outcome": "success"}, "client": {}}
    address = [audit.pop(name, None) for name in ("ClientIPAddress", "ClientIP")]
    written["client"]["address"] = next(filter(None, address), None) or audit.pop("ActorIpAddress", None)
    moved = {"Id": "id", "Workload": "provider", "Operation": "action"}
    written["event"] |= {inner: audit.pop(name) for name, inner in moved.items() if name in audit}
    action = written["event"].get("action")
    written["event"]["action"] = {"Delete user.": "deleted-user-account", "Add user.": "added-user-account"}.get(
        action, action
    )
    written["organization"] = {"id": audit.pop("OrganizationId")}
    written["user"] = {"id": audit["UserId"], "email": audit.pop("MailboxOwnerUPN", None)}
    if kept is not None:
        written["event"]["original"] = kept
    audit = {name: str(value) if name in ("RecordType", "UserType") else value for name, value in audit.items()}
    return written | {"o365": {"audit": audit | ({"ModifiedProperties": changes} if changes else {})}}


ELASTIC = {
    "taken apart": as_elastic,
    "kept": lambda record: as_elastic(record, kept=json.dumps(record)),
    "kept as no JSON": lambda record: as_elastic(record, kept="{Id=1, Operation=Add user.}"),
    "not taken apart yet": lambda record: {"@timestamp": "2026-07-01T10:00:00.000Z", "o365audit": record},
    "taken apart by Filebeat": lambda record: {"o365audit": record | as_elastic(record)["o365"]["audit"]},
}
"""Records as Filebeat and the integration leave them, the own record kept or not."""


@pytest.mark.parametrize("how", ELASTIC)
def test_what_elastic_takes_apart_gives_the_same_rows(load, how):
    records = [*EVERY_KIND, change("Delete user.", target=(BOB, "bob@acme.example", ""), Id="gone")]
    written = [ELASTIC[how](record) for record in records]
    same(load(records), load(written))
    mixed = [ELASTIC[how](record) if number % 2 else as_elastic(record) for number, record in enumerate(records)]
    same(load(records), load([*mixed]))


def test_what_elastic_lost_is_not_made_up(load):
    """A property without an old value is left out by the pipeline: the scopes of this grant are unknown then, and it is a grant all the same."""
    record = as_elastic(
        on_graph("Add delegated permission grant.", changes={"DelegatedPermissionGrant.Scope": ("", "Mail.Read")})
    )
    del record["o365"]["audit"]["ModifiedProperties"]["DelegatedPermissionGrant_Scope"]
    row = load([record]).one("issuance")
    assert (row["kind"], row["scopes"], row["client_id"]) == ("consent", None, APP)


def test_a_damaged_record_of_elastic_is_rejected_and_not_dropped(load):
    good = as_elastic(consent())
    bad = [
        {"o365": {"audit": {"RecordType": "8", "CreationTime": "2026-07-01T10:00:00"}}},
        {"o365": {"audit": 7}},
        {"event": 3},
    ]
    loaded = load([good, good | {"event": {"id": "x"}}, *bad, as_elastic(mail())])
    assert loaded.counts() == {"records": 6, "issuance": 1, "usage": 1, "rejected": 4}
    assert loaded.rejected[0]["reason"] == "Operation is missing"


def same(plain, other):
    """Assert that two loads gave the same rows."""
    assert other.batch["loader"] == "microsoft_365"
    assert plain.counts() == other.counts()
    assert plain.ignored == other.ignored
    assert all(plain.rows.values())
    for log, rows in plain.rows.items():
        assert [row | {"line_no": 0} for row in rows] == [row | {"line_no": 0} for row in other.rows[log]]


@pytest.mark.parametrize("dialect", WRITTEN)
def test_a_dialect_gives_the_same_rows(load, dialect):
    written = [WRITTEN[dialect](record) for record in EVERY_KIND]
    same(load(EVERY_KIND), load(written))
    assert (
        load([*written, EVERY_KIND[0] | {"Id": "bare"}]).counts()["issuance"]
        == load(EVERY_KIND).counts()["issuance"] + 1
    )


def test_the_csv_of_a_search_gives_the_same_rows(load, load_file, tmp_path):
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(["RecordId", "CreationDate", "RecordType", "Operation", "UserId", "AuditData"])
    for record in EVERY_KIND:
        writer.writerow(
            [record["Id"], record["CreationTime"], 8, record["Operation"], record["UserId"], json.dumps(record)]
        )
    (tmp_path / "search.csv").write_text(text.getvalue())
    same(load(EVERY_KIND), load_file(tmp_path / "search.csv"))


@settings(max_examples=5)
@given(lists_of_damaged(EVERY_KIND))
def test_a_damaged_record_never_stops_a_load(load, records):
    assert_all_accounted_for(load, records, "microsoft_365")
