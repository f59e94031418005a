"""The networks that the register lists for a client: as people write them, and as the addresses of calls are compared with them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from grantlens.handwritten import Entry

WIDEST = {4: 8, 6: 16}
"""The shortest prefix that may be listed, by the version of IP: nobody holds more, and what holds nearly every address tells no place."""

_EMBEDDED = ipaddress.IPv6Network("::ffff:0:0/96")
_SHAPE = re.compile("[0-9a-fA-F:.]+(/[0-9]{1,3})?")
_EXPECTED = 'Write networks = ["203.0.113.0/24", "2001:db8::/32", "198.51.100.7"].'

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(entry: Entry, key: str) -> list[dict[str, str]] | None:
    """Return the networks under a key, or None where there is none; a mistake names its line."""
    written = entry.texts(key)
    return None if written is None else ranges(_network(entry, key, text.strip()) for text in written)


def ranges(listed: Iterable[str | Network]) -> list[dict[str, str]]:
    """Return networks as the register keeps them, without those that lie in another one.

    First and last address are written as relation `caller_place` writes those of calls, so that they can be compared as texts.

    Examples
    --------
    >>> ranges(["198.51.100.7", "198.51.100.0/24"])
    [{'network': '198.51.100.0/24', 'first_address': '00000000000000000000ffffc6336400', 'last_address': '00000000000000000000ffffc63364ff'}]
    """
    found: list[Network] = []
    for network in sorted(map(ipaddress.ip_network, listed), key=lambda each: (_bounds(each)[0], each.prefixlen)):
        if not found or _bounds(network)[1] > _bounds(found[-1])[1]:
            found.append(network)
    return [
        {
            "network": str(each) if each.num_addresses > 1 else str(each.network_address),
            "first_address": first,
            "last_address": last,
        }
        for each in found
        for first, last in [_bounds(each)]
    ]


def _bounds(network: Network) -> tuple[str, str]:
    before = int(_EMBEDDED.network_address) if network.version == 4 else 0
    first, last = (int(each) + before for each in (network.network_address, network.broadcast_address))
    return f"{first:032x}", f"{last:032x}"


def _network(entry: Entry, key: str, text: str) -> Network:
    address = text.partition("/")[0]
    try:
        if not _SHAPE.fullmatch(text):
            raise ValueError
        network = _as_ipv4(ipaddress.ip_network(text, strict=False))
        exact = _as_ipv4(ipaddress.ip_network(address))
    except ValueError:
        raise entry.mistake(f"{text!r} in {key!r} is no network and no address.", key, _EXPECTED) from None
    holds_ipv4 = network.version == 6 and network.supernet_of(_EMBEDDED)
    if network.prefixlen < (widest := WIDEST[network.version]) or holds_ipv4:
        remedy = f"List the networks themselves, none wider than /{widest}."
        raise entry.mistake(f"{text!r} in {key!r} is so wide that it tells no place.", key, remedy)
    if network.network_address != exact.network_address:
        remedy = f"Write {str(network)!r} for the network, or {address!r} for the one address."
        raise entry.mistake(f"{text!r} in {key!r} is an address inside a network, not the network.", key, remedy)
    return network


def _as_ipv4(network: Network) -> Network:
    """Return a network of IPv4 addresses in their IPv6 form (::ffff:203.0.113.0/120) as what it is."""
    if network.version == 6 and network.subnet_of(_EMBEDDED):
        return ipaddress.IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network
