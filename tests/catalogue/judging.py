"""From a provider's file and a log to the findings of OOS-1, by the commands that users type."""

import json
from dataclasses import dataclass

from grantlens.cli import main
from grantlens.store import Store


@dataclass(frozen=True)
class Judged:
    """What came out."""

    findings: list
    calls: dict
    """Of each logged call (method and target, or operation): the operation of the catalogue, or None."""

    def verdicts(self):
        """Return (operation, verdict) of each finding; calls in scope have none."""
        return {(finding["operation"], finding["verdict"]) for finding in self.findings}

    def by_client(self):
        """Return (operation, verdict) of the finding of each client that has one."""
        return {finding["client_id"]: (finding["operation"], finding["verdict"]) for finding in self.findings}


class Judge:
    """Runs commands in one folder."""

    def __init__(self, folder, capsys):
        self._folder, self._capsys = folder, capsys

    def run(self, *words):
        """Run one command; return what it printed."""
        self._capsys.readouterr()
        code = main([str(word) for word in words])
        said = self._capsys.readouterr()
        assert code == 0, said.err
        return said.out

    def __call__(self, source, path, *logs, options=(), catalogue_first=False):
        """Build a catalogue, load logs (files, or lists of native records), and ask OOS-1."""
        store, built = self._folder / "store.duckdb", self._folder / "catalogue.parquet"
        self.run("catalogue", "build", source, path, "-o", built, *options)
        files = [self._file(number, log) for number, log in enumerate(logs)]
        if catalogue_first:  # a catalogue is added to a store: make it with its first log, the rest comes later
            self.run("load", store, files[0])
            self.run("catalogue", "add", store, built)
            self.run("load", store, *files[1:])
        else:
            self.run("load", store, *files)
            self.run("catalogue", "add", store, built)
        findings = json.loads(self.run("detect", store, "OOS-1", "--format", "json"))
        with Store(store, read_only=True) as opened:
            rows = opened.engine.rows(
                """
                SELECT coalesce(t.operation, concat_ws(' ', t.method, t.target)), o.label
                FROM usage_target t LEFT JOIN usage_operation u USING (target_id)
                LEFT JOIN cat_operation o ON o.op_id = u.operation_id
                """
            )
        return Judged(findings, dict(rows))

    def _file(self, number, log):
        if not isinstance(log, (list, tuple)):
            return log
        file = self._folder / f"log-{number}.ndjson"
        file.write_text("".join(json.dumps(record) + "\n" for record in log))
        return file
