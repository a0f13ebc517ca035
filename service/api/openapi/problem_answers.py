"""Error responses: one for each status of a call, with an example for each code.

Most calls can fail in the same ways, so each distinct response stands once among the components.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.api.openai.answers import FacadeProblem, facade_status, translate_problem
from service.api.openapi.headers import refer_headers
from service.api.openapi.operations import Operation
from service.api.openapi.problem_examples import build_problem_example, status_of
from service.documents.problems import MEDIA_TYPE
from service.documents.schemas import Problem

Schema = dict[str, Any]

_HEADERS: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    403: ("WWW-Authenticate",),
    409: ("Retry-After",),
    429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    503: ("Retry-After",),
}


class ProblemAnswers:
    """The distinct error responses of a document.

    Attributes:
        components: each of them, by the name that calls refer to it by.
    """

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}
        self._names: dict[tuple[bool, int, tuple[str, ...]], str] = {}

    def refer(self, operation: Operation) -> dict[str, Schema]:
        """Return references to the error responses of a call, by status."""
        by_status: dict[int, set[str]] = {}
        for code in (*operation.all_errors, "internal"):
            status = status_of(code)
            shown = facade_status(status) if operation.is_facade else status
            by_status.setdefault(shown, set()).add(code)
        return {
            str(status): {"$ref": f"#/components/responses/{self._add(operation, status, codes)}"}
            for status, codes in sorted(by_status.items())
        }

    def _add(self, operation: Operation, status: int, codes: set[str]) -> str:
        """Return the name of a response, which is added unless it is known."""
        key = (operation.is_facade, status, tuple(sorted(codes)))
        if key not in self._names:
            describe = _describe_facade if operation.is_facade else _describe
            self._names[key] = name = _choose_name(operation, *key)
            self.components[name] = describe(status, key[2])
        return self._names[key]


def _choose_name(operation: Operation, is_facade: bool, status: int, codes: tuple[str, ...]) -> str:
    """Name a response after its code, or after the first call that has these codes."""
    name = codes[0] if len(codes) == 1 else f"{operation.id}_{status}"
    return f"facade_{name}" if is_facade else name


def _describe(status: int, codes: tuple[str, ...]) -> Schema:
    examples = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    return _build(codes, _HEADERS.get(status, ()), MEDIA_TYPE, Problem.__name__, examples)


def _describe_facade(status: int, codes: tuple[str, ...]) -> Schema:
    """Describe the same in the format of OpenAI's API; one example shows it for all codes."""
    headers = ("x-should-retry", *_HEADERS.get(status, ()))
    examples = {codes[0]: {"value": _build_facade_example(codes[0])}}
    return _build(codes, headers, "application/json", FacadeProblem.__name__, examples)


def _build_facade_example(code: str) -> Schema:
    problem = Problem.model_validate(build_problem_example(code))
    return translate_problem(problem)[0].model_dump()


def _build(
    codes: tuple[str, ...], headers: tuple[str, ...], media_type: str, model: str, examples: Schema
) -> Schema:
    schema = {"$ref": f"#/components/schemas/{model}"}
    return {
        "description": ", ".join(f"`{code}`" for code in codes),
        "headers": refer_headers(*headers),
        "content": {media_type: {"schema": schema, "examples": examples}},
    }
