"""From where each caller called: the network of its address, and the program by its name."""

from grantlens.relations.relation import Relation

_V4 = r"(?:::[fF]{4}:)?((\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3})(?::\d+)?"
_V6 = r"\[?([0-9a-fA-F:]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*)(?:%[^\]]*)?(?:\](?::\d+)?)?"
_NO_V6 = r":::|::.*::|\..*:|^:[^:]|[^:]:$"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_PRIVATE_V4 = r"(?:10|127|192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01])|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\."
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_VERSION = r"(?:[-_. ]+v)?[-_. ]*[0-9][0-9._-]*$"

RELATION = Relation(
    "caller_place",
    "From where each caller called, as far as that lasts. network is the /24 of an IPv4 address and the /64 of an IPv6 one, in which addresses "
    "change by themselves; private where it means a place only inside somebody's own network. address is all of it, as 32 hexadecimal digits: "
    "of an IPv4 one those that IPv6 has for it (::ffff:). program is the first product of the user agent, "
    "without its version; of a browser its family and system. Each is NULL where the log tells none.",
    rf"""
-- Addresses and user agents are taken apart once each: few occur, and often.
WITH address AS (
    SELECT ip, regexp_extract(ip, '^{_V4}$', 1) AS quad, regexp_extract(ip, '^{_V4}$', 2) AS v4, lower(regexp_extract(ip, '^{_V6}$', 1)) AS v6
    FROM (SELECT DISTINCT ip FROM usage_caller WHERE ip IS NOT NULL)
),
-- The eight groups of an IPv6 address; :: stands for as many zeros as are missing, and an IPv4 address at the end for two groups.
grouped AS (
    SELECT ip, v4, CASE WHEN v4 <> '' THEN ['0', '0', '0', '0', '0', 'ffff', quad] WHEN NOT regexp_matches(v6, '{_NO_V6}') THEN parts END AS whole, parts
    FROM (
        SELECT ip, v4, quad, v6,
               CASE WHEN v4 <> '' OR v6 = '' THEN NULL
                    WHEN contains(v6, '::')
                    THEN written[1] || list_transform(range(greatest(0, 8 - len(written[1]) - len(written[2]) - contains(v6, '.')::INTEGER)), lambda x: '0')
                         || written[2]
                    ELSE written[1] END AS parts
        FROM (
            SELECT *, [list_filter(string_split(split_part(v6, '::', 1), ':'), lambda x: x <> ''),
                       list_filter(string_split(split_part(v6, '::', 2), ':'), lambda x: x <> '')] AS written
            FROM address
        )
    )
),
-- What is no group or no IPv4 address leaves a sign that is no digit.
padded AS (
    SELECT ip, array_to_string(list_transform(whole, lambda x:
               CASE WHEN regexp_matches(x, '^[0-9a-f]{{1,4}}$') THEN lpad(x, 4, '0')
                    WHEN regexp_matches(x, '^({_OCTET}\.){{3}}{_OCTET}$')
                    THEN array_to_string(list_transform(string_split(x, '.'), lambda y: lpad(lower(hex(TRY_CAST(y AS INTEGER))), 2, '0')), '')
                    ELSE '-' END), '') AS digits
    FROM grouped
),
network AS (
    SELECT ip,
           CASE WHEN v4 <> '' THEN v4 || '.0/24'
                WHEN len(parts) >= 4
                THEN regexp_replace(
                    array_to_string(list_transform(parts[1:4], lambda x: CASE WHEN ltrim(x, '0') = '' THEN '0' ELSE ltrim(x, '0') END), ':'),
                    '(:0)+$', '') || '::/64' END AS network,
           CASE WHEN v4 <> '' THEN regexp_matches(v4 || '.', '^{_PRIVATE_V4}')
                ELSE regexp_matches(parts[1], '^(f[cd]..|fe[89ab].)$') OR array_to_string(parts, '') SIMILAR TO '0+1' END AS private
    FROM grouped
),
agent AS (
    SELECT user_agent, lower(ltrim(user_agent, '[("'' ')) AS plain
    FROM (SELECT DISTINCT user_agent FROM usage_caller WHERE user_agent IS NOT NULL)
),
program AS (
    SELECT user_agent,
           CASE WHEN NOT starts_with(plain, 'mozilla/')
                THEN coalesce(nullif(rtrim(regexp_replace(regexp_replace(product, '{_UUID}', ''), '{_VERSION}', ''), '-_. '), ''), nullif(product, ''))
                ELSE CASE WHEN regexp_matches(plain, '\b(edg|edge|edga|edgios)/') THEN 'edge'
                          WHEN regexp_matches(plain, '\b(opr|opera)/') THEN 'opera'
                          WHEN regexp_matches(plain, '\b(firefox|fxios)/') THEN 'firefox'
                          WHEN regexp_matches(plain, '(chrome|chromium|crios)/') THEN 'chrome'
                          WHEN regexp_matches(plain, '\bsafari/') THEN 'safari' ELSE 'mozilla' END
                     || coalesce(' on ' || nullif(regexp_extract(plain, '(windows|android|iphone|ipad|macintosh|cros|linux)', 1), ''), '') END AS program
    FROM (SELECT user_agent, plain, left(regexp_extract(plain, '^[^/ (;,\]]+'), 60) AS product FROM agent)
)
SELECT c.caller_id, n.network, coalesce(n.private, false) AS private, CASE WHEN regexp_matches(d.digits, '^[0-9a-f]{{32}}$') THEN d.digits END AS address, p.program
FROM usage_caller c
LEFT JOIN network n ON n.ip = c.ip
LEFT JOIN padded d ON d.ip = c.ip
LEFT JOIN program p ON p.user_agent = c.user_agent
""",
)
