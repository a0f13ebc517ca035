"""Traces by OpenTelemetry, exported by OTLP over HTTP; the extra `otel` brings the libraries.

A context passes between processes as text: `traceparent`, and after a space `tracestate`, of the
W3C's Trace Context. Baggage is neither read nor sent, so that no prompt ever travels in it.

While nothing is exported, every function here returns after one comparison.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Link, Span

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Value = str | int | float | bool
Attributes = Mapping[str, Value | None]

MAX_STATE_CHARACTERS = 512
"""A longer `tracestate` is dropped, as the specification allows.

Source: https://www.w3.org/TR/trace-context/#tracestate-limits
"""

STOP_MILLISECONDS = 3000

_NOTHING: AbstractContextManager[None] = nullcontext()


class _Exporting:
    """The provider of spans and what is asked of the library often; None while all is off."""

    provider: TracerProvider | None = None
    tracer: Any = None
    get_current_span: Any = None


def check(url: str) -> None:
    """Check that the libraries are there if they are needed.

    Raises:
        ValueError: they are not.
    """
    if url and not all(find_spec(name) for name in ("opentelemetry", "google.protobuf")):
        raise ValueError("PAINTJOB_OTLP_URL needs OpenTelemetry: pip install 'paintjob[otel]'")


def start(process: str, url: str, share: float, version: str) -> None:
    """Export spans of this process, if there is a URL to export them to.

    Args:
        process: `api`, `courier`, `worker` or `horse`.
        url: base URL of an OTLP receiver; empty for none.
        share: share of the traces that begin here, 0..1; those of callers are their decision.
        version: of the program.

    Raises:
        ValueError: the libraries are not installed.
    """
    check(url)
    if not url:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    from opentelemetry.trace import get_current_span

    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(share)),
        resource=Resource.create(
            {"service.name": f"paintjob-{process}", "service.version": version}
        ),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint=f"{url.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _Exporting.provider, _Exporting.tracer = provider, provider.get_tracer("paintjob", version)
    _Exporting.get_current_span = staticmethod(get_current_span)


def stop() -> None:
    """Export what is left; call it before the process ends."""
    if _Exporting.provider is not None:
        _Exporting.provider.force_flush(STOP_MILLISECONDS)


def is_on() -> bool:
    """Return whether spans are exported."""
    return _Exporting.provider is not None


@dataclass(frozen=True)
class OpenSpan:
    """A span that is ended by hand; one without a span while nothing is exported."""

    span: Span | None = None

    @property
    def context(self) -> str:
        """Its context as text, for its children; empty while nothing is exported."""
        return "" if self.span is None else _write(self.span)

    def end(self, attributes: Attributes | None = None, error: str = "") -> None:
        """End it.

        Args:
            attributes: those that are only known now; None of them is left out.
            error: a word for what went wrong; empty if nothing did.
        """
        if self.span is None:
            return
        self.span.set_attributes(_clean(attributes))
        if error:
            _mark(self.span, error)
        self.span.end()

    def hold(self) -> AbstractContextManager[object]:
        """Make it the current span of a block, without ending it."""
        if self.span is None:
            return _NOTHING
        from opentelemetry import trace

        return trace.use_span(self.span, record_exception=False, set_status_on_exception=False)


_OFF = OpenSpan()


def open_span(
    name: str,
    kind: Kind = "internal",
    *,
    parent: str = "",
    links: Sequence[str] = (),
    attributes: Attributes | None = None,
) -> OpenSpan:
    """Begin a span that is ended by hand, and is not the current one.

    Args:
        name: few different ones; no ids, no callers' data.
        kind: its place between processes.
        parent: context of its parent as text; empty: the current span.
        links: contexts of other spans that it belongs to.
        attributes: never prompts, URLs or names of files; None of them is left out.
    """
    if _Exporting.tracer is None:
        return _OFF
    from opentelemetry.trace import SpanKind

    span = _Exporting.tracer.start_span(
        name,
        context=_read(parent) if parent else None,
        kind=SpanKind[kind.upper()],
        links=[link for text in links for link in _link(text)],
        attributes=_clean(attributes),
    )
    return OpenSpan(span)


def span(
    name: str,
    kind: Kind = "internal",
    *,
    parent: str = "",
    links: Sequence[str] = (),
    attributes: Attributes | None = None,
) -> AbstractContextManager[object]:
    """Return a block that is a span, see `open_span`; it is the current one inside."""
    if _Exporting.tracer is None:
        return _NOTHING
    return _hold(open_span(name, kind, parent=parent, links=links, attributes=attributes))


def part(
    name: str, kind: Kind = "internal", attributes: Attributes | None = None
) -> AbstractContextManager[object]:
    """Return a block that is a span within the current one; none where no span is current.

    The current one may have ended: a job's pictures are written after its call.
    """
    if _Exporting.tracer is None:
        return _NOTHING
    if not _Exporting.get_current_span().get_span_context().trace_flags.sampled:
        return _NOTHING
    return _hold(open_span(name, kind, attributes=attributes))


def get_context() -> str:
    """Return the context of the current span as text; empty without one."""
    if _Exporting.tracer is None:
        return ""
    return _write(_Exporting.get_current_span())


def find_trace_id(context: str) -> str | None:
    """Return the id of a trace, for the log; None without one."""
    return context.split("-")[1] if context else None


def is_sampled(context: str) -> bool:
    """Return whether the spans of a context are exported."""
    return context.partition(" ")[0].endswith("-01")


def make_headers(context: str) -> dict[str, str]:
    """Return the headers that carry a context in a request; none of an empty one."""
    parent, _, state = context.partition(" ")
    headers = {"traceparent": parent, "tracestate": state}
    return {name: value for name, value in headers.items() if value}


def read_headers(parent: str | None, state: str | None) -> str:
    """Return the context in the headers of a request; empty if there is none, or a broken one."""
    if not parent or _Exporting.tracer is None:
        return ""
    from opentelemetry import trace

    sent = f"{parent.strip()} {state or ''}".strip()
    return _write(trace.get_current_span(_read(sent)))


@contextmanager
def _hold(opened: OpenSpan) -> Iterator[OpenSpan]:
    error = ""
    try:
        with opened.hold():
            yield opened
    except BaseException as failure:
        # Not its text, which may hold a caller's data.
        error = type(failure).__name__
        raise
    finally:
        opened.end(error=error)


def _clean(attributes: Attributes | None) -> dict[str, Value]:
    return {name: value for name, value in (attributes or {}).items() if value is not None}


def _mark(span: Span, error: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR, error))


def _read(text: str) -> Context:
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract(make_headers(text), context=Context())


def _write(span: Span) -> str:
    found = span.get_span_context()
    if not found.is_valid:
        return ""
    flags = f"{int(found.trace_flags):02x}"
    parent = f"00-{found.trace_id:032x}-{found.span_id:016x}-{flags}"
    state = found.trace_state.to_header() if found.trace_state else ""
    return f"{parent} {state}" if 0 < len(state) <= MAX_STATE_CHARACTERS else parent


def _link(text: str) -> list[Link]:
    from opentelemetry import trace

    found = trace.get_current_span(_read(text)).get_span_context() if text else None
    return [trace.Link(found)] if found is not None and found.is_valid else []
