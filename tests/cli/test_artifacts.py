"""``framework0 artifacts``, ``show --lineage``, and what ``doctor`` and ``runs prune`` say of artifacts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

# Each test starts the command several times, as a person would.
pytestmark = pytest.mark.slow

STEPS = """
import numpy as np


def array(count):
    return np.arange(count)


def total(values, context):
    context.set("sum.of", int(values.sum()))
    context.set("squares", values * values)
    return {"rows": len(values)}


def report(context, key="squares"):
    return [int(context.get("squares")[1]), context.get(key) is None]
"""

RECIPE = """
metadata: {name: kept}
inputs: {count: {type: integer, default: 1000}}
steps:
  - {name: array, module: kept, function: array, args: {count: "${{ inputs.count }}"}}
  - {name: total, module: kept, function: total, args: {values: "${{ steps.array.result }}"}, depends_on: [array]}
  - {name: report, module: kept, function: report, depends_on: [total]}
"""


@pytest.fixture
def kept(framework0, workspace):
    """The command, in a workspace with one run that left two artifacts."""
    (workspace / "kept.py").write_text(STEPS)
    (workspace / "kept.yaml").write_text(RECIPE)
    assert framework0("run", "kept.yaml").code == 0
    return framework0


def listed(kept):
    return json.loads(kept("artifacts", "--json").stdout)


def test_without_an_artifact_the_list_says_why(framework0):
    said = framework0("artifacts")
    assert (said.code, said.stdout) == (0, "")
    assert "values become files when they are large or no JSON" in said.stderr


@pytest.mark.measured
def test_the_list_says_size_run_step_and_key(kept):
    said = kept("artifacts")
    header, *rows = said.stdout.splitlines()
    assert header.split() == ["DIGEST", "FORMAT", "SIZE", "RUN", "STEP", "KEY"]
    assert {tuple(row.split()[5:]) for row in rows} == {("array",), ("total", "squares")}
    facts = {row["step"]: row for row in listed(kept)}
    assert (facts["array"]["format"], facts["array"]["bytes"]) == ("npy", 8128)
    assert facts["total"]["key"] == "squares"
    assert kept("artifacts", "list", "--all").stdout == said.stdout


@pytest.mark.measured
def test_show_reads_the_file_and_says_who_wrote_it(kept):
    digest = next(row["digest"] for row in listed(kept) if row["step"] == "array")
    said = kept("artifacts", "show", digest[:10])
    assert f"artifact {digest}" in said.stdout
    assert "result of step 'array' in run" in said.stdout
    facts = json.loads(kept("artifacts", "show", digest, "--json").stdout)
    path = Path(facts["path"])
    assert facts["named_by"][0]["step"] == "array"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    said = kept("artifacts", "show", digest)
    assert said.code == 4
    assert f"{path} is damaged" in said.stderr
    said = kept("doctor")
    assert f"{digest[:12]} is damaged" in said.stdout
    path.unlink()
    assert f"{digest[:12]} is gone" in kept("doctor").stdout


@pytest.mark.parametrize("word", ["zzz", "", "%"])
def test_a_word_that_means_no_artifact_or_many_is_a_wrong_use(kept, word):
    said = kept("artifacts", "show", word)
    assert said.code == 2
    assert "`framework0 artifacts` lists them" in said.stderr


@pytest.mark.measured
def test_export_writes_a_new_file_and_never_over_an_old_one(kept, workspace):
    digest = next(row["digest"] for row in listed(kept) if row["step"] == "array")
    assert kept("artifacts", "export", digest[:12], "out.npy").code == 0
    assert np.load(workspace / "out.npy").tolist() == list(range(1000))
    said = kept("artifacts", "export", digest[:12], "out.npy")
    assert (said.code, "out.npy exists" in said.stderr) == (2, True)
    said = kept("artifacts", "export", digest[:12], "no/such/folder")
    assert (said.code, "errno 2" in said.stderr) == (4, True)


@pytest.mark.measured
def test_gc_and_prune_remove_what_nothing_refers_to(kept, workspace):
    kept("run", "kept.yaml", "--input", "count=2000")
    assert len(listed(kept)) == 4
    assert "0 artifacts removed" in kept("artifacts", "gc").stderr
    said = kept("runs", "prune", "--keep", "1")
    assert "1 run removed" in said.stderr
    assert "2 artifacts removed, 16.3 kB" in said.stderr
    (workspace / "framework0.toml").write_text("[artifacts]\nmax_bytes = 20000\n")
    said = kept("artifacts", "gc", "--dry-run")
    assert "1 artifact would be removed, 16.1 kB" in said.stderr
    facts = json.loads(kept("artifacts", "gc", "--json").stdout)
    assert facts["removed"] == facts["would_remove"]
    assert len(listed(kept)) == 1
    said = kept("show", "--lineage", "array")
    assert "artifact" in said.stdout


def test_a_wrong_setting_is_told_with_its_place(kept, workspace):
    (workspace / "framework0.toml").write_text("[artifacts]\nthreshold = 5\nmaxage = 1\n")
    said = kept("artifacts")
    assert said.code == 4
    assert "framework0.toml:2:1: threshold must be a whole number from 16384" in said.stderr
    assert "did you mean 'max_age'?" in said.stderr
    (workspace / "framework0.toml").write_text("artifacts = 3\n[limits]\n")
    assert "artifacts must be a table" in kept("artifacts").stderr
    (workspace / "framework0.toml").write_text('[artifacts]\nmax_age = "long"\n')
    assert "max_age must be a number of days" in kept("artifacts").stderr


def test_lineage_tells_what_a_value_was_made_from_and_how_that_is_known(kept):
    text = kept("show", "--lineage", "report").stdout
    assert text.startswith("report (succeeded, attempt 1)\n  left its result: [1, false]\n")
    assert "may be made from squares of the context, which its code reads" in text
    assert "what else its code reads cannot be seen by reading it" in text
    assert "    total (succeeded, attempt 1)" in text
    assert "left squares in the context: artifact" in text
    assert "made from the result of array, as the recipe says" in text
    assert "made from the input count, as the recipe says" in text


def drawn(text):
    """Return the arrows of a drawing in DOT, by the first word of each box."""
    names = dict(re.findall(r'(n\d+) \[label="([^"\\]*)', text))
    return {(names[one], names[other]) for one, other in re.findall(r"(n\d+) -> (n\d+);", text)}


@pytest.mark.measured
def test_lineage_is_drawn_from_inputs_over_values_to_the_steps_made_from_them(kept):
    text = kept("show", "--lineage", "--dot").stdout
    assert text.startswith('digraph "lineage of ')
    assert drawn(text) == {
        ("count", "array"),
        ("array", "result of array"),
        ("result of array", "total"),
        ("total", "result of total"),
        ("total", "sum.of"),
        ("total", "squares"),
        ("squares", "report"),
        ("report", "result of report"),
    }
    assert "artifact" in text
    only = kept("show", "--lineage", "array", "--dot").stdout
    assert drawn(only) == {("count", "array"), ("array", "result of array")}
    flowchart = kept("show", "--lineage", "--mermaid").stdout
    assert flowchart.startswith("flowchart TD\n")
    assert flowchart.count("-->") == 8
    if shutil.which("dot"):
        made = subprocess.run(
            ["dot", "-Tsvg"], input=text, capture_output=True, text=True, check=True
        )
        assert "squares" in made.stdout


@pytest.mark.parametrize("words", [["--dot"], ["--mermaid"], ["--lineage", "--dot", "--json"]])
def test_a_drawing_is_of_a_lineage_and_in_one_form(kept, words):
    assert kept("show", *words).code == 2


@pytest.mark.measured
def test_lineage_finds_a_key_and_a_digest_and_who_else_left_the_same(kept):
    kept("run", "kept.yaml", "--name", "again")
    assert kept("show", "--lineage", "squares").stdout.startswith("total ")
    digest = next(row["digest"] for row in listed(kept) if row["step"] == "array")
    text = kept("show", "--lineage", digest[:8]).stdout
    assert text.startswith("array ")
    assert "the same content is the result of step 'array' in run" in text
    facts = json.loads(kept("show", "again", "--lineage", "array", "--json").stdout)
    assert facts[0]["result"]["$artifact"] == digest
    assert facts[0]["made_from"] == [
        {"kind": "input", "name": "count", "told_by": "recipe", "made_by": []}
    ]
    assert [one["digest"] for one in facts[0]["same_content"]] == [digest]
    assert [one["step"] for one in json.loads(kept("show", "--lineage", "--json").stdout)] == [
        "array",
        "total",
        "report",
    ]


@pytest.mark.measured
def test_a_word_that_has_no_lineage_is_a_wrong_use_with_the_near_name(kept):
    said = kept("show", "--lineage", "reprot")
    assert (said.code, "did you mean 'report'?" in said.stderr) == (2, True)


def test_show_and_run_tell_references_as_json(kept):
    shown = json.loads(kept("show", "--json", "--context").stdout)
    assert shown["context"]["squares"]["format"] == "npy"
    assert shown["steps"][0]["attempts"][0]["result"]["bytes"] == 8128
    assert '"format": "npy"' in kept("show", "--context", "squares").stdout
    events = [json.loads(line) for line in kept("run", "kept.yaml", "--json").stdout.splitlines()]
    results = {event.get("step"): event["result"] for event in events if "result" in event}
    assert results["array"]["format"] == "npy"


LONG = """
def wide(n=1):
    return "x" * 200
