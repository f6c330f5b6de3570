"""What a run tells the outside while it lasts: a metrics file for Prometheus, OpenTelemetry spans and figures.

In reading order: ``several`` (more than one observer, and observers that must not hurt), ``waits`` (how
long steps waited for a place), ``tally`` (what is counted), ``exposition`` and ``textfile`` (the metrics
file), ``pipeline`` (the OpenTelemetry parts), ``traced`` (spans), ``instruments`` (figures).
"""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.telemetry.pipeline import Pipeline as Pipeline
    from framework0.telemetry.pipeline import carried as carried
    from framework0.telemetry.pipeline import is_asked_for as is_asked_for
    from framework0.telemetry.pipeline import pipeline_of as pipeline_of
    from framework0.telemetry.several import Harmless as Harmless
    from framework0.telemetry.several import Several as Several
    from framework0.telemetry.subject import Subject as Subject
    from framework0.telemetry.textfile import MetricsFile as MetricsFile
    from framework0.telemetry.traced import TracedRun as TracedRun

_HOMES = {
    "Harmless": "several",
    "MetricsFile": "textfile",
    "Pipeline": "pipeline",
    "Several": "several",
    "Subject": "subject",
    "TracedRun": "traced",
    "carried": "pipeline",
    "is_asked_for": "pipeline",
    "pipeline_of": "pipeline",
}

__all__ = [
    "Harmless",
    "MetricsFile",
    "Pipeline",
    "Several",
    "Subject",
    "TracedRun",
    "carried",
    "is_asked_for",
    "pipeline_of",
]


__getattr__ = opening(__name__, _HOMES)
