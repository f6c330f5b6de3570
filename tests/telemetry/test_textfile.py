"""The metrics file: a page that Prometheus' own parser reads, whatever the names are, at any moment."""

from __future__ import annotations

import os
import stat
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from framework0.assembly import resume_run, run_recipe
from framework0.errors import UsageError
from framework0.recipe import Recipe, Step
from framework0.runner import AttemptRecord, Outcome, Plan
from framework0.telemetry import Harmless, MetricsFile, Several, Subject
from framework0.telemetry.exposition import page
from framework0.telemetry.tally import BUCKETS, NAMED_STEPS, Tally
from framework0.telemetry.waits import Waits


def subject_of(names=("a", "b"), recipe="mine", edges=None, tell=print):
    steps = tuple(
        Step(name, number, depends_on=(edges or {}).get(name, ()))
        for number, name in enumerate(names)
    )
    made = Recipe(name=recipe, steps=steps, order="graph")
    return Subject("run-1", "", Plan(made), tell=tell)


def record(node, name, state="succeeded", *, attempt=1, final=True, at=100.0, seconds=0.5, peak=0):
    outcome = Outcome(state, seconds=seconds, peak_memory=peak)
    return AttemptRecord(node, name, attempt, state, final, at, outcome)


def read(text):
    """Return {name of a sample: {labels: value}} as Prometheus' parser reads the page."""
    samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type in {"gauge", "counter", "histogram"}
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            assert labels not in samples.setdefault(sample.name, {})
            samples[sample.name][labels] = sample.value
    return samples


def value(samples, name, **labels):
    return samples[name][tuple(sorted({"recipe": "mine", **labels}.items()))]


def test_a_page_tells_steps_by_state_and_how_long_they_took():
    tally = Tally(subject_of(), 99.0)
    tally.start()
    tally.take([record(0, "a", "failed", final=False, seconds=0.02)])
    tally.start()
    tally.take([record(0, "a", attempt=2, seconds=7.0, peak=4096)])
    tally.start()
    samples = read(page(tally))
    assert value(samples, "framework0_steps") == 2
    assert value(samples, "framework0_steps_ended", state="succeeded") == 1
    assert value(samples, "framework0_steps_ended", state="failed") == 0
    assert value(samples, "framework0_step_attempts_total", state="failed") == 1
    assert value(samples, "framework0_steps_running") == 1
    assert value(samples, "framework0_step_duration_seconds_bucket", le="0.025") == 1
    assert value(samples, "framework0_step_duration_seconds_bucket", le="+Inf") == 2
    assert value(samples, "framework0_step_duration_seconds_sum") == pytest.approx(7.02)
    assert value(samples, "framework0_step_last_duration_seconds", step="a") == 7.0
    assert value(samples, "framework0_step_last_memory_peak_bytes", step="a") == 4096
    assert value(samples, "framework0_run_state", state="running") == 1
    assert "framework0_run_duration_seconds" not in samples
    tally.finish("succeeded", 109.0)
    samples = read(page(tally))
    assert value(samples, "framework0_run_state", state="succeeded") == 1
    assert value(samples, "framework0_run_state", state="running") == 0
    assert value(samples, "framework0_run_duration_seconds") == 10.0
    assert value(samples, "framework0_steps_running") == 0


@settings(max_examples=60)
@given(st.lists(st.text(max_size=30), max_size=5, unique=True), st.text(max_size=30))
def test_any_name_comes_back_from_the_parser_as_it_was(names, recipe):
    tally = Tally(subject_of(names, recipe), 1.0)
    for node, name in enumerate(names):
        tally.take([record(node, name)])
    samples = read(page(tally))

    def shown(text):
        return text.encode("utf-8", "replace").decode()

    told = samples.get("framework0_step_last_duration_seconds", {})
    assert {(dict(labels)["recipe"], dict(labels)["step"]) for labels in told} == {
        (shown(recipe), shown(name)) for name in names
    }


