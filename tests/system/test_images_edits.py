"""The façade, asked by OpenAI's own client: real server, real worker, weight-free."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import numpy as np
import openai
import pytest
from PIL import Image

from service.local.broker import EmbeddedBroker
from tests.support.broker import running_broker
from tests.support.patience import wait_for
from tests.support.pictures import encode, make_box_mask, make_image
from tests.support.recorded import find_named, load_recorded
from tests.support.server import running_server
from tests.support.stack import running_stack

pytestmark = pytest.mark.slow

SIZE = (96, 64)
BOX = (30, 20, 60, 40)
IMAGE = make_image("RGB", *SIZE)

GATEWAY = Path(__file__).parents[2] / ".venv" / "gateway" / "bin" / "python"
LITELLM = """
import json, sys
import litellm

def edit(**options):
    with open(sys.argv[2], "rb") as image, open(sys.argv[3], "rb") as mask:
        return litellm.image_edit(
            model="openai/auto", api_base=sys.argv[1], api_key="none", image=image, mask=mask,
            prompt="a red door", n=1, response_format="b64_json", user="u", **options)

told = {"picture": edit(size="96x64").data[0].b64_json, "larger": edit(size="512x512").size}
try:
    edit(size="large")
except Exception as error:
    told |= {"refused": type(error).__name__, "reason": str(error)}
