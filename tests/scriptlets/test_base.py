"""What a scriptlet is offered while it runs."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework0.context import Context
from framework0.logs import StepLog, bind
from framework0.logs.loggers import forget_loggers
from framework0.scriptlets import BaseScriptlet, Control, Resources, perform
from framework0.scriptlets.naming import default_name
from framework0.source.naming import default_name as name_in_source


class Looks(BaseScriptlet):
    """Returns what it is offered."""

    def run(self, context, params):
        return {
            "attempt": self.attempt,
            "run": self.run_id,
            "key": self.idempotency_key,
            "cancelled": self.cancelled,
        }


def test_it_sees_its_run_step_and_attempt():
    control = Control(attempt=3, run_id="r7", step="load[2]")
    assert perform(Looks, Context(), control=control) == {
        "attempt": 3,
        "run": "r7",
        "key": "r7:load[2]",
        "cancelled": False,
    }


def test_by_hand_it_is_the_first_attempt_of_no_run():
    assert perform(Looks, Context()) == {
        "attempt": 1,
        "run": "",
        "key": "local:looks",
        "cancelled": False,
    }


def test_the_key_is_the_same_for_every_attempt_and_differs_between_steps_and_runs():
    def key(**facts):
        return perform(Looks, Context(), control=Control(**facts))["key"]

    assert key(run_id="r", step="s", attempt=1) == key(run_id="r", step="s", attempt=2)
    assert len({key(run_id=run, step=step) for run in "ab" for step in "cd"}) == 4


def test_progress_reaches_whoever_watches_and_nobody_otherwise():
    seen = []

    class Works(BaseScriptlet):
        def run(self, context, params):
            self.progress(1, 4)
            self.progress(4, 4)

    perform(Works, Context(), control=Control(progress=lambda *figures: seen.append(figures)))
    perform(Works, Context())
    assert seen == [(1, 4), (4, 4)]


@pytest.mark.parametrize("figures", [(-1, 3), (1, -3)])
def test_progress_is_never_negative(figures):
    with pytest.raises(ValueError, match="neither may be negative"):
        Looks().progress(*figures)


def test_execution_time_counts_from_the_begin_of_run_and_stands_still_after_it():
    figures = []

    class Times(BaseScriptlet):
        def setup(self, context, params):
            figures.append(self.get_execution_time())

        def run(self, context, params):
            figures.append(self.get_execution_time())
            figures.append(self.get_execution_time())

        def teardown(self, context, params):
            figures.append(self.get_execution_time())

    made = Times()
    assert made.get_execution_time() == 0
    perform(made, Context())
    setup, first, second, teardown = figures
    assert setup >= 0
    assert 0 <= first <= second <= teardown
    assert made.get_execution_time() == teardown == made.get_execution_time()


def test_resources_are_measured_from_the_begin_of_the_attempt():
    class Busy(BaseScriptlet):
        def run(self, context, params):
            before = self.resources()
            sum(range(200_000))
            return before, self.resources()

    before, after = perform(Busy, Context())
    assert isinstance(after, Resources)
    assert 0 <= before.wall < after.wall
    assert before.cpu < after.cpu
    assert 0 < after.memory <= after.peak_memory


def test_resources_asked_from_another_thread_count_the_process():
    class Watched(BaseScriptlet):
        def run(self, context, params):
            found = []
            thread = threading.Thread(target=lambda: found.append(self.resources()))
            thread.start()
            thread.join()
            return found[0]

    assert perform(Watched, Context()).cpu >= 0
    assert Looks().resources().wall >= 0


def test_the_logger_has_the_scriptlets_name_and_writes_to_the_steps_log(tmp_path):
    class Logs(BaseScriptlet):
        def __init__(self):
            super().__init__()
            self.name = "my_logs"

        def run(self, context, params):
            self.logger.info("hello")
            assert self.logger is self.logger

    log = StepLog(tmp_path / "1.log")
    try:
        with bind(log, "r", "s", 1):
            perform(Logs, Context())
    finally:
        forget_loggers()
        log.close()
    assert log.path.read_text().endswith("INFO [s#1] my_logs: hello\n")


def test_a_scriptlet_may_bring_its_own_logger():
    class Own(BaseScriptlet):
        def __init__(self):
            super().__init__()
            self.logger = logging.getLogger("own")

    assert Own().logger.name == "own"
    assert BaseScriptlet.logger is not None


def test_a_scriptlet_that_never_logs_or_measures_imports_neither_logging_nor_psutil():
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "from framework0.scriptlets import BaseScriptlet, perform\n"
        "class Quiet(BaseScriptlet):\n"
        "    def run(self, context, params): return self.get_execution_time()\n"
        "perform(Quiet, None)\n"
        "heavy = {'logging', 'psutil', 'asyncio', 'inspect', 'importlib.metadata', 'concurrent.futures'}\n"
        "assert not heavy & (set(sys.modules) - before)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_forgotten_super_init_breaks_nothing():
    class Forgets(BaseScriptlet):
        def __init__(self):
            self.mine = 1

        def run(self, context, params):
            self.progress(1, 1)
            return (
                self.name,
                self.mine,
                self.cancelled,
                self.attempt,
                self.get_execution_time() >= 0,
            )

    assert perform(Forgets, Context()) == ("forgets", 1, False, 1, True)


@pytest.mark.parametrize(
    ("class_name", "name"),
    [
        ("CustomProcessorScriptlet", "custom_processor"),
        ("Scriptlet", "scriptlet"),
        ("HTTPGetScriptlet", "http_get"),
        ("CsvReaderV2", "csv_reader_v2"),
        ("_Hidden", "hidden"),
        ("Already_Split", "already_split"),
        ("Step2Do", "step2_do"),
        ("ABC", "abc"),
        ("lower", "lower"),
    ],
)
def test_without_a_name_it_goes_by_its_class(class_name, name):
    assert type(class_name, (BaseScriptlet,), {})().name == name


def test_a_name_in_the_class_body_or_set_in_init_counts():
    class Body(BaseScriptlet):
        name = "from body"
        version = "3"

    made = Body()
    assert (made.name, made.version) == ("from body", "3")
    assert repr(made) == (
        "<test_a_name_in_the_class_body_or_set_in_init_counts.<locals>.Body 'from body' 3>"
    )


def test_a_class_may_take_arguments_of_its_own():
    class Takes(BaseScriptlet):
        def __init__(self, factor=2, *, offset=0):
            super().__init__()
            self.factor = factor

        def run(self, context, params):
            return self.factor

    assert perform(Takes(5), Context()) == 5


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True))
def test_the_name_read_from_the_source_is_the_same_as_the_one_at_run_time(class_name):
    assert name_in_source(class_name) == default_name(type(class_name, (), {}))
