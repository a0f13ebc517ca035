"""The examples and links of an OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from service.api.openapi.answer_examples import build_answer_examples, name_components
from service.api.openapi.links import build_links

Schema = dict[str, Any]

JSON = "application/json"


def illustrate(document: Schema) -> None:
    """Add examples and links to each response, in place."""
    known = build_answer_examples()
    for operation_id, status, answer in iter_answers(document):
        examples = known.get((operation_id, status), {})
        if JSON in answer.get("content", {}) and examples:
            answer["content"][JSON]["examples"] = {
                name: {"$ref": f"#/components/examples/answer_{name}"} for name in examples
            }
        if links := build_links(operation_id, status):
            answer["links"] = links
    document["components"]["examples"] |= name_components(known.values())


def iter_answers(document: Schema) -> Iterator[tuple[str, int, Schema]]:
    """Yield the id of each operation with each of its answers: status and description."""
    shared = document["components"]["responses"]
    for verbs in document["paths"].values():
        for operation in verbs.values():
            for status, answer in operation["responses"].items():
                name = answer.get("$ref", "").rpartition("/")[2]
                yield operation["operationId"], int(status), shared.get(name, answer)