print(json.dumps(told))
"""


@dataclass(frozen=True)
class Service:
    """A running service and a client of it."""

    url: str
    client: openai.OpenAI


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with running_broker() as broker:
        yield broker


@pytest.fixture(scope="module")
def service(broker: EmbeddedBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("edits")
    where = {"PAINTJOB_DATA_DIR": str(folder), "PAINTJOB_HTTP_WORKERS": "1"}
    with (
        running_stack(broker.url, folder) as stack,
        running_server(broker.url, folder, **where) as server,
    ):
        stack.start_worker(engines="worker.engines.registry:build_engines")
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
            yield Service(server.url, client)


def _clear(image: Image.Image, box: tuple[int, int, int, int] = BOX) -> bytes:
    """Return the picture with a fully transparent hole, and half of it around."""
    alpha = Image.new("L", image.size, 255)
    alpha.paste(128, (0, 0, 20, 10))
    alpha.paste(0, box)
    cleared = image.convert("RGBA")
    cleared.putalpha(alpha)
    return encode(cleared)


def _decode(answer: openai.types.ImagesResponse) -> list[Image.Image]:
    assert answer.data is not None
    return [Image.open(io.BytesIO(base64.b64decode(each.b64_json or ""))) for each in answer.data]


def _check_kept(result: Image.Image, original: Image.Image) -> None:
    hole = np.zeros(SIZE[::-1], bool)
    hole[BOX[1] : BOX[3], BOX[0] : BOX[2]] = True
    assert result.mode == original.mode
    assert np.array_equal(np.asarray(result)[~hole], np.asarray(original)[~hole])


def test_client_edits_where_the_mask_is_transparent(service: Service) -> None:
    answer = service.client.images.edit(
        image=encode(IMAGE), mask=_clear(IMAGE), prompt="a red door", model="auto"
    )
    [result] = _decode(answer)
    _check_kept(result, IMAGE)
    assert not np.array_equal(np.asarray(result), np.asarray(IMAGE))
    assert (answer.size, answer.output_format, answer.created > 0) == ("96x64", "png", True)
    assert answer.usage is not None
    assert answer.usage.total_tokens == 0


def test_client_edits_where_the_picture_is_transparent(service: Service) -> None:
    data = _clear(IMAGE)
    [result] = _decode(service.client.images.edit(image=[("a.png", data)], prompt="a red door"))
    _check_kept(result, Image.open(io.BytesIO(data)))
    assert np.asarray(result)[BOX[1] : BOX[3], BOX[0] : BOX[2], 3].min() == 255


def test_client_gets_variants_in_the_format_asked_for(service: Service) -> None:
    answer = service.client.images.edit(
        image=encode(IMAGE),
        mask=_clear(IMAGE),
        prompt="",
        model="patch",
        n=3,
        size="96x64",
        output_format="webp",
        output_compression=80,
        quality="low",
        user="somebody",
        extra_body={"seed": 7, "grow": 2},
    )
    results = _decode(answer)
    assert [(each.format, each.size) for each in results] == [("WEBP", SIZE)] * 3


def test_client_gets_another_size_and_the_job_keeps_the_exact_one(service: Service) -> None:
    raw = service.client.images.with_raw_response.edit(
        image=[encode(IMAGE)],
        mask=_clear(IMAGE),
        prompt="x",
        model="gpt-image-1",
        size="1024x1024",
        output_compression=100,
        background="opaque",
    )
    answer = raw.parse()
    [result] = _decode(answer)
    assert (result.size, answer.size, answer.background) == ((1024, 683), "1024x683", "opaque")
    assert "resized" in raw.headers["X-Paintjob-Warnings"].split(", ")
    [output] = httpx2.get(service.url + raw.headers["Location"]).json()["outputs"]
    exact = Image.open(io.BytesIO(httpx2.get(service.url + output["url"]).content))
    _check_kept(exact, IMAGE)
    assert output["proof"]["kept_pixels_changed"] == 0


def test_client_is_streamed_events(service: Service) -> None:
    stream = service.client.images.edit(
        image=encode(IMAGE), mask=_clear(IMAGE), prompt="x", stream=True, partial_images=2, n=1
    )
    [event] = list(stream)
    assert event.type == "image_edit.completed"
    assert (event.size, event.output_format) == ("96x64", "png")
    _check_kept(Image.open(io.BytesIO(base64.b64decode(event.b64_json))), IMAGE)


def test_client_is_streamed_the_error_of_a_job_that_fails(service: Service) -> None:
    stream = service.client.images.edit(
        image=encode(IMAGE), mask=_clear(IMAGE), prompt="x", stream=True, extra_body={"grow": -64}
    )
    with pytest.raises(openai.APIError) as caught:
        list(stream)
    assert caught.value.code == "mask_empty"


def test_stream_with_no_store_wipes_the_job_at_its_end(service: Service) -> None:
    raw = service.client.images.with_raw_response.edit(
        image=encode(IMAGE),
        mask=_clear(IMAGE),
        prompt="x",
        stream=True,
        extra_body={"no_store": True},
    )
    assert len(list(raw.parse())) == 1
    url = service.url + raw.headers["Location"]
    wait_for(lambda: httpx2.get(url).status_code == 404, lambda: url)


def test_async_client_edits_and_is_streamed_events(service: Service) -> None:
    async def edit() -> tuple[openai.types.ImagesResponse, list[str]]:
        async with openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key="none") as client:
            picture, hole = encode(IMAGE), _clear(IMAGE)
            answer = await client.images.edit(image=picture, mask=hole, prompt="x")
            stream = await client.images.edit(image=picture, mask=hole, prompt="x", stream=True)
            return answer, [event.type async for event in stream]

    answer, kinds = asyncio.run(edit())
    [result] = _decode(answer)
    _check_kept(result, IMAGE)
    assert kinds == ["image_edit.completed"]


def test_json_with_data_urls_is_edited(service: Service) -> None:
    def make_url(data: bytes) -> dict[str, str]:
        return {"image_url": "data:image/png;base64," + base64.b64encode(data).decode()}

    document = {"images": [make_url(encode(IMAGE))], "mask": make_url(_clear(IMAGE)), "prompt": "x"}
    response = httpx2.post(f"{service.url}/v1/images/edits", json=document, timeout=60)
    assert response.status_code == 200, response.text
    [picture] = response.json()["data"]
    _check_kept(Image.open(io.BytesIO(base64.b64decode(picture["b64_json"]))), IMAGE)


def test_white_mask_and_url_of_self_hosted_servers_are_read(service: Service) -> None:
    url = "data:image/png;base64," + base64.b64encode(encode(IMAGE)).decode()
    answer = httpx2.post(
        f"{service.url}/v1/images/edits",
        data={"url[]": url, "prompt": "x", "size": "512x512", "seed": "777"},
        files={"mask_image": ("m.png", encode(make_box_mask(*SIZE, BOX)))},
        timeout=60,
    ).json()
    assert answer["size"] == "512x341"


def test_client_gets_urls(service: Service) -> None:
    answer = service.client.images.edit(
        image=encode(IMAGE), mask=_clear(IMAGE), prompt="x", response_format="url"
    )
    assert answer.data is not None
    assert answer.data[0].b64_json is None
    url = answer.data[0].url or ""
    assert url.startswith(f"{service.url}/jobs/job_")
    fetched = httpx2.get(url)
    _check_kept(Image.open(io.BytesIO(fetched.content)), IMAGE)


def test_client_is_told_of_the_job_and_that_no_prompt_was_used(service: Service) -> None:
    raw = service.client.images.with_raw_response.edit(
        image=encode(IMAGE), mask=_clear(IMAGE), prompt="a red door"
    )
    assert "prompt_unused" in raw.headers["X-Paintjob-Warnings"].split(", ")
    job = httpx2.get(service.url + raw.headers["Location"]).json()
    assert job["id"] == raw.headers["X-Job-ID"]
    assert job["outputs"][0]["proof"]["kept_pixels_changed"] == 0
    assert int(raw.headers["Content-Length"]) == len(raw.content)


def test_client_that_repeats_a_key_gets_the_same_pictures(service: Service) -> None:
    headers = {"Idempotency-Key": "once"}
    answers = [
        service.client.images.edit(
            image=encode(IMAGE), mask=_clear(IMAGE), prompt="x", extra_headers=headers
        )
        for _ in range(2)
    ]
    assert answers[0].data == answers[1].data


def test_client_may_have_its_job_wiped_with_the_answer(service: Service) -> None:
    raw = service.client.images.with_raw_response.edit(
        image=encode(IMAGE), mask=_clear(IMAGE), prompt="x", extra_body={"no_store": True}
    )
    [result] = _decode(raw.parse())
    _check_kept(result, IMAGE)
    url = service.url + raw.headers["Location"]
    # The job is wiped once the answer has arrived, so the client can be a moment ahead.
    wait_for(lambda: httpx2.get(url).status_code == 404, lambda: url)


def test_client_sees_which_field_breaks_which_rule(service: Service) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        service.client.images.edit(
            image=encode(IMAGE), mask=_clear(IMAGE), prompt="x", model="gpt-5"
        )
    error = caught.value
    assert (error.code, error.param, error.type) == (
        "model_unavailable",
        "model",
        "invalid_request_error",
    )


def test_client_gets_no_picture_of_a_job_that_fails(service: Service) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        service.client.images.edit(
            image=encode(IMAGE), mask=_clear(IMAGE), prompt="x", extra_body={"grow": -64}
        )
    assert caught.value.code == "mask_empty"


def test_client_lists_what_model_may_name(service: Service) -> None:
    listed = [model.id for model in service.client.models.list()]
    assert listed[:3] == ["auto", "patch", "gpt-image-1"]
    assert service.client.models.retrieve("gpt-image-1").id == "gpt-image-1"


def test_edits_serves_litellm(service: Service, tmp_path: Path) -> None:
    assert GATEWAY.exists(), "no .venv/gateway: `make test` makes it"
    image, mask = tmp_path / "image.png", tmp_path / "mask.png"
    image.write_bytes(encode(IMAGE))
    mask.write_bytes(_clear(IMAGE))
    options: list[str | Path] = ["-W", "ignore", "-c", LITELLM]
    command = [GATEWAY, *options, f"{service.url}/v1", image, mask]
    # Of the settings of this run none may reach it, and it fetches nothing.
    environ = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    _check_kept(Image.open(io.BytesIO(base64.b64decode(told["picture"]))), IMAGE)
    assert told["refused"] == "BadRequestError"
    assert "size" in told["reason"]
    assert told["larger"] == "512x341"


def test_recorded_requests_are_answered_as_before_and_refusals_name_the_field(
    service: Service,
) -> None:
    recorded = load_recorded()
    assert len(recorded) >= 60
    port = int(service.url.rpartition(":")[2])
    for number, request in enumerate(recorded):
        status, body = request.send(port)
        told = (number, request.client, status, find_named(body))
        assert told == (number, request.client, request.status, request.names), body[:500]
        assert status < 500
        assert request.names or status not in (400, 422)
