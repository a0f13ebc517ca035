from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.contract.errors import Fault, Internal, InvalidField, PaintjobError, iter_error_classes
from service.documents.error_table import build_error_table
from service.documents.problems import STATUS, build_problem

DOCS = Path(__file__).parents[4] / "docs" / "errors.md"


def test_every_error_class_has_a_status() -> None:
    assert set(STATUS) == set(iter_error_classes())


def test_codes_are_unique() -> None:
    codes = [entry.code for entry in build_error_table().errors]
    assert len(set(codes)) == len(codes)


def test_refusals_to_try_again_have_a_status_that_says_so() -> None:
    for error, status in STATUS.items():
        if error.retryable:
            assert status in (409, 424, 429, 500, 503), error


def test_problem_holds_all_faults_and_no_input() -> None:
    error = InvalidField("two", faults=(Fault("/a", "invalid_field", "must be 1", ("1",)),))
    problem = build_problem(error, "r-1", "https://x")
    assert problem.type == "https://x/errors/invalid_field"
    assert (problem.status, problem.request_id) == (422, "r-1")
    assert problem.errors[0].model_dump() == {
        "pointer": "/a",
        "code": "invalid_field",
        "message": "must be 1",
        "allowed": ["1"],
    }


@pytest.mark.parametrize("error", [PaintjobError("x"), Internal("x")])
def test_error_without_a_row_shows_as_internal(error: PaintjobError) -> None:
    assert build_problem(error, "", "").code == "internal"


def test_documented_table_is_the_one_in_code() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| ([^|]+) \| (yes|no|later) \|", DOCS.read_text(), re.MULTILINE
    )
    documented = {code: (where.strip(), retryable != "no") for code, where, retryable in rows}
    expected = {
        entry.code: (
            {"answer": "{}", "job": "job ({})", "both": "{}, job"}[entry.met_in].format(
                entry.status
            ),
            entry.retryable,
        )
        for entry in build_error_table().errors
    }
    assert documented == expected
