"""A machine whose engine is killed again and again, and what was seen of it from outside."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from framework0.runner import Journal
from framework0.runner.machines import visit_of
from framework0.workspace import find_workspace

DRIVER = Path(__file__).with_name("machine_driver.py")
FILE = ".octo_step_engine_parameters.json"
STATES = ("ENTER", "EXECUTE", "EXIT", "ADVANCE", "JUMP")
"""In the order in which a node passes them; the end is in the last one's place behind the last node."""

HEAD = """
import os

def note(node, method):
    told = " ".join((node, method, os.environ["OCTO_STEP_VISIT"], os.environ["OCTO_STEP_ATTEMPT"]))
    ledger = os.open("ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(ledger, f"{told}\\n".encode())
    os.close(ledger)
"""

NODE = """

class {name}:
    step_node_graph_dict = {{"{name}": {{"module_name_string": "step_node_chain", "first_node_step_bool": {first}}}}}
    step_arrow_graph_dict = {arrows}

    def step_entry(self):
        note("{name}", "ENTER")

    def step_execute(self):
        note("{name}", "EXECUTE")

    def step_exit(self):
        note("{name}", "EXIT")

    def step_advance(self):
        note("{name}", "ADVANCE")
"""


class Machine:
    """``nodes`` nodes one after another, in ``folder``; ``violations`` is what must not have been seen."""

    def __init__(self, folder, nodes):
        self.folder = folder
        self.instance = folder / "chain"
        self.names = [f"n{number:03d}" for number in range(nodes)]
        self.violations = []
        self.kills = 0
        (folder / ".framework0").mkdir(mode=0o700)
        self.instance.mkdir()
        self._write_library()

    @property
    def transitions(self):
        """How many changes bring the machine from its first node to its end."""
        return len(STATES) * len(self.names)

    def place(self):
        """Return how many transitions the file says are behind the machine; 0: none, the last: its end."""
        try:
            shown = json.loads((self.instance / FILE).read_text(encoding="utf-8"))[
                "global_parameters"
            ]
        except FileNotFoundError:
            return 0
        if shown["step_engine_state"] == "COMPLETE_SUCCESS":
            return self.transitions
        if shown["step_engine_state"] != "RUNNING":
            return 0
        state = STATES.index(shown["current_step_state"])
        node = self.names.index(shown["current_step_node"])
        # At JUMP the next node is the current one already.
        return len(STATES) * node + (state + 1 if shown["current_step_state"] != "JUMP" else 0)

    def run_and_kill(self, transitions, when):
        """Let the machine make so many transitions (0: all that are left), and kill its engine with the last."""
        before = self.place()
        # The first change is that it begins, or goes on.
        point = transitions + 1 if transitions else 0
        words = ["step", "resume" if before else "run", "chain", "-q"]
        ended = subprocess.run(
            [sys.executable, str(DRIVER), str(point), when, *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self._look(before, transitions, when, ended)

    def _look(self, before, transitions, when, ended):
        after = self.place()
        if not transitions:
            self._claim(ended.returncode == 0, f"the last session ended with {ended.stderr!r}")
            self._claim(after == self.transitions, f"it is at {after}, not at its end")
            return
        self.kills += 1
        self._claim(ended.returncode == 128 + signal.SIGKILL, f"it was not killed: {ended}")
        wanted = before + transitions - (when == "before")
        self._claim(after == wanted, f"killed {when} transition {wanted}, it is at {after}")
        self._claim(self._run().state == "interrupted", f"its run is {self._run().state}")

    def judge(self):
        """Compare what the nodes have noted, and what the journal tells, with what must be; return all that is wrong."""
        self._judge_ledger()
        self._judge_journal()
        return self.violations

    def _judge_ledger(self):
        lines = (self.instance / "ledger").read_text(encoding="ascii").split("\n")[:-1]
        self.calls = len(lines)
        last, attempts = (-1, 0), {}
        for line in lines:
            name, state, visit, attempt = line.split()
            place = (self.names.index(name), STATES.index(state))
            self._claim(place >= last, f"{line} comes after {last}")
            self._claim(int(visit) == place[0] + 1, f"{line} has another visit")
            self._claim(
                int(attempt) > attempts.get(place, 0), f"{line}: its attempt is not a later one"
            )
            last, attempts[place] = place, int(attempt)
        missing = len(self.names) * 4 - len(attempts)
        self._claim(not missing, f"{missing} methods were never called")
        self._claim(
            self.calls <= 4 * len(self.names) + self.kills, f"{self.calls} calls are too many"
        )

    def _judge_journal(self):
        run = self._run()
        self._claim(run.state == "succeeded", f"the run is {run.state}")
        journal = self._journal()
        try:
            history = journal.read(run.run_id)
        finally:
            journal.close()
        visits = {record.node: visit_of(record) for record in history.attempts}
        self.lost = sum(visit == 0 for visit in visits.values())
        self._claim(
            len(history.attempts) == len(self.names) == len(visits),
            f"the journal has {len(history.attempts)} visits of {len(visits)} nodes",
        )
        wrong = [node for node, visit in visits.items() if visit not in (0, node + 1)]
        self._claim(not wrong, f"the journal has other visits for {wrong}")

    def _run(self):
        journal = self._journal()
        try:
            return journal.runs()[0]
        finally:
            journal.close()

    def _journal(self):
        return Journal(find_workspace(explicit=self.folder).journal)

    def _claim(self, holds, otherwise):
        if not holds:
            self.violations.append(otherwise)

    def _write_library(self):
        text = HEAD
        for number, name in enumerate(self.names):
            way = {
                "module_name_string": "step_node_chain",
                "arrow_step_name_string": f"n{number + 1:03d}",
            }
            arrows = {"next": way} if number + 1 < len(self.names) else {}
            text += NODE.format(name=name, first=int(number == 0), arrows=arrows)
        (self.instance / "step_node_chain.py").write_text(text, encoding="utf-8")
