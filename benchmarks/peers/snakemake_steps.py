"""Snakemake: one rule, one file per step that says it is done; a whole process, as it is used."""

from __future__ import annotations

import os
import subprocess
import sys

import side

SNAKEFILE = """
PARENTS = {parents!r}

rule all:
    input: [f"done/{{n}}" for n in {last!r}]

rule step:
    input: lambda wildcards: [f"done/{{m}}" for m in PARENTS[int(wildcards.n)]]
    output: touch("done/{{n}}")
    shell: ":"
"""


def prepare(parents, workers, folder):
    (folder / "Snakefile").write_text(SNAKEFILE.format(parents=parents, last=side.last(parents)))
    words = [sys.executable, "-m", "snakemake", "--cores", str(workers), "--quiet", "all"]

    def run():
        subprocess.run(
            [*words, "--directory", str(folder), "--snakefile", str(folder / "Snakefile")],
            check=True,
            env={**os.environ, "XDG_CACHE_HOME": str(folder), "HOME": str(folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    return run


if __name__ == "__main__":
    side.show(prepare)
