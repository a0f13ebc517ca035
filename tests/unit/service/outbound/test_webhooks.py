"""Webhooks over real sockets: signed as the library verifies, sent only where they may go."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import WebhookVerificationError

from service.outbound.connection import MAX_HEAD_BYTES
from service.outbound.urls import OutboundPolicy
from service.outbound.webhooks import Message, Posted, post, sign
from service.store import draw_secret
from tests.support.certificates import make_certificate
from tests.support.receiver import running_receiver

OPEN = OutboundPolicy(allow_http=True, allow_private=True)
STRICT = OutboundPolicy()
LOOPBACK = ["127.0.0.1", "localhost", "127.1", "2130706433", "[::ffff:127.0.0.1]"]
BODY = '{"id": "job_1", "prompt": "ein Tür-Schild"}'.encode()


def _message(url: str, *keys: str) -> Message:
    return Message(url, "job_1-3", BODY, keys or (draw_secret(),))


def _post(message: Message, policy: OutboundPolicy = OPEN, seconds: float = 60) -> Posted:
    return post(message, policy, time.monotonic() + seconds)


def test_post_is_verified_by_the_library_of_the_receiver() -> None:
    key = draw_secret()
    with running_receiver() as receiver:
        posted = _post(_message(receiver.url("/hook?a=b"), key))
    assert posted == Posted(204)
    (received,) = receiver.received
    received.verify(key)
    assert (received.path, received.body, received.webhook_id) == ("/hook?a=b", BODY, "job_1-3")
    assert received.headers["content-type"] == "application/json"
    assert received.headers["host"] == f"127.0.0.1:{receiver.port}"
    with pytest.raises(WebhookVerificationError):
        received.verify(draw_secret())


def test_post_is_verified_with_either_of_two_keys() -> None:
    old, new = draw_secret(), draw_secret()
    with running_receiver() as receiver:
        _post(_message(receiver.url(), new, old))
    receiver.received[0].verify(old)
    receiver.received[0].verify(new)


def test_sign_is_what_the_document_of_standard_webhooks_shows() -> None:
    """The example of its reference implementation."""
    message = Message(
        "https://receiver.example",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",),
    )
    headers = sign(message, datetime.fromtimestamp(1614265330, UTC))
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_post_without_a_key_sends_nothing() -> None:
    with running_receiver() as receiver:
        message = Message(receiver.url(), "job_1-3", BODY, ())
        assert _post(message) == Posted(error="no_signing_key")
    assert receiver.received == []


@pytest.mark.parametrize(
    ("status", "posted"),
    [
        (200, Posted(200)),
        (299, Posted(299)),
        (302, Posted(302, "redirected")),
        (308, Posted(308, "redirected")),
        (400, Posted(400, "refused")),
        (410, Posted(410, "gone")),
        (503, Posted(503, "refused")),
        (0, Posted(error="invalid_answer")),
    ],
)
def test_post_tells_what_was_answered(status: int, posted: Posted) -> None:
    with running_receiver(lambda _: status) as receiver:
        assert _post(_message(receiver.url())) == posted
    assert posted.is_final == (status == 410)


def test_post_follows_no_redirect() -> None:
    with running_receiver() as target, running_receiver(lambda _: 307) as receiver:
        receiver.headers["Location"] = target.url()
        assert _post(_message(receiver.url())) == Posted(307, "redirected")
    assert target.received == []


def test_post_speaks_ipv6() -> None:
    def serve(listener: socket.socket, heard: list[bytes]) -> None:
        client, _ = listener.accept()
        with client:
            heard.append(client.recv(65_536))
            client.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    heard: list[bytes] = []
    with listener:
        thread = threading.Thread(target=serve, args=(listener, heard))
        thread.start()
        port = listener.getsockname()[1]
        assert _post(_message(f"http://[::1]:{port}/")) == Posted(204)
        thread.join()
    assert f"Host: [::1]:{port}".encode() in heard[0]


def test_post_gives_up_a_host_that_continues_without_end() -> None:
    sent = []

    def serve(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client, suppress(OSError):
            while True:
                sent.append(client.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert _post(_message(url)) == Posted(error="invalid_answer")
        thread.join()
    # The rest lay in buffers of the kernel when the connection was closed.
    assert sum(sent) < 32 * MAX_HEAD_BYTES


@pytest.mark.parametrize("host", LOOPBACK)
def test_post_knocks_at_no_private_door(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        url = f"https://{host}:{listener.getsockname()[1]}/"
        assert _post(_message(url), STRICT) == Posted(error="address_refused")
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_post_refuses_what_the_operator_no_longer_allows() -> None:
    assert _post(_message("http://8.8.8.8/"), STRICT) == Posted(error="url_refused")


def test_post_tells_what_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert _post(_message(f"http://127.0.0.1:{port}/")) == Posted(error="unreachable")
    assert _post(_message("http://a..b/")) == Posted(error="unresolvable")


@contextmanager
def _talking(talk: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """A receiver that talks as it likes, until the block ends; gives its port."""
    ended = threading.Event()

    def serve(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client:
            talk(client, ended)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        ended.set()
        thread.join()


def _say_nothing(client: socket.socket, ended: threading.Event) -> None:
    ended.wait()


def _drip(client: socket.socket, ended: threading.Event) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while not ended.wait(0.02):
        client.sendall(b"x")


def _go_on_for_ever(client: socket.socket, ended: threading.Event) -> None:
    while not ended.wait(0.01):
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


@pytest.mark.parametrize("talk", [_say_nothing, _drip, _go_on_for_ever])
def test_post_ends_in_time_whatever_the_receiver_does(
    talk: Callable[[socket.socket, threading.Event], None],
) -> None:
    with _talking(talk) as port:
        posted = _post(_message(f"http://127.0.0.1:{port}/"), seconds=0.4)
    assert posted == Posted(error="timeout")


def test_post_ends_in_time_when_tls_never_comes_about() -> None:
    with _talking(_say_nothing) as port:
        posted = _post(_message(f"https://127.0.0.1:{port}/"), seconds=0.4)
    assert posted == Posted(error="timeout")


def test_post_gives_up_endless_headers() -> None:
    def talk(client: socket.socket, ended: threading.Event) -> None:
        client.settimeout(2)
        try:
            client.sendall(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 5_000_000)
        except OSError:
            return

    with _talking(talk) as port:
        assert _post(_message(f"http://127.0.0.1:{port}/")) == Posted(error="invalid_answer")


def test_post_reads_no_body() -> None:
    def talk(client: socket.socket, ended: threading.Event) -> None:
        client.recv(65_536)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
        ended.wait()

    with _talking(talk) as port:
        assert _post(_message(f"http://127.0.0.1:{port}/")) == Posted(200)


def test_post_checks_the_certificate_against_the_name(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "localhost")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with running_receiver(tls=tls) as receiver:
        deadline = time.monotonic() + 60
        good = _message(receiver.url(host="localhost"))
        assert post(good, OPEN, deadline) == Posted(error="tls_failed")
        assert post(good, OPEN, deadline, certificate) == Posted(204)
        other = _message(receiver.url(host="127.0.0.1"))
        assert post(other, OPEN, deadline, certificate) == Posted(error="tls_failed")
    assert len(receiver.received) == 1
