"""`openapi.yaml` says what the app does: drift, validity, routes both ways, examples, clients."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from service.api.openapi.answer_examples import build_answer_examples
from service.api.openapi.bodies import PATHS
from service.api.openapi.document import build_document, render_yaml
from service.api.openapi.examples import build_example, get_examples
from service.api.openapi.illustration import iter_answers
from service.api.openapi.job_examples import build_job_example, build_plan_example
from service.api.openapi.links import LINKS
from service.api.openapi.operations import OPERATIONS
from service.api.requests.reader import MODELS
from service.api.routes.reference import get_openapi
from service.contract.errors import iter_error_classes
from service.contract.params import Operation as PaintOperation
from service.documents.schemas import Job, Problem
from tests.support.generated_client import generate_client
from tests.support.http import build_app, post_form, post_inpaint, post_outpaint
from tests.support.pictures import picture

ROOT = Path(__file__).parents[2]
UNDESCRIBED = {"/", "/openapi.yaml", "/openapi.json", "/docs", "/docs/", "/docs/{name}"} | {
    *("/guide", "/guide/", "/guide/{address}", "/guide/assets/{name}", "/guide/search.json"),
    *("/llms.txt", "/llms-full.txt"),
    "/playground/{name}",
}
"""Pages for people; a generated client has no use for them."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return build_document()


def _check(document: dict[str, Any], component: str, instance: Any) -> None:
    schema = {"$ref": f"#/components/schemas/{component}", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(instance)


def test_committed_document_is_current() -> None:
    assert (ROOT / "openapi.yaml").read_text() == render_yaml(), "run: make openapi"


def test_responses_with_the_document_share_its_bytes(broker_url: str, tmp_path: Path) -> None:
    with build_app(broker_url, tmp_path).test_request_context():
        bodies = [next(iter(get_openapi().iter_encoded())) for _ in range(2)]
    assert bodies[0] is bodies[1]
    assert bodies[0].decode() == render_yaml()


def test_document_as_json_says_the_same(client: FlaskClient, document: dict[str, Any]) -> None:
    assert client.get("/openapi.json").get_json() == document
    assert document["info"]["version"] == client.get("/version").get_json()["version"]


def test_document_names_the_public_url(broker_url: str, tmp_path: Path) -> None:
    url = "https://example.org/paint"
    public = build_app(broker_url, tmp_path, public_url=url).test_client()
    assert public.get("/openapi.json").get_json()["servers"] == [{"url": url}]
    assert f"- url: {url}\n" in public.get("/openapi.yaml").text


@pytest.mark.parametrize(
    ("kind", "media_type"), [("form", "multipart/form-data"), ("json", "application/json")]
)
def test_document_has_one_kind_of_body_when_asked(
    client: FlaskClient, document: dict[str, Any], kind: str, media_type: str
) -> None:
    selected = client.get(f"/openapi.json?body={kind}").get_json()
    validate(selected)
    for path in ("/inpaint", "/outpaint", "/v1/images/edits"):
        content = document["paths"][path]["post"]["requestBody"]["content"]
        selected_content = selected["paths"][path]["post"]["requestBody"]["content"]
        assert selected_content == {media_type: content[media_type]}
    assert selected["paths"]["/uploads"] == document["paths"]["/uploads"]
    bodies = selected["paths"]["/batches"]["post"]["requestBody"]["content"]
    assert next(iter(bodies)) == "application/json"
    assert client.get("/openapi.json?body=x").status_code == 422


def test_document_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)


def test_every_route_is_described_and_back(app: Flask, document: dict[str, Any]) -> None:
    served = set()
    for rule in app.url_map.iter_rules():
        path = rule.rule.replace("<int:", "<").replace("<path:", "<")
        path = path.replace("<", "{").replace(">", "}")
        verbs = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        served |= {(verb.lower(), path) for verb in verbs if path not in UNDESCRIBED}
    described = {(verb, path) for path, verbs in document["paths"].items() for verb in verbs}
    assert served == described


def test_operation_ids_are_unique_and_in_camel_case() -> None:
    names = [operation.id for operation in OPERATIONS]
    assert len(set(names)) == len(names)
    assert all(name[0].islower() and name.isalnum() for name in names)


def test_every_error_that_an_answer_can_have_is_described() -> None:
    described = {code for operation in OPERATIONS for code in operation.all_errors}
    later = {"licence_refused"}
    expected = {error.code for error in iter_error_classes()} - {"internal"}
    of_http = {"range_not_satisfiable", "misdirected_request"}
    assert described - of_http == expected - later


def test_security_is_described_as_the_app_asks_for_it(broker_url: str, tmp_path: Path) -> None:
    keyed = build_app(broker_url, tmp_path, auth="keys").test_client()
    for operation in OPERATIONS:
        path = operation.path.format(
            job_id="job_1",
            batch_id="batch_1",
            upload_id="upl_1",
            model_id="auto",
            index=0,
            code="hung",
        )
        status = keyed.open(path, method=operation.method.upper()).status_code
        assert (status == 401) == operation.needs_key, operation.id
    for path in (path for path in UNDESCRIBED if "{" not in path):
        assert keyed.get(path).status_code in (200, 302)


