"""The documents of the Python client, as source text made from the OpenAPI document.

The client is installed without the service, so it cannot import the service's models. It accepts
more than they do: unknown fields and unknown values of an enum are kept, because a service may be
newer than its clients.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

ROOTS = (
    "Job",
    "JobList",
    "BatchList",
    "BatchPlan",
    "BatchEvent",
    "UsageAnswer",
    "JobEvent",
    "Plan",
    "Batch",
    "BatchItems",
    "UploadAnswer",
    "Deliveries",
    "MethodList",
    "ModelList",
    "LimitsAnswer",
    "VersionAnswer",
)
"""The schemas that the client's methods return; those that they contain follow."""

BASES = {"Job": "Ending", "ListedJob": "Ending", "Batch": "Ending"}
"""Classes of the client's `answers` module that add to a document; all others are `Document`s."""

_HEAD = '''\
# ruff: noqa: E501
# fmt: off
"""The documents of the service. Written by `make openapi`; do not edit.

Fields and values may be added by a newer service, so unknown ones are accepted and kept.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from .answers import {bases}
'''
_PLAIN = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "object": "dict[str, Any]",
}
_TIMES = {"date-time": "datetime", "date": "date"}
_WIDTH = 100


def render_documents(schemas: Mapping[str, Schema]) -> str:
    """Return the source text of the client's `documents` module.

    Args:
        schemas: `components.schemas` of the OpenAPI document.
    """
    names = sorted(_reach(schemas))
    bases = sorted({BASES.get(name, "Document") for name in names})
    classes = [
        _render_class(name, schemas[name]) for name in names if "properties" in schemas[name]
    ]
    aliases = [
        f"{_name(name)} = {_type_of(schemas[name])}\n"
        for name in names
        if "properties" not in schemas[name]
    ]
    head = _HEAD.format(bases=", ".join(bases))
    return "\n".join([head, *aliases, "", "\n\n".join(classes)])


def _reach(schemas: Mapping[str, Schema]) -> set[str]:
    """Return the names of the roots and of everything that they contain."""
    found: set[str] = set()
    pending = [name for name in ROOTS if name in schemas]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending.extend(_references(schemas[name]))
    return found


def _references(schema: object) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield _referred(schema)
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _referred(schema: Schema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _name(schema_name: str) -> str:
    """Return the name of a class: without the ending that distinguishes answers in the service."""
    return schema_name.removesuffix("Answer")


def _type_of(schema: Schema) -> str:
    """Return the type of a value; enums allow other values too."""
    if "$ref" in schema:
        return _name(_referred(schema))
    if "anyOf" in schema:
        kinds = [kind for one in schema["anyOf"] for kind in _type_of(one).split(" | ")]
        # Open enums end with `str`, and what may be absent with `None`.
        last = ("str", "None")
        return " | ".join(
            sorted(dict.fromkeys(kinds), key=lambda kind: (kind in last, kind == "None"))
        )
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return f"Literal[{', '.join(map(json.dumps, values))}] | str"
    if schema.get("type") == "null":
        return "None"
    if schema.get("type") == "array":
        return f"tuple[{_type_of(schema['items'])}, ...]"
    if schema.get("format") in _TIMES:
        return _TIMES[schema["format"]]
    return _PLAIN.get(schema.get("type", ""), "Any")


def _default_of(kind: str) -> str:
    """Return the default of what an older service may leave out."""
    if kind == "None" or kind.endswith("| None"):
        return " = None"
    return " = ()" if kind.startswith("tuple[") else ""


def _render_class(name: str, schema: Schema) -> str:
    summary, described = _read_description(schema)
    fields, notes = [], []
    for field, prop in schema["properties"].items():
        kind = _type_of(prop)
        fields.append(f"    {field}: {kind}{_default_of(kind)}\n")
        note = prop.get("description") or described.get(field)
        if note:
            notes.append(_wrap(f"{field}: {note}", " " * 8))
    attributes = f"\n\n    Attributes:\n{''.join(notes)}    " if notes else ""
    title = _wrap(summary, " " * 4).strip()
    # Required fields and others may stand in any order: pydantic takes keywords alone.
    base = BASES.get(name, "Document")
    return f'class {_name(name)}({base}):\n    """{title}{attributes}"""\n\n' + "".join(fields)


def _read_description(schema: Schema) -> tuple[str, dict[str, str]]:
    """Return the text of a schema, and those of its fields that a docstring describes."""
    summary, _, rest = str(schema.get("description", "")).partition("\n\nAttributes:")
    described = {
        found["name"]: " ".join(found["text"].split())
        for found in re.finditer(r"^ {4}(?P<name>\w+): (?P<text>.*(?:\n {7,}.*)*)", rest, re.M)
    }
    # The first paragraph: the others are for those who read the service's code.
    return " ".join(summary.partition("\n\n")[0].split()), described


def _wrap(text: str, indent: str) -> str:
    lines = textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines) + "\n"
