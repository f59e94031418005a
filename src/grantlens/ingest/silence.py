"""Which silences of a log are gaps: those that are far longer than all others, in hours of which the log is usually alive.

What is assumed: a log has the rhythm of a week, and in the hours in which it is usually alive its records come independently,
alone or in bursts. A log that tells no rhythm, since it is shorter than two weeks, must be silent far longer.

Each silence is measured by what it misses: the hours of the week that it spans, each counted by the share of the *other* weeks
in which it had a record. A night or a weekend counts for little, and so does what happens every Sunday. The silences are put in
order, and the longest of them are gaps if the shortest of these is far longer than the next: so two outages of like length
do not hide each other, as they would if each had to be longer than nearly all others. Of independent records the longest
silence is f times the next with a chance of about m^-2(f-1), where m counts the silences that are at least half as long as
the next; f follows from the chance that is allowed. Few bursts have a small m, so much is asked of them.
"""

MIN_EVENTS = 100
"""Records below which a silence says nothing: no gap is looked for."""

MIN_EVENTS_SHORT = 1000
"""The same, of a log that is too short to tell its rhythm."""

RHYTHM_SECONDS = 14 * 86400.0
"""How long a log must be to tell the rhythm of its week."""

MIN_GAP_SECONDS = 3600.0
"""No silence shorter than this is a gap."""

MIN_MISSED = 2.0
"""Hours of which a log is usually alive that a gap must miss, where the rhythm is known."""

GAP_FACTOR = 2.0
"""How many times as long as the longest other silence a gap must be, at least."""

GAP_FACTOR_SHORT = 5.0
"""The same, where the rhythm is not known: a weekend is four to five times as long as a night."""

CHANCE = 0.001
"""The chance of a longest silence that is taken for a gap and was none; from it follows what is asked beyond the factor."""

MOST_GAPS = 10
"""Gaps that a log may have: what is silent more often is so by nature. Nor may they take half of its time."""

BEFOREHAND = 0.1
"""How much of a week the log as a whole counts in the share of each hour."""

FAR_SECONDS = 365 * 86400.0
"""A silence that is longer, and longer than the log itself, parts far records from it: their times are likely wrong.

They are kept and shown, and neither gaps nor a window without ends are measured by them."""

FAR_SHARE = 0.01
"""The share of a source's records, or else one record, that can be far from the others."""

FAR_AMONG = 20
"""Records of a source below which none is far from the others."""

VALUES = {
    "far_seconds": FAR_SECONDS,
    "far_share": FAR_SHARE,
    "far_among": FAR_AMONG,
    "min_events": MIN_EVENTS,
    "min_events_short": MIN_EVENTS_SHORT,
    "rhythm": RHYTHM_SECONDS,
    "min_gap": MIN_GAP_SECONDS,
    "min_missed": MIN_MISSED,
    "factor": GAP_FACTOR,
    "factor_short": GAP_FACTOR_SHORT,
    "chance": CHANCE,
    "most_gaps": MOST_GAPS,
    # Beyond so many alike silences the factor alone decides, so that no more of them need be looked at.
    "most_looked_at": MOST_GAPS + round(CHANCE**-0.5) + 2,
    "beforehand": BEFOREHAND,
}
"""What the steps below bind."""

# Hours are numbered from 1970-01-01 on, hours of the week so that none is negative.
_HOUR_OF = "floor(epoch({moment}) / 3600)::BIGINT"
_OF_WEEK = "(({hour} % 168 + 168) % 168)"
_HOUR = _HOUR_OF.format(moment="minute")
_SOONER, _LATER = _HOUR_OF.format(moment="silent_from"), _HOUR_OF.format(moment="first_event")


def _alive(week: str, hour: str, moment: str) -> str:
    """The hours in which a log is usually alive, from a fixed moment up to this one."""
    return (
        f"floor({hour} / 168.0) * {week}.whole_week + {week}.before + {week}.share * (epoch({moment}) / 3600 - {hour})"
    )


