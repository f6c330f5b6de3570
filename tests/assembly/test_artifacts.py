"""Values that are large or no JSON: in a run, over a resume, on a full disk, and when runs are pruned."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from framework0.artifacts import Artifacts, Retention
from framework0.assembly import (
    artifacts_of,
    resume_run,
    roots_of,
    run_recipe,
    start_run,
    sweep_artifacts,
)
from framework0.runner import Journal
from framework0.workspace import Settings, Workspace
from tests.conftest import REPOSITORY

STEPS = """
import os
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa

HERE = Path(__file__).parent


def array(n=100_000):
    return np.arange(n)


def passed(x):
    return x


def changed(x):
    x[0] = 1


def total(x):
    return int(x.sum())


def numbers(n=50_000):
    return [number * 1.5 for number in range(n)]


def length(x):
    return len(x)


def table():
    return pa.table({"x": [1, 2]})


def rows(x):
    return x.num_rows


def parts():
    return {"array": np.arange(4), "bytes": b"xyz", "n": 1}


def use_parts(x):
    return [int(x["array"].sum()), x["bytes"].decode(), x["n"]]


def lengths(xs):
    return [len(x) for x in xs]


def write(context):
    context.set("array", np.ones(5))
    context.set("table", pa.table({"x": [1, 2]}))
    context.set("numbers", list(range(50_000)))
    context.set("parts", [np.arange(2), b"raw"])


def read(context):
    return [
        context.get("array").tolist(),
        context.get("table").num_rows,
        len(context.get("numbers")),
        context.get("parts")[1].decode(),
    ]


def write_and_fail(context):
    context.set("numbers", [0] * 50_000)
    context.set("numbers", [1] * 50_000)
    raise ValueError("after writing")


def fail_once():
    if not (HERE / "ready").exists():
        raise ValueError("not yet")


def die_once():
    if not (HERE / "ready").exists():
        os.kill(os.getpid(), 9)


def marked():
    return {"$artifact": "mine"}


def odd():
    return np.array([object()])


def open_file():
    return open(__file__)


def large(megabytes=4):
    return b"x" * (megabytes * 1_000_000)


def put_large(context):
    context.set("large", "x" * 4_000_000)


def secret_array(word):
    return np.array([word, "other"])


def secret_numbers(word):
    return [word] * 20_000


def wait(context):
    context.set("held", np.arange(7))
    (HERE / "held").touch()
    while not (HERE / "go").exists():
        threading.Event().wait(0.01)
"""

ALL = """
metadata: {name: all}
steps:
  - {name: array, module: keep, function: array}
  - {name: passed, module: keep, function: passed, args: {x: "${{ steps.array.result }}"}, depends_on: [array]}
  - {name: numbers, module: keep, function: numbers}
  - {name: table, module: keep, function: table}
  - {name: parts, module: keep, function: parts}
  - name: items
    module: keep
    function: array
    foreach: [3, 1, 2]
    args: {n: "${{ item }}"}
  - {name: write, module: keep, function: write}
  - {name: stop, module: keep, function: STOP, depends_on: [passed, numbers, table, parts, items, write]}
  - {name: total, module: keep, function: total, args: {x: "${{ steps.passed.result }}"}, depends_on: [stop, passed]}
  - {name: length, module: keep, function: length, args: {x: "${{ steps.numbers.result }}"}, depends_on: [stop, numbers]}
  - {name: rows, module: keep, function: rows, args: {x: "${{ steps.table.result }}"}, depends_on: [stop, table]}
  - {name: use, module: keep, function: use_parts, args: {x: "${{ steps.parts.result }}"}, depends_on: [stop, parts]}
  - {name: lengths, module: keep, function: lengths, args: {xs: "${{ steps.items.result }}"}, depends_on: [stop, items]}
  - {name: read, module: keep, function: read, depends_on: [stop, write]}
