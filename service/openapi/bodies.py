"""Schemas of the two request bodies: one parameters model, once as a form and once as JSON."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from service.bodies.fields import list_fields
from service.bodies.reader import MODELS, PICTURES, REQUIRED_PICTURES
from service.contract.params import Operation

Schema = dict[str, Any]

PICTURE_FORMAT = "x-picture"

_PICTURE_NOTES = {
    "image": "The picture: PNG, JPEG or WebP, one frame, 8 bits a channel.",
    "mask": "As large as the picture; white is repainted. Read by luminance, not by transparency.",
    "source_mask": "As large as the picture; `patch` copies only from where it is white.",
}
# Gray, 64x64; and black with a white square of 16x16.
_SAMPLES = {
    "image": (
        "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAAAAACPAi4CAAAAK0lEQVR42u3MMREAAAgE"
        "oNfkRjeEmwcBqMlNRyAQCAQCgUAgEAgEAsHzYAFAdAEArKmlZAAAAABJRU5ErkJggg=="
    ),
    "mask": (
        "iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAGUlEQVR4"
        "2mNgGL7g/38GBgYmGG9gGcMVAADoVwIdTCJ3EgAAAABJRU5ErkJggg=="
    ),
}


_SAMPLES["source_mask"] = _SAMPLES["mask"]


def component_name(operation: Operation, kind: str) -> str:
    """Give a component's name: `InpaintForm`, `InpaintJson` and so on."""
    return f"{operation.capitalize()}{kind}"


def build_components() -> dict[str, Schema]:
    """Build the components of all request bodies."""
    found = {}
    for operation in MODELS:
        found[component_name(operation, "Form")] = _build_form(operation)
        found[component_name(operation, "Json")] = _build_json(operation)
    return found


def build_request_body(operation: Operation) -> Schema:
    """Describe the body of an operation, in both types."""
    lists = sorted(list_fields(MODELS[operation]))
    form: Schema = {
        "schema": {"$ref": f"#/components/schemas/{component_name(operation, 'Form')}"},
        "encoding": {
            **{name: {"contentType": ", ".join(_MEDIA_TYPES)} for name in PICTURES[operation]},
            **{name: {"contentType": "application/json"} for name in lists},
        },
    }
    json_body: Schema = {
        "schema": {"$ref": f"#/components/schemas/{component_name(operation, 'Json')}"},
        "examples": {"smallest": {"value": build_example(operation)}},
    }
    return {
        "required": True,
        "content": {"multipart/form-data": form, "application/json": json_body},
    }


def build_example(operation: Operation) -> Schema:
    """Give the smallest JSON body that is accepted."""
    pictures = {name: _SAMPLES[name] for name in REQUIRED_PICTURES[operation]}
    return pictures if operation == "inpaint" else {**pictures, "right": 32}


_MEDIA_TYPES = ("image/png", "image/jpeg", "image/webp")


def _build_form(operation: Operation) -> Schema:
    schema = _base(operation)
    # A form field cannot be null.
    schema["properties"] = {
        name: _without_null(prop) for name, prop in schema["properties"].items()
    }
    for name in PICTURES[operation]:
        schema["properties"][name] = {
            "type": "string",
            "format": "binary",
            "contentMediaType": "image/png",
            "description": _PICTURE_NOTES[name],
        }
    return schema


def _build_json(operation: Operation) -> Schema:
    schema = _base(operation)
    for name in PICTURES[operation]:
        schema["properties"][name] = {
            "type": "string",
            "format": PICTURE_FORMAT,
            "contentEncoding": "base64",
            "minLength": 16,
            "description": _PICTURE_NOTES[name] + " As base64 or as a data URL.",
            "examples": [_SAMPLES[name]],
        }
    return schema


def _base(operation: Operation) -> Schema:
    model = MODELS[operation]
    schema = deepcopy(model.model_json_schema(mode="validation"))
    schema["description"] = f"What `POST /{operation}` takes."
    schema["required"] = list(REQUIRED_PICTURES[operation])
    schema.pop("title", None)
    for prop in schema["properties"].values():
        prop.pop("title", None)
        prop.pop("default", None)
    return schema


def _without_null(prop: Schema) -> Schema:
    branches = [branch for branch in prop.get("anyOf", []) if branch.get("type") != "null"]
    rest = {name: value for name, value in prop.items() if name != "anyOf"}
    if not branches:
        return prop
    return {**branches[0], **rest} if len(branches) == 1 else {"anyOf": branches, **rest}
