"""Which addresses what tenants name may lead to: not this machine, no metadata or wire server of a provider, by no detour.

An IPv6 address can stand for an IPv4 one (mapped, compatible, 6to4, Teredo, NAT64, ISATAP): what holds for that holds for it.
"""

import ipaddress
from collections.abc import Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Where providers answer machines about themselves, with credentials among it, beside the link-local 169.254.0.0/16.
_PROVIDERS = frozenset(
    map(
        ipaddress.ip_address,
        (
            "168.63.129.16",  # Azure: wire server
            "100.100.100.200",  # Alibaba Cloud
            "192.0.0.192",  # Oracle Cloud
            "fd00:ec2::254",  # AWS: instance metadata
            "fd00:ec2::23",  # AWS: credentials of EKS pods
            "fd20:ce::254",  # Google Cloud
            "fd00:c1::a9fe:a9fe",  # Oracle Cloud
            "fd00:42::42",  # Scaleway
        ),
    )
)
_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")  # Linux takes 0.0.0.0 for itself (RFC 1122: 3.2.1.3)
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215: where the IPv4 address stands in it is the operator's choice
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})  # RFC 5214


def is_out_of_bounds(address: Address) -> bool:
    """Whether nothing that a tenant names may lead there; private networks are in bounds: a company's servers stand there."""
    return any(_is_refused(one) for one in (address, *_embedded(address)))


def _is_refused(address: Address) -> bool:
    of_machine = address.is_loopback or address.is_link_local or address.is_unspecified or address in _PROVIDERS
    if isinstance(address, ipaddress.IPv6Address):
        return of_machine or address.is_multicast or address.is_site_local or address in _NAT64_LOCAL
    return of_machine or address.is_multicast or address.is_reserved or address in _THIS_NETWORK


def _embedded(address: Address) -> Iterator[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 one may lead to."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    if mapped := address.ipv4_mapped:
        yield mapped
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    low = int(address) & 0xFFFFFFFF
    if address in _NAT64 or (address in _COMPATIBLE and low > 1) or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        yield ipaddress.IPv4Address(low)


def plain(address: Address) -> Address:
    """The IPv4 address that a mapped one is, to be compared with networks.

    >>> plain(ipaddress.ip_address("::ffff:10.0.0.1"))
    IPv4Address('10.0.0.1')
    """
    return (address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None) or address