SILENCES = f"""
-- All logs of a source together, since its files mark the ends of each.
moment AS (
    SELECT source, tenant, minute, sum(records) AS records, min(first_event) AS first_event, max(last_event) AS last_event
    FROM minute
    SEMI JOIN (SELECT source, coalesce(tenant, '') AS named FROM minute GROUP BY source, tenant
               HAVING sum(records) >= $far_among AND epoch(max(last_event)) - epoch(min(first_event)) > $far_seconds) long
    ON long.source = minute.source AND long.named = coalesce(minute.tenant, '')
    GROUP BY ALL
),
counted_up AS (
    SELECT *, sum(records) OVER in_time - records AS before, lag(last_event) OVER in_time AS silent_from,
           sum(records) OVER (PARTITION BY source, tenant) AS total,
           greatest(1, $far_share * sum(records) OVER (PARTITION BY source, tenant)) AS few
    FROM moment
    WINDOW in_time AS (PARTITION BY source, tenant ORDER BY minute)
),
compared AS (
    SELECT *, epoch(max(last_event) FILTER (total - before > few) OVER (PARTITION BY source, tenant))
              - epoch(min(first_event) FILTER (before + records > few) OVER (PARTITION BY source, tenant)) AS core_s
    FROM counted_up
),
near AS MATERIALIZED (
    SELECT source, tenant, max(first_event) FILTER (before <= few) AS near_from, min(silent_from) FILTER (total - before <= few) AS near_until
    FROM compared
    WHERE epoch(first_event) - epoch(silent_from) > greatest($far_seconds, core_s)
    GROUP BY source, tenant
),
placed AS (
    SELECT m.*, coalesce(m.first_event < n.near_from, false) OR coalesce(m.first_event > n.near_until, false) AS far
    FROM minute m LEFT JOIN near n ON n.source = m.source AND n.tenant IS NOT DISTINCT FROM m.tenant
),
stream AS MATERIALIZED (
    SELECT *, row_number() OVER () AS stream, total >= CASE WHEN has_rhythm THEN $min_events ELSE $min_events_short END AS looked_at
    FROM (
        SELECT source, tenant, log, in_part, sum(records) AS total,
               min({_HOUR}) AS first_hour, max({_HOUR}) AS last_hour, count(DISTINCT {_HOUR}) AS alive_hours,
               (epoch(max(last_event)) - epoch(min(first_event))) / 3600 AS hours,
               epoch(max(last_event)) - epoch(min(first_event)) >= $rhythm AS has_rhythm
        FROM placed WHERE NOT far
        GROUP BY source, tenant, log, in_part)
),
silence AS MATERIALIZED (
    SELECT m.*, s.stream, s.looked_at, s.has_rhythm, lag(m.last_event) OVER in_time AS silent_from,
           epoch(m.first_event) - epoch(lag(m.last_event) OVER in_time) AS silent_s, m.far OR lag(m.far) OVER in_time AS beside_far
    FROM placed m
    LEFT JOIN stream s ON s.source = m.source AND s.tenant IS NOT DISTINCT FROM m.tenant AND s.log = m.log AND s.in_part = m.in_part
    WINDOW in_time AS (PARTITION BY m.source, m.tenant, m.log, m.in_part ORDER BY m.minute)
),
alive AS (
    SELECT stream, {_OF_WEEK.format(hour=_HOUR)} AS of_week, count(DISTINCT {_HOUR}) AS weeks
    FROM silence WHERE looked_at AND has_rhythm AND NOT far
    GROUP BY ALL
),
-- Whoever asks about an hour asks because it was silent: it counts by the other weeks.
shared AS (
    SELECT s.stream, w.of_week,
           least(1.0, (coalesce(a.weeks, 0) + $beforehand * s.alive_hours / (s.last_hour - s.first_hour + 1))
               / (greatest((s.last_hour - s.first_hour - ((w.of_week - s.first_hour) % 168 + 168) % 168) // 168, 0) + $beforehand)) AS share
    FROM stream s
    CROSS JOIN (SELECT unnest(range(168)) AS of_week) w
    LEFT JOIN alive a ON a.stream = s.stream AND a.of_week = w.of_week
    WHERE s.looked_at AND s.has_rhythm
),
week AS MATERIALIZED (
    SELECT stream, of_week, share, sum(share) OVER up_to - share AS before, sum(share) OVER (PARTITION BY stream) AS whole_week
    FROM shared
    WINDOW up_to AS (PARTITION BY stream ORDER BY of_week)
),
measured AS MATERIALIZED (
    SELECT i.*, CASE WHEN i.beside_far THEN NULL
                     WHEN i.has_rhythm THEN ({_alive("b", _LATER, "first_event")}) - ({_alive("a", _SOONER, "silent_from")})
                     WHEN i.looked_at THEN i.silent_s / 3600 END AS missed
    FROM silence i
    LEFT JOIN week a ON a.stream = i.stream AND a.of_week = {_OF_WEEK.format(hour=_SOONER)}
    LEFT JOIN week b ON b.stream = i.stream AND b.of_week = {_OF_WEEK.format(hour=_LATER)}
),
longest AS (
    SELECT stream, unnest(longest) AS missed, generate_subscripts(longest, 1) AS place
    FROM (SELECT stream, max(missed, $most_looked_at) AS longest FROM measured WHERE missed IS NOT NULL GROUP BY stream)
),
ranked AS (
    SELECT *, lag(missed) OVER by_length AS longer, sum(missed) OVER by_length - missed AS all_longer
    FROM longest
    WINDOW by_length AS (PARTITION BY stream ORDER BY place)
),
-- If the first so many silences were gaps: how much each of them would have to miss, seen from the next.
asked AS (
    SELECT r.stream, r.place - 1 AS gaps, any_value(r.longer) AS longer, any_value(r.all_longer) AS all_longer,
           CASE WHEN count(*) > 1 THEN greatest(
               CASE WHEN any_value(s.has_rhythm) THEN $min_missed ELSE $min_gap / 3600 END,
               any_value(r.missed) * greatest(
                   CASE WHEN any_value(s.has_rhythm) THEN $factor ELSE $factor_short END, 1 - ln($chance) / (2 * ln(count(*))))) END AS least,
           any_value(coalesce(w.whole_week / 168, 1.0)) AS share
    FROM ranked r
    JOIN ranked o ON o.stream = r.stream AND o.place >= r.place AND o.missed >= r.missed / 2
    JOIN stream s ON s.stream = r.stream
    LEFT JOIN week w ON w.stream = r.stream AND w.of_week = 0
    WHERE r.place <= $most_gaps + 1
    GROUP BY r.stream, r.place
),
-- What a silence must miss to be a gap; told_from: how many hours of average ones that are.
chance AS (
    SELECT a.stream, a.least, CASE WHEN a.least / a.share < s.hours / 2 THEN a.least / a.share END AS told_from
    FROM asked a
    JOIN stream s USING (stream)
    WHERE a.gaps = 0 OR a.longer > a.least AND a.all_longer <= s.hours * a.share / 2
    QUALIFY row_number() OVER (PARTITION BY stream ORDER BY a.gaps DESC) = 1
),
judged AS (
    SELECT m.*, c.told_from, coalesce((m.missed > c.least OR m.beside_far) AND m.silent_s > $min_gap, false) AS after_gap
    FROM measured m
    LEFT JOIN chance c USING (stream)
)"""
"""Steps that read relation minute (source, tenant, log, in_part, minute, records, first_event, last_event) and make
judged: its rows with the silence before each and after_gap where it is a gap; told_from, the hours from which on one is told,
NULL where none is."""

NONE_JUDGED = """
stream AS (
    SELECT source, tenant, log, in_part, epoch(max(last_event)) - epoch(min(first_event)) >= $rhythm AS has_rhythm
    FROM minute
    GROUP BY source, tenant, log, in_part
),
judged AS (
    SELECT m.*, NULL::TIMESTAMPTZ AS silent_from, s.has_rhythm, false AS looked_at, NULL::DOUBLE AS told_from, false AS after_gap,
           false AS far, false AS beside_far
    FROM minute m
    JOIN stream s ON s.source = m.source AND s.tenant IS NOT DISTINCT FROM m.tenant AND s.log = m.log AND s.in_part = m.in_part
)"""
"""The same where no log is large or long enough to be looked at: to plan what looks at none takes longer than all else."""
