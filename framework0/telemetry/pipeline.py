"""The OpenTelemetry parts of one run: where spans and figures go, and how long that may take.

Endpoint, headers, sampling, resource and intervals follow the standard ``OTEL_*`` variables:
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/. A program that has set
up OpenTelemetry itself keeps its own parts, and they are used.
"""

from __future__ import annotations

import logging
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Self

from framework0.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

FLUSH_SECONDS: Final = 3.0
"""What is still to be sent at the end of a run gets this long: a collector next door needs a hundredth."""

FLUSH_IN_TROUBLE: Final = 0.5
"""Seconds at the end of a run whose collector has not answered before: one last try."""

INSTALL: Final = "OpenTelemetry is asked for and not installed: `pip install 'framework0[otel]'`"

_ENDPOINTS: Final = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)
_EXPORTERS: Final = {"traces": "OTEL_TRACES_EXPORTER", "metrics": "OTEL_METRICS_EXPORTER"}
_KNOWN: Final = ("otlp", "console", "none")


def is_asked_for(environ: Mapping[str, str], *, setting: bool) -> bool:
    """Say whether runs are to be told to OpenTelemetry: by ``setting``, or by the environment.

    An endpoint asks for it, and so does an exporter other than ``none``. ``OTEL_SDK_DISABLED=true``
    forbids it whatever else is said.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if setting or any(environ.get(name) for name in _ENDPOINTS):
        return True
    named = (environ.get(name, "").strip().lower() for name in _EXPORTERS.values())
    return any(name not in ("", "none") for name in named)


class Pipeline:
    """A tracer and a meter. :meth:`close` sends what is left, within a bound."""

    def __init__(self, tracer: Any, meter: Any, owned: tuple[Any, ...], trouble: Trouble) -> None:
        self.tracer = tracer
        self.meter = meter
        self._owned = owned
        self._trouble = trouble

    def close(self) -> str:
        """Send what is left and release everything; return what went wrong, in words, or nothing."""
        if not self._owned:
            return ""
        limit = FLUSH_IN_TROUBLE if self._trouble.first else FLUSH_SECONDS
        end = monotonic() + limit
        # Side by side, so that one signal's trouble takes nothing from the other's time.
        enders = [
            Thread(target=part.shutdown, name="framework0-telemetry", daemon=True)
            for part in self._owned
        ]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join(max(0.0, end - monotonic()))
        late = any(ender.is_alive() for ender in enders)
        # What is late goes on to complain, and nobody wants to read that amid other output.
        if not late:
            self._trouble.__exit__()
        if self._trouble.first:
            return self._trouble.first
        return f"the collector did not take it within {limit:g} s" if late else ""


class Trouble(logging.Handler):
    """Keeps the first complaint of the libraries, which would otherwise stand amid our output."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first = ""
        self._logger = logging.getLogger("opentelemetry")
        self._propagated = self._logger.propagate

    def __enter__(self) -> Self:
        self._logger.addHandler(self)
        self._logger.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagated

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record's text if it is the first."""
        if not self.first:
            self.first = record.getMessage().partition("\n")[0]


def pipeline_of(environ: Mapping[str, str], version: str) -> Pipeline:
    """Return where the spans and figures of a run go.

    Raises :class:`~framework0.errors.UsageError` with one sentence when the extra is not installed, or
    when the environment asks for an exporter or a protocol that we do not have.
    """
    exporters = {signal: _exporter(environ, signal) for signal in _EXPORTERS}
    try:
        from opentelemetry import metrics, trace

        from framework0.telemetry import providers
    except ImportError as error:
        raise UsageError(INSTALL) from error
    name = "framework0"
    owned: list[Any] = []
    trouble = Trouble()
    trouble.__enter__()
    resource = providers.resource_of(environ, version)
    tracer_provider = providers.tracers_of_program()
    if tracer_provider is None:
        tracer_provider = providers.tracers(exporters["traces"], resource)
        owned.append(tracer_provider)
    meter_provider = providers.meters_of_program()
    if meter_provider is None:
        meter_provider = providers.meters(exporters["metrics"], resource)
        owned.append(meter_provider)
    if not owned:
        trouble.__exit__()
    tracer = trace.get_tracer(name, version, tracer_provider=tracer_provider)
    meter = metrics.get_meter(name, version, meter_provider=meter_provider)
    return Pipeline(tracer, meter, tuple(owned), trouble)


def _exporter(environ: Mapping[str, str], signal: str) -> str:
    variable = _EXPORTERS[signal]
    name = environ.get(variable, "").strip().lower() or "otlp"
    if name not in _KNOWN:
        raise UsageError(f"{variable}={name}: there is otlp, console or none")
    if name == "otlp":
        general = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
        variable = f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL"
        protocol = environ.get(variable) or general or "http/protobuf"
        if protocol != "http/protobuf":
            raise UsageError(
                f"OpenTelemetry by {protocol} is not there: send to the collector's HTTP port "
                "(mostly 4318) and set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
            )
    return name


def carried(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the trace context that whoever started us has put into the environment."""
    names = ("TRACEPARENT", "TRACESTATE")
    return {name.lower(): environ[name] for name in names if environ.get(name)}
