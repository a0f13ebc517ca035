"""Presets, LoRAs and references: what a model offers, and what of it is refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.api.openai.form import read_edits
from service.api.requests.fields import Fields
from tests.support.http import (
    build_app,
    context_of,
    faults_of,
    post_form,
    post_inpaint,
    post_outpaint,
)
from tests.support.pictures import encode, make_rgb, mask, picture

MODELS = """
[[models]]
name = "tiny"
family = "flux2-klein"
source = "/x"
default = true
[models.optional_loras]
fill = {{ source = "{folder}", scale = 1.1, licence = "MIT", description = "Fills." }}
unread = {{ source = "{folder}" }}
paid = {{ source = "{folder}", licence = "NC", commercial = false }}
far = {{ source = "someone/far", revision = "main", licence = "MIT" }}
[models.presets]
fill = {{ infill = "green", prompt_template = "Fill it", loras = [{{ name = "fill" }}] }}
look = {{ reference = "mask" }}
paid = {{ loras = [{{ name = "paid" }}] }}
[models.intents]
remove = {{ preset = "fill", grow = 4 }}
replace = {{ preset = "paid" }}

[[models]]
name = "plain"
family = "stable-diffusion"
source = "/x"
"""


@pytest.fixture
def app(broker_url: str, tmp_path: Path) -> Flask:
    file = tmp_path / "models.toml"
    file.write_text(MODELS.format(folder=tmp_path))
    return build_app(broker_url, tmp_path, models_file=file)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def _loras(*names: str) -> str:
    return json.dumps([{"name": name} for name in names])


def test_models_tell_what_is_offered_and_why_the_rest_is_not(client: FlaskClient) -> None:
    model = client.get("/models").get_json()["models"][0]
    assert list(model["presets"]) == ["fill", "look"]
    withheld = {name: one["withheld"] for name, one in model["loras"].items()}
    assert withheld["fill"] == ""
    assert "license is not known" in withheld["unread"]
    assert "forbids commercial use" in withheld["paid"]
    assert "paintjob models pull tiny" in withheld["far"]
    assert model["intents"]["remove"]["preset"] == "fill"
    assert model["intents"]["replace"]["preset"] is None


def test_a_preset_and_an_intent_set_what_the_request_leaves_open(
    app: Flask, client: FlaskClient
) -> None:
    job = post_inpaint(client, intent="remove", prompt_template="{prompt}").get_json()
    params = job["params"]
    assert (params["preset"], params["infill"], params["grow"]) == ("fill", "green", 4)
    assert params["loras"] == [{"name": "fill", "scale": 1.1}]
    assert params["prompt_template"] == "{prompt}"
    spec = context_of(app).store.jobs.load(job["id"], "default").record.spec
    assert spec.set_by == {
        "preset": "intent",
        "grow": "intent",
        "strength": "intent",
        "infill": "preset",
        "loras": "preset",
        "prompt_template": "request",
    }
    none = post_inpaint(client, intent="remove", loras="[]").get_json()["params"]
    assert (none["loras"], none["infill"]) == ([], "green")
    assert post_inpaint(client, preset="look").get_json()["params"]["reference"] == "mask"


@pytest.mark.parametrize(
    ("fields", "pointer", "text"),
    [
        ({"loras": _loras("nothing")}, "/loras/0/name", "tiny has no such LoRA"),
        ({"loras": _loras("fill", "unread")}, "/loras/1/name", "unread: its license is not known"),
        ({"loras": _loras("fill", "fill")}, "/loras", "each LoRA once"),
        ({"loras": '[{"name": "fill", "path": "/x"}]'}, "/loras/0/path", "does not exist"),
        ({"preset": "none"}, "/preset", "tiny has no preset none"),
        ({"preset": "paid"}, "/preset", "paid: its license, NC, forbids"),
        ({"model": "plain", "loras": _loras("fill")}, "/loras", "plain does not support it"),
        ({"model": "plain", "preset": "fill"}, "/preset", "plain does not support it"),
        ({"model": "plain", "reference": "mask"}, "/reference", "plain does not support it"),
        ({"method": "patch", "reference": "mask"}, "/reference", "patch does not support it"),
    ],
)
def test_what_a_model_does_not_offer_is_refused_by_name(
    client: FlaskClient, fields: dict[str, Any], pointer: str, text: str
) -> None:
    errors = post_inpaint(client, **fields).get_json()["errors"]
    assert [error["pointer"] for error in errors] == [pointer]
    assert text in errors[0]["message"]


def _as_file(data: bytes) -> Any:
    return (data, "reference.png", "image/png")


def _as_json(client: FlaskClient, reference: object) -> Any:
    pictures = {"image": picture(), "mask": mask()}
    sent = {name: base64.b64encode(data).decode() for name, data in pictures.items()}
    return client.post("/inpaint", json={**sent, "reference_image": reference})


def test_a_reference_travels_with_the_job_and_counts(app: Flask, client: FlaskClient) -> None:
    context, data = context_of(app), encode(make_rgb("texture", 70, 90))
    upload = post_form(client, "/uploads", {"file": (data, "r.png")}).get_json()["id"]
    text = base64.b64encode(data).decode()
    before = context.store.holdings.load("default").bytes
    for post in (
        lambda: post_inpaint(client, reference_image=_as_file(data), preset="look"),
        lambda: post_outpaint(client, left=64, reference_image=_as_file(data)),
        lambda: _as_json(client, text),
        lambda: _as_json(client, {"upload": upload}),
    ):
        response = post()
        assert response.status_code == 202, response.text
        job = response.get_json()
        spec = context.store.jobs.load(job["id"], "default").record.spec
        assert spec.reference_image is not None
        assert context.blobs.get_checked(spec.reference_image.path, spec.reference_image.sha256)
        # The picture itself is what is looked at, whatever a preset says.
        assert (job["params"]["reference"], "reference" in spec.set_by) == (None, False)
    held = context.store.holdings.load("default").bytes - before
    assert held > 3 * len(data)


def test_items_of_a_batch_have_references(app: Flask, client: FlaskClient) -> None:
    text = base64.b64encode(picture()).decode()
    item = {"operation": "outpaint", "image": text, "left": 64, "reference_image": text}
    assert client.post("/batches", json={"items": [item]}).status_code == 202
    [listed] = client.get("/jobs").get_json()["jobs"]
    spec = context_of(app).store.jobs.load(listed["id"], "default").record.spec
    assert spec.reference_image is not None


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"reference_image": _as_file(b"text")}, ("/reference_image", "unsupported_media_type")),
        (
            {"reference_image": _as_file(picture()), "reference": "mask"},
            ("/reference", "conflicting_fields"),
        ),
        (
            {"reference_image": _as_file(picture()), "model": "plain"},
            ("/reference_image", "parameter_not_supported"),
        ),
        (
            {"reference_image": _as_file(picture()), "method": "patch"},
            ("/reference_image", "parameter_not_supported"),
        ),
    ],
)
def test_a_reference_that_cannot_be_used_is_refused(
    client: FlaskClient, fields: dict[str, Any], faults: tuple[str, str]
) -> None:
    response = post_inpaint(client, **fields)
    assert faults_of(response, response.status_code) == [faults]


def test_the_facade_reads_a_reference(client: FlaskClient) -> None:
    form = {
        "prompt": "a door",
        "image": (picture(), "a.png"),
        "mask_image": (mask(), "m.png"),
        "reference_image": (picture(), "r.png"),
        "reference": "mask",
    }
    error = post_form(client, "/v1/images/edits", form).get_json()["error"]
    assert (error["param"], error["code"]) == ("reference", "conflicting_fields")


@pytest.mark.parametrize(
    ("lora", "is_text"),
    [
        ("fill", True),
        ('{"name": "fill"}', True),
        ('["fill"]', True),
        ("fill", False),
        ({"name": "fill"}, False),
        ([{"name": "fill"}], False),
    ],
)
def test_the_facade_takes_lora_for_loras(app: Flask, lora: object, is_text: bool) -> None:
    fields = Fields({"prompt": "a door", "lora": lora}, is_text)
    edits = read_edits(fields, context_of(app).catalogue, {}, "white")
    assert edits.faults == ()
    assert edits.params is not None
    assert [one.name for one in edits.params.loras or ()] == ["fill"]
