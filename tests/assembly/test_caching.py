"""A cached step is not run again while all that counts is the same, and only then."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from framework0.assembly import caching, rerun, resume_run
from framework0.runner import Moment

ROOT = str(Path(__file__).resolve().parents[2])

WORK = """
import os
from pathlib import Path

from framework0.scriptlets import BaseScriptlet

HERE = Path(__file__).parent


def mark(word):
    with (HERE / "ledger.txt").open("a") as file:
        file.write(f"{word}\\n")


def load(context, n=1):
    mark(f"load{n}")
    context.set("rows", n)
    context.set("gone", 1)
    context.delete("gone")
    return {"n": n}


def use(context):
    mark("use")
    return context.get("rows", 0) + 1


def give(value=None):
    mark("give")
    return value


def an_object():
    mark("object")
    return {"it": object()}


def read(path):
    mark("read")
    return (HERE / path).read_text()


def rewrite(path):
    mark("rewrite")
    (HERE / path).write_text("rewritten")


def grow(rows):
    mark("grow")
    rows.append(1)


def fail():
    mark("fail")
    if not (HERE / "open").exists():
        raise OSError("closed")


def edit_code():
    mark("edit")
    path = HERE / "work.py"
    path.write_text(path.read_text() + "\\n\\n# edited\\n")


def put(context, key, value):
    mark("put")
    context.set(key, value)


def any_key(context, key):
    mark("any")
    return context.get(key, 0)


class Pick(BaseScriptlet):
    def run(self, context, params):
        mark("pick")
        context.set("picked", params["what"])
        return {"status": "success"}