def test_steps_beyond_the_bound_count_but_have_no_series_of_their_own():
    names = [f"step {number}" for number in range(NAMED_STEPS + 50)]
    tally = Tally(subject_of(names), 1.0)
    tally.take([record(node, name) for node, name in enumerate(names)])
    # Items of a foreach: any number of them.
    tally.take([record(10_000 + node, f"step 0[{node}]") for node in range(5_000)])
    samples = read(page(tally))
    assert len(samples["framework0_step_last_duration_seconds"]) == NAMED_STEPS
    assert value(samples, "framework0_steps_unnamed") == 50
    assert value(samples, "framework0_steps_ended", state="succeeded") == len(names)
    assert value(samples, "framework0_step_duration_seconds_count") == len(names) + 5_000
    assert sum(map(len, samples.values())) < NAMED_STEPS * 3 + 100


def test_a_wait_is_from_the_last_dependency_s_end_to_the_start():
    subject = subject_of("abc", edges={"b": ("a",), "c": ("a", "b")})
    waits = Waits(subject.plan, 100.0)
    assert waits.of(record(0, "a", at=100.25, seconds=1.0)) == 0.25
    assert waits.of(record(1, "b", "failed", final=False, at=102.0, seconds=1.0)) == 0.75
    assert waits.of(record(1, "b", attempt=2, at=110.0, seconds=1.0)) is None
    assert waits.of(record(2, "c", at=111.5)) == 0.5
    assert waits.of(record(900, "a[0]", at=111.5)) is None
    assert waits.of(record(0, "a", "skipped", attempt=0)) is None


def test_a_clock_set_back_makes_no_negative_wait():
    subject = subject_of("ab", edges={"b": ("a",)})
    waits = Waits(subject.plan, 100.0)
    waits.of(record(0, "a", at=100.0, seconds=5.0))
    assert waits.of(record(1, "b", at=50.0)) == 0.0


def test_a_value_at_a_bound_is_in_the_bucket_of_that_bound():
    tally = Tally(subject_of(), 1.0)
    tally.take([record(0, "a", seconds=BUCKETS[3])])
    samples = read(page(tally))
    name = "framework0_step_duration_seconds_bucket"
    assert value(samples, name, le=repr(BUCKETS[3])) == 1
    assert value(samples, name, le=repr(BUCKETS[2])) == 0


def test_a_run_leaves_a_page_that_others_may_read(recipe, workspace, tmp_path):
    path = recipe(
        "{name: well, module: steps, function: hello}",
        "{name: sad, module: steps, function: fail}",
    )
    file = tmp_path / "mine.prom"
    before = os.umask(0o077)
    try:
        run_recipe(path, workspace=workspace, metrics_file=str(file))
    finally:
        os.umask(before)
    samples = read(file.read_text(encoding="utf-8"))
    assert value(samples, "framework0_run_state", state="failed") == 1
    assert value(samples, "framework0_step_attempts_total", state="succeeded") == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["mine.prom"]


def test_a_resumed_run_counts_what_had_ended_before(recipe, workspace, tmp_path):
    path = recipe(
        "{name: first, module: steps, function: hello}",
        "{name: shaky, module: steps, function: count}",
    )
    os.chdir(workspace)
    result = run_recipe(path, workspace=workspace)
    assert result.state == "failed"
    from framework0.assembly import Options, Watch

    file = tmp_path / "mine.prom"
    options = Options(watch=Watch(metrics_file=str(file)))
    assert resume_run(result.id, workspace=workspace, options=options).ok
    samples = read(file.read_text(encoding="utf-8"))
    assert value(samples, "framework0_steps_ended", state="succeeded") == 2
    assert value(samples, "framework0_step_attempts_total", state="succeeded") == 1


