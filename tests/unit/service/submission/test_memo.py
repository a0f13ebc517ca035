from __future__ import annotations

from functools import partial

import pytest

from service.contract.errors import ImageUndecodable, PaintjobError, StoreUnavailable
from service.submission.inspection import Memo


def test_what_was_found_is_not_looked_up_again() -> None:
    memo, looks = Memo(), []

    def look() -> str:
        looks.append(1)
        return "found"

    for _ in range(3):
        assert memo.recall("a", look) == "found"
    assert memo.recall("b", lambda: "other") == "other"
    assert len(looks) == 1


def test_refusal_is_remembered_and_what_passes_is_not() -> None:
    memo, looks = Memo(), []

    def refuse(error: type[PaintjobError]) -> str:
        looks.append(error)
        raise error("no")

    for error, count in ((ImageUndecodable, 1), (StoreUnavailable, 3)):
        looks.clear()
        for _ in range(3):
            with pytest.raises(error):
                memo.recall(error, partial(refuse, error))
        assert len(looks) == count


def test_memo_is_bounded() -> None:
    memo = Memo(most=2)
    for key in "abc":
        memo.recall(key, partial(str, key))
    assert memo.recall("a", lambda: "again") == "again"
    assert memo.recall("c", lambda: "again") == "c"
