"""The API under gunicorn, over real sockets: what a test client cannot show."""

from __future__ import annotations

import base64
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from service.store.blobs import BlobStore
from tests.support.patience import PATIENCE_SECONDS, wait_for
from tests.support.pictures import mask, picture
from tests.support.server import RunningServer, running_server

pytestmark = pytest.mark.slow

FORM_HEAD = (
    "POST /inpaint HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
)


@pytest.fixture
def server(broker_url: str, tmp_path: Path) -> Iterator[RunningServer]:
    """A server of one process."""
    with running_server(broker_url, tmp_path, PAINTJOB_HTTP_WORKERS="1") as running:
        yield running


def _files(image: bytes, mask_file: bytes) -> dict[str, tuple[str, bytes]]:
    return {"image": ("image.png", image), "mask": ("mask.png", mask_file)}


def _talk(server: RunningServer, request: bytes) -> str:
    with socket.create_connection(
        ("127.0.0.1", server.port), timeout=PATIENCE_SECONDS
    ) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    return answer.decode()


def _memory(server: RunningServer) -> float:
    (worker,) = psutil.Process(server.process.pid).children()
    return float(worker.memory_info().rss) / 2**20


CHUNKED_HEAD = FORM_HEAD + "Transfer-Encoding: chunked\r\n\r\n"


