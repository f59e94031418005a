import html
import re
import shlex
import subprocess

import grantlens as gl
from grantlens.access_review import review
from grantlens.access_review.manifest import basis, digest, manifest
from grantlens.register.hours import spans
from grantlens.register.identities import Identities
from grantlens.register.networks import ranges
from grantlens.register.register import Register
from grantlens.store import Store

CONSENT = '{"log": "issuance", "issued_at": "2026-07-02T08:00:00Z", "kind": "consent", "outcome": "success", "client_id": "app", "event_id": "i1"}\n'


def test_identities_are_part_of_what_a_verdict_rests_on():
    with Store(":memory:") as store:
        before = basis(store.engine)["identities"]
        store.add(Identities(({"kind": "client", "name": "App", "source": "native", "id": "app"},)))
        after = basis(store.engine)["identities"]
    assert (before["rows"], after["rows"]) == (0, 1)
    assert before["sha256"] != after["sha256"]


def test_the_contents_are_known_wherever_the_files_lie(tmp_path):
    told = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}.ndjson").write_text(CONSENT)
        with Store(":memory:") as store:
            store.load(folder)
            told.append(manifest(store.engine))
    assert told[0]["contents_sha256"] == told[1]["contents_sha256"]
    assert told[0]["sha256"] != told[1]["sha256"]


def test_half_a_line_that_came_whole_with_the_next_load_is_not_told_as_unread(tmp_path):
    """A log that grows is loaded each night, and ends in half a line each time: the report told of records on which nothing rests."""
    path = tmp_path / "grows.ndjson"
    lines = [CONSENT.replace("i1", f"i{number}") for number in range(6)]
    with Store(":memory:") as store:
        for whole in range(1, 5):
            path.write_text("".join(lines[:whole]) + lines[whole][:40])
            store.load(path)
        half = review(store).document
        assert [row["records"] for row in half["rejected"]] == [1], "half a line is there still"
        path.write_text("".join(lines))
        store.load(path)
        document = review(store).document
    assert [row["rejected"] for row in document["manifest"]["read_again"]] == [1, 1, 1, 1]
    assert document["rejected"] == []
    assert not [line for line in document["limitations"] if "could not be read" in line]
    assert len([line for line in half["limitations"] if line.startswith("1 record could not be read")]) == 1


def test_the_page_says_how_the_hash_of_the_contents_is_made_again(tmp_path):
    files = [tmp_path / name for name in ("a.ndjson", "b.ndjson", "a copy.ndjson")]
    for file, event in zip(files, ("i1", "i2", "i1"), strict=True):
        file.write_text(CONSENT.replace("i1", event))
    with Store(":memory:") as store:
        store.load(*files)
        review(store).to_html(tmp_path / "report.html")
        gl.Case(store, client="app").write(tmp_path / "case")
    for page in (tmp_path / "report.html", tmp_path / "case" / "case.html"):
        text = html.unescape(page.read_text())
        told = re.search(r"in any folder: <code>(\w+)</code>, which <code>(.*?)</code> gives of the files below", text)
        command = told[2].replace("FILES", shlex.join(map(str, files)))
        ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        assert ran.stdout.split()[0] == told[1]


def test_only_a_client_of_which_a_later_column_is_said_makes_the_register_another_than_it_was_without_it():
    entry = {"client_id": "app", "owner": "jo"}
    names = (
        "client_id",
        "name",
        "kind",
        "owner",
        "purpose",
        "approved_operations",
        "approved_scopes",
        "status",
        "exceptions",
        "registered_at",
    )
    before = digest([[dict.fromkeys(names) | entry], []])
    with Store(":memory:") as store:
        for column, *said_of in (
            ("networks", [], ranges(["203.0.113.0/24"])),
            ("approved_tenants", [], ["globex"]),
            ("approved_hours", [], spans("Mon 07:00-19:00")),
            ("approved_resources", [], ["/a/*"]),
            ("calls_per_day", 0, 500),
        ):
            for said, same in ((None, True), *((each, False) for each in said_of)):
                store.add(Register((entry | {column: said},)))
                assert (basis(store.engine)["register"]["sha256"] == before) is same
