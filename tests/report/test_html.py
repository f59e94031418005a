import base64
import hashlib
import json
import re
import subprocess
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

import grantlens as gl
from grantlens.report import outline
from grantlens.report.card import review_card
from grantlens.report.encode import to_json
from grantlens.report.html import review_page
from grantlens.report.markdown import review_markdown

OFFLINE = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


class Page(HTMLParser):
    """The elements of a page, and every address it names."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.ids, self.handlers = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "srcset", "action", "data", "poster", "formaction", "xlink:href"):
                self.addresses.append(value)
            if name == "id":
                self.ids.append(value)
            if name.startswith("on"):
                self.handlers.append(name)


def browse(chromium, page, folder, *flags, place=""):
    command = [chromium, *OFFLINE, f"--user-data-dir={folder / 'profile'}", *flags, page.as_uri() + place]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout


@pytest.fixture(scope="module")
def hostile(document, finding, nasty):
    findings = [
        finding(i, title=f"{nasty} {i}", client_id=nasty, subject_id=nasty, grant_id=nasty, token_id=nasty,
                operation=nasty, resource_server=nasty, scopes=[nasty], explained_by=nasty, detail={nasty: nasty},
                evidence=[{"file": nasty, "sha256": "ab" * 32, "line": 1, "event_id": nasty}])
        for i in range(3)
    ]  # fmt: skip
    gone = [{"rule": "OOS-1", "severity": "high", "title": nasty, "client_id": nasty, "now": "not covered"}]
    window = {"since": "2026-04-01T00:00:00Z", "until": "2026-07-01T00:00:00Z"}
    return document(
        findings,
        nasty,
        baseline={
            "window": window,
            "new_findings": [0],
            "worse": [],
            "still_found": 2,
            "gone": gone,
            "lost_logs": [{"source": nasty, "tenant": nasty, "log": "usage"}],
            "otherwise_made": [nasty],
        },
    )


def test_hostile_names_stay_text(hostile):
    page = Page(review_page(hostile))
    assert "script" not in page.tags
    assert page.handlers == []
    assert all(address.startswith(("#", "data:image/svg+xml;base64,")) for address in page.addresses)


def test_hostile_names_are_shown_not_dropped(hostile):
    text = review_page(hostile)
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in text
    assert "⟨U+202E⟩" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", text)


def test_the_browser_runs_nothing_and_asks_nobody(hostile, chromium, tmp_path):
    page = tmp_path / "report.html"
    page.write_text(review_page(hostile), encoding="utf-8")
    log = tmp_path / "net.json"
    dom = browse(chromium, page, tmp_path, f"--log-net-log={log}", "--dump-dom")
    assert "<title>Access review 2026-07-01 to 2026-10-01</title>" in dom
    seen = Page(dom)
    assert "script" not in seen.tags
    assert seen.handlers == []
    assert 'id="reproduce"' in dom
    asked = set(re.findall(r'"url":"([^"]+)"', log.read_text()))
    assert {address for address in asked if "invalid" in address} == set()
    assert {address for address in asked if address.startswith(("http:", "https:", "ws:"))} <= browser_own(asked)


def browser_own(asked):
    """Addresses of the browser's maker: it may ask them by itself, a page cannot make it."""
    return {address for address in asked if re.match(r"https?://[\w.-]*(google|gvt1|chromium)[\w.-]*/", address)}


def test_the_policy_would_stop_a_script_that_came_through(chromium, tmp_path, document):
    """The second line of defence, tested by breaking the first one on purpose."""
    attack = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    page = tmp_path / "report.html"
    page.write_text(
        review_page(document()).replace('<main id="content">', '<main id="content">' + attack), encoding="utf-8"
    )
    dom = browse(chromium, page, tmp_path, "--dump-dom")
    assert "<title>Access review" in dom
    assert "document.title='owned'" in dom

    unguarded = tmp_path / "unguarded.html"
    unguarded.write_text(
        re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text()), encoding="utf-8"
    )
    assert "<title>owned</title>" in browse(chromium, unguarded, tmp_path, "--dump-dom")


