"""Catalogue, health, errors and reference: the service tells of itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from service.contract.jobs import SCHEMA
from service.contract.names import CPU_QUEUE
from service.submission.output import MAX_PAINTED_PIXELS
from tests.support.http import build_app, context_of


def test_methods_tell_what_is_available_and_who_is_online(app: Flask, client: FlaskClient) -> None:
    methods = [("inpaint", "patch"), ("outpaint", "mirror"), ("outpaint", "pattern")]
    context_of(app).store.presence.announce(
        "w1", CPU_QUEUE, methods=methods, models=[], state="idle"
    )
    found = {(m["operation"], m["name"]): m for m in client.get("/methods").get_json()["methods"]}
    patch, generate = found["inpaint", "patch"], found["inpaint", "generate"]
    assert (patch["available"], patch["is_default"], patch["workers_online"]) == (True, True, 1)
    assert "prompt" in patch["unsupported_fields"]
    assert (generate["available"], generate["workers_online"]) == (False, 0)


def test_models_tell_licence_and_defaults_but_not_where_they_lie(
    broker_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "models.toml"
    file.write_text(
        '[[models]]\nname = "a"\nfamily = "stable-diffusion"\nsource = "/secret/place"\n'
        'licence = "openrail"\ndefault = true\n'
    )
    response = build_app(broker_url, tmp_path, models_file=file).test_client().get("/models")
    model, *others = response.get_json()["models"]
    assert (model["name"], model["licence"], model["is_default"]) == ("a", "openrail", True)
    assert (model["configured"], model["conditioning"]) == (True, "channels")
    assert others
    assert not any(other["configured"] or other["is_default"] for other in others)
    assert model["defaults"]["num_inference_steps"] == 25
    assert "secret" not in response.text


def test_limits_are_those_in_force(broker_url: str, tmp_path: Path) -> None:
    app = build_app(broker_url, tmp_path, max_image_pixels=5_000_000)
    limits = app.test_client().get("/limits").get_json()
    assert limits["max_image_pixels"] == 5_000_000
    assert limits["max_painted_pixels"] == MAX_PAINTED_PIXELS
    assert (limits["max_num_images"], limits["min_side_pixels"]) == (8, 64)


def test_broken_models_file_stops_the_start(broker_url: str, tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text("[[models]]\nname = 1\n")
    with pytest.raises(ValueError, match="name"):
        build_app(broker_url, tmp_path, models_file=file)


def test_health_and_version_answer(client: FlaskClient) -> None:
    assert client.get("/health/live").get_json() == {"status": "ok"}
    with capture_logs() as logs:
        assert client.get("/health/ready").get_json()["status"] == "ok"
    assert [line["log_level"] for line in logs] == ["debug"]
    version = client.get("/version").get_json()
    assert (version["name"], version["job_schema"]) == ("paintjob", SCHEMA)


def test_errors_explain_themselves(client: FlaskClient) -> None:
    table = client.get("/errors").get_json()["errors"]
    for entry in table:
        assert client.get(f"/errors/{entry['code']}").get_json() == entry
    assert client.get("/errors/nothing").status_code == 404


def test_reference_names_its_own_files_only(client: FlaskClient) -> None:
    page = client.get("/docs/")
    assert page.status_code == 200
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert sources
    for source in sources:
        assert "/" not in source
        with client.get(f"/docs/{source}") as response:
            assert response.status_code == 200
    assert client.get("/openapi.yaml").mimetype == "application/yaml"
    assert client.get("/docs/nothing.js").get_json()["code"] == "not_found"
