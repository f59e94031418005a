"""Networks of a client: what is read, what a mistake says, and which addresses lie in what is kept."""

import ipaddress
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantlens.errors import RegisterError
from grantlens.register.networks import WIDEST, ranges
from grantlens.register.register import Register

C = "[[client]]\nclient_id = 'a'\n"


@pytest.fixture
def read(tmp_path):
    def networks_of(text, name="connections.toml"):
        path = tmp_path / name
        path.write_text(text)
        return Register.read(path).clients[0]["networks"]

    return networks_of


def named(found):
    return None if found is None else [each["network"] for each in found]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (["203.0.113.0/24", "2001:db8::/32"], ["203.0.113.0/24", "2001:db8::/32"]),
        (["198.51.100.7", " 2001:DB8::7 "], ["198.51.100.7", "2001:db8::7"]),
        (["198.51.100.7/32", "2001:db8:0:0:0::7/128"], ["198.51.100.7", "2001:db8::7"]),
        (["::ffff:203.0.113.0/120", "::ffff:198.51.100.7"], ["198.51.100.7", "203.0.113.0/24"]),
        (["10.0.0.0/8", "fd12:3456:789a::/48", "2630::/16"], ["10.0.0.0/8", "2630::/16", "fd12:3456:789a::/48"]),
        (["203.0.113.9", "203.0.113.0/25", "203.0.113.0/24", "203.0.113.0/24"], ["203.0.113.0/24"]),
        ([], []),
    ],
)
def test_what_is_written_and_what_is_kept(read, written, kept):
    assert named(read(C + f"networks = {json.dumps(written)}\n")) == kept
    cell = ";".join(written)
    assert named(read(f"client_id,networks\na,{cell}\n", "c.csv")) == (kept or None)


def test_who_lists_none_says_nothing(read):
    assert read(C) is None


@pytest.mark.parametrize(
    ("written", "says", "remedy"),
    [
        ("203.0.113.9/24", "is an address inside a network", "Write '203.0.113.0/24' for the network, or '203.0.113.9' for"),
        ("2001:db8::1/32", "is an address inside a network", "Write '2001:db8::/32' for"),
        ("::ffff:203.0.113.9/120", "is an address inside a network", "Write '203.0.113.0/24' for"),
        ("0.0.0.0/0", "so wide", "none wider than /8"),
        ("10.0.0.0/7", "so wide", "none wider than /8"),
        ("::/0", "so wide", "none wider than /16"),
        ("2000::/15", "so wide", "none wider than /16"),
        ("::ffff:0:0/96", "so wide", "none wider than /8"),
        ("::/80", "so wide", "none wider than /16"),
        *(
            (text, "no network and no address", "203.0.113.0/24")
            for text in ("", "mail", "203.0.113", "203.0.113.0/33", "203.0.113.0/255.255.255.0", "203.0.113.256", "2001:db8::/129",
                         "203.0.113.9:443", "[2001:db8::1]", "fe80::1%eth0", "203.0.113.0-203.0.113.9", "203.0.113.*", "/24", "203.0.113.0/",
                         "2001:db8::/32/4", "\u0662.0.0.1")
        ),
    ],
)  # fmt: skip
def test_a_mistake_names_its_line_and_what_was_expected(read, written, says, remedy):
    with pytest.raises(RegisterError, match=f"connections.toml line 4: .*{says}") as caught:
        read(C + f"owner = 'jo'\nnetworks = [\n  '192.0.2.0/24',\n  {json.dumps(written, ensure_ascii=False)},\n]\n")
    assert remedy in caught.value.remedy
    assert repr(written) in str(caught.value)


@pytest.mark.parametrize("written", ["7", "'203.0.113.0/24'", "['203.0.113.0/24', 7]", "{ip = '203.0.113.9'}"])
def test_a_list_of_texts_is_expected(read, written):
    with pytest.raises(RegisterError, match="line 3: 'networks' must be a list of texts"):
        read(C + f"networks = {written}\n")


def test_a_mistake_in_csv_names_its_line(read):
    with pytest.raises(RegisterError, match=r"c\.csv line 3: .*'203.0.113.9/24'.* inside a network"):
        read("client_id,networks\nb,203.0.113.0/24\na,192.0.2.0/24; 203.0.113.9/24\n", "c.csv")


NETWORKS = st.one_of(
    st.builds(
        lambda address, prefix: ipaddress.ip_network((address, prefix), strict=False),
        st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=4, network="203.0.112.0/22")),
        st.integers(WIDEST[4], 32),
    ),
    st.builds(
        lambda address, prefix: ipaddress.ip_network((address, prefix), strict=False),
        st.one_of(st.ip_addresses(v=6), st.ip_addresses(v=6, network="2001:db8::/120")),
        st.integers(WIDEST[6], 128),
    ).filter(
        lambda network: (
            int(network.network_address) >> 32 != 0xFFFF and ipaddress.ip_address("::ffff:0:0") not in network
        )
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(NETWORKS, max_size=12), st.lists(st.ip_addresses(), max_size=5))
def test_an_address_is_inside_as_the_standard_library_has_it(listed, others):
    kept = ranges(map(str, listed))
    edges = [edge for each in listed for edge in (each.network_address, each.broadcast_address)]
    beside = [edge + step for edge in edges for step in (-1, 1) if 0 < int(edge) + step < 2**edge.max_prefixlen]
    for address in (*edges, *beside, *others):
        number = int(address if address.version == 6 else ipaddress.ip_address(f"::ffff:{address}"))
        holding = [each for each in kept if int(each["first_address"], 16) <= number <= int(each["last_address"], 16)]
        around = [each for each in listed if each.version == address.version and address in each]
        assert len(holding) == bool(around), "of networks inside each other the widest is kept"
        assert all(len(each["first_address"]) == len(each["last_address"]) == 32 for each in holding)


def test_they_come_into_a_store_and_an_entry_without_them_takes_them_out(tmp_path, engine):
    path = tmp_path / "connections.toml"
    for more, kept in (("networks = ['203.0.113.9', '2001:db8::/32']\n", 2), ("networks = []\n", 0), ("", None)):
        path.write_text(C + more)
        Register.read(path).write_to(engine)
        assert engine.value("SELECT len(networks) FROM register") == kept