"""


@pytest.fixture
def work(space):
    (space.root / "work.py").write_text(WORK)
    return space.root


@pytest.fixture
def cached(run, work, ledger, history):
    """Run a recipe of steps given as text; return states, what ran, and why it did, by step."""
    seen = []

    def again(steps, **keywords):
        result = run("metadata: {name: r}\norder: graph\nsteps:\n" + steps, **keywords)
        told = {
            result.steps[name].name: decision
            for (node, kind), decision in history(result.id).decisions.items()
            for name in [list(result.steps)[node]]
            if kind.startswith("cache")
        }
        states = {name: step.state for name, step in result.steps.items()}
        ran = ledger()[len(seen) :]
        seen.extend(ran)
        return result, states, ran, told

    return again


LOAD = "  - {name: load, module: work, function: load, args: {n: N}, cache: true}\n"
USE = "  - {name: use, module: work, function: use, depends_on: [load], cache: true}\n"


def test_the_same_again_is_taken_with_its_result_and_its_context_writes(cached, history):
    first, states, ran, told = cached((LOAD + USE).replace("N", "3"))
    assert states == {"load": "succeeded", "use": "succeeded"}
    assert ran == ["load3", "use"]
    assert told == dict.fromkeys(states, "first run: nothing is cached for it yet")
    second, states, ran, told = cached((LOAD + USE).replace("N", "3"))
    assert (states, ran, told) == ({"load": "cached", "use": "cached"}, [], {})
    assert second.steps["load"].result == {"n": 3}
    assert second.steps["load"].attempts == 0
    assert second.steps["load"].reason.startswith(
        f"same code, arguments and files as load in run {first.id} at "
    )
    assert dict(second.context.items()) == {"rows": 3}
    changes = history(second.id).changes
    assert [(one.key, one.removed) for one in changes] == [
        ("rows", False),
        ("gone", False),
        ("gone", True),
    ]
    assert {(one.run, one.step) for one in changes} == {(second.id, "load")}


def test_changed_arguments_and_what_they_lead_to_are_computed_and_told(cached):
    first = cached((LOAD + USE).replace("N", "3"))[0]
    _, states, ran, told = cached((LOAD + USE).replace("N", "4"))
    assert ran == ["load4", "use"]
    assert told == {
        "load": f"args changed: n 3 → 4 (compared with run {first.id})",
        "use": f"context changed: rows 3 → 4 (compared with run {first.id})",
    }
    _, states, ran, _ = cached((LOAD + USE).replace("N", "3"))
    assert (set(states.values()), ran) == ({"cached"}, [])


def test_changed_code_is_computed_anew_and_other_code_is_not(cached, work):
    cached((LOAD + USE).replace("N", "3"))
    path = work / "work.py"
    path.write_text(path.read_text().replace("0) + 1", "0) + 2"))
    result, states, _ran, told = cached((LOAD + USE).replace("N", "3"))
    assert states == {"load": "cached", "use": "succeeded"}
    assert told["use"].startswith("code changed: work.py ")
    assert result.steps["use"].result == 5


def test_code_that_keeps_its_size_and_time_is_still_seen(cached, work):
    path = work / "work.py"
    os.utime(path, (1_000, 1_000))
    cached((LOAD + USE).replace("N", "3"))
    path.write_text(path.read_text().replace("0) + 1", "0) + 7"))
    os.utime(path, (1_000, 1_000))
    _result, states, _, _ = cached((LOAD + USE).replace("N", "3"))
    assert states["use"] == "succeeded"


def test_a_declared_file_counts_by_content(cached, work):
    step = "  - {name: r, module: work, function: read, args: [a.txt], cache: {files: a.txt}}\n"
    (work / "a.txt").write_text("one")
    cached(step)
    os.utime(work / "a.txt", (1, 1))
    assert cached(step)[1] == {"r": "cached"}
    (work / "a.txt").write_text("two")
    result, states, _ran, told = cached(step)
    assert told["r"].startswith("file changed: a.txt ")
    assert result.steps["r"].result == "two"
    (work / "a.txt").write_text("one")
    assert cached(step)[0].steps["r"].result == "one"
    (work / "a.txt").unlink()
    result, states, _, told = cached(step)
    assert states == {"r": "failed"}
    assert told["r"].startswith("file changed: a.txt is gone ")


def test_a_file_the_step_itself_changes_keeps_its_result_from_being_kept(cached, work):
    step = (
        "  - {name: w, module: work, function: rewrite, args: [a.txt], cache: {files: [a.txt]}}\n"
    )
    (work / "a.txt").write_text("one")
    _, _, _ran, told = cached(step)
    assert told["w"].endswith("a file it reads changed while it ran")
    assert cached(step)[2] == ["rewrite"]
    assert cached(step)[1] == {"w": "cached"}


def test_code_that_changes_during_the_step_keeps_its_result_from_being_kept(cached):
    step = "  - {name: e, module: work, function: edit_code, cache: true}\n"
    assert cached(step)[3]["e"].endswith("its code changed while it ran")
    assert cached(step)[1] == {"e": "succeeded"}


def test_arguments_that_the_step_changes_keep_its_result_from_being_kept(cached):
    step = "  - {name: g, module: work, function: grow, args: {rows: [0]}, cache: true}\n"
    assert cached(step)[3]["g"].endswith("its arguments changed while it ran")
    assert cached(step)[2] == ["grow"]


def test_further_values_of_a_key_count(cached):
    step = '  - {name: g, module: work, function: give, cache: {key: [v1, "${{ inputs.n }}"]}}\n'
    recipe = "inputs: {n: {type: integer, default: 1}}\n"
    cached(step + recipe)
    assert cached(step + recipe)[1] == {"g": "cached"}
    assert cached(step + recipe, inputs={"n": 2})[3]["g"].startswith("cache.key changed: 1 1 → 2")
    assert cached(step.replace("v1", "v2") + recipe)[3]["g"].startswith("cache.key changed: 0 ")


@pytest.mark.parametrize("more", ["env: {A: b}", "cwd: .", "success: {ctx_has_keys: [rows]}"])
def test_what_decides_what_a_step_does_counts(cached, more):
    cached(LOAD.replace("N", "1"))
    _, states, _, told = cached(
        LOAD.replace("N", "1").replace("cache:", f"{more}, executor: thread, cache:")
    )
    assert states == {"load": "succeeded"}
    assert "changed: " in told["load"]


@pytest.mark.parametrize("more", ["timeout: 50s", "retry: 3", "description: said", "idx: 7"])
def test_how_a_step_is_run_does_not_count(cached, more):
    cached(LOAD.replace("N", "1"))
    more = LOAD.replace("N", "1").replace("cache:", f"{more}, executor: thread, cache:")
    assert cached(more)[1] == {"load": "cached"}


def test_a_step_of_another_name_or_recipe_that_does_the_same_is_taken_too(cached):
    first = cached(LOAD.replace("N", "1"))[0]
    result, states, ran, _ = cached(LOAD.replace("N", "1").replace("name: load", "name: other"))
    assert (states, ran) == ({"other": "cached"}, [])
    assert f"as load of r in run {first.id}" in result.steps["other"].reason


def test_each_item_of_a_foreach_is_cached_by_itself(cached):
    step = '  - {name: each, foreach: ITEMS, module: work, function: load, args: {n: "${{ item }}"}, cache: true}\n'
    cached(step.replace("ITEMS", "[1, 2]"))
    result, states, ran, _ = cached(step.replace("ITEMS", "[2, 3, 1]"))
    assert ran == ["load3"]
    assert states == {
        "each": "succeeded",
        "each[0]": "cached",
        "each[1]": "succeeded",
        "each[2]": "cached",
    }
    assert result.steps["each"].result == [{"n": 2}, {"n": 3}, {"n": 1}]


def test_a_scriptlet_is_cached_with_its_writes(cached):
    step = "  - {name: p, module: work, function: Pick, args: {what: red}, cache: true}\n"
    cached(step)
    result, states, ran, _ = cached(step)
    assert (states, ran) == ({"p": "cached"}, [])
    assert result.context.get("picked") == "red"


@pytest.mark.slow
def test_shell_steps_and_those_in_processes_are_cached(cached, work):
    steps = (
        "  - {name: s, type: shell, command: [sh, -c, echo ran >> ledger.txt], cache: true}\n"
        "  - {name: p, module: work, function: load, args: {n: 5}, executor: process, cache: true}\n"
    )
    assert sorted(cached(steps)[2]) == ["load5", "ran"]
    result, states, ran, _ = cached(steps)
    assert (states, ran) == ({"s": "cached", "p": "cached"}, [])
    assert result.context.get("rows") == 5
    assert cached(steps.replace("echo ran", "echo more"))[1] == {"s": "succeeded", "p": "cached"}


def test_a_step_that_runs_a_recipe_is_cached_until_that_recipe_changes(cached, work):
    (work / "inner.yaml").write_text("steps: [{name: i, module: work, function: give}]\n")
    step = "  - {name: in, type: recipe, recipe: inner.yaml, cache: true}\n"
    assert cached(step)[2] == ["give"]
    assert cached(step)[1] == {"in": "cached"}
    (work / "inner.yaml").write_text(
        "steps: [{name: i, module: work, function: give, args: [1]}]\n"
    )
    assert cached(step)[2] == ["give"]


def test_what_is_no_json_is_neither_asked_for_nor_kept(cached):
    steps = (
        "  - {name: o, module: work, function: an_object, cache: true}\n"
        '  - {name: g, module: work, function: give, args: ["${{ steps.o.result }}"], depends_on: [o], cache: true}\n'
    )
    for _ in range(2):
        _, _states, ran, told = cached(steps)
        assert ran == ["object", "give"]
        assert "its result was not kept in the cache" in told["o"]
        assert told["g"].startswith("it cannot be cached: what it is given is no JSON")


def test_failures_are_not_cached_and_a_resumed_run_asks_again(cached, work, space, ledger):
    step = (
        LOAD.replace("N", "1")
        + "  - {name: f, module: work, function: fail, depends_on: [load], cache: true}\n"
    )
    failed = cached(step)[0]
    assert failed.state == "failed"
    (work / "open").touch()
    mended = resume_run(failed.id, workspace=space)
    assert mended.ok
    assert ledger() == ["load1", "fail", "fail"]
    assert cached(step)[1] == {"load": "cached", "f": "cached"}


def test_a_cached_step_holds_on_resume_and_in_a_rerun(cached, work, space, ledger):
    step = (
        LOAD.replace("N", "1") + "  - {name: f, module: work, function: fail, depends_on: [load]}\n"
    )
    cached(step)
    failed = cached(step)[0]
    assert failed.steps["load"].state == "cached"
    (work / "open").touch()
    again = rerun(failed.id, failed_only=True, workspace=space)
    assert again.steps["load"].reason == f"kept from run {failed.id}"
    mended = resume_run(failed.id, workspace=space)
    assert mended.ok
    assert mended.steps["load"].state == "cached"
    assert ledger().count("load1") == 1


def test_no_cache_runs_every_step_and_replaces_what_was_cached(cached):
    first = cached(LOAD.replace("N", "1"))[0]
    second, states, _, told = cached(LOAD.replace("N", "1"), no_cache=True)
    assert states == {"load": "succeeded"}
    assert told == {"load": "the run was begun with --no-cache"}
    third = cached(LOAD.replace("N", "1"))[0]
    assert second.id in third.steps["load"].reason
    assert first.id not in third.steps["load"].reason


def test_a_secret_is_neither_hashed_nor_kept(cached, monkeypatch, space):
    monkeypatch.setenv("TOKEN", "s3cret-value")
    recipe = (
        '  - {name: g, module: work, function: give, args: ["${{ inputs.token }}"], cache: true}\n'
        '  - {name: e, module: work, function: give, args: ["v3cret"], cache: true}\n'
        "inputs: {token: {secret: true}}\n"
    )
    for expected in (["give", "give"], ["give"]):
        _, _, ran, told = cached(recipe)
        assert ran == expected
        assert told["g"].startswith("it cannot be cached: it is given a secret")
    stored = b"".join(path.read_bytes() for path in (space.cache / "steps").iterdir())
    assert b"s3cret" not in stored


def test_a_context_key_read_by_computed_name_is_covered_by_naming_it(cached):
    step = (
        "  - {name: p, module: work, function: put, args: {key: k, value: V}}\n"
        "  - {name: a, module: work, function: any_key, args: {key: k}, depends_on: [p], "
        'cache: {key: "${{ context.k }}"}}\n'
    )
    cached(step.replace("V", "1"))
    assert cached(step.replace("V", "1"))[1]["a"] == "cached"
    result, states, _, _ = cached(step.replace("V", "2"))
    assert (states["a"], result.steps["a"].result) == ("succeeded", 2)


def test_the_context_that_success_asks_for_must_be_there(cached):
    step = (
        "  - {name: p, module: work, function: put, args: {key: WHAT, value: 1}}\n"
        "  - {name: g, module: work, function: give, depends_on: [p], cache: true, success: {ctx_has_keys: [k]}}\n"
    )
    cached(step.replace("WHAT", "k"))
    assert cached(step.replace("WHAT", "k"))[1]["g"] == "cached"
    _, states, _, told = cached(step.replace("WHAT", "other"))
    assert states["g"] == "failed"
    assert told["g"] == "the context lacks 'k', which success asks for"


def test_evicted_and_expired_results_are_told(cached, work, monkeypatch):
    step = LOAD.replace("N", "1").replace("cache: true", "cache: {ttl: 1h}")
    first = cached(step)[0]
    clock = {"moment": Moment(0.0, "", 0.0)}
    real = caching.StepCache

    def with_clock(*parts, **more):
        return real(*parts, **more, moment=lambda: clock["moment"])

    import time

    monkeypatch.setattr(caching, "StepCache", with_clock)
    for wall, expected in (
        (time.time() + 3_700, "and is good for 3600 s"),
        (time.time() - 3_700, "the clock was set back since"),
    ):
        # No clock since boot: only the wall clock is left, and it has jumped.
        clock["moment"] = Moment(wall, "", 0.0)
        told = cached(step)[3]["load"]
        assert told.startswith("expired: made by run ")
        assert told.endswith(expected)
        monkeypatch.setattr(caching, "StepCache", real)
        cached(step, no_cache=True)
        monkeypatch.setattr(caching, "StepCache", with_clock)
    assert first.id


def test_the_bound_of_the_workspace_holds_and_evictions_are_told(cached, work, space):
    (work / "framework0.toml").write_text("[cache]\nmax_bytes = 65536\n")
    from framework0.workspace import find_workspace

    small = find_workspace(explicit=work)
    for number in range(8):
        text = f"{number}" * 20_000
        path = work / "big.yaml"
        step = {
            "name": f"s{number}",
            "module": "work",
            "function": "give",
            "args": [text],
            "cache": True,
        }
        path.write_text(json.dumps({"metadata": {"name": "big"}, "steps": [step]}))
        from framework0.assembly import start_run

        assert start_run(path, workspace=small).ok
    store = caching.cache_store(small)
    assert sum(line.bytes for line in store.lines()) <= 65_536
    store.close()


@pytest.mark.parametrize("damage", ["truncate", "garbage", "folder"])
def test_a_damaged_store_is_a_miss_with_a_word(cached, space, damage):
    cached(LOAD.replace("N", "1"))
    (path,) = [one for one in (space.cache / "steps").iterdir() if one.suffix == ".db"]
    for one in path.parent.iterdir():
        if one != path:
            one.unlink()
    if damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 3] if damage == "truncate" else b"?" * 9_000)
    result, _states, ran, told = cached(LOAD.replace("N", "1"))
    assert result.ok
    assert ran == ["load1"]
    assert "the cache" in told["load"] or "first run" in told["load"]
    if damage != "folder":
        assert cached(LOAD.replace("N", "1"))[1] == {"load": "cached"}


def test_a_recipe_without_cached_steps_opens_no_store(run, space, work):
    assert run("steps: [{name: g, module: work, function: give}]\n").ok
    assert not (space.cache / "steps").exists()


KILLED = """
import os, signal
from framework0.runner.stepcache.store import CacheStore

