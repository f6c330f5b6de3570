"""A workspace with real steps, and a way to run a recipe in it."""

from __future__ import annotations

from textwrap import dedent

import pytest

from framework0.assembly import Options, load_recipe, start_run
from framework0.workspace import find_workspace

STEPS = '''
import asyncio
import os
import sys
import threading
import time
from pathlib import Path

from framework0.scriptlets import BaseScriptlet

LEDGER = Path(__file__).with_name("ledger.txt")


def note(word="x"):
    """Leave a mark outside, where no journal can reach it."""
    with LEDGER.open("a") as file:
        file.write(word + "\\n")
    return word


def nothing():
    return None


def echo(value=None):
    return value


def add(a, b=10):
    return a + b


def put(context, key, value):
    context.set(key, value)
    return context.get(key)


def put_and_fail(context, key="half", value=1):
    context.set(key, value)
    raise ValueError("after writing")


def fail_until(context, times):
    seen = len(LEDGER.read_text().split()) if LEDGER.exists() else 0
    note("try")
    context.set("tries", seen + 1)
    if seen + 1 < times:
        raise OSError("not yet")
    return seen + 1


def leave(code=3):
    sys.exit(code)


def interrupt():
    raise KeyboardInterrupt


def unprintable():
    class Bad(Exception):
        def __str__(self):
            raise RuntimeError("no")
    raise Bad


def an_object():
    return {"open": object()}


async def double(x):
    await asyncio.sleep(0)
    return 2 * x


async def sleep_forever():
    await asyncio.sleep(3600)


def wait_until_told(context):
    note("waiting")
    threading.Event().wait(3600)


def meet(context, count):
    """Return once `count` steps are here at the same time."""
    barrier = Path(__file__).with_name("here")
    barrier.mkdir(exist_ok=True)
    (barrier / str(threading.get_ident())).touch()
    deadline = time.monotonic() + 300
    while len(list(barrier.iterdir())) < count:
        if time.monotonic() > deadline:
            raise TimeoutError("the others never came")
        time.sleep(0.002)


def thread_name():
    return threading.get_ident()


def process_id():
    return os.getpid()


class Greeter(BaseScriptlet):
    def run(self, context, params):
        context.set("greeting", "hello " + params["who"])
        return {"status": "success", "who": params["who"]}


class Sad(BaseScriptlet):
    def run(self, context, params):
        return {"status": "failed", "message": "the cat has it"}


class Code(BaseScriptlet):
    def run(self, context, params):
        return params.get("code", 0)
'''


@pytest.fixture
def space(tmp_path, monkeypatch):
    """A workspace whose folder is the current one; it holds ``steps.py``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "steps.py").write_text(STEPS)
    return find_workspace(explicit=tmp_path)


@pytest.fixture
def run(space):
    """Run a recipe text and return its result; keywords are those of start_run and of Options."""

    def run_text(
        text, *, inputs=None, context=None, share=None, name="", file="recipe.yaml", **options
    ):
        path = space.root / file
        path.write_text(dedent(text))
        return start_run(
            load_recipe(path, workspace=space),
            inputs=inputs,
            workspace=space,
            context=context,
            name=name,
            options=Options(context=share, **options),
        )

    return run_text


@pytest.fixture
def ledger(space):
    """Return the marks the steps left outside, in order."""
    path = space.root / "ledger.txt"
    return lambda: path.read_text().split() if path.exists() else []


@pytest.fixture
def history(space):
    """Return the verified history of a run."""
    from framework0.runner import Journal

    def read(run_id):
        journal = Journal(space.journal)
        try:
            return journal.read(run_id)
        finally:
            journal.close()

    return read