def test_every_link_leads_somewhere_and_ids_are_unique(hostile):
    page = Page(review_page(hostile))
    assert len(page.ids) == len(set(page.ids))
    assert {address[1:] for address in page.addresses if address.startswith("#")} <= set(page.ids)


def measured(chromium, folder, document, script, width=1400):
    """Open a page in a browser of this width, and return what a script says of it."""
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", review_page(document))
    page = folder / "report.html"
    page.write_text(text.replace("</body>", f"<script>document.title = {script}</script></body>"), encoding="utf-8")
    dom = browse(chromium, page, folder, f"--window-size={width},1000", "--dump-dom")
    return re.search("<title>(.*?)</title>", dom, re.DOTALL)[1]


def test_no_table_of_the_samples_is_cut_off_on_a_desk_and_few_on_a_tablet(chromium, tmp_path, sample_store):
    document = gl.review(sample_store.between("2026-07-03", "2026-10-01", now="2026-10-01")).document
    cut = (
        "[...document.querySelectorAll('main .table')]"
        ".filter(box => box.scrollWidth > box.clientWidth + 1).map(box => box.innerText.slice(0, 60)).join('|')"
    )
    for width in (1400, 1200):
        assert measured(chromium, tmp_path, document, cut, width) == ""
    assert measured(chromium, tmp_path, document, cut, 1024).count("|") < 3


def test_what_scrolls_is_reached_by_keyboard(document, finding):
    text = review_page(document([finding(0)]))
    boxes = re.findall('<div class="table"[^>]*>|<pre[^>]*aria-label[^>]*>', text)
    assert len(boxes) > 9
    assert all('tabindex="0"' in box and 'role="group"' in box and "aria-label=" in box for box in boxes)


def test_bars_that_are_compared_begin_at_one_line(chromium, tmp_path, document):
    made = document()
    traced = made["attribution"]
    (row, *_) = traced["by_key"]
    shares = [{**row, "share": share} for share in (0.9995, 1, 0.035, 0.002)]
    begins = "[...document.querySelectorAll('svg.bar')].map(bar => Math.round(bar.getBoundingClientRect().left)).join()"
    found = measured(
        chromium,
        tmp_path,
        document(attribution=traced | {"by_key": shares}, map_coverage=made["map_coverage"] | {"by_server": []}),
        begins,
    )
    assert len(set(found.split(",")[:4])) == 1, found


def test_a_line_break_and_two_spaces_in_a_name_are_seen(chromium, tmp_path, document, finding):
    page = document([finding(client_id="mail  copilot\n2", title="mail  copilot\n2 called")])
    shown = "[...document.querySelectorAll('.title bdi, dd code')].map(name => JSON.stringify(name.innerText)).join()"
    found = measured(
        chromium, tmp_path, page, f"(document.querySelectorAll('details').forEach(d => d.open = true), {shown})"
    )
    assert found.count("mail  copilot⟨U+000A⟩2") == 2, found


def test_a_title_is_read_from_the_left_whatever_name_begins_it(document, finding):
    text = review_page(document([finding(0, title="\u05e9\u05dc\u05d5\u05dd called GET /v1")]))
    assert '<bdi dir="ltr">\u05e9\u05dc\u05d5\u05dd called' in text


def test_contents_count_violations_and_undecided_cases_apart(document, finding):
    found = [finding(0), *(finding(i, verdict="indeterminate") for i in (1, 2)), finding(3, verdict="clear")]
    text = review_page(document(found))
    for line in ('<a href="#findings">Findings', '<a href="#OOS-1">OOS-1 out of scope'):
        counts = text[text.index(line) :].partition("</a>")[0]
        assert re.findall(r'title="(\w+)">(\d+)<', counts) == [("violations", "1"), ("undecided", "2")]
        # Not only to a mouse.
        assert re.sub(r"<[^>]+>", "", counts).endswith(" 1 violation 2 undecided")


