"""An incident about when and how much a client works: OOS-14, and a harmless twin."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from grantlens.simulate.apis import FILES
from grantlens.simulate.life import Connection
from grantlens.simulate.population import PEOPLE, Client, every_operation_of
from grantlens.simulate.world import World

ZONE = "Europe/Zurich"
PER_DAY = 12


def night_shift(world: World) -> None:
    """Tell the story: a planner works on a Saturday night, and one day four times as much as ever."""
    world.truth.begin(
        "night_shift",
        "Work at night, and more of it than ever",
        "shift-planner reads the files of its team on Tuesdays, within the hours and the number of calls for which it is registered. One Saturday it does "
        "so at two in the morning, and on a Wednesday it reads 16 files. Its scopes permit all of that. roster-check, with the same limits, works on "
        "Friday evenings until five minutes before they end.",
    )
    planner, checker = _opened(world, "shift-planner", "Shift Planner"), _opened(world, "roster-check", "Roster Check")
    for day in range(2, world.days - 3):
        morning = _local(world, day)
        if morning.weekday() == 1:
            _read(planner, morning + timedelta(hours=9), 3)
        if morning.weekday() == 4:
            _read(checker, morning + timedelta(hours=18, minutes=50), 4)
    weeks = [day for day in range(int(world.days * 0.6), world.days - 3) if _local(world, day).weekday() == 5]
    _read(planner, _local(world, weeks[0]) + timedelta(hours=2), 4)
    _read(planner, _local(world, weeks[0] - 3) + timedelta(hours=10), PER_DAY + 4)
    for limit in ("hours", "calls per day"):
        world.truth.expect("OOS-14", "violation", client_id=planner.grant.client.client_id, limit=limit)
    world.truth.forbid("OOS-14", "it kept within its limits", client_id=checker.grant.client.client_id)


def _opened(world: World, slug: str, name: str) -> Connection:
    limits = (("approved_hours", [f"Mon-Fri 07:00-19:00 {ZONE}"]), ("calls_per_day", PER_DAY))
    scopes = ("files.read",)
    client = Client(
        slug, name, "service", PEOPLE[5].mail, "Plan the shifts", every_operation_of(FILES, scopes), limits=limits
    )
    return Connection(
        world, world.grant(client, None, FILES, scopes, world.start + timedelta(hours=30), consent=None), "service"
    )


def _local(world: World, day: int) -> datetime:
    """Return the midnight in which a day of the place begins."""
    return (
        (world.start + timedelta(days=day))
        .astimezone(ZoneInfo(ZONE))
        .replace(hour=0, minute=0, second=0, microsecond=0)
    )


def _read(connection: Connection, moment: datetime, calls: int) -> None:
    token = connection.access(moment.astimezone(connection.world.start.tzinfo), life_s=3600.0)
    for number in range(calls):
        connection.call(token, token.issued + timedelta(seconds=20 + 75 * number))


ALL = (night_shift,)
