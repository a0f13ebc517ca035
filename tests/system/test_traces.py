"""One trace from a caller's request through queue, worker and painting process to its webhook."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from service.contract.jobs import JobStatus
from service.contract.names import DEFAULT_TENANT
from service.store import draw_secret
from tests.support.broker import running_broker
from tests.support.collector import Collector, Exported, running_collector
from tests.support.patience import wait_for
from tests.support.pictures import mask, picture
from tests.support.receiver import Receiver, running_receiver
from tests.support.server import RunningServer, running_server
from tests.support.stack import Stack, running_stack

pytestmark = pytest.mark.slow

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = f"00-{TRACE}-00f067aa0ba902b7-01"
UNSAMPLED = CALLER[:-2] + "00"
PROMPT = "a-most-secret-prompt"


@dataclass
class Traced:
    """A deployment whose traces go to a collector."""

    collector: Collector
    server: RunningServer
    stack: Stack
    receiver: Receiver

    def submit(self, **headers: str) -> str:
        """Submit a job with a webhook, wait for its end, and return its id."""
        answer = httpx2.post(
            f"{self.server.url}/inpaint",
            files={"image": picture(64, 64), "mask": mask(64, 64, (16, 16, 48, 48))},
            data={"method": "patch", "webhook_url": self.receiver.url()},
            headers=headers,
        )
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["id"]
        assert self.stack.wait_ended(job_id).status is JobStatus.SUCCEEDED
        return job_id

    def find_one(self, name: str, **attributes: object) -> Exported:
        """Wait until a span has arrived, and return it."""
        wait_for(lambda: bool(self.collector.find(name, **attributes)), self.stack.logs)
        return self.collector.find(name, **attributes)[0]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    folder = tmp_path_factory.mktemp("traces")
    with (
        running_collector() as collector,
        running_receiver() as receiver,
        running_broker() as broker,
    ):
        settings = {
            "PAINTJOB_OTLP_URL": collector.url,
            "PAINTJOB_TRACE_SHARE": "1",
            # Of the SDK's own: how soon it exports.
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "PAINTJOB_WEBHOOK_ALLOW_HTTP": "true",
            "PAINTJOB_WEBHOOK_ALLOW_PRIVATE": "true",
            "PAINTJOB_HTTP_WORKERS": "1",
            "PAINTJOB_BLOB_URL": (folder / "blobs").as_uri(),
        }
        with (
            running_stack(broker.url, folder, environ=settings) as stack,
            running_server(broker.url, folder, **settings) as server,
        ):
            stack.store.signing_keys.add(DEFAULT_TENANT, "k1", draw_secret())
            stack.start_worker()
            stack.start("service.courier")
            yield Traced(collector, server, stack, receiver)


def test_trace_goes_from_the_caller_to_the_webhook(traced: Traced) -> None:
    job_id = traced.submit(traceparent=CALLER, tracestate="vendor=1", baggage=f"prompt={PROMPT}")
    request = traced.find_one("POST /inpaint")
    submit = traced.find_one("submit", job_id=job_id)
    job = traced.find_one("job", job_id=job_id)
    prepare, finish = (traced.find_one(name, job_id=job_id) for name in ("prepare", "finish"))
    webhook = traced.find_one("webhook", job_id=job_id)
    (call,) = [span for span in traced.collector.spans if span.span_id == prepare.parent_id]
    path = [request, submit, job, call, prepare]
    assert {span.trace_id for span in (*path, finish, webhook)} == {TRACE}
    assert request.parent_id == "00f067aa0ba902b7"
    assert [span.parent_id for span in path[1:]] == [span.span_id for span in path[:-1]]
    assert [span.process.removeprefix("paintjob-") for span in (*path, webhook)] == (
        ["api", "api", "worker", "horse", "horse", "courier"]
    )
    assert job.attributes["paintjob.verdict"] == "succeeded"
    children = {span.name for span in traced.collector.spans if span.parent_id == call.span_id}
    assert children == {"prepare", "load", "paint", "finish"}
    blobs = [span for span in traced.collector.spans if span.name.startswith("blob ")]
    parents = {span.parent_id for span in blobs}
    assert {request.span_id, prepare.span_id, finish.span_id} <= parents
    # The receiver can go on with the trace.
    wait_for(lambda: len(traced.receiver.accepted) > 0, traced.stack.logs)
    sent = traced.receiver.accepted[-1].headers
    assert sent["traceparent"] == f"00-{TRACE}-{webhook.span_id}-01"
    assert sent["tracestate"] == "vendor=1"
    assert "baggage" not in sent


def test_prompts_and_baggage_are_in_no_span(traced: Traced) -> None:
    answer = httpx2.post(
        f"{traced.server.url}/inpaint",
        files={"image": picture(64, 64), "mask": mask(64, 64, (16, 16, 48, 48))},
        data={"method": "generate", "prompt": PROMPT},
        headers={"traceparent": CALLER, "baggage": f"prompt={PROMPT}", "X-Request-ID": "refused"},
    )
    assert answer.status_code == 422, answer.text
    traced.find_one("POST /inpaint", request_id="refused")
    assert not any(PROMPT.encode() in body for body in traced.collector.bodies)
    redis = traced.stack.store.redis
    assert not any(PROMPT.encode() in (redis.dump(key) or b"") for key in redis.keys("*"))


def test_caller_decides_whether_its_trace_is_exported(traced: Traced) -> None:
    unwanted = traced.submit(traceparent=UNSAMPLED)
    # What comes after it has arrived, and so would it have.
    wanted = traced.submit()
    assert traced.find_one("job", job_id=wanted).trace_id != TRACE
    traced.find_one("webhook", job_id=wanted)
    for name in ("submit", "job", "webhook"):
        assert traced.collector.find(name, job_id=unwanted) == []


def test_polls_begin_no_trace(traced: Traced) -> None:
    for headers in ({"X-Request-ID": "poll"}, {"X-Request-ID": "poll", "traceparent": "broken"}):
        httpx2.get(f"{traced.server.url}/methods", headers=headers)
    headers = {"X-Request-ID": "poll", "traceparent": CALLER}
    httpx2.get(f"{traced.server.url}/methods", headers=headers)
    traced.find_one("GET /methods", request_id="poll")
    assert len(traced.collector.find("GET /methods", request_id="poll")) == 1


def test_log_lines_carry_the_trace(traced: Traced) -> None:
    job_id = traced.submit(traceparent=CALLER)
    lines = [*_lines(traced.server.log), *_lines(traced.stack.directory / "worker-0.log")]
    found = [line for line in lines if line.get("trace_id") == TRACE]
    assert {"job_accepted", "request_ended", "job_ended"} <= {line["event"] for line in found}
    assert any(line.get("job_id") == job_id for line in found)


def _lines(log: Path) -> Iterator[dict[str, str]]:
    for line in log.read_text().splitlines():
        if line.startswith("{"):
            yield json.loads(line)
