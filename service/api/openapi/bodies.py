"""Schemas of the request bodies: each parameters model once as a form and once as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Literal

from service.api.openai.form import EXTRA_FIELDS, EditsForm
from service.api.openapi.examples import build_example, get_examples, get_samples
from service.api.requests.batch_body import BATCH_PART, BatchRequest
from service.api.requests.fields import list_fields
from service.api.requests.reader import MODELS, PICTURES, REQUIRED_PICTURES, UPLOAD_PART
from service.contract.formats import INPUT_MEDIA_TYPES
from service.contract.params import MAX_URL_CHARACTERS, Operation

Schema = dict[str, Any]

PICTURE_FORMAT = "x-picture"

_PART = "Asked{model}"
"""Names of the parts of bodies; the same parts of responses allow more fields."""

EDITS_FORM, EDITS_JSON = "EditsForm", "EditsJson"

_EDITS_NOTES = {
    "image": "One picture; `image[]` is another name for it.",
    "mask": "Has the size of the image; its fully transparent part is repainted, whatever its "
    "colors. Without it, the transparent part of the image.",
    "mask_image": "Instead of `mask`: white is repainted, as self-hosted servers have it.",
    "reference_image": "A picture that the model looks at, as in `POST /inpaint`.",
}

_LORA_NOTE = (
    "Another name of `loras`, as self-hosted servers have it: the name of a LoRA, or an object "
    "with `name` and `scale`, or a list of these."
)

_URL_NOTE = (
    "Instead of `image`, as self-hosted servers have it: a data URL, or a URL as in `image` of "
)

_PICTURE_NOTES = {
    "image": "The picture: PNG, JPEG, WebP, AVIF, HEIC or TIFF (`input_formats` of `GET /limits`), "
    "one frame or page, 8 bits a channel; PNG also 16.",
    "mask": "Has the size of the image; white is repainted. A PNG, JPEG or WebP of any mode, read "
    "by luminance (of 16 bits the high byte), not by transparency, which causes the warning "
    "`mask_has_transparency`. Or `mask_source`, or `regions`.",
    "source_mask": "Has the size of the image; `patch` copies no pixel where it is not white.",
    "reference_image": "A picture that the model looks at while it paints, such as the product to "
    "put in, of any size; formats as for `image`. Only with models that take one (not among their "
    "`unsupported_fields`).",
}


_SAMPLE_OF = {"reference_image": "image"}
"""Pictures whose example is that of another."""

PATHS: Mapping[Operation, str] = {
    "inpaint": "/inpaint",
    "outpaint": "/outpaint",
    "mask": "/masks",
}
"""The path of the call of each operation."""


def component_name(operation: Operation, kind: str) -> str:
    """Return the name of a component: `InpaintForm`, `InpaintJson` and so on."""
    return f"{operation.capitalize()}{kind}"


def build_components() -> dict[str, Schema]:
    """Build the components of all request bodies."""
    found: dict[str, Schema] = {}
    for operation in MODELS:
        for kind, schema in (("Form", _build_form(operation)), ("Json", _build_json(operation))):
            parts = schema.pop("$defs", {})
            found |= {_PART.format(model=name): part for name, part in parts.items()}
            found[component_name(operation, kind)] = schema
    found["PictureReference"] = {
        "type": "object",
        "description": "A picture by reference; set exactly one field.",
        "properties": {
            "upload": {"type": "string", "description": "`id` of an upload.", "minLength": 1},
            "job": {
                "type": "string",
                "description": "`id` of a job that has ended: its mask, as at `links.mask`. In "
                "`mask` and `source_mask` alone.",
                "minLength": 1,
            },
            "url": {
                "type": "string",
                "description": "The picture is fetched from here while the request waits: an https "
                "URL of a host that the operator allows, without user and fragment. Only if "
                "`takes_image_urls` of `GET /limits` is true.",
                "minLength": 1,
                "maxLength": MAX_URL_CHARACTERS,
            },
        },
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }
    found["BatchRequest"] = _build_batch_request()
    found[EDITS_FORM] = _build_edits_form()
    found[EDITS_JSON] = _build_edits_json()
    return found


def build_request_body(operation: Operation | Literal["batch", "edits", "upload"]) -> Schema:
    """Describe the body of an operation, in each of its media types."""
    if operation == "batch":
        return _build_batch_body()
    if operation == "edits":
        return _build_edits_body()
    if operation == "upload":
        return _build_upload_body()
    form: Schema = {
        "schema": {"$ref": f"#/components/schemas/{component_name(operation, 'Form')}"},
        "encoding": {name: {"contentType": _list_types(name)} for name in PICTURES[operation]},
    }
    json_body: Schema = {
        "schema": {"$ref": f"#/components/schemas/{component_name(operation, 'Json')}"},
        "examples": {
            name: {"value": build_example(operation, name)} for name in get_examples()[operation]
        },
    }
    # JSON first: generators that know one body a call take the first one, or the one in JSON.
    return {
        "required": True,
        "content": {"application/json": json_body, "multipart/form-data": form},
    }


def _build_batch_body() -> Schema:
    reference = {"$ref": "#/components/schemas/BatchRequest"}
    form: Schema = {
        "type": "object",
        "description": f"The batch as JSON in `{BATCH_PART}`; every other part is a picture that "
        "items refer to.",
        "properties": {BATCH_PART: reference},
        "required": [BATCH_PART],
        "additionalProperties": {"type": "string", "format": "binary"},
    }
    example = {
        "items": [{"operation": name, **build_example(name)} for name in MODELS],
        "defaults": {"quality": "fast"},
        "tags": ["nightly"],
    }
    return {
        "required": True,
        "content": {
            "application/json": {"schema": reference, "examples": {"two": {"value": example}}},
            "multipart/form-data": {
                "schema": form,
                "encoding": {BATCH_PART: {"contentType": "application/json"}},
            },
        },
    }


def _build_batch_request() -> Schema:
    schema = deepcopy(BatchRequest.model_json_schema(mode="validation"))
    schema.pop("title")
    for prop in schema["properties"].values():
        prop.pop("title", None)
        prop.pop("default", None)
    return schema


def _build_upload_body() -> Schema:
    picture = {"type": "string", "format": "binary", "contentMediaType": "image/png"}
    schema = {
        "type": "object",
        "properties": {UPLOAD_PART: picture},
        "required": [UPLOAD_PART],
        "additionalProperties": False,
    }
    encoding = {UPLOAD_PART: {"contentType": _list_types("image")}}
    content = {"multipart/form-data": {"schema": schema, "encoding": encoding}}
    return {"required": True, "content": content}


def _build_edits_body() -> Schema:
    """Describe the body of the façade's `POST /v1/images/edits`."""
    schema = {"$ref": f"#/components/schemas/{EDITS_FORM}"}
    encoding = {name: {"contentType": _list_types(name)} for name in _EDITS_NOTES}
    samples = get_samples()
    example = {
        "prompt": "a red door",
        "images": [{"image_url": f"data:image/png;base64,{samples['image']}"}],
        "mask_image": {"image_url": f"data:image/png;base64,{samples['mask']}"},
    }
    as_json = {
        "schema": {"$ref": f"#/components/schemas/{EDITS_JSON}"},
        "examples": {"edits": {"value": example}},
    }
    form = {"schema": schema, "encoding": encoding}
    content = {"application/json": as_json, "multipart/form-data": form}
    return {"required": True, "content": content}