def worst_of(text, form):
    """Return the part of a report that lists the worst violations."""
    return text[text.index("The worst of") :].partition("</table>" if form is review_page else "\n## ")[0]


@pytest.mark.parametrize("form", [review_page, review_markdown])
def test_the_worst_violations_of_all_rules_stand_before_the_coverage(document, finding, form):
    found = [
        *(finding(i, title=f"medium {i}", severity="medium") for i in range(15)),
        finding(15, title="doubted", severity="critical", verdict="indeterminate"),
        finding(16, title="the gravest", severity="critical", rule="REV-1"),
    ]
    text = form(
        document(
            found,
            rules=[one_rule | {"id": name} for one_rule in document()["rules"][:1] for name in ("OOS-1", "REV-1")],
        )
    )
    assert text.index("The worst of 16 violations") < text.index(
        "What the logs can show</h2>" if form is review_page else "## What the logs can show"
    )
    worst = worst_of(text, form)
    assert worst.index("the gravest") < worst.index("medium 0")
    assert len(re.findall(r"medium \d+", worst)) == (outline.PAGE if form is review_page else outline.TICKET).worst - 1
    assert "doubted" not in worst


@pytest.mark.parametrize("form", [review_page, review_markdown])
def test_where_nothing_is_violated_no_list_of_the_worst_stands(document, finding, form):
    text = form(document([finding(0, verdict="indeterminate")]))
    assert ">0 violations<" not in text
    assert "## 0 violations" not in text


def test_a_link_to_a_finding_unfolds_it(chromium, tmp_path, document, finding):
    made = document([finding(0, title="one"), finding(1, title="other")])
    anchor = re.search('href="#(OOS-1.2)"><bdi dir="ltr">other<', review_page(made))[1]
    page = tmp_path / "report.html"
    page.write_text(review_page(made), encoding="utf-8")
    dom = browse(chromium, page, tmp_path, "--dump-dom", place=f"#{anchor}")
    unfolded = re.findall(r'<details class="finding" open.*?</details>', dom, re.DOTALL)
    assert [">other<" in each for each in unfolded] == [True]


def test_an_unused_scope_has_no_last_event_but_a_time_for_which_it_was_watched(document, finding):
    detail = {
        "exposure_days": 0.5,
        "p_needed": None,
        "action": "wait",
        "scope": "mail.send",
        "state": "unused",
        "uses": 0,
    }
    unused = finding(0, rule="PRV-1", events=1, detail=detail)
    rule = document()["rules"][0] | {"id": "PRV-1", "name": "unused_scope"}
    text = review_page(document([unused], rules=[rule]))
    assert "watched 12 h, until 2026-07-04" in text
    assert "1 event" not in text
    assert "<dt>Watched</dt>" in text
    bare = document([unused | {"operation": None, "resource_server": None}], rules=[rule])
    assert "| `mail.send` | – | – |" in review_markdown(bare)
    unwatched = finding(0, rule="PRV-1", detail=detail | {"exposure_days": 0.0})
    assert "never watched · proposal: wait" in review_page(document([unwatched], rules=[rule]))


def test_without_a_register_no_column_says_unknown_in_every_line(document):
    made = document()
    assert '>Owner</th><th scope="col">Purpose</th>' in review_page(made)
    nothing = made["reproduce"] | {"register": made["reproduce"]["register"] | {"clients": 0}}
    text = review_page(document(reproduce=nothing))
    assert ">Purpose</th>" not in text
    assert "No register was brought: who owns them, and what they are for, is unknown." in text


def test_the_details_of_a_finding_are_told_in_words(document, finding):
    detail = {
        "censored": "right",
        "lag_lower_s": 240.0,
        "revocation_event": "rv-1",
        "due_at": "2026-07-10T12:00:00.500000Z",
    }
    text = review_page(document([finding(0, detail=detail, explained_by="offline_jwt")]))
    assert "<dt>What bounds the lag</dt><dd>a success only: no refusal was seen after it, or nobody tried</dd>" in text
    assert "<dt>Went on working for at least</dt><dd>4 min</dd>" in text
    assert "explained by offline validation of tokens, as documented" in text
    assert "<dd>2026-07-10 12:00:00.5 UTC</dd>" in text


