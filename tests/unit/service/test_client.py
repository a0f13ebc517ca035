"""The client against a real HTTP server that answers by a script."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from service.api.openapi.client_documents import render_documents
from service.api.openapi.document import build_document
from service.api.openapi.job_examples import build_job_example, build_plan_example
from service.client import (
    AsyncPaintjobClient,
    Job,
    PaintjobApiError,
    PaintjobClient,
    ResultDamaged,
    ServiceUnreachable,
    WebhookInvalid,
    verify_webhook,
)
from service.contract.params import Operation
from service.outbound.webhooks import Message, sign
from service.store import draw_secret

ROOT = Path(__file__).parents[3]

JOB: dict[str, Any] = {
    **build_job_example("inpaint", "queued"),
    "id": "job_1",
    "a_field_of_tomorrow": 1,
}
DONE = {**JOB, "status": "succeeded"}
NEXT = "https://public.test/api/jobs?tag=x&cursor=c%201"


@dataclass
class Script:
    """What the server answers, in order, and what it was asked."""

    answers: list[tuple[int, dict[str, str], object]]
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""


@contextmanager
def _server(script: Script, **options: Any) -> Iterator[PaintjobClient]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            script.asked.append((self.command, self.path, headers, body))
            status, answer_headers, document = script.answers.pop(0)
            if status == 0:
                # As if the process had died after it did the work.
                self.close_connection = True
                return
            content = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            for name, value in answer_headers.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if status != 304:
                self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names that the base class calls

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        script.url = f"http://127.0.0.1:{server.server_port}"
        try:
            with PaintjobClient(script.url, **options) as client:
                yield client
        finally:
            server.shutdown()
            thread.join()


def test_client_submits_pictures_and_fields() -> None:
    script = Script([(202, {}, JOB)])
    with _server(script) as client:
        job = client.submit(
            "inpaint", ("a.png", b"IMAGE"), ("m.png", b"MASK"), {"method": "patch", "seed": None}
        )
    assert job.id == "job_1"
    method, path, _, body = script.asked[0]
    assert (method, path) == ("POST", "/inpaint")
    assert b"IMAGE" in body and b"MASK" in body and b'name="method"' in body
    assert b"seed" not in body


def test_client_refuses_a_name_as_a_picture() -> None:
    with PaintjobClient("http://127.0.0.1:9") as client, pytest.raises(TypeError, match="a Path"):
        client.submit("inpaint", Path(__file__), "mask.png")  # type: ignore[arg-type]


def test_client_writes_fields_as_the_service_reads_them() -> None:
    script = Script([(202, {}, JOB)])
    params = {
        "regions": [{"box": [0, 0, 4, 4]}],
        "keep_metadata": True,
        "tags": ["a b"],
        "zoom_out": 1.5,
        "left_percent": "0.1",
        "overlap": 0,
    }
    with _server(script) as client:
        client.submit("inpaint", ("a.png", b"IMAGE"), params=params)
    body = script.asked[0][3].decode()
    fields = {
        part.split('name="')[1].split('"')[0]: part.split("\r\n\r\n")[1].removesuffix("\r\n")
        for part in body.split("--")
        if 'name="' in part and "filename" not in part
    }
    assert fields == {
        "regions": '[{"box": [0, 0, 4, 4]}]',
        "keep_metadata": "true",
        "tags": '["a b"]',
        "zoom_out": "1.5",
        "left_percent": "0.1",
        "overlap": "0",
    }


def test_client_asks_for_a_plan_without_a_key() -> None:
    answer = {**build_plan_example("outpaint"), "tomorrow": 1}
    script = Script([(200, {}, answer)])
    with _server(script) as client:
        plan = client.plan("outpaint", ("a.png", b"IMAGE"), params={"left": 8})
    assert (plan.method, plan.width) == (answer["method"], answer["width"])
    assert plan.params.model_dump(mode="json") == answer["params"]
    method, path, headers, body = script.asked[0]
    assert (method, path) == ("POST", "/outpaint?dry_run=true")
    assert "idempotency-key" not in headers
    assert b"IMAGE" in body


def test_client_repeats_a_submission_under_the_same_key_when_the_answer_is_lost() -> None:
    script = Script([(0, {}, {}), (503, {"Retry-After": "0"}, {}), (202, {}, JOB)])
    with _server(script) as client:
        assert client.submit("outpaint", ("a.png", b"IMAGE"), params={"left": 8}).id == "job_1"
    keys = {headers["idempotency-key"] for _, _, headers, _ in script.asked}
    assert len(script.asked) == 3 and len(keys) == 1


def test_client_draws_a_key_for_each_submission() -> None:
    script = Script([(202, {}, JOB), (202, {}, JOB)])
    with _server(script) as client:
        client.submit("outpaint", ("a.png", b"IMAGE"))
        client.submit("outpaint", ("a.png", b"IMAGE"))
    assert len({headers["idempotency-key"] for _, _, headers, _ in script.asked}) == 2


def test_client_raises_the_problem_document() -> None:
    problem = {
        "title": "A field breaks its rule",
        "status": 422,
        "detail": "see errors",
        "code": "invalid_field",
        "request_id": "r-1",
        "errors": [{"pointer": "/seed", "code": "invalid_field", "message": "is negative"}],
    }
    with _server(Script([(422, {}, problem)])) as client, pytest.raises(PaintjobApiError) as caught:
        client.submit("inpaint", ("a.png", b"IMAGE"))
    assert (caught.value.status, caught.value.code) == (422, "invalid_field")
    assert caught.value.request_id == "r-1"
    assert "/seed: is negative" in str(caught.value)


def test_client_tells_a_single_fault_once() -> None:
    message = "no pixel of the mask is to be repainted"
    fault = {"pointer": "/mask", "code": "mask_empty", "message": message}
    title = "The mask is empty"
    problem = {"title": title, "detail": message, "code": "mask_empty", "errors": [fault]}
    assert str(PaintjobApiError(422, problem)) == f"{title}: /mask: {message}"
    whole = {**problem, "errors": [{**fault, "pointer": ""}]}
    assert str(PaintjobApiError(422, whole)) == f"{title}: {message}"
    several = {**problem, "detail": "2 rules are broken", "errors": [fault, fault]}
    assert str(PaintjobApiError(422, several)).count(message) == 2


def test_client_survives_an_error_that_is_no_problem_document() -> None:
    with (
        _server(Script([(404, {}, b"<html>not ours</html>")])) as client,
        pytest.raises(PaintjobApiError, match=r"HTTP 404.*not the service's"),
    ):
        client.get_job("job_1")


def test_client_waits_with_etags_until_the_end() -> None:
    soon = {"Retry-After": "0"}
    script = Script(
        [
            (200, {**soon, "ETag": '"1"'}, JOB),
            (304, soon, {}),
            (200, {"ETag": '"2"'}, DONE),
        ]
    )
    seen: list[Job] = []
    with _server(script) as client:
        job = client.wait("job_1", seen.append)
    assert job.status == "succeeded"
    assert [job.status for job in seen] == ["queued", "succeeded"]
    assert [headers.get("if-none-match") for _, _, headers, _ in script.asked] == [
        None,
        '"1"',
        '"1"',
    ]


def test_client_has_the_question_held_open_and_does_not_pause_then() -> None:
    held = {"Preference-Applied": "wait=30", "Retry-After": "60"}
    script = Script(
        [(200, {"Retry-After": "60", "ETag": '"1"'}, JOB), *[(304, held, {})] * 3, (200, {}, DONE)]
    )
    started = time.monotonic()
    with _server(script) as client:
        assert client.wait("job_1", lambda job: None).is_finished
    assert time.monotonic() - started < 60
    preferences = [headers.get("prefer") for _, _, headers, _ in script.asked]
    assert preferences == [None, *["wait=30"] * 4]


def test_client_asks_for_the_end_alone_when_nobody_is_told_of_changes() -> None:
    script = Script([(200, {"ETag": '"1"'}, JOB), (200, {}, DONE)])
    with _server(script) as client:
        client.wait("job_1", timeout_seconds=29)
    *_, (_, _, headers, _) = script.asked
    assert "if-none-match" not in headers
    assert 1 <= int(headers["prefer"].removeprefix("wait=")) <= 29


def test_client_asks_plainly_when_there_is_no_place_to_wait_in() -> None:
    full = (503, {"Retry-After": "60"}, {"code": "too_many_waiters"})
    script = Script([(200, {}, JOB), full, (200, {"Retry-After": "0"}, JOB), full, (200, {}, DONE)])
    with _server(script) as client:
        assert client.wait("job_1").is_finished
    preferences = [headers.get("prefer") for _, _, headers, _ in script.asked]
    assert preferences == [None, "wait=30", None, "wait=30", None]


def test_client_goes_on_waiting_when_the_connection_is_cut() -> None:
    script = Script([(200, {}, JOB), (0, {}, {}), (200, {}, DONE)])
    with _server(script) as client:
        assert client.wait("job_1").is_finished


def test_client_stops_waiting_when_the_time_is_out() -> None:
    script = Script([(200, {"Retry-After": "5"}, JOB)] * 10)
    with _server(script) as client, pytest.raises(TimeoutError, match="job_1 has not ended"):
        client.wait("job_1", timeout_seconds=1)


def test_client_reads_results_cancels_and_deletes() -> None:
    script = Script([(200, {}, b"PNG"), (202, {}, JOB), (204, {}, b"")])
    with _server(script) as client:
        assert client.get_result("job_1", 2) == b"PNG"
        assert client.cancel("job_1").status == "queued"
        client.delete("job_1")
    assert [(method, path) for method, path, _, _ in script.asked] == [
        ("GET", "/jobs/job_1/results/2"),
        ("POST", "/jobs/job_1/cancel"),
        ("DELETE", "/jobs/job_1"),
    ]


def test_client_gives_up_when_nobody_answers() -> None:
    with (
        PaintjobClient("http://127.0.0.1:1", patience_seconds=0) as client,
        pytest.raises(ServiceUnreachable, match="refused"),
    ):
        client.get_job("job_1")


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_client_keeps_retry_after_or_tells_at_once(form: str) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    headers = {"Retry-After": "100" if form == "seconds" else at}
    script = Script([(429, headers, {"code": "too_many_jobs"})])
    with _server(script) as client, pytest.raises(PaintjobApiError) as caught:
        client.submit("inpaint", ("a.png", b"IMAGE"))
    assert (caught.value.status, caught.value.code) == (429, "too_many_jobs")
    assert len(script.asked) == 1


def test_client_waits_as_long_as_it_is_told() -> None:
    script = Script([(503, {"Retry-After": "1"}, {}), (202, {}, JOB)])
    started = time.monotonic()
    with _server(script) as client:
        client.submit("inpaint", ("a.png", b"IMAGE"))
    assert time.monotonic() - started >= 1


def test_client_shows_its_key_and_sends_the_callers_idempotency_key() -> None:
    script = Script([(202, {}, JOB)])
    with _server(script, api_key="pj_1_secret") as client:
        client.submit("inpaint", ("a.png", b"IMAGE"), idempotency_key="order-7")
    headers = script.asked[0][2]
    assert headers["authorization"] == "Bearer pj_1_secret"
    assert headers["idempotency-key"] == "order-7"


def test_client_lists_page_by_page() -> None:
    pages: list[dict[str, Any]] = [
        {"jobs": [JOB, JOB], "links": {"self": "", "next": NEXT}},
        {"jobs": [DONE], "links": {"self": "", "next": None}},
    ]
    script = Script([(200, {}, page) for page in pages])
    with _server(script) as client:
        jobs = list(client.list_jobs(tag="shop"))
    assert [job.status for job in jobs] == ["queued", "queued", "succeeded"]
    paths = [path for _, path, _, _ in script.asked]
    assert paths == ["/jobs?tag=shop", "/jobs?tag=shop&cursor=c+1"]


def _output(data: bytes) -> dict[str, Any]:
    [output] = build_job_example("inpaint", "succeeded")["outputs"]
    return {**output, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def test_client_saves_a_result_that_is_what_the_job_says(tmp_path: Path) -> None:
    job = Job.model_validate({**DONE, "outputs": [_output(b"PNG")]})
    script = Script([(200, {}, b"PNG"), (200, {}, b"PN")])
    with _server(script) as client:
        client.save(job, tmp_path / "out.png")
        with pytest.raises(ResultDamaged):
            client.save(job, tmp_path / "other.png")
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]
    assert (tmp_path / "out.png").read_bytes() == b"PNG"


def test_client_follows_a_redirect_to_the_store_without_its_key(tmp_path: Path) -> None:
    job = Job.model_validate({**DONE, "outputs": [_output(b"PNG")]})
    service, store = Script([]), Script([(200, {}, b"PNG")])
    options = {"api_key": "pj_secret", "redirects": True}
    with _server(store), _server(service, **options) as client:
        service.answers.append((307, {"Location": f"{store.url}/bucket/0.png?signed=1"}, b""))
        client.save(job, tmp_path / "out.png")
    ((_, path, headers, _),) = service.asked
    assert (path, headers["authorization"]) == (
        "/jobs/job_1/results/0?redirect=true",
        "Bearer pj_secret",
    )
    ((_, path, headers, _),) = store.asked
    assert (path, headers.get("authorization")) == ("/bucket/0.png?signed=1", None)
    assert (tmp_path / "out.png").read_bytes() == b"PNG"


def test_client_takes_a_job_for_deleted_that_is_wiped_already() -> None:
    script = Script([(0, {}, {}), (404, {}, {"code": "job_expired"}), (404, {}, {})])
    with _server(script) as client:
        client.delete("job_1")
        with pytest.raises(PaintjobApiError):
            client.delete("job_2")


def test_client_refuses_what_is_no_url() -> None:
    with pytest.raises(ValueError, match="is not a URL; give one such as"):
        PaintjobClient("http://127.0.0.1:port")


def test_client_reads_the_page_of_a_proxy_that_refuses_a_large_body() -> None:
    page = b"<html><center><h1>413 Request Entity Too Large</h1></center><hr>nginx</html>"
    with (
        _server(Script([(413, {"Content-Type": "text/html"}, page)])) as client,
        pytest.raises(PaintjobApiError) as caught,
    ):
        client.submit("inpaint", ("a.png", b"IMAGE" * 1000))
    told = str(caught.value)
    assert "client_max_body_size" in told
    assert "bytes)" in told and "<html>" not in told


def test_client_tells_soon_that_a_service_is_dead_and_waits_for_one_that_was_alive() -> None:
    with (
        PaintjobClient("http://127.0.0.1:1", reach_seconds=0) as client,
        pytest.raises(ServiceUnreachable),
    ):
        client.get_job("job_1")
    script = Script([(200, {}, JOB), (0, {}, {}), (200, {}, DONE)])
    with _server(script, reach_seconds=0) as client:
        client.get_job("job_1")
        assert client.get_job("job_1").is_finished


def _stream(*events: tuple[str, dict[str, Any]]) -> bytes:
    lines = [f"id: {mark}\ndata: {json.dumps(event)}\n\n" for mark, event in events]
    return "".join(["retry: 1000\n\n: still there\n\n", *lines]).encode()


def test_client_resumes_a_stream_of_events_that_was_cut() -> None:
    base = {"version": 1, "at": "2025-11-22T08:26:41Z", "progress": None, "mask": None}
    first = {**base, "type": "status", "status": "queued", "job": None}
    last = {**base, "type": "status", "status": "succeeded", "job": DONE}
    cut = _stream(("1-1-0", first)) + b"id: 2-1-0\ndata: {"
    script = Script(
        [(200, {}, cut), (503, {"Retry-After": "0"}, {}), (200, {}, _stream(("3", last)))]
    )
    with _server(script) as client:
        found = [event.status for event in client.events("job_1")]
    assert found == ["queued", "succeeded"]
    marks = [headers.get("last-event-id") for _, _, headers, _ in script.asked]
    assert marks[0] is None
    assert marks[1] == marks[2]


def test_both_clients_have_the_same_methods() -> None:
    def describe(client: type) -> dict[str, Any]:
        public = {name for name in vars(client) if not name.startswith("_")}
        return {name: list(signature(getattr(client, name)).parameters) for name in public}

    assert describe(PaintjobClient) == describe(AsyncPaintjobClient)


def test_async_client_retries_pages_and_waits_like_the_other() -> None:
    pages = [
        {"jobs": [JOB], "links": {"self": "", "next": NEXT}},
        {"jobs": [DONE], "links": {"self": "", "next": None}},
    ]
    script = Script(
        [
            (503, {"Retry-After": "0"}, {}),
            *((200, {}, page) for page in pages),
            (200, {}, JOB),
            (200, {}, DONE),
        ]
    )

    async def run(url: str) -> list[str]:
        async with AsyncPaintjobClient(url) as client:
            listed = [job.status async for job in client.list_jobs()]
            return [*listed, (await client.wait("job_1")).status]

    with _server(script):
        assert asyncio.run(run(script.url)) == ["queued", "succeeded", "succeeded"]


def test_documents_of_the_client_are_those_of_the_openapi_document() -> None:
    written = (ROOT / "service" / "client" / "documents.py").read_text()
    assert written == render_documents(build_document()["components"]["schemas"]), "make openapi"


@pytest.mark.parametrize("operation", ["inpaint", "outpaint"])
def test_documents_lose_nothing_of_a_job(operation: Operation) -> None:
    shown = build_job_example(operation, "succeeded")
    kept = Job.model_validate(shown).model_dump(mode="json", exclude_unset=True)
    # Times are the same ones, with or without digits that are 0.
    digits = re.compile(r"(?:\.(\d{3})\d*)?Z\"")
    kept_text, shown_text = (
        digits.sub(lambda found: f'.{found[1] or "000"}Z"', json.dumps(document, sort_keys=True))
        for document in (kept, shown)
    )
    assert kept_text == shown_text


def test_webhook_is_verified_by_any_of_the_keys() -> None:
    old, new = draw_secret(), draw_secret()
    body = json.dumps({**DONE, "type": "job.succeeded"}).encode()
    message = Message("https://receiver.test", "job_1-4", body, [old])
    headers = {
        str(name).upper(): str(value) for name, value in sign(message, datetime.now(UTC)).items()
    }
    found = verify_webhook(body, headers, new, old)
    assert (found.id, found.type, found.document.status) == (
        "job_1-4",
        "job.succeeded",
        "succeeded",
    )
    with pytest.raises(WebhookInvalid, match="any of these keys"):
        verify_webhook(body, headers, new)
    with pytest.raises(WebhookInvalid, match="any of these keys"):
        verify_webhook(body + b" ", headers, old)
    with pytest.raises(WebhookInvalid, match="present time"):
        verify_webhook(body, {**headers, "WEBHOOK-TIMESTAMP": "1"}, old)
    with pytest.raises(WebhookInvalid, match="must be there"):
        verify_webhook(body, {}, old)