def _chunk(body: bytes, size: int) -> bytes:
    """Return a body in chunks of this size."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n"


def _make_form() -> bytes:
    pictures = {"image": picture(300, 200, compress_level=0), "mask": mask(300, 200)}
    parts = [
        b'--x\r\nContent-Disposition: form-data; name="%s"; filename="a"\r\n\r\n%s\r\n'
        % (name.encode(), data)
        for name, data in pictures.items()
    ]
    return b"".join(parts) + b"--x--\r\n"


def test_chunked_body_is_taken_as_one_with_a_length(server: RunningServer) -> None:
    named = {"image": picture(300, 200, compress_level=0), "mask": mask(300, 200)}
    as_json = json.dumps({name: base64.b64encode(data).decode() for name, data in named.items()})
    json_head = CHUNKED_HEAD.replace("multipart/form-data; boundary=x", "application/json")
    bodies = [(CHUNKED_HEAD, _make_form(), 500), (CHUNKED_HEAD, _make_form(), 70_000)]
    for head, body, size in [*bodies, (json_head, as_json.encode(), 5000)]:
        answer = _talk(server, head.encode() + _chunk(body, size))
        assert answer.startswith("HTTP/1.1 202"), answer


def test_chunked_body_is_refused_once_and_the_connection_closed(
    broker_url: str, tmp_path: Path
) -> None:
    limits = {"PAINTJOB_MAX_BODY_BYTES": "1000000", "PAINTJOB_HTTP_WORKERS": "1"}
    part = b'--x\r\nContent-Disposition: form-data; name="tags"\r\n\r\n'
    cases = [
        (b"5\r\nabc", 400, "malformed_body"),
        (b"zz\r\nabc\r\n0\r\n\r\n", 400, "malformed_body"),
        (_chunk(b"a" * 200_000, 1), 400, "malformed_body"),
        (_chunk(b"a" * 2_000_000, 50_000), 413, "body_too_large"),
    ]
    with running_server(broker_url, tmp_path, **limits) as server:
        for body, status, code in cases:
            answer = _talk(server, CHUNKED_HEAD.encode() + _chunk(part, 99)[:-5] + body)
            assert answer.startswith(f"HTTP/1.1 {status}"), answer
            assert f'"code":"{code}"' in answer
            assert answer.count("HTTP/1.1") == 1


def test_declared_length_above_the_limit_is_refused_unread(server: RunningServer) -> None:
    answer = _talk(server, f"{FORM_HEAD}Content-Length: 999999999999\r\n\r\n".encode())
    assert answer.startswith("HTTP/1.1 413")
    assert '"code":"body_too_large"' in answer


def test_client_that_leaves_in_the_middle_leaves_no_blob(
    server: RunningServer, tmp_path: Path
) -> None:
    part = '--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    answer = _talk(
        server, f"{FORM_HEAD}Content-Length: 9000000\r\n\r\n{part}".encode() + b"x" * 2_000_000
    )
    assert answer == "" or answer.startswith("HTTP/1.1 400")
    assert BlobStore.open((tmp_path / "data" / "blobs").as_uri()).list("jobs/") == []


def test_memory_stays_bounded_under_large_uploads(server: RunningServer) -> None:
    httpx2.post(f"{server.url}/inpaint", files=_files(picture(), mask())).raise_for_status()
    before = _memory(server)
    assert before < 120
    image = picture(2800, 2800, compress_level=0)
    assert len(image) > 20_000_000
    files = _files(image, mask(2800, 2800))
    codes: list[int] = []

    def send() -> None:
        codes.append(httpx2.post(f"{server.url}/inpaint", files=files, timeout=60).status_code)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [202] * 8
    # Eight pictures of 23 MB were never in memory at once, which with the four masks that are
    # decoded at a time would come to 240; how many buffers overlap is a matter of timing.
    assert _memory(server) - before < 190


def test_log_lines_are_json_without_what_was_sent(server: RunningServer) -> None:
    files = _files(picture(), mask())
    sent = {"X-Request-ID": "r-1"}
    url = f"{server.url}/inpaint?note=secret-note"
    data = {"prompt": "secret-prompt"}
    assert httpx2.post(url, files=files, data=data, headers=sent).status_code == 422
    server.process.terminate()
    server.process.wait(timeout=60)
    text = server.log.read_text()
    assert "secret" not in text
    events = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    (ended,) = [event for event in events if event.get("request_id") == "r-1"]
    assert (ended["event"], ended["status"], ended["process"]) == ("request_ended", 422, "api")


def test_client_that_falls_silent_does_not_hold_a_thread(broker_url: str, tmp_path: Path) -> None:
    settings = {
        "PAINTJOB_HTTP_WORKERS": "1",
        "PAINTJOB_HTTP_THREADS": "2",
        "PAINTJOB_CLIENT_SILENCE_SECONDS": "1",
    }
    stalled = f"{FORM_HEAD}Content-Length: 9000\r\n\r\n--x\r\n".encode()
    with running_server(broker_url, tmp_path, **settings) as server:
        connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2)]
        for connection in connections:
            connection.sendall(stalled)
        assert httpx2.get(f"{server.url}/health/live", timeout=PATIENCE_SECONDS).is_success
        for connection in connections:
            assert connection.recv(1024).startswith(b"HTTP/1.1 400")
            connection.close()


@pytest.mark.parametrize("before", [b"", b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_client_that_falls_silent_in_its_headers_does_not_hold_a_thread(
    broker_url: str, tmp_path: Path, before: bytes
) -> None:
    settings = {
        "PAINTJOB_HTTP_WORKERS": "1",
        "PAINTJOB_HTTP_THREADS": "2",
        "PAINTJOB_CLIENT_HEAD_SECONDS": "1",
    }
    with running_server(broker_url, tmp_path, **settings) as server:
        connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2)]
        for connection in connections:
            connection.settimeout(PATIENCE_SECONDS)
            connection.sendall(before)
            answer = b""
            while before and not answer.endswith(b"}"):
                answer += connection.recv(4096)
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost")
        assert httpx2.get(f"{server.url}/health/live", timeout=PATIENCE_SECONDS).is_success
        for connection in connections:
            assert connection.recv(1024) == b""
            connection.close()


def test_client_that_does_not_close_its_side_keeps_nobody_out(server: RunningServer) -> None:
    connections = []
    for _ in range(20):
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS)
        connection.sendall(b"GET /health/live HTTP/1.0\r\n\r\n")
        connections.append(connection)
    for connection in connections:
        assert b" 200 OK" in connection.recv(4096)
    began = time.monotonic()
    assert httpx2.get(f"{server.url}/health/live", timeout=PATIENCE_SECONDS).is_success
    # One after the other they would take two seconds each.
    assert time.monotonic() - began < 30
    for connection in connections:
        connection.close()


def test_stream_of_openai_s_call_whose_client_leaves_cancels_its_job_if_asked(
    server: RunningServer,
) -> None:
    with httpx2.stream(
        "POST",
        f"{server.url}/v1/images/edits",
        files={"image": ("i.png", picture()), "mask_image": ("m.png", mask())},
        data={"prompt": "x", "stream": "true", "cancel_on_disconnect": "true"},
        timeout=PATIENCE_SECONDS,
    ) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        url = server.url + response.headers["Location"]
    wait_for(lambda: httpx2.get(url).json()["status"] == "canceled", server.log.read_text)


def test_stopping_server_serves_requests_and_refuses_readiness_while_it_drains(
    broker_url: str, tmp_path: Path
) -> None:
    settings = {"PAINTJOB_HTTP_WORKERS": "1", "PAINTJOB_HTTP_DRAIN_SECONDS": "600"}
    with running_server(broker_url, tmp_path, **settings) as server:
        with httpx2.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client:
            assert client.get("/health/ready").status_code == 200
            server.process.terminate()
            wait_for(lambda: client.get("/health/ready").status_code == 503)
            refused, served = client.get("/health/ready"), client.get("/version")
        assert refused.json()["code"] == "shutting_down"
        assert (served.status_code, served.headers["Connection"]) == (200, "close")
        # Who does not want to wait for the drain says so twice.
        server.process.send_signal(signal.SIGINT)
        server.process.wait(timeout=PATIENCE_SECONDS)