def test_a_verdict_from_a_log_in_part_does_not_read_as_one_from_no_log(document, finding):
    """What such a log shows did happen; its share is 0, since nothing follows from its silence."""
    seen = {"from": "2026-07-03T10:00:00Z", "until": "2026-07-04T11:30:00Z"}
    part, full = (review_page(document([finding(0, coverage=seen | {"share": share})])) for share in (0.0, 0.5))
    assert "2026-07-04 11:30:00, 0 % of it covered by a log that shows all that happened</dd>" in part
    assert "covered 0 %" not in part
    assert "2026-07-04 11:30:00, covered 50.0 %</dd>" in full


def test_no_detail_of_a_rule_is_called_as_what_the_organisation_says(document, finding):
    detail = {"accepted": 0, "times": 2, "after_s": 24.0}
    text = review_page(document([finding(0, detail=detail)]))
    assert "<dt>Accepted</dt>" not in text
    assert "<dt>Reuses for which tokens were given</dt><dd>0</dd>" in text
    assert "<dt>Shortest time since another call of its own</dt><dd>24 s</dd>" in text


def test_what_an_undecided_finding_would_be_is_not_only_told_to_a_mouse(document, finding):
    text = review_page(document([finding(0, verdict="indeterminate", severity="critical")]))
    assert "<dt>Severity</dt><dd>not decided; it would be critical</dd>" in text
    assert "it would be" not in review_page(document([finding(0)]))


def test_a_window_within_a_day_says_its_hours_in_the_heading(document):
    window = {"since": "2026-07-01T03:00:00Z", "until": "2026-07-01T03:01:00Z"}
    assert "<h1>2026-07-01 03:00:00 to 2026-07-01 03:01:00</h1>" in review_page(document(window=window))
    assert "<h1>2026-07-01 to 2026-10-01</h1>" in review_page(document())


def test_what_a_table_leaves_out_is_counted(document):
    made = document()
    (server,), (log, *_) = made["lag"]["by_server"], made["coverage"]
    lag = made["lag"] | {"by_server": [server | {"resource_server": f"{i}.example"} for i in range(13)]}
    text = review_page(document(lag=lag, coverage=[log | {"gaps": log["gaps"] * 6}]))
    assert "12 of 13 resource servers are shown" in text
    assert "and 1 more gap<br>" in text


def test_nothing_found_reads_as_a_scoped_statement(document):
    text = review_page(document())
    assert "No violation was found in the logs held for this period" in text
    assert "No connection has a violation of high severity or above." in text


def test_a_hundred_thousand_findings_do_not_burst_the_page(document, finding):
    findings = [finding(i, severity=("critical", "high", "medium", "low")[i % 4], events=i) for i in range(100_000)]
    text = review_page(document(findings))
    assert len(text) < 1_000_000
    assert "25 of 100,000 OOS-1 findings are shown" in text
    assert "100,000 violations" in text
    markdown = review_markdown(document(findings))
    assert len(markdown) < 100_000
    assert "10 of 100,000 are shown" in markdown


@pytest.mark.parametrize("form", [review_page, review_markdown])
def test_a_cut_off_tells_whose_tokens_it_ended(document, form):
    """The row of one said "policy –", and nothing of the person."""
    value = document()
    value["revocations"][0] |= {"target_kind": "policy", "target_id": None, "client_id": None, "subject_id": "ann"}
    told = re.sub("<[^>]+>", "", form(value)).replace("`", "")
    assert re.search(r"policy\s*for ann", told)
    assert "policy –" not in told