"""

ENDS = {
    "total": 4_999_950_000,
    "length": 50_000,
    "rows": 2,
    "use": [6, "xyz", 1],
    "lengths": [3, 1, 2],
    "read": [[1.0] * 5, 2, 50_000, "raw"],
}


@pytest.fixture
def keep(space):
    (space.root / "keep.py").write_text(STEPS)
    return space


def journal_of(space):
    return Journal(space.journal)


def records_of(space, run_id):
    return {record.name: record for record in journal_of(space).read(run_id).attempts}


def files_of(space):
    return sorted(path.name for path in space.artifacts.rglob("*") if path.is_file())


def one(function, **args):
    text = json.dumps(args)
    return f"steps: [{{name: one, module: keep, function: {function}, args: {text}}}]"


def test_a_failed_run_goes_on_with_every_kind_of_value(keep, run):
    result = run(ALL.replace("STOP", "fail_once"))
    assert result.state == "failed"
    (keep.root / "ready").touch()
    result = resume_run(result.id, workspace=keep)
    assert result.state == "succeeded"
    assert {name: result.steps[name].result for name in ENDS} == ENDS
    assert result.steps["array"].result.sum() == 4_999_950_000
    assert result.context.get("parts")[0].tolist() == [0, 1]


def test_what_the_journal_holds_are_references(keep, run):
    (keep.root / "ready").touch()
    result = run(ALL.replace("STOP", "fail_once"))
    records = records_of(keep, result.id)
    array = records["array"].outcome.result
    assert (array.format, array.bytes) == ("npy", 800_128)
    assert records["passed"].outcome.result == array
    assert records["numbers"].outcome.result.format == "json"
    assert records["parts"].outcome.result["bytes"].format == "bytes"
    assert [part.format for part in records["items"].outcome.result] == ["npy"] * 3
    assert records["length"].outcome.result == 50_000
    changes = {change.key: change.value for change in journal_of(keep).read(result.id).changes}
    assert (changes["array"].format, changes["numbers"].format) == ("npy", "json")
    assert journal_of(keep).told(array.digest) == (
        f"as the result of step 'array' in run {result.id}, attempt 1"
    )


def test_a_later_step_gets_an_array_that_cannot_be_changed_as_after_a_resume(keep, run):
    result = run("""
        steps:
          - {name: array, module: keep, function: array}
          - {name: changed, module: keep, function: changed, args: {x: "${{ steps.array.result }}"}, depends_on: [array]}
    """)
    assert "read-only" in result.steps["changed"].failure.message


def test_what_is_passed_on_is_written_and_looked_at_once(keep, run, monkeypatch):
    seen = []
    original = Artifacts.put_content
    monkeypatch.setattr(
        Artifacts, "put_content", lambda *args: seen.append(args[1]) or original(*args)
    )
    steps = ["{name: s0, module: keep, function: array}"]
    steps += [
        f'{{name: s{n}, module: keep, function: passed, depends_on: [s{n - 1}], args: {{x: "${{{{ steps.s{n - 1}.result }}}}"}}}}'
        for n in range(1, 30)
    ]
    result = run("steps:\n" + "".join(f"  - {step}\n" for step in steps))
    assert result.state == "succeeded"
    assert seen == ["npy"]
    assert len(files_of(keep)) == 1


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("odd", "array of Python objects"),
        ("open_file", "TextIOWrapper, which is not JSON"),
        ("marked", "has the key '$artifact', which makes an object a reference"),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_cannot_be_kept_stays_inside_the_run_and_says_so(keep, run, function, words):
    result = run(one(function))
    assert result.state == "succeeded"
    record = records_of(keep, result.id)["one"]
    assert record.reason.startswith("result not kept: ")
    assert words in record.reason
    assert record.outcome.result is None
    assert files_of(keep) == []
    # The open file among them is closed here, where nobody minds, and not in whatever test comes next.
    del result, record
    gc.collect()


def test_what_a_failed_attempt_wrote_is_taken_back_also_when_it_was_large(keep, run):
    result = run(one("write_and_fail"))
    assert result.state == "failed"
    changes = journal_of(keep).read(result.id).changes
    assert [change.removed for change in changes] == [False, False, True]
    assert changes[0].value.load() == [0] * 50_000
    assert "numbers" not in result.context


def test_the_threshold_is_a_setting(keep):
    small = Workspace(keep.root, keep.state, Settings(artifact_threshold=500_000))
    (keep.root / "recipe.yaml").write_text(one("numbers"))
    result = start_run("recipe.yaml", workspace=small)
    assert len(records_of(keep, result.id)["one"].outcome.result) == 50_000


FULL = """
import resource, sys
from framework0 import run_recipe
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
result = run_recipe(sys.argv[1])
step = result.steps["one"]
print(result.state, step.state, step.failure.kind, step.failure.message)
"""


@pytest.mark.slow
@pytest.mark.parametrize("function", ["large", "put_large"])
def test_a_full_disk_fails_the_step_in_words_and_never_the_journal(keep, function):
    (keep.root / "full.yaml").write_text(one(function))
    done = subprocess.run(
        [sys.executable, "-c", FULL, "full.yaml"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert done.stdout.startswith(
        "failed failed result what the step left cannot be kept: cannot write"
    )
    assert "errno 27" in done.stdout
    assert "make room" in done.stdout
    assert files_of(keep) == []
    (summary,) = journal_of(keep).runs()
    assert summary.state == "failed"
    assert resume_run(summary.run_id, workspace=keep).state == "succeeded"


@pytest.mark.slow
def test_a_killed_run_goes_on_with_its_artifacts(keep):
    (keep.root / "recipe.yaml").write_text(ALL.replace("STOP", "die_once"))
    script = "from framework0 import run_recipe; run_recipe('recipe.yaml')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == -signal.SIGKILL
    (summary,) = journal_of(keep).runs()
    assert summary.state == "interrupted"
    sweep_artifacts(keep, journal_of(keep))
    (keep.root / "ready").touch()
    result = resume_run(summary.run_id, workspace=keep)
    assert {name: result.steps[name].result for name in ENDS} == ENDS


def test_a_damaged_artifact_fails_the_step_that_needs_it_and_names_file_and_writer(keep, run):
    result = run(ALL.replace("STOP", "fail_once"))
    reference = records_of(keep, result.id)["numbers"].outcome.result
    path = artifacts_of(keep).path(reference)
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    (keep.root / "ready").touch()
    result = resume_run(result.id, workspace=keep)
    message = result.steps["length"].failure.message
    assert f"{path} is damaged" in message
    assert f"as the result of step 'numbers' in run {result.id}" in message
    assert result.steps["total"].state == "succeeded"


SECRET = """
inputs: {word: {secret: true, env: WORD}}
steps: [{name: one, module: keep, function: FUNCTION, args: {word: "${{ inputs.word }}"}}]
"""


def test_a_secret_in_large_json_is_masked_in_its_file(keep, run, monkeypatch):
    monkeypatch.setenv("WORD", "hush-hush-hush")
    result = run(SECRET.replace("FUNCTION", "secret_numbers"))
    reference = records_of(keep, result.id)["one"].outcome.result
    assert reference.load() == ["***"] * 20_000


def test_an_array_that_holds_a_secret_is_not_kept_and_says_so(keep, run, monkeypatch):
    monkeypatch.setenv("WORD", "hush-hush-hush")
    result = run(SECRET.replace("FUNCTION", "secret_array"))
    assert result.state == "succeeded"
    record = records_of(keep, result.id)["one"]
    assert "it holds a secret, and only text of JSON can be masked" in record.reason
    assert files_of(keep) == []


def test_pruning_removes_what_no_run_refers_to_any_more(keep, run):
    first = run(one("array", n=100_000), file="a.yaml")
    second = run(one("array", n=100_001), file="b.yaml")
    third = run(one("array", n=100_001), file="b.yaml")
    journal = journal_of(keep)
    assert sweep_artifacts(keep, journal) == []
    assert journal.prune(keep=1) == [second.id, first.id]
    (gone,) = sweep_artifacts(keep, journal)
    assert gone.bytes == 800_128
    assert records_of(keep, third.id)["one"].outcome.result.load().size == 100_001


def test_references_inside_a_tree_are_roots_too(keep, run):
    result = run(one("parts"))
    store = artifacts_of(keep)
    reference = records_of(keep, result.id)["one"].outcome.result["array"]
    tree = store.put({"inner": [reference]})
    found = roots_of(keep, journal_of(keep))
    assert reference.digest in found.referred
    assert tree.digest not in found.referred
    from framework0.assembly import retention

    retention.ROOTS.append(lambda _: [tree])
    try:
        assert {tree.digest, reference.digest} <= set(roots_of(keep, journal_of(keep)).referred)
    finally:
        retention.ROOTS.pop()


def test_a_living_run_loses_nothing_to_a_sweep(keep):
    (keep.root / "recipe.yaml").write_text(one("wait"))
    ended = []

    def work():
        ended.append(run_recipe("recipe.yaml", workspace=keep))

    worker = threading.Thread(target=work)
    worker.start()
    deadline = time.monotonic() + 300
    while not (keep.root / "held").exists():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
    # Written to the context, and no row names it before the step has ended.
    assert sweep_artifacts(keep, journal_of(keep), retention=Retention(0.0, 0)) == []
    (keep.root / "go").touch()
    worker.join()
    assert ended[0].context.get("held").tolist() == list(range(7))
    assert records_of(keep, ended[0].id)["one"].state == "succeeded"
    (gone,) = sweep_artifacts(keep, journal_of(keep), retention=Retention(max_bytes=0))
    assert gone.bytes == 184


def test_chosen_steps_take_arrays_from_the_run_before(keep, run):
    text = ALL.replace("STOP", "fail_once")
    (keep.root / "ready").touch()
    assert run(text).state == "succeeded"
    result = run(text, only=("total", "lengths"))
    assert (result.steps["total"].result, result.steps["lengths"].result) == (
        ENDS["total"],
        ENDS["lengths"],
    )


def test_a_context_of_no_run_refuses_arrays_as_before():
    from framework0 import Context
    from framework0.errors import ValueRefused

    with pytest.raises(ValueRefused, match="ndarray, which is not JSON"):
        Context().set("a", np.arange(3))


def test_a_run_with_small_values_opens_no_store(keep, run):
    run(one("length", x=[1]))
    assert not keep.artifacts.exists()
    assert not (keep.state / "artifacts.lock").exists()
