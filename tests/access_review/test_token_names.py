"""Ends of personal access tokens that GitHub names by their name alone, beside plain Python that reads event by event."""

import json
import random
from datetime import datetime

import grantlens as gl
from grantlens import detect, relations
from grantlens.rule.example import consent, moment, revoked, token, use
from tests.access_review.oracle import REASONS

WORLDS = 150
UNTIL = moment("20 08:00")


def made(when, name, token_id, kind="token"):
    who = {"source": "github", "client_id": name, "subject_id": "7"}
    given = [token(when, token_id, ["repo"], None, grant_id=name, kind=kind, token_kind="api_key", **who)]
    return given if kind == "refresh" else [consent(when, None, name, **who), *given]


def over(when, name):
    return revoked(when, "grant", grant_id=name, source="github", client_id=name, subject_id="7", token_id=None)


def drawn(seed):
    """Return what happened under one name, in turn: a token was made, made anew under the same name, or one of the name ended."""
    rng = random.Random(f"names/{seed}")
    steps = [rng.choice(("made", "made", "renewed", "over", "over")) for _ in range(rng.randint(1, 7))]
    return [("made", 0), *((step, number) for number, step in enumerate(steps, 1))]


def told(steps):
    """Return each life of the name as (first step, end or None, perhaps ended or None), and of which ends it is known what they ended."""
    lives, alive, is_open, sure = [], 0, False, {}
    for step, number in steps:
        if step == "made":
            if not is_open:
                lives.append([number, None, None])
            alive, is_open = alive + 1, True
            lives[-1][2] = None  # given again
        elif step == "renewed":
            alive = max(alive, 1)  # after an end: one of the name lives, of which nobody saw that it was made
        elif step == "over" and alive <= 1:
            if is_open:
                lives[-1][1] = number
            alive, is_open, sure[number] = 0, False, True
        elif step == "over":
            sure[number] = False
            lives[-1][2] = lives[-1][2] or number
    return lives, sure


def stored(prepared, folder, records):
    path = folder / "log.ndjson"
    path.write_text("".join(json.dumps({"event_id": f"e{number}", **row}) + "\n" for number, row in enumerate(records)))
    opened = prepared()
    assert opened.load(path).total("rejected") == 0
    return opened


def test_it_says_what_plain_python_says(prepared, tmp_path):
    records, wanted, verdicts = [], {}, {}
    for seed in range(WORLDS):
        name, steps = f"pat:7:n{seed}", drawn(seed)
        for step, number in steps:
            when = f"10 10:{number:02}:00"
            if step == "over":
                records.append({**over(when, name), "event_id": f"{seed}/{number}"})
            else:
                records += made(when, name, f"{seed}-{number}", "token" if step == "made" else "refresh")
        lives, sure = told(steps)
        clock = [datetime.fromisoformat(moment(f"10 10:{number:02}:00")) for number in range(8)]
        for first, end, perhaps in lives:
            state = "live" if end is None and perhaps is None else "ended" if end is not None else "indeterminate"
            perhaps = clock[perhaps] if state == "indeterminate" else None
            wanted[name, clock[first]] = (state, None if end is None else clock[end], perhaps)
        verdicts |= {f"{seed}/{number}": known for number, known in sure.items()}
    with stored(prepared, tmp_path, records) as store:
        rows = gl.grants(store.between("2026-07-01", UNTIL)).arrow().to_pylist()
        with relations.worked_out(store.engine, ["effective_revocation"], {}):
            doubts = dict(store.engine.rows("SELECT revocation_event, doubt FROM effective_revocation"))
    found = {
        (row["grant_id"], row["opened_at"]): (row["state"], row["ended_at"], row["perhaps_ended_at"]) for row in rows
    }
    assert found == wanted
    assert {row["reason"] for row in rows} == {None, REASONS["name"]}
    assert {state for state, *_ in wanted.values()} == {"live", "ended", "indeterminate"}
    assert {event: doubt is None for event, doubt in doubts.items()} == verdicts
    assert len({*verdicts.values()}) == 2