@pytest.mark.parametrize("form", [review_page, review_markdown])
def test_uses_that_nothing_could_show_are_not_counted_as_none(document, form):
    value = document()
    value["proposals"][0] |= {"state": "not_observable", "action": "ask", "exposure_min": 0.0, "exposure_max": 0.0}
    told = [re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", text)) for text in (form(document()), form(value))]
    assert told[1].count("not observable") == told[0].count("not observable") + 1


@pytest.mark.parametrize("form", [review_page, review_markdown])
def test_nothing_of_ours_is_cut_in_the_middle(document, finding, form):
    """Of 98,000 letters of SQL the page gave the first thousand and the last, and the Markdown cut what to do."""
    value = document([finding()])
    remedy = f"Ask the owner first. {'Then look again. ' * 30}Revoke it last."
    own, read = (f"SELECT 1;\n{text} " * 900 for text in ("SELECT 2;", "SELECT 3;"))
    value["rules"][0] |= {"own_sql": own, "remedy": remedy}
    value["reproduce"]["relations"][0]["sql"] = read
    text = form(value)
    assert remedy in text
    assert (own in text, read in text) == ((True, True) if form is review_page else (False, False))
    assert "characters left out" not in text


def test_the_page_shows_each_rule_and_what_it_reads_as_sql(document, finding):
    text = review_page(document([finding()]))
    assert ">SELECT n\nFROM call WHERE n &lt; $leeway</pre>" in text
    assert "<code>call</code></summary>" in text
    assert ">SELECT 1 AS n\nWHERE 1 &lt; 2</pre>" in text


def test_numbers_of_one_thing_are_one_number(document):
    text = review_page(document())
    assert '#privileges">Unused privileges <span class="count">2</span>' in text  # 3 scopes, of which 1 is to keep
    assert "4.9 %" in text  # rounded as the reason is
    assert "4.9 %" in review_markdown(document())
    assert "from all scopes" in text
    assert "2 of them held 3 grants" in text
    clients = document()["clients"]
    assert "1 of them held 3 grants" in review_page(document(clients=[clients[0], clients[1] | {"grants": 0}]))


def test_a_grant_that_may_have_ended_is_told_apart_with_its_reason(document):
    text = review_page(document())
    assert (
        '<span class="badge unsure">undecided</span><br>a token of its client was revoked, and the log does not tell which<br>'
        in text
    )
    assert text.count("no end seen") == 1
    assert '<td class="n">1<br><span class="soft small">1 undecided</span></td>' in text
    assert "| 1, 1 undecided |" in review_markdown(document())


def test_one_is_told_in_the_singular(document):
    made = document()
    one = {
        "map_coverage": made["map_coverage"] | {"calls": 1, "known": 1, "share": 1.0},
        "attribution": made["attribution"] | {"calls": 1, "attributed": 1, "share": 1.0},
        "privileges": made["privileges"] | {"grants": 1, "scopes": 1},
    }
    page = re.sub("<[^>]+>", "", review_page(made | one))
    assert "1 of 1 call (100 %) is an operation of a catalogue" in page
    assert "1 of 1 call (100 %) belongs to a grant" in page
    assert "1 grant holds 1 scope in all" in page
    assert "100 % belongs to a grant" in review_markdown(made | one)


def test_the_logs_of_many_tenants_do_not_push_the_findings_away(document):
    one, *_ = document()["coverage"]
    text = review_page(document(coverage=[one | {"tenant": f"tenant-{number}"} for number in range(50)]))
    shown, folded = text[: text.index("14 more logs")], text[text.index("14 more logs") :]
    assert all(f">tenant-{number}<" in shown for number in range(36))
    assert all(f">tenant-{number}<" in folded[: folded.index("</details>")] for number in range(36, 50))


@pytest.mark.parametrize(("form", "named"), [(review_page, "tenant <bdi>{}</bdi>"), (review_markdown, "(tenant {})")])
def test_beside_a_client_of_several_tenants_stands_whose_it_is(document, finding, form, named):
    one, *_ = document()["coverage"]
    told = {"findings": 0, "grants": 1, "revocations": 2, "proposals": 3, "enough": 4}
    rows = {name: [dict(document()[name][0]) | {"tenant": f"t{place}"}] for name, place in told.items() if place}
    findings = [finding(0) | {"tenant": "t0"}]
    alone = form(document(findings, **rows))
    many = form(document(findings, **rows, coverage=[one | {"tenant": tenant} for tenant in ("north", "south")]))
    for name, place in told.items():
        if name == "grants" and form is review_markdown:
            continue  # it has no list of them
        assert named.format(f"t{place}") in many, name
        assert named.format(f"t{place}") not in alone or name == "findings"


def test_of_several_sources_each_grant_says_whose_log_tells_of_it(document):
    made = document()
    grants = [
        row | {"source": source} for row, source in zip(made["grants"], ("okta", "github", "github"), strict=True)
    ]
    alone = review_page(document(grants=grants))
    assert "in okta<" not in alone
    among = review_page(
        document(
            grants=grants, coverage=[row | {"source": name} for row in made["coverage"] for name in ("okta", "github")]
        )
    )
    assert among.count("in okta<") == 1


def test_each_printed_sheet_names_the_manifest_and_its_number(document):
    made = document()
    page = review_page(made)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    assert f'@bottom-left {{ content: "grantlens, manifest {made["manifest"]["sha256"]}"; }}' in style
    assert '@bottom-right { content: counter(page) " / " counter(pages); }' in style
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{allowed}'" in page
    with pytest.raises(ValueError, match="hexadecimal"):  # nothing that somebody wrote becomes style
        review_page(document(manifest=made["manifest"] | {"sha256": '"; } * { display: none'}))


def test_a_report_of_one_tenant_says_so_at_its_head(document):
    one, everybody = document(tenant="<i>acme</i>"), document()
    assert "<dt>Tenant</dt><dd><bdi>&lt;i&gt;acme&lt;/i&gt;</bdi> alone</dd>" in review_page(one)
    assert "<dt>Tenant</dt><dd><bdi>&lt;i&gt;acme" not in review_page(everybody)
    assert review_markdown(one).splitlines()[0].endswith(", tenant &lt;i&gt;acme&lt;/i&gt;")
    assert "tenant" not in review_markdown(everybody).splitlines()[0]
    assert ", tenant &lt;i&gt;acme&lt;/i&gt;</b>" in review_card(one)


def test_two_renderings_are_byte_equal(hostile):
    again = json.loads(to_json(hostile))
    assert review_page(hostile) == review_page(again)
    assert review_markdown(hostile) == review_markdown(again)


@pytest.mark.parametrize("form", [review_page, review_markdown])
def test_nothing_known_is_not_told_as_none(document, form):
    empty = {"intervals": 0, "snapshots": [], "unseen": [], "expected": [], "interval_s": None, "open": 0}
    calls = {"calls": 0, "known": 0, "share": None, "by_server": []}
    text = form(document(clients=[], grants=[], blind_spot=empty, map_coverage=calls))
    assert "No call is logged in this period." in text
    assert "No client is seen in issuance or usage in this period." in text
    assert "No stretch of access is known from the logs of this period, so no share can be given." in text


@pytest.mark.parametrize("form", [review_page, review_markdown])
def test_both_name_what_a_review_misses_alike(document, form):
    assert "Stretches of access never seen" in form(document())


@pytest.mark.parametrize("form", [review_page, review_markdown])
def test_a_rule_without_findings_says_why(document, form):
    rules = [document()["rules"][0] | {"why_empty": "No catalogue is in the store."}, document()["rules"][1]]
    assert "No catalogue is in the store." in form(document(rules=rules))


def test_the_list_of_decisions_does_not_speak_for_what_is_undecided(document, finding):
    page = review_page(document([finding(0, verdict="indeterminate", severity="critical")]))
    assert "No connection has a violation of high severity or above." in page
    assert "What is undecided is not in this list: 1 finding above." in page


@pytest.mark.parametrize("form", [review_page, review_markdown])
def test_each_rule_tells_once_why_it_could_not_decide(document, finding, form):
    reasons = ["no <b>log</b>", "no log", "no log", "clocks", "no scope", "no end"]
    undecided = [finding(n, verdict="indeterminate") for n in range(len(reasons))]
    for each, reason in zip(undecided, reasons, strict=True):
        each["detail"] = {"reason": reason}
    text = form(document([finding(9), *undecided]))
    escaped = "no &lt;b&gt;log&lt;/b&gt;"
    assert re.sub(r"</?b>|[*\\]", "", text).count(f"no log (2); {escaped} (1); clocks (1); 2 other reasons (2).") == 1
    assert "(1)." not in form(document([finding(9), undecided[0]]))  # of one its own card tells


@pytest.mark.parametrize("form", [review_page, review_markdown])
def test_every_word_that_a_reader_meets_is_defined(document, finding, form):
    text = form(document([finding(0), finding(1, verdict="indeterminate")]))
    for word in (
        "Violation",
        "Undecided",
        "Clear",
        "No finding",
        "Line or record",
        "Effective: yes",
        "At least, at most",
    ):
        assert len(re.findall(rf"(<dt>|- \*\*){word}(</dt>|\*\*:)", text)) == 1
    assert "No use of the scope is in the logs held" in text


@pytest.mark.parametrize("form", [review_page, review_markdown])
def test_it_says_what_it_rests_on_and_what_that_cannot_show(document, finding, form):
    text = form(document([finding(0)]))
    for told in ("cd" * 32, "dc" * 32, "ef" * 8, "aa" * 8, "bb" * 8, "ee" * 8, "ff" * 8, "0.1.0", "2.0.1"):
        assert told in text
    assert "Nothing here shows who collected the files." in text


def test_hostile_names_stay_text_in_markdown(hostile):
    text = review_markdown(hostile)
    assert "<" not in re.sub(r"`[^`]*`", "", text)
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_charts_are_whole_pictures_with_words(hostile):
    page = review_page(hostile)
    pictures = re.findall(r'<img src="data:image/svg\+xml;base64,([^"]*)" alt="([^"]*)"', page)
    assert len(pictures) == 2  # out of scope, and lag: the made-up review has no granted scope
    for picture, words in pictures:
        root = ElementTree.fromstring(base64.b64decode(picture, validate=True))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert len(words) > 40


def test_no_call_seen_is_told_apart_from_none_that_could_be_seen(document):
    grant = document()["grants"][1]

    def cell(**seen):
        text = review_page(document(grants=[grant | seen]))
        row = text[text.index("Each grant") :]
        return re.findall(r'<td class="n">(.*?)</td>', row[: row.index("</tbody>")])[1]

    assert "not<br>observable" in cell()
    assert cell(use="none seen", watched=0.9876).startswith("0<br>")
    assert "in 98.8 % of its time" in cell(use="none seen", watched=0.9876)
    assert "others may be of it" in cell(use="possible", watched=0.9)
    assert cell(use="seen", watched=0.9, calls=3) == "3"
    client = document()["clients"][0] | {"calls": 0, "use": "not observable"}
    assert "not observable" in review_markdown(document(clients=[client]))


@pytest.mark.parametrize("form", [review_page, review_markdown])
def test_of_what_is_accepted_it_says_how_much_and_until_when(document, finding, form):
    held = finding(0, accepted="a drill <b>", accepted_until="2026-12-31T00:00:00Z", accepted_by="sam")
    held |= {"accepted_last_seen": "2026-07-01T10:00:00Z", "last_seen": "2026-07-03T10:00:00Z"}
    counts = {"violation": 1, "indeterminate": 0, "seen_again": 1, "worse": 0, "ended": 1, "not_found": 0}
    text = form(document([held, finding(1)], accepted={"sha256": "ab" * 32, **counts}))
    assert "1 violation is accepted by the organisation" in text
    assert "1 finding was accepted until a time that has passed, and counts again" in text
    assert "1 accepted finding was seen again since it was accepted" in text
    assert "1 violation that is not accepted" in text
    if form is review_page:
        assert "<dt>Accepted</dt><dd><bdi>a drill &lt;b&gt;</bdi>, until" in text
        assert "last seen 2026-07-01 when it was accepted" in text
    assert "accepted by the organisation" not in form(document([finding(1)]))
