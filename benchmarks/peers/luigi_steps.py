"""Luigi: its local scheduler, one worker (more of them fork a process each); a file says a task is done."""

from __future__ import annotations

import logging

import luigi
import side

logging.disable(logging.CRITICAL)


class Step(luigi.Task):
    n = luigi.IntParameter()
    folder = luigi.Parameter()

    def requires(self):
        return [Step(n=m, folder=self.folder) for m in GRAPHS[self.folder][self.n]]

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/{self.n}")

    def run(self):
        self.output().open("w").close()


GRAPHS = {}


def prepare(parents, workers, folder):
    del workers
    GRAPHS[str(folder)] = parents
    tasks = [Step(n=n, folder=str(folder)) for n in side.last(parents)]

    def run():
        if not luigi.build(tasks, workers=1, local_scheduler=True, no_lock=True):
            raise SystemExit("a task failed")

    return run


if __name__ == "__main__":
    side.show(prepare)
