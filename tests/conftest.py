"""What every test shares: an environment that is nobody's own, and the rule against skipping."""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parents[1]

# The machine's load is no property of the code, so no example is ever failed for being slow.
settings.register_profile("framework0", deadline=None, print_blob=True)
settings.load_profile("framework0")

# What a developer may have set for himself must not decide whether a test passes.
for _name in [name for name in os.environ if name.startswith("FRAMEWORK0_")]:
    del os.environ[_name]
for _name in ("DEBUG", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
    os.environ.pop(_name, None)

# Nor how it was started: what runs under nohup, or behind a shell's &, hears neither SIGHUP nor SIGINT,
# and hands that on to all it starts.
if threading.current_thread() is threading.main_thread():
    for _number, _handler in (
        (signal.SIGINT, signal.default_int_handler),
        (getattr(signal, "SIGHUP", signal.SIGTERM), signal.SIG_DFL),
    ):
        if signal.getsignal(_number) is signal.SIG_IGN:
            signal.signal(_number, _handler)

# The programs that tests start find the sources under test, installed or not.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
)


LAZY_ROOMS = (
    "artifacts",
    "assembly",
    "context",
    "jsonfile",
    "logs",
    "recipe",
    "runner",
    "scriptlets",
    "server",
    "source",
    "stepengine",
)


def pytest_sessionstart():
    """Load what runs load in their threads, here in one thread.

    The package brings a pytest plugin, so pytest parses each of its modules anew when it is imported,
    and two threads that parse at once can hurt each other: "AST constructor recursion depth mismatch"
    (CPython 3.11, https://github.com/python/cpython/issues/106905).
    """
    for room in LAZY_ROOMS:
        package = importlib.import_module(f"framework0.{room}")
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    """Fail the whole session in CI if any test was skipped or expected to fail there."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") != "true" or reporter is None:
        return
    missing = [report for kind in ("skipped", "xfailed") for report in reporter.stats.get(kind, [])]
    if missing and exitstatus == pytest.ExitCode.OK:
        for report in missing:
            reporter.write_line(f"not run, which CI does not accept: {report.nodeid}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def repository():
    """The root of the repository under test."""
    return REPOSITORY


@pytest.fixture
def run_python(tmp_path):
    """Run ``python ARGS`` as a person would, away from the repository; return the ended process.

    Whatever it leaves behind goes to the test's own folder.
    """

    def run(*args, cwd=None, env=None, stdin="", timeout=300):
        return subprocess.run(
            [sys.executable, *map(str, args)],
            cwd=cwd or tmp_path,
            env={**os.environ, "FRAMEWORK0_HOME": str(tmp_path / "state"), **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture
def unmeasured(monkeypatch):
    """Programs that a test starts by the dozen, or kills, run without measuring coverage.

    Measuring takes two thirds of a short command's time, and what is killed tells nothing anyway. Other
    tests measure the same code.
    """
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        monkeypatch.delenv(name)
