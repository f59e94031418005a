"""One incident, reconstructed: what the three logs say of one client, token, subject or grant."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from grantlens import detect
from grantlens.access_review.manifest import LIMITS, basis, contents, digest, loaded, made_by, manifest
from grantlens.case.answers import Answers, answer_all
from grantlens.case.asked import Asked, asked, resolved
from grantlens.case.custody import custody, custody_text
from grantlens.case.evidence import files, pointers, records
from grantlens.case.facts import collect, drop_facts, lay_facts, parentless
from grantlens.case.focus import NEEDS, drop_focus, lay_focus
from grantlens.case.narrowed import narrowed
from grantlens.case.timeline import Timeline, read_timeline
from grantlens.conclusion.nothing_found import could_not_look
from grantlens.errors import NO_ROOM, CaseError
from grantlens.given_path import given_path
from grantlens.holdings.overwriting import keep_evidence
from grantlens.report.encode import CASE_SCHEMA, to_json
from grantlens.view import View, view_of
from grantlens.visible import visible
from grantlens.window import format_time
from grantlens.wording import plural

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine
    from grantlens.findings import Findings
    from grantlens.store import Store

LOCAL = ("OOS-1", "OOS-3", "OOS-9", "REV-1", "REV-2", "REV-9", "REV-11")
"""Rules whose answer depends on the rows of the case alone: they cost what the case weighs."""

WRITTEN = PAGE, DOCUMENT, EVIDENCE, CUSTODY = "case.html", "case.json", "evidence.ndjson", "custody.json"
"""The files of a written case."""

MOST_POINTERS = 10_000
"""Pointers that case.json lists; evidence.ndjson has every record."""


class Case:
    """One incident.

    Parameters
    ----------
    store
        The store, not a view of it.
    client, token, subject, grant
        What it is about: exactly one id, as it stands in the logs. A client or subject may also be a name out of the
        identities file: then the case gathers all its ids, of all sources.
    now
        The present; the end of the logs if left out.

    Raises
    ------
    CaseError
        If none or several ids are given, a view instead of a store, or the id occurs nowhere; the message names the nearest.

    Examples
    --------
    >>> import grantlens as gl
    >>> with gl.open(":memory:") as store:
    ...     gl.Case(store, client="mail-copilot")
    Traceback (most recent call last):
    grantlens.errors.CaseError: No client mail-copilot occurs in the logs of this store. The logs hold no client at all.
    """

    def __init__(
        self,
        store: Store,
        client: str | None = None,
        token: str | None = None,
        subject: str | None = None,
        grant: str | None = None,
        now: str | datetime | None = None,
    ) -> None:
        about = asked(client=client, token=token, subject=subject, grant=grant)
        if isinstance(store, View):
            raise CaseError(
                "A case is about a whole store, and this is a view of one.",
                f"Type gl.Case(view.store, {about.kind}={about.id!r}).",
            )
        self.about = resolved(store.engine, about)
        self.store = store
        self.view = view_of(store, now=now, far=True)
        self.window = self.view.window
        self._values = {**self.window.parameters(), "now": self.view.now, "id": self.about.id, "kind": self.about.kind}
        silent = parentless(store.engine)
        with self._laid_out(LOCAL) as (engine, found):
            local = [finding for part in found for finding in part.to_dicts()]
            self._own = _own_ids(engine, self.about)
            callers = set(engine.rows(_CALLERS))
            self._callers = callers | {(source, client, None) for source, client, _ in callers}
            self.facts = collect(engine, self.about, self._values, local)
            self.facts["broken"] = [row for row in local if row["verdict"] != "clear" and self._concerns(row)]
            self._open = {(row["rule"], row["source"], row["client_id"]) for row in self.facts["broken"]}
            self.facts["parentless"] = sorted({row["source"] for row in self.facts["sources"]} & set(silent))
            self.facts["rules_asked"] = list(LOCAL)
            self.facts["rules_blind"] = {
                part.rule.id: part.why_empty for part in found if could_not_look(part.why_empty)
            }
            self.facts |= {"since": format_time(self.window.since), "until": format_time(self.window.until)}
            self._timeline = read_timeline(engine, self.about, self.window, self._values)

    def timeline(self) -> Timeline:
        """Return when access was granted, issued, used and revoked."""
        return self._timeline

    def answers(self, whole: bool = False) -> Answers:
        """Return the standard questions of an incident with their answers.

        Parameters
        ----------
        whole
            Whether to ask the rules too that compare it with the rest of the store: this costs what a review costs.
        """
        rows = (
            [row for part in self.findings if part.rule.id not in LOCAL for row in part.to_dicts()] if whole else None
        )
        return answer_all(self.about, {**self.facts, "others": rows})

    @cached_property
    def findings(self) -> list[Findings]:
        """What every rule found about it, over the whole store: this costs what a review costs."""
        import pyarrow

        chosen = []
        for part in detect.run(self.view):
            pairs = zip(part.table["source"].to_pylist(), part.table[self.about.column].to_pylist(), strict=True)
            rows = [place for place, (source, value) in enumerate(pairs) if self._is_own(source, value)]
            if part.rule.id in _AT_ONCE:
                rows = sorted({*rows, *self._told_at_once(part)})
            chosen.append(dataclasses.replace(part, table=part.table.take(rows or pyarrow.array([], "int64"))))
        return [part for part in chosen if len(part)]

    @cached_property
    def evidence(self) -> list[dict[str, Any]]:
        """Log, time, file, sha256, line and event_id of every row behind the case, in the order of events."""
        with self._laid_out(()) as (engine, _):
            lay_facts(engine, self.about, self._values)
            return pointers(engine, self.about, self._values)

    def to_dict(self) -> dict[str, Any]:
        """Return the whole case as plain values (schema `grantlens.case/1`)."""
        with self._laid_out(()) as (engine, _):
            lay_facts(engine, self.about, self._values)
            count, used = files(engine, self.about, self._values)
            first = pointers(engine, self.about, self._values, MOST_POINTERS)
        whole = manifest(engine)
        batches = [row for row in whole["batches"] if (row["path"], row["sha256"]) in used]
        return {
            "schema": CASE_SCHEMA,
            "about": self.about.to_dict(),
            "made_by": made_by(engine),
            "window": {"since": format_time(self.window.since), "until": format_time(self.window.until)},
            "now": format_time(self.view.now),
            "tenant": self.store.tenant,
            "manifest": {
                "sha256": digest(batches),
                "contents_sha256": contents(batches),
                "store_sha256": whole["sha256"],
                "limits": list(LIMITS),
                "batches": batches,
            },
            "answers": self.answers(whole=True).to_dicts(),
            "coverage": self.facts["coverage"],
            "findings": [row for part in self.findings for row in part.to_dicts()],
            "rules": [
                {"id": part.rule.id, "question": part.rule.question, "remedy": part.rule.remedy}
                for part in self.findings
            ],
            "timeline": self._timeline.to_dicts(),
            "records": count,
            "evidence": first,
            "reproduce": {
                "command": f"grantlens case STORE --{self.about.kind}={shlex.quote(self.about.id)} "
                f"{f'--tenant={shlex.quote(self.store.tenant)} ' if self.store.tenant else ''}"
                f"--now {format_time(self.view.now)} -o DIR",
                **basis(engine),
            },
        }

    def write(self, directory: str | os.PathLike[str]) -> list[Path]:
        """Write the case: case.html, case.json, evidence.ndjson and custody.json, which holds the hashes of the others.

        Parameters
        ----------
        directory
            A folder; made if absent. A case of the same thing is replaced.

        Raises
        ------
        CaseError
            If the folder holds the case of something else, or cannot be written to.
        """
        from grantlens.report.case_page import case_page

        folder = Path(given_path(directory, 'Name a folder: case.write("case-1").', CaseError))
        keep_evidence(self.store.engine, [folder / name for name in WRITTEN])
        _keep_another(folder, self.about, self.store.tenant)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CaseError(f"The folder {folder} cannot be made: {error.strerror}.", "Name another one.") from None
        document = self.to_dict()
        texts = {PAGE: case_page(document, self._timeline.chart()), DOCUMENT: to_json(document)}
        try:
            # Written beside and put in place: whoever is stopped halfway keeps the case that was there.
            with TemporaryDirectory(prefix=".case-", dir=folder) as beside:
                written = [_write(Path(beside, name), text) for name, text in texts.items()]
                written.append(Path(beside, EVIDENCE))
                with self._laid_out(()) as (engine, _), written[-1].open("w", encoding="utf-8", newline="\n") as out:
                    lay_facts(engine, self.about, self._values)
                    out.writelines(f"{line}\n" for line in records(engine, self.about, self._values))
                written.append(
                    _write(Path(beside, CUSTODY), custody_text(custody(document, written, loaded(self.store.engine))))
                )
                return [path.replace(folder / path.name) for path in written]
        except OSError as error:
            remedy = "Free some space." if error.errno in NO_ROOM else "Name a folder you may write to."
            raise CaseError(f"The case cannot be written to {folder}: {error.strerror or error}.", remedy) from None

    def __repr__(self) -> str:
        used = self.facts["used"]
        grants = {(row["source"], row["grant_id"]) for row in self.facts["consents"]}
        return (
            f"Case {visible(str(self.about))}: {plural(used['calls'], 'call')}, {plural(len(grants), 'grant')}, "
            f"{plural(len(self.facts['revocations']), 'revocation')}"
        )

    def _repr_html_(self) -> str:
        return self.answers()._repr_html_()

    @contextmanager
    def _laid_out(self, rules: tuple[str, ...]) -> Iterator[tuple[Engine, list[Findings]]]:
        """Lay the rows of the case over the store, with the relations and the focus worked out."""
        engine = self.store.engine
        with (
            engine.alone(),
            narrowed(engine, self.about, self.store.tenant),
            detect.asked(self.view, rules, also=NEEDS) as found,
        ):
            try:
                lay_focus(engine, self.about)
                yield engine, found
            finally:
                drop_facts(engine)
                drop_focus(engine)

    def _concerns(self, finding: dict[str, Any]) -> bool:
        return self._is_own(finding["source"], finding[self.about.column]) or (
            finding["rule"] in _AT_ONCE and self._is_of_several(*(finding[name] for name in self._told_by))
        )

    def _is_own(self, source: str | None, value: str | None) -> bool:
        """Tell whether a finding's id is one of the case."""
        return self.about.is_it(source, value) if self.about.ids else value in self._own

    def _told_at_once(self, part: Findings) -> Iterator[int]:
        """Yield the places of findings that are told once of several tokens, grants or people, the calls of the case among them."""
        rule, columns = part.rule.id, (part.table[name].to_pylist() for name in self._told_by)
        for place, (source, client, *rest) in enumerate(zip(*columns, strict=True)):
            if rule in LOCAL and (rule, source, client) not in self._open:
                continue
            if self._is_of_several(source, client, *rest):
                yield place

    @property
    def _told_by(self) -> tuple[str, ...]:
        return "source", "client_id", "subject_id", self.about.column, "detail"

    def _is_of_several(
        self, source: str, client: str | None, subject: str | None, value: str | None, detail: str | dict[str, Any]
    ) -> bool:
        """Tell whether a finding that names none of its tokens, grants or people is of callers of the case."""
        if value is not None or (source, client, subject) not in self._callers:
            return False
        told = json.loads(detail) if isinstance(detail, str) else detail
        return bool(told.get(f"{self.about.kind}s"))


_AT_ONCE = ("INT-1", "OOS-1", "OOS-3")
"""Rules that tell once of several tokens, grants or people of a client what holds for each of them: that it cannot be decided."""

_CALLERS = "SELECT DISTINCT source, client_id, subject_id FROM named_caller SEMI JOIN focus_caller USING (caller_id)"


def _own_ids(engine: Engine, about: Asked) -> set[str]:
    """Return the ids by which findings are known to be about the case."""
    table = {"grant": "focus_grant", "token": "focus_token"}.get(about.kind)
    if table is None:
        return {about.id}
    return {about.id} | {name for (name,) in engine.rows(f"SELECT {about.column} FROM {table}")}


def _keep_another(folder: Path, about: Asked, tenant: str | None) -> None:
    """Raise an error if the folder holds the case of something else: its evidence and custody record would be gone."""
    try:
        former = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))
        held, whose = former["about"], former.get("tenant")
        other = Asked(held["kind"], held["id"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if (other.kind, other.id, whose) != (about.kind, about.id, tenant):
        where = f" in tenant {visible(str(whose))}" if whose else ""
        raise CaseError(
            f"{folder} holds the case of {visible(str(other))}{where}.",
            "Name another folder, or move that case away first.",
        )


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="\n")
    return path
