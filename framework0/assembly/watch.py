"""What a caller wants of the watching of a run, apart from an observer of their own."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework0.telemetry import Pipeline
    from framework0.workspace import Settings


class Watch:
    """Wishes of one run; an empty one means: as the workspace and the environment say.

    ``metrics_file`` is where a page for Prometheus is kept. ``log_format`` is ``human`` or ``json``.
    ``within`` are the pipeline and the trace context of the run whose step this run is; such a run
    has no metrics file of its own.
    """

    __slots__ = ("log_format", "metrics_file", "within")

    def __init__(
        self,
        *,
        metrics_file: str = "",
        log_format: str = "",
        within: tuple[Pipeline | None, Mapping[str, str]] | None = None,
    ) -> None:
        self.metrics_file = metrics_file
        self.log_format = log_format
        self.within = within


def log_format_of(watch: Watch | None, settings: Settings, environ: Mapping[str, str]) -> str:
    """Return how logs are written: the caller's word, else the environment's, else the workspace's."""
    told = watch.log_format if watch is not None else ""
    return told or environ.get("FRAMEWORK0_LOG", "") or settings.log_format
