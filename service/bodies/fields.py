"""Form fields and JSON members into one parameters model; every fault as a JSON pointer."""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from service.contract.errors import Fault, MalformedBody

MAX_SHOWN_NAME = 64
"""An unknown field's name is shown up to so many characters."""

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True)
class Fields:
    """What a body said beside the pictures.

    Attributes:
        document: form fields as text, or the members of a JSON object.
        is_text: whether values are form text, to be read leniently, or JSON, to be read strictly.
        faults: what was wrong with the body's structure.
    """

    document: Mapping[str, Any]
    is_text: bool
    faults: tuple[Fault, ...] = ()


def parse_fields(model: type[ModelT], fields: Fields) -> tuple[ModelT | None, list[Fault]]:
    """Read parameters; gives no model when there are faults.

    Raises:
        MalformedBody: a text cannot be represented as Unicode.
    """
    try:
        if fields.is_text:
            return model.model_validate(_read_lists(model, fields.document)), []
        # By way of text: only pydantic's own JSON reader is strict about types and surrogates.
        return model.model_validate_json(json.dumps(dict(fields.document)), strict=True), []
    except ValidationError as error:
        return None, describe_faults(error)


def describe_faults(error: ValidationError) -> list[Fault]:
    """Give the faults of a validation error: pointer, code, rule; never the input.

    Raises:
        MalformedBody: the text was no JSON that can be represented.
    """
    found: dict[str, Fault] = {}
    for line in error.errors(include_url=False, include_input=False):
        if line["type"] == "json_invalid":
            raise MalformedBody("the JSON holds text that is not valid Unicode")
        pointer = make_pointer(line["loc"])
        allowed = tuple(re.findall(r"'([^']*)'", str(line.get("ctx", {}).get("expected", ""))))
        found.setdefault(
            pointer, Fault(pointer, _code_of(line["type"], pointer), line["msg"], allowed or None)
        )
    return list(found.values())


def make_pointer(location: Sequence[int | str]) -> str:
    """Give a JSON pointer; the names of a union's branches, which pydantic mixes in, are left out.

    Source: RFC 6901.
    """
    steps = [step for index, step in enumerate(location) if index == 0 or isinstance(step, int)]
    return "".join(
        "/" + str(step)[:MAX_SHOWN_NAME].replace("~", "~0").replace("/", "~1") for step in steps
    )


def _code_of(kind: str, pointer: str) -> str:
    if kind == "extra_forbidden":
        return "unknown_field"
    if kind == "literal_error" and pointer == "/method":
        return "method_unavailable"
    return "invalid_field"


def _read_lists(model: type[BaseModel], document: Mapping[str, str]) -> dict[str, Any]:
    """Read form fields that stand for lists; they come as JSON text. All others stay text."""
    values: dict[str, Any] = dict(document)
    for name in list_fields(model) & set(values):
        try:
            values[name] = json.loads(values[name])
        except (ValueError, RecursionError):
            continue  # stays text, which validation refuses with the field's own rule
    return values


def list_fields(model: type[BaseModel]) -> set[str]:
    """Give the fields that hold lists."""
    return {
        name
        for name, info in model.model_fields.items()
        if any(typing.get_origin(part) is list for part in typing.get_args(info.annotation))
    }