IN_DOUBT = {
    "two were made": ("made 0 t1", "made 1 t2", "over 2 name"),
    "two were made, and the log names neither": ("made 0 -", "made 1 -", "over 2 name"),
    "two keys were made": ("made 0 t1 kind=credential", "made 1 t2 kind=credential", "over 2 name"),
    "one was told again": ("made 0 t1", "made 1 t1", "over 2 sure"),
    "one was told again after its end": ("made 0 t1", "over 1 sure", "made 2 t2", "made 3 t1", "over 4 sure"),
    "the second was refused": ("made 0 t1", "made 1 t2 outcome=denied", "over 2 sure"),
    "the first was ended before": ("made 0 t1", "over 1 sure kind=disable", "made 2 t2", "over 3 sure"),
    "its end failed": ("made 0 t1", "over 1 none outcome=error", "made 2 t2", "over 3 name"),
    "its end is only a signal": ("made 0 t1", "over 1 none kind=signal", "made 2 t2", "over 3 name"),
    "a token ended, and not by its name": ("made 0 t1", "over 1 sure target_kind=token", "made 2 t2", "over 3 name"),
    "one of two ended, and not by its name": ("made 0 t1", "made 1 t2", "over 2 sure target_kind=token"),
    "in one moment the end comes first": ("made 0 t1", "made 1 t2", "over 1 sure"),
    "two made in the moment of an end": ("made 0 t1", "over 1 sure", "made 2 t2", "made 2 t3", "over 2 name"),
    "of another log, that names tokens otherwise": ("made 0 t1 source=native", "made 1 t2 source=native", "over 2 sure source=native"),
    "the same name in two logs": ("made 0 t1", "made 1 t2", "over 2 name", "over 2 sure source=native"),
}  # fmt: skip


def test_which_ends_of_a_name_are_in_doubt(prepared, tmp_path):
    records, wanted = [], {}
    for case, steps in enumerate(IN_DOUBT.values()):
        for number, step in enumerate(steps):
            what, minute, told, *more = step.split()
            more = dict(part.split("=") for part in more)
            name, when, event = f"pat:7:n{case}", f"10 10:{int(minute):02}", f"{case:02}/{number}"
            if what == "over":
                records.append({**over(when, name), **more, "event_id": event})
                wanted |= {} if told == "none" else {event: None if told == "sure" else "name"}
            else:
                token_id = None if told == "-" else f"{case}-{told}"
                records += [{**row, **more, "event_id": event} for row in made(when, name, token_id)[-1:]]
    # Two tokens of an app are no tokens of one name.
    records += [{**made("10 10:00", "app:9", each)[-1], "event_id": each} for each in ("a1", "a2")]
    records.append({**over("10 10:01", "app:9"), "event_id": "app"})
    with stored(prepared, tmp_path, records) as store, relations.worked_out(store.engine, ["effective_revocation"], {}):
        doubts = dict(store.engine.rows("SELECT revocation_event, doubt FROM effective_revocation"))
    assert doubts == {**wanted, "app": None}


def test_a_call_is_no_use_after_an_end_that_may_be_of_another_token_of_the_name(prepared, tmp_path):
    name = "pat:7:deploy"
    calls = [use("10 12:00", "GET /v1/messages/7", each, source="github", client_id=name, grant_id=name) for each in ("t1", "t2")]  # fmt: skip
    both = [*made("10 10:00", name, "t1"), *made("10 10:10", name, "t2"), over("10 11:00", name), *calls]
    with stored(prepared, tmp_path, both) as store:
        found = detect.run(store, "REV-1")[0].to_dicts()
    assert [(row["token_id"], row["verdict"]) for row in found] == [("t1", "indeterminate"), ("t2", "indeterminate")]
    why = "the revocation names a token only by a name that several had"
    assert {row["detail"]["reason"] for row in found} == {why}
    apart = [*made("10 10:00", name, "t1"), over("10 10:05", name), *made("10 10:10", name, "t2"), *calls[1:]]
    (tmp_path / "apart").mkdir()
    with stored(prepared, tmp_path / "apart", apart) as store:
        assert detect.run(store, "REV-1")[0].to_dicts() == []