def test_every_problem_example_is_a_problem(document: dict[str, Any]) -> None:
    for name, example in document["components"]["examples"].items():
        if not name.startswith("answer_"):
            Problem.model_validate(example["value"])


def test_every_answer_in_json_and_every_error_has_an_example(document: dict[str, Any]) -> None:
    for operation_id, status, answer in iter_answers(document):
        for kind, content in answer.get("content", {}).items():
            if kind.endswith("json"):
                assert content.get("examples"), f"{operation_id} {status}: see answer_examples"


def test_each_distinct_error_response_is_described_once(document: dict[str, Any]) -> None:
    shared = document["components"]["responses"]
    assert len({json.dumps(answer) for answer in shared.values()}) == len(shared)
    for verbs in document["paths"].values():
        for operation in verbs.values():
            answers = operation["responses"]
            assert all("$ref" in answers[status] for status in answers if int(status) >= 400)


def test_examples_and_links_belong_to_answers_that_there_are(document: dict[str, Any]) -> None:
    answers = {(operation_id, status) for operation_id, status, _ in iter_answers(document)}
    assert set(build_answer_examples()) <= answers
    assert set(LINKS) <= answers
    groups = build_answer_examples().values()
    by_name = {name: value for group in groups for name, value in group.items()}
    assert all(by_name[name] == value for group in groups for name, value in group.items())


def test_answer_examples_fit_their_schemas(document: dict[str, Any]) -> None:
    for operation_id, status, answer in iter_answers(document):
        described = answer.get("content", {}).get("application/json", {})
        for example in build_answer_examples().get((operation_id, status), {}).values():
            rooted = {**described["schema"], "components": document["components"]}
            jsonschema.Draft202012Validator(rooted).validate(example)


@pytest.mark.parametrize("operation", MODELS)
def test_example_of_a_job_is_what_the_smallest_body_becomes(
    client: FlaskClient, operation: PaintOperation
) -> None:
    body = {**build_example(operation), **({} if operation == "mask" else {"seed": 7})}
    job = client.post(PATHS[operation], json=body).get_json()
    example = build_job_example(operation, "queued")
    for name in ("operation", "status", "method", "params", "mask", "geometry", "max_crashes"):
        assert job[name] == example[name], name
    plan = client.post(f"{PATHS[operation]}?dry_run=true", json=body).get_json()
    assert plan == build_plan_example(operation)


def test_every_id_that_is_answered_leads_on(document: dict[str, Any]) -> None:
    for operation_id, status, answer in iter_answers(document):
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        if schema.get("$ref", "").endswith("/Job"):
            assert answer["links"], f"{operation_id} {status}: see links"


@pytest.mark.parametrize(
    ("operation", "name"),
    [(operation, name) for operation, examples in get_examples().items() for name in examples],
)
def test_body_example_fits_its_schema_and_is_accepted(
    client: FlaskClient, document: dict[str, Any], operation: PaintOperation, name: str
) -> None:
    content = document["paths"][PATHS[operation]]["post"]["requestBody"]["content"]
    example = content["application/json"]["examples"][name]["value"]
    _check(document, f"{operation.capitalize()}Json", example)
    response = client.post(PATHS[operation], json=example)
    assert response.status_code == 202, response.text


@pytest.mark.parametrize("operation", MODELS)
def test_property_examples_fit(document: dict[str, Any], operation: PaintOperation) -> None:
    for kind in ("Form", "Json"):
        schema = document["components"]["schemas"][operation.capitalize() + kind]
        for prop in schema["properties"].values():
            for example in prop.get("examples", []):
                rooted = {**prop, "components": document["components"]}
                jsonschema.Draft202012Validator(rooted).validate(example)
    assert build_example(operation)["image"]


def test_answers_fit_their_schemas(client: FlaskClient, document: dict[str, Any]) -> None:
    for response in (post_inpaint(client), post_outpaint(client, right="8")):
        _check(document, "Job", response.get_json())
    job_id = response.get_json()["id"]
    _check(document, "Problem", post_inpaint(client, seed="x").get_json())
    for operation in get_examples():
        plan = client.post(f"{PATHS[operation]}?dry_run=true", json=build_example(operation))
        _check(document, "Plan", plan.get_json())
    batch = client.post("/batches", json={"items": [{}]}).get_json()
    upload = post_form(client, "/uploads", {"file": (picture(), "a.png")}).get_json()
    names = {
        "code": "hung",
        "model_id": "auto",
        "job_id": job_id,
        "batch_id": batch["id"],
        "upload_id": upload["id"],
    }
    for described in OPERATIONS:
        model = described.replies[200].model if 200 in described.replies else None
        if described.method != "get" or model is None or model is Job:
            continue
        response = client.get(described.path.format(**names))
        assert response.status_code == 200, response.text
        _check(document, model.__name__, response.get_json())


def test_job_schema_demands_every_field(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["Job"]
    assert set(schema["required"]) == set(Job.model_fields)
    # Clients must ignore what they do not know, so the schema must not forbid it.
    assert "additionalProperties" not in schema


@pytest.mark.slow
def test_client_is_generated_without_a_warning(tmp_path: Path) -> None:
    package = generate_client(tmp_path)
    assert (package / "api/paint/create_inpaint.py").exists()