def _build_edits_form() -> Schema:
    """Build the form of OpenAI's fields, with our parameters that may be added."""
    schema = EditsForm.model_json_schema(mode="validation")
    ours = _build_form("inpaint")["properties"]
    properties = schema["properties"] | {name: ours[name] for name in sorted(EXTRA_FIELDS)}
    for prop in properties.values():
        prop.pop("title", None)
        prop.pop("default", None)
    schema["properties"] = {
        **{name: _describe_file(note) for name, note in _EDITS_NOTES.items()},
        **{name: _without_null(prop) for name, prop in properties.items()},
        "url": {"type": "string", "description": f"{_URL_NOTE}`POST /inpaint`."},
        "lora": {"type": "string", "description": f"{_LORA_NOTE} All but a name as JSON text."},
    }
    schema.pop("title", None)
    schema["description"] = "The form of `POST /v1/images/edits`."
    schema["required"] = ["image", "prompt"]
    return schema


def _build_edits_json() -> Schema:
    """Build the same for JSON, where every optional field may be null too."""
    schema = EditsForm.model_json_schema(mode="validation")
    ours = _build_json("inpaint")["properties"]
    properties = schema["properties"] | {name: ours[name] for name in sorted(EXTRA_FIELDS)}
    for prop in properties.values():
        prop.pop("title", None)
        prop.pop("default", None)
    one = {"oneOf": [*ours["image"]["oneOf"], _describe_url_object()]}
    pictures = {
        "images": {
            "type": "array",
            "items": _describe_url_object(),
            "minItems": 1,
            "maxItems": 1,
            "description": "The image; `image` and `url` are other names for it.",
        },
        # A choice between one and a list would be no valid code in Java.
        "image": {**one, "description": "The image; a list of one is taken too."},
        "url": {**one, "description": "The image; a list of one is taken too."},
        **{
            name: {**one, "description": _EDITS_NOTES[name]}
            for name in ("mask", "mask_image", "reference_image")
        },
        "lora": {"type": "string", "description": "Another name of `loras`: the name of a LoRA."},
    }
    optional = {**properties, **pictures}
    schema["properties"] = {
        name: prop if name == "prompt" else {"anyOf": [_without_null(prop), {"type": "null"}]}
        for name, prop in optional.items()
    }
    schema.pop("title", None)
    schema["description"] = "The JSON of `POST /v1/images/edits`; one image is required."
    schema["required"] = ["prompt"]
    return schema


