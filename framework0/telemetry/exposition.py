"""A tally as a page in Prometheus' text format.

The format, escaping included: https://prometheus.io/docs/instrumenting/exposition_formats/. Names follow
https://prometheus.io/docs/practices/naming/: base units, ``_total`` on what only grows.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

from framework0.telemetry.tally import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from framework0.telemetry.tally import Distribution, Tally

RUN_STATES: Final = ("running", "succeeded", "failed", "cancelled", "paused", "broken")
"""``broken``: the run itself could not go on (its journal, a bug); no end was recorded."""

STEP_STATES: Final = ("succeeded", "failed", "timed_out", "cancelled", "skipped", "cached")


def page(tally: Tally) -> str:
    """Return the whole page; the same families always, whatever has happened so far."""
    with tally.lock:
        return "".join(f"{line}\n" for line in _lines(tally))


def _lines(tally: Tally) -> Iterator[str]:
    recipe = {"recipe": tally.subject.recipe}
    yield from _run_lines(tally, recipe)
    yield from _header("framework0_steps", "gauge", "Steps of the recipe in the latest run")
    yield _sample("framework0_steps", recipe, tally.planned)
    name = "framework0_steps_ended"
    yield from _header(name, "gauge", "Steps of the latest run that have ended, by final state")
    for state in _known(STEP_STATES, tally.ended):
        yield _sample(name, {**recipe, "state": state}, tally.ended.get(state, 0))
    yield from _header("framework0_steps_running", "gauge", "Attempts that run now")
    yield _sample("framework0_steps_running", recipe, tally.running)
    name = "framework0_step_attempts_total"
    yield from _header(name, "counter", "Attempts of the latest run that have ended, by state")
    for state in _known(STEP_STATES[:4], tally.attempts):
        yield _sample(name, {**recipe, "state": state}, tally.attempts.get(state, 0))
    about = "How long the attempts of the latest run took"
    yield from _histogram("framework0_step_duration_seconds", about, recipe, tally.durations)
    about = "How long steps that could start waited for a place"
    yield from _histogram("framework0_step_queue_wait_seconds", about, recipe, tally.waiting)
    yield from _step_lines(tally, recipe)


def _run_lines(tally: Tally, recipe: Mapping[str, str]) -> Iterator[str]:
    name = "framework0_run_start_time_seconds"
    yield from _header(name, "gauge", "When the latest run began, in seconds since 1970")
    yield _sample(name, recipe, tally.began)
    name = "framework0_run_state"
    yield from _header(name, "gauge", "1 for the state that the latest run is in, else 0")
    for state in _known(RUN_STATES, {tally.state: 1}):
        yield _sample(name, {**recipe, "state": state}, int(state == tally.state))
    name = "framework0_run_end_time_seconds"
    yield from _header(name, "gauge", "When the latest run ended; absent while it runs")
    if tally.finished is not None:
        yield _sample(name, recipe, tally.finished)
    name = "framework0_run_duration_seconds"
    yield from _header(name, "gauge", "How long the latest run took; absent while it runs")
    if tally.finished is not None:
        yield _sample(name, recipe, max(0.0, tally.finished - tally.began))


def _step_lines(tally: Tally, recipe: Mapping[str, str]) -> Iterator[str]:
    """Tell of the steps by name; those beyond the bound are only counted."""
    seen = {name: figures for name, figures in tally.steps.items() if figures.attempts}
    hide = tally.subject.hide
    families = (
        ("framework0_step_last_attempts", "Attempts of the step in the latest run", "attempts"),
        ("framework0_step_last_duration_seconds", "How long its latest attempt took", "seconds"),
        ("framework0_step_last_memory_peak_bytes", "Peak memory of it, if measured", "peak_memory"),
    )
    for name, about, attribute in families:
        yield from _header(name, "gauge", about)
        for step, figures in seen.items():
            value = getattr(figures, attribute)
            if value or attribute != "peak_memory":
                yield _sample(name, {**recipe, "step": hide(step)}, value)
    name = "framework0_steps_unnamed"
    yield from _header(name, "gauge", "Steps beyond those that have series of their own")
    yield _sample(name, recipe, tally.planned - len(tally.steps))


def _histogram(
    name: str, about: str, labels: Mapping[str, str], seen: Distribution
) -> Iterator[str]:
    yield from _header(name, "histogram", about)
    for bound, count in zip((*BUCKETS, float("inf")), accumulate(seen.counts), strict=True):
        yield _sample(f"{name}_bucket", {**labels, "le": _number(bound)}, count)
    yield _sample(f"{name}_sum", labels, seen.sum)
    yield _sample(f"{name}_count", labels, seen.count)


def _known(usual: tuple[str, ...], found: Mapping[str, object]) -> list[str]:
    """Return the usual states, so that a series is there before it counts, and any other found."""
    return [*usual, *sorted(found.keys() - set(usual))]


def _header(name: str, kind: str, about: str) -> Iterator[str]:
    text = about.replace("\\", "\\\\").replace("\n", "\\n")
    yield f"# HELP {name} {text}."
    yield f"# TYPE {name} {kind}"


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{told}}} {_number(value)}"


def _escaped(text: str) -> str:
    """Return a label's value as it stands between the quotes; what is no Unicode text is replaced."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(value) if isinstance(value, int) else repr(float(value))
