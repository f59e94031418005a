"""Networks beside the standard library's, and programs without their versions."""

import ipaddress

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grantlens.relations.caller_place import RELATION


def places(rows):
    """Return network, private and program of each (address, user agent)."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE usage_caller (caller_id INTEGER, ip VARCHAR, user_agent VARCHAR)")
        connection.executemany("INSERT INTO usage_caller VALUES (?, ?, ?)", [(i, *row) for i, row in enumerate(rows)])
        found = connection.execute(f"SELECT network, private, program FROM ({RELATION.sql}) ORDER BY caller_id")
        return found.fetchall()


def addresses_of(texts):
    """Return the whole address of each text, as a number."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE usage_caller (caller_id INTEGER, ip VARCHAR, user_agent VARCHAR)")
        connection.executemany("INSERT INTO usage_caller VALUES (?, ?, NULL)", list(enumerate(texts)))
        found = connection.execute(f"SELECT address FROM ({RELATION.sql}) ORDER BY caller_id").fetchall()
    assert all(told is None or len(told) == 32 for (told,) in found)
    return [told if told is None else int(told, 16) for (told,) in found]


def in_ipv6(address):
    """Return the number of an address where IPv4 ones lie in ::ffff:0:0/96."""
    return int(address) if address.version == 6 else int(ipaddress.ip_address("::ffff:0:0")) + int(address)


def written(address, how):
    """Write an address in one of the ways in which logs do."""
    if address.version == 4:
        return (str(address), f"{address}:443", f"::ffff:{address}")[how]
    return (str(address), address.exploded.upper(), f"[{address}]:443")[how]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.ip_addresses(), st.integers(0, 2)), min_size=1, max_size=60))
def test_any_address_lies_in_its_network(addresses):
    found = places([(written(address, how), None) for address, how in addresses])
    for (address, _), (network, _, program) in zip(addresses, found, strict=True):
        if address.version == 6 and address.ipv4_mapped:
            continue
        right = ipaddress.ip_network(address).supernet(new_prefix=24 if address.version == 4 else 64)
        assert ipaddress.ip_network(network) == right
        assert program is None


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.ip_addresses(), st.integers(0, 2)), min_size=1, max_size=60))
def test_the_whole_of_any_address(addresses):
    found = addresses_of([written(address, how) for address, how in addresses])
    assert found == [in_ipv6(address) for address, _ in addresses]


# Texts that are nearly addresses, put together of what addresses are made of.
NEARLY = st.lists(
    st.sampled_from((":", ":", "::", "0", "1", "ffff", "fffff", "00a", "1.2.3.4", "1.2.3.256", "01.2.3.4", "9.9.9")),
    min_size=1,
    max_size=17,
).map("".join)


@settings(max_examples=20, deadline=None)
@example(["::1:1.2.3.4:001", "::ffff:1.2.3.4:001"])
@given(st.lists(NEARLY, min_size=50, max_size=200, unique=True))
def test_what_is_no_address_has_none(texts):
    for text, told in zip(texts, addresses_of(texts), strict=True):
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            # A port may stand behind an IPv4 address; :: beside eight groups stands for nothing.
            if text.count("::") != 1 or len([group for group in text.split(":") if group]) != 8:
                host, _, port = text.rpartition(":")
                right = in_ipv6(ipaddress.ip_address(host)) if port.isdigit() and is_quad(host) else None
                assert told == right, text
        else:
            assert told == in_ipv6(address), text


def is_quad(text):
    """True if a text is an IPv4 address, be it one that IPv6 has for it, as in `::ffff:192.0.2.7`."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return "." in text and (address.version == 4 or (text.count(":") == 3 and address.ipv4_mapped is not None))


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("192.0.2.7:443", "192.0.2.7"),
        ("::FFFF:192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7:443", "192.0.2.7"),
        ("::ffff:c000:207", "192.0.2.7"),
        ("[::ffff:192.0.2.7]:443", "192.0.2.7"),
        ("0:0:0:0:0:ffff:192.0.2.7", "192.0.2.7"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_one_address_in_many_ways(text, same_as):
    assert addresses_of([text]) == [in_ipv6(ipaddress.ip_address(same_as))]


@pytest.mark.parametrize(
    "text", ["192.0.2.256", "192.0.2.07", "192.0.2", "1:2:3", "1::2::3", ":::1", "1:2:3:4:5:6:7:8:9", "x", ""]
)
def test_what_is_no_address_is_in_no_range(text):
    assert addresses_of([text]) == [None]


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("10.1.2.3", True),
        ("172.15.0.1", False),
        ("172.16.0.1", True),
        ("172.31.9.9", True),
        ("172.32.0.1", False),
        ("192.168.0.7", True),
        ("192.169.0.7", False),
        ("100.63.0.1", False),
        ("100.64.0.1", True),
        ("100.127.0.1", True),
        ("100.128.0.1", False),
        ("169.254.1.1", True),
        ("127.0.0.1", True),
        ("110.1.2.3", False),
        ("fd12:3456::1", True),
        ("fe80::1%eth0", True),
        ("::1", True),
        ("2001:db8::1", False),
    ],
)
def test_a_private_address(address, private):
    assert places([(address, None)])[0][1] is private


@pytest.mark.parametrize("address", ["", "unknown", "AWS Internal", "cloudformation.amazonaws.com", "1:2:3", "1.2.3"])
def test_what_is_no_address_is_no_place(address):
    assert places([(address, None)]) == [(None, False, None)]


CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("agents", "program"),
    [
        (("Boto3/1.26.1 md/Botocore", "[Boto3/1.28 x]", "Boto3"), "boto"),
        (("aws-sdk-go/1.44.1 (go1.18)", "aws-sdk-go-v2/1.17.0 os/linux"), "aws-sdk-go"),
        (("python-requests/2.27.1", "python-requests/2.32.4"), "python-requests"),
        (("stratus-red-team_39f95f43-cd2f-4beb-b69e-be60b6fe1f57",), "stratus-red-team"),
        ((f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}", f"Mozilla/5.0 (Windows NT 11.0) {CHROME}"), "chrome on windows"),
        ((f"Mozilla/5.0 (Windows NT 10.0) {CHROME} Edg/120.0",), "edge on windows"),
        ((f"Mozilla/5.0 (X11; Linux x86_64) {CHROME}",), "chrome on linux"),
        (("Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0",), "firefox on linux"),
        (("Mozilla/5.0 (compatible; Bot/2.1)",), "mozilla"),
        (("7zip", "7zip/9"), "7zip"),
        (("123",), "123"),
        (("", "  "), None),
    ],
)  # fmt: skip
def test_a_program_is_the_same_in_all_versions(agents, program):
    assert {found[2] for found in places([(None, agent) for agent in agents])} == {program}
