"""Parsing of form fields and JSON members into a model; every fault has a JSON pointer."""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from service.api.requests.json_text import JsonRefused, parse_json
from service.contract.errors import Fault, MalformedBody
from service.contract.faults import describe_unknown, reword

MAX_FIELD_BYTES = 2_000_000
"""Limit for all fields together: a hundred thousand vertices."""

MAX_FAULTS = 100
"""Faults that are reported at once; regions could have a hundred thousand."""

MAX_SUGGESTIONS = 10
"""Unknown fields that are compared with known ones, which takes time."""

MAX_SHOWN_NAME = 64
"""Characters of an unknown field's name that are shown."""

_TOO_DEEP = "the JSON is nested too deeply"
_NO_UNICODE = "the JSON contains text that is not valid Unicode"

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True)
class Fields:
    """The fields of a body besides the pictures.

    Attributes:
        document: form fields as text, or the members of a JSON object.
        is_text: whether values are form text, parsed leniently, or JSON, parsed strictly.
        faults: faults of the body's structure.
    """

    document: Mapping[str, Any]
    is_text: bool
    faults: tuple[Fault, ...] = ()


def parse_fields(
    model: type[ModelT], fields: Fields, further: Collection[str] = ()
) -> tuple[ModelT | None, list[Fault]]:
    """Parse parameters; return no model if there are faults.

    Args:
        model: the parameters.
        fields: as they were sent.
        further: names that a misspelled field may mean, besides those of the model.

    Raises:
        MalformedBody: a text cannot be represented as Unicode, or the JSON is nested too deeply.
    """
    fields = drop_empty(model, _cut_unknown(model, fields))
    document, faults = _read_lists(model, fields) if fields.is_text else (fields.document, [])
    try:
        if fields.is_text:
            params = model.model_validate(document)
        else:
            # Through text: only pydantic's own JSON parser is strict about types and surrogates.
            params = model.model_validate_json(json.dumps(dict(document)), strict=True)
    except RecursionError:
        raise MalformedBody(_TOO_DEEP) from None
    except ValidationError as error:
        known = {*model.model_fields, *further}
        return None, [*faults, *describe_faults(error, set(_iter_names(model)), known)]
    return (None if faults else params), faults


def drop_empty(model: type[BaseModel], fields: Fields) -> Fields:
    """Return form fields without the empty ones that are numbers, lists or choices.

    A form sends an input that is left empty as an empty text, which is a value for a text alone.
    """
    if not fields.is_text or "" not in fields.document.values():
        return fields
    texts = text_fields(model)
    kept = {
        name: value
        for name, value in fields.document.items()
        if value != "" or name in texts or name not in model.model_fields
    }
    return replace(fields, document=kept)


def _cut_unknown(model: type[BaseModel], fields: Fields) -> Fields:
    """Return the fields without unknown ones of which no fault would be returned.

    Validation builds an error of each: of a megabyte, 70,000.
    """
    unknown = [name for name in fields.document if name not in model.model_fields]
    if len(unknown) <= MAX_FAULTS:
        return fields
    cut = set(unknown[MAX_FAULTS:])
    kept = {name: value for name, value in fields.document.items() if name not in cut}
    return replace(fields, document=kept)


def describe_faults(
    error: ValidationError, names: Collection[str], known: Collection[str]
) -> list[Fault]:
    """Return the faults of a validation error: pointer, code, rule; never the input.

    Args:
        error: the error of pydantic.
        names: names of the fields of nested objects.
        known: names of the fields of the body itself.

    Raises:
        MalformedBody: the text is not JSON that can be represented.
    """
    found: dict[str, Fault] = {}
    for line in error.errors(include_url=False, include_input=False):
        if line["type"] == "json_invalid":
            is_deep = "recursion" in str(line.get("ctx", {}).get("error"))
            raise MalformedBody(_TOO_DEEP if is_deep else _NO_UNICODE)
        is_unknown = line["type"] == "extra_forbidden"
        pointer = make_pointer(line["loc"], {*names, line["loc"][-1]} if is_unknown else names)
        allowed = tuple(re.findall(r"'([^']*)'", str(line.get("ctx", {}).get("expected", ""))))
        code, rule = _code_of(line["type"], pointer), _describe_rule(line)
        if is_unknown and len(found) < MAX_SUGGESTIONS:
            rule = describe_unknown(line["loc"][-1], known if len(line["loc"]) == 1 else names)
        found.setdefault(pointer, Fault(pointer, code, rule, allowed or None))
        if len(found) == MAX_FAULTS:
            break
    return list(found.values())


def _describe_rule(line: ErrorDetails) -> str:
    """Return the message of a fault; our own validators' text if it is theirs."""
    return str(line["ctx"]["error"]) if line["type"] == "value_error" else reword(line["msg"])


def make_pointer(location: Sequence[int | str], names: Collection[int | str] = ()) -> str:
    """Return a JSON pointer, without the names of a union's branches, which pydantic inserts.

    Args:
        location: the location of pydantic.
        names: names of fields beyond the first step; all other texts are branches.

    Source: RFC 6901.
    """
    steps = [
        step
        for index, step in enumerate(location)
        if index == 0 or isinstance(step, int) or step in names
    ]
    return "".join(
        "/" + str(step)[:MAX_SHOWN_NAME].replace("~", "~0").replace("/", "~1") for step in steps
    )


def _iter_names(kind: Any) -> Iterator[str]:
    """Yield the names of all fields of nested models, at any depth."""
    for part in typing.get_args(kind):
        yield from _iter_names(part)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, info in kind.model_fields.items():
            yield name
            yield from _iter_names(info.annotation)


def _code_of(kind: str, pointer: str) -> str:
    if kind == "extra_forbidden":
        return "unknown_field"
    if kind == "literal_error" and pointer == "/method":
        return "method_unavailable"
    return "invalid_field"


def _read_lists(model: type[BaseModel], fields: Fields) -> tuple[dict[str, Any], list[Fault]]:
    """Parse form fields that are lists, sent as JSON text. All others stay text.

    Returns:
        All values except those of fields that cannot be parsed, and the faults of these.
    """
    values: dict[str, Any] = dict(fields.document)
    faults = []
    for name in sorted(list_fields(model) & set(values)):
        text = values.pop(name)
        try:
            read = parse_json(text)
        except JsonRefused as refusal:
            faults.append(_refuse(name, f"must be a list as JSON text; this text {refusal}"))
            continue
        if read is None:
            # Validation would treat it as an absent field, and miss a conflict with another field.
            faults.append(_refuse(name, "must not be null in a form; leave the field out instead"))
        else:
            values[name] = read
    return values, faults


def _refuse(name: str, message: str) -> Fault:
    return Fault(f"/{name}", "invalid_field", message)


@cache
def text_fields(model: type[BaseModel]) -> frozenset[str]:
    """Return the names of the fields that are texts of any content."""
    return frozenset(
        name
        for name, info in model.model_fields.items()
        if (info.annotation is str or set(typing.get_args(info.annotation)) == {str, type(None)})
        and not any(getattr(rule, "pattern", None) for rule in info.metadata)
    )


@cache
def list_fields(model: type[BaseModel]) -> frozenset[str]:
    """Return the names of the fields that are lists."""
    return frozenset(
        name
        for name, info in model.model_fields.items()
        if any(typing.get_origin(part) is list for part in typing.get_args(info.annotation))
    )
