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
| `truth.json` | the right answer: `expected` findings by rule, `open` ones that may go either way, facts per incident |

## Planted incidents
"""


def readme(world: World) -> str:
    """Return the page."""
    period = f"{world.begin:%Y-%m-%d} to {world.end:%Y-%m-%d}, end exclusive"
    text = [_HEAD.format(seed=world.seed, days=world.days, connections=world.connections, period=period)]
    for incident in world.truth.incidents:
        rows = [row for row in world.truth.expected if row["incident"] == incident.name and row.get("state") != "used"]
        fires = sorted({f"{row['rule']} ({row.get('state') or row['verdict'] or 'counted'})" for row in rows})
        silent = sorted({row["rule"] for row in incident.must_not_fire})
        text += [f"### {incident.title}", "", incident.story, ""]
        if fires:
            text.append(f"- Fires: {', '.join(fires)}")
        if silent:
            text.append(f"- Must stay silent: {', '.join(silent)}")
        if clients := sorted({row["client_id"] for row in rows if row.get("client_id")}):
            text.append(
                f"- Look at: `grantlens case STORE --client {clients[0]}`"
                + ("" if len(clients) == 1 else " and its like")
            )
        text.append("")
    return "\n".join(text).rstrip() + "\n"