"""


def test_lineage_names_everything_a_recipe_can_take(kept, workspace, monkeypatch):
    (workspace / "wide.py").write_text(LONG)
    (workspace / "wide.yaml").write_text("""
metadata: {name: wide}
env: [LANG]
inputs: {on: {type: boolean, default: true}}
steps:
  - {name: one, type: shell, command: [echo, "${{ env.LANG }}"], when: "inputs.on"}
  - name: many
    module: wide
    function: wide
    foreach: "${{ [1, context.get('squares', 2)] }}"
    args: {n: "${{ item }}"}
    depends_on: [one]
""")
    assert kept("run", "wide.yaml").code == 0
    text = kept("show", "--lineage", "one").stdout
    assert "made from the variable LANG, as the recipe says" in text
    assert "made from the input on, as the recipe says" in text
    text = kept("show", "--lineage", "many[0]").stdout
    assert "squares of the context, as the recipe says" in text
    assert f"left its result: \"{'x' * 58}…" in text


def test_the_sizes_of_things_have_units():
    from framework0.cli.sizes import bytes_text

    shown = [bytes_text(count) for count in (0, 999, 1000, 1_500_000, 2e9, 3e12, 4e15)]
    assert shown == ["0 bytes", "999 bytes", "1.0 kB", "1.5 MB", "2.0 GB", "3.0 TB", "4000.0 TB"]
