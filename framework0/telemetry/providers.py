"""The parts of OpenTelemetry's SDK, put together. Importing this needs the extra ``otel``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter


def resource_of(environ: Mapping[str, str], version: str) -> Resource:
    """Return who is telling; the environment's own word on it goes first."""
    facts = {"service.version": version}
    if not environ.get("OTEL_SERVICE_NAME") and "service.name=" not in environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    ):
        facts["service.name"] = "framework0"
    return Resource.create(facts)


def tracers_of_program() -> Any:
    """Return the tracer provider that the program has set, None when it has set none."""
    provider = trace.get_tracer_provider()
    return None if isinstance(provider, trace.ProxyTracerProvider) else provider


def meters_of_program() -> Any:
    """Return the meter provider that the program has set, None when it has set none."""
    provider = metrics.get_meter_provider()
    # The stand-in for "none" has no public name.
    return None if type(provider).__name__ == "_ProxyMeterProvider" else provider


def tracers(exporter: str, resource: Resource) -> TracerProvider:
    """Return a provider whose spans wait in a bounded queue and are sent by a thread."""
    # At the exit of the interpreter nothing is waited for: a run's end has done that, within a bound.
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    if exporter != "none":
        target: SpanExporter
        target = (
            ConsoleSpanExporter(out=sys.stderr) if exporter == "console" else OTLPSpanExporter()
        )
        provider.add_span_processor(BatchSpanProcessor(target))
    return provider


def meters(exporter: str, resource: Resource) -> MeterProvider:
    """Return a provider whose figures a thread sends now and then, and at the end."""
    if exporter == "none":
        return MeterProvider(resource=resource, shutdown_on_exit=False)
    target: MetricExporter
    target = (
        ConsoleMetricExporter(out=sys.stderr) if exporter == "console" else OTLPMetricExporter()
    )
    reader = PeriodicExportingMetricReader(target)
    return MeterProvider([reader], resource=resource, shutdown_on_exit=False)
