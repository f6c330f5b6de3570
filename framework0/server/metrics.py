"""The server in figures, as Prometheus reads them (text format 0.0.4)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Final

    from framework0.server.app import App
    from framework0.server.namespaces import Namespace

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
    answers = [(_of("status", str(code)), count) for code, count in sorted(counts.answers.items())]
    refusals = [(_of("code", code), count) for code, count in sorted(counts.refusals.items())]
    kinds = [
        (_of("kind", "http"), len(app.connections)),
        (_of("kind", "socket"), len(app.sockets)),
    ]
    lines = [
        *_metric("up_seconds", "gauge", "Seconds since the start.", _one(_age(app))),
        *_metric("connections", "gauge", "Open connections.", kinds),
        *_metric("connections_total", "counter", "Connections opened.", _one(counts.opened)),
        *_metric("dropped_total", "counter", "Clients that were too slow.", _one(counts.dropped)),
        *_metric("http_answers_total", "counter", "Answers over HTTP by status.", answers),
        *_metric("refusals_total", "counter", "Refusals by reason.", refusals),
        *_metric("messages_total", "counter", "Messages over sockets.", _one(counts.messages)),
        *_metric(
            "waiting_bytes", "gauge", "Bytes that clients have not read.", _one(_waiting(app))
        ),
        *_metric("audit_lost_total", "counter", "Audit lines lost.", _one(app.audit.lost)),
    ]
    spaces = list(app.namespaces)
    for name, kind, text, figure in _OF_CONTEXTS:
        samples = [(_of("context", space.name), figure(space)) for space in spaces]
        lines += _metric(name, kind, text, samples)
    return "\n".join(lines) + "\n"


_OF_CONTEXTS: Final[tuple[tuple[str, str, str, Callable[[Namespace], float]], ...]] = (
    ("context_version", "gauge", "Version of a context.", lambda space: space.feed.version),
    ("writes_total", "counter", "Writes committed.", lambda space: space.commits.requests),
    ("commits_total", "counter", "Commits, of one or more writes.", lambda s: s.commits.groups),
    ("waiting_writes", "gauge", "Writes that wait for a commit.", lambda s: s.commits.waiting),
    ("delivered_total", "counter", "Changes sent to followers.", lambda s: s.feed.delivered),
    ("clients", "gauge", "Clients of a context.", lambda space: len(space.present)),
)


def _waiting(app: App) -> int:
    return sum(socket.transport.get_write_buffer_size() for socket in app.sockets)


def _age(app: App) -> float:
    return app.monotonic() - app.counts.started


def _one(value: float) -> list[tuple[str, float]]:
    return [("", value)]


def _metric(name: str, kind: str, text: str, samples: Iterable[tuple[str, float]]) -> list[str]:
    full = _PREFIX + name
    lines = [f"# HELP {full} {text}", f"# TYPE {full} {kind}"]
    return lines + [f"{full}{labels} {value}" for labels, value in samples]


def _of(label: str, text: str) -> str:
    # None of these texts has a sign that needs escaping.
    return f'{{{label}="{text}"}}'
