"""Loggers: the standard ones, each record once, with its step, harmless on any screen."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys

import pytest

from framework0.logs import StepLog, bind, capture_output, configure, get_logger
from framework0.logs.loggers import forget_loggers

HUMAN = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (\w+)( \[.*?#\d+\])? ([^:]*): (.*)")


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    for name in ("DEBUG", "FRAMEWORK0_LOG"):
        monkeypatch.delenv(name, raising=False)
    yield
    forget_loggers()


@pytest.fixture
def log(tmp_path):
    log = StepLog(tmp_path / "step.log")
    yield log
    log.close()


def fail(message):
    raise ValueError(message)


def lines_of(log):
    log.flush()
    return log.path.read_text().splitlines() if log.path.exists() else []


def test_it_is_the_standard_logger_of_that_name():
    assert get_logger("some.module") is logging.getLogger("some.module")


def test_a_record_of_a_step_goes_to_its_log_with_the_step_and_attempt(log, capsys):
    logger = get_logger("loader")
    with bind(log, "run-7", "load", 2):
        logger.info("read %d rows", 3)
    (line,) = lines_of(log)
    assert HUMAN.fullmatch(line).groups() == ("INFO", " [load#2]", "loader", "read 3 rows")
    assert capsys.readouterr() == ("", "")


def test_outside_a_step_it_goes_to_stderr_of_that_moment(capsys):
    get_logger("loader").warning("careful")
    out, err = capsys.readouterr()
    assert out == ""
    assert HUMAN.fullmatch(err.rstrip("\n")).groups() == ("WARNING", None, "loader", "careful")


def test_with_echo_the_terminal_sees_it_once(log, capsys):
    logger = get_logger("loader")
    with capture_output(echo=True), bind(log, "run", "load", 1):
        logger.info("hello")
    assert capsys.readouterr().err.count("hello") == 1
    assert len(lines_of(log)) == 1


def test_a_record_is_written_once_however_often_and_deep_loggers_are_asked_for(log):
    get_logger("a")
    get_logger("a.b")
    get_logger("a.b")
    logger = get_logger("a.b.c")
    with bind(log, "run", "s", 1):
        logger.info("once")
    assert len(lines_of(log)) == 1


def test_a_program_that_prints_records_itself_is_not_doubled(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    root = logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(step)s %(message)s"))
    root.addHandler(handler)
    try:
        get_logger("mine").warning("hello")
        quiet = get_logger("mine.quiet")
        quiet.propagate = False
        quiet.warning("alone")
    finally:
        root.removeHandler(handler)
        quiet.propagate = True
    first, second = stream.getvalue().splitlines()
    assert first == "None hello"
    assert second.endswith("mine.quiet: alone")


def test_every_handler_can_show_run_step_and_attempt(log, caplog):
    logger = get_logger("loader")
    with bind(log, "run-7", "load", 2):
        logger.info("inside")
    logger.info("outside")
    inside, outside = caplog.records
    assert (inside.run, inside.step, inside.attempt) == ("run-7", "load", 2)
    assert (outside.run, outside.step, outside.attempt) == (None, None, None)


@pytest.mark.parametrize(
    ("variable", "debug", "level"),
    [
        (None, None, logging.INFO),
        ("1", None, logging.DEBUG),
        ("true", None, logging.DEBUG),
        ("0", None, logging.INFO),
        ("", None, logging.INFO),
        ("1", False, logging.INFO),
        (None, True, logging.DEBUG),
    ],
)
def test_debug_is_the_argument_else_the_environment(monkeypatch, variable, debug, level):
    if variable is not None:
        monkeypatch.setenv("DEBUG", variable)
    assert get_logger("levels", debug).level == level


def test_asking_again_keeps_the_level_unless_it_says_otherwise(monkeypatch):
    get_logger("kept", debug=True)
    assert get_logger("kept").level == logging.DEBUG
    assert get_logger("kept", debug=False).level == logging.INFO


def test_a_level_the_program_set_before_is_respected():
    logging.getLogger("strict").setLevel(logging.ERROR)
    assert get_logger("strict").level == logging.ERROR
    forget_loggers()
    assert logging.getLogger("strict").level == logging.ERROR
    logging.getLogger("strict").setLevel(logging.NOTSET)


def test_json_lines_carry_the_same_facts(log, monkeypatch):
    monkeypatch.setenv("FRAMEWORK0_LOG", "json")
    logger = get_logger("loader")
    with bind(log, "run-7", "load", 2):
        try:
            fail("no\x1b[2J")
        except ValueError:
            logger.exception("it broke\nbadly")
    (line,) = lines_of(log)
    record = json.loads(line)
    assert record.pop("time").endswith("Z")
    assert "ValueError: no\x1b[2J" in record.pop("error")
    assert record == {
        "level": "error",
        "logger": "loader",
        "message": "it broke\nbadly",
        "run": "run-7",
        "step": "load",
        "attempt": 2,
    }
    assert "\x1b" not in line


def test_json_outside_a_step_has_no_step(capsys, monkeypatch):
    monkeypatch.setenv("FRAMEWORK0_LOG", "json")
    get_logger("loader").info("x")
    assert set(json.loads(capsys.readouterr().err)) == {"time", "level", "logger", "message"}


def test_a_message_cannot_forge_a_record_or_reach_the_terminal(log):
    logger = get_logger("evil\nname")
    with bind(log, "run", "step\x1b[2J", 1):
        logger.info("fine\n2026-01-01 00:00:00.000 ERROR root: forged \x1b]0;x\x07")
    (line,) = lines_of(log)
    assert "\\n2026" in line
    assert "\x1b" not in line


def test_a_traceback_follows_its_line_indented_and_escaped(log):
    logger = get_logger("loader")
    with bind(log, "run", "load", 1):
        try:
            fail("bad \x1b[2J value")
        except ValueError:
            logger.exception("broke")
        logger.warning("where", stack_info=True)
    lines = lines_of(log)
    assert "    Traceback (most recent call last):" in lines
    assert "    ValueError: bad \\x1b[2J value" in lines
    assert "    Stack (most recent call last):" in lines
    assert all(line.startswith("    ") or HUMAN.fullmatch(line) for line in lines)


def test_configure_changes_style_and_level_and_gives_back_its_undo(log):
    logger = get_logger("loader")
    undo = configure(style="json", debug=True)
    with bind(log, "run", "load", 1):
        logger.debug("seen")
    undo()
    with bind(log, "run", "load", 1):
        logger.debug("unseen")
        logger.info("human again")
    first, second = lines_of(log)
    assert json.loads(first)["message"] == "seen"
    assert HUMAN.fullmatch(second)


def test_configure_holds_for_loggers_asked_for_later_that_have_no_opinion():
    undo = configure(debug=True)
    assert get_logger("later").level == logging.DEBUG
    assert get_logger("opinion", debug=False).level == logging.INFO
    undo()
    undo()
    assert get_logger("after").level == logging.INFO


def test_configure_of_nothing_undoes_nothing():
    get_logger("loader", debug=True)
    configure()()
    assert get_logger("loader").level == logging.DEBUG


def test_an_unknown_style_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'xml': choose one of human, json"):
        configure(style="xml")


def test_an_unknown_style_in_the_environment_falls_back_to_human(capsys, monkeypatch):
    monkeypatch.setenv("FRAMEWORK0_LOG", "xml")
    get_logger("loader").info("x")
    assert HUMAN.fullmatch(capsys.readouterr().err.rstrip("\n"))


def test_a_record_whose_arguments_break_does_not_break_the_step(log, capsys):
    logger = get_logger("loader.broken")
    logger.propagate = False
    with bind(log, "run", "load", 1):
        logger.info("%d rows", "many")
        logger.info("next")
    assert len(lines_of(log)) == 1
    assert "Logging error" in capsys.readouterr().err


def test_a_program_without_stderr_may_log(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    get_logger("loader").info("nowhere")
    assert sys.stderr is None


def test_forgetting_leaves_the_loggers_as_they_were():
    logger = get_logger("loader", debug=True)
    forget_loggers()
    assert (logger.level, logger.handlers, logger.filters) == (logging.NOTSET, [], [])


def test_the_door_of_the_logs_does_not_import_logging():
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import framework0.logs as logs\n"
        "with logs.capture_output(), logs.bind(logs.StepLog('x.log'), 'r', 's', 1): sys.stdout.flush()\n"
        "assert 'logging' not in set(sys.modules) - before\n"
        "logs.get_logger('x')\n"
        "assert 'logging' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_door_names_what_it_has():
    from framework0 import logs

    for name in logs.__all__:
        assert getattr(logs, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        logs.nothing  # noqa: B018
