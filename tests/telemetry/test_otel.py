"""OpenTelemetry: what a real collector gets, and that one in trouble costs the run nothing."""

from __future__ import annotations

import json
import socket

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from framework0.assembly import run_recipe
from framework0.errors import UsageError
from framework0.recipe import Recipe, Step
from framework0.runner import Job, Plan
from framework0.telemetry import Subject, TracedRun, is_asked_for, pipeline_of
from tests.telemetry.collector import Collector, attributes_of

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def run_of(ended):
    """Return the id of the run that a command with --json told about."""
    return json.loads(ended.stdout.splitlines()[0])["run"]


PATIENT = """
import sys
from framework0.cli.main import main
from framework0.telemetry import pipeline
pipeline.FLUSH_SECONDS = 100.0
sys.exit(main())
"""


@pytest.fixture
def watched(command, collector):
    """Run the command with a collector; what is sent last gets all the time a busy machine needs."""

    def run(*words, **more):
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, **more}
        return command(*words, env=env, program=("-c", PATIENT))

    return run


@pytest.mark.slow
def test_a_run_is_a_span_with_a_span_below_it_for_each_attempt(watched, recipe, collector):
    recipe(
        "{name: well, module: steps, function: hello}",
        "{name: twice, module: steps, function: count, retry: 2}",
        "{name: sad, module: steps, function: fail, continue_on_error: true}",
        '{name: shell, type: shell, shell: true, command: "exit 3", continue_on_error: true}',
    )
    ended = watched("run", "mine.yaml", "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    run = collector.span("run mine")
    facts = attributes_of(run)
    assert facts["framework0.run.id"] == run_of(ended)
    assert (facts["framework0.run.state"], facts["framework0.run.steps"]) == ("succeeded", 4)
    below = [span for span in collector.spans if span.parent_span_id == run.span_id]
    assert {span.trace_id for span in below} == {run.trace_id}
    assert sorted(span.name for span in below) == ["sad", "shell", "twice", "twice", "well"]
    well = attributes_of(collector.span("well"))
    assert well["code.function.name"] == "steps.hello"
    assert well["framework0.step.state"] == "succeeded"
    assert (well["framework0.step.attempt"], well["framework0.step.executor"]) == (1, "thread")
    assert well["framework0.step.seconds"] >= 0
    first, second = sorted(
        (span for span in below if span.name == "twice"), key=lambda span: span.start_time_unix_nano
    )
    assert attributes_of(first)["framework0.step.final"] is False
    assert attributes_of(second)["framework0.step.attempt"] == 2
    assert first.end_time_unix_nano >= first.start_time_unix_nano
    shell = attributes_of(collector.span("shell"))
    assert (shell["process.exit.code"], shell["framework0.step.executor"]) == (3, "process")
    assert shell["framework0.step.memory.peak"] > 0
    assert collector.resources[0]["service.name"] == "framework0"


@pytest.mark.slow
def test_an_exception_is_an_event_with_type_message_and_stack(watched, recipe, collector):
    recipe("{name: sad, module: steps, function: fail, args: {text: out of luck}}")
    ended = watched("run", "mine.yaml")
    assert ended.returncode == 1
    span = collector.span("sad")
    (event,) = span.events
    assert event.name == "exception"
    told = attributes_of(event)
    assert (told["exception.type"], told["exception.message"]) == ("ValueError", "out of luck")
    assert "steps.py" in told["exception.stacktrace"]
    facts = attributes_of(span)
    assert facts["error.type"] == "ValueError"
    assert facts["code.file.path"].endswith("steps.py")
    assert facts["code.line.number"] > 0
    assert (span.status.code, span.status.message) == (Status.STATUS_CODE_ERROR, "out of luck")
    assert collector.span("run mine").status.code == Status.STATUS_CODE_ERROR


@pytest.mark.slow
def test_the_figures_arrive_by_state(watched, recipe, collector):
    recipe(
        "{name: well, module: steps, function: hello}",
        "{name: each, module: steps, function: hello, foreach: [1, 2, 3]}",
        "{name: sad, module: steps, function: fail, continue_on_error: true}",
    )
    watched("run", "mine.yaml")
    attempts = {}
    for point in collector.figure("framework0.step.attempts"):
        state = attributes_of(point)["framework0.step.state"]
        attempts[state] = attempts.get(state, 0) + point.as_int
    # The step of a foreach is told of beside its three items.
    assert attempts == {"succeeded": 5, "failed": 1}
    names = {
        attributes_of(point).get("framework0.step.name")
        for point in collector.figure("framework0.step.attempts")
    }
    assert names == {"well", "each", "sad"}
    assert sum(point.count for point in collector.figure("framework0.step.duration")) == 5
    (waiting,) = collector.figure("framework0.step.queue_wait")
    assert waiting.count == 2
    assert [point.as_int for point in collector.figure("framework0.steps.running")] == [0]
    (run,) = collector.figure("framework0.runs")
    assert attributes_of(run)["framework0.run.state"] == "succeeded"


@pytest.mark.slow
def test_a_trace_context_comes_in_and_goes_out_to_processes(watched, recipe, collector):
    recipe(
        "{name: there, module: steps, function: environment, executor: process}",
        "{name: shell, type: shell, shell: true, command: 'echo $TRACEPARENT'}",
        "{name: here, module: steps, function: current_span}",
    )
    ended = watched("run", "mine.yaml", "--json", TRACEPARENT=PARENT)
    assert ended.returncode == 0, ended.stderr
    run = collector.span("run mine")
    assert (run.trace_id.hex(), run.parent_span_id.hex()) == tuple(PARENT.split("-")[1:3])
    results = {
        event["step"]: event["result"]
        for event in map(json.loads, ended.stdout.splitlines())
        if event["event"] == "step_finished"
    }

    def written(name):
        span = collector.span(name)
        return f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01"

    assert results["there"] == written("there")
    assert results["shell"]["stdout"].strip() == written("shell")
    assert results["here"] == collector.span("here").span_id.hex()


@pytest.mark.slow
def test_a_run_within_a_run_is_below_the_step_that_began_it(watched, recipe, collector):
    recipe("{name: inside, module: steps, function: hello}", name="inner")
    recipe("{name: outside, type: recipe, recipe: inner.yaml}")
    ended = watched("run", "mine.yaml")
    assert ended.returncode == 0, ended.stderr
    assert collector.span("run inner").parent_span_id == collector.span("outside").span_id
    assert collector.span("inside").parent_span_id == collector.span("run inner").span_id


@pytest.mark.slow
def test_what_goes_on_or_repeats_is_linked_to_what_was(watched, recipe, collector, workspace):
    recipe(
        "{name: first, module: steps, function: hello}",
        "{name: shaky, module: steps, function: count}",
    )
    assert watched("run", "mine.yaml").returncode == 1
    assert watched("resume").returncode == 0
    assert watched("rerun").returncode == 0
    first, resumed, repeated = (span for span in collector.spans if span.name == "run mine")
    assert [(link.trace_id, link.span_id) for link in resumed.links] == [
        (first.trace_id, first.span_id)
    ]
    assert attributes_of(resumed.links[0]) == {"framework0.link": "resumed"}
    assert attributes_of(resumed)["framework0.run.resumed"] is True
    assert [(link.trace_id, link.span_id) for link in repeated.links] == [
        (resumed.trace_id, resumed.span_id)
    ]
    assert attributes_of(repeated.links[0]) == {"framework0.link": "parent"}
    # What had ended before is not told of again.
    assert len([span for span in collector.spans if span.name == "first"]) == 2


@pytest.fixture
def closed_port():
    """An address at which nobody listens, and nobody else can begin to: it is taken all along."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["nobody listens", "never answers", "refuses", "no such host"])
def test_a_collector_in_trouble_costs_the_run_nothing_but_a_sentence(
    command, recipe, trouble, closed_port
):
    recipe("{name: well, module: steps, function: hello}")
    collector = Collector(400 if trouble == "refuses" else 200, silent=trouble == "never answers")
    endpoints = {"nobody listens": closed_port, "no such host": "http://collector.invalid:4318"}
    endpoint = endpoints.get(trouble, collector.endpoint)
    # Only our own bound, of 3 s, can end the waiting: the library would go on for much longer than the test.
    patient = {"OTEL_EXPORTER_OTLP_TIMEOUT": "600000"}
    ended = command(
        "run", "mine.yaml", "-q", env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **patient}
    )
    collector.close()
    assert ended.returncode == 0
    (told,) = ended.stderr.splitlines()
    assert "not everything reached OpenTelemetry's collector" in told


@pytest.mark.slow
def test_without_the_extra_one_sentence_says_what_to_install(command, recipe, workspace):
    recipe("{name: well, module: steps, function: hello}")
    (workspace / "framework0.toml").write_text("[telemetry]\notel = true\n")
    # What is not installed: a module of that name that cannot be imported.
    (workspace / "opentelemetry.py").write_text("raise ImportError('not here')\n")
    ended = command("run", "mine.yaml", "-q", env={"PYTHONPATH": ""})
    assert ended.returncode == 0
    (told,) = ended.stderr.splitlines()
    assert "pip install 'framework0[otel]'" in told


@pytest.mark.slow
def test_nothing_of_it_is_imported_when_nobody_asks(command, recipe, workspace):
    (workspace / "listing.py").write_text(
        "import sys\ndef listing():\n    print(*sorted(sys.modules), sep='\\n')\n"
    )
    recipe("{name: listing, module: listing, function: listing}")
    imported = set(command("run", "mine.yaml").stdout.splitlines())
    assert "framework0.runner.run" in imported
    aside = (
        "framework0.telemetry",
        "framework0.assembly.watch",
        "framework0.logs.json",
        "opentele",
    )
    assert [name for name in imported if name.startswith(aside)] == []


@pytest.mark.parametrize(
    ("environ", "setting", "wanted"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, False, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, False, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, False, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}, False, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "x", "OTEL_SDK_DISABLED": "TRUE"}, True, False),
    ],
)
def test_the_environment_or_a_setting_asks_for_it(environ, setting, wanted):
    assert is_asked_for(environ, setting=setting) is wanted


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "otlp, console or none"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "HTTP port"),
        ({"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/json"}, "http/protobuf"),
    ],
)
def test_an_exporter_or_protocol_that_is_not_there_is_named(environ, told):
    with pytest.raises(UsageError, match=told):
        pipeline_of(environ, "1")


@pytest.mark.slow
def test_spans_can_be_shown_on_the_console_instead(command, recipe):
    recipe("{name: well, module: steps, function: hello}")
    env = {"OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "none"}
    ended = command("run", "mine.yaml", "-q", env=env)
    assert ended.returncode == 0
    assert '"name": "run mine"' in ended.stderr


class Own:
    """An observer of a caller's own; keeps what it is told."""

    def __init__(self):
        self.told = []

    def run_started(self, run_id, total):
        self.told.append(("run", total))

    def step_started(self, name, attempt):
        self.told.append((name, attempt))

    def step_progress(self, name, done, total):
        self.told.append((name, done, total))

    def step_finished(self, records):
        self.told.extend((record.name, record.state) for record in records)

    def run_finished(self, state, seconds):
        self.told.append(state)


def test_several_observers_are_all_told_the_same(recipe, workspace):
    path = recipe("{name: well, module: steps, function: hello}")
    one, other = Own(), Own()
    run_recipe(path, workspace=workspace, observer=[one, other])
    assert one.told == other.told
    assert one.told == [("run", 1), ("well", 1), ("well", "succeeded"), "succeeded"]


PROGRAM = """
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

kept = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(provider)
metrics.set_meter_provider(MeterProvider())

from framework0 import run_recipe
for _ in range(2):
    assert run_recipe("mine.yaml").ok
print(*(span.name for span in kept.get_finished_spans()), sep=", ")
"""


@pytest.mark.slow
def test_a_program_s_own_setup_is_used_and_left_as_it_is(recipe, workspace, run_python):
    recipe("{name: well, module: steps, function: hello}")
    (workspace / "framework0.toml").write_text("[telemetry]\notel = true\n")
    ended = run_python("-c", PROGRAM, cwd=workspace)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == ["well, run mine, well, run mine"]


@pytest.mark.slow
def test_what_is_not_sampled_costs_nothing_and_breaks_nothing(watched, recipe, collector):
    recipe("{name: there, module: steps, function: environment, executor: process}")
    unsampled = {"OTEL_TRACES_SAMPLER": "always_off", "OTEL_METRICS_EXPORTER": "none"}
    ended = watched("run", "mine.yaml", "--json", **unsampled)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert collector.raw == b""
    (finished,) = [
        event
        for event in map(json.loads, ended.stdout.splitlines())
        if event["event"] == "step_finished"
    ]
    # The lowest bit of the flags is "sampled" (W3C Trace Context): children are told not to either.
    assert int(finished["result"].rpartition("-")[2], 16) & 1 == 0


class InMemory:
    """A pipeline whose spans stay here."""

    def __init__(self):
        self.kept = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.kept))
        self.tracer = provider.get_tracer("test")
        self.meter = MeterProvider().get_meter("test")


def test_a_run_that_breaks_down_ends_its_spans_with_an_error():
    pipeline, kept = InMemory(), []
    plan = Plan(Recipe(name="mine", steps=(Step("a", 0),), order="graph"))
    subject = Subject("run-1", "nightly", plan, tell=print)
    run = TracedRun(
        pipeline, subject, carrier={}, earlier={"parent": "no traceparent"}, keep=kept.append
    )
    run.run_started("run-1", 1)
    run.step_started("a", 1)
    job = Job("run-1", 0, "nobody", plan.steps[0], 1)
    with run.around(job):
        run.carry(job)
    assert (run.traceparent_of(job), job.env) == ({}, {})
    run.close()
    step, whole = pipeline.kept.get_finished_spans()
    assert (step.name, step.status.status_code) == ("a", StatusCode.ERROR)
    assert (whole.attributes["framework0.run.name"], whole.links) == ("nightly", ())
    assert len(kept) == 1
