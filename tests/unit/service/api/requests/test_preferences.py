"""`Prefer`, as RFC 7240 writes it."""

from __future__ import annotations

import pytest

from service.api.requests.preferences import Preferences, parse_preferences


@pytest.mark.parametrize(
    ("header", "seconds", "is_async"),
    [
        (None, None, False),
        ("", None, False),
        (",,", None, False),
        ("wait=10", 10, False),
        ("Wait = 60 , Respond-Async", 60, True),
        ('wait="5"', 5, False),
        ("wait=5, wait=9", 5, False),
        ("return=minimal", None, False),
        ("waiting 5, wait-not 3, respond-async-please now", None, False),
        ('note="a, wait=3"; level=2, respond-async', None, True),
        ("handling=lenient; wait=0, wait=1; now", 1, False),
    ],
)
def test_preferences_are_read(header: str | None, seconds: int | None, is_async: bool) -> None:
    assert parse_preferences(header) == Preferences(seconds, is_async)


@pytest.mark.parametrize(
    "header",
    [
        "wait",
        "wait=",
        "wait=0",
        "wait=61",
        "wait=-1",
        "wait=1.5",
        "wait=a",
        "wait=٣",
        "wait=99999",
        "wait=5 s",
        "wait 5",
        "wait:5",
        'wait="5',
        "return=minimal, Wait=5 s",
    ],
)
def test_wrong_wait_is_told_of(header: str) -> None:
    (fault,) = parse_preferences(header).faults
    assert (fault.pointer, fault.code) == ("Prefer", "invalid_field")
    assert "1 to 60" in fault.message


def test_respond_async_takes_no_value() -> None:
    (fault,) = parse_preferences("respond-async=yes").faults
    assert fault.pointer == "Prefer"


def test_applied_preferences_are_those_that_were_honored() -> None:
    both = parse_preferences("wait=5, respond-async")
    assert both.describe_applied(has_waited=True, is_async=False) == "wait=5"
    assert both.describe_applied(has_waited=True, is_async=True) == "wait=5, respond-async"
    assert parse_preferences("").describe_applied(has_waited=False, is_async=True) == ""
