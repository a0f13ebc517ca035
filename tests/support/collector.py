"""A receiver of OTLP over HTTP on this machine, which speaks the protocol of a real collector."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.support.web_server import serving


@dataclass(frozen=True)
class Exported:
    """A span as it arrived.

    Attributes:
        process: the service that exported it.
        links: ids of the spans that it is linked to.
    """

    process: str
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[str, ...]
    attributes: dict[str, Any]
    has_failed: bool


@dataclass
class Collector:
    """Everything that was exported so far.

    Attributes:
        bodies: the requests as they came, for what must not be in them.
    """

    url: str = ""
    spans: list[Exported] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def find(self, name: str, **attributes: Any) -> list[Exported]:
        """Return the spans with a name and these attributes (`_` stands for a dot)."""
        wanted = {f"paintjob.{key}": value for key, value in attributes.items()}
        return [
            span
            for span in list(self.spans)
            if span.name == name and wanted.items() <= span.attributes.items()
        ]


@contextmanager
def running_collector() -> Iterator[Collector]:
    """Run a receiver on a free port until the block ends."""
    collector = Collector()
    with serving(_make_handler(collector), None) as port:
        collector.url = f"http://127.0.0.1:{port}"
        yield collector


def _make_handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            is_right = self.path == "/v1/traces"
            is_right &= self.headers["Content-Type"] == "application/x-protobuf"
            if is_right:
                collector.bodies.append(body)
                collector.spans.extend(_parse(body))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200 if is_right else 400)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            """Write nothing."""

    return Handler


def _parse(body: bytes) -> Iterator[Exported]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        process = _read(resource.resource.attributes)["service.name"]
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            yield Exported(
                process,
                span.name,
                span.kind,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                tuple(link.span_id.hex() for link in span.links),
                _read(span.attributes),
                span.status.code == 2,
            )


def _read(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