def _describe_url_object() -> Schema:
    url = {
        "type": "string",
        "format": PICTURE_FORMAT,
        "description": "A data URL, or a URL as `POST /inpaint` takes it.",
    }
    return {
        "type": "object",
        "properties": {"image_url": url},
        "required": ["image_url"],
        "additionalProperties": False,
    }


def _describe_file(note: str) -> Schema:
    return {
        "type": "string",
        "format": "binary",
        "contentMediaType": "image/png",
        "description": note,
    }


_MASK_TYPES = ("image/png", "image/jpeg", "image/webp")


def _list_types(name: str) -> str:
    """Return the media types of a part as a form's encoding lists them."""
    return ", ".join(_MASK_TYPES if "mask" in name else INPUT_MEDIA_TYPES.values())


def _build_form(operation: Operation) -> Schema:
    schema = _base(operation)
    # A form field cannot be null.
    schema["properties"] = {
        name: _without_null(prop) for name, prop in schema["properties"].items()
    }
    for name in list_fields(MODELS[operation]):
        schema["properties"][name] = _as_json_text(schema["properties"][name])
    if ratio := schema["properties"].get("aspect_ratio"):
        # In a form every value is text, and generators name a type for each kind of it.
        ratio.pop("anyOf")
        ratio["type"] = "string"
    files = {name: _describe_file(_PICTURE_NOTES[name]) for name in PICTURES[operation]}
    schema["properties"] = {**files, **schema["properties"]}
    return schema


def _as_json_text(prop: Schema) -> Schema:
    """Describe a list in a form: one field of JSON text.

    An array would mean one part for each item (OpenAPI 3.1, encoding object), and generated
    clients would send that.
    """
    return {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": {key: value for key, value in prop.items() if key != "description"},
        "description": prop["description"] + " A list as JSON text.",
    }


def _build_json(operation: Operation) -> Schema:
    schema = _base(operation)
    pictures = {
        name: {
            "oneOf": [
                {
                    "type": "string",
                    "format": PICTURE_FORMAT,
                    "contentEncoding": "base64",
                    "minLength": 16,
                },
                {"$ref": "#/components/schemas/PictureReference"},
            ],
            "description": _PICTURE_NOTES[name]
            + " As base64, as a data URL, or by reference to an upload or a URL.",
            "examples": [get_samples()[_SAMPLE_OF.get(name, name)]],
        }
        for name in PICTURES[operation]
    }
    schema["properties"] = {**pictures, **schema["properties"]}
    return schema


def _base(operation: Operation) -> Schema:
    model = MODELS[operation]
    template = f"#/components/schemas/{_PART}"
    schema = deepcopy(model.model_json_schema(mode="validation", ref_template=template))
    schema["description"] = f"The body of `POST {PATHS[operation]}`."
    schema["required"] = list(REQUIRED_PICTURES[operation])
    for part in (schema, *schema.get("$defs", {}).values()):
        part.pop("title", None)
        for prop in part["properties"].values():
            prop.pop("title", None)
            prop.pop("default", None)
    return schema


def _without_null(prop: Schema) -> Schema:
    branches = [branch for branch in prop.get("anyOf", []) if branch.get("type") != "null"]
    rest = {name: value for name, value in prop.items() if name != "anyOf"}
    if not branches:
        return prop
    return {**branches[0], **rest} if len(branches) == 1 else {"anyOf": branches, **rest}
