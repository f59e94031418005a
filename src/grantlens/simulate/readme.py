"""Writes the page that names each planted incident and says where to look."""

from grantlens.simulate.world import World

_HEAD = """# Sample data

One small run of the simulator:
`python -m grantlens.simulate data/samples --seed {seed} --days {days} --connections {connections}`.
The company, its people and its software are invented; nothing here comes from a real log. The period is {period};
the logs begin 30 days earlier, so that something can be quiet for longer than the rules ask.

| where | what |
|---|---|
| `logs/` | the logs, as `grantlens load` takes them |
| `catalogue.toml` | which scope permits which operation |
| `register.toml` | the organisation's register of clients, and the dates of its access reviews |
| `servers.toml` | how each resource server checks tokens; one is missing on purpose |
| `decisions.toml` | which access was to be revoked, and since when that was decided |
| `truth.json` | the right answer: `expected` findings by rule, `open` ones that may go either way, the list of `grants`, facts per incident |

## Planted incidents

STORE is a store that holds all of this, such as the one that `grantlens demo` makes in `grantlens-demo/`. `Fires` names
rules, and in brackets the verdict that `grantlens detect` prints; PRV-1 also says of the scope that it is unused, that
there is too little evidence (insufficient evidence), or that no log could show its use (not observable). What is clear
is left out of tables: `--format json` lists it. The present is {now}, for some findings depend on it.
"""


IN_THE_CASE = ("OOS-1", "OOS-3", "REV-1", "REV-2", "REV-9", "REV-11")
"""Rules that `grantlens case` asks on the terminal; it names their violations."""

VERDICTS = {"OOS-12": "clear", "INT-5": "violation", "PRV-1": "violation"}
"""What `grantlens detect` prints where the truth leaves the verdict to the rule, as it only counts or estimates."""


def readme(world: World) -> str:
    """Return the page."""
    period = f"{world.begin:%Y-%m-%d} to {world.end:%Y-%m-%d}, end exclusive"
    now = f"{world.end:%Y-%m-%d}"
    text = [_HEAD.format(seed=world.seed, days=world.days, connections=world.connections, period=period, now=now)]
    for incident in world.truth.incidents:
        rows = [row for row in world.truth.expected if row["incident"] == incident.name and row.get("state") != "used"]
        fires = sorted({f"{row['rule']} ({_word(row)})" for row in rows})
        silent = sorted({row["rule"] for row in incident.must_not_fire})
        text += [f"### {incident.title}", "", incident.story, ""]
        if fires:
            text.append(f"- Fires: {', '.join(fires)}")
        if silent:
            text.append(f"- Must stay silent: {', '.join(silent)}")
        text += [f"- Look at: {place}" for place in _places(rows, now)]
        text.append("")
    return "\n".join(text).rstrip() + "\n"


def _verdict(row: dict) -> str:
    return row["verdict"] or VERDICTS[row["rule"]]


def _word(row: dict) -> str:
    return f"{_verdict(row)}: {row['state'].replace('_', ' ')}" if row.get("state") else _verdict(row)


def _places(rows: list[dict], now: str) -> list[str]:
    """Return the commands that show what was found: the case where it names it, else the rule."""
    shown = [row for row in rows if row["rule"] in IN_THE_CASE and _verdict(row) == "violation"]
    rules: dict[str, set[str]] = {}
    for row in shown:
        rules.setdefault(row["client_id"], set()).add(row["rule"])
    places = []
    for client, own in sorted(rules.items()):
        if own <= set().union(*(rules[each] for each in rules if each < client)):
            continue
        alike = sum(other == own for other in rules.values())
        places.append(f"`grantlens case STORE --client {client}`" + ("" if alike == 1 else " and its like"))
    named = {row["rule"] for row in shown}
    if others := [row for row in rows if row["rule"] not in named]:
        asked = " ".join(sorted({row["rule"] for row in others}))
        whole = " --format json" if any(_verdict(row) == "clear" for row in others) else ""
        places.append(f"`grantlens detect STORE {asked} --now {now}{whole}`" + _of(others))
    return places


def _of(rows: list[dict]) -> str:
    """Say whose findings are meant, where one client is."""
    clients = sorted({row["client_id"] for row in rows if row.get("client_id")})
    return f", at {clients[0]}" + ("" if len(clients) == 1 else " and its like") if clients else ""
