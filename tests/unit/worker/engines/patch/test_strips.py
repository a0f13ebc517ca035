"""Strips run once each on any number of threads, and nothing runs on after a stop."""

from __future__ import annotations

import threading

import pytest

from worker.engines.patch.strips import Workers


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_run_calls_the_kernel_once_a_strip_when_threads_share_them(threads: int) -> None:
    ran: list[tuple[int, int]] = []
    with Workers(lambda: None, threads) as workers:
        workers.run(lambda first, last: ran.append((first, last)), [0, 3, 4, 9, 12])
    assert sorted(ran) == [(0, 3), (3, 4), (4, 9), (9, 12)]


def test_run_takes_no_more_strips_when_the_check_stops_it() -> None:
    ran: list[int] = []

    def stop() -> None:
        raise InterruptedError

    with Workers(stop, 1) as workers, pytest.raises(InterruptedError):
        workers.run(lambda first, _: ran.append(first), [0, 1, 2, 3])
    assert ran == [0]


def test_run_raises_what_a_helper_raised_when_a_kernel_fails() -> None:
    caller, both_run = threading.get_ident(), threading.Barrier(2, timeout=60)

    def kernel(first: int, _: int) -> None:
        both_run.wait()
        if threading.get_ident() != caller:
            raise ArithmeticError(first)

    with Workers(lambda: None, 2) as workers, pytest.raises(ArithmeticError):
        workers.run(kernel, [0, 1, 2])
