"""`grantlens demo`: the bundled samples, loaded, asked and reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from grantlens.cli.message import say
from grantlens.cli.output import write_table
from grantlens.given_path import in_shell

EXAMPLES = """Examples:
  grantlens demo
  grantlens demo --out my-demo"""

STORE, REPORT = "demo.duckdb", "report.html"
"""What the demo writes; it may replace these two files and no other."""


def demo(
    *,
    out: Annotated[
        Path,
        Parameter(
            name=("--out", "-o"),
            metavar="DIR",
            help="Folder to write to, made if absent. ./grantlens-demo, if left out.",
        ),
    ] = Path("grantlens-demo"),
) -> int:
    """Load the sample logs of a made-up company, print the main findings, and write report.html."""
    from grantlens.access_review import review
    from grantlens.bundled import samples
    from grantlens.store import Store

    folder = samples()
    truth = json.loads((folder / "truth.json").read_text())
    out.mkdir(parents=True, exist_ok=True)
    path, page = out / STORE, out / REPORT
    path.unlink(missing_ok=True)
    say("Loading the sample logs of a made-up company.")
    load_samples(path, folder)
    say("Asking every rule.")
    with Store(path) as store:
        result = review(store, truth["period_from"], truth["until"], truth["now"])
        result.to_html(page)
    _tell(result.document)
    print(f"\nThe whole report: {page}")
    typed = in_shell(path)
    when = f"--since {truth['period_from'][:10]}/{truth['until'][:10]} --now {truth['now'][:10]}"
    print(f"Look closer:      grantlens case {typed} --client mailbox-mirror")
    print(f"                  grantlens detect {typed} {when} --records")
    print(f"                  grantlens grants {typed} {when} --live --advice")
    print(f"                  grantlens lag {typed} {when}")
    print("Your own logs:    grantlens load acme.duckdb LOGS")
    return 0


def load_samples(path: Path, folder: Path) -> None:
    """Make a store of the sample logs, their catalogue, register, servers and decisions."""
    from grantlens.catalogue.model import Catalogue
    from grantlens.cli.progress import progress
    from grantlens.errors import LoadError
    from grantlens.register.decisions import Decisions
    from grantlens.register.register import Register
    from grantlens.register.server import Servers
    from grantlens.store import Store

    with Store(path) as store, progress() as tell:
        report = store.load(folder / "logs", progress=tell)
        for name, message, remedy in report.failed:
            raise LoadError(f"{name}: {message}", remedy)
        store.add(
            Catalogue.build("toml", folder / "catalogue.toml"),
            Register.read(folder / "register.toml"),
            Servers.read(folder / "servers.toml"),
            Decisions.read(folder / "decisions.toml"),
        )


def _tell(document: dict[str, Any]) -> None:
    """Print what the front page of the report says: questions and answers, rules, and the worst findings."""
    from grantlens.report.outline import PAGE, facts, worst_first, worst_heading

    window = document["window"]
    print(f"From {window['since'][:10]} to {window['until'][:10]}:")
    for answer in document["answers"]:
        print(f"\n{answer['question']} {answer['headline']}.")
        for line in answer["lines"]:
            print(f"  {line}")
    rules = [
        {
            "rule": rule["id"],
            "violations": counts["violation"],
            "undecided": counts["indeterminate"],
            "question": rule["question"],
        }
        for rule in document["rules"]
        if (counts := rule["counts"])["violation"] or counts["indeterminate"]
    ]
    print("\nWhat the rules found")
    write_table(rules, ("rule", "violations", "undecided", "question"))
    worst = worst_first(document["findings"])
    shown = [finding | {"facts": "; ".join(facts(finding))} for finding in worst[: PAGE.worst]]
    print(f"\n{worst_heading(len(shown), document)}")
    write_table(shown, ("severity", "rule", "client_id", "events", "title", "facts"))
