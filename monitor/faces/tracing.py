"""Traces of a cycle by OpenTelemetry; needs `holdpoint[otel]`. The daemon knows nothing of the library."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib.metadata import version

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from monitor.daemon.span import Span


class Traces:
    """Sends spans to one exporter; of our own provider, so that nothing else of the process is traced."""

    def __init__(self, exporter: SpanExporter) -> None:
        told = {"service.name": "holdpoint", "service.version": version("holdpoint")}
        self._provider = TracerProvider(resource=Resource.create(told))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("holdpoint")

    def span(self, name: str) -> AbstractContextManager[Span]:
        """A span; an error that leaves it is recorded in it and goes on."""
        return self._tracer.start_as_current_span(name)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def to_collector() -> Traces:
    """Traces to where OTEL_EXPORTER_OTLP_ENDPOINT and its relatives say. Raises ImportError without the extra."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    return Traces(OTLPSpanExporter())