@pytest.mark.slow
def test_the_file_is_whole_at_every_moment_while_it_is_replaced(tmp_path):
    file = tmp_path / "mine.prom"
    metrics = MetricsFile(str(file), subject_of(), every=0.001)
    metrics.run_started("run-1", 2)
    seen, stop = [], threading.Event()

    def look():
        while not stop.is_set():
            seen.append(file.read_text(encoding="utf-8"))

    reader = threading.Thread(target=look)
    reader.start()
    number = 0
    # On a busy machine the reader may get its first turn late.
    while number < 1_000 or len(set(seen)) < 3:
        number += 1
        metrics.step_started("a", number)
        metrics.step_finished([record(0, "a", attempt=number, final=False)])
    stop.set()
    reader.join()
    metrics.run_finished("succeeded", 1.0)
    metrics.close()
    assert all(text.startswith("# HELP") and text.endswith("\n") for text in seen)
    # Each is as long as the others but for its figures; the parser is asked about a few.
    assert all("framework0_steps_unnamed" in text for text in set(seen))
    assert all("framework0_steps_unnamed" in read(text) for text in list(set(seen))[:50])


def test_a_run_that_breaks_down_says_so_in_its_page(tmp_path):
    file = tmp_path / "mine.prom"
    metrics = MetricsFile(str(file), subject_of())
    metrics.run_started("run-1", 2)
    metrics.close()
    assert (
        value(read(file.read_text(encoding="utf-8")), "framework0_run_state", state="broken") == 1
    )


@pytest.mark.parametrize("kind", ["a folder", "no folder"])
def test_a_path_where_no_file_can_be_is_refused_before_the_run(recipe, workspace, tmp_path, kind):
    path = recipe("{name: well, module: steps, function: hello}")
    file = tmp_path if kind == "a folder" else tmp_path / "none" / "mine.prom"
    with pytest.raises(UsageError, match="the metrics file"):
        run_recipe(path, workspace=workspace, metrics_file=str(file))


def test_a_disk_that_refuses_it_is_told_of_once_and_the_run_goes_on(tmp_path):
    told = []
    folder = tmp_path / "metrics"
    folder.mkdir()
    metrics = MetricsFile(str(folder / "mine.prom"), subject_of(tell=told.append))
    folder.rmdir()
    metrics.run_started("run-1", 2)
    metrics.step_started("a", 1)
    metrics.step_finished([record(0, "a")])
    metrics.run_finished("succeeded", 1.0)
    metrics.close()
    assert len(told) == 1
    assert "cannot be written" in told[0]


def test_a_draft_left_by_a_kill_is_in_nobody_s_way(tmp_path):
    metrics = MetricsFile(str(tmp_path / "mine.prom"), subject_of())
    (tmp_path / f".mine.prom.run-1.{os.getpid()}").write_text("half a pa")
    metrics.run_started("run-1", 2)
    metrics.close()
    assert [each.name for each in tmp_path.iterdir()] == ["mine.prom"]


@pytest.mark.slow
def test_the_command_and_the_setting_name_the_file(command, recipe, workspace):
    recipe("{name: well, module: steps, function: hello}")
    assert command("run", "mine.yaml", "--metrics-file", "given.prom").returncode == 0
    (workspace / "framework0.toml").write_text('[telemetry]\nmetrics_file = "set.prom"\n')
    assert command("rerun").returncode == 0
    for name in ("given.prom", "set.prom"):
        samples = read((workspace / name).read_text(encoding="utf-8"))
        assert value(samples, "framework0_run_state", state="succeeded") == 1
    ended = command("run", "mine.yaml", "--metrics-file", "none/x.prom")
    assert (ended.returncode, "none does not exist" in ended.stderr) == (2, True)


class Failing:
    """An observer that fails at a call of the given name."""

    def __init__(self, call):
        self.call = call

    def __getattr__(self, name):
        def told(*_):
            if name == self.call:
                raise RuntimeError("out of order")

        return told


@pytest.mark.parametrize(
    "call",
    ["run_started", "step_started", "step_progress", "step_finished", "run_finished", "close"],
)
def test_what_watches_on_the_side_never_hurts(call):
    told = []
    harmless = Harmless(Failing(call), told.append)
    several = Several([harmless])
    for _ in range(2):
        several.run_started("r", 1)
        several.step_started("a", 1)
        several.step_progress("a", 1, 2)
        several.step_finished([])
        several.run_finished("succeeded", 1.0)
    harmless.close()
    assert told == ["Failing gave up watching the run: RuntimeError: out of order"]