real = CacheStore.put

def put(self, entry):
    if "WHEN" == "after":
        real(self, entry)
    os.kill(os.getpid(), signal.SIGKILL)

CacheStore.put = put
from framework0.assembly import start_run
start_run("recipe.yaml")
"""


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_between_the_result_and_its_entry_loses_nothing(space, work, ledger, when):
    (space.root / "recipe.yaml").write_text("steps:\n" + LOAD.replace("N", "1"))
    code = KILLED.replace("WHEN", when)
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=space.root,
        env={**os.environ, "PYTHONPATH": ROOT},
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    from framework0.runner import Journal

    journal = Journal(space.journal)
    (run,) = journal.runs()
    journal.close()
    resumed = resume_run(run.run_id, workspace=space)
    assert resumed.ok
    assert resumed.context.get("rows") == 1
    # Kept before the kill, the result of the attempt that was lost is taken; else it runs once more.
    assert resumed.steps["load"].state == ("cached" if when == "after" else "succeeded")
    assert ledger() == ["load1"] * (1 if when == "after" else 2)


@pytest.mark.slow
def test_runs_at_once_fill_the_same_entries(space, work, ledger):
    steps = "".join(
        LOAD.replace("N", str(n)).replace("name: load", f"name: l{n}") for n in range(30)
    )
    (space.root / "recipe.yaml").write_text("order: graph\nsteps:\n" + steps)
    command = [
        sys.executable,
        "-c",
        "from framework0.assembly import start_run\nassert start_run('recipe.yaml').ok",
    ]
    environment = {**os.environ, "PYTHONPATH": ROOT}
    running = [subprocess.Popen(command, cwd=space.root, env=environment) for _ in range(3)]
    assert [one.wait(600) for one in running] == [0, 0, 0]
    before = len(ledger())
    assert subprocess.run(command, cwd=space.root, env=environment, check=False).returncode == 0
    assert len(ledger()) == before


def spoil(space, change):
    """Put another content in the place of what the only entry holds."""
    store = caching.cache_store(space)
    (line,) = store.lines()
    found = store.latest(line.recipe, line.step)
    store.put(found._replace(content=change(found.content)))
    store.close()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda content: {"other": content}, "evicted: its entry was not understood"),
        (lambda content: {**content, "writes": [[1]]}, "evicted: its entry was not understood"),
        (
            lambda content: {**content, "writes": [["fine", 1, False], ["", 1, False]]},
            "its context writes could not be made again",
        ),
    ],
)
def test_an_entry_that_cannot_be_used_leaves_no_trace_and_the_step_runs(
    cached, space, change, told
):
    cached(LOAD.replace("N", "1"))
    spoil(space, change)
    result, _, ran, why = cached(LOAD.replace("N", "1"))
    assert ran == ["load1"]
    assert why["load"].startswith(told)
    assert dict(result.context.items()) == {"rows": 1}


def test_a_declared_pipe_cannot_be_cached_and_hangs_nobody(cached, work):
    os.mkfifo(work / "pipe")
    step = "  - {name: g, module: work, function: give, cache: {files: [pipe]}}\n"
    told = cached(step)[3]["g"]
    assert told == "it cannot be cached: its file pipe cannot be read: it is no regular file"


def test_a_file_that_becomes_a_pipe_meanwhile_keeps_the_result_from_being_kept(cached, work):
    (work / "work.py").write_text(
        WORK
        + "\n\ndef swap():\n    mark('swap')\n    (HERE / 'a').unlink()\n    os.mkfifo(HERE / 'a')\n"
    )
    (work / "a").write_text("x")
    step = "  - {name: s, module: work, function: swap, cache: {files: [a]}}\n"
    assert "its file a cannot be read" in cached(step)[3]["s"]


def test_an_expression_that_fails_fails_its_step_as_ever(cached):
    step = '  - {name: g, module: work, function: give, cache: {key: "${{ context.missing }}"}}\n'
    _, states, ran, told = cached(step)
    assert (states, ran, told) == ({"g": "succeeded"}, ["give"], {})


def test_a_context_key_that_is_written_meanwhile_keeps_the_result_from_being_kept(cached, work):
    (work / "work.py").write_text(
        WORK
        + "\n\ndef slow(context):\n    before = context.get('k', 0)\n    mark('slow')\n"
        + "    while context.get('k', 0) == before:\n        pass\n    return before\n"
        + "\n\ndef fast(context):\n"
        + "    while not (HERE / 'ledger.txt').exists():\n        pass\n    context.set('k', 5)\n"
    )
    step = (
        "  - {name: slow, module: work, function: slow, cache: true}\n"
        "  - {name: fast, module: work, function: fast}\n"
    )
    told = cached(step, concurrency=2)[3]["slow"]
    assert told.endswith("the context key 'k', which it reads, changed while it ran")


def test_a_step_that_writes_the_key_it_reads_is_cached_by_what_it_found(cached, work):
    (work / "work.py").write_text(
        WORK + "\n\ndef count(context):\n    context.set('n', context.get('n', 0) + 1)\n"
    )
    step = "  - {name: c, module: work, function: count, cache: true}\n"
    cached(step)
    result, states, _, _ = cached(step)
    assert (states, result.context.get("n")) == ({"c": "cached"}, 1)


def test_a_result_that_holds_a_secret_is_not_kept(cached, monkeypatch, space, work):
    monkeypatch.setenv("TOKEN", "s3cret-value")
    (work / "work.py").write_text(WORK + "\n\ndef tell():\n    return os.environ['TOKEN']\n")
    recipe = "  - {name: t, module: work, function: tell, cache: true}\ninputs: {token: {secret: true}}\n"
    assert cached(recipe)[3]["t"].endswith("it holds a secret")
    assert cached(recipe)[1] == {"t": "succeeded"}


def test_what_would_be_taken_is_foreseen_from_inputs_alone(cached, space):
    from framework0.assembly import foreseen_hits, load_recipe
    from framework0.recipe import Scope

    steps = (LOAD + USE).replace("N", '"${{ inputs.n }}"') + (
        '  - {name: g, module: work, function: give, args: ["${{ steps.load.result }}"], depends_on: [load], cache: true}\n'
        "  - {name: plain, module: work, function: give, depends_on: [load]}\n"
        "inputs: {n: {type: integer, default: 3}}\n"
    )
    first = cached(steps)[0]
    recipe = load_recipe("recipe.yaml", workspace=space)
    assert foreseen_hits(space, recipe, Scope(inputs={"n": 3})) == {0: first.id}
    assert foreseen_hits(space, recipe, Scope(inputs={"n": 4})) == {}
    assert foreseen_hits(space, recipe, Scope()) == {}
    bare = recipe._replace(steps=(recipe.steps[3],))
    assert foreseen_hits(space, bare, Scope()) == {}
