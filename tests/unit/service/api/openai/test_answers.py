from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest

from service.api.openai.answers import EditsAnswer, measure_base64, stream_base64, translate_problem
from service.documents.schemas import Problem, ProblemFault

ANSWER = EditsAnswer(created=1, output_format="png", quality="auto", size="96x64")


@pytest.mark.parametrize("sizes", [(5,), (3, 4), (100, 0, 65_537)])
def test_stream_base64_gives_json_of_the_length_that_was_told(sizes: tuple[int, ...]) -> None:
    files = [bytes(index % 251 for index in range(size)) for size in sizes]

    def opener(data: bytes) -> Iterator[bytes]:
        return (data[start : start + 7] for start in range(0, len(data), 7))

    body = b"".join(stream_base64(ANSWER, [lambda data=each: opener(data) for each in files]))  # type: ignore[misc]
    assert len(body) == measure_base64(ANSWER, sizes)
    document = json.loads(body)
    assert [base64.b64decode(each["b64_json"]) for each in document["data"]] == files
    assert EditsAnswer.model_validate(document | {"data": []}) == ANSWER


@pytest.mark.parametrize(
    ("status", "told", "kind"),
    [
        (422, 400, "invalid_request_error"),
        (413, 413, "invalid_request_error"),
        (401, 401, "authentication_error"),
        (429, 429, "rate_limit_error"),
        (503, 503, "server_error"),
    ],
)
def test_translate_problem_gives_status_and_type(status: int, told: int, kind: str) -> None:
    fault = ProblemFault(pointer="/output_quality", code="x", message="too low", allowed=["1"])
    problem = Problem(
        type="/errors/x",
        title="T",
        status=status,
        detail="2 rules are broken",
        code="x",
        retryable=False,
        request_id="r",
        errors=[fault],
    )
    document, found = translate_problem(problem)
    assert found == told
    assert document.error.type == kind
    assert document.error.param == "output_compression"
    assert document.error.message == "2 rules are broken; output_compression: too low (allowed: 1)"
