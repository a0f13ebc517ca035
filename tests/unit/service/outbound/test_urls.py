"""Which URLs callers may name."""

from __future__ import annotations

import pytest

from service.contract.errors import InvalidField
from service.outbound.urls import LOOKUP_SLOTS, OutboundPolicy, _lookups, check_url

STRICT = OutboundPolicy()
OPEN = OutboundPolicy(allow_http=True, allow_private=True)


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("", "absolute https"),
        ("receiver", "absolute https"),
        ("/path", "absolute https"),
        ("https://", "absolute https"),
        ("https:///path", "absolute https"),
        ("ftp://8.8.8.8/", "absolute https"),
        ("file:///etc/passwd", "absolute https"),
        ("gopher://8.8.8.8/", "absolute https"),
        ("http://8.8.8.8/", "must be an https URL"),
        ("https://user:word@8.8.8.8/", "user or a password"),
        ("https://user@8.8.8.8/", "user or a password"),
        ("https://8.8.8.8/#part", "fragment"),
        ("https://8.8.8.8:99999/", "1 to 65535"),
        ("https://8.8.8.8:0/", "1 to 65535"),
        ("https://8.8.8.8:x/", "must be a URL"),
        ("https://[::1/", "must be a URL"),
        ("https://8.8.8.8/\r\nX: y", "must be a URL"),
        ("https://8.8.8.8/" + "a" * 2048, "at most 2048"),
        ("https://xn--/", "host that exists"),
        ("https://xn--a/", "host that exists"),
        ("https://127.0.0.1/", "private or reserved"),
        ("https://2130706433/", "private or reserved"),
        ("https://0x7f.1:8443/", "private or reserved"),
        ("https://[::ffff:127.0.0.1]/", "private or reserved"),
        ("https://169.254.169.254/latest/meta-data", "private or reserved"),
        ("https://localhost/", "private or reserved"),
        ("https://LOCALHOST/", "private or reserved"),
    ],
)
def test_url_that_breaks_a_rule_is_refused(url: str, rule: str) -> None:
    with pytest.raises(InvalidField, match=rule) as refusal:
        check_url(url, STRICT)
    assert not url or url not in str(refusal.value)


@pytest.mark.parametrize(
    "url", ["https://8.8.8.8/", "https://8.8.8.8:8443/a?b=c", "HTTPS://8.8.8.8"]
)
def test_url_on_a_public_address_passes(url: str) -> None:
    check_url(url, STRICT)


def test_url_may_be_http_and_private_when_the_operator_says_so() -> None:
    check_url("http://127.0.0.1:8080/hook", OPEN)
    with pytest.raises(InvalidField):
        check_url("http://169.254.169.254/", OPEN)
    with pytest.raises(InvalidField):
        check_url("http://127.0.0.1/", OutboundPolicy(allow_private=True))
    with pytest.raises(InvalidField):
        check_url("http://127.0.0.1/", OutboundPolicy(allow_http=True))


def test_url_is_not_looked_up_while_too_many_are() -> None:
    for _ in range(LOOKUP_SLOTS):
        assert _lookups.acquire(blocking=False)
    try:
        check_url("https://localhost/", STRICT)
    finally:
        _lookups.release(LOOKUP_SLOTS)
    with pytest.raises(InvalidField):
        check_url("https://localhost/", STRICT)
