"""Which addresses callers may have the service connect to, in every spelling."""

from __future__ import annotations

import pytest

from service.config import ServiceSettings
from service.outbound.addresses import AddressRefused, Unresolvable, is_reachable, resolve

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
PRIVATE = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - to be refused
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fec0::1",
]
NEVER = [
    "169.254.169.254",
    "fe80::1",
    "fe80::1%lo",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "224.0.0.1",
    "239.1.1.1",
    "ff02::1",
]
SPELLINGS = ["127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "0", "localhost", "::1"]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_reachable(address: str) -> None:
    assert is_reachable(address, allow_private=False)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_address_is_reachable_only_when_allowed(address: str) -> None:
    assert not is_reachable(address, allow_private=False)
    assert is_reachable(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER)
def test_link_local_and_multicast_are_never_reachable(address: str) -> None:
    assert not is_reachable(address, allow_private=False)
    assert not is_reachable(address, allow_private=True)


@pytest.mark.parametrize("host", SPELLINGS)
def test_resolve_judges_the_address_and_not_its_spelling(host: str) -> None:
    with pytest.raises(AddressRefused):
        resolve(host, 443, allow_private=False)
    assert resolve(host, 443, allow_private=True)


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "..", "a..b", "1.2.3.4.5"])
def test_resolve_tells_what_does_not_exist(host: str) -> None:
    with pytest.raises(Unresolvable):
        resolve(host, 443, allow_private=False)


def test_resolve_gives_each_address_once() -> None:
    assert resolve("8.8.8.8", 443, allow_private=False) == ["8.8.8.8"]


@pytest.mark.parametrize(
    "address",
    [
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
        "::ffff:168.63.129.16",
        "fd00:ec2:0::254",
    ],
)
def test_metadata_address_is_reachable_only_when_it_is_listed(address: str) -> None:
    assert not is_reachable(address, allow_private=False)
    assert not is_reachable(address, allow_private=True)
    listed = {"100.100.100.200", "168.63.129.16", "fd00:ec2::254"}
    assert is_reachable(address, allow_private=True, listed=listed)


def test_host_list_names_metadata_addresses_one_by_one() -> None:
    settings = ServiceSettings(image_url_hosts="168.63.129.16,img.example.org")
    assert settings.image_url_policy.listed == {"168.63.129.16", "img.example.org"}
    assert not settings.webhook_policy.listed
