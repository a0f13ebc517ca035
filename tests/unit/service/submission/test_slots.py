from __future__ import annotations

import threading

import pytest

from service.contract.errors import TooManyWaiters
from service.submission.slots import WeightedSlots
from tests.support.patience import wait_for


def test_hold_refuses_what_does_not_become_free_in_time() -> None:
    slots = WeightedSlots(100, 0.01, "full; retry")
    with slots.hold(60), slots.hold(40), pytest.raises(TooManyWaiters, match="full"), slots.hold(1):
        pass
    with slots.hold(100):
        pass


def test_hold_of_more_than_all_waits_for_all() -> None:
    slots = WeightedSlots(100, 0.01, "full; retry")
    with slots.hold(1), pytest.raises(TooManyWaiters), slots.hold(1000):
        pass
    with slots.hold(1000), pytest.raises(TooManyWaiters), slots.hold(1):
        pass


def test_hold_serves_in_order_so_that_a_large_one_gets_its_turn() -> None:
    slots, order = WeightedSlots(100, 60, "full; retry"), []

    def take(name: str, weight: int) -> None:
        with slots.hold(weight):
            order.append(name)

    with slots.hold(50):
        large = threading.Thread(target=take, args=("large", 100))
        large.start()
        wait_for(lambda: slots.waiting == 1)
        small = threading.Thread(target=take, args=("small", 1))
        small.start()
        wait_for(lambda: slots.waiting == 2)
        assert not order
    large.join(60)
    small.join(60)
    assert order == ["large", "small"]


def test_hold_gives_back_what_a_failed_block_held() -> None:
    slots = WeightedSlots(1, 0.01, "full; retry")
    with pytest.raises(ZeroDivisionError), slots.hold(1):
        raise ZeroDivisionError
    with slots.hold(1):
        pass
