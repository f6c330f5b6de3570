"""The server in figures, as Prometheus reads them (text format 0.0.4)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from framework0.server.app import App

_PREFIX: Final = "framework0_server_"


class Counts:
    """What has been counted since the start."""

    __slots__ = ("answers", "dropped", "messages", "opened", "refusals", "started")

    def __init__(self, started: float) -> None:
        self.started = started
        self.answers: dict[int, int] = {}
        self.refusals: dict[str, int] = {}
        self.messages = 0
        self.opened = 0
        self.dropped = 0


def page(app: App) -> str:
    """Return the whole page."""
    counts = app.counts
    spaces = list(app.namespaces)
    lines: list[str] = []
    lines += _metric(
        "up_seconds", "gauge", "Seconds since the start.", [("", app.monotonic() - counts.started)]
    )
    lines += _metric(
        "connections",
        "gauge",
        "Open connections.",
        [('{kind="http"}', len(app.connections)), ('{kind="socket"}', len(app.sockets))],
    )
    lines += _metric("connections_total", "counter", "Connections opened.", [("", counts.opened)])
    lines += _metric(
        "dropped_total",
        "counter",
        "Clients closed because they were too slow.",
        [("", counts.dropped)],
    )
    lines += _metric(
        "http_answers_total",
        "counter",
        "Answers over HTTP by status.",
        [(f'{{status="{status}"}}', count) for status, count in sorted(counts.answers.items())],
    )
    lines += _metric(
        "refusals_total",
        "counter",
        "Refusals by reason.",
        [(f'{{code="{code}"}}', count) for code, count in sorted(counts.refusals.items())],
    )
    lines += _metric(
        "messages_total", "counter", "Messages received over sockets.", [("", counts.messages)]
    )
    lines += _metric(
        "context_version",
        "gauge",
        "Version of each context.",
        [(_of(space.name), space.feed.version) for space in spaces],
    )
    lines += _metric(
        "requests_total",
        "counter",
        "Writes committed, by context.",
        [(_of(space.name), space.commits.requests) for space in spaces],
    )
    lines += _metric(
        "commits_total",
        "counter",
        "Commits they took: groups of writes.",
        [(_of(space.name), space.commits.groups) for space in spaces],
    )
    lines += _metric(
        "waiting_writes",
        "gauge",
        "Writes that wait for their commit.",
        [(_of(space.name), space.commits.waiting) for space in spaces],
    )
    lines += _metric(
        "delivered_total",
        "counter",
        "Changes sent to those who follow.",
        [(_of(space.name), space.feed.delivered) for space in spaces],
    )
    return "\n".join(lines) + "\n"  # fmt: skip


def _metric(name: str, kind: str, text: str, samples: Iterable[tuple[str, float]]) -> list[str]:
    full = _PREFIX + name
    lines = [f"# HELP {full} {text}", f"# TYPE {full} {kind}"]
    return lines + [f"{full}{labels} {value}" for labels, value in samples]


def _of(name: str) -> str:
    # A namespace's name has no sign that needs escaping.
    return f'{{context="{name}"}}'
