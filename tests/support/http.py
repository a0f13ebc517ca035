"""A client of the real app on a real broker and a real folder of blobs, and pictures to send."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from service.api.app import create_app
from service.api.context import EXTENSION, Context
from service.config import ServiceSettings
from service.contract.jobs import Output, Proof, Recipe, ResizedOutput, Timings
from service.contract.names import CPU_QUEUE, new_token, output_path, resized_path
from tests.support.pictures import mask, picture


def build_app(broker_url: str, directory: Path, **settings: Any) -> Flask:
    """Build the app on a broker and a folder."""
    given = {"redis_url": broker_url, "data_dir": directory, **settings}
    app = create_app(ServiceSettings.model_validate(given))
    app.testing = False  # errors are answered, not raised
    return app


def context_of(app: Flask) -> Context:
    """Return what the app's views share."""
    found = app.extensions[EXTENSION]
    assert isinstance(found, Context)
    return found


def post_form(
    client: FlaskClient, path: str, fields: dict[str, Any], headers: dict[str, str] | None = None
) -> TestResponse:
    """Send a multipart form; files are (bytes, name) or (bytes, name, type)."""
    values = {name: _as_part(value) for name, value in fields.items()}
    # Encoded here, in memory: the test client would leave its temporary file open.
    boundary, body = encode_multipart(values)
    media_type = f'multipart/form-data; boundary="{boundary}"'
    return client.post(path, data=body, content_type=media_type, headers=headers)


def _as_part(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    data, name, *kind = value
    return FileStorage(io.BytesIO(data), name, content_type=kind[0] if kind else None)


def post_inpaint(
    client: FlaskClient,
    image: bytes | None = None,
    mask_file: bytes | None = None,
    headers: dict[str, str] | None = None,
    **fields: Any,
) -> TestResponse:
    """Send a form to `/inpaint`."""
    image = picture() if image is None else image
    mask_file = mask() if mask_file is None else mask_file
    files = {"image": (image, "image.png"), "mask": (mask_file, "mask.png")}
    return post_form(client, "/inpaint", {**files, **fields}, headers)


def post_outpaint(client: FlaskClient, image: bytes | None = None, **fields: Any) -> TestResponse:
    """Send a form to `/outpaint`."""
    image = picture() if image is None else image
    return post_form(client, "/outpaint", {"image": (image, "image.png"), **fields})


def finish_job(app: Flask, data: bytes, count: int = 1, resized: bytes | None = None) -> str:
    """Claim the next job and commit pictures, as a worker does; gives the job's id."""
    context = context_of(app)
    token = new_token()
    (claimed,) = context.store.claims.take(CPU_QUEUE, worker="test", claim_id=token)
    outputs = []
    for index in range(count):
        path = output_path(claimed.job_id, token, index, "png")
        stored = context.blobs.put(path, data)
        copy = None
        if resized is not None:
            beside = context.blobs.put(resized_path(claimed.job_id, token, index, "png"), resized)
            copy = ResizedOutput(
                path=beside.path,
                format="png",
                width=48,
                height=32,
                bytes=beside.bytes,
                sha256=beside.sha256,
            )
        outputs.append(
            Output(
                index=index,
                path=path,
                format="png",
                width=96,
                height=64,
                bytes=stored.bytes,
                sha256=stored.sha256,
                seed=index,
                proof=Proof(
                    kept_pixels=1, kept_pixels_changed=0, max_difference=0, touched_box=[0, 0, 1, 1]
                ),
                resized=copy,
            )
        )
    verdict = context.store.claims.finish_succeeded(
        claimed.job_id, token, outputs=outputs, recipe=Recipe(engine="test"), timings=Timings()
    )
    assert verdict == "succeeded"
    return claimed.job_id


def faults_of(response: TestResponse, status: int = 422) -> list[tuple[str, str]]:
    """Return pointer and code of each fault of a refusal."""
    assert response.status_code == status, response.text
    return [(fault["pointer"], fault["code"]) for fault in response.get_json()["errors"]]
