"""doit: tasks in order, in this process. Its record is written once, when all have ended."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import side
from doit.cmd_base import ModuleTaskLoader
from doit.doit_cmd import DoitMain


def action():
    return True


def prepare(parents, workers, folder):
    del workers

    def task_s():
        for n, before in enumerate(parents):
            yield {
                "name": str(n),
                "actions": [action],
                "task_dep": [f"s:{m}" for m in before],
                "verbosity": 0,
            }

    settings = {"dep_file": f"{folder}/doit.db", "reporter": "zero", "verbosity": 0}
    loader = ModuleTaskLoader({"task_s": task_s, "DOIT_CONFIG": settings})

    def run():
        with redirect_stdout(io.StringIO()):
            code = DoitMain(loader).run(["run"])
        if code:
            raise SystemExit(f"doit ended with {code}")

    return run


if __name__ == "__main__":
    side.show(prepare)
