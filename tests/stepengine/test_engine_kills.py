"""A real process is killed inside each method of a machine, and another one goes on from there."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from textwrap import dedent

import pytest

from framework0.stepengine import INSTANCE_LOCK, standing_of
from framework0.workspace import hold

NODES = """
import os, signal
from octo_step_lib import StepNode

class Base(StepNode):
    def note(self, word):
        with open("told.txt", "a", encoding="utf-8") as file:
            print(self.name, word, self.visit, self.attempt, file=file)
        if os.environ.get("DIE_IN") == f"{self.name} {word}":
            os.kill(os.getpid(), signal.SIGKILL)
    def step_entry(self): self.note("entry")
    def step_execute(self):
        self.shared.increment("executed")
        self.note("execute")
    def step_exit(self): self.note("exit")
    def step_advance(self):
        self.note("advance")
        return self.advance_to("b") if self.name == "a" else self.complete()

class A(Base):
    name = "a"
    step_node_graph_dict = {"a": {"first_node_step_bool": 1}}

class B(Base):
    name = "b"

step_node_class_list = [A, B]
"""

DRIVE = """
import sys
from pathlib import Path
from framework0.stepengine import Engine, EngineOptions, InProcessHost
here = Path.cwd()
print(Engine(here, InProcessHost(here, here), options=EngineOptions(resume=sys.argv[1] == "resume")).run().state)
"""

WORDS = ("entry", "execute", "exit", "advance")


def drive(folder, how, die_in=""):
    return subprocess.run(
        [sys.executable, "-c", DRIVE, how],
        cwd=folder,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path), "DIE_IN": die_in},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def told(folder):
    return (folder / "told.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("node", ["a", "b"])
def test_a_machine_that_is_killed_in_each_of_its_methods_calls_each_once_more(tmp_path, node):
    (tmp_path / "step_node_both.py").write_text(dedent(NODES), encoding="utf-8")
    for number, word in enumerate(WORDS):
        ended = drive(tmp_path, "resume" if number else "run", f"{node} {word}")
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        standing = standing_of(tmp_path)
        state = {"entry": "ENTER", "execute": "EXECUTE", "exit": "EXIT", "advance": "ADVANCE"}[word]
        assert (standing.engine, standing.node, standing.state) == ("RUNNING", node, state)
        assert standing.running is None
        # The lock of the dead is free at once.
        hold(tmp_path / INSTANCE_LOCK).release()
    ended = drive(tmp_path, "resume")
    assert ended.stdout == "COMPLETE_SUCCESS\n", ended.stderr
    visit = {"a": 1, "b": 2}
    expected = [
        f"{name} {word} {visit[name]} {attempt}"
        for name in ("a", "b")
        for word in WORDS
        for attempt in ((1, 2) if name == node else (1,))
    ]
    assert told(tmp_path) == expected
    document = json.loads((tmp_path / ".octo_step_engine_parameters.json").read_text("utf-8"))
    assert document["shared_data"]["executed"] == 3
    assert document["step_engine"]["visits"] == {"a": 1, "b": 1}
